//! kill -9 while clients read and write: whatever a client heard of is in the ledger, and what was acknowledged holds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway::trail::record::Event;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::support::{CHOOSERS, Entry, Heard, dissent, knows_everybody, nhs_number, recorded};
use crate::support::process::{Process, verified};
use crate::support::whole::Whole;

/// How often the gateway is killed.
const ROUNDS: usize = 6;
/// Connections that read at once.
const READERS: usize = 5;
/// The most answers that are waited for before a kill.
const ANSWERS_MAX: u64 = 80;
/// Receipts that are looked up by the API after a round.
const LOOKED_UP: usize = 3;

/// What a client did, and as much of the answer as it heard.
struct Exchanged {
    /// The id in the request.
    id: String,
    heard: Heard,
}

/// A site, and what the clients of all rounds share.
struct Round {
    site: Whole,
    serial: AtomicUsize,
    consultant: String,
    assistant: String,
    guardian: String,
}

impl Round {
    /// The `number`-th of the requests that readers take turns with: shares, refusals, failures, absences.
    fn read(&self, number: usize) -> (String, String) {
        let kind = ["p", "p", "refused", "p", "bad", "none", "nonsense"][number % 7];
        // Each id is asked for once only, so that its entry can be told from every other.
        let id = format!("{kind}-{}", self.serial.fetch_add(1, Ordering::SeqCst));
        let token = if kind == "refused" { &self.assistant } else { &self.consultant };
        let place = if kind == "nonsense" { "Nonsense" } else { "Patient" };
        let path = format!("/hospital/fhir/{place}/{id}");
        (id, self.site.request("GET", &path, Some(token), "", ""))
    }

    /// The `number`-th choice: somebody does not want anything to be shared.
    fn choose(&self, number: usize) -> (String, String) {
        let consent = dissent(&nhs_number(CHOOSERS + number));
        (format!("chooser-{}", CHOOSERS + number), self.post("/fhir/Consent", &self.guardian, &consent))
    }

    /// The `number`-th record that is written to the hospital.
    fn create(&self, number: usize) -> (String, String) {
        let id = format!("new-{number}");
        let written = format!(
            r#"{{"resourceType":"Patient","identifier":[{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{}"}}],"name":[{{"family":"{id}"}}]}}"#,
            nhs_number(1)
        );
        let request = self.post("/hospital/fhir/Patient", &self.consultant, &written);
        (id, request)
    }

    fn post(&self, path: &str, token: &str, body: &str) -> String {
        self.site.request("POST", path, Some(token), "content-type: application/fhir+json\r\n", body)
    }

    /// Asks one request after the other until the gateway is gone; tells of each answer, and gives all of them.
    async fn ask_on(
        &self,
        numbers: impl Iterator<Item = usize>,
        request: impl Fn(&Self, usize) -> (String, String),
        answered: mpsc::UnboundedSender<()>,
    ) -> Vec<Exchanged> {
        let mut exchanged = Vec::new();
        let Ok(mut stream) = TcpStream::connect(self.site.requests).await else { return exchanged };
        for number in numbers {
            let (id, request) = request(self, number);
            let sent = stream.write_all(request.as_bytes()).await;
            let heard = Heard::from(&mut stream).await;
            let over = sent.is_err() || !heard.is_whole();
            if !heard.bytes.is_empty() {
                exchanged.push(Exchanged { id, heard });
            }
            if over || answered.send(()).is_err() {
                break;
            }
        }
        exchanged
    }
}

/// The moments of the kills: from a seed that is printed, so that they can be had again.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let given = std::env::var_os("PORTCULLIS_TEST_SEED");
        let given = given.and_then(|seed| seed.to_str()?.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0) | 1);
        eprintln!("PORTCULLIS_TEST_SEED={seed}");
        Self(seed)
    }

    /// After how many answers the next one is.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + self.0 % ANSWERS_MAX
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_heard_before_a_kill_is_recorded_and_what_was_acknowledged_holds() {
    let site = Whole::with(knows_everybody).await;
    site.also_agree("[[recipient_system]]\nsystems = [\"hospital\"]\nshare = [\"person\"]\n");
    let round = Arc::new(Round {
        serial: AtomicUsize::new(0),
        consultant: site.consultant(),
        assistant: site.staff_token("R1460"),
        guardian: site.staff_token("R5105"),
        site,
    });
    let mut moments = Moments::new();
    let (mut choices, mut created) = (BTreeSet::new(), BTreeSet::new());
    for turn in 0..ROUNDS {
        let mut process = Process::start(&round.site.config());
        process.until_serving(round.site.requests, round.site.ops()).await;
        let (read, chosen, written) = under_load(&round, process, turn, moments.next()).await;
        let mut process = Process::start(&round.site.config());
        process.until_serving(round.site.requests, round.site.ops()).await;
        verified(&round.site.ledger());
        let entries = recorded(&round.site.ledger());
        for exchanged in read.iter().chain(&chosen).chain(&written) {
            check_recorded(exchanged, &entries);
        }
        check_readable(&round, &read).await;
        check_in_force(&round, &chosen).await;
        let acknowledged = |all: Vec<Exchanged>| {
            all.into_iter().filter(|one| one.heard.status() == Some(201)).map(|one| one.id)
        };
        choices.extend(acknowledged(chosen));
        created.extend(acknowledged(written));
        process.kill();
    }
    check_created(&round.site, &created);
    assert!(!choices.is_empty() && !created.is_empty(), "nothing was written at all");
}

/// Reads and writes at once until the gateway is killed after so many answers; gives what was heard.
async fn under_load(
    round: &Arc<Round>,
    process: Process,
    turn: usize,
    answers: u64,
) -> (Vec<Exchanged>, Vec<Exchanged>, Vec<Exchanged>) {
    let (tell, mut answered) = mpsc::unbounded_channel();
    let from = move |lane: usize| (turn * 100_000 + lane * 10_000)..;
    let readers: Vec<_> = (0..READERS)
        .map(|lane| {
            let (round, tell) = (Arc::clone(round), tell.clone());
            tokio::spawn(async move { round.ask_on(from(lane), Round::read, tell).await })
        })
        .collect();
    let (chooses, tells) = (Arc::clone(round), tell.clone());
    let first = turn * 500;
    let chooser = tokio::spawn(async move { chooses.ask_on(first.., Round::choose, tells).await });
    let writes = Arc::clone(round);
    let writer = tokio::spawn(async move { writes.ask_on(first.., Round::create, tell).await });
    for _ in 0..answers {
        answered.recv().await.expect("the clients to be answered");
    }
    process.kill();
    let mut read = Vec::new();
    for reader in readers {
        read.extend(reader.await.unwrap());
    }
    (read, chooser.await.unwrap(), writer.await.unwrap())
}

/// Whatever was told is in the ledger under the receipt that was told with it, and names what was disclosed.
fn check_recorded(exchanged: &Exchanged, entries: &[Entry]) {
    let Exchanged { id, heard } = exchanged;
    let shown = String::from_utf8_lossy(&heard.bytes).into_owned();
    let Some(status) = heard.status() else {
        // Only the beginning came: then there is an entry of it all the same.
        assert!(entries.iter().any(|entry| format!("{entry:?}").contains(id)), "{id} was begun unrecorded");
        return;
    };
    let receipt = heard.header("portcullis-receipt").unwrap_or_else(|| panic!("no receipt: {shown}"));
    let at = entries.iter().position(|entry| entry.receipt == receipt);
    let at = at.unwrap_or_else(|| panic!("{id} was told and not recorded: {shown}"));
    let exchange = &entries[at].record.exchange;
    assert_eq!(Some(&exchange.request_id), heard.header("x-request-id").as_ref(), "{shown}");
    assert_eq!(exchange.status, status, "{shown}");
    let persons: Vec<_> = entries[at + 1..]
        .iter()
        .take_while(|entry| entry.record.exchange.request_id == exchange.request_id)
        .filter_map(Entry::person)
        .collect();
    let named = |names: &str| persons.iter().any(|person| person.resources.iter().any(|one| one == names));
    let kind = id.split('-').next().unwrap();
    let expected = match kind {
        "p" => (200, Event::Disclosed, None),
        "refused" => (403, Event::Refused, Some("role-not-covered")),
        "bad" => (502, Event::Failed, Some("upstream-failed")),
        "none" => (404, Event::Refused, Some("not-found")),
        "nonsense" => (404, Event::Refused, exchange.reason.as_deref()),
        "chooser" => (201, Event::ConsentRecorded, None),
        _ => (201, Event::Outcome, None),
    };
    assert_eq!((status, exchange.event, exchange.reason.as_deref()), expected, "{shown}");
    match kind {
        "p" => assert!(named(&format!("Patient/{id}")), "{id} is not named: {persons:?}"),
        "refused" => assert_eq!(persons[0].patient, Some(format!("Patient/{id}")), "{persons:?}"),
        _ => {}
    }
}

/// What was told last of each kind is found in the trail by its receipt.
async fn check_readable(round: &Round, read: &[Exchanged]) {
    let by_status: BTreeMap<_, _> = read
        .iter()
        .filter_map(|exchanged| {
            Some((exchanged.heard.status()?, exchanged.heard.header("portcullis-receipt")?))
        })
        .collect();
    for (status, receipt) in by_status.into_iter().take(LOOKED_UP) {
        let path = format!("/fhir/AuditEvent?entity.identifier={receipt}");
        let (found, _, body) = round.site.get(&path, Some(&round.guardian)).await;
        assert_eq!(found, 200, "{status}: {body}");
        assert!(
            body.contains(r#""resourceType":"AuditEvent""#) && body.contains(&receipt),
            "{status}: {body}"
        );
    }
}

/// Whoever was told that the choice is recorded is not read about any more.
async fn check_in_force(round: &Round, chosen: &[Exchanged]) {
    for Exchanged { id, .. } in chosen.iter().filter(|one| one.heard.status() == Some(201)) {
        let path = format!("/hospital/fhir/Patient/{id}");
        let (status, _, body) = round.site.get(&path, Some(&round.consultant)).await;
        assert_eq!(status, 403, "the choice of {id} is not in force: {body}");
    }
}

/// What was acknowledged is at the hospital, and nothing came there without an intent before.
fn check_created(site: &Whole, acknowledged: &BTreeSet<String>) {
    let seen: Vec<_> = site
        .hospital
        .seen()
        .into_iter()
        .filter(|seen| seen.line.starts_with("POST /fhir/Patient "))
        .collect();
    for id in acknowledged {
        assert!(seen.iter().any(|seen| seen.body.contains(&format!("\"{id}\""))), "{id} did not arrive");
    }
    let intents = recorded(&site.ledger())
        .iter()
        .filter(|entry| entry.person().is_none())
        .filter(|entry| {
            entry.record.exchange.event == Event::Intent && entry.record.exchange.place == "hospital"
        })
        .count();
    assert!(intents >= seen.len(), "{intents} intents, {} creates", seen.len());
}

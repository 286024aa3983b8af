//! While a system fails, what is hidden is still answered like what is not there, and never is a failure told as
//! nothing: through the whole gateway, source by source and fault by fault.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::hidden;
use crate::support::holding::{ANN, PROBLEMS, condition, held, holding, patient};
use crate::support::sharing::{self, BOB, answer, references, says, timeless};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const CAROL: &str = "9990000034";

/// A way in which a system fails, and on what of it.
#[derive(Clone)]
struct Fault {
    /// What the line of a request, and its body, must hold for it.
    line: &'static str,
    body: &'static str,
    does: fn() -> Play,
}

fn is_down() -> Play {
    Play::ThenClose(Vec::new())
}

fn hangs() -> Play {
    Play::ThenHang(Vec::new())
}

fn fails() -> Play {
    Play::Bytes(fhir("500 Internal Server Error", "{}"))
}

fn is_busy() -> Play {
    Play::Bytes(fhir("503 Service Unavailable", "{}"))
}

fn trusts_us_not() -> Play {
    Play::Bytes(fhir("403 Forbidden", "{}"))
}

fn is_garbled() -> Play {
    Play::Bytes(fhir("200 OK", "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{]}"))
}

/// Answers every search with somebody nobody asked for.
fn tells_of_others() -> Play {
    let stranger = json!({"resourceType": "Patient", "id": "stranger"});
    let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": stranger}]});
    Play::Bytes(fhir("200 OK", &page.to_string()))
}

fn tells_of_another_team() -> Play {
    let page =
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": team("t", "ann")}]});
    Play::Bytes(fhir("200 OK", &page.to_string()))
}

/// How a source behaves when it is asked.
type Manner = fn() -> Play;

const MANNERS: [(&str, Manner); 6] = [
    ("down", is_down),
    ("hangs", hangs),
    ("fails", fails),
    ("does not trust the gateway", trusts_us_not),
    ("garbled", is_garbled),
    ("tells of others", tells_of_others),
];

fn team(id: &str, of: &str) -> Value {
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    json!({"resourceType": "CareTeam", "id": id, "status": "active",
           "subject": {"reference": format!("Patient/{of}")},
           "participant": [{"member": {"identifier": {"system": ods, "value": "RX1"}}}]})
}

/// A ward, and who wrote that down: it is about nobody.
fn signed(id: &str, by: &str) -> Value {
    json!({"resourceType": "Organization", "id": id, "name": "Ward 3",
           "author": {"reference": format!("Patient/{by}")}})
}

/// A problem of those behind something else.
fn about(id: &str, what: &str) -> Value {
    let mut made = condition(id, "bob", "5", &[]);
    made["subject"] = json!({"reference": what});
    made
}

/// A hospital that proves ties and holds choices, and fails as it is told to. Ann is shared but for a problem about her
/// mind, Bob dissents, Carol has no tie.
struct Failing {
    site: Whole,
    faults: Arc<Mutex<Vec<Fault>>>,
    running: Running,
}

impl Failing {
    async fn start() -> Self {
        let resources = held(&[
            patient("ann", ANN),
            patient("bob", BOB),
            patient("carol", CAROL),
            condition("c-ann", "ann", "1", &[]),
            condition("c-psy", "ann", "2", &["PSY"]),
            condition("c-bob", "bob", "3", &[]),
            condition("c-carol", "carol", "4", &[]),
            team("t-ann", "ann"),
            team("t-bob", "bob"),
            signed("o-bob", "bob"),
            about("c-group", "Group/g-bob"),
            about("c-kin", "RelatedPerson/r-bob"),
            json!({"resourceType": "Group", "id": "g-bob", "type": "person", "actual": true,
                   "member": [{"entity": {"reference": "Patient/bob"}}]}),
            json!({"resourceType": "RelatedPerson", "id": "r-bob", "patient": {"reference": "Patient/bob"}}),
        ]);
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let honest = holding(&resources);
        let current = Arc::clone(&faults);
        let script = move |seen: &Seen| {
            let is_of_it = |fault: &&Fault| seen.line.contains(fault.line) && seen.body.contains(fault.body);
            let does = current.lock().unwrap().iter().find(is_of_it).map(|fault| fault.does);
            does.map_or_else(|| honest(seen), |does| does())
        };
        let ties = "relationship = [\"care-team\", \"encounter\"]";
        let wards = "[share.person.Organization]\nname = \"whom to ask\"\n";
        let agreement = hidden::agreement("withheld").replace("relationship = []", ties) + wards;
        let (site, running) = sharing::site_after(&agreement, script, |site| {
            site.also_set("relationship_source = true\nconsent_source = true\ntimeout_ms = 3000\n");
        })
        .await;
        says(&site, BOB, &json!({"type": "deny"})).await;
        Self { site, faults, running }
    }

    fn breaks(&self, line: &'static str, body: &'static str, does: fn() -> Play) {
        self.heals();
        self.also_breaks(line, body, does);
    }

    fn also_breaks(&self, line: &'static str, body: &'static str, does: fn() -> Play) {
        self.faults.lock().unwrap().push(Fault { line, body, does });
    }

    fn heals(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// What is told of this.
    async fn told(&self, place: &str) -> (u16, Vec<String>, String) {
        answer(&self.site, &format!("/hospital/fhir/{place}")).await
    }

    fn asked(&self) -> usize {
        self.site.hospital.seen().len()
    }
}

/// What the hospital is asked for evidence.
const SOURCES: [(&str, &str); 7] = [
    ("/Patient/_search", "_id="),
    ("/Patient/_search", "identifier="),
    ("/CareTeam/_search", ""),
    ("/Encounter/_search", ""),
    ("/Consent/_search", ""),
    ("/Organization/_search", ""),
    ("/PractitionerRole/_search", ""),
];

/// Reads of what is hidden, and the same of what is not there.
const HIDDEN: [(&str, &str); 7] = [
    ("Patient/bob", "Patient/none-"),
    ("Patient/carol", "Patient/none-"),
    ("Condition/c-bob", "Condition/none-"),
    ("Condition/c-carol", "Condition/none-"),
    ("Condition/c-psy", "Condition/none-"),
    ("Condition/c-bob/_history", "Condition/none-/_history"),
    ("Condition?_id=c-bob", "Condition?_id=none-"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_source_of_evidence_fails_and_however_hidden_is_told_as_absent() {
    let failing = Failing::start().await;
    for (line, body) in SOURCES {
        failing.heals();
        // The ties of both are remembered: an outage of what proves them is none for them.
        assert_eq!(failing.told("Condition/c-ann").await.0, 200);
        assert_eq!(failing.told("Condition/c-bob").await.0, 404);
        for (manner, does) in MANNERS {
            failing.breaks(line, body, does);
            let told = join_all(HIDDEN.iter().map(async |(place, absent)| {
                let (told, nothing) = tokio::join!(failing.told(place), failing.told(absent));
                (place, blind(told, place), blind(nothing, absent))
            }));
            for (place, told, nothing) in told.await {
                let case = format!("{line} {body} {manner}, {place}");
                assert_eq!(told, nothing, "{case}");
                assert!(told.0 >= 500, "{case}: a failure is told as nothing");
            }
            let shared = failing.told("Condition/c-ann").await;
            assert!(shared.0 == 200 || shared.0 >= 500, "{line} {body} {manner}: {shared:?}");
        }
    }
    failing.running.stop().await;
}

/// An answer without what was asked for in it.
fn blind(answer: (u16, Vec<String>, String), place: &str) -> (u16, Vec<String>, String) {
    let id = place.split(['/', '=']).nth(1).unwrap();
    let hide = |text: String| text.replace(id, "THIS");
    (
        answer.0,
        answer.1.into_iter().map(hide).filter(|line| !line.starts_with("content-length")).collect(),
        hide(answer.2),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_somebody_hidden_and_finding_nothing_ask_as_many_questions() {
    let failing = Failing::start().await;
    // What is remembered is asked for nobody, or for both.
    for (place, absent) in HIDDEN.into_iter().chain(HIDDEN) {
        let before = failing.asked();
        assert!(matches!(failing.told(place).await.0, 404 | 200), "{place}");
        let between = failing.asked();
        failing.told(absent).await;
        assert_eq!(between - before, failing.asked() - between, "{place}");
    }
    let before = failing.asked();
    assert_eq!(failing.told("Condition/c-ann").await.0, 200);
    assert!(failing.asked() - before <= 5, "what is shared asks for what it needs");
    failing.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_about_one_person_that_cannot_be_used_refuses_her_and_is_recorded_as_a_fault() {
    let failing = Failing::start().await;
    for (does, reason) in [
        (tells_of_another_team as fn() -> Play, "evidence-unusable"),
        (is_garbled, "evidence-unanswered"),
        (trusts_us_not, "evidence-unanswered"),
        (fails, "evidence-unanswered"),
    ] {
        // Of her Patient alone: of anybody else's the hospital tells as it should.
        failing.breaks("/CareTeam/_search", "patient=bob", does);
        for (place, absent) in [
            ("Condition/c-bob", "Condition/none-"),
            ("Patient/bob", "Patient/none-"),
            ("Condition?patient=bob", "Condition?patient=none-"),
        ] {
            let told = blind(failing.told(place).await, place);
            assert!(told.0 == 404 || told.0 == 200, "{told:?}");
            assert_eq!(told, blind(failing.told(absent).await, absent), "{place}");
        }
        assert_eq!(failing.told("Condition/c-ann").await.0, 200);
        assert!(failing.numbers().await.contains(&format!("reason=\"{reason}\"")), "{reason}");
    }
    // What may be over a moment later is told as what it is: somebody else may be asked about then.
    failing.breaks("/CareTeam/_search", "patient=bob", is_busy);
    assert_eq!(failing.told("Condition/c-bob").await.0, 502);
    failing.running.stop().await;
    let told: String = failing.site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("evidence-unusable"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nobody_can_say_who_is_behind_something_hidden_is_told_as_absent() {
    let failing = Failing::start().await;
    for (line, place) in
        [("/Group/_search", "Condition/c-group"), ("/RelatedPerson/_search", "Condition/c-kin")]
    {
        failing.heals();
        assert_eq!(failing.told(place).await.0, 404);
        for (manner, does) in MANNERS {
            failing.breaks(line, "", does);
            let absent = "Condition/none-";
            let (told, nothing) = tokio::join!(failing.told(place), failing.told(absent));
            let told = blind(told, place);
            assert_eq!(told, blind(nothing, absent), "{line} {manner}");
            // A system that says that it is not for us to ask is one that cannot be asked.
            let is_unknown = manner == "does not trust the gateway";
            assert!((told.0 >= 500) != is_unknown, "{line} {manner}: {told:?}");
        }
    }
    failing.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_whose_evidence_cannot_be_used_hides_nobody_else() {
    let failing = Failing::start().await;
    failing.breaks("/CareTeam/_search", "bob", is_garbled);
    let (status, _, body) = failing.told("Condition?patient=ann,bob").await;
    assert!(
        status == 200 && body.contains("c-ann"),
        "a page without Ann would say that she has nothing: {body}"
    );
    assert!(!body.contains("c-bob"), "{body}");
    failing.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_before_the_holders_own_refusal() {
    let failing = Failing::start().await;
    failing.breaks("GET /fhir/Condition/c-bob", "", trusts_us_not);
    failing.also_breaks("/CareTeam/_search", "", fails);
    let (told, nothing) = (failing.told("Condition/c-bob").await, failing.told("Condition/none-").await);
    assert_eq!(told.0, 502, "{}", told.2);
    assert_eq!(blind(told, "Condition/c-bob"), blind(nothing, "Condition/none-"));
    failing.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_existence_is_open_what_is_not_there_asks_for_no_evidence() {
    let (site, running) = hidden::site("open", holding(&held(&[patient("ann", ANN)]))).await;
    assert_eq!(answer(&site, "/hospital/fhir/Condition/none").await.0, 404);
    assert_eq!(site.hospital.seen().len(), 1, "the read itself");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_that_cannot_be_used_is_counted_whatever_else_is_shown() {
    let failing = Failing::start().await;
    for (does, reason) in
        [(tells_of_another_team as fn() -> Play, "evidence-unusable"), (trusts_us_not, "evidence-unanswered")]
    {
        failing.breaks("/CareTeam/_search", "patient=bob", does);
        let before = failing.faults(reason).await;
        let (status, _, body) = failing.told("Organization/o-bob").await;
        assert!(status == 200 && body.contains("Ward 3") && !body.contains("author"), "{status} {body}");
        assert_eq!(failing.faults(reason).await, before + 1, "{reason}: beside what is about nobody");
        let (status, _, body) = failing.told("Condition?patient=bob").await;
        assert!(status == 200 && !body.contains("c-bob"), "{status} {body}");
        assert_eq!(failing.faults(reason).await, before + 2, "{reason}: in a search that finds nothing");
    }
    failing.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_holder_refuses_by_itself_is_as_absent_and_what_it_refuses_altogether_is_not() {
    let failing = Failing::start().await;
    for (does, status, reason) in [
        (trusts_us_not as fn() -> Play, "403", "upstream-not-authorised"),
        (|| Play::Bytes(fhir("401 Unauthorized", "{}")), "401", "upstream-not-authorised"),
        (|| Play::Bytes(fhir("422 Unprocessable Entity", "{}")), "422", "upstream-rejected"),
    ] {
        for path in ["", "/_history", "/_history/1"] {
            failing.breaks("GET /fhir/Condition/c-bob", "", does);
            let place = format!("Condition/c-bob{path}");
            let absent = format!("Condition/none-{path}");
            let told = blind(failing.told(&place).await, &place);
            assert_eq!(told.0, 404, "{status} {place}");
            assert_eq!(told, blind(failing.told(&absent).await, &absent), "{status}");
            failing.breaks("GET /fhir/Condition/", "", does);
            assert_eq!(failing.told(&place).await.0, 502, "{status}: a holder that refuses everything");
            assert_eq!(failing.told(&absent).await.0, 502, "{status}: a holder that refuses everything");
        }
        assert!(failing.numbers().await.contains(&format!("reason=\"{reason}\"")), "{status}");
    }
    for does in [fails as fn() -> Play, is_down, hangs] {
        failing.breaks("GET /fhir/Condition/c-bob", "", does);
        assert!(failing.told("Condition/c-bob").await.0 >= 500, "what may pass is never told as nothing");
    }
    failing.running.stop().await;
    let told: String = failing.site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("upstream-not-authorised"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_nothing_go_at_the_same_beat_while_a_source_hangs() {
    let failing = Failing::start().await;
    failing.breaks("/CareTeam/_search", "", hangs);
    let took = async |place: &str| {
        let began = std::time::Instant::now();
        failing.told(place).await;
        began.elapsed()
    };
    for (place, absent) in HIDDEN {
        let (there, absent) = (took(place).await, took(absent).await);
        let least = Duration::from_millis(512);
        assert!(there >= least && absent >= least, "{place}: {there:?} {absent:?}");
    }
    failing.running.stop().await;
}

impl Failing {
    /// The numbers for operators.
    async fn numbers(&self) -> String {
        let mut stream = TcpStream::connect(self.site.ops()).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
        crate::support::front::to_end(&mut stream).await
    }
    /// How often this fault of a system was counted.
    async fn faults(&self, reason: &str) -> u64 {
        let numbers = self.numbers().await;
        let line = numbers.lines().find(|line| line.contains(&format!("reason=\"{reason}\"")));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_of_which_a_holder_takes_nothing_but_whom_it_names_is_answered_all_the_same() {
    let failing = Failing::start().await;
    let refuses = || Play::Bytes(fhir("400 Bad Request", r#"{"resourceType":"OperationOutcome"}"#));
    let asking = async |place: &str| {
        let before = failing.asked();
        let (status, head, body) = failing.told(place).await;
        ((status, head, timeless(&body)), failing.asked() - before)
    };
    // Of Ann's two problems one is labelled; Bob's is hidden, and nobody is `none-`.
    let places = [
        ("ann", "", 1),
        ("ann", "", 2),
        ("ann", "", 9),
        ("ann", ":not", 9),
        ("bob", "", 3),
        ("none-", "", 3),
    ]
    .map(|(who, not, code)| format!("Condition?patient={who}&code{not}={PROBLEMS}|{code}"));
    let mut honest = Vec::new();
    for place in &places {
        asking(place).await;
        honest.push(asking(place).await);
    }
    assert_eq!(references(&honest[0].0.2), ["c-ann"]);
    assert_eq!(references(&honest[3].0.2), ["c-ann"]);
    failing.breaks("/Condition/_search", "code", refuses);
    for (place, (honest, asks)) in places.iter().zip(honest) {
        let (told, asked) = asking(place).await;
        assert_eq!((told, asked), (honest, asks + 1), "{place}");
    }
    // What no resource tells is for the holder alone to say, and one that takes nothing at all is out of order.
    failing.breaks("/Condition/_search", "patient", refuses);
    assert_eq!(failing.told(&places[0]).await.0, 502);
    let (whole, asks) = asking("Condition?patient=ann").await;
    assert_eq!((whole.0, asks), (502, asking("Condition?patient=bob").await.1));
    failing.running.stop().await;
}

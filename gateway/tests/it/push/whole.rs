//! The whole way of a message, with nothing stood in for: a hospital sends over MLLP, the rules of a real agreement
//! decide, and a council's FHIR server receives what is left, with its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fhir::json;
use fhir::reference::Bases;
use futures_util::future::BoxFuture;
use gateway::clock::Clock;
use gateway::consent::ConsentRegistry;
use gateway::consent::validate::{Writing, validate};
use gateway::decision::evidence::EvidenceCache;
use gateway::ledger::{AuditLedger, Batch, Content, LedgerError, Options, Receipt, SegmentLedger};
use gateway::ports::Ports;
use gateway::push::counts::Counted;
use gateway::push::http;
use gateway::push::intake::Intake;
use gateway::push::open::Push;
use gateway::requestor::Keys;
use gateway::seal::Seal;
use gateway::server::arrived::{ClientCertificate, Headers, Method};
use gateway::server::strangers::Strangers;
use gateway::settings::{Settings, check};
use gateway::trail::record::{About, Event, Record};
use gateway::trail::store::{KEY_SCHEME, TrailStore};
use gateway::upstream::Upstream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::support::Peer;
use crate::support::holding::{ANN, consent};
use crate::support::site::arrived;
use crate::support::upstream::{Play, Seen, System, fhir};

const AGREEMENT: &str = r#"
id = "discharge"
title = "Hospital discharge to adult social care"
status = "in-force"
in_force = { from = 2025-04-01, until = 2035-03-31 }
review_by = 2035-01-31
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:RX1"]
recipient = ["ods:E10000099"]
purposes = ["COC"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = ["encounter"]
existence = "open"

[[recipient_system]]
systems = ["council"]
share = ["letter"]

[share.letter.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "to be sure it is the right person"
[share.letter.Encounter]
class = "whether the person is in hospital now"
period = "when they leave"
serviceProvider = "which hospital to ring"
[share.letter.Organization]
"identifier:https://fhir.nhs.uk/Id/ods-organization-code" = "which hospital it is"
[share.letter.Composition]
type = "what kind of letter it is"
date = "when it was written"
author = "who wrote it"
title = "what the letter is called"
section = "the discharge letter"
[share.letter.DocumentReference]
type = "what kind of letter it is"
"content.attachment" = "the discharge letter"
where = { "content.attachment.contentType" = ["text/plain", "application/pdf"] }
[share.letter.Binary]
contentType = "to open the letter"
data = "the discharge letter"
where = { contentType = ["text/plain", "application/pdf"] }
"#;

const SETTINGS: &str = r#"
[gateway]
organisation = "ods:RX1"
base = "https://share.hospital.example"
state = "."
agreements = "agreements"
contact = "the Caldicott Guardian"
[listen]
address = "127.0.0.1:0"
ops = "127.0.0.1:0"
[[client]]
san = "dns:adt.hospital.example"
organisation = "ods:RX1"
role = "system"
purposes = ["COC"]
[[system]]
name = "council"
organisation = "ods:E10000099"
protocol = "fhir-r4"
base = "COUNCIL"
[[mllp]]
address = "MLLP"
from = "ods:RX1"
to = ["council"]
purpose = "COC"
peers = ["127.0.0.1/32"]
plaintext = "accepted-risk"
"#;

/// A discharge letter about an invented person.
pub(crate) const LETTER: &str = "MSH|^~\\&|LETTERS|RX1|GATE|E10000099|20260304164500+0000||MDM^T02^MDM_T02|NHT0002|P|2.5\rPID|1||9990000018^^^NHS^NH~H4471023^^^RX1^MR||Fenwick^Ann^^^Mrs^^L||19420617|F|||14 Harbour Row^^Tynemouth^^NE30 4AA||0191 496 0101|||||||||||||||||||01\rPV1|1|I||||||||||||||||||||||||||||||||||||||||||20260225093000|20260304153000\rTXA|1|DS^Discharge summary^HL70270|TX|20260304160000||||||||DOC-5531|||||AU||AV\rOBX|1|TX|DS^Discharge letter^L||Please assess her for support at home.||||||F\rNTE|1||not for the council\r";

/// A ledger that records nothing while it is told so.
#[derive(Debug)]
pub(crate) struct Unwilling {
    pub(crate) fails: AtomicBool,
    /// How often it was asked while it failed.
    pub(crate) refused: AtomicUsize,
    real: Arc<SegmentLedger>,
}

impl Unwilling {
    fn over(real: Arc<SegmentLedger>) -> Self {
        Self { fails: AtomicBool::new(false), refused: AtomicUsize::new(0), real }
    }
}

impl AuditLedger for Unwilling {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        if self.fails.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Box::pin(async { Err(LedgerError::Full) });
        }
        self.real.append(batch)
    }
}

/// A gateway of its own, with a council behind it.
pub(crate) struct Gateway {
    pub(crate) council: System,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) ports: Arc<Ports>,
    intake: Arc<Intake>,
    ledger: Arc<SegmentLedger>,
    drain: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn start(
        folder: &Path,
        council: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static,
    ) -> Self {
        Self::start_under(folder, council, ("", "")).await
    }

    /// Starts one whose agreement reads otherwise at one place.
    pub(crate) async fn start_under(
        folder: &Path,
        council: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static,
        agreement: (&str, &str),
    ) -> Self {
        Self::start_with(folder, council, agreement, "").await
    }

    /// Starts one whose settings say more.
    pub(crate) async fn start_with(
        folder: &Path,
        council: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static,
        agreement: (&str, &str),
        more: &str,
    ) -> Self {
        Self::start_unwilling(folder, council, agreement, more).await.0
    }

    /// Starts one whose ledger can be told to record nothing.
    pub(crate) async fn start_unwilling(
        folder: &Path,
        council: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static,
        (from, to): (&str, &str),
        more: &str,
    ) -> (Self, Arc<Unwilling>) {
        let council = System::start(None, council).await;
        let settings = settings(folder, &format!("http://{}/fhir", council.address), (from, to), more);
        let clock = Clock::machine();
        let options = Options::new(folder.join("ledger"), "test/ledger", KEY_SCHEME);
        let ledger = Arc::new(SegmentLedger::open(&options, clock.clone()).unwrap());
        let unwilling = Arc::new(Unwilling::over(Arc::clone(&ledger)));
        let recorded: Arc<dyn AuditLedger> = unwilling.clone();
        let ports = Arc::new(Ports {
            bases: Arc::new(bases(&settings)),
            keys: Arc::new(Keys::load(&settings.issuers).unwrap()),
            upstream: Arc::new(Upstream::new(&settings).unwrap()),
            moment: None,
            ledger: Arc::clone(&recorded),
            trail: TrailStore::new(Arc::clone(&ledger)),
            consents: Arc::new(ConsentRegistry::open(folder, &settings.gateway.base).unwrap()),
            evidence: Arc::new(EvidenceCache::default()),
            seal: Arc::new(Seal::open_or_create(folder).unwrap()),
            clock: clock.clone(),
            strangers: Arc::new(Strangers::new(clock.clone())),
            metrics: Arc::new(gateway::telemetry::metrics::Metrics::new()),
            places: Arc::new(gateway::places::Places::new(settings.limits.in_flight_max)),
            settings: Arc::clone(&settings),
        });
        let current = Arc::clone(&ports);
        let now = Arc::new(move || Arc::clone(&current));
        let push = Push::open(&settings, folder, recorded, clock, now).await.unwrap();
        let address = push.addresses()[0];
        let (drain, draining) = watch::channel(false);
        let intake = Arc::clone(push.intake());
        let running = tokio::spawn(push.run(draining));
        (Self { council, address, ports, intake, ledger, drain, running }, unwilling)
    }

    pub(crate) async fn stop(self) -> (System, Arc<SegmentLedger>) {
        self.drain.send(true).unwrap();
        self.running.await.unwrap();
        (self.council, self.ledger)
    }

    /// Posts a message as the system whose certificate has this name.
    pub(crate) async fn post(&self, path: &str, san: &str, media_type: &str, message: &str) -> String {
        let headers = Headers { content_type: Some(media_type.to_owned()), ..Headers::default() };
        let mut arrived = arrived(Method::Post, path, headers, message);
        arrived.at = jiff::Timestamp::now();
        arrived.certificate = Some(ClientCertificate { sans: vec![san.to_owned()], thumbprint: [0; 32] });
        assert!(http::is_meant(&arrived));
        format!("{:?}", http::take(arrived, &self.ports, &self.intake).await)
    }

    /// Where its messages are.
    pub(crate) fn store(&self) -> &gateway::push::store::Store {
        &self.intake.store
    }

    /// Waits until the council has seen `count` requests.
    pub(crate) async fn council_saw(&self, count: usize) -> Vec<Seen> {
        let seen = async {
            while self.council.seen().len() < count {
                tokio::task::yield_now().await;
            }
            self.council.seen()
        };
        tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the council to see it in time")
    }

    /// Waits until something could not be delivered.
    pub(crate) async fn retried_once(&self) {
        let retried = async {
            while self.intake.counts.of(Counted::Retried) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), retried).await.expect("it to be tried in time");
    }

    async fn records(&self) -> Vec<(Event, Option<String>, About)> {
        let recorded = self.recorded().await.into_iter();
        recorded.map(|record| (record.exchange.event, record.exchange.reason, record.about)).collect()
    }

    /// Everything that is recorded, in order.
    pub(crate) async fn recorded(&self) -> Vec<Record> {
        let entries = self.ledger.read_from(0, 1_000).await.unwrap();
        let payloads = entries.iter().filter_map(|entry| match &entry.content {
            Content::Present(payload) => Some(payload.clone()),
            Content::Erased => None,
        });
        payloads.filter_map(|payload| json::parse_into(payload, &json::Limits::default()).ok()).collect()
    }

    /// Waits until what is recorded is as `expected` says.
    pub(crate) async fn recorded_when(&self, expected: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        let recorded = async {
            loop {
                let records = self.recorded().await;
                if expected(&records) {
                    return records;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), recorded).await.expect("it to be recorded in time")
    }

    /// The person of [`LETTER`] says this about sharing.
    pub(crate) async fn ann_says(&self, provision: &serde_json::Value) {
        let document = json::parse(consent(ANN, provision).into(), &json::Limits::default()).unwrap();
        let base = &self.ports.settings.gateway.base;
        let valid = match validate(&document, Writing::New, base) {
            Ok(valid) => valid,
            Err(problems) => panic!("{problems:?}"),
        };
        self.ports.consents.create(valid, jiff::Timestamp::now()).await.unwrap();
    }
}

/// Writes the settings of a hospital that sends to the council at `council`, and says where they are.
pub(crate) fn write_settings(folder: &Path, council: &str, mllp: std::net::SocketAddr) -> PathBuf {
    let agreements = folder.join("agreements");
    std::fs::create_dir_all(&agreements).unwrap();
    std::fs::write(agreements.join("discharge.toml"), AGREEMENT).unwrap();
    let file = folder.join("portcullis.toml");
    let text = SETTINGS.replace("COUNCIL", council).replace("MLLP", &mllp.to_string());
    std::fs::write(&file, text).unwrap();
    file
}

fn settings(folder: &Path, council: &str, (from, to): (&str, &str), more: &str) -> Arc<Settings> {
    let file = write_settings(folder, council, std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + more).unwrap();
    if !from.is_empty() {
        std::fs::write(folder.join("agreements/discharge.toml"), AGREEMENT.replace(from, to)).unwrap();
    }
    match check::load(&file, "2026-03-04".parse().unwrap()) {
        Ok(checked) => Arc::new(checked.settings),
        Err(unusable) => panic!("{unusable}"),
    }
}

fn bases(settings: &Settings) -> BTreeMap<gateway::person::SystemName, Bases> {
    settings
        .systems
        .iter()
        .map(|system| (system.name.clone(), Bases::new([system.base.to_string().as_str()]).unwrap()))
        .collect()
}

/// Takes everything.
pub(crate) fn created(_: &Seen, _: usize) -> Play {
    Play::Bytes(fhir("201 Created", ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_the_council_minimised_with_its_origin_and_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(LETTER).await;
    assert_eq!(hospital.acknowledged().await, Some(("AA".to_owned(), "NHT0002".to_owned())));
    let seen = gateway.council_saw(1).await;
    assert!(seen[0].line.starts_with("PUT /fhir/Bundle/"), "{}", seen[0].line);
    let body = &seen[0].body;
    let document = json::parse(body.clone().into(), &json::Limits::default()).unwrap();
    let types: Vec<String> = document
        .root()
        .walk(&["entry", "resource", "resourceType"])
        .filter_map(|name| name.string().map(|name| name.into_owned()))
        .collect();
    assert_eq!(types[0], "Composition");
    for expected in ["Patient", "Encounter", "DocumentReference", "Binary", "Organization", "Provenance"] {
        assert!(types.iter().any(|name| name == expected), "{expected} in {types:?}");
    }
    for present in ["9990000018", "Fenwick", "1942-06-17", "Discharge letter"] {
        assert!(body.contains(present), "{present}");
    }
    for withheld in ["Harbour Row", "NE30 4AA", "0191 496 0101", "H4471023", "not for the council"] {
        assert!(!body.contains(withheld), "{withheld}");
    }
    let id = seen[0].line.split('/').nth(3).and_then(|rest| rest.split(' ').next()).unwrap();
    assert_eq!(document.root().str_at(&["id"]).unwrap(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn intent_person_and_outcome_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(LETTER).await;
    hospital.acknowledged().await.unwrap();
    gateway.council_saw(1).await;
    let ledger = Arc::clone(&gateway.ledger);
    let records = async {
        loop {
            let records = gateway.records().await;
            if records.iter().any(|(event, ..)| *event == Event::Outcome) {
                return records;
            }
            tokio::task::yield_now().await;
        }
    };
    let records = tokio::time::timeout(Duration::from_secs(30), records).await.expect("the outcome in time");
    drop(ledger);
    let events: Vec<Event> = records.iter().map(|(event, ..)| *event).collect();
    assert_eq!(events, [Event::Intent, Event::Intent, Event::Outcome], "{records:?}");
    let About::Person(person) = &records[1].2 else { panic!("{records:?}") };
    assert_eq!(person.nhs_number.as_deref(), Some("9990000018"));
    assert!(person.relationship.as_deref().unwrap().starts_with("stated"), "{person:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_shares_is_refused_recorded_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let mut hospital = Peer::connect(gateway.address).await;
    // A message Bundle is led by a MessageHeader, which this agreement does not share.
    hospital.send(&super::support::discharge("M1", "0000018")).await;
    assert_eq!(hospital.acknowledged().await, Some(("AE".to_owned(), "M1".to_owned())));
    let records = gateway.records().await;
    assert!(!records.is_empty() && records.iter().all(|(event, ..)| *event != Event::Intent), "{records:?}");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_not_known_for_certain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(&LETTER.replace("9990000018", "9990000019")).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stay_in_the_message_there_is_no_relationship() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let mut hospital = Peer::connect(gateway.address).await;
    let without: String = LETTER.split_inclusive('\r').filter(|line| !line.starts_with("PV1")).collect();
    hospital.send(&without).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AE");
    let records = gateway.records().await;
    assert!(
        records.iter().any(|(_, reason, _)| reason.as_deref() == Some("no-legitimate-relationship")),
        "{records:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_arrives_after_a_restart_although_the_council_was_down() {
    let folder = tempfile::tempdir().unwrap();
    let down = |_: &Seen, _: usize| Play::Bytes(fhir("503 Service Unavailable", ""));
    let gateway = Gateway::start(folder.path(), down).await;
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(LETTER).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AA");
    let first = gateway.council_saw(1).await[0].clone();
    drop(hospital);
    let (_, ledger) = gateway.stop().await;
    ledger.close().await;
    drop(ledger);
    let gateway = Gateway::start(folder.path(), created).await;
    let again = gateway.council_saw(1).await[0].clone();
    assert_eq!((first.line, first.body), (again.line, again.body));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_may_come_over_http_from_a_known_system() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), created).await;
    let known = "dns:adt.hospital.example";
    for (path, san, media_type, message, expected) in [
        ("/hl7v2/council", known, "application/hl7-v2", LETTER, "status: 200"),
        ("/hl7v2/council", known, "x-application/hl7-v2+er7; charset=utf-8", LETTER, "status: 200"),
        ("/hl7v2/council", known, "text/plain", "not a message", "status: 422"),
        ("/hl7v2/council", known, "application/json", LETTER, "status: 415"),
        ("/hl7v2/nowhere", known, "text/plain", LETTER, "status: 404"),
        ("/hl7v2/council", "dns:stranger.example", "text/plain", LETTER, "status: 401"),
    ] {
        let reply = gateway.post(path, san, media_type, message).await;
        assert!(reply.contains(expected), "{path} {san} {media_type}: {reply}");
    }
    assert_eq!(gateway.council_saw(1).await.len(), 1);
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 1);
}

//! Systems that take CDA, notices or another release of FHIR alone: what is left of a message reaches them in their words, over real
//! sockets, and is recorded as what went.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::push::letters::{Letter, Stage, Which};
use gateway::trail::record::{About, AboutPerson, Event, Record, Words};
use serde_json::Value;

use super::forms::bundle;
use super::places::SUMMARY;
use super::whole::{Gateway, LETTER, created};
use crate::support::sharing::{agreement, site_after};
use crate::support::tls::{Authority, dns, file, server_config};
use crate::support::upstream::{Play, Seen, System, answer};
use crate::support::whole::one_patient;

const SENDER: &str = "dns:adt.hospital.example";
const BOTH: (&str, &str) = (r#"systems = ["council"]"#, r#"systems = ["council", "care"]"#);
/// What of [`LETTER`] is not shared.
const WITHHELD: [&str; 5] = ["Harbour Row", "NE30 4AA", "0191 496 0101", "H4471023", "not for the council"];

/// A system that takes what is pushed in these words, at `base`.
pub(super) fn care(protocol: &str, base: &str) -> String {
    let profile = if protocol == "cda" { "profile = \"care.toml\"\n" } else { "" };
    format!(
        "[[system]]\nname = \"care\"\norganisation = \"ods:E10000099\"\nprotocol = \"{protocol}\"\nbase = \"{base}\"\n{profile}"
    )
}

async fn gateway(folder: &Path, receiver: &System, protocol: &str) -> Gateway {
    file(folder, "care.toml", "flavour = \"c-cda\"\n");
    let more = care(protocol, &format!("http://{}/take", receiver.address));
    Gateway::start_with(folder, created, BOTH, &more).await
}

fn says(status: &'static str) -> impl Fn(&Seen, usize) -> Play + Send + Sync {
    move |_, _| Play::Bytes(answer(status, "", ""))
}

async fn sends(gateway: &Gateway, message: &str) -> String {
    gateway.post("/hl7v2/care", SENDER, "text/plain", message).await
}

/// Waits until so many requests came.
pub(super) async fn came(receiver: &System, count: usize) -> Vec<Seen> {
    let seen = async {
        while receiver.seen().len() < count {
            tokio::task::yield_now().await;
        }
        receiver.seen()
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("it to come in time")
}

async fn letter(gateway: &Gateway) -> Letter {
    let dead = async {
        loop {
            let letters = gateway.store().letters(Which::Open).await.unwrap();
            if let Some(letter) = letters.into_iter().next() {
                return letter;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), dead).await.expect("a letter in time")
}

fn events(records: &[Record]) -> Vec<Event> {
    records.iter().map(|record| record.exchange.event).collect()
}

async fn settled(gateway: &Gateway) -> Vec<Record> {
    gateway.recorded_when(|records| events(records).contains(&Event::Outcome)).await
}

/// Her part in what was about to be sent.
fn hers(records: &[Record]) -> AboutPerson {
    let mut found = records.iter().filter_map(|record| match &record.about {
        About::Person(person) if record.exchange.event == Event::Intent => Some(person.as_ref().clone()),
        About::Person(_) | About::Exchange { .. } => None,
    });
    found.next().expect("a part of hers")
}

/// Every text in what was sent: as it stands, and of each run of base64 what it holds.
fn texts(body: &str) -> Vec<String> {
    let runs = body.split(|letter: char| !(letter.is_ascii_alphanumeric() || "+/=".contains(letter)));
    let packed = runs.filter(|run| run.len() >= 8).filter_map(|run| STANDARD.decode(run).ok());
    let held = packed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    std::iter::once(body.to_owned()).chain(held).collect()
}

#[track_caller]
pub(super) fn has_none(body: &str, withheld: &[&str]) {
    for text in texts(body) {
        for withheld in withheld {
            assert!(!text.contains(withheld), "{withheld} in {text}");
        }
    }
}

/// In which words, how they are recorded, and what a request for them looks like.
const RELEASES: [(&str, Words, &str); 3] = [
    ("fhir-stu3", Words::FhirStu3, "application/fhir+json; fhirVersion=3.0"),
    ("fhir-r4b", Words::FhirR4b, "application/fhir+json; fhirVersion=4.3"),
    ("fhir-r5", Words::FhirR5, "application/fhir+json; fhirVersion=5.0"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_a_receiver_of_cda_minimised_and_is_recorded_as_what_went() {
    for (flavour, more, media_type) in [
        ("c-cda", "", "application/xml"),
        ("itk", "content_type = \"application/hl7-cda+xml\"\n", "application/hl7-cda+xml"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, says("200 OK")).await;
        file(folder.path(), "care.toml", &format!("flavour = \"{flavour}\"\n"));
        let more = care("cda", &format!("http://{}/take", receiver.address)) + more;
        let gateway = Gateway::start_with(folder.path(), created, BOTH, &more).await;
        let told = sends(&gateway, LETTER).await;
        assert!(told.contains("status: 200") && told.contains("MSA|AA|NHT0002"), "{told}");
        let seen = came(&receiver, 1).await.remove(0);
        assert_eq!(seen.line, "POST /take HTTP/1.1");
        assert_eq!((seen.header("content-type"), seen.header("accept")), (Some(media_type), Some("*/*")));
        let is_coded = seen.body.contains("2.16.840.1.113883.10.20.22.1.1");
        assert!(
            seen.body.contains("<ClinicalDocument ") && is_coded == (flavour == "c-cda"),
            "{}",
            seen.body
        );
        for present in ["9990000018", "Fenwick", "Please assess her"] {
            assert!(seen.body.contains(present), "{present} in {}", seen.body);
        }
        has_none(&seen.body, &WITHHELD);
        let records = settled(&gateway).await;
        assert_eq!(events(&records), [Event::Intent, Event::Intent, Event::Outcome]);
        assert!(records.iter().take(2).all(|record| record.exchange.words == Words::Cda), "{records:?}");
        let hers = hers(&records);
        assert!(hers.resources.iter().all(|reference| reference.starts_with("Bundle/")), "{hers:?}");
        // The letter is said by its text: the attachment with the same words is not in it.
        let lost = ("not-sayable-in-cda: Binary".to_owned(), 1);
        assert!(hers.withheld.contains(&lost), "{:?}", hers.withheld);
        // The same again is the same: nothing is sent twice.
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|NHT0002"));
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beside_the_text_of_a_letter_goes_with_it_as_cda() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = System::start(None, says("200 OK")).await;
    let gateway = gateway(folder.path(), &receiver, "cda").await;
    let told = sends(&gateway, &with_picture()).await;
    assert!(told.contains("status: 200") && told.contains("MSA|AA|NHT0002"), "{told}");
    let body = came(&receiver, 1).await.remove(0).body;
    assert!(body.contains("Please assess her") && body.contains("<observationMedia "), "{body}");
    assert!(body.contains("mediaType=\"application/pdf\">JVBERi0xLjQK</value>"), "{body}");
    has_none(&body, &WITHHELD);
    settled(&gateway).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_came_as_cda_goes_as_cda_with_what_is_shared_alone() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = System::start(None, says("202 Accepted")).await;
    let gateway = gateway(folder.path(), &receiver, "cda").await;
    let told = gateway.post("/cda/care", SENDER, "application/xml", SUMMARY).await;
    assert!(told.contains("status: 200"), "{told}");
    let body = came(&receiver, 1).await.remove(0).body;
    assert!(body.contains("9990000018") && body.contains("Hemiarthroplasty of left hip"), "{body}");
    has_none(&body, &["Mill Lane", "ZZ99 3WZ", "01632 960001", "H0042", "Hale"]);
    settled(&gateway).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_a_receiver_of_another_release_in_its_words() {
    for (protocol, words, media_type) in RELEASES {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, says("201 Created")).await;
        let gateway = gateway(folder.path(), &receiver, protocol).await;
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"), "{protocol}");
        let seen = came(&receiver, 1).await.remove(0);
        let sent = bundle(&seen.body);
        let id = sent["id"].as_str().unwrap();
        assert_eq!(seen.line, format!("PUT /take/Bundle/{id} HTTP/1.1"));
        assert_eq!(seen.header("content-type"), Some(media_type));
        let of = |kind: &str| -> Vec<Value> {
            let entries = sent["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
            entries.filter(|resource| resource["resourceType"] == kind).collect()
        };
        let stay = &of("Encounter")[0];
        let is_r5 = protocol == "fhir-r5";
        assert_eq!((stay["actualPeriod"].is_object(), stay["period"].is_object()), (is_r5, !is_r5), "{stay}");
        // The origin that the gateway adds is there once, in their words: the wording adds none.
        let who = if protocol == "fhir-stu3" { "whoReference" } else { "who" };
        let origins = of("Provenance");
        assert!(origins.len() == 1 && origins[0]["agent"][0][who].is_object(), "{origins:?}");
        assert!(seen.body.contains("Fenwick") && seen.body.contains("UGxlYXNlIGFzc2Vzcy"), "{}", seen.body);
        has_none(&seen.body, &WITHHELD);
        let records = settled(&gateway).await;
        assert_eq!(events(&records), [Event::Intent, Event::Intent, Event::Outcome], "{protocol}");
        assert!(records.iter().take(2).all(|record| record.exchange.words == words), "{records:?}");
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), 1, "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_goes_again_in_the_same_bytes() {
    for protocol in ["cda", "fhir-stu3"] {
        let folder = tempfile::tempdir().unwrap();
        let script = |_: &Seen, number: usize| match number {
            0 => Play::Bytes(answer("500 Internal Server Error", "", "")),
            1 => Play::Bytes(answer("503 Service Unavailable", "", "")),
            2 => Play::ThenClose(Vec::new()),
            3 => Play::Bytes(answer("401 Unauthorized", "", "")),
            _ => Play::Bytes(answer("204 No Content", "", "")),
        };
        let receiver = System::start(None, script).await;
        let gateway = gateway(folder.path(), &receiver, protocol).await;
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
        let seen = came(&receiver, 5).await;
        assert!(seen.iter().all(|again| (&again.line, &again.body) == (&seen[0].line, &seen[0].body)));
        let records = settled(&gateway).await;
        assert_eq!(events(&records), [Event::Intent, Event::Intent, Event::Outcome], "{protocol}");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_will_not_take_is_a_dead_letter_with_its_reason() {
    for (protocol, status, reason) in [
        ("cda", "400 Bad Request", "not-taken-invalid"),
        ("cda", "404 Not Found", "not-taken-not-supported"),
        ("cda", "409 Conflict", "not-taken-conflict"),
        ("fhir-r5", "422 Unprocessable Content", "not-taken-invalid"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, says(status)).await;
        let gateway = gateway(folder.path(), &receiver, protocol).await;
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
        let letter = letter(&gateway).await;
        assert_eq!((letter.reason.as_str(), letter.stage), (reason, Stage::Deliver), "{protocol} {status}");
        let ended = |record: &Record| record.exchange.reason.as_deref() == Some(reason);
        let records = gateway.recorded().await;
        assert!(records.iter().any(ended) && !events(&records).contains(&Event::Outcome), "{records:?}");
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), 1, "{protocol} {status}");
    }
}

/// [`LETTER`] with a picture beside its text.
fn with_picture() -> String {
    LETTER.replace("NTE|1|", "OBX|2|ED|PIC^Picture^L||^application^pdf^Base64^JVBERi0xLjQK||||||F\rNTE|1|")
}

/// The summary with a medicine of which it is not known whether it is taken: STU3 has no such status.
fn with_unknown_course() -> String {
    let told = SUMMARY.replace("00B4\"/><statusCode code=\"active\"/>", "00B4\"/>");
    assert_ne!(told, SUMMARY);
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_is_refused_by_name_recorded_and_not_sent() {
    let medicines = "systems = [\"council\", \"care\"]\nshare = [\"letter\"]\n[share.letter.MedicationStatement]\n\"medication[x]\" = \"what she takes\"\n";
    let shares_medicines = ("systems = [\"council\"]\nshare = [\"letter\"]\n", medicines);
    let in_cda = ("/cda/care", "application/xml");
    let in_hl7v2 = ("/hl7v2/care", "text/plain");
    for (protocol, (path, media_type), message, share, reason) in [
        ("cda", in_hl7v2, with_picture(), BOTH, "not-sayable-in-cda"),
        ("notice", in_hl7v2, LETTER.to_owned(), BOTH, "not-sayable-in-notice"),
        ("fhir-stu3", in_cda, with_unknown_course(), shares_medicines, "not-sayable-in-fhir-stu3"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, says("200 OK")).await;
        // A section of this flavour has words alone.
        file(folder.path(), "care.toml", "flavour = \"itk\"\n");
        let more = care(protocol, &format!("http://{}/take", receiver.address));
        let gateway = Gateway::start_with(folder.path(), created, share, &more).await;
        let told = gateway.post(path, SENDER, media_type, &message).await;
        assert!(told.contains("status: 422") && told.contains(reason), "{protocol}: {told}");
        let records = gateway.recorded().await;
        assert!(!events(&records).contains(&Event::Intent), "{protocol}: {records:?}");
        assert!(
            records.iter().any(|record| record.exchange.reason.as_deref() == Some(reason)),
            "{records:?}"
        );
        let letter = letter(&gateway).await;
        assert_eq!((letter.reason.as_str(), letter.stage), (reason, Stage::Decide));
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), 0, "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_when_the_ledger_cannot_record_it() {
    for protocol in ["cda", "fhir-r4b"] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, says("200 OK")).await;
        file(folder.path(), "care.toml", "flavour = \"c-cda\"\n");
        let more = care(protocol, &format!("http://{}/take", receiver.address));
        let (gateway, ledger) = Gateway::start_unwilling(folder.path(), created, BOTH, &more).await;
        ledger.fails.store(true, Ordering::SeqCst);
        let told = sends(&gateway, LETTER).await;
        assert!(told.contains("status: 503") && told.contains("MSA|AE|NHT0002"), "{told}");
        assert!(ledger.refused.load(Ordering::SeqCst) > 0, "it was asked to record");
        assert_eq!(receiver.seen().len(), 0, "{protocol}");
        ledger.fails.store(false, Ordering::SeqCst);
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|NHT0002"));
        came(&receiver, 1).await;
        settled(&gateway).await;
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_she_says_while_it_waits_reaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = System::start(None, says("503 Service Unavailable")).await;
    let gateway = gateway(folder.path(), &receiver, "cda").await;
    assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
    gateway.retried_once().await;
    gateway.ann_says(&serde_json::json!({"type": "deny"})).await;
    let denied = |records: &[Record]| {
        records.iter().any(|record| record.exchange.reason.as_deref() == Some("consent-denied"))
    };
    gateway.recorded_when(denied).await;
    let sent = receiver.seen().len();
    gateway.stop().await;
    assert_eq!(receiver.seen().len(), sent, "nothing goes after her word");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_both_sides_prove_themselves_by_certificate_or_token() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let served = theirs.server("care.example");
    for (client_ca, credentials) in [
        (Some(&ours), "credentials = { certificate = \"own.pem\", key = \"own.key\" }\n"),
        (None, "credentials = { bearer = \"token\" }\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(Some(server_config(&served, client_ca, &[])), says("200 OK")).await;
        file(folder.path(), "care.toml", "flavour = \"itk\"\n");
        file(folder.path(), "ca.pem", &theirs.pem);
        file(folder.path(), "token", "t0ken\n");
        let client = ours.client(dns("gateway.example"), 7);
        file(folder.path(), "own.pem", &client.pem);
        file(folder.path(), "own.key", &client.key);
        let more = care("cda", &format!("https://{}/take", receiver.address));
        let more = format!("{more}ca = \"ca.pem\"\n{credentials}");
        let gateway = Gateway::start_with(folder.path(), created, BOTH, &more).await;
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
        let seen = came(&receiver, 1).await.remove(0);
        let token = client_ca.is_none().then_some("Bearer t0ken");
        assert_eq!(seen.header("authorization"), token);
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_where_things_are_only_taken() {
    for protocol in ["cda", "notice", "fhir-stu3", "fhir-r4b", "fhir-r5"] {
        let receiver = System::start(None, says("200 OK")).await;
        let tables =
            "[share.person.Patient]\nname = \"to address the person\"\nidentifier = \"to find the person\"\n";
        let care = care(protocol, &format!("http://{}/take", receiver.address)).replace("E10000099", "RX1");
        let (site, running) = site_after(&agreement("open", tables), one_patient, |site| {
            file(site.folder.path(), "care.toml", "flavour = \"itk\"\n");
            site.also_set(&care);
        })
        .await;
        let consultant = site.consultant();
        for path in [
            "/care/fhir/Patient/p1",
            "/care/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018",
        ] {
            let (status, _, body) = site.get(path, Some(&consultant)).await;
            assert_eq!(status, 403, "{protocol} {path}: {body}");
            let last = site.records();
            assert_eq!(last.last().unwrap()["exchange"]["reason"], "not-served-by-system", "{protocol}");
        }
        let (status, _, body) = site.get("/care/fhir/metadata", Some(&consultant)).await;
        assert!(status == 200 && !body.contains("\"Patient\""), "{body}");
        running.stop().await;
        assert_eq!(receiver.seen().len(), 0, "{protocol}");
    }
}

//! Systems that take HL7 v2 alone: what is left of a message reaches them as a message, over real sockets.

use std::path::Path;
use std::time::Duration;

use gateway::push::letters::Which;
use gateway::trail::record::{Event, Record};

use super::whole::{Gateway, LETTER, created};
use crate::support::receiver::{Receiver, Says};
use crate::support::sharing::{agreement, site_after};
use crate::support::tls::{Authority, dns, file, server_config};
use crate::support::whole::one_patient;

const SENDER: &str = "dns:adt.hospital.example";
const BOTH: (&str, &str) = (r#"systems = ["council"]"#, r#"systems = ["council", "care"]"#);
const PROFILE: &str = "version = \"2.4\"\n[receiver]\napplication = \"CARE\"\nfacility = \"E10000099\"\n";

fn care(base: &str) -> String {
    format!(
        "[[system]]\nname = \"care\"\norganisation = \"ods:E10000099\"\nprotocol = \"hl7v2\"\nbase = \"{base}\"\nprofile = \"care.toml\"\n"
    )
}

async fn gateway(folder: &Path, receiver: &Receiver, profile: &str) -> Gateway {
    file(folder, "care.toml", profile);
    let more = care(&format!("mllp://{}", receiver.address));
    Gateway::start_with(folder, created, BOTH, &more).await
}

async fn sends(gateway: &Gateway, message: &str) -> String {
    gateway.post("/hl7v2/care", SENDER, "text/plain", message).await
}

/// Waits until so many messages came.
async fn came(receiver: &Receiver, count: usize) -> Vec<String> {
    let taken = async {
        while receiver.taken().len() < count {
            tokio::task::yield_now().await;
        }
        receiver.taken()
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("it to come in time")
}

fn events(records: &[Record]) -> Vec<Event> {
    records.iter().map(|record| record.exchange.event).collect()
}

fn field(message: &str, segment: &str, field: usize) -> String {
    let line = message.split('\r').find(|line| line.starts_with(segment)).expect("the segment");
    line.split('|').nth(field).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_a_receiver_of_hl7_v2_minimised_and_its_acknowledgement_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(None, |_, _| Says::Ack("AA", "")).await;
    let gateway = gateway(folder.path(), &receiver, PROFILE).await;
    let told = sends(&gateway, LETTER).await;
    assert!(told.contains("status: 200") && told.contains("MSA|AA|NHT0002"), "{told}");
    let message = came(&receiver, 1).await.remove(0);
    assert_eq!(field(&message, "MSH", 8), "MDM^T02^MDM_T02");
    assert_eq!(
        (field(&message, "MSH", 4), field(&message, "MSH", 11)),
        ("CARE".to_owned(), "2.4".to_owned())
    );
    assert!(field(&message, "PID", 3).starts_with("9990000018^^^NHS^NH"), "{message}");
    assert!(message.contains("Fenwick") && message.contains("Please assess her"), "{message}");
    for withheld in ["Harbour Row", "NE30 4AA", "0191 496 0101", "H4471023", "not for the council"] {
        assert!(!message.contains(withheld), "{withheld}");
    }
    let records = gateway.recorded_when(|records| events(records).contains(&Event::Outcome)).await;
    assert_eq!(events(&records), [Event::Intent, Event::Intent, Event::Outcome]);
    // The same message again is the same: nothing is sent twice.
    assert!(sends(&gateway, LETTER).await.contains("MSA|AA|NHT0002"));
    gateway.stop().await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_is_sent_again_as_the_same_message() {
    let folder = tempfile::tempdir().unwrap();
    let answers = |_: &str, number: usize| match number {
        0 => Says::Nothing,
        1 => Says::OfAnother,
        2 => Says::Ack("AE", "207"),
        _ => Says::Ack("CA", ""),
    };
    let receiver = Receiver::start(None, answers).await;
    let gateway = gateway(folder.path(), &receiver, PROFILE).await;
    sends(&gateway, LETTER).await;
    let taken = came(&receiver, 4).await;
    assert!(taken.iter().all(|message| *message == taken[0]), "{taken:?}");
    let records = gateway.recorded_when(|records| events(records).contains(&Event::Outcome)).await;
    assert_eq!(events(&records), [Event::Intent, Event::Intent, Event::Outcome]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_will_not_take_is_a_dead_letter_with_its_reason() {
    for (code, problem, reason) in [
        ("AE", "", "not-taken-invalid"),
        ("AR", "200", "not-taken-not-supported"),
        ("CE", "", "not-taken-invalid"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(None, move |_, _| Says::Ack(code, problem)).await;
        let gateway = gateway(folder.path(), &receiver, PROFILE).await;
        assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
        let failed = |records: &[Record]| {
            records.iter().any(|record| record.exchange.reason.as_deref() == Some(reason))
        };
        gateway.recorded_when(failed).await;
        let dead = async {
            loop {
                let letters = gateway.store().letters(Which::Open).await.unwrap();
                if !letters.is_empty() {
                    return letters;
                }
                tokio::task::yield_now().await;
            }
        };
        let letters = tokio::time::timeout(Duration::from_secs(30), dead).await.expect("a letter in time");
        assert_eq!(letters[0].reason, reason);
        gateway.stop().await;
        assert_eq!(receiver.taken().len(), 1, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_to_a_receiver_is_refused_by_name_before_it_is_recorded_as_sent() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(None, |_, _| Says::Ack("AA", "")).await;
    let gateway = gateway(folder.path(), &receiver, &format!("charset = \"ASCII\"\n{PROFILE}")).await;
    let letter = LETTER.replace("|2.5\r", "|2.5||||||UNICODE UTF-8\r").replace("Fenwick", "Fenw\u{ef}ck");
    let told = sends(&gateway, &letter).await;
    assert!(told.contains("status: 422") && told.contains("MSA|AE|NHT0002"), "{told}");
    let records = gateway.recorded().await;
    assert!(events(&records).iter().all(|event| *event != Event::Intent), "{records:?}");
    assert!(records.iter().any(|record| record.exchange.reason.as_deref() == Some("not-sayable-in-hl7v2")));
    gateway.stop().await;
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_both_sides_prove_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let served = theirs.server("care.example");
    let receiver =
        Receiver::start(Some(server_config(&served, Some(&ours), &[])), |_, _| Says::Ack("AA", "")).await;
    file(folder.path(), "care.toml", PROFILE);
    file(folder.path(), "ca.pem", &theirs.pem);
    let client = ours.client(dns("gateway.example"), 7);
    file(folder.path(), "own.pem", &client.pem);
    file(folder.path(), "own.key", &client.key);
    let more = care(&format!("mllps://{}", receiver.address))
        + "ca = \"ca.pem\"\ncredentials = { certificate = \"own.pem\", key = \"own.key\" }\n";
    let gateway = Gateway::start_with(folder.path(), created, BOTH, &more).await;
    assert!(sends(&gateway, LETTER).await.contains("MSA|AA|"));
    assert_eq!(came(&receiver, 1).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_where_messages_are_only_taken() {
    let receiver = Receiver::start(None, |_, _| Says::Ack("AA", "")).await;
    let tables = "[share.person.Patient]\nname = \"to address the person\"\n";
    let care = care(&format!("mllp://{}", receiver.address)).replace("E10000099", "RX1");
    let (site, running) = site_after(&agreement("open", tables), one_patient, |site| {
        file(site.folder.path(), "care.toml", PROFILE);
        site.also_set(&care);
    })
    .await;
    let consultant = site.consultant();
    let (status, _, body) = site.get("/care/fhir/Patient/p1", Some(&consultant)).await;
    assert_eq!(status, 403, "{body}");
    let records = site.records();
    let last = records.last().unwrap();
    assert_eq!(last["exchange"]["reason"], "not-served-by-system");
    let (status, _, body) = site.get("/care/fhir/metadata", Some(&consultant)).await;
    assert!(status == 200 && !body.contains("\"Patient\""), "{body}");
    running.stop().await;
    assert_eq!(receiver.taken().len(), 0);
}

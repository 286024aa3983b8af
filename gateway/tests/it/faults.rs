//! When something of the gateway itself fails in the middle: nothing leaves unrecorded, and what is known is recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use futures_util::future::BoxFuture;
use gateway::consent::ConsentRegistry;
use gateway::consent::validate::{Writing, validate};
use gateway::ledger::{AuditLedger, Batch, LedgerError, Receipt, SegmentLedger};
use gateway::trail::record::{About, Event};
use serde_json::json;
use tokio::net::TcpStream;

use crate::hidden::agreement;
use crate::support::assembled::Assembled;
use crate::support::front::ask;
use crate::support::holding::{ANN, consent, held, holding, patient};
use crate::support::upstream::{Play, fhir};
use crate::support::whole::{Whole, one_patient};

/// What a ledger does instead of what it should, while it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It cannot write.
    Fails,
    /// It panics before it has written.
    Panics,
    /// It writes, and then panics: as good as a crash in between.
    PanicsAfter,
    /// While it writes, the person says something about sharing.
    ConsentMoves,
}

/// A real ledger that has a fault for some time.
#[derive(Debug)]
struct Faulty {
    real: Arc<SegmentLedger>,
    consents: ConsentRegistry,
    fault: Fault,
    /// For how many appends it lasts.
    left: Arc<AtomicUsize>,
}

impl AuditLedger for Faulty {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        Box::pin(async move {
            match (left, self.fault) {
                (0, _) => self.real.append(batch).await,
                (_, Fault::Fails) => Err(LedgerError::Closed),
                (_, Fault::Panics) => panic!("a fault of the ledger"),
                (_, Fault::PanicsAfter) => {
                    self.real.append(batch).await?;
                    panic!("a fault of the ledger")
                }
                (_, Fault::ConsentMoves) => {
                    let receipt = self.real.append(batch).await?;
                    elsewhere(&self.consents).await;
                    Ok(receipt)
                }
            }
        })
    }
}

/// The person denies somebody who does not ask.
async fn elsewhere(consents: &ConsentRegistry) {
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    let provision = json!({"type": "deny", "actor": [{
        "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
        "reference": {"identifier": {"system": ods, "value": "E10000001"}}}]});
    let document = json::parse(consent(ANN, &provision).into(), &Limits::default()).unwrap();
    let Ok(valid) = validate(&document, Writing::New, "https://share.example.nhs.uk") else {
        panic!("valid")
    };
    consents.create(valid, jiff::Timestamp::now()).await.unwrap();
}

/// A gateway whose ledger has this fault for the first `count` appends.
async fn gateway(site: &Whole, fault: Fault, count: usize) -> Assembled {
    Assembled::start(site, |real, consents| {
        Arc::new(Faulty { real, consents, fault, left: Arc::new(AtomicUsize::new(count)) })
    })
    .await
}

/// Ann says that nobody may have her record.
async fn dissents(site: &Whole) -> (u16, String, String) {
    let headers = "content-type: application/fhir+json\r\n";
    let body = consent(ANN, &json!({"type": "deny"}));
    let request = site.request("POST", "/fhir/Consent", Some(&site.ann()), headers, &body);
    ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap()
}

async fn stored(gateway: &Assembled) -> usize {
    let ann = NhsNumber::parse(ANN).unwrap();
    gateway.ports.consents.search(ann).await.unwrap().len()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {head}")).trim()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_consent_is_stored_that_cannot_be_recorded_first() {
    let site = Whole::with(one_patient).await;
    let gateway = gateway(&site, Fault::Fails, 2).await;
    let (status, _, body) = dissents(&site).await;
    assert_eq!((status, stored(&gateway).await), (503, 0), "{body}");
    assert_eq!(gateway.records().await.len(), 0);
    let (status, _, body) = dissents(&site).await;
    assert_eq!((status, stored(&gateway).await), (201, 1), "{body}");
    let records = gateway.records().await;
    let events: Vec<Event> = records.iter().map(|record| record.exchange.event).collect();
    assert_eq!(events, [Event::Intent, Event::ConsentRecorded, Event::ConsentRecorded]);
    assert!(records[1].exchange.follows.is_some(), "what became of it follows its intent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_intent_and_the_consent_leaves_the_intent_and_no_consent() {
    let site = Whole::with(one_patient).await;
    let gateway = gateway(&site, Fault::PanicsAfter, 1).await;
    let (status, _, body) = dissents(&site).await;
    assert_eq!((status, stored(&gateway).await), (500, 0), "{body}");
    let events: Vec<Event> = gateway.records().await.iter().map(|record| record.exchange.event).collect();
    assert_eq!(events, [Event::Intent, Event::Failed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_and_then_not_released_has_no_provenance() {
    let site = Whole::with(one_patient).await;
    let gateway = gateway(&site, Fault::ConsentMoves, 4).await;
    let token = site.consultant();
    let (status, head, body) = site.get("/hospital/fhir/Patient/p1", Some(&token)).await;
    assert_eq!(status, 503, "{body}");
    let provenance = format!("/fhir/Provenance/{}", header(&head, "x-request-id: "));
    let events: Vec<Event> = gateway.records().await.iter().map(|record| record.exchange.event).collect();
    assert!(events.contains(&Event::Disclosed) && events.contains(&Event::NotReleased), "{events:?}");
    for token in [&token, &site.ann()] {
        let (status, _, body) = site.get(&provenance, Some(token)).await;
        assert_eq!(status, 404, "{body}");
    }
    let (status, head, _) = site.get("/hospital/fhir/Patient/p1", Some(&token)).await;
    assert_eq!(status, 200);
    let provenance = format!("/fhir/Provenance/{}", header(&head, "x-request-id: "));
    assert_eq!(site.get(&provenance, Some(&token)).await.0, 200, "a share that was released has one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_program_in_an_exchange_is_told_counted_and_recorded() {
    let site = Whole::with(one_patient).await;
    let gateway = gateway(&site, Fault::Panics, 1).await;
    let token = site.consultant();
    let (status, head, body) = site.get("/hospital/fhir/Patient/p1", Some(&token)).await;
    assert_eq!(status, 500, "{body}");
    assert!(body.contains("nothing was shared with this answer") && !body.contains("Example"), "{body}");
    assert!(!header(&head, "portcullis-receipt: ").is_empty());
    let records = gateway.records().await;
    assert_eq!(records.len(), 1, "{records:?}");
    let recorded = &records[0].exchange;
    assert_eq!((recorded.event, recorded.reason.as_deref()), (Event::Failed, Some("panicked")));
    assert_eq!((recorded.place.as_str(), recorded.status), ("hospital", 500));
    assert_eq!(recorded.request_id, header(&head, "x-request-id: "));
    assert!(recorded.peer.is_some() && matches!(records[0].about, About::Exchange { .. }));
    let numbers = gateway.ports.metrics.text();
    assert!(numbers.contains("\nportcullis_panics_total 1\n"), "{numbers}");
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&token)).await.0, 200, "the next one goes its way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_cannot_even_be_recorded_is_told_all_the_same() {
    let site = Whole::with(one_patient).await;
    let gateway = gateway(&site, Fault::Panics, 2).await;
    let (status, _, body) = site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await;
    assert_eq!(status, 500, "{body}");
    assert!(!body.contains("Example"));
    assert_eq!(gateway.front.metrics.text().matches("portcullis_panics_total 1").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attempt_is_made_before_what_became_of_the_last_is_recorded() {
    let failing = Arc::new(AtomicUsize::new(0));
    let arm = Arc::clone(&failing);
    let honest = holding(&held(&[at_version_1(patient("p1", ANN))]));
    let site = Whole::with(move |seen| match seen.line.starts_with("PUT ") {
        true => {
            arm.store(1, Ordering::SeqCst);
            Play::Bytes(fhir("412 Precondition Failed", r#"{"resourceType":"OperationOutcome"}"#))
        }
        false => honest(seen),
    })
    .await;
    let agreement = agreement("open").replace(
        "share = [\"person\"]\n",
        "share = [\"person\"]\n[recipient_role.write]\nPatient = [\"name\"]\n",
    );
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    let left = Arc::clone(&failing);
    let gateway = Assembled::start(&site, |real, consents| {
        Arc::new(Faulty { real, consents, fault: Fault::Fails, left })
    })
    .await;
    let token = site.consultant();
    let (_, head, body) = site.get("/hospital/fhir/Patient/p1", Some(&token)).await;
    let headers = format!("if-match: {}\r\ncontent-type: application/fhir+json\r\n", header(&head, "etag: "));
    let body = body.replace("Example", "Renamed");
    let request = site.request("PUT", "/hospital/fhir/Patient/p1", Some(&token), &headers, &body);
    let (status, _, body) =
        ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    assert_eq!(status, 503, "{body}");
    let puts = site.hospital.seen().iter().filter(|seen| seen.line.starts_with("PUT ")).count();
    assert_eq!(puts, 1, "there is no second attempt");
    let events: Vec<Event> = gateway.records().await.iter().map(|record| record.exchange.event).collect();
    assert_eq!(events.iter().filter(|event| **event == Event::Failed).count(), 1, "{events:?}");
}

fn at_version_1(mut made: serde_json::Value) -> serde_json::Value {
    made["meta"]["versionId"] = json!("1");
    made
}

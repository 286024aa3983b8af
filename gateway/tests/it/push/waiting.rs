//! What waits to be sent is decided anew before each attempt: it goes as it was cut, is cut anew, or is held back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::push::counts::Counted;
use gateway::push::delivery::NotDelivered;
use gateway::trail::record::{About, AboutPerson, Event, Record};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::support::{Peer, Site, discharge};
use super::whole::{Gateway, LETTER, created};
use crate::support::holding::ANN;
use crate::support::upstream::{Play, Seen, fhir as answer};

fn down(_: &Seen, _: usize) -> Play {
    Play::Bytes(answer("503 Service Unavailable", ""))
}

/// Takes nothing before the request of this number, and says so to the first once it is told to go on.
fn down_until(number: usize, go_on: &Arc<Notify>) -> impl Fn(&Seen, usize) -> Play + Send + Sync + 'static {
    let go_on = Arc::clone(go_on);
    move |seen, count| match count {
        0 => Play::Once(Arc::clone(&go_on), answer("503 Service Unavailable", "")),
        count if count < number => down(seen, count),
        count => created(seen, count),
    }
}

/// Hands the letter in and waits until it could not be delivered once.
async fn hand_in(gateway: &Gateway) {
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(LETTER).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AA");
    gateway.council_saw(1).await;
}

async fn restarted(gateway: Gateway, folder: &std::path::Path) -> Gateway {
    let (_, ledger) = gateway.stop().await;
    ledger.close().await;
    drop(ledger);
    Gateway::start(folder, created).await
}

fn count(records: &[Record], event: Event) -> usize {
    let of_exchange = |record: &&Record| matches!(record.about, About::Exchange { .. });
    records.iter().filter(of_exchange).filter(|record| record.exchange.event == event).count()
}

fn person(record: &Record) -> Option<&AboutPerson> {
    match &record.about {
        About::Person(person) => Some(person),
        About::Exchange { .. } => None,
    }
}

/// The person shares with the council what there is, but for this one resource.
fn without(reference: &str) -> Value {
    let place = format!("https://share.hospital.example/council/fhir/{reference}");
    json!({"type": "permit", "provision": [
        {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": place}}]}]})
}

/// The name of the only resource of this type in a Bundle.
fn only(body: &str, resource_type: &str) -> String {
    let bundle = fhir::json::parse_value(body.to_owned().into(), &fhir::json::Limits::default()).unwrap();
    let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let found: Vec<&Value> = resources.filter(|resource| resource["resourceType"] == resource_type).collect();
    assert_eq!(found.len(), 1, "{body}");
    format!("{resource_type}/{}", found[0]["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_she_denies_in_part_while_it_waits_is_cut_out_before_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let go_on = Arc::new(Notify::new());
    let gateway = Gateway::start(folder.path(), down_until(2, &go_on)).await;
    hand_in(&gateway).await;
    let letter = only(&gateway.council_saw(1).await[0].body, "DocumentReference");
    gateway.ann_says(&without(&letter)).await;
    go_on.notify_one();
    let seen = gateway.council_saw(3).await;
    let (first, second, third) = (&seen[0], &seen[1], &seen[2]);
    assert!(first.body.contains("\"DocumentReference\""), "{}", first.body);
    assert!(!second.body.contains("\"DocumentReference\""), "{}", second.body);
    assert!(second.body.contains("\"Composition\"") && second.body.contains("Fenwick"), "{}", second.body);
    assert_eq!(first.line, second.line, "it is the same Bundle to the council");
    assert_eq!(
        (&second.line, &second.body),
        (&third.line, &third.body),
        "it is cut anew once, and then stands"
    );
    let records = gateway.recorded_when(|records| count(records, Event::Outcome) == 1).await;
    assert_eq!(count(&records, Event::Intent), 2, "{records:?}");
    assert_eq!(count(&records, Event::NotDelivered), 1);
    let reasons: Vec<&str> = records.iter().filter_map(|record| record.exchange.reason.as_deref()).collect();
    assert_eq!(reasons, ["cut-anew"]);
    let shared: Vec<&AboutPerson> = records.iter().filter_map(person).collect();
    let tells =
        |about: &AboutPerson| about.resources.iter().any(|name| name.starts_with("DocumentReference/"));
    assert!(!shared.is_empty() && !tells(shared.last().unwrap()), "{shared:?}");
    let outcome = records.iter().find(|record| record.exchange.event == Event::Outcome).unwrap();
    let intent = records.iter().rfind(|record| record.exchange.event == Event::Intent).unwrap();
    assert_eq!(outcome.exchange.request_id, intent.exchange.request_id, "the outcome is that of what went");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 3, "and it goes once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_someone_else_is_denied_changes_nothing_of_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), down).await;
    hand_in(&gateway).await;
    let first = gateway.council_saw(1).await[0].clone();
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    let recipient = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
    let denies = |code: &str| json!({"type": "deny", "actor": [{"role": recipient, "reference": {"identifier": {"system": ods, "value": code}}}]});
    gateway.ann_says(&denies("E10000001")).await;
    let gateway = restarted(gateway, folder.path()).await;
    let again = gateway.council_saw(1).await[0].clone();
    assert_eq!((first.line, first.body), (again.line, again.body));
    let records = gateway.recorded_when(|records| count(records, Event::Outcome) == 1).await;
    assert_eq!((count(&records, Event::Intent), count(&records, Event::NotDelivered)), (1, 0));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dissent_stops_what_still_waits_to_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(folder.path(), down).await;
    hand_in(&gateway).await;
    gateway.ann_says(&json!({"type": "deny"})).await;
    let gateway = restarted(gateway, folder.path()).await;
    let records = gateway.recorded_when(|records| count(records, Event::NotDelivered) == 1).await;
    let held_back = records.iter().find(|record| record.exchange.event == Event::NotDelivered).unwrap();
    assert_eq!(held_back.exchange.reason.as_deref(), Some("consent-denied"));
    let refused = records.iter().filter(|record| record.exchange.event == Event::Refused);
    let refused: Vec<&AboutPerson> = refused.filter_map(person).collect();
    assert_eq!(refused.len(), 1, "{records:?}");
    assert_eq!(refused[0].nhs_number.as_deref(), Some(ANN));
    assert_eq!(refused[0].refusal.as_deref(), Some("consent-denied"), "it stands in her trail");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dissent_stops_what_was_decided_a_moment_ago_and_is_yet_to_be_tried() {
    let folder = tempfile::tempdir().unwrap();
    let go_on = Arc::new(Notify::new());
    let held = Arc::clone(&go_on);
    let first_waits = move |seen: &Seen, count: usize| match count {
        0 => Play::Once(Arc::clone(&held), answer("201 Created", "")),
        count => created(seen, count),
    };
    let gateway = Gateway::start(folder.path(), first_waits).await;
    hand_in(&gateway).await;
    // The second of the same person waits for the first, which the council has and has not answered.
    let mut hospital = Peer::connect(gateway.address).await;
    hospital.send(&LETTER.replace("NHT0002", "NHT0003")).await;
    assert_eq!(hospital.acknowledged().await.unwrap().0, "AA");
    gateway.ann_says(&json!({"type": "deny"})).await;
    go_on.notify_one();
    let records = gateway.recorded_when(|records| count(records, Event::NotDelivered) == 1).await;
    let ended = |event| records.iter().find(|record| record.exchange.event == event).unwrap();
    assert_eq!(ended(Event::NotDelivered).exchange.reason.as_deref(), Some("consent-denied"));
    assert_eq!(count(&records, Event::Outcome), 1, "the first had gone before she said so");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 1);
}

#[tokio::test]
async fn the_first_attempt_goes_under_the_ruling_of_a_moment_ago_and_every_other_under_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    let against = Some(NotDelivered::Denied("consent-denied"));
    site.decision.fresh.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    site.decides(against);
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0"], "its grounds hold");
    site.send(&discharge("A1", "0000018")).await;
    site.decision.fresh.store(false, Ordering::SeqCst);
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0"], "they have moved");
    site.decision.fresh.store(true, Ordering::SeqCst);
    site.block(Some("A2"));
    site.send(&discharge("A2", "0000018")).await;
    delivery.round().await;
    site.block(None);
    site.clock.advance(Duration::from_secs(600));
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0"], "it was tried once");
    site.send(&discharge("A3", "0000018")).await;
    drop((site, delivery));
    let site = Site::open(folder.path());
    site.decides(against);
    site.delivery().round().await;
    assert_eq!(site.arrived(), Vec::<String>::new(), "nothing is known of it after a start");
    assert_eq!(site.counts.of(Counted::Delivered), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dissent_after_the_answer_was_lost_leaves_open_whether_it_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let loses = |_: &Seen, _: usize| Play::ThenClose(Vec::new());
    let gateway = Gateway::start(folder.path(), loses).await;
    hand_in(&gateway).await;
    gateway.ann_says(&json!({"type": "deny"})).await;
    let gateway = restarted(gateway, folder.path()).await;
    let reason = Some("unconfirmed-consent-denied");
    let is_end = |record: &Record| record.exchange.reason.as_deref() == reason;
    let records = gateway.recorded_when(|records| records.iter().any(is_end)).await;
    let end = records.iter().find(|record| is_end(record)).unwrap();
    let intent = records.iter().find(|record| record.exchange.event == Event::Intent).unwrap();
    assert_eq!(end.exchange.event, Event::Failed);
    assert_eq!(end.exchange.request_id, intent.exchange.request_id);
    assert_eq!(count(&records, Event::NotDelivered), 0, "{records:?}");
    let (council, _) = gateway.stop().await;
    assert_eq!(council.seen().len(), 0);
}

/// Stops the gateway and starts it under an agreement that is suspended, or in force again.
async fn restarted_under(gateway: Gateway, folder: &std::path::Path, status: &str) -> Gateway {
    let (council, ledger) = gateway.stop().await;
    ledger.close().await;
    drop((council, ledger));
    Gateway::start_under(folder, created, ("\"in-force\"", status)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_agreement_is_suspended_what_waits_is_held_and_then_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(folder.path(), down).await;
    hand_in(&gateway).await;
    for _ in 0..2 {
        gateway = restarted_under(gateway, folder.path(), "\"suspended\"").await;
        gateway.retried_once().await;
        assert_eq!(gateway.council_saw(0).await.len(), 0);
    }
    let gateway = restarted_under(gateway, folder.path(), "\"in-force\"").await;
    gateway.council_saw(1).await;
    let records = gateway.recorded_when(|records| count(records, Event::Outcome) == 1).await;
    let refused: Vec<&Record> =
        records.iter().filter(|record| record.exchange.event == Event::Refused).collect();
    assert_eq!(count(&records, Event::Refused), 1, "it is recorded once, not at each attempt");
    assert_eq!(refused[0].exchange.reason.as_deref(), Some("no-sharing-agreement"));
    let named: Vec<&str> = refused
        .iter()
        .filter_map(|record| person(record))
        .filter_map(|person| person.nhs_number.as_deref())
        .collect();
    assert_eq!(named, [ANN], "whom it is about sees it");
    assert_eq!((count(&records, Event::Intent), count(&records, Event::NotDelivered)), (1, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn a_fault_of_the_program_with_a_message_is_recorded_and_never_met_with_silence() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.panics.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AE"]);
    assert_eq!((site.ledger.appended.load(Ordering::SeqCst), site.counts.of(Counted::Failed)), (1, 1));
    site.decision.panics.store(false, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AA"]);
    site.decision.panics.store(true, Ordering::SeqCst);
    let delivery = site.delivery();
    delivery.round().await;
    assert_eq!((site.arrived().len(), site.counts.of(Counted::Retried)), (0, 1), "delivery goes on");
    site.decision.panics.store(false, Ordering::SeqCst);
    site.clock.advance(Duration::from_secs(60));
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0"]);
}

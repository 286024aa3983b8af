//! What is recorded of a parcel is true whenever the gateway stops, and whatever fails: what may have arrived never ends
//! as not delivered, every intent ends, and what fails time and again does not fill the ledger.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::push::counts::Counted;
use gateway::push::delivery::{Delivery, NotDelivered};
use gateway::push::outbox::Parcel;
use gateway::trail::record::Event;
use rusqlite::Connection;

use super::support::{Site, discharge, modes};

const DENIED: NotDelivered = NotDelivered::Denied("consent-denied");
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn later(site: &Site, delivery: &Arc<Delivery>) {
    site.clock.advance(Duration::from_secs(600));
    delivery.round().await;
}

fn ended(event: Event, reason: &str) -> (Event, Option<String>) {
    (event, Some(reason.to_owned()))
}

/// Makes every change of these columns fail, as a full disk would.
fn break_store(folder: &Path, columns: &str) {
    let connection = Connection::open(folder.join("push.sqlite")).unwrap();
    let of = if columns.is_empty() { String::new() } else { format!("OF {columns}") };
    let trigger = format!(
        "CREATE TRIGGER broken BEFORE UPDATE {of} ON outbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    );
    connection.execute_batch(&trigger).unwrap();
}

fn mend_store(folder: &Path) {
    let connection = Connection::open(folder.join("push.sqlite")).unwrap();
    connection.execute_batch("DROP TRIGGER broken").unwrap();
}

#[tokio::test]
async fn what_may_have_arrived_ends_as_unconfirmed_when_she_dissents_later() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.receivers.mumbles.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0"]);
    site.block(Some(""));
    later(&site, &delivery).await;
    site.decides(Some(DENIED));
    later(&site, &delivery).await;
    assert_eq!(site.events().await, [ended(Event::Failed, "unconfirmed-consent-denied")]);
    assert_eq!(site.store.backlog().await.unwrap().dead, 1);
}

#[tokio::test]
async fn what_may_have_arrived_ends_as_unconfirmed_when_it_is_not_taken_later() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.receivers.mumbles.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    later(&site, &delivery).await;
    assert_eq!(site.events().await, [ended(Event::Failed, "unconfirmed-not-taken-invalid")]);
}

#[tokio::test]
async fn what_cannot_have_arrived_ends_as_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some(""));
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.decides(Some(DENIED));
    later(&site, &delivery).await;
    assert_eq!(site.events().await, [ended(Event::NotDelivered, "consent-denied")]);
}

#[tokio::test]
async fn bytes_that_may_have_arrived_are_unconfirmed_when_it_is_cut_anew() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.receivers.mumbles.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.receivers.mumbles.store(false, Ordering::SeqCst);
    site.cuts(Some("less"));
    later(&site, &delivery).await;
    assert_eq!(site.arrived(), ["A0", "less"]);
    let events =
        [(Event::Intent, None), ended(Event::Failed, "unconfirmed-cut-anew"), (Event::Outcome, None)];
    assert_eq!(site.events().await, events);
    let recorded = site.recorded().await;
    assert_eq!(recorded[0].0, recorded[2].0);
    assert_ne!(recorded[0].0, recorded[1].0);
}

#[tokio::test]
async fn what_had_left_when_the_gateway_was_killed_ends_as_unconfirmed() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.receivers.hangs.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    let delivery = site.delivery();
    let delivering = tokio::spawn(async move { delivery.round().await });
    while site.arrived().is_empty() {
        tokio::task::yield_now().await;
    }
    delivering.abort();
    drop(delivering.await);
    drop(site);
    let site = Site::open(folder.path());
    site.decides(Some(DENIED));
    site.delivery().round().await;
    assert_eq!(site.events().await, [ended(Event::Failed, "unconfirmed-consent-denied")]);
}

#[tokio::test]
async fn what_a_rule_holds_back_is_tried_until_the_rule_passes() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    site.decides(Some(NotDelivered::Held("person-uncertain")));
    for _ in 0..5 {
        later(&site, &delivery).await;
    }
    let backlog = site.store.backlog().await.unwrap();
    assert_eq!((backlog.due, backlog.dead, site.counts.of(Counted::Held)), (1, 0, 1));
    site.decides(None);
    later(&site, &delivery).await;
    assert_eq!(site.arrived(), ["A0"]);
}

#[tokio::test]
async fn what_is_held_back_for_days_is_given_up_by_name_and_not_in_the_first_round() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    site.clock.advance(DAY * 10);
    site.decides(Some(NotDelivered::Held("no-sharing-agreement")));
    delivery.round().await;
    assert_eq!(site.store.backlog().await.unwrap().dead, 0, "the gateway was down for long");
    site.clock.advance(DAY * 4);
    delivery.round().await;
    assert_eq!(site.store.backlog().await.unwrap().dead, 1);
    assert_eq!(site.events().await, [ended(Event::NotDelivered, "no-sharing-agreement")]);
}

#[tokio::test]
async fn a_row_of_an_earlier_build_without_its_text_is_held_and_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.send(&discharge("A0", "0000018")).await;
    drop(site);
    let connection = Connection::open(folder.path().join("push.sqlite")).unwrap();
    for column in ["departed", "held", "held_ms", "anew", "former", "former_departed"] {
        connection.execute_batch(&format!("ALTER TABLE outbox DROP COLUMN {column}")).unwrap();
    }
    connection.execute_batch("UPDATE inbox SET raw = NULL").unwrap();
    drop(connection);
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    for _ in 0..3 {
        later(&site, &delivery).await;
    }
    assert_eq!((site.store.backlog().await.unwrap().due, site.arrived().len()), (1, 0));
    assert_eq!(site.events().await, [ended(Event::Refused, "original-not-held")]);
    site.clock.advance(DAY * 4);
    delivery.round().await;
    let last = site.events().await.pop().unwrap();
    assert_eq!(
        last,
        ended(Event::Failed, "unconfirmed-original-not-held"),
        "nobody noted whether it had left"
    );
}

#[tokio::test]
async fn while_the_store_cannot_be_written_nothing_is_appended_for_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    site.decides(Some(DENIED));
    break_store(folder.path(), "");
    for _ in 0..10 {
        delivery.round().await;
        site.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(site.events().await, []);
    mend_store(folder.path());
    later(&site, &delivery).await;
    assert_eq!(site.events().await, [ended(Event::NotDelivered, "consent-denied")]);
}

#[tokio::test]
async fn after_a_fault_of_the_store_a_parcel_rests_ever_longer_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    site.cuts(Some("less"));
    break_store(folder.path(), "body");
    let mut seconds = 0;
    while seconds < 60 {
        assert!(delivery.round().await >= Duration::from_secs(1));
        site.clock.advance(Duration::from_secs(1));
        seconds += 1;
    }
    let intents = site.events().await.iter().filter(|(event, _)| *event == Event::Intent).count();
    assert_eq!(intents, 6, "at 0, 1, 3, 7, 15 and 31 seconds");
}

#[tokio::test]
async fn every_intent_ends_although_the_gateway_stopped_before_what_was_cut_anew_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.send(&discharge("A0", "0000018")).await;
    site.cuts(Some("less"));
    break_store(folder.path(), "body");
    site.delivery().round().await;
    drop(site);
    mend_store(folder.path());
    let site = Site::open(folder.path());
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["A0"], "as it was cut first: the denial was taken back");
    let recorded = site.recorded().await;
    let events: Vec<Event> = recorded.iter().map(|(_, event, _)| *event).collect();
    assert_eq!(events, [Event::Intent, Event::NotReleased, Event::Outcome]);
    assert_eq!(recorded[0].0, recorded[1].0);
    assert_ne!(recorded[0].0, recorded[2].0);
}

#[tokio::test]
async fn every_intent_ends_although_the_gateway_stopped_before_the_earlier_one_was_ended() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.send(&discharge("A0", "0000018")).await;
    let id = site.store.due(i64::MAX, 1, HashSet::new()).await.unwrap().of_each[0].1[0];
    let due = site.store.begin(id, |_| false).await.unwrap().unwrap();
    let mut intent: BTreeMap<String, serde_json::Value> =
        fhir::json::parse_into(due.parcel.intent.clone().into(), &fhir::json::Limits::default()).unwrap();
    intent.insert("request_id".to_owned(), "anew".into());
    let anew = Parcel { intent: serde_json::to_vec(&intent).unwrap(), ..due.parcel };
    site.store.replace(due.id, anew).await.unwrap();
    drop(site);
    let site = Site::open(folder.path());
    site.delivery().round().await;
    assert_eq!(site.events().await, [ended(Event::NotDelivered, "cut-anew"), (Event::Outcome, None)]);
    let names: BTreeSet<String> = site.recorded().await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), 2);
}

#[tokio::test]
async fn a_message_that_the_program_fails_at_is_given_up_by_name_until_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.panics.store(true, Ordering::SeqCst);
    site.send(&modes("A0", "0000018", "AL|NE")).await;
    let before = site.events().await.len();
    for _ in 0..10 {
        site.intake.resume(&[Arc::clone(&site.sender)]).await;
    }
    let events = site.events().await.split_off(before);
    let failed = |reason| ended(Event::Failed, reason);
    assert_eq!(events, [failed("panicked"), failed("panicked"), failed("panicked-given-up")]);
    assert_eq!((site.store.backlog().await.unwrap().dead, site.counts.of(Counted::Dead)), (1, 1));
    drop(site);
    let site = Site::open(folder.path());
    site.intake.resume(&[Arc::clone(&site.sender)]).await;
    let backlog = site.store.backlog().await.unwrap();
    assert_eq!((backlog.due, backlog.dead), (1, 0), "its text was kept");
}

#[tokio::test]
async fn a_parcel_that_the_program_fails_at_is_recorded_and_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    site.decision.panics.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        later(&site, &delivery).await;
    }
    assert_eq!(site.events().await, [ended(Event::Failed, "panicked")]);
    assert_eq!(site.counts.of(Counted::Failed), 1);
    site.decision.panics.store(false, Ordering::SeqCst);
    later(&site, &delivery).await;
    assert_eq!(site.arrived(), ["A0"]);
}

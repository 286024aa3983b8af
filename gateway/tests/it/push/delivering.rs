//! Parcels arrive in order for each person, once in effect, or are given up loudly.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::push::counts::Counted;

use super::support::{Site, discharge};

#[tokio::test]
async fn parcels_of_one_person_arrive_in_order_also_when_the_receiver_was_down() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some(""));
    for index in 0..5 {
        site.send(&discharge(&format!("A{index}"), "0000018")).await;
        delivery.round().await;
        site.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(site.arrived(), Vec::<String>::new());
    assert!(site.counts.of(Counted::Retried) >= 2);
    site.block(None);
    site.clock.advance(Duration::from_secs(600));
    delivery.round().await;
    assert_eq!(site.arrived(), ["A0", "A1", "A2", "A3", "A4"]);
    assert_eq!(site.store.backlog().await.unwrap().due, 0);
}

#[tokio::test]
async fn a_failure_waits_ever_longer() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some(""));
    site.send(&discharge("A0", "0000018")).await;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let wait = delivery.round().await;
        waits.push(wait);
        site.clock.advance(wait);
    }
    for (wait, seconds) in waits.into_iter().zip([1, 2, 4, 8]) {
        let least = Duration::from_secs(seconds);
        assert!(wait >= least && wait < least + least / 4, "{wait:?} after {least:?}");
    }
}

#[tokio::test]
async fn parcels_that_failed_together_are_not_all_tried_together_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some(""));
    for index in 0..8 {
        site.send(&discharge(&format!("A{index}"), ["0000018", "0000026", "0000034"][index % 3])).await;
    }
    delivery.round().await;
    let connection = rusqlite::Connection::open(folder.path().join("push.sqlite")).unwrap();
    let count = "SELECT COUNT(DISTINCT due_ms) FROM outbox WHERE attempts = 1";
    let distinct: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(distinct, 3, "each person's first parcel waits for a moment of its own");
}

#[tokio::test]
async fn a_failure_holds_up_the_person_it_is_about_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some("A0"));
    for (control_id, number) in [("A0", "0000018"), ("A1", "0000018"), ("B0", "0000026"), ("B1", "0000026")] {
        site.send(&discharge(control_id, number)).await;
    }
    let wait = delivery.round().await;
    assert_eq!(site.arrived(), ["B0", "B1"]);
    assert!(
        wait >= Duration::from_secs(1),
        "{wait:?}: there is nothing to do before the first is tried again"
    );
    site.block(None);
    site.clock.advance(Duration::from_secs(60));
    delivery.round().await;
    assert_eq!(site.arrived(), ["B0", "B1", "A0", "A1"]);
}

#[tokio::test]
async fn what_a_receiver_will_never_take_is_given_up_counted_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    let backlog = site.store.backlog().await.unwrap();
    assert_eq!((backlog.due, backlog.dead, site.counts.of(Counted::Dead)), (0, 1, 1));
    assert_eq!(site.counts.backlog(), backlog);
    assert_eq!(site.ledger.appended.load(Ordering::SeqCst), 1);
    site.receivers.unwilling.store(false, Ordering::SeqCst);
    site.send(&discharge("A1", "0000018")).await;
    delivery.round().await;
    assert_eq!(site.arrived(), ["A1"], "a dead letter holds up nothing");
}

#[tokio::test]
async fn what_could_not_be_delivered_for_days_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.block(Some(""));
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.clock.advance(Duration::from_secs(4 * 24 * 60 * 60));
    delivery.round().await;
    assert_eq!(site.store.backlog().await.unwrap().dead, 1);
}

#[tokio::test]
async fn the_same_message_has_the_same_bundle_id_before_and_after_a_restart() {
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path());
        site.send(&discharge("A0", "0000018")).await;
        site.delivery().round().await;
        ids.extend(site.receivers.arrived.lock().unwrap().iter().map(|(_, bundle, _)| bundle.clone()));
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn what_was_delivered_long_ago_is_forgotten_and_what_is_dead_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    site.send(&discharge("A1", "0000018")).await;
    delivery.round().await;
    site.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    delivery.round().await;
    site.receivers.unwilling.store(false, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("A1", "0000018")).await, ["AA"]);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 2, "the dead one is still known");
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AA"]);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 3, "the delivered one is new again");
}

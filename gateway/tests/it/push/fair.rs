//! What waits in the outbox goes to each system in its turn, and nobody waits for a system that does not answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::person::SystemName;
use gateway::push::counts::Counted;
use gateway::push::intake::Sender;
use rusqlite::Connection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::leaving::{PATIENCE, delivering, persons, until};
use super::support::{Site, discharge};

/// How many parcels of the outbox may be under way at once to one system.
const PLACES: usize = 16;
/// More than are listed at once.
const MANY: usize = 300;

/// A site that delivers as a gateway does, all by the outbox.
async fn by_the_outbox(folder: &Path) -> (Arc<Site>, watch::Sender<bool>, JoinHandle<()>) {
    let (site, stop, running) = delivering(folder).await;
    site.decision.fresh.store(false, Ordering::SeqCst);
    (site, stop, running)
}

async fn send_to(site: &Site, system: &'static str, (control_id, person): (&str, &str)) {
    let sender = Sender { to: vec![SystemName::new(system)], ..(*site.sender).clone() };
    let mut told = site.intake.take(Arc::new(sender), discharge(control_id, person).into_bytes(), None);
    assert!(told.recv().await.is_some());
}

fn last(site: &Site) -> Option<String> {
    site.arrived().pop()
}

#[tokio::test]
async fn a_system_that_does_not_answer_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = by_the_outbox(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    let persons = persons(PLACES + 3);
    for (index, person) in persons.iter().take(PLACES).enumerate() {
        send_to(&site, "council", (&format!("M{index}"), person)).await;
    }
    until("its places are taken", || site.arrived().len() == PLACES).await;
    send_to(&site, "council", ("NEXT", &persons[PLACES])).await;
    site.receivers.hangs.store(false, Ordering::SeqCst);
    send_to(&site, "hospice", ("OTHER", &persons[PLACES + 1])).await;
    until("another has its own", || site.counts.of(Counted::Delivered) == 1).await;
    assert_eq!(last(&site).as_deref(), Some("OTHER"));
    // What did not arrive there at once is tried again in its time all the same.
    site.block(Some("LATER"));
    send_to(&site, "hospice", ("LATER", &persons[PLACES + 2])).await;
    until("it was tried", || site.counts.of(Counted::Retried) == 1).await;
    site.block(None);
    site.clock.advance(Duration::from_secs(2));
    until("it arrives", || site.counts.of(Counted::Delivered) == 2).await;
    assert_eq!(site.arrived().len(), PLACES + 2, "and not one more to the first");
    site.receivers.go_on.notify_one();
    until("a place is given on", || site.counts.of(Counted::Delivered) == 4).await;
    site.receivers.go_on.notify_waiters();
    until("all arrive", || site.counts.of(Counted::Delivered) == persons.len() as u64).await;
}

#[tokio::test]
async fn a_parcel_that_hangs_holds_up_no_other_of_its_system() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = by_the_outbox(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    site.send(&discharge("HANGS", "0000018")).await;
    until("it is under way", || site.arrived() == ["HANGS"]).await;
    site.receivers.hangs.store(false, Ordering::SeqCst);
    for control_id in ["A0", "A1", "A2"] {
        site.send(&discharge(control_id, "0000026")).await;
    }
    until("they arrive in order", || site.arrived() == ["HANGS", "A0", "A1", "A2"]).await;
}

#[tokio::test]
async fn what_is_behind_a_parcel_that_is_given_up_has_its_turn_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    for control_id in ["A0", "A1"] {
        site.send(&discharge(control_id, "0000018")).await;
    }
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    let (_stop, drain) = watch::channel(false);
    tokio::spawn(site.delivery().run(drain));
    until("both are given up", || site.counts.of(Counted::Dead) == 2).await;
}

#[tokio::test]
async fn all_that_is_due_goes_without_a_ring_so_many_at_once_and_past_one_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let persons = persons(MANY);
    for (index, person) in persons.iter().enumerate() {
        site.send(&discharge(&format!("M{index}"), person)).await;
    }
    drop(site);
    // Started anew: nothing rings.
    let site = Site::open(folder.path());
    site.receivers.hangs.store(true, Ordering::SeqCst);
    let (_stop, drain) = watch::channel(false);
    tokio::spawn(site.delivery().run(drain));
    until("the places are taken", || site.arrived().len() == PLACES).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(site.arrived().len(), PLACES);
    site.receivers.hangs.store(false, Ordering::SeqCst);
    for _ in 1..PLACES {
        site.receivers.go_on.notify_one();
    }
    until("all but one arrive", || site.counts.of(Counted::Delivered) == MANY as u64 - 1).await;
    site.receivers.go_on.notify_one();
    until("all arrive", || site.counts.of(Counted::Delivered) == MANY as u64).await;
    assert_eq!(site.arrived().len(), MANY, "each once");
    until("nothing is counted as waiting", || site.counts.backlog().due == 0).await;
}

#[tokio::test]
async fn nothing_begins_for_a_while_when_the_store_fails_and_all_goes_on_when_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = by_the_outbox(folder.path()).await;
    // What is cut anew cannot be stored: an intent is recorded for each that is tried.
    site.cuts(Some("less"));
    let store = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let broken =
        "CREATE TRIGGER broken BEFORE UPDATE OF body ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END";
    store.execute_batch(broken).unwrap();
    let persons = persons(4 * PLACES);
    for (index, person) in persons.iter().enumerate() {
        site.send(&discharge(&format!("M{index}"), person)).await;
    }
    sleep(Duration::from_millis(300)).await;
    let tried = site.ledger.appended.load(Ordering::SeqCst);
    assert!((1..=PLACES).contains(&tried), "{tried} were tried");
    assert_eq!(site.arrived().len(), 0, "nothing leaves that is not noted");
    store.execute_batch("DROP TRIGGER broken").unwrap();
    site.clock.advance(Duration::from_secs(60));
    until("all arrive", || site.counts.of(Counted::Delivered) == persons.len() as u64).await;
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_what_the_outbox_has_under_way_and_begins_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (site, stop, mut running) = by_the_outbox(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    for control_id in ["A0", "A1"] {
        site.send(&discharge(control_id, "0000018")).await;
    }
    until("it is under way", || site.arrived() == ["A0"]).await;
    stop.send(true).unwrap();
    assert!(timeout(Duration::from_millis(300), &mut running).await.is_err(), "it waits");
    site.receivers.go_on.notify_waiters();
    timeout(PATIENCE, running).await.unwrap().unwrap();
    assert_eq!((site.counts.of(Counted::Delivered), site.arrived().len()), (1, 1));
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
}

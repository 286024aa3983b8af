//! What leaves with the commit that puts it into the outbox: once, in its turn, and only when that commit held.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::person::SystemName;
use gateway::push::counts::Counted;
use gateway::push::delivery::NotDelivered;
use gateway::push::intake::Sender;
use gateway::trail::record::Event;
use rusqlite::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::support::{Site, discharge};

/// How long is waited for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How many parcels to one system may be under way at once that left so.
const PLACES: usize = 16;

/// Whatever asks the outbox for a parcel has to note the attempt: that fails.
const ONLY_AT_ONCE: &str =
    "CREATE TRIGGER broken BEFORE UPDATE OF attempts ON outbox BEGIN SELECT RAISE(ABORT, 'asked'); END";

/// A site that delivers as a gateway does, and in which rulings are of the moment.
pub(super) async fn delivering(folder: &Path) -> (Arc<Site>, watch::Sender<bool>, JoinHandle<()>) {
    let site = Arc::new(Site::open(folder));
    site.decision.fresh.store(true, Ordering::SeqCst);
    let (stop, drain) = watch::channel(false);
    let delivery = site.delivery();
    let running = tokio::spawn(delivery.run(drain));
    // From its first look on things leave at once.
    while !site.intake.express.is_open() {
        sleep(Duration::from_millis(5)).await;
    }
    (site, stop, running)
}

pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn store(folder: &Path, statement: &str) {
    Connection::open(folder.join("push.sqlite")).unwrap().execute_batch(statement).unwrap();
}

fn number_of(folder: &Path, question: &str) -> i64 {
    let connection = Connection::open(folder.join("push.sqlite")).unwrap();
    connection.query_row(question, [], |row| row.get(0)).unwrap()
}

/// The seven last digits of test numbers, each of another person.
pub(super) fn persons(count: usize) -> Vec<String> {
    let check = |serial: usize| {
        let digits = format!("999{serial:06}");
        let weighted =
            digits.bytes().zip((2..=10).rev()).map(|(byte, weight)| usize::from(byte - b'0') * weight);
        (11 - weighted.sum::<usize>() % 11) % 11
    };
    let numbers =
        (1..).filter(|serial| check(*serial) < 10).map(|serial| format!("{serial:06}{}", check(serial)));
    numbers.take(count).collect()
}

#[tokio::test]
async fn a_parcel_leaves_with_the_commit_that_stores_it_and_its_outcome_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    store(folder.path(), ONLY_AT_ONCE);
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AA"]);
    until("it arrives", || site.counts.of(Counted::Delivered) == 1).await;
    assert_eq!(site.arrived(), ["A0"]);
    assert_eq!(site.events().await, [(Event::Outcome, None)]);
    let noted = "SELECT COUNT(*) FROM outbox WHERE state = 'delivered' AND attempts = 1 AND departed = 1";
    assert_eq!(number_of(folder.path(), noted), 1);
    assert_eq!(
        number_of(folder.path(), "SELECT COUNT(*) FROM inbox WHERE raw IS NOT NULL OR answer <> 'AA'"),
        0
    );
}

#[tokio::test]
async fn nothing_leaves_at_once_whose_ruling_is_not_of_this_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.decision.fresh.store(false, Ordering::SeqCst);
    site.decides(Some(NotDelivered::Held("shielded")));
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AA"]);
    until("it is held back", || site.counts.of(Counted::Held) == 1).await;
    assert_eq!(site.arrived(), Vec::<String>::new());
}

#[tokio::test]
async fn a_parcel_waits_for_those_before_it_of_the_same_person_and_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    until("the first is under way", || site.arrived() == ["A0"]).await;
    site.receivers.hangs.store(false, Ordering::SeqCst);
    site.send(&discharge("A1", "0000018")).await;
    site.send(&discharge("B0", "0000026")).await;
    until("the other person's arrives", || site.arrived() == ["A0", "B0"]).await;
    until("that is noted", || site.counts.of(Counted::Delivered) == 1).await;
    site.receivers.go_on.notify_waiters();
    until("the second follows the first", || site.arrived() == ["A0", "B0", "A1"]).await;
}

#[tokio::test]
async fn what_did_not_arrive_is_tried_again_by_the_outbox_and_those_behind_it_follow() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.block(Some("A0"));
    site.send(&discharge("A0", "0000018")).await;
    until("it is tried", || site.counts.of(Counted::Retried) == 1).await;
    site.send(&discharge("A1", "0000018")).await;
    site.block(None);
    site.clock.advance(Duration::from_secs(60));
    until("both arrive", || site.arrived() == ["A0", "A1"]).await;
}

#[tokio::test]
async fn what_did_not_arrive_is_tried_again_when_nothing_else_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.block(Some("A0"));
    site.send(&discharge("A0", "0000018")).await;
    until("it is tried", || site.counts.of(Counted::Retried) == 1).await;
    site.block(None);
    site.clock.advance(Duration::from_secs(60));
    until("it arrives", || site.arrived() == ["A0"]).await;
}

#[tokio::test]
async fn a_commit_that_fails_lets_nothing_leave_and_ends_the_intent() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    let full = "CREATE TRIGGER broken BEFORE UPDATE OF answer ON inbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    store(folder.path(), full);
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AE"]);
    assert_eq!(site.events().await, [(Event::NotReleased, Some("not-stored".to_owned()))]);
    assert_eq!(number_of(folder.path(), "SELECT COUNT(*) FROM outbox"), 0);
    assert_eq!(number_of(folder.path(), "SELECT COUNT(*) FROM inbox"), 0, "its sender sends it again");
    store(folder.path(), "DROP TRIGGER broken");
    assert_eq!(site.send(&discharge("A0", "0000018")).await, ["AA"]);
    until("it arrives once", || site.counts.of(Counted::Delivered) == 1).await;
    assert_eq!(site.arrived(), ["A0"]);
}

#[tokio::test]
async fn the_outbox_takes_what_has_no_place_and_nothing_is_carried_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    let all: Vec<String> = (0..=PLACES).map(|index| format!("M{index:02}")).collect();
    for (control_id, person) in all.iter().zip(persons(all.len())) {
        assert_eq!(site.send(&discharge(control_id, &person)).await, ["AA"]);
    }
    until("all are under way", || site.arrived().len() >= all.len()).await;
    site.receivers.hangs.store(false, Ordering::SeqCst);
    site.receivers.go_on.notify_waiters();
    until("all arrive", || site.counts.of(Counted::Delivered) == all.len() as u64).await;
    let mut arrived = site.arrived();
    arrived.sort();
    assert_eq!(arrived, all);
    let asked = "SELECT COUNT(*) FROM outbox WHERE attempts = 1 AND state = 'delivered'";
    assert_eq!(number_of(folder.path(), asked), all.len() as i64);
}

#[tokio::test]
async fn a_system_that_does_not_answer_takes_up_no_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (site, _stop, _) = delivering(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    let persons = persons(PLACES + 2);
    for (index, person) in persons.iter().take(PLACES).enumerate() {
        site.send(&discharge(&format!("M{index}"), person)).await;
    }
    until("all places are taken", || site.arrived().len() == PLACES).await;
    site.receivers.hangs.store(false, Ordering::SeqCst);
    store(folder.path(), ONLY_AT_ONCE);
    site.send(&discharge("LATE", &persons[PLACES])).await;
    let hospice = Sender { to: vec![SystemName::new("hospice")], ..(*site.sender).clone() };
    let message = discharge("OTHER", &persons[PLACES + 1]).into_bytes();
    let mut told = site.intake.take(Arc::new(hospice), message, None);
    assert!(told.recv().await.is_some());
    until("the other system has its own", || site.counts.of(Counted::Delivered) == 1).await;
    assert_eq!(site.arrived().last().map(String::as_str), Some("OTHER"));
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (site, stop, mut running) = delivering(folder.path()).await;
    site.receivers.hangs.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    until("it is under way", || site.arrived() == ["A0"]).await;
    stop.send(true).unwrap();
    assert!(timeout(Duration::from_millis(300), &mut running).await.is_err(), "it waits");
    site.receivers.go_on.notify_waiters();
    timeout(PATIENCE, running).await.unwrap().unwrap();
    assert_eq!(site.counts.of(Counted::Delivered), 1);
    // What comes now is taken, and leaves after the next start.
    assert_eq!(site.send(&discharge("B0", "0000026")).await, ["AA"]);
    assert_eq!(site.arrived(), ["A0"]);
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn what_left_so_before_the_gateway_was_killed_ends_as_unconfirmed() {
    let folder = tempfile::tempdir().unwrap();
    let killed = runtime();
    killed.block_on(async {
        let (site, _stop, _) = delivering(folder.path()).await;
        site.receivers.hangs.store(true, Ordering::SeqCst);
        site.send(&discharge("A0", "0000018")).await;
        until("it is under way", || site.arrived() == ["A0"]).await;
    });
    drop(killed);
    runtime().block_on(async {
        let site = Site::open(folder.path());
        site.decides(Some(NotDelivered::Denied("consent-denied")));
        site.delivery().round().await;
        let ended = (Event::Failed, Some("unconfirmed-consent-denied".to_owned()));
        assert_eq!(site.events().await, [ended]);
    });
}

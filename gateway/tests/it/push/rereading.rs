//! A file that could not be dealt with to its end is read again: what was dealt with has no second effect.

use std::sync::atomic::Ordering;

use gateway::push::folder::Looked;
use gateway::push::letters::{Owed, Stage};
use gateway::trail::record::Event;
use rusqlite::Connection;

use super::letters::open;
use super::places::{CLIENT, HEADER, drop_file, left, start};
use super::rows::{FENWICK, FORD, by_folder};
use super::support::Site;

const OTHER: &str = "2,9990000026,Frost,17/06/1942,RX1";
const BAD: &str = "3,9990000034,Fox";

#[tokio::test]
async fn rows_of_one_key_do_not_go_again_when_their_file_is_read_again() {
    for restarts in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Site::open(folder.path());
        let mut folders = by_folder(folder.path(), &mut site);
        drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{OTHER}\n{OTHER}\n{FENWICK}\n{FORD}\n"));
        site.decision.fails_at.store(1, Ordering::SeqCst);
        assert_eq!(folders.look().await, Looked::Left);
        assert_eq!(site.store.backlog().await.unwrap().due, 2, "what she said, twice");
        if restarts {
            drop((folders, site));
            site = Site::open(folder.path());
            folders = by_folder(folder.path(), &mut site);
        }
        assert_eq!(folders.look().await, Looked::Done);
        assert_eq!(site.store.backlog().await.unwrap().due, 3, "and the other, once");
        assert_eq!(left(folder.path()), Vec::<String>::new());
        let noted = Connection::open(folder.path().join("push.sqlite")).unwrap();
        let count: i64 = noted.query_row("SELECT COUNT(*) FROM file_row", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "nothing is noted of a file that is done");
        // Another file of the same name is another, and what it returns to is news.
        drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{FENWICK}\n"));
        assert_eq!(folders.look().await, Looked::Done);
        assert_eq!(site.store.backlog().await.unwrap().due, 4);
    }
}

#[tokio::test]
async fn what_a_later_file_said_is_not_undone_by_reading_an_earlier_one_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let folders = by_folder(folder.path(), &mut site);
    drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{OTHER}\n{OTHER}\n{FENWICK}\n"));
    drop_file(folder.path(), "b.csv", &format!("{HEADER}\n{FORD}\n"));
    site.decision.fails_at.store(1, Ordering::SeqCst);
    assert_eq!(folders.look().await, Looked::Left);
    assert_eq!(folders.look().await, Looked::Done);
    assert_eq!(site.store.backlog().await.unwrap().due, 3);
    let delivery = site.delivery();
    for _ in 0..3 {
        delivery.round().await;
    }
    let said = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let last: i64 = said
        .query_row(
            "SELECT MAX(nth) FROM (SELECT ROW_NUMBER() OVER (ORDER BY id) AS nth FROM inbox)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(last, 3, "each said once");
}

#[tokio::test]
async fn what_is_refused_in_a_folder_is_owed_and_recorded_once_however_often_its_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let folders = by_folder(folder.path(), &mut site);
    drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{OTHER}\n{OTHER}\n{BAD}\n{FENWICK}\n"));
    site.decision.fails_at.store(1, Ordering::SeqCst);
    site.decision.refuses.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(folders.look().await, Looked::Left);
        site.decision.fails_at.store(1, Ordering::SeqCst);
    }
    site.decision.fails_at.store(0, Ordering::SeqCst);
    site.decision.refuses.store(true, Ordering::SeqCst);
    assert_eq!(folders.look().await, Looked::Done);
    let letters = open(&site).await;
    let told: Vec<(Stage, u32, Owed)> =
        letters.iter().map(|letter| (letter.stage, letter.attempts, letter.owed)).collect();
    assert_eq!(
        told,
        [(Stage::Translate, 1, Owed::Yes), (Stage::Decide, 2, Owed::Yes)],
        "it stands there twice: {letters:?}"
    );
    assert_eq!(site.store.backlog().await.unwrap().dead, 2, "nobody was told");
    let refused = (Event::Refused, Some("not-translated".to_owned()));
    assert_eq!(site.events().await.into_iter().filter(|event| *event == refused).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_sent_again_says_nothing_twice_and_counts_after_what_came_between() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path()).await;
    let broken = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON letter BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    let post = async |text: &str| gateway.post("/inbound/people", CLIENT, "text/csv", text).await;
    broken.execute_batch(full).unwrap();
    let file = format!("{HEADER}\n{FENWICK}\n{FORD}\n{BAD}\n");
    for _ in 0..2 {
        let reply = post(&file).await;
        assert!(reply.contains("status: 503") && reply.contains("2 of 3 are on their way"), "{reply}");
        gateway.council_saw(2).await;
    }
    let reply = post(&format!("{HEADER}\n{FENWICK}\n")).await;
    assert!(reply.contains("status: 200"), "{reply}");
    gateway.council_saw(3).await;
    broken.execute_batch("DROP TRIGGER full").unwrap();
    assert!(post(&file).await.contains("status: 422"));
    gateway.council_saw(4).await;
    let (council, _) = gateway.stop().await;
    let said: Vec<bool> = council.seen().iter().map(|seen| seen.body.contains("Fenwick")).collect();
    assert_eq!(said, [true, false, true, false], "the receiver holds what came last");
}

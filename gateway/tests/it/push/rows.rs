//! What a record says may change and change back; each time it is news, and the same again is not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use adapters::mapping::Mapping;
use gateway::push::folder::{Folders, Looked};
use gateway::push::form::Form;
use gateway::push::intake::Sender;
use gateway::push::letters::Which;
use gateway::settings::{Inbound, Making};
use rusqlite::Connection;

use super::places::{CLIENT, HEADER, MAPPING, drop_file, left, names, people, start, until};
use super::support::Site;
use super::whole::{Gateway, created};

pub(super) const FENWICK: &str = "1,9990000018,Fenwick,17/06/1942,RX1";
pub(super) const FORD: &str = "1,9990000018,Ford,17/06/1942,RX1";

async fn post(gateway: &Gateway, row: &str) -> String {
    gateway.post("/inbound/people", CLIENT, "text/csv", &format!("{HEADER}\n{row}\n")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_returns_to_what_it_said_before_is_news_and_the_same_again_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path()).await;
    for (row, arrived) in [(FENWICK, 1), (FENWICK, 1), (FORD, 2), (FENWICK, 3), (FENWICK, 3), (FORD, 4)] {
        let reply = post(&gateway, row).await;
        assert!(reply.contains("1 of 1 are on their way"), "{reply}");
        gateway.council_saw(arrived).await;
    }
    let (council, _) = gateway.stop().await;
    let seen = council.seen();
    let said: Vec<bool> = seen.iter().map(|seen| seen.body.contains("Fenwick")).collect();
    assert_eq!(said, [true, false, true, false], "the receiver holds what came last");
    assert!(seen.iter().all(|one| one.line == seen[0].line), "of one and the same Bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_refused_is_asked_about_anew_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let late = ("discloser = [\"ods:RX1\"]", "discloser = [\"ods:RX9\"]");
    let gateway = Gateway::start_with(folder.path(), created, late, people(folder.path())).await;
    for _ in 0..2 {
        assert!(post(&gateway, FENWICK).await.contains("1 are refused"));
    }
    let letters = gateway.store().letters(Which::Open).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [2]);
    let (_, ledger) = gateway.stop().await;
    ledger.close().await;
    drop(ledger);
    let gateway = start(folder.path()).await;
    let reply = post(&gateway, FENWICK).await;
    assert!(reply.contains("1 of 1 are on their way"), "{reply}");
    gateway.council_saw(1).await;
    assert_eq!(names(&gateway.council), ["Fenwick"]);
    assert_eq!(gateway.store().letters(Which::Open).await.unwrap(), [], "nobody needs to see to it now");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_refused_and_cannot_be_kept_should_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path()).await;
    let broken = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON letter BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    broken.execute_batch(full).unwrap();
    let reply = post(&gateway, "2,9990000026,Ford").await;
    assert!(reply.contains("status: 503") && reply.contains("1 should be sent again"), "{reply}");
    broken.execute_batch("DROP TRIGGER full").unwrap();
    let reply = post(&gateway, "2,9990000026,Ford").await;
    assert!(reply.contains("status: 422") && reply.contains("1 are refused"), "{reply}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_refused_records_have_no_text_of_their_own_is_laid_aside() {
    let folder = tempfile::tempdir().unwrap();
    let place = people(folder.path());
    let mapping = std::fs::read_to_string(folder.path().join("people.toml")).unwrap();
    let json = mapping.replace("format = \"csv\"", "format = \"json\"\nrecords = \"people\"");
    std::fs::write(folder.path().join("people.toml"), json).unwrap();
    let gateway = Gateway::start_with(folder.path(), created, ("", ""), place).await;
    let person = |id: &str| {
        format!(r#"{{"ID":"{id}","NHS":"9990000018","Surname":"Fenwick","Born":"17/06/1942","Trust":"RX1"}}"#)
    };
    drop_file(folder.path(), "good.json", &format!(r#"{{"people":[{}]}}"#, person("1")));
    until(async || left(folder.path()).is_empty().then_some(())).await;
    let bad = format!(r#"{{"people":[{},{}]}}"#, person(""), person("1"));
    drop_file(folder.path(), "bad.json", &bad);
    until(async || (left(folder.path()) == [".refused/bad.json"]).then_some(())).await;
    assert_eq!(gateway.store().letters(Which::Open).await.unwrap().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn what_comes_later_about_a_person_waits_for_what_could_not_be_dealt_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let folders = by_folder(folder.path(), &mut site);
    let other = "2,9990000026,Frost,17/06/1942,RX1";
    drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{FENWICK}\n{FORD}\n"));
    drop_file(folder.path(), "b.csv", &format!("{HEADER}\n{FENWICK}\n{other}\n"));
    site.decision.fails_at.store(1, Ordering::SeqCst);
    assert_eq!(folders.look().await, Looked::Left);
    assert_eq!(site.store.backlog().await.unwrap().due, 1, "of another person only");
    assert_eq!(folders.look().await, Looked::Done);
    assert_eq!(left(folder.path()), Vec::<String>::new());
    let delivery = site.delivery();
    for _ in 0..3 {
        delivery.round().await;
    }
    let ids: Vec<String> =
        site.arrived().into_iter().map(|id| id.split('.').next().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    let about_her: Vec<&String> =
        ids.iter().filter(|id| ids.iter().filter(|other| other == id).count() == 2).collect();
    assert_eq!(about_her.len(), 2, "what she returned to arrived anew: {ids:?}");
    assert_eq!(ids.last(), Some(about_her[0]), "and last: {ids:?}");
}

/// A folder of records in the place of the messages of `site`.
pub(super) fn by_folder(folder: &Path, site: &mut Site) -> Folders {
    let mapping = Mapping::load("people.toml", MAPPING).unwrap();
    by_folder_of(folder, site, Making::Mapping(Arc::new(mapping)))
}

/// A folder of what is made into Bundles in this way.
pub(super) fn by_folder_of(folder: &Path, site: &mut Site, making: Making) -> Folders {
    people(folder);
    let plain = (*site.sender).clone();
    let form = Form::Mapped(making.clone());
    site.sender = Arc::new(Sender { listener: "inbound:people".to_owned(), form, ..plain });
    let place = Inbound {
        name: "people".to_owned(),
        making,
        from: site.sender.organisation.clone(),
        to: site.sender.to.clone(),
        purpose: site.sender.purposes[0],
        folder: Some(folder.join("dropped")),
        time_zone: "Europe/London".to_owned(),
    };
    let sender = Arc::clone(&site.sender);
    Folders {
        intake: Arc::clone(&site.intake),
        places: Arc::new(move || vec![place.clone()]),
        senders: Arc::new(move || vec![Arc::clone(&sender)]),
    }
}

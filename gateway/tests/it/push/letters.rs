//! Dead letters: what could not be passed on is kept with its reason, looked into only when that is recorded, and goes on
//! its way again by the same decision, minimum and record.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adapters::mapping::Mapping;
use fhir::tables::Release;
use gateway::person::SystemName;
use gateway::push::clerk::Attended;
use gateway::push::disclose::NotCleared;
use gateway::push::errands::{Done, Errand, ErrandId, Progress, What};
use gateway::push::folder::Looked;
use gateway::push::letters::{Letter, LetterId, LetterState, Stage, Which};
use gateway::settings::Making;
use gateway::trail::record::{About, Event, Record, RecordedRequestor};
use rusqlite::Connection;

use super::places::{HEADER, MAPPING, drop_file};
use super::rows::by_folder_of;
use super::support::{Site, discharge};

pub(super) async fn open(site: &Site) -> Vec<Letter> {
    site.store.letters(Which::Open).await.unwrap()
}

pub(super) async fn only(site: &Site) -> Letter {
    let mut letters = open(site).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

pub(super) fn errand(letter: LetterId, what: What, mended: Option<&str>) -> Errand {
    Errand {
        id: ErrandId::default(),
        letter,
        what,
        by: "Jo Operator".to_owned(),
        account: "uid 990".to_owned(),
        reason: "the sender asked about it".to_owned(),
        mended: mended.map(|text| text.as_bytes().to_vec()),
        asked_ms: 0,
    }
}

pub(super) async fn done(site: &Site, letter: LetterId, what: What, mended: Option<&str>) -> Done {
    let id = site.store.ask(errand(letter, what, mended)).await.unwrap();
    assert_eq!(site.clerk().attend().await.unwrap(), Attended::One);
    match site.store.progress(id).await.unwrap() {
        Some(Progress::Done(done)) => done,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn replay(site: &Site, letter: LetterId, mended: Option<&str>) -> Done {
    done(site, letter, What::Replay, mended).await
}

pub(super) fn is_well(done: &Done) -> bool {
    matches!(done, Done::Well(_))
}

async fn records(site: &Site) -> Vec<Record> {
    let entries = site.ledger.real.read_from(0, 1_000).await.unwrap();
    let payloads = entries.into_iter().filter_map(|entry| match entry.content {
        gateway::ledger::Content::Present(payload) => Some(payload),
        gateway::ledger::Content::Erased => None,
    });
    payloads.map(|payload| fhir::json::parse_into(payload, &fhir::json::Limits::default()).unwrap()).collect()
}

#[tokio::test]
async fn what_was_refused_is_a_dead_letter_and_goes_when_the_reason_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.refuses.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AE"]);
    let letter = only(&site).await;
    let told = (letter.stage, letter.reason.as_str(), letter.source.as_str(), letter.control_id.as_str());
    assert_eq!(told, (Stage::Decide, "labelled", "RX1/RX1/PAS", "M1"));
    assert_eq!(letter.system, Some(SystemName::new("council")));
    assert!(!format!("{letter:?}").contains("Fenwick") && letter.bytes.is_some());
    assert_eq!(replay(&site, letter.id, None).await, Done::InVain("labelled".to_owned()));
    assert_eq!(only(&site).await.attempts, 2);
    site.decision.refuses.store(false, Ordering::SeqCst);
    assert!(is_well(&replay(&site, letter.id, None).await));
    assert_eq!(open(&site).await, []);
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1"]);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"], "it counts as taken now");
    assert_eq!(replay(&site, letter.id, None).await, Done::Cannot("not-open".to_owned()));
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1"], "and nothing is done twice");
}

#[tokio::test]
async fn what_could_not_be_translated_goes_mended_and_only_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let broken = discharge("M1", "0000018").replace("ADT^A03", "ADT^A99");
    assert_eq!(site.send(&broken).await, ["AR"]);
    let letter = only(&site).await;
    assert_eq!((letter.stage, letter.reason.as_str()), (Stage::Translate, "not-translated"));
    assert!(letter.told.as_deref().unwrap().contains("ADT^A99"), "{letter:?}");
    for other in [discharge("M2", "0000018"), discharge("M1", "0000018").replace("|PAS|", "|LAB|")] {
        assert_eq!(replay(&site, letter.id, Some(&other)).await, Done::Cannot("other-message".to_owned()));
    }
    assert_eq!(replay(&site, letter.id, Some("garbage")).await, Done::InVain("not-a-message".to_owned()));
    assert!(is_well(&replay(&site, letter.id, Some(&discharge("M1", "0000018"))).await));
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1"]);
    assert_eq!(site.send(&broken).await, ["AA"], "what was mended counts as taken");
    assert_eq!(site.send(&discharge("M1", "0000026")).await, ["AE"], "another is another still");
}

#[tokio::test]
async fn other_content_under_a_known_id_is_kept_once_and_comes_in_under_an_id_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
    for _ in 0..3 {
        assert_eq!(site.send(&discharge("M1", "0000026")).await, ["AE"]);
    }
    let letter = only(&site).await;
    let told = (letter.stage, letter.reason.as_str(), letter.control_id.as_str(), letter.attempts);
    assert_eq!(told, (Stage::Repeat, "control-id-reused", "M1", 3));
    assert_eq!(replay(&site, letter.id, None).await, Done::InVain("control-id-reused".to_owned()));
    assert!(is_well(&replay(&site, letter.id, Some(&discharge("M1B", "0000026"))).await));
    site.delivery().round().await;
    // They are about two people: which arrives first is nobody's matter.
    let arrived: BTreeSet<String> = site.arrived().into_iter().collect();
    assert_eq!(arrived, BTreeSet::from(["M1".to_owned(), "M1B".to_owned()]));
    assert_eq!(open(&site).await, []);
}

#[tokio::test]
async fn what_is_no_message_is_kept_once_and_comes_in_when_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    for _ in 0..2 {
        assert_eq!(site.send("MSH|garbage").await, ["AR"]);
    }
    let letter = only(&site).await;
    assert_eq!((letter.stage, letter.attempts, letter.control_id.as_str()), (Stage::Read, 2, ""));
    assert!(is_well(&replay(&site, letter.id, Some(&discharge("M1", "0000018"))).await));
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
}

#[tokio::test]
async fn what_was_given_up_goes_again_under_an_intent_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    delivery.round().await;
    site.receivers.unwilling.store(false, Ordering::SeqCst);
    site.send(&discharge("A1", "0000018")).await;
    delivery.round().await;
    let letter = only(&site).await;
    let told = (letter.stage, letter.reason.as_str(), letter.overtaken_by);
    assert_eq!(told, (Stage::Deliver, "not-taken-invalid", 1), "a later one has arrived since");
    let asked = site.decision.asked.load(Ordering::SeqCst);
    assert!(is_well(&replay(&site, letter.id, None).await));
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), asked + 1, "it was decided again");
    delivery.round().await;
    assert_eq!(site.arrived(), ["A1", "A0"]);
    assert_eq!(site.store.backlog().await.unwrap().dead, 0);
    let bundles = site.receivers.arrived.lock().unwrap().clone();
    assert_ne!(bundles[0].1, bundles[1].1);
}

#[tokio::test]
async fn what_one_of_two_receivers_may_not_have_is_a_letter_for_that_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let both = vec![SystemName::new("council"), SystemName::new("hospice")];
    Arc::get_mut(&mut site.sender).unwrap().to = both;
    let refused = NotCleared::Refused("no-sharing-agreement");
    *site.decision.refuses_for.lock().unwrap() = Some(("hospice", refused));
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AE"]);
    let letter = only(&site).await;
    assert_eq!(letter.system, Some(SystemName::new("hospice")));
    site.delivery().round().await;
    *site.decision.refuses_for.lock().unwrap() = None;
    assert!(is_well(&replay(&site, letter.id, None).await));
    site.delivery().round().await;
    let arrived: Vec<String> =
        site.receivers.arrived.lock().unwrap().iter().map(|(system, ..)| system.clone()).collect();
    assert_eq!(arrived, ["council", "hospice"]);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
}

#[tokio::test]
async fn what_the_person_herself_refused_keeps_its_name_and_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    *site.decision.refuses_for.lock().unwrap() = Some(("council", NotCleared::Denied("consent-denied")));
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AE"]);
    let letter = only(&site).await;
    assert_eq!((letter.reason.as_str(), letter.bytes), ("consent-denied", None));
    let connection = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let kept: i64 = connection
        .query_row("SELECT (SELECT COUNT(*) FROM inbox WHERE raw IS NOT NULL) + (SELECT COUNT(*) FROM letter WHERE raw IS NOT NULL)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 0);
    for what in [What::Show, What::Replay] {
        assert_eq!(done(&site, letter.id, what, None).await, Done::Cannot("text-not-kept".to_owned()));
    }
}

/// In whose trails a look is.
async fn named(site: &Site) -> Vec<String> {
    let named = records(site).await.into_iter().filter_map(|record| match record.about {
        About::Person(person) if person.is_in_trail() => person.nhs_number,
        About::Person(_) | About::Exchange { .. } => None,
    });
    named.collect()
}

#[tokio::test]
async fn a_look_is_recorded_with_who_and_why_in_the_trail_of_whom_it_concerns() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.refuses.store(true, Ordering::SeqCst);
    site.send(&discharge("M1", "0000018")).await;
    let letter = only(&site).await.id;
    site.ledger.fails.store(true, Ordering::SeqCst);
    assert_eq!(done(&site, letter, What::Show, None).await, Done::NotNow("ledger".to_owned()));
    assert_eq!(replay(&site, letter, None).await, Done::NotNow("ledger".to_owned()));
    site.ledger.fails.store(false, Ordering::SeqCst);
    let Done::Shown { receipt, digest } = done(&site, letter, What::Show, None).await else {
        panic!("shown")
    };
    assert!(!receipt.is_empty() && digest.len() == 64);
    let records = records(&site).await;
    let [whole, person] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((whole.exchange.event, whole.exchange.interaction.as_str()), (Event::Disclosed, "inbox-show"));
    assert_eq!(whole.exchange.reason.as_deref(), Some("the sender asked about it"));
    assert_eq!(whole.exchange.follows.as_deref(), Some("M1"));
    let operator = RecordedRequestor::Operator {
        name: "Jo Operator".to_owned(),
        account: "uid 990".to_owned(),
        organisation: "RX1".to_owned(),
    };
    assert_eq!(whole.exchange.requestor, Some(operator));
    let About::Person(person) = &person.about else { panic!("{person:?}") };
    assert_eq!(person.nhs_number.as_deref(), Some("9990000018"));
    assert!(person.is_in_trail());
}

#[tokio::test]
async fn a_look_at_what_cannot_be_read_is_recorded_for_all_whom_it_names() {
    for (text, knows) in [
        ("MSH|garbage about 9990000018 and 999 000 0026".to_owned(), true),
        (discharge("M1", "0000018") + "NTE|1||her son is 999 000 0026\r", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path());
        site.decision.refuses.store(true, Ordering::SeqCst);
        site.send(&text).await;
        let letter = only(&site).await.id;
        site.store.ask(errand(letter, What::Show, None)).await.unwrap();
        let mut clerk = site.clerk();
        if !knows {
            clerk.senders = Arc::new(Vec::new);
        }
        assert_eq!(clerk.attend().await.unwrap(), Attended::One);
        let named = named(&site).await;
        assert_eq!(named, ["9990000018", "9990000026"], "{text}");
    }
}

#[tokio::test]
async fn a_look_at_what_a_sender_of_bundles_wrote_is_recorded_for_all_whom_it_or_its_file_names() {
    let bundle = r#"{"resourceType":"Bundle","id":"b","type":"collection","entry":[
        {"resource":{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}},
        {"resource":{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Haemoglobin"},
            "subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}}}}]}"#;
    let row = format!("{HEADER}\n3,9990000034,Fox\n");
    let mapping = Arc::new(Mapping::load("people.toml", MAPPING).unwrap());
    for (making, name, text, names) in [
        (Making::Release(Release::Stu3), "record.json", bundle, ["9990000018", "9990000026"]),
        (Making::Mapping(mapping), "9990000026 Fenwick.csv", &*row, ["9990000026", "9990000034"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Site::open(folder.path());
        let folders = by_folder_of(folder.path(), &mut site, making);
        site.decision.refuses.store(true, Ordering::SeqCst);
        drop_file(folder.path(), name, text);
        assert_eq!(folders.look().await, Looked::Done);
        let letter = only(&site).await.id;
        assert!(matches!(done(&site, letter, What::Show, None).await, Done::Shown { .. }));
        assert_eq!(named(&site).await, names, "{name}");
    }
}

#[tokio::test]
async fn who_sent_it_again_and_what_was_mended_stands_in_the_ledger_before_the_intent() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.send(&discharge("M1", "0000018").replace("ADT^A03", "ADT^A99")).await;
    let letter = only(&site).await.id;
    let mended = discharge("M1", "0000018");
    assert!(is_well(&replay(&site, letter, Some(&mended)).await));
    let records = records(&site).await;
    let replayed = records.iter().find(|record| record.exchange.interaction == "inbox-replay").unwrap();
    assert_eq!(replayed.exchange.event, Event::Operated);
    let reason = replayed.exchange.reason.as_deref().unwrap();
    assert!(reason.starts_with("the sender asked about it (mended: sha256 "), "{reason}");
    assert!(!format!("{records:?}").contains("Fenwick"));
}

#[tokio::test]
async fn an_errand_that_was_taken_when_the_gateway_stopped_is_done_again_to_the_same_effect() {
    let folder = tempfile::tempdir().unwrap();
    {
        let site = Site::open(folder.path());
        site.decision.refuses.store(true, Ordering::SeqCst);
        site.send(&discharge("M1", "0000018")).await;
        let letter = only(&site).await.id;
        let id = site.store.ask(errand(letter, What::Replay, None)).await.unwrap();
        let taken = site.store.take_errand().await.unwrap().unwrap();
        assert_eq!(taken.id, id);
        assert!(!site.store.withdraw(id).await.unwrap(), "what was taken cannot be taken back");
    }
    let site = Site::open(folder.path());
    for _ in 0..2 {
        site.clerk().attend().await.unwrap();
    }
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1"]);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_errand_whose_effect_cannot_be_stored_leaves_nothing_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.refuses.store(true, Ordering::SeqCst);
    site.send(&discharge("M1", "0000018")).await;
    let letter = only(&site).await.id;
    site.decision.refuses.store(false, Ordering::SeqCst);
    let broken = Connection::open(folder.path().join("push.sqlite")).unwrap();
    let full =
        "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    broken.execute_batch(full).unwrap();
    let id = site.store.ask(errand(letter, What::Replay, None)).await.unwrap();
    assert!(site.clerk().attend().await.is_err());
    let events = site.events().await;
    assert_eq!(events.last(), Some(&(Event::NotReleased, Some("not-stored".to_owned()))));
    assert_eq!(site.store.progress(id).await.unwrap(), Some(Progress::Taken));
    broken.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(site.clerk().attend().await.unwrap(), Attended::One);
    assert_eq!(only_state(&site, letter).await, LetterState::Replayed);
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1"]);
}

async fn only_state(site: &Site, letter: LetterId) -> LetterState {
    site.store.letter(letter).await.unwrap().unwrap().letter.state
}

#[tokio::test]
async fn a_letter_that_was_closed_has_no_text_and_raises_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000018")).await;
    site.delivery().round().await;
    let letter = only(&site).await.id;
    assert_eq!(site.store.backlog().await.unwrap().dead, 1);
    assert!(is_well(&done(&site, letter, What::Close, None).await));
    assert_eq!(site.store.backlog().await.unwrap().dead, 0);
    assert_eq!(open(&site).await, []);
    assert_eq!(texts(folder.path()), 0);
}

pub(super) fn texts(folder: &Path) -> i64 {
    let connection = Connection::open(folder.join("push.sqlite")).unwrap();
    let count = "SELECT (SELECT COUNT(*) FROM inbox WHERE raw IS NOT NULL) + (SELECT COUNT(*) FROM outbox WHERE body IS NOT NULL)";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_message_that_was_taken_over_and_given_up_goes_again_or_is_closed() {
    for what in [What::Replay, What::Close] {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::open(folder.path());
        site.decision.panics.store(true, Ordering::SeqCst);
        assert_eq!(site.send(&super::support::modes("M1", "0000018", "AL|NE")).await[0], "CA");
        for _ in 0..4 {
            site.intake.resume(&[Arc::clone(&site.sender)]).await;
        }
        site.decision.panics.store(false, Ordering::SeqCst);
        let letter = only(&site).await;
        assert_eq!((letter.stage, letter.reason.as_str()), (Stage::Fault, "panicked-given-up"));
        assert!(is_well(&done(&site, letter.id, what, None).await));
        assert_eq!(site.store.backlog().await.unwrap().dead, 0);
        let due = site.store.backlog().await.unwrap().due;
        assert_eq!(due, u64::from(what == What::Replay));
    }
}

#[tokio::test]
async fn what_was_acknowledged_and_tried_in_vain_stays_what_it_was_until_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.panics.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&super::support::modes("M1", "0000018", "AL|NE")).await[0], "CA");
    let senders = [Arc::clone(&site.sender)];
    for _ in 0..4 {
        site.intake.resume(&senders).await;
    }
    site.decision.panics.store(false, Ordering::SeqCst);
    site.decision.refuses.store(true, Ordering::SeqCst);
    let letter = only(&site).await.id;
    assert_eq!(replay(&site, letter, None).await, Done::InVain("labelled".to_owned()));
    assert_eq!(only(&site).await.stage, Stage::Fault);
    assert!(is_well(&done(&site, letter, What::Close, None).await));
    site.decision.refuses.store(false, Ordering::SeqCst);
    drop(site);
    let site = Site::open(folder.path());
    site.intake.resume(&senders).await;
    let backlog = site.store.backlog().await.unwrap();
    assert_eq!((backlog.due, backlog.dead), (0, 0), "what somebody closed does not go out");
}

#[tokio::test]
async fn a_letter_is_remembered_as_long_as_its_message_and_one_that_was_acknowledged_by_name_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.decision.refuses.store(true, Ordering::SeqCst);
    site.send(&discharge("M1", "0000018")).await;
    site.decision.refuses.store(false, Ordering::SeqCst);
    site.receivers.unwilling.store(true, Ordering::SeqCst);
    site.send(&discharge("A0", "0000026")).await;
    delivery.round().await;
    assert_eq!(open(&site).await.len(), 2);
    site.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    delivery.round().await;
    let left = only(&site).await;
    assert_eq!((left.control_id.as_str(), left.bytes), ("A0", None));
    assert_eq!(texts(folder.path()), 0);
}

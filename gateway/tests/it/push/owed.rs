//! What its sender believes to be on its way, and is not, is owed: it is counted, and its name stays until somebody has
//! seen to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::person::SystemName;
use gateway::push::counts::Counted;
use gateway::push::disclose::NotCleared;
use gateway::push::errands::{Done, What};
use gateway::push::folder::Looked;
use gateway::push::intake::Sender;
use gateway::push::letters::{Owed, Stage};

use super::letters::{done, is_well, only, open, replay, texts};
use super::places::{HEADER, drop_file};
use super::rows::{FENWICK, FORD, by_folder};
use super::support::{Site, discharge, modes};

const MONTH: Duration = Duration::from_secs(31 * 24 * 60 * 60);

#[tokio::test]
async fn a_refusal_that_nobody_hears_of_is_counted_and_stays_until_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    let delivery = site.delivery();
    site.decision.refuses.store(true, Ordering::SeqCst);
    for (id, wanted, told) in
        [("M1", "AL|NE", vec!["CA"]), ("M2", "AL|AL", vec!["CA", "AE"]), ("M3", "", vec!["AE"])]
    {
        assert_eq!(site.send(&modes(id, "0000018", wanted)).await, told);
    }
    let broken = modes("M4", "0000018", "AL|NE").replace("ADT^A03", "ADT^A99");
    assert_eq!(site.send(&broken).await, ["CA"]);
    let owed: Vec<(String, bool)> =
        open(&site).await.into_iter().map(|letter| (letter.control_id, letter.owed == Owed::Yes)).collect();
    let expected = [("M1", true), ("M2", false), ("M3", false), ("M4", true)];
    assert_eq!(owed, expected.map(|(id, owed)| (id.to_owned(), owed)));
    assert_eq!((site.counts.of(Counted::Dead), site.store.backlog().await.unwrap().dead), (2, 2));
    site.clock.advance(MONTH);
    delivery.round().await;
    let left = open(&site).await;
    assert_eq!(left.iter().map(|letter| &*letter.control_id).collect::<Vec<_>>(), ["M1", "M4"]);
    assert!(left.iter().all(|letter| letter.bytes.is_none()));
    assert_eq!(texts(folder.path()), 0);
    for letter in left {
        assert!(is_well(&done(&site, letter.id, What::Close, None).await));
    }
    assert_eq!(site.store.backlog().await.unwrap().dead, 0);
    site.clock.advance(MONTH);
    delivery.round().await;
    assert_eq!(open(&site).await, []);
}

#[tokio::test]
async fn what_is_refused_when_its_sender_has_gone_is_owed_whatever_it_wanted_to_hear() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&modes("M1", "0000018", "AL|AL")).await, ["CA", "AE"]);
    site.decision.fails.store(false, Ordering::SeqCst);
    site.decision.refuses.store(true, Ordering::SeqCst);
    site.intake.resume(&[Arc::clone(&site.sender)]).await;
    assert_eq!(only(&site).await.owed, Owed::Yes);
}

#[tokio::test]
async fn what_the_program_failed_at_loses_its_text_too_when_she_says_no() {
    let folder = tempfile::tempdir().unwrap();
    {
        let site = Site::open(folder.path());
        site.decision.panics.store(true, Ordering::SeqCst);
        assert_eq!(site.send(&modes("M1", "0000018", "AL|NE")).await[0], "CA");
        for _ in 0..4 {
            site.intake.resume(&[Arc::clone(&site.sender)]).await;
        }
        assert_eq!(only(&site).await.stage, Stage::Fault);
    }
    let site = Site::open(folder.path());
    *site.decision.refuses_for.lock().unwrap() = Some(("council", NotCleared::Denied("consent-denied")));
    site.intake.resume(&[Arc::clone(&site.sender)]).await;
    let letter = only(&site).await;
    assert_eq!((letter.stage, letter.bytes), (Stage::Decide, None));
    assert_eq!(texts(folder.path()), 0);
}

#[tokio::test]
async fn what_waits_under_a_name_that_is_gone_goes_nowhere_but_where_it_was_meant_to() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&modes("M1", "0000018", "AL|NE")).await, ["CA"]);
    site.decision.fails.store(false, Ordering::SeqCst);
    let named = |to: &[&str]| {
        let to = to.iter().map(|name| SystemName::new(name)).collect();
        [Arc::new(Sender { listener: "mllp:other".to_owned(), to, ..(*site.sender).clone() })]
    };
    for elsewhere in [&["housing"][..], &["council", "housing"]] {
        site.intake.resume(&named(elsewhere)).await;
        assert_eq!(site.store.backlog().await.unwrap().due, 0, "{elsewhere:?}");
        assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1, "nobody decides about another receiver");
    }
    // A letter of it, too.
    let broken = discharge("M2", "0000018").replace("ADT^A03", "ADT^A99");
    assert_eq!(site.send(&broken).await, ["AR"]);
    let letter = only(&site).await.id;
    for (to, well) in [("housing", false), ("council", true)] {
        let id = site
            .store
            .ask(super::letters::errand(letter, What::Replay, Some(&discharge("M2", "0000018"))))
            .await;
        let mut clerk = site.clerk();
        let senders = named(&[to]);
        clerk.senders = Arc::new(move || senders.to_vec());
        clerk.attend().await.unwrap();
        let progress = format!("{:?}", site.store.progress(id.unwrap()).await.unwrap());
        assert_eq!(progress.contains("sender-not-known"), !well, "{to}: {progress}");
    }
    site.intake.resume(&named(&["council"])).await;
    assert_eq!(site.store.backlog().await.unwrap().due, 2);
}

#[tokio::test]
async fn a_record_is_mended_by_no_bundle_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let folders = by_folder(folder.path(), &mut site);
    site.decision.refuses.store(true, Ordering::SeqCst);
    drop_file(folder.path(), "a.csv", &format!("{HEADER}\n{FENWICK}\n1,9990000018\n"));
    assert_eq!(folders.look().await, Looked::Done);
    site.decision.refuses.store(false, Ordering::SeqCst);
    let letters = open(&site).await;
    let [row, record] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((row.stage, record.stage), (Stage::Translate, Stage::Decide));
    let text = site.store.letter(record.id).await.unwrap().unwrap().raw.unwrap();
    let text = String::from_utf8(text).unwrap();
    let id = text.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    let anothers = text.replacen(id, "0123456789abcdef0123456789abcdef", 1);
    let cannot = Done::Cannot("other-message".to_owned());
    for (letter, mended) in
        [(record.id, &*anothers), (row.id, &*text), (row.id, "{\"resourceType\":\"Bundle\"}")]
    {
        assert_eq!(replay(&site, letter, Some(mended)).await, cannot, "{mended}");
    }
    assert_eq!(site.store.backlog().await.unwrap().due, 0);
    let mended = text.replace("Fenwick", "Fenwicke");
    assert!(is_well(&replay(&site, record.id, Some(&mended)).await));
    assert!(is_well(&replay(&site, row.id, Some(&format!("{HEADER}\n{FORD}\n"))).await));
    assert_eq!(site.store.backlog().await.unwrap().due, 2);
}

#[tokio::test]
async fn nothing_is_mended_while_it_waits_for_another_receiver_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let both = vec![SystemName::new("council"), SystemName::new("hospice")];
    Arc::get_mut(&mut site.sender).unwrap().to = both;
    *site.decision.refuses_for.lock().unwrap() = Some(("hospice", NotCleared::Refused("labelled")));
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AE"]);
    *site.decision.refuses_for.lock().unwrap() = None;
    let letter = only(&site).await.id;
    let mended = discharge("M1", "0000018").replace("Fenwick", "Fenwicke");
    assert_eq!(replay(&site, letter, Some(&mended)).await, Done::Cannot("others-wait".to_owned()));
    site.delivery().round().await;
    assert!(is_well(&replay(&site, letter, Some(&mended)).await));
    site.delivery().round().await;
    assert_eq!(site.arrived(), ["M1", "M1"]);
}

#[tokio::test]
async fn what_comes_every_night_raises_the_alarm_once_and_stays_closed_when_somebody_closed_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    let folders = by_folder(folder.path(), &mut site);
    let night = async |before: &str| {
        drop_file(folder.path(), "all.csv", &format!("{HEADER}\n{before}{FENWICK}\n3,9990000034,Fox\n"));
        assert_eq!(folders.look().await, Looked::Done);
    };
    site.decision.refuses.store(true, Ordering::SeqCst);
    for tried in 1..=3 {
        night("").await;
        let letters = open(&site).await;
        assert!(letters.iter().all(|letter| letter.attempts == tried && letter.owed == Owed::Yes));
        assert_eq!((letters.len(), site.counts.of(Counted::Dead)), (2, 2), "night {tried}");
    }
    for letter in open(&site).await {
        assert!(is_well(&done(&site, letter.id, What::Close, None).await));
    }
    // Where in the file they stand makes no difference.
    for _ in 0..2 {
        night(&format!("{FENWICK}\n")).await;
        assert_eq!(open(&site).await, []);
        assert_eq!((site.counts.of(Counted::Dead), site.store.backlog().await.unwrap().dead), (2, 0));
        assert_eq!(texts(folder.path()), 0, "nobody asks for its text any more");
    }
    // Another reason is another matter.
    site.decision.refuses.store(false, Ordering::SeqCst);
    let other = NotCleared::Refused("no-sharing-agreement");
    *site.decision.refuses_for.lock().unwrap() = Some(("council", other));
    night("").await;
    assert_eq!(only(&site).await.reason, "no-sharing-agreement");
    assert_eq!(site.counts.of(Counted::Dead), 3);
}

#[tokio::test]
async fn what_she_refused_herself_is_owed_to_nobody_and_has_its_text_again_when_only_rules_refuse_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::open(folder.path());
    *site.decision.refuses_for.lock().unwrap() = Some(("council", NotCleared::Denied("consent-denied")));
    assert_eq!(site.send(&modes("M1", "0000026", "AL|NE")).await, ["CA"]);
    let folders = by_folder(folder.path(), &mut site);
    let night = async || {
        drop_file(folder.path(), "all.csv", &format!("{HEADER}\n{FENWICK}\n"));
        assert_eq!(folders.look().await, Looked::Done);
    };
    for _ in 0..2 {
        night().await;
        let letters = open(&site).await;
        let owed: Vec<(Owed, Option<u64>)> =
            letters.iter().map(|letter| (letter.owed, letter.bytes)).collect();
        assert_eq!(owed, [(Owed::No, None), (Owed::No, None)]);
        assert_eq!((site.counts.of(Counted::Dead), site.store.backlog().await.unwrap().dead), (0, 0));
    }
    // Her word has ended; another rule stands against it.
    *site.decision.refuses_for.lock().unwrap() = Some(("council", NotCleared::Refused("labelled")));
    night().await;
    let letters = open(&site).await;
    let record = letters.last().unwrap();
    assert_eq!((record.reason.as_str(), record.owed), ("labelled", Owed::Yes));
    assert_eq!(site.counts.of(Counted::Dead), 1);
    assert!(record.bytes.is_some(), "its text is there again");
    *site.decision.refuses_for.lock().unwrap() = None;
    assert!(is_well(&replay(&site, record.id, None).await));
}

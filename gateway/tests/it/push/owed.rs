//! What its sender believes to be on its way, and is not, is owed: it is counted, and its name stays until somebody has
//! seen to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::person::SystemName;
use gateway::push::counts::Counted;
use gateway::push::disclose::NotCleared;
use gateway::push::errands::What;
use gateway::push::intake::Sender;
use gateway::push::letters::{Owed, Stage};

use super::letters::{done, is_well, only, open, texts};
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

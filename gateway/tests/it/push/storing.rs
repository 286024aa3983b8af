//! The answer to a message is on the disk before it is told, and stays the same.

use std::sync::atomic::Ordering;

use gateway::push::counts::Counted;

use super::support::{Site, discharge, modes};

#[tokio::test]
async fn an_accepted_message_is_in_the_outbox_once_however_often_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    for _ in 0..3 {
        assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
    }
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1);
    assert_eq!(site.counts.of(Counted::Repeated), 2);
}

#[tokio::test]
async fn what_was_told_is_still_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let site = Site::open(folder.path());
        assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
        site.decision.refuses.store(true, Ordering::SeqCst);
        assert_eq!(site.send(&discharge("M2", "0000018")).await, ["AE"]);
    }
    let site = Site::open(folder.path());
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
    assert_eq!(site.send(&discharge("M2", "0000018")).await, ["AE"]);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn another_message_under_the_same_control_id_is_an_error_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
    assert_eq!(site.send(&discharge("M1", "0000026")).await, ["AE"]);
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
    assert_eq!(site.ledger.appended.load(Ordering::SeqCst), 1);
    let other = discharge("M1", "0000026").replace("|PAS|", "|LAB|");
    assert_eq!(site.send(&other).await, ["AA"], "another application counts its messages on its own");
}

#[tokio::test]
async fn what_fails_for_now_is_told_and_dealt_with_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AE"]);
    assert_eq!(site.store.backlog().await.unwrap().due, 0);
    site.decision.fails.store(false, Ordering::SeqCst);
    assert_eq!(site.send(&discharge("M1", "0000018")).await, ["AA"]);
}

#[tokio::test]
async fn what_was_taken_over_is_dealt_with_by_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    site.decision.fails.store(true, Ordering::SeqCst);
    assert_eq!(site.send(&modes("M1", "0000018", "AL|NE")).await, ["CA"]);
    assert_eq!(site.store.backlog().await.unwrap().due, 0);
    drop(site);
    let site = Site::open(folder.path());
    site.intake.resume(&[std::sync::Arc::clone(&site.sender)]).await;
    assert_eq!(site.store.backlog().await.unwrap().due, 1);
    site.intake.resume(&[std::sync::Arc::clone(&site.sender)]).await;
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_no_message_is_rejected_with_the_reason_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::open(folder.path());
    for (message, expected) in [
        ("garbage".to_owned(), "AR"),
        (discharge("", "0000018"), "AR"),
        (discharge("M1", "0000018").replace("ADT^A03", "ADT^A99"), "AR"),
        (discharge("M2", "0000018").replace("|P|2.4", "|T|2.4"), "AR"),
        (discharge("M3", "0000018").replace("ADT^A03", "MDM^T02"), "AR"),
    ] {
        assert_eq!(site.send(&message).await, [expected], "{message}");
    }
    assert_eq!(site.ledger.appended.load(Ordering::SeqCst), 5);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn many_senders_at_once_are_all_answered_and_the_same_message_has_one_effect() {
    let folder = tempfile::tempdir().unwrap();
    let site = std::sync::Arc::new(Site::open(folder.path()));
    let mut sending = tokio::task::JoinSet::new();
    for index in 0..60 {
        let site = std::sync::Arc::clone(&site);
        sending.spawn(async move { site.send(&discharge(&format!("M{}", index % 20), "0000018")).await });
    }
    while let Some(codes) = sending.join_next().await {
        assert_eq!(codes.unwrap(), ["AA"]);
    }
    assert_eq!(site.store.backlog().await.unwrap().due, 20);
    assert_eq!(site.decision.asked.load(Ordering::SeqCst), 20);
}

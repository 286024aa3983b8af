//! What changes while a transaction is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{changes, creates, hospital, new, recorded, sent, site, transact};
use crate::hidden::says;
use crate::support::asking::asks;
use crate::support::holding::ANN;
use crate::support::transacting::{TRANSACTION, transacting};
use crate::support::upstream::{Play, Seen};

/// What somebody else does to a problem just before the transaction comes, the first time.
async fn raced(change: fn(&mut Value)) -> (u16, usize, Vec<(String, String, String)>, Value) {
    let store = hospital();
    let (meanwhile, honest, times) = (Arc::clone(&store), transacting(&store), AtomicUsize::new(0));
    let (site, running) = site("open", move |seen: &Seen| {
        if seen.line == TRANSACTION && times.fetch_add(1, Ordering::SeqCst) == 0 {
            let mut held = meanwhile.lock().unwrap();
            held[2]["meta"]["versionId"] = json!("2");
            change(&mut held[2]);
        }
        honest(seen)
    })
    .await;
    let entries = [changes(&site, "Condition/c1", "12").await, creates(&new("Patient/p1", "5"))];
    let answer = transact(&site, &entries).await;
    let times = sent(&site).len();
    running.stop().await;
    let there = store.lock().unwrap().clone();
    (answer.status, times, recorded(&site), json!(there))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_somebody_else_was_faster_all_is_decided_again() {
    let (status, times, records, held) =
        raced(|problem| problem["note"][0]["text"] = json!("secret-2")).await;
    assert_eq!((status, times), (200, 2));
    assert_eq!(held[2]["note"][0]["text"], "secret-2", "what changed meanwhile stays");
    assert_eq!(
        (&held[2]["severity"]["coding"][0]["code"], held.as_array().unwrap().len()),
        (&json!("12"), 7)
    );
    let of = |name: &str| {
        let of_it = records.iter().filter(|(told, _, _)| told == name);
        of_it.map(|(_, event, reason)| format!("{event} {reason}")).collect::<Vec<_>>()
    };
    let expected = ["intent ", "failed not-taken-conflict", "intent ", "outcome "];
    assert_eq!(
        (of("update"), of("create")),
        (expected.map(str::to_owned).to_vec(), expected.map(str::to_owned).to_vec())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_changed_meanwhile_refuses_all() {
    let (status, times, records, held) =
        raced(|problem| problem["severity"]["coding"][0]["code"] = json!("19")).await;
    assert_eq!((status, times), (412, 1));
    assert_eq!(
        (&held[2]["severity"]["coding"][0]["code"], held.as_array().unwrap().len()),
        (&json!("19"), 6)
    );
    let last: Vec<&str> = records.iter().rev().take(2).map(|(_, _, reason)| reason.as_str()).collect();
    assert_eq!(last, ["transaction-entry-failed", "version-moved"], "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_that_is_made_meanwhile_counts_before_anything_leaves() {
    let store = hospital();
    let honest = transacting(&store);
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait, times) = (Arc::clone(&asked), Arc::clone(&go_on), AtomicUsize::new(0));
    let (site, running) = site("open", move |seen: &Seen| {
        let honest = honest(seen);
        // Looked at once to begin with, and then for the transaction.
        match (seen.line.as_str(), honest) {
            ("GET /fhir/Condition/c4 HTTP/1.1", Play::Bytes(bytes))
                if times.fetch_add(1, Ordering::SeqCst) == 1 =>
            {
                tell.notify_one();
                Play::Once(Arc::clone(&wait), bytes)
            }
            (_, honest) => honest,
        }
    })
    .await;
    // The last is looked at when the first two are decided.
    let entries = [
        creates(&new("Patient/p2", "5")),
        changes(&site, "Condition/c1", "12").await,
        asks("Patient/p2"),
        asks("Patient/p2"),
        asks("Patient/p2"),
        changes(&site, "Condition/c4", "45").await,
    ];
    let (answer, ()) = tokio::join!(transact(&site, &entries), async {
        asked.notified().await;
        says(&site, ANN, &json!({"type": "deny"})).await;
        go_on.notify_one();
    });
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(sent(&site).is_empty(), "nothing has left");
    running.stop().await;
    let records = recorded(&site);
    assert!(records.iter().any(|(_, _, reason)| reason == "consent-denied"), "{records:?}");
    let intents = records.iter().filter(|(_, event, _)| event == "intent").count();
    let back = records.iter().filter(|(_, event, _)| event == "not-released").count();
    assert_eq!(
        (intents, back),
        (1, 1),
        "what was recorded and did not leave is recorded as such: {records:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_stand_where_they_were_asked_however_often_it_was_begun() {
    let store = hospital();
    let (meanwhile, honest, times) = (Arc::clone(&store), transacting(&store), AtomicUsize::new(0));
    let (site, running) = site("open", move |seen: &Seen| {
        if seen.line == TRANSACTION && times.fetch_add(1, Ordering::SeqCst) == 0 {
            meanwhile.lock().unwrap()[2]["meta"]["versionId"] = json!("2");
        }
        honest(seen)
    })
    .await;
    // What is sent stands between what is only told.
    let entries = [
        asks("Patient/p2"),
        changes(&site, "Condition/c1", "12").await,
        asks("Condition/c4"),
        creates(&new("Patient/p1", "5")),
    ];
    let answer = transact(&site, &entries).await;
    let times = sent(&site).len();
    running.stop().await;
    assert_eq!((answer.status, times), (200, 2), "{}", answer.body);
    assert_eq!(answer.statuses(), ["200", "200", "200", "201"]);
    let told: Vec<Value> = answer.entries().iter().map(|entry| entry["resource"]["id"].clone()).collect();
    assert_eq!(told[..3], [json!("p2"), json!("c1"), json!("c4")]);
}

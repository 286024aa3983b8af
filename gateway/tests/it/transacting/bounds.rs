//! How much one transaction is.

use serde_json::{Value, json};

use super::{changes, creates, hospital, new, problem, recorded, sent, site, site_set, transact};
use crate::support::asking::{asks, bundle, post};
use crate::support::holding::patient;
use crate::support::transacting::transacting;
use crate::support::upstream::{Play, Seen};
use crate::together::BOB;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_entries_than_are_taken_are_refused_before_any_is_looked_at() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let answer = transact(&site, &vec![creates(&new("Patient/p1", "5")); 101]).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    assert!(site.hospital.seen().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_at_once_is_no_more_than_sixteen_answers_of_the_system() {
    let store = hospital();
    for at in 10..30 {
        let mut problem = problem(&format!("c{at}"), "p1", "11", &[]);
        problem["note"] = json!([{"text": "s".repeat(9_000)}]);
        store.lock().unwrap().push(problem);
    }
    let (site, running) = site_set("open", "body_bytes_max = 10000\n", transacting(&store)).await;
    let mut entries = Vec::new();
    for at in 10..30 {
        entries.push(changes(&site, &format!("Condition/c{at}"), "12").await);
    }
    // Each is about 9,300 bytes as it is stored.
    let answer = transact(&site, &entries).await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(answer.body.to_string().contains("entry 17 of"), "{}", answer.body);
    assert!(sent(&site).is_empty());
    let answer = transact(&site, &entries[..17]).await;
    assert_eq!(answer.statuses(), vec!["200"; 17], "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_takes_too_long_ends_all_before_anything_is_sent() {
    let store = hospital();
    let honest = transacting(&store);
    let slow = move |seen: &Seen| match seen.line.contains("Patient/slow") {
        true => Play::ThenHang(Vec::new()),
        false => honest(seen),
    };
    let settings = "timeout_ms = 60000\n\n[limits]\nexchange_timeout_ms = 2500\nbody_timeout_ms = 2000\n";
    let (site, running) = site_set("open", settings, slow).await;
    let answer = transact(&site, &[asks("Patient/slow"), creates(&new("Patient/p1", "5"))]).await;
    assert_eq!(answer.status, 504, "{}", answer.body);
    assert!(sent(&site).is_empty());
    running.stop().await;
    let reasons: Vec<String> = recorded(&site).into_iter().map(|(_, _, reason)| reason).collect();
    assert!(reasons.contains(&"entry-took-too-long".to_owned()), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_bounded_and_what_was_done_is_told_all_the_same() {
    let store = hospital();
    let mut large = patient("large", BOB);
    large["name"][0]["family"] = json!("x".repeat(12 << 20));
    // No second one of his number.
    store.lock().unwrap()[1]["identifier"] = json!([]);
    store.lock().unwrap().push(large);
    // However slow the machine is: the time of an entry is not what is tested.
    let settings = "\n[limits]\nexchange_timeout_ms = 600000\n";
    let (site, running) = site_set("open", settings, transacting(&store)).await;
    let entries = [
        asks("Patient/large"),
        asks("Patient/large"),
        asks("Patient/large"),
        changes(&site, "Condition/c1", "12").await,
        asks("Patient/p1"),
    ];
    let answer = post(&site, "", &bundle("transaction", &entries)).await;
    assert_eq!(answer.statuses(), ["200", "200", "413", "200", "413"]);
    assert_eq!(sent(&site).len(), 1);
    let told = answer.entries();
    assert_eq!((&told[3]["resource"], &told[4]["resource"]), (&Value::Null, &Value::Null));
    running.stop().await;
}

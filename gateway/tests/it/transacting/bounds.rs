//! How much one transaction is.

use serde_json::{Value, json};

use super::{
    called, changes, creates, hospital, new, problem, recorded, sent, site, site_set, transact, written,
};
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
    let settings = "timeout_ms = 60000\n\n[limits]\nexchange_timeout_ms = 8000\nbody_timeout_ms = 2000\n";
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

fn urn(at: usize) -> String {
    format!("urn:uuid:6f1e2a0c-1111-4222-8333-4444555566{at:02}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_are_about_too_many_of_each_other_are_refused_before_a_system_is_asked_about_them() {
    let store = hospital();
    let site = written("open", "", transacting(&store)).await;
    let file = site.folder.path().join("agreements/wards.toml");
    let shared = "[share.person.Provenance]\ntarget = \"of what it tells\"\nrecorded = \"when\"\nagent = \"who did it\"\n";
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + shared).unwrap();
    let running = site.start().await.unwrap();
    // Each is about all that come after it: read with each other, they are thirty times as long as what is sent.
    let of_all = |count: usize| {
        let mut entries: Vec<Value> = (0..count)
            .map(|at| {
                let mut targets: Vec<Value> =
                    (at + 1..count).map(|other| json!({"reference": urn(other)})).collect();
                targets.push(json!({"reference": "Patient/p1"}));
                let made = json!({"resourceType": "Provenance", "target": targets, "recorded": "2026-01-01T00:00:00Z",
                    "agent": [{"who": {"display": "ward"}}]});
                called(&urn(at), creates(&made))
            })
            .collect();
        entries.push(creates(&new("Patient/p1", "5")));
        entries
    };
    let answer = transact(&site, &of_all(60)).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.to_string().contains("too many of each other"), "{}", answer.body);
    assert!(sent(&site).is_empty());
    running.stop().await;
    let reasons: Vec<String> = recorded(&site).into_iter().map(|(_, _, reason)| reason).collect();
    assert!(reasons.contains(&"transaction-entangled".to_owned()), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_merely_name_each_other_are_no_more_than_they_are() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    // A ring of stays: nobody's stay is about another.
    let entries: Vec<Value> = (0..60)
        .map(|at| {
            let mut made = stay("Patient/p1");
            made["partOf"] = json!({"reference": urn((at + 1) % 60)});
            called(&urn(at), creates(&made))
        })
        .collect();
    let answer = transact(&site, &entries).await;
    running.stop().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn stay(subject: &str) -> Value {
    json!({"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": subject}})
}

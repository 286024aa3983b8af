//! What an entry finds is nothing that another one changes or takes away.

use serde_json::{Value, json};

use super::{changes, creates, deletes, hospital, new, recorded, site, transact, writes};
use crate::support::asking::asks;
use crate::support::transacting::transacting;

/// A new problem of Ann, unless there is one of this identifier.
fn unless(value: &str) -> Value {
    let mut made = new("Patient/p1", "5");
    made["identifier"] = json!([{"system": "https://ids.example", "value": value}]);
    let mut entry = creates(&made);
    entry["request"]["ifNoneExist"] = json!(format!("identifier=https://ids.example|{value}"));
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_create_finds_is_neither_changed_nor_taken_away_beside_it() {
    let store = hospital();
    for (at, value) in [(2, "a1"), (4, "a3")] {
        store.lock().unwrap()[at]["identifier"] = json!([{"system": "https://ids.example", "value": value}]);
    }
    let (site, running) = site("open", transacting(&store)).await;
    let change = changes(&site, "Condition/c1", "12").await;
    let delete = deletes(&site, "Condition/c3").await;
    for (at, entries) in [
        (0, [unless("a3"), delete.clone()]),
        (1, [delete.clone(), unless("a3")]),
        (0, [unless("a1"), change.clone()]),
    ] {
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let text = answer.body.to_string();
        assert!(text.contains("send it by itself") && text.contains(&format!("entry {at} of")), "{text}");
    }
    assert_eq!(writes(&site), 0);
    // What they do not share they do together.
    let answer = transact(&site, &[unless("a1"), delete]).await;
    assert_eq!(answer.statuses(), ["200", "204"], "{}", answer.body);
    let answer = transact(&site, &[unless("a3"), change, asks("Patient/p1")]).await;
    assert_eq!(answer.statuses(), ["201", "200", "200"], "what is gone is not found: {}", answer.body);
    running.stop().await;
    let reasons: Vec<String> = recorded(&site).into_iter().map(|(_, _, reason)| reason).collect();
    let of = |reason: &str| reasons.iter().filter(|told| *told == reason).count();
    assert_eq!((of("transaction-names-twice"), of("transaction-entry-failed")), (3, 3), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_beside_a_change_is_the_read_without_its_content() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let change = changes(&site, "Condition/c1", "12").await;
    let head = json!({"request": {"method": "HEAD", "url": "Patient/p1"}});
    let answer = transact(&site, &[change, asks("Patient/p1"), head]).await;
    assert_eq!(answer.statuses(), ["200", "200", "200"], "{}", answer.body);
    let answered = answer.entries();
    assert_eq!(answered[2]["response"], answered[1]["response"], "{}", answer.body);
    assert!(answered[1]["resource"].is_object() && answered[2].get("resource").is_none(), "{}", answer.body);
    running.stop().await;
}

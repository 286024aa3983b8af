//! Transactions: all is told, or nothing.

use serde_json::{Value, json};

use super::{blind, site};
use crate::support::asking::{Answer, asks, bundle, post};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_reads_is_answered_whole() {
    let (site, running) = site("open").await;
    let answer =
        post(&site, "", &bundle("transaction", &["Patient/p1", "Condition?patient=p1"].map(asks))).await;
    assert_eq!((answer.status, &answer.body["type"]), (200, &json!("transaction-response")));
    assert_eq!(answer.statuses(), ["200", "200"]);
    assert!(!answer.body.to_string().contains("CANARY"), "{}", answer.body);
    running.stop().await;
    assert!(site.records().iter().any(|record| record["exchange"]["interaction"] == "transaction"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_entry_that_is_not_answered_leaves_nothing_of_the_others() {
    for (existence, entry, status) in [
        ("open", asks("Patient/p9"), 404),
        ("withheld", asks("Patient/p2"), 404),
        ("open", asks("Condition?code=11"), 403),
        ("open", asks("../x"), 400),
        ("open", json!({}), 400),
    ] {
        let (site, running) = site(existence).await;
        let answer = post(&site, "", &bundle("transaction", &[asks("Patient/p1"), entry])).await;
        assert_eq!((answer.status, &answer.body["resourceType"]), (status, &json!("OperationOutcome")));
        assert!(
            !answer.body.to_string().contains("Example") && answer.header("etag").is_none(),
            "{}",
            answer.body
        );
        assert!(answer.header("link").is_none() && answer.header("location").is_none(), "{}", answer.head);
        running.stop().await;
        let records = site.records();
        let events: Vec<&Value> = records.iter().map(|record| &record["exchange"]["event"]).collect();
        assert!(
            events.contains(&&json!("not-released")),
            "what was recorded as shared is taken back: {records:?}"
        );
        assert!(records.iter().any(|record| record["exchange"]["reason"] == "transaction-entry-failed"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_fails_alike_for_the_hidden_and_the_absent() {
    let (site, running) = site("withheld").await;
    let probe = async |id: &str| {
        let Answer { status, body, .. } =
            post(&site, "", &bundle("transaction", &[asks("Patient/p1"), asks(&format!("Patient/{id}"))]))
                .await;
        (status, blind(&body))
    };
    assert_eq!(probe("p2").await, probe("p9").await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_writes_is_refused_by_name_before_anything_is_begun() {
    let (site, running) = site("open").await;
    let condition =
        json!({"resourceType": "Condition", "subject": {"reference": "Patient?identifier=x|9990000026"}});
    for entry in [
        json!({"resource": condition, "request": {"method": "POST", "url": "Condition"}}),
        json!({"resource": condition, "request": {"method": "PUT", "url": "Condition/c1"}}),
        json!({"request": {"method": "DELETE", "url": "Condition?patient=p1&code=22"}}),
        json!({"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="},
               "request": {"method": "PATCH", "url": "Condition/c1"}}),
    ] {
        let answer = post(&site, "", &bundle("transaction", &[asks("Patient/p1"), entry])).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.to_string().contains("transactions only read here"), "{}", answer.body);
    }
    assert_eq!(site.hospital.seen().len(), 0, "no system heard of any of it");
    running.stop().await;
    let refused = |record: &&Value| record["exchange"]["reason"] == "transaction-writes";
    assert_eq!(site.records().iter().filter(refused).count(), 4);
}

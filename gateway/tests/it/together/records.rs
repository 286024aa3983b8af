//! What stands in the ledger and in the trails of a batch.

use serde_json::{Value, json};

use super::site;
use crate::support::asking::{answered, asks, bundle, post};
use crate::support::holding::{ANN, NHS_NUMBER};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_entry_is_recorded_as_its_own_share_or_refusal_before_the_batch_is() {
    let (site, running) = site("open").await;
    let urls =
        ["Patient/p1", "Condition?patient=p1", "Patient/p2", "Patient/p9", "Patient/$match", "nowhere/x"];
    let answer = post(&site, "", &bundle("batch", &urls.map(asks))).await;
    let (batch, receipt) = (answer.request_id(), answer.header("portcullis-receipt").unwrap().to_owned());
    let oversight = site.staff_token("R5105");
    let events =
        answered(site.get(&format!("/fhir/AuditEvent?entity.identifier={batch}"), Some(&oversight)).await);
    assert_eq!(events.status, 200);
    let subtype = |entry: &Value| entry["resource"]["subtype"][0]["code"].as_str().unwrap().to_owned();
    let mut told: Vec<String> = events.entries().iter().map(subtype).collect();
    told.sort_unstable();
    assert_eq!(told.iter().filter(|code| *code == "batch").count(), 1, "{told:?}");
    assert!(told.contains(&"read".to_owned()) && told.contains(&"search-type".to_owned()), "{told:?}");
    let by_receipt =
        answered(site.get(&format!("/fhir/AuditEvent?entity.identifier={receipt}"), Some(&oversight)).await);
    assert_eq!(by_receipt.entries().iter().map(subtype).collect::<Vec<_>>(), ["batch"]);
    running.stop().await;
    let records = site.records();
    let of_batch: Vec<&Value> = records.iter().map(|record| &record["exchange"]).collect();
    let within: Vec<&&Value> = of_batch.iter().filter(|one| one["within"] == json!(batch)).collect();
    let mut names: Vec<&str> = within.iter().map(|one| one["request_id"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), urls.len(), "each has a name of its own: {records:?}");
    assert!(!names.contains(&batch.as_str()));
    let last = of_batch.iter().position(|one| one["request_id"] == json!(batch)).unwrap();
    assert!(
        of_batch.iter().rposition(|one| one["within"] == json!(batch)).unwrap() < last,
        "the batch is recorded when all of its entries are"
    );
    for reason in ["irreducible", "not-found", "interaction-not-served", "no-such-place"] {
        assert!(within.iter().any(|one| one["reason"] == reason), "{reason}: {within:?}");
    }
    assert!(within.iter().all(|one| one["requestor"]["subject"] == "dr-1"), "{within:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_sees_each_share_of_a_batch() {
    let (site, running) = site("open").await;
    let answer = post(&site, "", &bundle("batch", &["Patient/p1", "Condition/c1"].map(asks))).await;
    assert_eq!(answer.statuses(), ["200", "200"], "{}", answer.body);
    let ann = site.ann();
    let trail = answered(
        site.get(&format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}"), Some(&ann)).await,
    );
    let shared = |entry: &Value| {
        let entity =
            entry["resource"]["entity"][0]["what"]["reference"].as_str().unwrap_or_default().to_owned();
        entity.rsplit("/fhir/").next().unwrap().to_owned()
    };
    let mut shared: Vec<String> = trail.entries().iter().map(shared).collect();
    shared.sort_unstable();
    assert_eq!(shared, ["Condition/c1", "Patient/p1"], "{}", trail.body);
    let details = trail.body.to_string();
    assert!(details.contains("within") && details.contains(&answer.request_id()), "{details}");
    let provenance = answered(
        site.get(&format!("/fhir/Provenance/{}", answer.request_id()), Some(&site.consultant())).await,
    );
    let targets = provenance.body["target"].to_string();
    assert!(targets.contains("Condition/c1") && targets.contains("Patient/p1"), "{}", provenance.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provenance_of_a_batch_names_the_agreement_whatever_was_recorded_first() {
    let (site, running) = site("open").await;
    // What is refused before any system is asked is recorded first.
    let of_her = "Patient/p1/$everything?_type=Flag";
    let entries = ["Patient/$match", "nowhere/x", of_her, "Patient/p1"].map(asks);
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    let place = format!("/fhir/Provenance/{}", answer.request_id());
    let told = answered(site.get(&place, Some(&site.consultant())).await);
    assert_eq!(told.status, 200, "{}", told.body);
    assert!(told.body["policy"][0].as_str().is_some_and(|policy| policy.contains("#")), "{}", told.body);
    running.stop().await;
}

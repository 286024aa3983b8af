//! How much is asked and told at once.

use serde_json::{Value, json};

use super::{BOB, TABLES, hospital, site};
use crate::support::asking::{agreement, asks, bundle, post};
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::upstream::{Play, Seen};
use crate::support::whole::Whole;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_more_entries_than_are_taken_is_refused_before_any_is_begun() {
    let (site, running) = site("open").await;
    let answer = post(&site, "", &bundle("batch", &vec![asks("Patient/p1"); 101])).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    assert_eq!(site.hospital.seen().len(), 0);
    let answer = post(&site, "", &bundle("batch", &vec![asks("metadata"); 100])).await;
    assert_eq!((answer.status, answer.entries().len()), (200, 100));
    running.stop().await;
    let reasons: Vec<Value> =
        site.records().iter().map(|record| record["exchange"]["reason"].clone()).collect();
    assert!(reasons.contains(&json!("batch-too-long")), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_says_how_many_entries_it_takes() {
    let site = Whole::with(holding(&hospital())).await;
    site.also_set("\n[limits]\nbatch_entries_max = 2\n");
    let running = site.start().await.unwrap();
    assert_eq!(post(&site, "", &bundle("batch", &vec![asks("Patient/p1"); 2])).await.status, 200);
    assert_eq!(post(&site, "", &bundle("batch", &vec![asks("Patient/p1"); 3])).await.status, 413);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_at_once_is_bounded_in_the_order_of_the_entries() {
    let mut large = patient("large", BOB);
    large["name"][0]["family"] = json!("x".repeat(12 << 20));
    let site = Whole::with(holding(&held(&[large, patient("p1", ANN)]))).await;
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement("open", TABLES)).unwrap();
    // However slow the machine is: the time of an entry, or of the system, is not what is tested.
    site.also_set("timeout_ms = 300000\n\n[limits]\nexchange_timeout_ms = 600000\n");
    let running = site.start().await.unwrap();
    let urls = ["Patient/large", "Patient/large", "Patient/large", "Patient/p1", "Patient/large"];
    let answer = post(&site, "", &bundle("batch", &urls.map(asks))).await;
    assert_eq!(answer.statuses(), ["200", "200", "413", "413", "413"]);
    running.stop().await;
    let records = site.records();
    let batch = json!(answer.request_id());
    let is_taken_back = |record: &&Value| record["exchange"]["event"] == "not-released";
    let disclosed = |record: &&Value| {
        record["exchange"]["event"] == "disclosed"
            && record["about"]["kind"] == "exchange"
            && record["exchange"]["within"] == batch
    };
    let (back, out) =
        (records.iter().filter(is_taken_back).count(), records.iter().filter(disclosed).count());
    assert_eq!(out - back, 2, "what was recorded as shared and not told is recorded as such: {out} {back}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_is_begun_when_those_before_it_took_the_time() {
    let honest = holding(&hospital());
    let slow = move |seen: &Seen| match seen.line.contains("Patient/slow") {
        true => Play::ThenHang(Vec::new()),
        false => honest(seen),
    };
    let site = Whole::with(slow).await;
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement("open", TABLES)).unwrap();
    site.also_set("timeout_ms = 15000\n\n[limits]\nexchange_timeout_ms = 8000\nbody_timeout_ms = 2000\n");
    let running = site.start().await.unwrap();
    let mut entries = vec![asks("Patient/slow"); 16];
    entries.push(asks("Patient/p1"));
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    let statuses = answer.statuses();
    assert_eq!(
        (&statuses[..4], statuses[16].as_str()),
        (&["504"; 4].map(String::from)[..], "503"),
        "{}",
        answer.body
    );
    assert!(site.hospital.seen().iter().all(|seen| !seen.line.contains("Patient/p1")));
    running.stop().await;
    let reasons: Vec<Value> =
        site.records().iter().map(|record| record["exchange"]["reason"].clone()).collect();
    assert!(reasons.contains(&json!("batch-took-too-long")), "{reasons:?}");
}

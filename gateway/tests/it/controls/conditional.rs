//! `If-None-Match` and `If-Modified-Since` on reads.

use super::{Answer, TABLES, agreement, ann, asks, asks_with, bob, says, sharing, site};
use crate::support::holding::{ANN, held, holding};
use serde_json::json;

fn version(answer: &Answer) -> String {
    answer.head.iter().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_held_still_is_not_sent_again_and_that_is_recorded_like_a_read() {
    let held = held(&[ann(), bob()]);
    let (site, running) = site(holding(&held)).await;
    let whole = asks(&site, "Patient/p1").await;
    let version = version(&whole);
    for tag in [
        version.clone(),
        version.trim_start_matches("W/").to_owned(),
        format!("\"x\", {version}"),
        "*".into(),
    ] {
        let same = asks_with(&site, "Patient/p1", &format!("if-none-match: {tag}\r\n")).await;
        assert_eq!((same.status, same.body.as_str()), (304, ""), "{tag}");
        assert!(same.head.contains(&format!("etag: {version}")), "{:?}", same.head);
        assert!(!same.head.iter().any(|line| line.starts_with("content-type")), "{:?}", same.head);
    }
    for tag in ["W/\"2\"", "nonsense", "\"7\""] {
        assert_eq!(
            asks_with(&site, "Patient/p1", &format!("if-none-match: {tag}\r\n")).await,
            whole,
            "{tag}"
        );
    }
    // What is withheld of her changed, what is shown did not.
    held.lock().unwrap()[0]["telecom"] = json!([{"value": "secret-phone"}]);
    held.lock().unwrap()[0]["meta"] = json!({"versionId": "8", "lastUpdated": "2026-01-01T00:00:00Z"});
    let tag = format!("if-none-match: {version}\r\n");
    assert_eq!(asks_with(&site, "Patient/p1", &tag).await.status, 304);
    let of_hospital = asks_with(&site, "Patient/p1", "if-none-match: W/\"8\"\r\n").await;
    assert_eq!(of_hospital.status, 200, "the version of the hospital is not that of the view");
    held.lock().unwrap()[0]["name"] = json!([{"family": "Other"}]);
    assert_eq!(asks_with(&site, "Patient/p1", &tag).await.status, 200);
    for seen in site.hospital.seen() {
        assert!(seen.headers.iter().all(|line| !line.starts_with("if-")), "{:?}", seen.headers);
    }
    running.stop().await;
    let records = site.records();
    let told: Vec<_> = records.iter().filter(|record| record["exchange"]["status"] == 304).collect();
    assert!(told.len() >= 5, "each is recorded: {records:?}");
    let hers = told.iter().filter(|record| record["about"]["resources"] == json!(["Patient/p1"]));
    assert_eq!(hers.count(), 5, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_hidden_is_as_absent_whatever_version_is_held() {
    let (site, running) = site(holding(&held(&[ann(), bob()]))).await;
    let version = version(&asks(&site, "Patient/p1").await);
    says(&site, ANN, &json!({"type": "deny"})).await;
    for tag in [version.as_str(), "*", "W/\"7\""] {
        let tag = format!("if-none-match: {tag}\r\n");
        let hidden = asks_with(&site, "Patient/p1", &tag).await;
        assert_eq!(hidden.status, 404, "{}", hidden.body);
        assert_eq!(hidden, asks_with(&site, "Patient/p9", &tag).await);
        assert_eq!(hidden, asks(&site, "Patient/p9").await);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_of_change_is_not_told_by_a_condition_on_it() {
    let (site, running) = site(holding(&held(&[ann()]))).await;
    let whole = asks(&site, "Patient/p1").await;
    let since = "if-modified-since: Sat, 01 Jan 2050 00:00:00 GMT\r\n";
    assert_eq!(asks_with(&site, "Patient/p1", since).await, whole);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_it_was_changed_last_stands_in_the_head_where_it_stands_in_what_is_shown() {
    let held = held(&[ann(), bob()]);
    held.lock().unwrap()[0]["meta"] =
        json!({"versionId": "8", "lastUpdated": "2026-01-04T01:02:03.456+01:00"});
    let named = "[share.person.Patient]\n";
    let shows =
        TABLES.replace(named, &format!("{named}\"meta.lastUpdated\" = \"to fetch what is new only\"\n"));
    assert_ne!(shows, TABLES);
    for (tables, expected) in
        [(shows.as_str(), Some("last-modified: Sun, 04 Jan 2026 00:02:03 GMT")), (TABLES, None)]
    {
        let (site, running) = sharing::site(&agreement("withheld", tables), holding(&held)).await;
        let answer = asks(&site, "Patient/p1").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = answer.head.iter().find(|line| line.starts_with("last-modified"));
        assert_eq!(told.map(String::as_str), expected);
        // Bob's record does not say when.
        let other = asks(&site, "Patient/p3").await;
        assert!(!other.head.iter().any(|line| line.starts_with("last-modified")), "{:?}", other.head);
        running.stop().await;
    }
}

//! `_elements`, `_summary` and `_total`.

use serde_json::{Value, json};

use super::{ann, asked, asks, is_refused_unasked, problem, site, stay};
use crate::support::holding::{held, holding};

fn keys(resource: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = resource.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn narrated(mut resource: Value) -> Value {
    resource["text"] = json!({"status": "generated", "div": "<div>secret-narrative</div>"});
    resource["note"] = json!([{"text": "secret-note"}]);
    resource["clinicalStatus"] = json!({"coding": [{"code": "active"}]});
    resource
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_elements_asked_for_come_of_what_is_shared_and_the_hospital_does_not_hear_of_it() {
    let hidden = problem("c2", "2021", "e1", &["PSY"]);
    let (site, running) =
        site(holding(&held(&[ann(), narrated(problem("c1", "2020", "e1", &[])), narrated(hidden)]))).await;
    for asked in ["_elements=code", "_elements=code,note,text", "_elements=code,subject"] {
        let answer = asks(&site, &format!("Condition?patient=p1&{asked}")).await;
        let found = answer.entries("match");
        assert_eq!(found.len(), 1, "what is labelled stays hidden: {}", answer.body);
        let expected = ["clinicalStatus", "code", "id", "meta", "resourceType", "subject"];
        assert_eq!(keys(&found[0]), expected, "{asked}");
        assert_eq!(found[0]["meta"]["tag"][0]["code"], "SUBSETTED");
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
    let read = asks(&site, "Condition/c1?_elements=onset").await;
    let expected = ["clinicalStatus", "id", "meta", "onsetDateTime", "resourceType", "subject"];
    assert_eq!(keys(&read.json()), expected, "{}", read.body);
    assert_eq!(asks(&site, "Condition/c2?_elements=code").await.status, 404);
    for seen in site.hospital.seen() {
        let said = format!("{} {}", seen.line, seen.body);
        assert!(!said.contains("_elements") && !said.contains("_summary"), "{said}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_shows_no_more_than_is_shared_and_no_narrative_that_is_not() {
    let (site, running) = site(holding(&held(&[ann(), narrated(problem("c1", "2020", "e1", &[]))]))).await;
    let always = ["clinicalStatus", "id", "meta", "resourceType", "subject"];
    let of_summary =
        ["clinicalStatus", "code", "encounter", "id", "meta", "onsetDateTime", "resourceType", "subject"];
    for (summary, expected) in [
        ("text", always.as_slice()),
        ("true", of_summary.as_slice()),
        ("data", of_summary.as_slice()),
        ("false", of_summary.as_slice()),
    ] {
        let read = asks(&site, &format!("Condition/c1?_summary={summary}")).await;
        let shown = read.json();
        let shown: Vec<&str> = keys(&shown).into_iter().filter(|key| *key != "encounter").collect();
        let expected: Vec<&str> = expected.iter().copied().filter(|key| *key != "encounter").collect();
        assert_eq!(shown, expected, "{summary}: {}", read.body);
        let found = asks(&site, &format!("Condition?patient=p1&_summary={summary}")).await;
        assert_eq!(found.entries("match")[0], read.json(), "{summary}");
        assert!(!(read.body + &found.body).contains("secret"), "{summary}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_of_what_is_shown_and_of_one_person() {
    let all = [
        ann(),
        problem("c1", "2020", "e1", &[]),
        stay("e1", "p1", &[]),
        problem("c2", "2021", "e1", &["PSY"]),
    ];
    let held = held(&all);
    let (site, running) = site(holding(&held)).await;
    for count in ["_summary=count", "_count=0"] {
        let path = format!("Condition?patient=p1&{count}");
        *held.lock().unwrap() = all.to_vec();
        let with = asks(&site, &path).await;
        assert_eq!(with.json()["total"], 1, "{}", with.body);
        assert!(with.entries("match").is_empty() && !with.body.contains("Condition/c1"), "{}", with.body);
        assert!(with.next().is_none());
        held.lock().unwrap().pop();
        assert_eq!(with, asks(&site, &path).await);
    }
    for path in ["Condition?patient=p1,p2&_summary=count", "Condition?_id=c1&_total=accurate"] {
        is_refused_unasked(&site, path, "names exactly one person").await;
    }
    running.stop().await;
    let records = site.records();
    let counted = records.iter().filter(|record| record["about"]["nhs_number"] == "9990000018");
    assert!(counted.count() >= 4, "whoever is counted is told: {records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_is_told_or_left_out_as_asked() {
    let hidden = problem("c2", "2021", "e1", &["PSY"]);
    let (site, running) = site(holding(&held(&[ann(), problem("c1", "2020", "e1", &[]), hidden]))).await;
    for (asked, expected) in [("accurate", json!(1)), ("estimate", json!(1)), ("none", Value::Null)] {
        let answer = asks(&site, &format!("Condition?patient=p1&_total={asked}")).await;
        assert_eq!(answer.json()["total"], expected, "{asked}");
    }
    let several = asks(&site, "Condition?patient=p1,p2&_total=estimate").await;
    assert_eq!((several.status, &several.json()["total"]), (200, &Value::Null), "{}", several.body);
    assert!(asked(&site) > 0);
    running.stop().await;
}

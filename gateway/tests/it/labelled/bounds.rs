//! What is labelled in many ways, or by way of many others, counts once and within bounds.

use std::sync::Arc;

use fhir::security_label::SecurityLabel;
use gateway::decision::obligation::{Labelled, Labels, ResourceFacts};
use gateway::sensitive_codes::SensitiveEntry;
use serde_json::{Value, json};

use super::{read, site, to};
use crate::support::holding::{ANN, condition, patient};

const ADDRESS: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556661";

fn label(at: usize) -> SecurityLabel {
    SecurityLabel::new("https://labels.example", &format!("c{at}"))
}

/// Labels that no rule weighs.
fn labels(count: usize) -> Value {
    let labels = (0..count).map(|at| json!({"system": "https://labels.example", "code": format!("c{at}")}));
    json!({"security": labels.collect::<Vec<_>>()})
}

fn bundle(entries: Vec<Value>) -> Value {
    json!({"resourceType": "Bundle", "id": "x", "type": "collection", "entry": entries})
}

#[test]
fn what_counts_for_something_else_counts_once_however_often_it_is_referred_to() {
    let entry =
        Arc::new(SensitiveEntry { name: "list/entry".into(), why: "a test".into(), labels: vec![label(0)] });
    let of = ResourceFacts {
        labels: (0..80).map(label).chain((0..80).map(label)).collect(),
        earned: vec![Arc::clone(&entry)],
        ..ResourceFacts::default()
    };
    let (mut facts, mut joined) = (ResourceFacts::default(), Labelled::default());
    for _ in 0..1_000 {
        joined.join(&Labelled::from(of.clone()));
        facts.join(&joined);
    }
    assert_eq!((facts.labels.len(), facts.beside.len(), facts.earned.len()), (0, 80, 1));
    assert_eq!(facts.known, Labels::Known);
}

#[test]
fn more_labels_than_are_counted_are_as_if_all_were_borne() {
    for (count, known) in [(100, Labels::Known), (101, Labels::TooMany)] {
        let mut facts = ResourceFacts::default();
        facts.join(&Labelled::by((0..count).map(label)));
        assert_eq!((facts.known, facts.beside.len() <= 100), (known, true), "{count}");
        assert_eq!(
            facts.is_labelled(&SecurityLabel::parse("PSY").unwrap()),
            known == Labels::TooMany,
            "{count}"
        );
        let mut piled = Labelled::default();
        (0..count).for_each(|at| piled.join(&Labelled::by([label(at)])));
        let mut facts = ResourceFacts::default();
        facts.join(&piled);
        assert_eq!(facts.known, known, "one by one: {count}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_about_an_entry_with_more_labels_than_are_counted_stays_back() {
    let (site, running, store) = site(&[]).await;
    for (count, is_shown) in [(100, true), (101, false)] {
        let mut problem = condition("c1", "p1", "1", &[]);
        problem["meta"] = labels(count);
        let targets = vec![to(ADDRESS); 3];
        let told = json!({"resourceType": "Provenance", "id": "told", "target": targets, "reason": [{"text": "secret-therapy"}]});
        let whole = bundle(vec![json!({"fullUrl": ADDRESS, "resource": problem}), json!({"resource": told})]);
        let body = read(&site, &store, &[patient("p1", ANN)], &whole).await.unwrap();
        assert_eq!(body.contains("secret-therapy"), is_shown, "{count} {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_about_a_record_with_more_labels_than_are_counted_stays_back() {
    let (site, running, store) = site(&[]).await;
    for (count, is_shown) in [(100, true), (101, false)] {
        let mut problem = condition("c1", "p1", "1", &[]);
        problem["meta"] = labels(count);
        let targets = vec![to("Condition/c1"); 3];
        let told = json!({"resourceType": "Provenance", "id": "x", "target": targets, "reason": [{"text": "secret-therapy"}]});
        let shown = read(&site, &store, &[patient("p1", ANN), problem], &told).await;
        assert_eq!(shown.is_some(), is_shown, "{count}");
    }
    running.stop().await;
}

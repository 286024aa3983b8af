//! What is labelled in many ways, or by way of many others, counts once and within bounds.

use std::sync::Arc;

use fhir::security_label::SecurityLabel;
use gateway::decision::obligation::{Labelled, Labels, ResourceFacts};
use gateway::sensitive_codes::SensitiveEntry;
use serde_json::{Value, json};

use super::{medicines, psy, read, site, takes, to};
use crate::support::holding::{ANN, condition, holding, patient};
use crate::support::sharing;
use crate::support::upstream::{Play, Seen, fhir};

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

/// A prescription of the first of so many medicines, each made of the next.
fn chain(count: usize, last: Value) -> Value {
    let name = |at: usize| format!("Medication/m{at}");
    let mut entries =
        vec![json!({"resource": takes(&json!({"id": "rx", "medicationReference": to(&name(0))}))})];
    for at in 0..count {
        let mut made = json!({"resourceType": "Medication", "id": format!("m{at}")});
        if at + 1 < count {
            made["ingredient"] = json!([{"itemReference": to(&name(at + 1))}]);
        } else {
            made["meta"] = last.clone();
        }
        entries.push(json!({"resource": made}));
    }
    entries.push(json!({"resource": condition("c1", "p1", "1", &[])}));
    bundle(entries)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_medicine_in_a_bundle_is_followed_to_what_it_is_made_of_three_times() {
    let (site, running, store) = site(&[]).await;
    for (count, last, is_shown) in [
        (1, json!({}), true),
        (2, json!({}), true),
        (4, json!({}), true),
        (4, psy(), false),
        (5, json!({}), false),
        (300, json!({}), false),
    ] {
        let body = read(&site, &store, &[patient("p1", ANN)], &chain(count, last.clone())).await.unwrap();
        assert_eq!(body.contains("secret-dose"), is_shown, "{count} {last}");
    }
    let mut itself = chain(1, json!({}));
    itself["entry"][1]["resource"]["ingredient"] = json!([{"itemReference": to("Medication/m0")}]);
    let body = read(&site, &store, &[patient("p1", ANN)], &itself).await.unwrap();
    assert!(body.contains("secret-dose"), "what is made of itself is made of nothing else: {body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_more_medicines_than_are_looked_up_none_is_known_that_is_made_of_another() {
    let (site, running, store) = site(&[]).await;
    for (count, is_shown) in [(1_000, true), (1_001, false)] {
        let made = |at: usize| {
            json!({"resource": {"resourceType": "Medication", "id": format!("m{at}"),
            "ingredient": [{"itemReference": to("Medication/water")}]}})
        };
        let mut entries: Vec<Value> = (0..count).map(made).collect();
        let water = json!({"resourceType": "Medication", "id": "water"});
        let named = |id: &str, of: &str, dose: &str| {
            let mut named = takes(&json!({"id": id, "medicationReference": to(of)}));
            named["dosageInstruction"] = json!([{"text": dose}]);
            json!({"resource": named})
        };
        entries.extend([json!({"resource": water}), named("rx", "Medication/m0", "secret-dose")]);
        entries.push(named("plain", "Medication/water", "plain-dose"));
        let body = read(&site, &store, &[patient("p1", ANN)], &bundle(entries)).await.unwrap();
        assert_eq!(body.contains("secret-dose"), is_shown, "{count}");
        assert!(body.contains("plain-dose"), "{count}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_labels_of_entries_that_bear_one_name_pile_up_within_bounds() {
    let (site, running, store) = site(&[]).await;
    for (count, is_shown) in [(100, true), (101, false)] {
        let one = |at: usize| {
            let label = json!([{"system": "https://labels.example", "code": format!("c{at}")}]);
            json!({"fullUrl": ADDRESS, "resource": {"resourceType": "Medication", "meta": {"security": label}}})
        };
        let mut entries: Vec<Value> = (0..count).map(one).collect();
        entries.push(json!({"resource": takes(&json!({"id": "rx", "medicationReference": to(ADDRESS)}))}));
        let body = read(&site, &store, &[patient("p1", ANN)], &bundle(entries)).await.unwrap();
        assert_eq!(body.contains("secret-dose"), is_shown, "{count}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_with_more_labels_than_are_counted_keeps_back_what_is_in_it_and_nothing_beside() {
    let (site, running, store) = site(&[]).await;
    for (count, is_shown) in [(100, true), (101, false)] {
        let mut inner = bundle(vec![json!({"resource": condition("c1", "p1", "11111111", &[])})]);
        inner["meta"] = labels(count);
        let beside = json!({"resource": condition("c2", "p1", "22222222", &[])});
        let body =
            read(&site, &store, &[patient("p1", ANN)], &bundle(vec![json!({"resource": inner}), beside]))
                .await;
        let body = body.unwrap();
        assert_eq!(
            (body.contains("11111111"), body.contains("22222222")),
            (is_shown, true),
            "{count} {body}"
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_medicine_that_alone_cannot_be_read_keeps_back_what_names_it_and_nothing_else() {
    let store = crate::support::holding::held(&medicines());
    let named = |id: &str, medicine: &str| {
        let mut made = takes(&json!({"medicationReference": to(medicine)}));
        made["id"] = json!(id);
        made
    };
    store.lock().unwrap().extend([named("rx1", "Medication/plain"), named("rx2", "Medication/broken")]);
    let honest = holding(&store);
    let script = move |seen: &Seen| match &*seen.line {
        line if line.contains("/Medication/_search") => Play::Bytes(fhir("400 Bad Request", "{}")),
        line if line.contains("/Medication/broken") => Play::Bytes(fhir("500 Internal Server Error", "{}")),
        _ => honest(seen),
    };
    let tables = super::TABLES.replace("WHERE", "where = { not_labelled = [\"PSY\"] }");
    let terms = format!("{}{tables}", crate::hidden::agreement("withheld"));
    let (site, running) = sharing::site(&terms, script).await;
    let (status, body) = sharing::read(&site, "MedicationRequest?patient=p1").await;
    let body = body.to_string();
    assert_eq!((status, body.contains("\"rx1\""), body.contains("\"rx2\"")), (200, true, false), "{body}");
    running.stop().await;
}

//! A hospital that answers with more than it was asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{ann, asks, bob, problem, site, stay};
use crate::support::holding::{held, holding};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// Answers honestly, but searches of `kind` with these entries.
fn answering(
    kind: &'static str,
    honest: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    entries: Vec<Vec<Value>>,
    which: Arc<AtomicUsize>,
) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    move |seen| {
        if !seen.line.starts_with(&format!("POST /fhir/{kind}/_search")) {
            return honest(seen);
        }
        let entries = &entries[which.load(Ordering::SeqCst)];
        let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
        Play::Bytes(fhir("200 OK", &page.to_string()))
    }
}

fn entry(mode: &str, resource: &Value) -> Value {
    json!({"search": {"mode": mode}, "resource": resource})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_smuggled_in_beside_matches_is_thrown_away_and_what_nobody_asked_for_is_a_fault() {
    let (hers, his) = (stay("e1", "p1", &[]), stay("e2", "p2", &[]));
    let hers_too = stay("e3", "p1", &[]);
    let all = held(&[ann(), bob(), problem("c1", "2020", "e1", &[])]);
    let which = Arc::new(AtomicUsize::new(0));
    let entries = vec![
        vec![entry("match", &hers)],
        vec![entry("match", &hers), entry("include", &his), entry("include", &hers_too)],
        vec![entry("match", &hers), entry("match", &hers)],
        vec![entry("match", &hers), entry("match", &his)],
        vec![entry("match", &hers), entry("match", &hers_too)],
        vec![json!({"resource": his})],
    ];
    let (site, running) = site(answering("Encounter", holding(&all), entries, Arc::clone(&which))).await;
    let path = "Condition?patient=p1&_include=Condition:encounter";
    let honest = asks(&site, path).await;
    assert_eq!(honest.ids("include"), ["e1"], "{}", honest.body);
    for smuggled in [1, 2] {
        which.store(smuggled, Ordering::SeqCst);
        assert_eq!(asks(&site, path).await, honest, "{smuggled}");
    }
    for wrong in [3, 4, 5] {
        which.store(wrong, Ordering::SeqCst);
        let answer = asks(&site, path).await;
        assert_eq!(answer.status, 502, "{wrong}: {}", answer.body);
        assert!(!answer.body.contains("/e2") && !answer.body.contains("/e3"), "{}", answer.body);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_beside_the_matches_of_the_search_itself_is_not_taken_for_an_include() {
    let (found, hers) = (problem("c1", "2020", "e1", &[]), stay("e1", "p1", &[]));
    let which = Arc::new(AtomicUsize::new(0));
    let entries = vec![
        vec![entry("match", &found)],
        vec![entry("match", &found), entry("include", &hers), entry("include", &bob())],
    ];
    let all = held(&[ann(), bob()]);
    let (site, running) = site(answering("Condition", holding(&all), entries, Arc::clone(&which))).await;
    for path in ["Condition?patient=p1", "Condition?patient=p1&_include=Condition:encounter"] {
        which.store(0, Ordering::SeqCst);
        let honest = asks(&site, path).await;
        assert!(honest.ids("include").is_empty(), "{}", honest.body);
        which.store(1, Ordering::SeqCst);
        assert_eq!(asks(&site, path).await, honest);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_that_does_not_heed_the_reference_it_is_asked_for_adds_nothing() {
    let hers = problem("c1", "2020", "e1", &[]);
    let elsewhere = problem("c2", "2020", "e7", &[]);
    let mut his = problem("c3", "2020", "e7", &[]);
    his["subject"] = json!({"reference": "Patient/p2"});
    let which = Arc::new(AtomicUsize::new(0));
    let entries = vec![
        vec![entry("match", &hers)],
        vec![entry("match", &elsewhere), entry("match", &hers), entry("match", &his)],
    ];
    let all = held(&[ann(), bob(), stay("e1", "p1", &[])]);
    let (site, running) = site(answering("Condition", holding(&all), entries, Arc::clone(&which))).await;
    let path = "Encounter?patient=p1&_revinclude=Condition:encounter";
    let honest = asks(&site, path).await;
    assert_eq!(honest.ids("include"), ["c1"], "{}", honest.body);
    which.store(1, Ordering::SeqCst);
    assert_eq!(asks(&site, path).await, honest);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_goes_with_a_page_has_one_bound() {
    let long = |mut found: Value, letters: usize| {
        let div = format!("<div>{}</div>", "x".repeat(letters));
        found["text"] = json!({"status": "generated", "div": div});
        found
    };
    let all = held(&[]);
    let (site, running) = site(holding(&all)).await;
    let includes = ["Condition:subject", "Encounter:subject", "CareTeam:subject"];
    let path = format!("Patient?_id=p1&_revinclude={}", includes.join("&_revinclude="));
    let team = json!({"resourceType": "CareTeam", "id": "t1", "subject": {"reference": "Patient/p1"}});
    for (letters, status) in [(6 << 20, 200), (8 << 20, 403)] {
        let beside = [problem("c1", "2020", "e1", &[]), stay("e1", "p1", &[]), team.clone()];
        let beside = beside.into_iter().map(|found| long(found, letters));
        *all.lock().unwrap() = std::iter::once(ann()).chain(beside).collect();
        let answer = asks(&site, &path).await;
        assert_eq!(answer.status, status, "{letters}: {}", answer.body);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_nothing_more_is_asked_for() {
    let long = |mut found: Value| {
        found["text"] = json!({"status": "generated", "div": format!("<div>{}</div>", "x".repeat(10 << 20))});
        found
    };
    let team = json!({"resourceType": "CareTeam", "id": "t1", "subject": {"reference": "Patient/p1"}});
    let [problem, stay] = [problem("c1", "2020", "e1", &[]), stay("e1", "p1", &[])];
    let all = held(&[ann(), problem.clone(), stay.clone(), team.clone()]);
    let (site, running) = site(holding(&all)).await;
    let includes = ["Condition:subject", "Encounter:subject", "CareTeam:subject"];
    let path = format!("Patient?_id=p1&_revinclude={}", includes.join("&_revinclude="));
    let teams = |site: &Whole| {
        let asked = |seen: &&Seen| seen.line.starts_with("POST /fhir/CareTeam/_search");
        site.hospital.seen().iter().filter(asked).count()
    };
    let answer = asks(&site, &path).await;
    assert_eq!((answer.status, teams(&site)), (200, 1), "{}", answer.body);
    // Two of these are too much, and a third would only be read.
    *all.lock().unwrap() = vec![ann(), long(problem), long(stay), team];
    let answer = asks(&site, &path).await;
    assert_eq!((answer.status, teams(&site)), (403, 1), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hospital_will_not_search_is_missing_beside_the_matches_and_named() {
    for status in ["400 Bad Request", "403 Forbidden"] {
        let honest = holding(&held(&[ann(), stay("e1", "p1", &[])]));
        let (site, running) = site(move |seen| {
            if seen.line.starts_with("POST /fhir/CareTeam/_search") {
                return Play::Bytes(fhir(status, r#"{"resourceType":"OperationOutcome","issue":[]}"#));
            }
            honest(seen)
        })
        .await;
        let answer =
            asks(&site, "Patient?_id=p1&_revinclude=CareTeam:subject&_revinclude=Encounter:subject").await;
        assert_eq!((answer.status, answer.ids("match")), (200, vec!["p1".to_owned()]), "{}", answer.body);
        assert_eq!(answer.ids("include"), ["e1"], "what can be found is: {}", answer.body);
        assert!(answer.body.contains("does not serve of what was to go with"), "{}", answer.body);
        running.stop().await;
        let told: String = site.entries().iter().map(ToString::to_string).collect();
        assert!(told.contains("include-not-served"), "{status}: the record says so too");
    }
}

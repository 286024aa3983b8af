//! What is about nobody, and what the rules alone leave out: places, staff of whom only some may be read, and what the sender
//! is told of it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{hospital, keeps_references, looked_for, observation, roads, sent, site_of, told};
use crate::support::asking::{Answer, post};
use crate::support::holding::Held;
use crate::support::upstream::{Play, Seen, fhir};

const SHIELDED: &str = "9990000042";
const PLACES: &str = "[share.person.Location]\nname = \"where to go\"\n";
const STAFF: &str =
    "[share.person.Practitioner]\nname = \"whom to ask\"\nwhere = { absent = [\"qualification\"] }\n";
const SENT_TOO: &str =
    "[share.sent.Location]\nname = \"where it was\"\n[share.sent.Practitioner]\nname = \"who did it\"\n";

/// A ward, the home of somebody whose whereabouts are protected, a place that is labelled so itself, a nurse and a psychiatrist.
fn with_places_and_staff() -> Held {
    let held = hospital();
    let restricted =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
    let home = json!({"line": ["1 Hidden Lane"], "postalCode": "ZZ99 9ZZ"});
    let mut dora = crate::support::holding::patient("p3", SHIELDED);
    dora["meta"] = json!({"security": restricted.clone()});
    dora["address"] = json!([home.clone()]);
    held.lock().unwrap().extend([
        dora,
        json!({"resourceType": "Location", "id": "ward", "name": "Ward 3", "address": {"postalCode": "AA1 1AA"}}),
        json!({"resourceType": "Location", "id": "home", "name": "home", "address": home}),
        json!({"resourceType": "Location", "id": "refuge", "name": "refuge", "meta": {"security": restricted}}),
        json!({"resourceType": "Practitioner", "id": "nurse", "name": [{"text": "N"}]}),
        json!({"resourceType": "Practitioner", "id": "psychiatrist", "name": [{"text": "P"}],
               "qualification": [{"code": {"text": "psychiatry"}}]}),
    ]);
    held
}

/// Sends what names `shown` and each of `targets` by every road: all that is told, and what went.
async fn tried(tables: &str, more: &str, shown: &str, targets: &[&str]) {
    for at in 0..roads(&Value::Null).len() {
        let script = keeps_references(&with_places_and_staff());
        let (site, running) = site_of(&format!("{}{tables}{SENT_TOO}", super::READ), script, more).await;
        let mut answers = Vec::new();
        for target in targets {
            let (road, path, body) = roads(&observation(&[shown, target])).swap_remove(at);
            let answer = post(&site, path, &body).await;
            let is_done = answer.status < 300 && (!path.is_empty() || answer.statuses() == ["201"]);
            assert!(is_done, "{road} {target}: {} {}", answer.status, answer.body);
            let went = sent(&site).pop().unwrap();
            assert!(went.to_string().contains(shown), "{road}: {went}");
            assert!(!went.to_string().contains(target), "{road} {target}: {went}");
            answers.push((told(&answer), went));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_of_a_protected_person_is_left_out_of_what_is_sent_like_none() {
    let more = "shields_households = true\n";
    tried(PLACES, more, "Location/ward", &["Location/nowhere", "Location/home", "Location/refuge"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_of_whom_only_some_may_be_read_are_left_out_of_what_is_sent_like_nobody() {
    tried(STAFF, "", "Practitioner/nurse", &["Practitioner/nobody", "Practitioner/psychiatrist"]).await;
}

/// What is told of what the rules left out, wherever it stands in the answer.
fn left_out(road: &str, answer: &Answer) -> Value {
    let outcome = match road {
        "create" => answer.body.clone(),
        _ => answer.entries()[0]["response"]["outcome"].clone(),
    };
    assert!(answer.entries().iter().all(|entry| entry["resource"].is_null()), "{}", answer.body);
    outcome["issue"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_rules_leave_out_is_told_by_type_whatever_bears_the_name() {
    let (site, running) = site_of(super::READ, keeps_references(&with_places_and_staff()), "").await;
    let mut answers = Vec::new();
    for target in ["Flag/f1", "Flag/f9"] {
        // Flags go there and nobody reads them; Locations do not go there at all.
        for (road, path, body) in
            roads(&observation(&[super::SHOWN, target, "Location/ward"])).into_iter().take(3)
        {
            let answer = post(&site, path, &body).await;
            let issue = left_out(road, &answer);
            let text = issue["details"]["text"].as_str().unwrap_or_default();
            assert_eq!(issue["severity"], "warning", "{road}: {}", answer.body);
            assert!(text.starts_with("references to Flag, Location were left out"), "{road}: {text}");
            answers.push((road, told(&answer)));
        }
    }
    let (there, nowhere) = answers.split_at(3);
    assert_eq!(there, nowhere);
    // What is merely hidden, or not there, is not told of.
    for target in [super::SHOWN, super::LABELLED, super::ABSENT] {
        for (road, path, body) in roads(&observation(&[target])).into_iter().take(3) {
            let answer = post(&site, path, &body).await;
            assert!(!answer.body.to_string().contains("left out"), "{road} {target}: {}", answer.body);
        }
    }
    assert_eq!(looked_for(&site, "Flag") + looked_for(&site, "Location"), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_down_ends_it_whether_there_is_somebody_or_not() {
    for line in ["/Group/_search", "/Patient/_search"] {
        let honest = keeps_references(&hospital());
        let script = move |seen: &Seen| match seen.line.contains(line) {
            true => Play::Bytes(fhir("500 Internal Server Error", "{}")),
            false => honest(seen),
        };
        let (site, running) = site_of(super::READ, script, "").await;
        for at in 0..3 {
            // One who has said no, and nobody.
            let answers: Vec<(u16, Vec<String>, String)> =
                join_all(["Patient/p2", "Patient/p9"].map(async |person| {
                    let mut about = observation(&[]);
                    about["subject"] = json!({"reference": person});
                    let (_, path, body) = roads(&about).swap_remove(at);
                    told(&post(&site, path, &body).await)
                }))
                .await;
            assert_eq!(answers[0], answers[1], "{line}");
            let is_outage = answers[0].0 == 502 || answers[0].2.contains("502");
            assert!(is_outage, "{line}: {answers:?}");
        }
        running.stop().await;
    }
}

//! Versions of a resource, through the whole gateway: each as it may be seen today, and nothing of what is hidden.

mod earlier;
mod guards;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::historic::{Past, as_version, deletion, past, site, version};
use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, patient};
use crate::support::sharing::{BOB, answer, denies, parsed, says};
use crate::support::upstream::{answer as raw, fhir};
use crate::support::whole::Whole;

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const HISTORY: &str = "/hospital/fhir/Patient/p1/_history";
const OF_CONDITION: &str = "/hospital/fhir/Condition/c1/_history";

fn told(answer: Vec<u8>) -> Past {
    Arc::new(Mutex::new(answer))
}

fn set(past: &Past, answer: Vec<u8>) {
    *past.lock().unwrap() = answer;
}

fn named(family: &str) -> Value {
    let mut patient = patient("p1", ANN);
    patient["name"][0]["family"] = json!(family);
    patient
}

fn entries(body: &str) -> Vec<Value> {
    parsed(body)["entry"].as_array().cloned().unwrap_or_default()
}

fn families(body: &str) -> Vec<String> {
    let family = |entry: &Value| entry["resource"]["name"][0]["family"].as_str().unwrap_or("gone").to_owned();
    entries(body).iter().map(family).collect()
}

async fn get(site: &Whole, path: &str) -> (u16, String, String) {
    site.get(path, Some(&site.consultant())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_that_of_the_view() {
    let mut touched = as_version(named("Now"), 3);
    touched["telecom"] = json!([{"value": "secret-phone"}]);
    let versions = [as_version(named("Then"), 1), as_version(named("Now"), 2), touched.clone()];
    let held: Held = held(&[touched]);
    let past_ = told(past(&versions.clone().map(|one| version(&one))));
    let (site, running) = site("open", &held, &past_).await;
    let (status, head, body) = get(&site, HISTORY).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(families(&body), ["Now", "Then"], "newest first, and a hidden change is none: {body}");
    let bundle = parsed(&body);
    assert_eq!((&bundle["type"], &bundle["total"]), (&json!("history"), &json!(2)));
    for hidden in ["secret", "upstream", "lastUpdated", "lastModified", "telecom"] {
        assert!(!body.contains(hidden), "{hidden}: {body}");
    }
    let place = format!("http://{}{}", site.requests, HISTORY);
    assert_eq!(bundle["link"], json!([{"relation": "self", "url": place}]));
    let oldest = &bundle["entry"][1];
    assert_eq!(oldest["fullUrl"], place.trim_end_matches("/_history"));
    assert_eq!(oldest["request"], json!({"method": "PUT", "url": "Patient/p1"}), "{oldest}");
    assert_eq!(oldest["response"]["status"], "200");
    assert!(head.contains("has_provenance"), "{head}");
    // In the other order it is the same history.
    let reversed: Vec<Value> = versions.iter().rev().map(version).collect();
    set(&past_, past(&reversed));
    assert_eq!(families(&get(&site, HISTORY).await.2), ["Now", "Then"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_read_by_the_name_that_this_gateway_gave_it_and_by_no_other() {
    let (old, now) = (as_version(named("Then"), 1), as_version(named("Now"), 2));
    let held: Held = held(std::slice::from_ref(&now));
    let (site, running) = site("withheld", &held, &told(past(&[version(&now), version(&old)]))).await;
    let (_, head, read) = get(&site, "/hospital/fhir/Patient/p1").await;
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let bundle = parsed(&get(&site, HISTORY).await.2);
    for (at, family) in ["Now", "Then"].into_iter().enumerate() {
        let entry = &bundle["entry"][at];
        let name = entry["resource"]["meta"]["versionId"].as_str().unwrap();
        assert_eq!(entry["response"]["etag"], format!("W/\"{name}\""));
        let (status, head, body) = get(&site, &format!("{HISTORY}/{name}")).await;
        assert_eq!((status, parsed(&body)), (200, entry["resource"].clone()), "{body}");
        assert!(body.contains(family) && head.contains(&format!("etag: W/\"{name}\"")), "{head}{body}");
    }
    assert_eq!(bundle["entry"][0]["response"]["etag"], etag, "what a read gave is a version");
    assert_eq!(parsed(&read), bundle["entry"][0]["resource"]);
    let absent = answer(&site, "/hospital/fhir/Patient/p9/_history/1").await;
    assert_eq!(absent.0, 404);
    for name in ["1", "2", "upstream", "0123456789abcdef0123456789abcdef"] {
        assert_eq!(answer(&site, &format!("{HISTORY}/{name}")).await, absent, "{name}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_person_is_stays_hidden_in_every_version_once_she_is_protected() {
    let home = |number: u32, label: &str| {
        let mut one = as_version(named(&format!("V{number}")), number);
        one["address"] = json!([{"line": [format!("secret-street-{number}")], "postalCode": "ZZ99 3WZ"}]);
        if !label.is_empty() {
            one["meta"]["security"] = json!([{"system": CONFIDENTIALITY, "code": label}]);
        }
        one
    };
    let versions = [home(3, "R"), home(2, "U"), home(1, "")];
    let held: Held = held(&versions[..1]);
    let (site, running) = site("open", &held, &told(past(&versions.clone().map(|one| version(&one))))).await;
    let (status, _, body) = get(&site, HISTORY).await;
    assert_eq!((status, families(&body)), (200, ["V3", "V2", "V1"].map(str::to_owned).to_vec()), "{body}");
    let mut all = body.clone();
    for entry in entries(&body) {
        let name = entry["resource"]["meta"]["versionId"].as_str().unwrap().to_owned();
        all += &get(&site, &format!("{HISTORY}/{name}")).await.2;
    }
    assert!(!all.contains("secret-street") && !all.contains("ZZ99"), "{all}");
    // A version from while she was protected keeps her place after that, too.
    *held.lock().unwrap() = vec![home(4, "U")];
    let body = get(&site, HISTORY).await.2;
    assert!(body.contains("secret-street-4") && !body.contains("secret-street-3"), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_a_version_and_the_owner_of_the_resource_must_both_permit() {
    let now = as_version(condition("c1", "p1", "222", &[]), 2);
    let wrong = as_version(condition("c1", "p2", "111", &[]), 1);
    let held: Held = held(&[patient("p1", ANN), patient("p2", BOB), now.clone()]);
    let past_ = told(past(&[version(&now), version(&wrong)]));
    let (site, running) = site("open", &held, &past_).await;
    let before = get(&site, OF_CONDITION).await.2;
    assert_eq!(entries(&before).len(), 2, "both permit: {before}");
    denies(&site, BOB).await;
    let (status, _, after) = get(&site, OF_CONDITION).await;
    assert_eq!((status, entries(&after).len(), after.contains("\"111\"")), (200, 1, false), "{after}");
    let name = entries(&before)[1]["resource"]["meta"]["versionId"].as_str().unwrap().to_owned();
    assert_eq!(
        get(&site, &format!("{OF_CONDITION}/{name}")).await.0,
        404,
        "what was given once is judged today"
    );
    denies(&site, ANN).await;
    assert_eq!(get(&site, OF_CONDITION).await.0, 403);
    running.stop().await;
    let records = site.records();
    let filtered = |record: &&Value| {
        record["exchange"]["interaction"] == "history-instance"
            && record["about"]["visibility"] == "oversight"
    };
    assert!(
        records.iter().any(|record| filtered(&record)),
        "Bob is filtered out, for the guardian: {records:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_another_persons_is_hers_too_as_it_was_then() {
    let now = as_version(named("Now"), 2);
    let mut then = as_version(named("Secret"), 1);
    then["identifier"][0]["value"] = json!(BOB);
    let held: Held = held(&[now.clone(), patient("p2", BOB)]);
    let (site, running) = site("open", &held, &told(past(&[version(&now), version(&then)]))).await;
    assert_eq!(families(&get(&site, HISTORY).await.2), ["Now", "Secret"]);
    denies(&site, BOB).await;
    assert_eq!(families(&get(&site, HISTORY).await.2), ["Now"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_of_today_counts_for_every_version_and_one_of_then_for_that_version() {
    let labelled =
        |number, label: &[&str]| as_version(condition("c1", "p1", &format!("{number}"), label), number);
    let versions = [labelled(3, &[]), labelled(2, &["PSY"]), labelled(1, &[])];
    let held: Held = held(&[patient("p1", ANN), versions[0].clone()]);
    let past_ = told(past(&versions.clone().map(|one| version(&one))));
    let (site, running) = site("open", &held, &past_).await;
    let codes = |body: &str| -> Vec<String> {
        let code =
            |entry: &Value| entry["resource"]["code"]["coding"][0]["code"].as_str().unwrap().to_owned();
        entries(body).iter().map(code).collect()
    };
    assert_eq!(codes(&get(&site, OF_CONDITION).await.2), ["3", "1"]);
    // The label came after the first read, and before the history.
    let newest = labelled(4, &["PSY"]);
    set(&past_, past(&[version(&newest), version(&versions[0])]));
    let (status, _, body) = get(&site, OF_CONDITION).await;
    assert_eq!((status, entries(&body).len()), (403, 0), "{body}");
    held.lock().unwrap()[1] = newest;
    set(&past_, past(&versions.clone().map(|one| version(&one))));
    assert_eq!(get(&site, OF_CONDITION).await.0, 403, "a version that the history does not tell of counts");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_shared_of_the_resource_now_is_shared_of_no_version() {
    let dated = |number, of: &str, labels: &[&str]| {
        let mut one = as_version(condition("c1", of, &format!("{number}"), labels), number);
        one["onsetString"] = json!(format!("onset-{number}"));
        one
    };
    let (now, then) = (dated(2, "p1", &["HIV"]), dated(1, "p1", &[]));
    let held: Held = held(&[patient("p1", ANN), patient("p2", BOB), now.clone()]);
    let past_ = told(past(&[version(&now), version(&then)]));
    let (site, running) = site("open", &held, &past_).await;
    let (status, _, body) = get(&site, OF_CONDITION).await;
    assert_eq!((status, entries(&body).len(), body.contains("onset")), (200, 2, false), "{body}");
    held.lock().unwrap()[2] = dated(2, "p1", &[]);
    set(&past_, past(&[version(&dated(2, "p1", &[])), version(&then)]));
    let body = get(&site, OF_CONDITION).await.2;
    assert!(body.contains("onset-1") && body.contains("onset-2"), "{body}");
    // What she who it is about now has said counts for a version about somebody else.
    set(&past_, past(&[version(&dated(2, "p1", &[])), version(&dated(1, "p2", &["HIV"]))]));
    assert_eq!(entries(&get(&site, OF_CONDITION).await.2).len(), 2);
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let but = json!({"type": "deny", "securityLabel": [{"system": act, "code": "HIV"}]});
    says(&site, ANN, &json!({"type": "permit", "provision": [but]})).await;
    let (status, _, body) = get(&site, OF_CONDITION).await;
    assert_eq!((status, entries(&body).len()), (200, 1), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_what_is_hidden_is_as_that_of_what_is_absent() {
    let hidden = as_version(condition("c1", "p1", "1", &["PSY"]), 2);
    let open = as_version(condition("c1", "p1", "1", &[]), 1);
    let held: Held = held(&[patient("p1", ANN), hidden.clone()]);
    let past_ = told(past(&[version(&hidden), version(&open)]));
    let (site, running) = site("withheld", &held, &past_).await;
    for tail in ["", "?_since=2026-01-01T00:00:00Z", "?_count=1", "/1", "/0123456789abcdef0123456789abcdef"] {
        let absent = answer(&site, &format!("/hospital/fhir/Condition/c9/_history{tail}")).await;
        assert_eq!(absent.0, 404, "{}", absent.2);
        for past_answer in [
            past(&[version(&hidden), version(&open)]),
            past(&[]),
            fhir("501 Not Implemented", "{}"),
            raw("200 OK", "content-type: text/html\r\n", "<p>secret</p>"),
            past(&[version(&patient("p1", ANN))]),
            past(&[deletion("Condition/c1", "2026-01-09T00:00:00Z")]),
        ] {
            set(&past_, past_answer);
            assert_eq!(answer(&site, &format!("{OF_CONDITION}{tail}")).await, absent, "{tail}");
        }
    }
    let lines = |id: &str| -> Vec<String> {
        let seen = site.hospital.seen();
        seen.into_iter().map(|seen| seen.line).filter(|line| line.contains(id)).collect()
    };
    let (of_hidden, of_absent) = (lines("/c1"), lines("/c9"));
    assert_eq!(of_hidden.len(), 6 * of_absent.len(), "the hospital is asked as much about either");
    // Withdrawn while it was looked at.
    *held.lock().unwrap() = vec![patient("p1", ANN), open];
    set(&past_, past(&[deletion("Condition/c1", "2026-01-09T00:00:00Z")]));
    assert_eq!(get(&site, OF_CONDITION).await.0, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_told_after_a_version_that_was_told_and_after_no_other() {
    let now = as_version(condition("c1", "p1", "4", &[]), 4);
    let gone = deletion("Condition/c1", "2026-01-02T09:00:00Z");
    let then = |labels: &[&str]| version(&as_version(condition("c1", "p1", "1", labels), 1));
    let held: Held = held(&[patient("p1", ANN), now.clone()]);
    let past_ = told(past(&[version(&now), gone.clone(), then(&[])]));
    let (site, running) = site("open", &held, &past_).await;
    let found = entries(&get(&site, OF_CONDITION).await.2);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1]["request"], json!({"method": "DELETE", "url": "Condition/c1"}));
    assert_eq!((&found[1]["response"], &found[1]["resource"]), (&json!({"status": "204"}), &Value::Null));
    set(&past_, past(&[version(&now), gone, then(&["PSY"])]));
    let found = entries(&get(&site, OF_CONDITION).await.2);
    assert_eq!(found.len(), 1, "{found:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_without_histories_is_said_to_be_one_and_its_current_version_is_still_read() {
    let now = as_version(named("Now"), 2);
    let held: Held = held(&[now]);
    let past_ = told(past(&[]));
    let (site, running) = site("withheld", &held, &past_).await;
    let (_, head, _) = get(&site, "/hospital/fhir/Patient/p1").await;
    let etag =
        head.lines().find_map(|line| line.strip_prefix("etag: W/")).unwrap().trim_matches('"').to_owned();
    let outcome = r#"{"resourceType":"OperationOutcome","text":"secret"}"#;
    let answers: Vec<Vec<u8>> =
        ["400 Bad Request", "404 Not Found", "405 Method Not Allowed", "410 Gone", "501 Not Implemented"]
            .iter()
            .map(|status| fhir(status, outcome))
            .chain([past(&[])])
            .collect();
    for answer in answers {
        set(&past_, answer);
        for path in [HISTORY.to_owned(), format!("{HISTORY}/0123")] {
            let (status, _, body) = get(&site, &path).await;
            assert_eq!(status, 501, "{body}");
            assert!(body.contains("not-supported") && body.contains("keeps no history"), "{body}");
            assert!(!body.contains("secret"), "{body}");
        }
        let (status, _, body) = get(&site, &format!("{HISTORY}/{etag}")).await;
        assert_eq!((status, body.contains("Now")), (200, true), "{body}");
    }
    running.stop().await;
    let recorded: Vec<Value> = site.records();
    assert!(
        recorded.iter().any(|record| record["exchange"]["reason"] == "upstream-no-history"),
        "{recorded:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_not_one_of_the_resource_is_told_to_nobody() {
    let now = as_version(named("Now"), 2);
    let mut other = version(&as_version(named("Secret"), 1));
    other["resource"]["id"] = json!("p2");
    let linked = |url: &str| {
        let bundle = json!({"resourceType": "Bundle", "type": "history", "entry": [version(&now)],
                            "link": [{"relation": "next", "url": url}]});
        fhir("200 OK", &bundle.to_string())
    };
    let elsewhere = json!({"resourceType": "Bundle", "type": "searchset", "entry": [version(&now)]});
    let held: Held = held(std::slice::from_ref(&now));
    let past_ = told(past(&[]));
    let (site, running) = site("open", &held, &past_).await;
    for (reason, answer) in [
        ("upstream-wrong-resource", past(&[version(&now), other])),
        ("upstream-wrong-resource", past(&[version(&condition("p1", "p1", "1", &[]))])),
        ("upstream-unexpected-entry", past(&[json!({"fullUrl": "Patient/p1"})])),
        ("upstream-unexpected-entry", past(&[deletion("Patient/p2", "2026-01-01T00:00:00Z")])),
        ("upstream-not-a-history", fhir("200 OK", &elsewhere.to_string())),
        ("upstream-not-a-history", fhir("200 OK", &now.to_string())),
        ("upstream-not-fhir", raw("200 OK", "content-type: text/html\r\n", "<p>secret</p>")),
        ("upstream-bad-link", linked("https://elsewhere.example/Patient/p1/_history?page=2")),
        ("upstream-bad-link", linked("Patient/p1/_history?page=2")),
        ("upstream-failed", fhir("500 Internal Server Error", r#"{"secret":"stack trace"}"#)),
        ("upstream-redirected", raw("302 Found", "location: https://elsewhere.example/\r\n", "")),
    ] {
        set(&past_, answer);
        let before = site.hospital.seen().len();
        let (status, _, body) = get(&site, HISTORY).await;
        assert_eq!(status, 502, "{reason}: {body}");
        assert!(body.contains("OperationOutcome") && !body.to_lowercase().contains("secret"), "{body}");
        assert!(site.hospital.seen().len() - before <= 6, "{reason}: it is not asked for ever");
        let (status, _, _) = get(&site, "/hospital/fhir/Patient/p1").await;
        assert_eq!(status, 200, "the resource itself is read as before");
    }
    running.stop().await;
    let reasons: Vec<String> = site
        .records()
        .iter()
        .filter(|record| record["about"]["kind"] == "exchange")
        .filter_map(|record| record["exchange"]["reason"].as_str().map(str::to_owned))
        .collect();
    for reason in ["wrong-resource", "unexpected-entry", "not-a-history", "not-fhir", "bad-link", "failed"] {
        assert!(reasons.contains(&format!("upstream-{reason}")), "{reason}: {reasons:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_told_twice_is_one_and_more_than_is_read_is_too_much() {
    let versions: Vec<Value> =
        (1..=3).rev().map(|at| version(&as_version(named(&format!("V{at}")), at))).collect();
    let held: Held = held(&[versions[0]["resource"].clone()]);
    let twice: Vec<Value> = versions.iter().chain(&versions).cloned().collect();
    let past_ = told(past(&twice));
    let (site, running) = site("open", &held, &past_).await;
    assert_eq!(families(&get(&site, HISTORY).await.2), ["V3", "V2", "V1"]);
    let many: Vec<Value> = (0..5_001).map(|_| versions[0].clone()).collect();
    let next = json!([{"relation": "next", "url": "Patient/p1/_history?page=2"}]);
    let much = json!({"resourceType": "Bundle", "type": "history", "entry": many, "link": next});
    set(&past_, fhir("200 OK", &much.to_string()));
    let (status, _, body) = get(&site, HISTORY).await;
    assert_eq!((status, body.contains("too-costly")), (403, true), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_moments_are_those_of_the_view() {
    let mut touched = as_version(named("V3"), 4);
    touched["telecom"] = json!([{"value": "secret-phone"}]);
    let mut versions: Vec<Value> = (1..=3).rev().map(|at| as_version(named(&format!("V{at}")), at)).collect();
    versions.insert(0, touched);
    let held: Held = held(&versions[..1]);
    let (site, running) =
        site("open", &held, &told(past(&versions.iter().map(version).collect::<Vec<_>>()))).await;
    let base = format!("http://{}", site.requests);
    let mut path = format!("{HISTORY}?_count=2");
    let mut pages = Vec::new();
    loop {
        let (status, _, body) = get(&site, &path).await;
        assert_eq!((status, &parsed(&body)["total"]), (200, &json!(3)), "{body}");
        pages.push(families(&body));
        let links = parsed(&body)["link"].as_array().cloned().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = next["url"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
        assert!(path.starts_with(HISTORY) && path.contains("_cursor="), "{path}");
        assert_eq!(
            site.get(&path, Some(&site.staff_token("R5105"))).await.0,
            400,
            "the link is the requestor's own"
        );
    }
    assert_eq!(pages, [vec!["V3", "V2"], vec!["V1"]]);
    for (since, expected) in [
        ("2026-01-01T00:00:00Z", vec!["V3", "V2", "V1"]),
        ("2026-01-02T09:00:00Z", vec!["V3", "V2"]),
        // The change after this moment is a hidden one.
        ("2026-01-03T10:00:00Z", vec![]),
    ] {
        let (_, _, body) = get(&site, &format!("{HISTORY}?_since={since}")).await;
        assert_eq!(families(&body), expected, "{since}");
        assert_eq!(parsed(&body)["total"], json!(expected.len()));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_versions_stands_in_the_trail_of_the_person() {
    let (old, now) = (as_version(named("Then"), 1), as_version(named("Now"), 2));
    let held: Held = held(std::slice::from_ref(&now));
    let (site, running) = site("open", &held, &told(past(&[version(&now), version(&old)]))).await;
    let body = get(&site, HISTORY).await.2;
    let name = entries(&body)[1]["resource"]["meta"]["versionId"].as_str().unwrap().to_owned();
    assert_eq!(get(&site, &format!("{HISTORY}/{name}")).await.0, 200);
    let path = format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}");
    let (_, _, trail) = site.get(&path, Some(&site.ann())).await;
    let events: Vec<Value> = entries(&trail).into_iter().map(|entry| entry["resource"].clone()).collect();
    let of = |code: &str| {
        let is_one = |event: &&Value| event["subtype"][0]["code"] == code;
        events.iter().find(is_one).unwrap_or_else(|| panic!("{code}: {trail}"))
    };
    let whats = |event: &Value| -> Vec<String> {
        let entities = event["entity"].as_array().cloned().unwrap_or_default();
        let urls =
            entities.iter().filter_map(|entity| entity["what"]["reference"].as_str().map(str::to_owned));
        urls.filter(|url| url.contains("/_history/")).collect()
    };
    let one = of("vread");
    assert!(
        one["meta"]["profile"][0].as_str().is_some_and(|profile| profile.ends_with("PatientRead")),
        "{one}"
    );
    assert_eq!(whats(one), [format!("http://{}{HISTORY}/{name}", site.requests)]);
    assert_eq!(whats(of("history-instance")).len(), 2, "{trail}");
    if let Some(folder) = crate::balp::folder() {
        for event in &events {
            assert_eq!(crate::balp::faults(event, &folder), [""; 0], "{event}");
        }
    }
    running.stop().await;
    let records = site.records();
    let shared = records.iter().filter(|record| record["about"]["kind"] == "person");
    let resources: Vec<&Value> = shared.map(|record| &record["about"]["resources"]).collect();
    assert!(resources.contains(&&json!([format!("Patient/p1/_history/{name}")])), "{resources:?}");
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(!told.contains("Then"), "a record holds no content");
}

//! A stand-in answers as R4 says.

use examples::json::{list, text};
use examples::standin::{self, Standin};
use examples::wire::{Caller, Received};
use http::Method;
use serde_json::{Value, json};

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";

fn patient(id: &str, family: &str, number: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "identifier": [{"system": NHS, "value": number}],
        "name": [{"family": family, "given": ["Al"]}], "birthDate": "1948-02-29"
    })
}

fn condition(id: &str, patient: &str, category: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id, "subject": {"reference": format!("Patient/{patient}")},
        "category": [{"coding": [{"system": "urn:c", "code": category}]}],
        "code": {"coding": [{"system": "urn:s", "code": id}]}
    })
}

async fn hospital() -> (Standin, Caller) {
    let held = vec![
        patient("ann", "Archer", "9993100005"),
        patient("ben", "Baker", "9993100072"),
        condition("c1", "ann", "problem-list-item"),
        condition("c2", "ann", "encounter-diagnosis"),
        condition("c3", "ann", "problem-list-item"),
        condition("c4", "ben", "problem-list-item"),
    ];
    (standin::start("hospital", held).await.unwrap(), Caller::default())
}

async fn get(caller: &Caller, url: &str) -> Received {
    caller.call(Method::GET, url, &[("prefer", "handling=strict")], Vec::new()).await.unwrap()
}

async fn send(caller: &Caller, method: Method, url: &str, extra: &[(&str, &str)], body: &Value) -> Received {
    let mut headers = vec![("content-type", "application/fhir+json")];
    headers.extend_from_slice(extra);
    caller.call(method, url, &headers, body.to_string().into_bytes()).await.unwrap()
}

fn ids(bundle: &Value) -> Vec<&str> {
    list(bundle, "/entry").iter().filter_map(|entry| text(entry, "/resource/id")).collect()
}

#[track_caller]
fn refused(answer: &Received, status: u16) {
    assert_eq!(answer.status, status);
    assert_eq!(text(&answer.json(), "/resourceType"), Some("OperationOutcome"));
}

#[tokio::test]
async fn a_read_has_its_version_and_an_unknown_id_is_not_found() {
    let (hospital, caller) = hospital().await;
    let ann = get(&caller, &format!("{}/Patient/ann", hospital.base)).await;
    assert_eq!((ann.status, ann.header("etag")), (200, "W/\"1\""));
    assert!(ann.header("content-type").starts_with("application/fhir+json"));
    assert_eq!(text(&ann.json(), "/meta/versionId"), Some("1"));
    refused(&get(&caller, &format!("{}/Patient/zed", hospital.base)).await, 404);
    refused(&get(&caller, &format!("{}/Spaceship/ann", hospital.base)).await, 404);
}

#[tokio::test]
async fn searches_match_every_criterion_by_get_and_by_post() {
    let (hospital, caller) = hospital().await;
    let asked = [
        ("Condition?patient=ann&category=urn:c|problem-list-item", vec!["c1", "c3"]),
        ("Condition?subject=Patient/ann&code=c2,c1", vec!["c1", "c2"]),
        ("Condition?patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9993100072", vec!["c4"]),
        ("Patient?family=arch&birthdate=1948", vec!["ann"]),
        ("Patient?_id=ben", vec!["ben"]),
        ("Patient?name:exact=arch", vec![]),
    ];
    for (query, expected) in asked {
        let url = format!("{}/{}", hospital.base, query.replace('|', "%7C"));
        let answer = get(&caller, &url).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(ids(&answer.json()), expected, "{query}");
        let (kind, form) = query.split_once('?').unwrap();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let url = format!("{}/{kind}/_search", hospital.base);
        let posted = caller.call(Method::POST, &url, &headers, form.as_bytes().to_vec()).await.unwrap();
        assert_eq!(ids(&posted.json()), expected, "{query} by POST");
    }
}

#[tokio::test]
async fn pages_are_linked_absolutely_and_hold_everything_once() {
    let (hospital, caller) = hospital().await;
    let mut url = format!("{}/Condition?_count=3", hospital.base);
    let mut seen = Vec::new();
    loop {
        let page = get(&caller, &url).await.json();
        assert_eq!(page.pointer("/total"), Some(&json!(4)));
        seen.extend(ids(&page).iter().map(ToString::to_string));
        let next = list(&page, "/link").iter().find(|link| text(link, "/relation") == Some("next"));
        let Some(next) = next.and_then(|link| text(link, "/url")) else { break };
        assert!(next.starts_with(&hospital.base));
        url = next.to_owned();
    }
    assert_eq!(seen, ["c1", "c2", "c3", "c4"]);
}

#[tokio::test]
async fn an_include_brings_the_patient_once_and_does_not_count() {
    let (hospital, caller) = hospital().await;
    let url = format!("{}/Condition?patient=ann&_include=Condition:patient", hospital.base);
    let bundle = get(&caller, &url).await.json();
    assert_eq!(ids(&bundle), ["c1", "c2", "c3", "ann"]);
    assert_eq!(bundle.pointer("/total"), Some(&json!(3)));
    assert_eq!(text(&bundle, "/entry/3/search/mode"), Some("include"));
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_when_strict_and_left_out_when_lenient() {
    let (hospital, caller) = hospital().await;
    let url = format!("{}/Patient?shoe-size=42&_id=ann", hospital.base);
    refused(&get(&caller, &url).await, 400);
    let lenient = caller.call(Method::GET, &url, &[], Vec::new()).await.unwrap().json();
    assert_eq!(ids(&lenient), ["ann"]);
    assert_eq!(text(&lenient, "/link/0/url"), Some(format!("{}/Patient?_id=ann", hospital.base).as_str()));
}

#[tokio::test]
async fn creates_and_updates_say_where_and_in_which_version() {
    let (hospital, caller) = hospital().await;
    let cara = json!({"resourceType": "Patient", "identifier": [{"system": NHS, "value": "9993100145"}]});
    let place = format!("{}/Patient", hospital.base);
    let condition = [("if-none-exist", "identifier=https://fhir.nhs.uk/Id/nhs-number|9993100145")];
    let made = send(&caller, Method::POST, &place, &condition, &cara).await;
    assert_eq!(made.status, 201);
    let again = send(&caller, Method::POST, &place, &condition, &cara).await;
    assert_eq!((again.status, again.header("location")), (200, made.header("location")));

    let url = format!("{place}/ann");
    let stale = [("if-match", "W/\"9\"")];
    refused(&send(&caller, Method::PUT, &url, &stale, &patient("ann", "New", "9993100005")).await, 412);
    let current = [("if-match", "W/\"1\"")];
    let changed = send(&caller, Method::PUT, &url, &current, &patient("ann", "New", "9993100005")).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "W/\"2\""));
    let old = get(&caller, &format!("{url}/_history/1")).await.json();
    assert_eq!(text(&old, "/name/0/family"), Some("Archer"));
}

#[tokio::test]
async fn what_is_wrong_with_a_write_is_said_in_an_outcome() {
    let (hospital, caller) = hospital().await;
    let place = format!("{}/Patient", hospital.base);
    let json_type = [("content-type", "application/fhir+json")];
    refused(&caller.call(Method::POST, &place, &json_type, b"{".to_vec()).await.unwrap(), 400);
    refused(&send(&caller, Method::POST, &place, &[], &json!({"resourceType": "Flag"})).await, 400);
    let xml = [("content-type", "application/fhir+xml")];
    refused(&caller.call(Method::POST, &place, &xml, b"<Patient/>".to_vec()).await.unwrap(), 415);
    let answer = caller.call(Method::PATCH, &format!("{place}/ann"), &[], Vec::new()).await.unwrap();
    refused(&answer, 405);
    assert_eq!(answer.header("allow"), "GET, PUT, DELETE");
    let xml =
        caller.call(Method::GET, &place, &[("accept", "application/fhir+xml")], Vec::new()).await.unwrap();
    refused(&xml, 406);
}

fn transaction(entries: &Value) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

#[tokio::test]
async fn a_transaction_resolves_its_own_names() {
    let (hospital, caller) = hospital().await;
    let bundle = transaction(&json!([
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Flag", "subject": {"reference": "urn:uuid:2"}},
         "request": {"method": "POST", "url": "Flag"}},
        {"fullUrl": "urn:uuid:2", "resource": patient("eve", "Eden", "9993100218"),
         "request": {"method": "PUT", "url": "Patient/eve"}},
        {"resource": {"resourceType": "Task", "for": {"reference": "Patient?identifier=9993100072"}},
         "request": {"method": "POST", "url": "Task"}}
    ]));
    let answer = send(&caller, Method::POST, &hospital.base, &[], &bundle).await;
    assert_eq!(answer.status, 200);
    let statuses: Vec<_> = list(&answer.json(), "/entry")
        .iter()
        .filter_map(|entry| text(entry, "/response/status").map(str::to_owned))
        .collect();
    assert_eq!(statuses, ["201 Created"; 3]);
    let flags = get(&caller, &format!("{}/Flag?patient=eve", hospital.base)).await.json();
    assert_eq!(flags.pointer("/total"), Some(&json!(1)));
    let tasks = get(&caller, &format!("{}/Task?patient=ben", hospital.base)).await.json();
    assert_eq!(tasks.pointer("/total"), Some(&json!(1)));
}

#[tokio::test]
async fn a_transaction_that_fails_changes_nothing() {
    let (hospital, caller) = hospital().await;
    let bundle = transaction(&json!([
        {"resource": patient("fay", "Frost", "9993100285"), "request": {"method": "PUT", "url": "Patient/fay"}},
        {"resource": {"resourceType": "Task", "for": {"reference": "Patient?identifier=none"}},
         "request": {"method": "POST", "url": "Task"}}
    ]));
    refused(&send(&caller, Method::POST, &hospital.base, &[], &bundle).await, 412);
    refused(&get(&caller, &format!("{}/Patient/fay", hospital.base)).await, 404);
}

#[tokio::test]
async fn what_is_deleted_is_gone_but_for_its_history() {
    let (hospital, caller) = hospital().await;
    let ann = format!("{}/Patient/ann", hospital.base);
    let stale = send(&caller, Method::DELETE, &ann, &[("if-match", "W/\"7\"")], &json!({})).await;
    refused(&stale, 412);
    assert_eq!(send(&caller, Method::DELETE, &ann, &[], &json!({})).await.status, 204);
    refused(&get(&caller, &ann).await, 410);
    let found = get(&caller, &format!("{}/Patient?_id=ann,ben", hospital.base)).await;
    assert_eq!(ids(&found.json()), ["ben"]);
    let history = get(&caller, &format!("{ann}/_history")).await.json();
    let methods: Vec<_> =
        list(&history, "/entry").iter().filter_map(|entry| text(entry, "/request/method")).collect();
    assert_eq!(methods, ["DELETE", "POST"]);
    refused(&get(&caller, &format!("{}/Patient/nobody/_history", hospital.base)).await, 404);
}

#[tokio::test]
async fn modifiers_and_escapes_are_kept() {
    let (hospital, caller) = hospital().await;
    for (query, expected) in [
        ("Patient?birthdate:missing=true", &[][..]),
        ("Patient?gender:missing=true&_id=ann", &["ann"]),
        ("Condition?category:not=encounter-diagnosis&patient=ann", &["c1", "c3"]),
        ("Patient?identifier=9993100005%5C,9993100072", &[]),
        ("Patient?birthdate=sa1948-02", &[]),
        ("Patient?birthdate=eb1948-03&_id=ben", &["ben"]),
    ] {
        let found = get(&caller, &format!("{}/{query}", hospital.base)).await.json();
        assert_eq!(ids(&found), expected, "{query}");
    }
}

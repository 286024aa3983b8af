//! Each entry is answered as it would have been alone.

use serde_json::{Value, json};

use super::{TABLES, alone, hospital, site, told};
use crate::support::asking::{asks, bundle, post, site_with};
use crate::support::holding::holding;
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::PATIENT;

const URLS: [&str; 14] = [
    "Patient/p1",
    "Patient/p2",
    "Patient/p9",
    "Condition?patient=p1",
    "Condition/c1",
    "Condition/c2",
    "Condition?code=11",
    "Observation?patient=p1",
    "Patient/p1/$export",
    "Patient/p1/$everything",
    "metadata",
    "Patient/p1?_elements",
    "Patient/p1?_elements=birthDate",
    "Condition?patient=p1&_summary=count&_include=Condition:encounter",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_entry_is_answered_as_it_would_be_alone_and_none_changes_another() {
    for existence in ["open", "withheld"] {
        let (site, running) = site(existence).await;
        let entries: Vec<Value> = URLS.into_iter().map(asks).collect();
        let answer = post(&site, "", &bundle("batch", &entries)).await;
        assert_eq!((answer.status, &answer.body["type"]), (200, &json!("batch-response")), "{}", answer.body);
        let answered = answer.entries();
        assert_eq!(answered.len(), URLS.len());
        for (url, entry) in URLS.into_iter().zip(&answered) {
            assert_eq!(told(entry), alone(&site, url).await, "{existence} {url}");
        }
        let body = answer.body.to_string();
        assert!(!body.contains("CANARY"), "{body}");
        assert!(body.contains("Example") && body.contains("\"11\""), "what may be seen is shared: {body}");
        assert!(answered.iter().all(|entry| entry.get("fullUrl").is_none()), "{body}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_is_as_absent_in_every_part_of_an_entry() {
    let (site, running) = site("withheld").await;
    let entry = async |id: &str| {
        let entry = json!({"fullUrl": "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666", "request": {
            "method": "GET", "url": format!("Patient/{id}"), "ifNoneMatch": "W/\"2\"", "ifModifiedSince": "2026-01-01T00:00:00Z"}});
        let answer = post(&site, "", &bundle("batch", &[asks("Patient/p1"), entry])).await;
        assert!(answer.header("link").is_some(), "the other entry is shared");
        super::blind(&json!(answer.entries()))
    };
    let (hidden, absent) = (entry("p2").await, entry("p9").await);
    assert_eq!(hidden, absent);
    assert_eq!(hidden[1]["response"]["status"], "404 Not Found", "{hidden}");
    let members: Vec<&String> = hidden[1]["response"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["status", "outcome"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_view_already_is_told_so_in_its_entry() {
    let (site, running) = site("open").await;
    let first = post(&site, "", &bundle("batch", &[asks("Patient/p1")])).await;
    let etag = first.entries()[0]["response"]["etag"].clone();
    let held = json!({"request": {"method": "GET", "url": "Patient/p1", "ifNoneMatch": etag}});
    let answer = post(&site, "", &bundle("batch", &[held])).await;
    assert_eq!(answer.statuses(), ["304"], "{}", answer.body);
    let entry = answer.entries()[0].clone();
    assert_eq!((entry.get("resource"), &entry["response"]["etag"]), (None, &etag), "{entry}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_leaves_the_face_is_refused_in_its_own_entry() {
    let (site, running) = site("open").await;
    let urls = [
        "http://other.invalid/fhir/Patient/p1",
        "//other.invalid/x",
        "/Patient/p1",
        "../admin",
        "../../fhir/Consent",
        "Patient/p1/../p2",
        "Patient/%70%31",
        "Patient\\p1",
        "Patient/p1;x=1",
        "Patient/p1?access_token=abc",
        "Patient/p1#x",
        "Patient//p1",
    ];
    let mut entries: Vec<Value> = urls.into_iter().map(asks).collect();
    entries.extend([
        json!({}),
        json!({"request": {"method": "GET"}}),
        json!({"request": {"method": "get", "url": "Patient/p1"}}),
        json!({"request": {"method": "TRACE", "url": "Patient/p1"}}),
        json!({"request": {"method": "GET", "url": 7}}),
        json!({"request": {"method": "GET", "url": "Patient/p1", "ifMatch": ["x"]}}),
        json!({"request": {"method": "GET", "url": "Patient/p1"}, "resource": {"resourceType": "Patient"}}),
        json!({"request": {"method": "PATCH", "url": "Patient/p1"}, "resource": {"resourceType": "Patient"}}),
    ]);
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    assert_eq!(answer.statuses(), vec!["400"; entries.len()], "{}", answer.body);
    assert_eq!(site.hospital.seen().len(), 0, "no system heard of any of it");
    entries.push(asks("Patient/p1"));
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    assert_eq!(answer.statuses().last().map(String::as_str), Some("200"), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_holds_no_other_and_what_is_not_served_alone_is_not_served_in_one() {
    let (site, running) = site("open").await;
    let inner = bundle("batch", &[asks("Patient/p2")]);
    let with = |method: &str, url: &str, resource: &Value| json!({"resource": resource, "request": {"method": method, "url": url}});
    let patient = json!({"resourceType": "Patient"});
    let entries = [
        with("POST", "", &inner),
        with("POST", "Patient", &patient),
        with("PUT", "Patient/p1", &patient),
        json!({"request": {"method": "DELETE", "url": "Patient/p1"}}),
        json!({"request": {"method": "DELETE", "url": "Condition?patient=p1&code=22"}}),
        with("POST", "Condition", &patient),
        with("POST", "$frobnicate", &patient),
        with("POST", "Patient/$match", &json!({"resourceType": "Parameters"})),
    ];
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    assert_eq!(
        answer.statuses(),
        ["400", "403", "428", "428", "405", "400", "404", "404"],
        "{}",
        answer.body
    );
    assert_eq!(site.hospital.seen().len(), 0, "no system heard of any of it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_batch_is_refused_whole() {
    let (site, running) = site("open").await;
    let read = [asks("Patient/p1")];
    for (path, body, status) in [
        ("", bundle("collection", &read), 400),
        ("", bundle("searchset", &read), 400),
        ("", json!({"resourceType": "Bundle", "entry": read}), 400),
        ("", json!({"resourceType": "Bundle", "type": "batch", "entry": {}}), 400),
        ("", json!({"resourceType": "Parameters"}), 400),
        ("?_getpages=x", bundle("batch", &read), 400),
        ("?_format=turtle", bundle("batch", &read), 406),
    ] {
        let answer = post(&site, path, &body).await;
        assert_eq!(
            (answer.status, &answer.body["resourceType"]),
            (status, &json!("OperationOutcome")),
            "{body}"
        );
    }
    let own = site.request(
        "POST",
        "/fhir",
        Some(&site.consultant()),
        "content-type: application/fhir+json\r\n",
        &bundle("batch", &read).to_string(),
    );
    let mut stream = tokio::net::TcpStream::connect(site.requests).await.unwrap();
    assert_eq!(crate::support::front::ask(&mut stream, &own).await.unwrap().0, 404, "not on our own face");
    let stranger = site.request(
        "POST",
        "/hospital/fhir",
        None,
        "content-type: application/fhir+json\r\n",
        &bundle("batch", &read).to_string(),
    );
    let mut stream = tokio::net::TcpStream::connect(site.requests).await.unwrap();
    assert_eq!(crate::support::front::ask(&mut stream, &stranger).await.unwrap().0, 401);
    assert_eq!(site.hospital.seen().len(), 0, "no system heard of any of it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_lies_to_one_entry_harms_that_entry_alone() {
    let honest = holding(&hospital());
    let lies = move |seen: &Seen| {
        let other = r#"{"resourceType":"Bundle","type":"searchset","entry":[{"search":{"mode":"match"},"resource":
            {"resourceType":"Condition","id":"c9","subject":{"reference":"Patient/p2"},"code":{"text":"CANARY"}}}]}"#;
        match seen.line.as_str() {
            "GET /fhir/Patient/lie HTTP/1.1" => Play::Bytes(fhir("200 OK", PATIENT)),
            "GET /fhir/Patient/down HTTP/1.1" => Play::ThenClose(Vec::new()),
            "GET /fhir/Patient/error HTTP/1.1" => {
                Play::Bytes(fhir("500 Internal Server Error", r#"{"text":"CANARY"}"#))
            }
            "POST /fhir/Condition/_search HTTP/1.1" if seen.body.contains("p1") => {
                Play::Bytes(fhir("200 OK", other))
            }
            _ => honest(seen),
        }
    };
    let (site, running) = site_with("open", TABLES, lies).await;
    let urls =
        ["Patient/lie", "Patient/p1", "Condition?patient=p1", "Patient/down", "Patient/error", "Patient/p1"];
    let answer = post(&site, "", &bundle("batch", &urls.map(asks))).await;
    assert_eq!(answer.statuses(), ["502", "200", "502", "502", "502", "200"], "{}", answer.body);
    assert!(!answer.body.to_string().contains("CANARY"), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_may_ask_for_no_other_format_than_that_of_what_it_is_a_part_of() {
    let (site, running) = site("open").await;
    let urls =
        ["Patient/p1?_format=json", "Patient/p1?_format=xml", "Patient/p1?_format=text/plain", "Patient/p1"];
    let answer = post(&site, "", &bundle("batch", &urls.map(asks))).await;
    assert_eq!(answer.statuses(), ["200", "406", "406", "200"], "{}", answer.body);
    assert_eq!(site.hospital.seen().iter().filter(|seen| seen.line.contains("/Patient/p1 ")).count(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_asks_for_a_head_is_answered_as_a_read_without_its_content() {
    let (site, running) = site("open").await;
    let head = |url: &str| json!({"request": {"method": "HEAD", "url": url}});
    for kind in ["batch", "transaction"] {
        let entries = [asks("Patient/p1"), head("Patient/p1"), head("Condition?patient=p1")];
        let answer = post(&site, "", &bundle(kind, &entries)).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
        let answered = answer.entries();
        let [read, of_read, of_search] = answered.as_slice() else { panic!("{}", answer.body) };
        assert_eq!(of_read["response"], read["response"], "{kind}: as a read is answered");
        assert!(read["resource"].is_object() && of_read.get("resource").is_none(), "{kind}: {of_read}");
        assert_eq!(of_search["response"]["status"], "200 OK", "{kind}: {of_search}");
        assert!(of_search.get("resource").is_none(), "{kind}: {of_search}");
    }
    let hidden = post(&site, "", &bundle("batch", &[head("Patient/p2"), head("Patient/p9")])).await;
    assert_eq!(hidden.statuses()[1], "404", "{}", hidden.body);
    running.stop().await;
}

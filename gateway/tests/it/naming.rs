//! What is sent names no more than its sender may read: whether what is hidden is there is not told by how a system takes
//! what refers to it. The hospital here refuses references that lead nowhere.

mod rules;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::asking::{Answer, agreement, bundle, post};
use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::sharing::{BOB, denies};
use crate::support::transacting::{TRANSACTION, carried_out, value};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// What consultants read. Who writes sends more types than that to the hospital.
const READ: &str = r#"
[share.person.Patient]
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
"identifier:https://ids.example" = "to find it again"
where = { not_labelled = ["PSY"] }
"#;
const SENT: &str = r#"
[[recipient_system]]
systems = ["hospital"]
share = ["sent"]
[share.sent.Patient]
name = "to address the person"
[share.sent.Condition]
code = "what care is needed for"
evidence = "what it was found by"
"identifier:https://ids.example" = "to find it again"
[share.sent.Flag]
code = "what to mind"
[share.sent.Organization]
name = "who is in charge"
[share.sent.Observation]
status = "whether it is final"
code = "what was measured"
focus = "what it was measured for"
performer = "who measured it"
[share.sent.MessageHeader]
"event[x]" = "what happened"
source = "where it comes from"
focus = "what it is about"
"#;

/// Hers and shown, hers and of a label, his who denies, nobody's.
const SHOWN: &str = "Condition/c1";
const LABELLED: &str = "Condition/c2";
const DENIED: &str = "Condition/c3";
const ABSENT: &str = "Condition/c9";

fn hospital() -> Held {
    let flag = json!({"resourceType": "Flag", "id": "f1", "status": "active", "subject": {"reference": "Patient/p1"},
        "code": {"text": "falls"}});
    held(&[
        patient("p1", ANN),
        patient("p2", BOB),
        condition("c1", "p1", "11", &[]),
        condition("c2", "p1", "22", &["PSY"]),
        condition("c3", "p2", "33", &[]),
        json!({"resourceType": "Organization", "id": "o1", "name": "Northshire"}),
        flag,
    ])
}

/// What a body refers to that is not there.
fn dangles(body: &Value, store: &[Value]) -> bool {
    match body {
        Value::Object(members) => members.iter().any(|(name, value)| match (name.as_str(), value.as_str()) {
            ("reference", Some(reference)) => {
                let is_it = |found: &Value| {
                    let part = |name: &str| found[name].as_str().unwrap().to_owned();
                    reference == format!("{}/{}", part("resourceType"), part("id"))
                };
                !reference.contains(':') && !reference.starts_with('#') && !store.iter().any(is_it)
            }
            _ => dangles(value, store),
        }),
        Value::Array(items) => items.iter().any(|item| dangles(item, store)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes what refers to nothing that is not there, and keeps none of it.
fn keeps_references(store: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static + use<> {
    let (store, honest) = (Arc::clone(store), holding(store));
    move |seen| {
        let is_write = seen.line.starts_with("POST") && !seen.line.contains("_search");
        if !is_write {
            return honest(seen);
        }
        let (store, body) = (store.lock().unwrap().clone(), value(&seen.body));
        let sent = match body["type"] == "message" {
            // What came with it is there.
            true => body["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect(),
            false => Vec::new(),
        };
        let there: Vec<Value> =
            store.iter().cloned().chain(sent).filter(|found| found["id"].is_string()).collect();
        Play::Bytes(match dangles(&body, &there) {
            true => fhir("422 Unprocessable Entity", r#"{"resourceType":"OperationOutcome"}"#),
            false if seen.line == TRANSACTION => match carried_out(&store, &body) {
                Ok((_, response)) => fhir("200 OK", &response.to_string()),
                Err(status) => fhir(status, r#"{"resourceType":"OperationOutcome"}"#),
            },
            false => {
                b"HTTP/1.1 201 Created\r\nlocation: Observation/new\r\ncontent-length: 0\r\n\r\n".to_vec()
            }
        })
    }
}

async fn site_of(
    tables: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    more: &str,
) -> (Whole, Running) {
    let site = Whole::with(script).await;
    site.agrees(&agreement("withheld", &format!("{tables}{SENT}")));
    site.also_set(&format!("transactions = true\n{more}"));
    let running = site.start().await.unwrap();
    denies(&site, BOB).await;
    (site, running)
}

async fn site() -> (Whole, Running) {
    site_of(READ, keeps_references(&hospital()), "").await
}

fn observation(focus: &[&str]) -> Value {
    let focus: Vec<Value> = focus.iter().map(|name| json!({"reference": name})).collect();
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "weight"},
           "subject": {"reference": "Patient/p1"}, "focus": focus})
}

fn creates(resource: &Value) -> Value {
    json!({"fullUrl": "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666", "resource": resource,
           "request": {"method": "POST", "url": resource["resourceType"]}})
}

fn message(with: &Value) -> Value {
    let header = json!({"resourceType": "MessageHeader", "id": "msg-1",
        "eventCoding": {"system": "http://events.example", "code": "admit"},
        "source": {"endpoint": "https://sender.example"}, "focus": [{"reference": "Observation/o1"}]});
    let mut with = with.clone();
    with["id"] = json!("o1");
    let entries = [json!({"resource": header}), json!({"resource": with})];
    json!({"resourceType": "Bundle", "type": "message", "entry": entries})
}

/// Every way in which something is sent at once: where to, and as what.
fn roads(resource: &Value) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("create", "/Observation", resource.clone()),
        ("batch", "", bundle("batch", &[creates(resource)])),
        ("transaction", "", bundle("transaction", &[creates(resource)])),
        ("message", "/$process-message", message(resource)),
    ]
}

/// The bodies that the hospital was sent, without what names their exchange.
fn sent(site: &Whole) -> Vec<Value> {
    let is_write = |seen: &Seen| seen.line.starts_with("POST") && !seen.line.contains("_search");
    let mut bodies: Vec<Value> =
        site.hospital.seen().into_iter().filter(is_write).map(|seen| value(&seen.body)).collect();
    for body in &mut bodies {
        for entry in body.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("fullUrl");
            if entry["resource"]["resourceType"] == "Provenance" {
                entry["resource"].take();
            }
        }
    }
    bodies
}

/// How often a type was looked for.
fn looked_for(site: &Whole, kind: &str) -> usize {
    let line = format!("POST /fhir/{kind}/_search ");
    site.hospital.seen().iter().filter(|seen| seen.line.starts_with(&line)).count()
}

/// All that is told, without what names the exchange.
fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let random = ["date: ", "x-request-id: ", "portcullis-receipt: "];
    let is_said = |line: &&str| !random.iter().any(|name| line.starts_with(name));
    let body = answer.body.to_string().replace(&answer.request_id(), "R");
    let entries = answer.entries();
    let receipts = entries.iter().filter_map(|entry| entry["fullUrl"].as_str());
    let body = receipts.fold(body, |body, name| body.replace(name, "N"));
    let head = answer.head.lines().filter(is_said).map(|line| line.replace(&answer.request_id(), "R"));
    (answer.status, head.collect(), body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_is_left_out_of_what_is_sent_like_what_is_not_there() {
    for at in 0..roads(&Value::Null).len() {
        let (site, running) = site().await;
        let mut answers = Vec::new();
        for target in [ABSENT, LABELLED, DENIED] {
            let (road, path, body) = roads(&observation(&[SHOWN, target])).swap_remove(at);
            let answer = post(&site, path, &body).await;
            let is_done = answer.status < 300 && (!path.is_empty() || answer.statuses() == ["201"]);
            assert!(is_done, "{road} {target}: {} {}", answer.status, answer.body);
            let went = sent(&site).pop().unwrap();
            assert!(went.to_string().contains(SHOWN), "{road}: {went}");
            assert!(!went.to_string().contains(target), "{road} {target}: {went}");
            answers.push((told(&answer), went));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        // One look for each of them, and the same evidence.
        assert_eq!(looked_for(&site, "Condition"), 3);
        assert_eq!(looked_for(&site, "Group"), 3, "every source is asked, whatever is behind it");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_to_create_under_changes_nothing_of_that() {
    let (site, running) = site().await;
    let mut answers = Vec::new();
    for target in [ABSENT, LABELLED, DENIED] {
        let mut body = condition("x", "p1", "5", &[]);
        body.as_object_mut().unwrap().retain(|name, _| name != "id" && name != "meta");
        body["evidence"] = json!([{"detail": [{"reference": target}, {"reference": SHOWN}]}]);
        let headers =
            "content-type: application/fhir+json\r\nif-none-exist: identifier=https://ids.example|a1\r\n";
        let token = site.consultant();
        let request =
            site.request("POST", "/hospital/fhir/Condition", Some(&token), headers, &body.to_string());
        let mut stream = tokio::net::TcpStream::connect(site.requests).await.unwrap();
        let answer = crate::support::asking::answered(
            crate::support::front::ask(&mut stream, &request).await.unwrap(),
        );
        assert_eq!(answer.status, 201, "{}", answer.body);
        let went = sent(&site).pop().unwrap();
        assert_eq!(went["evidence"][0]["detail"], json!([{"reference": SHOWN}]), "{went}");
        answers.push((told(&answer), went));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sender_may_not_read_at_all_is_left_out_and_not_looked_up() {
    let (site, running) = site().await;
    // Flags go to the hospital, and nobody here reads them; who is about nobody is named by rule.
    let mut body = observation(&["Flag/f1", "Flag/f9"]);
    body["performer"] = json!([{"reference": "Organization/o1"}]);
    let answer = post(&site, "/Observation", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let went = sent(&site).pop().unwrap();
    assert_eq!((&went["focus"], &went["performer"]), (&Value::Null, &body["performer"]), "{went}");
    assert_eq!(looked_for(&site, "Flag"), 0);
    running.stop().await;
    let tables = "[share.person.Patient]\nname = \"to address the person\"\n";
    let (site, running) = site_of(tables, keeps_references(&hospital()), "").await;
    for target in [SHOWN, LABELLED, ABSENT] {
        let answer = post(&site, "/Observation", &observation(&[target])).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(sent(&site).pop().unwrap()["focus"], Value::Null);
    }
    assert_eq!(looked_for(&site, "Condition"), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_together_names_each_other_all_the_same() {
    let (site, running) = site().await;
    let mut first = condition("x", "p1", "5", &[]);
    first.as_object_mut().unwrap().retain(|name, _| name != "id" && name != "meta");
    let name = "urn:uuid:0a1e2a0c-1111-4222-8333-444455557777";
    let mut first = creates(&first);
    first["fullUrl"] = json!(name);
    let body = bundle("transaction", &[creates(&observation(&[name])), first]);
    let answer = post(&site, "", &body).await;
    assert_eq!(answer.statuses(), ["201", "201"], "{}", answer.body);
    let went = sent(&site).pop().unwrap().to_string();
    assert!(went.contains("\"focus\":[{\"reference\":\"urn:"), "{went}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_down_ends_it_whatever_is_named() {
    let fails = || Play::Bytes(fhir("500 Internal Server Error", "{}"));
    // What must stand in the line and in the body of a request, and how creates end while that fails.
    for (line, body, status) in
        [("/Condition/_search", "", 502), ("/Group/_search", "", 502), ("/Patient/_search", "p2", 201)]
    {
        let honest = keeps_references(&hospital());
        let (site, running) = site_of(
            READ,
            move |seen| {
                if seen.line.contains(line) && seen.body.contains(body) { fails() } else { honest(seen) }
            },
            "",
        )
        .await;
        let mut answers = Vec::new();
        for target in [ABSENT, LABELLED, DENIED] {
            let answer = post(&site, "/Observation", &observation(&[target])).await;
            assert_eq!(answer.status, status, "{line} {target}: {}", answer.body);
            answers.push((told(&answer), sent(&site).pop()));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{line}: {answers:#?}");
        assert_eq!(sent(&site).len(), if status == 201 { 3 } else { 0 }, "{line}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_something_is_told_at_the_beat() {
    let more = "\n[limits]\nbeat_ms = 3000\n";
    let (site, running) = site_of(READ, keeps_references(&hospital()), more).await;
    for (path, body) in [
        ("/Observation", observation(&[SHOWN])),
        ("/Observation", observation(&[DENIED])),
        ("/Observation", observation(&[ABSENT])),
        ("/$process-message", message(&observation(&[ABSENT]))),
    ] {
        let began = Instant::now();
        let answer = post(&site, path, &body).await;
        assert!(answer.status < 300, "{}", answer.body);
        // However slow the machine is: never sooner.
        assert!(began.elapsed() >= Duration::from_millis(3_000), "{body} {:?}", began.elapsed());
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_behind_what_was_named_is_for_oversight_alone() {
    let (site, running) = site().await;
    let answer = post(&site, "/Observation", &observation(&[DENIED])).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    running.stop().await;
    let records = site.records();
    let is_his =
        |record: &&Value| record["about"]["nhs_number"] == BOB && record["exchange"]["event"] == "intent";
    let his: Vec<&Value> = records.iter().filter(is_his).collect();
    assert_eq!(his.len(), 1, "{records:#?}");
    assert_eq!(his[0]["about"]["refusal"], "consent-denied", "{}", his[0]);
    assert_eq!(his[0]["about"]["visibility"], "oversight", "{}", his[0]);
    let seen = site.hospital.seen();
    let create = seen.iter().find(|seen| seen.line == "POST /fhir/Observation HTTP/1.1").unwrap();
    let provenance = create.header("x-provenance").unwrap_or_default();
    assert!(!provenance.contains(BOB) && !provenance.contains("/c3"), "{provenance}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_cut_is_told_by_its_kind_and_is_no_fault_of_the_system() {
    let (site, running) = site().await;
    let url = "https://hospital.example/CANARY";
    let with = |name: &str, value: Value| {
        let mut body = observation(&[]);
        body.as_object_mut().unwrap().remove("focus");
        body[name] = value;
        body
    };
    let mut kinds = BTreeSet::new();
    for (body, issue) in [
        (with("modifierExtension", json!([{"url": url, "valueBoolean": true}])), "business-rule"),
        (with("implicitRules", json!(url)), "business-rule"),
        (with("code", json!("CANARY")), "invariant"),
        (with("status", json!(5)), "invariant"),
        (with("performer", json!({})), "invariant"),
    ] {
        for (road, path, body) in roads(&body) {
            let answer = post(&site, path, &body).await;
            let outcome = match road {
                "batch" => answer.entries()[0]["response"]["outcome"].clone(),
                _ => answer.body.clone(),
            };
            let status = if road == "batch" { answer.statuses()[0].parse().unwrap() } else { answer.status };
            // Of a message what may not go is left out, as long as something may.
            if road != "message" {
                assert_eq!(
                    (status, &outcome["issue"][0]["code"]),
                    (422, &json!(issue)),
                    "{road}: {}",
                    answer.body
                );
                kinds.insert(outcome["issue"][0]["details"]["text"].to_string());
            }
            assert!(!answer.body.to_string().contains("CANARY"), "{road}: {}", answer.body);
        }
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    running.stop().await;
    let records = site.records();
    let refused = |record: &&Value| {
        record["exchange"]["event"] == "refused"
            && record["exchange"]["reason"].as_str().is_some_and(|reason| reason.starts_with("unsendable-"))
    };
    assert!(records.iter().filter(refused).count() >= 15, "{records:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_header_is_not_shared_is_refused_by_name() {
    let site = Whole::with(keeps_references(&hospital())).await;
    let tables = SENT.split("[share.sent.MessageHeader]").next().unwrap();
    site.agrees(&agreement("withheld", &format!("{READ}{tables}")));
    let running = site.start().await.unwrap();
    let answer = post(&site, "/$process-message", &message(&observation(&[]))).await;
    assert_eq!(
        (answer.status, &answer.body["issue"][0]["code"]),
        (403, &json!("forbidden")),
        "{}",
        answer.body
    );
    assert!(sent(&site).is_empty());
    running.stop().await;
    let by_rule = |record: &Value| record["exchange"]["reason"] == "type-not-shared";
    assert!(site.records().iter().any(by_rule), "{:?}", site.records());
}

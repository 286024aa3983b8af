//! Creates under `If-None-Exist` through the whole gateway: a match that is hidden is as none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::hidden::{BOB, says};
use crate::support::front::ask;
use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

mod rare;

const AGREEMENT: &str = r#"
id = "on-the-wards"
title = "Care on the wards"
status = "in-force"
in_force = { from = 2020-01-01, until = 2090-01-01 }
review_by = 2089-01-01
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:RX1"]
recipient = ["ods:RX1"]
purposes = ["TREAT"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = []
overrides = []
existence = "withheld"
[[recipient_role]]
roles = ["R0050"]
standing = "registered"
share = ["person"]
[[recipient_system]]
systems = ["hospital"]
share = ["person"]
[share.person.Patient]
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
"identifier:https://ids.example" = "to find it again"
where = { not_labelled = ["PSY"] }
"#;

const CONDITIONS: &str = "/hospital/fhir/Condition";
const UNLESS: &str = "if-none-exist: identifier=https://ids.example|a1\r\n";

/// A problem of this identifier.
fn problem(id: &str, of: &str, value: &str, labels: &[&str]) -> Value {
    let mut made = condition(id, of, "1", labels);
    made["identifier"] = json!([{"system": "https://ids.example", "value": value}]);
    made
}

fn world(problems: &[Value]) -> Held {
    held(&[&[patient("p1", ANN), patient("p2", BOB)], problems].concat())
}

/// A hospital that creates what it is sent, and honours the condition.
fn keeping(held: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let (store, honest) = (Arc::clone(held), holding(held));
    move |seen| {
        if seen.line != "POST /fhir/Condition HTTP/1.1" {
            return honest(seen);
        }
        let mut held = store.lock().unwrap();
        let is_one = |found: &&Value| {
            found["identifier"][0]["value"] == "a1" && found["subject"]["reference"] == "Patient/p1"
        };
        let there = held.iter().filter(is_one).count();
        let answer = |status: &str, id: &str| {
            format!("HTTP/1.1 {status}\r\nlocation: Condition/{id}\r\ncontent-length: 0\r\n\r\n").into_bytes()
        };
        Play::Bytes(match (seen.header("if-none-exist").is_some(), there) {
            (true, 1) => answer("200 OK", "secret-id"),
            (true, 2..) => fhir("412 Precondition Failed", r#"{"resourceType":"OperationOutcome"}"#),
            (_, _) => {
                held.push(problem("new", "p1", "a1", &[]));
                answer("201 Created", "new")
            }
        })
    }
}

async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    let site = Whole::with(script).await;
    std::fs::write(site.folder.path().join("agreements/wards.toml"), AGREEMENT).unwrap();
    let running = site.start().await.unwrap();
    (site, running)
}

async fn create(site: &Whole, headers: &str) -> (u16, Vec<String>, String) {
    let mut body = problem("x", "p1", "a1", &[]);
    body.as_object_mut().unwrap().remove("id");
    let headers = format!("content-type: application/fhir+json\r\n{headers}");
    let request = site.request("POST", CONDITIONS, Some(&site.consultant()), &headers, &body.to_string());
    let (status, head, body) =
        ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    let line = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let (request, receipt) = (line("x-request-id: "), line("portcullis-receipt: "));
    let lines = head.lines().filter(|line| !line.starts_with("date: ") && !line.trim().is_empty());
    let head = lines.map(|line| line.replace(&request, "R").replace(&receipt, "R")).collect();
    (status, head, body.replace(&request, "R"))
}

fn sent(site: &Whole) -> Vec<Option<String>> {
    let creates =
        site.hospital.seen().into_iter().filter(|seen| seen.line == "POST /fhir/Condition HTTP/1.1");
    creates.map(|seen| seen.header("if-none-exist").map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_seen_is_found_and_nothing_is_created() {
    let store = world(&[problem("c1", "p1", "a1", &[]), problem("c2", "p1", "a2", &[])]);
    let (site, running) = site(keeping(&store)).await;
    let (status, head, body) = create(&site, UNLESS).await;
    assert_eq!((status, body.as_str()), (200, ""), "{head:?}");
    let location = format!("location: http://{}/hospital/fhir/Condition/c1", site.requests);
    assert!(head.contains(&location), "{head:?}");
    let (_, read, _) = site.get("/hospital/fhir/Condition/c1", Some(&site.consultant())).await;
    let etag = read.lines().find(|line| line.starts_with("etag: ")).unwrap().trim();
    assert!(head.iter().any(|line| line == etag), "the version that a read shows: {head:?}");
    assert_eq!((sent(&site).len(), store.lock().unwrap().len()), (0, 4));
    running.stop().await;
    let is_hers = |record: &&Value| record["about"]["resources"] == json!(["Condition/c1"]);
    let found = site.records().into_iter().find(|record| is_hers(&record)).unwrap();
    assert_eq!(found["exchange"]["interaction"], "search-type", "it answers a search: {found}");
    assert!(found["exchange"]["query"].is_string(), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_is_as_what_is_not_there() {
    let store = world(&[]);
    let (site, running) = site(keeping(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let mut answers = Vec::new();
    for hidden in [
        vec![],
        vec![problem("c1", "p1", "a1", &["PSY"])],
        vec![problem("c1", "p2", "a1", &[])],
        vec![problem("c1", "p2", "a1", &[]), problem("c2", "p1", "a1", &["PSY"])],
    ] {
        store.lock().unwrap().truncate(2);
        store.lock().unwrap().extend(hidden);
        answers.push(create(&site, UNLESS).await);
        assert_eq!(store.lock().unwrap().last().unwrap()["id"], "new", "it is there now");
    }
    assert_eq!(answers[0].0, 201, "{answers:?}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let asked = sent(&site);
    let condition = Some("identifier=https%3A%2F%2Fids.example%7Ca1&patient=Patient%2Fp1");
    let asked: Vec<Option<&str>> = asked.iter().map(Option::as_deref).collect();
    assert_eq!(asked, [condition, None, condition, None], "the hospital never decides by what is hidden");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hospital_tells_about_a_search_is_no_match_of_it() {
    let store = world(&[]);
    let honest = keeping(&store);
    let told = json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"search": {"mode": "outcome"},
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}}]});
    let (site, running) = site(move |seen| match seen.line.as_str() {
        "POST /fhir/Condition/_search HTTP/1.1" => Play::Bytes(fhir("200 OK", &told.to_string())),
        _ => honest(seen),
    })
    .await;
    let (status, _, body) = create(&site, UNLESS).await;
    assert_eq!(status, 201, "{body}");
    assert!(sent(&site).iter().all(Option::is_some), "two creates at once are still guarded against");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_only_those_that_can_be_seen_count() {
    let (one, other) = (problem("c1", "p1", "a1", &[]), problem("c2", "p1", "a1", &["PSY"]));
    let store = world(&[one, other]);
    let (site, running) = site(keeping(&store)).await;
    assert_eq!(create(&site, UNLESS).await.0, 200);
    store.lock().unwrap()[3] = problem("c2", "p1", "a1", &[]);
    let (status, _, body) = create(&site, UNLESS).await;
    assert_eq!((status, body.contains("several match")), (412, true), "{body}");
    assert_eq!(sent(&site).len(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_faster_is_looked_at_anew() {
    for (labels, status, creates) in [(&[][..], 200, 1), (&["PSY"][..], 409, 1)] {
        let store = world(&[]);
        let (meanwhile, honest) = (Arc::clone(&store), keeping(&store));
        let left = AtomicUsize::new(1);
        let (site, running) = site(move |seen| {
            let is_create = seen.line == "POST /fhir/Condition HTTP/1.1";
            if is_create && left.swap(0, Ordering::SeqCst) == 1 {
                meanwhile.lock().unwrap().push(problem("c9", "p1", "a1", labels));
            }
            honest(seen)
        })
        .await;
        let (answered, head, body) = create(&site, UNLESS).await;
        assert_eq!((answered, sent(&site).len()), (status, creates), "{head:?} {body}");
        assert!(!head.iter().any(|line| line.contains("secret")), "{head:?}");
        running.stop().await;
        let records = site.records();
        let of = |event: &str| records.iter().filter(|record| record["exchange"]["event"] == event).count();
        let failed = 1 + usize::from(status == 409);
        assert!(of("intent") >= creates && of("failed") == failed, "each attempt and what became of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_identifier_is_refused_before_the_hospital_is_asked() {
    let (site, running) = site(keeping(&world(&[problem("c1", "p1", "a1", &[])]))).await;
    for condition in ["code=1", "identifier=a1", "identifier=https://ids.example|a1&patient=p1", "_id=c1", ""]
    {
        let (status, _, body) = create(&site, &format!("if-none-exist: {condition}\r\n")).await;
        assert_eq!((status, body.contains("If-None-Exist")), (400, true), "{condition}: {body}");
    }
    assert!(site.hospital.seen().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_search_creates_without_a_condition_only() {
    let site = Whole::with(keeping(&world(&[]))).await;
    let blind = AGREEMENT.replace("\"identifier:https://ids.example\" = \"to find it again\"\n", "");
    let blind = blind.replacen("share = [\"person\"]", "share = [\"name\"]", 1);
    let blind = format!("{blind}[share.name.Patient]\nname = \"to address the person\"\n");
    std::fs::write(site.folder.path().join("agreements/wards.toml"), blind).unwrap();
    let running = site.start().await.unwrap();
    let (status, _, body) = create(&site, UNLESS).await;
    assert_eq!((status, site.hospital.seen().len()), (403, 0), "{body}");
    assert_eq!(create(&site, "").await.0, 201);
    let (_, _, body) = site.get("/hospital/fhir/metadata", Some(&site.consultant())).await;
    assert!(body.contains(r#""conditionalCreate":false"#), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditional_creates_are_told_to_those_who_may() {
    let (site, running) = site(keeping(&world(&[]))).await;
    let (_, _, body) = site.get("/hospital/fhir/metadata", Some(&site.consultant())).await;
    assert!(body.contains(r#""conditionalCreate":true"#), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_is_not_told_in_a_batch_once_she_says_no() {
    let store = world(&[problem("c1", "p1", "a1", &[])]);
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait, honest) = (Arc::clone(&asked), Arc::clone(&go_on), keeping(&store));
    let bob = patient("p2", BOB).to_string();
    let gate = move |seen: &Seen| match seen.line.as_str() {
        "GET /fhir/Patient/p2 HTTP/1.1" => {
            tell.notify_one();
            Play::Once(Arc::clone(&wait), fhir("200 OK", &bob))
        }
        _ => honest(seen),
    };
    let (site, running) = site(gate).await;
    let mut body = problem("x", "p1", "a1", &[]);
    body.as_object_mut().unwrap().remove("id");
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": body, "request": {"method": "POST", "url": "Condition", "ifNoneExist": "identifier=https://ids.example|a1"}},
        {"request": {"method": "GET", "url": "Patient/p2"}}]});
    let headers = "content-type: application/fhir+json\r\n";
    let request =
        site.request("POST", "/hospital/fhir", Some(&site.consultant()), headers, &batch.to_string());
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (answer, ()) = tokio::join!(ask(&mut stream, &request), async {
        asked.notified().await;
        // The first entry is recorded by itself, while the second waits.
        let is_found = |entry: &Value| entry["about"]["resources"] == json!(["Condition/c1"]);
        while !site.records().iter().any(is_found) {
            tokio::task::yield_now().await;
        }
        says(&site, ANN, &json!({"type": "deny"})).await;
        go_on.notify_one();
    });
    running.stop().await;
    let (status, _, body) = answer.unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(!body.contains("Condition/c1"), "{body}");
    assert!(body.contains("503"), "{body}");
}

//! Changes through the whole gateway, in front of a hospital that keeps versions and honours `If-Match`.

use std::sync::Arc;

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

mod alike;
mod answering;
mod deleting;
mod rare;
mod seen;

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
existence = "EXISTENCE"
[[recipient_role]]
roles = ["R0050"]
standing = "registered"
share = ["person", "grave"]
[recipient_role.write]
Patient = ["name", "maritalStatus", "deceased[x]"]
Condition = ["clinicalStatus", "severity", "bodySite"]
Appointment = ["description"]
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
generalPractitioner = "whom to ask"
"address.use" = "to know where to visit"
"address.postalCode" = "to know where to visit"
maritalStatus = "to address the person"
"deceased[x]" = "so that nobody writes to a person who has died"
[share.person.Condition]
code = "what care is needed for"
clinicalStatus = "whether it is still so"
severity = "how much help is needed"
bodySite = "where it is"
"onset[x]" = "how long it has been"
recorder = "whom to ask"
where = { not_labelled = ["PSY"] }
[share.grave.Condition]
clinicalStatus = "whether it is still so"
severity = "how much help is needed"
bodySite = "where it is"
abatementString = "whether it ends"
where = { code = ["http://snomed.info/sct|3"], not_labelled = ["PSY"] }
[share.person.Practitioner]
name = "whom to ask"
[share.person.Observation]
status = "to read it"
where = { not_labelled = ["PSY"] }
[share.person.Appointment]
status = "whether it takes place"
description = "what it is for"
"participant.actor" = "who comes"
"participant.status" = "whether they come"
"#;

/// A hospital that holds these and takes changes of them under their version.
fn keeping(held: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let (held, honest) = (Arc::clone(held), holding(held));
    move |seen| {
        let mut line = seen.line.split(' ');
        let method = line.next();
        if !matches!(method, Some("PUT" | "DELETE")) {
            return honest(seen);
        }
        let place = line.next().unwrap().strip_prefix("/fhir/").unwrap().to_owned();
        let mut held = held.lock().unwrap();
        let is_it =
            |found: &Value| place == format!("{}/{}", said(&found["resourceType"]), said(&found["id"]));
        let Some(at) = held.iter().position(is_it) else {
            return Play::Bytes(fhir("404 Not Found", r#"{"resourceType":"OperationOutcome"}"#));
        };
        let found = &mut held[at];
        let version = said(&found["meta"]["versionId"]).to_owned();
        if seen.header("if-match") != Some(&format!("W/\"{version}\"")) {
            return Play::Bytes(fhir("412 Precondition Failed", r#"{"resourceType":"OperationOutcome"}"#));
        }
        if method == Some("DELETE") {
            held.remove(at);
            return Play::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
        }
        let mut sent = value(&seen.body);
        sent["meta"]["versionId"] = json!((version.parse::<u32>().unwrap() + 1).to_string());
        *found = sent.clone();
        Play::Bytes(fhir("200 OK", &sent.to_string()))
    }
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn value(text: &str) -> Value {
    let limits = fhir::json::Limits { bytes_max: 64 << 20, ..fhir::json::Limits::default() };
    fhir::json::parse_value(text.to_owned().into(), &limits).unwrap()
}

async fn site(existence: &str, script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    site_under(&AGREEMENT.replace("EXISTENCE", existence), script).await
}

/// A site under this agreement.
async fn site_under(
    agreement: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    let site = Whole::with(script).await;
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    let running = site.start().await.unwrap();
    (site, running)
}

/// Ann as the hospital holds her: a street, a telephone number and a label that nobody here is shown.
fn ann() -> Value {
    let mut ann = patient("p1", ANN);
    ann["meta"] = json!({"versionId": "7", "source": "urn:secret-source",
        "security": [{"system": "urn:secret-labels", "code": "secret-label"}]});
    ann["text"] = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">secret-text</div>"});
    ann["telecom"] = json!([{"system": "phone", "value": "secret-phone"}]);
    ann["address"] = json!([
        {"use": "home", "line": ["1 Secret Street"], "postalCode": "ZZ1 1ZZ"},
        {"use": "temp", "line": ["2 Secret Street"], "postalCode": "ZZ2 2ZZ"}
    ]);
    ann
}

struct Answer {
    status: u16,
    etag: String,
    head: String,
    body: String,
}

async fn send(site: &Whole, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
    let headers = format!("content-type: {kind}\r\n{headers}");
    let request = site.request(method, path, Some(&site.consultant()), &headers, body);
    let (status, head, body) =
        ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    let etag =
        head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default().trim().to_owned();
    Answer { status, etag, head, body }
}

async fn read(site: &Whole, path: &str) -> (Value, String) {
    let answer = send(site, "GET", path, "", "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (value(&answer.body), format!("if-match: {}\r\n", answer.etag))
}

fn puts(site: &Whole) -> usize {
    site.hospital.seen().iter().filter(|seen| seen.line.starts_with("PUT ")).count()
}

const PATIENT: &str = "/hospital/fhir/Patient/p1";
const CONDITION: &str = "/hospital/fhir/Condition/c1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_was_changed_is_woven_into_what_is_hidden() {
    let held: Held = held(&[ann()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let (mut view, version) = read(&site, PATIENT).await;
    assert!(!view.to_string().contains("secret") && !view.to_string().contains("Secret"), "{view}");
    view["name"][0]["family"] = json!("Renamed");
    view["maritalStatus"] = json!({"text": "Widowed"});
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut expected = ann();
    expected["meta"]["versionId"] = json!("8");
    expected["name"][0]["family"] = json!("Renamed");
    expected["maritalStatus"] = json!({"text": "Widowed"});
    assert_eq!(held.lock().unwrap()[0], expected);
    // The answer is the view of what is stored now.
    assert_eq!(value(&answer.body)["maritalStatus"], view["maritalStatus"]);
    assert!(
        !answer.body.to_lowercase().contains("secret") && !answer.head.contains("secret"),
        "{}",
        answer.body
    );
    assert_eq!(read(&site, PATIENT).await.1, format!("if-match: {}\r\n", answer.etag));
    running.stop().await;
    let events: Vec<String> = site
        .records()
        .iter()
        .filter(|record| record["exchange"]["interaction"] == "update" && record["about"]["kind"] == "person")
        .map(|record| said(&record["exchange"]["event"]).to_owned())
        .collect();
    assert_eq!(events, ["intent", "outcome"], "in her trail before it was sent, and after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_written_back_unchanged_changes_nothing_upstream() {
    let held: Held = held(&[ann()]);
    let (site, running) = site("open", keeping(&held)).await;
    let (view, version) = read(&site, PATIENT).await;
    let part =
        json!({"resourceType": "Patient", "id": "p1", "name": view["name"], "address": view["address"]});
    for body in [view, part] {
        let answer = send(&site, "PUT", PATIENT, &version, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(format!("if-match: {}\r\n", answer.etag), version);
    }
    let answer = send(&site, "PATCH", PATIENT, &version, "[]").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((puts(&site), held.lock().unwrap().as_slice()), (0, [ann()].as_slice()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_says_which_view_it_changes() {
    let held: Held = held(&[ann()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let (mut view, version) = read(&site, PATIENT).await;
    view["name"][0]["family"] = json!("Renamed");
    let body = view.to_string();
    assert_eq!(send(&site, "PUT", PATIENT, "", &body).await.status, 428);
    assert_eq!(send(&site, "PUT", PATIENT, "if-match: *\r\n", &body).await.status, 400);
    for stale in ["W/\"7\"", "W/\"00000000000000000000000000000000\""] {
        let answer = send(&site, "PUT", PATIENT, &format!("if-match: {stale}\r\n"), &body).await;
        assert_eq!(answer.status, 412, "the version of the hospital is none of ours: {}", answer.body);
    }
    // What is hidden may change meanwhile: the view is the same.
    held.lock().unwrap()[0]["telecom"][0]["value"] = json!("secret-other");
    held.lock().unwrap()[0]["meta"]["versionId"] = json!("9");
    assert_eq!(send(&site, "PUT", PATIENT, &version, &body).await.status, 200);
    assert_eq!(held.lock().unwrap()[0]["telecom"][0]["value"], "secret-other");
    assert_eq!(send(&site, "PUT", PATIENT, &version, &body).await.status, 412, "the view is another now");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_is_changed_like_what_is_not_there() {
    let labelled = condition("c1", "p1", "1", &["PSY"]);
    let (site, running) = site("withheld", keeping(&held(&[ann(), labelled]))).await;
    let blind = |answer: Answer| {
        let line = |name: &str| {
            answer.head.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
        };
        let (request, receipt) = (line("x-request-id: "), line("portcullis-receipt: "));
        let lines = answer.head.lines().filter(|line| !line.starts_with("date: "));
        let head: Vec<String> =
            lines.map(|line| line.replace(&request, "R").replace(&receipt, "R")).collect();
        (answer.status, head, answer.body.replace(&request, "R"))
    };
    for (method, version) in [("PUT", "W/\"1\""), ("PUT", "W/\"2\""), ("PATCH", "W/\"1\"")] {
        let headers = format!("if-match: {version}\r\n");
        let of = async |id: &str| {
            let body = match method {
                "PUT" => condition(id, "p1", "1", &[]).to_string(),
                _ => r#"[{"op":"test","path":"/id","value":"c1"}]"#.to_owned(),
            };
            blind(send(&site, method, &format!("/hospital/fhir/Condition/{id}"), &headers, &body).await)
        };
        let (hidden, absent) = (of("c1").await, of("c2").await);
        assert_eq!(hidden.0, 404, "{}", hidden.2);
        assert_eq!(hidden, absent);
    }
    assert_eq!(puts(&site), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_written_is_named_and_nothing_of_it_is_sent() {
    let mut problem = condition("c1", "p1", "1", &[]);
    problem["meta"]["versionId"] = json!("1");
    problem["recorder"] = json!({"reference": "Practitioner/a", "display": "secret-name"});
    let mut ann = ann();
    ann["generalPractitioner"] = json!([{"reference": "Practitioner/a", "display": "secret-name"}]);
    ann["name"][0]["id"] = json!("secret-id");
    let held: Held = held(&[ann, patient("p2", "9990000026"), problem]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let refused = async |path: &str, change: &dyn Fn(&mut Value), names: &str| {
        let (mut view, version) = read(&site, path).await;
        change(&mut view);
        let answer = send(&site, "PUT", path, &version, &view.to_string()).await;
        assert_eq!(answer.status, 422, "{view}: {}", answer.body);
        assert!(answer.body.contains(names), "{names}: {}", answer.body);
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    };
    refused(PATIENT, &|view| view["birthDate"] = json!("1951-01-01"), "Patient.birthDate").await;
    refused(PATIENT, &|view| view["telecom"] = json!([{"value": "mine"}]), "Patient.telecom").await;
    refused(PATIENT, &|view| view["gender"] = json!("other"), "Patient.gender").await;
    refused(PATIENT, &|view| view["address"][0]["line"] = json!(["3 Mine Street"]), "Patient.address").await;
    refused(PATIENT, &|view| view["address"][1]["postalCode"] = json!("ZZ9 9ZZ"), "Patient.address").await;
    refused(PATIENT, &|view| drop(view["address"].as_array_mut().unwrap().remove(1)), "Patient.address")
        .await;
    refused(PATIENT, &|view| view["identifier"][0]["value"] = json!("9990000026"), "Patient.identifier")
        .await;
    refused(PATIENT, &|view| view["meta"]["tag"] = json!([]), "meta is not written").await;
    refused(PATIENT, &|view| view["meta"]["security"] = json!([{"code": "N"}]), "meta is not written").await;
    refused(PATIENT, &|view| view["meta"]["source"] = json!("urn:mine"), "meta is not written").await;
    refused(PATIENT, &|view| view["implicitRules"] = json!("urn:mine"), "Patient").await;
    refused(PATIENT, &|view| view["mine"] = json!("urn:mine"), "Patient").await;
    let doctor = |view: &mut Value| view["generalPractitioner"][0] = json!({"reference": "Practitioner/b"});
    refused(PATIENT, &doctor, "Patient.generalPractitioner").await;
    refused(CONDITION, &|view| view["subject"] = json!({"reference": "Patient/p2"}), "Condition.subject")
        .await;
    refused(CONDITION, &|view| view["recorder"]["reference"] = json!("Practitioner/b"), "Condition.recorder")
        .await;
    // What would not be shown of anybody, and what could be another's id.
    for (member, odd) in [
        ("id", json!("secret-id")),
        ("extension", json!([{"url": "urn:mine", "valueString": "x"}])),
        ("_family", json!({"id": "mine"})),
        ("mine", json!("x")),
        ("family", json!(7)),
    ] {
        refused(PATIENT, &|view| view["name"][0][member] = odd.clone(), "Patient").await;
    }
    refused(PATIENT, &|view| view["_maritalStatus"] = json!({"id": "mine"}), "Patient.maritalStatus").await;
    let both = |view: &mut Value| {
        view["deceasedBoolean"] = json!(true);
        view["deceasedDateTime"] = json!("2020");
    };
    refused(PATIENT, &both, "Patient.deceased[x]").await;
    // R4 http.html#update: another id than the path names, or none, is answered 400.
    for id in [Some("p2"), None] {
        let (mut view, version) = read(&site, PATIENT).await;
        view["name"][0]["family"] = json!("Renamed");
        match id {
            Some(id) => view["id"] = json!(id),
            None => drop(view.as_object_mut().unwrap().remove("id")),
        }
        let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
        assert_eq!(answer.status, 400, "{view}: {}", answer.body);
        assert!(answer.body.contains("no id, or another"), "{}", answer.body);
    }
    assert_eq!(puts(&site), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_finds_only_what_is_seen() {
    let held: Held = held(&[ann()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    let (_, version) = read(&site, PATIENT).await;
    let patch =
        async |operations: &Value| send(&site, "PATCH", PATIENT, &version, &operations.to_string()).await;
    for (hidden, absent) in [
        (
            json!({"op": "copy", "from": "/address/0/line/0", "path": "/name/0/text"}),
            json!({"op": "copy", "from": "/photo/0/url", "path": "/name/0/text"}),
        ),
        (
            json!({"op": "test", "path": "/telecom/0/value", "value": "secret-phone"}),
            json!({"op": "test", "path": "/telecom/0/value", "value": "guess"}),
        ),
        (
            json!({"op": "move", "from": "/telecom", "path": "/name/0/text"}),
            json!({"op": "move", "from": "/photo", "path": "/name/0/text"}),
        ),
        (json!({"op": "remove", "path": "/text"}), json!({"op": "remove", "path": "/photo"})),
        (
            json!({"op": "test", "path": "/meta/source", "value": "urn:secret-source"}),
            json!({"op": "test", "path": "/meta/profile", "value": "x"}),
        ),
    ] {
        let (hidden, absent) = (patch(&json!([hidden])).await, patch(&json!([absent])).await);
        assert_eq!((hidden.status, &hidden.body), (422, &absent.body));
    }
    let failed = patch(&json!([{"op": "test", "path": "/name/0/family", "value": "Other"}])).await;
    assert_eq!(failed.status, 422, "{}", failed.body);
    assert_eq!(patch(&json!({"op": "remove"})).await.status, 400);
    // All of a patch is carried out, or nothing: also where nothing is not written.
    let name = json!({"op": "replace", "path": "/name/0/family", "value": "Other"});
    for half in [
        json!([{"op": "remove", "path": "/birthDate"}]),
        json!([name, {"op": "remove", "path": "/birthDate"}]),
    ] {
        let answer = patch(&half).await;
        assert_eq!(
            (answer.status, answer.body.contains("Patient.birthDate")),
            (422, true),
            "{}",
            answer.body
        );
    }
    assert_eq!(puts(&site), 0);
    let done = patch(&json!([
        {"op": "test", "path": "/name/0/family", "value": "Example"},
        {"op": "add", "path": "/deceasedBoolean", "value": false},
        {"op": "add", "path": "/name/-", "value": {"use": "nickname", "text": "Annie"}}
    ]))
    .await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(held.lock().unwrap()[0]["address"], ann()["address"]);
    assert_eq!(held.lock().unwrap()[0]["deceasedBoolean"], false);
    assert_eq!(held.lock().unwrap()[0]["name"][1], json!({"use": "nickname", "text": "Annie"}));
    // Other kinds of patch can ask what is hidden.
    let request = site.request(
        "PATCH",
        PATIENT,
        Some(&site.consultant()),
        &format!("content-type: application/fhir+json\r\n{version}"),
        r#"{"resourceType":"Parameters"}"#,
    );
    let (status, _, _) = ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    assert_eq!(status, 415);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_agreement_lets_be_written_is_refused_before_the_hospital_is_asked() {
    let (site, running) = site("withheld", keeping(&held(&[ann()]))).await;
    let headers = "if-match: W/\"1\"\r\n";
    let observation = r#"{"resourceType":"Observation","id":"o1"}"#;
    let answer = send(&site, "PUT", "/hospital/fhir/Observation/o1", headers, observation).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains("change nothing of this resource type"), "{}", answer.body);
    let unshared = r#"{"resourceType":"Procedure","id":"o1"}"#;
    assert_eq!(send(&site, "PUT", "/hospital/fhir/Procedure/o1", headers, unshared).await.status, 403);
    let answer = send(&site, "DELETE", PATIENT, headers, "").await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains("delete nothing of this resource type"), "{}", answer.body);
    let conditional = "/hospital/fhir/Condition?patient=p1&code=1";
    assert_eq!(send(&site, "DELETE", conditional, headers, "").await.status, 405);
    assert_eq!(send(&site, "PUT", "/hospital/fhir/Patient?_id=p1", headers, "{}").await.status, 405);
    assert!(site.hospital.seen().is_empty());
    running.stop().await;
}

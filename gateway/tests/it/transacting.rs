//! Transactions that write, through the whole gateway: all of it is done, or nothing.

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::asking::{Answer, FACE, asks, bundle, get, post};
use crate::support::holding::{ANN, Held, condition, held, patient};
use crate::support::transacting::{TRANSACTION, transacting, value};
use crate::support::upstream::{Play, Seen};
use crate::support::whole::Whole;
use crate::together::BOB;

mod bounds;
mod deciding;
mod hostile;
mod labels;
mod links;
mod moment;
mod naming;
mod overlapping;
mod parties;
mod recording;
mod refusing;
mod unrecorded;
mod worlds;

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
share = ["person"]
[recipient_role.write]
Condition = ["severity"]
Patient = ["birthDate"]
DELETE
[[recipient_system]]
systems = ["hospital"]
share = ["person"]
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
[share.person.Condition]
code = "what care is needed for"
severity = "how much care is needed"
encounter = "when it was found"
"identifier:https://ids.example" = "to find it again"
where = { not_labelled = ["PSY"] }
[share.person.Encounter]
status = "whether it is over"
text = "what was written of it"
[share.person.DocumentReference]
status = "whether it still holds"
"content.attachment.contentType" = "to open the letter"
"content.attachment.url" = "where the letter is read"
where = { "content.attachment.contentType" = ["text/plain"] }
"#;

/// A problem in its first version, with a note that nobody here is shown.
fn problem(id: &str, of: &str, code: &str, labels: &[&str]) -> Value {
    let mut made = condition(id, of, code, labels);
    made["meta"]["versionId"] = json!("1");
    made["severity"] = made["code"].clone();
    made["note"] = json!([{"text": "secret-note"}]);
    made
}

/// Ann and Bob with problems: one of Ann's is about her mind, one is shown whole.
fn hospital() -> Held {
    let (mut ann, mut bob) = (patient("p1", ANN), patient("p2", BOB));
    for person in [&mut ann, &mut bob] {
        person["meta"] = json!({"versionId": "4"});
        person["telecom"] = json!([{"value": "secret-phone"}]);
    }
    let mut whole = problem("c3", "p1", "33", &[]);
    whole.as_object_mut().unwrap().remove("note");
    held(&[
        ann,
        bob,
        problem("c1", "p1", "11", &[]),
        problem("c2", "p1", "22", &["PSY"]),
        whole,
        problem("c4", "p2", "44", &[]),
    ])
}

/// A site that takes transactions.
async fn site(existence: &str, script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    site_set(existence, "", script).await
}

/// The same with more settings.
async fn site_set(
    existence: &str,
    settings: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    let site = written(existence, settings, script).await;
    let running = site.start().await.unwrap();
    (site, running)
}

/// The files of such a site.
async fn written(
    existence: &str,
    settings: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> Whole {
    let site = Whole::with(script).await;
    let delete = if existence == "open" { "delete = [\"Condition\"]" } else { "" };
    let agreement = AGREEMENT.replace("EXISTENCE", existence).replace("DELETE", delete);
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    site.also_set(&format!("transactions = true\n{settings}"));
    site
}

/// What is shown of `place`, and its version.
async fn view(site: &Whole, place: &str) -> (Value, String) {
    let answer = get(site, &format!("/{place}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (answer.body.clone(), answer.header("etag").unwrap().to_owned())
}

/// An entry that changes the code of the problem `place` to `code`.
async fn changes(site: &Whole, place: &str, code: &str) -> Value {
    let (mut view, version) = view(site, place).await;
    view["severity"]["coding"][0]["code"] = json!(code);
    json!({"resource": view, "request": {"method": "PUT", "url": place, "ifMatch": version}})
}

/// An entry that deletes `place`.
async fn deletes(site: &Whole, place: &str) -> Value {
    let (_, version) = view(site, place).await;
    json!({"request": {"method": "DELETE", "url": place, "ifMatch": version}})
}

/// A new problem of whom this refers to.
fn new(subject: &str, code: &str) -> Value {
    let mut made = condition("x", "p", code, &[]);
    made.as_object_mut().unwrap().remove("meta");
    made["severity"] = made["code"].clone();
    made["subject"]["reference"] = json!(subject);
    made
}

/// An entry that creates this.
fn creates(resource: &Value) -> Value {
    json!({"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}})
}

/// The same, which the others call so.
fn called(name: &str, mut entry: Value) -> Value {
    entry["fullUrl"] = json!(name);
    entry
}

async fn transact(site: &Whole, entries: &[Value]) -> Answer {
    post(site, "", &bundle("transaction", entries)).await
}

/// The transactions that the hospital was sent.
fn sent(site: &Whole) -> Vec<Value> {
    let sent = site.hospital.seen().into_iter().filter(|seen| seen.line == TRANSACTION);
    sent.map(|seen| value(&seen.body)).collect()
}

fn writes(site: &Whole) -> usize {
    let is_write = |seen: &&Seen| {
        !seen.line.starts_with("GET ") && !seen.line.contains("/_search") && !seen.line.starts_with("HEAD ")
    };
    site.hospital.seen().iter().filter(is_write).count()
}

/// What is recorded of the entries of all transactions: interaction, event and reason of the exchange.
fn recorded(site: &Whole) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let records = site.records();
    let exchanges = records.iter().filter(|record| record["about"]["kind"] == "exchange");
    let of_entries =
        exchanges.map(|record| &record["exchange"]).filter(|exchange| exchange["within"].is_string());
    of_entries
        .map(|exchange| (text(&exchange["interaction"]), text(&exchange["event"]), text(&exchange["reason"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_entries_are_done_in_one_transaction_and_told_in_their_order() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let (_, version) = view(&site, "Patient/p1").await;
    let patch = r#"[{"op":"replace","path":"/birthDate","value":"1950-01-02"}]"#;
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, patch);
    let binary =
        json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data});
    let entries = [
        asks("Condition?patient=p1"),
        json!({"resource": binary, "request": {"method": "PATCH", "url": "Patient/p1", "ifMatch": version}}),
        creates(&new("Patient/p1", "55")),
        changes(&site, "Condition/c1", "12").await,
        deletes(&site, "Condition/c3").await,
        changes(&site, "Condition/c4", "45").await,
    ];
    let answer = transact(&site, &entries).await;
    assert_eq!(
        (answer.status, &answer.body["type"]),
        (200, &json!("transaction-response")),
        "{}",
        answer.body
    );
    assert_eq!(answer.statuses(), ["200", "200", "201", "200", "204", "200"], "{}", answer.body);
    let all = answer.body.to_string() + &answer.head;
    assert!(!all.contains("secret"), "nothing that the hospital answered: {all}");
    let told = answer.entries();
    let found: Vec<&Value> = told[0]["resource"]["entry"].as_array().unwrap().iter().collect();
    let codes = |found: &[&Value]| {
        let codes = found.iter().map(|entry| entry["resource"]["severity"]["coding"][0]["code"].clone());
        codes.filter(|code| !code.is_null()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&found), ["12", "55"], "what is asked is asked of what is there afterwards");
    assert_eq!(told[1]["resource"]["birthDate"], "1950-01-02");
    let place = told[2]["response"]["location"].as_str().unwrap();
    assert!(place.starts_with(&format!("http://{}{FACE}/Condition/new-", site.requests)), "{place}");
    assert_eq!(told[3]["response"]["etag"], json!(view(&site, "Condition/c1").await.1));
    assert_eq!(writes(&site), 1);
    let sent = sent(&site);
    let (held, of) = (store.lock().unwrap().clone(), |id: &str| json!(id));
    let kept = held.iter().find(|found| found["id"] == of("c1")).unwrap();
    assert_eq!((&kept["note"][0]["text"], &kept["meta"]["versionId"]), (&json!("secret-note"), &json!("2")));
    assert!(!held.iter().any(|found| found["id"] == of("c3")) && held.len() == 6);
    let requests: Vec<&Value> =
        sent[0]["entry"].as_array().unwrap().iter().map(|entry| &entry["request"]).collect();
    assert_eq!(requests[0], &json!({"method": "DELETE", "url": "Condition/c3", "ifMatch": "W/\"1\""}));
    assert_eq!(requests[2], &json!({"method": "PUT", "url": "Patient/p1", "ifMatch": "W/\"4\""}));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_changed_is_not_sent() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let entries = [changes(&site, "Condition/c1", "11").await, asks("Patient/p1")];
    let answer = transact(&site, &entries).await;
    assert_eq!(answer.statuses(), ["200", "200"], "{}", answer.body);
    assert_eq!(writes(&site), 0);
    assert_eq!(answer.entries()[0]["resource"]["severity"]["coding"][0]["code"], "11");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_preferred_is_told_as_of_a_single_change() {
    let store = hospital();
    let (site, running) = site("withheld", transacting(&store)).await;
    let body = bundle(
        "transaction",
        &[changes(&site, "Condition/c1", "12").await, creates(&new("Patient/p1", "5"))],
    );
    let headers = "content-type: application/fhir+json\r\nprefer: return=minimal\r\n";
    let request = site.request("POST", FACE, Some(&site.consultant()), headers, &body.to_string());
    let mut stream = tokio::net::TcpStream::connect(site.requests).await.unwrap();
    let answer =
        crate::support::asking::answered(crate::support::front::ask(&mut stream, &request).await.unwrap());
    assert_eq!(answer.statuses(), ["200", "201"], "{}", answer.body);
    assert!(answer.entries().iter().all(|entry| entry.get("resource").is_none()), "{}", answer.body);
    running.stop().await;
}

//! A hospital that carries out transactions: all entries or none, in the order of FHIR, each change under its version.

use std::sync::Arc;

use serde_json::{Value, json};

use super::holding::{Held, holding};
use super::upstream::{Play, Seen, fhir as answer};

/// The line of a transaction as a system sees it.
pub(crate) const TRANSACTION: &str = "POST /fhir HTTP/1.1";

/// Answers reads and searches honestly, and carries out transactions. What it says beside what became of an entry is
/// secret.
pub(crate) fn transacting(held: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static + use<> {
    let (store, honest) = (Arc::clone(held), holding(held));
    move |seen| {
        if seen.line != TRANSACTION {
            return honest(seen);
        }
        let mut store = store.lock().unwrap();
        Play::Bytes(match carried_out(&store, &value(&seen.body)) {
            Ok((now, response)) => {
                *store = now;
                answer("200 OK", &response.to_string())
            }
            Err(status) => answer(status, &outcome("error").to_string()),
        })
    }
}

/// The hospital after a transaction, and its answer; or the status with which it refuses all of it.
pub(crate) fn carried_out(held: &[Value], sent: &Value) -> Result<(Vec<Value>, Value), &'static str> {
    assert_eq!((&sent["resourceType"], &sent["type"]), (&json!("Bundle"), &json!("transaction")));
    let entries = sent["entry"].as_array().unwrap();
    let rank =
        |entry: &Value| ["DELETE", "POST", "PUT"].iter().position(|name| entry["request"]["method"] == *name);
    assert!(entries.iter().map(|entry| rank(entry).unwrap()).is_sorted(), "{sent}");
    let mut now = held.to_vec();
    let is_new = |found: &&Value| text(&found["id"]).starts_with("new-");
    let made = held.iter().filter(is_new).count();
    let new = |at: usize| format!("new-{made}-{at}");
    let mut whole = sent.to_string();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry["request"]["method"] == "POST") {
        let place = format!("{}/{}", text(&entry["request"]["url"]), new(at));
        let (name, reference) = (entry["fullUrl"].to_string(), json!(place).to_string());
        whole = whole.replace(&format!("\"reference\":{name}"), &format!("\"reference\":{reference}"));
    }
    let resolved = value(&whole);
    let mut answers = Vec::new();
    for (at, entry) in resolved["entry"].as_array().unwrap().iter().enumerate() {
        let (request, mut resource) = (&entry["request"], entry["resource"].clone());
        let url = text(&request["url"]);
        let (status, place) = match text(&request["method"]) {
            "POST" => {
                assert!(resource.get("id").is_none(), "a new resource has no id yet: {resource}");
                resource["id"] = json!(new(at));
                resource["meta"] = json!({"versionId": "1"});
                now.push(resource);
                ("201 Created", format!("{url}/{}/_history/1", new(at)))
            }
            method => {
                let is_it =
                    |found: &Value| url == format!("{}/{}", text(&found["resourceType"]), text(&found["id"]));
                let Some(there) = now.iter().position(is_it) else { return Err("404 Not Found") };
                let version = text(&now[there]["meta"]["versionId"]).to_owned();
                if request["ifMatch"] != json!(format!("W/\"{version}\"")) {
                    return Err("412 Precondition Failed");
                }
                if method == "DELETE" {
                    now.remove(there);
                    ("204", String::new())
                } else {
                    resource["meta"]["versionId"] = json!((version.parse::<u32>().unwrap() + 1).to_string());
                    now[there] = resource;
                    ("200 OK", format!("{url}/_history/secret-version"))
                }
            }
        };
        let mut response =
            json!({"status": status, "etag": "W/\"secret-etag\"", "outcome": outcome("information")});
        if !place.is_empty() {
            response["location"] = json!(place);
        }
        let resource = json!({"resourceType": "Basic", "id": "secret-id"});
        answers.push(json!({"fullUrl": "urn:secret", "resource": resource, "response": response}));
    }
    Ok((now, response(&answers)))
}

pub(crate) fn response(entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
}

fn outcome(severity: &str) -> Value {
    json!({"resourceType": "OperationOutcome",
           "issue": [{"severity": severity, "code": "processing", "diagnostics": "secret-outcome"}]})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn value(text: &str) -> Value {
    fhir::json::parse_value(text.to_owned().into(), &fhir::json::Limits::default()).unwrap()
}

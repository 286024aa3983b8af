//! A hospital that holds resources and answers reads and searches honestly, and the words of people about sharing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::upstream::{Play, Seen, fhir};

pub(crate) const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub(crate) const ANN: &str = "9990000018";

/// What a hospital holds; tests change it while it serves.
pub(crate) type Held = Arc<Mutex<Vec<Value>>>;

pub(crate) fn held(resources: &[Value]) -> Held {
    Arc::new(Mutex::new(resources.to_vec()))
}

/// Answers reads, and searches by `_id`, `identifier`, `patient`, `subject`, `encounter`, `location`, `code` and where
/// people are.
pub(crate) fn holding(held: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static + use<> {
    let held = Arc::clone(held);
    move |seen| {
        let place = seen.line.split(' ').nth(1).unwrap().strip_prefix("/fhir/").unwrap();
        let held = held.lock().unwrap();
        Play::Bytes(match place.split('/').collect::<Vec<_>>().as_slice() {
            [kind, "_search"] => {
                let criteria = form(&seen.body);
                let matches =
                    |found: &&Value| criteria.iter().all(|(name, wanted)| meets(found, name, wanted));
                // Of many by their ids these are looked up before anything else is compared.
                let ids: Option<BTreeSet<&str>> =
                    criteria.iter().find(|(name, _)| name == "_id").map(|(_, ids)| ids.split(',').collect());
                let is_named = |found: &Value| match &ids {
                    Some(ids) => found["id"].as_str().is_some_and(|id| ids.contains(id)),
                    None => true,
                };
                let of_kind = held.iter().filter(|found| found["resourceType"] == *kind && is_named(found));
                let entries: Vec<Value> = of_kind
                    .filter(matches)
                    .map(|found| json!({"search": {"mode": "match"}, "resource": found}))
                    .collect();
                let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
                fhir("200 OK", &page.to_string())
            }
            [kind, id] => {
                match held.iter().find(|found| found["resourceType"] == *kind && found["id"] == *id) {
                    Some(found) => fhir("200 OK", &found.to_string()),
                    None => fhir("404 Not Found", r#"{"resourceType":"OperationOutcome"}"#),
                }
            }
            other => panic!("{other:?}"),
        })
    }
}

fn form(body: &str) -> Vec<(String, String)> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().replace('+', " ").into_bytes();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].replace('+', " ").bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn meets(found: &Value, name: &str, wanted: &str) -> bool {
    let any = |of: &dyn Fn(&str) -> bool| wanted.split(',').any(of);
    match name {
        "_id" => any(&|id| found["id"] == id),
        "patient" | "subject" => any(&|reference| {
            let id = reference.strip_prefix("Patient/").unwrap_or(reference);
            [&found["subject"], &found["for"], &found["patient"]]
                .iter()
                .any(|of| of["reference"] == format!("Patient/{id}"))
        }),
        "member" => any(&|reference| {
            let members = found["member"].as_array().cloned().unwrap_or_default();
            members.iter().any(|member| member["entity"]["reference"] == reference)
        }),
        "identifier" => any(&|token| has(&found["identifier"], token, "value")),
        "encounter" => any(&|reference| found["encounter"]["reference"] == reference),
        "address-postalcode" => any(&|text| lists(&found["address"], "postalCode", text)),
        "address" => any(&|text| found["address"].to_string().contains(text)),
        "telecom" => any(&|text| lists(&found["telecom"], "value", text)),
        "location" => any(&|url| {
            let contents = found["content"].as_array().cloned().unwrap_or_default();
            contents.iter().any(|content| content["attachment"]["url"] == url)
        }),
        "code" => any(&|token| has(&found["code"]["coding"], token, "code")),
        _ => true,
    }
}

fn lists(list: &Value, member: &str, text: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| item[member] == text))
}

fn has(list: &Value, token: &str, member: &str) -> bool {
    let (system, value) = token.split_once('|').unwrap();
    list.as_array()
        .is_some_and(|items| items.iter().any(|item| item["system"] == system && item[member] == value))
}

pub(crate) fn patient(id: &str, number: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": NHS_NUMBER, "value": number}],
           "name": [{"family": "Example"}], "birthDate": "1950-01-01"})
}

pub(crate) const PROBLEMS: &str = "http://snomed.info/sct";

/// A Condition of this code, with these labels.
pub(crate) fn condition(id: &str, of: &str, code: &str, labels: &[&str]) -> Value {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let labels: Vec<Value> = labels.iter().map(|code| json!({"system": act, "code": code})).collect();
    json!({"resourceType": "Condition", "id": id, "meta": {"security": labels},
           "subject": {"reference": format!("Patient/{of}")},
           "code": {"coding": [{"system": PROBLEMS, "code": code}]}})
}

/// What the person with this number says about sharing.
pub(crate) fn consent(number: &str, provision: &Value) -> String {
    let person = json!({"identifier": {"system": NHS_NUMBER, "value": number}});
    let coded = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    json!({
        "resourceType": "Consent", "status": "active", "patient": person, "performer": [person],
        "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coded("http://loinc.org", "59284-0")], "dateTime": "2026-03-01",
        "organization": [{"identifier": {"system": ods, "value": "RX1"}}],
        "sourceAttachment": {"title": "written down"},
        "policyRule": coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTOUT"),
        "provision": provision
    })
    .to_string()
}

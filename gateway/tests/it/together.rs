//! Batches and transactions through the whole gateway: every entry as if it had come by itself.

mod bounds;
mod choices;
mod entries;
mod records;
mod slow;
mod transactions;
mod unanswered;

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::asking::{Answer, get, site_with};
use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::whole::Whole;

pub(crate) const BOB: &str = "9990000026";

/// A Patient by her name, her problems but for those about her mind.
pub(crate) const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
"#;

/// Ann with two problems, one of them about her mind; Bob with a record that cannot be shared.
pub(crate) fn hospital() -> Held {
    let mut bob = patient("p2", BOB);
    bob["modifierExtension"] = json!([{"url": "https://hospital.example/not", "valueBoolean": true}]);
    bob["name"][0]["family"] = json!("CANARY-BOB");
    let mut ann = patient("p1", ANN);
    ann["telecom"] = json!([{"value": "CANARY-PHONE"}]);
    let mut mind = condition("c2", "p1", "22", &["PSY"]);
    mind["code"]["text"] = json!("CANARY-MIND");
    held(&[ann, bob, condition("c1", "p1", "11", &[]), mind])
}

pub(crate) async fn site(existence: &str) -> (Whole, Running) {
    site_with(existence, TABLES, holding(&hospital())).await
}

/// A value without what is random in it: ids of requests and moments.
pub(crate) fn blind(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("recorded" | "date", _) => (name.clone(), json!("THEN")),
                (_, value) => (name.clone(), blind(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(blind).collect(),
        Value::String(text) => json!(without_ids(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn without_ids(text: &str) -> String {
    let is_id = |part: &&str| part.len() == 36 && part.bytes().filter(|byte| *byte == b'-').count() == 4;
    text.split('/').map(|part| if is_id(&part) { "ID" } else { part }).collect::<Vec<_>>().join("/")
}

/// What a request comes to by itself, as an entry of a batch would tell it.
pub(crate) async fn alone(site: &Whole, url: &str) -> Value {
    let Answer { status, body, head } = get(site, &format!("/{url}")).await;
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map_or(Value::Null, |value| json!(value.trim()))
    };
    let content = if status < 400 { "resource" } else { "outcome" };
    json!({"status": status.to_string(), "etag": header("etag: "), content: blind(&body)})
}

/// An entry of an answer in the same words.
pub(crate) fn told(entry: &Value) -> Value {
    let response = &entry["response"];
    let status = response["status"].as_str().unwrap()[..3].to_owned();
    let (content, value) = match response.get("outcome") {
        Some(outcome) => ("outcome", outcome),
        None => ("resource", &entry["resource"]),
    };
    json!({"status": status, "etag": response["etag"], content: blind(value)})
}

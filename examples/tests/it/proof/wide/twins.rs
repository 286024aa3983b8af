//! Pairs of requests: one names something hidden, the other something that is not there, in the very same place.

use std::collections::BTreeSet;

use bytes::Bytes;
use conformance::privacy::worlds::Dice;
use serde_json::{Value, json};

use super::super::asks::{FACE, Ready};
use super::super::bodies::spoken;
use super::super::dice::one;
use super::super::house::Answer;

const BODIES: &str = include_str!("../../../../leaks/wide/bodies.json");
const SUBJECT: &str = "Patient/pa-7k2m";
/// How the server behind calls itself: an address there is one of the system.
const SERVER: &str = "http://fhir-core-01.canary-up-host-3f9c.internal:8080/fhir";

/// One of them, by the name of what is hidden.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    /// `Type/id`.
    name: String,
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Twin {
    pub(super) fn hidden(&self, token: &str) -> Ready {
        self.ready(token, |text| text.to_owned())
    }

    /// The same with an id of the same length that nothing has.
    pub(super) fn absent(&self, token: &str) -> Ready {
        self.ready(token, |text| self.rename(text))
    }

    /// An answer about what is hidden, in the words of one about what is not there.
    pub(super) fn renamed(&self, answer: Answer) -> Answer {
        let headers = answer.headers.into_iter().map(|(name, value)| (name, self.rename(&value)));
        let body = match String::from_utf8(answer.body) {
            Ok(text) => self.rename(&text).into_bytes(),
            Err(packed) => packed.into_bytes(),
        };
        Answer { status: answer.status, headers: headers.collect(), body }
    }

    fn id(&self) -> &str {
        self.name.split('/').nth(1).unwrap()
    }

    fn rename(&self, text: &str) -> String {
        text.replace(self.id(), &"z".repeat(self.id().len()))
    }

    fn ready(&self, token: &str, rename: impl Fn(&str) -> String) -> Ready {
        let mut headers: Vec<(&'static str, String)> =
            self.headers.iter().map(|(name, value)| (*name, rename(value))).collect();
        headers.push(("authorization", format!("Bearer {token}")));
        let body = self.body.as_ref().map(|body| rename(&body.to_string())).unwrap_or_default();
        let target = rename(&self.target);
        let said =
            format!("{target} {} {}", rename(&self.name), self.body.as_ref().map(spoken).unwrap_or_default());
        Ready { method: self.method.to_owned(), target, headers, body: Bytes::from(body), said }
    }
}

/// So many pairs, about what is hidden from somebody. Whom something is about must be there: that those are whom she may send about
/// is no secret from her.
pub(super) fn twins(hidden: &[String], known: &BTreeSet<String>, dice: &mut Dice, count: usize) -> Vec<Twin> {
    let bodies: Value = examples::json::parse(BODIES.as_bytes()).unwrap();
    let bodies: Vec<&Value> = bodies.as_object().unwrap().values().collect();
    let named: Vec<String> = hidden.iter().filter(|name| !known.contains(*name)).cloned().collect();
    let mut twins = Vec::with_capacity(count);
    while twins.len() < count {
        twins.push(match dice.below(4) {
            0 => asked(one(dice, hidden).clone(), dice),
            _ => sent(one(dice, &named).clone(), one::<&Value>(dice, &bodies), dice),
        });
    }
    twins
}

fn json_headers() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/fhir+json".to_owned()), ("accept", "application/fhir+json".to_owned())]
}

/// A request for it, or to change it.
fn asked(name: String, dice: &mut Dice) -> Twin {
    let (kind, id) = name.split_once('/').map(|(kind, id)| (kind.to_owned(), id.to_owned())).unwrap();
    let mut headers = json_headers();
    let condition = [("if-match", "W/\"1\"".to_owned())];
    let (method, target, body) = match dice.below(14) {
        0 => ("GET", name.clone(), None),
        1 => ("HEAD", name.clone(), None),
        2 => ("GET", format!("{name}/_history"), None),
        3 => ("GET", format!("{name}/_history/{}", one(dice, &["1", "2", "3"])), None),
        4 => ("GET", format!("{kind}?_id={id}"), None),
        5 => ("GET", format!("{kind}?patient=pa-7k2m&_id={id}"), None),
        6 => ("GET", format!("Patient/{id}/$everything"), None),
        7 => ("GET", format!("Composition/{id}/$document"), None),
        8 => ("GET", format!("Patient/pa-7k2m/{kind}?_id={id}"), None),
        9 => ("GET", format!("Observation?patient=pa-7k2m,{id}&_include=Observation:focus"), None),
        10 => ("PUT", name.clone(), Some(json!({"resourceType": kind, "id": id}))),
        11 => ("DELETE", name.clone(), None),
        12 => ("PATCH", name.clone(), Some(json!([{"op": "test", "path": "/id", "value": id}]))),
        _ => {
            let reads = [name.clone(), format!("{name}/_history"), format!("{kind}?_id={id}")];
            let entries: Vec<Value> =
                reads.iter().map(|url| json!({"request": {"method": "GET", "url": url}})).collect();
            let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
            ("POST", String::new(), Some(batch))
        }
    };
    match method {
        "PUT" | "DELETE" => headers.extend(condition),
        "PATCH" => {
            headers[0].1 = "application/json-patch+json".to_owned();
            headers.extend(condition);
        }
        _ => {}
    }
    Twin { name, method, target: at(&target), headers, body }
}

fn at(path: &str) -> String {
    format!("{FACE}/{path}").trim_end_matches('/').to_owned()
}

/// Something that is sent and names it somewhere.
fn sent(name: String, of: &Value, dice: &mut Dice) -> Twin {
    let mut body = of["body"].clone();
    if let Some(about) = of["about"].as_str() {
        put(&mut body, about, json!({"reference": SUBJECT}));
    }
    let paths: Vec<&str> =
        of["names"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    put(&mut body, one::<&str>(dice, &paths), reference(&name, dice));
    let kind = body["resourceType"].as_str().unwrap().to_owned();
    let mut headers = json_headers();
    let creates =
        |resource: &Value| json!({"resource": resource, "request": {"method": "POST", "url": kind}});
    let (target, body) = match dice.below(6) {
        0 | 1 => (kind.clone(), body),
        2 => (String::new(), json!({"resourceType": "Bundle", "type": "batch", "entry": [creates(&body)]})),
        3 => {
            let mut entry = creates(&body);
            entry["fullUrl"] = json!("urn:uuid:6f1e2a0c-1111-4222-8333-444455556666");
            // What another entry is called must not be what is hidden.
            let mut other = creates(&json!({"resourceType": "Condition", "code": {"text": "x"},
                "subject": {"reference": SUBJECT}, "evidence": [{"detail": [{"reference": name}]}]}));
            other["fullUrl"] = json!(format!("{SERVER}/{name}"));
            other["request"]["url"] = json!("Condition");
            let entries = if dice.chance(50) { json!([entry]) } else { json!([entry, other]) };
            (String::new(), json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
        }
        4 if kind == "Condition" || kind == "Observation" => {
            headers.push(("if-none-exist", format!("identifier=https://ids.example|{name}")));
            (kind.clone(), body)
        }
        _ => ("$process-message".to_owned(), message(body)),
    };
    Twin { name, method: "POST", target: at(&target), headers, body: Some(body) }
}

fn message(mut body: Value) -> Value {
    body["id"] = json!("x1");
    let focus = format!("{}/x1", body["resourceType"].as_str().unwrap());
    let header = json!({"resourceType": "MessageHeader", "id": "h1", "eventUri": "http://x.example/event",
        "source": {"endpoint": "http://x.example"}, "focus": [{"reference": focus}]});
    json!({"resourceType": "Bundle", "type": "message", "timestamp": "2026-01-12T00:00:00Z",
           "entry": [{"resource": header}, {"resource": body}]})
}

/// A reference to it, in one of the clothes that references wear.
fn reference(name: &str, dice: &mut Dice) -> Value {
    let (kind, id) = name.split_once('/').unwrap();
    match dice.below(9) {
        0 => json!({"reference": format!("{SERVER}/{name}")}),
        1 => json!({"reference": format!("{name}/_history/1")}),
        2 => json!({"reference": name, "type": kind, "display": "somebody"}),
        3 => json!({"reference": name, "identifier": {"system": "https://ids.example", "value": id}}),
        4 => json!({"type": kind, "identifier": {"system": "https://ids.example", "value": id}}),
        _ => json!({"reference": name}),
    }
}

/// Puts `value` at a path such as `section[].entry[]`: at the end of a list, in the first item of those on the way.
fn put(body: &mut Value, path: &str, value: Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, is_list) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
    let held = &mut body[name];
    if is_list && held.is_null() {
        *held = json!([]);
    }
    match (rest, is_list) {
        (None, false) => *held = value,
        (None, true) => held.as_array_mut().unwrap().push(value),
        (Some(rest), false) => put(held, rest, value),
        (Some(rest), true) => {
            let items = held.as_array_mut().unwrap();
            if items.is_empty() {
                items.push(json!({}));
            }
            put(&mut items[0], rest, value);
        }
    }
}

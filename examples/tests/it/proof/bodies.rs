//! Bodies of writes: resources of the fixture with something changed, patches, and interactions in one Bundle.

use conformance::privacy::worlds::Dice;
use examples::standin::query;
use serde_json::{Map, Value, json};

use super::dice::one;
use super::house::Answer;
use super::words::Words;

/// A resource of this type to be created or put: one of the fixture, about somebody, with something changed.
pub(crate) fn resource(words: &Words, dice: &mut Dice, kind: &str, id: Option<&str>) -> Value {
    let alike: Vec<&Value> = words.resources.iter().filter(|one| one["resourceType"] == kind).collect();
    let mut made = match alike.as_slice() {
        [] => json!({"resourceType": kind}),
        alike => (*one(dice, alike)).clone(),
    };
    match (id, dice.chance(80)) {
        (Some(id), true) => made["id"] = json!(id),
        _ => drop(made.as_object_mut().unwrap().remove("id")),
    }
    if dice.chance(70) {
        made.as_object_mut().unwrap().remove("meta");
    }
    if made["subject"].is_object() && dice.chance(60) {
        made["subject"] = json!({"reference": format!("Patient/{}", one(dice, &words.people))});
    }
    for _ in 0..dice.below(3) {
        change(&mut made, words, dice);
    }
    made
}

/// Changes one thing somewhere: a member less, another text, a reference to somebody else.
pub(crate) fn change(value: &mut Value, words: &Words, dice: &mut Dice) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let names: Vec<String> = members.keys().filter(|name| *name != "resourceType").cloned().collect();
            let Some(name) = (!names.is_empty()).then(|| one(dice, &names).clone()) else { return };
            match dice.below(10) {
                0 => drop(members.remove(&name)),
                1 => drop(members.insert(
                    "extension".to_owned(),
                    json!([{"url": "http://x.example/y", "valueString": one(dice, &words.texts)}]),
                )),
                2 if name == "reference" => drop(members.insert(name, json!(one(dice, &words.records)))),
                _ => change(&mut members[&name], words, dice),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                2 => items.reverse(),
                _ => change(&mut items[at], words, dice),
            }
        }
        Value::String(text) => text.clone_from(one(dice, &words.texts)),
        Value::Object(_) | Value::Array(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            *value = json!(one(dice, &words.texts));
        }
    }
}

/// A JSON Patch with pointers into what is visible, hidden and absent.
pub(crate) fn patch(words: &Words, dice: &mut Dice, about: &str) -> Value {
    let target = words.resources.iter().find(|one| super::worlds::key(one) == about);
    let mut pointers = vec!["/telecom/0/value".to_owned(), "/address/0".to_owned(), "/extension".to_owned()];
    if let Some(target) = target {
        collect(target, String::new(), &mut pointers);
    }
    let operations: Vec<Value> = (0..1 + dice.below(3))
        .map(|_| {
            let op = *one(dice, &["test", "replace", "add", "remove", "copy", "move"]);
            let mut made = Map::new();
            made.insert("op".into(), json!(op));
            made.insert("path".into(), json!(one(dice, &pointers)));
            match op {
                "copy" | "move" => drop(made.insert("from".into(), json!(one(dice, &pointers)))),
                "remove" => {}
                _ => {
                    let value = match (dice.below(3), target) {
                        (0, Some(target)) => made["path"]
                            .as_str()
                            .and_then(|path| target.pointer(path))
                            .cloned()
                            .unwrap_or_default(),
                        _ => json!(one(dice, &words.texts)),
                    };
                    made.insert("value".into(), value);
                }
            }
            Value::Object(made)
        })
        .collect();
    Value::Array(operations)
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{number}"), into);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
    into.push(at);
}

/// Interactions in one Bundle, each as it would be asked alone.
pub(crate) fn bundle(words: &Words, dice: &mut Dice, inner: &[(String, String, Option<Value>)]) -> Value {
    let kind = *one(dice, &["batch", "batch", "batch", "transaction", "message", "collection"]);
    let entries: Vec<Value> = inner
        .iter()
        .map(|(method, url, resource)| {
            let mut entry = json!({"request": {"method": method, "url": url}});
            if let Some(resource) = resource {
                entry["resource"] = resource.clone();
            }
            if dice.chance(30) {
                entry["fullUrl"] = json!("urn:uuid:6f1e2a0c-1111-4222-8333-444455556666");
            }
            if dice.chance(10) {
                entry["request"]["ifNoneExist"] = json!(format!("identifier={}", one(dice, &words.codes)));
            }
            entry
        })
        .collect();
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// A message about somebody.
pub(crate) fn message(words: &Words, dice: &mut Dice) -> Value {
    let head = json!({"resourceType": "MessageHeader", "eventUri": "http://x.example/event",
                      "source": {"endpoint": "http://x.example"},
                      "focus": [{"reference": one(dice, &words.records)}]});
    let kind = one(dice, &words.types).clone();
    let about = resource(words, dice, &kind, None);
    json!({"resourceType": "Bundle", "type": "message", "timestamp": "2026-01-12T00:00:00Z",
           "entry": [{"resource": head}, {"resource": about}]})
}

/// Every text in a body, decoded, queries of a Bundle too.
pub(crate) fn spoken(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, member)| format!("{name} {} ", spoken(member))).collect()
        }
        Value::Array(items) => items.iter().map(|item| spoken(item) + " ").collect(),
        Value::String(text) => {
            let pairs = query::pairs(text.split_once('?').map_or(text, |(_, query)| query));
            let plain: String = pairs.iter().map(|(name, value)| format!("{name} {value} ")).collect();
            format!("{text} {plain}")
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
    }
}

/// The path and query of the link to the next page.
pub(crate) fn next(answer: &Answer) -> Option<String> {
    let page = examples::json::parse(&answer.body).ok()?;
    let links = page["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == "next")?;
    link["url"].as_str()?.strip_prefix(super::house::BASE).map(str::to_owned)
}

//! Batches and transactions of a stand-in: each entry as if it were sent alone, with references to entries filled.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::kept::{Answer, Asked, Kept};
use crate::script::address::decoded;

impl Kept {
    pub(super) fn together(&mut self, bundle: &Value, here: &str) -> Answer {
        let kind = bundle.get("type").and_then(Value::as_str).unwrap_or("batch");
        let sent = bundle.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
        let (ids, places) = self.places(&sent);
        let mut entries = Vec::new();
        for (entry, id) in sent.into_iter().zip(ids) {
            let mut entry = entry;
            if kind == "transaction" {
                fill(&mut entry, &places);
            }
            let answer = self.one(&entry, id.as_deref(), here);
            entries.push(answered(answer, here));
        }
        let body = json!({"resourceType": "Bundle", "type": format!("{kind}-response"), "entry": entries});
        (200, None, Some(body))
    }

    /// The ids that creates will have, and where what is called by a fullUrl will lie.
    fn places(&mut self, sent: &[Value]) -> (Vec<Option<String>>, HashMap<String, String>) {
        let mut places = HashMap::new();
        let ids = sent.iter().map(|entry| {
            let text = |place: &str| entry.pointer(place).and_then(Value::as_str);
            let creates = text("/request/method").unwrap_or("POST") == "POST";
            let id = creates.then(|| self.made_up_id());
            let place = match &id {
                Some(id) => text("/resource/resourceType").map(|kind| format!("{kind}/{id}")),
                None => text("/request/url").filter(|url| !url.contains('?')).map(str::to_owned),
            };
            if let (Some(called), Some(place)) = (text("/fullUrl"), place) {
                places.insert(called.to_owned(), place);
            }
            id
        });
        (ids.collect(), places)
    }

    fn one(&mut self, entry: &Value, id: Option<&str>, here: &str) -> Answer {
        let text = |place: &str| entry.pointer(place).and_then(Value::as_str);
        let resource = entry.get("resource");
        let (url, condition) = (text("/request/url").unwrap_or_default(), text("/request/ifNoneExist"));
        let bare = url.trim_start_matches(here).trim_start_matches('/');
        let (path, query) = bare.split_once('?').unwrap_or((bare, ""));
        let path = decoded(path);
        let is_operation = path.contains('$');
        if let (Some(id), None, Some(resource), false) = (id, condition, resource, is_operation) {
            return self.create_as(id, resource.clone());
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let asked = Asked {
            method: text("/request/method").unwrap_or("POST"),
            parts: &parts,
            query,
            here,
            none_exist: condition,
            matches: text("/request/ifMatch"),
        };
        // A batch within a batch is none.
        if parts.is_empty() { (400, None, None) } else { self.ask(&asked, || resource.cloned()) }
    }
}

/// Puts where it will lie in place of what an entry is called.
fn fill(value: &mut Value, places: &HashMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member.as_str().and_then(|text| places.get(text))) {
                    ("reference", Some(place)) => *member = json!(place),
                    _ => fill(member, places),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, places)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn answered((status, place, resource): Answer, here: &str) -> Value {
    let reason = match status {
        200 => "200 OK",
        201 => "201 Created",
        204 => "204 No Content",
        404 => "404 Not Found",
        410 => "410 Gone",
        412 => "412 Precondition Failed",
        _ => "400 Bad Request",
    };
    let mut response = Map::from_iter([("status".to_owned(), json!(reason))]);
    let mut entry = Map::new();
    if let Some(place) = place {
        let (lies, version) = place.split_once("/_history/").unwrap_or((&place, "1"));
        entry.insert("fullUrl".to_owned(), json!(format!("{here}/{lies}")));
        response.insert("etag".to_owned(), json!(format!("W/\"{version}\"")));
        response.insert("location".to_owned(), json!(place));
    }
    match resource {
        Some(outcome) if status >= 400 => drop(response.insert("outcome".to_owned(), outcome)),
        Some(resource) => drop(entry.insert("resource".to_owned(), resource)),
        None => {}
    }
    entry.insert("response".to_owned(), Value::Object(response));
    Value::Object(entry)
}

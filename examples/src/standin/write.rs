//! Create, conditional create, update and delete.

use serde_json::Value;

use super::answer::{Answer, Call, Holder, header};
use super::criterion::Unsupported;
use super::query;
use super::search::{Handling, Search};
use super::store::Store;
use crate::json;

/// `POST Type`, with `If-None-Exist` when sent.
pub(super) fn create(holder: &Holder, kind: &str, call: &Call) -> Answer {
    let resource = match body(call, kind) {
        Ok(resource) => resource,
        Err(refused) => return refused,
    };
    let mut store = holder.store();
    if let Some(condition) = header(&call.headers, "if-none-exist") {
        match matching(&store, kind, condition, &holder.base).as_deref() {
            Ok([]) => {}
            Ok([id]) => return existing(&store, kind, id, &holder.base),
            Ok(_) => {
                return Answer::error(412, "multiple-matches", "the condition matches several resources");
            }
            Err(unsupported) => return unsupported.clone().into(),
        }
    }
    let id = store.fresh_id(kind);
    let stored = store.put(kind, &id, resource);
    Answer::stored(201, &stored).with("location", location(&holder.base, kind, &id, stored.version))
}

/// `PUT Type/id`, with `If-Match` when sent; creates under the client's id when there is none.
pub(super) fn update(holder: &Holder, kind: &str, id: &str, call: &Call) -> Answer {
    let resource = match body(call, kind) {
        Ok(resource) => resource,
        Err(refused) => return refused,
    };
    if json::text(&resource, "/id") != Some(id) {
        return Answer::error(400, "invalid", "the id in the body is not the id in the address");
    }
    if !is_id(id) {
        return Answer::error(400, "invalid", "the id is no FHIR id");
    }
    let mut store = holder.store();
    let held = store.newest(kind, id).map(super::store::Stored::etag);
    let wanted = header(&call.headers, "if-match").map(str::to_owned);
    if wanted.is_some() && wanted != held {
        return Answer::error(412, "conflict", "the version is not the current one");
    }
    let status = if held.is_some() { 200 } else { 201 };
    let stored = store.put(kind, id, resource);
    Answer::stored(status, &stored).with("location", location(&holder.base, kind, id, stored.version))
}

/// `DELETE Type/id`, with `If-Match` when sent. What is not there needs no deleting.
pub(super) fn delete(holder: &Holder, kind: &str, id: &str, call: &Call) -> Answer {
    let mut store = holder.store();
    let held = store.newest(kind, id).map(super::store::Stored::etag);
    let wanted = header(&call.headers, "if-match").map(str::to_owned);
    if wanted.is_some() && wanted != held {
        return Answer::error(412, "conflict", "the version is not the current one");
    }
    store.delete(kind, id);
    Answer { status: 204, headers: Vec::new(), body: None }
}

/// The ids of `kind` that a condition such as `identifier=system|value` matches.
pub(super) fn matching(
    store: &Store,
    kind: &str,
    condition: &str,
    base: &str,
) -> Result<Vec<String>, Unsupported> {
    let search = Search::parse(kind, &query::pairs(condition), Handling::Strict)?;
    let matches = search.matches(kind, store, base);
    Ok(matches.iter().filter_map(|stored| json::text(&stored.resource, "/id")).map(str::to_owned).collect())
}

pub(super) fn location(base: &str, kind: &str, id: &str, version: usize) -> String {
    format!("{base}/{kind}/{id}/_history/{version}")
}

pub(super) fn is_id(text: &str) -> bool {
    let fitting = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    (1..=64).contains(&text.len()) && text.chars().all(fitting)
}

fn existing(store: &Store, kind: &str, id: &str, base: &str) -> Answer {
    match store.newest(kind, id) {
        Some(stored) => {
            Answer::stored(200, stored).with("location", location(base, kind, id, stored.version))
        }
        None => Answer::error(404, "not-found", "no such resource"),
    }
}

/// The resource in the body, when it is JSON and of the type in the address.
pub(super) fn body(call: &Call, kind: &str) -> Result<Value, Answer> {
    if !header(&call.headers, "content-type").is_some_and(|held| held.contains("json")) {
        return Err(Answer::error(415, "not-supported", "only JSON is spoken here"));
    }
    let resource =
        json::parse(&call.body).map_err(|_| Answer::error(400, "structure", "the body is no JSON"))?;
    match json::text(&resource, "/resourceType") {
        Some(held) if held == kind => Ok(resource),
        Some(_) => Err(Answer::error(400, "invalid", "the body is of another type than the address")),
        None => Err(Answer::error(400, "structure", "the body is no FHIR resource")),
    }
}

//! One call and its answer as plain values: no sockets here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::criterion::Unsupported;
use super::parameter::served;
use super::search::{Handling, Search};
use super::store::{Store, Stored};
use super::{capability, query, transaction, write};
use crate::json as read;

/// One request.
#[derive(Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Path segments below the base.
    pub path: Vec<String>,
    /// The query string, as sent.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as sent.
    pub body: Vec<u8>,
}

/// One answer: status, headers and a FHIR resource, if any.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The resource in the body.
    pub body: Option<Value>,
}

impl Answer {
    /// An OperationOutcome with one error.
    pub(super) fn error(status: u16, code: &str, diagnostics: &str) -> Self {
        let issue = json!({"severity": "error", "code": code, "diagnostics": diagnostics});
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
        Self { status, headers: Vec::new(), body: Some(outcome) }
    }

    pub(super) fn of(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// A stored version with its ETag and date.
    pub(super) fn stored(status: u16, stored: &Stored) -> Self {
        let modified = stored.updated.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = vec![("etag", stored.etag()), ("last-modified", modified)];
        Self { status, headers, body: Some(stored.resource.clone()) }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Unsupported> for Answer {
    fn from(unsupported: Unsupported) -> Self {
        let code = match unsupported {
            Unsupported::Parameter | Unsupported::Modifier => "not-supported",
            Unsupported::Value => "invalid",
        };
        Self::error(400, code, &unsupported.to_string())
    }
}

/// A server without its sockets.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) base: String,
    pub(super) name: String,
    store: Mutex<Store>,
}

impl Holder {
    pub(super) fn new(name: &str, base: String, resources: Vec<Value>) -> Self {
        let mut store = Store::default();
        for resource in resources {
            let id = read::text(&resource, "/id").unwrap_or_default().to_owned();
            let kind = read::text(&resource, "/resourceType").unwrap_or_default().to_owned();
            store.put(&kind, &id, resource);
        }
        Self { base, name: name.to_owned(), store: Mutex::new(store) }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call.
    pub(super) fn answer(&self, call: &Call) -> Answer {
        if let Some(refused) = negotiate(call) {
            return refused;
        }
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let known = |kind: &str| served(kind).is_some();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["metadata"]) => Answer::of(200, capability::statement(&self.name, &self.base)),
            ("POST", []) => transaction::run(self, call),
            (_, [kind, ..]) if !known(kind) => {
                Answer::error(404, "not-supported", "no such resource type here")
            }
            ("GET", [kind]) => self.search(kind, &query::pairs(&call.query), call),
            ("POST", [kind, "_search"]) => self.search_by_post(kind, call),
            ("POST", [kind]) => write::create(self, kind, call),
            ("GET", [kind, id]) => self.read(kind, id, call),
            ("PUT", [kind, id]) => write::update(self, kind, id, call),
            ("DELETE", [kind, id]) => write::delete(self, kind, id, call),
            ("GET", [kind, id, "_history"]) => self.history(kind, id),
            ("GET", [kind, id, "_history", version]) => self.vread(kind, id, version),
            (_, [_, "_search"]) => not_allowed("POST"),
            (_, [_, _, "_history"] | [_, _, "_history", _]) => not_allowed("GET"),
            (_, [_]) => not_allowed("GET, POST"),
            (_, [_, _]) => not_allowed("GET, PUT, DELETE"),
            (_, []) => not_allowed("POST"),
            _ => Answer::error(404, "not-found", "no such place"),
        }
    }

    fn read(&self, kind: &str, id: &str, call: &Call) -> Answer {
        let store = self.store();
        let Some(stored) = store.newest(kind, id) else {
            return match store.versions(kind, id) {
                [] => Answer::error(404, "not-found", "no such resource"),
                [..] => Answer::error(410, "deleted", "the resource was deleted"),
            };
        };
        if header(&call.headers, "if-none-match").is_some_and(|tag| tag == stored.etag()) {
            let mut unchanged = Answer::stored(304, stored);
            unchanged.body = None;
            return unchanged;
        }
        Answer::stored(200, stored)
    }

    fn vread(&self, kind: &str, id: &str, version: &str) -> Answer {
        match self.store().version(kind, id, version) {
            Some(stored) if stored.gone => Answer::error(410, "deleted", "the resource was deleted"),
            Some(stored) => Answer::stored(200, stored),
            None => Answer::error(404, "not-found", "no such version"),
        }
    }

    /// Every version, the newest first, on one page.
    fn history(&self, kind: &str, id: &str) -> Answer {
        let store = self.store();
        let versions = store.versions(kind, id);
        if versions.is_empty() {
            return Answer::error(404, "not-found", "no such resource");
        }
        let url = format!("{kind}/{id}");
        let entry = |stored: &Stored| {
            let (method, status) = match (stored.gone, stored.version) {
                (true, _) => ("DELETE", "204"),
                (false, 1) => ("POST", "201"),
                (false, _) => ("PUT", "200"),
            };
            let modified = format!("{:.3}", stored.updated);
            let place = if method == "POST" { kind } else { url.as_str() };
            let mut entry = json!({
                "fullUrl": format!("{}/{url}", self.base),
                "request": {"method": method, "url": place},
                "response": {"status": status, "etag": stored.etag(), "lastModified": modified},
            });
            if let (false, Some(members)) = (stored.gone, entry.as_object_mut()) {
                members.insert("resource".into(), stored.resource.clone());
            }
            entry
        };
        let entries: Vec<Value> = versions.iter().rev().map(entry).collect();
        let link = json!([{"relation": "self", "url": format!("{}/{url}/_history", self.base)}]);
        let (kind, total) = ("history", entries.len());
        Answer::of(
            200,
            json!({"resourceType": "Bundle", "type": kind, "total": total, "link": link, "entry": entries}),
        )
    }

    fn search_by_post(&self, kind: &str, call: &Call) -> Answer {
        let form = "application/x-www-form-urlencoded";
        if !header(&call.headers, "content-type").is_some_and(|held| held.starts_with(form)) {
            return Answer::error(415, "not-supported", "a search is posted as a form");
        }
        let mut pairs = query::pairs(&call.query);
        pairs.extend(query::pairs(&String::from_utf8_lossy(&call.body)));
        self.search(kind, &pairs, call)
    }

    fn search(&self, kind: &str, pairs: &[(String, String)], call: &Call) -> Answer {
        let strict = header(&call.headers, "prefer").is_some_and(|prefer| prefer.contains("handling=strict"));
        let handling = if strict { Handling::Strict } else { Handling::Lenient };
        match Search::parse(kind, pairs, handling) {
            Ok(search) => Answer::of(200, search.page(kind, &self.store(), &self.base)),
            Err(unsupported) => unsupported.into(),
        }
    }
}

/// The value of a header, when it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn not_allowed(allow: &str) -> Answer {
    Answer::error(405, "not-supported", "this interaction is not offered").with("allow", allow.to_owned())
}

/// Refuses what wants another format than JSON.
fn negotiate(call: &Call) -> Option<Answer> {
    let json_like =
        |text: &str| text.contains("json") || text.contains("*/*") || text.contains("application/*");
    let format = query::pairs(&call.query).into_iter().find(|(name, _)| name == "_format");
    let wanted = match &format {
        Some((_, format)) => Some(format.as_str()),
        None => header(&call.headers, "accept"),
    };
    let refused = wanted.is_some_and(|wanted| !json_like(wanted));
    refused.then(|| Answer::error(406, "not-supported", "only JSON is spoken here"))
}

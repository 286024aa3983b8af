//! A server without any policy over one world: it reads, searches, follows, pages and tells versions, and takes every write
//! without keeping it, so that each request meets the world as it was.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use examples::json::parse;
use examples::standin::query;
use examples::wire::{self, Body};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::matching::{meets, refers_to};
use super::worlds::{World, key};

/// How the server calls itself: a name that nobody outside may learn.
const NAMED: &str = "http://fhir-core-01.canary-up-host-3f9c.internal:8080/fhir";
const BODY_BYTES_MAX: usize = 1 << 20;
/// Matches on one page.
const PAGE: usize = 40;

/// What it holds.
#[derive(Debug)]
pub(crate) struct Records {
    now: BTreeMap<String, Value>,
    before: Vec<Value>,
    base: &'static str,
    dangling: Dangling,
}

/// What becomes of a write that refers to what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dangling {
    Taken,
    Refused,
}

/// The server on loopback; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) base: String,
    task: JoinHandle<()>,
}

struct Asked {
    method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Vec<u8>,
}

type Told = (u16, Vec<(&'static str, String)>, Value);

impl Drop for Holder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Holder {
    pub(crate) async fn start(world: &World) -> Self {
        Self::start_with(world, Dangling::Taken).await
    }

    pub(crate) async fn start_with(world: &World, dangling: Dangling) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let records = Arc::new(Records { dangling, ..Records::of(world) });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream.set_nodelay(true));
                let records = Arc::clone(&records);
                tokio::spawn(async move {
                    let service = service_fn(move |request| respond(Arc::clone(&records), request));
                    let server = hyper::server::conn::http1::Builder::new();
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { base: format!("http://{address}/fhir"), task }
    }
}

async fn respond(records: Arc<Records>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_start_matches("/fhir");
    let path = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let body = wire::read(body, BODY_BYTES_MAX).await.map(|body| body.to_vec()).unwrap_or_default();
    let mut query = query::pairs(head.uri.query().unwrap_or_default());
    if head
        .headers
        .get("content-type")
        .is_some_and(|held| held.as_bytes().starts_with(b"application/x-www-form"))
    {
        query.extend(query::pairs(&String::from_utf8_lossy(&body)));
    }
    let asked = Asked { method: head.method.as_str().to_owned(), path, query, body };
    let (status, mut headers, content) = records.answer(&asked);
    headers.push(("content-type", "application/fhir+json; charset=utf-8".to_owned()));
    let bytes = if content.is_null() { String::new() } else { content.to_string() };
    Ok(wire::response(status, &headers, bytes))
}

impl Records {
    pub(crate) fn of(world: &World) -> Self {
        let now = world.resources.iter().map(|one| (key(one), one.clone())).collect();
        Self { now, before: world.history.clone(), base: NAMED, dangling: Dangling::Taken }
    }

    pub(crate) fn now(&self, key: &str) -> Option<&Value> {
        self.now.get(key)
    }

    pub(crate) fn of_type(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.now.values().filter(move |one| one["resourceType"] == kind)
    }

    fn answer(&self, asked: &Asked) -> Told {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let is_write = asked.method == "POST" && path.last() != Some(&"_search");
        if is_write && self.dangling == Dangling::Refused && self.dangles(&asked.body) {
            return (422, Vec::new(), json!({"resourceType": "OperationOutcome"}));
        }
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["metadata"]) => told(json!({"resourceType": "CapabilityStatement", "status": "active"})),
            ("POST", []) => self.taken_together(&asked.body),
            ("GET", [kind]) | ("POST", [kind, "_search"]) => told(self.searched(kind, &asked.query)),
            ("POST", ["$process-message"]) => (200, Vec::new(), json!({"resourceType": "OperationOutcome"})),
            ("POST", [kind]) => stored(201, kind, "made-1", &asked.body),
            ("PUT", [kind, id]) => stored(200, kind, id, &asked.body),
            ("DELETE", [_, _]) => (204, Vec::new(), Value::Null),
            ("GET", [kind, id]) => match self.now(&format!("{kind}/{id}")) {
                Some(found) => (200, vec![("etag", etag(found))], found.clone()),
                None => absent(),
            },
            ("GET", [kind, id, "_history"]) => self.versions(&format!("{kind}/{id}")),
            ("GET", [kind, id, "_history", version]) => {
                let name = format!("{kind}/{id}");
                let all = self.before.iter().filter(|one| key(one) == name).chain(self.now(&name));
                match all.into_iter().find(|one| one["meta"]["versionId"] == *version) {
                    Some(found) => (200, vec![("etag", etag(found))], found.clone()),
                    None => absent(),
                }
            }
            _ => absent(),
        }
    }

    /// Whether a body refers to what is neither held nor sent with it.
    fn dangles(&self, body: &[u8]) -> bool {
        let body = parse(body).unwrap_or_default();
        let entries = body["entry"].as_array().into_iter().flatten();
        let own: Vec<String> = entries
            .filter(|entry| entry["resource"]["id"].is_string())
            .map(|entry| key(&entry["resource"]))
            .collect();
        let here = format!("{}/", self.base);
        addresses(&body).into_iter().any(|address| {
            let address = address.trim_start_matches(&here);
            let is_address = address.split('/').count() == 2 && !address.contains(':');
            is_address && self.now(address).is_none() && !own.iter().any(|key| key == address)
        })
    }

    fn versions(&self, name: &str) -> Told {
        let Some(now) = self.now(name) else { return absent() };
        let before = self.before.iter().filter(|one| key(one) == name).rev();
        let entries: Vec<Value> = std::iter::once(now)
            .chain(before)
            .map(|one| {
                json!({"fullUrl": format!("{}/{name}", self.base), "resource": one,
                       "request": {"method": "PUT", "url": name}, "response": {"status": "200"}})
            })
            .collect();
        told(json!({"resourceType": "Bundle", "type": "history", "total": entries.len(), "entry": entries}))
    }

    fn searched(&self, kind: &str, query: &[(String, String)]) -> Value {
        let said =
            |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let is_control = |name: &str| {
            ["_include", "_revinclude", "_elements", "_summary", "_count", "_offset", "_total", "_sort"]
                .iter()
                .any(|control| name.split(':').next() == Some(control))
        };
        let criteria: Vec<_> = query.iter().filter(|(name, _)| !is_control(name)).collect();
        let mut found: Vec<&Value> = self
            .of_type(kind)
            .filter(|one| criteria.iter().all(|(name, value)| meets(one, name, value, self)))
            .collect();
        if let Some(sort) = said("_sort") {
            found.sort_by_key(|one| one[sort.trim_start_matches('-')].to_string());
        }
        let offset: usize = said("_offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let asked_for = said("_count").and_then(|count| count.parse().ok()).unwrap_or(PAGE);
        let count = PAGE.min(asked_for).max(1);
        let page: Vec<&Value> = found.iter().skip(offset).take(count).copied().collect();
        let mut links = vec![json!({"relation": "self", "url": format!("{}/{kind}", self.base)})];
        if offset + count < found.len() {
            let mut pairs: Vec<_> = query.iter().filter(|(name, _)| name != "_offset").cloned().collect();
            pairs.push(("_offset".to_owned(), (offset + count).to_string()));
            links.push(
                json!({"relation": "next", "url": format!("{}/{kind}?{}", self.base, query::render(&pairs))}),
            );
        }
        let entry = |one: &&Value, mode: &str| json!({"fullUrl": format!("{}/{}", self.base, key(one)), "resource": one, "search": {"mode": mode, "score": 0.9}});
        let mut entries: Vec<Value> = page.iter().map(|one| entry(one, "match")).collect();
        entries.extend(self.led_to(&page, query).iter().map(|one| entry(one, "include")));
        json!({"resourceType": "Bundle", "type": "searchset", "total": found.len(), "link": links, "entry": entries})
    }

    fn led_to<'a>(&'a self, page: &[&'a Value], query: &[(String, String)]) -> Vec<&'a Value> {
        let mut found: Vec<&Value> = Vec::new();
        for (name, value) in query {
            let kind = value.split(':').next().unwrap_or_default();
            if name.starts_with("_include") {
                let keys =
                    page.iter().filter(|one| one["resourceType"] == kind).flat_map(|one| references(one));
                found.extend(keys.filter_map(|key| self.now(&key)));
            } else if name.starts_with("_revinclude") {
                let own: Vec<String> = page.iter().map(|one| key(one)).collect();
                found.extend(
                    self.of_type(kind).filter(|one| references(one).iter().any(|key| own.contains(key))),
                );
            }
        }
        found.dedup();
        found
    }

    fn taken_together(&self, body: &[u8]) -> Told {
        let asked = parse(body).unwrap_or_default();
        let entries = asked["entry"].as_array().cloned().unwrap_or_default();
        let entries: Vec<Value> = entries
            .iter()
            .map(|entry| {
                let kind = entry["resource"]["resourceType"].as_str().unwrap_or("Basic");
                json!({"response": {"status": "201 Created", "location": format!("{kind}/made-1/_history/1")}})
            })
            .collect();
        told(json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entries}))
    }
}

/// Every address of a reference in a body that is sent, but those of the Provenance that goes with it.
fn addresses(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) if members.get("resourceType") == Some(&json!("Provenance")) => Vec::new(),
        Value::Object(members) => {
            let own = members.get("reference").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(addresses)).collect()
        }
        Value::Array(items) => items.iter().flat_map(addresses).collect(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = refers_to(value).into_iter();
            own.chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

fn etag(resource: &Value) -> String {
    format!("W/\"{}\"", resource["meta"]["versionId"].as_str().unwrap_or("1"))
}

fn told(content: Value) -> Told {
    (200, Vec::new(), content)
}

fn absent() -> Told {
    let issue = json!([{"severity": "error", "code": "not-found", "diagnostics": "CANARY-UPSTREAM-TEXT"}]);
    (404, Vec::new(), json!({"resourceType": "OperationOutcome", "issue": issue}))
}

fn stored(status: u16, kind: &str, id: &str, body: &[u8]) -> Told {
    let mut resource = parse(body).unwrap_or_default();
    if resource.is_object() {
        resource["id"] = json!(id);
        resource["meta"] = json!({"versionId": "7", "lastUpdated": "2026-01-12T00:00:00Z"});
    }
    let location = format!("{NAMED}/{kind}/{id}/_history/7");
    (status, vec![("location", location), ("etag", "W/\"7\"".to_owned())], resource)
}

//! A server over the fixtures of scripts: for a client under test that needs someone to talk to, and to try scripts out.
//!
//! It keeps what it is sent until it ends, searches by type and `_id` only, applies no patch and checks nothing: what an
//! assert finds out about it says something of the script, not of a server.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fhir::json::Limits;
use serde_json::{Value, json};

use super::address::decoded;
use super::fake;
use super::library::{Library, Script};
use super::message::{Head, Message};
use super::plan::FixtureSource;
use super::serve::serve;

/// Resources that are kept.
const KEPT_MAX: usize = 100_000;

/// When everything that it holds was last changed, as far as it says.
const CHANGED: &str = "Sun, 01 Jan 2023 00:00:00 GMT";

/// Answers from fixtures.
#[derive(Debug, Default)]
pub struct StandIn {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    resources: BTreeMap<(String, String), Value>,
    count: u64,
}

/// An answer: status, place and body.
type Answer = (u16, Option<String>, Option<Value>);

impl StandIn {
    /// Starts one on a free port of loopback and returns its base.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn serve(library: &Library, scripts: &[Script]) -> std::io::Result<String> {
        let stand_in = Arc::new(Self::default());
        for script in scripts {
            stand_in.learn(library, script);
        }
        let answering = move |request: Message| {
            let stand_in = Arc::clone(&stand_in);
            Box::pin(async move { stand_in.answer(&request) })
                as Pin<Box<dyn Future<Output = Message> + Send>>
        };
        let address = serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Arc::new(answering)).await?;
        Ok(format!("http://{address}"))
    }

    fn learn(&self, library: &Library, script: &Script) {
        for fixture in &script.plan.fixtures {
            let bytes = match &fixture.source {
                FixtureSource::Held(bytes) => Some(bytes.clone()),
                FixtureSource::Fake(kind) => fake::resource(kind).map(Bytes::from),
                FixtureSource::Reference(reference) => {
                    let file = library.resolve(&script.plan.file, reference.text());
                    file.ok().and_then(|file| library.read(&file).ok())
                }
                FixtureSource::Part { .. } | FixtureSource::Later => None,
            };
            let Some(resource) = bytes.and_then(|bytes| read(&Message::fixture(bytes))) else { continue };
            let entries = resource.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
            let inner =
                entries.into_iter().filter_map(|mut entry| entry.get_mut("resource").map(Value::take));
            for resource in inner.chain([resource]) {
                self.lock().keep(resource, None);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Message) -> Message {
        let Head::Request { method, url, .. } = &request.head else {
            return answered(request, (400, None, None));
        };
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let path = decoded(path);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let here = format!("http://{}", request.header("host").unwrap_or_default());
        let answer = self.lock().ask(method, &parts, query, (&here, url), || read(request));
        answered(request, answer)
    }
}

impl Kept {
    /// Keeps a resource, under `id` if one is told, and returns its place.
    fn keep(&mut self, mut resource: Value, id: Option<&str>) -> Option<String> {
        let kind = resource.get("resourceType")?.as_str()?.to_owned();
        self.count += 1;
        let own = || format!("made-{}", self.count);
        let held = resource.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.map(str::to_owned).or(held).unwrap_or_else(own);
        let members = resource.as_object_mut()?;
        members.insert("id".to_owned(), json!(id));
        let meta = members.entry("meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("versionId".to_owned(), json!(self.count.to_string()));
            meta.insert("lastUpdated".to_owned(), json!("2023-01-01T00:00:00Z"));
        }
        if self.resources.len() < KEPT_MAX {
            self.resources.insert((kind.clone(), id.clone()), resource);
        }
        Some(format!("{kind}/{id}/_history/{}", self.count))
    }

    fn ask(
        &mut self,
        method: &str,
        parts: &[&str],
        query: &str,
        url: (&str, &str),
        body: impl Fn() -> Option<Value>,
    ) -> Answer {
        let operation = parts.iter().any(|part| part.starts_with('$'));
        match (method, parts) {
            ("GET", ["metadata"]) => (200, None, Some(self.stated())),
            _ if operation => {
                (200, None, Some(outcome("information", "informational", "done, as far as a stand-in can")))
            }
            ("GET" | "HEAD", [kind, "_history"]) => {
                (200, None, Some(self.bundle("history", kind, None, url)))
            }
            ("GET" | "HEAD", [kind, id, "_history"]) => {
                (200, None, Some(self.bundle("history", kind, Some(id), url)))
            }
            ("GET" | "HEAD", [kind, id] | [kind, id, "_history", _]) => self.found(kind, id),
            ("GET" | "HEAD", [kind]) | ("POST", [kind, "_search"]) => {
                let id = query.split('&').find_map(|pair| pair.strip_prefix("_id="));
                (200, None, Some(self.bundle("searchset", kind, id, url)))
            }
            ("POST", []) => body().map_or_else(unreadable, |bundle| self.together(&bundle)),
            ("POST", [_]) => body().map_or_else(unreadable, |mut resource| {
                if let Some(members) = resource.as_object_mut() {
                    members.remove("id");
                }
                self.kept(resource, None)
            }),
            ("PUT", [kind, id]) => body().map_or_else(unreadable, |resource| {
                let there = self.resources.contains_key(&((*kind).to_owned(), (*id).to_owned()));
                let (_, place, body) = self.kept(resource, Some(id));
                (if there { 200 } else { 201 }, place, body)
            }),
            ("PUT", [_]) => body().map_or_else(unreadable, |resource| self.kept(resource, None)),
            ("PATCH", [kind, id]) => self.found(kind, id),
            ("PATCH" | "DELETE", [_]) => (204, None, None),
            ("DELETE", [kind, id]) => {
                self.resources.remove(&((*kind).to_owned(), (*id).to_owned()));
                (204, None, None)
            }
            ("OPTIONS", _) => (204, None, None),
            _ => (404, None, Some(outcome("error", "not-found", "not found"))),
        }
    }

    fn kept(&mut self, resource: Value, id: Option<&str>) -> Answer {
        let body = resource.clone();
        match self.keep(resource, id) {
            Some(place) => {
                let mut parts = place.split('/');
                let key = (
                    parts.next().unwrap_or_default().to_owned(),
                    parts.next().unwrap_or_default().to_owned(),
                );
                (201, Some(place), Some(self.resources.get(&key).cloned().unwrap_or(body)))
            }
            None => unreadable(),
        }
    }

    fn found(&self, kind: &str, id: &str) -> Answer {
        match self.resources.get(&(kind.to_owned(), id.to_owned())) {
            Some(resource) => (200, None, Some(resource.clone())),
            None => (404, None, Some(outcome("error", "not-found", "not found"))),
        }
    }

    fn together(&mut self, bundle: &Value) -> Answer {
        let kind = bundle.get("type").and_then(Value::as_str).unwrap_or("batch");
        let mut entries = Vec::new();
        for entry in bundle.get("entry").and_then(Value::as_array).into_iter().flatten() {
            let id =
                entry.pointer("/request/url").and_then(Value::as_str).and_then(|url| url.split_once('/'));
            let place =
                entry.get("resource").and_then(|resource| self.keep(resource.clone(), id.map(|(_, id)| id)));
            let status = if place.is_some() { "201 Created" } else { "200 OK" };
            let mut response = json!({"status": status, "etag": "W/\"1\""});
            if let (Some(place), Some(members)) = (place, response.as_object_mut()) {
                members.insert("location".to_owned(), json!(place));
            }
            entries.push(json!({"response": response}));
        }
        (
            200,
            None,
            Some(json!({"resourceType": "Bundle", "type": format!("{kind}-response"), "entry": entries})),
        )
    }

    fn bundle(&self, of: &str, kind: &str, id: Option<&str>, (here, url): (&str, &str)) -> Value {
        let wanted = |(held, held_id): &(String, String)| {
            held == kind && id.is_none_or(|id| decoded(id).split(',').any(|id| id == held_id))
        };
        let found: Vec<Value> = self
            .resources
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|((kind, id), resource)| {
                let mut entry = json!({"fullUrl": format!("{here}/{kind}/{id}"), "resource": resource});
                if let Some(members) = entry.as_object_mut() {
                    if of == "searchset" {
                        members.insert("search".to_owned(), json!({"mode": "match"}));
                    } else {
                        members.insert(
                            "request".to_owned(),
                            json!({"method": "PUT", "url": format!("{kind}/{id}")}),
                        );
                        members.insert("response".to_owned(), json!({"status": "200"}));
                    }
                }
                entry
            })
            .collect();
        json!({"resourceType": "Bundle", "type": of, "total": found.len(),
            "link": [{"relation": "self", "url": format!("{here}{url}")}], "entry": found})
    }

    fn stated(&self) -> Value {
        let mut kinds: Vec<&str> = self.resources.keys().map(|(kind, _)| kind.as_str()).collect();
        kinds.dedup();
        let codes = ["read", "vread", "update", "delete", "history-instance", "create", "search-type"];
        let interactions: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
        let resources: Vec<Value> = kinds
            .iter()
            .map(|kind| json!({"type": kind, "interaction": interactions, "updateCreate": true}))
            .collect();
        json!({"resourceType": "CapabilityStatement", "status": "active", "date": "2023-01-01", "kind": "instance",
            "fhirVersion": "4.0.1", "format": ["json", "xml"], "rest": [{"mode": "server", "resource": resources,
                "interaction": [{"code": "transaction"}, {"code": "batch"}]}]})
    }
}

fn outcome(severity: &str, code: &str, text: &str) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, "diagnostics": text}]})
}

fn unreadable() -> Answer {
    (400, None, Some(outcome("error", "structure", "the body does not read as a resource")))
}

/// A body as JSON, whichever it is.
fn read(message: &Message) -> Option<Value> {
    let json = message.root().ok()?.to_json(&crate::model::Tables::R4);
    fhir::json::parse_value(Bytes::from(json), &Limits::default()).ok()
}

/// The answer in the format that was asked for.
fn answered(request: &Message, (status, place, body): Answer) -> Message {
    let accept = request.header("accept").unwrap_or_default();
    let host = request.header("host").unwrap_or_default();
    let version = body.as_ref().and_then(|body| body.pointer("/meta/versionId")).and_then(Value::as_str);
    let mut headers = vec![("Last-Modified".to_owned(), CHANGED.to_owned())];
    headers.extend(version.map(|version| ("ETag".to_owned(), format!("W/\"{version}\""))));
    headers.extend(place.map(|place| ("Location".to_owned(), format!("http://{host}/{place}"))));
    let json = body.map(|body| Bytes::from(body.to_string()));
    let xml = json.clone().filter(|_| accept.contains("xml") && !accept.contains("json")).and_then(|json| {
        let document = fhir::json::parse(json, &Limits::default()).ok()?;
        fhir::xml::from_json(document.root(), &fhir::xml::Limits::default()).ok().map(Bytes::from)
    });
    let kind = if xml.is_some() {
        "application/fhir+xml;charset=utf-8"
    } else {
        "application/fhir+json;charset=utf-8"
    };
    let body = xml.or(json).unwrap_or_default();
    if !body.is_empty() {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    Message::new(Head::Response { status }, headers, body)
}

//! A server over the fixtures of scripts: for a client under test that needs someone to talk to, and to try scripts out.
//!
//! It keeps what it is sent until it ends, with its versions, and finds by type, `_id` and `identifier`; it applies no patch,
//! undoes no transaction and checks nothing: what an assert finds out about it says something of the script, not of a server.

mod kept;
mod together;

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fhir::json::Limits;
use serde_json::Value;

use super::address::decoded;
use super::fake;
use super::library::{Library, Script};
use super::message::{Head, Message};
use super::plan::FixtureSource;
use super::serve::serve;
use kept::{Answer, Asked, Kept};

/// When everything that it holds was last changed, as far as it says.
const CHANGED: &str = "Sun, 01 Jan 2023 00:00:00 GMT";

/// Answers from fixtures.
#[derive(Debug, Default)]
pub struct StandIn {
    kept: Mutex<Kept>,
}

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
                self.lock().learn(resource);
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
        let form = String::from_utf8_lossy(&request.body);
        let query = if parts.last() == Some(&"_search") && method == "POST" { &*form } else { query };
        let (none_exist, matches) = (request.header("if-none-exist"), request.header("if-match"));
        let asked = Asked {
            method,
            parts: &parts,
            query,
            here: &here,
            none_exist: none_exist.as_deref(),
            matches: matches.as_deref(),
        };
        let answer = self.lock().ask(&asked, || read(request));
        answered(request, answer)
    }
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

//! Exchanges that were recorded, in the format of browsers and proxies (HTTP Archive 1.2): written while a run asks, and
//! judged again without a network.
//!
//! Secrets in headers are left out of what is written. Bodies are written as they were: a recording is as confidential
//! as what was asked.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fhir::json::{Limits, Node};
use serde_json::{Value, json};

use super::address::decoded;
use super::message::{Head, Message};
use super::told::is_secret;

/// Exchanges of one recording, and bytes of its file.
const EXCHANGES_MAX: usize = 100_000;
const FILE_BYTES_MAX: usize = 512 << 20;

/// What was asked and answered.
#[derive(Debug)]
pub struct Recording {
    base: String,
    exchanges: Mutex<Vec<Recorded>>,
}

#[derive(Debug)]
struct Recorded {
    used: Used,
    request: Kept,
    response: Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    Yes,
    No,
}

#[derive(Debug, Clone)]
struct Kept {
    head: Head,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Kept {
    fn of(message: &Message) -> Self {
        Self { head: message.head.clone(), headers: message.headers.clone(), body: message.body.clone() }
    }

    fn message(&self) -> Message {
        Message::new(self.head.clone(), self.headers.clone(), self.body.clone())
    }
}

/// Why a recording cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BadRecording {
    /// The file cannot be read or written.
    #[error("the recording cannot be read or written")]
    File(#[source] std::io::Error),
    /// It is no HTTP Archive.
    #[error("the recording is no HTTP archive in JSON")]
    Malformed,
}

impl Recording {
    /// An empty one, of exchanges with the system at `base`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), exchanges: Mutex::new(Vec::new()) }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BadRecording`].
    pub fn read(file: &Path, base: &str) -> Result<Self, BadRecording> {
        let bytes = std::fs::read(file).map_err(BadRecording::File)?;
        let limits = Limits { bytes_max: FILE_BYTES_MAX, ..Limits::default() };
        let document = fhir::json::parse(Bytes::from(bytes), &limits).map_err(|_| BadRecording::Malformed)?;
        let entries = document.root().member("log").and_then(|log| log.member("entries"));
        let entries = entries.ok_or(BadRecording::Malformed)?;
        let recording = Self::new(base);
        let exchanges = entries.items().take(EXCHANGES_MAX).map(|entry| recording.exchange(entry));
        let exchanges: Option<Vec<Recorded>> = exchanges.collect();
        *recording.lock() = exchanges.ok_or(BadRecording::Malformed)?;
        Ok(recording)
    }

    fn exchange(&self, entry: Node<'_>) -> Option<Recorded> {
        let (request, response) = (entry.member("request")?, entry.member("response")?);
        let text = |node: Node<'_>, name: &str| node.member(name)?.string().map(std::borrow::Cow::into_owned);
        let headers = |node: Node<'_>| {
            let list = node.member("headers").map(|list| list.items());
            list.into_iter()
                .flatten()
                .filter_map(|header| Some((text(header, "name")?, text(header, "value")?)))
                .collect::<Vec<_>>()
        };
        let sent = request.member("postData").and_then(|data| text(data, "text")).unwrap_or_default();
        let received = response.member("content").and_then(|content| {
            let held = text(content, "text")?;
            match text(content, "encoding").as_deref() {
                Some("base64") => STANDARD.decode(held).ok(),
                _ => Some(held.into_bytes()),
            }
        });
        let head = Head::Request {
            method: text(request, "method")?,
            url: text(request, "url")?,
            base: self.base.clone(),
        };
        let status = response.member("status")?.number_text()?.parse().ok()?;
        Some(Recorded {
            used: Used::No,
            request: Kept { head, headers: headers(request), body: Bytes::from(sent) },
            response: Kept {
                head: Head::Response { status },
                headers: headers(response),
                body: Bytes::from(received.unwrap_or_default()),
            },
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// How many exchanges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What answered this request: the first that was not taken yet, of the same method and address.
    pub(crate) fn answer(&self, request: &Message) -> Option<Message> {
        let mut exchanges = self.lock();
        let wanted = self.line(&request.head)?;
        let fits = |held: &&mut Recorded| {
            held.used == Used::No && self.line(&held.request.head).as_ref() == Some(&wanted)
        };
        let found = exchanges.iter_mut().find(fits)?;
        found.used = Used::Yes;
        Some(found.response.message())
    }

    /// The next exchange that was not taken yet.
    pub(crate) fn next(&self) -> Option<(Message, Message)> {
        let mut exchanges = self.lock();
        let found = exchanges.iter_mut().find(|held| held.used == Used::No)?;
        found.used = Used::Yes;
        Some((found.request.message(), found.response.message()))
    }

    fn line(&self, head: &Head) -> Option<(String, String)> {
        let Head::Request { method, url, .. } = head else { return None };
        let below = url.strip_prefix(&self.base).unwrap_or(url);
        Some((method.to_ascii_uppercase(), decoded(below)))
    }

    /// Writes an exchange down.
    pub(crate) fn write(&self, request: &Message, response: &Message) {
        let mut exchanges = self.lock();
        if exchanges.len() < EXCHANGES_MAX {
            exchanges.push(Recorded {
                used: Used::No,
                request: Kept::of(request),
                response: Kept::of(response),
            });
        }
    }

    /// Everything as an HTTP Archive.
    #[must_use]
    pub fn archive(&self) -> String {
        let headers = |kept: &Kept| {
            let shown = |(name, value): &(String, String)| json!({"name": name, "value": if is_secret(name) { "…" } else { value.as_str() }});
            kept.headers.iter().map(shown).collect::<Vec<Value>>()
        };
        let kind = |kept: &Kept| {
            let held = kept.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            held.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let entries: Vec<Value> = self
            .lock()
            .iter()
            .map(|held| {
                let (method, url) = match &held.request.head {
                    Head::Request { method, url, .. } => (method.as_str(), url.as_str()),
                    Head::Response { .. } | Head::Fixture => ("", ""),
                };
                let status = match held.response.head {
                    Head::Response { status } => status,
                    Head::Request { .. } | Head::Fixture => 0,
                };
                let mut request = json!({"method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [],
                    "headers": headers(&held.request), "queryString": [], "headersSize": -1, "bodySize": held.request.body.len()});
                if !held.request.body.is_empty()
                    && let Some(members) = request.as_object_mut()
                {
                    let text = String::from_utf8_lossy(&held.request.body);
                    members.insert("postData".to_owned(), json!({"mimeType": kind(&held.request), "text": text}));
                }
                let content = match std::str::from_utf8(&held.response.body) {
                    Ok(text) => json!({"size": text.len(), "mimeType": kind(&held.response), "text": text}),
                    Err(_) => json!({"size": held.response.body.len(), "mimeType": kind(&held.response),
                        "encoding": "base64", "text": STANDARD.encode(&held.response.body)}),
                };
                let response = json!({"status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
                    "headers": headers(&held.response), "content": content, "redirectURL": "", "headersSize": -1,
                    "bodySize": held.response.body.len()});
                json!({"startedDateTime": "1970-01-01T00:00:00Z", "time": 0, "request": request, "response": response,
                    "cache": {}, "timings": {"send": 0, "wait": 0, "receive": 0}})
            })
            .collect();
        let log = json!({"log": {"version": "1.2", "creator": {"name": "portcullis-conformance",
            "version": env!("CARGO_PKG_VERSION")}, "entries": entries}});
        serde_json::to_string_pretty(&log).unwrap_or_default()
    }
}

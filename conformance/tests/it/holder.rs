//! A small FHIR server over a handful of records, in two minds: one holds to a view and refuses by rule what it does not serve,
//! the other serves whatever is asked and tells what it knows.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The mind of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mind {
    /// Serves its records to one requester, and refuses the rest without looking at data.
    Strict,
    /// Serves everything to everybody.
    Leaky,
}

/// The one requester whom the strict mind serves.
pub(crate) const TOKEN: &str = "token-of-LA";

type Records = BTreeMap<(String, String), Value>;

#[derive(Debug)]
struct Holder {
    mind: Mind,
    host: String,
    first: Records,
    now: Mutex<Records>,
    canned: Mutex<Option<(u16, String, Vec<u8>)>>,
    /// The state that was brought about; the leaky mind takes no notice of it.
    state: Mutex<Option<String>>,
    /// How many exchanges there were.
    asked: AtomicUsize,
    hostile: BTreeMap<String, (u16, String, Vec<u8>)>,
}

/// Starts a server over `records` and returns its base.
pub(crate) async fn start(mind: Mind, records: Vec<Value>, hostile: Option<&Path>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let first: Records = records
        .into_iter()
        .map(|record| ((text(&record, "resourceType"), text(&record, "id")), record))
        .collect();
    let now = Mutex::new(first.clone());
    let hostile = hostile.map(canned).unwrap_or_default();
    let base = format!("http://{host}");
    let holder = Arc::new(Holder {
        mind,
        host,
        first,
        now,
        canned: Mutex::new(None),
        state: Mutex::new(None),
        asked: AtomicUsize::new(0),
        hostile,
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let holder = Arc::clone(&holder);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&holder), request));
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    base
}

/// The records in a folder.
pub(crate) fn records(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| parse(&std::fs::read_to_string(file).unwrap())).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test reads its own fixture")]
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test server reads what the suite sends")]
fn value_of(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

fn canned(folder: &Path) -> BTreeMap<String, (u16, String, Vec<u8>)> {
    let index = parse(&std::fs::read_to_string(folder.join("index.json")).unwrap());
    let one = |(name, held): (&String, &Value)| {
        let content = std::fs::read(folder.join(held["file"].as_str().unwrap())).unwrap();
        let media_type = held["headers"]["Content-Type"].as_str().unwrap_or("text/plain").to_owned();
        let status = u16::try_from(held["status"].as_u64().unwrap()).unwrap();
        (name.clone(), (status, media_type, content))
    };
    index.as_object().unwrap().iter().map(one).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test server makes its own answers")]
async fn answer(
    holder: Arc<Holder>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    let asked = Asked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: pairs(head.uri.query().unwrap_or_default()),
        token: head
            .headers
            .get("authorization")
            .and_then(|held| held.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        accept: head.headers.get("accept").and_then(|held| held.to_str().ok()).unwrap_or_default().to_owned(),
        match_wanted: head.headers.contains_key("if-match"),
        body,
    };
    let (status, media_type, etag, content) = holder.whole(&asked);
    let mut made = Response::builder().status(status).header("content-type", media_type);
    if let Some(etag) = etag {
        made = made.header("etag", etag);
    }
    if holder.mind == Mind::Strict {
        made = made.header("referrer-policy", "no-referrer");
    }
    if status == 201 {
        made = made.header("location", "Patient/made/_history/1");
    }
    Ok(made.body(Full::new(content.into())).unwrap())
}

struct Asked {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    token: String,
    accept: String,
    match_wanted: bool,
    body: Bytes,
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let both = (byte == b'%').then(|| [bytes.next(), bytes.next()]);
            match both {
                Some([Some(high), Some(low)]) => {
                    let digits = [high, low];
                    out.push(
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap_or("0"), 16).unwrap_or(0),
                    );
                }
                _ => out.push(byte),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

type Whole = (u16, String, Option<String>, Vec<u8>);

impl Holder {
    fn whole(&self, asked: &Asked) -> Whole {
        if asked.path == "/__control" {
            let told = parse(&String::from_utf8_lossy(&asked.body));
            if told["reset"] == true {
                self.now.lock().unwrap().clone_from(&self.first);
            }
            let name = told["canned"].as_str().unwrap_or_default();
            *self.canned.lock().unwrap() = self.hostile.get(name).cloned();
            return (200, "application/json".to_owned(), None, b"{}".to_vec());
        }
        if asked.path == "/__state" {
            let told = parse(&String::from_utf8_lossy(&asked.body));
            let known = told["state"] != "of-the-moon";
            *self.state.lock().unwrap() = told["state"].as_str().filter(|_| known).map(str::to_owned);
            return (if known { 200 } else { 404 }, "application/json".to_owned(), None, b"{}".to_vec());
        }
        if asked.path == "/__trail" {
            let count = if self.mind == Mind::Strict { self.asked.load(Ordering::SeqCst) } else { 0 };
            let entries: Vec<Value> =
                (0..count).map(|id| json!({ "resource": { "id": id.to_string() } })).collect();
            let trail = json!({ "resourceType": "Bundle", "entry": entries });
            return (200, "application/fhir+json".to_owned(), None, trail.to_string().into_bytes());
        }
        if asked.path == "/__db" {
            let (key, _) = asked.query.first().cloned().unwrap_or_default();
            let held = self.find(&key).unwrap_or(json!({}));
            return (200, "application/json".to_owned(), None, held.to_string().into_bytes());
        }
        if let Some((status, media_type, content)) = self.canned.lock().unwrap().clone() {
            return (status, media_type, None, content);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, resource) = match self.mind {
            Mind::Strict if self.state.lock().unwrap().is_some() => refusal(503),
            Mind::Strict => self.strict(asked),
            Mind::Leaky => self.leaky(asked),
        };
        let version = resource["meta"]["versionId"].as_str().filter(|_| status == 200);
        let etag = version.map(|version| format!("W/\"{version}\""));
        (status, "application/fhir+json".to_owned(), etag, resource.to_string().into_bytes())
    }

    fn find(&self, key: &str) -> Option<Value> {
        let (kind, id) = key.split_once('/')?;
        self.now.lock().unwrap().get(&(kind.to_owned(), id.to_owned())).cloned()
    }

    fn strict(&self, asked: &Asked) -> (u16, Value) {
        if asked.token != format!("Bearer {TOKEN}") {
            return refusal(401);
        }
        if !asked.accept.is_empty() && !asked.accept.contains("json") && !asked.accept.contains('*') {
            return refusal(406);
        }
        let Some(path) = asked.path.strip_prefix("/fhir/") else {
            return if asked.path == "/fhir" && asked.method == "POST" {
                self.batch(asked)
            } else {
                refusal(404)
            };
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET" | "HEAD", [kind, id]) if !kind.is_empty() && !id.starts_with('$') => {
                let served = ["_summary", "_format", "_pretty"];
                if asked.query.iter().any(|(name, _)| !served.contains(&name.as_str())) {
                    return refusal(400);
                }
                self.find(path).map_or(refusal(404), |held| (200, held))
            }
            ("GET", [kind]) if kind.starts_with(|letter: char| letter.is_ascii_uppercase()) => {
                self.search(kind, &asked.query)
            }
            ("PUT", [_, _]) if !asked.match_wanted => refusal(428),
            _ => refusal(405),
        }
    }

    fn search(&self, kind: &str, query: &[(String, String)]) -> (u16, Value) {
        let served =
            ["patient", "subject", "_id", "_count", "_offset", "_sort", "_include", "_elements", "_format"];
        let persons: Vec<&String> = query
            .iter()
            .filter(|(name, _)| ["patient", "subject", "_id"].contains(&name.as_str()))
            .map(|(_, value)| value)
            .collect();
        let odd = query
            .iter()
            .any(|(name, value)| !served.contains(&name.as_str()) || (name == "_sort" && value != "_id"));
        let [persons] = persons.as_slice() else { return refusal(400) };
        if odd {
            return refusal(400);
        }
        let wanted: Vec<&str> =
            persons.split(',').map(|person| person.trim_start_matches("Patient/")).collect();
        let number = |wanted: &str| {
            query.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.parse().ok())
        };
        let (count, offset): (usize, usize) =
            (number("_count").unwrap_or(100), number("_offset").unwrap_or(0));
        let records = self.now.lock().unwrap();
        let about = |record: &Value| {
            let own = record["id"].as_str().is_some_and(|id| wanted.contains(&id));
            let tied = ["subject", "patient", "for"].iter().any(|name| {
                let reference = record[name]["reference"].as_str().unwrap_or_default();
                wanted.contains(&reference.trim_start_matches("Patient/"))
            });
            own || tied
        };
        let found: Vec<&Value> = records
            .iter()
            .filter(|((held, _), record)| held == kind && about(record))
            .map(|(_, record)| record)
            .collect();
        let entries: Vec<Value> = found
            .iter()
            .skip(offset)
            .take(count.max(1))
            .map(|record| json!({ "resource": record, "search": { "mode": "match" } }))
            .collect();
        let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries });
        if offset + count < found.len() {
            let next = offset + count;
            let url =
                format!("http://{}/fhir/{kind}?patient={persons}&_count={count}&_offset={next}", self.host);
            bundle["link"] = json!([{ "relation": "next", "url": url }]);
        }
        (200, bundle)
    }

    fn batch(&self, asked: &Asked) -> (u16, Value) {
        let Some(entries) = value_of(&asked.body).and_then(|held| held["entry"].as_array().cloned()) else {
            return refusal(400);
        };
        let each = |entry: &Value| {
            let url = entry["request"]["url"].as_str().unwrap_or_default();
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let (status, resource) = self.inner(asked, entry["request"]["method"].as_str(), path, query);
            json!({ "response": { "status": status.to_string() }, "resource": resource })
        };
        let entries: Vec<Value> = entries.iter().map(each).collect();
        (200, json!({ "resourceType": "Bundle", "type": "batch-response", "entry": entries }))
    }

    fn inner(&self, asked: &Asked, method: Option<&str>, path: &str, query: &str) -> (u16, Value) {
        let inner = Asked {
            method: method.unwrap_or_default().to_owned(),
            path: format!("/fhir/{}", path.trim_start_matches('/')),
            query: pairs(query),
            token: asked.token.clone(),
            accept: String::new(),
            match_wanted: false,
            body: Bytes::new(),
        };
        match self.mind {
            Mind::Strict => self.strict(&inner),
            Mind::Leaky => self.leaky(&inner),
        }
    }

    /// Serves by the crudest means whatever looks like a question, and takes whatever looks like a record.
    fn leaky(&self, asked: &Asked) -> (u16, Value) {
        let path = asked.path.strip_prefix("/fhir").unwrap_or(&asked.path).trim_matches('/');
        let parts: Vec<&str> = path.split('/').filter(|part| !part.starts_with(['$', '_'])).collect();
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        match (asked.method.as_str(), parts.as_slice()) {
            ("POST", [""]) => return self.batch(asked),
            ("PUT", [kind, id]) => {
                let made = value_of(&asked.body).unwrap_or(json!({}));
                self.now.lock().unwrap().insert(((*kind).to_owned(), (*id).to_owned()), made.clone());
                return (200, made);
            }
            ("PATCH", [kind, id]) => {
                let mut records = self.now.lock().unwrap();
                let held = records.get_mut(&((*kind).to_owned(), (*id).to_owned()));
                return held.map_or(refusal(404), |held| {
                    held["identifier"] = json!([]);
                    held["name"] = json!([{ "text": held["address"].to_string() }]);
                    (200, held.clone())
                });
            }
            ("POST", [_]) if !path.contains('_') && !path.contains('$') => {
                return (201, json!({ "resourceType": parts[0], "id": "made", "note": body }));
            }
            _ => {}
        }
        if let [kind, id, ..] = parts.as_slice() {
            if let Some(found) = self
                .find(&format!("{kind}/{id}"))
                .filter(|_| parts.len() == 2 && path.split('/').count() == 2)
            {
                return (200, found);
            }
            return self.about(&[id], asked);
        }
        let values: Vec<&str> = asked
            .query
            .iter()
            .filter(|(name, _)| name != "_count")
            .flat_map(|(_, value)| value.split(','))
            .collect();
        self.about(
            &values.iter().map(|value| value.rsplit(['/', '|']).next().unwrap_or(value)).collect::<Vec<_>>(),
            asked,
        )
    }

    fn about(&self, words: &[&str], asked: &Asked) -> (u16, Value) {
        let records = self.now.lock().unwrap();
        let holds = |record: &&Value| {
            let text = record.to_string().to_lowercase();
            words.is_empty() || words.iter().any(|word| text.contains(&word.to_lowercase()))
        };
        let found: Vec<&Value> = records.values().filter(holds).collect();
        let status = if found.is_empty() && asked.query.is_empty() { 404 } else { 200 };
        let entries: Vec<Value> = found.iter().map(|record| json!({ "resource": record })).collect();
        (
            status,
            json!({ "resourceType": "Bundle", "type": "searchset", "total": found.len(), "entry": entries }),
        )
    }
}

fn refusal(status: u16) -> (u16, Value) {
    let issue = json!([{ "severity": "error", "code": "processing" }]);
    (status, json!({ "resourceType": "OperationOutcome", "issue": issue }))
}

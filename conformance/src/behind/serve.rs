//! The right replies of the endpoint behind: a small FHIR server over records in memory.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Act, Heard};

const FHIR: &str = "application/fhir+json; charset=utf-8";
const MODIFIED: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
/// Matches of one page, where nobody says.
const PAGE: usize = 50;
/// Records that are kept.
const RECORDS_MAX: usize = 5_000;

/// A reply before it is bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, without those of framing.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether it answers HEAD.
    pub bodyless: bool,
}

impl Reply {
    fn of(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), FHIR.to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), bodyless: false }
    }

    fn plain(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), bodyless: false }
    }

    /// With another header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With this header in place of those of its name.
    #[must_use]
    pub fn only(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        self.with(name, value)
    }

    /// The status line and the headers, without the empty line.
    #[must_use]
    pub fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Told\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// The whole reply, framed by its length.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let mut out = self.head();
        if !matches!(self.status, 204 | 304) {
            out.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        if !self.bodyless && !matches!(self.status, 204 | 304) {
            out.extend_from_slice(&self.body);
        }
        out.into()
    }

    /// The whole reply in one piece.
    #[must_use]
    pub fn acts(self) -> Vec<Act> {
        vec![Act::Send(self.bytes())]
    }
}

/// People who never lived: enough for a second page.
pub(super) fn invented() -> Vec<Value> {
    const NHS_NUMBERS: [&str; 4] = ["9990000018", "9990000026", "9990000034", "9990000042"];
    let person = |number: usize| {
        let mut patient = json!({
            "resourceType": "Patient", "id": format!("behind-{number}"),
            "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
            "active": true,
            "name": [{"use": "official", "family": format!("Hartbeck-{number}"), "given": ["Ilse", "Marrow"]}],
            "gender": "female", "birthDate": "1961-04-12",
            "address": [{"line": ["4 Fennel Row"], "city": "Tolworthy", "postalCode": "ZZ99 3VZ"}]
        });
        if let (Some(held), Some(nhs)) = (patient.as_object_mut(), NHS_NUMBERS.get(number)) {
            let identifier = json!([{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs}]);
            held.insert("identifier".to_owned(), identifier);
        }
        patient
    };
    (0..40).map(person).collect()
}

/// The type and id of a record.
pub(super) fn named(record: &Value) -> Option<(String, String)> {
    let of = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((of("resourceType")?, of("id")?))
}

/// The right reply to what was heard.
pub(super) fn reply(heard: &Heard, records: &mut Vec<Value>) -> Reply {
    let (base, parts) = heard.split();
    let base = format!("http://{}{base}", heard.header("host").unwrap_or_default());
    let mut reply = match (heard.method.as_str(), parts.as_slice()) {
        ("GET" | "HEAD", ["metadata"]) => Reply::of(200, &statement(&base, records)),
        ("GET" | "HEAD", [kind]) | ("POST", [kind, "_search"]) => search(heard, &base, kind, records),
        ("GET" | "HEAD", [kind, id] | [kind, id, "_history", "1"]) => read(heard, kind, id, records),
        ("POST", [kind]) => create(heard, &base, kind, records),
        ("PUT", [kind, id]) => update(heard, kind, id, records),
        ("DELETE", [kind, id]) => {
            records.retain(|record| named(record).is_none_or(|(k, i)| k != **kind || i != **id));
            Reply::plain(204)
        }
        ("GET" | "HEAD" | "POST" | "PUT" | "DELETE", _) => outcome(404, "not-found"),
        _ => outcome(405, "not-supported"),
    };
    reply.bodyless = heard.method == "HEAD";
    reply
}

fn outcome(status: u16, code: &str) -> Reply {
    let issue = json!([{"severity": "error", "code": code}]);
    Reply::of(status, &json!({"resourceType": "OperationOutcome", "issue": issue}))
}

fn statement(base: &str, records: &[Value]) -> Value {
    let mut kinds: Vec<String> = records.iter().filter_map(|record| Some(named(record)?.0)).collect();
    kinds.push("Patient".to_owned());
    kinds.sort_unstable();
    kinds.dedup();
    let codes = ["read", "vread", "create", "update", "delete", "search-type"];
    let interaction: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
    let resource: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({"type": kind, "interaction": interaction, "versioning": "versioned",
                "searchParam": [{"name": "_id", "type": "token"}, {"name": "identifier", "type": "token"}]})
        })
        .collect();
    json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "fhirVersion": "4.0.1", "format": ["application/fhir+json"],
        "implementation": {"description": "endpoint behind a gateway, played by a conformance suite", "url": base},
        "rest": [{"mode": "server", "resource": resource}]
    })
}

fn with_version(reply: Reply) -> Reply {
    reply.with("ETag", "W/\"1\"").with("Last-Modified", MODIFIED)
}

fn read(heard: &Heard, kind: &str, id: &str, records: &[Value]) -> Reply {
    let found = records.iter().find(|record| named(record).is_some_and(|(k, i)| k == kind && i == id));
    let Some(found) = found else { return outcome(404, "not-found") };
    if heard.header("if-none-match").is_some_and(|held| held.split(',').any(|tag| tag.trim() == "W/\"1\"")) {
        return with_version(Reply::plain(304));
    }
    with_version(Reply::of(200, found))
}

fn create(heard: &Heard, base: &str, kind: &str, records: &mut Vec<Value>) -> Reply {
    let parsed = fhir::json::parse_value(heard.body.clone().into(), &fhir::json::Limits::default());
    let Ok(Value::Object(mut made)) = parsed else { return outcome(400, "structure") };
    if made.get("resourceType").and_then(Value::as_str) != Some(kind) || records.len() >= RECORDS_MAX {
        return outcome(400, "invalid");
    }
    let id = format!("made-{}", records.len());
    made.insert("id".to_owned(), json!(id));
    made.insert("meta".to_owned(), json!({"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"}));
    let made = Value::Object(made);
    let reply = Reply::of(201, &made).with("Location", &format!("{base}/{kind}/{id}/_history/1"));
    records.push(made);
    with_version(reply)
}

fn update(heard: &Heard, kind: &str, id: &str, records: &mut [Value]) -> Reply {
    let parsed = fhir::json::parse_value(heard.body.clone().into(), &fhir::json::Limits::default());
    let Ok(sent) = parsed else { return outcome(400, "structure") };
    let known = records.iter_mut().find(|record| named(record).is_some_and(|(k, i)| k == kind && i == id));
    match known {
        Some(record) => {
            *record = sent;
            with_version(Reply::of(200, record))
        }
        None => outcome(405, "not-supported"),
    }
}

fn search(heard: &Heard, base: &str, kind: &str, records: &[Value]) -> Reply {
    if !kind.chars().all(|letter| letter.is_ascii_alphabetic()) {
        return outcome(404, "not-supported");
    }
    let parameters = heard.parameters();
    let number = |name: &str| {
        parameters.iter().find(|(held, _)| held == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let (count, page) = (number("_count").unwrap_or(PAGE).min(1_000), number("_page").unwrap_or(0));
    let fits = |record: &&Value| {
        named(record).is_some_and(|(held, _)| held == kind)
            && parameters.iter().all(|(name, value)| matches(record, name, value))
    };
    let found: Vec<&Value> = records.iter().filter(fits).collect();
    let from = count.saturating_mul(page);
    let entries: Vec<Value> = found
        .iter()
        .skip(from)
        .take(count)
        .filter_map(|record| {
            let (kind, id) = named(record)?;
            Some(json!({"fullUrl": format!("{base}/{kind}/{id}"), "resource": record, "search": {"mode": "match"}}))
        })
        .collect();
    let kept: Vec<String> =
        parameters.iter().filter(|(n, _)| n != "_page").map(|(n, v)| format!("{n}={}", encoded(v))).collect();
    let link = |page: usize| format!("{base}/{kind}?{}&_page={page}", kept.join("&"));
    let mut links = vec![json!({"relation": "self", "url": link(page)})];
    if from.saturating_add(count) < found.len() && count > 0 {
        links.push(json!({"relation": "next", "url": link(page.saturating_add(1))}));
    }
    let mut bundle =
        json!({"resourceType": "Bundle", "type": "searchset", "total": found.len(), "link": links});
    if let (false, Some(held)) = (entries.is_empty(), bundle.as_object_mut()) {
        held.insert("entry".to_owned(), Value::Array(entries));
    }
    Reply::of(200, &bundle)
}

/// Whether a record answers to a parameter; what is not known here lets everything through, as a lenient server does.
fn matches(record: &Value, name: &str, value: &str) -> bool {
    let text = |held: &Value, of: &str| held.get(of).and_then(Value::as_str).unwrap_or_default().to_owned();
    match name {
        "_id" => value.split(',').any(|id| text(record, "id") == id),
        "identifier" => record.get("identifier").and_then(Value::as_array).is_some_and(|all| {
            all.iter().any(|one| match value.split_once('|') {
                Some((system, wanted)) => {
                    text(one, "value") == wanted && (system.is_empty() || text(one, "system") == system)
                }
                None => text(one, "value") == value,
            })
        }),
        "patient" | "subject" => ["subject", "patient"].iter().any(|of| {
            let held = record.get(of).map(|held| text(held, "reference")).unwrap_or_default();
            held == value || held.ends_with(&format!("/{value}"))
        }),
        "family" => record.get("name").and_then(Value::as_array).is_some_and(|all| {
            all.iter().any(|one| text(one, "family").to_lowercase().starts_with(&value.to_lowercase()))
        }),
        _ => true,
    }
}

/// `text` fit for a value of a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

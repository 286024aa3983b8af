//! Bundles of requests, and their answers as values.

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::front::ask;
use super::sharing;
pub(crate) use super::sharing::agreement;
use super::upstream::{Play, Seen};
use super::whole::Whole;

pub(crate) const FACE: &str = "/hospital/fhir";

/// An answer: status, head, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The value of a header, when it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}: "));
        self.head.lines().find(value).and_then(|line| line.split_once(": ")).map(|(_, value)| value.trim())
    }

    pub(crate) fn request_id(&self) -> String {
        self.header("x-request-id").unwrap().to_owned()
    }

    pub(crate) fn entries(&self) -> Vec<Value> {
        self.body["entry"].as_array().cloned().unwrap_or_default()
    }

    /// `Type/id` of every entry of this mode.
    pub(crate) fn found(&self, mode: &str) -> Vec<String> {
        let is_of_mode = |entry: &&Value| entry["search"]["mode"] == mode;
        self.entries().iter().filter(is_of_mode).map(|entry| name(&entry["resource"])).collect()
    }

    /// The status of every entry of an answer to a batch.
    pub(crate) fn statuses(&self) -> Vec<String> {
        let status = |entry: &Value| entry["response"]["status"].as_str().unwrap()[..3].to_owned();
        self.entries().iter().map(status).collect()
    }
}

/// `Type/id`.
pub(crate) fn name(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// Sends `body` to `path` of the face, as the consultant.
pub(crate) async fn post(site: &Whole, path: &str, body: &Value) -> Answer {
    let headers = "content-type: application/fhir+json\r\n";
    let token = site.consultant();
    let request = site.request("POST", &format!("{FACE}{path}"), Some(&token), headers, &body.to_string());
    answered(ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap())
}

/// Asks for `path` of the face, as the consultant.
pub(crate) async fn get(site: &Whole, path: &str) -> Answer {
    answered(site.get(&format!("{FACE}{path}"), Some(&site.consultant())).await)
}

pub(crate) fn answered((status, head, body): (u16, String, String)) -> Answer {
    let body = match body.as_str() {
        "" => Value::Null,
        body => {
            let limits = fhir::json::Limits { bytes_max: 64 << 20, ..fhir::json::Limits::default() };
            fhir::json::parse_value(body.to_owned().into(), &limits).unwrap()
        }
    };
    Answer { status, head, body }
}

/// The entry of a read or search.
pub(crate) fn asks(url: &str) -> Value {
    json!({"request": {"method": "GET", "url": url}})
}

pub(crate) fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// A site under an agreement with these tables and this existence, whose hospital answers as `script` says.
pub(crate) async fn site_with(
    existence: &str,
    tables: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    sharing::site(&agreement(existence, tables), script).await
}

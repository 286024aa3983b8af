//! A client that sends bytes and takes bytes: answers that are compressed, or have no body, or more than they say.

use std::io::{Read, Write};
use std::net::SocketAddr;

use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::front::HANGS;
use super::whole::Whole;

/// One answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and header lines.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Sends `request` on a connection of its own, and reads one answer.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let read = async {
        let mut answer = head(&mut stream).await;
        // To `HEAD` the length is told of what does not come.
        if !request.starts_with(b"HEAD ") {
            let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
            answer.body = vec![0; length];
            stream.read_exact(&mut answer.body).await.unwrap();
        }
        answer
    };
    timeout(HANGS, read).await.expect("an answer comes")
}

async fn head(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.expect("a head"));
    }
    let head: Vec<String> =
        String::from_utf8(bytes).unwrap().trim_end().split("\r\n").map(str::to_owned).collect();
    let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: Vec::new() }
}

impl Answer {
    /// The value of a header that stands once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.iter().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        let first = lines.next();
        assert_eq!(lines.next(), None, "{name} stands twice");
        first
    }

    /// The body as text, inflated if it is compressed.
    pub(crate) fn text(&self) -> String {
        let bytes = match self.header("content-encoding") {
            None => self.body.clone(),
            Some(coding) => {
                assert_eq!(coding, "gzip");
                gunzip(&self.body)
            }
        };
        String::from_utf8(bytes).unwrap()
    }

    /// What the body says in the format that its type names, as JSON.
    pub(crate) fn says(&self) -> Value {
        let text = self.text();
        let json = match self.header("content-type") {
            Some("application/fhir+json; charset=utf-8") => text.into_bytes(),
            Some("application/fhir+xml; charset=utf-8") => {
                fhir::xml::to_json(text.as_bytes(), &fhir::xml::Limits::default()).expect("FHIR in XML")
            }
            other => panic!("{other:?}: {text}"),
        };
        fhir::json::parse_value(json.into(), &fhir::json::Limits::default()).unwrap()
    }

    /// The same without what is random in it.
    pub(crate) fn blind(mut self) -> Self {
        let told = ["x-request-id", "portcullis-receipt"].map(|name| self.header(name).map(str::to_owned));
        self.head.retain(|line| !line.starts_with("date: "));
        for (told, blind) in told.into_iter().zip(["REQUEST", "RECEIPT"]) {
            let Some(told) = told else { continue };
            for line in &mut self.head {
                *line = line.replace(&told, blind);
            }
            if self.header("content-encoding").is_none() {
                self.body = String::from_utf8(self.body).unwrap().replace(&told, blind).into_bytes();
            }
        }
        self
    }
}

/// Asks by `GET` as the consultant, with these header lines.
pub(crate) async fn get(site: &Whole, path: &str, headers: &str) -> Answer {
    let request = site.request("GET", path, Some(&site.consultant()), headers, "");
    send(site.requests, request.as_bytes()).await
}

/// A request with a body of bytes.
pub(crate) fn request(
    site: &Whole,
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &str,
    body: &[u8],
) -> Vec<u8> {
    let headers = format!("{headers}content-length: {}\r\n", body.len());
    [site.request(method, path, token, &headers, "").as_bytes(), body].concat()
}

/// `value` with its random parts and its moments made alike: request ids, receipts, cursors, times.
pub(crate) fn without_chance(value: &Value, ids: &[&str]) -> Value {
    let inside = |value: &Value| without_chance(value, ids);
    match value {
        Value::String(text) => {
            let is_moment = text.len() > 16 && text.as_bytes().get(10) == Some(&b'T');
            let text = ids.iter().fold(text.clone(), |text, id| text.replace(id, "ID"));
            Value::String(if is_moment { "MOMENT".to_owned() } else { text })
        }
        Value::Array(items) => items.iter().map(inside).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), inside(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

/// FHIR in XML of this JSON.
pub(crate) fn xml_of(json: &Value) -> String {
    let document = fhir::json::parse(json.to_string().into(), &fhir::json::Limits::default()).unwrap();
    let xml = fhir::xml::from_json(document.root(), &fhir::xml::Limits::default()).expect("sayable");
    String::from_utf8(xml).unwrap()
}

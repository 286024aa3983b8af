//! A request in parts, and an answer.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::Value;

use super::world::{PEOPLE, Person, token};

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: Vec<String>,
    /// The query, or the form of a search by POST.
    pub(crate) query: String,
    pub(crate) person: Option<&'static Person>,
    pub(crate) accept: String,
    pub(crate) emergency: bool,
    pub(crate) request_id: String,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn of(parts: &Parts, body: Bytes) -> Self {
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let path: Vec<String> =
            parts.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let by_form = path.last().is_some_and(|last| last == "_search");
        let query = if by_form {
            String::from_utf8(body.to_vec()).unwrap()
        } else {
            parts.uri.query().unwrap_or_default().to_owned()
        };
        let held = header("authorization").and_then(|text| text.strip_prefix("Bearer ").map(str::to_owned));
        Self {
            method: parts.method.clone(),
            path,
            query,
            person: PEOPLE.iter().find(|person| held.as_ref() == Some(&token(person))),
            accept: header("accept").unwrap_or_default(),
            emergency: parts.headers.contains_key("x-emergency"),
            request_id: header("x-request-id").unwrap_or_else(|| "none".to_owned()),
            if_match: header("if-match"),
            body,
        }
    }

    pub(crate) fn wants_xml(&self) -> bool {
        self.accept.contains("xml") || self.parameter("_format").is_some_and(|format| format == "xml")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let pair =
            self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(held, _)| *held == name))?;
        Some(pair.1.replace("%7C", "|").replace("%2F", "/"))
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) media_type: &'static str,
    pub(crate) location: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) body: Bytes,
}

impl Told {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let version = body.pointer("/meta/versionId").and_then(Value::as_str).map(str::to_owned);
        Self {
            status,
            media_type: "application/fhir+json; charset=utf-8",
            location: None,
            version,
            body: body.to_string().into(),
        }
    }

    /// A resource in XML: as much of it as tells which one it is.
    pub(crate) fn xml(body: &Value) -> Self {
        let kind = body["resourceType"].as_str().unwrap();
        let id = body["id"].as_str().unwrap_or_default();
        let text = format!("<{kind} xmlns=\"http://hl7.org/fhir\"><id value=\"{id}\"/></{kind}>");
        Self {
            status: 200,
            media_type: "application/fhir+xml; charset=utf-8",
            location: None,
            version: None,
            body: text.into(),
        }
    }
}

//! What is asked of the store and what it answers, before and after the edge.

use http::{HeaderMap, Method};

use super::json::Json;

/// A request, or an entry of a batch, in the words of FHIR.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Below the base, decoded.
    pub(crate) path: Vec<String>,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// The body, if there is one that reads.
    pub(crate) body: Result<Option<Json>, Refused>,
}

impl Asked {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether a `Prefer` header says so.
    pub(crate) fn prefers(&self, what: &str) -> bool {
        let lines = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split([',', ';'])).any(|part| part.trim().eq_ignore_ascii_case(what))
    }

    /// The body, of which there must be one.
    pub(crate) fn content(&self) -> Result<Json, Refused> {
        let body = self.body.clone()?;
        body.ok_or_else(|| Refused::new(400, "required", "a body is needed"))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) resource: Option<Json>,
}

impl Told {
    /// Nothing but a status.
    pub(crate) const fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), resource: None }
    }

    /// A resource.
    pub(crate) const fn with(status: u16, resource: Json) -> Self {
        Self { status, headers: Vec::new(), resource: Some(resource) }
    }

    /// A header of it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Why nothing was done.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    /// With what it is about.
    pub(crate) fn about(self, name: &str) -> Self {
        Self { text: format!("{name}: {}", self.text), ..self }
    }

    /// It as an OperationOutcome.
    pub(crate) fn outcome(&self) -> Json {
        outcome("error", self.code, &self.text)
    }

    /// It as an answer.
    pub(crate) fn told(&self) -> Told {
        Told::with(self.status, self.outcome())
    }
}

/// An OperationOutcome with one issue.
pub(crate) fn outcome(severity: &str, code: &str, text: &str) -> Json {
    let issue =
        Json::object([("severity", severity.into()), ("code", code.into()), ("diagnostics", text.into())]);
    Json::object([("resourceType", "OperationOutcome".into()), ("issue", vec![issue].into())])
}

//! One HTTP request as plain values: only what some later stage reads, nothing of the transport.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use fhir::json::{self, Document};
use jiff::Timestamp;

use super::correlation::CorrelationId;
use super::format::{Format, Instead, NotSpoken, XmlFault, read_xml};
use super::target::Target;
use crate::enforce::unfiltered::Unfiltered;

/// One request, complete and well-formed as HTTP. Whether it means anything is the next stages' question.
#[derive(Debug)]
pub struct Arrived {
    /// Ours, random; a caller's own is told back beside it.
    pub request_id: RequestId,
    /// When its head was complete.
    pub at: Timestamp,
    /// Its method. `HEAD` has become `GET`.
    pub method: Method,
    /// Its path and query.
    pub target: Target,
    /// The headers that mean something here.
    pub headers: Headers,
    /// In which format it is to be answered, or that none of those asked for is spoken.
    pub format: Result<Format, NotSpoken>,
    /// What it is answered in when that format cannot say the answer.
    pub instead: Instead,
    /// Its body, sealed; empty when there was none.
    pub body: Body,
    /// Who is at the other end of the connection.
    pub peer: SocketAddr,
    /// The client certificate, when one was shown and holds.
    pub certificate: Option<ClientCertificate>,
}

/// A random id for one request: `X-Request-Id`, and the name of its records.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

/// The methods that are looked at; others end at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
}

/// The headers that mean something here. All others are dropped at the door, method overrides among them.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// `Accept`, all lines joined.
    pub accept: Option<String>,
    /// `Content-Type`, one line at most.
    pub content_type: Option<String>,
    /// `Authorization`, one line at most.
    pub authorization: Option<Secret>,
    /// `If-Match`, one line at most.
    pub if_match: Option<String>,
    /// `If-None-Match`, all lines joined.
    pub if_none_match: Option<String>,
    /// `If-None-Exist`, one line at most.
    pub if_none_exist: Option<Secret>,
    /// `Prefer`, all lines joined.
    pub prefer: Option<String>,
    /// `Portcullis-Override-Reason`, one line at most.
    pub override_reason: Option<Secret>,
    /// `Cookie`, all lines joined; read by `/me` only.
    pub cookie: Option<Secret>,
    /// `Origin`, one line at most; read by `/me` only.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`, one line at most; read by `/me` only.
    pub fetch_site: Option<String>,
    /// `X-Correlation-Id` or `X-Request-Id`, where it is one: recorded and told back, and nothing else.
    pub correlation: Option<CorrelationId>,
}

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A verified client certificate. Its subject is not kept: a common name proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Subject alternative names, `dns:...` in lower case and `uri:...`.
    pub sans: Vec<String>,
    /// SHA-256 of the certificate (RFC 8705 `x5t#S256`).
    pub thumbprint: [u8; 32],
}

/// A request body as received. It opens into sealed content, or into the fields of a form.
pub struct Body(Bytes, Format);

/// Why a body is not what it should be. Nothing of the body is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Not JSON as this gateway takes it.
    #[error("the body is not acceptable json: {0}")]
    Json(#[source] json::Invalid),
    /// Not FHIR XML as this gateway takes it.
    #[error("the body is not acceptable fhir xml: {0}")]
    Xml(#[source] XmlFault),
    /// JSON, but not an object with a `resourceType` of its own.
    #[error("the body is not a resource")]
    NotAResource,
    /// A resource of another type than the path names.
    #[error("the body is a resource of another type than the path names")]
    OtherType,
    /// A resource without an id, or with another one than the path names, where the path names one.
    #[error("the body has no id, or another than the path names")]
    OtherId,
    /// Not text.
    #[error("the form is not utf-8")]
    NotText,
}

impl RequestId {
    /// A new one; `None` when the system gives no random bytes.
    #[must_use]
    pub fn random() -> Option<Self> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).ok()?;
        // Version 4, variant 1 of RFC 9562.
        let value = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{value:032x}");
        let groups: Vec<&str> =
            [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().filter_map(|range| hex.get(range)).collect();
        Some(Self(groups.join("-")))
    }

    /// What stands for an id when the system gives no random bytes; nothing is exchanged under it.
    #[must_use]
    pub fn unknown() -> Self {
        Self("00000000-0000-4000-8000-000000000000".to_owned())
    }

    /// The id as it is told and recorded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Method {
    /// The method of this name. Names are case-sensitive: `get` is not one.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }

    /// Whether a request of this method may carry a body.
    #[must_use]
    pub const fn takes_body(self) -> bool {
        match self {
            Self::Post | Self::Put | Self::Patch => true,
            Self::Get | Self::Head | Self::Delete | Self::Options => false,
        }
    }
}

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for those who must compare, verify or record it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Body {
    /// Seals what was received.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes, Format::Json)
    }

    /// Seals what was received, which its sender says is in this format if it is FHIR.
    #[must_use]
    pub const fn in_format(bytes: Bytes, format: Format) -> Self {
        Self(bytes, format)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens into a resource of `type_name`, checked and sealed as content. XML is JSON from here on: what is decided
    /// about, recorded and sent on is one form.
    ///
    /// # Errors
    /// [`BodyFault`].
    pub fn resource(self, type_name: &str, limits: &json::Limits) -> Result<Unfiltered<Document>, BodyFault> {
        self.document(type_name, limits).map(Unfiltered::new)
    }

    fn document(self, type_name: &str, limits: &json::Limits) -> Result<Document, BodyFault> {
        let document = match self.1 {
            Format::Json => json::parse(self.0, limits).map_err(BodyFault::Json)?,
            Format::Xml => read_xml(&self.0, limits).map_err(BodyFault::Xml)?,
        };
        match document.root().member("resourceType").and_then(json::Node::string) {
            Some(found) if found == type_name => Ok(document),
            Some(_) => Err(BodyFault::OtherType),
            None => Err(BodyFault::NotAResource),
        }
    }

    /// The same, for what is kept under `id` already: the resource says that it is that one (R4 http.html#update).
    ///
    /// # Errors
    /// [`BodyFault`].
    pub fn resource_at(
        self,
        (type_name, id): (&str, &fhir::reference::Id),
        limits: &json::Limits,
    ) -> Result<Unfiltered<Document>, BodyFault> {
        let document = self.document(type_name, limits)?;
        match document.root().member("id").and_then(json::Node::string) {
            Some(found) if found == id.as_str() => Ok(Unfiltered::new(document)),
            Some(_) | None => Err(BodyFault::OtherId),
        }
    }

    /// Opens into a patch, checked as JSON and sealed as content.
    ///
    /// # Errors
    /// [`BodyFault`].
    pub fn patch(self, limits: &json::Limits) -> Result<Unfiltered<Document>, BodyFault> {
        json::parse(self.0, limits).map(Unfiltered::new).map_err(BodyFault::Json)
    }

    /// Opens into the text of a form. It is a query like that of a URL, and as telling.
    ///
    /// # Errors
    /// [`BodyFault::NotText`].
    pub fn form(self) -> Result<Secret, BodyFault> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Ok(Secret(text.to_owned())),
            Err(_) => Err(BodyFault::NotText),
        }
    }

    /// The text of a form of at most `len_max` bytes, beside the form: to be recorded as it came.
    #[must_use]
    pub(crate) fn form_as_sent(&self, len_max: usize) -> Option<Secret> {
        let short = self.0.get(..).filter(|bytes| bytes.len() <= len_max)?;
        std::str::from_utf8(short).ok().map(|text| Secret(text.to_owned()))
    }

    /// Opens into a message that is stored before anything is done with it.
    #[must_use]
    pub(crate) fn message(self) -> Vec<u8> {
        self.0.into()
    }

    /// Opens into sealed content of another format (HL7 v2, CDA, CSV).
    #[must_use]
    pub fn content(self) -> Unfiltered<Bytes> {
        Unfiltered::new(self.0)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_random_uuids() {
        let (first, second) = (RequestId::random().unwrap(), RequestId::random().unwrap());
        assert_ne!(first, second);
        let bytes = first.as_str().as_bytes();
        assert_eq!(bytes.len(), 36);
        assert_eq!(bytes[14], b'4');
        assert!(b"89ab".contains(&bytes[19]));
    }

    #[test]
    fn secrets_and_bodies_are_not_printed() {
        let shown = format!("{:?} {:?}", Secret::new("Bearer x".into()), Body::new("x".into()));
        assert_eq!(shown, "Secret(..) Body(..)");
    }

    #[test]
    fn a_body_opens_only_as_the_resource_the_path_names() {
        let limits = json::Limits::default();
        let open = |text: &'static str| Body::new(text.into()).resource("Patient", &limits).map(|_| ());
        assert_eq!(open(r#"{"id":"1","resourceType":"Patient"}"#), Ok(()));
        assert_eq!(open(r#"{"resourceType":"Person"}"#), Err(BodyFault::OtherType));
        for none in [r#"{"resourceType":1}"#, "{}", "[]", r#""Patient""#] {
            assert_eq!(open(none), Err(BodyFault::NotAResource), "{none}");
        }
        for bad in ["", "{", r#"{"resourceType":"Patient","resourceType":"Patient"}"#, "\u{feff}{}"] {
            assert!(matches!(open(bad), Err(BodyFault::Json(_))), "{bad}");
        }
    }
}

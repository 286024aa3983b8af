//! The only place that makes HTTP responses. Every header is set here from our own values; none is copied.

use bytes::Bytes;
use fhir::outcome::OperationOutcome;
use http::header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::arrive::Told;
use super::arrived::RequestId;
use super::coding::Coding;
use super::correlation::{CORRELATION_ID, CorrelationId};
use super::delivery::Tracked;
use super::format::Format;
use super::manner::Manner;
use super::policy::{NO_PAGE, PAGE_POLICY, TRANSPORT_SECURITY};
use super::telling::{http_date, with_head};
use crate::enforce::release::{Media, Released};

pub use super::policy::Scheme;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RECEIPT: HeaderName = HeaderName::from_static("portcullis-receipt");
/// HL7 v2.
pub(crate) const HL7V2: &str = "x-application/hl7-v2+er7; charset=utf-8";
/// What a caller gets: one status, one body, and the few headers that mean something.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    content: Content,
    receipt: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    location: Option<String>,
    provenance: Option<String>,
    allow: Option<&'static str>,
    retry_after_s: Option<u32>,
    cookie: Option<String>,
    connection: Afterwards,
    not_before: Option<Instant>,
    coding: Coding,
    accept_encoding: Option<&'static str>,
    correlation: Option<CorrelationId>,
}

/// The body of a reply and what it is.
#[derive(Debug)]
pub enum Content {
    /// FHIR in JSON, released.
    Fhir(Bytes),
    /// FHIR in XML, released.
    FhirXml(Bytes),
    /// What did not go, in whichever format is asked for.
    Outcome(Box<OperationOutcome>),
    /// A page of ours.
    Page(String),
    /// A page of ours about a person, released like a resource.
    ReleasedPage(Bytes),
    /// The content of a Binary, released, and its media type: to be kept, not to be shown in a page.
    Attached(Bytes, String),
    /// A style sheet of ours.
    Style(&'static str),
    /// A drawing of ours.
    Drawing(&'static str),
    /// JSON that is not FHIR.
    Json(Bytes),
    /// Comma-separated values.
    Csv(String),
    /// A message that is no FHIR (an acknowledgement, the answer to a query), and its media type.
    Message(Bytes, &'static str),
    /// Plain text.
    Text(String),
    /// Numbers for operators.
    Metrics(String),
    /// Nothing.
    Empty,
}

/// What becomes of the connection after the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Kept,
    Closed,
}

impl Reply {
    /// A reply of `content`.
    #[must_use]
    pub const fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            content,
            receipt: None,
            etag: None,
            last_modified: None,
            location: None,
            provenance: None,
            allow: None,
            retry_after_s: None,
            cookie: None,
            connection: Afterwards::Kept,
            not_before: None,
            coding: Coding::Identity,
            accept_encoding: None,
            correlation: None,
        }
    }

    /// A reply of what was released, with its receipt; `base` is that under which the world sees the gateway.
    ///
    /// This is the only way for content of a record into a response.
    #[must_use]
    pub fn released(released: &Released, base: &str) -> Self {
        let head = released.head();
        let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content = match &head.media {
            Media::Content(media_type) => Content::Attached(released.body().clone(), media_type.clone()),
            Media::Nothing => Content::Empty,
            Media::FhirJson => Content::Fhir(released.body().clone()),
            Media::FhirXml => Content::FhirXml(released.body().clone()),
            Media::Hl7v2 => Content::Message(released.body().clone(), HL7V2),
            Media::Html => Content::ReleasedPage(released.body().clone()),
        };
        let mut reply = Self::new(status, content).with_receipt(released.receipt().to_header());
        if let Some(version) = &head.etag {
            reply = reply.with_version(version);
        }
        reply.last_modified = head.last_modified.and_then(http_date);
        if let Some(id) = &head.provenance {
            reply = reply.with_provenance(&format!("{base}/fhir/Provenance/{id}"));
        }
        reply.location.clone_from(&head.location);
        reply
    }

    /// A reply that says what did not go, and nothing else.
    #[must_use]
    pub fn outcome(status: StatusCode, outcome: &OperationOutcome) -> Self {
        Self::new(status, Content::Outcome(Box::new(outcome.clone())))
    }

    /// A reply with a text fixed in the program.
    #[must_use]
    pub fn told(told: &Told) -> Self {
        Self::outcome(told.status, &OperationOutcome::error(told.issue, told.text))
    }

    /// An empty 303 to another page of ours.
    #[must_use]
    pub fn see_other(path: &'static str) -> Self {
        Self::new(StatusCode::SEE_OTHER, Content::Empty).with_location(path.to_owned())
    }

    /// With `Portcullis-Receipt`.
    #[must_use]
    pub fn with_receipt(mut self, receipt: String) -> Self {
        self.receipt = Some(receipt);
        self
    }

    /// With `ETag: W/"version"`.
    #[must_use]
    pub fn with_version(mut self, version: &str) -> Self {
        self.etag = Some(format!("W/\"{version}\""));
        self
    }

    /// With `Location`.
    #[must_use]
    pub fn with_location(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// With a `Link` to the Provenance of this share.
    #[must_use]
    pub fn with_provenance(mut self, url: &str) -> Self {
        self.provenance = Some(format!("<{url}>; rel=\"http://www.w3.org/ns/prov#has_provenance\""));
        self
    }

    /// With `Allow`: the methods that the place has.
    #[must_use]
    pub const fn with_allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// With `Retry-After`.
    #[must_use]
    pub const fn with_retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Not to be told before this moment.
    #[must_use]
    pub const fn not_before(mut self, moment: Option<Instant>) -> Self {
        self.not_before = moment;
        self
    }

    /// Waits until it may be told.
    pub(in crate::server) async fn when_due(self) -> Self {
        if let Some(moment) = self.not_before {
            tokio::time::sleep_until(moment).await;
        }
        self
    }

    /// With `Accept-Encoding`: the codings in which a body may come (RFC 9110, 15.5.16).
    #[must_use]
    pub const fn with_accept_encoding(mut self, codings: &'static str) -> Self {
        self.accept_encoding = Some(codings);
        self
    }

    /// With `X-Correlation-Id`, where the client sent an id of its own.
    #[must_use]
    pub(in crate::server) fn correlated(mut self, correlation: Option<CorrelationId>) -> Self {
        self.correlation = correlation;
        self
    }

    /// With `Set-Cookie`.
    #[must_use]
    pub fn with_cookie(mut self, cookie: String) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Closes the connection afterwards, where the protocol has a word for it.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.connection = Afterwards::Closed;
        self
    }

    /// Keeps the connection, where the protocol has no word for closing it.
    #[must_use]
    pub(in crate::server) const fn staying(mut self) -> Self {
        self.connection = Afterwards::Kept;
        self
    }

    /// In the format and coding that are asked for: what has none of its own is written, what is FHIR is compressed.
    ///
    /// Pages are as they are: they go to browsers, which send their cookies wherever they are told to.
    #[must_use]
    pub(in crate::server) fn in_manner(mut self, manner: Manner) -> Self {
        if let Content::Outcome(outcome) = &self.content {
            self.content = written(outcome, manner.format);
        }
        if let (Content::Fhir(bytes) | Content::FhirXml(bytes), Coding::Identity) =
            (&mut self.content, self.coding)
        {
            (*bytes, self.coding) = manner.coding.write(std::mem::take(bytes));
        }
        self
    }

    /// The status told.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The same that says what did not go: status and body, as a part of another answer tells them.
    #[must_use]
    pub(crate) fn copied(&self) -> Self {
        Self::new(self.status, self.fhir().map_or(Content::Empty, Content::Fhir))
    }

    /// The body as FHIR JSON, when it is that or says what did not go.
    #[must_use]
    pub(crate) fn fhir(&self) -> Option<Bytes> {
        match &self.content {
            Content::Fhir(bytes) => Some(bytes.clone()),
            Content::Outcome(outcome) => Some(outcome.to_json().into()),
            Content::FhirXml(_)
            | Content::Page(_)
            | Content::ReleasedPage(_)
            | Content::Attached(..)
            | Content::Style(_)
            | Content::Drawing(_)
            | Content::Json(_)
            | Content::Csv(_)
            | Content::Message(..)
            | Content::Text(_)
            | Content::Metrics(_)
            | Content::Empty => None,
        }
    }

    /// `ETag`, if any.
    #[must_use]
    pub(crate) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// `Location`, if any.
    #[must_use]
    pub(crate) fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whether it leads to the Provenance of a share.
    #[must_use]
    pub(crate) const fn has_provenance(&self) -> bool {
        self.provenance.is_some()
    }

    /// The receipt told, if any.
    #[must_use]
    pub fn receipt(&self) -> Option<&str> {
        self.receipt.as_deref()
    }

    /// Makes the response. `body` wraps the bytes, so that their delivery can be followed.
    pub(in crate::server) fn into_response(
        self,
        request_id: &RequestId,
        scheme: Scheme,
        body: impl FnOnce(Bytes) -> Tracked,
    ) -> Response<Tracked> {
        let (status, headers) = match self.headers(request_id, scheme) {
            Ok(headers) => (self.status, headers),
            // A header of ours that cannot be written: nothing is said rather than half of it.
            Err(_) => {
                return assembled(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), body(Bytes::new()));
            }
        };
        assembled(status, headers, body(self.content.into_bytes()))
    }

    fn headers(&self, request_id: &RequestId, scheme: Scheme) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(REQUEST_ID, HeaderValue::from_str(request_id.as_str())?);
        if let Some(id) = &self.correlation {
            headers.insert(CORRELATION_ID, id.to_header()?);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(media_type) = self.content.media_type() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Content::Attached(_, media_type) = &self.content {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media_type)?);
            headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            headers.insert(header::CONTENT_SECURITY_POLICY, NO_PAGE);
        }
        // A form of ours has to say that it comes from us: with `no-referrer` browsers send `Origin: null`.
        let mut referrer = HeaderValue::from_static("no-referrer");
        if matches!(self.content, Content::Page(_) | Content::ReleasedPage(_)) {
            headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
            referrer = HeaderValue::from_static("same-origin");
        }
        headers.insert(header::REFERRER_POLICY, referrer);
        if scheme == Scheme::Https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.connection == Afterwards::Closed {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        // Always, where it may be otherwise: what it is does not depend on what was found.
        if self.content.varies() {
            headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        }
        if self.coding == Coding::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(codings) = self.accept_encoding {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_str(&with_head(allow))?);
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in [
            (RECEIPT, &self.receipt),
            (header::ETAG, &self.etag),
            (header::LAST_MODIFIED, &self.last_modified),
            (header::LOCATION, &self.location),
            (header::LINK, &self.provenance),
            (header::SET_COOKIE, &self.cookie),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value)?);
            }
        }
        Ok(headers)
    }
}

impl Content {
    const fn media_type(&self) -> Option<&'static str> {
        Some(match self {
            Self::Fhir(_) | Self::Outcome(_) => Format::Json.media_type(),
            Self::FhirXml(_) => Format::Xml.media_type(),
            Self::Page(_) | Self::ReleasedPage(_) => "text/html; charset=utf-8",
            Self::Style(_) => "text/css; charset=utf-8",
            Self::Drawing(_) => "image/svg+xml",
            Self::Json(_) => "application/json; charset=utf-8",
            Self::Csv(_) => "text/csv; charset=utf-8",
            Self::Message(_, media_type) => media_type,
            Self::Text(_) => "text/plain; charset=utf-8",
            Self::Metrics(_) => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Attached(..) | Self::Empty => return None,
        })
    }

    /// Whether it depends on what formats and codings the caller takes. An answer without a body stands for one with.
    const fn varies(&self) -> bool {
        match self {
            Self::Fhir(_) | Self::FhirXml(_) | Self::Outcome(_) | Self::Attached(..) | Self::Empty => true,
            Self::Page(_)
            | Self::ReleasedPage(_)
            | Self::Style(_)
            | Self::Drawing(_)
            | Self::Json(_)
            | Self::Csv(_)
            | Self::Message(..)
            | Self::Text(_)
            | Self::Metrics(_) => false,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Outcome(outcome) => outcome.to_json().into(),
            Self::FhirXml(bytes)
            | Self::Fhir(bytes)
            | Self::ReleasedPage(bytes)
            | Self::Attached(bytes, _)
            | Self::Json(bytes)
            | Self::Message(bytes, _) => bytes,
            Self::Page(text) | Self::Csv(text) | Self::Text(text) | Self::Metrics(text) => text.into(),
            Self::Style(text) | Self::Drawing(text) => Bytes::from_static(text.as_bytes()),
            Self::Empty => Bytes::new(),
        }
    }
}

/// An outcome in a format. One that XML cannot say is told in JSON rather than not at all.
fn written(outcome: &OperationOutcome, format: Format) -> Content {
    let xml = match format {
        Format::Json => None,
        Format::Xml => outcome.to_xml(),
    };
    match xml {
        Some(xml) => Content::FhirXml(xml.into()),
        None => Content::Fhir(outcome.to_json().into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that makes responses")]
fn assembled(status: StatusCode, headers: HeaderMap, body: Tracked) -> Response<Tracked> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests;

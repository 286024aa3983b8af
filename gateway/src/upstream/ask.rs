//! One request and its answer. Every header is set here; none comes from a client, and none is handed on.

use std::collections::VecDeque;

use bytes::Bytes;
use fhir::json::{self, Document};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::UpstreamFault;
use super::holder::Holder;
use super::pull::gathered::Holding;
use crate::enforce::held::Complete;
use crate::limits::{self, Unread};
use crate::server::format::{Format, read_xml};

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");
/// Under this name the gateway stands in the way of a message (RFC 9110, 7.6.3): no host, and the same everywhere. What
/// stood in the way before it is not told: a request is made anew.
const VIA: HeaderValue = HeaderValue::from_static("1.1 portcullis");
pub(in crate::upstream) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What is asked of a system.
#[derive(Debug)]
pub(in crate::upstream) struct Ask {
    pub(in crate::upstream) method: Method,
    /// What follows the base: `/Type/id`, `/Type/_search`, `?...`.
    pub(in crate::upstream) path: String,
    pub(in crate::upstream) content_type: Option<&'static str>,
    pub(in crate::upstream) body: Bytes,
    pub(in crate::upstream) headers: HeaderMap,
    pub(in crate::upstream) again: Again,
}

/// Whether the request may be sent a second time when its connection dies before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Again {
    /// It changes nothing.
    Safe,
    /// It may have been carried out.
    Never,
}

/// The head of an answer, with its body not read yet.
pub(in crate::upstream) struct Answer {
    pub(in crate::upstream) status: StatusCode,
    pub(in crate::upstream) headers: HeaderMap,
    body: Body,
    /// Until the body is read, or thrown away.
    slot: Option<OwnedSemaphorePermit>,
}

/// The body of an answer.
enum Body {
    /// On its way.
    Wire(Incoming),
    /// Made here, of what a source of the system said.
    Made(Bytes, Further),
}

/// The pages behind the first of an answer that was made here.
#[derive(Default)]
pub(in crate::upstream) struct Further {
    pub(in crate::upstream) pages: VecDeque<Bytes>,
    /// Whether nothing follows the last of them.
    pub(in crate::upstream) complete: Complete,
    /// The memory they take.
    #[expect(dead_code, reason = "it is held until the last of them has gone")]
    pub(in crate::upstream) holding: Holding,
}

impl std::fmt::Debug for Further {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Further({} pages)", self.pages.len())
    }
}

impl Holder {
    /// Asks, and waits for the head of the answer.
    pub(in crate::upstream) async fn ask(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Answer, UpstreamFault> {
        let slot = self.slot(deadline).await?;
        // Who takes messages or documents alone holds nothing that can be asked for.
        if self.receiver.is_some() || self.receives.is_some() {
            return Err(UpstreamFault::NotThere);
        }
        if let Some(pull) = &self.pull {
            let (status, body, further) = pull.answer(ask, deadline).await?;
            return Ok(Answer { status, headers: HeaderMap::new(), body: Body::Made(body, further), slot });
        }
        let answered = match self.ask_once(ask, deadline).await {
            // A pooled connection may have been closed under our hands.
            Err(UpstreamFault::BrokenOff) if ask.again == Again::Safe => self.ask_once(ask, deadline).await,
            answered => answered,
        };
        answered.map(|answer| Answer { slot, ..answer })
    }

    /// Asks over the wire, once.
    pub(in crate::upstream) async fn ask_once(
        &self,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Answer, UpstreamFault> {
        let request = self.request(ask)?;
        let answered = timeout_at(deadline, self.client.request(request)).await;
        let response =
            answered.map_err(|_| UpstreamFault::TimedOut)?.map_err(|error| match error.is_connect() {
                true => UpstreamFault::Unreachable,
                false => UpstreamFault::BrokenOff,
            })?;
        let (head, body) = response.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body: Body::Wire(body), slot: None })
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, UpstreamFault> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}{}", self.base, ask.path))
            .header(header::ACCEPT, FHIR_JSON)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, "portcullis")
            .header(header::VIA, VIA)
            .header(PREFER, "handling=strict")
            // What stands between may keep no record from before a shield or a correction.
            .header(header::CACHE_CONTROL, "no-cache")
            .body(Full::new(ask.body.clone()))
            .map_err(|_| UpstreamFault::NotWritable)?;
        if let Some(content_type) = ask.content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        request.headers_mut().extend(ask.headers.clone());
        Ok(request)
    }
}

impl Answer {
    /// Reads the body of something else than a FHIR server, which says that it is JSON.
    pub(in crate::upstream) async fn json(
        self,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Bytes, UpstreamFault> {
        let media_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let is_plain = !self.headers.contains_key(header::CONTENT_ENCODING);
        let is_json = essence == "application/json" || essence.ends_with("+json");
        if !is_plain || !is_json {
            return Err(UpstreamFault::NotJson);
        }
        match self.body {
            Body::Made(body, _) => Ok(body),
            Body::Wire(body) => limits::read(body, bytes_max, deadline).await.map_err(unread),
        }
    }

    /// Reads the body as FHIR. JSON is asked for; a system that answers in XML all the same, and says so, is understood.
    pub(in crate::upstream) async fn document(
        self,
        holder: &Holder,
        deadline: Instant,
    ) -> Result<Document, UpstreamFault> {
        let bytes_max = holder.body_bytes_max;
        self.document_within(bytes_max, deadline).await
    }

    /// The same of a body that may be as large as `bytes_max`.
    pub(in crate::upstream) async fn document_within(
        self,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Document, UpstreamFault> {
        let (format, body) = match self.body {
            Body::Made(body, _) => (Format::Json, body),
            Body::Wire(body) => {
                let format = format_of(&self.headers)?;
                let body = limits::read(body, bytes_max, deadline).await;
                (format, body.map_err(unread)?)
            }
        };
        drop(self.slot);
        match format {
            Format::Json => made(body, bytes_max),
            Format::Xml => read_xml(&body, &limits_of(bytes_max)).map_err(UpstreamFault::MalformedXml),
        }
    }

    /// The pages behind this one, where it was made here.
    pub(in crate::upstream) fn further(&mut self) -> Option<Further> {
        match &mut self.body {
            Body::Made(_, further) => Some(std::mem::take(further)),
            Body::Wire(_) => None,
        }
    }

    /// Reads the body to its end and throws it away, so that the connection can be used again.
    pub(in crate::upstream) async fn discard(self, holder: &Holder, deadline: Instant) {
        if let Body::Wire(body) = self.body {
            drop(limits::read(body, holder.body_bytes_max, deadline).await);
        }
    }

    /// What a status other than an expected one means.
    pub(in crate::upstream) fn fault(&self) -> UpstreamFault {
        match self.status.as_u16() {
            300..=399 => UpstreamFault::Redirected,
            401 | 403 => UpstreamFault::NotAuthorised,
            404 | 410 => UpstreamFault::NotThere,
            408 | 429 | 503 => UpstreamFault::Busy,
            400..=499 => UpstreamFault::Rejected,
            500..=599 => UpstreamFault::Failed,
            _ => UpstreamFault::UnexpectedStatus,
        }
    }
}

/// A page that was made here.
pub(in crate::upstream) fn made(body: Bytes, bytes_max: usize) -> Result<Document, UpstreamFault> {
    json::parse(body, &limits_of(bytes_max)).map_err(UpstreamFault::Malformed)
}

fn limits_of(bytes_max: usize) -> json::Limits {
    json::Limits { bytes_max, members_max: 10_000, values_max: 8_000_000, ..json::Limits::default() }
}

fn unread(unread: Unread) -> UpstreamFault {
    match unread {
        Unread::TooLarge { .. } => UpstreamFault::TooLarge,
        Unread::TimedOut => UpstreamFault::TimedOut,
        Unread::Broken | Unread::Trailers => UpstreamFault::BrokenOff,
    }
}

/// The format of an answer, as it says itself, in UTF-8. What is compressed although nobody asked for it is not looked
/// into.
fn format_of(headers: &HeaderMap) -> Result<Format, UpstreamFault> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else {
        return Err(UpstreamFault::NotFhir);
    };
    let format = Format::of_body(media_type.to_str().ok()).map_err(|_| UpstreamFault::NotFhir)?;
    match codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(format),
        false => Err(UpstreamFault::NotFhir),
    }
}

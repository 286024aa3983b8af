//! From an HTTP request to [`Arrived`], or to the reason why it ends at the door.
//!
//! Everything here depends on the request alone: no settings but the names the gateway answers to, no identity, no
//! record. The reasons are told as fixed texts; nothing of the request is in them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fhir::outcome::IssueType;
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{StatusCode, Uri, Version};
use http_body::Body as HttpBody;
use jiff::Timestamp;
use tokio::time::Instant;

use super::arrived::{Arrived, Body, ClientCertificate, Headers, Method, RequestId, Secret};
use super::coding::{NotInflated, Sent};
use super::correlation::CorrelationId;
use super::format::{self, Format, MediaType};
use super::head::{Ambiguous, RawHead};
use super::target::{BadTarget, Target};
use crate::limits::{self, Unread};

#[cfg(test)]
mod tests;

/// The most a body may weigh when its sender has shown neither token nor certificate: a sign-in form.
const ANONYMOUS_BODY_BYTES_MAX: usize = 16 * 1024;
const OVERRIDE_REASON: HeaderName = HeaderName::from_static("portcullis-override-reason");
/// Headers by which some servers take one method for another.
const METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];
const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What is known of the connection a request comes over.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The address at its other end.
    pub peer: SocketAddr,
    /// The client certificate, when one was shown and holds.
    pub certificate: Option<ClientCertificate>,
    /// The head as sent.
    pub head: RawHead,
}

/// The names the gateway answers to, and the bounds on what it reads.
#[derive(Debug, Clone)]
pub struct Front {
    authorities: Vec<String>,
    body_bytes_max: usize,
    body_timeout: Duration,
}

/// Why a request ends at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// Its head can be read in two ways.
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// It names no host, or more than one.
    #[error("the request names no host or several")]
    Host,
    /// It names a host that the gateway is not.
    #[error("the request is meant for another host")]
    Misdirected,
    /// A method that is not looked at.
    #[error("the method is not one that is looked at")]
    Method,
    /// Its path or query is not taken.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A transfer coding other than `chunked`.
    #[error("a transfer coding other than chunked")]
    TransferCoding,
    /// It asks for another protocol.
    #[error("an upgrade is asked for")]
    Upgrade,
    /// A header that may stand once stands twice, or is not text.
    #[error("a header stands twice or is not text")]
    Header,
    /// A body where none belongs.
    #[error("a body where none belongs")]
    BodyNotTaken,
    /// It asks to be taken for one of another method.
    #[error("another method is asked for in a header")]
    MethodOverride,
    /// A body in a content coding other than gzip.
    #[error("the body is in a content coding that is not spoken")]
    ContentCoding,
    /// A body in gzip that does not inflate within its bounds.
    #[error(transparent)]
    Inflated(#[from] NotInflated),
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] Unread),
}

/// What the caller is told: status, issue type and a text fixed in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The HTTP status.
    pub status: StatusCode,
    /// The issue type of the OperationOutcome.
    pub issue: IssueType,
    /// The text of the OperationOutcome.
    pub text: &'static str,
}

impl Front {
    /// The front of a gateway that the world sees under `base` (scheme and authority; a path is not looked at).
    #[must_use]
    pub fn new(base: &Uri, body_bytes_max: usize, body_timeout: Duration) -> Self {
        let default_port = match base.scheme_str() {
            Some("http") => ":80",
            Some(_) | None => ":443",
        };
        let authority = base.authority().map(|authority| authority.as_str().to_ascii_lowercase());
        let authorities = authority.map_or_else(Vec::new, |authority| {
            let bare = authority.strip_suffix(default_port).unwrap_or(&authority).to_owned();
            match bare.rsplit_once(':') {
                Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => vec![bare],
                Some(_) | None => vec![format!("{bare}{default_port}"), bare],
            }
        });
        Self { authorities, body_bytes_max, body_timeout }
    }

    fn answers_to(&self, authority: &str) -> bool {
        self.authorities.iter().any(|ours| ours.eq_ignore_ascii_case(authority))
    }
}

/// Takes up one request: checks its head, reads its body within bounds, and keeps only what has a meaning here.
///
/// # Errors
/// [`Unacceptable`]. Over HTTP/1.1 the connection should then be closed: the body may not have been read.
pub async fn arrive<B>(
    request: http::Request<B>,
    request_id: RequestId,
    at: Timestamp,
    connection: &Connection,
    front: &Front,
) -> Result<Arrived, Unacceptable>
where
    B: HttpBody<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    if parts.version < Version::HTTP_2 {
        connection.head.take()?;
    }
    check_framing(&parts.headers)?;
    check_authority(&parts, front)?;
    if METHOD_OVERRIDES.iter().any(|name| parts.headers.contains_key(name)) {
        return Err(Unacceptable::MethodOverride);
    }
    let sent = Sent::by(&parts.headers).ok_or(Unacceptable::ContentCoding)?;
    let method = Method::of(parts.method.as_str()).ok_or(Unacceptable::Method)?;
    // `HEAD` is asked, decided and recorded like `GET`; its reply tells the head only.
    let method = if method == Method::Head { Method::Get } else { method };
    let target = Target::parse(parts.uri.path(), parts.uri.query())?;
    let headers = kept(&parts.headers)?;
    let body = match (body.is_end_stream(), method.takes_body()) {
        (true, _) => Bytes::new(),
        (false, false) => return Err(Unacceptable::BodyNotTaken),
        (false, true) => {
            let proven = headers.authorization.is_some() || connection.certificate.is_some();
            let bytes_max = match proven {
                true => front.body_bytes_max,
                false => front.body_bytes_max.min(ANONYMOUS_BODY_BYTES_MAX),
            };
            let deadline = Instant::now() + front.body_timeout;
            let received = limits::read_alone(body, bytes_max, deadline).await?;
            sent.read(received, bytes_max)?
        }
    };
    connection.head.forget();
    let content_type = headers.content_type.as_deref();
    let queries = [target.query(), form(content_type, &body)].map(Option::unwrap_or_default);
    let format = format::decide(headers.accept.as_deref(), &queries, content_type);
    let instead = format::instead(headers.accept.as_deref(), &queries);
    let body = Body::in_format(body, Format::of_body(content_type).unwrap_or_default());
    Ok(Arrived {
        request_id,
        at,
        method,
        target,
        format,
        instead,
        headers,
        body,
        peer: connection.peer,
        certificate: connection.certificate.clone(),
    })
}

impl Unacceptable {
    /// The name of the reason in metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Ambiguous(Ambiguous::Pipelined) => "pipelined",
            Self::Ambiguous(Ambiguous::BareLineFeed) => "bare-line-feed",
            Self::Ambiguous(Ambiguous::TwoLengths) => "two-lengths",
            Self::Host => "host",
            Self::Misdirected => "misdirected",
            Self::Method => "method",
            Self::Target(BadTarget::Path) => "path",
            Self::Target(BadTarget::TooLong) => "target-too-long",
            Self::Target(BadTarget::Query) => "query",
            Self::Target(BadTarget::Token) => "token-in-url",
            Self::TransferCoding => "transfer-coding",
            Self::Upgrade => "upgrade",
            Self::Header => "header",
            Self::BodyNotTaken => "body-not-taken",
            Self::MethodOverride => "method-override",
            Self::ContentCoding => "content-coding",
            Self::Inflated(NotInflated::TooLarge) => "body-inflates-too-far",
            Self::Inflated(NotInflated::Broken) => "body-not-inflatable",
            Self::Body(Unread::TooLarge { .. }) => "body-too-large",
            Self::Body(Unread::TimedOut) => "body-too-slow",
            Self::Body(Unread::Broken) => "body-broken",
            Self::Body(Unread::Trailers) => "trailers",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn told(&self) -> Told {
        let (status, issue, text) = match self {
            Self::Ambiguous(Ambiguous::Pipelined) => (
                StatusCode::BAD_REQUEST,
                IssueType::Structure,
                "send a request after the answer to the one before",
            ),
            Self::Ambiguous(Ambiguous::BareLineFeed | Ambiguous::TwoLengths) | Self::TransferCoding => {
                (StatusCode::BAD_REQUEST, IssueType::Structure, "the request is not well-formed HTTP")
            }
            Self::Host => {
                (StatusCode::BAD_REQUEST, IssueType::Structure, "the request must name exactly one host")
            }
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                IssueType::NotFound,
                "this gateway does not answer for that host",
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                IssueType::NotSupported,
                "this method is not supported; names of methods are in capitals",
            ),
            Self::Target(BadTarget::Path) => (
                StatusCode::BAD_REQUEST,
                IssueType::Structure,
                "the path holds something that no path here holds: escapes, empty or dotted segments, other characters",
            ),
            Self::Target(BadTarget::TooLong) => (
                StatusCode::URI_TOO_LONG,
                IssueType::TooLong,
                "the path or query is too long; search by POST instead",
            ),
            Self::Target(BadTarget::Query) => {
                (StatusCode::BAD_REQUEST, IssueType::Structure, "the query is not well-formed")
            }
            Self::Target(BadTarget::Token) => (
                StatusCode::BAD_REQUEST,
                IssueType::Security,
                "tokens go into the Authorization header, never into a URL",
            ),
            Self::Upgrade => {
                (StatusCode::BAD_REQUEST, IssueType::NotSupported, "no other protocol can be switched to")
            }
            Self::Header => (
                StatusCode::BAD_REQUEST,
                IssueType::Structure,
                "a header that may stand once stands twice, or is not text",
            ),
            Self::BodyNotTaken => {
                (StatusCode::BAD_REQUEST, IssueType::Structure, "a request of this method has no body")
            }
            Self::MethodOverride => (
                StatusCode::BAD_REQUEST,
                IssueType::NotSupported,
                "a request is what its method says: no header changes it",
            ),
            Self::ContentCoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                IssueType::NotSupported,
                "send the body as it is, or in gzip",
            ),
            Self::Inflated(NotInflated::Broken) => {
                (StatusCode::BAD_REQUEST, IssueType::Structure, "the body is not one whole gzip member")
            }
            Self::Inflated(NotInflated::TooLarge) => unread(Unread::TooLarge { bytes_max: 0 }),
            Self::Body(why) => unread(*why),
        };
        Told { status, issue, text }
    }
}

const fn unread(why: Unread) -> (StatusCode, IssueType, &'static str) {
    match why {
        Unread::TooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, IssueType::TooLong, "the body is larger than this gateway takes")
        }
        Unread::TimedOut => {
            (StatusCode::REQUEST_TIMEOUT, IssueType::Timeout, "the body did not arrive in time")
        }
        Unread::Broken => (StatusCode::BAD_REQUEST, IssueType::Structure, "the body broke off"),
        Unread::Trailers => (StatusCode::BAD_REQUEST, IssueType::Structure, "nothing may follow the body"),
    }
}

fn check_framing(headers: &HeaderMap) -> Result<(), Unacceptable> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() || headers.contains_key(header::CONTENT_LENGTH) {
            return Err(Unacceptable::TransferCoding);
        }
    }
    if headers.contains_key(header::UPGRADE) || headers.contains_key(HTTP2_SETTINGS) {
        return Err(Unacceptable::Upgrade);
    }
    Ok(())
}

/// The body as the query of a search, if it is one: `_format` may stand there.
fn form<'a>(content_type: Option<&str>, body: &'a [u8]) -> Option<&'a str> {
    let essence = MediaType::parse(content_type?).essence;
    (essence == "application/x-www-form-urlencoded").then(|| std::str::from_utf8(body).ok())?
}

/// Every name the request gives its target must be ours; HTTP/1.1 gives at least `Host`, HTTP/2 `:authority`.
fn check_authority(parts: &Parts, front: &Front) -> Result<(), Unacceptable> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && parts.version < Version::HTTP_2) {
        return Err(Unacceptable::Host);
    }
    let host = host.map(|host| host.to_str().map_err(|_| Unacceptable::Host)).transpose()?;
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let named = [host, authority];
    if named.iter().all(Option::is_none) {
        return Err(Unacceptable::Host);
    }
    match named.into_iter().flatten().all(|name| front.answers_to(name)) {
        true => Ok(()),
        false => Err(Unacceptable::Misdirected),
    }
}

fn kept(headers: &HeaderMap) -> Result<Headers, Unacceptable> {
    Ok(Headers {
        accept: joined(headers, &header::ACCEPT, ", ")?,
        content_type: once(headers, &header::CONTENT_TYPE)?,
        authorization: once(headers, &header::AUTHORIZATION)?.map(Secret::new),
        if_match: once(headers, &header::IF_MATCH)?,
        if_none_match: joined(headers, &header::IF_NONE_MATCH, ", ")?,
        if_none_exist: once(headers, &IF_NONE_EXIST)?.map(Secret::new),
        prefer: joined(headers, &PREFER, ", ")?,
        override_reason: once(headers, &OVERRIDE_REASON)?.map(Secret::new),
        cookie: joined(headers, &header::COOKIE, "; ")?.map(Secret::new),
        origin: once(headers, &header::ORIGIN)?,
        fetch_site: once(headers, &FETCH_SITE)?,
        correlation: CorrelationId::sent(headers),
    })
}

fn once(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Unacceptable> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => text(line.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(Unacceptable::Header),
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName, between: &str) -> Result<Option<String>, Unacceptable> {
    let lines: Vec<String> =
        headers.get_all(name).iter().map(|line| text(line.as_bytes())).collect::<Result<_, _>>()?;
    Ok((!lines.is_empty()).then(|| lines.join(between)))
}

fn text(bytes: &[u8]) -> Result<String, Unacceptable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unacceptable::Header)?;
    match text.chars().any(|c| c.is_control() && c != '\t') {
        true => Err(Unacceptable::Header),
        false => Ok(text.to_owned()),
    }
}

//! HTTP for the demo: bounded bodies, responses, and a client that returns bytes and headers as they came.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A body that is there as a whole.
pub type Body = Full<Bytes>;

const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The address or a header does not read.
    #[error("the request cannot be built")]
    Request(#[from] http::Error),
    /// No connection, or it broke.
    #[error("no answer came")]
    Client(#[from] hyper_util::client::legacy::Error),
    /// Too large, or it broke off.
    #[error("the body is too large or broke off")]
    Body,
}

/// Reads a whole body of at most `bytes_max`.
///
/// # Errors
/// When it is larger or breaks off.
#[expect(
    clippy::disallowed_methods,
    reason = "bounded by Limited; the gateway's own reader is not for outsiders"
)]
pub async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, WireError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Limited::new(body, bytes_max).collect().await.map(|whole| whole.to_bytes()).map_err(|_| WireError::Body)
}

/// A response with these headers; those that do not read are left out.
#[expect(clippy::disallowed_methods, reason = "the wall of the stand-ins: they are no part of portcullis")]
pub fn response(status: u16, headers: &[(&'static str, String)], body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(*name, value);
        }
    }
    response
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Received {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
}

impl Received {
    /// A header as text; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        crate::json::parse(&self.body).unwrap_or_default()
    }
}

/// An HTTP client with a pool.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client<HttpConnector, Body>,
}

impl Default for Caller {
    fn default() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl Caller {
    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    /// When the request cannot be built, nothing answers or the body breaks off.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Received, WireError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(Bytes::from(body)))?).await?;
        let (parts, body) = answer.into_parts();
        let body = read(body, ANSWER_BYTES_MAX).await?;
        Ok(Received { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

//! The systems that a run may talk to, and one bounded call to one of them.
//!
//! No other host is ever called: an address that is written out or read from an answer is held against the systems that the user
//! named. Redirects are answers like others; they are not followed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::message::{Head, Message};
use crate::target::{self, BadTarget};

/// Header fields of one answer that are kept.
const HEADERS_MAX: usize = 200;

/// The systems, and how long and how much they may answer.
pub struct Systems {
    by_index: BTreeMap<u32, System>,
    bounds: Bounds,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

#[derive(Debug)]
struct System {
    base: String,
    authorization: Option<String>,
}

/// What one call may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the first byte sent to the last byte received.
    pub deadline: Duration,
    /// Bytes of one body.
    pub body_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), body_bytes_max: 16 << 20 }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the address is none")]
    Address,
    #[error("the address is of a host that no --base and no --system names")]
    Foreign,
    #[error("a header cannot be sent")]
    Header,
    #[error("the system did not answer")]
    Unanswered,
    #[error("the system did not answer in time")]
    Late,
    #[error("the answer is larger than is read, or broke off")]
    TooLarge,
    #[error("no answer to this request is recorded")]
    NotRecorded,
    #[error("the system still worked on it when the last attempt was made")]
    StillWorking,
    #[error("the links to the next page lead in a circle")]
    Circling,
    #[error("a client under test has to be waited for: give --intercept ADDRESS")]
    NoIntercept,
    #[error("the client under test did not send what is waited for in time")]
    NoClient,
}

impl fmt::Debug for Systems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bases: Vec<&str> = self.by_index.values().map(|system| system.base.as_str()).collect();
        write!(f, "Systems({})", bases.join(", "))
    }
}

impl Systems {
    /// The systems with these bases, by number; the first is sent the token, if there is one.
    ///
    /// # Errors
    /// When a base is no plain http or https address, or a file does not read.
    pub fn new(
        bases: &[(u32, String)],
        token_file: Option<&Path>,
        authorities: Option<&Path>,
        bounds: Bounds,
    ) -> Result<Self, BadTarget> {
        let token = token_file.map(target::bearer).transpose()?;
        let mut by_index = BTreeMap::new();
        for (at, (index, base)) in bases.iter().enumerate() {
            let base = target::plain_base(base)?;
            let authorization = token.clone().filter(|_| at == 0);
            by_index.insert(*index, System { base, authorization });
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(target::tls(authorities)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { by_index, bounds, client })
    }

    /// The base of a system.
    pub(crate) fn base(&self, index: u32) -> Option<&str> {
        self.by_index.get(&index).map(|system| system.base.as_str())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_index.len()
    }

    /// The first system and its base.
    pub(crate) fn first(&self) -> Option<(u32, &str)> {
        self.by_index.iter().next().map(|(index, system)| (*index, system.base.as_str()))
    }

    /// The one whose scheme, host and port an address has.
    fn of(&self, address: &Uri) -> Option<&System> {
        let parts = |uri: &Uri| {
            let scheme = uri.scheme_str()?.to_ascii_lowercase();
            let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
            Some((scheme, uri.host()?.to_ascii_lowercase(), port))
        };
        let wanted = parts(address)?;
        let credentials = address.authority().is_some_and(|held| held.as_str().contains('@'));
        let mut systems = self.by_index.values().filter(|_| !credentials);
        systems.find(|system| {
            system.base.parse().ok().and_then(|base: Uri| parts(&base)).as_ref() == Some(&wanted)
        })
    }

    /// Sends `request` and waits for the whole answer.
    pub(crate) async fn ask(&self, request: &Message) -> Result<Message, Trouble> {
        let Head::Request { method, url, .. } = &request.head else { return Err(Trouble::Address) };
        let uri: Uri = url.parse().map_err(|_| Trouble::Address)?;
        self.of(&uri).ok_or(Trouble::Foreign)?;
        let mut built = Request::builder().method(method.as_str()).uri(uri);
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        let built = built.body(Full::new(request.body.clone())).map_err(|_| Trouble::Header)?;
        tokio::time::timeout(self.bounds.deadline, self.call(built)).await.map_err(|_| Trouble::Late)?
    }

    /// The authorisation that goes with requests to `url`, if the script sends none.
    pub(crate) fn authorization(&self, url: &str) -> Option<&str> {
        self.of(&url.parse().ok()?)?.authorization.as_deref()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by Limited; this crate does not know the gateway's reader"
    )]
    async fn call(&self, request: Request<Full<Bytes>>) -> Result<Message, Trouble> {
        let answer = self.client.request(request).await.map_err(|_| Trouble::Unanswered)?;
        let (parts, body) = answer.into_parts();
        let body =
            Limited::new(body, self.bounds.body_bytes_max).collect().await.map_err(|_| Trouble::TooLarge)?;
        let headers = parts.headers.iter().take(HEADERS_MAX).map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let head = Head::Response { status: parts.status.as_u16() };
        Ok(Message::new(head, headers.collect(), body.to_bytes()))
    }
}

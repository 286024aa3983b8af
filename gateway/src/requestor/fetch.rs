//! One look at where an issuer publishes its keys: HTTPS under the authorities of the settings, no redirects, a
//! bounded body, one deadline for all of it. What comes back is read like anything from a wire.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fhir::json;
use http::header::{self, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use super::jwks::{KeyFault, KeySet, Unusable};
use crate::limits::{self, Unread};
use crate::pem::{self, PemProblem};
use crate::settings::JwksUrl;

/// The most that a key set may weigh.
const BYTES_MAX: usize = 256 * 1024;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const LIMITS: json::Limits =
    json::Limits { bytes_max: BYTES_MAX, depth_max: 8, members_max: 1_000, values_max: 20_000 };
/// RFC 7517 section 8.5, and what most issuers send.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/jwk-set+json, application/json");

/// Where the keys of one issuer are published.
pub(in crate::requestor) struct Place {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
    timeout: Duration,
    trusted: [u8; 32],
}

/// A key set as it was published, and what of it does not count.
#[derive(Debug)]
pub(in crate::requestor) struct Published {
    pub(in crate::requestor) keys: KeySet,
    pub(in crate::requestor) left_out: Vec<(usize, Unusable)>,
    /// Digest of the bytes: the same ones are the same keys.
    pub(in crate::requestor) digest: [u8; 32],
}

/// Why keys can never be fetched as the settings have it.
#[derive(Debug, thiserror::Error)]
pub enum FetchProblem {
    /// The file with the authorities.
    #[error(transparent)]
    Pem(#[from] PemProblem),
    /// The authorities in it.
    #[error("its authorities cannot be used: {0}")]
    Tls(#[source] rustls::Error),
}

/// Why keys could not be fetched this time. Nothing of an answer is in it.
#[derive(Debug, thiserror::Error)]
pub(in crate::requestor) enum FetchFault {
    #[error("the request could not be written")]
    NotWritable,
    #[error("the issuer cannot be reached")]
    Unreachable,
    #[error("the issuer did not answer in time")]
    TimedOut,
    #[error("the answer broke off")]
    BrokenOff,
    #[error("the issuer redirects, and redirects are not followed")]
    Redirected,
    #[error("the issuer answered with status {0}")]
    Status(u16),
    #[error("the answer is compressed although nobody asked for that")]
    Compressed,
    #[error("the answer is larger than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("the key set {0}")]
    Keys(#[source] KeyFault),
}

impl Place {
    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`FetchProblem`].
    pub(in crate::requestor) fn new(place: &JwksUrl) -> Result<Self, FetchProblem> {
        let mut roots = RootCertStore::empty();
        let mut trusted = Sha256::new();
        if let Some(path) = &place.ca {
            for certificate in pem::certificates(path)? {
                trusted.update(&certificate);
                roots.add(certificate).map_err(FetchProblem::Tls)?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(FetchProblem::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(place.timeout));
        let tls = HttpsConnectorBuilder::new().with_tls_config(config);
        // The settings allow plain `http` on loopback only.
        let connector = match place.url.scheme_str() {
            Some("http") => tls.https_or_http().enable_http1().wrap_connector(tcp),
            Some(_) | None => tls.https_only().enable_all_versions().wrap_connector(tcp),
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            // Minutes lie between two looks: a connection kept that long is as good as closed.
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Ok(Self {
            client,
            url: place.url.clone(),
            timeout: place.timeout,
            trusted: trusted.finalize().into(),
        })
    }

    /// Where it is.
    pub(in crate::requestor) const fn url(&self) -> &Uri {
        &self.url
    }

    /// How long one look may take.
    pub(in crate::requestor) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether what was fetched there counts here: the same address under the same authorities.
    pub(in crate::requestor) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.trusted == other.trusted
    }

    /// Fetches the keys.
    pub(in crate::requestor) async fn fetch(&self) -> Result<Published, FetchFault> {
        let deadline = Instant::now() + self.timeout;
        let request = Request::get(self.url.clone())
            .header(header::ACCEPT, ACCEPT)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, "portcullis")
            .body(Empty::new())
            .map_err(|_| FetchFault::NotWritable)?;
        let answered = timeout_at(deadline, self.client.request(request)).await;
        let response =
            answered.map_err(|_| FetchFault::TimedOut)?.map_err(|error| match error.is_connect() {
                true => FetchFault::Unreachable,
                false => FetchFault::BrokenOff,
            })?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(FetchFault::Redirected),
            status => return Err(FetchFault::Status(status.as_u16())),
        }
        let mut codings = response.headers().get_all(header::CONTENT_ENCODING).iter();
        if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(FetchFault::Compressed);
        }
        let body = limits::read(response.into_body(), BYTES_MAX, deadline).await;
        let body = body.map_err(|unread| match unread {
            Unread::TooLarge { .. } => FetchFault::TooLarge,
            Unread::TimedOut => FetchFault::TimedOut,
            Unread::Broken | Unread::Trailers => FetchFault::BrokenOff,
        })?;
        let digest = Sha256::digest(&body).into();
        let set =
            json::parse_value(body, &LIMITS).map_err(|invalid| FetchFault::Keys(KeyFault::Json(invalid)))?;
        let (keys, left_out) = KeySet::fetched(set).map_err(FetchFault::Keys)?;
        Ok(Published { keys, left_out, digest })
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({})", self.url)
    }
}

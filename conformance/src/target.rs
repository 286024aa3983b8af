//! The endpoint under test and one bounded call to it.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fhir::json::{Document, Invalid, Limits};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const CALL_MAX: Duration = Duration::from_secs(20);

/// Why a target cannot be made from what was given.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    /// The base is no plain http or https address.
    #[error("the base must be an http or https address without a query, a fragment and credentials")]
    Base,
    /// A file cannot be read.
    #[error("cannot read {0}")]
    File(&'static str, #[source] std::io::Error),
    /// The token file holds no token, or more than one.
    #[error("the token file must hold one bearer token and nothing else: a line without the word Bearer")]
    Token,
    /// The patient is no FHIR id.
    #[error("the patient must be the id of a Patient resource")]
    Patient,
    /// The certificates do not read.
    #[error("the certificate authorities do not read")]
    Authorities,
    /// The file of certificates holds none.
    #[error("the file of certificate authorities holds no certificate in PEM")]
    NoAuthority,
}

/// The endpoint under test. `Debug` shows no token and no patient.
pub struct Target {
    base: String,
    authorization: Option<String>,
    patient: Option<String>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.base)
    }
}

impl Target {
    /// Makes a target of its base, an optional bearer token, an optional Patient id and an optional file of
    /// certificate authorities (else those of the system count).
    ///
    /// # Errors
    /// When one of them does not read.
    pub fn new(
        base: &str,
        token_file: Option<&Path>,
        patient: Option<&str>,
        authorities: Option<&Path>,
    ) -> Result<Self, BadTarget> {
        let base = plain_base(base)?;
        let authorization = token_file.map(bearer).transpose()?;
        if patient.is_some_and(|id| !is_id(id)) {
            return Err(BadTarget::Patient);
        }
        let patient = patient.map(str::to_owned);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(authorities)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base, authorization, patient, client })
    }

    /// The same way of asking, at another base or as somebody else. Nobody's Patient is named there.
    ///
    /// # Errors
    /// When the base or the token does not read.
    pub fn sibling(&self, base: &str, token: Option<&str>) -> Result<Self, BadTarget> {
        let base = plain_base(base)?;
        let authorization = token.map(bearing).transpose()?;
        Ok(Self { base, authorization, patient: None, client: self.client.clone() })
    }

    /// With this Patient to read, where none was named.
    ///
    /// # Errors
    /// When it is no FHIR id.
    pub fn with_patient(mut self, patient: &str) -> Result<Self, BadTarget> {
        if !is_id(patient) {
            return Err(BadTarget::Patient);
        }
        self.patient.get_or_insert_with(|| patient.to_owned());
        Ok(self)
    }

    /// Whether a token is sent.
    #[must_use]
    pub const fn is_authorised(&self) -> bool {
        self.authorization.is_some()
    }

    /// The base, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What stands in the Authorization header of every request; never to be shown.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The Patient that the user of the suite named.
    #[must_use]
    pub fn patient(&self) -> Option<&str> {
        self.patient.as_deref()
    }

    /// Sends `question` and waits for the whole answer.
    ///
    /// # Errors
    /// [`Trouble`] when there is none.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Answer, Trouble> {
        tokio::time::timeout(CALL_MAX, self.call(question)).await.map_err(|_| Trouble::Late)?
    }

    /// Sends `question` without the token of the run to `base`, which need not be that of the target.
    ///
    /// # Errors
    /// [`Trouble`] when there is no answer.
    pub async fn ask_plainly(&self, base: &str, question: &Question<'_>) -> Result<Answer, Trouble> {
        let call = self.call_at(base, None, question);
        tokio::time::timeout(CALL_MAX, call).await.map_err(|_| Trouble::Late)?
    }

    async fn call(&self, question: &Question<'_>) -> Result<Answer, Trouble> {
        self.call_at(&self.base, self.authorization.as_deref(), question).await
    }

    async fn call_at(
        &self,
        base: &str,
        authorization: Option<&str>,
        question: &Question<'_>,
    ) -> Result<Answer, Trouble> {
        let slash = if question.path.is_empty() || question.path.starts_with('?') { "" } else { "/" };
        let uri = format!("{base}{slash}{}", question.path);
        let mut request = Request::builder().method(question.method.clone()).uri(uri);
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(question.body)))
            .map_err(|_| Trouble::Unanswered)?;
        let answer = self.client.request(request).await.map_err(|error| unanswered(&error))?;
        let (parts, body) = answer.into_parts();
        let body = whole(body).await?;
        let document = fhir::json::parse(body.clone(), &Limits::default());
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, document })
    }
}

/// One request, relative to the base.
#[derive(Debug)]
pub struct Question<'a> {
    /// Its method.
    pub method: Method,
    /// Path and query below the base; the base itself where it is empty or begins with a query.
    pub path: &'a str,
    /// Headers beside the authorisation.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body.
    pub body: &'a [u8],
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing listens there, or the name of the host is unknown.
    #[error("no connection to the endpoint could be made")]
    Unreachable,
    /// There is no common TLS, or the certificate is not trusted.
    #[error("no TLS with the endpoint: its certificate is not trusted, or it speaks none that is safe")]
    Untrusted,
    /// The connection broke, or what came is no HTTP.
    #[error("the endpoint did not answer")]
    Unanswered,
    /// It says that it does not serve now: 429 or 503.
    #[error("the endpoint says that it does not serve now: 429 or 503")]
    Busy,
    /// Not within 20 seconds.
    #[error("the endpoint did not answer in time")]
    Late,
    /// More than 8 MiB.
    #[error("the answer is larger than this suite reads, or broke off")]
    TooLarge,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
    /// The body as strict JSON.
    pub document: Result<Document, Invalid>,
}

impl Answer {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the body is a JSON resource of this type.
    #[must_use]
    pub fn is(&self, resource_type: &str) -> bool {
        let member = self.document.as_ref().ok().and_then(|document| document.root().member("resourceType"));
        member.is_some_and(|held| held.is_string(resource_type))
    }
}

/// Why there was no answer, as far as the client can tell.
fn unanswered(error: &hyper_util::client::legacy::Error) -> Trouble {
    if !error.is_connect() {
        return Trouble::Unanswered;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(here) = cause {
        if here.is::<rustls::Error>() {
            return Trouble::Untrusted;
        }
        // An error of input and output does not give what it wraps as its source.
        let wrapped = here.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => here.source(),
        };
    }
    Trouble::Unreachable
}

/// Whether `text` is a FHIR id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let fitting = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    (1..=64).contains(&text.len()) && text.chars().all(fitting)
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounded by Limited; this crate does not know the gateway's reader"
)]
async fn whole(body: hyper::body::Incoming) -> Result<Bytes, Trouble> {
    let read = Limited::new(body, BODY_BYTES_MAX).collect().await;
    read.map(|whole| whole.to_bytes()).map_err(|_| Trouble::TooLarge)
}

/// A base without a trailing slash, if it is a plain address of http or https.
pub(crate) fn plain_base(base: &str) -> Result<String, BadTarget> {
    let base = base.trim_end_matches('/').to_owned();
    let uri: Uri = base.parse().map_err(|_| BadTarget::Base)?;
    // The parser of addresses drops a fragment without a word.
    let plain = uri.query().is_none()
        && !base.contains('#')
        && !uri.authority().is_some_and(|held| held.as_str().contains('@'));
    if plain && matches!(uri.scheme_str(), Some("http" | "https")) { Ok(base) } else { Err(BadTarget::Base) }
}

pub(crate) fn bearer(file: &Path) -> Result<String, BadTarget> {
    let text = std::fs::read_to_string(file).map_err(|error| BadTarget::File("the token file", error))?;
    bearing(&text)
}

fn bearing(text: &str) -> Result<String, BadTarget> {
    let token = text.trim();
    let fitting = !token.is_empty() && token.chars().all(|letter| letter.is_ascii_graphic());
    if fitting { Ok(format!("Bearer {token}")) } else { Err(BadTarget::Token) }
}

pub(crate) fn tls(authorities: Option<&Path>) -> Result<ClientConfig, BadTarget> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| BadTarget::Authorities)?;
    let Some(file) = authorities else {
        let config = builder.with_native_roots();
        return Ok(config
            .map_err(|error| BadTarget::File("the certificate authorities of the system", error))?
            .with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|_| BadTarget::Authorities)? {
        let certificate = certificate.map_err(|_| BadTarget::Authorities)?;
        roots.add(certificate).map_err(|_| BadTarget::Authorities)?;
    }
    if roots.is_empty() {
        return Err(BadTarget::NoAuthority);
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

//! How the gateway checks a system, and proves itself to it.

use std::sync::Arc;

use http::HeaderValue;
use rustls::{ClientConfig, RootCertStore};

use crate::pem::{self, PemProblem};
use crate::person::SystemName;
use crate::settings::{System, UpstreamCredentials};

/// The longest bearer token.
const BEARER_LEN_MAX: u64 = 16 * 1024;

/// A system whose client cannot be made, and why.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamProblem {
    /// One of its PEM files cannot be used.
    #[error("system {0}: {1}")]
    Pem(SystemName, #[source] PemProblem),
    /// Its certificates and keys do not work together.
    #[error("system {0}: its certificates cannot be used: {1}")]
    Tls(SystemName, #[source] rustls::Error),
    /// Its bearer token cannot be read, or is not one.
    #[error("system {0}: the bearer token file does not hold one token")]
    Bearer(SystemName),
    /// The password of one of its sources cannot be read, or is not one.
    #[error("system {0}: the password file does not hold one password")]
    Password(SystemName),
    /// Its base or an alias is not a URL that can be one.
    #[error("system {0}: its base or an alias cannot be one")]
    Base(SystemName),
}

/// TLS towards `system`: its own authorities only, TLS 1.2 or later, a client certificate when it has one.
pub(in crate::upstream) fn config(system: &System) -> Result<ClientConfig, UpstreamProblem> {
    let pem = |problem| UpstreamProblem::Pem(system.name.clone(), problem);
    let tls = |error| UpstreamProblem::Tls(system.name.clone(), error);
    let mut roots = RootCertStore::empty();
    if let Some(path) = &system.ca {
        for certificate in pem::certificates(path).map_err(pem)? {
            roots.add(certificate).map_err(tls)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_root_certificates(roots);
    match &system.credentials {
        UpstreamCredentials::Certificate { certificate, key } => {
            let chain = pem::certificates(certificate).map_err(pem)?;
            let key = pem::private_key(key).map_err(pem)?;
            builder.with_client_auth_cert(chain, key).map_err(tls)
        }
        UpstreamCredentials::None | UpstreamCredentials::Bearer(_) => Ok(builder.with_no_client_auth()),
    }
}

/// `Authorization` towards `system`, when it takes a bearer token.
pub(in crate::upstream) fn authorization(system: &System) -> Result<Option<HeaderValue>, UpstreamProblem> {
    use std::io::Read;
    let UpstreamCredentials::Bearer(path) = &system.credentials else { return Ok(None) };
    let wrong = || UpstreamProblem::Bearer(system.name.clone());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|_| wrong())?;
    file.take(BEARER_LEN_MAX).read_to_string(&mut text).map_err(|_| wrong())?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

//! TLS of a listener: our certificate, and whose client certificates hold.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::arrived::ClientCertificate;
use crate::pem::{self, PemProblem};
use crate::settings::ServerTls;

/// One set of TLS files, loaded. A reload makes another; its sessions do not resume here.
#[derive(Debug, Clone)]
pub struct Secured {
    /// For the handshake.
    pub config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// Why TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// A file cannot be used.
    #[error(transparent)]
    Pem(#[from] PemProblem),
    /// Certificate and key do not belong together, or are of a kind that is not taken.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(#[source] rustls::Error),
    /// The authority of the clients or its revocation list cannot be used.
    #[error("the client authority or its revocation list cannot be used: {0}")]
    Clients(#[source] rustls::server::VerifierBuilderError),
    /// A certificate of the authority cannot be used.
    #[error("a certificate of the client authority cannot be used: {0}")]
    Authority(#[source] rustls::Error),
}

/// Whether a peer must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It may: routes demand it where they need it.
    Optional,
    /// It must, or there is no connection.
    Required,
}

impl Secured {
    /// Loads the files of a listener for `protocols` (ALPN).
    ///
    /// # Errors
    /// [`TlsProblem`].
    pub fn load(files: &ServerTls, demand: Demand, protocols: &[&[u8]]) -> Result<Self, TlsProblem> {
        let provider = Arc::new(default_provider());
        let verifier = verifier(files, demand, &provider)?;
        let chain = pem::certificates(&files.certificate)?;
        let key = pem::private_key(&files.key)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsProblem::Pair)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsProblem::Pair)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.ticketer = Ticketer::new().map_err(TlsProblem::Pair)?;
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// What a chain that a peer has shown says, when it holds now: at each connection and after each reload.
    #[must_use]
    pub fn certificate(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Option<ClientCertificate> {
        let (leaf, rest) = chain.split_first()?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).ok()?));
        self.verifier.as_ref()?.verify_client_cert(leaf, rest, now).ok()?;
        read(leaf)
    }
}

fn verifier(
    files: &ServerTls,
    demand: Demand,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsProblem> {
    let Some(authority) = &files.client_ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(authority)? {
        roots.add(certificate).map_err(TlsProblem::Authority)?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(list) = &files.crl {
        // Without this, a list that is out of date would count as one that revokes nothing new.
        builder = builder.with_crls(pem::revocation_lists(list)?).enforce_revocation_expiration();
    }
    if demand == Demand::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(Some).map_err(TlsProblem::Clients)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "names of other kinds identify nobody here")]
fn read(leaf: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let names = certificate.subject_alternative_name().ok()?;
    let sans = names.map_or_else(Vec::new, |names| {
        let known = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(format!("dns:{}", name.to_ascii_lowercase())),
            GeneralName::URI(name) => Some(format!("uri:{name}")),
            _ => None,
        });
        known.collect()
    });
    Some(ClientCertificate { sans, thumbprint: Sha256::digest(leaf).into() })
}

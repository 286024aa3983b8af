//! Real certificates, made for one test: authorities, servers, clients, revocation lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) pem: String,
    pub(crate) key: String,
}

/// What a certificate says.
pub(crate) struct Says<'a> {
    pub(crate) sans: &'a [SanType],
    pub(crate) common_name: &'a str,
    pub(crate) serial: u64,
    pub(crate) until_year: i32,
    pub(crate) usage: ExtendedKeyUsagePurpose,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn issue(&self, says: &Says<'_>) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, says.common_name);
        params.subject_alt_names = says.sans.to_vec();
        params.serial_number = Some(SerialNumber::from(says.serial));
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(says.until_year, 1, 1);
        params.extended_key_usages = vec![says.usage.clone()];
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { pem, key: key.serialize_pem() }
    }

    /// A server on loopback.
    pub(crate) fn server(&self, name: &str) -> Leaf {
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        self.issue(&Says {
            sans: &[dns(name), address],
            common_name: "server",
            serial: 1,
            until_year: 2090,
            usage: ExtendedKeyUsagePurpose::ServerAuth,
        })
    }

    pub(crate) fn client(&self, san: SanType, serial: u64) -> Leaf {
        self.issue(&Says {
            sans: &[san],
            common_name: "client",
            serial,
            until_year: 2090,
            usage: ExtendedKeyUsagePurpose::ClientAuth,
        })
    }

    /// A revocation list of these serial numbers, in date until the first day of a year.
    pub(crate) fn revokes(&self, serials: &[u64], until_year: i32) -> String {
        self.revocations(serials, until_year).pem().unwrap()
    }

    /// The same in DER.
    pub(crate) fn revokes_der(&self, serials: &[u64], until_year: i32) -> Vec<u8> {
        self.revocations(serials, until_year).der().to_vec()
    }

    fn revocations(&self, serials: &[u64], until_year: i32) -> rcgen::CertificateRevocationList {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(until_year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap()
    }
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(crate) fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

/// Writes a text into a file of `folder`.
pub(crate) fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn chain(leaf: &Leaf) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(leaf.pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap())
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server that shows `leaf`, and asks for a certificate of `clients` when given.
pub(crate) fn server_config(leaf: &Leaf, clients: Option<&Authority>, alpn: &[&[u8]]) -> Arc<ServerConfig> {
    let (chain, key) = chain(leaf);
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(roots(authority), provider())
                    .build()
                    .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// A client that trusts `authority`, and shows `leaf` when given.
pub(crate) fn client_config(authority: &Authority, leaf: Option<&Leaf>, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(authority));
    let mut config = match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let (chain, key) = chain(leaf);
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

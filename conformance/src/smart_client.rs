//! A registered client of a SMART authorisation server: its id, its key, and the assertions it signs.
//!
//! Nothing of the key is ever shown. SMART App Launch 2.2, client authentication: asymmetric (private_key_jwt).

use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::Limits;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// Why a registration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadClient {
    /// The file is not there, or is not readable.
    #[error("the file of the client, or of its key, cannot be read")]
    Unreadable,
    /// The file lacks something.
    #[error("the file of the client is JSON with client_id, kid, scope, and key or key_file")]
    Incomplete,
    /// The key is none that SMART knows.
    #[error("the key of the client must be PKCS#8 in PEM, RSA (RS384) or P-384 (ES384)")]
    Key,
}

/// A registered client. `Debug` shows nothing of it.
pub struct SmartClient {
    id: String,
    kid: String,
    scope: String,
    key: Key,
}

enum Key {
    Es384(Box<EcdsaKeyPair>),
    Rs384(Box<RsaKeyPair>),
}

impl fmt::Debug for SmartClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmartClient(..)")
    }
}

/// What an assertion says; right as it is made by [`SmartClient::claims`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionClaims {
    /// Who it is for.
    pub audience: String,
    /// Who says it.
    pub issuer: String,
    /// Whom it is about; the same.
    pub subject: String,
    /// Its own name.
    pub jti: String,
    /// When it ends, in seconds from now.
    pub ends_in_seconds: i64,
    /// The name of the key.
    pub kid: String,
}

impl SmartClient {
    /// Reads a registration: JSON with `client_id`, `kid`, `scope`, and `key` (PEM) or `key_file` (a path beside it).
    ///
    /// # Errors
    /// [`BadClient`]
    pub fn read(file: &Path) -> Result<Self, BadClient> {
        let bytes = std::fs::read(file).map_err(|_| BadClient::Unreadable)?;
        let held =
            fhir::json::parse_value(bytes.into(), &Limits::default()).map_err(|_| BadClient::Incomplete)?;
        let text = |name: &str| held.get(name).and_then(Value::as_str).map(str::to_owned);
        let pem = match (text("key"), text("key_file")) {
            (Some(pem), _) => pem,
            (None, Some(path)) => {
                let path = file.parent().unwrap_or(Path::new(".")).join(path);
                std::fs::read_to_string(path).map_err(|_| BadClient::Unreadable)?
            }
            (None, None) => return Err(BadClient::Incomplete),
        };
        let missing = BadClient::Incomplete;
        Ok(Self {
            id: text("client_id").ok_or(missing)?,
            kid: text("kid").ok_or(missing)?,
            scope: text("scope").ok_or(missing)?,
            key: key(&pem)?,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The scope that it may be granted.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The claims of a right assertion for `audience`.
    #[must_use]
    pub fn claims(&self, audience: &str, jti: &str) -> AssertionClaims {
        AssertionClaims {
            audience: audience.to_owned(),
            issuer: self.id.clone(),
            subject: self.id.clone(),
            jti: jti.to_owned(),
            ends_in_seconds: 240,
            kid: self.kid.clone(),
        }
    }

    /// A signed assertion.
    ///
    /// # Errors
    /// [`BadClient::Key`] when the key does not sign.
    pub fn assertion(&self, claims: &AssertionClaims) -> Result<String, BadClient> {
        let algorithm = match self.key {
            Key::Es384(_) => "ES384",
            Key::Rs384(_) => "RS384",
        };
        let now = jiff::Timestamp::now().as_second();
        let head = json!({"alg": algorithm, "typ": "JWT", "kid": claims.kid});
        let body = json!({
            "iss": claims.issuer, "sub": claims.subject, "aud": claims.audience, "jti": claims.jti,
            "iat": now.saturating_add(claims.ends_in_seconds.min(240)).saturating_sub(240),
            "exp": now.saturating_add(claims.ends_in_seconds)
        });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&head), encoded(&body));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, BadClient> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Es384(pair) => {
                pair.sign(&random, bytes).map(|made| made.as_ref().to_vec()).map_err(|_| BadClient::Key)
            }
            Key::Rs384(pair) => {
                let mut made = vec![0_u8; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA384, &random, bytes, &mut made).map_err(|_| BadClient::Key)?;
                Ok(made)
            }
        }
    }
}

fn key(pem: &str) -> Result<Key, BadClient> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BadClient::Key)?;
    let bytes = der.secret_der();
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, bytes) {
        return Ok(Key::Es384(Box::new(pair)));
    }
    RsaKeyPair::from_pkcs8(bytes).map(|pair| Key::Rs384(Box::new(pair))).map_err(|_| BadClient::Key)
}

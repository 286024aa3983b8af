//! The key of the sign-in page: made at start, kept in memory, ES256.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const KEY_ID: &str = "demo-1";

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The system gives no key.
    #[error("no signing key can be made")]
    Key,
    /// The key does not sign.
    #[error("a token cannot be signed")]
    Token,
}

/// Signs tokens. `Debug` shows no key.
pub struct Signer {
    pair: EcdsaKeyPair,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

impl Signer {
    /// Makes a key.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn new() -> Result<Self, SignerError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SignerError::Key)?;
        Ok(Self { pair })
    }

    /// The public half, as a JWKS.
    #[must_use]
    pub fn jwks(&self) -> Value {
        // An uncompressed point: one byte 4, then 32 bytes each of x and y.
        let point = self.pair.public_key().as_ref();
        let half = |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID,
            "x": half(1), "y": half(33),
        }]})
    }

    /// `claims` as a signed token (RFC 7515, compact).
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, claims: &Value) -> Result<String, SignerError> {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature =
            self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| SignerError::Token)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

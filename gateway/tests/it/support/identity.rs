//! Issuers with real keys, and tokens signed with them, right or wrong.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway::settings::{Claims, Issuer, KeySource, SpeaksFor};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

/// A signing key and how it is published.
pub(crate) struct SigningKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) id: &'static str,
    pub(crate) key: EncodingKey,
    pub(crate) published: Value,
}

impl SigningKey {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other algorithms are not taken")]
    pub(crate) fn new(algorithm: Algorithm, id: &'static str) -> Self {
        if algorithm == Algorithm::EdDSA {
            let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
            let public = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
            let published = json!({"kty": "OKP", "crv": "Ed25519", "x": public, "kid": id});
            return Self { algorithm, id, key: EncodingKey::from_ed_der(&pair.serialize_der()), published };
        }
        let key = match algorithm {
            Algorithm::ES256 => {
                let pem = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
                EncodingKey::from_ec_pem(pem.as_bytes())
            }
            Algorithm::ES384 => {
                let pem = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
                EncodingKey::from_ec_pem(pem.as_bytes())
            }
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => {
                let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
                EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes())
            }
            other => panic!("no key is made for {other:?}"),
        };
        let key = key.unwrap();
        let mut published = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        published["kid"] = id.into();
        published.as_object_mut().unwrap().remove("alg");
        Self { algorithm, id, key, published }
    }

    /// Signs exactly these texts.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_as(self.algorithm, header, claims)
    }

    pub(crate) fn sign_as(&self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.id})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }
}

/// Publishes `keys` in a JWKS file of `folder`.
pub(crate) fn issuer(folder: &Path, name: &str, claims: Claims, keys: &[&SigningKey]) -> Issuer {
    let kind = format!("{claims:?}");
    let path = folder.join(format!("{}.jwks.json", kind.split(' ').next().unwrap()));
    let published: Vec<&Value> = keys.iter().map(|key| &key.published).collect();
    fs::write(&path, json!({"keys": published}).to_string()).unwrap();
    Issuer {
        issuer: name.into(),
        keys: KeySource::File(path),
        claims,
        audience: super::site::BASE.into(),
        speaks_for: SpeaksFor::Everyone,
        sign_in: None,
    }
}

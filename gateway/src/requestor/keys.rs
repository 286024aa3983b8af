//! The keys of issuers, read from their JWKS files, and the tokens already verified with them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fhir::json;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::sync::Cache;
use serde_json::Value;

use super::token::Verified;
use crate::settings::{Claims, Issuer};

const FILE_BYTES_MAX: u64 = 1 << 20;
const VERIFIED_MAX: u64 = 10_000;
/// How long a verified token is remembered; its own `exp` is looked at on every use besides.
const VERIFIED_FOR: Duration = Duration::from_secs(600);

/// The keys of every issuer. Loaded whole at start and at each reload; an old set goes with its memory of tokens.
#[derive(Debug)]
pub struct Keys {
    pub(in crate::requestor) issuers: Vec<IssuerKeys>,
    pub(in crate::requestor) verified: Cache<[u8; 32], Arc<Verified>>,
}

/// One issuer and its keys.
#[derive(Debug)]
pub(in crate::requestor) struct IssuerKeys {
    pub(in crate::requestor) issuer: String,
    pub(in crate::requestor) claims: Claims,
    pub(in crate::requestor) audience: String,
    keys: Vec<Key>,
}

struct Key {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    decoding: DecodingKey,
}

/// A JWKS file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}", path = path.display())]
pub struct KeyProblem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: KeyFault,
}

/// What is wrong with a JWKS file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// It is not JSON, or over a megabyte.
    #[error("is not json: {0}")]
    Json(#[source] json::Invalid),
    /// It has no array `keys`.
    #[error("has no array of keys")]
    NoKeys,
    /// A key in it is no JWK.
    #[error("key {0} is not a json web key")]
    NotAKey(usize),
    /// A key in it is a shared secret.
    #[error("key {0} is a shared secret; only public keys are taken")]
    Secret(usize),
    /// Two keys have one id, or several have none.
    #[error("key {0} has the key id of another, or none beside others")]
    SameId(usize),
    /// None of its keys can verify a signature by an algorithm that is taken.
    #[error("has no key for an algorithm that is taken (RS256, RS384, RS512, ES256, ES384, EdDSA)")]
    NoneUsable,
}

impl Keys {
    /// Reads the keys of all issuers.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn load(issuers: &[Issuer]) -> Result<Self, Vec<KeyProblem>> {
        let mut loaded = Vec::new();
        let mut problems = Vec::new();
        for issuer in issuers {
            match read_keys(&issuer.keys) {
                Ok(keys) => {
                    loaded.push(IssuerKeys {
                        issuer: issuer.issuer.clone(),
                        claims: issuer.claims,
                        audience: issuer.audience.clone(),
                        keys,
                    });
                }
                Err(fault) => problems.push(KeyProblem { path: issuer.keys.clone(), fault }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let verified = Cache::builder().max_capacity(VERIFIED_MAX).time_to_live(VERIFIED_FOR).build();
        Ok(Self { issuers: loaded, verified })
    }
}

impl IssuerKeys {
    /// The key a token means: by its id, or the only one there is.
    pub(in crate::requestor) fn named(&self, id: Option<&str>) -> Option<(&DecodingKey, &[Algorithm])> {
        let key = match (id, self.keys.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id))?,
            (None, [only]) => only,
            (None, _) => return None,
        };
        Some((&key.decoding, key.algorithms))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithms)
    }
}

fn read_keys(path: &Path) -> Result<Vec<Key>, KeyFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(KeyFault::Unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(KeyFault::Unreadable)?;
    let limits = json::Limits { bytes_max: 1 << 20, ..json::Limits::default() };
    parse_keys(json::parse_value(bytes.into(), &limits).map_err(KeyFault::Json)?)
}

fn parse_keys(set: Value) -> Result<Vec<Key>, KeyFault> {
    let Value::Object(mut set) = set else { return Err(KeyFault::NoKeys) };
    let Some(Value::Array(listed)) = set.remove("keys") else { return Err(KeyFault::NoKeys) };
    let mut keys: Vec<Key> = Vec::new();
    for (number, listed) in listed.into_iter().enumerate() {
        let key: Jwk = serde_json::from_value(listed).map_err(|_| KeyFault::NotAKey(number))?;
        if matches!(key.algorithm, AlgorithmParameters::OctetKey(_)) {
            return Err(KeyFault::Secret(number));
        }
        let Some(algorithms) = algorithms(&key) else { continue };
        let decoding = DecodingKey::from_jwk(&key).map_err(|_| KeyFault::NotAKey(number))?;
        let id = key.common.key_id;
        if keys.iter().any(|other| other.id == id || other.id.is_none() || id.is_none()) {
            return Err(KeyFault::SameId(number));
        }
        keys.push(Key { id, algorithms, decoding });
    }
    match keys.is_empty() {
        true => Err(KeyFault::NoneUsable),
        false => Ok(keys),
    }
}

/// The algorithms a key may verify: those of its kind, narrowed to its own `alg`. None for a key of another use.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not named is not taken, whatever the crate adds")]
fn algorithms(key: &Jwk) -> Option<&'static [Algorithm]> {
    let common = &key.common;
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let signs = common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature);
    if !verifies || !signs {
        return None;
    }
    let of_kind: &'static [Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512],
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    let Some(stated) = common.key_algorithm else { return Some(of_kind) };
    let stated = match stated {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::RS384 => Algorithm::RS384,
        KeyAlgorithm::RS512 => Algorithm::RS512,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::ES384 => Algorithm::ES384,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    };
    of_kind.iter().position(|algorithm| *algorithm == stated).and_then(|at| of_kind.get(at..=at))
}

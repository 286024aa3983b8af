//! A JSON Web Key Set (RFC 7517) as the gateway takes it: public signature keys, each bound to its algorithms.
//!
//! A set from a file is the operator's own: what is wrong with it is an error. A set that was fetched is the issuer's:
//! a key that cannot be used is left out and named by its place, and the others count.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// RSA keys below are weak; the verifier takes none above.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// More keys than any issuer has.
const KEYS_MAX: usize = 100;

/// The keys of an issuer, as they were at one moment.
#[derive(Debug)]
pub(in crate::requestor) struct KeySet(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    decoding: DecodingKey,
}

/// What is wrong with a key set as a whole.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// It is not JSON, or too large.
    #[error("is not json: {0}")]
    Json(#[source] json::Invalid),
    /// It has no array `keys`.
    #[error("has no array of keys")]
    NoKeys,
    /// It has more keys than are looked at.
    #[error("has more than {KEYS_MAX} keys")]
    TooMany,
    /// A key in it must not be there.
    #[error("key {0} {1}")]
    Key(usize, Unusable),
    /// None of its keys can verify a signature by an algorithm that is taken.
    #[error("has no key for an algorithm that is taken (RS256, RS384, RS512, ES256, ES384, EdDSA)")]
    NoneUsable,
}

/// Why a key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no JWK, or of a kind that is not known.
    #[error("is not a json web key")]
    NotAKey,
    /// Its private part stands in it: whoever reads the set can sign with it.
    #[error("is private: keep only the public parts")]
    Private,
    /// It is a shared secret.
    #[error("is a shared secret; only public keys are taken")]
    Secret,
    /// It is for encryption, or not for verifying.
    #[error("is not for signatures")]
    OtherUse,
    /// Its kind, curve or `alg` is not taken, or they do not fit each other.
    #[error("is of an algorithm that is not taken")]
    Algorithm,
    /// An RSA key of the wrong length.
    #[error("is an RSA key of less than 2048 or more than 8192 bits")]
    Length,
    /// Two keys have one id, or several have none.
    #[error("has the key id of another, or none beside others")]
    SameId,
    /// A fetched key without an id.
    #[error("has no key id")]
    NoId,
}

impl Unusable {
    /// Whether an operator may leave such a key in a file: it is merely of no use.
    const fn is_harmless(self) -> bool {
        match self {
            Self::OtherUse | Self::Algorithm => true,
            Self::NotAKey | Self::Private | Self::Secret | Self::Length | Self::SameId | Self::NoId => false,
        }
    }
}

impl KeySet {
    /// The keys of a file. Tokens without a key id are taken when it has one key only.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub(in crate::requestor) fn of_file(set: Value) -> Result<Self, KeyFault> {
        let mut keys: Vec<Key> = Vec::new();
        for (number, listed) in listed(set)?.into_iter().enumerate() {
            let key = match Key::read(listed) {
                Ok(key) => key,
                Err(why) if why.is_harmless() => continue,
                Err(why) => return Err(KeyFault::Key(number, why)),
            };
            if keys.iter().any(|other| other.id == key.id || other.id.is_none() || key.id.is_none()) {
                return Err(KeyFault::Key(number, Unusable::SameId));
            }
            keys.push(key);
        }
        Self::of(keys)
    }

    /// The keys of a set that was fetched, and which of them do not count. Each has an id of its own: of two with the
    /// same, neither can be told from the other, and neither counts.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub(in crate::requestor) fn fetched(set: Value) -> Result<(Self, Vec<(usize, Unusable)>), KeyFault> {
        let mut left_out = Vec::new();
        let mut read: Vec<(usize, Key)> = Vec::new();
        for (number, listed) in listed(set)?.into_iter().enumerate() {
            match Key::read(listed) {
                Ok(Key { id: None, .. }) => left_out.push((number, Unusable::NoId)),
                Ok(key) => read.push((number, key)),
                Err(why) => left_out.push((number, why)),
            }
        }
        let ids: Vec<Option<String>> = read.iter().map(|(_, key)| key.id.clone()).collect();
        let mut keys = Vec::new();
        for (number, key) in read {
            match ids.iter().filter(|id| **id == key.id).count() {
                1 => keys.push(key),
                _ => left_out.push((number, Unusable::SameId)),
            }
        }
        Ok((Self::of(keys)?, left_out))
    }

    fn of(keys: Vec<Key>) -> Result<Self, KeyFault> {
        if keys.is_empty() { Err(KeyFault::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// The key a token means: by its id, or the only one there is when that has no other name.
    pub(in crate::requestor) fn named(&self, id: Option<&str>) -> Option<(&DecodingKey, &[Algorithm])> {
        let key = match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id))?,
            (None, [only]) => only,
            (None, _) => return None,
        };
        Some((&key.decoding, key.algorithms))
    }
}

impl Key {
    fn read(listed: Value) -> Result<Self, Unusable> {
        if ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|part| listed.get(part).is_some()) {
            return Err(Unusable::Private);
        }
        let jwk: Jwk = serde_json::from_value(listed).map_err(|_| Unusable::NotAKey)?;
        let algorithms = algorithms(&jwk)?;
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| Unusable::NotAKey)?;
        Ok(Self { id: jwk.common.key_id, algorithms, decoding })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithms)
    }
}

fn listed(set: Value) -> Result<Vec<Value>, KeyFault> {
    let Value::Object(mut set) = set else { return Err(KeyFault::NoKeys) };
    match set.remove("keys") {
        Some(Value::Array(listed)) if listed.len() <= KEYS_MAX => Ok(listed),
        Some(Value::Array(_)) => Err(KeyFault::TooMany),
        Some(_) | None => Err(KeyFault::NoKeys),
    }
}

/// The algorithms a key may verify: those of its kind, narrowed to its own `alg`.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not named is not taken, whatever the crate adds")]
fn algorithms(key: &Jwk) -> Result<&'static [Algorithm], Unusable> {
    let common = &key.common;
    let of_kind: &'static [Algorithm] = match &key.algorithm {
        AlgorithmParameters::OctetKey(_) => return Err(Unusable::Secret),
        AlgorithmParameters::RSA(rsa) => {
            let bits = bits(&rsa.n).ok_or(Unusable::NotAKey)?;
            if !RSA_BITS.contains(&bits) {
                return Err(Unusable::Length);
            }
            &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512]
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return Err(Unusable::Algorithm),
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return Err(Unusable::Algorithm),
    };
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let signs = common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature);
    if !verifies || !signs {
        return Err(Unusable::OtherUse);
    }
    let Some(stated) = common.key_algorithm else { return Ok(of_kind) };
    let stated = match stated {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::RS384 => Algorithm::RS384,
        KeyAlgorithm::RS512 => Algorithm::RS512,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::ES384 => Algorithm::ES384,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return Err(Unusable::Algorithm),
    };
    let narrowed =
        of_kind.iter().position(|algorithm| *algorithm == stated).and_then(|at| of_kind.get(at..=at));
    narrowed.ok_or(Unusable::Algorithm)
}

/// How many bits a number in base64url has.
fn bits(number: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(number.trim_end_matches('=')).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let leading = bytes.get(first)?.leading_zeros() as usize;
    Some((bytes.len() - first) * 8 - leading)
}

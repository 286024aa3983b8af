//! Signed tokens (RFC 7519, RFC 8725): signature first, then the claims that say whether it holds here and now.
//!
//! Who the bearer is, `requestor::claims` reads from what is verified here. An unsigned token ends here: it is not
//! one of the algorithms. Header parameters that name keys (`jku`, `jwk`, `x5u`, `x5c`) are never followed.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use fhir::json;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Requestor;
use super::claims;
use super::identify::Unauthenticated;
use super::jwks::KeySet;
use super::keys::{Held, IssuerKeys, Keys};
use super::remote::{Remote, Round};
use super::waiting::Wanted;
use crate::server::arrived::ClientCertificate;

/// The longest token that is looked at.
const TOKEN_LEN_MAX: usize = 8 * 1024;
/// How far the clocks of issuer and gateway may be apart.
const SKEW_S: f64 = 60.0;
/// Bounds on header and claims.
const LIMITS: json::Limits =
    json::Limits { bytes_max: TOKEN_LEN_MAX, depth_max: 8, members_max: 100, values_max: 500 };

/// A token that was verified: who bears it, and until when, and with which certificate.
#[derive(Debug)]
pub(in crate::requestor) struct Verified {
    requestor: Requestor,
    from: f64,
    until: f64,
    /// `cnf`: the certificate that must be shown along with the token.
    certificate: Option<[u8; 32]>,
    /// Which issuer's, and the keys it was verified with.
    issuer: usize,
    by: Arc<KeySet>,
}

impl Verified {
    /// Whether its issuer still stands for the keys it was verified with.
    fn is_by_current_keys(&self, keys: &Keys) -> bool {
        let current = keys.issuers.get(self.issuer).and_then(IssuerKeys::current);
        current.is_some_and(|current| Arc::ptr_eq(&current, &self.by))
    }

    /// The end of its life, for sessions made from it.
    pub(in crate::requestor) fn until_s(&self) -> f64 {
        self.until
    }

    pub(in crate::requestor) fn requestor(&self) -> &Requestor {
        &self.requestor
    }
}

/// Why a token is not verified yet.
enum Unverified {
    /// It never will be.
    Never(Unauthenticated),
    /// Its issuer may have published its key meanwhile.
    KeyNotHeld(Arc<Remote>, Option<String>),
}

impl From<Unauthenticated> for Unverified {
    fn from(why: Unauthenticated) -> Self {
        Self::Never(why)
    }
}

/// Verifies a bearer token. It must be meant for the audience that the settings give its issuer.
///
/// A token that names a key which its issuer may have published meanwhile waits for the keys to be fetched, together
/// with all others, within the bounds of [`super::remote`]. Nothing else is waited for.
///
/// # Errors
/// [`Unauthenticated`].
pub(in crate::requestor) async fn verify(
    token: &str,
    keys: &Keys,
    certificate: Option<&ClientCertificate>,
    from: IpAddr,
    now: Timestamp,
) -> Result<Arc<Verified>, Unauthenticated> {
    let (remote, key_id) = match verify_with_held(token, keys, certificate, now) {
        Ok(verified) => return Ok(verified),
        Err(Unverified::Never(why)) => return Err(why),
        Err(Unverified::KeyNotHeld(remote, key_id)) => (remote, key_id),
    };
    let mut waiting = remote.wait(Wanted::new(key_id.as_deref(), from));
    loop {
        let round = waiting.round().await;
        match (verify_with_held(token, keys, certificate, now), round) {
            (Ok(verified), _) => return Ok(verified),
            (Err(Unverified::Never(why)), _) => return Err(why),
            (Err(Unverified::KeyNotHeld(..)), Round::Earlier) => {}
            (Err(Unverified::KeyNotHeld(..)), Round::Fresh) => return Err(Unauthenticated::UnknownKey),
            (Err(Unverified::KeyNotHeld(..)), Round::Failed) => return Err(Unauthenticated::KeysUnavailable),
        }
    }
}

/// Verifies with the keys that are held now.
fn verify_with_held(
    token: &str,
    keys: &Keys,
    certificate: Option<&ClientCertificate>,
    now: Timestamp,
) -> Result<Arc<Verified>, Unverified> {
    if token.len() > TOKEN_LEN_MAX {
        return Err(Unauthenticated::Malformed.into());
    }
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let verified = match keys.verified.get(&digest).filter(|verified| verified.is_by_current_keys(keys)) {
        Some(verified) => verified,
        None => {
            let verified = Arc::new(verify_anew(token, keys)?);
            check_time(&verified, now)?;
            keys.verified.insert(digest, Arc::clone(&verified));
            verified
        }
    };
    check_time(&verified, now)?;
    match (verified.certificate, certificate) {
        (None, _) => Ok(verified),
        (Some(bound), Some(shown)) if bound == shown.thumbprint => Ok(verified),
        (Some(_), _) => Err(Unauthenticated::Binding.into()),
    }
}

fn verify_anew(token: &str, keys: &Keys) -> Result<Verified, Unverified> {
    let (message, signature) = token.rsplit_once('.').ok_or(Unauthenticated::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Unauthenticated::Malformed)?;
    let header = object(header)?;
    let claims = object(payload)?;
    let algorithm = algorithm(&header)?;
    check_header(&header)?;
    let named = text(&claims, "iss")?.ok_or(Unauthenticated::Claim("iss"))?;
    let known = keys.issuers.iter().enumerate().find(|(_, known)| known.issuer == named);
    let (number, issuer) = known.ok_or(Unauthenticated::UnknownIssuer)?;
    let by = check_signature(message, signature, algorithm, text(&header, "kid")?, issuer)?;
    check_audience(&claims, issuer.audience.trim_end_matches('/'))?;
    let until = seconds(&claims, "exp")?.ok_or(Unauthenticated::Claim("exp"))?;
    let not_before = seconds(&claims, "nbf")?;
    let issued = seconds(&claims, "iat")?;
    let from = not_before.unwrap_or(f64::MIN).max(issued.unwrap_or(f64::MIN));
    let certificate = claims.get("cnf").map(thumbprint).transpose()?;
    let opaque = token.get(token.len().saturating_sub(32)..).unwrap_or(token);
    let requestor = claims::read(&claims, &issuer.issuer, issuer.claims, opaque)?;
    claims::is_spoken_for(&requestor, &issuer.speaks_for)?;
    Ok(Verified { requestor, from, until, certificate, issuer: number, by })
}

fn object(part: &str) -> Result<Map<String, Value>, Unauthenticated> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Unauthenticated::Malformed)?;
    match json::parse_value(Bytes::from(bytes), &LIMITS) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(Unauthenticated::Malformed),
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Unauthenticated> {
    Ok(match text(header, "alg")? {
        Some("RS256") => Algorithm::RS256,
        Some("RS384") => Algorithm::RS384,
        Some("RS512") => Algorithm::RS512,
        Some("ES256") => Algorithm::ES256,
        Some("ES384") => Algorithm::ES384,
        Some("EdDSA") => Algorithm::EdDSA,
        Some(_) | None => return Err(Unauthenticated::Algorithm),
    })
}

fn check_header(header: &Map<String, Value>) -> Result<(), Unauthenticated> {
    if header.contains_key("crit") || header.contains_key("b64") || header.contains_key("zip") {
        return Err(Unauthenticated::Critical);
    }
    let kind = text(header, "typ")?.map(str::to_ascii_lowercase);
    match kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind)) {
        None | Some("jwt" | "at+jwt") => Ok(()),
        Some(_) => Err(Unauthenticated::Kind),
    }
}

/// Checks the signature, and gives the keys it holds under.
fn check_signature(
    message: &str,
    signature: &str,
    algorithm: Algorithm,
    key_id: Option<&str>,
    issuer: &IssuerKeys,
) -> Result<Arc<KeySet>, Unverified> {
    let not_held = || match &issuer.held {
        Held::Remote(remote) => Unverified::KeyNotHeld(Arc::clone(remote), key_id.map(str::to_owned)),
        Held::File(_) => Unverified::Never(Unauthenticated::UnknownKey),
    };
    let keys = issuer.current().ok_or_else(not_held)?;
    let (key, algorithms) = match (keys.named(key_id), key_id) {
        (Some(key), _) => key,
        (None, Some(_)) => return Err(not_held()),
        (None, None) => return Err(Unauthenticated::UnknownKey.into()),
    };
    if !algorithms.contains(&algorithm) {
        return Err(Unauthenticated::Algorithm.into());
    }
    // One spelling of a signature only: bits that do not count must be zero, no padding.
    URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unauthenticated::Malformed)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm) {
        Ok(true) => Ok(keys),
        Ok(false) | Err(_) => Err(Unauthenticated::Signature.into()),
    }
}

fn check_audience(claims: &Map<String, Value>, audience: &str) -> Result<(), Unauthenticated> {
    let ours = |named: &Value| named.as_str().is_some_and(|named| named.trim_end_matches('/') == audience);
    let meant = match claims.get("aud") {
        Some(Value::Array(named)) => named.iter().any(ours),
        Some(named) => ours(named),
        None => false,
    };
    match meant {
        true => Ok(()),
        false => Err(Unauthenticated::Audience),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any date of interest are exact in an f64")]
fn check_time(verified: &Verified, now: Timestamp) -> Result<(), Unauthenticated> {
    let now = now.as_second() as f64;
    if now >= verified.until + SKEW_S {
        return Err(Unauthenticated::Expired);
    }
    match now + SKEW_S < verified.from {
        true => Err(Unauthenticated::NotYetValid),
        false => Ok(()),
    }
}

/// `x5t#S256` of `cnf`. A token bound to anything else is bound to something that cannot be checked here.
fn thumbprint(cnf: &Value) -> Result<[u8; 32], Unauthenticated> {
    let stated = cnf.get("x5t#S256").and_then(Value::as_str).ok_or(Unauthenticated::Binding)?;
    let bytes = URL_SAFE_NO_PAD.decode(stated).map_err(|_| Unauthenticated::Binding)?;
    <[u8; 32]>::try_from(bytes).map_err(|_| Unauthenticated::Binding)
}

/// The claim `name` as text; absent is fine, another type is not.
pub(in crate::requestor) fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Unauthenticated> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unauthenticated::Claim(name)),
    }
}

fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, Unauthenticated> {
    match claims.get(name) {
        None => Ok(None),
        Some(stated) => match stated.as_f64() {
            Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds)),
            Some(_) | None => Err(Unauthenticated::Claim(name)),
        },
    }
}

//! Sessions of `/me`: a token of NHS login, shown once, becomes a sealed cookie for a quarter of an hour.
//!
//! Nothing is kept on our side. The cookie opens pages of `/me` only; the FHIR face never looks at it.

use bytes::Bytes;
use fhir::json;
use fhir::nhs_number::NhsNumber;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::identify::Unauthenticated;
use super::keys::Keys;
use super::{Party, PersonHerself, Proof, Requestor, token};
use crate::seal::{Seal, Use};
use crate::server::arrived::{Arrived, Headers};
use crate::server::target::percent_decoded;
use crate::settings::Settings;

const COOKIE: &str = "__Host-portcullis";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";
const LIFE: SignedDuration = SignedDuration::from_mins(15);
const LIMITS: json::Limits = json::Limits { bytes_max: 4096, depth_max: 2, members_max: 10, values_max: 10 };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    nhs_number: String,
    name: String,
    issuer: String,
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Who began it.
    pub requestor: Requestor,
    /// The `Set-Cookie` that carries it.
    pub cookie: String,
}

/// Begins a session from the form field `token` of `POST /me/session`.
///
/// The form may come from our own pages or from the site that issued the token, nowhere else.
///
/// # Errors
/// [`Unauthenticated`].
pub async fn begin(
    arrived: Arrived,
    keys: &Keys,
    settings: &Settings,
    seal: &Seal,
    now: Timestamp,
) -> Result<Begun, Unauthenticated> {
    let headers = arrived.headers.clone();
    if content_type(&headers) != Some("application/x-www-form-urlencoded") {
        return Err(Unauthenticated::Malformed);
    }
    let form = arrived.body.form().map_err(|_| Unauthenticated::Malformed)?;
    let token = field(form.expose(), "token").ok_or(Unauthenticated::Malformed)?;
    let verified = token::verify(&token, keys, arrived.certificate.as_ref(), arrived.peer.ip(), now).await?;
    let requestor = verified.requestor();
    let (Party::Person(person), Proof::Token { issuer, .. }) = (&requestor.party, &requestor.proof) else {
        return Err(Unauthenticated::NotProvenEnough);
    };
    check_site(&headers, &[&settings.gateway.base, issuer])?;
    let content = Content {
        nhs_number: person.nhs_number.as_str().to_owned(),
        name: person.name.clone(),
        issuer: issuer.clone(),
    };
    let content = serde_json::to_vec(&content).map_err(|_| Unauthenticated::Malformed)?;
    let mut expires = now + LIFE;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates, and an instant too far is later"
    )]
    if let Ok(token_ends) = Timestamp::from_second(verified.until_s() as i64) {
        expires = expires.min(token_ends);
    }
    let sealed = seal.seal(Use::Session, &content, &[], expires).map_err(|_| Unauthenticated::NoSession)?;
    let requestor =
        Requestor { party: Party::Person(person.clone()), proof: Proof::Session { issuer: issuer.clone() } };
    Ok(Begun { requestor, cookie: format!("{COOKIE}={sealed}; {ATTRIBUTES}; Max-Age={}", LIFE.as_secs()) })
}

/// The `Set-Cookie` that ends a session in the browser.
#[must_use]
pub fn ended() -> String {
    format!("{COOKIE}=; {ATTRIBUTES}; Max-Age=0")
}

/// Finds out who asks for a page of `/me`. A request that changes something must come from our own pages.
///
/// # Errors
/// [`Unauthenticated`].
pub fn identify(
    arrived: &Arrived,
    settings: &Settings,
    seal: &Seal,
    now: Timestamp,
) -> Result<Requestor, Unauthenticated> {
    if arrived.method.takes_body() {
        check_site(&arrived.headers, &[&settings.gateway.base])?;
    }
    let cookies = arrived.headers.cookie.as_ref().ok_or(Unauthenticated::NoSession)?;
    let mut ours = cookies.expose().split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    let (Some(sealed), None) = (ours.next(), ours.next()) else { return Err(Unauthenticated::NoSession) };
    let content = seal.open(Use::Session, sealed, &[], now).map_err(|_| Unauthenticated::NoSession)?;
    let content: Content =
        json::parse_into(Bytes::from(content), &LIMITS).map_err(|_| Unauthenticated::NoSession)?;
    let nhs_number = NhsNumber::parse(&content.nhs_number).map_err(|_| Unauthenticated::NoSession)?;
    Ok(Requestor {
        party: Party::Person(PersonHerself { nhs_number, name: content.name }),
        proof: Proof::Session { issuer: content.issuer },
    })
}

/// Whether a session is shown at all, be it good or not.
#[must_use]
pub fn is_shown(arrived: &Arrived) -> bool {
    let names = |cookies: &str| {
        cookies.split(';').any(|pair| pair.trim().split_once('=').is_some_and(|(name, _)| name == COOKIE))
    };
    arrived.headers.cookie.as_ref().is_some_and(|cookies| names(cookies.expose()))
}

/// A browser says where a form comes from; other callers say nothing, and have no session that could be borrowed.
fn check_site(headers: &Headers, sites: &[&str]) -> Result<(), Unauthenticated> {
    let known = match (&headers.origin, headers.fetch_site.as_deref()) {
        (Some(origin), _) => sites.iter().any(|site| origin_of(site).as_deref() == Some(origin)),
        (None, None | Some("same-origin" | "none")) => true,
        (None, Some(_)) => false,
    };
    match known {
        true => Ok(()),
        false => Err(Unauthenticated::CrossSite),
    }
}

/// Scheme and authority of a URL, as browsers write an origin.
fn origin_of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let (scheme, authority) = (url.scheme_str()?, url.authority()?.as_str().to_ascii_lowercase());
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    Some(format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(&authority)))
}

fn content_type(headers: &Headers) -> Option<&str> {
    headers.content_type.as_deref().and_then(|value| value.split(';').next()).map(str::trim)
}

/// The one value of a field; none when it stands twice.
fn field(form: &str, name: &str) -> Option<String> {
    let mut values = form.split('&').filter_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (percent_decoded(found)? == name.as_bytes()).then_some(value)
    });
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    String::from_utf8(percent_decoded(value)?).ok()
}

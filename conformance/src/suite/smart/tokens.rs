//! Backend services: assertions, the token endpoint, and what it gives.

use http::Method;
use serde_json::Value;

use super::configuration::{configuration, text};
use super::scope::Scope;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::smart_client::AssertionClaims;
use crate::suite::judge::encoded;
use crate::target::{Answer, Question};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A token that was granted.
pub(super) struct Granted {
    pub(super) held: Value,
    pub(super) token: String,
}

/// Where tokens are to be had; skipped where the run has no client.
pub(super) async fn endpoint(bench: &Bench) -> Result<String, Otherwise> {
    bench.smart_client()?;
    let held = configuration(bench).await?;
    text(&held, "token_endpoint").ok_or(Otherwise::skipped("there is no token endpoint"))
}

/// A name that no other assertion has.
fn jti(bench: &Bench) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", bench.tag(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) async fn post(bench: &Bench, address: &str, pairs: &[(&str, &str)]) -> Result<Answer, Otherwise> {
    let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let (headers, body) = ([FORM, ("accept", "application/json")], body.join("&"));
    let question = Question { method: Method::POST, path: "", headers: &headers, body: body.as_bytes() };
    bench.ask_at(address, &question).await
}

fn signed(bench: &Bench, claims: &AssertionClaims) -> Result<String, Otherwise> {
    bench.smart_client()?.assertion(claims).map_err(|bad| Otherwise::error(bad.to_string()))
}

/// Asks for a token with this assertion.
async fn with_assertion(bench: &Bench, assertion: &str, scope: &str) -> Result<Answer, Otherwise> {
    let address = endpoint(bench).await?;
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    post(bench, &address, &pairs).await
}

/// Asks for a token with an assertion that is right but for what `change` makes of it.
async fn with_claims(
    bench: &Bench,
    scope: &str,
    change: impl FnOnce(&mut AssertionClaims),
) -> Result<Answer, Otherwise> {
    let address = endpoint(bench).await?;
    let mut claims = bench.smart_client()?.claims(&address, &jti(bench));
    change(&mut claims);
    let assertion = signed(bench, &claims)?;
    with_assertion(bench, &assertion, scope).await
}

fn held(answer: &Answer) -> Value {
    fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()).unwrap_or_default()
}

/// The answer to a right request for all that the client may have.
async fn asked(bench: &Bench) -> Result<Answer, Otherwise> {
    let scope = bench.smart_client()?.scope().to_owned();
    with_claims(bench, &scope, |_| ()).await
}

/// A token for `scope`.
pub(super) async fn granted(bench: &Bench, scope: &str) -> Result<Granted, Otherwise> {
    let answer = with_claims(bench, scope, |_| ()).await?;
    let held = held(&answer);
    match text(&held, "access_token") {
        Some(token) if answer.status == 200 && token.chars().all(|letter| letter.is_ascii_graphic()) => {
            Ok(Granted { held, token })
        }
        Some(_) | None => Err(Otherwise::error(format!("no token was granted (status {})", answer.status))),
    }
}

/// A token for all that the client may have.
pub(super) async fn token(bench: &Bench) -> Result<Granted, Otherwise> {
    let scope = bench.smart_client()?.scope().to_owned();
    granted(bench, &scope).await
}

pub(super) async fn issued(bench: &Bench) -> Judgement {
    let answer = asked(bench).await?;
    if answer.status != 200 {
        return Err(Otherwise::unmet(
            "status 200 for a right assertion",
            format!("status {}", answer.status),
        ));
    }
    match text(&held(&answer), "access_token") {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("access_token", "none")),
    }
}

pub(super) async fn token_type(bench: &Bench) -> Judgement {
    let granted = token(bench).await?;
    if text(&granted.held, "token_type").is_some_and(|held| held.eq_ignore_ascii_case("bearer")) {
        return Ok(());
    }
    Err(Otherwise::unmet("token_type bearer", "another, or none"))
}

fn seconds(granted: &Granted) -> Option<i64> {
    granted.held.get("expires_in").and_then(Value::as_i64)
}

pub(super) async fn expires_in(bench: &Bench) -> Judgement {
    match seconds(&token(bench).await?) {
        Some(seconds) if seconds > 0 => Ok(()),
        Some(_) | None => {
            Err(Otherwise::unmet("expires_in as a number of seconds", "none, or something else"))
        }
    }
}

pub(super) async fn lifetime(bench: &Bench) -> Judgement {
    let granted = token(bench).await?;
    let seconds = seconds(&granted).ok_or(Otherwise::skipped("there is no expires_in"))?;
    if seconds <= 300 { Ok(()) } else { Err(Otherwise::unmet("300 seconds or fewer", format!("{seconds}"))) }
}

pub(super) async fn scope_told(bench: &Bench) -> Judgement {
    match text(&token(bench).await?.held, "scope") {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("the scope that was granted", "none")),
    }
}

pub(super) async fn no_store(bench: &Bench) -> Judgement {
    let answer = asked(bench).await?;
    if answer.status != 200 {
        return Err(Otherwise::error(format!("no token was granted (status {})", answer.status)));
    }
    if answer.header("cache-control").is_some_and(|held| held.to_ascii_lowercase().contains("no-store")) {
        return Ok(());
    }
    Err(Otherwise::unmet("Cache-Control: no-store", "another, or none"))
}

pub(super) async fn no_refresh(bench: &Bench) -> Judgement {
    match text(&token(bench).await?.held, "refresh_token") {
        None => Ok(()),
        Some(_) => Err(Otherwise::unmet("no refresh token for a backend service", "one")),
    }
}

pub(super) async fn json_answer(bench: &Bench) -> Judgement {
    let answer = asked(bench).await?;
    let media = answer.header("content-type").unwrap_or_default();
    if media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Otherwise::unmet("content type application/json", "another, or none"))
}

/// A part of what the client may have: one scope, narrowed to searching where that is a part of it.
pub(super) fn narrow(scope: &str) -> Option<String> {
    let first = scope.split(' ').find(|one| Scope::read(one).is_some())?;
    let read = Scope::read(first)?;
    let (head, _) = first.split_once('?').unwrap_or((first, ""));
    let (kind, _) = head.rsplit_once('.')?;
    let kind = kind.replace("/*", "/Patient");
    let narrowed = if read.is_v1() { format!("{kind}.read") } else { format!("{kind}.rs") };
    let fits = Scope::read(&narrowed).is_some_and(|one| read.covers(&one));
    Some(if fits { narrowed } else { first.to_owned() })
}

/// Every granted scope is covered by one of `allowed`.
fn within(granted: &Granted, allowed: &str) -> Judgement {
    let allowed: Vec<Scope> = allowed.split(' ').filter_map(Scope::read).collect();
    let scope = text(&granted.held, "scope").ok_or(Otherwise::skipped("the scope is not told"))?;
    for one in scope.split(' ').filter(|one| Scope::is_clinical(one)) {
        let covered = Scope::read(one).is_some_and(|one| allowed.iter().any(|wide| wide.covers(&one)));
        if !covered {
            return Err(Otherwise::unmet("no more than was asked for and may be had", "a wider scope"));
        }
    }
    Ok(())
}

pub(super) async fn scope_reduced(bench: &Bench) -> Judgement {
    let scope = bench.smart_client()?.scope().to_owned();
    let part = narrow(&scope).ok_or(Otherwise::skipped("the client may have no scope of resources"))?;
    within(&granted(bench, &part).await?, &part)
}

pub(super) async fn scope_beyond(bench: &Bench) -> Judgement {
    let scope = bench.smart_client()?.scope().to_owned();
    if scope.split(' ').any(|one| one == "system/*.cruds" || one == "system/*.*") {
        return Err(Otherwise::skipped("there is nothing that the client may not have"));
    }
    let answer = with_claims(bench, "system/*.cruds", |_| ()).await?;
    let held = held(&answer);
    match (answer.status, text(&held, "access_token")) {
        (200, Some(token)) => within(&Granted { held, token }, &scope),
        (400..=403, None) => Ok(()),
        (status, _) => {
            Err(Otherwise::unmet("less than was asked for, or invalid_scope", format!("status {status}")))
        }
    }
}

/// A refusal, without a token.
fn refused(answer: &Answer) -> Judgement {
    let given = text(&held(answer), "access_token").is_some();
    if matches!(answer.status, 400 | 401 | 403) && !given {
        return Ok(());
    }
    Err(Otherwise::unmet("status 400 or 401, and no token", format!("status {}", answer.status)))
}

/// A right assertion is taken at the time of the check: else a refusal would tell nothing.
async fn ground(bench: &Bench) -> Result<String, Otherwise> {
    token(bench).await?;
    Ok(bench.smart_client()?.scope().to_owned())
}

pub(super) async fn wrong_audience(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    let other = "https://another.example/token";
    refused(&with_claims(bench, &scope, |claims| claims.audience = other.to_owned()).await?)
}

pub(super) async fn expired(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    refused(&with_claims(bench, &scope, |claims| claims.ends_in_seconds = -600).await?)
}

pub(super) async fn wrong_kid(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    refused(&with_claims(bench, &scope, |claims| claims.kid = "nobody-has-this-key".to_owned()).await?)
}

pub(super) async fn wrong_issuer(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    let unknown = format!("unknown-{}", bench.tag());
    refused(
        &with_claims(bench, &scope, |claims| {
            claims.issuer.clone_from(&unknown);
            claims.subject = unknown;
        })
        .await?,
    )
}

pub(super) async fn other_subject(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    let other = format!("other-{}", bench.tag());
    refused(&with_claims(bench, &scope, |claims| claims.subject = other).await?)
}

pub(super) async fn replayed(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    let address = endpoint(bench).await?;
    let assertion = signed(bench, &bench.smart_client()?.claims(&address, &jti(bench)))?;
    let first = with_assertion(bench, &assertion, &scope).await?;
    if first.status != 200 {
        return Err(Otherwise::error(format!("no token was granted (status {})", first.status)));
    }
    refused(&with_assertion(bench, &assertion, &scope).await?)
}

async fn wrongly_signed(bench: &Bench) -> Result<Answer, Otherwise> {
    let scope = ground(bench).await?;
    let address = endpoint(bench).await?;
    let claims = bench.smart_client()?.claims(&address, &jti(bench));
    let (one, other) = (signed(bench, &claims)?, {
        let mut others = claims.clone();
        others.jti = jti(bench);
        signed(bench, &others)?
    });
    // The signature of another assertion by the same key.
    let body = one.rsplit_once('.').map(|(body, _)| body).unwrap_or_default();
    let signature = other.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
    with_assertion(bench, &format!("{body}.{signature}"), &scope).await
}

pub(super) async fn wrong_signature(bench: &Bench) -> Judgement {
    refused(&wrongly_signed(bench).await?)
}

pub(super) async fn invalid_client(bench: &Bench) -> Judgement {
    let answer = wrongly_signed(bench).await?;
    match text(&held(&answer), "error") {
        Some(error) if error == "invalid_client" => Ok(()),
        Some(_) => Err(Otherwise::unmet("error invalid_client", "another error")),
        None => Err(Otherwise::unmet("error invalid_client", format!("none, with status {}", answer.status))),
    }
}

pub(super) async fn unsigned(bench: &Bench) -> Judgement {
    use base64::Engine;
    let scope = ground(bench).await?;
    let address = endpoint(bench).await?;
    let assertion = signed(bench, &bench.smart_client()?.claims(&address, &jti(bench)))?;
    let body = assertion.split('.').nth(1).unwrap_or_default();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    refused(&with_assertion(bench, &format!("{head}.{body}."), &scope).await?)
}

pub(super) async fn no_assertion(bench: &Bench) -> Judgement {
    let scope = ground(bench).await?;
    let address = endpoint(bench).await?;
    let id = bench.smart_client()?.id().to_owned();
    let pairs = [("grant_type", "client_credentials"), ("scope", scope.as_str()), ("client_id", id.as_str())];
    refused(&post(bench, &address, &pairs).await?)
}

pub(super) async fn other_grant(bench: &Bench) -> Judgement {
    let address = endpoint(bench).await?;
    let claims = bench.smart_client()?.claims(&address, &jti(bench));
    let assertion = signed(bench, &claims)?;
    let pairs = [
        ("grant_type", "urn:portcullis:no-such-grant"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = post(bench, &address, &pairs).await?;
    refused(&answer)?;
    match text(&held(&answer), "error") {
        Some(error) if error == "unsupported_grant_type" => Ok(()),
        Some(_) | None => Err(Otherwise::unmet("error unsupported_grant_type", "another, or none")),
    }
}

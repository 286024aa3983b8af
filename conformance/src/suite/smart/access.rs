//! What a token opens, and what opens nothing; introspection and revocation.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::configuration::{configuration, text};
use super::scope::Scope;
use super::tokens::{granted, narrow, post, token};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::suite::judge::encoded;
use crate::target::{Answer, Question};

/// A search that the endpoint claims; what is asked without a token finds out whether one is needed.
fn search(bench: &Bench) -> Result<String, Otherwise> {
    let claims = bench.claims()?;
    let kind = claims.types().find(|name| claims.offers(name, "search-type"));
    kind.map(|kind| format!("{kind}?_count=1")).ok_or(Otherwise::skipped("search-type is not advertised"))
}

async fn with_token(bench: &Bench, path: &str, token: Option<&str>) -> Result<Answer, Otherwise> {
    let held = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("accept", "application/fhir+json")];
    if let Some(held) = &held {
        headers.push(("authorization", held));
    }
    bench.ask_plainly(&Question { method: Method::GET, path, headers: &headers, body: b"" }).await
}

async fn refused(bench: &Bench, token: Option<&str>) -> Result<Answer, Otherwise> {
    configuration(bench).await?;
    let answer = with_token(bench, &search(bench)?, token).await?;
    if answer.status == 401 {
        return Ok(answer);
    }
    Err(Otherwise::unmet("status 401", format!("status {}", answer.status)))
}

pub(super) async fn no_token(bench: &Bench) -> Judgement {
    refused(bench, None).await.map(|_| ())
}

pub(super) async fn challenge(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    let answer = with_token(bench, &search(bench)?, None).await?;
    if answer.status != 401 {
        return Err(Otherwise::skipped("the endpoint does not answer 401 without a token"));
    }
    match answer.header("www-authenticate") {
        Some(held) if held.to_ascii_lowercase().contains("bearer") => Ok(()),
        Some(_) => Err(Otherwise::unmet("WWW-Authenticate with Bearer", "another scheme")),
        None => Err(Otherwise::unmet("WWW-Authenticate with Bearer", "none")),
    }
}

pub(super) async fn garbage(bench: &Bench) -> Judgement {
    refused(bench, Some("not-a-token-of-anyone")).await.map(|_| ())
}

pub(super) async fn invalid_token(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    let answer = with_token(bench, &search(bench)?, Some("not-a-token-of-anyone")).await?;
    if answer.status != 401 {
        return Err(Otherwise::skipped("the endpoint does not answer 401 to a token of nobody"));
    }
    if answer.header("www-authenticate").is_some_and(|held| held.contains("invalid_token")) {
        return Ok(());
    }
    Err(Otherwise::unmet("error=\"invalid_token\" in WWW-Authenticate", "another, or none"))
}

pub(super) async fn unsigned(bench: &Bench) -> Judgement {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let now = jiff::Timestamp::now().as_second();
    let body = format!(
        "{{\"iss\":\"https://nobody.example\",\"sub\":\"nobody\",\"scope\":\"system/*.cruds\",\"iat\":{now},\"exp\":{}}}",
        now.saturating_add(300)
    );
    let forged = format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), encode(&body));
    refused(bench, Some(&forged)).await.map(|_| ())
}

/// The token of the run, else one that the client is granted.
async fn own_token(bench: &Bench) -> Result<String, Otherwise> {
    if let Some(held) = bench.target().authorization().and_then(|held| held.strip_prefix("Bearer ")) {
        return Ok(held.to_owned());
    }
    Ok(token(bench).await?.token)
}

/// The token opens what is searched; else what does not open tells nothing.
async fn opening(bench: &Bench) -> Result<(String, String), Otherwise> {
    configuration(bench).await?;
    let (own, path) = (own_token(bench).await?, search(bench)?);
    let answer = with_token(bench, &path, Some(&own)).await?;
    if answer.status == 200 {
        return Ok((own, path));
    }
    Err(Otherwise::skipped(format!("the token does not open the search (status {})", answer.status)))
}

pub(super) async fn opens(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    let (own, path) = (own_token(bench).await?, search(bench)?);
    let answer = with_token(bench, &path, Some(&own)).await?;
    if answer.status == 401 {
        return Err(Otherwise::unmet("a token that was granted to be taken", "status 401"));
    }
    Ok(())
}

pub(super) async fn tampered(bench: &Bench) -> Judgement {
    let (own, path) = opening(bench).await?;
    let middle = own.len() / 2;
    let changed: String = own
        .chars()
        .enumerate()
        .map(|(at, letter)| match (at == middle, letter) {
            (true, 'x') => 'y',
            (true, '.') => '_',
            (true, _) => 'x',
            (false, other) => other,
        })
        .collect();
    let answer = with_token(bench, &path, Some(&changed)).await?;
    if answer.status == 401 {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "status 401 for a token with one letter changed",
        format!("status {}", answer.status),
    ))
}

pub(super) async fn in_query(bench: &Bench) -> Judgement {
    let (own, path) = opening(bench).await?;
    let path = format!("{path}&access_token={}", encoded(&own));
    let answer = with_token(bench, &path, None).await?;
    if answer.status >= 400 {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "a refusal of a token that stands in the address",
        format!("status {}", answer.status),
    ))
}

pub(super) async fn other_scheme(bench: &Bench) -> Judgement {
    let (own, path) = opening(bench).await?;
    let held = format!("Basic {own}");
    let headers = [("accept", "application/fhir+json"), ("authorization", held.as_str())];
    let question = Question { method: Method::GET, path: &path, headers: &headers, body: b"" };
    let answer = bench.ask_plainly(&question).await?;
    if matches!(answer.status, 400 | 401 | 403) {
        return Ok(());
    }
    Err(Otherwise::unmet("a refusal of another scheme", format!("status {}", answer.status)))
}

pub(super) async fn scope_enforced(bench: &Bench) -> Judgement {
    let scope = bench.smart_client()?.scope().to_owned();
    let part = narrow(&scope).ok_or(Otherwise::skipped("the client may have no scope of resources"))?;
    let granted = granted(bench, &part).await?;
    let told = text(&granted.held, "scope").unwrap_or(part);
    let scopes: Vec<Scope> = told.split(' ').filter_map(Scope::read).collect();
    let claims = bench.claims()?;
    let beyond = claims
        .types()
        .find(|kind| claims.offers(kind, "search-type") && !scopes.iter().any(|scope| scope.searches(kind)));
    let kind = beyond.ok_or(Otherwise::skipped("every type that is advertised is in the scope"))?;
    let answer = with_token(bench, &format!("{kind}?_count=1"), Some(&granted.token)).await?;
    if matches!(answer.status, 401 | 403) {
        return Ok(());
    }
    Err(Otherwise::unmet(
        "status 401 or 403 for a type that is not in the scope",
        format!("status {}", answer.status),
    ))
}

async fn introspected(bench: &Bench, asked: &str) -> Result<Value, Otherwise> {
    bench.smart_client()?;
    let held = configuration(bench).await?;
    let address = text(&held, "introspection_endpoint");
    let address = address.ok_or(Otherwise::skipped("introspection is not advertised"))?;
    let authority = format!("Bearer {}", token(bench).await?.token);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [form, ("accept", "application/json"), ("authorization", authority.as_str())];
    let body = format!("token={}", encoded(asked));
    let question = Question { method: Method::POST, path: "", headers: &headers, body: body.as_bytes() };
    let answer = bench.ask_at(&address, &question).await?;
    match answer.status {
        401 | 403 => Err(Otherwise::skipped("this client may not introspect")),
        200 => Ok(fhir::json::parse_value(answer.body, &fhir::json::Limits::default()).unwrap_or_default()),
        status => Err(Otherwise::unmet("status 200", format!("status {status}"))),
    }
}

pub(super) async fn introspection_active(bench: &Bench) -> Judgement {
    bench.smart_client()?;
    let held = introspected(bench, &token(bench).await?.token).await?;
    if held.get("active").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Otherwise::unmet("active true for a token that was granted", "another, or none"))
}

pub(super) async fn introspection_fields(bench: &Bench) -> Judgement {
    bench.smart_client()?;
    let held = introspected(bench, &token(bench).await?.token).await?;
    let missing: Vec<&str> = ["scope", "client_id", "exp"]
        .into_iter()
        .filter(|name| held.get(name).is_none_or(Value::is_null))
        .collect();
    if !missing.is_empty() {
        return Err(Otherwise::unmet("scope, client_id and exp", format!("no {}", missing.join(", no "))));
    }
    if held.get("exp").is_some_and(Value::is_i64) {
        Ok(())
    } else {
        Err(Otherwise::unmet("exp as a whole number", "another value"))
    }
}

pub(super) async fn introspection_unknown(bench: &Bench) -> Judgement {
    let held = introspected(bench, "not-a-token-of-anyone").await?;
    if held.get("active").and_then(Value::as_bool) == Some(false) {
        return Ok(());
    }
    Err(Otherwise::unmet("active false for a token of nobody", "another, or none"))
}

async fn revoked(bench: &Bench) -> Result<(String, Answer), Otherwise> {
    bench.smart_client()?;
    let held = configuration(bench).await?;
    let address = text(&held, "revocation_endpoint");
    let address = address.ok_or(Otherwise::skipped("revocation is not advertised"))?;
    let token = token(bench).await?.token;
    let id = bench.smart_client()?.id().to_owned();
    let pairs = [("token", token.as_str()), ("token_type_hint", "access_token"), ("client_id", id.as_str())];
    let answer = post(bench, &address, &pairs).await?;
    if matches!(answer.status, 400 | 401 | 403) {
        return Err(Otherwise::skipped("this client may not revoke without further credentials"));
    }
    Ok((token, answer))
}

pub(super) async fn revocation_answers(bench: &Bench) -> Judgement {
    let (_, answer) = revoked(bench).await?;
    if answer.status == 200 {
        return Ok(());
    }
    Err(Otherwise::unmet("status 200", format!("status {}", answer.status)))
}

pub(super) async fn revoked_opens_nothing(bench: &Bench) -> Judgement {
    let (token, answer) = revoked(bench).await?;
    if answer.status != 200 {
        return Err(Otherwise::skipped("the token was not revoked"));
    }
    let path = search(bench)?;
    // The specification lets a revocation take a while to be known everywhere.
    for _ in 0..10 {
        if with_token(bench, &path, Some(&token)).await?.status == 401 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(Otherwise::unmet("status 401 for a token that was revoked, in five seconds", "it is still taken"))
}

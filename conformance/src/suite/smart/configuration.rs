//! The discovery document, and what the CapabilityStatement says beside it.

use http::Method;
use serde_json::Value;

use super::scope::Scope;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::{Answer, Question};

const WELL_KNOWN: &str = ".well-known/smart-configuration";

/// The capabilities that SMART App Launch 2.2 names.
const CAPABILITIES: [&str; 20] = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "smart-app-state",
];

/// The members that are addresses.
const ADDRESSES: [&str; 9] = [
    "authorization_endpoint",
    "token_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "registration_endpoint",
    "management_endpoint",
    "jwks_uri",
    "issuer",
    "user_access_brand_bundle",
];

async fn asked(bench: &Bench, headers: &[(&'static str, &str)]) -> Result<Answer, Otherwise> {
    bench.ask_plainly(&Question { method: Method::GET, path: WELL_KNOWN, headers, body: b"" }).await
}

/// The document; skipped where there is none.
pub(super) async fn configuration(bench: &Bench) -> Result<Value, Otherwise> {
    let answer = asked(bench, &[("accept", "application/json")]).await?;
    let held = fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()).ok();
    match held.filter(|held| answer.status == 200 && held.is_object()) {
        Some(held) => Ok(held),
        None => Err(Otherwise::skipped("the endpoint has no SMART configuration")),
    }
}

/// The texts of an array.
pub(super) fn list(held: &Value, name: &str) -> Vec<String> {
    let all = held.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A text.
pub(super) fn text(held: &Value, name: &str) -> Option<String> {
    held.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn capable(held: &Value, wanted: &[&str]) -> Judgement {
    if list(held, "capabilities").iter().any(|one| wanted.contains(&one.as_str())) {
        return Ok(());
    }
    Err(Otherwise::skipped(format!("the capability {} is not listed", wanted.join(" or "))))
}

fn needed(held: &Value, name: &str) -> Judgement {
    match text(held, name) {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet(name, "none")),
    }
}

/// Whether the CapabilityStatement says that SMART is how to get in.
fn stated(bench: &Bench) -> Result<Option<Value>, Otherwise> {
    let observed = bench.observed()?;
    let answer = observed.metadata.answer()?;
    let held = fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()).ok();
    let rest = held.as_ref().and_then(|held| held.get("rest")?.as_array()?.first()?.get("security")).cloned();
    Ok(rest)
}

fn is_smart(security: &Value) -> bool {
    let text = security.to_string();
    text.contains("SMART-on-FHIR")
        || text.contains("fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris")
}

pub(super) async fn there(bench: &Bench) -> Judgement {
    let answer = asked(bench, &[("accept", "application/json")]).await?;
    if answer.status == 200 {
        return Ok(());
    }
    let smart = stated(bench)?.as_ref().is_some_and(is_smart);
    if !smart && answer.status >= 400 && !is_kept_back(bench).await? {
        return Err(Otherwise::skipped("the endpoint does not claim SMART"));
    }
    Err(Otherwise::unmet("status 200 without a token", format!("status {}", answer.status)))
}

/// Whether there is a document for who has a token.
async fn is_kept_back(bench: &Bench) -> Result<bool, Otherwise> {
    let headers = [("accept", "application/json")];
    let question = Question { method: Method::GET, path: WELL_KNOWN, headers: &headers, body: b"" };
    Ok(bench.ask(&question).await?.status == 200)
}

fn is_json(answer: &Answer) -> bool {
    let held = answer.header("content-type").unwrap_or_default();
    held.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

pub(super) async fn media_type(bench: &Bench) -> Judgement {
    let answer = asked(bench, &[("accept", "application/json")]).await?;
    if answer.status != 200 {
        return Err(Otherwise::skipped("the endpoint has no SMART configuration"));
    }
    if is_json(&answer) {
        Ok(())
    } else {
        Err(Otherwise::unmet("content type application/json", "another, or none"))
    }
}

pub(super) async fn any_accept(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    for accept in ["application/fhir+xml", "text/html"] {
        let answer = asked(bench, &[("accept", accept)]).await?;
        if answer.status != 200 || !is_json(&answer) {
            return Err(Otherwise::unmet(
                "JSON whatever is accepted",
                format!("status {}, or another content type", answer.status),
            ));
        }
    }
    Ok(())
}

pub(super) async fn is_object(bench: &Bench) -> Judgement {
    let answer = asked(bench, &[("accept", "application/json")]).await?;
    if answer.status != 200 {
        return Err(Otherwise::skipped("the endpoint has no SMART configuration"));
    }
    match fhir::json::parse_value(answer.body.clone(), &fhir::json::Limits::default()) {
        Ok(held) if held.is_object() => Ok(()),
        Ok(_) => Err(Otherwise::unmet("a JSON object", "another value")),
        Err(invalid) => Err(Otherwise::unmet("a JSON object", invalid.to_string())),
    }
}

pub(super) async fn capabilities(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    let all = held.get("capabilities").and_then(Value::as_array);
    if all.is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string)) {
        return Ok(());
    }
    Err(Otherwise::unmet("capabilities as an array of texts", "none, or something else"))
}

pub(super) async fn capability_names(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    let known = |name: &String| CAPABILITIES.contains(&name.as_str()) || name.contains(':');
    if list(&held, "capabilities").iter().all(known) {
        return Ok(());
    }
    Err(Otherwise::unmet("capabilities of the specification, or URIs of one's own", "another name"))
}

pub(super) async fn token_endpoint(bench: &Bench) -> Judgement {
    needed(&configuration(bench).await?, "token_endpoint")
}

pub(super) async fn authorization_endpoint(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["launch-ehr", "launch-standalone"])?;
    needed(&held, "authorization_endpoint")
}

pub(super) async fn issuer(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["sso-openid-connect"])?;
    needed(&held, "issuer")
}

pub(super) async fn jwks_uri(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["sso-openid-connect"])?;
    needed(&held, "jwks_uri")
}

pub(super) async fn grant_types(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if list(&held, "grant_types_supported").is_empty() {
        return Err(Otherwise::unmet("grant_types_supported with at least one", "none"));
    }
    Ok(())
}

pub(super) async fn launch_grant(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["launch-ehr", "launch-standalone"])?;
    if list(&held, "grant_types_supported").iter().any(|one| one == "authorization_code") {
        return Ok(());
    }
    Err(Otherwise::unmet("authorization_code among the grant types of who offers launches", "others only"))
}

pub(super) async fn backend_grant(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if !list(&held, "grant_types_supported").iter().any(|one| one == "client_credentials") {
        return Err(Otherwise::skipped("client_credentials is not among the grant types"));
    }
    if list(&held, "capabilities").iter().any(|one| one == "client-confidential-asymmetric") {
        return Ok(());
    }
    Err(Otherwise::unmet("client-confidential-asymmetric beside client_credentials", "no such capability"))
}

pub(super) async fn signing(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if !list(&held, "token_endpoint_auth_methods_supported").iter().any(|one| one == "private_key_jwt") {
        return Err(Otherwise::skipped("private_key_jwt is not advertised"));
    }
    let all = list(&held, "token_endpoint_auth_signing_alg_values_supported");
    if all.is_empty() {
        return Err(Otherwise::skipped("no signing algorithms are advertised"));
    }
    if all.iter().any(|one| one == "RS384" || one == "ES384") && !all.iter().any(|one| one == "none") {
        return Ok(());
    }
    Err(Otherwise::unmet("RS384 or ES384, and never none", "others"))
}

pub(super) async fn pkce(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if list(&held, "code_challenge_methods_supported").iter().any(|one| one == "S256") {
        return Ok(());
    }
    Err(Otherwise::unmet("S256 among code_challenge_methods_supported", "none, or others only"))
}

pub(super) async fn no_plain(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if list(&held, "code_challenge_methods_supported").iter().any(|one| one == "plain") {
        return Err(Otherwise::unmet("no plain among code_challenge_methods_supported", "plain"));
    }
    Ok(())
}

fn addresses(held: &Value) -> impl Iterator<Item = (&'static str, String)> {
    ADDRESSES.into_iter().filter_map(|name| Some((name, text(held, name)?)))
}

pub(super) async fn absolute(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    for (name, address) in addresses(&held) {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(Otherwise::unmet("absolute addresses", format!("another one in {name}")));
        }
    }
    Ok(())
}

pub(super) async fn tls(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    for (name, address) in addresses(&held) {
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if !address.starts_with("https://") && !local.iter().any(|start| address.starts_with(start)) {
            return Err(Otherwise::unmet(
                "https, but on the machine itself",
                format!("another scheme in {name}"),
            ));
        }
    }
    Ok(())
}

pub(super) async fn scopes_listed(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if list(&held, "scopes_supported").is_empty() {
        return Err(Otherwise::unmet("scopes_supported", "none"));
    }
    Ok(())
}

pub(super) async fn scopes_read(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    let all = list(&held, "scopes_supported");
    if all.is_empty() {
        return Err(Otherwise::skipped("no scopes are listed"));
    }
    let wrong = all.iter().any(|scope| Scope::is_clinical(scope) && Scope::read(scope).is_none());
    if wrong {
        return Err(Otherwise::unmet("scopes of resources as SMART v1 or v2 writes them", "another form"));
    }
    Ok(())
}

pub(super) async fn scopes_version(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["permission-v2"])?;
    let all = list(&held, "scopes_supported");
    let clinical: Vec<Scope> = all.iter().filter_map(|scope| Scope::read(scope)).collect();
    if clinical.is_empty() {
        return Err(Otherwise::skipped("no scopes of resources are listed"));
    }
    if clinical.iter().any(|scope| !scope.is_v1()) {
        return Ok(());
    }
    Err(Otherwise::unmet("a scope of v2 among those of who has permission-v2", "scopes of v1 only"))
}

pub(super) async fn permission_v1(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    if list(&held, "capabilities").iter().any(|one| one == "permission-v1") {
        return Ok(());
    }
    Err(Otherwise::unmet("permission-v1 among the capabilities", "none"))
}

pub(super) async fn response_types(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    capable(&held, &["launch-ehr", "launch-standalone"])?;
    if list(&held, "response_types_supported").iter().any(|one| one == "code") {
        return Ok(());
    }
    Err(Otherwise::unmet("code among response_types_supported", "none, or others only"))
}

pub(super) async fn introspection(bench: &Bench) -> Judgement {
    needed(&configuration(bench).await?, "introspection_endpoint")
}

pub(super) async fn revocation(bench: &Bench) -> Judgement {
    needed(&configuration(bench).await?, "revocation_endpoint")
}

async fn open_to_browsers(bench: &Bench, path: &str) -> Judgement {
    capable(&configuration(bench).await?, &["client-public"])?;
    let origin = "https://app.example";
    let headers = [("accept", "application/json"), ("origin", origin)];
    let answer =
        bench.ask_plainly(&Question { method: Method::GET, path, headers: &headers, body: b"" }).await?;
    match answer.header("access-control-allow-origin") {
        Some(held) if held == "*" || held == origin => Ok(()),
        Some(_) => Err(Otherwise::unmet("Access-Control-Allow-Origin for any origin", "another origin")),
        None => Err(Otherwise::unmet("Access-Control-Allow-Origin for any origin", "none")),
    }
}

pub(super) async fn cors_configuration(bench: &Bench) -> Judgement {
    open_to_browsers(bench, WELL_KNOWN).await
}

pub(super) async fn cors_metadata(bench: &Bench) -> Judgement {
    open_to_browsers(bench, "metadata").await
}

pub(super) async fn metadata_open(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    let headers = [("accept", "application/fhir+json")];
    let question = Question { method: Method::GET, path: "metadata", headers: &headers, body: b"" };
    let answer = bench.ask_plainly(&question).await?;
    if answer.status == 200 {
        return Ok(());
    }
    Err(Otherwise::unmet("the CapabilityStatement without a token", format!("status {}", answer.status)))
}

pub(super) async fn service_stated(bench: &Bench) -> Judgement {
    configuration(bench).await?;
    bench.claims()?;
    if stated(bench)?.is_some_and(|security| security.to_string().contains("SMART-on-FHIR")) {
        return Ok(());
    }
    Err(Otherwise::unmet("rest.security.service with SMART-on-FHIR", "none"))
}

pub(super) async fn statement_agrees(bench: &Bench) -> Judgement {
    let held = configuration(bench).await?;
    let security = stated(bench)?.unwrap_or_default();
    let all = security.get("extension").and_then(Value::as_array).cloned().unwrap_or_default();
    let uris = all.iter().find(|one| text(one, "url").is_some_and(|url| url.ends_with("/oauth-uris")));
    let uris = uris.ok_or(Otherwise::skipped("the CapabilityStatement gives no addresses"))?;
    let parts = uris.get("extension").and_then(Value::as_array).cloned().unwrap_or_default();
    for (part, member) in [("authorize", "authorization_endpoint"), ("token", "token_endpoint")] {
        let said = parts.iter().find(|one| text(one, "url").as_deref() == Some(part));
        let said = said.and_then(|one| text(one, "valueUri"));
        if said.is_some() && said != text(&held, member) {
            return Err(Otherwise::unmet(
                "the same addresses in both documents",
                format!("another {member}"),
            ));
        }
    }
    Ok(())
}

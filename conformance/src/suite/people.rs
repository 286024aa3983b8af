//! Acting as the people of a scene: what the suites `balp` and `consent` have in common.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use fhir::json::Limits;
use http::Method;
use serde_json::Value;

use crate::bench::Bench;
use crate::check::Otherwise;
use crate::scene::Actor;
use crate::target::{Answer, Question};

pub(super) const JSON: (&str, &str) = ("accept", "application/fhir+json");
pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(super) const BODY: (&str, &str) = ("content-type", "application/fhir+json");

/// Who asks for what, and where.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// A name of the scene; none: nobody who is known.
    pub(super) actor: Option<&'a str>,
    /// None: where the data are.
    pub(super) base: Option<&'a str>,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
}

impl<'a> Asked<'a> {
    /// `GET path` for JSON.
    pub(super) const fn get(actor: &'a str, path: &'a str) -> Self {
        Self { actor: Some(actor), base: None, method: &Method::GET, path, headers: &[JSON], body: "" }
    }

    /// The same at another base.
    pub(super) const fn at(mut self, base: Option<&'a str>) -> Self {
        self.base = base;
        self
    }
}

/// Asks it.
pub(super) async fn ask(bench: &Bench, asked: Asked<'_>) -> Result<Answer, Otherwise> {
    let question = Question {
        method: asked.method.clone(),
        path: asked.path,
        headers: asked.headers,
        body: asked.body.as_bytes(),
    };
    let actor = asked.actor.map(|name| actor(bench, name)).transpose()?;
    bench.ask_as(actor, asked.base, &question).await
}

/// Somebody of the scene.
pub(super) fn actor<'a>(bench: &'a Bench, name: &str) -> Result<&'a Actor, Otherwise> {
    bench
        .scene()?
        .actor(name)
        .ok_or_else(|| Otherwise::error("the scene names an actor that it does not have"))
}

/// The body as a value; duplicate members are no JSON.
pub(super) fn json(bytes: Bytes) -> Option<Value> {
    fhir::json::parse_value(bytes, &Limits::default()).ok()
}

/// The body of an answer that must be a resource.
pub(super) fn resource(answer: &Answer) -> Result<Value, Otherwise> {
    json(answer.body.clone()).ok_or_else(|| Otherwise::unmet("a body in JSON", "none"))
}

/// The items of a member that is a list.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text at a JSON pointer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// `Type/id` of the entries of a searchset, with the resources.
pub(super) fn entries(bundle: &Value) -> Vec<(String, &Value)> {
    let named = |entry: &'_ Value| -> Option<String> {
        let resource = entry.get("resource")?;
        Some(format!("{}/{}", text(resource, "/resourceType")?, text(resource, "/id")?))
    };
    list(bundle, "entry").iter().filter_map(|entry| Some((named(entry)?, entry.get("resource")?))).collect()
}

/// The address of the next page below `base`, if there is one.
pub(super) fn next_page(bundle: &Value, base: &str) -> Option<String> {
    let link = list(bundle, "link").iter().find(|link| text(link, "/relation") == Some("next"))?;
    let url = text(link, "/url")?;
    Some(url.strip_prefix(base).map_or(url, |rest| rest.trim_start_matches('/')).to_owned())
        .filter(|path| !path.contains("://"))
}

/// What a token says of its bearer, where it is a JWT.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) token_id: Option<String>,
}

/// Reads the claims; whether the signature holds is the endpoint's business.
pub(super) fn claims(actor: &Actor) -> Option<Claims> {
    let payload = actor.token.as_deref()?.split('.').nth(1)?;
    let claims = json(URL_SAFE_NO_PAD.decode(payload).ok()?.into())?;
    let said = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Claims { issuer: said("iss")?, subject: said("sub")?, token_id: said("jti") })
}

//! Where the story is played: who asks, what came back, and what has been asked so far.

use http::Method;
use serde_json::Value;

use crate::canary;
use crate::house::House;
use crate::json;
use crate::people::Person;
use crate::wire::{Caller, Received, WireError};

/// What did not hold. Texts name places and statuses, never content.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// No answer.
    #[error("{what}: {source}")]
    Wire {
        /// What was asked.
        what: String,
        /// Why there is none.
        source: WireError,
    },
    /// A canary came out.
    #[error("{what}: a canary came out, {form}")]
    Canary {
        /// What was asked.
        what: String,
        /// In which form.
        form: &'static str,
    },
    /// Something else than the story needs.
    #[error("{0}")]
    Unexpected(String),
}

/// A step breaks for this reason.
pub(super) fn broken<T>(reason: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Unexpected(reason.into()))
}

/// A request as the story words it.
pub(super) struct Ask<'a> {
    pub(super) actor: &'a str,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Vec<u8>,
}

/// What was asked about a person, for the trail.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) what: String,
    pub(super) person: Person,
    pub(super) request_id: String,
}

/// The stage of one telling.
#[derive(Debug)]
pub struct Stage<'h> {
    pub(super) house: &'h House,
    pub(super) caller: Caller,
    pub(super) asked: Vec<Asked>,
}

impl<'h> Stage<'h> {
    /// A stage in `house`.
    #[must_use]
    pub fn new(house: &'h House) -> Self {
        Self { house, caller: Caller::default(), asked: Vec::new() }
    }

    /// `actor` gets `path`, which is about `person`.
    pub(super) async fn get(&mut self, actor: &str, person: Person, path: &str) -> Result<Received, Broken> {
        self.about(person, Ask { actor, method: Method::GET, path, headers: &[], body: Vec::new() }).await
    }

    /// Asks something about `person` and remembers it for the trail.
    pub(super) async fn about(&mut self, person: Person, ask: Ask<'_>) -> Result<Received, Broken> {
        let what = format!("{} by {}", ask.path, ask.actor);
        let answer = self.ask(ask).await?;
        let request_id = answer.header("x-request-id").to_owned();
        self.asked.push(Asked { what, person, request_id });
        Ok(answer)
    }

    /// Asks the gateway: no canary may come back, and every answer names itself and may not be kept.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Received, Broken> {
        let what = format!("{} {} by {}", ask.method, ask.path, ask.actor);
        let authorization = format!("Bearer {}", self.house.token(ask.actor));
        let mut headers =
            vec![("authorization", authorization.as_str()), ("accept", "application/fhir+json")];
        headers.extend_from_slice(ask.headers);
        let url = format!("{}{}", self.house.base(), ask.path);
        let answer = self.send(&what, ask.method, &url, &headers, ask.body).await?;
        for name in ["x-request-id", "portcullis-receipt"] {
            if answer.header(name).is_empty() {
                return broken(format!("{what}: the answer has no {name}"));
            }
        }
        if answer.header("cache-control") != "no-store" {
            return broken(format!("{what}: the answer may be kept by caches"));
        }
        Ok(answer)
    }

    /// Sends anything anywhere and looks for canaries in all that comes back.
    pub(super) async fn send(
        &self,
        what: &str,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Received, Broken> {
        let wire = |source| Broken::Wire { what: what.to_owned(), source };
        let answer = self.caller.call(method, url, headers, body).await.map_err(wire)?;
        let clean = |bytes: &[u8]| match canary::found(bytes) {
            Some(form) => Err(Broken::Canary { what: what.to_owned(), form }),
            None => Ok(()),
        };
        clean(&answer.body)?;
        for (name, value) in &answer.headers {
            clean(name.as_str().as_bytes())?;
            clean(value.as_bytes())?;
        }
        Ok(answer)
    }
}

/// The status is the one the story needs.
pub(super) fn expect_status(answer: &Received, wanted: u16, what: &str) -> Result<(), Broken> {
    if answer.status == wanted {
        return Ok(());
    }
    broken(format!("{what}: status {} instead of {wanted}", answer.status))
}

/// A refusal with this status and this code of the Spine in its OperationOutcome.
pub(super) fn expect_refusal(answer: &Received, status: u16, code: &str, what: &str) -> Result<(), Broken> {
    expect_status(answer, status, what)?;
    let outcome = answer.json();
    let codes = json::along(&outcome, "issue.details.coding.code");
    if json::text(&outcome, "/resourceType") == Some("OperationOutcome")
        && codes.iter().any(|held| held.as_str() == Some(code))
    {
        return Ok(());
    }
    broken(format!("{what}: no OperationOutcome with {code}"))
}

/// The body holds `text`, in whatever form.
pub(super) fn expect_held(answer: &Received, text: &str, what: &str) -> Result<(), Broken> {
    match canary::holds(&answer.body, text) {
        Some(_) => Ok(()),
        None => broken(format!("{what}: {text:?} is needed and is not there")),
    }
}

/// The body does not hold `text`, in any form.
pub(super) fn expect_withheld(answer: &Received, text: &str, what: &str) -> Result<(), Broken> {
    match canary::holds(&answer.body, text) {
        None => Ok(()),
        Some(form) => broken(format!("{what}: {text:?} is not needed and is there, {form}")),
    }
}

/// The ids of the entries of a searchset that are matches.
pub(super) fn matches(bundle: &Value) -> Vec<&str> {
    let entries = json::list(bundle, "/entry").iter();
    let mut ids: Vec<&str> = entries
        .filter(|entry| json::text(entry, "/search/mode") == Some("match"))
        .filter_map(|entry| json::text(entry, "/resource/id"))
        .collect();
    ids.sort_unstable();
    ids
}

//! What `--once` plays: every resource of the golden view is read and is what it should be, and every other record
//! looks as if it were not there.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::{Leaks, world};
use crate::canary;
use crate::house::HouseError;
use crate::story::{Broken, Told};
use crate::wire::{Caller, Received};

/// The id of nothing.
const ABSENT: &str = "absent-7c1f";
/// Headers that differ from answer to answer.
const OF_THE_ANSWER: [&str; 3] = ["date", "x-request-id", "portcullis-receipt"];

/// Reads the golden view and everything beside it as an adult social worker, telling each step as it ends.
///
/// # Errors
/// When the fixture does not read.
pub async fn play(leaks: &Leaks, mut tell: impl FnMut(&Told)) -> Result<Vec<Told>, HouseError> {
    let view = world::view()?;
    let seen: BTreeSet<String> = view.iter().map(world::reference).collect();
    let (reader, mut told) = (Reader { leaks, caller: Caller::default() }, Vec::new());
    let mut ended = |step, outcome| {
        let ended = Told { step, outcome };
        tell(&ended);
        told.push(ended);
    };
    for golden in &view {
        let name = world::reference(golden);
        ended(format!("view {name}"), reader.shows(&name, golden).await);
    }
    for name in world::resources()?.iter().map(world::reference).filter(|name| !seen.contains(name)) {
        ended(format!("hidden {name}"), reader.hides(&name).await);
    }
    Ok(told)
}

/// The adult social worker.
struct Reader<'a> {
    leaks: &'a Leaks,
    caller: Caller,
}

impl Reader<'_> {
    /// Reads `Type/id`; no canary may be in what comes back.
    async fn read(&self, name: &str) -> Result<Received, Broken> {
        let authorization = format!("Bearer {}", self.leaks.token("LA"));
        let headers = [("authorization", authorization.as_str()), ("accept", "application/fhir+json")];
        let url = format!("{}/upstream/fhir/{name}", self.leaks.base());
        let answer = self
            .caller
            .call(Method::GET, &url, &headers, Vec::new())
            .await
            .map_err(|source| Broken::Wire { what: name.to_owned(), source })?;
        let values = answer.headers.values().map(http::HeaderValue::as_bytes);
        let found = values.chain([&answer.body[..]]).find_map(canary::found);
        found.map_or(Ok(answer), |form| Err(Broken::Canary { what: name.to_owned(), form }))
    }

    /// What is in the view is shared as the view has it.
    async fn shows(&self, name: &str, golden: &Value) -> Result<String, Broken> {
        let answer = self.read(name).await?;
        if answer.status != 200 {
            return Err(Broken::Unexpected(format!("status {} instead of 200", answer.status)));
        }
        let differing = differing(&answer.json(), golden);
        if differing.is_empty() {
            return Ok("as the view has it".into());
        }
        Err(Broken::Unexpected(format!("not as the view has it: {}", differing.join(", "))))
    }

    /// What is not in the view looks like what does not exist.
    async fn hides(&self, name: &str) -> Result<String, Broken> {
        let kind = name.split('/').next().unwrap_or_default();
        let (hidden, absent) = (self.read(name).await?, self.read(&format!("{kind}/{ABSENT}")).await?);
        if hidden.status < 400 {
            return Err(Broken::Unexpected(format!("shared with status {}", hidden.status)));
        }
        if !are_alike(&hidden, &absent) {
            let (hidden, absent) = (hidden.status, absent.status);
            return Err(Broken::Unexpected(format!(
                "{hidden} when hidden, {absent} when absent, or other bytes"
            )));
        }
        Ok(format!("{} like what does not exist", hidden.status))
    }
}

/// The members that are not as the view has them, `meta` aside.
fn differing(answer: &Value, golden: &Value) -> Vec<String> {
    let members = |resource: &Value| -> BTreeSet<String> {
        resource.as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
    };
    let all = members(answer).union(&members(golden)).cloned().collect::<BTreeSet<_>>();
    all.into_iter()
        .filter(|name| name != "meta")
        .filter_map(|name| match (answer.get(&name), golden.get(&name)) {
            (Some(one), Some(other)) if one == other => None,
            (Some(_), Some(_)) => Some(format!("{name} is another")),
            (Some(_), None) => Some(format!("{name} is too much")),
            (None, _) => Some(format!("{name} is missing")),
        })
        .collect()
}

/// Whether a caller can tell two answers apart by nothing.
fn are_alike(one: &Received, other: &Received) -> bool {
    one.status == other.status && one.body == other.body && headers(one) == headers(other)
}

/// The headers that do not differ from answer to answer.
fn headers(answer: &Received) -> BTreeSet<(&str, &[u8])> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    headers.filter(|(name, _)| !OF_THE_ANSWER.contains(name)).collect()
}

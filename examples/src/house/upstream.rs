//! Puts the invented people on a FHIR server that this project did not write.

use http::Method;
use serde_json::Value;

use super::HouseError;
use crate::json;
use crate::wire::Caller;

/// A record that an upstream would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untaken {
    /// `Type/id`.
    pub record: String,
    /// What it answered.
    pub status: u16,
}

/// What loading came to.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) untaken: Vec<Untaken>,
    /// The base by which the server calls itself, when it is another.
    pub(super) alias: Option<String>,
    /// Ties of care that the server cannot hold, as agreements name them.
    pub(super) ties_missing: Vec<&'static str>,
}

/// Loads `records` by update-as-create, one after the other so that references find their targets; tells what
/// the server would not take.
pub(super) async fn load(caller: &Caller, base: &str, records: &[Value]) -> Result<Loaded, HouseError> {
    let silent = |_| HouseError::Upstream(base.to_owned());
    let accept = [("accept", "application/fhir+json")];
    let statement =
        caller.call(Method::GET, &format!("{base}/metadata"), &accept, Vec::new()).await.map_err(silent)?;
    let statement = statement.json();
    if json::text(&statement, "/resourceType") != Some("CapabilityStatement") {
        return Err(HouseError::Upstream(base.to_owned()));
    }
    let named = json::text(&statement, "/implementation/url").map(|url| url.trim_end_matches('/'));
    let alias = named.filter(|url| *url != base).map(str::to_owned);
    let kinds = json::along(&statement, "rest.resource.type");
    let mut ties_missing =
        vec![("care-team", "CareTeam"), ("encounter", "Encounter"), ("referral", "ServiceRequest")];
    ties_missing.retain(|(_, kind)| !kinds.iter().any(|held| held.as_str() == Some(kind)));
    let ties_missing = ties_missing.into_iter().map(|(tie, _)| tie).collect();
    let mut loaded = Loaded { untaken: Vec::new(), alias, ties_missing };
    for record in records {
        let kind = json::text(record, "/resourceType").unwrap_or_default();
        let id = json::text(record, "/id").unwrap_or_default();
        let name = format!("{kind}/{id}");
        let headers = [("content-type", "application/fhir+json"), ("accept", "application/fhir+json")];
        let answer = caller
            .call(Method::PUT, &format!("{base}/{name}"), &headers, record.to_string().into_bytes())
            .await
            .map_err(silent)?;
        if !(200..300).contains(&answer.status) {
            loaded.untaken.push(Untaken { record: name, status: answer.status });
        }
    }
    Ok(loaded)
}

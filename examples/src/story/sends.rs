//! The hospital sends Ann's discharge letter by HL7 v2; the council receives it as FHIR, minimised.

use std::time::Duration;

use http::Method;
use jiff::Zoned;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::mllp;
use super::stage::{Asked, Broken, Stage, broken, expect_status};
use crate::canary;
use crate::json;
use crate::people::{ANN, ANNS_LETTER, discharge_message};

const DELIVERY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One message, sent twice as a sender does that lost the acknowledgement: one document at the council.
pub(super) async fn hospital_sends_discharge(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let now = Zoned::now();
    let control = format!("DEMO{}", now.timestamp().as_millisecond());
    let message = discharge_message(&control, now.datetime());
    for _ in 0..2 {
        let acknowledgement = mllp::exchange(stage.house.mllp(), &message).await?;
        accepted(&acknowledgement, &control)?;
    }
    let documents = delivered(stage).await?;
    let [document] = documents.as_slice() else {
        return broken(format!("the council has {} documents instead of one", documents.len()));
    };
    let request_id = inspect(document)?;
    stage.asked.push(Asked { what: "the discharge letter".into(), person: ANN, request_id });
    everything_is_clean(stage).await?;
    Ok("acknowledged AA; the council has the document with its Provenance, once, without what it does not need".into())
}

/// `MSA|AA|control`, with no canary in it.
fn accepted(acknowledgement: &str, control: &str) -> Result<(), Broken> {
    if let Some(form) = canary::found(acknowledgement.as_bytes()) {
        return Err(Broken::Canary { what: "the acknowledgement".into(), form });
    }
    let wanted = format!("MSA|AA|{control}");
    if acknowledgement.split('\r').any(|segment| segment.starts_with(&wanted)) {
        return Ok(());
    }
    broken("the message was not acknowledged AA")
}

/// Looks into the council until a document is there.
async fn delivered(stage: &Stage<'_>) -> Result<Vec<Value>, Broken> {
    let deadline = Instant::now() + DELIVERY_MAX;
    loop {
        let bundle = look(stage, "Bundle?type=document").await?;
        let found: Vec<Value> =
            json::list(&bundle, "/entry").iter().filter_map(|entry| entry.get("resource")).cloned().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return broken("no document reached the council in time");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(stage: &Stage<'_>, query: &str) -> Result<Value, Broken> {
    let url = format!("{}/{query}", stage.house.council);
    let headers = [("accept", "application/fhir+json"), ("prefer", "handling=strict")];
    let answer = stage.send("the council's records", Method::GET, &url, &headers, Vec::new()).await?;
    expect_status(&answer, 200, "the council's records")?;
    Ok(answer.json())
}

/// The document is whole and has what the council needs; returns the id of its Provenance, which is that of the exchange.
fn inspect(document: &Value) -> Result<String, Broken> {
    let kinds: Vec<&str> = json::list(document, "/entry")
        .iter()
        .filter_map(|entry| json::text(entry, "/resource/resourceType"))
        .collect();
    if kinds.first() != Some(&"Composition") {
        return broken("the document does not begin with a Composition");
    }
    for needed in ["Patient", "Provenance"] {
        if !kinds.contains(&needed) {
            return broken(format!("the document has no {needed}"));
        }
    }
    let bytes = document.to_string();
    for needed in [ANNS_LETTER, "Archer", ANN.nhs_number] {
        if canary::holds(bytes.as_bytes(), needed).is_none() {
            return broken(format!("the document lacks {needed:?}"));
        }
    }
    let resources = json::list(document, "/entry").iter().filter_map(|entry| entry.get("resource"));
    let mut provenances = resources.filter(|held| json::text(held, "/resourceType") == Some("Provenance"));
    match provenances.next().and_then(|held| json::text(held, "/id")) {
        Some(id) => Ok(id.to_owned()),
        None => broken("the Provenance in the document has no id"),
    }
}

/// Whatever else the council was given holds no canary either: `send` looks at every answer.
async fn everything_is_clean(stage: &Stage<'_>) -> Result<(), Broken> {
    let statement = look(stage, "metadata").await?;
    for kind in json::along(&statement, "rest.resource.type") {
        let kind = kind.as_str().unwrap_or_default();
        look(stage, &format!("{kind}?_count=200")).await?;
    }
    Ok(())
}

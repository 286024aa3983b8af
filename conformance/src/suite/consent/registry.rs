//! The registry of Consents itself (ITI-108): what was written is found and read as it was written.

use http::Method;
use serde_json::{Value, json};

use super::super::people::{Asked, FORM, JSON, ask, entries, json as parsed};
use super::decided::When;
use super::stage::{Recorded, Stage};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::Answer;
use crate::tree::{Limits, Tree};

/// How the registry is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Version,
    Xml,
    Identifier,
    Form,
}

/// Writes down a Consent that was over long ago, asks for it, and withdraws it.
pub(super) async fn found(bench: &Bench, by: By) -> Judgement {
    let stage = Stage::of(bench)?;
    let body = stage.consent(&json!({"type": "deny", "period": When::Past.period()}));
    let recorded = stage.record(&body).await?;
    let asked = question(&stage, &recorded, by).await;
    stage.withdraw(&recorded).await?;
    let answer = asked?;
    match by {
        By::Id | By::Version => read(&answer, &recorded),
        By::Xml => in_xml(&answer, &recorded),
        By::Identifier | By::Form => listed(&answer, &recorded),
    }
}

async fn question(stage: &Stage<'_>, recorded: &Recorded, by: By) -> Result<Answer, Otherwise> {
    let place = format!("Consent/{}", recorded.id);
    let base = stage.consents.base.as_deref();
    let recorder = stage.consents.recorder.as_str();
    let get = |path| Asked::get(recorder, path).at(base);
    match by {
        By::Id => ask(stage.bench, get(&place)).await,
        By::Xml => {
            ask(stage.bench, Asked { headers: &[("accept", "application/fhir+xml")], ..get(&place) }).await
        }
        By::Version => {
            let now = parsed(ask(stage.bench, get(&place)).await?.body).unwrap_or_default();
            let version = super::stage::version(&now)
                .ok_or_else(|| Otherwise::unmet("a Consent with meta.versionId", "none"))?;
            ask(stage.bench, get(&format!("{place}/_history/{version}"))).await
        }
        By::Identifier => ask(stage.bench, get(&format!("Consent?{}", query(stage)?))).await,
        By::Form => {
            let query = query(stage)?;
            let headers = [JSON, FORM];
            let asked =
                Asked { method: &Method::POST, headers: &headers, body: &query, ..get("Consent/_search") };
            ask(stage.bench, asked).await
        }
    }
}

/// What ITI-108 has every recorder ask with.
fn query(stage: &Stage<'_>) -> Result<String, Otherwise> {
    let identifier = stage.patient.identifier.as_ref();
    let identifier =
        identifier.ok_or_else(|| Otherwise::skipped("the scene does not say the patient's identifier"))?;
    let token = identifier.token().replace('|', "%7C");
    Ok(format!("patient.identifier={token}&status=active"))
}

fn ok(answer: &Answer) -> Judgement {
    match answer.status {
        200 => Ok(()),
        other => Err(Otherwise::unmet("status 200", format!("status {other}"))),
    }
}

fn read(answer: &Answer, recorded: &Recorded) -> Judgement {
    ok(answer)?;
    let read = parsed(answer.body.clone()).unwrap_or_default();
    for name in ["status", "scope", "provision"] {
        if read.get(name).map(bare) != recorded.body.get(name).map(bare) {
            return Err(Otherwise::unmet(format!("{name} as it was written"), "another"));
        }
    }
    Ok(())
}

/// Without what a server may add: displays.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "display")
            .map(|(name, member)| (name.clone(), bare(member)))
            .collect(),
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn in_xml(answer: &Answer, recorded: &Recorded) -> Judgement {
    ok(answer)?;
    let tree = Tree::from_xml(&answer.body, &Limits::default());
    let is_it = tree.is_ok_and(|tree| {
        let root = tree.root();
        root.resource_type() == Some("Consent") && root.child_text("id") == Some(recorded.id.as_str())
    });
    if is_it { Ok(()) } else { Err(Otherwise::unmet("the Consent in XML", "another text")) }
}

fn listed(answer: &Answer, recorded: &Recorded) -> Judgement {
    ok(answer)?;
    let bundle = parsed(answer.body.clone()).unwrap_or_default();
    let wanted = format!("Consent/{}", recorded.id);
    let found = entries(&bundle).iter().any(|(place, _)| *place == wanted);
    if found { Ok(()) } else { Err(Otherwise::unmet("the Consent among the matches", "none")) }
}

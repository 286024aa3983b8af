//! What is recorded where a Consent decides, and what happens in an emergency.

use serde_json::{Value, json};

use super::super::balp::event::Event;
use super::super::balp::trail::{Deed, Trail};
use super::super::people::{Asked, JSON, list, text};
use super::asking::Way;
use super::stage::{Seen, Stage};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::scene::BreakGlass;

/// Asks while everything is denied, and finds what was recorded of it.
async fn under_denial(
    stage: &Stage<'_>,
    trail: &Trail<'_>,
    actor: &str,
    headers: &[(&str, &str)],
) -> Result<(Deed, Vec<Event>, String), Otherwise> {
    let recorded = stage.record(&stage.consent(&json!({"type": "deny"}))).await?;
    let mut all = vec![JSON];
    all.extend_from_slice(headers);
    let asked = Asked { headers: &all, ..Asked::get(actor, &stage.consents.resource) };
    let done = async {
        let deed = trail.does(asked, &[stage.patient]).await?;
        let events = trail.about(stage.patient, &deed).await?;
        Ok::<_, Otherwise>((deed, events))
    };
    let done = done.await;
    stage.withdraw(&recorded).await?;
    let (deed, events) = done?;
    Ok((deed, events, recorded.id))
}

async fn refusal(bench: &Bench) -> Result<(Vec<Event>, String), Otherwise> {
    let stage = Stage::of(bench)?;
    let trail = Trail::of(bench)?;
    stage.ready(&[stage.reads(Way::Read, Seen::Withheld)]).await?;
    let (deed, events, id) = under_denial(&stage, &trail, &stage.consents.actor, &[]).await?;
    if deed.answer.status == 200 {
        return Err(Otherwise::error("it was shared under a denial: see consent-deny-read"));
    }
    Ok((events, id))
}

/// A refusal by a Consent is in the patient's trail.
pub(super) async fn refusal_recorded(bench: &Bench) -> Judgement {
    let (events, _) = refusal(bench).await?;
    match events.first().map(Event::outcome) {
        None => Err(Otherwise::unmet("an AuditEvent of the refusal", "none")),
        Some(Some("0") | None) => Err(Otherwise::unmet("outcome 4, 8 or 12", "success, or none")),
        Some(Some(_)) => Ok(()),
    }
}

/// It says which Consent decided.
pub(super) async fn refusal_names_consent(bench: &Bench) -> Judgement {
    let (events, id) = refusal(bench).await?;
    let Some(event) = events.first() else {
        return Err(Otherwise::skipped("the refusal is not recorded"));
    };
    let wanted = format!("Consent/{id}");
    let named = event.entities().iter().any(|entity| {
        text(entity, "/what/reference")
            .is_some_and(|place| place == wanted || place.ends_with(&format!("/{wanted}")))
    });
    if !named {
        return Err(Otherwise::unmet("an entity that refers to the Consent that denied", "none"));
    }
    event.conforms(&["AuthZconsent"])
}

fn break_glass<'a>(stage: &Stage<'a>) -> Result<&'a BreakGlass, Otherwise> {
    let asked = stage.scene.break_glass.as_ref();
    asked.ok_or_else(|| {
        Otherwise::skipped("the scene does not say how access in an emergency is asked for: [break_glass]")
    })
}

/// In an emergency a denied record is shared, or the refusal is clear.
pub(super) async fn emergency(bench: &Bench) -> Judgement {
    let (_, deed, events) = emergency_events(bench).await?;
    match deed.answer.status {
        200 | 401 | 403 | 404 => {}
        other => return Err(Otherwise::unmet("a share, or a refusal", format!("status {other}"))),
    }
    if events.len() == 1 {
        return Ok(());
    }
    Err(Otherwise::unmet("one AuditEvent for the patient", format!("{} of them", events.len())))
}

/// What was shared in an emergency is told apart from other shares.
pub(super) async fn emergency_purpose(bench: &Bench) -> Judgement {
    let (asked, deed, events) = emergency_events(bench).await?;
    if deed.answer.status != 200 {
        return Err(Otherwise::skipped("it is refused in an emergency as well"));
    }
    let has = |concepts: &[Value]| {
        concepts
            .iter()
            .flat_map(|concept| list(concept, "coding"))
            .any(|coding| text(coding, "/code") == Some(asked.purpose.as_str()))
    };
    let told = |event: &Event| {
        has(list(&event.0, "purposeOfEvent"))
            || event.agents().iter().any(|agent| has(list(agent, "purposeOfUse")))
    };
    match events.iter().any(told) {
        true => Ok(()),
        false => Err(Otherwise::unmet("the purpose of the emergency in the AuditEvent", "none")),
    }
}

async fn emergency_events(bench: &Bench) -> Result<(BreakGlass, Deed, Vec<Event>), Otherwise> {
    let stage = Stage::of(bench)?;
    let trail = Trail::of(bench)?;
    let asked = break_glass(&stage)?;
    let headers: Vec<(&str, &str)> =
        asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (deed, events, _) = under_denial(&stage, &trail, &asked.actor, &headers).await?;
    Ok((asked.clone(), deed, events))
}

/// Whoever does not ask for it goes past nothing.
pub(super) async fn no_emergency(bench: &Bench) -> Judgement {
    let stage = Stage::of(bench)?;
    let asked = break_glass(&stage)?;
    if asked.headers.is_empty() {
        return Err(Otherwise::skipped("the token of the emergency says it: there is no asking without it"));
    }
    let trail = Trail::of(bench)?;
    let (deed, _, _) = under_denial(&stage, &trail, &asked.actor, &[]).await?;
    match deed.answer.status {
        200 => Err(Otherwise::unmet("a refusal where no emergency is stated", "a share")),
        _ => Ok(()),
    }
}

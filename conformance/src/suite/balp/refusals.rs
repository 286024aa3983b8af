//! What was refused, not found or asked by nobody is recorded like a share, and says that it did not succeed.

use http::Method;

use super::super::people::Asked;
use super::event::Event;
use super::shares::missing;
use super::trail::{Deed, Trail};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::observe::UNKNOWN;
use crate::scene::{Patient, Refused};

/// How somebody asks for what they may not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Read,
    Search,
}

struct Turned<'a> {
    deed: Deed,
    patient: &'a Patient,
}

async fn refused<'a>(trail: &Trail<'a>, by: By) -> Result<Turned<'a>, Otherwise> {
    let Some(Refused { actor, patient, resource, search }) = &trail.scene.reads.refused else {
        return Err(Otherwise::skipped("the scene knows nothing that somebody may not read: reads.refused"));
    };
    let patient = trail.patient(patient)?;
    let path = match by {
        By::Read => resource,
        By::Search => search,
    };
    let deed = trail.does(Asked::get(actor, path), &[patient]).await?;
    let shown = match by {
        By::Read => deed.answer.status == 200,
        By::Search => {
            let found = super::super::people::json(deed.answer.body.clone());
            found.is_some_and(|bundle| {
                super::super::people::entries(&bundle).iter().any(|(place, _)| place == resource)
            })
        }
    };
    if shown {
        return Err(Otherwise::error("the scene says that this is refused, and it was shared"));
    }
    Ok(Turned { deed, patient })
}

/// The refusal stands in the trail of whom it concerns, or at least in that of the request.
async fn events(trail: &Trail<'_>, turned: &Turned<'_>) -> Result<Vec<Event>, Otherwise> {
    let found = trail.about(turned.patient, &turned.deed).await?;
    if found.is_empty() { Err(missing()) } else { Ok(found) }
}

pub(super) async fn recorded(bench: &Bench, by: By) -> Judgement {
    let trail = Trail::of(bench)?;
    let turned = refused(&trail, by).await?;
    if by == By::Search && turned.deed.answer.status == 200 {
        // An empty answer is no refusal to the one who asks; that there was a search must be known.
        let found = trail.about(turned.patient, &turned.deed).await?;
        if found.is_empty() && trail.of_deed(&turned.deed).await?.is_empty() {
            return Err(missing());
        }
        return Ok(());
    }
    events(&trail, &turned).await.map(drop)
}

pub(super) async fn once(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let turned = refused(&trail, By::Read).await?;
    match events(&trail, &turned).await?.len() {
        1 => Ok(()),
        more => Err(Otherwise::unmet("one AuditEvent of the refusal", format!("{more} of them"))),
    }
}

pub(super) async fn outcome(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let turned = refused(&trail, By::Read).await?;
    events(&trail, &turned).await?.iter().try_for_each(unsuccessful)
}

pub(super) async fn valid(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let turned = refused(&trail, By::Read).await?;
    events(&trail, &turned).await?.iter().try_for_each(|event| event.conforms(&[]))
}

/// What was asked for does not come out of the record of the refusal either.
pub(super) async fn names_who(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let turned = refused(&trail, By::Read).await?;
    let requestor = |event: &Event| {
        event.agents().iter().any(|agent| agent.get("requestor") == Some(&serde_json::Value::Bool(true)))
    };
    match events(&trail, &turned).await?.iter().all(requestor) {
        true => Ok(()),
        false => Err(Otherwise::unmet("an agent that is the requestor", "none")),
    }
}

fn unsuccessful(event: &Event) -> Judgement {
    match event.outcome() {
        Some("4" | "8" | "12") => Ok(()),
        Some("0") => Err(Otherwise::unmet("outcome 4, 8 or 12", "outcome 0: success")),
        Some(_) | None => Err(Otherwise::unmet("outcome 4, 8 or 12", "none, or another code")),
    }
}

async fn not_found(trail: &Trail<'_>) -> Result<Vec<Event>, Otherwise> {
    let reads = &trail.scene.reads;
    let kind = reads.resource.split('/').next().unwrap_or_default();
    let path = format!("{kind}/{UNKNOWN}");
    let deed = trail.does(Asked::get(&reads.actor, &path), &[]).await?;
    if !(400..500).contains(&deed.answer.status) {
        let told = format!("an id that nobody has answers status {}", deed.answer.status);
        return Err(Otherwise::error(told));
    }
    trail.of_deed(&deed).await
}

pub(super) async fn not_found_recorded(bench: &Bench) -> Judgement {
    match not_found(&Trail::of(bench)?).await?.is_empty() {
        false => Ok(()),
        true => Err(Otherwise::unmet("an AuditEvent of the request", "none")),
    }
}

pub(super) async fn not_found_outcome(bench: &Bench) -> Judgement {
    let events = not_found(&Trail::of(bench)?).await?;
    if events.is_empty() {
        return Err(Otherwise::skipped("it is not recorded"));
    }
    events.iter().try_for_each(unsuccessful)
}

/// Somebody without a token.
pub(super) async fn unknown_recorded(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let asked = Asked { actor: None, method: &Method::GET, ..Asked::get("", &trail.scene.reads.resource) };
    let deed = trail.does(asked, &[]).await?;
    if deed.answer.status < 400 {
        return Err(Otherwise::error("what the scene has tokens for is shared without one"));
    }
    let events = trail.of_deed(&deed).await?;
    if events.is_empty() {
        return Err(Otherwise::unmet("an AuditEvent of the request", "none"));
    }
    events.iter().try_for_each(unsuccessful)
}

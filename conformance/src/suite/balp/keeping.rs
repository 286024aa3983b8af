//! What is recorded stays as it is, and is shown to whom it may be shown.

use http::Method;

use super::super::people::{Asked, json, text};
use super::shares::{Kind, done, event};
use super::trail::Trail;
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};

/// PUT of another text changes nothing.
pub(super) async fn not_changed(bench: &Bench) -> Judgement {
    tampered(bench, &Method::PUT).await
}

/// DELETE takes nothing away.
pub(super) async fn not_deleted(bench: &Bench) -> Judgement {
    tampered(bench, &Method::DELETE).await
}

async fn tampered(bench: &Bench, method: &Method) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, Kind::Read).await?;
    let event = event(&trail, &done).await?;
    let mut changed = event.0.clone();
    if let Some(members) = changed.as_object_mut() {
        members.insert("outcomeDesc".to_owned(), "changed by a conformance suite".into());
    }
    let body = if *method == Method::PUT { changed.to_string() } else { String::new() };
    let answer = trail.tamper(method, event.id(), &body).await?;
    if answer.status < 400 {
        return Err(Otherwise::unmet("a refusal", format!("status {}", answer.status)));
    }
    let after = trail.about(done.patient, &done.deed).await?;
    match after.iter().find(|one| one.id() == event.id()) {
        None => Err(Otherwise::unmet("the AuditEvent as it was", "none any more")),
        Some(one) if one.0 != event.0 => Err(Otherwise::unmet("the AuditEvent as it was", "another text")),
        Some(_) => Ok(()),
    }
}

fn outsider<'a>(trail: &Trail<'a>) -> Result<&'a str, Otherwise> {
    let named = trail.audit.outsider.as_deref();
    named.ok_or_else(|| {
        Otherwise::skipped("the scene knows nobody who may not look into the trail: audit.outsider")
    })
}

/// A search of somebody else finds none.
pub(super) async fn not_found_by_others(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let outsider = outsider(&trail)?;
    let done = done(&trail, Kind::Read).await?;
    // There is something to be seen.
    event(&trail, &done).await?;
    match trail.seen_by(outsider, done.patient).await? {
        0 => Ok(()),
        some => {
            Err(Otherwise::unmet("no AuditEvents for whom the trail is not for", format!("{some} of them")))
        }
    }
}

/// So does a read by its id.
pub(super) async fn not_read_by_others(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let outsider = outsider(&trail)?;
    let done = done(&trail, Kind::Read).await?;
    let event = event(&trail, &done).await?;
    let answer = trail.read(outsider, event.id()).await?;
    match answer.status {
        200 => Err(Otherwise::unmet("a refusal", "status 200")),
        500.. if answer.status != 501 => Err(Otherwise::error(format!("status {}", answer.status))),
        _ => Ok(()),
    }
}

/// Whoever looks is looked at.
pub(super) async fn looking_is_recorded(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let patient = trail.patient(&trail.scene.reads.patient)?;
    let path = trail.path_about(patient);
    let deed = trail.does(Asked::get(&trail.audit.reader, &path).at(trail.base()), &[patient]).await?;
    super::shares::succeeded(&deed, "the scene says who may look into the trail")?;
    match trail.of_deed(&deed).await?.is_empty() {
        false => Ok(()),
        true => Err(Otherwise::unmet("an AuditEvent of looking into the trail", "none")),
    }
}

/// A read by its id shows the same as the search.
pub(super) async fn reads_as_found(bench: &Bench) -> Judgement {
    let trail = Trail::of(bench)?;
    let done = done(&trail, Kind::Read).await?;
    let event = event(&trail, &done).await?;
    let answer = trail.read(&trail.audit.reader, event.id()).await?;
    if matches!(answer.status, 404 | 405 | 501) {
        return Err(Otherwise::unmet("the AuditEvent by its id", format!("status {}", answer.status)));
    }
    let read = json(answer.body).unwrap_or_default();
    match text(&read, "/id") == Some(event.id()) && read.get("entity") == event.0.get("entity") {
        true => Ok(()),
        false => Err(Otherwise::unmet("the AuditEvent as the search shows it", "another")),
    }
}

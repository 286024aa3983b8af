//! Deleting: gone from reads and searches, without an error for what is gone already.

use super::super::judge::status;
use super::hands::{
    Terms, acted, claimed_text, counted, criterion, delete, delete_under, get, kept_whole, kind, make, put,
    succeeded,
};
use super::update::changed;
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};

const DELETE: &str = "https://hl7.org/fhir/R4/http.html#delete";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Should,
        "core-delete-status",
        "DELETE Type/id answers 200 with a body, 204 without one, or 202",
        "the sender must know whether it is done",
        DELETE,
        deleted
    ),
    acted!(
        Shall,
        "core-delete-read",
        "what was deleted answers 410, or 404 where deletions are not kept track of",
        "a record that was to be gone is still shown",
        DELETE,
        gone
    ),
    acted!(
        Shall,
        "core-delete-search",
        "what was deleted is found by no search",
        "a record that was to be gone is still shown",
        DELETE,
        not_found
    ),
    acted!(
        Should,
        "core-delete-again",
        "deleting what is deleted has no effect and is no error",
        "a sender that repeats itself after a broken line is told that it failed",
        DELETE,
        again
    ),
    acted!(
        Should,
        "core-delete-back",
        "an update brings back what was deleted, as a new version",
        "a deletion by mistake cannot be undone under the same id",
        DELETE,
        back
    ),
];

async fn deleted(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "delete"])?;
    let kept = make(bench, kind, "deleted").await?;
    let answer = delete(bench, &kept).await?;
    status(&answer, &[200, 202, 204])?;
    if answer.status == 204 && !answer.body.is_empty() {
        return Err(Otherwise::unmet("no body with 204", "a body"));
    }
    Ok(())
}

async fn gone(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "delete", "read"])?;
    let kept = make(bench, kind, "gone").await?;
    let answer = delete(bench, &kept).await?;
    succeeded(&answer)?;
    if answer.status == 202 {
        return Err(Otherwise::skipped("it deletes later, it says"));
    }
    status(&get(bench, &kept.path()).await?, &[410, 404])
}

async fn not_found(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "delete", "search-type"])?;
    let kept = make(bench, kind, "unfindable").await?;
    let criterion = criterion(bench, "unfindable");
    if counted(bench, kind, &criterion, 1).await? != 1 {
        return Err(Otherwise::error("what was made is not found by its identifier to begin with"));
    }
    succeeded(&delete(bench, &kept).await?)?;
    match counted(bench, kind, &criterion, 0).await? {
        0 => Ok(()),
        found => Err(Otherwise::unmet("no match", format!("{found} after five seconds"))),
    }
}

async fn again(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "delete"])?;
    let kept = make(bench, kind, "again").await?;
    let terms = Terms::of(bench, &kept).await?;
    succeeded(&delete_under(bench, &kept, &terms).await?)?;
    succeeded(&delete_under(bench, &kept, &terms).await?)
}

async fn back(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "delete", "read", "update"])?;
    if claimed_text(bench, kind, "updateCreate")?.as_deref() != Some("true") {
        return Err(Otherwise::skipped("updates do not create, it says"));
    }
    let kept = make(bench, kind, "back").await?;
    let before = super::hands::current_version(bench, &kept).await?;
    succeeded(&delete(bench, &kept).await?)?;
    let sent = changed(&kept);
    succeeded(&put(bench, &kept.path(), &sent).await?)?;
    let found = super::hands::read(bench, &kept).await?;
    kept_whole(&sent.to_string(), &found)?;
    if super::hands::version(&found)? == before {
        return Err(Otherwise::unmet("another meta.versionId", "that of before the deletion"));
    }
    Ok(())
}

//! Reads, creates, updates and deletions under a condition.

use http::Method;
use serde_json::json;

use super::super::judge::status;
use super::hands::{
    acted, body, claimed_text, counted, created, criterion, get, kept_whole, kind, make, read, remember,
    says, send, set, succeeded,
};
use super::update::{changed, unchanged};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const CREATE: &str = "https://hl7.org/fhir/R4/http.html#ccreate";
const UPDATE: &str = "https://hl7.org/fhir/R4/http.html#cond-update";
const DELETE: &str = "https://hl7.org/fhir/R4/http.html#delete";
const READ: &str = "https://hl7.org/fhir/R4/http.html#cread";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-cread-unchanged",
        "a read with If-None-Match of the ETag answers 304 without a body",
        "records travel again that the reader has",
        READ,
        read_unchanged
    ),
    acted!(
        Shall,
        "core-cread-changed",
        "a read with If-None-Match of an older ETag answers with the resource as it is",
        "the reader goes on with what is no longer true",
        READ,
        read_changed
    ),
    acted!(
        Shall,
        "core-cread-since",
        "a read with If-Modified-Since of its Last-Modified answers 304",
        "records travel again that the reader has",
        READ,
        read_since
    ),
    acted!(
        Shall,
        "core-ccreate-none",
        "a create with If-None-Exist that nothing meets creates",
        "a first record is never made",
        CREATE,
        create_none
    ),
    acted!(
        Shall,
        "core-ccreate-one",
        "a create with If-None-Exist that one resource meets answers 200 and makes nothing",
        "one person gets two records",
        CREATE,
        create_one
    ),
    acted!(
        Shall,
        "core-ccreate-many",
        "a create with If-None-Exist that several resources meet answers 412 and makes nothing",
        "one person gets yet another record",
        CREATE,
        create_many
    ),
    acted!(
        Shall,
        "core-cupdate-none",
        "a conditional update that nothing meets creates",
        "a first record is never made",
        UPDATE,
        update_none
    ),
    acted!(
        Shall,
        "core-cupdate-one",
        "a conditional update that one resource meets updates that one",
        "one person gets two records",
        UPDATE,
        update_one
    ),
    acted!(
        Shall,
        "core-cupdate-many",
        "a conditional update that several resources meet answers 412 and changes nothing",
        "somebody else's record is written over",
        UPDATE,
        update_many
    ),
    acted!(
        Shall,
        "core-cupdate-other-id",
        "a conditional update with another id than the resource that meets it answers 400",
        "one person's record is written over another's",
        UPDATE,
        update_other_id
    ),
    acted!(
        Shall,
        "core-cdelete-one",
        "a conditional delete that one resource meets deletes it",
        "a record that was to be gone is still shown",
        DELETE,
        delete_one
    ),
    acted!(
        Shall,
        "core-cdelete-many",
        "a conditional delete that several resources meet deletes all of them, or none and answers 412, as is claimed",
        "records of others are gone",
        DELETE,
        delete_many
    ),
];

/// Goes on where the statement says that reads may depend on this.
fn read_by(bench: &Bench, kind: &str, what: &str) -> Judgement {
    let claimed = claimed_text(bench, kind, "conditionalRead")?;
    match claimed.as_deref() {
        Some(says) if says == what || says == "full-support" => Ok(()),
        Some(_) | None => Err(Otherwise::skipped(format!("conditional reads by {what} are not advertised"))),
    }
}

async fn read_unchanged(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    read_by(bench, kind, "not-match")?;
    let kept = make(bench, kind, "cread").await?;
    let first = read(bench, &kept).await?;
    let etag = first.header("etag").ok_or_else(|| Otherwise::skipped("the read had no ETag"))?;
    let answer = send(bench, Method::GET, &kept.path(), &[("if-none-match", etag)], "").await?;
    status(&answer, &[304])?;
    if answer.body.is_empty() { Ok(()) } else { Err(Otherwise::unmet("no body", "a body")) }
}

async fn read_changed(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read", "update"])?;
    let kept = make(bench, kind, "cread-changed").await?;
    let first = read(bench, &kept).await?;
    let etag = first.header("etag").ok_or_else(|| Otherwise::skipped("the read had no ETag"))?;
    let sent = changed(&kept).to_string();
    succeeded(&send(bench, Method::PUT, &kept.path(), &[("if-match", etag)], &sent).await?)?;
    let answer = send(bench, Method::GET, &kept.path(), &[("if-none-match", etag)], "").await?;
    status(&answer, &[200])?;
    kept_whole(&sent, &answer)
}

async fn read_since(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    read_by(bench, kind, "modified-since")?;
    let kept = make(bench, kind, "cread-since").await?;
    let first = read(bench, &kept).await?;
    let date =
        first.header("last-modified").ok_or_else(|| Otherwise::skipped("the read had no Last-Modified"))?;
    let answer = send(bench, Method::GET, &kept.path(), &[("if-modified-since", date)], "").await?;
    status(&answer, &[304])
}

async fn create_if_none(bench: &Bench, kind: &str, word: &str) -> Result<Answer, Otherwise> {
    let condition = criterion(bench, word);
    let sent = body(bench, kind, word).to_string();
    let answer = send(bench, Method::POST, kind, &[("if-none-exist", &condition)], sent).await?;
    if answer.status == 201 {
        remember(bench, kind, &answer);
    }
    Ok(answer)
}

fn creating(bench: &Bench) -> Result<&'static str, Otherwise> {
    let kind = kind(bench, &["create", "search-type"])?;
    says(bench, kind, "conditionalCreate")?;
    Ok(kind)
}

/// How many there are, where the search may lag behind.
async fn there_are(bench: &Bench, kind: &str, word: &str, wanted: usize) -> Judgement {
    match counted(bench, kind, &criterion(bench, word), wanted).await? {
        found if found == wanted => Ok(()),
        found => Err(Otherwise::unmet(format!("{wanted} of them"), format!("{found}"))),
    }
}

/// Makes that many to begin with.
async fn begin_with(bench: &Bench, kind: &'static str, word: &str, wanted: usize) -> Judgement {
    for _ in 0..wanted {
        make(bench, kind, word).await?;
    }
    found_by_it(bench, kind, word, wanted).await
}

/// As [`there_are`], to begin with: that it is so is not what is checked.
async fn found_by_it(bench: &Bench, kind: &str, word: &str, wanted: usize) -> Judgement {
    there_are(bench, kind, word, wanted)
        .await
        .map_err(|_| Otherwise::error("what was made is not found by its identifier to begin with"))
}

async fn create_none(bench: &Bench) -> Judgement {
    let kind = creating(bench)?;
    let answer = create_if_none(bench, kind, "ccreate-none").await?;
    status(&answer, &[201])?;
    there_are(bench, kind, "ccreate-none", 1).await
}

async fn create_one(bench: &Bench) -> Judgement {
    let kind = creating(bench)?;
    begin_with(bench, kind, "ccreate-one", 1).await?;
    status(&create_if_none(bench, kind, "ccreate-one").await?, &[200])?;
    there_are(bench, kind, "ccreate-one", 1).await
}

async fn create_many(bench: &Bench) -> Judgement {
    let kind = creating(bench)?;
    begin_with(bench, kind, "ccreate-many", 2).await?;
    status(&create_if_none(bench, kind, "ccreate-many").await?, &[412])?;
    there_are(bench, kind, "ccreate-many", 2).await
}

fn updating(bench: &Bench) -> Result<&'static str, Otherwise> {
    let kind = kind(bench, &["create", "read", "update", "search-type"])?;
    says(bench, kind, "conditionalUpdate")?;
    Ok(kind)
}

async fn update_where(
    bench: &Bench,
    kind: &str,
    word: &str,
    sent: &serde_json::Value,
) -> Result<Answer, Otherwise> {
    let path = format!("{kind}?{}", criterion(bench, word));
    let answer = send(bench, Method::PUT, &path, &[], sent.to_string()).await?;
    if answer.status == 201 {
        remember(bench, kind, &answer);
    }
    Ok(answer)
}

async fn update_none(bench: &Bench) -> Judgement {
    let kind = updating(bench)?;
    let sent = body(bench, kind, "cupdate-none");
    status(&update_where(bench, kind, "cupdate-none", &sent).await?, &[201])?;
    there_are(bench, kind, "cupdate-none", 1).await
}

async fn update_one(bench: &Bench) -> Judgement {
    let kind = updating(bench)?;
    let kept = make(bench, kind, "cupdate-one").await?;
    let mut sent = changed(&kept);
    if let Some(members) = sent.as_object_mut() {
        members.remove("id");
    }
    found_by_it(bench, kind, "cupdate-one", 1).await?;
    let answer = update_where(bench, kind, "cupdate-one", &sent).await?;
    status(&answer, &[200])?;
    kept_whole(&sent.to_string(), &get(bench, &kept.path()).await?)?;
    there_are(bench, kind, "cupdate-one", 1).await
}

async fn update_many(bench: &Bench) -> Judgement {
    let kind = updating(bench)?;
    let kept = make(bench, kind, "cupdate-many").await?;
    make(bench, kind, "cupdate-many").await?;
    found_by_it(bench, kind, "cupdate-many", 2).await?;
    let mut sent = changed(&kept);
    if let Some(members) = sent.as_object_mut() {
        members.remove("id");
    }
    status(&update_where(bench, kind, "cupdate-many", &sent).await?, &[412])?;
    unchanged(bench, &kept).await
}

async fn update_other_id(bench: &Bench) -> Judgement {
    let kind = updating(bench)?;
    let kept = make(bench, kind, "cupdate-id").await?;
    found_by_it(bench, kind, "cupdate-id", 1).await?;
    let mut sent = changed(&kept);
    set(&mut sent, &["id"], json!(format!("{}-someone-else", bench.tag())));
    let answer = update_where(bench, kind, "cupdate-id", &sent).await?;
    if let Some((id, _)) = created(kind, &answer).filter(|_| (200..300).contains(&answer.status)) {
        bench.made(format!("{kind}/{id}"));
    }
    status(&answer, &[400])?;
    unchanged(bench, &kept).await
}

async fn delete_where(bench: &Bench, kind: &str, word: &str) -> Result<Answer, Otherwise> {
    send(bench, Method::DELETE, &format!("{kind}?{}", criterion(bench, word)), &[], "").await
}

fn deleting(bench: &Bench) -> Result<(&'static str, String), Otherwise> {
    let kind = kind(bench, &["create", "read", "delete", "search-type"])?;
    match claimed_text(bench, kind, "conditionalDelete")? {
        Some(how) if how == "single" || how == "multiple" => Ok((kind, how)),
        Some(_) | None => Err(Otherwise::skipped(format!("conditionalDelete of {kind} is not advertised"))),
    }
}

async fn delete_one(bench: &Bench) -> Judgement {
    let (kind, _) = deleting(bench)?;
    let kept = make(bench, kind, "cdelete-one").await?;
    found_by_it(bench, kind, "cdelete-one", 1).await?;
    succeeded(&delete_where(bench, kind, "cdelete-one").await?)?;
    status(&get(bench, &kept.path()).await?, &[410, 404])
}

async fn delete_many(bench: &Bench) -> Judgement {
    let (kind, how) = deleting(bench)?;
    let kept = make(bench, kind, "cdelete-many").await?;
    make(bench, kind, "cdelete-many").await?;
    found_by_it(bench, kind, "cdelete-many", 2).await?;
    let answer = delete_where(bench, kind, "cdelete-many").await?;
    if how == "multiple" {
        succeeded(&answer)?;
        status(&get(bench, &kept.path()).await?, &[410, 404])?;
        return there_are(bench, kind, "cdelete-many", 0).await;
    }
    status(&answer, &[412])?;
    unchanged(bench, &kept).await?;
    there_are(bench, kind, "cdelete-many", 2).await
}

//! Updating: the new version is there, the old one is not, and nobody's change is lost.

use http::Method;
use serde_json::{Value, json};

use super::super::judge::{root, status};
use super::create::{forged, not_believed};
use super::hands::{
    CONCURRENCY, Kept, PREFER, UPDATE, acted, body, claimed_text, current_version, get, kept_whole, kind,
    make, put, read, refused, send, set, succeeded, update, version, versioned,
};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-update-status",
        "PUT Type/id of what is there answers 200",
        "201 would say that it was not there before",
        UPDATE,
        updated
    ),
    acted!(
        Shall,
        "core-update-content",
        "what was updated is read as it was sent last",
        "an update that is said to be done and is not is lost",
        UPDATE,
        content
    ),
    acted!(
        Shall,
        "core-update-version",
        "an update makes a new version",
        "others cannot tell that it changed",
        UPDATE,
        new_version
    ),
    acted!(
        Shall,
        "core-update-etag",
        "an update answers with the ETag of the new version and Last-Modified",
        "the next change of the same sender needs it",
        UPDATE,
        etag
    ),
    acted!(
        Should,
        "core-update-whole",
        "what an update leaves out is gone",
        "an allergy that was struck out comes back",
        "https://hl7.org/fhir/R4/http.html#transactional-integrity",
        whole
    ),
    acted!(
        Shall,
        "core-update-meta-ignored",
        "meta.versionId and meta.lastUpdated of the body are not believed",
        "a sender could date a change back",
        UPDATE,
        meta_ignored
    ),
    acted!(
        Shall,
        "core-update-other-id",
        "a body with another id than the address answers 400, and changes nothing",
        "one person's record is written over another's",
        UPDATE,
        other_id
    ),
    acted!(
        Shall,
        "core-update-no-id",
        "a body without an id answers 400",
        "the sender believes that it creates",
        UPDATE,
        no_id
    ),
    acted!(
        Shall,
        "core-update-wrong-type",
        "a body of another type than the address is refused",
        "a record turns into another",
        UPDATE,
        wrong_type
    ),
    acted!(
        Shall,
        "core-update-stale",
        "an update with If-Match of an older version answers 412, or 409, and changes nothing",
        "the change of somebody else is lost without a trace",
        CONCURRENCY,
        stale
    ),
    acted!(
        Shall,
        "core-update-current",
        "an update with If-Match of the version that is there is carried out",
        "who does it right must get through",
        CONCURRENCY,
        current
    ),
    acted!(
        Shall,
        "core-update-race",
        "of two updates at once with the same If-Match one is refused",
        "both believe that their change is the record",
        CONCURRENCY,
        race
    ),
    acted!(
        Shall,
        "core-update-create",
        "PUT of an id that is not there creates it, or is refused, as updateCreate says",
        "who numbers records elsewhere relies on it",
        "https://hl7.org/fhir/R4/http.html#upsert",
        as_create
    ),
    acted!(
        Should,
        "core-update-minimal",
        "an update with Prefer: return=minimal answers without a body",
        "bodies that nobody wants fill slow lines",
        PREFER,
        minimal
    ),
];

/// `kept` with another value in it.
pub(super) fn changed(kept: &Kept) -> Value {
    let mut body = kept.body.clone();
    set(&mut body, &["active"], json!(false));
    set(&mut body, &["telecom"], json!([{"system": "phone", "value": "01632 960123"}]));
    body
}

async fn begin(bench: &Bench, word: &str) -> Result<Kept, Otherwise> {
    let kind = kind(bench, &["create", "read", "update"])?;
    make(bench, kind, word).await
}

async fn updated(bench: &Bench) -> Judgement {
    let kept = begin(bench, "updated").await?;
    status(&update(bench, &kept, &changed(&kept)).await?, &[200])
}

async fn content(bench: &Bench) -> Judgement {
    let kept = begin(bench, "content").await?;
    let sent = changed(&kept);
    succeeded(&update(bench, &kept, &sent).await?)?;
    kept_whole(&sent.to_string(), &read(bench, &kept).await?)
}

async fn new_version(bench: &Bench) -> Judgement {
    let kept = begin(bench, "version").await?;
    let before = current_version(bench, &kept).await?;
    succeeded(&update(bench, &kept, &changed(&kept)).await?)?;
    if version(&read(bench, &kept).await?)? == before {
        return Err(Otherwise::unmet("another meta.versionId", "the same"));
    }
    Ok(())
}

async fn etag(bench: &Bench) -> Judgement {
    let kept = begin(bench, "update-etag").await?;
    versioned(bench, kept.kind)?;
    let answer = update(bench, &kept, &changed(&kept)).await?;
    succeeded(&answer)?;
    let now = version(&read(bench, &kept).await?)?;
    match answer.header("etag") {
        None => return Err(Otherwise::unmet("an ETag", "none")),
        Some(etag) if etag.trim_start_matches("W/").trim_matches('"') != now => {
            return Err(Otherwise::unmet("the ETag of the new version", "another"));
        }
        Some(_) => {}
    }
    match answer.header("last-modified") {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("Last-Modified", "none")),
    }
}

async fn whole(bench: &Bench) -> Judgement {
    let kept = begin(bench, "whole-update").await?;
    let mut sent = kept.body.clone();
    if let Some(members) = sent.as_object_mut() {
        members.remove("active");
    }
    succeeded(&update(bench, &kept, &sent).await?)?;
    match root(&read(bench, &kept).await?)?.member("active") {
        None => Ok(()),
        Some(_) => Err(Otherwise::unmet("no active, which was left out", "the active of before")),
    }
}

async fn meta_ignored(bench: &Bench) -> Judgement {
    let kept = begin(bench, "forged-update").await?;
    succeeded(&update(bench, &kept, &forged(changed(&kept))).await?)?;
    not_believed(&read(bench, &kept).await?)
}

/// Nothing of what was refused is there.
pub(super) async fn unchanged(bench: &Bench, kept: &Kept) -> Judgement {
    kept_whole(&kept.body.to_string(), &read(bench, kept).await?)
}

async fn other_id(bench: &Bench) -> Judgement {
    let kept = begin(bench, "other-id").await?;
    let mut sent = changed(&kept);
    set(&mut sent, &["id"], json!(format!("{}-other", bench.tag())));
    let answer = update(bench, &kept, &sent).await?;
    status(&answer, &[400])?;
    unchanged(bench, &kept).await
}

async fn no_id(bench: &Bench) -> Judgement {
    let kept = begin(bench, "no-id").await?;
    let mut sent = changed(&kept);
    if let Some(members) = sent.as_object_mut() {
        members.remove("id");
    }
    let answer = update(bench, &kept, &sent).await?;
    status(&answer, &[400])?;
    unchanged(bench, &kept).await
}

async fn wrong_type(bench: &Bench) -> Judgement {
    let kept = begin(bench, "update-type").await?;
    let other = if kept.kind == "Patient" { "Practitioner" } else { "Patient" };
    let mut sent = body(bench, other, "update-type");
    set(&mut sent, &["id"], json!(kept.id));
    refused(&update(bench, &kept, &sent).await?)?;
    unchanged(bench, &kept).await
}

async fn matching(bench: &Bench, kept: &Kept, sent: &Value, version: &str) -> Result<Answer, Otherwise> {
    let tag = format!("W/\"{version}\"");
    send(bench, Method::PUT, &kept.path(), &[("if-match", &tag)], sent.to_string()).await
}

async fn stale(bench: &Bench) -> Judgement {
    let mut kept = begin(bench, "current").await?;
    let before = current_version(bench, &kept).await?;
    let first = changed(&kept);
    succeeded(&matching(bench, &kept, &first, &before).await?)?;
    let mut second = kept.body.clone();
    set(&mut second, &["telecom"], json!([{"system": "phone", "value": "01632 960777"}]));
    let answer = matching(bench, &kept, &second, &before).await?;
    status(&answer, &[412, 409])?;
    kept.body = first;
    unchanged(bench, &kept).await
}

async fn current(bench: &Bench) -> Judgement {
    let kept = begin(bench, "current").await?;
    let before = current_version(bench, &kept).await?;
    let sent = changed(&kept);
    status(&matching(bench, &kept, &sent, &before).await?, &[200])?;
    kept_whole(&sent.to_string(), &read(bench, &kept).await?)
}

async fn race(bench: &Bench) -> Judgement {
    let kept = begin(bench, "current").await?;
    for round in 0..4 {
        let before = current_version(bench, &kept).await?;
        let (mut one, mut other) = (changed(&kept), changed(&kept));
        set(&mut one, &["telecom"], json!([{"system": "phone", "value": format!("01632 9601{round}0")}]));
        set(&mut other, &["telecom"], json!([{"system": "phone", "value": format!("01632 9601{round}1")}]));
        let (first, second) =
            tokio::join!(matching(bench, &kept, &one, &before), matching(bench, &kept, &other, &before));
        let (first, second) = (first?, second?);
        let won = match (first.status, second.status) {
            (200..=299, 409 | 412) => &one,
            (409 | 412, 200..=299) => &other,
            // Nothing is lost where both are told to try again.
            (409 | 412, 409 | 412) => continue,
            (200..=299, 200..=299) => {
                return Err(Otherwise::unmet("one of the two refused", "both were carried out"));
            }
            (first, second) => {
                return Err(Otherwise::unmet("one 2xx and one 412 or 409", format!("{first} and {second}")));
            }
        };
        kept_whole(&won.to_string(), &read(bench, &kept).await?)?;
    }
    Ok(())
}

async fn as_create(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["read", "update"])?;
    let claimed = claimed_text(bench, kind, "updateCreate")?;
    let id = format!("{}-upsert", bench.tag());
    let path = format!("{kind}/{id}");
    let mut sent = body(bench, kind, "upsert");
    set(&mut sent, &["id"], json!(id));
    let creates = match claimed.as_deref() {
        Some("true") => Creates::Yes,
        Some(_) => Creates::No,
        None => return Err(Otherwise::skipped("updateCreate is not stated")),
    };
    bench.made(&*path);
    let answer = put(bench, &path, &sent).await?;
    match creates {
        Creates::Yes => {
            status(&answer, &[201])?;
            let found = get(bench, &path).await?;
            status(&found, &[200])?;
            kept_whole(&sent.to_string(), &found)
        }
        Creates::No => refused(&answer),
    }
}

/// What the statement says about an update of what is not there.
enum Creates {
    Yes,
    No,
}

async fn minimal(bench: &Bench) -> Judgement {
    let kept = begin(bench, "update-minimal").await?;
    let sent = changed(&kept).to_string();
    let mut headers = vec![("prefer", "return=minimal")];
    let tag;
    if claimed_text(bench, kept.kind, "versioning")?.as_deref() == Some("versioned-update") {
        tag = format!("W/\"{}\"", current_version(bench, &kept).await?);
        headers.push(("if-match", &tag));
    }
    let answer = send(bench, Method::PUT, &kept.path(), &headers, sent).await?;
    succeeded(&answer)?;
    if answer.body.is_empty() { Ok(()) } else { Err(Otherwise::unmet("no body", "a body")) }
}

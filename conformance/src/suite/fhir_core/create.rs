//! Creating: where it is, what the server adds, what is told back.

use http::Method;
use serde_json::json;

use super::super::judge::{root, status};
use super::hands::{
    CREATE, Kept, PREFER, acted, body, counted, created, criterion, kind, located, make_of, post, read,
    refused, remember, send, set, version, versioned,
};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-create-status",
        "POST Type answers 201",
        "the sender must know that a new record was made",
        CREATE,
        made
    ),
    acted!(
        Shall,
        "core-create-location",
        "a create answers with a Location of the new resource: type, id, and version where versions are kept",
        "the sender finds what it made by nothing else",
        CREATE,
        location
    ),
    acted!(
        Shall,
        "core-create-readable",
        "what was created can be read at once, with its id",
        "a record that is said to be kept and is not there is lost",
        CREATE,
        readable
    ),
    acted!(
        Shall,
        "core-create-id-ignored",
        "a create gives an id of its own, whatever id the body has",
        "a sender that chooses ids could write over the records of others",
        CREATE,
        id_ignored
    ),
    acted!(
        Shall,
        "core-create-meta",
        "what was created has meta.versionId and meta.lastUpdated",
        "who reads it later cannot tell whether it changed",
        CREATE,
        meta
    ),
    acted!(
        Shall,
        "core-create-meta-ignored",
        "meta.versionId and meta.lastUpdated of the body are not believed",
        "a sender could date a record back",
        CREATE,
        meta_ignored
    ),
    acted!(
        Should,
        "core-create-etag",
        "a create answers with the ETag of the version and Last-Modified",
        "the sender can change what it made safely, without reading it first",
        CREATE,
        etag
    ),
    acted!(
        Shall,
        "core-create-twice",
        "the same body created twice makes two resources",
        "a create that silently changes a record that is there loses what was there",
        CREATE,
        twice
    ),
    acted!(
        Shall,
        "core-create-wrong-type",
        "a body of another type than the address is refused",
        "a record is filed where nobody looks for it",
        CREATE,
        wrong_type
    ),
    acted!(
        Should,
        "core-create-minimal",
        "a create with Prefer: return=minimal answers without a body",
        "bodies that nobody wants fill slow lines",
        PREFER,
        minimal
    ),
    acted!(
        Should,
        "core-create-representation",
        "a create with Prefer: return=representation answers with the resource",
        "the sender sees what the server made of it",
        PREFER,
        representation
    ),
    acted!(
        Should,
        "core-create-outcome",
        "a create with Prefer: return=OperationOutcome answers with one",
        "warnings of the server are told nowhere else",
        PREFER,
        outcome
    ),
];

async fn made(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let answer = post(bench, kind, &body(bench, kind, "created")).await?;
    status(&answer, &[201])
}

async fn location(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let answer = post(bench, kind, &body(bench, kind, "located")).await?;
    let wanted = format!("a Location of [base]/{kind}/[id]/_history/[vid]");
    let Some(location) = answer.header("location") else {
        return Err(Otherwise::unmet(wanted, "no Location"));
    };
    match located(kind, location) {
        None => Err(Otherwise::unmet(wanted, "a Location of another form")),
        Some((_, None)) if bench.claimed(kind, "vread").is_ok() => {
            Err(Otherwise::unmet(wanted, "a Location without the version"))
        }
        Some(_) => Ok(()),
    }
}

async fn readable(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    let answer = post(bench, kind, &body(bench, kind, "readable")).await?;
    let Some((id, _)) = created(kind, &answer) else {
        return Err(Otherwise::unmet("an id in the Location or the body", "none"));
    };
    let found = super::hands::get(bench, &format!("{kind}/{id}")).await?;
    status(&found, &[200])?;
    match root(&found)?.str_at(&["id"]) {
        Some(held) if held == id => Ok(()),
        Some(_) => Err(Otherwise::unmet("the id of the create", "another id")),
        None => Err(Otherwise::unmet("the id of the create", "no id")),
    }
}

async fn id_ignored(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let mut sent = body(bench, kind, "own-id");
    let chosen = format!("{}-chosen", bench.tag());
    set(&mut sent, &["id"], json!(chosen));
    let answer = post(bench, kind, &sent).await?;
    if (400..500).contains(&answer.status) {
        return Err(Otherwise::unmet("status 201", format!("status {}", answer.status)));
    }
    match created(kind, &answer) {
        Some((id, _)) if id == chosen => {
            Err(Otherwise::unmet("an id of the server's own", "the id that was sent"))
        }
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("an id in the Location or the body", "none")),
    }
}

async fn meta(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    versioned(bench, kind)?;
    let kept = super::hands::make(bench, kind, "meta").await?;
    let answer = read(bench, &kept).await?;
    version(&answer)?;
    match root(&answer)?.str_at(&["meta", "lastUpdated"]) {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("meta.lastUpdated", "none")),
    }
}

/// A version and a time that nobody's server would give by itself.
const FORGED: (&str, &str) = ("conformance-forged", "1999-12-31T23:59:59Z");

pub(super) fn not_believed(answer: &crate::target::Answer) -> Judgement {
    let root = root(answer)?;
    for (name, forged) in [("versionId", FORGED.0), ("lastUpdated", FORGED.1)] {
        if root.str_at(&["meta", name]).is_some_and(|held| held.starts_with(forged.trim_end_matches('Z'))) {
            return Err(Otherwise::unmet(format!("meta.{name} of the server's own"), "what was sent"));
        }
    }
    Ok(())
}

pub(super) fn forged(mut body: serde_json::Value) -> serde_json::Value {
    set(&mut body, &["meta"], json!({"versionId": FORGED.0, "lastUpdated": FORGED.1}));
    body
}

async fn meta_ignored(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create", "read"])?;
    let kept: Kept = make_of(bench, kind, forged(body(bench, kind, "forged"))).await?;
    not_believed(&read(bench, &kept).await?)
}

async fn etag(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    versioned(bench, kind)?;
    let answer = post(bench, kind, &body(bench, kind, "etag")).await?;
    let Some(etag) = answer.header("etag") else {
        return Err(Otherwise::unmet("an ETag", "none"));
    };
    if let Some((_, Some(version))) = created(kind, &answer)
        && etag != format!("W/\"{version}\"")
    {
        return Err(Otherwise::unmet("an ETag of W/\"[version]\"", "another ETag"));
    }
    match answer.header("last-modified") {
        Some(_) => Ok(()),
        None => Err(Otherwise::unmet("Last-Modified", "none")),
    }
}

async fn twice(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let sent = body(bench, kind, "twice");
    let first = post(bench, kind, &sent).await?;
    let second = post(bench, kind, &sent).await?;
    status(&first, &[201])?;
    status(&second, &[201])?;
    let (first, second) = (created(kind, &first), created(kind, &second));
    match (first, second) {
        (Some((first, _)), Some((second, _))) if first == second => {
            Err(Otherwise::unmet("two ids", "the same id twice"))
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err(Otherwise::unmet("an id in the Location or the body", "none")),
    }
}

async fn wrong_type(bench: &Bench) -> Judgement {
    let kind = kind(bench, &["create"])?;
    let other = if kind == "Patient" { "Practitioner" } else { "Patient" };
    let sent = body(bench, other, "wrong-type");
    let answer = send(bench, Method::POST, kind, &[], sent.to_string()).await?;
    remember(bench, kind, &answer);
    remember(bench, other, &answer);
    refused(&answer)
}

async fn preferring(bench: &Bench, word: &str, prefer: &str) -> Result<crate::target::Answer, Otherwise> {
    let kind = kind(bench, &["create"])?;
    let sent = body(bench, kind, word).to_string();
    let answer = send(bench, Method::POST, kind, &[("prefer", prefer)], sent).await?;
    remember(bench, kind, &answer);
    if answer.header("location").is_none() && bench.claimed(kind, "search-type").is_ok() {
        // Something was made that cannot be told to be deleted; at least it is known to be there.
        counted(bench, kind, &criterion(bench, word), 1).await?;
    }
    status(&answer, &[201])?;
    Ok(answer)
}

async fn minimal(bench: &Bench) -> Judgement {
    let answer = preferring(bench, "minimal", "return=minimal").await?;
    if answer.body.is_empty() { Ok(()) } else { Err(Otherwise::unmet("no body", "a body")) }
}

async fn representation(bench: &Bench) -> Judgement {
    let answer = preferring(bench, "whole", "return=representation").await?;
    if answer.is(kind(bench, &["create"])?) {
        return Ok(());
    }
    Err(Otherwise::unmet("the resource", "something else"))
}

async fn outcome(bench: &Bench) -> Judgement {
    let answer = preferring(bench, "outcome", "return=OperationOutcome").await?;
    if answer.is("OperationOutcome") {
        return Ok(());
    }
    Err(Otherwise::unmet("an OperationOutcome", "something else"))
}

//! Batches, whose entries stand by themselves; and what they have in common with transactions.

use http::Method;
use serde_json::{Value, json};

use super::super::judge::{root, status};
use super::hands::{
    Kept, acted, body, counted, criterion, entries, get, kind, located, make, of_system, send, set,
};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const TRANSACTION: &str = "https://hl7.org/fhir/R4/http.html#transaction";
const BATCH: &str = "https://hl7.org/fhir/R4/http.html#brules";
const RESPONSE: &str = "https://hl7.org/fhir/R4/http.html#transaction-response";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-batch-response",
        "a batch answers with a batch-response: one entry for each, in the same order, each with its status",
        "the sender cannot tell what was done",
        RESPONSE,
        batch_response
    ),
    acted!(
        Shall,
        "core-batch-apart",
        "an entry of a batch that fails keeps none of the others from being carried out",
        "one bad record loses all others",
        BATCH,
        batch_apart
    ),
    acted!(
        Shall,
        "core-batch-failure",
        "the entry of a batch that fails says so by its status",
        "the sender believes that all is kept",
        RESPONSE,
        batch_failure
    ),
    acted!(
        Shall,
        "core-batch-read",
        "a read in a batch brings the resource",
        "the sender asked for it",
        TRANSACTION,
        batch_read
    ),
    acted!(
        Shall,
        "core-batch-location",
        "a create in a batch tells where it is and which version",
        "the sender finds what it made by nothing else",
        RESPONSE,
        batch_location
    ),
];

/// Sends a Bundle to the base, and registers what was made by it.
pub(super) async fn bundle(bench: &Bench, kind: &str, entries: Value) -> Result<Answer, Otherwise> {
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    let answer = send(bench, Method::POST, "", &[], bundle.to_string()).await?;
    for (type_name, id) in made(&answer) {
        bench.made(format!("{type_name}/{id}"));
    }
    Ok(answer)
}

/// Type and id of what each entry of a response says that it made, in order.
pub(super) fn made(answer: &Answer) -> Vec<(String, String)> {
    let Ok(root) = root(answer) else { return Vec::new() };
    let place = |entry: &fhir::json::Node<'_>| {
        let created = entry.str_at(&["response", "status"]).is_some_and(|status| status.starts_with("201"));
        let location = entry.str_at(&["response", "location"]).filter(|_| created)?;
        ["Patient", "Practitioner", "Organization"].into_iter().find_map(|kind| {
            let (id, _) = located(kind, &location)?;
            Some((kind.to_owned(), id))
        })
    };
    entries(root).iter().filter_map(place).collect()
}

pub(super) fn created(bench: &Bench, kind: &str, word: &str) -> Value {
    json!({
        "fullUrl": urn(bench, word),
        "resource": body(bench, kind, word),
        "request": {"method": "POST", "url": kind}
    })
}

/// A urn:uuid that this run made up for `word`; the same each time.
pub(super) fn urn(bench: &Bench, word: &str) -> String {
    let mut digits: Vec<String> = Vec::new();
    for byte in bench.tag().bytes().chain(word.bytes()).chain(*b"0123456789abcdef").take(16) {
        digits.push(format!("{byte:02x}"));
    }
    let sum = bench
        .tag()
        .bytes()
        .chain(word.bytes())
        .fold(7_u64, |sum, byte| sum.wrapping_mul(131) ^ u64::from(byte));
    let hex = format!("{}{:012x}", digits.concat().get(..20).unwrap_or_default(), sum & 0xFFFF_FFFF_FFFF);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// The statuses of the entries, by their first three digits.
pub(super) fn statuses(answer: &Answer) -> Result<Vec<String>, Otherwise> {
    let one = |entry: &fhir::json::Node<'_>| {
        let status = entry.str_at(&["response", "status"]).map(String::from).unwrap_or_default();
        status.chars().take(3).collect()
    };
    Ok(entries(root(answer)?).iter().map(one).collect())
}

pub(super) fn of_type(answer: &Answer, wanted: &str) -> Judgement {
    status(answer, &[200])?;
    if root(answer)?.str_at(&["type"]).as_deref() == Some(wanted) {
        return Ok(());
    }
    Err(Otherwise::unmet(format!("a Bundle of type {wanted}"), "something else"))
}

/// A read, a create and an update of `kept`, whose statuses tell them apart: 200, 201, 404.
fn three(bench: &Bench, kept: &Kept, word: &str) -> Value {
    json!([
        {"request": {"method": "GET", "url": kept.path()}},
        created(bench, kept.kind, word),
        {"request": {"method": "GET", "url": format!("{}/{}-never", kept.kind, bench.tag())}}
    ])
}

async fn batch_response(bench: &Bench) -> Judgement {
    of_system(bench, "batch")?;
    let kind = kind(bench, &["create", "read"])?;
    let kept = make(bench, kind, "batch").await?;
    let answer = bundle(bench, "batch", three(bench, &kept, "batch-made")).await?;
    of_type(&answer, "batch-response")?;
    let found = statuses(&answer)?;
    if found == ["200", "201", "404"] {
        return Ok(());
    }
    Err(Otherwise::unmet("the statuses 200, 201, 404", numbers(&found)))
}

/// Statuses fit to be shown.
pub(super) fn numbers(found: &[String]) -> String {
    let plain = |text: &String| {
        if text.len() == 3 && text.chars().all(|c| c.is_ascii_digit()) {
            text.clone()
        } else {
            "none".to_owned()
        }
    };
    let all: Vec<String> = found.iter().take(10).map(plain).collect();
    if all.is_empty() { "no entries".to_owned() } else { all.join(", ") }
}

/// A create of a type that there is not: every server can read it, and none can carry it out.
pub(super) fn bad(bench: &Bench, kind: &str, word: &str) -> Value {
    let mut entry = created(bench, kind, word);
    set(&mut entry, &["request", "url"], json!("ConformanceUnknown"));
    entry
}

async fn batch_apart(bench: &Bench) -> Judgement {
    of_system(bench, "batch")?;
    let kind = kind(bench, &["create", "search-type"])?;
    let entries = json!([
        created(bench, kind, "apart-1"),
        bad(bench, kind, "apart-2"),
        created(bench, kind, "apart-3")
    ]);
    bundle(bench, "batch", entries).await?;
    for word in ["apart-1", "apart-3"] {
        if counted(bench, kind, &criterion(bench, word), 1).await? != 1 {
            return Err(Otherwise::unmet("what stands beside the bad entry", "it is not there"));
        }
    }
    Ok(())
}

async fn batch_failure(bench: &Bench) -> Judgement {
    of_system(bench, "batch")?;
    let kind = kind(bench, &["create"])?;
    let entries = json!([created(bench, kind, "failure-1"), bad(bench, kind, "failure-2")]);
    let answer = bundle(bench, "batch", entries).await?;
    of_type(&answer, "batch-response")?;
    let found = statuses(&answer)?;
    match found.as_slice() {
        [first, second] if first == "201" && second.starts_with('4') => Ok(()),
        _ => Err(Otherwise::unmet("the statuses 201 and 4xx", numbers(&found))),
    }
}

async fn batch_read(bench: &Bench) -> Judgement {
    of_system(bench, "batch")?;
    let kind = kind(bench, &["create", "read"])?;
    let kept = make(bench, kind, "batch-read").await?;
    let answer = bundle(bench, "batch", json!([{"request": {"method": "GET", "url": kept.path()}}])).await?;
    of_type(&answer, "batch-response")?;
    let first = entries(root(&answer)?).into_iter().next().and_then(|entry| entry.member("resource"));
    match first.and_then(|resource| resource.str_at(&["id"])) {
        Some(id) if id == kept.id => Ok(()),
        Some(_) => Err(Otherwise::unmet("the resource that was asked for", "another")),
        None => Err(Otherwise::unmet("the resource that was asked for", "none")),
    }
}

async fn batch_location(bench: &Bench) -> Judgement {
    of_system(bench, "batch")?;
    let kind = kind(bench, &["create", "read"])?;
    let answer = bundle(bench, "batch", json!([created(bench, kind, "batch-located")])).await?;
    of_type(&answer, "batch-response")?;
    let first = entries(root(&answer)?).into_iter().next();
    let location = first.and_then(|entry| entry.str_at(&["response", "location"]));
    let Some((id, _)) = location.and_then(|location| located(kind, &location)) else {
        return Err(Otherwise::unmet("a location of type and id", "none"));
    };
    status(&get(bench, &format!("{kind}/{id}")).await?, &[200])
}

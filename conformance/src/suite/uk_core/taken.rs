//! What the endpoint takes: a right example of each type, and the same with a single fault.

use http::Method;
use serde_json::{Value, json};

use super::examples::{Example, right};
use super::served::{claimed, findings, first_error, get, supported};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::target::{Answer, Question, is_id};

/// Sends a resource to be created; what was made is deleted at the end.
async fn sent(bench: &Bench, held: &Value) -> Result<(Answer, Option<String>), Otherwise> {
    let kind = held.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
    bench.claimed(&kind, "create")?;
    let body = held.to_string();
    let headers = [
        ("accept", "application/fhir+json"),
        ("content-type", "application/fhir+json"),
        ("prefer", "return=representation"),
    ];
    let question = Question { method: Method::POST, path: &kind, headers: &headers, body: body.as_bytes() };
    let answer = bench.ask(&question).await?;
    if matches!(answer.status, 401 | 403) {
        return Err(Otherwise::skipped("the endpoint wants more authority than this run has"));
    }
    let location = answer.header("location").unwrap_or_default();
    let id =
        location.split(&format!("{kind}/")).nth(1).and_then(|rest| rest.split('/').next()).map(str::to_owned);
    let path = id.filter(|id| is_id(id)).map(|id| format!("{kind}/{id}"));
    if let (Some(path), 200..=299) = (&path, answer.status) {
        bench.made(path.clone());
    }
    Ok((answer, path))
}

pub(super) async fn takes(bench: &Bench, example: Example) -> Judgement {
    let (answer, _) = sent(bench, &right(example, bench.tag())).await?;
    if matches!(answer.status, 200 | 201) {
        return Ok(());
    }
    Err(Otherwise::unmet("status 201 for a resource that conforms", format!("status {}", answer.status)))
}

/// A right example is taken, and what `change` makes of it is not.
pub(super) async fn refuses(bench: &Bench, example: Example, change: fn(&mut Value)) -> Judgement {
    let (good, _) = sent(bench, &right(example, bench.tag())).await?;
    if !matches!(good.status, 200 | 201) {
        return Err(Otherwise::skipped(format!("a right example is not taken (status {})", good.status)));
    }
    let mut held = right(example, &format!("{}m", bench.tag()));
    change(&mut held);
    let (answer, _) = sent(bench, &held).await?;
    match answer.status {
        400..=499 => Ok(()),
        status => Err(Otherwise::unmet(
            "status 4xx for a resource that does not conform",
            format!("status {status}"),
        )),
    }
}

/// What the endpoint keeps does not claim a profile that it names as supported without conforming to it.
pub(super) async fn no_false_claim(bench: &Bench, example: Example, change: fn(&mut Value)) -> Judgement {
    let mut held = right(example, &format!("{}f", bench.tag()));
    change(&mut held);
    let kind = held.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
    if supported(bench, Some(&kind))?.is_empty() {
        return Err(Otherwise::skipped(format!("no profile of UK Core is named as supported for {kind}")));
    }
    let (answer, path) = sent(bench, &held).await?;
    if answer.status >= 400 {
        return Ok(());
    }
    let path = path.ok_or(Otherwise::error("it was taken, and no Location says where it is"))?;
    let kept = bench.ask(&get(&path)).await?;
    let kept = fhir::json::parse_value(kept.body, &fhir::json::Limits::default()).unwrap_or_default();
    if claimed(&kept).is_empty() {
        return Ok(());
    }
    match first_error(&findings(bench, &kept)?) {
        None => Ok(()),
        Some(error) => {
            Err(Otherwise::unmet("no claim of a supported profile on what does not conform to it", error))
        }
    }
}

/// Takes a member away.
pub(super) fn without(held: &mut Value, name: &str) {
    if let Some(members) = held.as_object_mut() {
        members.remove(name);
    }
}

/// Puts `value` where `pointer` leads.
pub(super) fn put(held: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = held.pointer_mut(pointer) {
        *place = value;
    }
}

/// The NHS number with another check digit.
pub(super) fn wrong_digit(held: &mut Value) {
    let number = held.pointer("/identifier/0/value").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (start, last) = number.split_at(number.len().saturating_sub(1));
    let other = if last == "1" { "2" } else { "1" };
    put(held, "/identifier/0/value", json!(format!("{start}{other}")));
}

/// A second NHS number.
pub(super) fn two_numbers(held: &mut Value) {
    let mut second = held.pointer("/identifier/0").cloned().unwrap_or_default();
    put(&mut second, "/value", json!("9990000018"));
    if let Some(all) = held.pointer_mut("/identifier").and_then(Value::as_array_mut) {
        all.push(second);
    }
}

/// The identifier without its value.
pub(super) fn no_value(held: &mut Value) {
    if let Some(one) = held.pointer_mut("/identifier/0") {
        without(one, "value");
    }
}

/// The verification status as text.
pub(super) fn status_as_text(held: &mut Value) {
    if let Some(one) = held.pointer_mut("/identifier/0/extension/0") {
        without(one, "valueCodeableConcept");
        if let Some(members) = one.as_object_mut() {
            members.insert("valueString".to_owned(), json!("01"));
        }
    }
}

/// The verification status with a code that is in no value set.
pub(super) fn status_unknown(held: &mut Value) {
    put(held, "/identifier/0/extension/0/valueCodeableConcept/coding/0/code", json!("no-such-status"));
}

/// The verification status where it does not belong.
pub(super) fn status_misplaced(held: &mut Value) {
    let status = held.pointer("/identifier/0/extension").cloned().unwrap_or_default();
    if let Some(name) = held.pointer_mut("/name/0").and_then(Value::as_object_mut) {
        name.insert("extension".to_owned(), status);
    }
}

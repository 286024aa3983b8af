//! JSON Patch (RFC 6902).

use super::Fault;
use super::json::Json;
use super::told::Refused;

/// Carries every operation of `patch` out on `document`.
pub(crate) fn apply(document: &mut Json, patch: &Json, fault: Fault) -> Result<(), Refused> {
    let Json::Array(operations) = patch else {
        if fault == Fault::PatchMalformedPasses {
            return Ok(());
        }
        return Err(malformed("a patch is an array of operations"));
    };
    operations.iter().try_for_each(|operation| match one(document, operation, fault) {
        Err(refused) if fault == Fault::PatchNowherePasses && refused.code == "not-found" => Ok(()),
        done => done,
    })
}

fn one(document: &mut Json, operation: &Json, fault: Fault) -> Result<(), Refused> {
    let path = pointer(operation, "path")?;
    let value = || operation.get("value").cloned().ok_or_else(|| malformed("the operation has no value"));
    match operation["op"].text() {
        Some("add") if fault == Fault::PatchAddReplaces && found(document, &path).is_ok() => {
            *found(document, &path)? = value()?;
            Ok(())
        }
        Some("add") => add(document, &path, value()?),
        Some("remove") => remove(document, &path).map(drop),
        Some("replace") => {
            *found(document, &path)? = value()?;
            Ok(())
        }
        Some("move") => {
            let from = pointer(operation, "from")?;
            if path.starts_with(&from) && path.len() > from.len() {
                return Err(malformed("nothing is moved into itself"));
            }
            let taken = remove(document, &from)?;
            add(document, &path, taken)
        }
        Some("copy") => {
            let copied = found(document, &pointer(operation, "from")?)?.clone();
            add(document, &path, copied)
        }
        Some("test") => {
            if *found(document, &path)? == value()? || fault == Fault::PatchTestIgnored {
                return Ok(());
            }
            Err(Refused::new(422, "business-rule", "a test of the patch does not hold"))
        }
        Some(_) | None => Err(malformed("there is no such operation")),
    }
}

/// The parts of a JSON Pointer (RFC 6901).
fn pointer(operation: &Json, name: &str) -> Result<Vec<String>, Refused> {
    let text = operation[name].text().ok_or_else(|| malformed("the operation names no place"))?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts = text.strip_prefix('/').ok_or_else(|| malformed("a place begins with a slash"))?;
    Ok(parts.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn found<'d>(document: &'d mut Json, path: &[String]) -> Result<&'d mut Json, Refused> {
    path.iter().try_fold(document, |held, part| {
        let inner = match held {
            Json::Object(members) => {
                members.iter_mut().find(|(name, _)| name == part).map(|(_, value)| value)
            }
            Json::Array(items) => index(part).and_then(|at| items.get_mut(at)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => None,
        };
        inner.ok_or_else(nowhere)
    })
}

fn add(document: &mut Json, path: &[String], value: Json) -> Result<(), Refused> {
    let Some((last, above)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match found(document, above)? {
        held @ Json::Object(_) => held.set(last, value),
        Json::Array(items) if last == "-" => items.push(value),
        Json::Array(items) => {
            let at = index(last).filter(|at| *at <= items.len()).ok_or_else(nowhere)?;
            items.insert(at, value);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => return Err(nowhere()),
    }
    Ok(())
}

fn remove(document: &mut Json, path: &[String]) -> Result<Json, Refused> {
    let Some((last, above)) = path.split_last() else {
        return Err(malformed("the whole is not removed"));
    };
    match found(document, above)? {
        held @ Json::Object(_) => held.remove(last).ok_or_else(nowhere),
        Json::Array(items) => {
            let at = index(last).filter(|at| *at < items.len()).ok_or_else(nowhere)?;
            Ok(items.remove(at))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Err(nowhere()),
    }
}

fn index(part: &str) -> Option<usize> {
    let plain = part == "0" || !part.starts_with('0');
    part.parse().ok().filter(|_| plain && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn malformed(text: &str) -> Refused {
    Refused::new(400, "structure", text)
}

fn nowhere() -> Refused {
    Refused::new(422, "not-found", "the patch names a place that is not there")
}

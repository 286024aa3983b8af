//! Batches, whose entries stand by themselves, and transactions, which happen whole or not at all.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::edge::{decoded_path, pairs};
use super::json::Json;
use super::state::State;
use super::told::{Asked, Refused, Told};
use super::{Fault, Store};

/// Carries a Bundle out that was posted to the base.
pub(crate) fn carry_out(store: &Store, state: &mut State, asked: &Asked) -> Result<Told, Refused> {
    let bundle = store.fitting(asked.content()?, "Bundle", Fault::None)?;
    let entries = bundle["entry"].items();
    match bundle["type"].text() {
        Some("batch") => Ok(batch(store, state, entries, asked)),
        Some("transaction") => {
            let mut draft = state.clone();
            let answer = transaction(store, &mut draft, entries, asked);
            if answer.is_ok() || store.fault == Fault::TransactionKeepsHalf {
                *state = draft;
            }
            match (answer, store.fault) {
                (Err(refused), Fault::TransactionFailureAs200) => {
                    Ok(response("transaction-response", vec![answered(refused.told())]))
                }
                (Err(refused), Fault::TransactionFailureAsBundle) => {
                    let told = response("transaction-response", vec![answered(refused.told())]);
                    Ok(Told { status: 400, ..told })
                }
                (answer, _) => answer,
            }
        }
        Some(_) | None => {
            Err(Refused::new(400, "value", "a Bundle sent to the base is a batch or a transaction"))
        }
    }
}

fn batch(store: &Store, state: &mut State, entries: &[Json], asked: &Asked) -> Told {
    let mut told = Vec::with_capacity(entries.len());
    let mut stopped = None;
    for entry in entries {
        let asked = inner(store, entry, asked);
        let answer = match stopped.clone() {
            Some(refused) => Err(refused),
            None => asked.and_then(|asked| store.handle(state, &asked)),
        };
        if let (Err(refused), Fault::BatchStopsAtFailure) = (&answer, store.fault) {
            stopped = Some(refused.clone());
        }
        let mut answer = answer.unwrap_or_else(|refused| refused.told());
        match store.fault {
            Fault::BatchFailureAs200 => answer.status = answer.status.min(201),
            Fault::BatchReadWithoutResource => answer.resource = None,
            Fault::BatchWithoutLocation => answer.headers.retain(|(name, _)| *name != "location"),
            _ => {}
        }
        told.push(answered(answer));
    }
    if store.fault == Fault::BatchReversed {
        told.reverse();
    }
    response("batch-response", told)
}

/// In which order the methods of a transaction are carried out.
fn turn(method: &Method) -> u8 {
    match method.as_str() {
        "DELETE" => 0,
        "POST" => 1,
        "PUT" | "PATCH" => 2,
        _ => 3,
    }
}

fn transaction(store: &Store, draft: &mut State, entries: &[Json], asked: &Asked) -> Result<Told, Refused> {
    if entries.is_empty() && store.fault == Fault::TransactionEmptyRefused {
        return Err(Refused::new(400, "required", "there are no entries"));
    }
    let mut steps = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        steps.push((at, inner(store, entry, asked)?));
    }
    if store.fault != Fault::TransactionTwiceAccepted {
        once_each(&steps)?;
    }
    if store.fault != Fault::TransactionInOrderOfEntries {
        steps.sort_by_key(|(_, step)| turn(&step.method));
    }
    let names = names(store, draft, entries, &mut steps)?;
    let mut told = vec![None; entries.len()];
    for (turn, (at, mut step)) in steps.into_iter().enumerate() {
        if let Ok(Some(body)) = &mut step.body {
            rewritten(store, draft, body, &names)?;
        }
        let answer = store.handle(draft, &step)?;
        let at = if store.fault == Fault::TransactionAnswersInTurn { turn } else { at };
        if let Some(slot) = told.get_mut(at) {
            *slot = Some(answered(answer));
        }
    }
    Ok(response("transaction-response", told.into_iter().flatten().collect()))
}

/// Puts what was made, or found, in place of every reference that means it.
fn rewritten(
    store: &Store,
    draft: &State,
    body: &mut Json,
    names: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    let there = |name: &String| {
        let (kind, id) = name.split_once('/').unwrap_or_default();
        draft.newest(kind, id).is_some()
    };
    match store.fault {
        Fault::ReferencesLeft => {}
        Fault::ReferencesBackwardsOnly => {
            let known = names.iter().filter(|(_, name)| there(name));
            rewrite(body, &known.map(|(url, name)| (url.clone(), name.clone())).collect());
        }
        Fault::ReferencesByNameOnly => body.each_reference(&mut |text| {
            if let Some(name) = names.get(text) {
                name.clone_into(text);
            }
            Ok::<(), Refused>(())
        })?,
        _ => rewrite(body, names),
    }
    if store.fault == Fault::SearchReferencesLeft { Ok(()) } else { searched(store, draft, body) }
}

/// No resource is changed twice.
fn once_each(steps: &[(usize, Asked)]) -> Result<(), Refused> {
    let mut seen: Vec<&[String]> = Vec::new();
    for (_, step) in steps {
        let changes =
            matches!(step.method, Method::PUT | Method::PATCH | Method::DELETE) && step.query.is_empty();
        if changes && seen.contains(&step.path.as_slice()) {
            return Err(Refused::new(400, "invalid", "a resource is changed twice in one transaction"));
        }
        if changes {
            seen.push(&step.path);
        }
    }
    Ok(())
}

/// What each full URL of the transaction becomes. Creates are given their ids here, and become updates of a new resource, so that
/// those who refer to each other in a circle can all be rewritten.
fn names(
    store: &Store,
    draft: &mut State,
    entries: &[Json],
    steps: &mut [(usize, Asked)],
) -> Result<BTreeMap<String, String>, Refused> {
    let mut names = BTreeMap::new();
    for (at, step) in steps {
        let full_url = entries.get(*at).and_then(|entry| entry["fullUrl"].text());
        let (name, criteria) = match (&step.method, step.path.as_slice()) {
            (&Method::POST, [name]) => (name.clone(), step.header("if-none-exist").map(pairs)),
            (&Method::PUT, [name]) => (name.clone(), Some(step.query.clone())),
            (&Method::PUT, [name, id]) => {
                if let Some(url) = full_url {
                    names.insert(url.to_owned(), format!("{name}/{id}"));
                }
                continue;
            }
            _ => continue,
        };
        let id = match criteria {
            Some(criteria) => match store.meeting(draft, &name, &criteria)?.as_slice() {
                [] => None,
                [id] => Some(id.clone()),
                _ => return Err(Refused::new(412, "multiple-matches", "a condition is met more than once")),
            },
            None => None,
        };
        let id = id.unwrap_or_else(|| draft.new_id(&name));
        let chosen = HeaderValue::from_str(&id).map_err(|_| Refused::new(500, "exception", "an id"))?;
        step.headers.insert(CHOSEN_ID, chosen);
        if let Some(url) = full_url {
            names.insert(url.to_owned(), format!("{name}/{id}"));
        }
    }
    Ok(names)
}

/// The header in which a create of a transaction carries the id that was chosen for it; no client can send it, for the edge drops it.
pub(crate) const CHOSEN_ID: HeaderName = HeaderName::from_static("x-chosen-id");

/// Puts what was given in place of every full URL: in references, in addresses, and in links of narratives.
fn rewrite(body: &mut Json, names: &BTreeMap<String, String>) {
    body.each_text(&|text| {
        if let Some(name) = names.get(text) {
            name.clone_into(text);
        } else if text.starts_with("<div") {
            for (url, name) in names {
                *text = text.replace(&format!("\"{url}\""), &format!("\"{name}\""));
            }
        }
    });
}

/// Puts the one match in place of every reference that is a search.
fn searched(store: &Store, draft: &State, body: &mut Json) -> Result<(), Refused> {
    body.each_reference(&mut |text| {
        let Some((name, query)) = text.split_once('?') else { return Ok(()) };
        match store.meeting(draft, name, &pairs(query))?.as_slice() {
            [id] => {
                *text = format!("{name}/{id}");
                Ok(())
            }
            _ => Err(Refused::new(412, "multiple-matches", "a reference by search has no single match")),
        }
    })
}

/// The request that an entry is.
fn inner(store: &Store, entry: &Json, outer: &Asked) -> Result<Asked, Refused> {
    let wrong = |text: &str| Refused::new(400, "invalid", text);
    let request = &entry["request"];
    let method = request["method"].text().ok_or_else(|| wrong("an entry has no method"))?;
    let method = match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => method.parse().unwrap_or(Method::GET),
        _ => return Err(wrong("an entry has a method that there is not")),
    };
    let url = request["url"].text().ok_or_else(|| wrong("an entry has no address"))?;
    let url = url.strip_prefix(&store.base).unwrap_or(url).trim_start_matches('/');
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = HeaderMap::new();
    for (element, header) in [
        ("ifMatch", "if-match"),
        ("ifNoneMatch", "if-none-match"),
        ("ifModifiedSince", "if-modified-since"),
        ("ifNoneExist", "if-none-exist"),
    ] {
        if let Some(value) = request[element].text().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(header, value);
        }
    }
    for prefer in outer.headers.get_all("prefer") {
        headers.append("prefer", prefer.clone());
    }
    let path = decoded_path(path)?;
    if path.is_empty() {
        return Err(wrong("an entry is sent to the base"));
    }
    let body = match entry.get("resource") {
        Some(binary) if method == Method::PATCH => Ok(Some(patch_of(binary)?)),
        Some(resource) => Ok(Some(resource.clone())),
        None => Ok(None),
    };
    Ok(Asked { method, path, query: pairs(query), headers, body })
}

/// The JSON Patch that an entry carries in a Binary.
fn patch_of(binary: &Json) -> Result<Json, Refused> {
    use base64::Engine;
    let wrong = || Refused::new(400, "invalid", "a patch in a Bundle is a Binary with a JSON Patch");
    let json = binary["contentType"].text() == Some("application/json-patch+json");
    let data = binary["data"].text().filter(|_| json).ok_or_else(wrong)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).map_err(|_| wrong())?;
    Json::read(bytes.into()).map_err(|_| wrong())
}

/// An entry of the response.
fn answered(told: Told) -> Json {
    let mut response = Json::object([("status", told.status.to_string().into())]);
    for (header, element) in [("location", "location"), ("etag", "etag")] {
        if let Some(value) = told.header(header) {
            response.set(element, value.into());
        }
    }
    let failed = told.status >= 400;
    let mut entry = Json::Object(Vec::new());
    if let Some(resource) = told.resource {
        if let Some(at) = resource.text_at(&["meta", "lastUpdated"]).filter(|_| !failed) {
            response.set("lastModified", at.into());
        }
        let outcome = resource["resourceType"].text() == Some("OperationOutcome");
        if outcome { response.set("outcome", resource) } else { entry.set("resource", resource) }
    }
    entry.set("response", response);
    entry
}

fn response(kind: &str, entries: Vec<Json>) -> Told {
    let mut bundle = Json::object([("resourceType", "Bundle".into()), ("type", kind.into())]);
    if !entries.is_empty() {
        bundle.set("entry", entries.into());
    }
    Told::with(200, bundle)
}

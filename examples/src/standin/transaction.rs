//! Transactions: all entries or none (R4 http, section 3.1.0.11).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Call, Holder};
use super::parameter::served;
use super::store::Store;
use super::write::{body, is_id, location, matching};
use crate::json as read;

/// What one entry comes to.
struct Planned {
    kind: String,
    id: String,
    fate: Fate,
    resource: Value,
}

/// What is done about an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Create,
    Update,
    /// `ifNoneExist` matched.
    Existing,
}

/// Runs `POST [base]` with a Bundle of type `transaction`.
pub(super) fn run(holder: &Holder, call: &Call) -> Answer {
    let bundle = match body(call, "Bundle") {
        Ok(bundle) => bundle,
        Err(refused) => return refused,
    };
    if read::text(&bundle, "/type") != Some("transaction") {
        return Answer::error(400, "not-supported", "only transactions are taken here");
    }
    let mut store = holder.store();
    let mut trial = store.clone();
    match attempt(&mut trial, &holder.base, &bundle) {
        Ok(entries) => {
            *store = trial;
            let response =
                json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entries});
            Answer::of(200, response)
        }
        Err(refused) => refused,
    }
}

fn attempt(store: &mut Store, base: &str, bundle: &Value) -> Result<Vec<Value>, Answer> {
    let mut names = BTreeMap::new();
    let mut planned = Vec::new();
    for entry in read::list(bundle, "/entry") {
        let plan = plan(store, base, entry)?;
        if let Some(full_url) = read::text(entry, "/fullUrl") {
            names.insert(full_url.to_owned(), format!("{}/{}", plan.kind, plan.id));
        }
        if planned.iter().any(|other: &Planned| other.kind == plan.kind && other.id == plan.id) {
            return Err(Answer::error(400, "invalid", "two entries concern one resource"));
        }
        planned.push(plan);
    }
    let mut entries = Vec::new();
    for mut plan in planned {
        rewrite(&mut plan.resource, &names, store, base)?;
        entries.push(carry_out(store, base, plan));
    }
    Ok(entries)
}

fn plan(store: &mut Store, base: &str, entry: &Value) -> Result<Planned, Answer> {
    let invalid = |text: &str| Answer::error(400, "invalid", text);
    let resource = entry.get("resource").cloned().ok_or_else(|| invalid("an entry has no resource"))?;
    let kind = read::text(&resource, "/resourceType").unwrap_or_default().to_owned();
    served(&kind).ok_or_else(|| Answer::error(404, "not-supported", "no such resource type here"))?;
    let method = read::text(entry, "/request/method").unwrap_or_default();
    let url = read::text(entry, "/request/url").unwrap_or_default();
    let (place, condition) = url.split_once('?').map_or((url, None), |(place, text)| (place, Some(text)));
    let (id, fate) = match (method, place.split_once('/'), condition) {
        ("POST", None, None) if place == kind => match read::text(entry, "/request/ifNoneExist") {
            Some(condition) => one(store, base, &kind, condition, Fate::Existing)?,
            None => (store.fresh_id(&kind), Fate::Create),
        },
        ("PUT", Some((held, id)), None) if held == kind && is_id(id) => {
            let known = store.newest(&kind, id).is_some();
            (id.to_owned(), if known { Fate::Update } else { Fate::Create })
        }
        ("PUT", None, Some(condition)) if place == kind => one(store, base, &kind, condition, Fate::Update)?,
        _ => return Err(Answer::error(400, "not-supported", "an entry asks for what is not offered")),
    };
    Ok(Planned { kind, id, fate, resource })
}

/// The one resource a condition matches, or a new id.
fn one(
    store: &mut Store,
    base: &str,
    kind: &str,
    condition: &str,
    hit: Fate,
) -> Result<(String, Fate), Answer> {
    let found = matching(store, kind, condition, base)?;
    match found.as_slice() {
        [] => Ok((store.fresh_id(kind), Fate::Create)),
        [id] => Ok((id.clone(), hit)),
        _ => Err(Answer::error(412, "multiple-matches", "a condition matches several resources")),
    }
}

/// Puts real references where the Bundle used names of its own or conditions.
fn rewrite(
    value: &mut Value,
    names: &BTreeMap<String, String>,
    store: &Store,
    base: &str,
) -> Result<(), Answer> {
    match value {
        Value::Object(members) => members.iter_mut().try_for_each(|(key, member)| {
            if let Value::String(text) = member {
                rename(key, text, names, store, base)
            } else {
                rewrite(member, names, store, base)
            }
        }),
        Value::Array(items) => items.iter_mut().try_for_each(|item| rewrite(item, names, store, base)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn rename(
    key: &str,
    text: &mut String,
    names: &BTreeMap<String, String>,
    store: &Store,
    base: &str,
) -> Result<(), Answer> {
    if !["reference", "url", "valueUri", "valueUrl"].contains(&key) {
        return Ok(());
    }
    if let Some(name) = names.get(text.as_str()) {
        text.clone_from(name);
    } else if let ("reference", Some((kind, condition))) = (key, text.split_once('?')) {
        let found = matching(store, kind, condition, base)?;
        let [id] = found.as_slice() else {
            return Err(Answer::error(412, "not-found", "a conditional reference has not one match"));
        };
        *text = format!("{kind}/{id}");
    }
    Ok(())
}

fn carry_out(store: &mut Store, base: &str, plan: Planned) -> Value {
    let held = match plan.fate {
        Fate::Existing => store.newest(&plan.kind, &plan.id).cloned(),
        Fate::Create | Fate::Update => None,
    };
    let stored = held.unwrap_or_else(|| store.put(&plan.kind, &plan.id, plan.resource));
    let status = if plan.fate == Fate::Create { "201 Created" } else { "200 OK" };
    json!({"response": {
        "status": status,
        "location": location(base, &plan.kind, &plan.id, stored.version),
        "etag": stored.etag(),
        "lastModified": format!("{:.3}", stored.updated),
    }})
}

//! Histories: every version, the newest first, page by page.

use super::edge::encoded;
use super::json::Json;
use super::state::{State, Version};
use super::told::{Asked, Refused, Told};
use super::{Fault, Store};

/// The history of one resource.
pub(crate) fn of_instance(
    store: &Store,
    state: &State,
    name: &str,
    id: &str,
    asked: &Asked,
) -> Result<Told, Refused> {
    let versions = state.versions(name, id);
    if versions.is_empty() && store.fault != Fault::HistoryOfNothingEmpty {
        return Err(Refused::new(404, "not-found", "there is no such resource"));
    }
    let versions = versions.iter().map(|version| (id, version)).collect();
    page(store, name, &format!("{name}/{id}/_history"), versions, asked)
}

/// The history of every resource of a type.
pub(crate) fn of_type(store: &Store, state: &State, name: &str, asked: &Asked) -> Result<Told, Refused> {
    let mut versions = state.versions_of_type(name);
    if store.fault == Fault::HistoryOfTypeWithoutOld {
        versions
            .retain(|(id, version)| state.newest(name, id).is_some_and(|held| held.number == version.number));
    }
    page(store, name, &format!("{name}/_history"), versions, asked)
}

/// A history of the whole store, which its statement does not claim.
pub(crate) fn of_all() -> Told {
    Told::with(200, Json::object([("resourceType", "Bundle".into()), ("type", "history".into())]))
}

fn page(
    store: &Store,
    name: &str,
    path: &str,
    mut versions: Vec<(&str, &Version)>,
    asked: &Asked,
) -> Result<Told, Refused> {
    versions.sort_by_key(|(_, version)| std::cmp::Reverse(version.change));
    match store.fault {
        Fault::HistoryLosesFirst => drop(versions.pop()),
        Fault::HistoryOldestFirst => versions.reverse(),
        Fault::HistoryHidesDeletion => versions.retain(|(_, version)| version.content.is_some()),
        _ => {}
    }
    let newest = versions.first().and_then(|(_, version)| version.content.clone());
    if let Some(since) = value(asked, "_since").filter(|_| store.fault != Fault::HistorySinceIgnored) {
        let Ok(since) = since.parse::<jiff::Timestamp>() else {
            return Err(Refused::new(400, "value", "_since is no instant"));
        };
        versions.retain(|(_, version)| version.at >= since);
    }
    let number = |wanted: &str, otherwise: usize| match value(asked, wanted).map(str::parse) {
        None => Ok(otherwise),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(Refused::new(400, "value", format!("{wanted} is no number"))),
    };
    let (mut count, offset) = (number("_count", 100)?, number("_offset", 0)?);
    if store.fault == Fault::HistoryCountIgnored {
        count = 100;
    }
    let shown = versions.iter().skip(offset).take(count);
    let mut entries: Vec<Json> = shown.map(|(id, version)| entry(store, name, id, version)).collect();
    if let Some(newest) = newest.filter(|_| store.fault == Fault::HistoryRepeatsNewest) {
        for entry in &mut entries {
            let mut repeated = newest.clone();
            repeated.set("meta", entry["resource"]["meta"].clone());
            entry.set("resource", repeated);
        }
    }
    let link = |relation: &str, offset: usize| {
        let others = asked.query.iter().filter(|(name, _)| name != "_offset" && name != "_format");
        let mut url = format!("{}/{path}?", store.base);
        for (name, value) in others {
            url.push_str(&format!("{}={}&", encoded(name), encoded(value)));
        }
        url.push_str(&format!("_offset={offset}"));
        Json::object([("relation", relation.into()), ("url", url.into())])
    };
    let mut links = vec![link("self", offset)];
    if count > 0 && offset + count < versions.len() && store.fault != Fault::HistoryWithoutNext {
        let skipped = usize::from(store.fault == Fault::HistoryNextSkips);
        links.push(link("next", offset + count + skipped));
    }
    let mut bundle = Json::object([
        ("resourceType", "Bundle".into()),
        ("type", "history".into()),
        ("total", versions.len().into()),
        ("link", links.into()),
    ]);
    if !entries.is_empty() {
        bundle.set("entry", entries.into());
    }
    Ok(Told::with(200, bundle))
}

fn value<'a>(asked: &'a Asked, wanted: &str) -> Option<&'a str> {
    asked.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

fn entry(store: &Store, name: &str, id: &str, version: &Version) -> Json {
    let url = if version.by == http::Method::POST { name.to_owned() } else { format!("{name}/{id}") };
    let request = Json::object([("method", version.by.as_str().into()), ("url", url.into())]);
    let status = match (&version.content, version.number) {
        (None, _) => "204",
        (Some(_), 1) => "201",
        (Some(_), _) => "200",
    };
    let response = Json::object([
        ("status", status.into()),
        ("etag", version.etag().into()),
        ("lastModified", version.instant().into()),
    ]);
    let mut entry = Json::object([("fullUrl", format!("{}/{name}/{id}", store.base).into())]);
    if let Some(content) = &version.content {
        entry.set("resource", content.clone());
    }
    if store.fault != Fault::HistoryWithoutRequest {
        entry.set("request", request);
    }
    entry.set("response", response);
    entry
}

//! Searches: which resources meet the criteria, and the Bundle that tells them.
//!
//! The conditional interactions and those of transactions go through [`matches`] as well.

use super::fault::Fault;
use super::json::Json;
use super::told::{Refused, Told};

/// What is done about a parameter that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handling {
    /// It is passed over.
    Lenient,
    /// It is refused.
    Strict,
}

/// The parameters of a type that the statement claims: name and type.
pub(crate) const fn parameters(_resource_type: &str) -> &'static [(&'static str, &'static str)] {
    &[("_id", "token"), ("identifier", "token")]
}

/// Parameters that shape an answer and select nothing.
const CONTROLS: [&str; 7] = ["_format", "_pretty", "_count", "_offset", "_summary", "_elements", "_total"];

/// Those of `all` that are of the type and meet every criterion, in the order of `all`.
pub(crate) fn matches<'a>(
    all: &[&'a Json],
    resource_type: &str,
    criteria: &[(String, String)],
    handling: Handling,
    _fault: Fault,
) -> Result<Vec<&'a Json>, Refused> {
    let mut found: Vec<&'a Json> =
        all.iter().copied().filter(|held| held["resourceType"].text() == Some(resource_type)).collect();
    for (name, value) in criteria.iter().filter(|(name, _)| !CONTROLS.contains(&name.as_str())) {
        let wanted: Vec<&str> = value.split(',').collect();
        match name.as_str() {
            "_id" => found.retain(|held| wanted.iter().any(|id| held["id"].text() == Some(*id))),
            "identifier" => found.retain(|held| wanted.iter().any(|token| identified(held, token))),
            _ if handling == Handling::Strict => {
                let text = format!("the search parameter {name} is not known");
                return Err(Refused::new(400, "not-supported", text));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether one of its identifiers is `token`.
fn identified(held: &Json, token: &str) -> bool {
    let identifier = &held["identifier"];
    let all =
        if let Json::Object(_) = identifier { std::slice::from_ref(identifier) } else { identifier.items() };
    all.iter().any(|one| match token.split_once('|') {
        Some((system, "")) => one["system"].text() == Some(system),
        Some(("", value)) => one.get("system").is_none() && one["value"].text() == Some(value),
        Some((system, value)) => one["system"].text() == Some(system) && one["value"].text() == Some(value),
        None => one["value"].text() == Some(token),
    })
}

/// The answer of a search.
pub(crate) fn answer(
    all: &[&Json],
    base: &str,
    resource_type: &str,
    query: &[(String, String)],
    handling: Handling,
    fault: Fault,
) -> Result<Told, Refused> {
    let found = matches(all, resource_type, query, handling, fault)?;
    let number = |wanted: &str| -> Option<usize> {
        query.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    let (count, offset) = (number("_count").unwrap_or(100), number("_offset").unwrap_or(0));
    let page = found.iter().skip(offset).take(count).map(|held| {
        let url = format!("{base}/{resource_type}/{}", held["id"].text().unwrap_or_default());
        Json::object([
            ("fullUrl", url.into()),
            ("resource", (*held).clone()),
            ("search", Json::object([("mode", "match".into())])),
        ])
    });
    let entries: Vec<Json> = page.collect();
    let kept = |name: &str| name != "_offset";
    let link = |relation: &str, offset: usize| {
        let pairs = query.iter().filter(|(name, _)| kept(name));
        let mut url = format!("{base}/{resource_type}?");
        for (name, value) in pairs {
            url.push_str(&format!("{}={}&", super::edge::encoded(name), super::edge::encoded(value)));
        }
        url.push_str(&format!("_offset={offset}"));
        Json::object([("relation", relation.into()), ("url", url.into())])
    };
    let mut links = vec![link("self", offset)];
    if count > 0 && offset + count < found.len() {
        links.push(link("next", offset + count));
    }
    let mut bundle = Json::object([
        ("resourceType", "Bundle".into()),
        ("type", "searchset".into()),
        ("total", found.len().into()),
        ("link", links.into()),
    ]);
    if !entries.is_empty() {
        bundle.set("entry", entries.into());
    }
    Ok(Told::with(200, bundle))
}

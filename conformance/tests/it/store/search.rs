//! Searches: which resources meet the criteria, and the Bundle that tells them.
//!
//! The conditional interactions and those of transactions go through [`matches`] as well.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

mod along;
mod criteria;
pub(crate) mod fault;
mod meets;
mod order;
mod table;

use super::fault::Fault as Any;
use super::json::Json;
use super::state::State;
use super::told::{Asked, Refused, Told};
use criteria::{Ground, Known, key, known};
use fault::SearchFault as Fault;

/// What is done about a parameter that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handling {
    /// It is passed over.
    Lenient,
    /// It is refused.
    Strict,
}

/// The parameters of a type that the statement claims: name and type.
pub(crate) fn parameters(resource_type: &str) -> Vec<(&'static str, &'static str)> {
    let rows = table::rows(resource_type).iter().chain(table::COMMON);
    rows.map(|(name, kind, _)| (*name, kind.code())).collect()
}

/// What `_include` may follow from a type.
pub(crate) fn includes(resource_type: &str) -> Vec<String> {
    table::followed(resource_type)
}

/// What `_revinclude` may bring to a type.
pub(crate) fn revincludes(resource_type: &str) -> Vec<String> {
    if resource_type != "Patient" {
        return Vec::new();
    }
    table::REFERRING.iter().flat_map(|of| table::followed(of)).collect()
}

/// Parameters that shape an answer and select nothing.
const CONTROLS: [&str; 10] = [
    "_format",
    "_pretty",
    "_count",
    "_offset",
    "_summary",
    "_elements",
    "_total",
    "_sort",
    "_include",
    "_revinclude",
];

/// What is wrong with searches.
pub(crate) const fn own(fault: Any) -> Fault {
    if let Any::Search(fault) = fault { fault } else { Fault::None }
}

/// Those of `all` that are of the type and meet every criterion, in the order of `all`.
pub(crate) fn matches<'a>(
    all: &[&'a Json],
    resource_type: &str,
    criteria: &[(String, String)],
    handling: Handling,
    base: &str,
    fault: Any,
) -> Result<Vec<&'a Json>, Refused> {
    let fault = own(fault);
    let ground = Ground { all, base, fault };
    let mut wanted = Vec::new();
    for (name, value) in criteria.iter().filter(|(name, _)| !CONTROLS.contains(&name.as_str())) {
        match (known(resource_type, name), handling) {
            (Known::Yes, _) => wanted.push((name.as_str(), value.as_str())),
            (Known::No, Handling::Strict)
                if fault != Fault::StrictIgnored
                    && !(fault == Fault::UnofferedIgnored && name.starts_with('_')) =>
            {
                return Err(Refused::new(
                    400,
                    "not-supported",
                    format!("the search parameter {name} is not known"),
                ));
            }
            (Known::No, _) if fault == Fault::LenientRefuses => {
                return Err(Refused::new(400, "not-supported", "an unknown parameter"));
            }
            (Known::No, _) if fault == Fault::UnknownDropsAll => {
                wanted.clear();
                break;
            }
            (Known::No, _) => {}
        }
    }
    if fault == Fault::RepeatLastOnly {
        let all = wanted.clone();
        wanted.retain(|pair| all.iter().rfind(|(name, _)| *name == pair.0) == Some(pair));
    }
    // What does not read is refused also where there is nothing to find.
    for (name, value) in &wanted {
        ground.meets(&Json::Null, resource_type, name, value).map_err(|refused| refused.about(name))?;
    }
    let crosses = fault == Fault::IdCrossesTypes && wanted.iter().any(|(name, _)| *name == "_id");
    let mut found = Vec::new();
    for held in all.iter().copied() {
        if held["resourceType"].text() != Some(resource_type) && !crosses {
            continue;
        }
        let mut meets = true;
        for (name, value) in &wanted {
            meets &= ground.meets(held, resource_type, name, value)?;
        }
        if meets {
            found.push(held);
        }
    }
    Ok(found)
}

/// The resources that a search looks at, and for each of them the one that it shows.
fn looked_at(state: &State, whole: Any) -> Vec<(&Json, &Json)> {
    let fault = own(whole);
    let mut all = Vec::new();
    for now in state.all_versions() {
        let shown = now.last().and_then(|version| version.content.as_ref());
        let ever = now.iter().rev().find_map(|version| version.content.as_ref());
        let first = now.first().and_then(|version| version.content.as_ref());
        match (shown, first) {
            (Some(shown), Some(first)) if fault == Fault::IndexStale => all.push((first, shown)),
            (Some(shown), Some(first)) if fault == Fault::ShowsOldVersion => all.push((shown, first)),
            (Some(shown), _) => all.push((shown, shown)),
            (None, _) if fault == Fault::DeletedFound || whole == Any::DeletedStillFound => {
                all.extend(ever.map(|ever| (ever, ever)));
            }
            (None, _) => {}
        }
    }
    all
}

/// The answer of a search.
pub(crate) fn answer(
    state: &State,
    base: &str,
    of: &str,
    asked: &Asked,
    fault: Any,
) -> Result<Told, Refused> {
    let told = bundle(state, base, of, asked, fault);
    match told {
        Err(refused) if own(fault) == Fault::RefusalBare => Ok(Told::bare(refused.status)),
        Err(refused) if own(fault) == Fault::RefusalFails => Err(Refused { status: 500, ..refused }),
        Err(refused) if own(fault) == Fault::RefusalNamesNothing => {
            Err(Refused::new(refused.status, refused.code, "refused"))
        }
        Err(refused) if own(fault) == Fault::RefusalShowsRecords => {
            let mut outcome = refused.outcome();
            let kept = looked_at(state, fault).into_iter().map(|(_, shown)| shown.clone());
            outcome.set("contained", kept.collect::<Vec<_>>().into());
            Ok(Told::with(refused.status, outcome))
        }
        other => other,
    }
}

fn bundle(state: &State, base: &str, of: &str, asked: &Asked, fault: Any) -> Result<Told, Refused> {
    let (whole, fault) = (fault, own(fault));
    let strict = asked.prefers("handling=strict");
    let handling = if strict { Handling::Strict } else { Handling::Lenient };
    let query = &asked.query;
    let pairs = looked_at(state, whole);
    let all: Vec<&Json> = pairs.iter().map(|(seen, _)| *seen).collect();
    let mut found = matches(&all, of, query, handling, base, whole)?;
    let used =
        order::sort(&mut found, of, query, handling, fault).map_err(|refused| refused.about("_sort"))?;
    if fault == Fault::XmlFindsLess && asked.header("accept").is_some_and(|accept| accept.contains("xml")) {
        found.pop();
    }
    if found.is_empty() && fault == Fault::NothingIsNotFound {
        return Err(Refused::new(404, "not-found", "nothing was found"));
    }
    let page = order::Page::of(query, fault)?;
    if fault == Fault::SortUnstable && page.offset > 0 {
        found.reverse();
    }
    let shown: Vec<&Json> = page.cut(&found);
    let shown_of = |seen: &Json| {
        pairs.iter().find(|(one, _)| key(one) == key(seen)).map_or(Json::Null, |(_, shown)| (*shown).clone())
    };
    let mut entries: Vec<Json> =
        shown.iter().map(|seen| entry(base, shown_of(seen), "match", fault)).collect();
    if fault == Fault::EntryTwice {
        entries.extend(entries.first().cloned());
    }
    let went_along = along::brought(&shown, &all, of, query, handling, fault);
    let went_along = went_along.map_err(|refused| refused.about("_include"))?;
    let counted = if fault == Fault::IncludeCounted { went_along.len() } else { 0 };
    let mode = if fault == Fault::IncludeAsMatch { "match" } else { "include" };
    entries.extend(went_along.into_iter().map(|held| entry(base, held.clone(), mode, fault)));
    let total = counted
        + match fault {
            Fault::TotalTooMany => found.len() + 1,
            Fault::TotalOfPage => shown.len(),
            Fault::TotalOfRest => found.len().saturating_sub(page.offset),
            _ => found.len(),
        };
    let kind = if fault == Fault::TypeIsCollection { "collection" } else { "searchset" };
    let mut bundle =
        Json::object([("resourceType", "Bundle".into()), ("type", kind.into()), ("total", total.into())]);
    let said: Vec<&(String, String)> = query.iter().filter(|(name, _)| says(of, name, used, fault)).collect();
    let links = page.links(base, of, &said, found.len(), fault);
    if !links.is_empty() {
        bundle.set("link", links.into());
    }
    if !entries.is_empty() {
        bundle.set("entry", entries.into());
    }
    if fault == Fault::UnknownElement {
        bundle.set("mood", "good".into());
    }
    Ok(with_tag(bundle, asked, fault))
}

/// Whether the self link tells a parameter.
fn says(of: &str, name: &str, sorted: order::Used, fault: Fault) -> bool {
    match name {
        "_offset" => false,
        "_sort" => sorted == order::Used::Yes,
        _ => CONTROLS.contains(&name) || known(of, name) == Known::Yes || fault == Fault::SelfLinkEchoes,
    }
}

fn entry(base: &str, mut held: Json, mode: &str, fault: Fault) -> Json {
    let key = key(&held);
    if fault == Fault::ListsLess {
        held.remove("telecom");
    }
    let url = if fault == Fault::FullUrlRelative { key } else { format!("{base}/{key}") };
    let mut entry = Json::object([("fullUrl", url.into()), ("resource", held)]);
    if fault != Fault::NoMode {
        entry.set("search", Json::object([("mode", mode.into())]));
    }
    entry
}

/// The Bundle with a tag of its content, or nothing where the client has just that.
fn with_tag(bundle: Json, asked: &Asked, fault: Fault) -> Told {
    let text = bundle.to_string();
    let sum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let tag = if fault == Fault::EtagNeverChanges { "W/\"1\"".to_owned() } else { format!("W/\"{sum:x}\"") };
    let mut told = match asked.header("if-none-match") {
        Some(known) if known == tag => Told::bare(304),
        Some(_) | None => Told::with(200, bundle),
    };
    told.headers.push(("etag", tag));
    if fault == Fault::MediaTypePlain {
        told.headers.push(("content-type", "application/json".to_owned()));
    }
    told
}

/// What the query asks to be shown of an answer.
pub(crate) fn shown(resource: Json, query: &[(String, String)], fault: Any) -> Json {
    let asks = |wanted: &str, value: Option<&str>| {
        query.iter().any(|(name, held)| name == wanted && value.is_none_or(|value| held == value))
    };
    let fault = own(fault);
    let whole = fault == Fault::PartIgnored && (asks("_elements", None) || asks("_summary", Some("true")));
    if whole || (fault == Fault::CountShowsEntries && asks("_summary", Some("count"))) {
        return resource;
    }
    if fault == Fault::WholeIsSummary && asks("_summary", Some("false")) {
        return super::part::of(resource, &[("_summary".to_owned(), "true".to_owned())]);
    }
    let mut cut = super::part::of(resource, query);
    if fault == Fault::PartUnmarked {
        cut.each_text(&|text| {
            if text == "SUBSETTED" {
                "OTHER".clone_into(text);
            }
        });
    }
    cut
}

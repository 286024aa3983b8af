//! In which order matches stand, and which of them are on a page.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each fault changes one place and leaves all others alone"
)]

use super::super::edge::encoded;
use super::super::json::Json;
use super::super::told::Refused;
use super::Handling;
use super::criteria::found as values;
use super::fault::SearchFault as Fault;
use super::meets::span;
use super::table::{self, Compares};

/// Matches of a page, where nothing else is asked for.
const USUAL: usize = 100;
/// Most matches of a page.
const MOST: usize = 1000;

/// Whether a parameter was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Used {
    Yes,
    No,
}

/// What a resource is ordered by.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Standing {
    Text(String),
    Number(f64),
    Time(i64),
}

/// Puts matches in the order that is asked for; what lacks the element stands last.
pub(crate) fn sort(
    found: &mut Vec<&Json>,
    of: &str,
    query: &[(String, String)],
    handling: Handling,
    fault: Fault,
) -> Result<Used, Refused> {
    let Some((_, asked)) = query.iter().find(|(name, _)| name == "_sort") else { return Ok(Used::No) };
    let mut keys = Vec::new();
    for key in asked.split(',') {
        let (name, down) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
        match table::row(of, name) {
            Some(row) => keys.push((row, down && fault != Fault::MinusIgnored)),
            None if handling == Handling::Strict && fault != Fault::SortUnknownIgnored => {
                return Err(Refused::new(400, "not-supported", "nothing is sorted by this"));
            }
            None => return Ok(Used::No),
        }
    }
    if fault == Fault::SortFirstKeyOnly {
        keys.truncate(1);
    }
    if fault == Fault::SortIgnored {
        return Ok(Used::Yes);
    }
    // From the last key to the first, for the sort leaves equals as they are.
    for (row, down) in keys.into_iter().rev() {
        let standing = |held: &&Json| {
            values(held, row, Fault::None).first().and_then(|(value, _)| standing(value, row.1, fault))
        };
        if fault == Fault::SortDropsAbsent {
            found.retain(|held| standing(held).is_some());
        }
        found.sort_by(|left, right| match (standing(left), standing(right)) {
            (Some(left), Some(right)) => {
                let order = left.partial_cmp(&right).unwrap_or(std::cmp::Ordering::Equal);
                if down { order.reverse() } else { order }
            }
            (left, right) => right.is_some().cmp(&left.is_some()),
        });
    }
    Ok(Used::Yes)
}

fn standing(value: &Json, kind: Compares, fault: Fault) -> Option<Standing> {
    match (kind, value) {
        (_, value) if fault == Fault::SortByText => Some(Standing::Text(value.to_string())),
        (Compares::Date, Json::Text(text)) => span(text, Fault::None).map(|span| Standing::Time(span.0)),
        (Compares::Date, period) => {
            span(period["start"].text()?, Fault::None).map(|span| Standing::Time(span.0))
        }
        (_, Json::Number(number)) => number.parse().ok().map(Standing::Number),
        (_, Json::Text(text)) => Some(Standing::Text(text.to_lowercase())),
        (_, other) => Some(Standing::Text(other.to_string().to_lowercase())),
    }
}

/// Which matches are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    count: usize,
    pub(crate) offset: usize,
    overlap: usize,
}

impl Page {
    pub(crate) fn of(query: &[(String, String)], fault: Fault) -> Result<Self, Refused> {
        let value =
            |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let count = match value("_count") {
            None => USUAL,
            Some(_) if fault == Fault::CountIgnored => USUAL,
            Some(text) => match text.parse::<usize>() {
                Ok(0) if fault == Fault::CountZeroIsDefault => USUAL,
                Ok(count) if count > MOST && fault == Fault::CountLargeRefused => {
                    return Err(Refused::new(400, "too-costly", "too many"));
                }
                Ok(count) => count.min(MOST),
                Err(_) if fault == Fault::CountBadFails => {
                    return Err(Refused::new(500, "exception", "the count does not read"));
                }
                Err(_) => return Err(Refused::new(400, "invalid", "the count does not read")),
            },
        };
        let offset = value("_offset").and_then(|text| text.parse().ok()).unwrap_or(0);
        let overlap = usize::from(fault == Fault::PagesOverlap && offset > 0);
        Ok(Self { count, offset, overlap })
    }

    pub(crate) fn cut<'a>(&self, found: &[&'a Json]) -> Vec<&'a Json> {
        found.iter().skip(self.offset - self.overlap).take(self.count).copied().collect()
    }

    /// The links of the page.
    pub(crate) fn links(
        &self,
        base: &str,
        of: &str,
        said: &[&(String, String)],
        all: usize,
        fault: Fault,
    ) -> Vec<Json> {
        let link = |relation: &str, base: &str, pairs: &[&(String, String)], offset: Option<usize>| {
            let mut parts: Vec<String> =
                pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
            parts.extend(offset.map(|offset| format!("_offset={offset}")));
            Json::object([
                ("relation", relation.into()),
                ("url", format!("{base}/{of}?{}", parts.join("&")).into()),
            ])
        };
        let mut links = Vec::new();
        let elsewhere = "https://other.conformance.example/fhir";
        match fault {
            Fault::NoSelfLink => {}
            Fault::SelfLinkBare => links.push(link("self", base, &[], None)),
            Fault::LinksElsewhere => links.push(link("self", elsewhere, said, None)),
            _ => links.push(link("self", base, said, (self.offset > 0).then_some(self.offset))),
        }
        let next = self.offset - self.overlap + self.count;
        if self.count > 0 && next < all && fault != Fault::NextLinkDropped {
            let kept: Vec<&(String, String)> = match fault {
                Fault::NextForgetsCriteria => {
                    said.iter().copied().filter(|(name, _)| name != "gender").collect()
                }
                _ => said.to_vec(),
            };
            links.push(link("next", base, &kept, Some(next)));
        }
        links
    }
}

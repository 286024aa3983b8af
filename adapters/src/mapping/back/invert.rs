//! A value of FHIR as the text of the cell it came from.

use fhir::json::Node;

use crate::mapping::codes::CodeMap;
use crate::mapping::plan::{Conversion, Plan};

/// The text, when it can be told.
pub(super) fn invert(plan: &Plan, conversion: &Conversion, node: Node<'_>) -> Option<String> {
    let map = |index: &usize| plan.codes.get(*index);
    match conversion {
        Conversion::Text | Conversion::Uri | Conversion::Base64 => text(node),
        Conversion::Split(_) => None,
        Conversion::Code(index) => {
            let (map, code) = (map(index)?, text(node)?);
            map.back(&code).map(str::to_owned).or_else(|| map.open.then_some(code))
        }
        Conversion::Coding(index) => coding(map(index)?, node),
        Conversion::Concept(index) => concept(map(index)?, node),
        Conversion::Boolean(None) | Conversion::Integer(_) | Conversion::Decimal => bare(node),
        Conversion::Boolean(Some(index)) => map(index)?.back(&bare(node)?).map(str::to_owned),
        Conversion::Quantity(_) => bare(node.member("value")?),
        Conversion::Time(_, patterns) => {
            let text = text(node)?;
            if let [pattern] = patterns.as_slice() {
                return pattern.write(&text);
            }
            // No two of them read a text as different dates, or the mapping was not loaded.
            let is_timed = text.contains('T');
            let mut exact = patterns.iter().filter(|pattern| pattern.has_time() == is_timed);
            exact.find_map(|pattern| pattern.write(&text))
        }
        Conversion::Identifier(_) => text(node.member("value")?),
        Conversion::Logical(..) => text(node.member("identifier")?.member("value")?),
    }
}

fn text(node: Node<'_>) -> Option<String> {
    node.string().map(std::borrow::Cow::into_owned)
}

fn bare(node: Node<'_>) -> Option<String> {
    std::str::from_utf8(node.raw()).ok().map(str::to_owned)
}

fn coding(map: &CodeMap, node: Node<'_>) -> Option<String> {
    let code = text(node.member("code")?)?;
    let is_theirs = map
        .from_system
        .as_deref()
        .is_some_and(|system| node.member("system").is_some_and(|held| held.is_string(system)));
    if is_theirs && map.keeps_original() {
        return Some(code);
    }
    map.back(&code).map(str::to_owned).or_else(|| is_theirs.then_some(code))
}

/// The sender's own code before any other.
fn concept(map: &CodeMap, node: Node<'_>) -> Option<String> {
    let Some(codings) = node.member("coding") else { return text(node.member("text")?) };
    let theirs = codings.items().find(|item| {
        let system = map.from_system.as_deref().filter(|_| map.keeps_original());
        system.is_some_and(|system| item.member("system").is_some_and(|held| held.is_string(system)))
    });
    coding(map, theirs.or_else(|| codings.items().next())?)
}

//! Texts, names, addresses and URIs.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::super::criterion::StringModifier;
use super::Match;
use crate::json::Node;

const HUMAN_NAME: &[&str] = &["text", "family", "given", "prefix", "suffix"];
const ADDRESS: &[&str] = &["text", "line", "city", "district", "state", "postalCode", "country"];

/// Whether one value has the text. `leaf` is the FHIR type of the value.
pub(super) fn matches(node: Node<'_>, leaf: &str, modifier: StringModifier, wanted: &str) -> Match {
    let parts: Vec<String> = match leaf {
        "HumanName" => parts(node, HUMAN_NAME),
        "Address" => parts(node, ADDRESS),
        _ => node.string().map(|text| text.into_owned()).into_iter().collect(),
    };
    match modifier {
        StringModifier::Exact => Match::certainly(parts.iter().any(|part| part == wanted)),
        StringModifier::Contains => {
            let wanted = folded(wanted);
            Match::certainly(parts.iter().any(|part| folded(part).contains(&wanted)))
        }
        StringModifier::StartsWith => starts_with(&parts, wanted),
    }
}

/// That the beginning matches is certain. Whether a server also looks at later words, or past spaces and marks, is
/// its own affair.
fn starts_with(parts: &[String], wanted: &str) -> Match {
    let parts: Vec<String> = parts.iter().map(|part| folded(part)).collect();
    let wanted = folded(wanted);
    if parts.iter().any(|part| part.starts_with(&wanted)) {
        return Match::Yes;
    }
    let squeezed = compact(&wanted);
    if !squeezed.is_empty() && parts.iter().any(|part| compact(part).starts_with(&squeezed)) {
        return Match::CannotTell;
    }
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let held: Vec<String> = parts.iter().flat_map(|part| words(part)).collect();
    let asked = words(&wanted);
    let each_is_held = asked.iter().all(|word| held.iter().any(|held| held.starts_with(word)));
    if !asked.is_empty() && each_is_held { Match::CannotTell } else { Match::No }
}

fn parts(node: Node<'_>, keys: &[&str]) -> Vec<String> {
    keys.iter()
        .flat_map(|key| node.walk(&[*key]).collect::<Vec<_>>())
        .filter_map(Node::string)
        .map(|text| text.into_owned())
        .collect()
}

/// One value as it stands in an order: a name by its family, an address by its lines.
pub(in crate::search) fn in_order(node: Node<'_>, leaf: &str) -> Option<String> {
    let joined = |ordered: &[&str]| {
        let mut parts = parts(node, ordered);
        if parts.is_empty() {
            parts = self::parts(node, &["text"]);
        }
        (!parts.is_empty()).then(|| folded(&parts.join(" ")))
    };
    match leaf {
        "HumanName" => joined(&["family", "given"]),
        "Address" => joined(&["line", "city", "district", "state", "postalCode", "country"]),
        _ => node.string().map(|text| folded(&text)),
    }
}

/// Without case and accents.
pub(in crate::search) fn folded(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Letters and digits only, in lower case.
pub(super) fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A URI is compared as a whole; a canonical without version in the query is found with any.
pub(super) fn uri(node: Node<'_>, wanted: &str) -> Match {
    let Some(text) = node.string() else { return Match::No };
    let without_version = text.split_once('|').map(|(url, _)| url);
    Match::certainly(text == wanted || without_version == Some(wanted))
}

//! What an obligation looks at in a resource: labels, references, authors, time. Codes and ids only, no content.

use std::collections::BTreeSet;

use fhir::instant::{DateTime, Range};
use fhir::json::{Kind, Node};
use fhir::reference::{Bases, Reference};
use fhir::security_label::{CONFIDENTIALITY, SecurityLabel};

use super::facts::label;
use crate::decision::obligation::ResourceFacts;

/// Elements under which somebody stands who said, did or asked for what the resource tells.
const AUTHORS: [&str; 8] =
    ["author", "asserter", "performer", "recorder", "requester", "enterer", "informationSource", "sender"];

/// Elements that say when it happened, the most telling first.
const TIMES: [&str; 18] = [
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "onsetDateTime",
    "onsetPeriod",
    "period",
    "start",
    "authoredOn",
    "recordedDate",
    "whenHandedOver",
    "date",
    "issued",
    "created",
    "sent",
];

/// The extension by which a part of a resource carries a label of its own (DS4P).
const INLINE_LABEL: &str = "extension-inline-sec-label";

/// Reads the facts of one resource on a system with these `bases`.
pub(in crate::enforce) fn resource_facts(resource: Node<'_>, bases: &Bases) -> ResourceFacts {
    let resource_type = resource.str_at(&["resourceType"]).unwrap_or_default().into_owned();
    let id = resource.str_at(&["id"]).unwrap_or_default();
    let mut facts = ResourceFacts {
        reference: format!("{resource_type}/{id}"),
        resource_type,
        labels: Vec::new(),
        refers_to: BTreeSet::new(),
        authors: BTreeSet::new(),
        when: when(resource),
    };
    references(resource, bases, &mut facts.refers_to);
    for name in AUTHORS {
        for author in resource.walk(&[name]) {
            references(author, bases, &mut facts.authors);
        }
    }
    match facts.resource_type.as_str() {
        "Bundle" => facts.labels.extend(resource.walk(&["meta", "security"]).filter_map(label)),
        _ => labels(resource, &mut facts.labels),
    }
    facts
}

/// `Type/id` of every literal reference at any depth.
fn references(root: Node<'_>, bases: &Bases, found: &mut BTreeSet<String>) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.members() {
            if key.is("reference") {
                let reference = value.string().and_then(|text| Reference::parse(&text, bases).ok());
                found.extend(reference.as_ref().and_then(Reference::local).map(|local| local.to_relative()));
            } else {
                open.push(value);
            }
        }
    }
}

/// `meta.security` of the resource and of what it contains, `securityLabel` and `confidentiality` of documents, and
/// inline labels at any depth: the strictest wins, so all of them count for the whole. Of a Bundle its own alone: what
/// it holds is judged entry by entry.
fn labels(root: Node<'_>, found: &mut Vec<SecurityLabel>) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        let inline = node
            .member("url")
            .and_then(Node::string)
            .is_some_and(|url| url.rsplit('/').next().is_some_and(|name| name == INLINE_LABEL));
        if inline {
            found.extend(node.member("valueCoding").and_then(label));
        }
        for (key, value) in node.members() {
            if key.is("security") {
                found.extend(value.items().filter_map(label));
            } else if key.is("securityLabel") {
                found.extend(value.walk(&["coding"]).filter_map(label));
            } else if key.is("confidentiality") {
                found.extend(value.string().map(|code| SecurityLabel::new(CONFIDENTIALITY, &code)));
            }
            if matches!(value.kind(), Kind::Object | Kind::Array) {
                open.push(value);
            }
        }
    }
}

fn when(resource: Node<'_>) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let found = TIMES.iter().find_map(|name| resource.member(name))?;
    let moment =
        |node: Node<'_>| node.string().and_then(|text| DateTime::parse(&text).ok()).map(|time| time.range());
    let Range { from, to } = match found.kind() {
        Kind::String => moment(found)?,
        Kind::Object => {
            let start = found.member("start").and_then(moment);
            let end = found.member("end").and_then(moment);
            Range {
                from: start.map_or(jiff::Timestamp::MIN, |range| range.from),
                to: end.map_or(jiff::Timestamp::MAX, |range| range.to),
            }
        }
        Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => return None,
    };
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::*;

    fn labels_of(json: &'static str) -> Vec<String> {
        let document = parse(json.into(), &Limits::default()).expect("test input");
        let facts = resource_facts(document.root(), &Bases::none());
        facts.labels.iter().map(|label| label.code().to_owned()).collect()
    }

    #[test]
    fn documents_are_labelled_by_elements_of_their_own() {
        let reference = r#"{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}]}"#;
        assert_eq!(labels_of(reference), ["PSY"]);
        assert_eq!(labels_of(r#"{"resourceType":"Composition","confidentiality":"R"}"#), ["R"]);
    }

    #[test]
    fn a_bundle_bears_its_own_labels_and_not_those_of_one_entry() {
        let bundle = r#"{"resourceType":"Bundle","meta":{"security":[{"code":"R"}]},"entry":[{"resource":{"resourceType":"Condition","meta":{"security":[{"code":"PSY"}]}}}]}"#;
        assert_eq!(labels_of(bundle), ["R"]);
    }
}

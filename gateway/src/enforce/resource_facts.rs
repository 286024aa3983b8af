//! What an obligation looks at in a resource: labels, references, authors, time. Codes and ids only, no content.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::instant::{DateTime, Range};
use fhir::json::{Kind, Node};
use fhir::reference::{Bases, Reference};
use fhir::security_label::{CONFIDENTIALITY, SecurityLabel};

use crate::decision::obligation::ResourceFacts;
use crate::sensitive_codes::SensitiveCodes;

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

/// Reads the facts of one resource on a system with these `bases`; `codes` say what earns a label by itself.
pub(in crate::enforce) fn resource_facts(
    resource: Node<'_>,
    bases: &Bases,
    codes: &SensitiveCodes,
) -> ResourceFacts {
    let resource_type = resource.str_at(&["resourceType"]).unwrap_or_default().into_owned();
    let mut facts = ResourceFacts {
        reference: reference_of(resource),
        resource_type,
        when: when(resource),
        ..ResourceFacts::default()
    };
    for name in AUTHORS {
        for author in resource.walk(&[name]) {
            references(author, bases, &mut facts.authors);
        }
    }
    if facts.resource_type == "Bundle" {
        references(resource, bases, &mut facts.refers_to);
        facts.labels.extend(resource.walk(&["meta", "security"]).flat_map(label));
    } else {
        walk(resource, bases, codes, &mut facts);
    }
    facts
}

/// `Type/id` of a resource.
pub(in crate::enforce) fn reference_of(resource: Node<'_>) -> String {
    let resource_type = resource.str_at(&["resourceType"]).unwrap_or_default();
    let id = resource.str_at(&["id"]).unwrap_or_default();
    format!("{resource_type}/{id}")
}

/// `Type/id` of every literal reference at any depth.
fn references(root: Node<'_>, bases: &Bases, found: &mut BTreeSet<String>) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.members() {
            if key.is("reference") {
                reference(value, bases, found);
            } else {
                open.push(value);
            }
        }
    }
}

fn reference(value: Node<'_>, bases: &Bases, found: &mut BTreeSet<String>) {
    let reference = value.string().and_then(|text| Reference::parse(&text, bases).ok());
    found.extend(reference.as_ref().and_then(Reference::local).map(|local| local.to_relative()));
}

/// What an object may hold that names a code: a Coding or Quantity by `code`, an Identifier by `value`, an Extension
/// by its value.
#[derive(Default)]
struct Coded<'a> {
    system: Option<Node<'a>>,
    code: Option<Node<'a>>,
    value: Option<Node<'a>>,
    url: Option<Node<'a>>,
    coding: Option<Node<'a>>,
    concept: Option<Node<'a>>,
}

/// References, stated labels and earned labels, in one walk.
///
/// `meta.security` of the resource and of what it contains, `securityLabel` and `confidentiality` of documents, inline labels
/// and codes at any depth: the strictest wins, so all of them count for the whole. Of a Bundle its own alone: what
/// it holds is judged entry by entry.
fn walk(root: Node<'_>, bases: &Bases, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if node.kind() == Kind::Array {
            let inside = |item: &Node<'_>| matches!(item.kind(), Kind::Object | Kind::Array);
            open.extend(node.items().filter(inside));
            continue;
        }
        let mut coded = Coded::default();
        for (key, value) in node.members() {
            match &*key.bytes() {
                b"reference" => reference(value, bases, &mut facts.refers_to),
                b"system" => coded.system = Some(value),
                b"code" => coded.code = Some(value),
                b"value" => coded.value = Some(value),
                b"url" => coded.url = Some(value),
                b"valueCoding" => coded.coding = Some(value),
                b"valueCodeableConcept" => coded.concept = Some(value),
                b"valueCode" => whole(value, codes, facts),
                b"valueUri" | b"valueUrl" | b"valueCanonical" => address(value, codes, facts),
                b"security" => facts.labels.extend(value.items().flat_map(label)),
                b"securityLabel" => facts.labels.extend(value.walk(&["coding"]).flat_map(label)),
                b"confidentiality" => facts
                    .labels
                    .extend(value.string().map(|code| SecurityLabel::new(CONFIDENTIALITY, code.trim()))),
                _ => {}
            }
            if matches!(value.kind(), Kind::Object | Kind::Array) {
                open.push(value);
            }
        }
        earned(&coded, codes, facts);
    }
}

/// What one object earns, and the inline label that it may be.
fn earned(coded: &Coded<'_>, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    if coded.url.is_some_and(is_inline_label) {
        let codings = coded.concept.into_iter().flat_map(|concept| concept.walk(&["coding"]));
        facts.labels.extend(coded.coding.into_iter().chain(codings).flat_map(label));
    }
    let system = coded.system.and_then(Node::string);
    if let Some(code) = coded.code.and_then(Node::string) {
        earn(system.as_deref(), &code, codes, facts);
    } else if let (Some(system), Some(value)) = (&system, coded.value.and_then(Node::string)) {
        // An identifier is a code where its system is a code system.
        earn(Some(system), &value, codes, facts);
    }
}

/// Whether an extension of this address is an inline label, whichever version of its definition is named.
fn is_inline_label(url: Node<'_>) -> bool {
    let Some(url) = url.string() else { return false };
    let unversioned = url.split(['|', '?', '#']).next().unwrap_or_default().trim().trim_end_matches('/');
    unversioned.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(INLINE_LABEL))
}

/// The inline labels at any depth of a part of a resource.
pub(in crate::enforce) fn inline_labels(part: Node<'_>) -> Vec<SecurityLabel> {
    let (mut found, mut open) = (Vec::new(), vec![part]);
    while let Some(node) = open.pop() {
        open.extend(node.items());
        open.extend(node.members().map(|(_, value)| value));
        if node.member("url").is_some_and(is_inline_label) {
            let codings = node.walk(&["valueCoding"]).chain(node.walk(&["valueCodeableConcept", "coding"]));
            found.extend(codings.flat_map(label));
        }
    }
    found
}

/// A code that stands by itself, in an extension.
fn whole(value: Node<'_>, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    if let Some(code) = value.string() {
        earn(None, &code, codes, facts);
    }
}

/// A concept named by its address: `http://snomed.info/id/13746004`, `http://loinc.org|44261-6`.
fn address(value: Node<'_>, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    let Some(text) = value.string() else { return };
    if let Some((system, code)) = text.rsplit_once(['/', '|']) {
        earn(Some(system), code, codes, facts);
    }
}

fn earn(system: Option<&str>, code: &str, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    codes.earned(system, code, &mut |entry| {
        if !facts.earned.iter().any(|known| Arc::ptr_eq(known, entry)) {
            facts.earned.push(Arc::clone(entry));
        }
    });
}

/// A label as stated, and as what it may have been meant: a category or a high degree under a name of a code system that
/// HL7 does not use, or in small letters, protects like one that is written as it should be.
pub(in crate::enforce) fn label(coding: Node<'_>) -> impl Iterator<Item = SecurityLabel> + use<> {
    let system = coding.str_at(&["system"]).unwrap_or_default();
    let stated = coding.str_at(&["code"]).map(|code| SecurityLabel::new(&system, &code));
    let meant = stated.as_ref().and_then(SecurityLabel::meant_to_protect);
    stated.into_iter().chain(meant)
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
mod tests;

//! What an obligation looks at in a resource: labels, references, authors, time. Codes and ids only, no content.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::instant::{DateTime, Range};
use fhir::json::{Key, Kind, Node};
use fhir::reference::{Bases, Reference};
use fhir::tables::TypeId;

use self::stated::Stated;
use crate::decision::obligation::ResourceFacts;
use crate::sensitive_codes::SensitiveCodes;

pub(in crate::enforce) mod stated;

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

/// What is weighed of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::enforce) enum Weighed {
    /// Labels, stated and earned: nobody's word says more than an agreement can.
    Labels,
    /// These, and which it is, what it refers to, who wrote it and when it happened: what a person's word may speak of.
    All,
}

/// Whether choices about sharing decide by the element `name` at the top of a resource: when it happened, whose word it is.
pub(crate) fn is_decided_by(owner: TypeId, name: &str) -> bool {
    let mut keys = owner.keys().filter(|(_, element)| element.name() == name);
    AUTHORS.contains(&name) || keys.any(|(key, _)| TIMES.contains(&key))
}

/// Reads the facts of one resource on a system with these `bases`; `codes` say what earns a label by itself.
pub(in crate::enforce) fn resource_facts(
    resource: Node<'_>,
    bases: &Bases,
    codes: &SensitiveCodes,
) -> ResourceFacts {
    facts_weighed(resource, Weighed::All, bases, codes)
}

/// The same, without what is not weighed.
pub(in crate::enforce) fn facts_weighed(
    resource: Node<'_>,
    weighed: Weighed,
    bases: &Bases,
    codes: &SensitiveCodes,
) -> ResourceFacts {
    let resource_type = resource.str_at(&["resourceType"]).unwrap_or_default().into_owned();
    let mut facts = ResourceFacts { resource_type, ..ResourceFacts::default() };
    if weighed == Weighed::All {
        facts.reference = reference_of(resource);
        facts.when = when(resource);
        for name in AUTHORS {
            for author in resource.walk(&[name]) {
                references(author, bases, &mut facts.authors);
            }
        }
        match facts.resource_type == "Bundle" {
            true => references(resource, bases, &mut facts.refers_to),
            false => references_within(resource, bases, &mut facts.refers_to),
        }
    }
    if facts.resource_type == "Bundle" {
        take(Stated::of_meta(resource), &mut facts);
    } else if may_be_labelled_or(resource, codes, &[]) {
        walk(resource, codes, &mut facts);
    }
    facts
}

/// Whether anything in it may state a label or earn one, or is called as in `names`. Of most resources nothing does, and
/// nothing is.
pub(in crate::enforce) fn may_be_labelled_or<const N: usize>(
    resource: Node<'_>,
    codes: &SensitiveCodes,
    names: &[&str; N],
) -> bool {
    let may_earn = |value: Node<'_>| value.string_bytes().is_some_and(|code| codes.may_know(&code));
    resource.members_within().any(|(key, value)| match Telling::of(key) {
        None => names.iter().any(|name| key.is(name)),
        // These say something beside a code or the address of an inline label.
        Some(Telling::System | Telling::Coding | Telling::Concept) => false,
        Some(Telling::Code | Telling::Value | Telling::Whole) => may_earn(value),
        Some(Telling::Url) => is_inline_label(value),
        Some(Telling::Address | Telling::Security | Telling::SecurityLabel | Telling::Confidentiality) => {
            true
        }
    })
}

/// `Type/id` of a resource.
pub(in crate::enforce) fn reference_of(resource: Node<'_>) -> String {
    let resource_type = resource.str_at(&["resourceType"]).unwrap_or_default();
    let id = resource.str_at(&["id"]).unwrap_or_default();
    [&resource_type, "/", &id].concat()
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

/// The same, and those in elements that are called like an address themselves (`Consent.provision.data.reference`).
fn references_within(root: Node<'_>, bases: &Bases, found: &mut BTreeSet<String>) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.members() {
            if key.is("reference") {
                reference(value, bases, found);
            }
            open.push(value);
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

/// A member that says something about labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    System,
    Code,
    Value,
    Url,
    Coding,
    Concept,
    Whole,
    Address,
    Security,
    SecurityLabel,
    Confidentiality,
}

impl Telling {
    /// What a member of this name says. Most names differ from all of these by their length and first letter.
    fn of(key: Key<'_>) -> Option<Self> {
        let name = key.bytes();
        let is = |meant: &[u8], told: Self| (*name == *meant).then_some(told);
        match (name.len(), name.first()?) {
            (3, b'u') => is(b"url", Self::Url),
            (4, b'c') => is(b"code", Self::Code),
            (5, b'v') => is(b"value", Self::Value),
            (6, b's') => is(b"system", Self::System),
            (8, b's') => is(b"security", Self::Security),
            (8, b'v') => is(b"valueUri", Self::Address).or_else(|| is(b"valueUrl", Self::Address)),
            (9, b'v') => is(b"valueCode", Self::Whole),
            (11, b'v') => is(b"valueCoding", Self::Coding),
            (13, b's') => is(b"securityLabel", Self::SecurityLabel),
            (14, b'v') => is(b"valueCanonical", Self::Address),
            (15, b'c') => is(b"confidentiality", Self::Confidentiality),
            (20, b'v') => is(b"valueCodeableConcept", Self::Concept),
            _ => None,
        }
    }
}

/// Stated labels and earned labels, in one walk.
///
/// `meta.security` of the resource and of what it contains, `securityLabel` and `confidentiality` of documents, inline labels
/// and codes at any depth: the strictest wins, so all of them count for the whole. Of a Bundle its own alone: what
/// it holds is judged entry by entry.
fn walk(root: Node<'_>, codes: &SensitiveCodes, facts: &mut ResourceFacts) {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if node.kind() == Kind::Array {
            let inside = |item: &Node<'_>| matches!(item.kind(), Kind::Object | Kind::Array);
            open.extend(node.items().filter(inside));
            continue;
        }
        let mut coded = Coded::default();
        for (key, value) in node.members() {
            match Telling::of(key) {
                None => {}
                Some(Telling::System) => coded.system = Some(value),
                Some(Telling::Code) => coded.code = Some(value),
                Some(Telling::Value) => coded.value = Some(value),
                Some(Telling::Url) => coded.url = Some(value),
                Some(Telling::Coding) => coded.coding = Some(value),
                Some(Telling::Concept) => coded.concept = Some(value),
                Some(Telling::Whole) => whole(value, codes, facts),
                Some(Telling::Address) => address(value, codes, facts),
                Some(Telling::Security) => take(Stated::of_codings(value, &facts.resource_type), facts),
                Some(Telling::SecurityLabel) => {
                    take(Stated::of_concepts(value, &facts.resource_type), facts);
                }
                Some(Telling::Confidentiality) => take(Stated::of_degrees(value), facts),
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
        take(Stated::of_inline(coded.coding, coded.concept), facts);
    }
    let system = coded.system.and_then(Node::string);
    if let Some(code) = coded.code.and_then(Node::string) {
        earn(system.as_deref(), &code, codes, facts);
    } else if let (Some(system), Some(value)) = (&system, coded.value.and_then(Node::string)) {
        // An identifier is a code where its system is a code system.
        earn(Some(system), &value, codes, facts);
    }
}

fn take(stated: Stated, facts: &mut ResourceFacts) {
    facts.labels.extend(stated.labels);
    facts.known = facts.known.max(stated.known);
}

/// Whether an extension of this address is an inline label, whichever version of its definition is named.
fn is_inline_label(url: Node<'_>) -> bool {
    if url.kind() == Kind::Array {
        return url.walk(&[]).any(is_inline_label);
    }
    let Some(url) = url.string() else { return false };
    let unversioned = url.split(['|', '?', '#']).next().unwrap_or_default().trim().trim_end_matches('/');
    unversioned.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(INLINE_LABEL))
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

//! Labels as they are stated: as many Codings as there are, or what stands in their place.
//!
//! Whoever labels content means to protect it. What stands where a label should and cannot be read as one makes it
//! unknown what the whole is labelled as, and that counts as labelled with whatever is weighed.

use fhir::json::{Kind, Node};
use fhir::security_label::{CONFIDENTIALITY, SecurityLabel};

use super::is_inline_label;
use crate::decision::obligation::Labels;

/// Types whose `securityLabel` says what they speak of, and not how they are labelled themselves.
const SPEAK_OF_LABELS: [&str; 1] = ["Consent"];
/// Types in which `security` is no label but how a server is made safe.
const ARE_SECURED: [&str; 1] = ["CapabilityStatement"];

/// The labels that stand somewhere.
#[derive(Debug, Default)]
pub(in crate::enforce) struct Stated {
    /// Those that can be read.
    pub(in crate::enforce) labels: Vec<SecurityLabel>,
    /// Whether that is all of them.
    pub(in crate::enforce) known: Labels,
}

impl Stated {
    /// `meta.security` of a resource.
    pub(in crate::enforce) fn of_meta(resource: Node<'_>) -> Self {
        let mut found = Self::default();
        for meta in resource.walk(&["meta"]) {
            if meta.kind() != Kind::Object {
                found.doubt();
            }
            meta.walk(&["security"]).for_each(|coding| found.coding(coding));
        }
        found
    }

    /// `security` of a resource of type `owner`, or of one within it.
    pub(super) fn of_codings(value: Node<'_>, owner: &str) -> Self {
        let mut found = Self::default();
        value.walk(&[]).for_each(|coding| found.coding(coding));
        if ARE_SECURED.contains(&owner) {
            found.known = Labels::Known;
        }
        found
    }

    /// `securityLabel` in a resource of type `owner`: concepts, or Codings as some types have them.
    pub(super) fn of_concepts(value: Node<'_>, owner: &str) -> Self {
        let mut found = Self::default();
        if SPEAK_OF_LABELS.contains(&owner) {
            return found;
        }
        for concept in value.walk(&[]) {
            let before = found.labels.len();
            for name in ["coding", "classification", "category"] {
                concept.walk(&[name]).for_each(|coding| found.coding(coding));
            }
            if found.labels.len() == before {
                found.coding(concept);
            }
        }
        found
    }

    /// `confidentiality` of a document: a code.
    pub(super) fn of_degrees(value: Node<'_>) -> Self {
        let mut found = Self::default();
        for code in value.walk(&[]) {
            match code.string() {
                Some(code) if !code.trim().is_empty() => {
                    found.labels.push(SecurityLabel::new(CONFIDENTIALITY, code.trim()));
                }
                Some(_) | None => found.doubt(),
            }
        }
        found
    }

    /// The value of an inline label.
    pub(super) fn of_inline(coding: Option<Node<'_>>, concept: Option<Node<'_>>) -> Self {
        let mut found = Self::default();
        for coding in coding.into_iter().flat_map(|coding| coding.walk(&[])) {
            found.coding(coding);
        }
        for coding in concept.into_iter().flat_map(|concept| concept.walk(&["coding"])) {
            found.coding(coding);
        }
        // One that has another value, or none, labels all the same.
        if found.labels.is_empty() {
            found.doubt();
        }
        found
    }

    /// The inline labels at any depth of a part of a resource.
    pub(in crate::enforce) fn inside(part: Node<'_>) -> Self {
        let (mut found, mut open) = (Self::default(), vec![part]);
        while let Some(node) = open.pop() {
            open.extend(node.items());
            open.extend(node.members().map(|(_, value)| value));
            if node.member("url").is_some_and(is_inline_label) {
                let label = Self::of_inline(node.member("valueCoding"), node.member("valueCodeableConcept"));
                found.labels.extend(label.labels);
                found.known = found.known.max(label.known);
            }
        }
        found
    }

    /// A Coding, or what stands in its place: read as far as it can be.
    fn coding(&mut self, coding: Node<'_>) {
        self.labels.extend(label(coding));
        let code = coding.member("code").and_then(Node::string);
        let is_none = code.is_none_or(|code| code.trim().is_empty());
        if is_none || coding.member("system").is_some_and(|system| system.kind() != Kind::String) {
            self.doubt();
        }
    }

    fn doubt(&mut self) {
        self.known = self.known.max(Labels::NotKnown);
    }
}

/// A label as stated, and as what it may have been meant: a category or a high degree under a name of a code system that
/// HL7 does not use, or in small letters, protects like one that is written as it should be.
fn label(coding: Node<'_>) -> impl Iterator<Item = SecurityLabel> + use<> {
    let system = coding.str_at(&["system"]).unwrap_or_default();
    let stated = coding.str_at(&["code"]).map(|code| SecurityLabel::new(&system, &code));
    let meant = stated.as_ref().and_then(SecurityLabel::meant_to_protect);
    stated.into_iter().chain(meant)
}

//! Whether where somebody is may be told in words that have no mark of protection for it.
//!
//! A label of a Patient says that where she is is protected (PDS restricted). A form that cannot put the label beside the
//! address does not say the address. What counts as such a label is what the gateway shields by.

use std::ops::Range;

use fhir::json::{Kind, Node};
use fhir::security_label::{Confidentiality, SecurityLabel, Sensitivity};

/// An extension by which a part of a resource bears its own label (DS4P).
pub(crate) const INLINE: &str =
    "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label";

/// Where in a Bundle addresses and numbers stand that are not to be said.
#[derive(Debug, Default)]
pub(crate) struct Hidden(Vec<Range<usize>>);

impl Hidden {
    /// Of the protected among `resources` and what they contain, and of their kin: a RelatedPerson of somebody protected, or of
    /// nobody who is found where somebody is. A RelatedPerson's own label says from which part of a record they come.
    pub(crate) fn among<'b>(
        resources: impl Iterator<Item = Node<'b>>,
        target: impl Fn(Node<'b>) -> Option<Node<'b>>,
    ) -> Self {
        let all: Vec<Node<'b>> =
            resources.flat_map(|held| std::iter::once(held).chain(held.walk(&["contained"]))).collect();
        let is = |node: &Node<'b>, kind: &str| {
            node.member("resourceType").is_some_and(|held| held.is_string(kind))
        };
        let patients = || all.iter().filter(|node| is(node, "Patient") && is_protected(**node));
        if patients().next().is_none() && !all.iter().any(|node| is(node, "RelatedPerson")) {
            return Self::default();
        }
        let protected: Vec<usize> = patients().map(|patient| patient.offset()).collect();
        let is_hidden = |node: &Node<'b>| {
            if is(node, "Patient") {
                return protected.contains(&node.offset());
            }
            let of = node.member("patient").and_then(&target).map(|patient| patient.offset());
            is(node, "RelatedPerson")
                && (has_labelled_place(*node)
                    || of.map_or(!protected.is_empty(), |patient| protected.contains(&patient)))
        };
        Self(all.iter().filter(|node| is_hidden(node)).map(|node| node.offset()..node.end()).collect())
    }

    /// Whether there is nothing of which this holds.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what stands at `node` is not to be said.
    pub(crate) fn holds(&self, node: Node<'_>) -> bool {
        self.0.iter().any(|range| range.contains(&node.offset()))
    }
}

/// Whether a Patient is labelled so that where she is is protected: a high degree or a category of places, or any category on an
/// address or number itself. What stands where a label should and cannot be read counts as one.
fn is_protected(patient: Node<'_>) -> bool {
    patient.walk(&["meta", "security"]).any(|label| says(label, hides_places)) || has_labelled_place(patient)
}

fn has_labelled_place(person: Node<'_>) -> bool {
    let places = person.walk(&["address"]).chain(person.walk(&["telecom"]));
    let inline = places.flat_map(|place| place.walk(&["extension"]));
    let mut labels = inline
        .filter(|held| held.member("url").is_some_and(|url| url.is_string(INLINE)))
        .map(|held| held.member("valueCoding"));
    labels.any(|label| label.is_none_or(|label| says(label, protects)))
}

/// Whether a Coding is a label of which `test` holds, as it stands or as it was meant.
fn says(coding: Node<'_>, test: fn(&SecurityLabel) -> bool) -> bool {
    let said = |name| coding.member(name).and_then(Node::string).unwrap_or_default();
    if coding.kind() != Kind::Object || coding.member("code").is_some_and(|code| code.kind() != Kind::String)
    {
        return true;
    }
    let label = SecurityLabel::new(&said("system"), &said("code"));
    test(&label) || label.meant_to_protect().is_some_and(|meant| test(&meant))
}

fn hides_places(label: &SecurityLabel) -> bool {
    label.confidentiality() >= Some(Confidentiality::Restricted)
        || matches!(label.sensitivity(), Some(Sensitivity::Locis | Sensitivity::Livarg))
}

fn protects(label: &SecurityLabel) -> bool {
    hides_places(label) || label.sensitivity().is_some()
}

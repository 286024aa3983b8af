//! What stands where R4 has a Reference, and is none: a text, a number, a list of lists.
//!
//! Whom it means cannot be told, so the resource is uncertain: whoever wrote it may have meant somebody.

use fhir::json::{Key, Kind, Node};
use fhir::tables::{self, Element};

use super::roles::{self, Depth};
use super::{At, Bound, Members, Scan, place_of};

impl<'n> Scan<'n, '_> {
    /// A member of a resource, where it is no object.
    pub(super) fn at_top(&mut self, key: Key<'n>, value: Node<'n>, at: &At<'n>) {
        let misfit = match value.kind() {
            Kind::Object | Kind::Null => None,
            Kind::String | Kind::Number | Kind::Boolean => Some(value),
            // What else is in a list that may tell of somebody is looked at with it.
            Kind::Array => {
                value.items().find(|item| item.kind() != Kind::Null).filter(|first| !holds_members(*first))
            }
        };
        if let Some(misfit) = misfit.filter(|_| !is_plain(&key.bytes())) {
            let top = key.text();
            self.misfit(misfit, (&top, &top, Depth::Top), at);
        }
    }

    /// What is no object, in the element at this place.
    pub(super) fn misfit(&mut self, value: Node<'n>, place: (&str, &str, Depth), at: &At<'n>) {
        if self.bound == Bound::Names {
            return;
        }
        let (top, leaf, depth) = place;
        if leaf == "reference" && depth != Depth::Top {
            // The addresses of a list of them are read as no address.
            return self.found.uncertain();
        }
        let is_subject = roles::may_be_subject(leaf) && place_of(place, at).role().is_of_subjects();
        if is_subject || (depth == Depth::Top && is_reference(&at.owner, leaf)) {
            self.found.uncertain();
        } else if roles::names_a_member(&at.owner, top, leaf, value) {
            self.found.members = Members::Untold;
        }
    }
}

fn holds_members(value: Node<'_>) -> bool {
    value.kind() == Kind::Object
}

/// Whether a member is no reference in whichever type: what most resources have that is no object.
fn is_plain(name: &[u8]) -> bool {
    matches!(
        name,
        b"resourceType"
            | b"id"
            | b"status"
            | b"language"
            | b"implicitRules"
            | b"active"
            | b"intent"
            | b"effectiveDateTime"
            | b"issued"
            | b"recordedDate"
            | b"authoredOn"
            | b"birthDate"
            | b"gender"
            | b"date"
    )
}

/// Whether R4 has a Reference there to what may be about somebody.
fn is_reference(owner: &str, key: &str) -> bool {
    let element = tables::resource_type(owner).and_then(|owner| tables::element(owner, key));
    let leads = |element: &Element| {
        let targets = element.targets();
        let may_tell =
            |target: &tables::TypeId| target.name() == "Patient" || roles::leads_to_persons(*target);
        targets.is_empty() || targets.iter().any(may_tell)
    };
    element
        .filter(|element| element.only_type().is_some_and(|found| found.name() == "Reference"))
        .is_some_and(|element| leads(&element))
}

//! Which medicines a resource is by reference: what it may name by the tables of FHIR R4.
//!
//! An element that may refer to a Medication or a Substance makes the resource what it leads to, and so does a choice
//! between values that is such a reference (`Task.input.value[x]`, the value of an extension). What points at anything
//! else, or is a list of pointers (`List.entry.item`), does not.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use fhir::json::{Kind, Node};
use fhir::reference::{Bases, Reference};
use fhir::tables::{self, Element, ElementType, TypeId, TypeKind};

use super::super::judge::REGISTERS;
use super::super::persons::is_nhs_number;
use crate::decision::obligation::Labels;

/// The types that are medicines.
pub const KINDS: [&str; 2] = ["Medication", "Substance"];
/// Members by which any resource may hold another one, or name a medicine in an extension.
pub(in crate::enforce) const ANYWHERE: [&str; 2] = ["contained", "valueReference"];

/// The types of resources that can name a medicine outside of extensions and of what they contain, or hold resources.
static NAMING: LazyLock<BTreeSet<TypeId>> = LazyLock::new(|| {
    let can_name = |owner: &TypeId| names_one(*owner, &mut BTreeSet::new());
    tables::resource_types().filter(can_name).collect()
});

/// The medicines that a resource is by reference.
#[derive(Debug, Clone, Default)]
pub(in crate::enforce) struct Named {
    /// `Medication/id`, `Substance/id`, or the address of an entry of a Bundle in small letters.
    pub(super) names: BTreeSet<String>,
    /// Addresses of entries that may be something else.
    pub(super) perhaps: BTreeSet<String>,
    /// Whether that is all: of one that has no address, or none that leads to one resource, nothing can be known.
    pub(super) known: Labels,
}

/// Reads which medicines `resource` names, at any depth.
pub(in crate::enforce) fn named(resource: Node<'_>, bases: &Bases) -> Named {
    let mut found = Named::default();
    let Some(owner) = type_of(resource) else { return found };
    if !may_name(owner, resource) {
        return found;
    }
    let mut open = vec![(resource, owner)];
    while let Some((node, owner)) = open.pop() {
        for (key, value) in node.members() {
            if !matches!(value.kind(), Kind::Object | Kind::Array) {
                continue;
            }
            let name = key.text();
            let element = tables::element(owner, &name);
            // Beside a primitive stand its extensions.
            let child = match element {
                Some(element) => element.child_type(),
                None => name.strip_prefix('_').and_then(|_| tables::type_named("Element")),
            };
            let (Some(child), items) = (child, objects(value)) else { continue };
            for item in items {
                if let (Some(element), "Reference") = (element, child.name()) {
                    found.reference(item, element, bases);
                }
                let inside = if child.name() == "Resource" { type_of(item) } else { Some(child) };
                open.extend(inside.map(|inside| (item, inside)));
            }
        }
    }
    found
}

/// Whether a resource of this type may name a medicine at all.
fn may_name(owner: TypeId, resource: Node<'_>) -> bool {
    may_name_by_type(owner) || resource.has_name_within(&ANYWHERE)
}

/// Whether one may that has no member called as in [`ANYWHERE`].
pub(in crate::enforce) fn may_name_by_type(owner: TypeId) -> bool {
    NAMING.contains(&owner)
}

pub(super) fn is_medicine(resource: Node<'_>) -> bool {
    type_of(resource).is_some_and(|found| is_kind(&found))
}

impl Named {
    /// Those of both.
    pub(in crate::enforce) fn join(&mut self, other: Self) {
        self.names.extend(other.names);
        self.perhaps.extend(other.perhaps);
        self.known = self.known.max(other.known);
    }

    fn reference(&mut self, node: Node<'_>, element: Element, bases: &Bases) {
        let targets = element.targets();
        let is_meant = targets.iter().any(is_kind);
        if !is_meant && !is_open(&element) {
            return;
        }
        let text = node.str_at(&["reference"]);
        let told = match &text {
            Some(text) => told_by(text),
            None => node.str_at(&["type"]).and_then(|name| tables::resource_type(&name)),
        };
        let is_one = told.is_some_and(|told| is_kind(&told));
        let is_another = match told {
            Some(_) => !is_one,
            None => text.is_none() && is_somebody(node),
        };
        let is_nothing_else = is_meant && targets.iter().all(is_kind);
        if is_another && !is_nothing_else {
            return;
        }
        match text.as_ref().map(|text| Reference::parse(text, bases)) {
            // It stands in the same text.
            Some(Ok(Reference::Contained(_) | Reference::Container)) => {}
            Some(Ok(Reference::Local(local))) if is_one => {
                self.names.insert(local.to_relative());
            }
            Some(Ok(Reference::Urn(_) | Reference::Elsewhere(_))) => {
                let address = text.unwrap_or_default().to_ascii_lowercase();
                let names = if is_meant || is_one { &mut self.names } else { &mut self.perhaps };
                names.insert(address);
            }
            Some(Ok(Reference::Local(_)) | Err(_)) | None => {
                if is_meant || is_one {
                    self.known = Labels::NotKnown;
                }
            }
        }
    }
}

/// The type that a reference names: of `Type/id`, with whatever is before and after it, or of `Type?...`.
fn told_by(text: &str) -> Option<TypeId> {
    if let Some((place, _)) = text.split_once('?') {
        return tables::resource_type(place.rsplit('/').next()?);
    }
    let place = text.split("/_history/").next()?;
    tables::resource_type(place.rsplit('/').nth(1)?)
}

/// Whether a reference without an address names a person or an organisation by number.
fn is_somebody(reference: Node<'_>) -> bool {
    let system = reference.member("identifier").and_then(|identifier| identifier.member("system"));
    reference.member("identifier").is_some_and(is_nhs_number)
        || system.is_some_and(|system| REGISTERS.iter().any(|register| system.is_string(register)))
}

fn type_of(resource: Node<'_>) -> Option<TypeId> {
    tables::resource_type(&resource.str_at(&["resourceType"])?)
}

/// Whether it is a choice between values of which one may refer to anything.
fn is_open(element: &Element) -> bool {
    element.is_choice() && element.targets().is_empty()
}

fn is_kind(found: &TypeId) -> bool {
    KINDS.contains(&found.name())
}

fn objects(value: Node<'_>) -> Vec<Node<'_>> {
    let mut found = vec![value];
    while found.iter().any(|node| node.kind() == Kind::Array) {
        found = found
            .into_iter()
            .flat_map(|node| match node.kind() {
                Kind::Array => node.items().collect(),
                Kind::Object => vec![node],
                Kind::String | Kind::Number | Kind::Boolean | Kind::Null => Vec::new(),
            })
            .collect();
    }
    found
}

/// Whether an element below `owner` may name a medicine, or hold a resource that is not contained in this one.
fn names_one(owner: TypeId, seen: &mut BTreeSet<TypeId>) -> bool {
    seen.insert(owner)
        && owner.elements().any(|element| {
            let may = |found: &ElementType| {
                found.id().name() == "Reference" && (is_open(&element) || found.targets().iter().any(is_kind))
            };
            let holds =
                |found: &ElementType| found.id().name() == "Resource" && element.name() != "contained";
            let is_read = |found: &TypeId| {
                matches!(found.kind(), TypeKind::Complex | TypeKind::Backbone)
                    && !matches!(found.name(), "Extension" | "Reference")
            };
            element.types().iter().any(|found| may(found) || holds(found))
                || element
                    .types()
                    .iter()
                    .map(ElementType::id)
                    .filter(is_read)
                    .any(|child| names_one(child, seen))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_that_name_medicines_are_those_of_the_tables() {
        let names: Vec<&str> = NAMING.iter().map(|found| found.name()).collect();
        for name in
            ["MedicationRequest", "Medication", "Substance", "AdverseEvent", "Procedure", "Task", "Bundle"]
        {
            assert!(names.contains(&name), "{name}");
        }
        for name in ["Condition", "Encounter", "Patient", "Appointment", "Practitioner"] {
            assert!(!names.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_reference_names_its_type_wherever_it_leads() {
        for (text, expected) in [
            ("Medication/1", Some("Medication")),
            ("Medication/1/_history/2", Some("Medication")),
            ("https://other.example/fhir/Substance/1", Some("Substance")),
            ("Medication?code=1", Some("Medication")),
            ("https://other.example/fhir/Device?code=a/b", Some("Device")),
            ("urn:uuid:6f1e2a0c-1111-4222-8333-444455556661", None),
            ("#med", None),
        ] {
            assert_eq!(told_by(text).map(TypeId::name), expected, "{text}");
        }
    }
}

//! What may be changed: elements of which every view shows all, and never what decides who sees what.
//!
//! A change is refused by what stands here, by the view and by what was sent, never by what is hidden: so an element of
//! which more is hidden of one resource than of another cannot be written at all.

use std::collections::BTreeSet;

use fhir::path::{ElementPath, Step};
use fhir::tables::{self, Element, TypeId};
use jiff::civil::Date;

use super::super::file::WriteTable;
use super::super::{Criterion, Existence, Share, SharedType, SharingAgreement, begins_with};
use crate::enforce::is_decided_by;
use crate::enforce::masks::Whereabouts;
use crate::enforce::minimise::TypeMask;
use crate::settings::Households;
use crate::settings::problem::{Notebook, Place, did_you_mean};
use crate::settings::written;

/// Types that say who may see or do what, or what was done, or hold other resources whole.
const NEVER_WRITTEN: [&str; 9] = [
    "AuditEvent",
    "Binary",
    "Bundle",
    "Consent",
    "Group",
    "List",
    "Parameters",
    "Provenance",
    "Subscription",
];
/// Types that stand for a person.
const NEVER_DELETED: [&str; 3] = ["Patient", "Person", "RelatedPerson"];
/// Elements of every type that are not written from a view of it.
const NEVER_AT_THE_TOP: [&str; 7] =
    ["contained", "extension", "id", "implicitRules", "meta", "modifierExtension", "text"];
/// Elements that say whose a resource is, or stand for a person; by type, or of every type.
const OF_PERSONS: [(&str, &str); 7] = [
    ("Patient", "identifier"),
    ("Patient", "link"),
    ("Person", "identifier"),
    ("Person", "link"),
    ("RelatedPerson", "identifier"),
    ("Composition", "confidentiality"),
    ("DocumentReference", "securityLabel"),
];

/// Elements that say what a resource is: with another, what is hidden would be said of something else. So does what is
/// required and a concept, whatever its name.
const SAYS_WHAT: [&str; 22] = [
    "code",
    "code[x]",
    "condition",
    "deviceName",
    "enteralFormula",
    "event",
    "item",
    "item[x]",
    "kind",
    "lensSpecification",
    "measure",
    "medication[x]",
    "morphology",
    "oralDiet",
    "product",
    "product[x]",
    "questionnaire",
    "relationship",
    "substance",
    "suppliedItem",
    "type",
    "vaccineCode",
];

/// An element that may be written, and where that stands.
#[derive(Debug)]
pub(super) struct Written {
    place: Place,
    owner: TypeId,
    name: &'static str,
}

/// Notes in `share` the elements that a block lets be changed, and in `places` where they stand.
pub(super) fn writable(
    notes: &Notebook,
    table: Option<&WriteTable>,
    share: &mut Share,
    households: Households,
    places: &mut Vec<Written>,
) {
    for (resource_type, elements) in table.into_iter().flat_map(|table| &table.types) {
        let Some(owner) = owner(notes, resource_type, share) else { continue };
        if elements.is_empty() {
            notes.error(&resource_type.place, "names no element: remove the line");
        }
        for named in elements {
            let Some(found) = element(notes, owner, named, share, households) else { continue };
            if !share.writable.entry(owner).or_default().insert(found.name()) {
                notes.error(&named.place, format!("`{}` stands here twice", named.value));
            }
            places.push(Written { place: named.place.clone(), owner, name: found.name() });
        }
    }
    for (owner, names) in &share.writable {
        let paths: Vec<ElementPath> =
            names.iter().filter_map(|name| ElementPath::parse(*owner, name).ok()).collect();
        if let Ok(form) = TypeMask::compile(*owner, &paths, []) {
            share.forms.insert(*owner, form);
        }
    }
}

/// Refuses what is written by `agreement` and decides what others are shown of the same records: conditions that read it,
/// modifiers that are kept back, and extensions in it that somebody is shown.
pub(super) fn refuse_deciding<'a>(
    notes: &Notebook,
    places: &[Written],
    agreement: &SharingAgreement,
    all: impl Iterator<Item = &'a SharingAgreement>,
    today: Date,
) {
    // By one that is over nothing is shown any more; a file that revives it is read with all others.
    let is_about_the_same = |other: &&SharingAgreement| {
        other.discloser.iter().any(|code| agreement.discloser.contains(code))
            && (other.may_be_in_force(today) || std::ptr::eq(*other, agreement))
    };
    for other in all.filter(is_about_the_same) {
        for Written { place, owner, name } in places {
            let tables = || other.shares.values().filter_map(|types| types.get(owner));
            let reads = |table: &SharedType| table.criteria.iter().any(|criterion| reads(criterion, name));
            let keeps = |table: &SharedType| table.withhold.iter().any(|path| begins_with(path, name));
            let shows =
                |table: &SharedType| table.items.iter().any(|item| shows_fine_print(&item.path, name));
            let fault = if tables().any(reads) {
                "reads it in a condition (`where`)"
            } else if tables().any(keeps) {
                "withholds records by it"
            } else if tables().any(shows) {
                "shares extensions or ids in it"
            } else {
                continue;
            };
            let text = format!(
                "`{name}` is never written while `{}` {fault}: by writing it somebody would decide what others are \
                 shown. Remove it here or there",
                other.id
            );
            notes.error(place, text);
        }
    }
}

fn reads(criterion: &Criterion, name: &str) -> bool {
    match criterion {
        Criterion::Code { element, .. }
        | Criterion::Text { element, .. }
        | Criterion::MediaType { element, .. }
        | Criterion::Present(element)
        | Criterion::Absent(element) => begins_with(element.path(), name),
        Criterion::Any(sets) => sets.iter().flatten().any(|criterion| reads(criterion, name)),
        Criterion::Contained => false,
    }
}

/// Whether the path leads to what is hidden of an element that is shared whole.
fn shows_fine_print(path: &ElementPath, name: &str) -> bool {
    let is_fine_print = |step: &Step| match step {
        Step::Extension(_) => true,
        Step::Element(inner) => matches!(*inner, "id" | "extension"),
        Step::Choice { .. } | Step::Item { .. } | Step::Identifier(_) => false,
    };
    begins_with(path, name) && path.steps().iter().skip(1).any(is_fine_print)
}

/// The types of which a block lets what is seen whole be deleted.
pub(super) fn deletable(
    notes: &Notebook,
    written: Option<&WriteTable>,
    share: &Share,
    existence: Existence,
) -> BTreeSet<TypeId> {
    let mut deletable = BTreeSet::new();
    for named in written.into_iter().flat_map(|table| &table.delete) {
        if existence == Existence::Withheld {
            let text = "deleting needs `existence = \"open\"`: to refuse it tells that something of a resource is hidden";
            notes.error(&named.place, text);
            continue;
        }
        let Some(owner) = owner(notes, named, share) else { continue };
        if NEVER_DELETED.contains(&owner.name()) {
            notes.error(
                &named.place,
                format!("{owner} stands for a person: it is never deleted through a share"),
            );
        } else if !deletable.insert(owner) {
            notes.error(&named.place, format!("{owner} stands here twice"));
        }
    }
    deletable
}

fn owner(notes: &Notebook, named: &written::Written<String>, share: &Share) -> Option<TypeId> {
    let shared = || share.types.keys().map(|owner| owner.name());
    let Some(owner) = tables::resource_type(&named.value).filter(|owner| share.types.contains_key(owner))
    else {
        let near = did_you_mean(&named.value, shared());
        let text = format!(
            "`{}` is not a type that this block shares{near}: what is written is read first",
            named.value
        );
        notes.error(&named.place, text);
        return None;
    };
    if NEVER_WRITTEN.contains(&owner.name()) {
        notes.error(&named.place, format!("{owner} is never written through a share: remove the line"));
        return None;
    }
    Some(owner)
}

fn element(
    notes: &Notebook,
    owner: TypeId,
    named: &written::Written<String>,
    share: &Share,
    households: Households,
) -> Option<Element> {
    let text = named.value.as_str();
    let Some(element) = tables::element_named(owner, text) else {
        let near = did_you_mean(text, owner.elements().map(|element| element.name()));
        notes.error(&named.place, format!("{owner} has no element `{text}` at its top{near}"));
        return None;
    };
    match fault(owner, &element, share, households) {
        Some(fault) => {
            notes.error(&named.place, format!("`{text}` {fault}"));
            None
        }
        None => Some(element),
    }
}

/// Why an element is not written, and what to do instead.
fn fault(owner: TypeId, element: &Element, share: &Share, households: Households) -> Option<&'static str> {
    let name = element.name();
    let always = (0_usize..).zip(share.tables(owner)).filter(|(_, table)| table.is_unconditional());
    let always = always.fold(0, |bits, (at, _)| bits | 1 << at);
    let shown = |whereabouts| share.masks.show_whole(owner, name, always, whereabouts);
    if NEVER_AT_THE_TOP.contains(&name) {
        Some("is never written from a view: remove it")
    } else if says_whose(owner, name) {
        Some("says whose the record is, or who belongs to it: it is never written through a share")
    } else if !share.speaks_of(owner, name) {
        Some("is not shared by this block: what is written is read first")
    } else if is_decided_by(owner, name) {
        Some(
            "says when it was or whose word it is, by which people's choices decide: it is never written through a share",
        )
    } else if says_what(owner, element) {
        Some(
            "says what the resource is: with another, what is hidden would be said of something else. Let a new one be \
             created instead",
        )
    } else if !is_shared_whole(share.tables(owner), name) {
        Some(
            "is not shared whole of every resource: name it, without anything behind it, in a table that has no `where`, \
             or in each table of the type",
        )
    } else if element.is_array() && element.only_type().is_some_and(|found| found.kind().is_primitive()) {
        Some("is a list of plain values, which is never written through a share")
    } else if !shown(Whereabouts::Told) {
        Some(
            "holds what is shown by what it holds (references, identifiers, notes, attachments): it is never written \
             through a share. Those who hold the record write it",
        )
    } else if households == Households::Shielded && !shown(Whereabouts::Shielded) {
        Some(
            "may tell where somebody is: where `shields_households` is set it is never written through a share, for by \
             writing guesses it could be found out where protected people live",
        )
    } else {
        None
    }
}

/// Whether every mask that shows the type shows it.
fn is_shared_whole(tables: &[SharedType], name: &str) -> bool {
    let names_it = |table: &SharedType| {
        let is_it = |path: &ElementPath| matches!(path.steps(), [Step::Element(only)] if *only == name);
        table.items.iter().any(|item| is_it(&item.path))
    };
    tables.iter().any(|table| table.is_unconditional() && names_it(table)) || tables.iter().all(names_it)
}

fn says_what(owner: TypeId, element: &Element) -> bool {
    let is_concept = |found: &tables::ElementType| found.id().name() == "CodeableConcept";
    SAYS_WHAT.contains(&element.name())
        || element.min() > 0 && element.types().iter().any(is_concept)
        || (owner.name(), element.name()) == ("BodyStructure", "location")
}

/// Whether the element says whose a resource is or who may be found by it.
fn says_whose(owner: TypeId, name: &str) -> bool {
    let first = |path: &String| path.split('.').next().is_some_and(|first| first == name);
    let of_compartment = tables::patient_compartment(owner)
        .iter()
        .filter_map(|code| tables::search_parameter(owner, code))
        .flat_map(|parameter| parameter.paths().unwrap_or_default())
        .any(|path| path.path().split('.').next() == Some(name));
    OF_PERSONS.contains(&(owner.name(), name))
        || of_compartment
        || tables::person_elements(owner).iter().any(first)
}

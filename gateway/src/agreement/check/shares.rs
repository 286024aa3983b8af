//! What is shared: each element checked against the R4 tables, each with its reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::path::{ElementPath, Step};
use fhir::security_label::SecurityLabel;
use fhir::tables::{self, Element, TypeId};

use super::super::file::{ShareTable, SharedTypeTable, WhereTable};
use super::super::{Criterion, Item, NEVER_SHARED, SharedType};
use super::{Shares, attachments, criteria};
use crate::decision::shield::COUNTS_MEMBERS;
use crate::settings::check::each_once;
use crate::settings::problem::{Notebook, Place, did_you_mean};
use crate::settings::written::Written;

/// Every share of the file.
pub(super) fn shares(notes: &Notebook, read: &[ShareTable]) -> Shares {
    let mut shares = BTreeMap::new();
    for share in read {
        let name = Arc::from(share.name.value.as_str());
        let mut types = BTreeMap::new();
        if share.types.is_empty() {
            let text = format!("shares nothing: add a table such as [share.{}.Patient]", share.name.value);
            notes.error(&share.name.place, text);
        }
        for table in &share.types {
            let Some(resource_type) = resource_type(notes, &table.resource_type) else { continue };
            types.insert(resource_type, shared_type(notes, &name, resource_type, table));
        }
        shares.insert(share.name.value.clone(), types);
    }
    shares
}

fn resource_type(notes: &Notebook, written: &Written<String>) -> Option<TypeId> {
    let found = written.parsed(notes, |name| {
        tables::resource_type(name).ok_or_else(|| {
            let near = did_you_mean(name, tables::resource_types().map(TypeId::name));
            format!("`{name}` is not a resource type of FHIR R4{near}")
        })
    })?;
    if !names_a_person(found) {
        let text = format!(
            "a resource of type {found} names no person, so it is shared inside others only, never alone"
        );
        notes.warn(&written.place, text);
    }
    Some(found)
}

/// Whether a resource of this type can be shared by itself: about a person, or part of how care is organised.
fn names_a_person(resource_type: TypeId) -> bool {
    const CARE: [&str; 8] = [
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "HealthcareService",
        "Medication",
        "Location",
        "Device",
    ];
    // For what a definition is meant says nothing of whom it would be about.
    let is_context = |element: &String| element.split('.').any(|step| step.starts_with("useContext"));
    CARE.contains(&resource_type.name())
        || tables::person_elements(resource_type).iter().any(|element| !is_context(element))
}

fn shared_type(notes: &Notebook, name: &Arc<str>, owner: TypeId, table: &SharedTypeTable) -> SharedType {
    if table.elements.is_empty() {
        notes.error(&table.place, "names no element: write element = \"why the recipient needs it\"");
    }
    let (mut items, mut places): (Vec<Item>, Vec<(Place, ElementPath)>) = (Vec::new(), Vec::new());
    for (element, reason) in &table.elements {
        let path = path(notes, owner, element);
        let reason = reason.as_ref().and_then(|reason| justification(notes, element, reason));
        let (Some(path), Some(reason)) = (path, reason) else { continue };
        places.push((element.place.clone(), path.clone()));
        items.push(Item { path, reason });
    }
    warn_of_bare_identifier(notes, owner, table);
    let withhold = withheld(notes, owner, table, &items);
    let (mut criteria, not_labelled) = match &table.criteria {
        Some(said) => (criteria::of_table(notes, owner, said), labels(notes, said)),
        None => (Vec::new(), Vec::new()),
    };
    attachments::have_media_types(notes, &places, &criteria);
    // What would never be found by itself is not promised either.
    if table.only_contained.as_ref().is_some_and(|said| said.value) || !names_a_person(owner) {
        criteria.push(Criterion::Contained);
    }
    if owner.name() == "Binary" && !criteria::names_media_types(&criteria) {
        let text = "say which types of content are shared: where = { contentType = [\"application/pdf\"] }";
        notes.error(&table.place, text);
    }
    let earlier_versions =
        table.earlier_versions.as_ref().and_then(|reason| justification(notes, reason, reason));
    SharedType { share: Arc::clone(name), items, criteria, not_labelled, withhold, earlier_versions }
}

/// `identifier` by itself shares NHS numbers, which only people have.
fn warn_of_bare_identifier(notes: &Notebook, owner: TypeId, table: &SharedTypeTable) {
    const PEOPLE: [&str; 3] = ["Patient", "RelatedPerson", "Person"];
    let bare = table.elements.iter().find(|(element, _)| element.value == "identifier");
    if let Some((element, _)) = bare
        && !PEOPLE.contains(&owner.name())
    {
        let text = "shares NHS numbers only, which a resource of this type does not have: name another system as \
                    \"identifier:SYSTEM\"";
        notes.warn(&element.place, text);
    }
}

fn path(notes: &Notebook, owner: TypeId, written: &Written<String>) -> Option<ElementPath> {
    let path = written.parsed(notes, |text| ElementPath::parse(owner, text))?;
    let never = path.steps().iter().find_map(|step| match step {
        Step::Element(name) if NEVER_SHARED.contains(name) => Some(*name),
        Step::Element(_)
        | Step::Choice { .. }
        | Step::Item { .. }
        | Step::Extension(_)
        | Step::Identifier(_) => None,
    });
    if let Some(name) = never {
        notes.error(&written.place, format!("`{name}` can never be shared: remove the line"));
        return None;
    }
    if (owner.name(), written.value.as_str()) == COUNTS_MEMBERS {
        let text = "it counts members of whom some may be hidden, so it is never shared: remove the line";
        notes.error(&written.place, text);
        return None;
    }
    if written.value == "id" {
        notes.error(&written.place, "`id` is always shared: remove the line");
        return None;
    }
    Some(path)
}

fn justification(notes: &Notebook, element: &Written<String>, reason: &Written<String>) -> Option<String> {
    let text = reason.value.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        let wanted =
            "say in plain words why the recipient needs it: each item is justified (Caldicott principle 3)";
        notes.error(&element.place, wanted);
        return None;
    }
    Some(text.to_owned())
}

fn withheld(notes: &Notebook, owner: TypeId, table: &SharedTypeTable, items: &[Item]) -> Vec<ElementPath> {
    let mut paths = Vec::new();
    for written in &table.withhold {
        let Some(path) = written.parsed(notes, |text| ElementPath::parse(owner, text)) else { continue };
        if !element(&path).is_some_and(|element| element.is_modifier()) {
            let text = "only elements that change the meaning of others are listed here: others stay back unless named";
            notes.error(&written.place, text);
            continue;
        }
        if items.iter().any(|item| item.path == path) {
            notes.error(&written.place, "this is shared by name as well: remove one of the two");
            continue;
        }
        paths.push(path);
    }
    paths
}

/// The element at the end of a path; none for an extension or an identifier system.
fn element(path: &ElementPath) -> Option<Element> {
    let mut types = vec![path.owner()];
    let mut found = None;
    for step in path.steps() {
        let Step::Element(name) = step else { return None };
        let element = types.iter().find_map(|owner| tables::element_named(*owner, name))?;
        types = element.types().iter().map(tables::ElementType::id).collect();
        found = Some(element);
    }
    found
}

fn labels(notes: &Notebook, table: &WhereTable) -> Vec<SecurityLabel> {
    each_once(notes, &table.not_labelled, SecurityLabel::parse)
}

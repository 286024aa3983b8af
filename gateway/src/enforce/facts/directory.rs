//! Who the organisations and members of staff are that records refer to by id.

use std::collections::BTreeMap;

use fhir::identifier::{ODS_ORGANIZATION_CODE, ODS_SITE_CODE, SDS_USER_ID};
use fhir::json::Node;
use fhir::ods_code::OdsCode;
use fhir::reference::{Bases, Local, Reference, TypeName};

use super::{NotEvidence, id_of, resources};
use crate::decision::facts::TieParty;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;

/// Somebody as a record names them: by a code that is the same everywhere, or by an id of the system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// By ODS code or SDS user id.
    Known(TieParty),
    /// By the id of an Organization, Practitioner or PractitionerRole of the system.
    ById(Local),
}

/// Who each resource of an answer to `<type>?_id=` is. A PractitionerRole is its practitioner and its organisation.
///
/// # Errors
/// [`NotEvidence`].
pub fn entries(
    held: &Unfiltered<Held>,
    resource_type: &str,
    bases: &Bases,
) -> Result<BTreeMap<Local, Vec<Named>>, NotEvidence> {
    let type_name = TypeName::parse(resource_type).ok_or(NotEvidence::Shape)?;
    let mut found = BTreeMap::new();
    for resource in resources(held, resource_type)? {
        let id = id_of(resource).ok_or(NotEvidence::Shape)?;
        found.insert(Local::new(type_name.clone(), id), named_by_resource(resource, bases));
    }
    Ok(found)
}

/// Who a reference names: by its identifier, by a contained resource, or by id.
pub(super) fn named_by_reference(reference: Node<'_>, holder: Node<'_>, bases: &Bases) -> Vec<Named> {
    let mut found: Vec<Named> =
        reference.member("identifier").and_then(party_of).map(Named::Known).into_iter().collect();
    let Some(text) = reference.member("reference").and_then(Node::string) else { return found };
    match Reference::parse(&text, bases) {
        Ok(Reference::Local(local)) => found.push(Named::ById(Local::new(local.resource_type, local.id))),
        Ok(Reference::Contained(id)) => {
            let contained = holder
                .walk(&["contained"])
                .find(|inside| inside.member("id").is_some_and(|found| found.is_string(id.as_str())));
            found.extend(contained.map(|inside| named_by_resource(inside, bases)).unwrap_or_default());
        }
        Ok(Reference::Elsewhere(_) | Reference::Urn(_) | Reference::Container) | Err(_) => {}
    }
    found
}

fn named_by_resource(resource: Node<'_>, bases: &Bases) -> Vec<Named> {
    let mut found: Vec<Named> =
        resource.walk(&["identifier"]).filter_map(party_of).map(Named::Known).collect();
    if resource.member("resourceType").is_some_and(|name| name.is_string("PractitionerRole")) {
        for reference in
            [resource.member("practitioner"), resource.member("organization")].into_iter().flatten()
        {
            // One hop: what a role refers to is not followed into contained resources of its own.
            let named = named_by_reference(reference, resource, bases);
            found.extend(named.into_iter().filter(|named| !is_role(named)));
        }
    }
    found
}

fn is_role(named: &Named) -> bool {
    match named {
        Named::ById(local) => local.resource_type.as_str() == "PractitionerRole",
        Named::Known(_) => false,
    }
}

fn party_of(identifier: Node<'_>) -> Option<TieParty> {
    let system = identifier.member("system")?.string()?;
    let value = identifier.member("value")?.string()?;
    match system.as_ref() {
        ODS_ORGANIZATION_CODE | ODS_SITE_CODE => OdsCode::parse(&value).ok().map(TieParty::Organisation),
        SDS_USER_ID => Some(TieParty::Staff(value.into_owned())),
        _ => None,
    }
}

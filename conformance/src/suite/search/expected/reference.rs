//! References, by id, by type and id, by address or by identifier.

use fhir::tables::{self, TypeId};

use super::{Place, Told, token};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A resource of this id, of one of these types; of any if none is told.
    Id(String, Vec<String>),
    /// The resource of this type and id.
    Local(String, String),
    /// The resource at this address.
    Address(String),
}

impl Wanted {
    /// Reads `id`, `Type/id` or an address; a modifier names the type.
    pub(super) fn read(value: &str, modifier: Option<&str>, base: &str, targets: &[TypeId]) -> Option<Self> {
        let modifier = match modifier {
            Some(name) => Some(tables::resource_type(name)?.name().to_owned()),
            None => None,
        };
        let own = own(value, base);
        match (own.split_once('/'), modifier) {
            (None, Some(of)) => Some(Self::Local(of, own.to_owned())),
            (None, None) => {
                Some(Self::Id(own.to_owned(), targets.iter().map(|of| of.name().to_owned()).collect()))
            }
            (Some((of, id)), None) if tables::resource_type(of).is_some() && !id.contains('/') => {
                Some(Self::Local(of.to_owned(), id.to_owned()))
            }
            (Some(_), None) => Some(Self::Address(own.to_owned())),
            (Some(_), Some(_)) => None,
        }
    }
}

/// Without the base of the server, if it is there.
fn own<'a>(reference: &'a str, base: &str) -> &'a str {
    reference.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(reference)
}

/// Whether a reference is what is wanted.
pub(super) fn meets(place: &Place<'_>, wanted: &Wanted, base: &str) -> Option<Told> {
    let Some(text) = place.node.child_text("reference") else { return Some(Told::No) };
    let text = own(text, base);
    let (of, id) = text.split_once('/').unwrap_or(("", text));
    if place.leads_to.is_some_and(|wanted| wanted != of) {
        return Some(Told::No);
    }
    Some(Told::from(match wanted {
        Wanted::Id(wanted, types) => wanted == id && (types.is_empty() || types.iter().any(|one| one == of)),
        Wanted::Local(wanted, number) => wanted == of && number == id,
        Wanted::Address(address) => address == text,
    }))
}

/// Whether a reference tells the identifier that is wanted.
pub(super) fn identified(place: &Place<'_>, wanted: &token::Wanted) -> Option<Told> {
    let identifier = place.node.child("identifier");
    Some(identifier.map_or(Told::No, |node| token::identifier(node, wanted)))
}

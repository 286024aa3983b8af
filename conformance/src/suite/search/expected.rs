//! Which resources a search must find: told from the resources themselves, not from any server.
//!
//! Where a parameter looks comes from the tables of R4, as FHIRPath expressions over the resource; what its values
//! mean is read here. The specification leaves some of it to the server (the zone of times without one, how a name of
//! several words is cut, whether accents count): such a resource is [`Told::Open`], and a server may find it or not.

mod date;
mod number;
mod places;
mod reference;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod uri;

use fhir::tables::{self, SearchKind, SearchParameter};

use super::query::{split, unescaped};
use crate::tree::{Node, Tree};

pub(super) use places::{Place, at, at_all};

/// Whether a search finds a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It must.
    Yes,
    /// It must not.
    No,
    /// The specification leaves it to the server.
    Open,
}

impl Told {
    fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut told = Self::No;
        for one in all {
            match one {
                Self::Yes => return Self::Yes,
                Self::Open => told = Self::Open,
                Self::No => {}
            }
        }
        told
    }

    fn all(all: impl IntoIterator<Item = Self>) -> Self {
        Self::any(all.into_iter().map(Self::reversed)).reversed()
    }

    const fn reversed(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open => Self::Open,
        }
    }
}

impl From<bool> for Told {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Whether a search by `pairs` finds the resource that `tree` holds, on a server with this base.
///
/// A name or value that cannot be read here makes it [`Told::Open`].
pub(super) fn found(tree: &Tree, pairs: &[(String, String)], base: &str) -> Told {
    Told::all(
        pairs.iter().map(|(name, value)| criterion(tree.root(), name, value, base).unwrap_or(Told::Open)),
    )
}

fn criterion(resource: Node<'_>, name: &str, value: &str, base: &str) -> Option<Told> {
    let (code, modifier) =
        name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
    let owner = tables::resource_type(resource.resource_type()?)?;
    let parameter = tables::search_parameter(owner, code)?;
    if modifier == Some("missing") {
        let missing = at_all(resource, parameter.paths()?)?.is_empty();
        return match value {
            "true" => Some(Told::from(missing)),
            "false" => Some(Told::from(!missing)),
            _ => None,
        };
    }
    let wanted = split(value, ',');
    if parameter.kind() == SearchKind::Composite {
        let each = wanted.iter().map(|one| composite(resource, parameter, one, base));
        return modifier.is_none().then(|| Told::any(each.map(|one| one.unwrap_or(Told::Open))));
    }
    let places = at_all(resource, parameter.paths()?)?;
    let seen = Seen { places: &places, targets: parameter.targets(), base };
    if modifier == Some("not") {
        // Of several values it is not told whether one or all of them must be absent.
        return match wanted.as_slice() {
            [one] => Some(simple(SearchKind::Token, None, one, &seen)?.reversed()),
            _ => None,
        };
    }
    let each = wanted.iter().map(|one| simple(parameter.kind(), modifier, one, &seen).unwrap_or(Told::Open));
    Some(Told::any(each))
}

/// What one parameter looks at.
struct Seen<'a, 't> {
    places: &'a [Place<'t>],
    targets: &'a [tables::TypeId],
    base: &'a str,
}

fn simple(kind: SearchKind, modifier: Option<&str>, value: &str, seen: &Seen<'_, '_>) -> Option<Told> {
    let each = |judge: &dyn Fn(&Place<'_>) -> Option<Told>| {
        Some(Told::any(seen.places.iter().map(|place| judge(place).unwrap_or(Told::Open))))
    };
    match (kind, modifier) {
        (SearchKind::Token, None) => {
            let wanted = token::Wanted::read(value);
            each(&|place| token::meets(place, &wanted))
        }
        (SearchKind::String, modifier) => {
            let (how, wanted) = (text::How::of(modifier)?, unescaped(value));
            each(&|place| text::meets(place, how, &wanted))
        }
        (SearchKind::Date, None) => {
            let wanted = date::Wanted::read(value)?;
            Some(date::meets(seen.places, &wanted))
        }
        (SearchKind::Number, None) => {
            let wanted = number::Wanted::read(value)?;
            absent(&wanted, seen).or_else(|| each(&|place| number::meets(place, &wanted)))
        }
        (SearchKind::Quantity, None) => {
            let wanted = number::Wanted::read(value)?;
            absent(&wanted, seen).or_else(|| each(&|place| number::meets_quantity(place, &wanted)))
        }
        (SearchKind::Reference, Some("identifier")) => {
            let wanted = token::Wanted::read(value);
            each(&|place| reference::identified(place, &wanted))
        }
        (SearchKind::Reference, modifier) => {
            let wanted = reference::Wanted::read(&unescaped(value), modifier, seen.base, seen.targets)?;
            each(&|place| reference::meets(place, &wanted, seen.base))
        }
        (SearchKind::Uri, modifier) => {
            let (how, wanted) = (uri::How::of(modifier)?, unescaped(value));
            each(&|place| Some(uri::meets(place, how, &wanted)))
        }
        (SearchKind::Token | SearchKind::Date | SearchKind::Number | SearchKind::Quantity, Some(_))
        | (SearchKind::Composite | SearchKind::Special, _) => None,
    }
}

/// Whether something that is not there differs from a value is not told.
fn absent(wanted: &number::Wanted, seen: &Seen<'_, '_>) -> Option<Told> {
    (seen.places.is_empty() && wanted.is_other()).then_some(Told::Open)
}

fn composite(
    resource: Node<'_>,
    parameter: &'static SearchParameter,
    value: &str,
    base: &str,
) -> Option<Told> {
    let wanted = split(value, '$');
    if wanted.len() != parameter.components().len() {
        return None;
    }
    let mut together = Vec::new();
    for item in parameter.items() {
        for place in at(resource, item)? {
            let mut parts = Vec::with_capacity(wanted.len());
            for (component, wanted) in parameter.components().iter().zip(&wanted) {
                let mut places = at_all(place.node, component.of_item())?;
                places.extend(at_all(resource, component.of_resource())?);
                let seen = Seen { places: &places, targets: component.targets(), base };
                parts.push(simple(component.kind(), None, wanted, &seen).unwrap_or(Told::Open));
            }
            together.push(Told::all(parts));
        }
    }
    Some(Told::any(together))
}

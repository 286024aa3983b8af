//! What a mask lets be seen of an element, for the guard of searches.

use fhir::identifier::NHS_NUMBER;
use fhir::path::{ElementPath, Step};
use fhir::tables::{self, Element, TypeId};

use super::access::{Access, Identifiers, Mode, access, identifiers};
use super::mask::{Named, Systems, TypeMask};

/// How much of an element a mask lets be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visible {
    /// Nothing.
    None,
    /// Some of it, or only of some resources: what a reference shows depends on what it refers to.
    Part,
    /// All of it, in every resource that is shared.
    Whole,
}

impl TypeMask {
    /// What the mask lets be seen of `path`; of a path of another type, nothing.
    #[must_use]
    pub fn visibility(&self, path: &ElementPath) -> Visible {
        if path.owner() != self.owner {
            return Visible::None;
        }
        match path.steps() {
            [Step::Element("id")] => Visible::Whole,
            // It is written anew.
            [Step::Element("meta"), Step::Element("versionId")] => Visible::None,
            steps => look(self.owner, &self.named, Mode::Part, steps),
        }
    }
}

/// What is seen of `steps` below an object of `owner` that is shared as `mode`.
fn look(owner: TypeId, named: &Named, mode: Mode, steps: &[Step]) -> Visible {
    let nothing = Named::default();
    let Some((step, rest)) = steps.split_first() else { return Visible::Whole };
    let name = match step {
        Step::Element(name) => name,
        Step::Choice { key, .. } => return one_type((owner, key), named, mode, rest),
        Step::Item { list, .. } => list,
        Step::Extension(url) => {
            let is_all =
                mode == Mode::Extension || named.children.get("extension").is_some_and(|said| said.whole);
            return if is_all || named.extensions.contains(url) { Visible::Whole } else { Visible::None };
        }
        Step::Identifier(_) => "identifier",
    };
    let Some(element) = tables::element_named(owner, name) else { return Visible::None };
    let said = named.children.get(element.name()).unwrap_or(&nothing);
    if let Step::Identifier(system) = step {
        return of_system(owner, &element, said, mode, system);
    }
    let next = |found: TypeId| match rest.first() {
        Some(Step::Element(name) | Step::Choice { name, .. } | Step::Item { list: name, .. }) => {
            tables::element_named(found, name).is_some()
        }
        Some(Step::Extension(_) | Step::Identifier(_)) | None => true,
    };
    if said.one_type.is_empty() {
        let found = element.types().iter().map(tables::ElementType::id).filter(|found| next(*found));
        return all(found.map(|found| alternative((owner, &element, found), said, mode, rest)));
    }
    let keys = owner.keys().filter(|(_, one)| one.id() == element.id());
    let keys = keys.filter(|(_, one)| one.only_type().is_some_and(next));
    all(keys.map(|(key, _)| one_type((owner, key), named, mode, rest)))
}

/// What is seen of a choice where JSON calls it `key`.
fn one_type((owner, key): (TypeId, &str), named: &Named, mode: Mode, rest: &[Step]) -> Visible {
    let Some(element) = tables::element(owner, key) else { return Visible::None };
    let Some(found) = element.only_type() else { return Visible::None };
    let nothing = Named::default();
    let said = named.children.get(element.name()).unwrap_or(&nothing).called(key);
    alternative((owner, &element, found), &said, mode, rest)
}

/// What is seen when the element has the one type `found`.
fn alternative(
    (owner, element, found): (TypeId, &Element, TypeId),
    said: &Named,
    mode: Mode,
    rest: &[Step],
) -> Visible {
    let is_reference = found.name() == "Reference";
    let inside = match access(owner, element, found, said, mode) {
        Access::Never | Access::Withheld => return Visible::None,
        Access::No => return Visible::None,
        Access::Part if said.tie && !said.says_more() && !is_reference => return Visible::None,
        Access::Part if rest.is_empty() || !said.keys.is_empty() => return Visible::Part,
        Access::Part => Mode::Part,
        Access::Whole(_) if found.name() == "Extension" => Mode::Extension,
        Access::Whole(_) => Mode::Whole,
    };
    let is_by_system = found.name() == "Identifier"
        && identifiers(element, said, mode) == Identifiers::BySystem
        && said.systems != Systems::Any;
    let most = if is_reference || is_by_system { Visible::Part } else { Visible::Whole };
    look(found, said, inside, rest).min(most)
}

/// What is seen of the identifiers of one system.
fn of_system(owner: TypeId, element: &Element, said: &Named, mode: Mode, system: &str) -> Visible {
    let is_named = match &said.systems {
        Systems::Any => true,
        Systems::These(systems) => systems.iter().any(|named| named == system),
    };
    let found = element.only_type().unwrap_or(owner);
    match access(owner, element, found, said, mode) {
        Access::Part | Access::Whole(_) if is_named => Visible::Whole,
        Access::Whole(_) if system == NHS_NUMBER => Visible::Whole,
        Access::Part if system == NHS_NUMBER && !said.children.is_empty() => Visible::Part,
        Access::Part | Access::Whole(_) | Access::No | Access::Never | Access::Withheld => Visible::None,
    }
}

/// What is seen whichever of several it is.
fn all(seen: impl Iterator<Item = Visible>) -> Visible {
    let mut result = None;
    for seen in seen {
        result = match result {
            None => Some(seen),
            Some(before) if before == seen => Some(seen),
            Some(_) => Some(Visible::Part),
        };
    }
    result.unwrap_or(Visible::None)
}

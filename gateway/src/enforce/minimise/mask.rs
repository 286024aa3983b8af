//! Masks: which elements of one resource type are shared, compiled from the paths of an agreement.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fhir::path::{ElementPath, Step};
use fhir::search::names_person_by;
use fhir::tables::{self, Element, TypeId, patient_compartment, search_parameter};

use super::compile::{Compiler, Telling};
use super::plan::Plans;

/// What is shared of one resource type.
#[derive(Debug)]
pub struct TypeMask {
    pub(super) owner: TypeId,
    pub(super) named: Named,
    pub(super) plans: Plans,
}

/// Why paths make no mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMask {
    /// Nothing is named: the type is then not shared at all, and has no mask.
    #[error("{0}: names no element")]
    Empty(TypeId),
    /// A path of another type.
    #[error("{path}: is no path of {owner}")]
    OtherType {
        /// The path.
        path: String,
        /// The type of the mask.
        owner: TypeId,
    },
    /// A path to what is never shared.
    #[error("{0}: is never shared; its presence withholds the resource")]
    NeverShared(String),
    /// What is withheld must be a modifier: everything else is left out by not naming it.
    #[error("{0}: is not a modifier element; leave it out instead of withholding it")]
    NotAModifier(String),
    /// Named and withheld at once.
    #[error("{0}: is both shared and withheld")]
    Both(String),
}

/// The paths of a mask as a tree: what is said about one element.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// The element itself is named.
    pub(super) whole: bool,
    /// References of it that tie the resource to a permitted person are kept.
    pub(super) tie: bool,
    /// A modifier that is kept back.
    pub(super) withheld: bool,
    /// What is said about its children, by their names in the specification.
    pub(super) children: BTreeMap<&'static str, Named>,
    /// Named urls of its extensions.
    pub(super) extensions: Vec<String>,
    /// For `identifier`: systems that are named.
    pub(super) systems: Systems,
    /// For a choice: what is said about it where it has one type, by its JSON name.
    pub(super) one_type: BTreeMap<&'static str, Named>,
    /// For a list whose items have keys: those that are named.
    pub(super) keys: Vec<String>,
    /// The list again, inside one of its items: the same keys are looked for there.
    pub(super) again: Again,
}

/// Whether a list is told apart by the keys of the list around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Again {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
}

/// Which identifier systems are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Systems {
    /// These.
    These(Vec<String>),
    /// All of them: the identifier of a Bundle's frame.
    Any,
}

impl Default for Systems {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl TypeMask {
    /// Compiles the mask that shares `shared` of `owner` and keeps back the modifiers `withhold`.
    ///
    /// # Errors
    /// [`InvalidMask`] for a path that cannot be shared or withheld, or when nothing is named.
    pub fn compile<'p>(
        owner: TypeId,
        shared: impl IntoIterator<Item = &'p ElementPath>,
        withhold: impl IntoIterator<Item = &'p ElementPath>,
    ) -> Result<Self, InvalidMask> {
        Self::compiled(owner, shared, withhold, Telling::All)
    }

    /// The same for people whose whereabouts are protected: without words in which they could stand, and without former
    /// names.
    ///
    /// # Errors
    /// As [`TypeMask::compile`].
    pub fn compile_shielded<'p>(
        owner: TypeId,
        shared: impl IntoIterator<Item = &'p ElementPath>,
        withhold: impl IntoIterator<Item = &'p ElementPath>,
    ) -> Result<Self, InvalidMask> {
        Self::compiled(owner, shared, withhold, Telling::NotWhereabouts)
    }

    fn compiled<'p>(
        owner: TypeId,
        shared: impl IntoIterator<Item = &'p ElementPath>,
        withhold: impl IntoIterator<Item = &'p ElementPath>,
        telling: Telling,
    ) -> Result<Self, InvalidMask> {
        let mut named = Named::default();
        for path in shared {
            check_owner(path, owner)?;
            named.insert(path)?;
        }
        if named.children.is_empty() && named.extensions.is_empty() {
            return Err(InvalidMask::Empty(owner));
        }
        for path in withhold {
            check_owner(path, owner)?;
            named.withhold(path)?;
        }
        named.add_ties(owner);
        let plans = Compiler::new(owner, telling).compile(&named);
        Ok(Self { owner, named, plans })
    }

    /// The mask of the frame of a Bundle that is a document, a message or a collection.
    pub(super) fn bundle_frame(owner: TypeId) -> Self {
        let mut named = Named::default();
        for name in ["type", "timestamp"] {
            named.child(name).whole = true;
        }
        // What a document must have (bdl-9), and no more of it.
        let identifier = named.child("identifier");
        identifier.systems = Systems::Any;
        for name in ["system", "value"] {
            identifier.child(name).whole = true;
        }
        let entry = named.child("entry");
        entry.child("fullUrl").whole = true;
        entry.child("resource").whole = true;
        let plans = Compiler::new(owner, Telling::All).compile(&named);
        Self { owner, named, plans }
    }

    /// The type it is about.
    #[must_use]
    pub const fn owner(&self) -> TypeId {
        self.owner
    }

    /// The modifier elements of the type that are shared although nobody named them.
    #[must_use]
    pub fn modifiers(&self) -> Vec<String> {
        let unnamed = |element: &Element| {
            let said = self.named.children.get(element.name());
            is_modifier(element) && !said.is_some_and(|said| said.withheld || said.whole)
        };
        self.owner.elements().filter(unnamed).map(|element| element.path()).collect()
    }
}

/// Whether `element` is a modifier that is shared with its type. The two that no rule knows are not: their presence
/// withholds the resource.
pub(super) fn is_modifier(element: &Element) -> bool {
    element.is_modifier() && !NEVER_SHARED.contains(&element.name())
}

/// Members whose presence withholds the resource.
pub(super) const NEVER_SHARED: [&str; 2] = ["modifierExtension", "implicitRules"];

fn check_owner(path: &ElementPath, owner: TypeId) -> Result<(), InvalidMask> {
    if path.owner() == owner { Ok(()) } else { Err(InvalidMask::OtherType { path: path.to_string(), owner }) }
}

impl Named {
    pub(super) fn child(&mut self, name: &'static str) -> &mut Self {
        self.children.entry(name).or_default()
    }

    fn insert(&mut self, path: &ElementPath) -> Result<(), InvalidMask> {
        let mut at = self;
        let mut last = None;
        for step in path.steps() {
            last = Some(step);
            match step {
                Step::Element(name) if NEVER_SHARED.contains(name) => {
                    return Err(InvalidMask::NeverShared(path.to_string()));
                }
                Step::Element(name) => at = at.child(name),
                Step::Choice { name, key } => at = at.child(name).one_type.entry(key).or_default(),
                Step::Item { list, key } => at.child(list).keys.push(key.clone()),
                Step::Extension(url) => at.extensions.push(url.clone()),
                Step::Identifier(system) => {
                    if let Systems::These(systems) = &mut at.child("identifier").systems {
                        systems.push(system.clone());
                    }
                }
            }
        }
        if let Some(Step::Element(_) | Step::Choice { .. }) = last {
            at.whole = true;
        }
        Ok(())
    }

    /// What is said about the element where JSON calls it `key`.
    pub(super) fn called(&self, key: &str) -> Cow<'_, Self> {
        if self.one_type.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut said = Self { one_type: BTreeMap::new(), ..self.clone() };
        if let Some(more) = self.one_type.get(key) {
            said.merge(more);
        }
        Cow::Owned(said)
    }

    /// Says all that `other` says too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.whole |= other.whole;
        self.tie |= other.tie;
        self.withheld |= other.withheld;
        if other.again == Again::Yes {
            self.again = Again::Yes;
        }
        self.extensions.extend(other.extensions.iter().cloned());
        self.keys.extend(other.keys.iter().cloned());
        match (&mut self.systems, &other.systems) {
            (Systems::These(known), Systems::These(more)) => known.extend(more.iter().cloned()),
            (systems, Systems::Any) => *systems = Systems::Any,
            (Systems::Any, Systems::These(_)) => {}
        }
        for (name, more) in &other.children {
            self.child(name).merge(more);
        }
        for (key, more) in &other.one_type {
            self.one_type.entry(key).or_default().merge(more);
        }
    }

    fn withhold(&mut self, path: &ElementPath) -> Result<(), InvalidMask> {
        let mut at = self;
        let mut types = vec![path.owner()];
        let mut modifier = false;
        for step in path.steps() {
            let Step::Element(name) = step else {
                return Err(InvalidMask::NotAModifier(path.to_string()));
            };
            let found: Vec<_> =
                types.iter().filter_map(|owner| tables::element_named(*owner, name)).collect();
            modifier = found.iter().any(is_modifier);
            types = found.iter().flat_map(|found| found.types()).map(tables::ElementType::id).collect();
            at = at.child(name);
        }
        match (modifier, at.whole) {
            (false, _) => Err(InvalidMask::NotAModifier(path.to_string())),
            (true, true) => Err(InvalidMask::Both(path.to_string())),
            (true, false) => {
                at.withheld = true;
                Ok(())
            }
        }
    }

    /// Marks the elements that say whose a resource of `owner` is. What else may name a person in a Patient's
    /// compartment says what she did (who asserted, performed, wrote it), and is shared where it is named.
    fn add_ties(&mut self, owner: TypeId) {
        let whose = names_person_by(owner);
        let codes = whose.as_ref().map_or(patient_compartment(owner), std::slice::from_ref);
        let parameters = codes.iter().filter_map(|code| search_parameter(owner, code));
        for path in parameters.flat_map(|found| found.paths().unwrap_or_default()) {
            let Ok(path) = ElementPath::parse(owner, path.path()) else { continue };
            let mut at = &mut *self;
            for step in path.steps() {
                let Step::Element(name) = step else { break };
                at = at.child(name);
            }
            at.tie = true;
        }
    }

    /// Whether anything is said about the children of the element.
    pub(super) fn says_more(&self) -> bool {
        let has_systems = match &self.systems {
            Systems::These(systems) => !systems.is_empty(),
            Systems::Any => true,
        };
        let has_items = self.again == Again::Yes || !self.keys.is_empty();
        let has_inside =
            !self.children.is_empty() || !self.extensions.is_empty() || !self.one_type.is_empty();
        has_systems || has_items || has_inside
    }
}

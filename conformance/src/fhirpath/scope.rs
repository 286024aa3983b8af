//! What is around an expression when it is evaluated.

use std::fmt;

use super::item::{Collection, Item};
use crate::model::Model;
use crate::tree::Node;

/// Steps that an evaluation may take unless it is said otherwise: some seconds at the very worst.
const STEPS_MAX: u64 = 10_000_000;

/// How the names of elements are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As FHIRPath says; an element that a type does not have is empty.
    Standard,
    /// As the invariants of published definitions rely on: `as` of several items keeps those of the type, and
    /// `Boolean` is also the `boolean` of FHIR.
    Invariant,
    /// Also by JSON name (`valueQuantity`), `value` of a primitive is the primitive (`status.value`), and a text equals the
    /// text of any primitive: what scripts rely on.
    Lenient,
    /// An element that a type does not have is an error.
    Strict,
}

/// Looks up what a reference leads to, beyond contained resources and the Bundle around.
pub trait Resolver<'t> {
    /// The resource that `reference`, which stands at `from`, leads to.
    fn resolve(&self, reference: &str, from: Node<'t>) -> Option<Node<'t>>;
}

/// Answers questions about codes. `None`: cannot be told, and the function fails as unsupported.
pub trait Terminology<'t> {
    /// Whether the code, Coding or CodeableConcept `coded` is in the value set.
    fn member_of(&self, coded: &Item<'t>, value_set: &str) -> Option<bool>;

    /// Whether the concept `general` subsumes `special`.
    fn subsumes(&self, general: &Item<'t>, special: &Item<'t>) -> Option<bool>;
}

/// Answers whether something conforms to a profile.
pub trait Profiles<'t> {
    /// Whether `node` conforms to the profile. `None`: the profile is not known.
    fn conforms(&self, node: Node<'t>, profile: &str) -> Option<bool>;
}

/// What is around an expression.
#[derive(Clone)]
pub struct Scope<'t, 's> {
    /// What is known of types.
    pub model: &'s dyn Model,
    /// What the expression is evaluated on, and `%context`.
    pub focus: Collection<'t>,
    /// `%resource`.
    pub resource: Option<Node<'t>>,
    /// `%rootResource`.
    pub root_resource: Option<Node<'t>>,
    /// Variables by name, without `%`.
    pub variables: Vec<(String, Collection<'t>)>,
    /// Who resolves references.
    pub resolver: Option<&'s dyn Resolver<'t>>,
    /// Who knows codes.
    pub terminology: Option<&'s dyn Terminology<'t>>,
    /// Who knows profiles.
    pub profiles: Option<&'s dyn Profiles<'t>>,
    /// What `now()` is.
    pub now: Option<jiff::Timestamp>,
    /// How names are read.
    pub mode: Mode,
    /// Steps that the evaluation may take.
    pub steps_max: u64,
}

impl<'t, 's> Scope<'t, 's> {
    /// With `focus` in the resource that it is in, and nothing else.
    #[must_use]
    pub fn new(model: &'s dyn Model, focus: Node<'t>) -> Self {
        let resource = focus.resource();
        let contained = resource.name() == "contained";
        let root = resource.parent().filter(|_| contained).map_or(resource, Node::resource);
        Self {
            model,
            focus: Collection::one(Item::Node(focus, model.type_of(focus))),
            resource: Some(resource),
            root_resource: Some(root),
            variables: Vec::new(),
            resolver: None,
            terminology: None,
            profiles: None,
            now: None,
            mode: Mode::Standard,
            steps_max: STEPS_MAX,
        }
    }

    /// Without anything to look at.
    #[must_use]
    pub fn empty(model: &'s dyn Model) -> Self {
        Self {
            model,
            focus: Collection::empty(),
            resource: None,
            root_resource: None,
            variables: Vec::new(),
            resolver: None,
            terminology: None,
            profiles: None,
            now: None,
            mode: Mode::Standard,
            steps_max: STEPS_MAX,
        }
    }

    /// In another mode.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// With a variable more.
    #[must_use]
    pub fn with(mut self, name: &str, value: Collection<'t>) -> Self {
        self.variables.push((name.to_owned(), value));
        self
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("focus", &self.focus)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

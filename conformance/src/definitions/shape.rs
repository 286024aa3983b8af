//! What one type or profile demands, element by element.
//!
//! A [`Shape`] is a tree of [`Element`]s that shares with other shapes what it does not change. Children that are those of
//! the element's type are not repeated: [`Element::children`] is `None` then, and whoever walks looks at the type.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::exact::Exact;
use super::structure::{Context, Sort};
use super::{At, Definitions};

/// Something that is looked up once.
pub type Found<T> = OnceLock<T>;

/// A type, profile or extension with its whole chain merged.
#[derive(Debug)]
pub struct Shape {
    /// Its canonical.
    pub url: Box<str>,
    /// The type that it defines or constrains.
    pub type_name: Box<str>,
    /// What kind of type that is.
    pub sort: Sort,
    /// Whether nothing may be of exactly this type.
    pub is_abstract: bool,
    /// The canonicals that it builds on, nearest first.
    pub chain: Vec<Box<str>>,
    /// Where it may stand, if it is an extension.
    pub contexts: Vec<Context>,
    /// Invariants of that place.
    pub context_invariants: Vec<Constraint>,
    /// The root element.
    pub root: Arc<Element>,
    /// What its differential says of elements that are not there.
    pub stray: Vec<Box<str>>,
}

/// What is demanded of one element.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Its name: `contact`, `value[x]`; of a root, the type.
    pub name: Box<str>,
    /// Least.
    pub min: u32,
    /// Most; `u32::MAX` for any number.
    pub max: u32,
    /// Most in the type itself: more than one means an array in JSON, whatever a profile says.
    pub base_max: u32,
    /// The types that it may have.
    pub types: Vec<TypeUse>,
    /// The element whose content it has, as a path from the root: `Questionnaire.item`.
    pub content: Option<Box<str>>,
    /// The one value it may have.
    pub fixed: Option<Arc<Exact>>,
    /// What its value holds at least.
    pub pattern: Option<Arc<Exact>>,
    /// Its value set.
    pub binding: Option<Binding>,
    /// Invariants beside those of its type.
    pub constraints: Vec<Constraint>,
    /// How it is sliced.
    pub slicing: Option<Slicing>,
    /// The slices, in order.
    pub slices: Vec<Slice>,
    /// Its children, if they are not just those of its type.
    pub children: Option<Vec<Arc<Element>>>,
    /// Most letters.
    pub longest: Option<usize>,
    /// Least value.
    pub least: Option<Arc<Exact>>,
    /// Greatest value.
    pub most: Option<Arc<Exact>>,
    /// Whether it changes what the rest means.
    pub modifier: bool,
}

impl Element {
    /// The name without `[x]`, if it is a choice of types.
    #[must_use]
    pub fn choice(&self) -> Option<&str> {
        self.name.strip_suffix("[x]")
    }
}

/// One slice.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Its name.
    pub name: Box<str>,
    /// What is demanded of it.
    pub element: Arc<Element>,
}

/// How an element is sliced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slicing {
    /// What may stand beside the slices.
    pub rules: Rules,
    /// Whether the slices stand in their order.
    pub ordered: bool,
    /// What tells the slices apart.
    pub discriminators: Vec<Discriminator>,
}

/// What may stand beside the slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Nothing.
    Closed,
    /// Anything, anywhere.
    Open,
    /// Anything, after them.
    OpenAtEnd,
}

/// What tells slices apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discriminator {
    /// `value`, `pattern`, `type`, `profile`, `exists`, `position`.
    pub kind: Box<str>,
    /// A path in the simple part of FHIRPath.
    pub path: Box<str>,
}

/// A type that an element may have.
#[derive(Debug, Clone, Default)]
pub struct TypeUse {
    /// Its name, or `http://hl7.org/fhirpath/System.String` and the like.
    pub code: Box<str>,
    /// Profiles, one of which it holds to.
    pub profiles: Vec<Box<str>>,
    /// What a reference or canonical may point at.
    pub targets: Vec<Box<str>>,
    /// Where what a reference points at may be; anywhere when it is empty.
    pub aggregation: Vec<Aggregation>,
    at: Found<Option<At>>,
    profiles_at: Found<Vec<Option<At>>>,
}

impl TypeUse {
    /// The type without more.
    #[must_use]
    pub fn named(code: &str) -> Self {
        Self { code: code.into(), ..Self::default() }
    }

    /// The name of the type as FHIR elements have it: `string` for the ids of elements.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.code.rsplit_once('.') {
            Some(("http://hl7.org/fhirpath/System", system)) => match system {
                "String" => "string",
                "Boolean" => "boolean",
                "Integer" => "integer",
                "Decimal" => "decimal",
                "Date" => "date",
                "DateTime" => "dateTime",
                "Time" => "time",
                other => other,
            },
            _ => &self.code,
        }
    }

    /// Where its definition is.
    pub fn at(&self, definitions: &Definitions) -> Option<At> {
        *self.at.get_or_init(|| definitions.type_at(self.name()))
    }

    /// Where its profiles are, in the order of [`Self::profiles`].
    pub fn profiles_at(&self, definitions: &Definitions) -> &[Option<At>] {
        self.profiles_at
            .get_or_init(|| self.profiles.iter().map(|profile| definitions.structure_at(profile)).collect())
    }
}

/// Where what a reference points at may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// In the same resource.
    Contained,
    /// In the same Bundle.
    Bundled,
    /// Anywhere but in the same resource.
    Referenced,
}

/// How binding a binding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// A code of the set, nothing else.
    Required,
    /// A code of the set if one fits.
    Extensible,
    /// Better a code of the set.
    Preferred,
    /// The set is an example.
    Example,
}

/// The value set of an element.
#[derive(Debug, Clone)]
pub struct Binding {
    /// How binding it is.
    pub strength: Strength,
    /// The canonical.
    pub value_set: Box<str>,
    pub(crate) at: Found<Option<At>>,
}

impl Binding {
    /// Where the value set is.
    pub fn at(&self, definitions: &Definitions) -> Option<At> {
        *self.at.get_or_init(|| definitions.value_set_at(&self.value_set))
    }
}

/// Whether an unmet invariant is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It is.
    Error,
    /// It is a warning.
    Warning,
}

/// An invariant. Cheap to clone.
#[derive(Clone)]
pub struct Constraint {
    /// What it says and how it is evaluated.
    pub rule: Arc<Invariant>,
}

/// What an invariant says.
#[derive(Debug)]
pub struct Invariant {
    /// Its key: `pat-1`.
    pub key: Box<str>,
    /// Whether it must hold.
    pub severity: Severity,
    /// In FHIRPath; empty if it is told in words alone.
    pub expression: Box<str>,
    /// In words.
    pub human: Box<str>,
    /// How it is evaluated, once that was looked at.
    pub(crate) plan: Found<crate::validate::invariants::Plan>,
}

impl Constraint {
    /// One invariant.
    #[must_use]
    pub fn new(key: &str, severity: Severity, expression: &str, human: &str) -> Self {
        let rule = Invariant {
            key: key.into(),
            severity,
            expression: expression.into(),
            human: human.into(),
            plan: Found::new(),
        };
        Self { rule: Arc::new(rule) }
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.rule.key)
    }
}

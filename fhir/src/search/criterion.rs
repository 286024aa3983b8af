//! One condition of a search.

use std::fmt;

use super::number::Number;
use super::place::Places;
use super::references::References;
use crate::instant::DateTime;
use crate::reference::Reference;
use crate::tables::{Component, SearchKind, SearchParameter};

/// One condition: a parameter of the type and what is asked of it.
#[derive(Clone)]
pub struct Criterion {
    pub(super) parameter: &'static SearchParameter,
    pub(super) test: Test,
    /// Where the compared values are; nothing where that cannot be followed in a resource.
    pub(super) places: Option<Places>,
}

/// One thing that a criterion compares: all of it, or one component of a composite.
#[derive(Debug, Clone)]
pub struct Compared<'q> {
    kind: SearchKind,
    reads: &'static [String],
    tests: Vec<&'q Test>,
    polarity: Polarity,
}

impl Compared<'_> {
    /// What kind of value is compared.
    #[must_use]
    pub const fn kind(&self) -> SearchKind {
        self.kind
    }

    /// Every element that it reads, as a path below the resource.
    #[must_use]
    pub const fn reads(&self) -> &'static [String] {
        self.reads
    }

    /// What is asked of it: of a composite with several values once for each.
    #[must_use]
    pub fn tests(&self) -> &[&Test] {
        &self.tests
    }

    /// Whether absence can meet it.
    #[must_use]
    pub const fn polarity(&self) -> Polarity {
        self.polarity
    }
}

/// Whether a criterion can be met by something that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// Only a value that is there can meet it: taking elements away can only take matches away.
    Positive,
    /// Absence can meet it.
    Negative,
}

/// What is asked. Of several values any may match.
#[derive(Clone)]
pub enum Test {
    /// `:missing`.
    Missing(Presence),
    /// A code, identifier or truth value.
    Token {
        /// How it is compared.
        modifier: TokenModifier,
        /// With what.
        any: Vec<TokenTest>,
    },
    /// A reference.
    Reference(References),
    /// A text.
    String {
        /// How it is compared.
        modifier: StringModifier,
        /// With what.
        any: Vec<String>,
    },
    /// A date, time or period.
    Date(Vec<DateTest>),
    /// A number.
    Number(Vec<NumberTest>),
    /// A number with a unit.
    Quantity(Vec<QuantityTest>),
    /// A URI, compared as a whole.
    Uri(Vec<String>),
    /// The values of a composite: in each one test for each component, all of which must hold of the same item.
    Together(Vec<Vec<Test>>),
}

/// What `:missing` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// `:missing=false`
    Present,
    /// `:missing=true`
    Absent,
}

/// How a token is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenModifier {
    /// It is there.
    Is,
    /// `:not`: it is not there.
    Not,
}

/// A token that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenTest {
    /// `code`: of any system or none.
    Code(String),
    /// `|code`: of no system.
    WithoutSystem(String),
    /// `system|code`
    Coded {
        /// The system.
        system: String,
        /// The code.
        code: String,
    },
    /// `system|`: any code of it.
    System(String),
}

/// A reference that is asked for: a resource of the system, or a URL or URN elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ReferenceTest(pub(super) Reference);

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringModifier {
    /// It begins so, whatever case and accents.
    StartsWith,
    /// `:contains`: it holds that, whatever case and accents.
    Contains,
    /// `:exact`: it is that.
    Exact,
}

/// How a value with an order is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are FHIR's own prefixes")]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// A date that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct DateTest {
    /// How it is compared.
    pub prefix: Prefix,
    /// With what.
    pub time: DateTime,
}

/// A number that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberTest {
    /// How it is compared.
    pub prefix: Prefix,
    /// With what.
    pub number: Number,
    /// As it was written.
    pub(super) text: String,
}

/// A quantity that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct QuantityTest {
    /// The number.
    pub number: NumberTest,
    /// The system of the unit; nothing when any unit of that code or name will do.
    pub system: Option<String>,
    /// The unit; nothing when any unit will do.
    pub code: Option<String>,
}

impl Criterion {
    /// The parameter as R4 calls it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parameter.code()
    }

    /// What kind of value is compared.
    #[must_use]
    pub fn kind(&self) -> SearchKind {
        self.parameter.kind()
    }

    /// What is asked.
    #[must_use]
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// Every element that the criterion reads, as a path below the resource.
    #[must_use]
    pub fn reads(&self) -> &'static [String] {
        self.parameter.reads().unwrap_or_default()
    }

    /// Everything that it compares. Each is to be weighed by itself: a composite reads what its components read.
    #[must_use]
    pub fn compares(&self) -> Vec<Compared<'_>> {
        let Test::Together(any) = &self.test else {
            let (tests, polarity) = (vec![&self.test], self.polarity());
            return vec![Compared { kind: self.kind(), reads: self.reads(), tests, polarity }];
        };
        let one = |(at, component): (usize, &'static Component)| {
            let tests: Vec<&Test> = any.iter().filter_map(|tests| tests.get(at)).collect();
            let polarity = Polarity::of_any(tests.iter().copied());
            Compared { kind: component.kind(), reads: component.reads(), tests, polarity }
        };
        self.parameter.components().iter().enumerate().map(one).collect()
    }

    /// Whether absence can meet it.
    #[must_use]
    pub fn polarity(&self) -> Polarity {
        // Absent means alive: see `matches::token`.
        let absence_is_life = self.code() == "deceased" && matches!(self.test, Test::Token { .. });
        if absence_is_life { Polarity::Negative } else { self.test.polarity() }
    }
}

impl Test {
    /// Whether absence can meet it, whatever the parameter.
    #[must_use]
    pub fn polarity(&self) -> Polarity {
        match self {
            Self::Missing(Presence::Present) => Polarity::Positive,
            Self::Missing(Presence::Absent) => Polarity::Negative,
            Self::Token { modifier: TokenModifier::Not, .. } => Polarity::Negative,
            Self::Token { modifier: TokenModifier::Is, .. }
            | Self::Reference(_)
            | Self::String { .. }
            | Self::Uri(_) => Polarity::Positive,
            Self::Date(any) => by_prefix(any.iter().map(|test| test.prefix)),
            Self::Number(any) => by_prefix(any.iter().map(|test| test.prefix)),
            Self::Quantity(any) => by_prefix(any.iter().map(|test| test.number.prefix)),
            Self::Together(any) => Polarity::of_any(any.iter().flatten()),
        }
    }
}

impl Polarity {
    /// Of several tests: negative where one of them is.
    fn of_any<T: std::borrow::Borrow<Test>>(tests: impl IntoIterator<Item = T>) -> Self {
        let is_negative = |test: T| test.borrow().polarity() == Self::Negative;
        if tests.into_iter().any(is_negative) { Self::Negative } else { Self::Positive }
    }
}

fn by_prefix(mut prefixes: impl Iterator<Item = Prefix>) -> Polarity {
    if prefixes.any(|prefix| prefix == Prefix::Ne) { Polarity::Negative } else { Polarity::Positive }
}

impl ReferenceTest {
    /// What is referred to.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.0
    }
}

impl Prefix {
    /// Takes the prefix off a value; `eq` where there is none.
    pub(super) fn split(text: &str) -> (Self, &str) {
        match text.split_at_checked(2) {
            Some(("eq", rest)) => (Self::Eq, rest),
            Some(("ne", rest)) => (Self::Ne, rest),
            Some(("gt", rest)) => (Self::Gt, rest),
            Some(("lt", rest)) => (Self::Lt, rest),
            Some(("ge", rest)) => (Self::Ge, rest),
            Some(("le", rest)) => (Self::Le, rest),
            Some(("sa", rest)) => (Self::Sa, rest),
            Some(("eb", rest)) => (Self::Eb, rest),
            Some(("ap", rest)) => (Self::Ap, rest),
            Some(_) | None => (Self::Eq, text),
        }
    }

    /// The letters in front of a value; none for `eq`, which is what a value without prefix means.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Lt => "lt",
            Self::Ge => "ge",
            Self::Le => "le",
            Self::Sa => "sa",
            Self::Eb => "eb",
            Self::Ap => "ap",
        }
    }
}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Criterion({} {:?})", self.code(), self.test)
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(presence) => write!(f, "{presence:?}"),
            Self::Token { modifier, any } => write!(f, "{modifier:?} {} tokens", any.len()),
            Self::Reference(any) => write!(f, "{} references", any.len()),
            Self::String { modifier, any } => write!(f, "{modifier:?} {} texts", any.len()),
            Self::Date(any) => write!(f, "{} dates", any.len()),
            Self::Number(any) => write!(f, "{} numbers", any.len()),
            Self::Quantity(any) => write!(f, "{} quantities", any.len()),
            Self::Uri(any) => write!(f, "{} uris", any.len()),
            Self::Together(any) => write!(f, "{} composites", any.len()),
        }
    }
}

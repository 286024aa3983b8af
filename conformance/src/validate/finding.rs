//! What validation finds.

use crate::tree::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A rule is broken.
    Error,
    /// Better otherwise.
    Warning,
    /// It could not be told here.
    NotChecked,
}

impl Severity {
    /// The word of reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::NotChecked => "not checked",
        }
    }
}

/// The rules, apart from invariants that definitions bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The text itself.
    Format,
    /// The type of a resource.
    ResourceType,
    /// An element that the type does not have.
    Unknown,
    /// Too few or too many of an element.
    Cardinality,
    /// One or an array in JSON.
    Array,
    /// The type of a choice.
    Choice,
    /// The form of a primitive value.
    Value,
    /// The value that is fixed.
    Fixed,
    /// What a value holds at least.
    Pattern,
    /// The code of a value set.
    Binding,
    /// The code or its name in its code system.
    Code,
    /// The slices of an element.
    Slicing,
    /// Where a reference points.
    Reference,
    /// What is contained.
    Contained,
    /// An extension: known, in its place.
    Extension,
    /// The narrative.
    Narrative,
    /// The entries of a Bundle.
    Bundle,
    /// An invariant of a definition; its key is told beside.
    Invariant,
    /// A profile or definition itself.
    Profile,
    /// A bound of this validator.
    Bound,
}

impl Rule {
    /// A short code, for reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::ResourceType => "resource-type",
            Self::Unknown => "unknown-element",
            Self::Cardinality => "cardinality",
            Self::Array => "array",
            Self::Choice => "choice-type",
            Self::Value => "value",
            Self::Fixed => "fixed",
            Self::Pattern => "pattern",
            Self::Binding => "binding",
            Self::Code => "code",
            Self::Slicing => "slicing",
            Self::Reference => "reference",
            Self::Contained => "contained",
            Self::Extension => "extension",
            Self::Narrative => "narrative",
            Self::Bundle => "bundle",
            Self::Invariant => "invariant",
            Self::Profile => "profile",
            Self::Bound => "bound",
        }
    }

    /// The clause of FHIR R4 it is from.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Format | Self::Array => "FHIR R4 json.html#2.6.2",
            Self::ResourceType => "FHIR R4 resource.html#2.23",
            Self::Unknown => "FHIR R4 conformance-rules.html#2.1.0.1",
            Self::Cardinality => "FHIR R4 conformance-rules.html#2.1.0.2",
            Self::Choice => "FHIR R4 formats.html#2.6.0.3",
            Self::Value => "FHIR R4 datatypes.html#2.24.0.1",
            Self::Fixed => "FHIR R4 elementdefinition.html#ElementDefinition.fixed",
            Self::Pattern => "FHIR R4 elementdefinition.html#ElementDefinition.pattern",
            Self::Binding => "FHIR R4 terminologies.html#4.1.5",
            Self::Code => "FHIR R4 datatypes.html#Coding",
            Self::Slicing => "FHIR R4 profiling.html#5.1.0.14",
            Self::Reference => "FHIR R4 references.html#2.3.0",
            Self::Contained => "FHIR R4 references.html#2.3.0.3",
            Self::Extension => "FHIR R4 extensibility.html#2.4.0",
            Self::Narrative => "FHIR R4 narrative.html#2.4.2",
            Self::Bundle => "FHIR R4 bundle.html#2.36.4",
            Self::Invariant => "FHIR R4 conformance-rules.html#2.1.0.4",
            Self::Profile => "FHIR R4 profiling.html#5.1.0",
            Self::Bound => "a bound of this validator",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule.
    pub rule: Rule,
    /// The key of an invariant.
    pub key: Option<Box<str>>,
    /// Where: `Patient.name[0].given[1]`; empty where the text itself is bad.
    pub path: String,
    /// The byte of the text.
    pub at: usize,
    /// Line and column.
    pub place: Place,
    /// In words, without any value of the resource.
    pub text: String,
}

impl Finding {
    /// The key of the invariant, else the code of the rule.
    #[must_use]
    pub fn code(&self) -> &str {
        self.key.as_deref().unwrap_or_else(|| self.rule.code())
    }
}

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
            Self::Format | Self::Array | Self::Unknown => "FHIR R4 json.html#json",
            Self::ResourceType => "FHIR R4 resource.html#Resource",
            Self::Cardinality => "FHIR R4 conformance-rules.html#cardinality",
            Self::Choice => "FHIR R4 formats.html#choice",
            Self::Value => "FHIR R4 datatypes.html#primitive",
            Self::Fixed => "FHIR R4 elementdefinition-definitions.html#ElementDefinition.fixed_x_",
            Self::Pattern => "FHIR R4 elementdefinition-definitions.html#ElementDefinition.pattern_x_",
            Self::Binding => "FHIR R4 terminologies.html#strength",
            Self::Code => "FHIR R4 datatypes.html#Coding",
            Self::Slicing => "FHIR R4 profiling.html#slicing",
            Self::Reference => "FHIR R4 references.html#Reference",
            Self::Contained => "FHIR R4 references.html#contained",
            Self::Extension => "FHIR R4 extensibility.html#Extension",
            Self::Narrative => "FHIR R4 narrative.html#xhtml",
            Self::Bundle => "FHIR R4 bundle.html#bundle-unique",
            Self::Invariant => "FHIR R4 conformance-rules.html#constraints",
            Self::Profile => "FHIR R4 profiling.html#resources",
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

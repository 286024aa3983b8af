//! Why a query is not carried out. Nothing of its values is in a reason; names are those of the standard.

use super::grammar::Malformed;

/// Why a query cannot become a [`super::SearchQuery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// It is outside the grammar.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// R4 has no such parameter for the type.
    #[error("the query has a parameter that this resource type does not have")]
    UnknownParameter,
    /// R4 has no such modifier for the parameter.
    #[error("{parameter} has a modifier that it cannot have")]
    UnknownModifier {
        /// The parameter.
        parameter: &'static str,
    },
    /// A parameter that can stand once stands twice.
    #[error("{parameter} stands more than once")]
    Repeated {
        /// The parameter.
        parameter: &'static str,
    },
    /// A value does not fit the parameter.
    #[error("{parameter}: {reason}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What does not fit.
        reason: InvalidValue,
    },
    /// R4 has it, but it is not served.
    #[error(transparent)]
    NotServed(#[from] NotServed),
}

/// What does not fit a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// Neither `code`, `system|code`, `|code` nor `system|`.
    #[error("a token is written code, system|code, |code or system|")]
    Token,
    /// No reference to a resource.
    #[error("a reference is written Type/id, id or as a URL")]
    Reference,
    /// A bare id where several types are possible.
    #[error("the type of the reference is needed: write Type/id")]
    ReferenceType,
    /// A type that the parameter cannot refer to.
    #[error("the parameter cannot refer to that type")]
    ReferenceTarget,
    /// An empty text.
    #[error("the text is empty")]
    Text,
    /// No date or time.
    #[error("a date is written YYYY, YYYY-MM, YYYY-MM-DD or with a time, after an optional prefix")]
    Date,
    /// No number, or one with more digits than are compared.
    #[error("a number is written as a decimal, after an optional prefix")]
    Number,
    /// No quantity.
    #[error("a quantity is written number or number|system|code, after an optional prefix")]
    Quantity,
    /// Neither `true` nor `false`.
    #[error("the value is true or false")]
    Truth,
    /// No number of entries.
    #[error("the value is a number of entries")]
    Count,
    /// No cursor that this gateway gave.
    #[error("the value is not a cursor")]
    Cursor,
}

/// What R4 has and is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotServed {
    /// A parameter of what a reference points at.
    #[error("chained parameters are not served")]
    Chain,
    /// `_has`.
    #[error("_has is not served")]
    Has,
    /// `_filter`.
    #[error("_filter is not served")]
    Filter,
    /// `_text`.
    #[error("_text is not served")]
    Text,
    /// `_content`.
    #[error("_content is not served")]
    Content,
    /// `_query`.
    #[error("_query is not served")]
    Query,
    /// `_list`.
    #[error("_list is not served")]
    List,
    /// `_type`.
    #[error("searches across types are not served")]
    Type,
    /// `_include`.
    #[error("_include is not served")]
    Include,
    /// `_revinclude`.
    #[error("_revinclude is not served")]
    Revinclude,
    /// `_sort`.
    #[error("_sort is not served")]
    Sort,
    /// `_summary` other than `false`, and `_count=0`.
    #[error("_summary is not served")]
    Summary,
    /// `_elements`.
    #[error("_elements is not served")]
    Elements,
    /// `_total` other than `none`.
    #[error("_total is not served")]
    Total,
    /// `_contained` other than `false`.
    #[error("_contained is not served")]
    Contained,
    /// `_format` other than JSON.
    #[error("only the format json is served")]
    Format,
    /// A modifier that needs terminology or looks beyond the resource.
    #[error("the modifier is not served")]
    Modifier,
    /// A composite parameter.
    #[error("composite parameters are not served")]
    Composite,
    /// A parameter of its own kind, such as `near`.
    #[error("the parameter is not served")]
    Special,
    /// A parameter of which the standard does not say what it reads.
    #[error("the parameter is not served: what it reads cannot be told")]
    Unreadable,
}

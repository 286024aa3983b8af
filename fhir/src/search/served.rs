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
    /// Two parameters ask for different answers.
    #[error("the query asks for two different answers at once")]
    Contradictory,
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
    /// Not one value for each component of a composite.
    #[error("a composite is written with one value for each of its components, joined by $")]
    Components,
    /// Neither `true` nor `false`.
    #[error("the value is true or false")]
    Truth,
    /// No number of entries.
    #[error("the value is a number of entries")]
    Count,
    /// None of the values of `_summary`.
    #[error("the value is true, text, data, count or false")]
    Summary,
    /// None of the values of `_total`.
    #[error("the value is none, estimate or accurate")]
    Total,
    /// No element of the resource type.
    #[error("the value names an element that the resource type does not have")]
    Element,
    /// No parameter to sort by, or too many.
    #[error("the value names something that cannot be sorted by")]
    Sort,
    /// No include that this search can have.
    #[error("an include is written Type:parameter or Type:parameter:Type")]
    Include,
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
    /// `_include:iterate` and its like: what is included is included for its own sake.
    #[error("includes of includes are not served")]
    Iterate,
    /// `_include=*`: an include names what it follows.
    #[error("includes of everything are not served")]
    Wildcard,
    /// `_sort` by a reference, a quantity, or a parameter without an order.
    #[error("sorting by that parameter is not served")]
    Sort,
    /// `_summary=count` of a read.
    #[error("a read has nothing to count")]
    Summary,
    /// `_contained` other than `false`.
    #[error("_contained is not served")]
    Contained,
    /// `_format` other than JSON.
    #[error("only the format json is served")]
    Format,
    /// A modifier that needs terminology or looks beyond the resource.
    #[error("the modifier is not served")]
    Modifier,
    /// A parameter of its own kind, such as `near`.
    #[error("the parameter is not served")]
    Special,
    /// A parameter of which the standard does not say what it reads.
    #[error("the parameter is not served: what it reads cannot be told")]
    Unreadable,
}

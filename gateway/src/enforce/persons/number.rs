//! The NHS number that an identifier is, under whichever name of its system.

use std::borrow::Cow;

use fhir::identifier::names_nhs_numbers;
use fhir::json::{Kind, Node};
use fhir::nhs_number::NhsNumber;

/// The NHS number that an identifier is.
pub(super) enum Number {
    Of(NhsNumber),
    /// It says that it is one, and is none.
    Invalid,
    /// It is another identifier.
    Other,
}

pub(super) fn number_of(identifier: Node<'_>) -> Number {
    if !is_nhs_number(identifier) {
        return Number::Other;
    }
    match nhs_number(identifier) {
        Some(number) => Number::Of(number),
        None => Number::Invalid,
    }
}

/// Whether an identifier says that it is an NHS number, in whichever shape it says so.
pub(in crate::enforce) fn is_nhs_number(identifier: Node<'_>) -> bool {
    let names = |system: Node<'_>| system.string().is_some_and(|system| names_nhs_numbers(&system));
    match identifier.member("system") {
        Some(system) if system.kind() == Kind::String => names(system),
        Some(system) => system.walk(&[]).any(names),
        None => identifier.kind() == Kind::Array && identifier.walk(&["system"]).any(names),
    }
}

/// The valid number that the value of an identifier is: also one that is written as a number, and no text.
pub(in crate::enforce) fn nhs_number(identifier: Node<'_>) -> Option<NhsNumber> {
    let text = identifier.str_at(&["value"]);
    let digits = || identifier.walk(&["value"]).find_map(Node::number_text).map(Cow::Borrowed);
    NhsNumber::parse(&text.or_else(digits)?).ok()
}

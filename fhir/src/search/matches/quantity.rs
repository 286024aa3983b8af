//! Numbers and quantities.

use super::super::criterion::{NumberTest, Prefix, QuantityTest};
use super::super::number::{Form, Number};
use super::Match;
use crate::json::Node;

const UCUM: &str = "http://unitsofmeasure.org";

/// Whether a number meets the test. `eq` and `ne` go by the precision that the search states, the others do not.
pub(super) fn number(node: Node<'_>, test: &NumberTest) -> Match {
    let Some(held) = node.number_text().and_then(Number::parse) else { return Match::CannotTell };
    let asked = test.number;
    match test.prefix {
        Prefix::Eq => rounds_to(held, asked),
        Prefix::Ne => rounds_to(held, asked).negated(),
        Prefix::Gt | Prefix::Sa => Match::certainly(held > asked),
        Prefix::Lt | Prefix::Eb => Match::certainly(held < asked),
        Prefix::Ge => Match::certainly(held >= asked),
        Prefix::Le => Match::certainly(held <= asked),
        Prefix::Ap => {
            let (least, most) = asked.near();
            if least <= held && held <= most { Match::Yes } else { Match::CannotTell }
        }
    }
}

fn rounds_to(held: Number, asked: Number) -> Match {
    let (least, most, form) = asked.rounded();
    match form {
        _ if held == asked => Match::Yes,
        _ if held < least || held >= most => Match::No,
        Form::Plain => Match::Yes,
        Form::Exponent => Match::CannotTell,
    }
}

/// Whether a quantity meets the test.
///
/// Servers may convert units of one system, so another unit of it cannot be told; what has no unit cannot be
/// converted.
pub(super) fn matches(node: Node<'_>, leaf: &str, test: &QuantityTest) -> Match {
    let Some(value) = node.member("value").filter(|_| leaf != "Money") else {
        return if matches!(leaf, "Quantity" | "Age" | "Duration" | "SimpleQuantity" | "Count" | "Distance") {
            Match::No
        } else {
            Match::CannotTell
        };
    };
    if node.member("comparator").is_some() {
        return Match::CannotTell;
    }
    let number = number(value, &test.number);
    match (unit(node, test), number) {
        (Match::Yes, number) => number,
        (Match::No, _) => Match::No,
        (Match::CannotTell, _) => Match::CannotTell,
    }
}

fn unit(node: Node<'_>, test: &QuantityTest) -> Match {
    let Some(wanted) = &test.code else { return Match::Yes };
    let is = |key: &str, text: &str| node.member(key).is_some_and(|value| value.is_string(text));
    let convertible = node.member("code").is_some()
        && match &test.system {
            Some(system) => is("system", system),
            None => is("system", UCUM),
        };
    let same = match &test.system {
        Some(system) => is("system", system) && is("code", wanted),
        None => is("code", wanted) || is("unit", wanted),
    };
    match (same, convertible) {
        (true, _) => Match::Yes,
        (false, true) => Match::CannotTell,
        (false, false) => Match::No,
    }
}

//! The operators of asserts over plain values: pure, one table.

use std::cmp::Ordering;

use jiff::{Timestamp, civil};

/// How an assert compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    GreaterThan,
    LessThan,
    Empty,
    NotEmpty,
    Contains,
    NotContains,
    Eval,
    ManualEval,
}

impl Operator {
    pub(crate) const ALL: [Self; 12] = [
        Self::Equals,
        Self::NotEquals,
        Self::In,
        Self::NotIn,
        Self::GreaterThan,
        Self::LessThan,
        Self::Empty,
        Self::NotEmpty,
        Self::Contains,
        Self::NotContains,
        Self::Eval,
        Self::ManualEval,
    ];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Equals => "equals",
            Self::NotEquals => "notEquals",
            Self::In => "in",
            Self::NotIn => "notIn",
            Self::GreaterThan => "greaterThan",
            Self::LessThan => "lessThan",
            Self::Empty => "empty",
            Self::NotEmpty => "notEmpty",
            Self::Contains => "contains",
            Self::NotContains => "notContains",
            Self::Eval => "eval",
            Self::ManualEval => "manualEval",
        }
    }

    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.code() == code)
    }

    /// Whether there is something to compare with.
    pub(crate) const fn wants_value(self) -> bool {
        !matches!(self, Self::Empty | Self::NotEmpty | Self::Eval | Self::ManualEval)
    }

    /// What the operator says of a value, for messages.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Equals => "equals",
            Self::NotEquals => "does not equal",
            Self::In => "is one of",
            Self::NotIn => "is none of",
            Self::GreaterThan => "is greater than",
            Self::LessThan => "is less than",
            Self::Empty => "is empty",
            Self::NotEmpty => "is not empty",
            Self::Contains => "contains",
            Self::NotContains => "does not contain",
            Self::Eval => "is true",
            Self::ManualEval => "is judged by a person",
        }
    }
}

/// One value that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actual {
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What a value is, as far as comparing needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Boolean,
    Text,
}

impl Actual {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Text }
    }

    pub(crate) fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: Kind::Number }
    }

    fn equals(&self, expected: &str) -> bool {
        self.text == expected
            || self.kind == Kind::Number && compare(&self.text, expected) == Some(Ordering::Equal)
    }
}

/// Why two things cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("there is no value")]
    Nothing,
    #[error("there are several values where one was expected")]
    Several,
    #[error("the values have no order: neither numbers nor dates")]
    Unordered,
    #[error("the operator does not compare values")]
    Operator,
}

/// Whether `actual` stands to `expected` as `operator` says.
///
/// Several values: `contains`, `in` and `equals` and their opposites look at sets (one of them contains it; all of them are
/// in), equality and order want one value.
pub(crate) fn holds(operator: Operator, actual: &[Actual], expected: &str) -> Result<bool, Unfit> {
    let blank = actual.iter().all(|value| value.text.is_empty());
    let one = || match actual {
        [value] => Ok(value),
        [] => Err(Unfit::Nothing),
        _ => Err(Unfit::Several),
    };
    let among = |value: &Actual| expected.split(',').any(|item| value.equals(item.trim()));
    match operator {
        Operator::Empty => Ok(blank),
        Operator::NotEmpty => Ok(!blank),
        Operator::Equals if actual.is_empty() => Ok(expected.is_empty()),
        Operator::Equals => one().map(|value| value.equals(expected)),
        Operator::NotEquals => Ok(!actual.iter().any(|value| value.equals(expected))),
        Operator::In => Ok(!actual.is_empty() && actual.iter().all(among)),
        Operator::NotIn => Ok(!actual.iter().any(among)),
        Operator::Contains => Ok(actual.iter().any(|value| value.text.contains(expected))),
        Operator::NotContains => Ok(!actual.iter().any(|value| value.text.contains(expected))),
        Operator::GreaterThan => ordered(one()?, expected).map(Ordering::is_gt),
        Operator::LessThan => ordered(one()?, expected).map(Ordering::is_lt),
        Operator::Eval | Operator::ManualEval => Err(Unfit::Operator),
    }
}

fn ordered(actual: &Actual, expected: &str) -> Result<Ordering, Unfit> {
    compare(&actual.text, expected).ok_or(Unfit::Unordered)
}

/// The order of two numbers, instants or dates; `None` when they have none.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (left.trim(), right.trim());
    if let (Some(left), Some(right)) = (Decimal::parse(left), Decimal::parse(right)) {
        return Some(left.cmp(&right));
    }
    if let (Ok(left), Ok(right)) = (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
        return Some(left.cmp(&right));
    }
    let (left, right) = (date(left)?, date(right)?);
    let common = left.len().min(right.len());
    // Where one is told more precisely than the other, they are compared as far as both are told.
    Some(left.get(..common)?.cmp(right.get(..common)?))
}

fn date(text: &str) -> Option<&str> {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.get(..10)?.to_owned(),
    };
    whole.parse::<civil::Date>().ok()?;
    text.get(..text.len().min(10))
}

/// A decimal of any length, compared without loss.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: Negative,
    whole: String,
    fraction: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negative {
    Yes,
    No,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (Negative::Yes, digits),
            None => (Negative::No, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: if zero { Negative::No } else { negative }, whole, fraction })
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let size = |one: &Self, two: &Self| {
            let whole = one.whole.len().cmp(&two.whole.len()).then_with(|| one.whole.cmp(&two.whole));
            whole.then_with(|| one.fraction.cmp(&two.fraction))
        };
        match (self.negative, other.negative) {
            (Negative::No, Negative::No) => size(self, other),
            (Negative::Yes, Negative::Yes) => size(other, self),
            (Negative::Yes, Negative::No) => Ordering::Less,
            (Negative::No, Negative::Yes) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Actual, Operator, Unfit, compare, holds};

    fn check(operator: &str, actual: &[&str], expected: &str, result: Result<bool, Unfit>) {
        let values: Vec<Actual> = actual.iter().map(|text| Actual::text(*text)).collect();
        let operator = Operator::of_code(operator).unwrap();
        assert_eq!(holds(operator, &values, expected), result, "{actual:?} {operator:?} {expected:?}");
    }

    #[test]
    fn every_operator_holds_where_it_should_and_nowhere_else() {
        for (operator, actual, expected, result) in [
            ("equals", &["a"][..], "a", true),
            ("equals", &["a"], "A", false),
            ("equals", &[], "", true),
            ("equals", &[], "a", false),
            ("equals", &["01"], "1", false),
            ("notEquals", &["a"], "b", true),
            ("notEquals", &["a", "b"], "b", false),
            ("notEquals", &[], "b", true),
            ("in", &["200"], "200,201", true),
            ("in", &["200"], "201, 200", true),
            ("in", &["20"], "200,201", false),
            ("in", &["a", "b"], "a,b,c", true),
            ("in", &["a", "d"], "a,b,c", false),
            ("in", &[], "a", false),
            ("notIn", &["202"], "200,201", true),
            ("notIn", &["200"], "200,201", false),
            ("notIn", &[], "200", true),
            ("empty", &[], "", true),
            ("empty", &[""], "", true),
            ("empty", &["x"], "", false),
            ("notEmpty", &["x"], "", true),
            ("notEmpty", &[], "", false),
            ("contains", &["abc"], "b", true),
            ("contains", &["x", "abc"], "b", true),
            ("contains", &[], "b", false),
            ("notContains", &["abc"], "b", false),
            ("notContains", &["abc"], "d", true),
            ("greaterThan", &["10"], "9", true),
            ("greaterThan", &["9"], "10", false),
            ("greaterThan", &["10"], "10", false),
            ("greaterThan", &["2028-03"], "2028-02-29", true),
            ("lessThan", &["-2.5"], "-2.45", true),
            ("lessThan", &["2028-02-29T10:00:00+02:00"], "2028-02-29T09:00:00Z", true),
            ("lessThan", &["3"], "2", false),
        ] {
            check(operator, actual, expected, Ok(result));
        }
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        check("equals", &["a", "a"], "a", Err(Unfit::Several));
        check("greaterThan", &["a"], "b", Err(Unfit::Unordered));
        check("lessThan", &[], "1", Err(Unfit::Nothing));
        check("eval", &["true"], "", Err(Unfit::Operator));
        check("manualEval", &["true"], "", Err(Unfit::Operator));
    }

    #[test]
    fn numbers_equal_by_value_and_text_by_letters() {
        assert_eq!(holds(Operator::Equals, &[Actual::number("1.0")], "1"), Ok(true));
        assert_eq!(holds(Operator::Equals, &[Actual::text("1.0")], "1"), Ok(false));
        assert_eq!(holds(Operator::In, &[Actual::number("2.50")], "1, 2.5"), Ok(true));
    }

    #[test]
    fn order_is_that_of_numbers_however_long() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (left, right, expected) in [
            ("123456789012345678901234567890", "123456789012345678901234567891", Some(Less)),
            ("0.1", "0.10", Some(Equal)),
            ("-0", "0", Some(Equal)),
            ("+5", "05", Some(Equal)),
            ("1.5", "1.05", Some(Greater)),
            ("-1", "1", Some(Less)),
            ("1.", "1", None),
            ("1e3", "1000", None),
            ("2028", "2028-05", Some(Equal)),
            ("2028-13-01", "2028-05-01", None),
        ] {
            assert_eq!(compare(left, right), expected, "{left} {right}");
        }
    }
}

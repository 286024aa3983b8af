//! Quantities: a decimal with a unit of the calendar or of UCUM.

use std::cmp::Ordering;
use std::fmt;

use super::decimal::Decimal;
use super::ucum::{self, Measure};

/// A number of something.
#[derive(Debug, Clone)]
pub struct Quantity {
    pub(super) value: Decimal,
    pub(super) unit: Unit,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    /// A word of the calendar.
    Calendar(Calendar),
    /// A code of UCUM, `1` for none.
    Ucum(Box<str>),
}

/// A duration of the calendar. Years and months are no certain number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Calendar {
    const ALL: [(Self, &str, &str); 8] = [
        (Self::Year, "year", "a"),
        (Self::Month, "month", "mo"),
        (Self::Week, "week", "wk"),
        (Self::Day, "day", "d"),
        (Self::Hour, "hour", "h"),
        (Self::Minute, "minute", "min"),
        (Self::Second, "second", "s"),
        (Self::Millisecond, "millisecond", "ms"),
    ];

    /// The duration called so, in singular or plural.
    pub(super) fn named(word: &str) -> Option<Self> {
        let singular = word.strip_suffix('s').unwrap_or(word);
        Self::ALL.into_iter().find(|(_, name, _)| *name == singular).map(|(found, _, _)| found)
    }

    fn told(self) -> (&'static str, &'static str) {
        let found = Self::ALL.into_iter().find(|(one, _, _)| *one == self);
        found.map_or(("", ""), |(_, name, code)| (name, code))
    }

    /// The code of UCUM that is the same or, of years and months, nearly.
    pub(super) fn code(self) -> &'static str {
        self.told().1
    }
}

impl Quantity {
    pub(super) fn ucum(value: Decimal, code: &str) -> Self {
        Self { value, unit: Unit::Ucum(code.into()) }
    }

    /// Reads what `toQuantity()` accepts: `1`, `1.5 'mg'`, `4 days`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let value = Decimal::parse(number)?;
        let unit = unit.trim();
        if unit.is_empty() {
            return Some(Self::ucum(value, "1"));
        }
        if let Some(code) = unit.strip_prefix('\'') {
            let code = code.strip_suffix('\'').filter(|code| !code.is_empty())?;
            return Some(Self::ucum(value, code));
        }
        Some(Self { value, unit: Unit::Calendar(Calendar::named(unit)?) })
    }

    /// The code of UCUM that it is in.
    pub(super) fn code(&self) -> &str {
        match &self.unit {
            Unit::Calendar(calendar) => calendar.code(),
            Unit::Ucum(code) => code,
        }
    }

    fn months(&self) -> Option<Decimal> {
        match self.unit {
            Unit::Calendar(Calendar::Year) => self.value.multiply(Decimal::from(12)),
            Unit::Calendar(Calendar::Month) => Some(self.value),
            Unit::Calendar(_) | Unit::Ucum(_) => None,
        }
    }

    /// Compares; nothing when the units do not measure the same.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.unit == other.unit {
            return Some(self.value.cmp(&other.value));
        }
        match (self.months(), other.months()) {
            (Some(left), Some(right)) => return Some(left.cmp(&right)),
            (Some(_), None) | (None, Some(_)) => return None,
            (None, None) => {}
        }
        let (left, right) = self.measures(other)?;
        let (left, right) = (left.base(self.value.as_f64()), right.base(other.value.as_f64()));
        let close = (left - right).abs() <= left.abs().max(right.abs()) * 1e-11;
        if close { Some(Ordering::Equal) } else { left.partial_cmp(&right) }
    }

    /// Whether both measure the same kind of thing.
    pub(super) fn comparable(&self, other: &Self) -> bool {
        self.measures(other).is_some()
    }

    fn measures(&self, other: &Self) -> Option<(Measure, Measure)> {
        let (left, right) = (ucum::measure(self.code())?, ucum::measure(other.code())?);
        left.same_kind(&right).then_some((left, right))
    }

    /// `other` in the unit of this one.
    fn converted(&self, other: &Self) -> Option<Decimal> {
        if self.code() == other.code() {
            return Some(other.value);
        }
        let (left, right) = self.measures(other)?;
        Decimal::from_f64(left.told(right.base(other.value.as_f64())))
    }

    /// Whether both are the same as far as the less precise one tells.
    pub(super) fn equivalent(&self, other: &Self) -> bool {
        let Some(value) = self.converted(other) else { return false };
        let scale = self.value.scale().min(value.trimmed().scale().max(other.value.scale()));
        self.value.rounded(scale) == value.rounded(scale)
    }

    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let value = self.value.add(self.converted(other)?)?;
        Some(Self { value, unit: self.unit.clone() })
    }

    pub(super) fn negated(&self) -> Self {
        Self { value: self.value.negated(), unit: self.unit.clone() }
    }

    pub(super) fn multiply(&self, other: &Self) -> Option<Self> {
        let value = self.value.multiply(other.value)?;
        let code = match (self.code(), other.code()) {
            ("1", code) | (code, "1") => code.to_owned(),
            (left, right) => format!("{left}.{right}"),
        };
        Some(Self::ucum(value, &code))
    }

    pub(super) fn divide(&self, other: &Self) -> Option<Self> {
        let value = self.value.divide(other.value)?;
        let code = match (self.code(), other.code()) {
            (code, "1") => code.to_owned(),
            (left, right) if left == right => "1".to_owned(),
            ("1", right) => format!("/{}", grouped(right)),
            (left, right) => format!("{left}/{}", grouped(right)),
        };
        Some(Self::ucum(value, &code))
    }
}

/// A divisor stands in brackets when it is more than one unit.
fn grouped(code: &str) -> String {
    if code.contains(['.', '/']) { format!("({code})") } else { code.to_owned() }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) => write!(formatter, "{} '{code}'", self.value),
            Unit::Calendar(calendar) => {
                let plural = if self.value == Decimal::from(1) { "" } else { "s" };
                write!(formatter, "{} {}{plural}", self.value, calendar.told().0)
            }
        }
    }
}

//! Numbers and quantities, to the digits that were asked for.

use std::cmp::Ordering;

use super::super::query::{split, unescaped};
use super::{Place, Told};

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
}

impl Prefix {
    /// The prefix of a value, and what follows it.
    pub(super) fn split(value: &str) -> (Self, &str) {
        let known = [
            ("eq", Self::Eq),
            ("ne", Self::Ne),
            ("gt", Self::Gt),
            ("lt", Self::Lt),
            ("ge", Self::Ge),
            ("le", Self::Le),
            ("sa", Self::Sa),
            ("eb", Self::Eb),
        ];
        let found = known.iter().find_map(|(word, prefix)| Some((*prefix, value.strip_prefix(word)?)));
        found.unwrap_or((Self::Eq, value))
    }
}

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    prefix: Prefix,
    number: Number,
    unit: Unit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    Any,
    /// This code or unit, of whichever system.
    Named(String),
    /// This code of this system.
    Coded(String, String),
}

impl Wanted {
    /// Reads `[prefix]number`, `[prefix]number|system|code` or `[prefix]number||code`.
    pub(super) fn read(value: &str) -> Option<Self> {
        let (prefix, rest) = Prefix::split(value);
        let parts = split(rest, '|');
        let (number, unit) = match parts.as_slice() {
            [number] => (number, Unit::Any),
            [number, system, code] if system.is_empty() => (number, Unit::Named(unescaped(code))),
            [number, system, code] => (number, Unit::Coded(unescaped(system), unescaped(code))),
            _ => return None,
        };
        Some(Self { prefix, number: Number::read(number)?, unit })
    }

    /// Whether it asks for what is other than a value.
    pub(super) fn is_other(&self) -> bool {
        self.prefix == Prefix::Ne
    }

    fn met_by(&self, found: Number) -> Option<Told> {
        let order = found.compare(self.number)?;
        let within = found.is_within(self.number)?;
        Some(match self.prefix {
            Prefix::Eq => Told::from(within),
            Prefix::Ne => Told::from(!within),
            Prefix::Gt => Told::from(order == Ordering::Greater),
            Prefix::Lt => Told::from(order == Ordering::Less),
            Prefix::Ge => Told::from(order != Ordering::Less),
            Prefix::Le => Told::from(order != Ordering::Greater),
            // These are of dates.
            Prefix::Sa | Prefix::Eb => Told::Open,
        })
    }
}

/// Whether a number is what is wanted.
pub(super) fn meets(place: &Place<'_>, wanted: &Wanted) -> Option<Told> {
    match place.of {
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => {
            wanted.met_by(Number::read(place.node.text()?)?)
        }
        _ => None,
    }
}

/// Whether a quantity is what is wanted.
pub(super) fn meets_quantity(place: &Place<'_>, wanted: &Wanted) -> Option<Told> {
    let node = place.node;
    if !matches!(place.of, "Quantity" | "Age" | "Duration" | "Money" | "Count" | "Distance")
        || node.child("comparator").is_some()
    {
        return None;
    }
    let number = wanted.met_by(Number::read(node.child_text("value")?)?)?;
    let (system, code, unit) = (node.child_text("system"), node.child_text("code"), node.child_text("unit"));
    let unit = match &wanted.unit {
        Unit::Any => true,
        Unit::Named(name) => code == Some(name) || unit == Some(name),
        Unit::Coded(of, name) => system == Some(of) && code == Some(name),
    };
    // Of another unit it may be the same amount, and then a server may know so.
    Some(if unit { number } else { Told::from(false) })
}

/// A number as it was written: units divided by ten to the power of the scale.
#[derive(Debug, Clone, Copy)]
struct Number {
    units: i128,
    scale: u32,
}

impl Number {
    /// Reads a number without an exponent.
    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = whole.trim_start_matches('-');
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() + fraction.len() > 30 || !plain(digits) || !plain(fraction) {
            return None;
        }
        let units: i128 = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { units, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn at(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        Some(self.at(scale)?.cmp(&other.at(scale)?))
    }

    /// Whether it is `other`, to the digits of `other`: 99.5 is 100, 100.5 is not.
    fn is_within(self, other: Self) -> Option<bool> {
        let scale = self.scale.max(other.scale).checked_add(1)?;
        let half =
            5_i128.checked_mul(10_i128.checked_pow(scale.checked_sub(other.scale)?.checked_sub(1)?)?)?;
        let (found, middle) = (self.at(scale)?, other.at(scale)?);
        Some(found >= middle.checked_sub(half)? && found < middle.checked_add(half)?)
    }
}

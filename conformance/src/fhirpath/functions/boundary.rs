//! How far a value that is not exact could reach.

use std::sync::Arc;

use super::super::decimal::Decimal;
use super::super::eval::{Given, Outcome};
use super::super::item::{Collection, Item};
use super::super::moment::{Moment, Precision};
use super::super::quantity::Quantity;
use super::super::values::number;

/// Digits after the point, if none are asked for.
const SCALE: i64 = 8;

/// Most digits that may be asked for.
const SCALE_MOST: i64 = 28;

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Low,
    High,
}

pub(super) fn low<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    boundary(&given, End::Low)
}

pub(super) fn high<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    boundary(&given, End::High)
}

fn boundary<'t>(given: &Given<'_, 't>, end: End) -> Outcome<'t> {
    let asked = given.run.integer(&given.argument(0)?, &given.call.name)?;
    let Some(item) = given.single()? else { return Ok(Collection::empty()) };
    let found = match &item {
        Item::Date(moment) => {
            of_digits(asked.unwrap_or(8)).map(|to| Item::Date(reached(*moment, end, to.min(Precision::Day))))
        }
        Item::DateTime(moment) => {
            of_digits(asked.unwrap_or(17)).map(|to| Item::DateTime(reached(*moment, end, to)))
        }
        Item::Time(moment) => {
            let to = asked.unwrap_or(9).checked_add(8).and_then(of_digits);
            to.map(|to| Item::Time(Moment { offset: None, ..reached(*moment, end, to) }))
        }
        Item::Quantity(quantity) => decimal(quantity.value, end, asked)
            .map(|value| Item::Quantity(Arc::new(Quantity { value, unit: quantity.unit.clone() }))),
        other => match number(other) {
            Some(value) => decimal(value, end, asked).map(Item::Decimal),
            None => return Err(given.wrong_type()),
        },
    };
    Ok(Collection::optional(found))
}

/// The end of the range of numbers that are written so.
fn decimal(value: Decimal, end: End, asked: Option<i64>) -> Option<Decimal> {
    let scale = asked.unwrap_or(SCALE);
    let scale = u8::try_from(scale).ok().filter(|_| scale <= SCALE_MOST)?;
    let half = Decimal::new(5, value.scale().checked_add(1)?);
    let reached = value.add(if end == End::Low { half.negated() } else { half })?;
    let cut = match end {
        End::Low => reached.floor(scale),
        End::High => reached.ceiling(scale),
    };
    // What is smaller than a digit that is asked for is nothing of it.
    let nothing = !value.is_zero()
        && reached.truncated(scale).is_zero()
        && value.scale() > scale
        && value.truncated(scale).is_zero();
    Some(if nothing { Decimal::ZERO.rounded(scale) } else { cut })
}

fn of_digits(digits: i64) -> Option<Precision> {
    Precision::ALL.into_iter().find(|precision| precision.digits() == digits)
}

/// The first or last moment of what is stated, told to a precision.
fn reached(moment: Moment, end: End, to: Precision) -> Moment {
    let mut found = moment;
    let high = end == End::High;
    if moment.precision < Precision::Month {
        found.month = if high { 12 } else { 1 };
    }
    if moment.precision < Precision::Day {
        found.day = if high { last_day(found) } else { 1 };
    }
    if moment.precision < Precision::Hour {
        found.hour = if high { 23 } else { 0 };
    }
    // An hour without minutes, which FHIR does not have, stands for its first minute: so the official tests say.
    if moment.precision < Precision::Minute {
        found.minute = if high && moment.precision != Precision::Hour { 59 } else { 0 };
    }
    if moment.precision < Precision::Second {
        found.second = if high { 59 } else { 0 };
    }
    if moment.precision < Precision::Fraction {
        found.nanos = if high { 999_000_000 } else { 0 };
    }
    found.precision = to;
    found.offset = match moment.offset {
        _ if to < Precision::Hour => None,
        // The places on earth where a day begins first and ends last.
        None if high => Some(-12 * 60),
        None => Some(14 * 60),
        offset => offset,
    };
    found
}

fn last_day(moment: Moment) -> u8 {
    (28..=31).rev().find(|day| Moment { day: *day, ..moment }.civil().is_some()).unwrap_or(28)
}

pub(super) fn precision_of(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Date(moment) | Item::DateTime(moment) => Some(moment.precision.digits()),
        Item::Time(moment) => Some(moment.precision.digits() - 8),
        Item::Quantity(quantity) => Some(i64::from(quantity.value.scale())),
        other => number(other).map(|value| i64::from(value.scale())),
    }
}

pub(super) fn precision<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(item) = given.single()? else { return Ok(Collection::empty()) };
    match precision_of(&item) {
        Some(digits) => Ok(Collection::one(Item::Integer(digits))),
        None => Err(given.wrong_type()),
    }
}

pub(super) fn comparable<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.run.single(&given.argument(0)?, "comparable")?;
    match (given.single()?, other) {
        (Some(Item::Quantity(left)), Some(Item::Quantity(right))) => {
            Ok(Collection::from(left.comparable(&right)))
        }
        (Some(_), Some(_)) => Err(given.wrong_type()),
        _ => Ok(Collection::empty()),
    }
}

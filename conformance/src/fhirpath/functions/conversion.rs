//! Conversion between the types of the language.

use std::sync::Arc;

use super::super::decimal::Decimal;
use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};
use super::super::moment::Moment;
use super::super::quantity::Quantity;
use super::super::values::number;

/// Converts the one item of the input.
fn convert<'t>(given: &Given<'_, 't>, to: fn(&Item<'t>) -> Option<Item<'t>>) -> Outcome<'t> {
    Ok(Collection::optional(given.single()?.and_then(|item| to(&item))))
}

/// Whether the one item of the input can be converted.
fn converts<'t>(given: &Given<'_, 't>, to: fn(&Item<'t>) -> Option<Item<'t>>) -> Outcome<'t> {
    Ok(Collection::optional(given.single()?.map(|item| Item::Boolean(to(&item).is_some()))))
}

fn boolean<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    let value = match item {
        Item::Boolean(value) => *value,
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        other => match number(other)?.integer()? {
            1 => true,
            0 => false,
            _ => return None,
        },
    };
    Some(Item::Boolean(value))
}

fn whole(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Boolean(value) => Some(i64::from(*value)),
        Item::Integer(value) | Item::Long(value) => Some(*value),
        Item::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn integer<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    whole(item).filter(|value| i32::try_from(*value).is_ok()).map(Item::Integer)
}

fn long<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    whole(item).map(Item::Long)
}

fn decimal<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    let value = match item {
        Item::Boolean(value) => Decimal::from(i64::from(*value)),
        Item::String(text) if !text.contains(['e', 'E']) => Decimal::parse(text)?,
        other => number(other)?,
    };
    Some(Item::Decimal(value))
}

fn date<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Date(moment) | Item::DateTime(moment) => Some(Item::Date(moment.to_day())),
        Item::String(text) => {
            Moment::date(text).or_else(|| Moment::date_time(text).map(Moment::to_day)).map(Item::Date)
        }
        _ => None,
    }
}

fn date_time<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Date(moment) | Item::DateTime(moment) => Some(Item::DateTime(*moment)),
        Item::String(text) => Moment::date_time(text).map(Item::DateTime),
        _ => None,
    }
}

fn time<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Time(moment) => Some(Item::Time(*moment)),
        Item::String(text) => Moment::time(text.strip_prefix('T').unwrap_or(text)).map(Item::Time),
        _ => None,
    }
}

fn quantity<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    let found = match item {
        Item::Quantity(quantity) => return Some(Item::Quantity(Arc::clone(quantity))),
        Item::Boolean(value) => Quantity::ucum(Decimal::from(i64::from(*value)), "1"),
        Item::String(text) => Quantity::parse(text)?,
        other => Quantity::ucum(number(other)?, "1"),
    };
    Some(Item::Quantity(Arc::new(found)))
}

fn string<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Node(..) | Item::TypeInfo(_) => None,
        Item::String(text) => Some(Item::String(text.clone())),
        other => Some(Item::string(other.to_string())),
    }
}

/// A quantity in the unit that the argument names, if one is named.
fn in_unit<'t>(given: &Given<'_, 't>) -> Result<Option<Item<'t>>, Failed> {
    let Some(found) = given.single()?.and_then(|item| quantity(&item)) else { return Ok(None) };
    let Some(unit) = given.text_argument(0)? else { return Ok(Some(found)) };
    let Item::Quantity(held) = &found else { return Ok(None) };
    let none = Quantity::ucum(Decimal::ZERO, &unit);
    Ok(none.add(held).map(|converted| Item::Quantity(Arc::new(converted))))
}

pub(super) fn to_quantity<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::optional(in_unit(&given)?))
}

pub(super) fn converts_to_quantity<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if given.input.is_empty() {
        return Ok(Collection::empty());
    }
    Ok(Collection::from(in_unit(&given)?.is_some()))
}

pub(super) fn to_boolean<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, boolean)
}

pub(super) fn converts_to_boolean<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, boolean)
}

pub(super) fn to_integer<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, integer)
}

pub(super) fn converts_to_integer<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, integer)
}

pub(super) fn to_long<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, long)
}

pub(super) fn converts_to_long<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, long)
}

pub(super) fn to_decimal<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, decimal)
}

pub(super) fn converts_to_decimal<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, decimal)
}

pub(super) fn to_date<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, date)
}

pub(super) fn converts_to_date<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, date)
}

pub(super) fn to_date_time<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, date_time)
}

pub(super) fn converts_to_date_time<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, date_time)
}

pub(super) fn to_time<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, time)
}

pub(super) fn converts_to_time<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, time)
}

pub(super) fn to_string<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    convert(&given, string)
}

pub(super) fn converts_to_string<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    converts(&given, string)
}

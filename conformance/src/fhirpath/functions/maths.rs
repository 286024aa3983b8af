//! Numbers.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::ast::Operator;
use super::super::decimal::{Decimal, SCALE_MAX};
use super::super::eval::{Given, Outcome};
use super::super::item::{Collection, Item};
use super::super::quantity::Quantity;
use super::super::values::number;

pub(super) fn abs<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let positive = |value: Decimal| if value.is_negative() { value.negated() } else { value };
    let value = match given.single()? {
        None => None,
        Some(Item::Integer(value)) => value.checked_abs().map(Item::Integer),
        Some(Item::Long(value)) => value.checked_abs().map(Item::Long),
        Some(Item::Decimal(value)) => Some(Item::Decimal(positive(value))),
        Some(Item::Quantity(held)) => {
            let quantity = Quantity { value: positive(held.value), unit: held.unit.clone() };
            Some(Item::Quantity(Arc::new(quantity)))
        }
        Some(_) => return Err(given.wrong_type()),
    };
    Ok(Collection::optional(value))
}

/// An integer of the number that the input is.
fn whole<'t>(given: &Given<'_, 't>, cut: fn(Decimal, u8) -> Decimal) -> Outcome<'t> {
    let Some(item) = given.single()? else { return Ok(Collection::empty()) };
    let value = number(&item).ok_or_else(|| given.wrong_type())?;
    let found = cut(value, 0).integer().map(|value| match item {
        Item::Long(_) => Item::Long(value),
        _ => Item::Integer(value),
    });
    Ok(Collection::optional(found))
}

pub(super) fn ceiling<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    whole(&given, Decimal::ceiling)
}

pub(super) fn floor<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    whole(&given, Decimal::floor)
}

pub(super) fn truncate<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    whole(&given, Decimal::truncated)
}

pub(super) fn round<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(item) = given.single()? else { return Ok(Collection::empty()) };
    let value = number(&item).ok_or_else(|| given.wrong_type())?;
    let scale = match given.call.arguments.len() {
        0 => 0,
        _ => match given.run.integer(&given.argument(0)?, "round")? {
            Some(scale) => scale,
            None => return Ok(Collection::empty()),
        },
    };
    let scale = u8::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX);
    let scale = scale.ok_or_else(|| given.wrong_type())?;
    Ok(Collection::one(Item::Decimal(if value.scale() > scale { value.rounded(scale) } else { value })))
}

/// A decimal of the number that the input is; nothing where the function has no value.
fn real<'t>(given: &Given<'_, 't>, of: impl FnOnce(f64) -> f64) -> Outcome<'t> {
    let Some(item) = given.single()? else { return Ok(Collection::empty()) };
    let value = number(&item).ok_or_else(|| given.wrong_type())?;
    Ok(Collection::optional(Decimal::from_f64(of(value.as_f64())).map(Item::Decimal)))
}

/// As [`real`], of two numbers.
fn real_of<'t>(given: &Given<'_, 't>, of: fn(f64, f64) -> f64) -> Outcome<'t> {
    let Some(other) = given.run.single(&given.argument(0)?, &given.call.name)? else {
        return Ok(Collection::empty());
    };
    let other = number(&other).ok_or_else(|| given.wrong_type())?.as_f64();
    real(given, |value| of(value, other))
}

pub(super) fn exp<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    real(&given, f64::exp)
}

pub(super) fn ln<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    real(&given, f64::ln)
}

pub(super) fn sqrt<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    real(&given, f64::sqrt)
}

pub(super) fn log<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    real_of(&given, |value, base| value.ln() / base.ln())
}

pub(super) fn power<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let exponent = given.run.single(&given.argument(0)?, "power")?;
    let base = given.single()?;
    if let (Some(Item::Integer(base)), Some(Item::Integer(exponent))) = (&base, &exponent)
        && let Ok(exponent) = u32::try_from(*exponent)
    {
        let value = base.checked_pow(exponent).filter(|value| i32::try_from(*value).is_ok());
        return Ok(Collection::optional(value.map(Item::Integer)));
    }
    real_of(&given, f64::powf)
}

/// Joins all items by an operator.
fn folded<'t>(given: &Given<'_, 't>) -> Outcome<'t> {
    let mut items = given.input.iter();
    let mut total = Collection::optional(items.next().map(|first| given.run.worth(first)));
    for item in items {
        total = given.run.arithmetic(&total, Operator::Add, std::slice::from_ref(item))?;
    }
    Ok(total)
}

pub(super) fn sum<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    folded(&given)
}

pub(super) fn avg<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let total = folded(&given)?;
    let count = i64::try_from(given.input.len()).unwrap_or(i64::MAX);
    given.run.arithmetic(&total, Operator::Divide, &[Item::Integer(count)])
}

/// The first of the items in an order.
fn extreme<'t>(given: &Given<'_, 't>, wanted: Ordering) -> Outcome<'t> {
    let mut found: Option<Item<'t>> = None;
    for item in given.input.iter() {
        let item = given.run.worth(item);
        let better = match &found {
            None => true,
            Some(best) => match given.run.order(&item, best, &given.call.name)? {
                Some(order) => order == wanted,
                None => return Ok(Collection::empty()),
            },
        };
        if better {
            found = Some(item);
        }
    }
    Ok(Collection::optional(found))
}

pub(super) fn min<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    extreme(&given, Ordering::Less)
}

pub(super) fn max<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    extreme(&given, Ordering::Greater)
}

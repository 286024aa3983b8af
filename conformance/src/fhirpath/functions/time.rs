//! The clock that is given, and the parts of dates and times.

use super::super::decimal::Decimal;
use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};
use super::super::moment::{Moment, Precision};

fn clock(given: &Given<'_, '_>) -> Result<Moment, Failed> {
    given.run.scope.now.map(Moment::of).ok_or_else(|| Failed::unsupported("a clock"))
}

pub(super) fn now<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::one(Item::DateTime(clock(&given)?)))
}

pub(super) fn today<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::one(Item::Date(clock(&given)?.to_day())))
}

pub(super) fn time_of_day<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::one(Item::Time(clock(&given)?.to_time())))
}

/// A part of the date or time that the input is; nothing if it is not stated.
fn part<'t>(given: &Given<'_, 't>, least: Precision, of: fn(Moment) -> Item<'t>) -> Outcome<'t> {
    match given.single()? {
        None => Ok(Collection::empty()),
        Some(Item::Date(moment) | Item::DateTime(moment) | Item::Time(moment)) => {
            Ok(Collection::optional((moment.precision >= least).then(|| of(moment))))
        }
        Some(_) => Err(given.wrong_type()),
    }
}

pub(super) fn year_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Year, |moment| Item::Integer(moment.year.into()))
}

pub(super) fn month_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Month, |moment| Item::Integer(moment.month.into()))
}

pub(super) fn day_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Day, |moment| Item::Integer(moment.day.into()))
}

pub(super) fn hour_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Hour, |moment| Item::Integer(moment.hour.into()))
}

pub(super) fn minute_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Minute, |moment| Item::Integer(moment.minute.into()))
}

pub(super) fn second_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Second, |moment| Item::Integer(moment.second.into()))
}

pub(super) fn millisecond_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Fraction, |moment| Item::Integer((moment.nanos / 1_000_000).into()))
}

pub(super) fn offset_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    match given.single()? {
        Some(Item::DateTime(Moment { offset: Some(minutes), .. })) => {
            let hours = Decimal::from(i64::from(minutes)).divide(Decimal::from(60));
            Ok(Collection::optional(hours.map(Item::Decimal)))
        }
        _ => Ok(Collection::empty()),
    }
}

pub(super) fn date_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Year, |moment| Item::Date(moment.to_day()))
}

pub(super) fn time_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    part(&given, Precision::Hour, |moment| Item::Time(moment.to_time()))
}

//! Operators on numbers, texts, quantities and dates.

use std::sync::Arc;

use jiff::{Span, civil};

use super::ast::Operator;
use super::decimal::Decimal;
use super::eval::{Outcome, Run};
use super::failed::Failed;
use super::item::{Collection, Item};
use super::moment::{Moment, Precision};
use super::quantity::{Calendar, Quantity};
use super::values::{duration, number};

/// Texts made by an expression are no longer than this.
pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;

impl<'t> Run<'_, 't> {
    pub(super) fn arithmetic(
        &self,
        left: &[Item<'t>],
        operator: Operator,
        right: &[Item<'t>],
    ) -> Outcome<'t> {
        let what = operator.told().0;
        let (left, right) = (self.single(left, what)?, self.single(right, what)?);
        if operator == Operator::Concatenate {
            return self.concatenate(left, right);
        }
        let (Some(left), Some(right)) = (left, right) else { return Ok(Collection::empty()) };
        let value = match (&left, &right) {
            (Item::String(_), Item::String(_)) if operator == Operator::Add => {
                return self.concatenate(Some(left), Some(right));
            }
            (Item::Date(_) | Item::DateTime(_) | Item::Time(_), Item::Quantity(quantity)) => {
                shifted(&left, operator, quantity)?
            }
            _ => match (number(&left), number(&right)) {
                (Some(one), Some(other)) => numbers(&left, one, operator, &right, other),
                _ => quantities(&left, operator, &right)?,
            },
        };
        Ok(Collection::optional(value))
    }

    /// `&`, where nothing is a text without characters.
    fn concatenate(&self, left: Option<Item<'t>>, right: Option<Item<'t>>) -> Outcome<'t> {
        let text = |item: Option<Item<'t>>| match item {
            None => Ok(String::new()),
            Some(Item::Node(..) | Item::TypeInfo(_)) => Err(Failed::wrong_type("&")),
            Some(item) => Ok(item.to_string()),
        };
        let text = text(left)? + &text(right)?;
        self.made(text)
    }

    /// A text as a collection, if it is not too long; its length counts as work.
    pub(super) fn made(&self, text: String) -> Outcome<'t> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Failed::unsupported("a text longer than 4 MiB"));
        }
        self.step(text.len() / 8)?;
        Ok(Collection::one(Item::string(text)))
    }

    pub(super) fn negated(&self, items: &[Item<'t>]) -> Outcome<'t> {
        let value = match self.single(items, "a sign")? {
            None => None,
            Some(Item::Integer(value)) => value.checked_neg().map(Item::Integer),
            Some(Item::Long(value)) => value.checked_neg().map(Item::Long),
            Some(Item::Decimal(value)) => Some(Item::Decimal(value.negated())),
            Some(Item::Quantity(quantity)) => Some(Item::Quantity(Arc::new(quantity.negated()))),
            Some(_) => return Err(Failed::wrong_type("a sign")),
        };
        Ok(Collection::optional(value))
    }
}

fn numbers<'t>(
    left: &Item<'t>,
    one: Decimal,
    operator: Operator,
    right: &Item<'t>,
    other: Decimal,
) -> Option<Item<'t>> {
    let decimal = matches!(left, Item::Decimal(_)) || matches!(right, Item::Decimal(_));
    let long = matches!(left, Item::Long(_)) || matches!(right, Item::Long(_));
    // An integer that does not fit is no value.
    let whole = |value: Decimal| match value.integer() {
        Some(value) if long => Some(Item::Long(value)),
        value => value.filter(|value| i32::try_from(*value).is_ok()).map(Item::Integer),
    };
    let fitting = |value: Decimal| if decimal { Some(Item::Decimal(value)) } else { whole(value) };
    match operator {
        Operator::Add => fitting(one.add(other)?),
        Operator::Subtract => fitting(one.add(other.negated())?),
        Operator::Multiply => fitting(one.multiply(other)?),
        Operator::Divide => one.divide(other).map(Item::Decimal),
        Operator::Div => whole(Decimal::new(one.quotient(other)?, 0)),
        Operator::Mod => fitting(one.remainder(other)?),
        _ => None,
    }
}

fn quantities<'t>(left: &Item<'t>, operator: Operator, right: &Item<'t>) -> Result<Option<Item<'t>>, Failed> {
    let told = |item: &Item<'t>| match item {
        Item::Quantity(quantity) => Some((**quantity).clone()),
        other => number(other).map(|value| Quantity::ucum(value, "1")),
    };
    let wrong = || Failed::wrong_type(operator.told().0);
    let (one, other) = (told(left).ok_or_else(wrong)?, told(right).ok_or_else(wrong)?);
    let value = match operator {
        Operator::Add => one.add(&other),
        Operator::Subtract => one.add(&other.negated()),
        Operator::Multiply => one.multiply(&other),
        Operator::Divide => one.divide(&other),
        _ => return Err(wrong()),
    };
    Ok(value.map(|value| Item::Quantity(Arc::new(value))))
}

/// A date or time before or after `quantity`.
fn shifted<'t>(item: &Item<'t>, operator: Operator, quantity: &Quantity) -> Result<Option<Item<'t>>, Failed> {
    let wrong = || Failed::wrong_type(operator.told().0);
    let value = match operator {
        Operator::Add => quantity.value,
        Operator::Subtract => quantity.value.negated(),
        _ => return Err(wrong()),
    };
    let unit = duration(quantity).ok_or_else(wrong)?;
    Ok(match item {
        Item::Date(moment) => moved(*moment, value, unit).map(Item::Date),
        Item::DateTime(moment) => moved(*moment, value, unit).map(Item::DateTime),
        Item::Time(moment) => turned(*moment, value, unit).ok_or_else(wrong)?.map(Item::Time),
        _ => None,
    })
}

/// A span of whole units; of seconds also parts.
fn span(value: Decimal, unit: Calendar) -> Option<Span> {
    let whole = value.truncated(0).integer()?;
    let empty = Span::new();
    match unit {
        Calendar::Year => empty.try_years(whole).ok(),
        Calendar::Month => empty.try_months(whole).ok(),
        Calendar::Week => empty.try_weeks(whole).ok(),
        Calendar::Day => empty.try_days(whole).ok(),
        Calendar::Hour => empty.try_hours(whole).ok(),
        Calendar::Minute => empty.try_minutes(whole).ok(),
        Calendar::Second => {
            let thousand = value.multiply(Decimal::from(1_000))?.truncated(0).integer()?;
            empty.try_milliseconds(thousand).ok()
        }
        Calendar::Millisecond => empty.try_milliseconds(whole).ok(),
    }
}

/// Moves a date or dateTime. What is finer than it states is counted in whole units of what it states.
fn moved(moment: Moment, value: Decimal, unit: Calendar) -> Option<Moment> {
    let (value, unit) = match moment.precision {
        Precision::Year => coarse(value, unit, Calendar::Year)?,
        Precision::Month => coarse(value, unit, Calendar::Month)?,
        Precision::Day => coarse(value, unit, Calendar::Day)?,
        Precision::Hour | Precision::Minute | Precision::Second | Precision::Fraction => (value, unit),
    };
    let found = moment.civil()?.checked_add(span(value, unit)?).ok()?;
    (found.year() > 0).then(|| moment.with(found))
}

/// A duration in `least`, or as it is if that is longer.
fn coarse(value: Decimal, unit: Calendar, least: Calendar) -> Option<(Decimal, Calendar)> {
    let days = match unit {
        Calendar::Year => 365,
        Calendar::Month => 30,
        Calendar::Week => 7,
        Calendar::Day => 1,
        Calendar::Hour | Calendar::Minute | Calendar::Second | Calendar::Millisecond => 0,
    };
    let wanted = match least {
        Calendar::Year => 365,
        Calendar::Month => 30,
        _ => 1,
    };
    if days >= wanted {
        return Some((value, unit));
    }
    if unit == Calendar::Month && least == Calendar::Year {
        return Some((value.divide(Decimal::from(12))?.truncated(0), least));
    }
    let per_day = match unit {
        Calendar::Hour => 24,
        Calendar::Minute => 24 * 60,
        Calendar::Second => 24 * 3_600,
        Calendar::Millisecond => 24 * 3_600_000,
        _ => 1,
    };
    let in_days = value.multiply(Decimal::from(days.max(1)))?.divide(Decimal::from(per_day))?;
    Some((in_days.divide(Decimal::from(wanted))?.truncated(0), least))
}

/// Turns a time of day; whole days make no difference. Nothing outside for a unit that times do not have.
#[expect(clippy::option_option, reason = "no such time is not a wrong unit")]
fn turned(moment: Moment, value: Decimal, unit: Calendar) -> Option<Option<Moment>> {
    if !matches!(unit, Calendar::Hour | Calendar::Minute | Calendar::Second | Calendar::Millisecond) {
        return None;
    }
    let turn = || {
        let span = span(value, unit)?;
        let time = moment.civil()?.time().wrapping_add(span);
        Some(moment.with(civil::Date::new(1, 1, 1).ok()?.to_datetime(time)))
    };
    Some(turn())
}

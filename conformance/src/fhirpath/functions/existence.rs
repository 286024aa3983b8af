//! Whether there is something, and whether it is true.

use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};

pub(super) fn empty<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(given.input.is_empty()))
}

pub(super) fn exists<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if given.call.arguments.is_empty() {
        return Ok(Collection::from(!given.input.is_empty()));
    }
    for (index, item) in given.input.iter().enumerate() {
        if given.run.truth(&given.on(0, item, index)?)? == Some(true) {
            return Ok(Collection::from(true));
        }
    }
    Ok(Collection::from(false))
}

pub(super) fn all<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    for (index, item) in given.input.iter().enumerate() {
        if given.run.truth(&given.on(0, item, index)?)? != Some(true) {
            return Ok(Collection::from(false));
        }
    }
    Ok(Collection::from(true))
}

/// The booleans of the input.
fn booleans(given: &Given<'_, '_>) -> Result<Vec<bool>, Failed> {
    let boolean = |item| match given.run.worth(item) {
        Item::Boolean(value) => Ok(value),
        _ => Err(given.wrong_type()),
    };
    given.input.iter().map(boolean).collect()
}

pub(super) fn all_true<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(booleans(&given)?.into_iter().all(|value| value)))
}

pub(super) fn any_true<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(booleans(&given)?.into_iter().any(|value| value)))
}

pub(super) fn all_false<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(booleans(&given)?.into_iter().all(|value| !value)))
}

pub(super) fn any_false<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(booleans(&given)?.into_iter().any(|value| !value)))
}

pub(super) fn count<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let count = i64::try_from(given.input.len()).map_err(|_| given.wrong_type())?;
    Ok(Collection::one(Item::Integer(count)))
}

pub(super) fn not<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    // A number counts as a condition that is met, whichever it is.
    match given.run.truth(&given.input) {
        Ok(value) => Ok(Collection::optional(value.map(|value| Item::Boolean(!value)))),
        Err(_) => Err(Failed::not_single("not")),
    }
}

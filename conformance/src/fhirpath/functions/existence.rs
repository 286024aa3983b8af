//! Whether there is something, and whether it is true.

use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};

pub(super) fn empty<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::boolean(given.input.is_empty()))
}

pub(super) fn exists<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if given.call.arguments.is_empty() {
        return Ok(Collection::boolean(!given.input.is_empty()));
    }
    for (index, item) in given.input.iter().enumerate() {
        if given.run.truth(&given.on(0, item, index)?)? == Some(true) {
            return Ok(Collection::boolean(true));
        }
    }
    Ok(Collection::boolean(false))
}

pub(super) fn all<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    for (index, item) in given.input.iter().enumerate() {
        if given.run.truth(&given.on(0, item, index)?)? != Some(true) {
            return Ok(Collection::boolean(false));
        }
    }
    Ok(Collection::boolean(true))
}

/// Whether each, or any, of a collection of booleans is `wanted`.
fn booleans<'t>(given: &Given<'_, 't>, wanted: bool, each: Each) -> Outcome<'t> {
    let mut any = false;
    let mut all = true;
    for item in given.input.iter() {
        let Item::Boolean(value) = given.run.worth(item) else { return Err(given.wrong_type()) };
        any |= value == wanted;
        all &= value == wanted;
    }
    Ok(Collection::boolean(match each {
        Each::All => all,
        Each::Any => any,
    }))
}

enum Each {
    All,
    Any,
}

pub(super) fn all_true<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    booleans(&given, true, Each::All)
}

pub(super) fn any_true<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    booleans(&given, true, Each::Any)
}

pub(super) fn all_false<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    booleans(&given, false, Each::All)
}

pub(super) fn any_false<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    booleans(&given, false, Each::Any)
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

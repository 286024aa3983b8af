//! Collections as sets.

use super::super::equal::Distinct;
use super::super::eval::{Given, Outcome};
use super::super::item::{Collection, Item};

fn subset<'t>(given: &Given<'_, 't>, part: &[Item<'t>], whole: &[Item<'t>]) -> Outcome<'t> {
    for item in part {
        if !given.run.holds(whole, item)? {
            return Ok(Collection::from(false));
        }
    }
    Ok(Collection::from(true))
}

pub(super) fn subset_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    subset(&given, &given.input, &other)
}

pub(super) fn superset_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    subset(&given, &other, &given.input)
}

pub(super) fn distinct<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    given.run.distinct(given.input)
}

pub(super) fn is_distinct<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut kept = Distinct::of(given.input.len());
    for item in given.input.iter() {
        if !kept.add(given.run, item.clone())? {
            return Ok(Collection::from(false));
        }
    }
    Ok(Collection::from(true))
}

pub(super) fn intersect<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    let mut found = Collection::empty();
    for item in given.input.iter() {
        if given.run.holds(&other, item)? {
            found.push(item.clone());
        }
    }
    given.run.distinct(found)
}

pub(super) fn exclude<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    let mut found = Collection::empty();
    for item in given.input.iter() {
        if !given.run.holds(&other, item)? {
            found.push(item.clone());
        }
    }
    Ok(found)
}

pub(super) fn union<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    let mut all = given.input;
    all.append(other);
    given.run.distinct(all)
}

pub(super) fn combine<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    let mut all = given.input;
    all.append(other);
    Ok(all)
}

//! Filtering, projection, parts, ways through the tree.

use std::cmp::Ordering;

use super::super::ast::Expr;
use super::super::equal::Distinct;
use super::super::eval::{Env, Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};

pub(super) fn r#where<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut found = Collection::empty();
    for (index, item) in given.input.iter().enumerate() {
        if given.run.truth(&given.on(0, item, index)?)? == Some(true) {
            found.push(item.clone());
        }
    }
    Ok(found)
}

pub(super) fn select<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut found = Collection::empty();
    for (index, item) in given.input.iter().enumerate() {
        let yielded = given.on(0, item, index)?;
        given.run.keep(yielded.len())?;
        found.append(yielded);
    }
    Ok(found)
}

pub(super) fn repeat<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut kept = Distinct::of(usize::MAX);
    let mut next = 0;
    let mut fresh: Vec<Item<'t>> = given.input.iter().cloned().collect();
    loop {
        let mut yielded = Vec::new();
        for (index, item) in fresh.iter().enumerate() {
            yielded.extend(given.on(0, item, index)?);
        }
        for item in yielded {
            kept.add(given.run, item)?;
        }
        fresh = kept.items.get(next..).unwrap_or_default().to_vec();
        next = kept.items.len();
        if fresh.is_empty() {
            return Ok(kept.items.into());
        }
    }
}

/// As [`repeat`], with equal items kept; the steps end it.
pub(super) fn repeat_all<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut found = Vec::new();
    let mut fresh: Vec<Item<'t>> = given.input.iter().cloned().collect();
    while !fresh.is_empty() {
        let mut yielded = Vec::new();
        for (index, item) in fresh.iter().enumerate() {
            yielded.extend(given.on(0, item, index)?);
        }
        given.run.keep(yielded.len())?;
        found.extend(yielded.iter().cloned());
        fresh = yielded;
    }
    Ok(found.into())
}

pub(super) fn iif<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    // The condition looks at the one item of the input, if that is what there is.
    let env = match &*given.input {
        [] => given.env.clone(),
        [_] => Env { this: &given.input, ..given.env.clone() },
        _ if given.input.len() == given.env.this.len() && is_focus(&given) => given.env.clone(),
        _ => return Err(Failed::not_single("iif")),
    };
    let evaluate = |at: usize| match given.call.arguments.get(at) {
        Some(argument) => given.run.evaluate(argument, &env),
        None => Ok(Collection::empty()),
    };
    let condition = evaluate(0)?;
    let met = match &*condition {
        [] => false,
        [item] => match given.run.worth(item) {
            Item::Boolean(met) => met,
            _ => return Err(given.wrong_type()),
        },
        _ => return Err(Failed::not_single("the condition of iif")),
    };
    evaluate(if met { 1 } else { 2 })
}

/// Whether the input is the focus itself: `iif(..)` without anything before it.
fn is_focus(given: &Given<'_, '_>) -> bool {
    given.input.iter().zip(given.env.this).all(|(one, other)| match (one, other) {
        (Item::Node(one, _), Item::Node(other, _)) => one == other,
        _ => false,
    })
}

pub(super) fn coalesce<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    for at in 0..given.call.arguments.len() {
        let found = given.argument(at)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Collection::empty())
}

pub(super) fn aggregate<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(step) = given.call.arguments.first() else { return Ok(Collection::empty()) };
    let mut total = given.argument(1)?;
    for (index, item) in given.input.iter().enumerate() {
        let env = Env {
            this: std::slice::from_ref(item),
            index: i64::try_from(index).ok(),
            total: &total,
            defined: given.env.defined.clone(),
        };
        total = given.run.evaluate(step, &env)?;
    }
    Ok(total)
}

/// Sorts by the arguments one after the other; a minus before one turns its order. What has no key comes first.
pub(super) fn sort<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut keyed: Vec<(Vec<Option<Item<'t>>>, Item<'t>)> = Vec::with_capacity(given.input.len());
    for (index, item) in given.input.iter().enumerate() {
        let mut keys = Vec::with_capacity(given.call.arguments.len().max(1));
        for argument in &given.call.arguments {
            let argument = if let Expr::Negated(inner) = argument { inner } else { argument };
            let env = Env {
                this: std::slice::from_ref(item),
                index: i64::try_from(index).ok(),
                ..given.env.clone()
            };
            let key = given.run.evaluate(argument, &env)?;
            keys.push(given.run.single(&key, "a key of sort")?);
        }
        if given.call.arguments.is_empty() {
            keys.push(Some(given.run.worth(item)));
        }
        keyed.push((keys, item.clone()));
    }
    let turned = |at: usize| matches!(given.call.arguments.get(at), Some(Expr::Negated(_)));
    let mut failed = None;
    keyed.sort_by(|(left, _), (right, _)| {
        for (at, (one, other)) in left.iter().zip(right).enumerate() {
            let order = match (one, other) {
                (Some(one), Some(other)) => match given.run.order(one, other, "sort") {
                    Ok(order) => order.unwrap_or(Ordering::Equal),
                    Err(found) => {
                        failed.get_or_insert(found);
                        Ordering::Equal
                    }
                },
                (one, other) => return one.is_some().cmp(&other.is_some()),
            };
            let order = if turned(at) { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    });
    match failed {
        Some(failed) => Err(failed),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

pub(super) fn single<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if given.input.len() > 1 { Err(Failed::not_single("single")) } else { Ok(given.input) }
}

pub(super) fn first<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::optional(given.input.into_iter().next()))
}

pub(super) fn last<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::optional(given.input.last().cloned()))
}

pub(super) fn tail<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(given.input.into_iter().skip(1).collect())
}

/// A count; none is an error of type.
fn counted(given: &Given<'_, '_>) -> Result<Option<usize>, Failed> {
    let count = given.run.integer(&given.argument(0)?, &given.call.name)?;
    Ok(count.map(|count| usize::try_from(count).unwrap_or(0)))
}

pub(super) fn skip<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(count) = counted(&given)? else { return Ok(Collection::empty()) };
    Ok(given.input.into_iter().skip(count).collect())
}

pub(super) fn take<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(count) = counted(&given)? else { return Ok(Collection::empty()) };
    Ok(given.input.into_iter().take(count).collect())
}

/// The children of items, with their types.
fn below<'t>(given: &Given<'_, 't>, items: &[Item<'t>]) -> Outcome<'t> {
    let model = given.run.scope.model;
    let mut found = Collection::empty();
    for item in items {
        let Item::Node(node, of) = item else { continue };
        for child in node.children() {
            let inline = child.resource_type().and_then(|name| model.type_named(name));
            let told = || of.and_then(|of| model.element(of, child.name())).and_then(|field| field.of);
            found.push(Item::Node(child, inline.or_else(told)));
        }
    }
    given.run.keep(found.len())?;
    Ok(found)
}

pub(super) fn children<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    below(&given, &given.input)
}

pub(super) fn descendants<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let mut found = Vec::new();
    let mut level = below(&given, &given.input)?;
    while !level.is_empty() {
        found.extend(level.iter().cloned());
        level = below(&given, &level)?;
    }
    Ok(found.into())
}

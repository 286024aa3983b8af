//! What FHIR adds to the language.

use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};
use crate::tree::Node;

/// Where the base definitions are.
const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

fn extensions<'t>(given: &Given<'_, 't>) -> Outcome<'t> {
    let Some(url) = given.text_argument(0)? else { return Ok(Collection::empty()) };
    let all = given.run.children(&given.input, "extension")?;
    let called = |item: &Item<'t>| item.node().and_then(|node| node.child_text("url")) == Some(&*url);
    Ok(all.into_iter().filter(called).collect())
}

pub(super) fn extension<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    extensions(&given)
}

pub(super) fn has_extension<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(!extensions(&given)?.is_empty()))
}

/// Whether the input is one primitive with a value.
fn valued(items: &[Item<'_>]) -> bool {
    match items {
        [Item::Node(node, _)] => node.value().is_some(),
        [Item::TypeInfo(_)] => false,
        items => items.len() == 1,
    }
}

pub(super) fn has_value<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(Collection::from(valued(&given.input)))
}

pub(super) fn value<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if !valued(&given.input) {
        return Ok(Collection::empty());
    }
    Ok(given.input.iter().map(|item| given.run.worth(item)).collect())
}

pub(super) fn member_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(value_set) = given.text_argument(0)? else { return Ok(Collection::empty()) };
    let coded = match &*given.input {
        [] => return Ok(Collection::empty()),
        [coded] => coded,
        _ => return Err(Failed::not_single("memberOf")),
    };
    let told = given.run.scope.terminology.and_then(|terminology| terminology.member_of(coded, &value_set));
    told.map(Collection::from).ok_or_else(|| Failed::unsupported("memberOf without what it needs to know"))
}

/// Asks whether one concept subsumes the other.
fn subsumption<'t>(given: &Given<'_, 't>, general: &[Item<'t>], special: &[Item<'t>]) -> Outcome<'t> {
    let ([general], [special]) = (general, special) else { return Ok(Collection::empty()) };
    let told = given.run.scope.terminology.and_then(|terminology| terminology.subsumes(general, special));
    told.map(Collection::from).ok_or_else(|| Failed::unsupported("subsumption without what it needs to know"))
}

pub(super) fn subsumes<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    subsumption(&given, &given.input, &other)
}

pub(super) fn subsumed_by<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let other = given.argument(0)?;
    subsumption(&given, &other, &given.input)
}

pub(super) fn conforms_to<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(profile) = given.text_argument(0)? else { return Ok(Collection::empty()) };
    let (node, of) = match &*given.input {
        [] => return Ok(Collection::empty()),
        [Item::Node(node, of)] => (*node, *of),
        [_] => return Ok(Collection::from(false)),
        _ => return Err(Failed::not_single("conformsTo")),
    };
    let scope = given.run.scope;
    if let Some(told) = scope.profiles.and_then(|profiles| profiles.conforms(node, &profile)) {
        return Ok(Collection::from(told));
    }
    // To its own base definition everything is taken to conform; validation asks more.
    let base = profile.strip_prefix(BASE).and_then(|name| scope.model.type_named(name));
    match base.zip(of) {
        Some((base, of)) => Ok(Collection::from(scope.model.is_a(of, base))),
        None => Err(Failed::unsupported("conformsTo a profile that is not known")),
    }
}

pub(super) fn html_checks<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(node) = given.input.first().and_then(Item::node) else { return Ok(Collection::empty()) };
    let markup = |node: Node<'t>| node.text().filter(|text| text.trim_start().starts_with('<'));
    Ok(Collection::optional(
        markup(node).map(|text| Item::Boolean(crate::tree::check_narrative(text).is_ok())),
    ))
}

pub(super) fn unsupported<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Err(Failed::UnknownFunction { name: given.call.name.clone() })
}

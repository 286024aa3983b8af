//! Where a parameter looks, as FHIRPath over a resource.

use fhir::tables::SearchPath;

use crate::fhirpath::{Expression, Item, Scope};
use crate::model::{Model, Tables};
use crate::tree::Node;

/// A value that a parameter compares.
#[derive(Clone, Copy)]
pub(in super::super) struct Place<'t> {
    /// Where it stands.
    pub(in super::super) node: Node<'t>,
    /// Its type; empty where the tables do not know it.
    pub(in super::super) of: &'static str,
    /// The one type that a reference there must lead to.
    pub(super) leads_to: Option<&'static str>,
}

/// Every value at `paths` below `node`; nothing where one of them cannot be told as FHIRPath.
pub(in super::super) fn at_all<'t>(node: Node<'t>, paths: &[SearchPath]) -> Option<Vec<Place<'t>>> {
    let mut found = Vec::new();
    for path in paths {
        let leads_to = path.resolves_to().map(fhir::tables::TypeId::name);
        let places = at(node, &expression(path)?)?;
        found.extend(places.into_iter().map(|place| Place { leads_to, ..place }));
    }
    Some(found)
}

/// What an expression finds below `node`; the empty one the node itself.
pub(in super::super) fn at<'t>(node: Node<'t>, expression: &str) -> Option<Vec<Place<'t>>> {
    let text = if expression.is_empty() { "$this" } else { expression };
    let read = Expression::parse(text).ok()?;
    let found = read.evaluate(&Scope::new(&Tables::R4, node)).ok()?;
    let place = |item: &Item<'t>| match item {
        Item::Node(node, of) => {
            let of = of.map_or("", |of| fhir::tables::TypeId::at(of.0 as usize).map_or("", |id| id.name()));
            // What has only extensions has no value.
            (!node.is_empty()).then_some(Place { node: *node, of, leads_to: None })
        }
        Item::Boolean(_)
        | Item::Integer(_)
        | Item::Long(_)
        | Item::Decimal(_)
        | Item::String(_)
        | Item::Date(_)
        | Item::DateTime(_)
        | Item::Time(_)
        | Item::Quantity(_)
        | Item::TypeInfo(_) => None,
    };
    Some(found.iter().filter_map(place).collect())
}

/// A path of the tables as an expression: `telecom.where(system = 'phone')`, `value.ofType(Quantity)`.
fn expression(path: &SearchPath) -> Option<String> {
    if path.path().contains(':') {
        return None;
    }
    let (mut written, mut here) = (String::new(), String::new());
    for step in path.path().split('.') {
        for (text, step) in [(&mut written, step.trim_end_matches("[x]")), (&mut here, step)] {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(step);
        }
        for condition in path.conditions().iter().filter(|condition| condition.on() == here) {
            let child = condition.read().strip_prefix(&here)?.strip_prefix('.')?;
            match condition.equals() {
                Some(equals) => written.push_str(&format!(".where({child} = '{equals}')")),
                None => written.push_str(&format!(".where({child}.exists())")),
            }
        }
    }
    if let Some(choice) = path.choice() {
        written.push_str(&format!(".ofType({})", Tables::R4.name(Tables::R4.type_named(choice.name())?)));
    }
    Some(written)
}

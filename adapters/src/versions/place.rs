//! Setting values in what is being put together.

use fhir::tables::Element;

use super::item::Item;
use super::maps::{Step, Which};
use crate::tree::{Node, Object};

/// Whether a value can be put at the end of `path`.
pub(super) fn has_room(object: &Object, path: &[Step], target: &Element) -> bool {
    match path {
        [] => false,
        [last] => {
            let is_free =
                object.find(&last.name).is_none() && object.find(&format!("_{}", last.name)).is_none();
            (target.is_array() || is_free) && (!target.is_choice() || !has_other_type(object, target))
        }
        [step, rest @ ..] => match (&step.which, object.find(&step.name)) {
            (Which::Each | Which::Saying(..), _) | (_, None) => true,
            (Which::Whole, Some(Node::Object(inner))) => has_room(inner, rest, target),
            (Which::First, Some(Node::List(all))) => match all.first() {
                Some(Node::Object(inner)) => has_room(inner, rest, target),
                _ => false,
            },
            _ => false,
        },
    }
}

/// Whether another type of a choice is there.
fn has_other_type(object: &Object, target: &Element) -> bool {
    target.owner().keys().any(|(key, found)| {
        found.id() == target.id()
            && key != target.key()
            && (object.find(key).is_some() || object.find(&format!("_{key}")).is_some())
    })
}

/// Puts a value at the end of `path`, and `inside` into the part that the value is in.
pub(super) fn place(
    object: &mut Object,
    path: &[Step],
    target: &Element,
    item: Item,
    inside: Vec<(Element, Item)>,
) {
    match path {
        [] => {}
        [last] => {
            add(object, &last.name, target, item);
            for (element, item) in inside {
                add(object, element.key(), &element, item);
            }
        }
        [step, rest @ ..] => {
            let is_new = matches!(step.which, Which::Each | Which::Saying(..));
            if object.find(&step.name).is_none() {
                let empty =
                    if step.which == Which::Whole { Object::new().into() } else { Node::List(Vec::new()) };
                object.put(&step.name, empty);
            }
            let slot = match object.find_mut(&step.name) {
                Some(Node::List(all)) => {
                    if is_new || all.is_empty() {
                        let mut fresh = Object::new();
                        if let Which::Saying(key, value) = &step.which {
                            fresh.put(key, Node::text(value.as_str()));
                        }
                        all.push(fresh.into());
                    }
                    if is_new { all.last_mut() } else { all.first_mut() }
                }
                slot => slot,
            };
            if let Some(Node::Object(inner)) = slot {
                place(inner, rest, target, item, inside);
            }
        }
    }
}

/// Adds a value to an element.
pub(super) fn add(object: &mut Object, name: &str, element: &Element, item: Item) {
    let is_list = element.is_array();
    match item {
        Item::Complex(node) if is_list => object.push(name, node),
        Item::Complex(node) => object.put(name, node),
        Item::Primitive { value, beside } if !is_list => {
            if let Some(value) = value {
                object.put(name, value);
            }
            if let Some(beside) = beside {
                object.put(&format!("_{name}"), beside.into());
            }
        }
        Item::Primitive { value, beside } => {
            let sibling = format!("_{name}");
            let length = [name, sibling.as_str()].map(|name| match object.find(name) {
                Some(Node::List(all)) => all.len(),
                _ => 0,
            });
            let length = length.into_iter().max().unwrap_or_default();
            let pairs = [(name, value), (sibling.as_str(), beside.map(Node::from))];
            for (name, node) in pairs {
                if node.is_none() && object.find(name).is_none() {
                    continue;
                }
                if object.find(name).is_none() {
                    object.put(name, Node::List(vec![null(); length]));
                }
                if let Some(Node::List(all)) = object.find_mut(name) {
                    while all.len() < length {
                        all.push(null());
                    }
                    all.push(node.unwrap_or_else(null));
                }
            }
        }
    }
}

fn null() -> Node {
    Node::Bare("null".to_owned())
}

/// Brings lists of primitives and what stands beside them to one length.
pub(super) fn settle(object: &mut Object) {
    let longer: Vec<(String, usize)> = object
        .members()
        .filter(|(name, _)| name.starts_with('_'))
        .filter_map(|(name, node)| match (node, object.find(name.get(1..)?)) {
            (Node::List(besides), Some(Node::List(values))) if besides.len() != values.len() => {
                Some((name.to_owned(), besides.len().max(values.len())))
            }
            _ => None,
        })
        .collect();
    for (name, length) in longer {
        for name in [name.as_str(), name.get(1..).unwrap_or_default()] {
            if let Some(Node::List(all)) = object.find_mut(name) {
                all.resize(length, null());
            }
        }
    }
}

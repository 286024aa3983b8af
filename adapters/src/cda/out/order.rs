//! The order of the elements of CDA, which its schema prescribes: `maps/cda-out/order.map`.
//!
//! ```text
//! TYPE CHILD[:TYPE][!]...     the children of a type in their order; `!`: without it the element is not one
//! *TYPE CHILD[:TYPE]...       in any order, with text between
//! ```
//! What has no type is a plain value: it has the children of `VALUE`.

use std::collections::HashMap;

use super::xml::{Element, Item};

/// The type of what has none.
const PLAIN: &str = "VALUE";

/// All types.
#[derive(Debug, Default)]
pub(super) struct Order(HashMap<String, Kind>);

#[derive(Debug, Default)]
struct Kind {
    mixes: Mixes,
    children: Vec<(String, String)>,
}

/// Whether the children of an element stand in an order of their own.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mixes {
    #[default]
    Never,
    Always,
}

impl Order {
    /// Reads the table; the error is the number of the line.
    pub(super) fn read(text: &str) -> Result<Self, usize> {
        let mut order = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split_whitespace();
            let Some(name) = words.next().filter(|name| !name.starts_with('#')) else { continue };
            let (name, mixes) =
                name.strip_prefix('*').map_or((name, Mixes::Never), |name| (name, Mixes::Always));
            let children = words.map(|word| {
                let word = word.trim_end_matches('!');
                let (child, kind) = match word.rsplit_once(':') {
                    Some((child, kind)) if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
                        (child, kind)
                    }
                    _ => (word, PLAIN),
                };
                (child.to_owned(), kind.to_owned())
            });
            let kind = Kind { mixes, children: children.collect() };
            if order.0.insert(name.to_owned(), kind).is_some() {
                return Err(number);
            }
        }
        let is_known = |kind: &String| order.0.contains_key(kind);
        if order.0.values().flat_map(|kind| &kind.children).all(|(_, kind)| is_known(kind)) {
            Ok(order)
        } else {
            Err(0)
        }
    }

    /// The type of the child `name` of `kind`, if it may have one.
    pub(super) fn child(&self, kind: &str, name: &str) -> Option<&str> {
        let children = &self.0.get(kind)?.children;
        children.iter().find(|(child, _)| child == name).map(|(_, kind)| kind.as_str())
    }

    /// Puts the children of `element`, which is a `kind`, into their order, at every depth. False when one may not be there.
    #[must_use]
    pub(super) fn arrange(&self, element: &mut Element, kind: &str) -> bool {
        let Some(kind) = self.0.get(kind) else { return false };
        let place = |name: &str| kind.children.iter().position(|(child, _)| child == name);
        let mut all_known = true;
        for item in &mut element.content {
            if let Item::Element(child) = item {
                let inner = place(&child.name).and_then(|at| kind.children.get(at));
                all_known &= inner.is_some_and(|(_, inner)| self.arrange(child, inner));
            }
        }
        if kind.mixes == Mixes::Never {
            element.content.sort_by_key(|item| match item {
                Item::Element(child) => place(&child.name).map_or(usize::MAX, |at| at + 1),
                Item::Text(_) => 0,
            });
        }
        all_known
    }
}

//! Equality, equivalence, and what is made of them: sets.

use std::collections::HashMap;

use super::eval::{Outcome, Run};
use super::failed::Failed;
use super::item::{Collection, Item};
use super::moment::Moment;
use super::quantity::Quantity;
use super::scope::Mode;
use super::values::number;
use crate::tree::Node;

/// Collections up to this size are compared item by item.
const SMALL: usize = 12;

impl<'t> Run<'_, 't> {
    /// Whether two collections are equal; nothing when one is empty or what is stated does not tell.
    pub(super) fn equal(&self, left: &[Item<'t>], right: &[Item<'t>]) -> Result<Option<bool>, Failed> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        let mut all = Some(true);
        for (left, right) in left.iter().zip(right) {
            match self.items_equal(left, right)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    pub(super) fn items_equal(&self, left: &Item<'t>, right: &Item<'t>) -> Result<Option<bool>, Failed> {
        self.step(1)?;
        let (told, other) = (self.worth(left), self.worth(right));
        if let (Item::Node(left, _), Item::Node(right, _)) = (&told, &other) {
            return Ok(Some(self.nodes_equal(*left, *right)?));
        }
        if let (Some(left), Some(right)) = (number(&told), number(&other)) {
            return Ok(Some(left == right));
        }
        Ok(match (&told, &other) {
            (Item::String(left), Item::String(right)) => Some(**left == **right),
            (Item::Boolean(left), Item::Boolean(right)) => Some(left == right),
            (Item::Date(left) | Item::DateTime(left), Item::Date(right) | Item::DateTime(right))
            | (Item::Time(left), Item::Time(right)) => left.compare(*right).map(std::cmp::Ordering::is_eq),
            (Item::TypeInfo(left), Item::TypeInfo(right)) => Some(left == right),
            (Item::String(text), _) => Some(self.text_equal(text, right, &other)),
            (_, Item::String(text)) => Some(self.text_equal(text, left, &told)),
            _ => match quantities(&told, &other) {
                Some((left, right)) => left.compare(&right).map(std::cmp::Ordering::is_eq),
                None => Some(false),
            },
        })
    }

    /// Whether a text is that of an element: always for dates, and for every primitive where scripts are read.
    fn text_equal(&self, text: &str, item: &Item<'t>, worth: &Item<'t>) -> bool {
        let date = matches!(worth, Item::Date(_) | Item::DateTime(_) | Item::Time(_));
        let told = item.node().and_then(Node::text);
        told.is_some_and(|told| (date || self.scope.mode == Mode::Lenient) && told == text)
    }

    /// Whether two elements say the same, child by child.
    fn nodes_equal(&self, left: Node<'t>, right: Node<'t>) -> Result<bool, Failed> {
        self.step(1)?;
        if left == right {
            return Ok(true);
        }
        if left.text() != right.text() || left.resource_type() != right.resource_type() {
            return Ok(false);
        }
        let (mut mine, mut theirs) = (left.children(), right.children());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return Ok(true),
                (Some(one), Some(other)) if one.name() == other.name() => {
                    if !self.nodes_equal(one, other)? {
                        return Ok(false);
                    }
                }
                _ => return Ok(false),
            }
        }
    }

    /// Whether two collections hold equivalent items in any order.
    pub(super) fn equivalent(&self, left: &[Item<'t>], right: &[Item<'t>]) -> Result<bool, Failed> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut free: Vec<&Item<'t>> = right.iter().collect();
        for one in left {
            let mut found = None;
            for (at, other) in free.iter().enumerate() {
                if self.items_equivalent(one, other)? {
                    found = Some(at);
                    break;
                }
            }
            let Some(at) = found else { return Ok(false) };
            free.swap_remove(at);
        }
        Ok(true)
    }

    fn items_equivalent(&self, left: &Item<'t>, right: &Item<'t>) -> Result<bool, Failed> {
        self.step(1)?;
        let (told, other) = (self.worth(left), self.worth(right));
        if let (Item::Node(left, _), Item::Node(right, _)) = (&told, &other) {
            let children = |node: Node<'t>| -> Vec<Item<'t>> {
                let ids = |child: &Node<'t>| child.name() != "id";
                node.children()
                    .filter(ids)
                    .map(|child| Item::Node(child, self.scope.model.type_of(child)))
                    .collect()
            };
            return Ok(left == right || self.named_equivalent(&children(*left), &children(*right))?);
        }
        if let (Some(left), Some(right)) = (number(&told), number(&other)) {
            let scale = left.trimmed().scale().min(right.trimmed().scale());
            return Ok(left.rounded(scale) == right.rounded(scale));
        }
        Ok(match (&told, &other) {
            (Item::String(left), Item::String(right)) => folded(left) == folded(right),
            (Item::Date(left) | Item::DateTime(left), Item::Date(right) | Item::DateTime(right))
            | (Item::Time(left), Item::Time(right)) => same_moment(*left, *right),
            _ => match quantities(&told, &other) {
                Some((left, right)) => left.equivalent(&right),
                None => self.items_equal(left, right)? == Some(true),
            },
        })
    }

    /// As `equivalent`, for children: only those of one name are compared.
    fn named_equivalent(&self, left: &[Item<'t>], right: &[Item<'t>]) -> Result<bool, Failed> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let name = |item: &Item<'t>| item.node().map(Node::name);
        for one in left {
            let of = |items: &[Item<'t>]| -> Vec<Item<'t>> {
                items.iter().filter(|item| name(item) == name(one)).cloned().collect()
            };
            if !self.equivalent(&of(left), &of(right))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an item is in a collection.
    pub(super) fn holds(&self, items: &[Item<'t>], item: &Item<'t>) -> Result<bool, Failed> {
        for other in items {
            if self.items_equal(item, other)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `in` and `contains`.
    pub(super) fn member(&self, item: &[Item<'t>], items: &[Item<'t>], what: &str) -> Outcome<'t> {
        match item {
            [] => Ok(Collection::empty()),
            [item] => Ok(Collection::from(self.holds(items, item)?)),
            _ => Err(Failed::not_single(what)),
        }
    }

    /// Each item once.
    pub(super) fn distinct(&self, items: Collection<'t>) -> Outcome<'t> {
        if items.len() < 2 {
            return Ok(items);
        }
        let mut kept = Distinct::of(items.len());
        for item in items {
            kept.add(self, item)?;
        }
        Ok(kept.items.into())
    }
}

/// Items of which no two are equal. Many are found by a key.
pub(super) struct Distinct<'t> {
    pub(super) items: Vec<Item<'t>>,
    /// Places by key; nothing where few items are compared one by one.
    by_key: Option<HashMap<String, Vec<usize>>>,
}

impl<'t> Distinct<'t> {
    /// For about so many items.
    pub(super) fn of(count: usize) -> Self {
        Self { items: Vec::new(), by_key: (count > SMALL).then(HashMap::new) }
    }

    /// Adds an item that is not there yet; tells whether it was added.
    pub(super) fn add(&mut self, run: &Run<'_, 't>, item: Item<'t>) -> Result<bool, Failed> {
        let Some(by_key) = &mut self.by_key else {
            if run.holds(&self.items, &item)? {
                return Ok(false);
            }
            self.items.push(item);
            return Ok(true);
        };
        let places = by_key.entry(key(run, &item)).or_default();
        for at in places.iter() {
            let Some(other) = self.items.get(*at) else { continue };
            if run.items_equal(&item, other)? == Some(true) {
                return Ok(false);
            }
        }
        places.push(self.items.len());
        self.items.push(item);
        Ok(true)
    }
}

/// A key that is the same for all items that could be equal.
fn key<'t>(run: &Run<'_, 't>, item: &Item<'t>) -> String {
    match run.worth(item) {
        Item::String(text) => format!("s{}", &*text),
        Item::Node(node, _) => {
            let mut key = String::from("n");
            for part in node.descendants().filter_map(Node::text).take(4) {
                key.push_str(part);
                key.push('\u{1f}');
            }
            key
        }
        Item::Boolean(value) => format!("b{value}"),
        // Numbers, dates and quantities are equal in many spellings.
        _ => String::from("v"),
    }
}

/// Both as quantities, if one is and the other can be.
fn quantities(left: &Item<'_>, right: &Item<'_>) -> Option<(Quantity, Quantity)> {
    let told = |item: &Item<'_>| match item {
        Item::Quantity(quantity) => Some((**quantity).clone()),
        other => number(other).map(|value| Quantity::ucum(value, "1")),
    };
    if !matches!(left, Item::Quantity(_)) && !matches!(right, Item::Quantity(_)) {
        return None;
    }
    Some((told(left)?, told(right)?))
}

/// Whether two dates state the same, to the same precision.
fn same_moment(left: Moment, right: Moment) -> bool {
    left.compare(right).is_some_and(std::cmp::Ordering::is_eq)
}

/// Lower case, every run of white space one space.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word.to_lowercase());
    }
    out
}

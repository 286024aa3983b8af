//! The order of matches (`_sort`), by the rules of R4: of several values the smallest counts going up and the largest
//! going down; what has no value comes last, whichever way it goes.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;

use super::matches::{date, text};
use super::number::Number;
use super::place::{self, Place};
use super::served::{InvalidValue, NotServed, SearchError};
use crate::instant::Unzoned;
use crate::json::Node;
use crate::tables::{self, SearchKind, SearchParameter, TypeId};

/// One key of `_sort`.
#[derive(Clone)]
pub struct SortKey {
    parameter: &'static SearchParameter,
    places: Vec<Place>,
    order: Order,
}

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Up,
    /// The largest first (`-`).
    Down,
}

/// Where a resource stands by each key; nothing where it has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing(Vec<Option<Value>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    Number(Number),
    Moment(Timestamp),
}

/// Parameters whose values have an order of their own, or none.
const UNORDERED: [&str; 2] = ["deceased", "phonetic"];

impl SortKey {
    /// Reads `code` or `-code`.
    pub(super) fn compile(owner: TypeId, text: &str) -> Result<Self, SearchError> {
        let (order, code) = match text.strip_prefix('-') {
            Some(code) => (Order::Down, code),
            None => (Order::Up, text),
        };
        let invalid = SearchError::Value { parameter: "_sort", reason: InvalidValue::Sort };
        let parameter = tables::search_parameter(owner, code).ok_or(invalid)?;
        match parameter.kind() {
            SearchKind::Token
            | SearchKind::String
            | SearchKind::Date
            | SearchKind::Number
            | SearchKind::Uri => {}
            // Numbers of different units and ids of what is referred to have no order that means anything.
            SearchKind::Quantity | SearchKind::Reference | SearchKind::Composite | SearchKind::Special => {
                return Err(NotServed::Sort.into());
            }
        }
        if UNORDERED.contains(&parameter.code()) {
            return Err(NotServed::Sort.into());
        }
        let places = place::apart(owner, parameter).ok_or(NotServed::Sort)?;
        Ok(Self { parameter, places, order })
    }

    /// The parameter as R4 calls it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parameter.code()
    }

    /// Every element that the order depends on, as a path below the resource.
    #[must_use]
    pub fn reads(&self) -> &'static [String] {
        self.parameter.reads().unwrap_or_default()
    }

    fn value(&self, resource: Node<'_>) -> Option<Value> {
        let found = place::find(&self.places, resource);
        let values = found.values.iter().flat_map(|(node, place)| self.values(*node, place.leaf.name()));
        match self.order {
            Order::Up => values.min(),
            Order::Down => values.max(),
        }
    }

    fn values(&self, node: Node<'_>, leaf: &str) -> Vec<Value> {
        match self.parameter.kind() {
            SearchKind::Date => {
                let range = date::held(node, leaf, Unzoned::UnitedKingdom);
                let moment = range.map(|range| match self.order {
                    Order::Up => range.from,
                    Order::Down => range.to,
                });
                moment.map(Value::Moment).into_iter().collect()
            }
            SearchKind::Number => {
                node.number_text().and_then(Number::parse).map(Value::Number).into_iter().collect()
            }
            SearchKind::String => text::in_order(node, leaf).map(Value::Text).into_iter().collect(),
            SearchKind::Token | SearchKind::Uri => self.codes(node, leaf),
            SearchKind::Quantity | SearchKind::Reference | SearchKind::Composite | SearchKind::Special => {
                Vec::new()
            }
        }
    }

    fn codes(&self, node: Node<'_>, leaf: &str) -> Vec<Value> {
        let as_it_is = self.code() == "_id" || self.parameter.kind() == SearchKind::Uri;
        let text = |node: Node<'_>| {
            let truth = node.boolean().map(|truth| truth.to_string());
            let text = truth.or_else(|| node.string().map(std::borrow::Cow::into_owned));
            text.map(|text| Value::Text(if as_it_is { text } else { text::folded(&text) }))
        };
        match leaf {
            "CodeableConcept" => node.walk(&["coding", "code"]).filter_map(text).collect(),
            "Coding" => node.member("code").and_then(text).into_iter().collect(),
            "Identifier" | "ContactPoint" => node.member("value").and_then(text).into_iter().collect(),
            _ => text(node).into_iter().collect(),
        }
    }
}

impl Standing {
    /// Where `resource` stands by `keys`.
    #[must_use]
    pub fn of(resource: Node<'_>, keys: &[SortKey]) -> Self {
        Self(keys.iter().map(|key| key.value(resource)).collect())
    }

    /// Which of two comes first by `keys`, the keys of both.
    #[must_use]
    pub fn compare(&self, other: &Self, keys: &[SortKey]) -> Ordering {
        let pairs = self.0.iter().zip(&other.0).zip(keys);
        pairs
            .map(|((one, another), key)| match (one, another, key.order) {
                (Some(one), Some(another), Order::Up) => one.cmp(another),
                (Some(one), Some(another), Order::Down) => another.cmp(one),
                (Some(_), None, _) => Ordering::Less,
                (None, Some(_), _) => Ordering::Greater,
                (None, None, _) => Ordering::Equal,
            })
            .fold(Ordering::Equal, Ordering::then)
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.order {
            Order::Up => "",
            Order::Down => "-",
        };
        write!(f, "{sign}{}", self.code())
    }
}

impl fmt::Debug for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SortKey({self})")
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

//! What an expression yields: items, and collections of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::decimal::Decimal;
use super::moment::Moment;
use super::quantity::Quantity;
use crate::model::Type;
use crate::tree::Node;

/// A text: of the tree, or made by an expression.
#[derive(Clone)]
pub enum Text<'t> {
    /// Of the tree.
    Borrowed(&'t str),
    /// Made, or written in the expression.
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

/// One item of a collection.
#[derive(Debug, Clone)]
pub enum Item<'t> {
    /// An element of a tree, with its type if the model knows it.
    Node(Node<'t>, Option<Type>),
    /// `System.Boolean`
    Boolean(bool),
    /// `System.Integer`
    Integer(i64),
    /// `System.Long`
    Long(i64),
    /// `System.Decimal`
    Decimal(Decimal),
    /// `System.String`
    String(Text<'t>),
    /// `System.Date`
    Date(Moment),
    /// `System.DateTime`
    DateTime(Moment),
    /// `System.Time`
    Time(Moment),
    /// `System.Quantity`
    Quantity(Arc<Quantity>),
    /// What `type()` yields.
    TypeInfo(Arc<TypeInfo>),
}

/// A type as `type()` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// `System` or `FHIR`.
    pub namespace: &'static str,
    /// The name.
    pub name: String,
}

impl<'t> Item<'t> {
    /// The element of the tree that it is.
    #[must_use]
    pub const fn node(&self) -> Option<Node<'t>> {
        if let Self::Node(node, _) = self { Some(*node) } else { None }
    }

    /// The text of a primitive; nothing for an object.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'t, str>> {
        match self {
            Self::Node(node, _) => node.text().map(Cow::Borrowed),
            Self::String(Text::Borrowed(text)) => Some(Cow::Borrowed(text)),
            Self::String(Text::Shared(text)) => Some(Cow::Owned(text.to_string())),
            Self::TypeInfo(_) => None,
            Self::Boolean(_)
            | Self::Integer(_)
            | Self::Long(_)
            | Self::Decimal(_)
            | Self::Date(_)
            | Self::DateTime(_)
            | Self::Time(_)
            | Self::Quantity(_) => Some(Cow::Owned(self.to_string())),
        }
    }

    pub(super) fn string(text: impl Into<String>) -> Self {
        Self::String(Text::from(text.into()))
    }
}

impl fmt::Display for Item<'_> {
    /// The text of a primitive, as `toString()` tells it; nothing for an object.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node, _) => formatter.write_str(node.text().unwrap_or_default()),
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Integer(value) | Self::Long(value) => write!(formatter, "{value}"),
            Self::Decimal(value) => write!(formatter, "{value}"),
            Self::String(text) => formatter.write_str(text),
            Self::Date(moment) | Self::DateTime(moment) => moment.write_date_time(formatter),
            Self::Time(moment) => moment.write_time(formatter),
            Self::Quantity(quantity) => write!(formatter, "{quantity}"),
            Self::TypeInfo(told) => write!(formatter, "{}.{}", told.namespace, told.name),
        }
    }
}

/// Items in order. Most hold none or one, and then nothing is allocated.
#[derive(Debug, Clone, Default)]
pub struct Collection<'t>(Held<'t>);

#[derive(Debug, Clone, Default)]
enum Held<'t> {
    #[default]
    None,
    One(Item<'t>),
    Many(Vec<Item<'t>>),
}

impl<'t> Collection<'t> {
    /// Without items.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Held::None)
    }

    /// With one item.
    #[must_use]
    pub const fn one(item: Item<'t>) -> Self {
        Self(Held::One(item))
    }

    /// With the item, if there is one.
    #[must_use]
    pub fn optional(item: Option<Item<'t>>) -> Self {
        item.map_or_else(Self::empty, Self::one)
    }

    /// Whether it is `true` and nothing else: whether an assertion passes. Of an invariant see
    /// [`Collection::holds`].
    #[must_use]
    pub fn is_true(&self) -> bool {
        match &**self {
            [Item::Boolean(value)] => *value,
            [Item::Node(node, _)] => node.text() == Some("true"),
            _ => false,
        }
    }

    /// Whether it does not say that something is wrong: it is anything but one `false`. What is empty tells
    /// nothing; the definitions hold such invariants to be kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        match &**self {
            [Item::Boolean(value)] => *value,
            [Item::Node(node, _)] => node.text() != Some("false"),
            _ => true,
        }
    }

    /// The elements of the tree among the items.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'t>> {
        self.iter().filter_map(Item::node)
    }

    pub(super) fn push(&mut self, item: Item<'t>) {
        self.0 = match std::mem::take(&mut self.0) {
            Held::None => Held::One(item),
            Held::One(first) => Held::Many(vec![first, item]),
            Held::Many(mut items) => {
                items.push(item);
                Held::Many(items)
            }
        };
    }

    pub(super) fn append(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (_, Held::None) => {}
            (held @ Held::None, other) => *held = other,
            (_, Held::One(item)) => self.push(item),
            (Held::Many(items), Held::Many(more)) => items.extend(more),
            (Held::One(_), Held::Many(more)) => more.into_iter().for_each(|item| self.push(item)),
        }
    }
}

impl<'t> Deref for Collection<'t> {
    type Target = [Item<'t>];

    fn deref(&self) -> &[Item<'t>] {
        match &self.0 {
            Held::None => &[],
            Held::One(item) => std::slice::from_ref(item),
            Held::Many(items) => items,
        }
    }
}

impl From<bool> for Collection<'_> {
    fn from(value: bool) -> Self {
        Self::one(Item::Boolean(value))
    }
}

impl From<&str> for Collection<'_> {
    /// One text.
    fn from(text: &str) -> Self {
        Self::one(Item::string(text))
    }
}

impl<'t> From<Vec<Item<'t>>> for Collection<'t> {
    fn from(items: Vec<Item<'t>>) -> Self {
        Self(Held::Many(items))
    }
}

impl<'t> FromIterator<Item<'t>> for Collection<'t> {
    fn from_iter<I: IntoIterator<Item = Item<'t>>>(items: I) -> Self {
        let mut found = Self::empty();
        items.into_iter().for_each(|item| found.push(item));
        found
    }
}

impl<'t> IntoIterator for Collection<'t> {
    type Item = Item<'t>;
    type IntoIter = IntoIter<'t>;

    fn into_iter(self) -> IntoIter<'t> {
        match self.0 {
            Held::None => IntoIter(None, Vec::new().into_iter()),
            Held::One(item) => IntoIter(Some(item), Vec::new().into_iter()),
            Held::Many(items) => IntoIter(None, items.into_iter()),
        }
    }
}

/// The items of a collection.
#[derive(Debug)]
pub struct IntoIter<'t>(Option<Item<'t>>, std::vec::IntoIter<Item<'t>>);

impl<'t> Iterator for IntoIter<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        self.0.take().or_else(|| self.1.next())
    }
}

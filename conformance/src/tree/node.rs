//! A place in a tree: copied freely, never outlives it.

use std::fmt;

use super::walk::{Children, Descendants, Named};
use super::{NONE, Row, Tree};

/// An element of a tree.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree,
    at: u32,
}

/// The value of a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'t> {
    /// The text exactly as written, escapes and references resolved.
    pub text: &'t str,
    /// What it was.
    pub written: Written,
}

/// What a value was in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true` or `false` in JSON.
    Boolean,
    /// An XML attribute: any type.
    Attribute,
    /// The source of an XML element: a narrative.
    Markup,
}

/// A line and a column, counted from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |found| found + 1);
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

impl<'t> Node<'t> {
    pub(super) const fn new(tree: &'t Tree, at: u32) -> Self {
        Self { tree, at }
    }

    pub(super) fn link(tree: &'t Tree, at: u32) -> Option<Self> {
        (at != NONE).then_some(Self { tree, at })
    }

    pub(super) fn row(self) -> Option<&'t Row> {
        self.tree.row(self.at)
    }

    /// The tree it is in.
    #[must_use]
    pub const fn tree(self) -> &'t Tree {
        self.tree
    }

    /// Its number in the tree: parents before children.
    #[must_use]
    pub const fn number(self) -> usize {
        self.at as usize
    }

    /// The name of the element: `birthDate`, `valueQuantity`. Of the outermost element the type of the resource,
    /// empty if none is told.
    #[must_use]
    pub fn name(self) -> &'t str {
        self.row().map_or("", |row| self.tree.name(row.name))
    }

    /// Its place among its siblings of the same name, from 0; a JSON null keeps its place.
    #[must_use]
    pub fn index(self) -> usize {
        self.row().map_or(0, |row| row.index as usize)
    }

    /// Its value, if it has one.
    #[must_use]
    pub fn value(self) -> Option<Value<'t>> {
        let row = self.row()?;
        let written = row.value?;
        Some(Value { text: self.tree.slice(row.value_start, row.value_bytes), written })
    }

    /// The text of its value.
    #[must_use]
    pub fn text(self) -> Option<&'t str> {
        self.value().map(|value| value.text)
    }

    /// The type of the resource that it is, if it is one.
    #[must_use]
    pub fn resource_type(self) -> Option<&'t str> {
        let name = self.row()?.resource_type;
        (name != 0).then(|| self.tree.name(name))
    }

    /// What holds it.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        Self::link(self.tree, self.row()?.parent)
    }

    /// The children in order of the text; a narrative's markup is its value.
    #[must_use]
    pub fn children(self) -> Children<'t> {
        Children::new(self.tree, self.row().map_or(NONE, |row| row.first))
    }

    /// The children called `name`.
    #[must_use]
    pub fn named<'n>(self, name: &'n str) -> Named<'t, 'n> {
        Named::new(self.children(), name)
    }

    /// The first child called `name`.
    #[must_use]
    pub fn child(self, name: &str) -> Option<Self> {
        self.named(name).next()
    }

    /// The value of the first child called `name`.
    #[must_use]
    pub fn child_text(self, name: &str) -> Option<&'t str> {
        self.child(name)?.text()
    }

    /// Everything below it, parents before children.
    #[must_use]
    pub fn descendants(self) -> Descendants<'t> {
        Descendants::new(self)
    }

    /// The resource that it is or stands in: the nearest one, else the outermost element.
    #[must_use]
    pub fn resource(self) -> Self {
        let mut node = self;
        while node.resource_type().is_none() {
            match node.parent() {
                Some(parent) => node = parent,
                None => break,
            }
        }
        node
    }

    /// Whether it has neither value nor children.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.row().is_none_or(|row| row.value.is_none() && row.first == NONE)
    }

    /// Whether it stood in a JSON array, or has siblings of its name.
    #[must_use]
    pub fn is_repeated(self) -> bool {
        self.row().is_some_and(|row| row.listed || row.index > 0) || {
            let next = self.row().and_then(|row| Self::link(self.tree, row.next));
            next.is_some_and(|next| next.name() == self.name())
        }
    }

    /// The byte of the text at which it starts.
    #[must_use]
    pub fn at(self) -> usize {
        self.row().map_or(0, |row| row.at as usize)
    }

    /// The line and column at which it starts.
    #[must_use]
    pub fn place(self) -> Place {
        self.tree.place(self.at())
    }

    /// The path from the outermost element: `Patient.name[0].given[1]`. An index is told where the element repeats
    /// or stood in an array.
    #[must_use]
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        let mut node = Some(self);
        while let Some(here) = node {
            steps.push(here);
            node = here.parent();
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step.name());
            if step.parent().is_some() && step.is_repeated() {
                path.push_str(&format!("[{}]", step.index()));
            }
        }
        path
    }
}

impl PartialEq for Node<'_> {
    /// Whether both are the same place of the same tree.
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.tree, other.tree)
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    /// Tells no content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path())
    }
}

//! One record of a file: rows that belong together, or a part of a tree.

use std::fmt::Write;

use super::plan::{Each, Selector};

/// Rows of a CSV file, with the same width each.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The text of all cells, one after the other.
    pub(super) text: String,
    /// Where each cell ends.
    pub(super) ends: Vec<usize>,
    pub(super) width: usize,
    /// The number of each row, the header being row 1.
    pub(super) numbers: Vec<u64>,
}

/// A record of a JSON or XML file. Items of a list are siblings with the same name.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) text: String,
    /// Where the record stands in the file: `/residents/3`, `/EXPSSDA903/CHILD[4]`.
    pub(super) place: String,
    pub(super) is_xml: bool,
}

/// A member or item, an element or attribute.
#[derive(Debug, Clone)]
pub(super) struct Node {
    name: (usize, usize),
    value: (usize, usize),
    parent: Option<usize>,
    first: Option<usize>,
    last: Option<usize>,
    next: Option<usize>,
    /// How many nodes stand inside it.
    inside: usize,
    /// Which of all its siblings it is, from 1.
    number: usize,
    /// Which of the siblings with its name it is, from 0, when there may be several.
    ordinal: Option<usize>,
}

/// What columns a file has.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The column of each selector.
    pub(super) columns: Vec<Option<usize>>,
    /// What the mapping calls each column; nothing for those that it does not name.
    pub(super) names: Vec<Option<usize>>,
}

/// A record, whatever the form of its file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'r> {
    Rows(&'r Rows, &'r Header),
    Tree(&'r Tree),
}

/// The record, one of its rows, or one of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Record,
    Part(usize),
}

impl Rows {
    /// The text of a cell, without the white space around it.
    pub(super) fn cell(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default().trim()
    }

    /// Makes room for another record.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.numbers.clear();
    }
}

impl Tree {
    /// Makes room for another record.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.text.clear();
        self.place.clear();
    }

    /// Adds a node; its number.
    pub(super) fn add(&mut self, parent: Option<usize>, name: &str, ordinal: Option<usize>) -> usize {
        let at = self.nodes.len();
        let name = self.keep(name);
        let mut number = 1;
        let before = parent.and_then(|parent| {
            let parent = self.nodes.get_mut(parent)?;
            parent.inside += 1;
            number = parent.inside;
            parent.first.get_or_insert(at);
            parent.last.replace(at)
        });
        if let Some(before) = before.and_then(|before| self.nodes.get_mut(before)) {
            before.next = Some(at);
        }
        let value = (self.text.len(), self.text.len());
        self.nodes.push(Node {
            name,
            value,
            parent,
            first: None,
            last: None,
            next: None,
            inside: 0,
            number,
            ordinal,
        });
        at
    }

    /// Gives a node its text.
    pub(super) fn set(&mut self, node: usize, text: &str) {
        let value = self.keep(text.trim());
        if let Some(node) = self.nodes.get_mut(node) {
            node.value = value;
        }
    }

    fn keep(&mut self, text: &str) -> (usize, usize) {
        let from = self.text.len();
        self.text.push_str(text);
        (from, self.text.len())
    }

    fn slice(&self, (from, to): (usize, usize)) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn name(&self, node: usize) -> &str {
        self.nodes.get(node).map(|node| self.slice(node.name)).unwrap_or_default()
    }

    pub(super) fn value(&self, node: usize) -> &str {
        self.nodes.get(node).map(|node| self.slice(node.value)).unwrap_or_default()
    }

    fn children(&self, node: usize) -> impl Iterator<Item = usize> {
        let first = self.nodes.get(node).and_then(|node| node.first);
        std::iter::successors(first, |at| self.nodes.get(*at).and_then(|node| node.next))
    }

    /// The first node at the end of a path.
    fn find(&self, from: usize, path: &[String]) -> Option<usize> {
        path.iter().try_fold(from, |at, name| self.children(at).find(|child| self.name(*child) == name))
    }

    /// Every node at the end of a path.
    fn all(&self, from: usize, path: &[String], found: &mut Vec<usize>) {
        let Some((name, rest)) = path.split_first() else { return found.push(from) };
        for child in self.children(from).filter(|child| self.name(*child) == name) {
            self.all(child, rest, found);
        }
    }

    /// Whether a node stands at the end of a path, wherever that begins.
    fn ends_with(&self, node: usize, path: &[String]) -> bool {
        let mut at = Some(node);
        for name in path.iter().rev() {
            let Some(here) = at.filter(|here| self.name(*here) == name) else { return false };
            at = self.nodes.get(here).and_then(|node| node.parent);
        }
        !path.is_empty()
    }

    /// Where a node stands. Names that the mapping does not know are told by their number: they may be content.
    pub(super) fn place(&self, node: usize, selectors: &[Selector]) -> String {
        let mut way = Vec::new();
        let mut at = Some(node);
        while let Some(here) = at {
            let parent = self.nodes.get(here).and_then(|node| node.parent);
            if parent.is_some() {
                way.push(here);
            }
            at = parent;
        }
        let mut out = self.place.clone();
        for here in way.into_iter().rev() {
            let name = self.name(here);
            let known = selectors.iter().any(|selector| selector.path.iter().any(|step| step == name));
            if known {
                out.push('/');
                out.push_str(name);
            } else {
                let number = self.nodes.get(here).map_or(0, |node| node.number);
                append(&mut out, format_args!("/#{number}"));
            }
            match self.nodes.get(here).and_then(|node| node.ordinal) {
                Some(ordinal) if self.is_xml => append(&mut out, format_args!("[{}]", ordinal + 1)),
                Some(ordinal) => append(&mut out, format_args!("/{ordinal}")),
                None => {}
            }
        }
        out
    }
}

impl<'r> Input<'r> {
    /// The number of places that may hold a value.
    pub(super) fn leaves(self) -> usize {
        match self {
            Self::Rows(rows, _) => rows.ends.len(),
            Self::Tree(tree) => tree.nodes.len(),
        }
    }

    /// The text of a place; empty when there is none.
    pub(super) fn text(self, leaf: usize) -> &'r str {
        match self {
            Self::Rows(rows, _) => rows.cell(leaf),
            Self::Tree(tree) => tree.value(leaf),
        }
    }

    /// The place that a selector means: for a record of several rows the first that holds something.
    pub(super) fn find(self, index: usize, selector: &Selector, scope: Scope) -> Option<usize> {
        match (self, scope) {
            (Self::Rows(rows, header), Scope::Part(row)) => {
                let column = header.columns.get(index).copied().flatten()?;
                Some(row * rows.width + column).filter(|leaf| *leaf < rows.ends.len())
            }
            (Self::Rows(rows, header), Scope::Record) => {
                let column = header.columns.get(index).copied().flatten()?;
                let mut leaves = (0..rows.numbers.len()).map(|row| row * rows.width + column);
                leaves.find(|leaf| !rows.cell(*leaf).is_empty())
            }
            (Self::Tree(tree), Scope::Part(node)) if !selector.from_record => tree.find(node, &selector.path),
            (Self::Tree(tree), Scope::Part(_) | Scope::Record) => tree.find(0, &selector.path),
        }
    }

    /// Every place that a selector means, whether it holds something or not: in a record of several rows each of them.
    pub(super) fn every(self, index: usize, selector: &Selector, scope: Scope) -> Vec<usize> {
        let mut found = Vec::new();
        match (self, scope) {
            (Self::Rows(rows, header), Scope::Record) => {
                if let Some(column) = header.columns.get(index).copied().flatten() {
                    found.extend((0..rows.numbers.len()).map(|row| row * rows.width + column));
                }
            }
            (Self::Rows(..), Scope::Part(_)) => found.extend(self.find(index, selector, scope)),
            (Self::Tree(tree), Scope::Part(node)) if !selector.from_record => {
                tree.all(node, &selector.path, &mut found);
            }
            (Self::Tree(tree), Scope::Part(_) | Scope::Record) => tree.all(0, &selector.path, &mut found),
        }
        found
    }

    /// Whether a selector may lead to several places.
    pub(super) fn may_repeat(self, scope: Scope) -> bool {
        match (self, scope) {
            (Self::Rows(rows, _), Scope::Record) => rows.numbers.len() > 1,
            (Self::Rows(..), Scope::Part(_)) => false,
            (Self::Tree(_), Scope::Record | Scope::Part(_)) => true,
        }
    }

    /// Whether a place holds members or elements rather than a value.
    pub(super) fn has_parts(self, leaf: usize) -> bool {
        match self {
            Self::Rows(..) => false,
            Self::Tree(tree) => tree.nodes.get(leaf).is_some_and(|node| node.first.is_some()),
        }
    }

    /// Other places that say the same as `leaf` does for the whole record: the column in the other rows.
    pub(super) fn same(self, leaf: usize) -> impl Iterator<Item = usize> {
        let (first, step, last) = match self {
            Self::Rows(rows, _) if rows.numbers.len() > 1 && rows.width > 0 => {
                (leaf % rows.width, rows.width, rows.ends.len())
            }
            Self::Rows(..) | Self::Tree(_) => (leaf, 1, leaf),
        };
        (first..last)
            .step_by(step)
            .filter(move |other| *other != leaf && self.text(*other) == self.text(leaf))
    }

    /// The parts that something happens once for.
    pub(super) fn parts(self, each: Each, selectors: &[Selector], scope: Scope) -> Vec<Scope> {
        match (self, each) {
            (Self::Rows(rows, _), Each::Rows) => match scope {
                Scope::Record => (0..rows.numbers.len()).map(Scope::Part).collect(),
                Scope::Part(_) => vec![scope],
            },
            (Self::Tree(tree), Each::Items(selector)) => {
                let Some(selector) = selectors.get(selector) else { return Vec::new() };
                let from = match scope {
                    Scope::Part(node) if !selector.from_record => node,
                    Scope::Part(_) | Scope::Record => 0,
                };
                let mut found = Vec::new();
                tree.all(from, &selector.path, &mut found);
                found.into_iter().map(Scope::Part).collect()
            }
            (Self::Rows(..), Each::Items(_)) | (Self::Tree(_), Each::Rows) => Vec::new(),
        }
    }

    /// What the mapping calls a place, when it names it.
    pub(super) fn named(self, leaf: usize, selectors: &[Selector]) -> Option<usize> {
        match self {
            Self::Rows(rows, header) => {
                let column = leaf.checked_rem(rows.width)?;
                header.names.get(column).copied().flatten()
            }
            Self::Tree(tree) => selectors.iter().position(|selector| tree.ends_with(leaf, &selector.path)),
        }
    }

    /// Where a place is: `row 12 column 3 PLACE`, `/residents/3/uprn`.
    pub(super) fn place(self, leaf: usize, selectors: &[Selector]) -> String {
        match self {
            Self::Rows(rows, _) => {
                let row = leaf.checked_div(rows.width).and_then(|row| rows.numbers.get(row)).copied();
                let column = leaf.checked_rem(rows.width).unwrap_or(0) + 1;
                let mut place = format!("row {} column {column}", row.unwrap_or(0));
                if let Some(selector) = self.named(leaf, selectors).and_then(|named| selectors.get(named)) {
                    append(&mut place, format_args!(" {}", selector.written));
                }
                place
            }
            Self::Tree(tree) => tree.place(leaf, selectors),
        }
    }

    /// Where a part of the record stands, as the fragment of a URI.
    pub(super) fn fragment(self, scope: Scope, selectors: &[Selector]) -> String {
        match (self, scope) {
            (Self::Rows(rows, _), Scope::Part(row)) => {
                format!("row={}", rows.numbers.get(row).copied().unwrap_or(0))
            }
            (Self::Rows(rows, _), Scope::Record) => match (rows.numbers.first(), rows.numbers.last()) {
                (Some(first), Some(last)) if first != last => format!("row={first}-{last}"),
                (Some(first), _) => format!("row={first}"),
                (None, _) => String::new(),
            },
            (Self::Tree(tree), Scope::Part(node)) => tree.place(node, selectors),
            (Self::Tree(tree), Scope::Record) => tree.place.clone(),
        }
    }
}

fn append(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let written = out.write_fmt(what);
    debug_assert!(written.is_ok());
}

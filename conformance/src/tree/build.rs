//! What both readers build with: rows, names, and which names an element has seen.

use std::collections::HashMap;

use super::oddity::{Malformed, Odd, Oddity};
use super::{Format, Limits, NONE, Row, Tree, Written};

/// Most oddities that are kept of one text.
const ODDITIES_MAX: usize = 1_000;

/// The deepest nesting, whatever is asked: some who walk a tree recurse.
const DEPTH_CEILING: usize = 256;

/// The tree as far as it is built.
pub(super) struct Builder<'s> {
    limits: Limits,
    source: &'s str,
    /// Decoded values, which stand after the source in the text of the tree.
    decoded: String,
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, u32>,
    rows: Vec<Row>,
    /// By name: what the open element has of it.
    marks: Vec<Mark>,
    /// What `marks` was before the open elements.
    undo: Vec<(u32, Mark)>,
    open: Vec<Open>,
    serial: u32,
    oddities: Vec<Oddity>,
}

/// What an element has of one name.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    serial: u32,
    pub(super) first: u32,
    last: u32,
    pub(super) count: u32,
    /// Whether the JSON name itself was there.
    pub(super) bare: bool,
    /// Whether the JSON name with an underscore was there.
    pub(super) sibling: bool,
}

impl Mark {
    const fn fresh(serial: u32) -> Self {
        Self { serial, first: NONE, last: NONE, count: 0, bare: false, sibling: false }
    }
}

/// An element that is open.
struct Open {
    node: u32,
    last: u32,
    serial: u32,
    undo_from: usize,
}

impl<'s> Builder<'s> {
    /// Begins with the outermost element, which is open.
    pub(super) fn new(source: &'s str, oddities: Vec<Oddity>, limits: &Limits) -> Self {
        let mut builder = Self {
            limits: *limits,
            source,
            decoded: String::new(),
            names: Vec::new(),
            by_name: HashMap::new(),
            rows: Vec::with_capacity(source.len() / 24 + 1),
            marks: Vec::new(),
            undo: Vec::new(),
            open: Vec::new(),
            serial: 0,
            oddities,
        };
        let name = builder.name("");
        builder.rows.push(row(name, NONE, 0, 0));
        builder.open.push(Open { node: 0, last: NONE, serial: 0, undo_from: 0 });
        builder
    }

    pub(super) fn finish(self, format: Format) -> Tree {
        let source_bytes = self.source.len();
        let mut text = String::with_capacity(source_bytes + self.decoded.len());
        text.push_str(self.source);
        text.push_str(&self.decoded);
        let mut oddities = self.oddities;
        oddities.sort_by_key(|oddity| oddity.at);
        Tree { format, text, source_bytes, names: self.names, rows: self.rows, oddities }
    }

    pub(super) fn odd(&mut self, at: usize, odd: Odd) {
        if self.oddities.len() < ODDITIES_MAX {
            self.oddities.push(Oddity::new(at, odd));
        }
    }

    /// The number of a name.
    pub(super) fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.by_name.insert(name.into(), number);
        self.marks.push(Mark::fresh(NONE));
        number
    }

    pub(super) fn name_text(&self, name: u32) -> String {
        self.names.get(name as usize).map_or_else(String::new, |name| name.to_string())
    }

    /// The element that is open.
    pub(super) fn node(&self) -> u32 {
        self.open.last().map_or(0, |open| open.node)
    }

    pub(super) fn row(&self, node: u32) -> Option<&Row> {
        self.rows.get(node as usize)
    }

    pub(super) fn row_mut(&mut self, node: u32) -> Option<&mut Row> {
        self.rows.get_mut(node as usize)
    }

    /// What the open element has of `name`.
    pub(super) fn mark(&self, name: u32) -> Mark {
        let serial = self.open.last().map_or(0, |open| open.serial);
        match self.marks.get(name as usize) {
            Some(mark) if mark.serial == serial => *mark,
            Some(_) | None => Mark::fresh(serial),
        }
    }

    pub(super) fn set_mark(&mut self, name: u32, mark: Mark) {
        if let Some(kept) = self.marks.get_mut(name as usize) {
            if kept.serial != mark.serial {
                self.undo.push((name, *kept));
            }
            *kept = mark;
        }
    }

    /// Adds a child to the open element.
    pub(super) fn add(&mut self, name: u32, at: usize) -> Result<u32, Malformed> {
        let number = self.rows.len() as u32;
        if self.rows.len() >= self.limits.nodes_max.min(NONE as usize) {
            return Err(Malformed::TooMany { nodes_max: self.limits.nodes_max, at });
        }
        let mut mark = self.mark(name);
        let Some(open) = self.open.last_mut() else { return Ok(number) };
        let (parent, before) = (open.node, open.last);
        open.last = number;
        self.rows.push(row(name, parent, at as u32, mark.count));
        let link = if before == NONE {
            self.row_mut(parent).map(|row| &mut row.first)
        } else {
            self.row_mut(before).map(|row| &mut row.next)
        };
        if let Some(link) = link {
            *link = number;
        }
        if mark.count > 0 && mark.last != before {
            let name = self.name_text(name);
            self.odd(at, Odd::Scattered { name });
        }
        if mark.first == NONE {
            mark.first = number;
        }
        (mark.last, mark.count) = (number, mark.count + 1);
        self.set_mark(name, mark);
        Ok(number)
    }

    /// The next sibling of the same name.
    pub(super) fn following(&self, node: u32) -> u32 {
        let Some(row) = self.row(node) else { return NONE };
        self.row(row.next).filter(|next| next.name == row.name).map_or(NONE, |_| row.next)
    }

    /// Opens an element; what it has already is counted.
    pub(super) fn enter(&mut self, node: u32, at: usize) -> Result<(), Malformed> {
        let depth_max = self.limits.depth_max.min(DEPTH_CEILING);
        if self.open.len() >= depth_max {
            return Err(Malformed::TooDeep { depth_max, at });
        }
        self.serial += 1;
        self.open.push(Open { node, last: NONE, serial: self.serial, undo_from: self.undo.len() });
        let mut child = self.row(node).map_or(NONE, |row| row.first);
        while let Some(&Row { name, next, .. }) = self.row(child) {
            let mut mark = self.mark(name);
            if mark.first == NONE {
                mark.first = child;
            }
            (mark.last, mark.count, mark.bare) = (child, mark.count + 1, true);
            self.set_mark(name, mark);
            if let Some(open) = self.open.last_mut() {
                open.last = child;
            }
            child = next;
        }
        Ok(())
    }

    /// Closes the open element.
    pub(super) fn leave(&mut self) {
        let Some(open) = self.open.pop() else { return };
        for (name, mark) in self.undo.drain(open.undo_from..).rev() {
            if let Some(kept) = self.marks.get_mut(name as usize) {
                *kept = mark;
            }
        }
    }

    /// Takes the children out of the open element that only kept a place.
    pub(super) fn close_holes(&mut self) {
        let node = self.node();
        let mut child = self.row(node).map_or(NONE, |row| row.first);
        let mut kept = NONE;
        while let Some(&Row { next, first, value, value_start, name, at, listed, .. }) = self.row(child) {
            let hole = value.is_none() && value_start == NONE && first == NONE;
            if hole && listed {
                // It kept a place for nothing: neither the array nor its `_` has anything there.
                let name = self.name_text(name);
                self.odd(at as usize, Odd::Null { name });
            }
            if !hole {
                let link = if kept == NONE {
                    self.row_mut(node).map(|row| &mut row.first)
                } else {
                    self.row_mut(kept).map(|row| &mut row.next)
                };
                if let Some(link) = link {
                    *link = child;
                }
                kept = child;
            }
            child = next;
        }
        let link = if kept == NONE {
            self.row_mut(node).map(|row| &mut row.first)
        } else {
            self.row_mut(kept).map(|row| &mut row.next)
        };
        if let Some(link) = link {
            *link = NONE;
        }
        if let Some(open) = self.open.last_mut() {
            open.last = kept;
        }
    }

    /// Makes a value of a piece of the source.
    pub(super) fn set_source(&mut self, node: u32, written: Written, start: usize, end: usize) {
        if let Some(row) = self.row_mut(node) {
            row.value = Some(written);
            row.value_start = start as u32;
            row.value_bytes = end.saturating_sub(start) as u32;
        }
    }

    /// Makes a value of a text that is not in the source as it is.
    pub(super) fn set_decoded(&mut self, node: u32, written: Written, text: &str) {
        let start = self.source.len() + self.decoded.len();
        self.decoded.push_str(text);
        self.set_source(node, written, start, start + text.len());
    }
}

const fn row(name: u32, parent: u32, at: u32, index: u32) -> Row {
    Row {
        name,
        resource_type: 0,
        parent,
        first: NONE,
        next: NONE,
        index,
        at,
        value: None,
        value_start: 0,
        value_bytes: 0,
        listed: false,
    }
}

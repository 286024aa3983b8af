//! Records of JSON files: items of one document, or one a line.

use std::io::{BufRead, Read};

use bytes::Bytes;
use fhir::json::{Document, Kind, Limits, Node, parse};
use memchr::memchr;

use super::Refused;
use super::decode::{Decoded, refused};
use super::record::Tree;

/// Values of one record.
pub(super) const NODES_MAX: usize = 100_000;

/// A document and where its records stand in it.
#[derive(Debug)]
pub(super) struct Whole {
    bytes: Bytes,
    records: Vec<(usize, usize)>,
    next: usize,
    way: String,
    /// Where members stand that lead to no record and hold something.
    pub(super) outside: Vec<usize>,
    form: Place,
}

/// Whether records are told by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Only,
    Item,
}

fn limits(bytes_max: usize) -> Limits {
    Limits { bytes_max, values_max: 2_000_000, ..Limits::default() }
}

impl Whole {
    /// Reads a document and finds its records.
    pub(super) fn read<R: Read>(
        input: &mut Decoded<R>,
        path: &[String],
        bytes_max: usize,
    ) -> Result<Self, Refused> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).map_err(refused)?;
        let bytes = Bytes::from(text);
        let document = parse(bytes.clone(), &limits(bytes_max)).map_err(Refused::Json)?;
        let mut at = document.root();
        let mut way = String::new();
        let mut outside = Vec::new();
        for step in path {
            let found = at.member(step).ok_or(Refused::NoRecords)?;
            let others = at.members().filter(|(key, value)| !key.is(step) && !is_void(*value));
            outside.extend(others.map(|(key, _)| key.offset()));
            at = found;
            way.push('/');
            way.push_str(step);
        }
        let span = |node: Node<'_>| (node.offset(), node.end());
        let (records, form) = match at.kind() {
            Kind::Array => (at.items().map(span).collect(), Place::Item),
            Kind::Object => (vec![span(at)], Place::Only),
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => return Err(Refused::NoRecords),
        };
        Ok(Self { bytes, records, next: 0, way, outside, form })
    }

    /// Puts the next record into `tree`. False at the end.
    pub(super) fn advance(&mut self, tree: &mut Tree) -> Result<bool, Refused> {
        let Some((from, to)) = self.records.get(self.next).copied() else { return Ok(false) };
        tree.clear();
        tree.place = match self.form {
            Place::Only => self.way.clone(),
            Place::Item => format!("{}/{}", self.way, self.next),
        };
        self.next += 1;
        let record = parse(self.bytes.slice(from..to), &limits(usize::MAX)).map_err(Refused::Json)?;
        record_of(&record, tree).map(|()| true)
    }
}

/// Records, one a line.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: Decoded<R>,
    number: u64,
    bytes_max: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: Decoded<R>, bytes_max: usize) -> Self {
        Self { input, number: 0, bytes_max }
    }

    /// Puts the next record into `tree`. False at the end.
    pub(super) fn advance(&mut self, tree: &mut Tree) -> Result<bool, Refused> {
        tree.clear();
        loop {
            self.input.refresh();
            self.number += 1;
            let Some(line) = self.line()? else { return Ok(false) };
            if line.trim_ascii().is_empty() {
                continue;
            }
            tree.place = format!("line {}", self.number);
            let record = parse(Bytes::from(line), &limits(self.bytes_max)).map_err(Refused::Json)?;
            return record_of(&record, tree).map(|()| true);
        }
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        let mut line = Vec::new();
        loop {
            let chunk = self.input.fill_buf().map_err(|error| refused(error).in_row(self.number))?;
            if chunk.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let end = memchr(b'\n', chunk);
            let used = end.unwrap_or(chunk.len());
            line.extend_from_slice(chunk.get(..used).unwrap_or_default());
            self.input.consume(used + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

fn is_void(node: Node<'_>) -> bool {
    node.is_null() || (matches!(node.kind(), Kind::Object | Kind::Array) && node.is_empty())
}

fn record_of(record: &Document, tree: &mut Tree) -> Result<(), Refused> {
    if record.root().kind() != Kind::Object {
        return Err(Refused::NotARecord { place: tree.place.clone() });
    }
    let root = tree.add(None, "", None);
    fill(record.root(), root, tree)
}

fn fill(value: Node<'_>, at: usize, tree: &mut Tree) -> Result<(), Refused> {
    if tree.nodes.len() > NODES_MAX {
        return Err(Refused::TooLarge { max: NODES_MAX, unit: "values in a record", row: 0 });
    }
    match value.kind() {
        Kind::Object => {
            for (key, member) in value.members() {
                let name = key.text();
                if member.kind() == Kind::Array {
                    for (ordinal, item) in member.items().enumerate() {
                        let child = tree.add(Some(at), &name, Some(ordinal));
                        fill(item, child, tree)?;
                    }
                } else {
                    let child = tree.add(Some(at), &name, None);
                    fill(member, child, tree)?;
                }
            }
        }
        Kind::Array => {
            for (ordinal, item) in value.items().enumerate() {
                let child = tree.add(Some(at), "", Some(ordinal));
                fill(item, child, tree)?;
            }
        }
        Kind::String => tree.set(at, &value.string().unwrap_or_default()),
        Kind::Number => tree.set(at, value.number_text().unwrap_or_default()),
        Kind::Boolean => tree.set(at, if value.boolean() == Some(true) { "true" } else { "false" }),
        Kind::Null => {}
    }
    Ok(())
}

//! One lenient tree for what an endpoint answers and what a script holds: any release, JSON or XML, right or wrong.
//!
//! Scripts and answers in the wild are not quite FHIR, and it is a suite's work to say how. So nothing here knows a
//! model: elements are names with values and children, and what is odd about the text that they came from is noted
//! ([`Tree::oddities`]) instead of refused. Refused is only what cannot be read one way ([`Malformed`]) or what is
//! there to do harm: document types, entities, and anything beyond [`Limits`].
//!
//! Both forms make the same tree. A primitive is a node with a [`Value`], the text exactly as written; its `id` and
//! `extension` are its children, whether they stood in `_birthDate` or in the element. A resource within another is
//! the node of the element that holds it, with a [`Node::resource_type`]; in XML the element in between is gone.
//!
//! Deliberately absent: editing, types (see [`crate::model`]), I/O.

mod build;
mod json;
mod narrative;
mod node;
mod oddity;
#[cfg(test)]
mod tests;
mod walk;
mod write;
mod xml;

pub(crate) use narrative::without_references;
pub use narrative::{NarrativeFault, check_narrative, declares_xhtml};
pub use node::{Node, Place, Value, Written};
pub use oddity::{Malformed, Odd, Oddity};
pub use walk::{Children, Descendants, Named};

use std::borrow::Cow;
use std::fmt;

/// What a place in the tables of a tree is when there is none.
const NONE: u32 = u32::MAX;

/// Bounds on one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text; never more than 1 GiB, whatever is asked.
    pub bytes_max: usize,
    /// Elements inside one another; the outermost counts as one. Never more than 256, whatever is asked.
    pub depth_max: usize,
    /// Elements of the whole text.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, depth_max: 128, nodes_max: 4_000_000 }
    }
}

/// In which form a tree was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// A resource, or a part of one, as it was read.
pub struct Tree {
    format: Format,
    /// The text that was read, and after it what had to be decoded.
    text: String,
    /// How much of `text` was read.
    source_bytes: usize,
    names: Vec<Box<str>>,
    rows: Vec<Row>,
    oddities: Vec<Oddity>,
}

/// A node as it is kept.
#[derive(Clone, Copy)]
struct Row {
    name: u32,
    /// A name, the empty one (0) if this is no resource.
    resource_type: u32,
    parent: u32,
    first: u32,
    next: u32,
    /// Among its siblings of the same name.
    index: u32,
    at: u32,
    value: Option<Written>,
    value_start: u32,
    value_bytes: u32,
    /// Whether it stood in a JSON array.
    listed: bool,
}

impl Tree {
    /// Reads a text that is JSON or XML, whichever it starts like.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be read one way, or is beyond `limits`.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let (source, odd) = text(bytes, limits)?;
        match source.trim_start().bytes().next() {
            Some(b'<') => xml::read(&source, odd, limits),
            Some(_) | None => json::read(&source, odd, limits),
        }
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn from_json(bytes: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let (source, odd) = text(bytes, limits)?;
        json::read(&source, odd, limits)
    }

    /// Reads XML.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn from_xml(bytes: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let (source, odd) = text(bytes, limits)?;
        xml::read(&source, odd, limits)
    }

    /// The outermost element.
    #[must_use]
    pub const fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// The node with this number, as [`Node::number`] told it.
    #[must_use]
    pub fn node(&self, number: usize) -> Option<Node<'_>> {
        let at = u32::try_from(number).ok().filter(|_| number < self.rows.len())?;
        Some(Node::new(self, at))
    }

    /// How many nodes there are; every [`Node::number`] is below it.
    #[must_use]
    pub const fn nodes_len(&self) -> usize {
        self.rows.len()
    }

    /// The form it was read from.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What is odd about the text, in order of its places.
    #[must_use]
    pub fn oddities(&self) -> &[Oddity] {
        &self.oddities
    }

    /// The line and column of a byte of the text that was read.
    #[must_use]
    pub fn place(&self, at: usize) -> Place {
        Place::of(self.text.get(..self.source_bytes).unwrap_or_default(), at)
    }

    /// The lines and columns of many bytes, in one go over the text; `ats` is in ascending order.
    #[must_use]
    pub fn places(&self, ats: &[usize]) -> Vec<Place> {
        let text = self.text.get(..self.source_bytes).unwrap_or_default();
        let mut place = Place { line: 1, column: 1 };
        let mut letters = text.char_indices().peekable();
        let mut found = Vec::with_capacity(ats.len());
        for at in ats {
            while let Some((_, letter)) = letters.next_if(|(here, _)| here < at) {
                if letter == '\n' {
                    place = Place { line: place.line.saturating_add(1), column: 1 };
                } else {
                    place.column = place.column.saturating_add(1);
                }
            }
            found.push(place);
        }
        found
    }

    fn row(&self, at: u32) -> Option<&Row> {
        self.rows.get(at as usize)
    }

    fn name(&self, name: u32) -> &str {
        self.names.get(name as usize).map_or("", |name| name)
    }

    fn slice(&self, start: u32, bytes: u32) -> &str {
        self.text.get(start as usize..start as usize + bytes as usize).unwrap_or_default()
    }
}

impl fmt::Debug for Tree {
    /// Tells no content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tree({}, {} nodes)", self.root().name(), self.rows.len())
    }
}

/// The text of `bytes`: without byte order mark, from UTF-16 if that is what the mark says.
fn text<'b>(bytes: &'b [u8], limits: &Limits) -> Result<(Cow<'b, str>, Vec<Oddity>), Malformed> {
    let bytes_max = limits.bytes_max.min(1 << 30);
    if bytes.len() > bytes_max {
        return Err(Malformed::TooLong { bytes_max });
    }
    let wide = |units: &[u8], order: fn([u8; 2]) -> u16| {
        let units = units
            .chunks_exact(2)
            .map(|pair| order([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)]));
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| Malformed::Encoding { at: 0 })
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            Ok((Cow::Borrowed(utf8(rest)?), vec![Oddity::new(0, Odd::ByteOrderMark)]))
        }
        [0xFF, 0xFE, rest @ ..] => {
            Ok((Cow::Owned(wide(rest, u16::from_le_bytes)?), vec![Oddity::new(0, Odd::Utf16)]))
        }
        [0xFE, 0xFF, rest @ ..] => {
            Ok((Cow::Owned(wide(rest, u16::from_be_bytes)?), vec![Oddity::new(0, Odd::Utf16)]))
        }
        _ => Ok((Cow::Borrowed(utf8(bytes)?), Vec::new())),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|error| Malformed::Encoding { at: error.valid_up_to() })
}

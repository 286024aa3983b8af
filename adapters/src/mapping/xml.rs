//! Records of XML files, one at a time, in constant memory.
//!
//! No document type is read and no entity expanded but the five of XML itself. Namespaces are not looked at: elements
//! and attributes go by their local names, attributes with `@` before it.

use std::collections::HashMap;
use std::io::Read;

use quick_xml::Reader;
use quick_xml::events::attributes::{AttrError, Attribute};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::Refused;
use super::decode::{Decoded, refused};
use super::json::NODES_MAX;
use super::plan::FileCharset;
use super::record::Tree;

const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 256;

/// Reads records.
pub(super) struct Records<R: Read> {
    reader: Reader<Decoded<R>>,
    buffer: Vec<u8>,
    path: Vec<String>,
    /// The elements that are open outside records.
    open: Vec<Open>,
    /// Where text stands outside records.
    pub(super) outside: Vec<usize>,
    seen: Seen,
}

/// Whether an element was there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Something,
}

/// An element that is open, and how often each name stood inside it.
#[derive(Debug, Default)]
struct Open {
    name: String,
    ordinal: usize,
    names: HashMap<String, usize>,
    /// Its number in the tree, inside records.
    node: usize,
    text: String,
}

impl<R: Read> std::fmt::Debug for Records<R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Records").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: Decoded<R>, path: Vec<String>) -> Self {
        let mut reader = Reader::from_reader(input.of_xml());
        let config = reader.config_mut();
        config.enable_all_checks(true);
        config.expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), path, open: Vec::new(), outside: Vec::new(), seen: Seen::Nothing }
    }

    /// Puts the next record into `tree`. False at the end.
    pub(super) fn advance(&mut self, tree: &mut Tree) -> Result<bool, Refused> {
        tree.clear();
        tree.is_xml = true;
        loop {
            self.reader.get_mut().refresh();
            self.buffer.clear();
            let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            match self.reader.read_event_into(&mut self.buffer).map_err(fault)? {
                Event::Start(tag) => {
                    self.seen = Seen::Something;
                    let opened = Open::of(&tag, self.open.last_mut());
                    self.open.push(opened);
                    if self.open.len() > DEPTH_MAX {
                        return Err(Refused::TooLarge {
                            max: DEPTH_MAX,
                            unit: "elements inside one another",
                            row: 0,
                        });
                    }
                    let is_record = self.open.len() == self.path.len()
                        && self.open.iter().map(|open| &open.name).eq(&self.path);
                    if is_record {
                        tree.place = self.open.iter().map(Open::step).collect();
                        let root = tree.add(None, "", None);
                        attributes(&tag, root, tree)?;
                        self.open.pop();
                        return self.record(root, tree).map(|()| true);
                    }
                    let is_of_xml = |attribute: Result<Attribute<'_>, AttrError>| {
                        attribute.is_ok_and(|held| is_of_xml(held.key.into_inner(), &held.value))
                    };
                    if !tag.attributes().all(is_of_xml) {
                        self.outside.push(at);
                    }
                }
                Event::End(_) => drop(self.open.pop()),
                Event::Text(text) if text.trim().is_empty() => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => self.outside.push(at),
                Event::Decl(declared) => {
                    let encoding = declared.encoding().transpose().map_err(|_| Refused::Xml)?;
                    if encoding
                        .is_some_and(|encoding| !is_charset(self.reader.get_ref().charset(), &encoding))
                    {
                        return Err(Refused::Declared);
                    }
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(Refused::DocumentType),
                Event::Eof if !self.open.is_empty() || self.seen == Seen::Nothing => {
                    return Err(Refused::Xml);
                }
                Event::Eof => return Ok(false),
                Event::Empty(_) => return Err(Refused::Xml),
            }
            if self.outside.len() > NODES_MAX {
                return Err(Refused::TooLarge { max: NODES_MAX, unit: "values outside records", row: 0 });
            }
        }
    }

    /// Reads to the end of the record.
    fn record(&mut self, root: usize, tree: &mut Tree) -> Result<(), Refused> {
        let mut open = vec![Open { node: root, ..Open::default() }];
        self.reader.get_mut().refresh();
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(fault)?;
            match event {
                Event::Start(tag) => {
                    let mut opened = Open::of(&tag, open.last_mut());
                    let parent = open.last().map_or(root, |open| open.node);
                    let ordinal = (opened.ordinal > 0).then_some(opened.ordinal);
                    opened.node = tree.add(Some(parent), &opened.name, ordinal);
                    attributes(&tag, opened.node, tree)?;
                    open.push(opened);
                    if open.len() > DEPTH_MAX {
                        return Err(Refused::TooLarge {
                            max: DEPTH_MAX,
                            unit: "elements inside one another",
                            row: 0,
                        });
                    }
                }
                Event::End(_) => {
                    if let Some(closed) = open.pop() {
                        tree.set(closed.node, &closed.text);
                    }
                    if open.is_empty() {
                        return Ok(());
                    }
                }
                Event::Text(text) => add(&mut open, &text.xml10_content()),
                Event::CData(text) => add(&mut open, &text.xml10_content()),
                Event::GeneralRef(name) => add(&mut open, character(&name)?.encode_utf8(&mut [0; 4])),
                Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(Refused::DocumentType),
                Event::Decl(_) | Event::Empty(_) | Event::Eof => return Err(Refused::Xml),
            }
            if tree.nodes.len() > NODES_MAX {
                return Err(Refused::TooLarge { max: NODES_MAX, unit: "values in a record", row: 0 });
            }
        }
    }
}

impl Open {
    /// An element that starts inside `parent`.
    fn of(tag: &BytesStart<'_>, parent: Option<&mut Self>) -> Self {
        let name = tag.local_name().into_inner().to_owned();
        let ordinal = parent.map_or(0, |parent| {
            let count = parent.names.entry(name.clone()).or_default();
            *count += 1;
            *count - 1
        });
        Self { name, ordinal, ..Self::default() }
    }

    fn step(&self) -> String {
        match self.ordinal {
            0 => format!("/{}", self.name),
            ordinal => format!("/{}[{}]", self.name, ordinal + 1),
        }
    }
}

/// Whether a declared encoding is what the file was read as, or less.
fn is_charset(charset: FileCharset, declared: &str) -> bool {
    let names: &[&str] = match charset {
        FileCharset::Utf8 => &["utf-8", "utf8", "us-ascii", "ascii"],
        FileCharset::Windows1252 => &["windows-1252", "cp1252", "iso-8859-1", "latin1", "us-ascii", "ascii"],
    };
    names.iter().any(|name| name.eq_ignore_ascii_case(declared))
}

fn add(open: &mut [Open], text: &str) {
    if let Some(open) = open.last_mut() {
        open.text.push_str(text);
    }
}

/// Whether an attribute says something about the XML and nothing about the record: which names are meant, where a schema is, and
/// that an element that is empty is (`nil`, of which one that has a value is no word).
fn is_of_xml(name: &str, value: &str) -> bool {
    name == "xmlns"
        || name.starts_with("xmlns:")
        || matches!(name, "xsi:schemaLocation" | "xsi:noNamespaceSchemaLocation")
        || (name == "xsi:nil" && matches!(value.trim(), "true" | "1" | "false" | "0"))
}

fn attributes(tag: &BytesStart<'_>, node: usize, tree: &mut Tree) -> Result<(), Refused> {
    for (index, attribute) in tag.attributes().enumerate() {
        let attribute = attribute.map_err(|_| Refused::Xml)?;
        if index >= ATTRIBUTES_MAX {
            return Err(Refused::TooLarge { max: ATTRIBUTES_MAX, unit: "attributes", row: 0 });
        }
        let name = attribute.key.into_inner();
        if is_of_xml(name, &attribute.value) {
            continue;
        }
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        let value =
            attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| Refused::Entity)?;
        let child = tree.add(Some(node), &format!("@{local}"), None);
        tree.set(child, &value);
    }
    Ok(())
}

/// The character that a reference stands for.
fn character(reference: &BytesRef<'_>) -> Result<char, Refused> {
    if let Some(found) = reference.resolve_char_ref().map_err(|_| Refused::Entity)? {
        return Ok(found);
    }
    Ok(match &**reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return Err(Refused::Entity),
    })
}

/// What an error of the tokeniser means. Its text may hold content and goes nowhere.
fn fault(error: quick_xml::Error) -> Refused {
    match error {
        quick_xml::Error::Io(error) => match std::sync::Arc::try_unwrap(error) {
            Ok(error) => refused(error),
            Err(_) => Refused::Xml,
        },
        quick_xml::Error::IllFormed(quick_xml::errors::IllFormedError::MissingDoctypeName) => {
            Refused::DocumentType
        }
        quick_xml::Error::Syntax(_)
        | quick_xml::Error::IllFormed(_)
        | quick_xml::Error::InvalidAttr(_)
        | quick_xml::Error::Encoding(_)
        | quick_xml::Error::Escape(_)
        | quick_xml::Error::Namespace(_) => Refused::Xml,
    }
}

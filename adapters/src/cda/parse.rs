//! XML text into a [`Tree`], within bounds: no document types, no entities, no deep nesting, no crowds of attributes.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;

use super::Fault;
use super::source::{Attribute, NONE, Node, Space, Tree, What};
use crate::Refused;

const DEPTH_MAX: usize = 96;
const NODES_MAX: usize = 1_000_000;
const ATTRIBUTES_MAX: usize = 64;
const BINDINGS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 64;
/// How often, for each node, nodes may be looked at. Real documents need a fifth of it.
const VISITS_OF_A_NODE: usize = 150;
const VISITS_AT_LEAST: usize = 1_000_000;
/// Names of children that are looked through one by one.
const NAMES_BESIDE: usize = 24;

/// An element that is open.
struct Open<'a> {
    at: u32,
    last: u32,
    /// How many children of each name there were: of the first few names, and of all others.
    names: Vec<((Space, &'a str), u32)>,
    more: HashMap<(Space, &'a str), u32>,
    /// How many prefixes were bound before it.
    bindings: usize,
    /// Whether it is in the text of a section, where white space counts.
    in_text: bool,
}

struct Builder<'a> {
    source: &'a str,
    tree: Tree<'a>,
    open: Vec<Open<'a>>,
    bindings: Vec<(&'a str, Space)>,
}

/// Reads `source`.
pub(super) fn parse(source: &str) -> Result<Tree<'_>, Refused> {
    if let Some(at) = forbidden(source) {
        return Err(Fault::Malformed { at }.into());
    }
    let mut builder = Builder {
        source,
        tree: Tree {
            nodes: Vec::with_capacity(source.len() / 40),
            attributes: Vec::with_capacity(source.len() / 60),
            spans: HashMap::new(),
            ids: HashMap::new(),
            visits: Cell::new(0),
            copies: Cell::new(source.len().saturating_mul(4) + (1 << 16)),
            remarks: RefCell::new(Vec::new()),
        },
        open: Vec::new(),
        bindings: Vec::new(),
    };
    let mut reader = Reader::from_str(source);
    let config = reader.config_mut();
    config.enable_all_checks(true);
    config.expand_empty_elements = true;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| fault(&error, at))?;
        match event {
            Event::Start(tag) => {
                let (name, attributes) = (tag.name().into_inner().len(), tag.attributes_raw().len());
                builder.start(at, name, attributes)?;
            }
            Event::End(_) => {
                builder.end(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX));
            }
            Event::Text(text) => builder.text(text.xml10_content(), at)?,
            Event::CData(text) => builder.text(text.xml10_content(), at)?,
            Event::GeneralRef(name) => {
                let letter = referred(&name).ok_or(Fault::Entity { at })?;
                builder.text(Cow::Owned(letter.to_string()), at)?;
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::DocType(_) => return Err(Fault::DocumentType { at }.into()),
            // The reader writes these as a start and an end.
            Event::Empty(_) => return Err(Fault::Malformed { at }.into()),
            Event::Eof if builder.open.is_empty() && !builder.tree.nodes.is_empty() => break,
            Event::Eof => return Err(Fault::Malformed { at }.into()),
        }
    }
    let visits = builder.tree.nodes.len().saturating_mul(VISITS_OF_A_NODE) + VISITS_AT_LEAST;
    builder.tree.visits.set(visits);
    Ok(builder.tree)
}

impl<'a> Open<'a> {
    /// The number of a child of this name among those of the same name.
    fn count(&mut self, name: (Space, &'a str)) -> u32 {
        if let Some((_, count)) = self.names.iter_mut().find(|(held, _)| *held == name) {
            *count += 1;
            return *count;
        }
        if self.names.len() < NAMES_BESIDE {
            self.names.push((name, 1));
            return 1;
        }
        let count = self.more.entry(name).or_insert(0);
        *count += 1;
        *count
    }
}

impl<'a> Builder<'a> {
    fn start(&mut self, at: usize, name_len: usize, attributes_len: usize) -> Result<(), Refused> {
        let from = at + 1;
        let name = self.source.get(from..from + name_len).unwrap_or_default();
        let raw = self.source.get(from + name_len..from + name_len + attributes_len).unwrap_or_default();
        if name.len() > NAME_BYTES_MAX {
            return Err(Refused::TooLarge { max: NAME_BYTES_MAX, unit: "bytes in a name" });
        }
        if self.open.is_empty() && !self.tree.nodes.is_empty() {
            return Err(Fault::Malformed { at }.into());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Refused::TooLarge { max: DEPTH_MAX, unit: "elements inside one another" });
        }
        let bindings = self.bindings.len();
        let first = self.tree.attributes.len();
        self.attributes(raw, from + name_len)?;
        self.settle(first, at)?;
        let (space, name) = self.resolve(name, at)?;
        if !is_name(name) {
            return Err(Fault::Malformed { at }.into());
        }
        let in_text =
            self.open.last().is_some_and(|open| open.in_text) || (name == "text" && space == Space::V3);
        let position = self.open.last_mut().map_or(1, |open| open.count((space, name)));
        let what = What::Element {
            name,
            space,
            from: index(first),
            until: index(self.tree.attributes.len()),
            position,
        };
        let here = self.push(what)?;
        if name == "ClinicalDocument" && space == Space::V3 {
            self.tree.spans.insert(here, at..at);
        }
        for attribute in self.tree.attributes.get(first..).unwrap_or_default() {
            if attribute.name == "ID" {
                self.tree.ids.entry(attribute.value.trim().to_owned()).or_insert(here);
            }
        }
        self.open.push(Open {
            at: here,
            last: NONE,
            names: Vec::new(),
            more: HashMap::new(),
            bindings,
            in_text,
        });
        Ok(())
    }

    fn end(&mut self, after: usize) {
        if let Some(open) = self.open.pop() {
            if let Some(span) = self.tree.spans.get_mut(&open.at) {
                span.end = after;
            }
            self.bindings.truncate(open.bindings);
        }
    }

    fn text(&mut self, text: Cow<'a, str>, at: usize) -> Result<(), Refused> {
        let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
        match self.open.last() {
            // Between elements white space means nothing, but in a narrative and within a text it parts words.
            Some(open) if blank && !open.in_text && !self.is_text(open.last) => Ok(()),
            Some(_) => {
                self.push(What::Text { text, carried: Cell::new(false) })?;
                Ok(())
            }
            None if blank => Ok(()),
            None => Err(Fault::Malformed { at }.into()),
        }
    }

    fn is_text(&self, at: u32) -> bool {
        self.tree.node(at).is_some_and(|node| matches!(node.what, What::Text { .. }))
    }

    /// Adds a node to the element that is open.
    fn push(&mut self, what: What<'a>) -> Result<u32, Refused> {
        if self.tree.nodes.len() >= NODES_MAX {
            return Err(Refused::TooLarge { max: NODES_MAX, unit: "elements and texts" });
        }
        let here = index(self.tree.nodes.len());
        let mut parent = NONE;
        if let Some(open) = self.open.last_mut() {
            parent = open.at;
            let (before, first) = (open.last, open.last == NONE);
            open.last = here;
            let link = if first { parent } else { before };
            let slot = usize::try_from(link).ok().and_then(|link| self.tree.nodes.get_mut(link));
            if let Some(node) = slot {
                if first {
                    node.first = here;
                } else {
                    node.next = here;
                }
            }
        }
        self.tree.nodes.push(Node { parent, next: NONE, first: NONE, what });
        Ok(here)
    }

    /// Reads the attributes of a tag, and binds the prefixes that they declare.
    fn attributes(&mut self, raw: &'a str, at: usize) -> Result<(), Refused> {
        let first = self.tree.attributes.len();
        let mut rest = raw;
        let malformed = |rest: &str| Fault::Malformed { at: at + raw.len() - rest.len() };
        let mut seen = 0;
        loop {
            let trimmed = rest.trim_ascii_start();
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return Err(malformed(rest).into());
            }
            seen += 1;
            if seen > ATTRIBUTES_MAX {
                return Err(Refused::TooLarge { max: ATTRIBUTES_MAX, unit: "attributes of an element" });
            }
            let (name, after) = trimmed.split_once('=').ok_or_else(|| malformed(trimmed))?;
            let name = name.trim_ascii_end();
            let quoted = after.trim_ascii_start();
            let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''));
            let quote = quote.ok_or_else(|| malformed(after))?;
            let (value, after) =
                quoted.get(1..).and_then(|value| value.split_once(quote)).ok_or_else(|| malformed(quoted))?;
            self.attribute(name, value, at + raw.len() - quoted.len(), first)?;
            rest = after;
        }
    }

    fn attribute(&mut self, name: &'a str, raw: &'a str, at: usize, first: usize) -> Result<(), Refused> {
        let value = unescaped(raw, at + 1)?;
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if !is_name(local) || !(prefix.is_empty() || is_name(prefix)) || name.len() > NAME_BYTES_MAX {
            return Err(Fault::Malformed { at }.into());
        }
        if name == "xmlns" || prefix == "xmlns" {
            if self.bindings.len() >= BINDINGS_MAX {
                return Err(Refused::TooLarge { max: BINDINGS_MAX, unit: "namespaces in force" });
            }
            self.bindings.push((if prefix.is_empty() { "" } else { local }, Space::of(&value)));
            return Ok(());
        }
        let held = self.tree.attributes.get(first..).unwrap_or_default();
        if held.iter().any(|attribute| attribute.name == name) {
            return Err(Fault::Malformed { at }.into());
        }
        self.tree.attributes.push(Attribute { name, value, carried: Cell::new(false) });
        Ok(())
    }

    /// Checks the prefixes of the attributes from `first` on.
    fn settle(&mut self, first: usize, at: usize) -> Result<(), Refused> {
        let bindings = &self.bindings;
        for attribute in self.tree.attributes.get_mut(first..).unwrap_or_default() {
            match attribute.name.split_once(':') {
                None | Some(("xml", _)) => {}
                Some((prefix, local)) => {
                    let space = bound(prefix, bindings).ok_or(Fault::Prefix { at })?;
                    if space == Space::Xsi && local == "type" {
                        attribute.name = "xsi:type";
                    }
                }
            }
        }
        Ok(())
    }

    /// The namespace of an element's name, and the name without prefix.
    fn resolve(&self, name: &'a str, at: usize) -> Result<(Space, &'a str), Refused> {
        match name.split_once(':') {
            None => Ok((bound("", &self.bindings).unwrap_or(Space::Other), name)),
            Some((prefix, local)) => Ok((bound(prefix, &self.bindings).ok_or(Fault::Prefix { at })?, local)),
        }
    }
}

fn bound(prefix: &str, bindings: &[(&str, Space)]) -> Option<Space> {
    bindings.iter().rev().find(|(held, _)| *held == prefix).map(|(_, space)| *space)
}

impl Space {
    fn of(uri: &str) -> Self {
        match uri.trim() {
            "urn:hl7-org:v3" => Self::V3,
            "urn:hl7-org:sdtc" => Self::Sdtc,
            "NPFIT:HL7:Localisation" => Self::Npfit,
            "http://www.w3.org/2001/XMLSchema-instance" => Self::Xsi,
            _ => Self::Other,
        }
    }
}

/// Where the first character is that XML 1.0 does not allow.
fn forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let control = bytes.iter().position(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    let noncharacter = text.find(['\u{fffe}', '\u{ffff}']);
    control.into_iter().chain(noncharacter).min()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// The character that the reference `&name;` stands for.
fn referred(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        };
    };
    let code = match number.strip_prefix('x') {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
        }
        None if number.bytes().all(|digit| digit.is_ascii_digit()) => number.parse(),
        Some(_) | None => return None,
    };
    char::from_u32(code.ok()?)
        .filter(|letter| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{1_0000}'..))
}

/// The value that an attribute stands for.
fn unescaped(raw: &str, at: usize) -> Result<Cow<'_, str>, Fault> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'<')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find(['&', '<']) {
        let (plain, from) = rest.split_at_checked(found).unwrap_or((rest, ""));
        out.push_str(plain);
        let here = at + raw.len() - from.len();
        let after = from.strip_prefix('&').ok_or(Fault::Malformed { at: here })?;
        let (name, after) = after.split_once(';').ok_or(Fault::Malformed { at: here })?;
        out.push(referred(name).ok_or(Fault::Entity { at: here })?);
        rest = after;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// What an error of the reader means. Its text may hold content and goes nowhere.
fn fault(error: &Error, at: usize) -> Fault {
    match error {
        Error::IllFormed(IllFormedError::MissingDoctypeName) => Fault::DocumentType { at },
        Error::IllFormed(_)
        | Error::Namespace(_)
        | Error::Syntax(_)
        | Error::InvalidAttr(_)
        | Error::Escape(_)
        | Error::Io(_)
        | Error::Encoding(_) => Fault::Malformed { at },
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{Element, Space};
    use super::parse;
    use crate::Refused;
    use crate::cda::Fault;

    #[test]
    fn elements_texts_and_attributes_stand_where_they_stood() {
        let tree =
            parse("<a xmlns='urn:hl7-org:v3' b=' &lt;1 '><c/><d>x &amp; <![CDATA[<y>]]></d><c e=\"2\"/></a>")
                .unwrap();
        let root = Element { tree: &tree, at: 0 };
        assert!(root.is(Space::V3, "a"));
        assert_eq!(root.peek("b"), Some("<1"));
        assert_eq!(root.child("d").unwrap().text().as_deref(), Some("x & <y>"));
        let paths: Vec<String> = root.children().map(Element::path).collect();
        assert_eq!(paths, ["/a/c", "/a/d", "/a/c[2]"]);
    }

    #[test]
    fn what_xml_does_not_allow_or_care_does_not_need_is_refused() {
        for (text, expected) in [
            ("<!DOCTYPE a><a/>", "a document type declaration is not allowed (byte 0)"),
            (
                "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                "a document type declaration is not allowed (byte 0)",
            ),
            ("<a>&b;</a>", "a reference to an entity or character that is not allowed (byte 3)"),
            ("<a b='&c;'/>", "a reference to an entity or character that is not allowed (byte 6)"),
            ("<a>&#0;</a>", "a reference to an entity or character that is not allowed (byte 3)"),
            ("<a>&#x110000;</a>", "a reference to an entity or character that is not allowed (byte 3)"),
            ("<a", "malformed xml (byte 0)"),
            ("<a>", "malformed xml (byte 3)"),
            ("", "malformed xml (byte 0)"),
            ("<a></b>", "malformed xml (byte 3)"),
            ("<a/><b/>", "malformed xml (byte 4)"),
            ("<a/>b", "malformed xml (byte 4)"),
            ("<a b='1' b='2'/>", "malformed xml (byte 11)"),
            ("<a b=1/>", "malformed xml (byte 5)"),
            ("<a b/>", "malformed xml (byte 3)"),
            ("<a b='<'/>", "malformed xml (byte 6)"),
            ("<a>\u{1}</a>", "malformed xml (byte 3)"),
            ("<b:a/>", "a namespace prefix that is not bound (byte 0)"),
            ("<a b:c='1'/>", "a namespace prefix that is not bound (byte 0)"),
        ] {
            let refused = parse(text).err().map(|refused| refused.to_string());
            assert_eq!(refused.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn hostile_shapes_are_refused_in_bounds() {
        let deep = "<a>".repeat(100_000);
        let crowd: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
        for text in [
            deep,
            format!("<a{crowd}/>"),
            format!("<{}/>", "a".repeat(1 << 20)),
            format!("<a>{}</a>", "<b/>".repeat(1_000_001)),
        ] {
            assert!(matches!(parse(&text), Err(Refused::TooLarge { .. })));
        }
        assert!(matches!(parse("x"), Err(Refused::Cda(Fault::Malformed { .. }))));
    }
}

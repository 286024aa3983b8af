//! From XML, as it is met rather than as it should be.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, QName, ResolveResult};

use super::build::Builder;
use super::oddity::{Malformed, Odd, Oddity};
use super::{Format, Limits, NONE, Tree, Written};

const FHIR: &str = "http://hl7.org/fhir";
const XHTML: &str = "http://www.w3.org/1999/xhtml";

pub(super) fn read(source: &str, oddities: Vec<Oddity>, limits: &Limits) -> Result<Tree, Malformed> {
    let mut tokens = NsReader::from_str(source);
    let config = tokens.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = true;
    let build = Builder::new(source, oddities, limits);
    let mut reader = Reader { source, tokens, build, frames: Vec::new(), rooted: Rooted::No };
    while reader.step()? {}
    Ok(reader.build.finish(Format::Xml))
}

struct Reader<'s> {
    source: &'s str,
    tokens: NsReader<&'s [u8]>,
    build: Builder<'s>,
    frames: Vec<Frame>,
    rooted: Rooted,
}

#[derive(PartialEq, Eq)]
enum Rooted {
    No,
    Yes,
}

/// An element that is open.
#[derive(Clone, Copy)]
struct Frame {
    is: Is,
    space: Space,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// A node.
    Node,
    /// The element between `contained` and what it contains: the same node.
    Resource,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Fhir,
    Xhtml,
    Other,
    None,
}

impl<'s> Reader<'s> {
    fn position(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Reads one event; `false` at the end.
    fn step(&mut self) -> Result<bool, Malformed> {
        let at = self.position();
        match self.tokens.read_event().map_err(|_| Malformed::Xml { at })? {
            Event::Start(tag) => self.open(&tag, at)?,
            Event::End(_) => self.close(at),
            Event::Eof if !self.frames.is_empty() || self.rooted == Rooted::No => {
                return Err(Malformed::Ended);
            }
            Event::Eof => return Ok(false),
            Event::DocType(_) => return Err(Malformed::DocumentType { at }),
            Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                let name = self.open_name();
                self.build.odd(at, Odd::Characters { name });
            }
            Event::PI(_) => self.build.odd(at, Odd::Instruction),
            Event::Comment(_) | Event::Decl(_) | Event::Empty(_) => {}
        }
        Ok(true)
    }

    fn open_name(&self) -> String {
        let node = self.build.node();
        self.build.name_text(self.build.row(node).map_or(0, |row| row.name))
    }

    fn open(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(), Malformed> {
        let qualified = tag.name().into_inner();
        let (prefix, local) = match qualified.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, qualified),
        };
        let space = match self.tokens.resolver().resolve_element(QName(qualified)).0 {
            ResolveResult::Bound(Namespace(FHIR)) => Space::Fhir,
            ResolveResult::Bound(Namespace(XHTML)) => Space::Xhtml,
            ResolveResult::Bound(_) => Space::Other,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => Space::None,
        };
        let foreign = space == Space::Other && prefix.is_some();
        let name = if foreign { qualified } else { local };
        let outer = self.frames.last().map_or(Space::Fhir, |frame| frame.space);
        if space != Space::Fhir && space != Space::Xhtml && space != outer {
            self.build.odd(at, Odd::Namespace { name: name.to_owned() });
        }
        let is = if self.frames.is_empty() {
            self.root(name, tag, at)?
        } else {
            self.inner(name, space, tag, at)?
        };
        if let Some(is) = is {
            self.frames.push(Frame { is, space });
        }
        Ok(())
    }

    /// Opens the outermost element; goes over a second one.
    fn root(&mut self, name: &str, tag: &BytesStart<'_>, at: usize) -> Result<Option<Is>, Malformed> {
        if self.rooted == Rooted::Yes {
            self.build.odd(at, Odd::Trailing);
            self.tokens.read_to_end(tag.name()).map_err(|_| Malformed::Xml { at })?;
            return Ok(None);
        }
        self.rooted = Rooted::Yes;
        let number = self.build.name(name);
        if let Some(row) = self.build.row_mut(0) {
            (row.name, row.resource_type, row.at) = (number, number, at as u32);
        }
        self.attributes(0, tag, at)?;
        Ok(Some(Is::Node))
    }

    fn inner(
        &mut self,
        name: &str,
        space: Space,
        tag: &BytesStart<'_>,
        at: usize,
    ) -> Result<Option<Is>, Malformed> {
        if name == "div" && (space == Space::Xhtml || self.open_name() == "text") {
            self.narrative(space, tag, at)?;
            return Ok(None);
        }
        let node = self.build.node();
        let row = self.build.row(node).copied();
        let upper = name.starts_with(|first: char| first.is_ascii_uppercase());
        let holds = self.frames.len() > 1 && self.frames.last().is_some_and(|frame| frame.is == Is::Node);
        if let Some(row) = row.filter(|row| upper && holds && row.value.is_none()) {
            if row.resource_type == 0 && row.first == NONE {
                self.resource(node, name, tag, at)?;
                return Ok(Some(Is::Resource));
            }
            if row.resource_type != 0 {
                let holder = self.build.name_text(row.name);
                self.build.odd(at, Odd::SeveralResources { name: holder });
                self.build.leave();
                let next = self.build.add(row.name, at)?;
                self.build.enter(next, at)?;
                self.resource(next, name, tag, at)?;
                return Ok(Some(Is::Resource));
            }
        }
        let number = self.build.name(name);
        let node = self.build.add(number, at)?;
        self.build.enter(node, at)?;
        self.attributes(node, tag, at)?;
        Ok(Some(Is::Node))
    }

    fn resource(&mut self, node: u32, name: &str, tag: &BytesStart<'_>, at: usize) -> Result<(), Malformed> {
        let number = self.build.name(name);
        if let Some(row) = self.build.row_mut(node) {
            row.resource_type = number;
        }
        self.attributes(node, tag, at)
    }

    fn close(&mut self, at: usize) {
        let Some(frame) = self.frames.pop() else { return };
        if frame.is == Is::Resource || self.frames.is_empty() {
            return;
        }
        let row = self.build.row(self.build.node());
        if row.is_some_and(|row| row.value.is_none() && row.first == NONE && row.resource_type == 0) {
            let name = self.open_name();
            self.build.odd(at, Odd::Empty { name });
        }
        self.build.leave();
    }

    /// Keeps the source of a narrative as a value.
    fn narrative(&mut self, space: Space, tag: &BytesStart<'_>, at: usize) -> Result<(), Malformed> {
        if space != Space::Xhtml {
            self.build.odd(at, Odd::NarrativeNamespace);
        }
        let name = self.build.name("div");
        let node = self.build.add(name, at)?;
        self.tokens.read_to_end(tag.name()).map_err(|_| Malformed::Xml { at })?;
        let end = self.position();
        if self.source.get(at..end).is_some_and(|markup| markup.contains("<!DOCTYPE")) {
            return Err(Malformed::DocumentType { at });
        }
        self.build.set_source(node, Written::Markup, at, end);
        Ok(())
    }

    /// Reads the attributes of the open element.
    fn attributes(&mut self, node: u32, tag: &BytesStart<'_>, at: usize) -> Result<(), Malformed> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| Malformed::Xml { at })?;
            let key = attribute.key.into_inner();
            if key == "xmlns" || key.starts_with("xmlns:") || key.ends_with(":schemaLocation") {
                continue;
            }
            let value = self.unescaped(&attribute.value, at)?;
            let name = self.build.name(key);
            let twice = if key == "value" {
                self.build.row(node).is_some_and(|row| row.value.is_some())
            } else {
                self.build.mark(name).count > 0
            };
            if twice {
                self.build.odd(at, Odd::AttributeTwice { name: key.to_owned() });
                continue;
            }
            if value.is_empty() {
                let name = if key == "value" { self.open_name() } else { key.to_owned() };
                self.build.odd(at, Odd::EmptyValue { name });
            }
            if key == "value" {
                self.build.set_decoded(node, Written::Attribute, &value);
                continue;
            }
            if key != "id" && key != "url" {
                self.build.odd(at, Odd::Attribute { name: key.to_owned() });
            }
            let child = self.build.add(name, at)?;
            self.build.set_decoded(child, Written::Attribute, &value);
        }
        Ok(())
    }

    /// What an attribute says: white space as XML reads it, references resolved. Named entities are those of HTML.
    fn unescaped<'v>(&mut self, raw: &'v str, at: usize) -> Result<Cow<'v, str>, Malformed> {
        let spaced: Cow<'v, str> = if raw.contains(['\t', '\n', '\r']) {
            Cow::Owned(raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " "))
        } else {
            Cow::Borrowed(raw)
        };
        if !spaced.contains('&') {
            return Ok(spaced);
        }
        let named = fhir::xml::as_characters(&spaced);
        if let Cow::Owned(_) = named {
            self.build.odd(at, Odd::Entity);
        }
        match quick_xml::escape::unescape(&named) {
            Ok(text) => Ok(Cow::Owned(text.into_owned())),
            Err(_) => Err(Malformed::DocumentType { at }),
        }
    }
}

//! From XML to JSON.

use std::collections::BTreeSet;

use super::tokens::{Space, Tag, Token, Tokens};
use super::write::is_number;
use super::{Fault, InvalidXml, Limits};
use crate::json::quote;
use crate::tables::{Element, Release, TypeId, TypeKind, element, type_in};

/// Reads one resource in XML and yields the same in JSON.
///
/// `resourceType` comes first, the other members in the order of the definitions. The JSON is valid, names no member
/// twice and is at most some three times as long as `bytes`; it is parsed like any other that comes from outside. A
/// byte order mark is dropped.
///
/// # Errors
/// [`InvalidXml`] names what is wrong and where. Nothing of the content is in it.
pub fn to_json(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, InvalidXml> {
    to_json_of(Release::R4, bytes, limits)
}

/// As [`to_json`], by the tables of another release.
///
/// # Errors
/// As [`to_json`].
pub fn to_json_of(release: Release, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, InvalidXml> {
    read(release, bytes, limits, Strangers::Refused)
}

/// As [`to_json_of`], for those who tell what they cannot carry: an element that its parent does not have becomes a member of
/// its name without its content, once, after the others. One that could be taken for something else is refused as
/// it is there.
///
/// # Errors
/// As [`to_json`].
pub fn to_json_naming_strangers(
    release: Release,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, InvalidXml> {
    read(release, bytes, limits, Strangers::Named)
}

/// What becomes of an element that its parent does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strangers {
    Refused,
    /// It is named in the place where it stood, and nothing is said of what it held.
    Named,
}

/// What a stranger says.
const STRANGER: &[u8] = b"\"?\"";

fn read(
    release: Release,
    bytes: &[u8],
    limits: &Limits,
    strangers: Strangers,
) -> Result<Vec<u8>, InvalidXml> {
    if bytes.len() > limits.bytes_max {
        return Err(Fault::TooLong { bytes_max: limits.bytes_max }.at(limits.bytes_max));
    }
    let source = match simdutf8::compat::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => return Err(Fault::Utf8.at(error.valid_up_to())),
    };
    match source.strip_prefix('\u{FEFF}') {
        None => document((release, strangers), source, limits),
        Some(rest) => document((release, strangers), rest, limits)
            .map_err(|InvalidXml { fault, at }| InvalidXml { fault, at: at + bytes.len() - rest.len() }),
    }
}

fn document(
    (release, strangers): (Release, Strangers),
    source: &str,
    limits: &Limits,
) -> Result<Vec<u8>, InvalidXml> {
    let (tokens, out) = (Tokens::new(source, limits)?, Vec::with_capacity(source.len()));
    let mut reader = Reader { release, strangers, tokens, out };
    match reader.tokens.next()? {
        Token::Open(tag) => reader.resource(&tag)?,
        Token::Close | Token::End => return Err(Fault::Ended.at(source.len())),
    }
    match reader.tokens.next()? {
        Token::End => Ok(reader.out),
        Token::Open(_) | Token::Close => Err(Fault::Trailing.at(source.len())),
    }
}

struct Reader<'a> {
    release: Release,
    strangers: Strangers,
    tokens: Tokens<'a>,
    out: Vec<u8>,
}

/// The elements of one name that stand beside one another.
struct Run {
    element: Element,
    /// Of a primitive that repeats: its values and what stands beside them, without brackets, commas between.
    values: Vec<u8>,
    siblings: Vec<u8>,
    held: Held,
}

/// What a run of primitives has held so far; a list of `null`s alone is not written.
#[derive(Clone, Copy, Default)]
struct Held {
    value: bool,
    sibling: bool,
}

impl Run {
    fn of(element: Element) -> Self {
        Self { element, values: Vec::new(), siblings: Vec::new(), held: Held::default() }
    }
}

impl<'a> Reader<'a> {
    /// Reads what `tag` starts as a resource of its name.
    fn resource(&mut self, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        let named = type_in(self.release, tag.name).filter(|found| found.kind() == TypeKind::Resource);
        let named = named.filter(|_| tag.space == Space::Fhir);
        let owner = named.ok_or(Fault::UnknownResource.at(tag.at))?;
        self.out.extend_from_slice(b"{\"resourceType\":\"");
        self.out.extend_from_slice(owner.name().as_bytes());
        self.out.push(b'"');
        self.attributes(owner, tag)?;
        no_value(tag)?;
        self.members(owner)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Reads what `tag` starts as a value of the type `owner`.
    fn object(&mut self, owner: TypeId, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        self.out.push(b'{');
        self.attributes(owner, tag)?;
        no_value(tag)?;
        let children = self.members(owner)?;
        if children == 0 && tag.url.is_none() {
            return Err(Fault::EmptyElement.at(tag.at));
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the attributes that are members.
    fn attributes(&mut self, owner: TypeId, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        for (name, value) in [("id", &tag.id), ("url", &tag.url)] {
            let Some(value) = value else { continue };
            if !element(owner, name).is_some_and(|found| found.is_attribute()) {
                return Err(Fault::UnknownAttribute.at(tag.at));
            }
            key(&mut self.out, "", name);
            quote(value, &mut self.out);
        }
        Ok(())
    }

    /// Reads the children of a value of the type `owner` up to its end, and yields how many there are.
    fn members(&mut self, owner: TypeId) -> Result<usize, InvalidXml> {
        let mut last: Option<Run> = None;
        let mut strangers = BTreeSet::new();
        let mut count = 0;
        while let Token::Open(tag) = self.tokens.next()? {
            count += 1;
            if self.strangers == Strangers::Named && is_stranger(owner, &tag) {
                strangers.insert(tag.name);
                self.pass_over(tag.at)?;
                continue;
            }
            let found = child(owner, &tag)?;
            let run = match last.take() {
                Some(run) if run.element.id() == found.id() => {
                    if !found.is_array() || run.element.key() != found.key() {
                        return Err(Fault::Repeated.at(tag.at));
                    }
                    last.insert(run)
                }
                Some(run) => {
                    if run.element.id() > found.id() {
                        return Err(Fault::OutOfOrder.at(tag.at));
                    }
                    self.end(&run);
                    last.insert(self.start(found))
                }
                None => last.insert(self.start(found)),
            };
            self.value(run, &tag)?;
        }
        if let Some(run) = last {
            self.end(&run);
        }
        for name in strangers {
            key(&mut self.out, "", name);
            self.out.extend_from_slice(STRANGER);
        }
        Ok(count)
    }

    /// Reads what is open to its end.
    fn pass_over(&mut self, at: usize) -> Result<(), InvalidXml> {
        let mut open = 1_usize;
        while open > 0 {
            match self.tokens.next()? {
                Token::Open(_) => open += 1,
                Token::Close => open -= 1,
                Token::End => return Err(Fault::Ended.at(at)),
            }
        }
        Ok(())
    }

    /// Writes what comes before the first value of a run.
    fn start(&mut self, element: Element) -> Run {
        // The names of primitives are written with their values, since one or two are needed.
        if element.child_type().is_some() {
            key(&mut self.out, "", element.key());
            if element.is_array() {
                self.out.push(b'[');
            }
        }
        Run::of(element)
    }

    /// Writes what comes after the last value of a run.
    fn end(&mut self, run: &Run) {
        if !run.element.is_array() {
            return;
        }
        if run.element.child_type().is_some() {
            self.out.push(b']');
            return;
        }
        for (prefix, list, holds) in
            [("", &run.values, run.held.value), ("_", &run.siblings, run.held.sibling)]
        {
            if holds {
                key(&mut self.out, prefix, run.element.key());
                self.out.push(b'[');
                self.out.extend_from_slice(list);
                self.out.push(b']');
            }
        }
    }

    /// Reads one value of a run.
    fn value(&mut self, run: &mut Run, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        // A choice that is looked up by a JSON name has one type.
        let kind = run.element.only_type().ok_or(Fault::UnknownElement.at(tag.at))?;
        match kind.kind() {
            TypeKind::Text if kind.is_xhtml() => {
                let div = self.tokens.narrative(tag)?;
                key(&mut self.out, "", run.element.key());
                quote(div, &mut self.out);
                Ok(())
            }
            TypeKind::Text | TypeKind::Number | TypeKind::Boolean if run.element.is_array() => {
                self.item(run, kind, tag)
            }
            TypeKind::Text | TypeKind::Number | TypeKind::Boolean => self.primitive(run.element, kind, tag),
            TypeKind::Abstract | TypeKind::Resource => {
                comma(&mut self.out);
                self.wrapped(tag)
            }
            TypeKind::Complex | TypeKind::Backbone => {
                comma(&mut self.out);
                self.object(kind, tag)
            }
        }
    }

    /// Reads the one resource that `tag` holds.
    fn wrapped(&mut self, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        if tag.id.is_some() || tag.url.is_some() {
            return Err(Fault::UnknownAttribute.at(tag.at));
        }
        no_value(tag)?;
        match self.tokens.next()? {
            Token::Open(inner) => self.resource(&inner)?,
            Token::Close | Token::End => return Err(Fault::EmptyElement.at(tag.at)),
        }
        match self.tokens.next()? {
            Token::Open(second) => Err(Fault::Repeated.at(second.at)),
            Token::Close | Token::End => Ok(()),
        }
    }

    /// Reads a primitive that does not repeat.
    fn primitive(&mut self, element: Element, kind: TypeId, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        if let Some(value) = &tag.value {
            key(&mut self.out, "", element.key());
            literal(kind, value, tag.at, &mut self.out)?;
        }
        let end = self.out.len();
        key(&mut self.out, "_", element.key());
        match self.sibling(kind, tag)? {
            Sibling::Nothing | Sibling::Id if tag.value.is_none() => {
                return Err(Fault::EmptyElement.at(tag.at));
            }
            Sibling::Nothing => self.out.truncate(end),
            Sibling::Id | Sibling::Children => {}
        }
        Ok(())
    }

    /// Reads one value of a primitive that repeats.
    fn item(&mut self, run: &mut Run, kind: TypeId, tag: &Tag<'a>) -> Result<(), InvalidXml> {
        if !run.values.is_empty() {
            run.values.push(b',');
            run.siblings.push(b',');
        }
        match &tag.value {
            Some(value) => {
                literal(kind, value, tag.at, &mut run.values)?;
                run.held.value = true;
            }
            None => run.values.extend_from_slice(b"null"),
        }
        let from = self.out.len();
        match self.sibling(kind, tag)? {
            Sibling::Nothing | Sibling::Id if tag.value.is_none() => {
                return Err(Fault::EmptyElement.at(tag.at));
            }
            Sibling::Nothing => run.siblings.extend_from_slice(b"null"),
            Sibling::Id | Sibling::Children => {
                run.siblings.extend_from_slice(self.out.get(from..).unwrap_or_default());
                run.held.sibling = true;
            }
        }
        self.out.truncate(from);
        Ok(())
    }

    /// Reads what a primitive has beside its value, as an object.
    fn sibling(&mut self, kind: TypeId, tag: &Tag<'a>) -> Result<Sibling, InvalidXml> {
        self.out.push(b'{');
        self.attributes(kind, tag)?;
        let children = self.members(kind)?;
        self.out.push(b'}');
        Ok(match (children, &tag.id) {
            (0, None) => Sibling::Nothing,
            (0, Some(_)) => Sibling::Id,
            _ => Sibling::Children,
        })
    }
}

/// What a primitive has beside its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sibling {
    Nothing,
    Id,
    Children,
}

/// The element of `owner` that `tag` starts.
fn child(owner: TypeId, tag: &Tag<'_>) -> Result<Element, InvalidXml> {
    let found = element(owner, tag.name).filter(|found| !found.is_attribute());
    let found = found.ok_or(Fault::UnknownElement.at(tag.at))?;
    let is_xhtml = found.only_type().is_some_and(TypeId::is_xhtml);
    if is_xhtml == (tag.space == Space::Xhtml) { Ok(found) } else { Err(Fault::Namespace.at(tag.at)) }
}

/// Whether `tag` starts what `owner` does not have, by a name that is nothing else there: neither what changes the meaning of
/// the rest, nor the type of a resource.
fn is_stranger(owner: TypeId, tag: &Tag<'_>) -> bool {
    let is_plain = tag.name.starts_with(|first: char| first.is_ascii_alphabetic())
        && tag.name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain
        && tag.space == Space::Fhir
        && !matches!(tag.name, "resourceType" | "modifierExtension" | "implicitRules")
        && element(owner, tag.name).is_none()
}

/// Only primitives have a value.
fn no_value(tag: &Tag<'_>) -> Result<(), InvalidXml> {
    if tag.value.is_some() { Err(Fault::UnknownAttribute.at(tag.at)) } else { Ok(()) }
}

/// Writes a value of the type `kind`; numbers stay the text they are.
fn literal(kind: TypeId, value: &str, at: usize, out: &mut Vec<u8>) -> Result<(), InvalidXml> {
    let holds = match kind.kind() {
        TypeKind::Number => is_number(kind, value),
        TypeKind::Boolean => matches!(value, "true" | "false"),
        TypeKind::Text => {
            quote(value, out);
            return Ok(());
        }
        TypeKind::Resource | TypeKind::Abstract | TypeKind::Complex | TypeKind::Backbone => false,
    };
    if !holds {
        return Err(Fault::Value.at(at));
    }
    out.extend_from_slice(value.as_bytes());
    Ok(())
}

/// Writes the name of a member; names of the tables need no escapes.
fn key(out: &mut Vec<u8>, prefix: &str, name: &str) {
    comma(out);
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Writes a comma unless this is the first of its object or array or the value of a member.
fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[' | b':')) {
        out.push(b',');
    }
}

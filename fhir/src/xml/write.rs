//! From JSON to XML.

use super::characters::forbidden;
use super::entities::as_characters;
use super::narrative::{self, Before};
use super::{FHIR, Limits, Unsayable, Unwritable};
use crate::json::{Kind, Node};
use crate::tables::{Element, Release, TypeId, TypeKind, element, type_in};

/// Writes `resource` as XML in UTF-8, with a declaration, elements in the order of the definitions.
///
/// What is written has the meaning of all of `resource`, or nothing is; [`super::to_json`] with the same bounds reads
/// it back to the same values, the narrative to the byte but for white space around the `div` and named entities of HTML,
/// which become references to the characters that they stand for.
///
/// # Errors
/// [`Unwritable`] names what is wrong and where. Nothing of the content is in it.
pub fn from_json(resource: Node<'_>, limits: &Limits) -> Result<Vec<u8>, Unwritable> {
    from_json_of(Release::R4, resource, limits)
}

/// As [`from_json`], by the tables of another release; [`super::to_json_of`] reads it back.
///
/// # Errors
/// As [`from_json`].
pub fn from_json_of(release: Release, resource: Node<'_>, limits: &Limits) -> Result<Vec<u8>, Unwritable> {
    let mut out = Vec::with_capacity(resource.raw().len() / 4 * 5 + 128);
    out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let mut writer = Writer { release, out, path: Vec::new(), limits: *limits, depth: 0, elements: 0 };
    match writer.resource(resource, Place::Outermost) {
        Ok(()) if writer.out.len() <= limits.bytes_max => Ok(writer.out),
        Ok(()) => {
            let why = Unsayable::TooLong { bytes_max: limits.bytes_max };
            Err(Unwritable { why, path: writer.told_path(), at: resource.offset() })
        }
        Err(Stop { why, at }) => Err(Unwritable { why, path: writer.told_path(), at }),
    }
}

/// Why writing stops; the path is still in the writer then.
struct Stop {
    why: Unsayable,
    at: usize,
}

impl Unsayable {
    fn of(self, node: Node<'_>) -> Stop {
        Stop { why: self, at: node.offset() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outermost,
    Inside,
}

/// One step of the path to the element that is being written.
struct Step {
    key: &'static str,
    index: Option<usize>,
}

/// A member of an object with what stands beside it.
struct Member<'a> {
    element: Element,
    /// Where it starts.
    at: usize,
    value: Option<Node<'a>>,
    /// The member called `_name`.
    sibling: Option<Node<'a>>,
}

struct Writer {
    release: Release,
    out: Vec<u8>,
    path: Vec<Step>,
    limits: Limits,
    /// Elements that are open.
    depth: usize,
    elements: usize,
}

impl Writer {
    /// Writes `node` as the element of its resource type.
    fn resource(&mut self, node: Node<'_>, place: Place) -> Result<(), Stop> {
        let named = node.member("resourceType").and_then(Node::string);
        let owner = named
            .and_then(|name| type_in(self.release, &name))
            .filter(|found| found.kind() == TypeKind::Resource)
            .ok_or(Unsayable::UnknownResource.of(node))?;
        if place == Place::Outermost {
            self.path.push(Step { key: owner.name(), index: None });
        }
        self.open(owner.name(), node)?;
        if place == Place::Outermost {
            self.attribute("xmlns", FHIR, node)?;
        }
        let members = members(owner, node)?;
        self.children(&members)?;
        self.close(owner.name(), &members);
        Ok(())
    }

    /// Writes `node` as a value of the type `owner` in an element called `name`.
    fn object(&mut self, name: &str, owner: TypeId, node: Node<'_>) -> Result<(), Stop> {
        if node.kind() != Kind::Object {
            return Err(Unsayable::Kind.of(node));
        }
        let members = members(owner, node)?;
        // Nothing but an id says nothing (`ele-1`).
        if !members.iter().any(|member| member.element.key() != "id") {
            return Err(Unsayable::Empty.of(node));
        }
        self.open(name, node)?;
        self.attributes(&members)?;
        self.children(&members)?;
        self.close(name, &members);
        Ok(())
    }

    /// Starts an element; its attributes may follow.
    fn open(&mut self, name: &str, node: Node<'_>) -> Result<(), Stop> {
        let bytes_max = self.limits.bytes_max;
        if self.out.len() > bytes_max {
            return Err(Unsayable::TooLong { bytes_max }.of(node));
        }
        self.depth += 1;
        self.elements += 1;
        self.limits.check(self.depth, self.elements).map_err(|fault| Unsayable::TooLarge(fault).of(node))?;
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        Ok(())
    }

    /// Ends the element called `name`, whose members were `members`.
    fn close(&mut self, name: &str, members: &[Member<'_>]) {
        self.depth -= 1;
        if members.iter().all(|member| member.element.is_attribute()) {
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'>');
        }
    }

    /// Writes an attribute of the element that was started.
    fn attribute(&mut self, name: &str, value: &str, node: Node<'_>) -> Result<(), Stop> {
        if value.is_empty() {
            return Err(Unsayable::Empty.of(node));
        }
        if forbidden(value).is_some() {
            return Err(Unsayable::Character.of(node));
        }
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        let mut from = 0;
        let bytes = value.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let written: &[u8] = match byte {
                b'&' => b"&amp;",
                b'<' => b"&lt;",
                b'>' => b"&gt;",
                b'"' => b"&quot;",
                // As they are they would be read as spaces.
                b'\n' => b"&#10;",
                b'\r' => b"&#13;",
                b'\t' => b"&#9;",
                _ => continue,
            };
            self.out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
            self.out.extend_from_slice(written);
            from = at + 1;
        }
        self.out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        self.out.push(b'"');
        Ok(())
    }

    /// Writes those of `members` that are attributes.
    fn attributes(&mut self, members: &[Member<'_>]) -> Result<(), Stop> {
        for member in members.iter().filter(|member| member.element.is_attribute()) {
            if let (Some(value), None) = (member.value, member.sibling) {
                let text = value.string().ok_or(Unsayable::Kind.of(value))?;
                self.attribute(member.element.key(), &text, value)?;
            } else {
                return Err(Stop { why: Unsayable::UnknownMember, at: member.at });
            }
        }
        Ok(())
    }

    /// Ends the start tag and writes those of `members` that are elements.
    fn children(&mut self, members: &[Member<'_>]) -> Result<(), Stop> {
        let mut is_open = true;
        for member in members.iter().filter(|member| !member.element.is_attribute()) {
            if is_open {
                self.out.push(b'>');
                is_open = false;
            }
            self.path.push(Step { key: member.element.key(), index: None });
            self.member(member)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Writes one member, each of its values if it repeats.
    fn member(&mut self, member: &Member<'_>) -> Result<(), Stop> {
        if !member.element.is_array() {
            return self.value(member, member.value, member.sibling);
        }
        let lists = [member.value, member.sibling];
        for list in lists.into_iter().flatten() {
            if list.kind() != Kind::Array {
                return Err(Unsayable::Kind.of(list));
            }
            if list.is_empty() {
                return Err(Unsayable::Empty.of(list));
            }
        }
        let mut items = lists.map(|list| list.map(Node::items));
        for index in 0.. {
            let [value, sibling] = items.each_mut().map(|items| items.as_mut().and_then(Iterator::next));
            if value.is_none() && sibling.is_none() {
                break;
            }
            if let Some(step) = self.path.last_mut() {
                step.index = Some(index);
            }
            let told = |node: &Node<'_>| !node.is_null();
            self.value(member, value.filter(told), sibling.filter(told))?;
        }
        Ok(())
    }

    /// Writes one value of a member with what stands beside it.
    fn value(
        &mut self,
        member: &Member<'_>,
        value: Option<Node<'_>>,
        sibling: Option<Node<'_>>,
    ) -> Result<(), Stop> {
        let name = member.element.key();
        let stop = |why| Stop { why, at: member.at };
        // A choice that is looked up by a JSON name has one type.
        let kind = member.element.only_type().ok_or(stop(Unsayable::UnknownMember))?;
        if kind.kind().is_primitive() && !kind.is_xhtml() {
            return match (value, sibling) {
                (None, None) => Err(stop(Unsayable::Empty)),
                (value, sibling) => self.primitive(name, kind, value, sibling),
            };
        }
        if sibling.is_some() {
            return Err(stop(Unsayable::UnknownMember));
        }
        let value = value.ok_or(stop(Unsayable::Empty))?;
        match kind.kind() {
            TypeKind::Text | TypeKind::Number | TypeKind::Boolean => self.narrative(value),
            TypeKind::Complex | TypeKind::Backbone => self.object(name, kind, value),
            TypeKind::Abstract | TypeKind::Resource => {
                self.open(name, value)?;
                self.out.push(b'>');
                self.resource(value, Place::Inside)?;
                self.depth -= 1;
                self.out.extend_from_slice(b"</");
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b'>');
                Ok(())
            }
        }
    }

    /// Writes a primitive of the type `kind`: one of value and sibling is there.
    fn primitive(
        &mut self,
        name: &str,
        kind: TypeId,
        value: Option<Node<'_>>,
        sibling: Option<Node<'_>>,
    ) -> Result<(), Stop> {
        let beside = match sibling {
            Some(node) if node.kind() != Kind::Object => return Err(Unsayable::Kind.of(node)),
            Some(node) if node.is_empty() => return Err(Unsayable::Empty.of(node)),
            Some(node) => members(kind, node)?,
            None => Vec::new(),
        };
        if let (None, Some(sibling)) = (value, sibling)
            && beside.iter().all(|member| member.element.is_attribute())
        {
            return Err(Unsayable::Empty.of(sibling));
        }
        let Some(node) = value.or(sibling) else { return Ok(()) };
        self.open(name, node)?;
        self.attributes(&beside)?;
        if let Some(value) = value {
            let text = match (kind.kind(), value.kind()) {
                (TypeKind::Text, Kind::String) => value.string(),
                (TypeKind::Boolean, Kind::Boolean) => std::str::from_utf8(value.raw()).ok().map(Into::into),
                (TypeKind::Number, Kind::Number) => {
                    value.number_text().filter(|text| is_number(kind, text)).map(Into::into)
                }
                _ => None,
            };
            let text = text.ok_or(Unsayable::Kind.of(value))?;
            self.attribute("value", &text, value)?;
        }
        self.children(&beside)?;
        self.close(name, &beside);
        Ok(())
    }

    /// Writes the `div` of a narrative as it is, without names that XML does not know.
    fn narrative(&mut self, node: Node<'_>) -> Result<(), Stop> {
        let div = node.string().ok_or(Unsayable::Kind.of(node))?;
        let div = div.trim_matches([' ', '\t', '\n', '\r']);
        if forbidden(div).is_some() {
            return Err(Unsayable::Character.of(node));
        }
        let div = as_characters(div);
        let before = Before { depth: self.depth, elements: self.elements };
        let checked = narrative::check(&div, &self.limits, before);
        self.elements = checked.map_err(|error| Unsayable::Narrative(error).of(node))?;
        self.out.extend_from_slice(div.as_bytes());
        Ok(())
    }

    /// The path that is being written, in the words of the tables.
    fn told_path(&self) -> String {
        if self.path.is_empty() {
            return "the outermost value".to_owned();
        }
        let mut told = String::new();
        for Step { key, index } in &self.path {
            if !told.is_empty() {
                told.push('.');
            }
            told.push_str(key);
            if let Some(index) = index {
                told.push_str(&format!("[{index}]"));
            }
        }
        told
    }
}

/// The members of `node`, a value of the type `owner`, in the order of the definitions.
fn members(owner: TypeId, node: Node<'_>) -> Result<Vec<Member<'_>>, Stop> {
    let mut found: Vec<Member<'_>> = Vec::with_capacity(node.len());
    for (key, value) in node.members() {
        let name = key.text();
        if name == "resourceType" && owner.kind() == TypeKind::Resource {
            continue;
        }
        let unknown = Stop { why: Unsayable::UnknownMember, at: key.offset() };
        let member = match name.strip_prefix('_') {
            None => element(owner, &name).map(|element| (element, Some(value), None)),
            Some(name) => element(owner, name)
                .filter(|found| found.only_type().is_some_and(|kind| kind.kind().is_primitive()))
                .map(|element| (element, None, Some(value))),
        };
        let (element, value, sibling) = member.ok_or(unknown)?;
        found.push(Member { element, at: key.offset(), value, sibling });
    }
    found.sort_by_key(|member| member.element.id());
    let mut merged: Vec<Member<'_>> = Vec::with_capacity(found.len());
    for member in found {
        match merged.last_mut() {
            Some(last) if last.element.id() == member.element.id() => {
                if last.element.key() != member.element.key() {
                    return Err(Stop { why: Unsayable::Repeated, at: member.at });
                }
                last.value = last.value.or(member.value);
                last.sibling = last.sibling.or(member.sibling);
            }
            Some(_) | None => merged.push(member),
        }
    }
    Ok(merged)
}

/// Whether `text` is in the grammar of the numeric type `kind`.
pub(super) fn is_number(kind: TypeId, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let is_integer = fraction.is_none() && exponent.is_none();
    is_whole
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
        && (is_integer || kind.name() == "decimal")
}

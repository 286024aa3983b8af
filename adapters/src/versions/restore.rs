//! What the other side has no place for is kept in extensions that FHIR names for it, and found there on the way back.
//!
//! The address is `http://hl7.org/fhir/3.0/StructureDefinition/extension-Type.element`, with the release that the element
//! is of; elements of parts are inside as extensions by the plain name. <http://hl7.org/fhir/versions.html#extensions>

use fhir::tables::{Element, Release, TypeId, TypeKind, element, type_in};

use super::Fault;
use super::item::{Item, fields, items};
use super::maps::{Step, Which};
use super::place::{add, has_room, place};
use super::state::Restored;
use super::walk::{Out, Walk, called, has_members};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// Where the extensions that keep elements of a release begin.
fn base(release: Release) -> &'static str {
    match release {
        Release::Dstu2 => "http://hl7.org/fhir/1.0/StructureDefinition/extension-",
        Release::Stu3 => "http://hl7.org/fhir/3.0/StructureDefinition/extension-",
        Release::R4 => "http://hl7.org/fhir/4.0/StructureDefinition/extension-",
        Release::R4b => "http://hl7.org/fhir/4.3/StructureDefinition/extension-",
        Release::R5 => "http://hl7.org/fhir/5.0/StructureDefinition/extension-",
    }
}

/// What an extension keeps, below the base of the release `to`.
fn keeps(extension: &Object, to: Release) -> Option<&str> {
    match extension.find("url") {
        Some(Node::Text(url)) => url.strip_prefix(base(to)),
        _ => None,
    }
}

/// Whether an extension keeps an element of the type `owner`.
pub(super) fn is_for(extension: &Object, owner: TypeId, to: Release) -> bool {
    keeps(extension, to).is_some_and(|path| kept_element(path, owner).is_some())
}

/// Where the element that the path names is in a value of the type `owner`: its own, or one of a part that it has once.
fn kept_element(path: &str, owner: TypeId) -> Option<(Vec<Step>, Element)> {
    let (above, name) = path.rsplit_once('.')?;
    let step = |name: &str| Step { name: name.to_owned(), which: Which::Whole };
    if let Some(found) = called(owner, name) {
        let is_it = |told: String| told.strip_suffix("[x]").unwrap_or(&told) == path;
        if is_it(found.id().path()) || is_it(format!("{owner}.{}", found.name())) {
            return Some((Vec::new(), found));
        }
    }
    let mut steps = Vec::new();
    let mut at = owner;
    for part in above.strip_prefix(owner.name())?.strip_prefix('.')?.split('.') {
        let found = element(at, part).filter(|found| !found.is_array())?;
        at = found.child_type()?;
        steps.push(step(part));
    }
    Some((steps, called(at, name)?))
}

/// Whether a resource bears the mark that it was of the type `name` of the release `to`.
pub(super) fn names_type(source: &Object, to: Release, name: &str) -> bool {
    let Some(Node::List(all)) = source.find("extension") else { return false };
    all.iter().any(|extension| match extension {
        Node::Object(extension) => keeps(extension, to).is_some_and(|path| {
            path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }),
        Node::Text(_) | Node::Bare(_) | Node::List(_) => false,
    })
}

/// Takes out of a value what it keeps of the part that it will be put into.
pub(super) fn inside(item: &mut Item, owner: TypeId, path: &[Step], to: Release) -> Vec<(Element, Item)> {
    let Some((_, parts)) = path.split_last().filter(|(_, parts)| !parts.is_empty()) else {
        return Vec::new();
    };
    let mut part = Some(owner);
    for step in parts {
        part = part.and_then(|part| element(part, &step.name)).and_then(|found| found.child_type());
    }
    let (Some(part), Some(holder)) = (part, item.holder()) else { return Vec::new() };
    let Some(Node::List(all)) = holder.take("extension") else { return Vec::new() };
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for node in all {
        let kept = match &node {
            Node::Object(extension) => keeps(extension, to)
                .and_then(|path| kept_element(path, part))
                .filter(|(steps, _)| steps.is_empty())
                .and_then(|(_, element)| unpack(extension, &element)),
            Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
        };
        match kept {
            Some(kept) => found.push(kept),
            None => rest.push(node),
        }
    }
    if !rest.is_empty() {
        holder.put("extension", Node::List(rest));
    }
    if let Item::Primitive { beside, .. } = item
        && beside.as_ref().is_some_and(Object::is_empty)
    {
        *beside = None;
    }
    found
}

/// The value that an extension keeps, with the element that it is of (a choice has its type then).
fn unpack(extension: &Object, found: &Element) -> Option<(Element, Item)> {
    let stem = found.name().strip_suffix("[x]");
    let mut value = None;
    let mut beside = None;
    let mut kind = "";
    for (name, node) in extension.members() {
        if let Some(told) = name.strip_prefix("value") {
            (kind, value) = (told, Some(node));
        } else if let Some(told) = name.strip_prefix("_value") {
            kind = told;
            beside = match node {
                Node::Object(object) => Some(object.clone()),
                Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
            };
        }
    }
    let target = match stem {
        Some(stem) if !kind.is_empty() => element(found.owner(), &format!("{stem}{kind}"))?,
        Some(_) => return None,
        None => *found,
    };
    let kind = target.only_type()?;
    if kind.kind().is_primitive() {
        let fits = match (value, kind.kind()) {
            (None, _) => beside.is_some(),
            (Some(Node::Text(_)), TypeKind::Text) => true,
            (Some(Node::Bare(bare)), TypeKind::Boolean) => matches!(bare.as_str(), "true" | "false"),
            (Some(Node::Bare(bare)), TypeKind::Number) => !matches!(bare.as_str(), "true" | "false"),
            _ => false,
        };
        return fits.then(|| (target, Item::Primitive { value: value.cloned(), beside }));
    }
    match value {
        Some(node @ Node::Object(_)) if kind.kind() == TypeKind::Complex => {
            Some((target, Item::Complex(node.clone())))
        }
        Some(_) => None,
        None => Some((target, Item::Complex(unpack_parts(extension, kind)?.into()))),
    }
}

/// A part whose elements are extensions by their plain names.
fn unpack_parts(extension: &Object, kind: TypeId) -> Option<Object> {
    let Some(Node::List(all)) = extension.find("extension") else { return None };
    if !has_members(kind) {
        return None;
    }
    let mut whole = Object::new();
    if let Some(id) = extension.find("id") {
        whole.put("id", id.clone());
    }
    for node in all {
        let Node::Object(inner) = node else { return None };
        let Some(Node::Text(name)) = inner.find("url") else { return None };
        if name.contains(':') {
            whole.push("extension", node.clone());
            continue;
        }
        let (target, item) = unpack(inner, &called(kind, name)?)?;
        add(&mut whole, target.key(), &target, item);
    }
    Some(whole)
}

impl Walk<'_> {
    /// Puts back what extensions kept; what cannot be put back stays in its extension.
    pub(super) fn restore(&mut self, all: Vec<Object>, out: &mut Out) -> Result<(), Fault> {
        for extension in all {
            let found = keeps(&extension, self.way.to).and_then(|path| kept_element(path, out.to));
            let found = found.and_then(|(steps, found)| Some((steps, unpack(&extension, &found)?)));
            let Some((mut path, (target, item))) = found else {
                out.kept.push(extension.into());
                continue;
            };
            path.push(Step { name: target.key().to_owned(), which: Which::Whole });
            match self.state_restored(out, &path, &item) {
                Restored::NoState => {}
                Restored::Done => continue,
                Restored::Differs => {
                    out.kept.push(extension.into());
                    continue;
                }
            }
            let agrees = match out.changed.get(target.key()) {
                Some((how, source)) => self.agrees(how, source, &item),
                None => self.is_flagged(out, &target, &item),
            };
            if target.is_modifier() && !says_nothing(&item) && !agrees {
                out.kept.push(extension.into());
            } else if has_room(&out.object, &path, &target) {
                place(&mut out.object, &path, &target, item, Vec::new());
            } else if agrees {
                out.object.take(target.key());
                out.object.take(&format!("_{}", target.key()));
                place(&mut out.object, &path, &target, item, Vec::new());
            } else {
                out.kept.push(extension.into());
            }
        }
        Ok(())
    }

    /// Keeps values that have no place in extensions of `out`.
    ///
    /// What changes the meaning of what it is in cannot be kept in an extension that may be overlooked.
    pub(super) fn keep(&mut self, found: &Element, left: Vec<Item>, out: &mut Out) -> Result<(), Fault> {
        if left.is_empty() {
            return Ok(());
        }
        let is_modifier = found.is_modifier() || self.way.modifiers.contains(&found.id());
        if is_modifier && !left.iter().all(says_nothing) {
            return Err(Fault::Modifier { place: self.path.clone() });
        }
        self.keep_said(found, left, out)
    }

    /// As [`Walk::keep`], of the element `child` of a value of `found`: where that is one data type, by the path that leads
    /// into it again.
    pub(super) fn keep_part(
        &mut self,
        found: &Element,
        child: &Element,
        left: Vec<Item>,
        out: &mut Out,
    ) -> Result<(), Fault> {
        let is_one = found.owner() == out.from && !found.is_array() && !found.is_choice();
        let is_data = found.child_type().is_some_and(|kind| kind.kind() == TypeKind::Complex);
        if !is_one || !is_data || child.is_modifier() || element(out.to, "extension").is_none() {
            return self.keep(child, left, out);
        }
        let path = format!("{}.{}", found.id().path(), child.name());
        let mut kept = std::mem::take(&mut out.kept);
        let done = self.keep_as(&path, child, left, &mut kept);
        out.kept = kept;
        done
    }

    /// As [`Walk::keep`], of what is said elsewhere too.
    pub(super) fn keep_said(&mut self, found: &Element, left: Vec<Item>, out: &mut Out) -> Result<(), Fault> {
        if out.to.name() == "Extension" && found.name() == "url" {
            // An extension has a value or extensions, not both.
            return self.lose(Why::Narrowed, Severity::Trivial);
        }
        if element(out.to, "extension").is_none() {
            return if left.is_empty() { Ok(()) } else { self.lose(Why::NotMapped, Severity::Major) };
        }
        let mut kept = std::mem::take(&mut out.kept);
        let done = self.keep_in(found, left, &mut kept);
        out.kept = kept;
        done
    }

    /// Keeps values in extensions that are added to `kept`.
    pub(super) fn keep_in(
        &mut self,
        found: &Element,
        left: Vec<Item>,
        kept: &mut Vec<Node>,
    ) -> Result<(), Fault> {
        self.keep_as(&found.id().path(), found, left, kept)
    }

    fn keep_as(
        &mut self,
        path: &str,
        found: &Element,
        left: Vec<Item>,
        kept: &mut Vec<Node>,
    ) -> Result<(), Fault> {
        let url = format!("{}{}", base(self.way.from), path.strip_suffix("[x]").unwrap_or(path));
        let Some(kind) = found.only_type() else { return Ok(()) };
        for item in left {
            match self.extension(&url, kind, item)? {
                Some(extension) => kept.push(extension.into()),
                None => self.lose(Why::NotMapped, Severity::Major)?,
            }
        }
        Ok(())
    }

    /// A value as an extension; nothing for a resource.
    fn extension(&mut self, url: &str, kind: TypeId, item: Item) -> Result<Option<Object>, Fault> {
        self.count_kept()?;
        let mut whole = Object::new().with("url", Node::text(url));
        let target = type_in(self.way.to, "Extension").ok_or(Fault::Maps)?;
        match item {
            Item::Primitive { value, beside } => {
                let fallback = match kind.name() {
                    "canonical" | "url" | "uuid" | "oid" => "uri",
                    "markdown" | "id" | "xhtml" => "string",
                    "integer64" => "string",
                    name => name,
                };
                let named = |name: &str| element(target, &format!("value{}", capital(name)));
                let Some(found) = named(kind.name()).or_else(|| named(fallback)) else { return Ok(None) };
                let to = found.only_type().ok_or(Fault::Maps)?;
                let beside = match beside {
                    Some(beside) => Some(self.object(beside, kind, to)?),
                    None => None,
                };
                add(&mut whole, found.key(), &found, Item::Primitive { value, beside });
                Ok(Some(whole))
            }
            Item::Complex(Node::Object(object)) if has_members(kind) => {
                let found = element(target, &format!("value{}", capital(kind.name())));
                if let Some(found) = found.filter(|_| kind.kind() == TypeKind::Complex) {
                    let to = found.only_type().ok_or(Fault::Maps)?;
                    let value = self.object(object, kind, to)?;
                    whole.put(found.key(), value.into());
                    return Ok(Some(whole));
                }
                let parts = self.extension_parts(object, kind, &mut whole)?;
                whole.put("extension", Node::List(parts));
                Ok(Some(whole))
            }
            Item::Complex(_) => Ok(None),
        }
    }

    /// The elements of a part as extensions by their plain names.
    fn extension_parts(
        &mut self,
        object: Object,
        kind: TypeId,
        whole: &mut Object,
    ) -> Result<Vec<Node>, Fault> {
        let mut parts = Vec::new();
        for field in fields(object) {
            let name = field.name.clone();
            let Some(found) = element(kind, &name) else {
                let name = super::plain(&name);
                self.below(&name, |walk| walk.lose(Why::UnknownElement, Severity::Major))?;
                continue;
            };
            let owner = found.only_type().ok_or(Fault::Maps)?;
            let inner = self.below(&name, |walk| {
                let all = items(walk, &found, field)?;
                // What changes the meaning of the part stays in the part.
                let mut inner = Vec::new();
                for item in all {
                    match (found.name(), item) {
                        ("id", item) => whole.put("id", Node::text(item.said().unwrap_or_default())),
                        ("extension", Item::Complex(Node::Object(extension))) => {
                            let target = type_in(walk.way.to, "Extension").ok_or(Fault::Maps)?;
                            inner.push(walk.object(extension, owner, target)?.into());
                        }
                        (name, item) => {
                            let url = name.strip_suffix("[x]").unwrap_or(name);
                            match walk.extension(url, owner, item)? {
                                Some(extension) => inner.push(extension.into()),
                                None => walk.lose(Why::NotMapped, Severity::Major)?,
                            }
                        }
                    }
                }
                Ok::<_, Fault>(inner)
            })?;
            parts.extend(inner);
        }
        Ok(parts)
    }

    /// The extension that keeps this text as the element `name` of `owner`.
    pub(super) fn kept_code(&self, owner: TypeId, name: &str, code: &str) -> Node {
        let value = match code {
            "true" | "false" => ("valueBoolean", Node::Bare(code.to_owned())),
            code => ("valueCode", Node::text(code)),
        };
        Object::new()
            .with("url", Node::Text(format!("{}{owner}.{name}", base(self.way.from))))
            .with(value.0, value.1)
            .into()
    }

    /// The mark that a resource was of the type `owner`.
    pub(super) fn mark(&self, owner: TypeId) -> Node {
        Object::new()
            .with("url", Node::Text(format!("{}{owner}", base(self.way.from))))
            .with("valueBoolean", Node::Bare("true".to_owned()))
            .into()
    }
}

/// Whether an extension is the mark that a resource is to be of the type `owner`.
pub(super) fn is_mark(extension: &Object, owner: TypeId, to: Release) -> bool {
    owner.kind() == TypeKind::Resource && keeps(extension, to) == Some(owner.name())
}

/// Whether a modifier says what holds without it.
pub(super) fn says_nothing(item: &Item) -> bool {
    matches!(item, Item::Primitive { value: Some(Node::Bare(bare)), beside: None } if bare == "false")
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

//! One value, from the type of one side to the type of the other.

use fhir::tables::{Element, Release, TypeId, TypeKind, element, required_codes, type_in};

use super::Fault;
use super::item::Item;
use super::maps::How;
use super::translation::{Exact, Translation};
use super::walk::{Walk, has_members};
use crate::tree::{Node, Object};

/// What became of a value.
pub(super) enum Converted {
    /// This; where it is not exact, the original has to be kept beside it.
    Made(Item, Exact),
    /// The other side cannot say it.
    No(Item),
}

impl Converted {
    /// The same, made from something that was `exact` or not.
    fn of(self, exact: Exact) -> Self {
        match self {
            Self::Made(item, Exact::Yes) => Self::Made(item, exact),
            Self::Made(item, Exact::No) => Self::Made(item, Exact::No),
            Self::No(item) => Self::No(item),
        }
    }
}

/// Stands in a table for no code at all.
const NO_CODE: &str = "-";

/// A value of the first type is the element of the second.
const WRAPPED: [(&str, &str, &str); 14] = [
    ("CodeableConcept", "CodeableReference", "concept"),
    ("Reference", "CodeableReference", "reference"),
    ("Coding", "CodeableConcept", "coding"),
    ("string", "CodeableConcept", "text"),
    ("uri", "CodeableConcept", "text"),
    ("string", "Annotation", "text"),
    ("markdown", "Annotation", "text"),
    ("Identifier", "Reference", "identifier"),
    ("canonical", "Reference", "reference"),
    ("uri", "Reference", "reference"),
    ("string", "Reference", "display"),
    ("CodeableConcept", "HealthcareService.eligibility", "code"),
    ("string", "Device.version", "value"),
    ("dateTime", "Period", "start"),
];

impl Walk<'_> {
    /// Converts a value of `found` for `target`.
    pub(super) fn convert(
        &mut self,
        item: Item,
        found: &Element,
        target: &Element,
        how: &How,
    ) -> Result<Converted, Fault> {
        let (Some(from), Some(to)) = (found.only_type(), target.only_type()) else {
            return Ok(Converted::No(item));
        };
        match how {
            How::Types => self.by_types(item, from, to, target),
            How::Mapped(codes) => self.mapped(item, codes, (from, to), target),
            How::ToConcept(system, codes) => self.as_concept(item, (system, codes), (from, to), target),
            How::FromConcept(system, codes) => self.as_code(item, system, codes, target),
            How::Coding(system, codes) => self.within(item, system, codes, (from, to), target),
            How::Renamed => self.renamed(item, (from, to), target),
            How::Leading(name) if self.leads_elsewhere(&item, name) => Ok(Converted::No(item)),
            How::Leading(_) => self.by_types(item, from, to, target),
        }
    }

    fn by_types(
        &mut self,
        item: Item,
        from: TypeId,
        to: TypeId,
        target: &Element,
    ) -> Result<Converted, Fault> {
        match item {
            Item::Primitive { value, beside } if to.kind().is_primitive() => {
                let value = respelt(value, from, to);
                let fits = match &value {
                    None => true,
                    Some(Node::Text(text) | Node::Bare(text)) => {
                        (from.kind() == to.kind() || is_long(from, to))
                            && fits(text, from, to)
                            && self.takes(target, text)
                    }
                    Some(Node::Object(_) | Node::List(_)) => false,
                };
                if !fits {
                    return Ok(Converted::No(Item::Primitive { value, beside }));
                }
                let beside = match beside {
                    Some(beside) => Some(self.object(beside, from, to)?).filter(|beside| !beside.is_empty()),
                    None => None,
                };
                Ok(Converted::Made(Item::Primitive { value, beside }, Exact::Yes))
            }
            Item::Complex(Node::Object(object)) if to.kind() == TypeKind::Abstract => {
                Ok(Converted::Made(Item::Complex(self.resource(object)?.into()), Exact::Yes))
            }
            Item::Complex(Node::Object(object)) if has_members(to) && self.is_same(from, to) => {
                Ok(Converted::Made(Item::Complex(self.object(object, from, to)?.into()), Exact::Yes))
            }
            item @ (Item::Primitive { .. } | Item::Complex(_)) => self.wrapped(item, from, to),
        }
    }

    /// Whether a type of one side is a type of the other: by name, as the tables say, or as parts that a rule has brought
    /// together.
    fn is_same(&self, from: TypeId, to: TypeId) -> bool {
        from.name() == to.name()
            || from.kind() == TypeKind::Backbone && to.kind() == TypeKind::Backbone
            || self.way.pairs.contains(&(from, to))
    }

    /// A value that becomes the one element of another, or was that.
    fn wrapped(&mut self, item: Item, from: TypeId, to: TypeId) -> Result<Converted, Fault> {
        let same = |name: &str, told: &str| name == told;
        for (inner, outer, member) in WRAPPED {
            if same(from.name(), inner) && same(to.name(), outer) {
                let Some(target) = element(to, member) else { continue };
                return Ok(match self.by_types(item, from, target.only_type().unwrap_or(to), &target)? {
                    Converted::Made(item, exact) => {
                        let mut whole = Object::new();
                        // Of what it held nothing may be left.
                        if !matches!(&item, Item::Complex(Node::Object(made)) if made.is_empty()) {
                            super::place::add(&mut whole, member, &target, item);
                        }
                        Converted::Made(Item::Complex(whole.into()), exact)
                    }
                    Converted::No(item) => Converted::No(item),
                });
            }
            if same(to.name(), inner) && same(from.name(), outer) {
                let Some(source) = element(from, member) else { continue };
                let Some(item) = only(&item, member) else { return Ok(Converted::No(item)) };
                let kind = source.only_type().unwrap_or(from);
                // What `target` takes was asked by the caller for codes alone; none of these is one.
                return self.by_types(item, kind, to, &source);
            }
        }
        Ok(Converted::No(item))
    }

    /// Whether `target` takes this code: where the releases differ by the table, else by what R4 requires.
    fn takes(&self, target: &Element, code: &str) -> bool {
        match self.way.only.get(&target.id()) {
            Some(codes) => codes.contains(code),
            None => required_codes(target.id()).is_none_or(|codes| codes.contains(&code)),
        }
    }

    fn mapped(
        &mut self,
        item: Item,
        codes: &Translation,
        (from, to): (TypeId, TypeId),
        target: &Element,
    ) -> Result<Converted, Fault> {
        let Some((value, exact)) = item.said().map(|said| codes.of(said)) else {
            return self.by_types(item, from, to, target);
        };
        if !self.takes(target, &value) {
            return Ok(Converted::No(item));
        }
        let Item::Primitive { beside, .. } = item else { return Ok(Converted::No(item)) };
        let item = Item::Primitive { value: Some(Node::Text(value)), beside };
        Ok(self.by_types(item, from, to, target)?.of(exact))
    }

    fn as_concept(
        &mut self,
        item: Item,
        (system, codes): (&str, &Translation),
        (from, to): (TypeId, TypeId),
        target: &Element,
    ) -> Result<Converted, Fault> {
        // A code is never made up: where there is a list of them, it must be on it.
        if to.name() == "Coding" && !item.said().is_some_and(|said| codes.knows(said)) {
            return Ok(Converted::No(item));
        }
        let said = item.said().map(|said| codes.of(said));
        if said.as_ref().is_some_and(|(code, _)| !self.takes(target, code)) {
            return Ok(Converted::No(item));
        }
        let Item::Primitive { beside, .. } = item else { return Ok(Converted::No(item)) };
        let mut concept = match beside {
            Some(beside) => self.object(beside, from, to)?,
            None => Object::new(),
        };
        let Some((code, exact)) = said else {
            return Ok(Converted::Made(Item::Complex(concept.into()), Exact::Yes));
        };
        let coding = Object::new().with("system", Node::text(system)).with("code", Node::Text(code));
        if to.name() == "Coding" {
            concept.append(coding);
        } else {
            concept.put("coding", Node::List(vec![coding.into()]));
        }
        let item = Item::Complex(concept.into());
        Ok(Converted::Made(item, exact))
    }

    fn as_code(
        &mut self,
        item: Item,
        system: &str,
        codes: &Translation,
        target: &Element,
    ) -> Result<Converted, Fault> {
        let Item::Complex(Node::Object(concept)) = &item else { return Ok(Converted::No(item)) };
        let Some(code) = coded(concept, system) else { return Ok(Converted::No(item)) };
        let (code, exact) = codes.of(code);
        if !self.takes(target, &code) {
            return Ok(Converted::No(item));
        }
        let says_no_more = match concept.find("coding") {
            Some(Node::List(all)) => {
                matches!(all.as_slice(), [Node::Object(only)] if only.members().all(|(name, _)| matches!(name, "system" | "code")))
            }
            _ => false,
        };
        let is_plain = says_no_more && concept.members().all(|(name, _)| name == "coding");
        let item = Item::text(code);
        Ok(Converted::Made(item, if is_plain { exact } else { Exact::No }))
    }

    /// A concept with another code of the system; where the other side has none of it, that it is not known.
    fn within(
        &mut self,
        item: Item,
        system: &str,
        codes: &Translation,
        (from, to): (TypeId, TypeId),
        target: &Element,
    ) -> Result<Converted, Fault> {
        let Item::Complex(Node::Object(concept)) = &item else { return Ok(Converted::No(item)) };
        let mut concept = concept.clone();
        let mut whole = Exact::Yes;
        let all = match concept.find_mut("coding") {
            Some(Node::List(all)) => all.as_mut_slice(),
            _ => &mut [],
        };
        for coding in all {
            let Node::Object(coding) = coding else { continue };
            let Some(code) = code_of(coding, system).map(str::to_owned) else { continue };
            let (new, exact) = codes.of(&code);
            if new == NO_CODE {
                return Ok(Converted::Made(Item::Complex(Node::absent("unknown")), Exact::No));
            }
            if !self.takes(target, &new) {
                return Ok(Converted::No(item));
            }
            if new != code {
                coding.take("display");
                coding.put("code", Node::Text(new));
            }
            if exact == Exact::No {
                whole = Exact::No;
            }
        }
        Ok(self.by_types(Item::Complex(concept.into()), from, to, target)?.of(whole))
    }

    fn renamed(
        &mut self,
        item: Item,
        (from, to): (TypeId, TypeId),
        target: &Element,
    ) -> Result<Converted, Fault> {
        let Some(said) = item.said() else { return self.by_types(item, from, to, target) };
        let (named, exact) = self.rename(said);
        let Item::Primitive { beside, .. } = item else { return Ok(Converted::No(item)) };
        let item = Item::Primitive { value: Some(Node::Text(named)), beside };
        Ok(self.by_types(item, from, to, target)?.of(exact))
    }

    /// Whether a reference says that it leads to another type of resource than the one called `name`.
    fn leads_elsewhere(&self, item: &Item, name: &str) -> bool {
        let Item::Complex(Node::Object(reference)) = item else { return false };
        if matches!(reference.find("type"), Some(Node::Text(kind)) if kind != name) {
            return true;
        }
        let Some(Node::Text(address)) = reference.find("reference") else { return false };
        let told = address.split("/_history/").next().and_then(|address| address.rsplit('/').nth(1));
        told.and_then(|told| type_in(self.way.from, told))
            .is_some_and(|told| told.kind() == TypeKind::Resource && told.name() != name)
    }

    /// What an address is called on the other side; whether the way back leads to the same.
    pub(super) fn rename(&self, address: &str) -> (String, Exact) {
        for (name, names) in &self.way.types {
            let Some(first) = names.first() else { continue };
            if names.len() == 1 && name == first {
                continue;
            }
            let Some((before, id)) = named(address, name) else { continue };
            let key = format!("{name}/{}", id.split('/').next().unwrap_or_default());
            let new = self.called.get(&key).unwrap_or(first);
            let leads_back = self
                .back
                .types
                .get(new.as_str())
                .and_then(|names| names.first())
                .is_some_and(|first| first == name);
            // No way leads back to DSTU2.
            let is_known = self.way.from == Release::Dstu2 || self.called.contains_key(&key);
            let exact = if leads_back || is_known { Exact::Yes } else { Exact::No };
            return (format!("{before}{new}/{id}"), exact);
        }
        (address.to_owned(), Exact::Yes)
    }

    /// Whether `restored`, which an extension kept, is what `source` was made from.
    pub(super) fn agrees(&self, how: &How, source: &Item, restored: &Item) -> bool {
        match how {
            How::Types | How::Leading(_) => false,
            How::Mapped(codes) => {
                restored.said().zip(source.said()).is_some_and(|(kept, said)| codes.undone(kept) == said)
            }
            How::ToConcept(system, codes) => {
                let Item::Complex(Node::Object(concept)) = restored else { return false };
                coded(concept, system)
                    .zip(source.said())
                    .is_some_and(|(kept, said)| codes.undone(kept) == said)
            }
            How::FromConcept(system, codes) => {
                let Item::Complex(Node::Object(concept)) = source else { return false };
                restored
                    .said()
                    .zip(coded(concept, system))
                    .is_some_and(|(kept, said)| codes.undone(kept) == said)
            }
            How::Coding(system, codes) => {
                let (Item::Complex(Node::Object(source)), Item::Complex(Node::Object(restored))) =
                    (source, restored)
                else {
                    return false;
                };
                let said = coded(source, system).unwrap_or(NO_CODE);
                coded(restored, system).is_some_and(|kept| codes.undone(kept) == said)
            }
            How::Renamed => restored.said().zip(source.said()).is_some_and(|(kept, said)| {
                let back = Walk {
                    way: self.back,
                    back: self.way,
                    called: std::collections::HashMap::new(),
                    losses: Vec::new(),
                    path: String::new(),
                    kept: 0,
                };
                back.rename(kept).0 == said
            }),
        }
    }
}

/// Whether one of both is the number that JSON writes as a string.
fn is_long(from: TypeId, to: TypeId) -> bool {
    from.name() == "integer64" || to.name() == "integer64"
}

/// The number that JSON writes as a string, as the other side writes it.
fn respelt(value: Option<Node>, from: TypeId, to: TypeId) -> Option<Node> {
    match value {
        Some(Node::Bare(number)) if to.name() == "integer64" && from.kind() == TypeKind::Number => {
            Some(Node::Text(number))
        }
        Some(Node::Text(number)) if from.name() == "integer64" && to.kind() == TypeKind::Number => {
            Some(Node::Bare(number))
        }
        value => value,
    }
}

/// The text before a resource type in an address, and from its id on.
pub(super) fn named<'a>(address: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    for (at, _) in address.match_indices(name) {
        let before = address.get(..at)?;
        let rest = address.get(at + name.len()..).and_then(|rest| rest.strip_prefix('/'));
        let Some(id) = rest else { continue };
        let is_segment = before.is_empty() || before.ends_with('/');
        let plain = id.split('/').next().unwrap_or_default();
        let is_id = !plain.is_empty()
            && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        if is_segment && is_id {
            return Some((before, id));
        }
    }
    None
}

/// The code of `system` in a concept.
fn coded<'c>(concept: &'c Object, system: &str) -> Option<&'c str> {
    let Some(Node::List(all)) = concept.find("coding") else { return None };
    all.iter().find_map(|coding| match coding {
        Node::Object(coding) => code_of(coding, system),
        Node::Text(_) | Node::Bare(_) | Node::List(_) => None,
    })
}

/// The code of a Coding, if it is of `system`.
fn code_of<'c>(coding: &'c Object, system: &str) -> Option<&'c str> {
    match (coding.find("system"), coding.find("code")) {
        (Some(Node::Text(of)), Some(Node::Text(code))) if of == system => Some(code),
        _ => None,
    }
}

/// The one element of an object, when that is `member` and one value.
fn only(item: &Item, member: &str) -> Option<Item> {
    let Item::Complex(Node::Object(object)) = item else { return None };
    let mut members = object.members();
    let (name, node) = members.next()?;
    if name != member || members.next().is_some() {
        return None;
    }
    match node {
        Node::List(all) => match all.as_slice() {
            [one @ Node::Object(_)] => Some(Item::Complex(one.clone())),
            _ => None,
        },
        Node::Object(_) => Some(Item::Complex(node.clone())),
        Node::Text(_) | Node::Bare(_) => Some(Item::Primitive { value: Some(node.clone()), beside: None }),
    }
}

/// Whether the text of a primitive of one type is one of another type.
fn fits(text: &str, from: TypeId, to: TypeId) -> bool {
    if from.name() == to.name() {
        return true;
    }
    let is_whole = || !text.contains(char::is_whitespace) && !text.is_empty();
    let number = || text.parse::<i64>().ok();
    match to.name() {
        "string" | "markdown" | "decimal" => from.name() != "xhtml",
        "code" | "uri" | "url" | "canonical" | "uuid" | "oid" => is_whole(),
        // The definitions of R4 call the id of a resource a string.
        "id" if from.name() == "string" => true,
        "id" => {
            text.len() <= 64
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        }
        "instant" => {
            text.len() >= 20
                && (text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-'])))
        }
        "dateTime" => matches!(from.name(), "date" | "instant"),
        "date" => text.len() <= 10 && from.name() == "dateTime",
        "positiveInt" => number().is_some_and(|number| number > 0),
        "unsignedInt" => number().is_some_and(|number| number >= 0),
        "integer64" => number().is_some(),
        "integer" => number().is_some_and(|number| i32::try_from(number).is_ok()),
        _ => false,
    }
}

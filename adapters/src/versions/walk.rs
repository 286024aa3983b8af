//! One resource, data type or part of one after the other, from one release to the other.

use std::collections::HashMap;

use fhir::tables::{Element, Release, TypeId, TypeKind, element, element_named, type_in};

use super::item::{Item, fields, items};
use super::maps::{How, Rule, Step, Way, Which};
use super::place::{has_room, place, settle};
use super::translation::Exact;
use super::value::Converted;
use super::{Fault, restore};
use crate::tree::{Node, Object};
use crate::{Loss, Severity, Why};

/// A translation that is under way.
pub(super) struct Walk<'w> {
    pub(super) way: &'w Way,
    /// The way back.
    pub(super) back: &'w Way,
    /// What the resources of this input are called on the other side, where their type alone does not say it:
    /// by `Type/id` of the source.
    pub(super) called: HashMap<String, String>,
    pub(super) losses: Vec<Loss>,
    pub(super) path: String,
    /// How many extensions keep what has no place.
    pub(super) kept: usize,
}

/// A value of the target that is being put together.
pub(super) struct Out {
    pub(super) from: TypeId,
    pub(super) to: TypeId,
    pub(super) object: Object,
    /// Extensions that keep what has no place.
    pub(super) kept: Vec<Node>,
    /// What stood in the source where a code was changed, by the name of the target.
    pub(super) changed: HashMap<String, (How, Item)>,
    /// What a Consent does as a whole, where the older release leaves it to a policy.
    pub(super) effect: Option<&'static str>,
    /// What a state was made from: R4's status, or the one code of the concept of the other side.
    pub(super) state: Option<String>,
}

/// The most extensions that keep what has no place.
const KEPT_MAX: usize = 200_000;

/// The most losses that are listed.
const LOSSES_MAX: usize = 100_000;

impl Walk<'_> {
    pub(super) fn lose(&mut self, why: Why, severity: Severity) -> Result<(), Fault> {
        if self.losses.len() >= LOSSES_MAX {
            return Err(Fault::TooMany { what: "losses", max: LOSSES_MAX });
        }
        self.losses.push(Loss { place: self.path.clone(), why, severity });
        Ok(())
    }

    /// Counts an extension that keeps something.
    pub(super) fn count_kept(&mut self) -> Result<(), Fault> {
        self.kept += 1;
        if self.kept > KEPT_MAX {
            return Err(Fault::TooMany { what: "elements without a place", max: KEPT_MAX });
        }
        Ok(())
    }

    /// Does `work` below the step `name` of the path.
    pub(super) fn below<T>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(name);
        let done = work(self);
        self.path.truncate(length);
        done
    }

    /// Does `work` at the position `index` of the list that the path names.
    pub(super) fn at<T>(&mut self, index: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        let done = work(self);
        self.path.truncate(length);
        done
    }

    /// Translates a resource.
    pub(super) fn resource(&mut self, source: Object) -> Result<Object, Fault> {
        let Some(Node::Text(name)) = source.find("resourceType") else {
            return Err(Fault::NotAResource { place: self.path.clone() });
        };
        let names = self.way.types.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let target = match names {
            [] => return Err(Fault::unknown_type(name)),
            [only] => only.clone(),
            [first, others @ ..] => {
                let is_kept = |name: &&String| restore::names_type(&source, self.way.to, name);
                others.iter().find(is_kept).unwrap_or(first).clone()
            }
        };
        let unknown = || Fault::unknown_type(name);
        let from = type_in(self.way.from, name).ok_or_else(unknown)?;
        let to = type_in(self.way.to, &target).ok_or_else(unknown)?;
        let mut whole = Object::new().with("resourceType", Node::Text(target));
        whole.append(self.object(source, from, to)?);
        Ok(whole)
    }

    /// Translates the elements of `source`, a value of the type `from`, into a value of the type `to`.
    pub(super) fn object(&mut self, mut source: Object, from: TypeId, to: TypeId) -> Result<Object, Fault> {
        let mut out = Out::new(from, to);
        self.before(&mut source, &mut out)?;
        let mut restored = Vec::new();
        for field in fields(source) {
            let name = field.name.clone();
            if name == "resourceType" {
                continue;
            }
            let Some(found) = element(from, &name) else {
                let severity = if name == "fhir_comments" { Severity::Trivial } else { Severity::Major };
                let name = super::plain(&name);
                self.below(&name, |walk| walk.lose(Why::UnknownElement, severity))?;
                continue;
            };
            self.below(&name, |walk| {
                let all = items(walk, &found, field)?;
                match name.as_str() {
                    _ if is_filled_in(&all, &found, to) => Ok(()),
                    "extension" => walk.extensions(all, &found, &mut out, &mut restored),
                    _ => walk.field(all, &found, from, &mut out),
                }
            })?;
        }
        self.restore(restored, &mut out)?;
        self.after(&mut out);
        out.finish(self)
    }

    /// Translates extensions; those that keep an element of the target are put aside.
    fn extensions(
        &mut self,
        all: Vec<Item>,
        found: &Element,
        out: &mut Out,
        restored: &mut Vec<Object>,
    ) -> Result<(), Fault> {
        let Some(kind) = found.only_type() else { return Ok(()) };
        let target = type_in(self.way.to, "Extension").ok_or(Fault::Maps)?;
        for (index, item) in all.into_iter().enumerate() {
            let Item::Complex(Node::Object(extension)) = item else { continue };
            let extension = self.at(index, |walk| walk.object(extension, kind, target))?;
            if restore::is_for(&extension, out.to, self.way.to) {
                restored.push(extension);
            } else if !restore::is_mark(&extension, out.to, self.way.to) {
                out.kept.push(extension.into());
            }
        }
        Ok(())
    }

    /// Puts the values of one element where the rules say.
    fn field(&mut self, all: Vec<Item>, found: &Element, from: TypeId, out: &mut Out) -> Result<(), Fault> {
        let way = self.way;
        let mut rules = way.rules(from, out.to, found.key());
        if rules.is_empty() && found.is_choice() {
            rules = way.rules(from, out.to, found.name());
        }
        match rules.as_slice() {
            [] => self.put_all(all, found, &Rule::same(found.key()), out),
            [rule] if matches!(rule.from.as_slice(), [Step { which: Which::Whole, .. }]) => {
                self.put_all(all, found, &rule.of_type(found), out)
            }
            _ => self.take_apart(all, found, &rules, out),
        }
    }

    fn put_all(&mut self, all: Vec<Item>, found: &Element, rule: &Rule, out: &mut Out) -> Result<(), Fault> {
        let mut left = Vec::new();
        let is_list = found.is_array();
        for (index, item) in all.into_iter().enumerate() {
            let put = |walk: &mut Self| walk.put(item, found, rule, out);
            let over = if is_list { self.at(index, put)? } else { put(self)? };
            left.extend(over);
        }
        self.keep(found, left, out)
    }

    /// Puts one value; what has no place comes back.
    fn put(
        &mut self,
        item: Item,
        found: &Element,
        rule: &Rule,
        out: &mut Out,
    ) -> Result<Option<Item>, Fault> {
        let Some(target) = resolve(out.to, &rule.to) else { return Ok(Some(item)) };
        if !has_room(&out.object, &rule.to, &target) {
            return Ok(Some(item));
        }
        let original = (!matches!(rule.how, How::Types)).then(|| item.clone());
        match self.convert(item, found, &target, &rule.how)? {
            Converted::No(item) => Ok(Some(item)),
            // What was in it is told to be lost.
            Converted::Made(item, _) if item.is_nothing() => Ok(None),
            Converted::Made(mut item, Exact::Yes) => {
                let inside = restore::inside(&mut item, out.to, &rule.to, self.way.to);
                place(&mut out.object, &rule.to, &target, item, inside);
                if let ([only], Some(original)) = (rule.to.as_slice(), original) {
                    out.changed.insert(only.name.clone(), (rule.how.clone(), original));
                }
                Ok(None)
            }
            Converted::Made(item, Exact::No) => {
                place(&mut out.object, &rule.to, &target, item, Vec::new());
                let original = original.into_iter().collect();
                self.keep_said(found, original, out)?;
                Ok(None)
            }
        }
    }

    /// Puts the parts of each value where the rules about parts say.
    fn take_apart(
        &mut self,
        all: Vec<Item>,
        found: &Element,
        rules: &[&Rule],
        out: &mut Out,
    ) -> Result<(), Fault> {
        let mut left = Vec::new();
        for (index, item) in all.into_iter().enumerate() {
            let apply: Vec<(&[Step], &Rule)> = rules
                .iter()
                .filter(|rule| applies(&rule.from, index, &item))
                .filter_map(|rule| Some((rule.from.get(1..)?, *rule)))
                .collect();
            if !apply.iter().any(|(steps, _)| holds(&item, steps)) {
                left.push(item);
                continue;
            }
            let Item::Complex(Node::Object(object)) = item else {
                left.push(item);
                continue;
            };
            let said = rules.iter().find_map(|rule| match &rule.from.first()?.which {
                Which::Saying(key, _) => Some(key.as_str()),
                Which::Whole | Which::First | Which::Each => None,
            });
            self.at(index, |walk| walk.parts(object, found, &apply, said, out))?;
        }
        self.keep(found, left, out)
    }

    fn parts(
        &mut self,
        object: Object,
        found: &Element,
        rules: &[(&[Step], &Rule)],
        said: Option<&str>,
        out: &mut Out,
    ) -> Result<(), Fault> {
        let owner = found.child_type().ok_or(Fault::Maps)?;
        let (mut ruled, mut others) = (Vec::new(), Vec::new());
        for field in fields(object) {
            if said == Some(field.name.as_str()) {
                continue;
            }
            let Some(child) = element(owner, &field.name) else {
                let name = super::plain(&field.name);
                self.below(&name, |walk| walk.lose(Why::UnknownElement, Severity::Major))?;
                continue;
            };
            let apply: Vec<(&[Step], &Rule)> = rules
                .iter()
                .filter(|(steps, _)| {
                    steps.first().is_some_and(|step| step.name == child.key() || step.name == child.name())
                })
                .map(|(steps, rule)| (*steps, *rule))
                .collect();
            let name = field.name.clone();
            let all = self.below(&name, |walk| items(walk, &child, field))?;
            if apply.is_empty() { others.push((child, all)) } else { ruled.push((child, all, apply)) }
        }
        let mut beside = Vec::new();
        for (child, all) in others {
            self.below(child.key(), |walk| {
                if child.name() == "extension" {
                    return walk.carry_extensions(all, &mut beside);
                }
                if child.is_modifier() && !all.iter().all(restore::says_nothing) {
                    return Err(Fault::Modifier { place: walk.path.clone() });
                }
                walk.keep_in(&child, all, &mut beside)
            })?;
        }
        for (child, all, apply) in ruled {
            let name = child.key();
            self.below(name, |walk| walk.part(all, (found, &child), &apply, &mut beside, out))?;
        }
        // None of the parts found a place.
        out.kept.append(&mut beside);
        Ok(())
    }

    fn carry_extensions(&mut self, all: Vec<Item>, beside: &mut Vec<Node>) -> Result<(), Fault> {
        let from = type_in(self.way.from, "Extension").ok_or(Fault::Maps)?;
        let target = type_in(self.way.to, "Extension").ok_or(Fault::Maps)?;
        for item in all {
            if let Item::Complex(Node::Object(extension)) = item {
                beside.push(self.object(extension, from, target)?.into());
            }
        }
        Ok(())
    }

    /// Puts a part that has rules of its own; `beside` goes with the first value that finds its place.
    fn part(
        &mut self,
        all: Vec<Item>,
        (found, child): (&Element, &Element),
        rules: &[(&[Step], &Rule)],
        beside: &mut Vec<Node>,
        out: &mut Out,
    ) -> Result<(), Fault> {
        for (index, mut item) in all.into_iter().enumerate() {
            let deeper: Vec<(&[Step], &Rule)> = rules
                .iter()
                .filter(|(steps, _)| steps.len() > 1 && applies(steps, index, &item))
                .filter_map(|(steps, rule)| Some((steps.get(1..)?, *rule)))
                .collect();
            if !deeper.is_empty() {
                if let Item::Complex(Node::Object(object)) = item {
                    self.parts(object, child, &deeper, None, out)?;
                }
                continue;
            }
            let Some((_, rule)) = rules.iter().find(|(steps, _)| steps.len() == 1) else {
                self.lose(Why::NotMapped, Severity::Major)?;
                continue;
            };
            item.extend(std::mem::take(beside));
            let left = self.put(item, child, &rule.of_type(child), out)?;
            self.keep_part(found, child, left.into_iter().collect(), out)?;
        }
        Ok(())
    }
}

impl Out {
    fn new(from: TypeId, to: TypeId) -> Self {
        Self {
            from,
            to,
            object: Object::new(),
            kept: Vec::new(),
            changed: HashMap::new(),
            effect: None,
            state: None,
        }
    }

    fn finish(mut self, walk: &mut Walk<'_>) -> Result<Object, Fault> {
        settle(&mut self.object);
        if walk.way.to == Release::R4 {
            self.say_absent(walk.way.from);
        }
        if self.kept.is_empty() {
            return Ok(self.object);
        }
        if element(self.to, "extension").is_none() {
            walk.lose(Why::NotMapped, Severity::Major)?;
            return Ok(self.object);
        }
        self.object.put("extension", Node::List(self.kept));
        Ok(self.object)
    }
}

impl Out {
    /// What must be there and is not known says so, where the release that it comes from does not ask for it: what a
    /// sender leaves out against her own release stays away. Of DSTU2 everything is said, since no way leads back.
    fn say_absent(&mut self, release: Release) {
        for found in self.to.elements().filter(|found| found.min() == 1 && !found.is_choice()) {
            let name = found.name();
            let is_asked_for = || element(self.from, name).is_some_and(|found| found.min() > 0);
            if release != Release::Dstu2 && is_asked_for() {
                continue;
            }
            if self.object.find(name).is_some() || self.object.find(&format!("_{name}")).is_some() {
                continue;
            }
            let Some(kind) = found.only_type() else { continue };
            let absent = Node::absent("unknown");
            match kind.kind() {
                kind if kind.is_primitive() && !found.is_array() => {
                    self.object.put(&format!("_{name}"), absent)
                }
                TypeKind::Complex if found.is_array() => self.object.push(name, absent),
                TypeKind::Complex => self.object.put(name, absent),
                TypeKind::Resource | TypeKind::Abstract | TypeKind::Backbone => {}
                TypeKind::Text | TypeKind::Number | TypeKind::Boolean => {}
            }
        }
    }
}

/// Whether it says of something that must be there that it is not known, and need not be there in `to`: as it was put there
/// on the way.
fn is_filled_in(all: &[Item], found: &Element, to: TypeId) -> bool {
    let is_asked_for = || element(to, found.name()).is_some_and(|found| found.min() > 0);
    matches!(all, [only] if found.min() == 1 && only.is_unknown()) && !is_asked_for()
}

impl Rule {
    /// An element that is the same on both sides.
    fn same(key: &str) -> Self {
        let step = || Step { name: key.to_owned(), which: Which::Whole };
        Self { target: None, from: vec![step()], to: vec![step()], how: How::Types }
    }

    /// The rule for the type that the element has: the target of `onset[x] = begins[x]` gets it too.
    pub(super) fn of_type(&self, found: &Element) -> Self {
        let mut rule = self.clone();
        if let (Some(stem), Some(last)) = (found.name().strip_suffix("[x]"), rule.to.last_mut())
            && let Some(target) = last.name.strip_suffix("[x]")
        {
            let kind = found.key().get(stem.len()..).unwrap_or_default();
            last.name = format!("{target}{kind}");
        }
        rule
    }
}

/// Whether a value has the part that a rule is about.
fn holds(item: &Item, path: &[Step]) -> bool {
    let (Some(step), Item::Complex(Node::Object(object))) = (path.first(), item) else { return false };
    let stem = step.name.strip_suffix("[x]");
    object.members().any(|(name, _)| {
        let name = name.strip_prefix('_').unwrap_or(name);
        stem.map_or(name == step.name, |stem| name.starts_with(stem))
    })
}

/// Whether a rule is about the value at `index` of a list.
fn applies(path: &[Step], index: usize, item: &Item) -> bool {
    let Some(step) = path.first() else { return false };
    match &step.which {
        Which::Whole | Which::Each => true,
        Which::First => index == 0,
        Which::Saying(key, value) => {
            let Item::Complex(Node::Object(object)) = item else { return false };
            let says = matches!(object.find(key), Some(Node::Text(text)) if text == value);
            let part = path.get(1).map_or("", |step| step.name.as_str());
            says && object.members().all(|(name, _)| name == key || name == part)
        }
    }
}

/// The element at the end of a path.
pub(super) fn resolve(owner: TypeId, path: &[Step]) -> Option<Element> {
    let mut at = owner;
    let (last, before) = path.split_last()?;
    for step in before {
        at = element(at, &step.name)?.child_type()?;
    }
    element(at, &last.name)
}

/// Whether values of a type are objects that hold elements.
pub(super) fn has_members(kind: TypeId) -> bool {
    matches!(kind.kind(), TypeKind::Complex | TypeKind::Backbone)
}

/// The element of `owner` that the specification calls `name`, whether or not it is a choice.
pub(super) fn called(owner: TypeId, name: &str) -> Option<Element> {
    element_named(owner, name).or_else(|| element_named(owner, &format!("{name}[x]")))
}

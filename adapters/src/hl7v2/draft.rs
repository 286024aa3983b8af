//! The resources of a Bundle while they are being built.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::concept::Known;
use super::maps::{Fixed, MessageMap, Scope, SegmentMap};
use super::plan::{Placed, Plan};
use crate::Context;
use crate::identity::Ids;
use crate::key::Key;
use crate::tree::{Node, Object, Step};

/// An element, and where in the message it comes from.
pub(super) type Origin = (Key, String);

/// A resource that the maps name: its number in the map of the message, and which group it is of.
pub(super) type Slot = (usize, u32);

/// The resources of a Bundle while they are being built.
#[derive(Debug)]
pub(super) struct Draft<'x> {
    pub(super) map: &'x MessageMap,
    pub(super) trigger: &'x str,
    pub(super) context: &'x Context,
    /// What ids are made by.
    made: Ids,
    pub(super) plan: Plan,
    /// Resources that the message map names.
    pub(super) named: BTreeMap<Slot, Object>,
    /// Resources that are referenced by others.
    pub(super) others: Vec<Other>,
    /// Where the elements of the named resources come from.
    pub(super) origins: BTreeMap<Slot, Vec<Origin>>,
    /// Numbers of what is in `others`, by what it says: as it is written, and its type.
    known: BTreeMap<Vec<u8>, usize>,
    /// Whether some element says that nothing is known, since what was said of it is not understood.
    pub(super) unclear: bool,
    /// Ids of the named resources, which are referred to again and again.
    ids: RefCell<BTreeMap<Slot, String>>,
}

/// The most places that are told of one resource.
const PLACES_MAX: usize = 64;

/// A resource that others refer to.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) id: String,
    pub(super) kind: String,
    /// Where in the message it comes from.
    pub(super) place: String,
}

impl<'x> Draft<'x> {
    pub(super) fn new(
        map: &'x MessageMap,
        trigger: &'x str,
        context: &'x Context,
        control: &str,
        plan: Plan,
    ) -> Self {
        Self {
            made: Ids::of(context.source(), control),
            map,
            trigger,
            context,
            plan,
            named: BTreeMap::new(),
            others: Vec::new(),
            origins: BTreeMap::new(),
            known: BTreeMap::new(),
            unclear: false,
            ids: RefCell::default(),
        }
    }

    /// The id of what comes from this place.
    pub(super) fn id(&self, place: &str) -> String {
        self.made.id(place)
    }

    /// The id of a named resource.
    pub(super) fn id_of(&self, slot: Slot) -> String {
        let made = |(number, ordinal): Slot| {
            let name = self.map.resources.get(number).map_or("", |named| named.name.as_str());
            if ordinal == 0 { self.id(name) } else { self.id(&format!("{name}/{}", ordinal + 1)) }
        };
        self.ids.borrow_mut().entry(slot).or_insert_with(|| made(slot)).clone()
    }

    /// The resource `name` of the whole message.
    pub(super) fn whole(&self, name: &str) -> Option<Slot> {
        self.map.resource(name).filter(|(_, named)| named.group == 0).map(|(number, _)| (number, 0))
    }

    /// The resource `name` of the whole message, made when it is not there yet.
    pub(super) fn named(&mut self, name: &str) -> Option<&mut Object> {
        let slot = self.whole(name)?;
        Some(self.named.entry(slot).or_default())
    }

    /// The resource `name` that a segment at `placed` speaks of.
    pub(super) fn slot(&self, name: &str, placed: &Placed, map: &SegmentMap) -> Option<Slot> {
        let (number, named) = self.map.resource(name)?;
        if map.scope == Scope::Near && named.group != placed.near {
            return None;
        }
        placed.open.get(named.group).copied().flatten().map(|ordinal| (number, ordinal))
    }

    /// Sets `path` of a named resource; false when something stands in the way.
    pub(super) fn set(&mut self, slot: Slot, path: &[Step], value: Node) -> bool {
        self.named.entry(slot).or_default().set(path, value)
    }

    /// Whether something stands at `path`, or that nothing is known there.
    pub(super) fn is_taken(&self, slot: Slot, path: &[Step]) -> bool {
        let Some(held) = self.named.get(&slot) else { return false };
        held.has(path) || held.has_choice(path) || (self.unclear && held.has(&beneath(path)))
    }

    /// Notes that the element at `path` comes from `place`.
    pub(super) fn comes_from(&mut self, slot: Slot, element: &Key, place: String) {
        let held = self.origins.entry(slot).or_default();
        let whole =
            element.as_bytes().starts_with(b"_").then(|| element.as_str().trim_start_matches('_').into());
        let element = whole.as_ref().unwrap_or(element);
        let there = |(of, from): &Origin| of == element && *from == place;
        // Long lists of places help nobody.
        if held.len() < PLACES_MAX && !held.iter().any(there) {
            held.push((element.clone(), place));
        }
    }

    /// Adds a resource that others refer to; the same content twice is one resource.
    pub(super) fn other(&mut self, kind: &str, place: &str, object: Object) -> String {
        let key = key(kind, &object);
        if let Some(other) = self.known.get(&key).and_then(|number| self.others.get(*number)) {
            return other.id.clone();
        }
        let id = self.id(place);
        let (kind, place) = (kind.to_owned(), place.split('/').next().unwrap_or_default().to_owned());
        self.known.insert(key, self.others.len());
        self.others.push(Other { id: id.clone(), kind, place });
        id
    }

    /// What each of `others` says, as it is written, without the brackets around it.
    pub(super) fn written(&self) -> Vec<&[u8]> {
        let mut written = vec![&[][..]; self.others.len()];
        for (key, number) in &self.known {
            let (Some(held), Some(other)) = (written.get_mut(*number), self.others.get(*number)) else {
                continue;
            };
            let object = key.len().checked_sub(other.kind.len()).and_then(|end| key.get(..end));
            *held = object.and_then(|object| object.get(1..object.len() - 1)).unwrap_or_default();
        }
        written
    }

    /// The id of a resource that others refer to, if it is there.
    pub(super) fn known_other(&self, kind: &str, object: &Object) -> Option<String> {
        let number = self.known.get(&key(kind, object))?;
        self.others.get(*number).map(|other| other.id.clone())
    }

    /// The organisation that sent the message, when the context knows it.
    pub(super) fn sender(&mut self) {
        let Some(organisation) = &self.context.organisation else { return };
        let identifier = Object::new()
            .with("system", Node::text(fhir::identifier::ODS_ORGANIZATION_CODE))
            .with("value", Node::text(organisation.as_str()));
        if let Some(sender) = self.named("Sender") {
            sender.push("identifier", identifier.into());
        }
    }
}

/// Where an element at `path` says why it has no value.
pub(super) fn beneath(path: &[Step]) -> Vec<Step> {
    let mut path = path.to_vec();
    if let Some(step) = path.last_mut() {
        step.name = ["_", step.name.as_str()].concat().as_str().into();
    }
    path
}

/// Room for what a usual Practitioner says.
const KEY: usize = 512;

/// What makes a resource that others refer to the same as another.
fn key(kind: &str, object: &Object) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY);
    object.write(&mut key);
    key.extend_from_slice(kind.as_bytes());
    key
}

impl Fixed {
    /// As a value of an element.
    pub(super) fn node(&self, known: Known<'_>) -> Option<Node> {
        Some(match self {
            Self::Text(text) => Node::text(text.as_str()),
            Self::Bare(text) => Node::Bare(text.clone()),
            Self::Absent(reason) => Node::absent(reason),
            Self::Coding(map, code) => known.codes.target(map, code)?.coding().into(),
            Self::Concept(map, code) => known.codes.target(map, code)?.concept(),
        })
    }
}

//! From the resources to the Bundle: references between them, defaults, where each comes from.

use std::collections::BTreeMap;

use super::codes::local_system;
use super::concept::Known;
use super::draft::{Draft, Origin, Slot};
use super::maps::{Condition, Preset, Reach};
use super::message::Message;
use crate::Refused;
use crate::tree::{Index, Node, Object, Step, write_text};

/// The most resources of a Bundle; each is told of by a Provenance beside.
const RESOURCES_MAX: usize = 20_000;

/// The last place of a path, in the list element just made.
fn last(path: &[Step]) -> Vec<Step> {
    let lists = path.iter().rposition(|step| step.index != Index::One).map_or(0, |last| last + 1);
    let mut path: Vec<Step> = path.iter().take(lists).cloned().collect();
    for step in &mut path {
        if matches!(step.index, Index::New | Index::Segment) {
            step.index = Index::Last;
        }
    }
    path
}

/// The elements of `path` up to its last list, and then `beside`.
pub(super) fn beside(path: &[Step], beside: &[Step]) -> Vec<Step> {
    let mut whole = last(path);
    whole.extend_from_slice(beside);
    whole
}

impl Draft<'_> {
    /// References between the named resources, and what no field gave.
    pub(super) fn finish(&mut self, message: &Message<'_>, known: Known<'_>) {
        let (map, trigger) = (self.map, self.trigger);
        map.spreads.iter().for_each(|spread| self.spread(spread));
        for link in map.links.iter().filter(|link| link.on.holds(trigger)) {
            let (Some((to, _)), Some((of, named))) =
                (map.resource(&link.target.resource), map.resource(&link.name))
            else {
                continue;
            };
            for (holder, held) in self.pairs(to, of, link.reach) {
                let begun = self.plan.instance(named.group, held.1).map(|instance| instance.opener);
                let opener = begun.and_then(|opener| message.segments.get(opener));
                let says = |condition: &Condition| {
                    opener.is_some_and(|segment| condition.met(message, segment, known))
                };
                let met = link.only_if.as_ref().is_none_or(says) && !link.unless.as_ref().is_some_and(says);
                if met
                    && self.is_free(holder, &link.target.path)
                    && self.set(holder, &link.target.path, Node::reference(&self.id_of(held)))
                {
                    for (path, fixed) in &link.beside {
                        if let Some(value) = fixed.node(known) {
                            self.set(holder, &beside(&link.target.path, path), value);
                        }
                    }
                }
            }
        }
        for (to, from) in &map.copies {
            let (Some((to_number, _)), Some((from_number, _))) =
                (map.resource(&to.resource), map.resource(&from.resource))
            else {
                continue;
            };
            for (holder, held) in self.pairs(to_number, from_number, Reach::Within) {
                let value = self.named.get(&held).and_then(|object| object.at(&from.path)).cloned();
                match value {
                    // Of labels each counts, whoever said it.
                    Some(Node::List(items)) => {
                        items.into_iter().for_each(|item| self.add(holder, &to.path, item))
                    }
                    Some(value) if self.is_free(holder, &to.path) => {
                        self.set(holder, &to.path, value);
                    }
                    Some(_) | None => {}
                }
            }
        }
        map.gathers.iter().for_each(|gather| self.gather(gather, message));
        for preset in map.sets.iter().filter(|preset| preset.on.holds(trigger)) {
            for slot in self.preset(preset) {
                if let Some(value) = preset.value.node(known) {
                    if let (true, [step], Some(held)) =
                        (self.unclear, preset.target.path.as_slice(), self.named.get_mut(&slot))
                    {
                        held.remove(&format!("_{}", step.name.as_str()));
                    }
                    self.set(slot, &preset.target.path, value);
                }
            }
        }
        for preset in map.defaults.iter().filter(|preset| preset.on.holds(trigger)) {
            for slot in self.preset(preset) {
                if self.is_free(slot, &preset.target.path)
                    && let Some(value) = preset.value.node(known)
                {
                    self.set(slot, &preset.target.path, value);
                }
            }
        }
        map.eachs.iter().for_each(|each| self.each(each, known));
    }

    /// The resources that `preset` is about.
    fn preset(&self, preset: &Preset) -> Vec<Slot> {
        let number = self.map.resource(&preset.target.resource).map(|(number, _)| number);
        let has = |slot: &Slot| {
            let held = |with: &Vec<Step>| self.named.get(slot).is_some_and(|held| held.has(with));
            let says = |(path, value): &(Vec<Step>, String)| {
                let said = self.named.get(slot).and_then(|held| held.at(path));
                matches!(said, Some(Node::Text(said)) if said == value)
            };
            preset.with.as_ref().is_none_or(held) && !preset.without.as_ref().is_some_and(says)
        };
        self.slots(number).into_iter().filter(has).collect()
    }

    pub(super) fn slots(&self, number: Option<usize>) -> Vec<Slot> {
        let Some(number) = number else { return Vec::new() };
        self.named.range((number, 0)..=(number, u32::MAX)).map(|(slot, _)| *slot).collect()
    }

    /// The pairs of resources `to` and `of` that belong together, in their order.
    fn pairs(&self, to: usize, of: usize, reach: Reach) -> Vec<(Slot, Slot)> {
        let group = |number: usize| self.map.resources.get(number).map_or(0, |named| named.group);
        let open = |(number, ordinal): Slot, wanted: usize| {
            self.plan
                .instance(group(number), ordinal)
                .and_then(|instance| instance.open.get(wanted).copied().flatten())
        };
        let there = |slot: Slot| self.named.contains_key(&slot).then_some(slot);
        let (holders, helds) = (self.slots(Some(to)), self.slots(Some(of)));
        let mut pairs = Vec::new();
        if holders.is_empty() || helds.is_empty() {
            return pairs;
        }
        for &holder in &holders {
            if let Some(held) = open(holder, group(of)).and_then(|ordinal| there((of, ordinal))) {
                pairs.push((holder, held));
            }
        }
        for &held in &helds {
            let holder = open(held, group(to)).and_then(|ordinal| there((to, ordinal)));
            // The pair that stands in the list from the other side already.
            let twice = |holder: Slot| open(holder, group(of)) == Some(held.1);
            if let Some(holder) = holder.filter(|holder| !twice(*holder)) {
                pairs.push((holder, held));
            }
        }
        if reach == Reach::Beside {
            let parent = self.map.groups.get(group(of)).map_or(0, |group| group.parent);
            let mut alone: BTreeMap<Option<u32>, Option<Slot>> = BTreeMap::new();
            for &held in &helds {
                alone.entry(open(held, parent)).and_modify(|one| *one = None).or_insert(Some(held));
            }
            for holder in holders.into_iter().filter(|slot| open(*slot, group(of)).is_none()) {
                if let Some(Some(held)) = alone.get(&open(holder, parent)) {
                    pairs.push((holder, *held));
                }
            }
        }
        pairs
    }

    /// Adds `value` to the list at `path`, unless it is there.
    fn add(&mut self, slot: Slot, path: &[Step], value: Node) {
        let mut path = path.to_vec();
        if let Some(step) = path.last_mut() {
            step.index = Index::New;
        }
        if self.named.get(&slot).is_some_and(|held| !held.lists(&path, &value)) {
            self.set(slot, &path, value);
        }
    }

    /// Whether nothing stands at `path` of the resource `slot`, which is there.
    fn is_free(&self, slot: Slot, path: &[Step]) -> bool {
        let Some(held) = self.named.get(&slot) else { return false };
        let free = |path: &[Step]| !self.is_taken(slot, path);
        match path.split_last() {
            // `_endpoint` says why `endpoint` is absent, so it is not free when that is there.
            Some((step, before)) if step.name.as_bytes().starts_with(b"_") => {
                let name = step.name.as_str().trim_start_matches('_').into();
                let plain = [before, &[Step { name, ..step.clone() }]].concat();
                !held.has(path) && free(&plain)
            }
            _ => free(path),
        }
    }

    /// The Bundle as JSON.
    pub(super) fn bundle(
        mut self,
        message: &Message<'_>,
        known: Known<'_>,
        digest: &str,
    ) -> Result<Vec<u8>, Refused> {
        if self.named.len() + self.others.len() > RESOURCES_MAX {
            return Err(Refused::TooLarge { max: RESOURCES_MAX, unit: "resources" });
        }
        let mut bundle = Object::new()
            .with("resourceType", Node::text("Bundle"))
            .with("id", Node::Text(self.id("Bundle")));
        let system = local_system(self.context.source());
        if let Some(control) = message.field("MSH", 10).and_then(|part| part.text()) {
            let identifier =
                Object::new().with("system", Node::Text(system)).with("value", Node::Text(control));
            bundle.put("identifier", identifier.into());
        }
        bundle.put("type", Node::text(self.map.bundle.as_str()));
        let sent = message.field("MSH", 7).filter(|part| part.peek().is_some_and(|text| text.len() > 8));
        let sent = sent.and_then(|part| known.date_time(part));
        // A document must say when it was put together.
        let dated = || {
            let composition = self.whole("Composition").and_then(|slot| self.named.get(&slot));
            composition.and_then(|composition| composition.find("date")).cloned()
        };
        let recorded = match sent.or_else(dated) {
            Some(Node::Text(sent)) if sent.contains('T') => Some(sent),
            _ if self.map.bundle == "document" => return Err(Refused::NoTime),
            _ => None,
        };
        if let Some(recorded) = &recorded {
            bundle.put("timestamp", Node::text(recorded.as_str()));
        }
        let header = self.whole("MessageHeader").map(|slot| self.id_of(slot));
        let sender = self.whole("Sender").filter(|slot| self.named.contains_key(slot));
        let sender = sender.map(|slot| self.id_of(slot));
        let sources = Sources::new(header, bundle.find("identifier"), digest, recorded, sender);
        let mut entries = Entries::of(&bundle);
        let mut told = Vec::new();
        for (slot, object) in std::mem::take(&mut self.named) {
            let Some(named) = self.map.resources.get(slot.0) else { continue };
            let id = self.id_of(slot);
            entries.add(&id, &named.kind, &object);
            told.push((id, self.origins.remove(&slot).unwrap_or_default()));
        }
        for (other, written) in self.others.iter().zip(self.written()) {
            entries.add_written(&other.id, &other.kind, written);
        }
        for other in std::mem::take(&mut self.others) {
            // A Binary is told of with what points at it: by itself nothing says whom it is about.
            if other.kind != "Binary" {
                told.push((other.id, vec![("".into(), other.place)]));
            }
        }
        for (id, places) in &told {
            entries.tell(&self.id(&["Provenance/", id.as_str()].concat()), id, places, &sources);
        }
        Ok(entries.end())
    }
}

/// Room for a usual Bundle.
const CAPACITY: usize = 32 << 10;

/// Room for the places of a usual resource.
const PLACES: usize = 256;

/// A Bundle as it is written, entry by entry.
///
/// Entries are most of it, Provenances most of these and much alike, so none is built as a tree first.
struct Entries {
    out: Vec<u8>,
    first: bool,
}

impl Entries {
    /// Begins the Bundle of these elements.
    fn of(elements: &Object) -> Self {
        let mut out = Vec::with_capacity(CAPACITY);
        out.push(b'{');
        elements.write_members(&mut out);
        out.extend_from_slice(br#","entry":["#);
        Self { out, first: true }
    }

    /// Adds the resource `object`.
    fn add(&mut self, id: &str, kind: &str, object: &Object) {
        self.begin(id);
        if object.find("resourceType").is_some() || object.find("id").is_some() {
            let mut resource =
                Object::new().with("resourceType", Node::text(kind)).with("id", Node::text(id));
            resource.extend(object);
            resource.write_members(&mut self.out);
        } else {
            self.identify(id, kind);
            if !object.is_empty() {
                self.out.push(b',');
                object.write_members(&mut self.out);
            }
        }
        self.out.extend_from_slice(b"}}");
    }

    /// Adds a resource whose elements, neither its type nor its id, are `written`.
    fn add_written(&mut self, id: &str, kind: &str, written: &[u8]) {
        self.begin(id);
        self.identify(id, kind);
        if !written.is_empty() {
            self.out.push(b',');
            self.out.extend_from_slice(written);
        }
        self.out.extend_from_slice(b"}}");
    }

    /// Tells where the resource `of` comes from: which message, and which `places` in it.
    fn tell(&mut self, id: &str, of: &str, places: &[Origin], sources: &Sources) {
        self.begin(id);
        self.identify(id, "Provenance");
        let out = &mut self.out;
        for part in
            [&br#","target":[{"reference":"urn:uuid:"#[..], of.as_bytes(), br#""}],"#, &sources.before]
        {
            out.extend_from_slice(part);
        }
        if !places.is_empty() {
            if !sources.before.ends_with(b"{") {
                out.push(b',');
            }
            out.extend_from_slice(br#""display":"#);
            write_text(&told(places), out);
        }
        out.extend_from_slice(&sources.after);
        out.extend_from_slice(b"}}");
    }

    fn end(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"]}");
        self.out
    }

    /// Begins an entry: up to the elements of its resource.
    fn begin(&mut self, id: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        for part in [&br#"{"fullUrl":"urn:uuid:"#[..], id.as_bytes(), br#"","resource":{"#] {
            self.out.extend_from_slice(part);
        }
    }

    /// Writes the first elements of a resource; ids and types hold nothing to escape.
    fn identify(&mut self, id: &str, kind: &str) {
        for part in [&br#""resourceType":""#[..], kind.as_bytes(), br#"","id":""#, id.as_bytes(), b"\""] {
            self.out.extend_from_slice(part);
        }
    }
}

/// The places of elements in words: those of one element together, where the first of them stands.
fn told(places: &[Origin]) -> Vec<u8> {
    let mut told = Vec::with_capacity(PLACES);
    for (index, (element, place)) in places.iter().enumerate() {
        if places.iter().take(index).any(|(held, _)| held == element) {
            continue;
        }
        if index > 0 {
            told.extend_from_slice(b"; ");
        }
        let name = element.as_bytes();
        if !name.is_empty() {
            told.extend_from_slice(name);
            told.extend_from_slice(b": ");
        }
        told.extend_from_slice(place.as_bytes());
        for (_, place) in places.iter().skip(index + 1).filter(|(held, _)| held == element) {
            told.extend_from_slice(b", ");
            told.extend_from_slice(place.as_bytes());
        }
    }
    told
}

/// What every Provenance of a Bundle says, as it is written.
struct Sources {
    /// From the time on, up to what the message is called.
    before: Vec<u8>,
    /// What comes after the places.
    after: Vec<u8>,
}

impl Sources {
    fn new(
        header: Option<String>,
        control: Option<&Node>,
        digest: &str,
        recorded: Option<String>,
        sender: Option<String>,
    ) -> Self {
        let who = sender.as_deref().map_or_else(|| Node::absent("unknown"), Node::reference);
        let mut provenance = Object::new();
        match recorded {
            Some(recorded) => provenance.put("recorded", Node::Text(recorded)),
            None => provenance.put("_recorded", Node::absent("unknown")),
        }
        provenance.put("agent", Node::List(vec![Object::new().with("who", who).into()]));
        // Both are about the message itself, which is in the Bundle: nobody has to wonder whom they are about.
        let header = header.map(|header| Node::Text(format!("urn:uuid:{header}")));
        let (mut message, mut bytes) = (Object::new(), Object::new());
        if let Some(header) = header {
            message.put("reference", header.clone());
            bytes.put("reference", header);
        }
        if let Some(control) = control {
            message.put("identifier", control.clone());
        }
        let digest =
            Object::new().with("system", Node::text(fhir::identifier::URI)).with("value", Node::text(digest));
        bytes.put("identifier", digest.into());
        let source = br#"{"role":"source","what":{"#;
        let mut before = Vec::new();
        provenance.write_members(&mut before);
        before.extend_from_slice(br#","entity":["#);
        before.extend_from_slice(source);
        message.write_members(&mut before);
        let mut after = b"}},".to_vec();
        after.extend_from_slice(source);
        bytes.write_members(&mut after);
        after.extend_from_slice(b"}}]");
        Self { before, after }
    }
}

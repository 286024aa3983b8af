//! From the resources to the Bundle: references between them, defaults, where each comes from.

use std::collections::BTreeMap;

use super::codes::local_system;
use super::concept::Known;
use super::draft::{Draft, Slot};
use super::maps::{Preset, Reach};
use super::message::Message;
use crate::Refused;
use crate::tree::{Index, Node, Object, Step};

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
        for link in map.links.iter().filter(|link| link.on.holds(trigger)) {
            let (Some((to, _)), Some((of, named))) =
                (map.resource(&link.target.resource), map.resource(&link.name))
            else {
                continue;
            };
            for (holder, held) in self.pairs(to, of, link.reach) {
                let begun = self.plan.instance(named.group, held.1).map(|instance| instance.opener);
                let opener = begun.and_then(|opener| message.segments.get(opener));
                let met = link
                    .only_if
                    .as_ref()
                    .is_none_or(|only_if| opener.is_some_and(|segment| only_if.met(message, segment, known)));
                let reference = Node::reference(&self.id_of(held));
                if met && self.set_if_free(holder, &link.target.path, reference) {
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
                    Some(value) => {
                        self.set_if_free(holder, &to.path, value);
                    }
                    None => {}
                }
            }
        }
        for preset in map.sets.iter().filter(|preset| preset.on.holds(trigger)) {
            for (slot, value) in self.preset(preset, known) {
                self.set(slot, &preset.target.path, value);
            }
        }
        for preset in map.defaults.iter().filter(|preset| preset.on.holds(trigger)) {
            for (slot, value) in self.preset(preset, known) {
                self.set_if_free(slot, &preset.target.path, value);
            }
        }
    }

    /// The resources that `preset` is about, with its value.
    fn preset(&self, preset: &Preset, known: Known<'_>) -> Vec<(Slot, Node)> {
        let Some(value) = preset.value.node(known) else { return Vec::new() };
        let number = self.map.resource(&preset.target.resource).map(|(number, _)| number);
        self.slots(number)
            .into_iter()
            .filter(|slot| {
                let has = |with: &Vec<Step>| self.named.get(slot).is_some_and(|held| held.has(with));
                preset.with.as_ref().is_none_or(has)
            })
            .map(|slot| (slot, value.clone()))
            .collect()
    }

    fn slots(&self, number: Option<usize>) -> Vec<Slot> {
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
        let mut pairs = Vec::new();
        for holder in self.slots(Some(to)) {
            if let Some(held) = open(holder, group(of)).and_then(|ordinal| there((of, ordinal))) {
                pairs.push((holder, held));
            }
        }
        for held in self.slots(Some(of)) {
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
            for held in self.slots(Some(of)) {
                alone.entry(open(held, parent)).and_modify(|one| *one = None).or_insert(Some(held));
            }
            for holder in self.slots(Some(to)).into_iter().filter(|slot| open(*slot, group(of)).is_none()) {
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

    fn set_if_free(&mut self, slot: Slot, path: &[Step], value: Node) -> bool {
        let Some(held) = self.named.get(&slot) else { return false };
        // `_endpoint` says why `endpoint` is absent, so it is not free when that is there.
        let mut plain = path.to_vec();
        if let Some(step) = plain.last_mut() {
            step.name = step.name.trim_start_matches('_').to_owned();
        }
        !held.has(path) && !held.has(&plain) && !held.has_choice(&plain) && self.set(slot, path, value)
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
        let sources = Sources {
            control: bundle.find("identifier").cloned(),
            digest: digest.to_owned(),
            recorded,
            header: self.whole("MessageHeader").map(|slot| self.id_of(slot)),
            sender: self
                .whole("Sender")
                .filter(|slot| self.named.contains_key(slot))
                .map(|slot| self.id_of(slot)),
        };
        let mut entries = Vec::new();
        let mut provenances = Vec::new();
        for (slot, object) in std::mem::take(&mut self.named) {
            let Some(named) = self.map.resources.get(slot.0) else { continue };
            let id = self.id_of(slot);
            let places = self.origins.remove(&slot).unwrap_or_default();
            provenances.push(self.provenance(&id, &places, &sources));
            entries.push(entry(&id, &named.kind, &object));
        }
        for other in std::mem::take(&mut self.others) {
            // A Binary is told of with what points at it: by itself nothing says whom it is about.
            if other.kind != "Binary" {
                provenances.push(self.provenance(&other.id, &[(String::new(), other.place)], &sources));
            }
            entries.push(entry(&other.id, &other.kind, &other.object));
        }
        entries.extend(provenances);
        bundle.put("entry", Node::List(entries));
        let mut out = String::new();
        Node::from(bundle).write(&mut out);
        Ok(out.into_bytes())
    }

    /// Where the resource `id` comes from: which message, and which places in it.
    fn provenance(&self, id: &str, places: &[(String, String)], sources: &Sources) -> Node {
        let mut elements: Vec<(&str, Vec<&str>)> = Vec::new();
        for (element, place) in places {
            match elements.iter_mut().find(|(held, _)| held == element) {
                Some((_, held)) => held.push(place),
                None => elements.push((element, vec![place])),
            }
        }
        let told: Vec<String> = elements
            .iter()
            .map(|(element, places)| {
                let places = places.join(", ");
                if element.is_empty() { places } else { format!("{element}: {places}") }
            })
            .collect();
        // Both are about the message itself, which is in the Bundle: nobody has to wonder whom they are about.
        let mut message = Object::new();
        let mut bytes = Object::new();
        if let Some(header) = &sources.header {
            message.put("reference", Node::Text(format!("urn:uuid:{header}")));
            bytes.put("reference", Node::Text(format!("urn:uuid:{header}")));
        }
        if let Some(control) = &sources.control {
            message.put("identifier", control.clone());
        }
        if !told.is_empty() {
            message.put("display", Node::Text(told.join("; ")));
        }
        let digest = Object::new()
            .with("system", Node::text(fhir::identifier::URI))
            .with("value", Node::text(sources.digest.as_str()));
        bytes.put("identifier", digest.into());
        let source = |what: Object| {
            Node::from(Object::new().with("role", Node::text("source")).with("what", what.into()))
        };
        let who = sources.sender.as_deref().map_or_else(|| Node::absent("unknown"), Node::reference);
        let mut provenance = Object::new().with("target", Node::List(vec![Node::reference(id)]));
        match &sources.recorded {
            Some(recorded) => provenance.put("recorded", Node::text(recorded.as_str())),
            None => provenance.put("_recorded", Node::absent("unknown")),
        }
        provenance.put("agent", Node::List(vec![Object::new().with("who", who).into()]));
        provenance.put("entity", Node::List(vec![source(message), source(bytes)]));
        entry(&self.id(&format!("Provenance/{id}")), "Provenance", &provenance)
    }
}

/// What every Provenance of a Bundle says.
struct Sources {
    control: Option<Node>,
    digest: String,
    recorded: Option<String>,
    header: Option<String>,
    sender: Option<String>,
}

fn entry(id: &str, kind: &str, object: &Object) -> Node {
    let mut resource = Object::new().with("resourceType", Node::text(kind)).with("id", Node::text(id));
    resource.extend(object);
    Object::new()
        .with("fullUrl", Node::Text(format!("urn:uuid:{id}")))
        .with("resource", resource.into())
        .into()
}

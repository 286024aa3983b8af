//! Applies the maps to a message and puts the Bundle together.

use std::collections::{BTreeMap, BTreeSet};

use super::charset::Text;
use super::codes::local_system;
use super::concept::Known;
use super::document;
use super::envelope::Kind;
use super::maps::{Condition, Conversion, Count, Fixed, Maps, MessageMap, Row, SegmentMap, Target, Values};
use super::message::{Message, Part, Position, Segment};
use crate::identity;
use crate::tree::{Index, Node, Object, Step};
use crate::{Context, Loss, Refused, Severity, Translated, Why};

/// The resources of a Bundle while they are being built.
#[derive(Debug)]
pub(super) struct Draft<'x> {
    map: &'x MessageMap,
    context: &'x Context,
    control: String,
    /// Resources that the message map names.
    named: BTreeMap<&'x str, Object>,
    /// Resources that are referenced by others, with their ids.
    others: Vec<(String, Object)>,
    /// Ids of what is in `others`, by what it says.
    known: BTreeMap<String, String>,
}

/// Translates `message` by `maps`.
pub(super) fn run(message: &Message<'_>, maps: &Maps, context: &Context) -> Result<Translated, Refused> {
    let kind = Kind::of(message)?;
    let map = maps
        .messages
        .iter()
        .find(|map| map.name == kind.map)
        .ok_or_else(|| Refused::UnknownType { name: kind.safe() })?;
    let control =
        message.field("MSH", 10).and_then(|part| part.peek()).ok_or(Refused::NoControlId)?.into_owned();
    counted(message, maps, map)?;
    let mut draft =
        Draft { map, context, control, named: BTreeMap::new(), others: Vec::new(), known: BTreeMap::new() };
    let known = Known { codes: &maps.codes, context };
    draft.sender();
    for name in &map.segments {
        let Some(segment_map) = maps.segment(name) else { continue };
        let times = if segment_map.count == Count::Once { 1 } else { usize::MAX };
        for segment in message.named(name).take(times) {
            draft.apply(message, segment, segment_map, known);
        }
    }
    let empty = map.document.as_ref().is_some_and(|name| !document::apply(&mut draft, message, name, known));
    draft.finish(known);
    let id = draft.id("Bundle");
    let bundle = draft.bundle(message, known)?;
    let mut losses = losses(message, maps);
    if empty {
        let place = map.document.clone().unwrap_or_default();
        losses.push(Loss { place, why: Why::NoDocument, severity: Severity::Major });
    }
    Ok(Translated { id, bundle, losses })
}

/// That the header of `text` names a type that is translated, or leaves it to a later segment.
pub(super) fn known_type(text: &Text<'_>, maps: &Maps) -> Result<(), Refused> {
    let header = text.text.split(['\r', '\n']).next().unwrap_or_default();
    let header = Text { text: header.into(), remark: None };
    let kind = Kind::of(&Message::parse(&header)?)?;
    if !kind.trigger.is_empty() && !maps.messages.iter().any(|map| map.name == kind.map) {
        return Err(Refused::UnknownType { name: kind.safe() });
    }
    Ok(())
}

/// That required segments are there, and those that decide who it is about are there once.
fn counted(message: &Message<'_>, maps: &Maps, map: &MessageMap) -> Result<(), Refused> {
    for name in &map.required {
        if message.first(name).is_none() {
            return Err(Refused::Missing { segment: known_name(name) });
        }
    }
    for segment in &maps.segments {
        if segment.count == Count::Once
            && map.segments.contains(&segment.name)
            && message.named(&segment.name).count() > 1
        {
            return Err(Refused::MoreThanOne { segment: known_name(&segment.name) });
        }
    }
    Ok(())
}

/// The name of a segment as a constant, so that no text of a message can come into an error.
fn known_name(name: &str) -> &'static str {
    ["MSH", "EVN", "PID", "PD1", "PV1", "PV2", "TXA"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("required")
}

/// What no conversion carried, and what conversions remarked, in the order of the message.
fn losses(message: &Message<'_>, maps: &Maps) -> Vec<Loss> {
    let mut losses = message.take_remarks();
    let remarked: BTreeSet<((usize, Position), String)> =
        losses.iter().map(|(order, loss)| (*order, loss.place.clone())).collect();
    for segment in &message.segments {
        let map = maps.segment(segment.name);
        for (order, place, why) in segment.uncarried() {
            if why == Why::NotMapped && remarked.contains(&(order, place.clone())) {
                continue;
            }
            let severity =
                if why == Why::Nulled { Severity::Trivial } else { severity(segment, map, order.1.field) };
            losses.push((order, Loss { place, why, severity }));
        }
    }
    losses.sort_by_key(|(order, _)| *order);
    losses.into_iter().map(|(_, loss)| loss).collect()
}

fn severity(segment: &Segment<'_>, map: Option<&SegmentMap>, field: u16) -> Severity {
    match map {
        Some(map) => map
            .placeless
            .iter()
            .find(|(placeless, _)| *placeless == field)
            .map_or(map.severity, |(_, severity)| *severity),
        None if segment.name.starts_with('Z') => Severity::Minor,
        None => Severity::Major,
    }
}

impl<'x> Draft<'x> {
    /// The id of the resource with this name.
    pub(super) fn id(&self, place: &str) -> String {
        identity::id(self.context.source(), &self.control, place)
    }

    /// The named resource, made when it is not there yet.
    pub(super) fn named(&mut self, name: &str) -> Option<&mut Object> {
        let (name, _) = self.map.resources.iter().find(|(held, _)| held == name)?;
        Some(self.named.entry(name.as_str()).or_default())
    }

    /// Adds a resource that others refer to; the same content twice is one resource.
    pub(super) fn other(&mut self, kind: &str, place: &str, object: &Object) -> String {
        let mut resource = Object::new().with("resourceType", Node::text(kind));
        let mut key = String::new();
        Node::from(object.clone()).write(&mut key);
        key.push_str(kind);
        if let Some(id) = self.known.get(&key) {
            return id.clone();
        }
        let id = self.id(place);
        resource.put("id", Node::text(id.as_str()));
        resource.extend(object);
        self.others.push((id.clone(), resource));
        self.known.insert(key, id.clone());
        id
    }

    /// The organisation that sent the message, when the context knows it.
    fn sender(&mut self) {
        let Some(organisation) = &self.context.organisation else { return };
        let identifier = Object::new()
            .with("system", Node::text(fhir::identifier::ODS_ORGANIZATION_CODE))
            .with("value", Node::text(organisation.as_str()));
        if let Some(sender) = self.named("Sender") {
            sender.push("identifier", identifier.into());
        }
    }

    fn apply(&mut self, message: &Message<'_>, segment: &Segment<'_>, map: &SegmentMap, known: Known<'_>) {
        let mut opened: Vec<(&str, &str)> = Vec::new();
        for row in &map.rows {
            if self.map.kind(&row.target.resource).is_none() || !row.applies(message, segment, known) {
                continue;
            }
            for part in segment.repetitions_of(message, row.field) {
                let part = row.component.map_or(part, |component| part.component(component));
                if part.is_empty() {
                    continue;
                }
                let list = row.target.path.iter().find(|step| step.index == Index::Segment);
                let again = list
                    .is_some_and(|step| opened.contains(&(row.target.resource.as_str(), step.name.as_str())));
                let path = resolved(&row.target.path, if again { Index::Last } else { Index::New });
                if self.named.get(row.target.resource.as_str()).is_some_and(|held| held.has(&path)) {
                    part.turn_away();
                    continue;
                }
                let Some(value) = self.convert(row, part, segment, message, known) else { continue };
                if !self.named(&row.target.resource).is_some_and(|held| held.set(&path, value)) {
                    continue;
                }
                if let Some(step) = list.filter(|_| !again) {
                    opened.push((row.target.resource.as_str(), step.name.as_str()));
                }
                for (path, fixed) in &row.beside {
                    self.beside(row, path, fixed, known);
                }
            }
        }
    }

    /// Sets what a row says beside its element, in the list element just set.
    fn beside(&mut self, row: &Row, path: &[Step], fixed: &Fixed, known: Known<'_>) {
        let Some(value) = Self::fixed(fixed, known) else { return };
        let lists =
            row.target.path.iter().rposition(|step| step.index != Index::One).map_or(0, |last| last + 1);
        let mut whole: Vec<Step> = row.target.path.iter().take(lists).cloned().collect();
        for step in &mut whole {
            if matches!(step.index, Index::New | Index::Segment) {
                step.index = Index::Last;
            }
        }
        whole.extend_from_slice(path);
        if let Some(held) = self.named(&row.target.resource)
            && !held.has(&whole)
        {
            held.set(&whole, value);
        }
    }

    fn fixed(fixed: &Fixed, known: Known<'_>) -> Option<Node> {
        Some(match fixed {
            Fixed::Text(text) => Node::text(text.as_str()),
            Fixed::Absent(reason) => Node::absent(reason),
            Fixed::Coding(map, code) => known.codes.target(map, code)?.coding().into(),
            Fixed::Concept(map, code) => known.codes.target(map, code)?.concept(),
        })
    }

    fn convert(
        &mut self,
        row: &Row,
        part: Part<'_, '_>,
        segment: &Segment<'_>,
        message: &Message<'_>,
        known: Known<'_>,
    ) -> Option<Node> {
        match &row.conversion {
            Conversion::Text => part.text().map(Node::Text),
            Conversion::Date => known.moment(part).map(|moment| Node::text(moment.date())),
            Conversion::BirthDate => self.birth(part, known),
            Conversion::DateTime => known.date_time(part),
            Conversion::Instant => {
                // An instant has a time of day; a date alone has no place here.
                part.peek().filter(|text| text.len() > 8).and_then(|_| known.date_time(part))
            }
            Conversion::Boolean => {
                let value = part.peek().and_then(|code| known.codes.find("yes-no", &code, known.context))?;
                part.text();
                Some(Node::Bare(value.code.to_owned()))
            }
            Conversion::Integer => {
                let value = part.peek().and_then(|text| text.parse::<u32>().ok());
                if value.is_none() {
                    part.remark(Why::NotOfType, Severity::Minor);
                }
                value.inspect(|_| drop(part.text())).map(|value| Node::Bare(value.to_string()))
            }
            Conversion::Code(map) => known.code(part, map),
            Conversion::Coding(map) => known.coding(part, map),
            Conversion::Concept(map) => known.concept(part, map),
            Conversion::Label(map) => known.label(part, map),
            Conversion::Display(map) => {
                let found = known
                    .codes
                    .find(map, &part.peek()?, known.context)
                    .filter(|found| !found.display.is_empty())?;
                Some(Node::text(found.display))
            }
            Conversion::Language => known.code(part, "languages"),
            Conversion::Event => event(part),
            Conversion::Identifier(status) => {
                known.identifier(part, status.and_then(|field| segment.repetitions_of(message, field).next()))
            }
            Conversion::Entity => known.entity(part),
            Conversion::Universal => known.universal(part),
            Conversion::SourceUri => part.text().map(|name| Node::Text(local_system(&name))),
            Conversion::Name => known.name(part, 1),
            Conversion::Address => known.address(part),
            Conversion::Telecom(used) => known.telecom(part, used),
            Conversion::Practitioner => {
                let practitioner = known.practitioner(part)?;
                Some(Node::reference(&self.other("Practitioner", &part.place(), &practitioner)))
            }
            Conversion::Organization => {
                let organization = known.organization(part)?;
                Some(Node::reference(&self.other("Organization", &part.place(), &organization)))
            }
            Conversion::Place => {
                let place = part.place();
                let location = Object::new().with("name", Node::Text(part.component(1).text()?));
                Some(Node::reference(&self.other("Location", &place, &location)))
            }
            Conversion::Location => self.location(part, known),
        }
    }

    /// The Locations that a PL names, each part of the last; the reference is to the innermost.
    fn location(&mut self, part: Part<'_, '_>, known: Known<'_>) -> Option<Node> {
        let place = part.place();
        let mut outer: Option<String> = None;
        for (level, mut location) in (1..).zip(known.locations(part)) {
            if let Some(outer) = &outer {
                location.put("partOf", Node::reference(outer));
            }
            outer = Some(self.other("Location", &format!("{place}/{level}"), &location));
        }
        outer.map(|id| Node::reference(&id))
    }

    fn birth(&mut self, part: Part<'_, '_>, known: Known<'_>) -> Option<Node> {
        let moment = known.moment(part)?;
        if moment.has_time() {
            let time = Object::new()
                .with("url", Node::text("http://hl7.org/fhir/StructureDefinition/patient-birthTime"))
                .with("valueDateTime", Node::Text(moment.date_time()));
            let extensions = Object::new().with("extension", Node::List(vec![time.into()]));
            self.named("Patient")?.put("_birthDate", extensions.into());
        }
        Some(Node::text(moment.date()))
    }

    /// Defaults, and the references between the named resources.
    fn finish(&mut self, known: Known<'_>) {
        let map = self.map;
        for (target, name) in &map.links {
            if self.named.contains_key(name.as_str()) && self.named.contains_key(target.resource.as_str()) {
                let reference = Node::reference(&self.id(name));
                self.set_if_free(target, reference);
            }
        }
        for (target, fixed) in &map.defaults {
            if self.named.contains_key(target.resource.as_str())
                && let Some(value) = Self::fixed(fixed, known)
            {
                self.set_if_free(target, value);
            }
        }
    }

    fn set_if_free(&mut self, target: &Target, value: Node) {
        let Some(held) = self.named(&target.resource) else { return };
        // `_endpoint` says why `endpoint` is absent, so it is not free when that is there.
        let mut plain = target.path.clone();
        if let Some(step) = plain.last_mut() {
            step.name = step.name.trim_start_matches('_').to_owned();
        }
        if !held.has(&target.path) && !held.has(&plain) {
            held.set(&target.path, value);
        }
    }

    fn bundle(mut self, message: &Message<'_>, known: Known<'_>) -> Result<Vec<u8>, Refused> {
        let mut bundle = Object::new()
            .with("resourceType", Node::text("Bundle"))
            .with("id", Node::Text(self.id("Bundle")));
        let system = local_system(self.context.source());
        if let Some(control) = message.field("MSH", 10).and_then(|part| part.text()) {
            bundle.put(
                "identifier",
                Object::new().with("system", Node::Text(system)).with("value", Node::Text(control)).into(),
            );
        }
        bundle.put("type", Node::text(self.map.bundle.as_str()));
        let sent = message.field("MSH", 7).filter(|part| part.peek().is_some_and(|text| text.len() > 8));
        let sent = sent.and_then(|part| known.date_time(part));
        // A document must say when it was put together.
        let dated =
            || self.named.get("Composition").and_then(|composition| composition.find("date")).cloned();
        match sent.or_else(dated) {
            Some(Node::Text(sent)) if sent.contains('T') => bundle.put("timestamp", Node::Text(sent)),
            _ if self.map.bundle == "document" => return Err(Refused::NoTime),
            _ => {}
        }
        let mut entries = Vec::new();
        for (name, kind) in &self.map.resources {
            let Some(object) = self.named.remove(name.as_str()) else { continue };
            let id = self.id(name);
            let mut resource = Object::new()
                .with("resourceType", Node::text(kind.as_str()))
                .with("id", Node::text(id.as_str()));
            resource.extend(&object);
            entries.push(entry(&id, resource));
        }
        entries.extend(self.others.into_iter().map(|(id, resource)| entry(&id, resource)));
        bundle.put("entry", Node::List(entries));
        let mut out = String::new();
        Node::from(bundle).write(&mut out);
        Ok(out.into_bytes())
    }
}

fn entry(id: &str, resource: Object) -> Node {
    Object::new()
        .with("fullUrl", Node::Text(format!("urn:uuid:{id}")))
        .with("resource", resource.into())
        .into()
}

/// MSH-9 as the code of an event.
fn event(part: Part<'_, '_>) -> Option<Node> {
    let trigger = part.component(2).text()?;
    let names: Vec<String> =
        [1, 2, 3].into_iter().filter_map(|component| part.component(component).text()).collect();
    let coding = Object::new()
        .with("system", Node::text("http://terminology.hl7.org/CodeSystem/v2-0003"))
        .with("code", Node::Text(trigger))
        .with("display", Node::Text(names.join("^")));
    Some(coding.into())
}

/// `path` with `[*]` as the element `segment`: a new one, or the last when this segment came to it before.
fn resolved(path: &[Step], segment: Index) -> Vec<Step> {
    let mut path = path.to_vec();
    for step in path.iter_mut().filter(|step| step.index == Index::Segment) {
        step.index = segment;
    }
    path
}

impl Row {
    fn applies(&self, message: &Message<'_>, segment: &Segment<'_>, known: Known<'_>) -> bool {
        let met = |condition: &Condition| {
            let Some(held) = segment.peek(message, condition.field) else { return false };
            match &condition.values {
                Values::Any => true,
                Values::OneOf(values) => values.iter().any(|value| held.eq_ignore_ascii_case(value)),
                Values::CodeOf(map) => known.codes.find(map, &held, known.context).is_some(),
            }
        };
        self.only_if.as_ref().is_none_or(met) && !self.unless.as_ref().is_some_and(met)
    }
}

//! Applies the maps to a message.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::bundle::beside;
use super::charset::Text;
use super::concept::Known;
use super::document;
use super::draft::{Draft, Slot, beneath};
use super::envelope::{Identifier, Kind};
use super::maps::{Condition, Conversion, Count, Maps, MessageMap, Needs, Plain, Row, SegmentMap};
use super::message::{Fate, Message, Part, Position, Segment};
use super::mime;
use super::plan::{Placed, Plan};
use crate::key::Key;
use crate::tree::{Index, Node, Object, Step};
use crate::{Context, Loss, Refused, Severity, Translated, Why};

/// Translates `message`, which came as the bytes `input`, by `maps`.
pub(super) fn run(
    message: &Message<'_>,
    input: &[u8],
    maps: &Maps,
    context: &Context,
) -> Result<Translated, Refused> {
    let kind = Kind::of(message)?;
    let map = maps.message(&kind.map).ok_or_else(|| Refused::UnknownType { name: kind.safe() })?;
    let control =
        message.field("MSH", 10).and_then(|part| part.peek()).ok_or(Refused::NoControlId)?.into_owned();
    counted(message, maps, map)?;
    doubted(message, &kind);
    let known = Known { codes: &maps.codes, context };
    merged_with_herself(message, map, known)?;
    let plan = Plan::of(message, map, known);
    let mut draft = Draft::new(map, &kind.trigger, context, &control, plan);
    draft.sender();
    let of_site = context.site.iter().flat_map(|site| site.iter());
    let standard = map.segments.iter().filter(|name| message.first(name).is_some());
    let standard = standard.filter_map(|name| maps.segment(name));
    for segment_map in standard.chain(of_site) {
        for segment in message.named(&segment_map.name) {
            draft.apply(message, segment, segment_map, known);
        }
    }
    let empty = map.document.as_ref().is_some_and(|name| !document::apply(&mut draft, message, name, known));
    draft.finish(message, known);
    let id = draft.id("Bundle");
    let digest = format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(input)));
    let bundle = draft.bundle(message, known, &digest)?;
    let mut losses = losses(message, maps, context);
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
    if !kind.trigger.is_empty() && maps.message(&kind.map).is_none() {
        return Err(Refused::UnknownType { name: kind.safe() });
    }
    Ok(())
}

/// That required segments are there, and those that decide who it is about are there once.
fn counted(message: &Message<'_>, maps: &Maps, map: &MessageMap) -> Result<(), Refused> {
    for name in &map.required {
        if name.split('|').all(|name| message.first(name).is_none()) {
            let first = name.split('|').next().unwrap_or_default();
            return Err(Refused::Missing { segment: known_name(first) });
        }
    }
    let more = |name: &str| message.named(name).nth(1).is_some();
    if more("MSH") {
        return Err(Refused::MoreThanOne { segment: "MSH" });
    }
    let twice = |segment: &&SegmentMap| segment.count == Count::Once && more(&segment.name);
    for segment in maps.segments.iter().filter(twice) {
        if map.segments.contains(&segment.name) && !map.many.contains(&segment.name) {
            return Err(Refused::MoreThanOne { segment: known_name(&segment.name) });
        }
    }
    Ok(())
}

/// The versions of HL7 v2 that the maps are made for.
const VERSIONS: [&str; 13] =
    ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"];

/// Tells of a header that calls the message of another version than these, and of an event segment that names another event
/// than the header, by which the message is read.
fn doubted(message: &Message<'_>, kind: &Kind) {
    if let Some(version) = message.field("MSH", 12)
        && version.peek().is_some_and(|text| !VERSIONS.contains(&text.trim()))
    {
        version.remark(Why::NotOfType, Severity::Minor);
    }
    if let Some(event) = message.field("EVN", 1)
        && event.peek().is_some_and(|text| !text.trim().eq_ignore_ascii_case(&kind.trigger))
    {
        event.remark(Why::PlaceTaken, Severity::Major);
    }
}

/// That no merge ends the very person it is to keep: she would be told twice, once as she who is no more.
fn merged_with_herself(message: &Message<'_>, map: &MessageMap, known: Known<'_>) -> Result<(), Refused> {
    if !map.required.iter().any(|name| name == "MRG") {
        return Ok(());
    }
    let ids = |segment: &Segment<'_>, fields: &[u16]| -> Vec<Identifier> {
        let of = |field: &u16| segment.repetitions_of(message, *field);
        fields.iter().flat_map(of).filter_map(|part| known.identity(part)).collect()
    };
    let mut kept = Vec::new();
    for segment in &message.segments {
        match segment.name {
            "PID" => kept = ids(segment, &[2, 3, 4]),
            "MRG" => {
                let ended = ids(segment, &[1, 4]);
                if !ended.is_empty() && ended.iter().all(|id| kept.contains(id)) {
                    return Err(Refused::SamePerson);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The name of a segment as a constant, so that no text of a message can come into an error.
fn known_name(name: &str) -> &'static str {
    ["MSH", "EVN", "PID", "PD1", "PV1", "PV2", "TXA", "MRG", "OBR", "ORC", "RF1", "SCH", "RXA", "RXE", "IAM"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("required")
}

/// What no conversion carried, and what conversions remarked, in the order of the message.
fn losses(message: &Message<'_>, maps: &Maps, context: &Context) -> Vec<Loss> {
    let known = Known { codes: &maps.codes, context };
    let met = |condition: &Condition, segment: &Segment<'_>| condition.met(message, segment, known);
    let mut losses = message.take_remarks();
    let remarked: BTreeSet<((usize, Position), String)> =
        losses.iter().map(|(order, loss)| (*order, loss.place.clone())).collect();
    for segment in &message.segments {
        let of_site =
            || context.site.iter().flat_map(|site| site.iter()).find(|map| map.name == segment.name);
        let map = LazyCell::new(|| maps.segment(segment.name).or_else(of_site));
        for (order, place, why) in segment.uncarried() {
            let is_remarked = why == Why::NotMapped && remarked.contains(&(order, place.clone()));
            let severity = if why == Why::Nulled {
                Severity::Trivial
            } else {
                severity(&met, segment, *map, order.1.field)
            };
            if !is_remarked {
                losses.push((order, Loss { place, why, severity }));
                continue;
            }
            // A remark does not make it less grave that nothing was carried.
            let remark = losses
                .iter_mut()
                .find(|(held, loss)| *held == order && loss.place == place && loss.why == Why::NotOfType);
            if let Some((_, remark)) = remark {
                remark.severity = remark.severity.max(severity);
            }
        }
    }
    losses.sort_by_key(|(order, _)| *order);
    losses.into_iter().map(|(_, loss)| loss).collect()
}

fn severity(
    met: &dyn Fn(&Condition, &Segment<'_>) -> bool,
    segment: &Segment<'_>,
    map: Option<&SegmentMap>,
    field: u16,
) -> Severity {
    match map {
        Some(map) => map
            .placeless
            .iter()
            .filter(|line| line.field == field)
            .find(|line| line.only_if.as_ref().is_none_or(|only_if| met(only_if, segment)))
            .map_or(map.severity, |line| line.severity),
        None if segment.name.starts_with('Z') => Severity::Minor,
        None => Severity::Major,
    }
}

impl Draft<'_> {
    fn apply(&mut self, message: &Message<'_>, segment: &Segment<'_>, map: &SegmentMap, known: Known<'_>) {
        let Some(placed) = self.plan.placed(segment).cloned() else { return };
        if self.is_superseded(message, segment) {
            return;
        }
        let mut opened: Vec<(&str, &Key)> = Vec::new();
        let said = map.rows.iter().filter(|row| segment.says(row.field) && row.on.holds(self.trigger));
        for row in said {
            let Some(slot) = self.slot(&row.target.resource, &placed, map) else { continue };
            let missing = row.needs == Needs::Resource && !self.named.contains_key(&slot);
            if missing || !row.applies(message, segment, known) || self.is_elsewhere(row, message, &placed) {
                continue;
            }
            let late = row.needs == Needs::First
                && self.named.get(&slot).is_some_and(|held| held.at(&row.target.path).is_some());
            for part in segment.repetitions_of(message, row.field) {
                if late {
                    self.again(slot, row, part, known);
                    continue;
                }
                if row.conversion == Conversion::Value {
                    self.value(slot, part, segment, known);
                    continue;
                }
                let said = said_before(message, &placed, part);
                let part = row.component.map_or(part, |component| part.component(component));
                if part.is_empty() {
                    continue;
                }
                if said {
                    part.mark();
                    continue;
                }
                let list = row.target.path.iter().find(|step| step.index == Index::Segment);
                let again =
                    list.is_some_and(|step| opened.contains(&(row.target.resource.as_str(), &step.name)));
                let path = resolved(&row.target.path, if again { Index::Last } else { Index::New });
                if self.is_taken(slot, &path) {
                    self.occupied(slot, row, &path, part, known);
                    continue;
                }
                let (path, value) = if known.is_unclear(part, row.conversion.map().unwrap_or_default()) {
                    (self.unclear(row, path, part), Node::absent("unknown"))
                } else {
                    let Some(value) = self.convert(row, slot, part, segment, message, known) else {
                        continue;
                    };
                    (path, in_list(row, value, known))
                };
                let there = self.named.get(&slot).is_some_and(|held| held.lists(&path, &value))
                    || self.is_same_identifier(slot, &path, &value, part);
                if !there && !self.set(slot, &path, value) {
                    continue;
                }
                self.in_order(slot, &path, part);
                if let Some(step) = row.target.path.first() {
                    self.comes_from(slot, &step.name, part.field_place());
                }
                if let Some(step) = list.filter(|_| !again) {
                    opened.push((row.target.resource.as_str(), &step.name));
                }
                for (name, fixed) in row.beside.iter().filter(|_| !there) {
                    let whole = beside(&row.target.path, name);
                    if let (false, Some(value)) = (self.is_taken(slot, &whole), fixed.node(known)) {
                        self.set(slot, &whole, value);
                    }
                }
            }
        }
    }

    /// Turns `part` away from a list that another segment has made, unless it is in there.
    fn again(&self, slot: Slot, row: &Row, part: Part<'_, '_>, known: Known<'_>) {
        let fates = part.fates();
        let said =
            if let Conversion::Plain(plain) = &row.conversion { known.plain(plain, part) } else { None };
        let held = self.named.get(&slot);
        if !said.is_some_and(|said| held.is_some_and(|held| held.lists(&row.target.path, &said))) {
            part.restore(&fates);
            part.turn_away();
        }
    }

    /// Where it is said that nothing is known of what `part` says, since nobody understands it.
    fn unclear<'p>(&mut self, row: &Row, path: Cow<'p, [Step]>, part: Part<'_, '_>) -> Cow<'p, [Step]> {
        part.remark(Why::CodeNotMapped, Severity::Major);
        self.unclear = true;
        let is_code = matches!(row.conversion, Conversion::Plain(Plain::Code(_)));
        if is_code { beneath(&path).into() } else { path }
    }

    /// What `part` says where something stands already: a further line of a text, or too much.
    fn occupied(&mut self, slot: Slot, row: &Row, path: &[Step], part: Part<'_, '_>, known: Known<'_>) {
        match &row.conversion {
            Conversion::Constant(_) | Conversion::Reference(_) => {}
            // Whole lists of one field are its own matter; of other fields the same again is not lost.
            _ if path.iter().any(|step| step.index == Index::New) => part.turn_away(),
            Conversion::Lines => {
                if let (Some(held), Some(more)) = (self.named.get_mut(&slot), part.whole_text()) {
                    held.add_line(path, &more);
                }
            }
            Conversion::Practitioner => {
                let fates = part.fates();
                let practitioner = known.practitioner(part);
                let id =
                    practitioner.and_then(|practitioner| self.known_other("Practitioner", &practitioner));
                self.same_or_away(slot, path, part, &fates, id.map(|id| Node::reference(&id)));
            }
            Conversion::Plain(plain) => {
                let fates = part.fates();
                let said = known.plain(plain, part);
                self.same_or_away(slot, path, part, &fates, said);
            }
            Conversion::BirthDate
            | Conversion::Quantity(_)
            | Conversion::Value
            | Conversion::Amount(_, _)
            | Conversion::Sequence(_)
            | Conversion::Attachment
            | Conversion::Identifier(_)
            | Conversion::Organization(_)
            | Conversion::Producer
            | Conversion::Location
            | Conversion::Place => part.turn_away(),
        }
    }

    /// Turns `part` away, unless it `said` what stands there.
    fn same_or_away(
        &self,
        slot: Slot,
        path: &[Step],
        part: Part<'_, '_>,
        fates: &[Fate],
        said: Option<Node>,
    ) {
        let held = self.named.get(&slot).and_then(|held| held.at(path));
        if said.is_none() || said.as_ref() != held {
            part.restore(fates);
            part.turn_away();
        }
    }

    fn convert(
        &mut self,
        row: &Row,
        slot: Slot,
        part: Part<'_, '_>,
        segment: &Segment<'_>,
        message: &Message<'_>,
        known: Known<'_>,
    ) -> Option<Node> {
        let first = |field: u16| segment.repetitions_of(message, field).next();
        match &row.conversion {
            Conversion::Constant(value) => {
                part.peek()?;
                if row.asks_for_its_value() {
                    part.text();
                }
                value.node(known)
            }
            Conversion::Reference(name) => {
                let placed = self.plan.placed(segment)?;
                let (number, named) = self.map.resource(name)?;
                let held = (number, placed.open.get(named.group).copied().flatten()?);
                self.named.contains_key(&held).then(|| Node::reference(&self.id_of(held)))
            }
            Conversion::BirthDate => self.birth(slot, part, known),
            Conversion::Identifier(status) => known.identifier(part, status.and_then(first)),
            Conversion::Quantity(unit) => known.quantity(part, unit.and_then(first)),
            Conversion::Practitioner => {
                let practitioner = known.practitioner(part)?;
                Some(Node::reference(&self.other("Practitioner", &part.place(), practitioner)))
            }
            Conversion::Organization(address) => {
                let organization = known.organization(part, address.and_then(first))?;
                Some(Node::reference(&self.other("Organization", &part.place(), organization)))
            }
            Conversion::Producer => {
                let producer = known.producer(part)?;
                Some(Node::reference(&self.other("Organization", &part.place(), producer)))
            }
            Conversion::Place => {
                let place = part.place();
                let location = known.place(part)?;
                Some(Node::reference(&self.other("Location", &place, location)))
            }
            Conversion::Location => self.location(part, known),
            Conversion::Attachment => self.attached(slot, part, segment, message, known),
            Conversion::Plain(plain) => known.plain(plain, part),
            Conversion::Lines => part.whole_text().map(Node::Text),
            Conversion::Amount(most, unit) => known.amount(part, most.and_then(first), unit.and_then(first)),
            Conversion::Sequence(field) => self.sequence(part, segment, message, *field),
            // What an observation says is set by itself.
            Conversion::Value => None,
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
            outer = Some(self.other("Location", &format!("{place}/{level}"), location));
        }
        outer.map(|id| Node::reference(&id))
    }

    fn birth(&mut self, slot: Slot, part: Part<'_, '_>, known: Known<'_>) -> Option<Node> {
        let moment = known.moment(part)?;
        // A date of birth that is padded with zeros says no time.
        if moment.has_time() && !moment.is_midnight() {
            let time = Object::new()
                .with("url", Node::text("http://hl7.org/fhir/StructureDefinition/patient-birthTime"))
                .with("valueDateTime", Node::Text(moment.date_time()));
            let extensions = Object::new().with("extension", Node::List(vec![time.into()]));
            self.named.entry(slot).or_default().put("_birthDate", extensions.into());
        }
        Some(Node::text(moment.date()))
    }

    /// Adds the content of an ED as a Binary, and to the report it is with; the attachment that points at it.
    fn attached(
        &mut self,
        slot: Slot,
        part: Part<'_, '_>,
        segment: &Segment<'_>,
        message: &Message<'_>,
        known: Known<'_>,
    ) -> Option<Node> {
        // A further line was read with the first.
        self.plan.placed(segment).filter(|placed| placed.run.is_none())?;
        let attachment = if mime::begins(message, segment) {
            let lines = self.plan.run(message, segment);
            document::part(self, part, &lines, known)?
        } else {
            document::attachment(self, part, segment, message, known)?
        };
        let group = self.map.resources.get(slot.0)?.group;
        let open = Rc::clone(&self.plan.instance(group, slot.1)?.open);
        if let Some((number, report)) = self.map.resource("DiagnosticReport")
            && let Some(ordinal) = open.get(report.group).copied().flatten()
        {
            self.named.entry((number, ordinal)).or_default().push("presentedForm", attachment.clone());
        }
        Some(attachment)
    }
}

/// Whether the first line of a text says in this field what this further line of it says again.
fn said_before(message: &Message<'_>, placed: &Placed, part: Part<'_, '_>) -> bool {
    let Some(first) = placed.run.and_then(|first| message.segments.get(first)) else { return false };
    first
        .repetitions_of(message, part.field())
        .any(|other| other.repetition() == part.repetition() && other.peek_whole() == part.peek_whole())
}

/// The value of a list element with what stands beside it, so that the same again is seen to be the same.
fn in_list(row: &Row, value: Node, known: Known<'_>) -> Node {
    let Node::Object(mut object) = value else { return value };
    if row.target.path.last().is_some_and(|step| step.index == Index::New) {
        for (name, fixed) in &row.beside {
            if let (false, Some(value)) = (object.has(name), fixed.node(known)) {
                object.set(name, value);
            }
        }
    }
    object.into()
}

/// `path` with `[*]` as the element `segment`: a new one, or the last when this segment came to it before.
fn resolved(path: &[Step], segment: Index) -> Cow<'_, [Step]> {
    if path.iter().all(|step| step.index != Index::Segment) {
        return path.into();
    }
    let mut path = path.to_vec();
    for step in path.iter_mut().filter(|step| step.index == Index::Segment) {
        step.index = segment;
    }
    path.into()
}

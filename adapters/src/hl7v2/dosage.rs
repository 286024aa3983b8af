//! How a medicine is taken: one dosage for each timing, and amounts that are no numbers.

use super::concept::Known;
use super::draft::{Draft, Slot};
use super::maps::{Row, Spread};
use super::message::{Message, Part, Segment};
use super::moment;
use super::plan::Placed;
use super::value::decimal;
use crate::sound::is_above;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

impl Known<'_> {
    /// TQ, the timing of older versions, as a dosage.
    pub(super) fn timing(&self, part: Part<'_, '_>) -> Option<Node> {
        let mut repeat = Object::new();
        if let Some(period) = self.period(part.component(4), part.component(5)) {
            repeat.put("boundsPeriod", period);
        }
        self.lasting(&mut repeat, part.component(3));
        let times = part.component(2).subcomponent(2);
        let read: Option<Vec<String>> =
            times.peek().and_then(|said| said.split(',').map(|time| moment::time(time.trim())).collect());
        if let Some(read) = read {
            times.text();
            read.into_iter().for_each(|time| repeat.push("timeOfDay", Node::Text(time)));
        }
        let total = part.component(12);
        if let Some(count) = total.peek().filter(|said| is_count(said) && repeat.find("count").is_none()) {
            repeat.put("count", Node::Bare(count.into_owned()));
            total.text();
        }
        let mut timing = Object::new();
        if !repeat.is_empty() {
            timing.put("repeat", repeat.into());
        }
        let pattern = part.component(2).subcomponent(1);
        let as_needed = self.as_needed(pattern).or_else(|| {
            let priority = part.component(6);
            self.as_needed(priority).inspect(|_| drop(priority.text()))
        });
        if let Some(code) = pattern.text() {
            let coding = Object::new().with("code", Node::Text(code));
            timing.put("code", Object::new().with("coding", Node::List(vec![coding.into()])).into());
        }
        let mut dosage = Object::new();
        if let Some(instruction) = part.component(8).text() {
            dosage.put("patientInstruction", Node::Text(instruction));
        }
        if !timing.is_empty() {
            dosage.put("timing", timing.into());
        }
        if let Some(condition) = part.component(7).text() {
            dosage.put("asNeededCodeableConcept", Object::new().with("text", Node::Text(condition)).into());
        } else if let Some(as_needed) = as_needed {
            dosage.put("asNeededBoolean", as_needed);
        }
        // One at a time is what holds when nothing is said.
        if part.component(1).peek().is_some_and(|said| said == "1") {
            part.component(1).remark(Why::NotMapped, Severity::Trivial);
        }
        (!dosage.is_empty()).then(|| dosage.into())
    }

    /// How long or how often in all: `D7`, `X5`.
    fn lasting(&self, repeat: &mut Object, part: Part<'_, '_>) {
        let Some(said) = part.peek() else { return };
        let (letter, number) = said.split_at(said.chars().next().map_or(0, char::len_utf8));
        if !is_count(number) {
            return;
        }
        let unit = match letter {
            "X" => {
                repeat.put("count", Node::Bare(number.to_owned()));
                part.text();
                return;
            }
            "S" => "s",
            "M" => "min",
            "H" => "h",
            "D" => "d",
            "W" => "wk",
            "L" => "mo",
            _ => return,
        };
        if repeat.find("boundsPeriod").is_some() {
            return;
        }
        part.text();
        repeat.put("boundsDuration", in_units(number.to_owned(), unit).into());
    }

    /// That a code of a repeat pattern or of a priority says: as needed. It is carried elsewhere.
    pub(super) fn as_needed(&self, part: Part<'_, '_>) -> Option<Node> {
        let code = part.peek()?.to_ascii_uppercase();
        (code.starts_with("PRN") || code.ends_with("PRN")).then(|| Node::Bare("true".to_owned()))
    }

    /// How long `part` says that something takes, where its unit is one of time.
    fn time_span(&self, part: Part<'_, '_>, units: &str) -> Option<(String, &str)> {
        let number = decimal(&part.component(1).peek()?).filter(|number| is_above_zero(number))?;
        let unit = self.codes.find(units, &part.component(2).peek()?, self.context)?;
        Some((number, unit.code))
    }

    /// The number of a time.
    pub(super) fn span(&self, part: Part<'_, '_>, units: &str) -> Option<Node> {
        let (number, _) = self.time_span(part, units)?;
        part.component(1).text();
        Some(Node::Bare(number))
    }

    /// The unit of a time. Its name and its system say the same.
    pub(super) fn span_unit(&self, part: Part<'_, '_>, units: &str) -> Option<Node> {
        let (_, unit) = self.time_span(part, units)?;
        part.component(2).mark();
        Some(Node::text(unit))
    }

    /// A time as a Duration.
    pub(super) fn duration(&self, part: Part<'_, '_>) -> Option<Node> {
        let (number, unit) = self.time_span(part, "time-unit")?;
        part.component(1).text();
        part.component(2).mark();
        Some(in_units(number, unit).into())
    }

    /// An amount in words, where its number or the highest is none, or the highest is below it: with its unit.
    pub(super) fn amount(
        &self,
        part: Part<'_, '_>,
        most: Option<Part<'_, '_>>,
        unit: Option<Part<'_, '_>>,
    ) -> Option<Node> {
        let number = |part: &Part<'_, '_>| part.peek().and_then(|said| decimal(&said));
        match (number(&part), most.as_ref().map(number)) {
            (Some(least), Some(Some(most))) if is_above(&least, &most) => {
                part.remark(Why::NotOfType, Severity::Minor);
            }
            (Some(_), None | Some(Some(_))) => return None,
            (None, _) | (_, Some(None)) => {}
        }
        let mut text = part.text()?;
        if let Some(most) = most.and_then(|most| most.text()) {
            text = format!("{text} - {most}");
        }
        Some(Node::Text(self.with_unit(text, unit)))
    }
}

impl Draft<'_> {
    /// Whether another field of the group of `placed` says what `row` would say.
    pub(super) fn is_elsewhere(&self, row: &Row, message: &Message<'_>, placed: &Placed) -> bool {
        let says = |(name, field): &(String, u16)| {
            message.named(name).any(|other| {
                other.says(*field) && self.plan.placed(other).is_some_and(|held| held.open == placed.open)
            })
        };
        row.elsewhere.iter().any(says)
    }

    /// Which in the order of courses `segment` is, when the conjunctions in `field` tell the order of all.
    pub(super) fn sequence(
        &self,
        part: Part<'_, '_>,
        segment: &Segment<'_>,
        message: &Message<'_>,
        field: u16,
    ) -> Option<Node> {
        let placed = self.plan.placed(segment)?;
        let of_order = |other: &&Segment<'_>| {
            let held = self.plan.placed(other);
            held.is_some_and(|held| held.open == placed.open) && self.superseding(message, other).is_none()
        };
        let all: Vec<&Segment<'_>> = message.named(segment.name).filter(of_order).collect();
        let (_, before_last) = all.split_last()?;
        let then = |other: &Segment<'_>| other.peek(message, field).map(|said| said.to_ascii_uppercase());
        let told = |other: &&Segment<'_>| matches!(then(other).as_deref(), Some("S" | "A" | "C"));
        if before_last.is_empty() || !before_last.iter().all(told) {
            return None;
        }
        let earlier = before_last.iter().filter(|other| other.index < segment.index);
        let number = 1 + earlier.filter(|other| then(other).as_deref() == Some("S")).count();
        part.text();
        segment.repetitions_of(message, field).for_each(|part| part.mark());
        Some(Node::Bare(number.to_string()))
    }

    /// The segment that says anew what `segment` says of its order: the encoded timing after the one that was asked for.
    pub(super) fn superseding<'s, 'm>(
        &self,
        message: &'s Message<'m>,
        segment: &Segment<'_>,
    ) -> Option<&'s Segment<'m>> {
        let placed =
            self.plan.placed(segment).filter(|_| self.map.late.iter().any(|name| name == segment.name))?;
        let mut others = false;
        for next in message.segments.get(segment.index + 1..)? {
            let near = self.plan.placed(next).filter(|held| held.open == placed.open)?;
            if next.name == segment.name && others && near.near == placed.near {
                return Some(next);
            }
            others |= next.name != segment.name && !matches!(next.name, "TQ1" | "TQ2" | "NTE");
        }
        None
    }

    /// Whether `segment` is said anew. What is said in the same words is not lost.
    pub(super) fn is_superseded(&self, message: &Message<'_>, segment: &Segment<'_>) -> bool {
        let Some(anew) = self.superseding(message, segment) else { return false };
        for field in 1..=LAST {
            let later: Vec<_> = anew.repetitions_of(message, field).map(|part| part.peek_whole()).collect();
            let parts = segment.repetitions_of(message, field);
            parts.filter(|part| later.contains(&part.peek_whole())).for_each(|part| part.mark());
        }
        true
    }

    /// Puts what holds for each element of a list into each of them, or makes it the only one.
    pub(super) fn spread(&mut self, spread: &Spread) {
        let Some((number, _)) = self.map.resource(&spread.target.resource) else { return };
        let Some(list) = spread.target.path.first().map(|step| step.name.clone()) else { return };
        let slots: Vec<Slot> =
            self.named.range((number, 0)..=(number, u32::MAX)).map(|(slot, _)| *slot).collect();
        for slot in slots {
            let Some(held) = self.named.get_mut(&slot) else { continue };
            let Some(Node::Object(usual)) = held.take(&spread.from) else { continue };
            match held.find_mut(list.as_str()) {
                Some(Node::List(items)) => {
                    for item in items {
                        let Node::Object(item) = item else { continue };
                        for (name, value) in usual.members() {
                            if item.find(name).is_none() {
                                item.put(name, value.clone());
                            }
                        }
                    }
                }
                _ => held.put(list.as_str(), Node::List(vec![usual.into()])),
            }
            for (element, _) in self.origins.get_mut(&slot).into_iter().flatten() {
                if element.is(&spread.from) {
                    *element = list.clone();
                }
            }
        }
    }
}

/// The last field of a segment that may be said anew, by any version.
const LAST: u16 = 20;

/// A Duration.
fn in_units(number: String, unit: &str) -> Object {
    Object::new()
        .with("value", Node::Bare(number))
        .with("unit", Node::text(unit))
        .with("system", Node::text("http://unitsofmeasure.org"))
        .with("code", Node::text(unit))
}

fn is_above_zero(number: &str) -> bool {
    !number.starts_with('-') && number.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

fn is_count(text: &str) -> bool {
    matches!(text.len(), 1..=6) && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

//! What a result says: numbers, codes, flags, free text and ranges.

use super::convert::{Known, joined, lines};
use super::part::{Part, Segment};
use crate::tree::{Node, Object, Step};
use crate::{Severity, Why};

/// A value that is put into an Observation, and the element it is put under.
type Put = Option<&'static str>;

/// Puts `RSL+NV` into `observation`. What is no plain number stays text, with its comparator and unit.
pub(super) fn numeric(segment: &Segment, observation: &mut Object, known: Known<'_>) -> Put {
    let Some(value) = segment.part(2, 1) else {
        return missing(segment, observation);
    };
    let comparator = segment.part(2, 2);
    let found = comparator.map(|part| known.maps.codes.find("comparators", part.peek(), known.context));
    let quantity = match found {
        None | Some(Some(_)) if !is_valued(observation) => known.quantity(value, segment.element(4)),
        None | Some(_) => None,
    };
    let Some(mut quantity) = quantity else { return as_text(segment, observation) };
    if let Some(found) = found.flatten() {
        comparator.into_iter().for_each(Part::carry);
        quantity.put("comparator", Node::text(found.code));
    }
    observation.remove("dataAbsentReason");
    observation.put("valueQuantity", quantity.into());
    Some("valueQuantity")
}

/// Puts `RSL+CV` into `observation`.
pub(super) fn coded(segment: &Segment, observation: &mut Object, known: Known<'_>) -> Put {
    if is_valued(observation) {
        return as_text(segment, observation);
    }
    match known.concept(segment.element(2).get(2..).unwrap_or_default()) {
        Some(concept) => {
            observation.remove("dataAbsentReason");
            observation.put("valueCodeableConcept", concept.into());
            Some("valueCodeableConcept")
        }
        None if segment.element(2).iter().any(|part| !part.peek().is_empty()) => {
            as_text(segment, observation)
        }
        None => missing(segment, observation),
    }
}

/// Puts the value of an `RSL` that cannot be understood into `observation` as text: beside a value that stands there, as
/// a note.
pub(super) fn as_text(segment: &Segment, observation: &mut Object) -> Put {
    let mut words: Vec<&str> = Vec::new();
    for part in segment.element(2).iter().chain(segment.element(4)).filter(|part| !part.peek().is_empty()) {
        words.push(part.peek());
        part.tell(Why::NotOfType, Severity::Major);
    }
    if words.is_empty() {
        return missing(segment, observation);
    }
    Some(says(words.join(" "), observation))
}

/// Free text of a result: its value when it has no other, else a note.
pub(super) fn text(parts: &[Part], observation: &mut Object) -> Put {
    let text = lines(parts)?;
    let held = Step::path("valueString").unwrap_or_default();
    if observation.add_line(&held, &text) {
        return Some("valueString");
    }
    Some(says(text, observation))
}

fn says(text: String, observation: &mut Object) -> &'static str {
    if is_valued(observation) {
        observation.push("note", Object::new().with("text", Node::Text(text)).into());
        "note"
    } else {
        observation.remove("dataAbsentReason");
        observation.put("valueString", Node::Text(text));
        "valueString"
    }
}

/// A result that announces a value and has none is not the same as no result.
fn missing(segment: &Segment, observation: &mut Object) -> Put {
    segment.tell(Why::Missing, Severity::Major);
    if !is_valued(observation) {
        let coding = Object::new()
            .with("system", Node::text("http://terminology.hl7.org/CodeSystem/data-absent-reason"))
            .with("code", Node::text("unknown"));
        let concept = Object::new().with("coding", Node::List(vec![coding.into()]));
        observation.put("dataAbsentReason", concept.into());
    }
    Some("dataAbsentReason")
}

fn is_valued(observation: &Object) -> bool {
    ["Quantity", "CodeableConcept", "String"]
        .iter()
        .any(|kind| observation.find(&format!("value{kind}")).is_some())
}

/// One end of a range; what is no number is text.
pub(super) fn limit(segment: &Segment, element: u16, known: Known<'_>) -> Option<Result<Object, String>> {
    let part = segment.first(element)?;
    Some(match known.quantity(part, segment.element(4)) {
        Some(quantity) => Ok(quantity),
        None => {
            part.tell(Why::NotOfType, Severity::Major);
            let which = if element == 2 { "from" } else { "to" };
            let unit = joined(segment.element(4)).map(|unit| format!(" {unit}")).unwrap_or_default();
            Err(format!("{which} {}{unit}", part.peek()))
        }
    })
}

/// The names of PNA, each with a word for what it is.
pub(super) fn name(segment: &Segment, from: u16) -> Option<Object> {
    let mut name = Object::new();
    let mut given: Vec<(u8, &str)> = Vec::new();
    for parts in segment.elements_from(from) {
        let (Some(kind), Some(value)) = (parts.first(), parts.get(1)) else { continue };
        if value.peek().is_empty() {
            continue;
        }
        match kind.peek() {
            "SU" if name.find("family").is_none() => name.put("family", Node::text(value.peek())),
            "FO" => given.push((1, value.peek())),
            "MI" => given.push((2, value.peek())),
            "TI" => name.push("prefix", Node::text(value.peek())),
            "SU" => {
                value.tell(Why::PlaceTaken, Severity::Major);
                continue;
            }
            _ => continue,
        }
        kind.carry();
        value.carry();
    }
    given.sort_by_key(|(order, _)| *order);
    for (_, given) in given {
        name.push("given", Node::text(given));
    }
    (!name.is_empty()).then_some(name)
}

//! Data types: codes, numbers, units, dates, lines of text.

use jiff::tz::TimeZone;

use super::maps::Maps;
use super::part::{Part, Segment};
use crate::hl7v2::codes::local_system;
use crate::hl7v2::moment::{self, Moment};
use crate::tree::{Node, Object};
use crate::{Context, Severity, Why};

/// How long a component of free text can be; one that is full goes on in the next.
const COMPONENT_LETTERS: usize = 35;

/// What is known while a message is translated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) maps: &'k Maps,
    pub(super) context: &'k Context,
    pub(super) decimal: char,
}

impl Known<'_> {
    /// A code as the code of the map `map`; told when there is none.
    pub(super) fn code(self, map: &str, part: &Part) -> Option<Node> {
        let Some(found) = self.maps.codes.find(map, part.peek(), self.context) else {
            part.tell(Why::CodeNotMapped, Severity::Major);
            return None;
        };
        if found.broader {
            part.tell(Why::Narrowed, Severity::Minor);
        }
        part.carry();
        Some(Node::text(found.code))
    }

    /// Code, code list, agency and text as a CodeableConcept. A list that is not known keeps its number.
    pub(super) fn concept(self, parts: &[Part]) -> Option<Object> {
        let mut concept = Object::new();
        let text = joined(parts.get(3..5).or_else(|| parts.get(3..)).unwrap_or_default());
        if let Some(code) = parts.first().and_then(Part::take) {
            let mut coding = Object::new();
            if let Some(list) = parts.get(1).filter(|list| !list.peek().is_empty()) {
                list.carry();
                coding.put("system", self.system("code-lists", list));
            }
            coding.put("code", Node::text(code));
            if let Some(text) = &text {
                coding.put("display", Node::text(text.as_str()));
            }
            concept.push("coding", coding.into());
        }
        if let Some(text) = text {
            concept.put("text", Node::Text(text));
        }
        (!concept.is_empty()).then_some(concept)
    }

    /// The system that a code list qualifier stands for.
    pub(super) fn system(self, map: &str, list: &Part) -> Node {
        match self.maps.codes.find(map, list.peek(), self.context) {
            Some(found) => Node::text(found.code),
            None => {
                list.tell(Why::CodeKept, Severity::Minor);
                Node::Text(local_system(list.peek()))
            }
        }
    }

    /// A code of `map` as a concept; one that is not known stays as it is, and is told.
    pub(super) fn coded(self, map: &str, part: &Part, severity: Severity) -> Object {
        let coding = match self.maps.codes.find(map, part.peek(), self.context) {
            Some(found) => Object::new()
                .with("system", Node::text(found.system))
                .with("code", Node::text(found.code))
                .with("display", Node::text(found.display)),
            None => {
                part.tell(Why::CodeKept, severity);
                // Not of the system that the map is of, so of none that is known.
                Object::new().with("code", Node::text(part.peek()))
            }
        };
        part.carry();
        Object::new().with("coding", Node::List(vec![coding.into()]))
    }

    /// A number with its unit.
    pub(super) fn quantity(self, part: &Part, unit: &[Part]) -> Option<Object> {
        let number = decimal(part.peek(), self.decimal)?;
        part.carry();
        let mut quantity = Object::new().with("value", Node::Bare(number));
        self.unit(&mut quantity, unit);
        Some(quantity)
    }

    /// The unit, written in the fourth component or, in the older variant, in the first.
    fn unit(self, quantity: &mut Object, unit: &[Part]) {
        let said = |at: usize| unit.get(at).filter(|part| !part.peek().is_empty());
        match (said(3), said(0)) {
            (Some(text), code) => {
                text.carry();
                quantity.put("unit", Node::text(text.peek()));
                if let (Some(code), Some(list)) = (code, said(1)) {
                    code.carry();
                    list.carry();
                    quantity.put("system", self.system("code-lists", list));
                    quantity.put("code", Node::text(code.peek()));
                }
            }
            (None, Some(text)) => {
                text.carry();
                quantity.put("unit", Node::text(text.peek()));
            }
            (None, None) => {}
        }
    }

    /// A date or time of DTM: qualifier, value and format.
    pub(super) fn moment(self, segment: &Segment, element: u16) -> Option<Moment> {
        let value = segment.part(element, 2)?;
        let format = segment.part(element, 3);
        let digits = match format.map(Part::peek) {
            Some("602") => 4,
            Some("610") => 6,
            Some("102") => 8,
            Some("203") => 12,
            Some("204") => 14,
            Some(_) | None => 0,
        };
        let read = read(value.peek(), digits, &self.context.zone);
        match read {
            Ok(moment) => {
                value.carry();
                format.into_iter().for_each(Part::carry);
                if moment.ambiguous {
                    value.tell(Why::TimeAmbiguous, Severity::Major);
                }
                Some(moment)
            }
            Err(why) => {
                format.into_iter().for_each(Part::carry);
                value.tell(why, Severity::Major);
                None
            }
        }
    }
}

fn read(value: &str, digits: usize, zone: &TimeZone) -> Result<Moment, Why> {
    // An offset is of no format that is read here.
    if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Why::NotATime);
    }
    moment::parse(value, zone)
}

/// A number as FHIR writes it, every digit of its precision kept.
pub(super) fn decimal(text: &str, mark: char) -> Option<String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once(mark) {
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let plain = |text: &str| text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut number = if negative { "-".to_owned() } else { String::new() };
    number.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    Some(number)
}

/// Components as lines of one text.
pub(super) fn lines(parts: &[Part]) -> Option<String> {
    let lines: Vec<&str> = parts.iter().filter_map(Part::take).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Components of one name or rubric: one that is full goes on in the next, others are words apart.
pub(super) fn joined(parts: &[Part]) -> Option<String> {
    let mut text = String::new();
    let mut full = true;
    for part in parts.iter().filter_map(Part::take) {
        if !full {
            text.push(' ');
        }
        text.push_str(part);
        full = part.chars().count() == COMPONENT_LETTERS;
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{decimal, joined};
    use crate::edifact::part::Part;

    #[test]
    fn a_number_keeps_its_precision_or_is_none() {
        for (text, mark, expected) in [
            ("11.0", '.', Some("11.0")),
            ("007", '.', Some("7")),
            (".5", '.', Some("0.5")),
            ("5.", '.', Some("5")),
            ("-0.50", '.', Some("-0.50")),
            ("1,5", ',', Some("1.5")),
            ("1,5", '.', None),
            ("<5", '.', None),
            ("", '.', None),
            (".", '.', None),
            ("1e5", '.', None),
            ("1.2.3", '.', None),
            ("9999999999999999999", '.', None),
        ] {
            assert_eq!(decimal(text, mark).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_full_component_goes_on_in_the_next() {
        let parts = |texts: &[&str]| -> Vec<Part> {
            texts.iter().map(|text| Part::new((*text).to_owned(), None)).collect()
        };
        assert_eq!(
            joined(&parts(&["Northshire Screening Administratio:", "n"])).as_deref(),
            Some("Northshire Screening Administratio:n")
        );
        assert_eq!(joined(&parts(&["Dr A", "Moss"])).as_deref(), Some("Dr A Moss"));
        assert_eq!(joined(&parts(&["", ""])), None);
    }
}

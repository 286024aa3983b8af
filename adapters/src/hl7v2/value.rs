//! Values of observations: OBX-5 by the type in OBX-2; numbers, quantities, ranges.

use super::concept::{Known, one_blank};
use super::draft::{Draft, Slot};
use super::message::{Part, Segment};
use super::moment;
use crate::sound::is_above;
use crate::tree::{Node, Object, Step};
use crate::{Severity, Why};

/// What values of observations are.
const KINDS: [&str; 7] = ["String", "Quantity", "CodeableConcept", "DateTime", "Time", "Range", "Ratio"];

impl Draft<'_> {
    /// OBX-5 as `value[x]` of the Observation `slot`. Of more than one, each is a component of it: beside a component of the same
    /// code there may be no value (`obs-7`), and none of them is more the value than another.
    pub(super) fn value(&mut self, slot: Slot, part: Part<'_, '_>, segment: &Segment<'_>, known: Known<'_>) {
        let message = part.message;
        let kind = segment.peek(message, 2).unwrap_or_default().to_ascii_uppercase();
        let read = match kind.as_str() {
            "NM" => known.number(part, segment.repetitions_of(message, 6).next()),
            "SN" => known.structured(part, segment.repetitions_of(message, 6).next()),
            "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => {
                known.concept(part, "").map(|node| ("CodeableConcept", node))
            }
            "DT" | "TS" | "DTM" => known.date_time(part).map(|node| ("DateTime", node)),
            "TM" => known.time(part),
            "CQ" => known.quantity(part, None).map(|node| ("Quantity", node)),
            "NR" => known.numeric_range(part, segment.repetitions_of(message, 6).next()),
            "ED" | "RP" | "MA" | "NA" => None,
            "ST" => part.whole_text().map(|text| {
                let unit = segment.repetitions_of(message, 6).next();
                ("String", Node::Text(known.with_unit(text, unit)))
            }),
            _ => part.whole_text().map(|text| ("String", Node::Text(text))),
        };
        let Some((suffix, value)) = read else { return };
        // What is text is text by any name.
        if suffix != "String" {
            segment.repetitions_of(message, 2).for_each(|part| part.mark());
        }
        self.comes_from(slot, &"value".into(), part.field_place());
        let observation = self.named.entry(slot).or_default();
        if let ("String", Node::Text(more)) = (suffix, &value)
            && let Some(path) = Step::path("valueString")
            && observation.add_line(&path, more)
        {
            return;
        }
        let taken = KINDS.iter().any(|kind| observation.find(&format!("value{kind}")).is_some());
        if !taken && observation.find("component").is_none() {
            observation.put(&format!("value{suffix}"), value);
            return;
        }
        let code = observation.find("code").cloned().unwrap_or_else(|| Node::absent("unknown"));
        let first = KINDS.iter().find_map(|kind| {
            let name = format!("value{kind}");
            observation.take(&name).map(|value| (name, value))
        });
        for (name, value) in first.into_iter().chain([(format!("value{suffix}"), value)]) {
            let component = Object::new().with("code", code.clone()).with(&name, value);
            observation.push("component", component.into());
        }
    }
}

impl Known<'_> {
    /// A number as FHIR writes one.
    pub(super) fn decimal(&self, part: Part<'_, '_>) -> Option<String> {
        let written = part.peek()?;
        let Some(number) = decimal(&written) else {
            part.remark(Why::NotOfType, Severity::Minor);
            return None;
        };
        part.text();
        Some(number)
    }

    /// A number and its unit, which stands in a field of its own or in the second component.
    pub(super) fn quantity(&self, part: Part<'_, '_>, unit: Option<Part<'_, '_>>) -> Option<Node> {
        let number = self.decimal(part.component(1))?;
        let mut quantity = Object::new().with("value", Node::Bare(number));
        match unit {
            Some(unit) => self.unit(&mut quantity, unit),
            None if !part.component(2).is_empty() => self.sub_unit(&mut quantity, part.component(2)),
            None => {}
        }
        Some(quantity.into())
    }

    /// NM: a quantity, with its comparator where senders write one; else what is written, as text.
    fn number(&self, part: Part<'_, '_>, unit: Option<Part<'_, '_>>) -> Option<(&'static str, Node)> {
        let written = part.peek()?;
        let (comparator, rest) = comparator(&written);
        let Some(number) = decimal(rest) else {
            part.remark(Why::NotOfType, Severity::Minor);
            return part.whole_text().map(|text| ("String", Node::Text(self.with_unit(text, unit))));
        };
        part.text();
        let mut quantity = Object::new().with("value", Node::Bare(number));
        if let Some(comparator) = comparator {
            quantity.put("comparator", Node::text(comparator));
        }
        if let Some(unit) = unit {
            self.unit(&mut quantity, unit);
        }
        Some(("Quantity", quantity.into()))
    }

    /// SN: comparator, number, separator, number.
    fn structured(&self, part: Part<'_, '_>, unit: Option<Part<'_, '_>>) -> Option<(&'static str, Node)> {
        let said = |component: u16| part.component(component).peek().unwrap_or_default().into_owned();
        let (sign, separator) = (said(1), said(3));
        let numbers = (decimal(&said(2)), decimal(&said(4)));
        let quantity = |number: String| {
            let mut quantity = Object::new().with("value", Node::Bare(number));
            if let Some(unit) = unit {
                self.unit(&mut quantity, unit);
            }
            quantity
        };
        let read = match (sign.as_str(), numbers, separator.as_str()) {
            ("" | "=", (Some(number), None), "") => Some(("Quantity", quantity(number))),
            ("<" | ">" | "<=" | ">=", (Some(number), None), "") => {
                Some(("Quantity", quantity(number).with("comparator", Node::text(sign.as_str()))))
            }
            ("" | "=", (Some(low), Some(high)), "-") if !is_above(&low, &high) => Some((
                "Range",
                Object::new().with("low", quantity(low).into()).with("high", quantity(high).into()),
            )),
            ("" | "=", (Some(one), Some(other)), ":" | "/") => Some((
                "Ratio",
                Object::new()
                    .with("numerator", quantity(one).into())
                    .with("denominator", Object::new().with("value", Node::Bare(other)).into()),
            )),
            _ => None,
        };
        match read {
            Some((suffix, value)) => {
                part.mark();
                Some((suffix, value.into()))
            }
            None => {
                part.remark(Why::NotOfType, Severity::Minor);
                let text = [sign, said(2), separator, said(4)].concat();
                part.mark();
                (!text.is_empty()).then(|| ("String", Node::Text(self.with_unit(text, unit))))
            }
        }
    }

    /// NR: the lowest and the highest number. What is no range, since the lowest is above the highest, is text.
    fn numeric_range(&self, part: Part<'_, '_>, unit: Option<Part<'_, '_>>) -> Option<(&'static str, Node)> {
        let said = |component: u16| part.component(component).peek().and_then(|said| decimal(&said));
        if let (Some(low), Some(high)) = (said(1), said(2))
            && is_above(&low, &high)
        {
            part.remark(Why::NotOfType, Severity::Minor);
            part.mark();
            return Some(("String", Node::Text(self.with_unit(format!("{low} - {high}"), unit))));
        }
        let mut range = Object::new();
        for (component, name) in [(1, "low"), (2, "high")] {
            if part.component(component).is_empty() {
                continue;
            }
            let mut quantity =
                Object::new().with("value", Node::Bare(self.decimal(part.component(component))?));
            if let Some(unit) = unit {
                self.unit(&mut quantity, unit);
            }
            range.put(name, quantity.into());
        }
        (!range.is_empty()).then_some(("Range", range.into()))
    }

    pub(super) fn time(&self, part: Part<'_, '_>) -> Option<(&'static str, Node)> {
        let Some(time) = moment::time(&part.peek()?) else {
            part.remark(Why::NotATime, Severity::Major);
            return None;
        };
        part.text();
        Some(("Time", Node::Text(time)))
    }

    /// OBX-7 as a reference range: its words, and the limits where they can be read.
    pub(super) fn range(&self, part: Part<'_, '_>) -> Option<Node> {
        let text = part.whole_text()?;
        let mut range = Object::new();
        let limit =
            |number: &str| decimal(number).map(|number| Object::new().with("value", Node::Bare(number)));
        let (sign, rest) = comparator(&text);
        let between = text
            .trim()
            .char_indices()
            .skip(1)
            .find(|(_, letter)| *letter == '-')
            .and_then(|(at, _)| Some((text.trim().get(..at)?.trim(), text.trim().get(at + 1..)?.trim())));
        if let Some((low, high)) = between
            && let (Some(first), Some(last)) = (limit(low), limit(high))
        {
            // What cannot be its limits is its words.
            if !is_above(low, high) {
                range.put("low", first.into());
                range.put("high", last.into());
            }
        } else if let Some(limit) = limit(rest) {
            // Only what is at or below, or at or above, is said by a limit exactly.
            match sign {
                Some("<=") => range.put("high", limit.into()),
                Some(">=") => range.put("low", limit.into()),
                Some(_) | None => {}
            }
        }
        range.put("text", Node::Text(text));
        Some(range.into())
    }

    /// A text with the words of its unit, or its code.
    pub(super) fn with_unit(&self, text: String, unit: Option<Part<'_, '_>>) -> String {
        let words = |unit: Part<'_, '_>| match powers(unit) {
            Some([code, words, _]) => {
                unit.mark();
                words.or(code)
            }
            None => [2, 1].into_iter().find_map(|component| unit.component(component).text()),
        };
        match unit.and_then(words) {
            Some(words) => format!("{text} {words}"),
            None => text,
        }
    }

    /// A coded unit: its words, and the code with its system.
    fn unit(&self, quantity: &mut Object, unit: Part<'_, '_>) {
        let Some([code, words, system]) = powers(unit) else {
            return self.put_unit(quantity, |component| unit.component(component));
        };
        unit.mark();
        if let Some(said) = words.or_else(|| code.clone()) {
            quantity.put("unit", Node::Text(said));
        }
        if let (Some(code), Some(system)) = (code, system) {
            let system = super::codes::code_system(&system, self.codes, self.context);
            quantity.put("system", Node::Text(system));
            quantity.put("code", Node::Text(code));
        }
    }

    fn sub_unit(&self, quantity: &mut Object, unit: Part<'_, '_>) {
        self.put_unit(quantity, |component| unit.subcomponent(component));
    }

    fn put_unit<'p, 'm: 'p>(&self, quantity: &mut Object, at: impl Fn(u16) -> Part<'p, 'm>) {
        let (code, words, system) = (at(1).text(), at(2).text(), at(3).text());
        // A code counts with its system, and neither says anything without the other.
        match (&code, &words, &system) {
            (Some(code), Some(words), None) if code != words => at(1).remark(Why::NotMapped, Severity::Minor),
            (None, _, Some(_)) => at(3).remark(Why::NotMapped, Severity::Trivial),
            (Some(_) | None, Some(_) | None, Some(_) | None) => {}
        }
        if let Some(said) = words.or_else(|| code.clone()) {
            quantity.put("unit", Node::Text(said));
        }
        if let (Some(code), Some(system)) = (code, system) {
            let system = super::codes::code_system(&system, self.codes, self.context);
            quantity.put("system", Node::Text(system));
            quantity.put("code", Node::Text(one_blank(code, at(1))));
        }
    }
}

/// The code, words and system of a unit in which a sender did not escape the sign of a power: `10^9/L` is one unit, and neither
/// `10` nor `9/L` is any. Nothing where no power was taken apart.
fn powers(unit: Part<'_, '_>) -> Option<[Option<String>; 3]> {
    let delimiter = unit.message.delimiters.component;
    let mut said: Vec<String> =
        unit.peek_whole()?.split(delimiter).map(|part| part.trim().to_owned()).collect();
    if said.len() > POWERS_MAX {
        return None;
    }
    let apart = said.len();
    for at in (1..apart).rev() {
        let (before, after) = said.split_at(at);
        let (Some(base), Some(exponent)) = (before.last(), after.first()) else { continue };
        if is_base(base) && is_exponent(exponent) {
            let power = format!("{base}^{exponent}");
            said.splice(at - 1..=at, [power]);
        }
    }
    if said.len() == apart || said.len() > 3 {
        return None;
    }
    let mut said = said.into_iter().map(|part| Some(part).filter(|part| !part.is_empty()));
    Some([said.next().flatten(), said.next().flatten(), said.next().flatten()])
}

/// More components than a unit with powers has.
const POWERS_MAX: usize = 8;

/// What a power may be of: ten, or a metre with what stands before it. Not what is whole by itself, as `10*9/L` is.
fn is_base(text: &str) -> bool {
    text == "10" || text.ends_with("x10") || text.ends_with("X10") || text.ends_with('m')
}

/// A digit or two, and what the power is divided by.
fn is_exponent(text: &str) -> bool {
    let rest =
        text.strip_prefix('-').unwrap_or(text).trim_start_matches(|letter: char| letter.is_ascii_digit());
    let digits = text.len() - rest.len();
    matches!(digits, 1..=3) && (rest.is_empty() || rest.starts_with('/')) && text != "-"
}

/// A comparator before a number.
fn comparator(text: &str) -> (Option<&'static str>, &str) {
    let text = text.trim();
    for sign in ["<=", ">=", "<", ">"] {
        if let Some(rest) = text.strip_prefix(sign) {
            return (Some(sign), rest.trim());
        }
    }
    (None, text)
}

/// A number as FHIR and JSON write it: the digits as they stand, without a plus or zeros before them.
pub(super) fn decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || digits.len() > 40 || (whole.is_empty() && fraction.is_none_or(str::is_empty)) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction {
        None | Some("") => Some(format!("{sign}{whole}")),
        Some(fraction) if numeric(fraction) => Some(format!("{sign}{whole}.{fraction}")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{comparator, decimal};

    #[test]
    fn a_number_keeps_its_digits() {
        for (text, expected) in [
            ("7.30", Some("7.30")),
            ("007", Some("7")),
            ("+1", Some("1")),
            ("-0.5", Some("-0.5")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("0", Some("0")),
            ("", None),
            (".", None),
            ("-", None),
            ("1e5", None),
            ("1,5", None),
            ("٣", None),
        ] {
            assert_eq!(decimal(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_comparator_stands_before_its_number() {
        assert_eq!(comparator(" <= 5"), (Some("<="), "5"));
        assert_eq!(comparator(">5"), (Some(">"), "5"));
        assert_eq!(comparator("5"), (None, "5"));
    }
}

//! PQ, IVL_PQ, RTO and INT, and values whose type the document names.

use fhir::ucum;

use super::coded::Known;
use super::convert::Made;
use super::source::Element;
use crate::sound::is_above;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// The units of an age.
const AGES: [&str; 6] = ["min", "h", "d", "wk", "mo", "a"];

impl Known<'_> {
    /// PQ as a Quantity, the unit as UCUM where it can be.
    pub(super) fn quantity(&self, element: Element<'_>) -> Option<Object> {
        let mut quantity = Object::new();
        if let Some(value) = element.peek("value") {
            let Some(number) = number(value) else {
                element.remark(Some("value"), Why::NotOfType, Severity::Major);
                return None;
            };
            element.mark(&["value"]);
            quantity.put("value", Node::Bare(number));
        }
        match (element.peek("unit"), element.child("translation")) {
            (Some(unit), translation) => {
                element.mark(&["unit"]);
                quantity.put("unit", Node::text(unit));
                // CDA has units of UCUM alone; what is none is carried as its words.
                if ucum::is_code(unit) {
                    quantity.put("system", Node::text(ucum::SYSTEM));
                    quantity.put("code", Node::text(unit));
                } else if !unit.trim().is_empty() {
                    element.remark(Some("unit"), Why::CodeKept, Severity::Minor);
                }
                // A unit of its own words beside the standard one.
                let words = translation.and_then(|translation| translation.child("originalText"));
                if let Some(words) = words.and_then(Element::text) {
                    quantity.put("unit", Node::Text(words));
                }
            }
            (None, Some(translation)) if quantity.find("value").is_none() => {
                return self.quantity(translation);
            }
            // The unit of a translation is its own words.
            (None, _) => {
                if let Some(words) = element.child("originalText").and_then(Element::text) {
                    quantity.put("unit", Node::Text(words));
                }
            }
        }
        (!quantity.is_empty() && quantity.find("value").is_some()).then_some(quantity)
    }

    /// PQ as an Age: a number of years, months and so on, above none (`age-1`).
    pub(super) fn age(&self, element: Element<'_>) -> Option<Node> {
        let is_age = element.peek("unit").is_some_and(|unit| AGES.contains(&unit))
            && element.peek("value").and_then(number).is_some_and(|value| is_above(&value, "0"));
        if !is_age {
            element.remark(Some("value"), Why::NotOfType, Severity::Major);
            return None;
        }
        self.quantity(element).map(Node::from)
    }

    /// IVL_PQ as a Range, unless its lowest is above its highest (`rng-2`).
    pub(super) fn range(&self, element: Element<'_>) -> Option<Node> {
        if is_reversed(element) {
            element.remark(None, Why::NotOfType, Severity::Major);
            return None;
        }
        let mut range = Object::new();
        for side in ["low", "high"] {
            if let Some(quantity) = element.child(side).and_then(|side| self.quantity(side)) {
                range.put(side, quantity.into());
            }
        }
        (!range.is_empty()).then(|| range.into())
    }

    fn ratio(&self, element: Element<'_>) -> Option<Node> {
        let mut ratio = Object::new();
        for side in ["numerator", "denominator"] {
            let quantity = element.child(side).and_then(|side| self.quantity(side))?;
            ratio.put(side, quantity.into());
        }
        Some(ratio.into())
    }

    /// A value by the type that it says it has, or that it has the shape of.
    pub(super) fn value(&self, element: Element<'_>) -> Option<Made> {
        let named = element.peek("xsi:type").map(|kind| kind.rsplit(':').next().unwrap_or(kind));
        let has = |name: &str| element.child(name).is_some();
        let shaped = || match () {
            () if element.peek("code").is_some() || has("translation") && !has("low") => "CD",
            () if has("numerator") => "RTO",
            () if has("low") || has("high") => "IVL_PQ",
            () if element.peek("unit").is_some() => "PQ",
            () => "ST",
        };
        let kind = named.unwrap_or_else(shaped);
        let text = |made: Option<Made>| {
            made.or_else(|| self.words(element).map(|text| Made::of("String", Node::Text(text))))
        };
        // What is no number is words, with the unit without which nobody knows what they say.
        let whole = |element: Element<'_>| -> Option<Made> {
            let value = element.take("value")?;
            let unit = element.take("unit").filter(|unit| !unit.is_empty() && *unit != "1");
            let words = unit.map_or_else(|| value.to_owned(), |unit| format!("{value} {unit}"));
            Some(Made::of("String", Node::Text(words)))
        };
        tell_what_is_elsewhere(element);
        // A file is no word, whatever type it is said to be.
        if element.peek("representation") == Some("B64") {
            return None;
        }
        match kind {
            "INT" => match element.peek("value").and_then(integer) {
                Some(number) => {
                    element.mark(&["value"]);
                    Some(Made::of("Integer", Node::Bare(number)))
                }
                None => whole(element),
            },
            "PQ" | "REAL" | "MO" => self
                .quantity(element)
                .map(|quantity| Made::of("Quantity", quantity.into()))
                .or_else(|| whole(element)),
            "IVL_PQ" | "IVL_INT" | "IVL_REAL" => {
                if is_reversed(element) {
                    return reversed(element);
                }
                self.bounded(element).or_else(|| self.range(element).map(|range| Made::of("Range", range)))
            }
            "RTO" | "RTO_PQ_PQ" | "RTO_QTY_QTY" => self.ratio(element).map(|ratio| Made::of("Ratio", ratio)),
            "CD" | "CE" | "CV" | "CO" | "CS" => {
                text(self.concept(element, None).map(|concept| Made::of("CodeableConcept", concept)))
            }
            "BL" => match element.peek("value") {
                Some("true" | "1") => Some(Made::of("Boolean", Node::Bare("true".to_owned()))),
                Some("false" | "0") => Some(Made::of("Boolean", Node::Bare("false".to_owned()))),
                Some(_) | None => None,
            }
            .inspect(|_| element.mark(&["value"])),
            "TS" | "IVL_TS" => self.when(element),
            _ => text(None),
        }
    }

    /// An interval with one side that FHIR says with a comparator: more than 5, at most 10.
    fn bounded(&self, element: Element<'_>) -> Option<Made> {
        let (low, high) = (element.child("low"), element.child("high"));
        let is_said = |side: &Option<Element<'_>>| side.is_some_and(|side| side.peek("value").is_some());
        let (side, open, closed) = match (is_said(&low), is_said(&high)) {
            (true, false) => (low?, ">", ">="),
            (false, true) => (high?, "<", "<="),
            (true, true) | (false, false) => return None,
        };
        let quantity = self.quantity(side)?;
        let sign = if side.take("inclusive") == Some("false") { open } else { closed };
        let mut bounded = Object::new();
        if let Some(value) = quantity.find("value") {
            bounded.put("value", value.clone());
        }
        bounded.put("comparator", Node::text(sign));
        bounded.extend(&quantity);
        Some(Made::of("Quantity", bounded.into()))
    }
}

/// Whether the lowest of an interval is above its highest, in one unit.
fn is_reversed(element: Element<'_>) -> bool {
    let side = |name: &str| element.child(name).filter(|side| side.peek("value").is_some());
    let (Some(low), Some(high)) = (side("low"), side("high")) else { return false };
    let value = |side: Element<'_>| side.peek("value").and_then(number);
    low.peek("unit") == high.peek("unit")
        && matches!((value(low), value(high)), (Some(low), Some(high)) if is_above(&low, &high))
}

/// Such an interval in words.
fn reversed(element: Element<'_>) -> Option<Made> {
    element.remark(None, Why::NotOfType, Severity::Minor);
    let words = |name: &str| {
        let side = element.child(name)?;
        let unit = side.take("unit").map(|unit| format!(" {unit}")).unwrap_or_default();
        Some(format!("{}{unit}", side.take("value")?))
    };
    Some(Made::of("String", Node::Text(format!("{} - {}", words("low")?, words("high")?))))
}

/// A number as JSON writes it; `None` when it is none.
pub(super) fn number(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) =
        rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    if !digits(whole) || !fraction.is_none_or(digits) || rest.len() > 32 {
        return None;
    }
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match fraction.filter(|fraction| !fraction.is_empty()) {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

/// A whole number that fits.
pub(super) fn integer(text: &str) -> Option<String> {
    text.parse::<i32>().ok().map(|number| number.to_string())
}

/// Tells that a value is a picture or a file outside of the document: what a reference leads to in its narrative is words.
fn tell_what_is_elsewhere(element: Element<'_>) {
    let leads_out = |value: &str| !value.starts_with('#') && !element.tree.ids.contains_key(value);
    let elsewhere =
        element.child("reference").filter(|reference| reference.peek("value").is_some_and(leads_out));
    if let Some(reference) = elsewhere {
        reference.remark(Some("value"), Why::NotMapped, Severity::Major);
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_written_as_json_writes_them() {
        for (text, expected) in [
            ("13.20", Some("13.20")),
            ("+5", Some("5")),
            (".5", Some("0.5")),
            ("-007", Some("-7")),
            ("5.", Some("5")),
            ("1e5", None),
            ("", None),
            (".", None),
            ("NaN", None),
            ("<5", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
    }
}

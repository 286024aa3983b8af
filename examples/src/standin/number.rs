//! Numbers and quantities of searches: compared as they are written, digit by digit, never as floating point.

use serde_json::Value;

use crate::json;

/// Digits after the point that are kept; more do not read.
const DIGITS: usize = 15;

/// A number that is asked for, with the unit, where one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    prefix: String,
    /// The number in units of its last kept digit.
    number: i128,
    /// How far a number may lie from it and still be written so.
    half: i128,
    unit: Option<(String, String)>,
}

impl Asked {
    /// Reads `[prefix]number`, and `[prefix]number|system|code` or `number||code`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let (number, system, code) = (parts.next()?, parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        let unit = match (system, code) {
            (None, None) => None,
            (Some(system), Some(code)) => Some((system.to_owned(), code.to_owned())),
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let digits = number.find(|letter: char| letter.is_ascii_digit() || letter == '-')?;
        let (prefix, number) = number.split_at_checked(digits)?;
        if !["", "eq", "ne", "gt", "ge", "lt", "le"].contains(&prefix) {
            return None;
        }
        let places = number.split_once('.').map_or(0, |(_, places)| places.len());
        let half = 10_i128.checked_pow(u32::try_from(DIGITS.checked_sub(places)?).ok()?)? / 2;
        Some(Self { prefix: prefix.to_owned(), number: scaled(number)?, half, unit })
    }

    /// Whether `element`, a number or a Quantity, is what is asked for.
    pub(super) fn holds(&self, element: &Value) -> bool {
        let number = if element.is_object() { element.get("value") } else { Some(element) };
        let number = number.filter(|number| number.is_number());
        let Some(held) = number.and_then(|number| scaled(&number.to_string())) else { return false };
        self.unit_holds(element) && self.compares(held)
    }

    fn compares(&self, held: i128) -> bool {
        let is_it = self.number - self.half <= held && held < self.number + self.half;
        match self.prefix.as_str() {
            "ne" => !is_it,
            "gt" => held > self.number,
            "ge" => held >= self.number,
            "lt" => held < self.number,
            "le" => held <= self.number,
            _ => is_it,
        }
    }

    fn unit_holds(&self, element: &Value) -> bool {
        let Some((system, code)) = &self.unit else { return true };
        let (held_code, held_unit) = (json::text(element, "/code"), json::text(element, "/unit"));
        match system.is_empty() {
            true => [held_code, held_unit].contains(&Some(code)),
            false => json::text(element, "/system") == Some(system) && held_code == Some(code),
        }
    }
}

/// A decimal as a whole number of its last kept digit.
fn scaled(text: &str) -> Option<i128> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().all(|letter| letter.is_ascii_digit());
    if places.len() > DIGITS || !digits(places) || !digits(whole.strip_prefix('-').unwrap_or(whole)) {
        return None;
    }
    format!("{whole}{places:0<DIGITS$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(asked: &str, element: &Value) -> bool {
        Asked::parse(asked).unwrap().holds(element)
    }

    #[test]
    fn a_number_is_found_by_the_digits_it_is_asked_with() {
        for (asked, held, expected) in [
            ("5.4", json!(5.35), true),
            ("5.4", json!(5.44), true),
            ("5.4", json!(5.45), false),
            ("5.40", json!(5.44), false),
            ("ne5.4", json!(5.45), true),
            ("gt5.4", json!(5.44), true),
            ("lt-1", json!(-2), true),
            ("ge9", json!(9.0), true),
        ] {
            assert_eq!(holds(asked, &held), expected, "{asked} of {held}");
        }
    }

    #[test]
    fn a_quantity_is_found_by_its_unit() {
        let held = json!({"value": 5.4, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"});
        assert!(holds("5.4", &held) && holds("5.4||kg", &held));
        assert!(holds("5.4|http://unitsofmeasure.org|kg", &held));
        assert!(!holds("5.4|http://unitsofmeasure.org|g", &held) && !holds("5.4||g", &held));
    }

    #[test]
    fn what_is_no_number_does_not_read() {
        for asked in ["", "five", "ap5", "5|kg", "5|a|b|c", "1e3"] {
            assert_eq!(Asked::parse(asked), None, "{asked}");
        }
    }
}

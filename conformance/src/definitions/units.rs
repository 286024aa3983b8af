//! Codes of UCUM: whether they are written as its grammar has them, and whether their units are known here.
//!
//! UCUM, sections 1 to 4 (<https://ucum.org/ucum>): printable ASCII; terms of products and quotients; brackets; units with an
//! exponent; annotations in braces. A code that is well-formed with a unit that is not known here is not judged.

use super::terms::Membership;
use crate::fhirpath;

/// The code system of UCUM.
pub(crate) const SYSTEM: &str = "http://unitsofmeasure.org";

/// Brackets inside one another.
const DEPTH_MAX: usize = 16;

/// What UCUM says of a code.
pub(crate) fn told(code: &str) -> Membership {
    let mut rest = code;
    let printable = code.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || !main_term(&mut rest, DEPTH_MAX) || !rest.is_empty() {
        return Membership::Out;
    }
    if fhirpath::is_unit(code) {
        Membership::In
    } else {
        Membership::Unknown("a unit that is not known here".into())
    }
}

/// `/term` or `term`.
fn main_term(rest: &mut &str, depth: usize) -> bool {
    eat(rest, '/');
    loop {
        if !component(rest, depth) {
            return false;
        }
        if !eat(rest, '.') && !eat(rest, '/') {
            return true;
        }
    }
}

fn component(rest: &mut &str, depth: usize) -> bool {
    if eat(rest, '(') {
        let Some(depth) = depth.checked_sub(1) else { return false };
        return main_term(rest, depth) && eat(rest, ')');
    }
    if rest.starts_with('{') {
        return annotation(rest);
    }
    let taken = unit_length(rest);
    let Some((unit, after)) = rest.split_at_checked(taken).filter(|(unit, _)| !unit.is_empty()) else {
        return false;
    };
    *rest = after;
    exponent(rest, unit) && (!rest.starts_with('{') || annotation(rest))
}

/// How far a unit or a number goes: what stands in square brackets is a part of it, whatever it is.
fn unit_length(text: &str) -> usize {
    if text.starts_with("10*") || text.starts_with("10^") {
        return 3;
    }
    let number = text.bytes().take_while(u8::is_ascii_digit).count();
    if number > 0 {
        return number;
    }
    let mut inside = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            '.' | '/' | '(' | ')' | '{' | '}' | '+' | '-' | '=' | '0'..='9' => return at,
            _ => {}
        }
    }
    // A square bracket that is open to the end is no unit.
    if inside { 0 } else { text.len() }
}

/// What follows a unit: nothing, or a whole number. A number has none.
fn exponent(rest: &mut &str, unit: &str) -> bool {
    let signed = eat(rest, '-') || eat(rest, '+');
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    *rest = rest.get(digits..).unwrap_or_default();
    let number = unit.bytes().all(|byte| byte.is_ascii_digit());
    if number { !signed && digits == 0 } else { !signed || digits > 0 }
}

fn annotation(rest: &mut &str) -> bool {
    let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
    match inner.filter(|(words, _)| !words.contains('{')) {
        Some((_, after)) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn eat(rest: &mut &str, letter: char) -> bool {
    match rest.strip_prefix(letter) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Membership, told};

    #[test]
    fn codes_are_held_to_the_grammar_and_to_the_units_that_are_known() {
        for code in [
            "kg",
            "mm[Hg]",
            "10*9/L",
            "/min",
            "m2.kg",
            "{score}",
            "mL/min/{1.73_m2}",
            "1",
            "%",
            "kg/(m.s2)",
            "10*-6",
        ] {
            assert_eq!(told(code), Membership::In, "{code}");
        }
        for code in [
            "", "cm.", "/", "a b", "kg{body", "m//s", "(m", "m)", "\u{b5}g", "[in_i", "m-", "kg{a{b}}",
            "2-3", ".m", "m}",
        ] {
            assert_eq!(told(code), Membership::Out, "{code}");
        }
        for code in ["mmHg", "bpm", "KG", "B[10.nV]"] {
            assert!(matches!(told(code), Membership::Unknown(_)), "{code}");
        }
    }
}

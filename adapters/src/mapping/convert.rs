//! The text of one cell as a value of FHIR.

use jiff::tz::TimeZone;

use fhir::nhs_number::{InvalidNhsNumber, NhsNumber};

use super::codes::{CodeMap, Meant, is_code};
use super::dates::{Moment, Pattern};
use super::plan::{Conversion, TimeKind};
use crate::{Severity, Why};

/// Appends a JSON string.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if !text.bytes().all(plain) {
        return fhir::json::quote(text, out);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Converted {
    /// It was written as it stood.
    Whole,
    /// It was written, and something about it is to be told.
    With(Why, Severity),
    /// It says that there is nothing to write.
    Nothing,
}

/// Appends `text` to `out` as JSON. On an error nothing useful was appended.
pub(super) fn write(
    conversion: &Conversion,
    text: &str,
    codes: &[CodeMap],
    zone: &TimeZone,
    out: &mut Vec<u8>,
) -> Result<Converted, Why> {
    let map = |index: &usize| codes.get(*index).ok_or(Why::NotMapped);
    match conversion {
        Conversion::Text => Ok(string(text, out)),
        Conversion::Uri => {
            let plain = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
            if plain { Ok(string(text, out)) } else { Err(Why::NotOfType) }
        }
        Conversion::Base64 => base64(text, out),
        Conversion::Split(by) => Ok(split(text, *by, out)),
        Conversion::Code(index) => code(map(index)?, text, out),
        Conversion::Coding(index) => coding(map(index)?, text, out),
        Conversion::Concept(index) => concept(map(index)?, text, out),
        Conversion::Boolean(None) => match text {
            "true" | "false" => Ok(bare(text, out)),
            _ => Err(Why::NotOfType),
        },
        Conversion::Boolean(Some(index)) => match map(index)?.find(text).ok_or(Why::CodeNotMapped)? {
            Meant::Code { code, .. } => Ok(bare(code, out)),
            Meant::Nothing => Ok(Converted::Nothing),
        },
        Conversion::Integer(least) => match text.parse::<i32>() {
            Ok(number) if i64::from(number) >= *least && number.to_string() == text => Ok(bare(text, out)),
            Ok(_) | Err(_) => Err(Why::NotOfType),
        },
        Conversion::Decimal => {
            if is_decimal(text) {
                Ok(bare(text, out))
            } else {
                Err(Why::NotOfType)
            }
        }
        Conversion::Quantity(unit) => {
            if !is_decimal(text) {
                return Err(Why::NotOfType);
            }
            out.extend_from_slice(b"{\"value\":");
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(unit);
            out.push(b'}');
            Ok(Converted::Whole)
        }
        Conversion::Time(kind, patterns) => time(*kind, patterns, text, zone, out),
        Conversion::Identifier(system) => Ok(identifier(system, text, out)),
        Conversion::Logical(kind, system) => {
            out.extend_from_slice(b"{\"type\":");
            quote(kind, out);
            out.extend_from_slice(b",\"identifier\":");
            let converted = identifier(system, text, out);
            out.push(b'}');
            Ok(converted)
        }
    }
}

fn bare(text: &str, out: &mut Vec<u8>) -> Converted {
    out.extend_from_slice(text.as_bytes());
    Converted::Whole
}

/// A string; control characters that FHIR does not allow are left out.
fn string(text: &str, out: &mut Vec<u8>) -> Converted {
    let forbidden = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
    if !text.contains(forbidden) {
        quote(text, out);
        return Converted::Whole;
    }
    quote(&text.replace(forbidden, ""), out);
    Converted::With(Why::ControlCharacters, Severity::Minor)
}

fn base64(text: &str, out: &mut Vec<u8>) -> Result<Converted, Why> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| Why::DocumentUnreadable)?;
    Ok(string(text, out))
}

/// The parts of a text, as items of a list.
fn split(text: &str, by: char, out: &mut Vec<u8>) -> Converted {
    let mut converted = Converted::Whole;
    let parts = text.split(by).map(str::trim).filter(|part| !part.is_empty());
    for (index, part) in parts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let part = string(part, out);
        if part != Converted::Whole {
            converted = part;
        }
    }
    converted
}

fn code(map: &CodeMap, text: &str, out: &mut Vec<u8>) -> Result<Converted, Why> {
    match map.find(text) {
        Some(meant @ Meant::Code { code, .. }) => {
            quote(code, out);
            Ok(narrowed(meant))
        }
        Some(Meant::Nothing) => Ok(Converted::Nothing),
        None if map.open && is_code(text) => Ok(string(text, out)),
        None => Err(Why::CodeNotMapped),
    }
}

fn narrowed(meant: &Meant) -> Converted {
    match meant {
        Meant::Code { broader: true, .. } => Converted::With(Why::Narrowed, Severity::Minor),
        Meant::Code { broader: false, .. } => Converted::Whole,
        Meant::Nothing => Converted::Nothing,
    }
}

fn coding(map: &CodeMap, text: &str, out: &mut Vec<u8>) -> Result<Converted, Why> {
    found_coding(map, map.find(text), text, out)
}

fn found_coding(
    map: &CodeMap,
    found: Option<&Meant>,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<Converted, Why> {
    match found {
        Some(meant @ Meant::Code { code, display, .. }) => {
            write_coding(map.system.as_deref().or(map.from_system.as_deref()), code, display.as_deref(), out);
            Ok(narrowed(meant))
        }
        Some(Meant::Nothing) => Ok(Converted::Nothing),
        None if map.from_system.is_some() && is_code(text) => {
            write_coding(map.from_system.as_deref(), text, None, out);
            Ok(kept(map))
        }
        None => Err(Why::CodeNotMapped),
    }
}

/// A code that the map does not know and that was carried as the sender's own.
fn kept(map: &CodeMap) -> Converted {
    if map.open { Converted::Whole } else { Converted::With(Why::CodeKept, Severity::Minor) }
}

/// A concept: what is meant, and beside it the sender's own code when its system is known.
fn concept(map: &CodeMap, text: &str, out: &mut Vec<u8>) -> Result<Converted, Why> {
    let found = map.find(text);
    let own = map.from_system.as_deref().filter(|_| is_code(text));
    match found {
        Some(Meant::Nothing) => return Ok(Converted::Nothing),
        None if own.is_none() => {
            out.extend_from_slice(b"{\"text\":");
            string(text, out);
            out.push(b'}');
            return Ok(Converted::With(Why::CodeKept, Severity::Minor));
        }
        Some(Meant::Code { .. }) | None => {}
    }
    out.extend_from_slice(b"{\"coding\":[");
    let mut converted = found_coding(map, found, text, out)?;
    if map.keeps_original() && found.is_some() {
        if own.is_some() {
            out.push(b',');
            write_coding(own, text, None, out);
        }
        // The sender's own code says all of it: nothing is lost.
        converted = Converted::Whole;
    }
    out.extend_from_slice(b"]}");
    Ok(converted)
}

/// Appends a Coding.
pub(super) fn write_coding(system: Option<&str>, code: &str, display: Option<&str>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(system) = system {
        out.extend_from_slice(b"\"system\":");
        quote(system, out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"code\":");
    quote(code, out);
    if let Some(display) = display {
        out.extend_from_slice(b",\"display\":");
        quote(display, out);
    }
    out.push(b'}');
}

/// An identifier. What is called an NHS number and is none is carried as a plain value.
fn identifier(system: &str, text: &str, out: &mut Vec<u8>) -> Converted {
    let mut system = Some(system);
    let mut text = std::borrow::Cow::Borrowed(text);
    let mut converted = None;
    if system == Some(fhir::identifier::NHS_NUMBER) {
        match nhs_number(&text) {
            Ok(number) => text = number.as_str().to_owned().into(),
            Err(_) => {
                system = None;
                converted = Some(Converted::With(Why::NotAnNhsNumber, Severity::Major));
            }
        }
    }
    out.push(b'{');
    if let Some(system) = system {
        out.extend_from_slice(b"\"system\":");
        quote(system, out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"value\":");
    let written = string(&text, out);
    out.push(b'}');
    converted.unwrap_or(written)
}

/// An NHS number, spaces and hyphens aside.
fn nhs_number(text: &str) -> Result<NhsNumber, InvalidNhsNumber> {
    NhsNumber::parse(text).or_else(|_| {
        let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
        NhsNumber::parse(&digits)
    })
}

fn time(
    kind: TimeKind,
    patterns: &[Pattern],
    text: &str,
    zone: &TimeZone,
    out: &mut Vec<u8>,
) -> Result<Converted, Why> {
    let moment: Moment = patterns.iter().find_map(|pattern| pattern.read(text, zone)).ok_or(Why::NotATime)?;
    let mut converted = Converted::Whole;
    match kind {
        TimeKind::Date => {
            if moment.has_time_of_day() {
                converted = Converted::With(Why::Narrowed, Severity::Minor);
            }
            quote(moment.date().ok_or(Why::NotATime)?, out);
        }
        TimeKind::DateTime => quote(&moment.date_time().ok_or(Why::NotATime)?, out),
        TimeKind::Instant => {
            moment.time().ok_or(Why::NotATime)?;
            quote(&moment.date_time().ok_or(Why::NotATime)?, out);
        }
        TimeKind::Time => quote(moment.time().ok_or(Why::NotATime)?, out),
    }
    if moment.ambiguous && kind != TimeKind::Date {
        converted = Converted::With(Why::TimeAmbiguous, Severity::Major);
    }
    Ok(converted)
}

/// Whether a text is a FHIR decimal, which JSON can hold as it stands.
pub(super) fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| {
            let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            digits(plain) && plain.len() <= 3
        })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Converted, is_decimal, write};
    use crate::mapping::codes::{CodeMap, Meant};
    use crate::mapping::plan::Conversion;
    use crate::{Severity, Why};

    #[track_caller]
    fn check(conversion: &Conversion, text: &str, json: &str, converted: Result<Converted, Why>) {
        let mut map = CodeMap::new("sex".into(), Some("urn:meant".into()), Some("urn:id:them".into()));
        let meant =
            |code: &str, broader| Meant::Code { code: code.into(), display: Some("M".into()), broader };
        map.add("1", meant("male", false));
        map.add("9", meant("other", true));
        map.add("0", Meant::Nothing);
        let mut out = Vec::new();
        let found = write(conversion, text, &[map], &TimeZone::UTC, &mut out);
        assert_eq!(found, converted, "{text}");
        if found.is_ok() {
            assert_eq!(String::from_utf8(out).unwrap(), json, "{text}");
        }
    }

    #[test]
    fn a_code_that_the_map_does_not_know_keeps_its_code_and_system() {
        let concept = Conversion::Concept(0);
        check(
            &concept,
            "1",
            r#"{"coding":[{"system":"urn:meant","code":"male","display":"M"},{"system":"urn:id:them","code":"1"}]}"#,
            Ok(Converted::Whole),
        );
        check(
            &concept,
            "7",
            r#"{"coding":[{"system":"urn:id:them","code":"7"}]}"#,
            Ok(Converted::With(Why::CodeKept, Severity::Minor)),
        );
        check(&concept, "a  b", r#"{"text":"a  b"}"#, Ok(Converted::With(Why::CodeKept, Severity::Minor)));
        check(&concept, "0", "", Ok(Converted::Nothing));
        check(&Conversion::Code(0), "7", "", Err(Why::CodeNotMapped));
        check(&Conversion::Code(0), "9", "\"other\"", Ok(Converted::With(Why::Narrowed, Severity::Minor)));
    }

    #[test]
    fn an_nhs_number_that_is_none_is_a_plain_value() {
        let nhs = Conversion::Identifier(fhir::identifier::NHS_NUMBER.to_owned());
        let valid = r#"{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}"#;
        check(&nhs, "999-000-0018", valid, Ok(Converted::Whole));
        for wrong in ["9990000019", "0000000000", "unknown"] {
            let plain = format!(r#"{{"value":"{wrong}"}}"#);
            check(&nhs, wrong, &plain, Ok(Converted::With(Why::NotAnNhsNumber, Severity::Major)));
        }
    }

    #[test]
    fn numbers_are_what_json_can_hold_and_nothing_is_rounded() {
        for text in ["0", "-1.50", "12.5e3", "0.10"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in ["", "1,5", "01", ".5", "5.", "1e", "£4", "NaN", "+1", "٣"] {
            assert!(!is_decimal(text), "{text}");
        }
        check(&Conversion::Integer(0), "-1", "", Err(Why::NotOfType));
        check(&Conversion::Integer(0), "007", "", Err(Why::NotOfType));
        check(&Conversion::Integer(1), "7", "7", Ok(Converted::Whole));
    }

    #[test]
    fn control_characters_are_left_out_and_told() {
        let told = Ok(Converted::With(Why::ControlCharacters, Severity::Minor));
        check(&Conversion::Text, "a\u{1}b", r#""ab""#, told);
        check(&Conversion::Text, "a\nb", r#""a\nb""#, Ok(Converted::Whole));
        check(&Conversion::Split(' '), "Ann  May", r#""Ann","May""#, Ok(Converted::Whole));
    }
}

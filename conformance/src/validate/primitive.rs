//! The forms of primitive values.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;

use super::Run;
use super::finding::Rule;
use crate::definitions::exact::Exact;
use crate::definitions::shape::Element;
use crate::tree::{Node, Value, Written};

/// Bytes of a string (FHIR R4 datatypes.html#string).
const STRING_BYTES_MAX: usize = 1 << 20;

/// Holds the value of `node` to the form of the type called `kind`, and to the bounds of `element`.
pub(crate) fn check(run: &mut Run<'_>, node: Node<'_>, element: &Element, kind: &str) {
    let Some(value) = node.value() else {
        if node.is_empty() {
            run.error(Rule::Value, node, "an element without value");
        } else if node.child("extension").is_none() {
            run.error(Rule::Value, node, "neither a value nor an extension");
        }
        return;
    };
    let of_type = match kind {
        "boolean" => matches!(value.written, Written::Boolean | Written::Attribute),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => {
            matches!(value.written, Written::Number | Written::Attribute)
        }
        _ => matches!(value.written, Written::Text | Written::Attribute),
    };
    if !of_type {
        return run.error(Rule::Value, node, format!("the json type is not that of {kind}"));
    }
    if let Err(why) = form(kind, value) {
        run.error(Rule::Value, node, format!("not a value of {kind}: {why}"));
        return;
    }
    if element.longest.is_some_and(|longest| value.text.chars().count() > longest) {
        run.error(Rule::Value, node, "longer than allowed");
    }
    bounds(run, node, element, value.text);
}

fn bounds(run: &mut Run<'_>, node: Node<'_>, element: &Element, text: &str) {
    let beyond = |bound: Option<&Exact>, way: Ordering| {
        let bound = bound.and_then(|bound| bound.text.as_deref());
        bound.and_then(|bound| order(text, bound)).is_some_and(|is| is == way)
    };
    if beyond(element.least.as_deref(), Ordering::Less) {
        run.error(Rule::Value, node, "less than allowed");
    }
    if beyond(element.most.as_deref(), Ordering::Greater) {
        run.error(Rule::Value, node, "more than allowed");
    }
}

/// How a number, a date or a time lies to a bound. Of two dates of unlike precision what both tell counts.
fn order(text: &str, bound: &str) -> Option<Ordering> {
    if let Some((is, bound)) = text.parse::<f64>().ok().zip(bound.parse::<f64>().ok()) {
        return is.partial_cmp(&bound);
    }
    if let Some((is, bound)) = text.parse::<Timestamp>().ok().zip(bound.parse::<Timestamp>().ok()) {
        return Some(is.cmp(&bound));
    }
    if time(text).is_ok() && time(bound).is_ok() {
        return Some(text.cmp(bound));
    }
    let day = |text: &str| text.split('T').next().filter(|day| date(day).is_ok()).map(str::to_owned);
    let (is, bound) = day(text).zip(day(bound))?;
    let told = is.len().min(bound.len());
    Some(is.get(..told)?.cmp(bound.get(..told)?))
}

type Form = Result<(), &'static str>;

fn form(kind: &str, value: Value<'_>) -> Form {
    let text = value.text;
    match kind {
        "boolean" => (matches!(text, "true" | "false")).then_some(()).ok_or("neither true nor false"),
        "integer" => integer(text).map(|_| ()),
        "unsignedInt" => integer(text).and_then(|is| (is >= 0).then_some(()).ok_or("below 0")),
        "positiveInt" => integer(text).and_then(|is| (is > 0).then_some(()).ok_or("below 1")),
        "decimal" => decimal(text),
        "string" | "markdown" => string(text),
        "code" => code(text),
        "id" => id(text),
        "uri" | "url" | "canonical" => uri(text),
        "oid" => (oid(text.strip_prefix("urn:oid:").unwrap_or_default())).then_some(()).ok_or("no urn:oid:"),
        "uuid" => {
            (uuid(text.strip_prefix("urn:uuid:").unwrap_or_default())).then_some(()).ok_or("no urn:uuid:")
        }
        "base64Binary" => base64(text),
        "date" => date(text),
        "dateTime" => date_time(text),
        "instant" => instant(text),
        "time" => time(text),
        _ => Ok(()),
    }
}

fn integer(text: &str) -> Result<i32, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
    if !plain || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("no whole number");
    }
    text.parse().map_err(|_| "beyond 32 bits")
}

fn decimal(text: &str) -> Form {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = match mantissa.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (mantissa, None),
    };
    let whole_is = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let exponent_is =
        exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    (whole_is && part.is_none_or(digits) && exponent_is).then_some(()).ok_or("no number")
}

fn string(text: &str) -> Form {
    (!text.is_empty()).then_some(()).ok_or("empty")?;
    (text.len() <= STRING_BYTES_MAX).then_some(()).ok_or("longer than 1 MB")?;
    let control = |byte: u8| byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r');
    (!text.bytes().any(control)).then_some(()).ok_or("a control character")?;
    (text.chars().any(|letter| !letter.is_whitespace())).then_some(()).ok_or("nothing but white space")
}

fn code(text: &str) -> Form {
    let bytes = text.as_bytes();
    let trimmed = text.trim_matches(|letter: char| letter.is_whitespace()).len() == text.len();
    (!text.is_empty() && trimmed).then_some(()).ok_or("empty, or white space at an end")?;
    let space = |byte: u8| byte.is_ascii_whitespace();
    let doubled = bytes.windows(2).any(|pair| matches!(pair, [one, two] if space(*one) && space(*two)));
    (!doubled).then_some(()).ok_or("more than one space in a row")
}

/// Whether a text is an id (FHIR R4 datatypes.html#id).
pub(crate) fn id(text: &str) -> Form {
    ((1..=64).contains(&text.len())).then_some(()).ok_or("not 1 to 64 characters")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (text.bytes().all(allowed)).then_some(()).ok_or("a character that ids do not have")
}

fn uri(text: &str) -> Form {
    (!text.is_empty()).then_some(()).ok_or("empty")?;
    (!text.contains(char::is_whitespace)).then_some(()).ok_or("white space")?;
    if let Some(id) = text.strip_prefix("urn:uuid:") {
        return (uuid(id)).then_some(()).ok_or("no uuid behind urn:uuid:");
    }
    if let Some(number) = text.strip_prefix("urn:oid:") {
        return (oid(number)).then_some(()).ok_or("no oid behind urn:oid:");
    }
    Ok(())
}

/// Whether a text is an oid without `urn:oid:`.
pub(crate) fn oid(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    text.contains('.') && text.starts_with(['0', '1', '2']) && text.split('.').all(part)
}

/// Whether a text is a uuid without `urn:uuid:`.
pub(crate) fn uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let each = lengths.iter().all(|length| {
        parts
            .next()
            .is_some_and(|part| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    each && parts.next().is_none()
}

fn base64(text: &str) -> Form {
    let mut letters = 0_usize;
    let mut padding = 0_usize;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'=' => padding = padding.saturating_add(1),
            _ if padding > 0 => return Err("something behind the padding"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => letters = letters.saturating_add(1),
            _ => return Err("a character that base64 does not have"),
        }
    }
    (letters > 0 && padding <= 2 && letters.saturating_add(padding).is_multiple_of(4))
        .then_some(())
        .ok_or("not a whole number of groups")
}

fn number(text: &str, digits: usize) -> Option<i16> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// A year, a month or a day that exists.
fn date(text: &str) -> Form {
    let mut parts = text.split('-');
    let bad = "no date that exists";
    let year = parts.next().and_then(|year| number(year, 4)).filter(|year| *year > 0).ok_or(bad)?;
    let Some(month) = parts.next() else {
        return Ok(());
    };
    let month = number(month, 2).filter(|month| (1..=12).contains(month)).ok_or(bad)?;
    let Some(day) = parts.next() else {
        return Ok(());
    };
    let day = number(day, 2).ok_or(bad)?;
    (parts.next().is_none()).then_some(()).ok_or(bad)?;
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else {
        return Err(bad);
    };
    Date::new(year, month, day).map(|_| ()).map_err(|_| bad)
}

fn date_time(text: &str) -> Form {
    match text.split_once('T') {
        None => date(text),
        Some((day, rest)) => day_and_time(day, rest),
    }
}

fn instant(text: &str) -> Form {
    let (day, rest) = text.split_once('T').ok_or("no time")?;
    day_and_time(day, rest)
}

fn day_and_time(day: &str, rest: &str) -> Form {
    (day.len() == 10).then_some(()).ok_or("a time of no whole day")?;
    date(day)?;
    let at = rest.find(['Z', '+', '-']).ok_or("a time without zone")?;
    let (clock, zone) = rest.split_at_checked(at).ok_or("a time without zone")?;
    time(clock)?;
    if zone == "Z" {
        return Ok(());
    }
    let (hours, minutes) = zone.get(1..).and_then(|zone| zone.split_once(':')).ok_or("no zone")?;
    let hours = number(hours, 2).ok_or("no zone")?;
    let minutes = number(minutes, 2).ok_or("no zone")?;
    ((0..14).contains(&hours) && (0..60).contains(&minutes) || (hours, minutes) == (14, 0))
        .then_some(())
        .ok_or("no zone there is")
}

fn time(text: &str) -> Form {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':').map(|part| number(part, 2));
    let in_day =
        |part: Option<Option<i16>>, most: i16| part.flatten().is_some_and(|part| (0..=most).contains(&part));
    let holds = in_day(parts.next(), 23) && in_day(parts.next(), 59) && in_day(parts.next(), 60);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (holds && parts.next().is_none() && fraction.is_none_or(digits)).then_some(()).ok_or("no time of day")
}

#[cfg(test)]
mod tests {
    use super::form;
    use crate::tree::{Value, Written};

    #[track_caller]
    fn check(kind: &str, good: &[&str], bad: &[&str]) {
        for (texts, holds) in [(good, true), (bad, false)] {
            for text in texts {
                let value = Value { text, written: Written::Attribute };
                assert_eq!(form(kind, value).is_ok(), holds, "{kind} {text:?}");
            }
        }
    }

    #[test]
    fn dates_are_days_that_exist() {
        check(
            "date",
            &["2024", "2024-02", "2024-02-29"],
            &["2023-02-29", "2024-13", "24", "2024-2-1", "0000", ""],
        );
        check(
            "dateTime",
            &["2024", "2024-02-29T23:59:60Z", "2024-01-01T00:00:00.123+14:00"],
            &[
                "2024-02-30T00:00:00Z",
                "2024-02T10:00:00Z",
                "2024-01-01T10:00:00",
                "2024-01-01T24:00:00Z",
                "2024-01-01T10:00Z",
            ],
        );
        check("instant", &["2024-01-01T10:00:00Z"], &["2024-01-01", "2024-01-01T10:00:00+15:00"]);
        check("time", &["10:00:00", "10:00:00.5"], &["10:00", "25:00:00", "10:00:00."]);
    }

    #[test]
    fn numbers_have_one_form() {
        check("integer", &["0", "-1", "2147483647"], &["01", "+1", "2147483648", "1.0", "", "-"]);
        check("positiveInt", &["1"], &["0", "-1"]);
        check("unsignedInt", &["0"], &["-1"]);
        check("decimal", &["0", "-0.10", "1e-5", "1E+2"], &["01", ".5", "1.", "1e", "NaN", ""]);
        check("boolean", &["true", "false"], &["True", "1", ""]);
    }

    #[test]
    fn texts_have_the_form_of_their_type() {
        check("id", &["a-1.B"], &["", "a_b", "a b", &"a".repeat(65)]);
        check("code", &["a b"], &["", " a", "a  b", "a "]);
        check("uri", &["urn:oid:1.2.3", "http://a/b", "#x"], &["", "a b", "urn:uuid:1", "urn:oid:3.4"]);
        check("oid", &["urn:oid:2.16.1"], &["2.16.1", "urn:oid:1.02"]);
        check("uuid", &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"], &["c757873d", "urn:uuid:x"]);
        check("base64Binary", &["QUJD", "QUI=", "QUJD\nQUJD"], &["", "QUJ", "Q=JD", "QU#D", "===="]);
        check("string", &["a"], &["", "  ", "a\u{1}"]);
    }
}

//! From the text of a message to its segments.

use super::charset::Text;
use crate::Refused;

/// The segments of `text` with their line numbers.
///
/// Segments end with CR, LF or CRLF. A line after a lone LF that does not look like a segment is text
/// that goes on, since some senders write line feeds inside a value.
pub(super) fn lines(text: &str, separator: char) -> Result<Vec<(usize, &str)>, Refused> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    let mut start = 0;
    let mut after_line_feed = false;
    let mut number = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or_default();
        let end = start + rest.bytes().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        let line = text.get(start..end).unwrap_or_default();
        number += 1;
        if is_segment(line, separator) {
            found.push((number, start, end));
        } else if !line.trim().is_empty() {
            match found.last_mut() {
                Some((_, _, last)) if after_line_feed => *last = end,
                _ => return Err(Refused::NotASegment { line: number }),
            }
        }
        let ending = text.get(end..).unwrap_or_default();
        after_line_feed = ending.starts_with('\n');
        start = end + if ending.starts_with("\r\n") { 2 } else { 1 };
    }
    Ok(found.into_iter().filter_map(|(number, start, end)| Some((number, text.get(start..end)?))).collect())
}

fn is_segment(line: &str, separator: char) -> bool {
    let mut letters = line.chars();
    let name = letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && letters
            .by_ref()
            .take(2)
            .filter(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            .count()
            == 2;
    name && letters.next().is_none_or(|letter| letter == separator)
}

/// Whether two segments are called the same. Names are of three bytes.
#[inline]
pub(super) fn is_called(one: &str, other: &str) -> bool {
    match (one.as_bytes(), other.as_bytes()) {
        (&[first, second, third], &[a, b, c]) => (first, second, third) == (a, b, c),
        (one, other) => one == other,
    }
}

/// Whether the header of `text` is its first line and no more: another segment follows at once.
pub(super) fn header_ends(text: &Text<'_>) -> bool {
    let Some((header, rest)) = text.text.split_once('\r') else { return false };
    let next = rest.strip_prefix('\n').unwrap_or(rest);
    !header.contains('\n') && next.starts_with(|letter: char| letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use crate::Refused;
    use crate::context::tests::hospital;
    use crate::hl7v2::translate;

    #[test]
    fn the_type_stands_in_the_first_line_and_is_told_before_whatever_else_is_wrong() {
        let unknown = Refused::UnknownType { name: "QQQ^Z99".to_owned() };
        let head = "MSH|^~\\&|A|B|C|D|20260101";
        for (rest, refused) in [
            ("||QQQ^Z99|1|P|2.5\rnonsense", unknown.clone()),
            ("||QQQ^Z99|1|P|2.5\rPID|1\r", unknown.clone()),
            ("||QQQ^Z99|1|P|2.5", unknown),
            // What goes on in a further line is text of a value, and no place for a type.
            ("\nand|on|ADT^A01|1|P|2.5\rPID|1\r", Refused::NoType),
            ("\r\n\nand|on|ADT^A01|1|P|2.5\rPID|1\r", Refused::NoType),
        ] {
            let found = translate(format!("{head}{rest}").as_bytes(), &hospital());
            assert_eq!(found.err(), Some(refused), "{rest:?}");
        }
    }
}

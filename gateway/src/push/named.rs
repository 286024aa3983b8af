//! Whom a text names that cannot be read as what it should be: every NHS number that stands in it.

use std::collections::BTreeSet;

use fhir::nhs_number::NhsNumber;

/// The NHS numbers in a text of any form, together or in groups of three, three and four. The check digit keeps out most
/// of what is none; a number too many is named rather than one too few.
pub(crate) fn numbers(text: &[u8]) -> BTreeSet<String> {
    // Of UTF-16 the digits are left.
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
    let mut runs: Vec<(usize, &[u8])> = Vec::new();
    let mut at = 0;
    for part in text.split(|byte| !byte.is_ascii_digit()) {
        if !part.is_empty() {
            runs.push((at, part));
        }
        at += part.len() + 1;
    }
    let together = runs.iter().map(|(_, run)| run.to_vec());
    let grouped = runs.windows(3).filter_map(|three| {
        let [(a, first), (b, second), (c, third)] = three else { return None };
        let beside = a + first.len() + 1 == *b && b + second.len() + 1 == *c;
        let separated = [b - 1, c - 1].iter().all(|at| matches!(text.get(*at), Some(b' ' | b'-')));
        let lengths = (first.len(), second.len(), third.len()) == (3, 3, 4);
        (beside && separated && lengths).then(|| [*first, *second, *third].concat())
    });
    let digits = together.chain(grouped).filter(|digits| digits.len() == 10);
    digits
        .filter_map(|digits| NhsNumber::parse(std::str::from_utf8(&digits).ok()?).ok())
        .map(|number| number.as_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn numbers_are_found_in_any_text_and_nothing_else() {
        let wide: Vec<u8> = "9990000018".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (text, found) in [
            (&b"1,9990000018,Fenwick"[..], vec!["9990000018"]),
            (b"1 999 000 0018 9990000026\"", vec!["9990000018", "9990000026"]),
            (b"999-000-0018", vec!["9990000018"]),
            (b"\xff\xe99990000018\xe9", vec!["9990000018"]),
            (b"99900000180 9990000019 999  000 0018 999.000.0018 990000018", vec![]),
            (b"", vec![]),
            (&wide, vec!["9990000018"]),
        ] {
            assert_eq!(Vec::from_iter(numbers(text)), found, "{}", String::from_utf8_lossy(text));
        }
    }
}

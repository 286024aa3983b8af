//! A text in pieces, between delimiters that are ASCII. Most pieces are of few bytes, and so are most values.

/// A text in pieces, each with what ends it: the outer of two delimiters, the inner one, or the end.
pub(super) struct Pieces<'t> {
    left: Option<&'t str>,
    delimiters: [u8; 2],
}

/// What a piece ends by.
#[derive(Clone, Copy)]
pub(super) enum Ended {
    Outer,
    Inner,
    End,
}

impl<'t> Pieces<'t> {
    /// Delimiters are always ASCII.
    pub(super) fn of(text: &'t str, delimiters: [char; 2]) -> Self {
        let delimiters = delimiters.map(|letter| u8::try_from(letter).unwrap_or_default());
        Self { left: Some(text), delimiters }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = (&'t str, Ended);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.left.take()?;
        let [first, second] = self.delimiters;
        let found = rest.bytes().position(|byte| byte == first || byte == second);
        let Some((piece, after)) = found.and_then(|at| rest.split_at_checked(at)) else {
            return Some((rest, Ended::End));
        };
        self.left = after.get(1..);
        let ended = if after.as_bytes().first() == Some(&first) { Ended::Outer } else { Ended::Inner };
        Some((piece, ended))
    }
}

/// `text` without what is blank around it. Nearly every value begins and ends with what is not.
pub(super) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Ended, Pieces, trimmed};

    proptest! {
        #[test]
        fn a_text_is_taken_apart_as_by_one_delimiter_and_then_the_other(text in "[ab|~é ]{0,40}") {
            let mut found: Vec<Vec<&str>> = vec![Vec::new()];
            for (piece, ended) in Pieces::of(&text, ['|', '~']) {
                found.last_mut().unwrap().push(piece);
                if matches!(ended, Ended::Outer) {
                    found.push(Vec::new());
                }
            }
            let expected: Vec<Vec<&str>> =
                text.split('|').map(|outer| outer.split('~').collect()).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn what_is_blank_around_a_text_is_left_out(text in "[a!~ \t\u{a0}\u{3000}é]{0,6}") {
            prop_assert_eq!(trimmed(&text), text.trim());
        }
    }
}

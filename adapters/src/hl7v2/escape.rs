//! Escape sequences: `\F\`, `\S\`, `\T\`, `\R\`, `\E\`, `\Xhh\`, and the formatting commands of FT.

use std::borrow::Cow;

use super::message::Delimiters;
use crate::glance::is_graphic;

/// The most blank lines that one `\.sp n\` may ask for.
const BLANK_LINES_MAX: usize = 20;

/// A value without its escapes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unescaped<'m> {
    pub(super) text: Cow<'m, str>,
    /// Something was carried as it stood, or a formatting command was left out.
    pub(super) inexact: bool,
    /// Control characters were left out.
    pub(super) controls: bool,
    /// What follows is in a character set that was not switched to.
    pub(super) switched: bool,
}

/// Undoes the escapes of `raw`. What is not understood stays as it is.
pub(super) fn unescape<'m>(raw: &'m str, delimiters: &Delimiters) -> Unescaped<'m> {
    let escape = delimiters.escape;
    let plain = |letter: char| letter != escape && !forbidden(letter);
    // Nearly every value is ASCII, and most are asked for more than once.
    let mark = u8::try_from(escape).unwrap_or(0);
    if is_graphic(raw.as_bytes(), mark) || raw.chars().all(plain) {
        return Unescaped { text: Cow::Borrowed(raw), inexact: false, controls: false, switched: false };
    }
    let mut out = Unescaped {
        text: Cow::Owned(String::with_capacity(raw.len())),
        inexact: false,
        controls: false,
        switched: false,
    };
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once(escape) {
        out.push(before);
        match after.split_once(escape) {
            Some((sequence, next)) if sequence.len() <= 200 && out.sequence(sequence, delimiters) => {
                rest = next
            }
            _ => {
                out.push(escape.encode_utf8(&mut [0; 4]));
                out.inexact = true;
                rest = after;
            }
        }
    }
    out.push(rest);
    out
}

/// Writes `value` so that it can stand in a field of a message with these delimiters.
pub(super) fn escape(value: &str, delimiters: &Delimiters) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        let name = match letter {
            _ if letter == delimiters.field => 'F',
            _ if letter == delimiters.component => 'S',
            _ if letter == delimiters.subcomponent => 'T',
            _ if letter == delimiters.repetition => 'R',
            _ if letter == delimiters.escape => 'E',
            control if control.is_control() => ' ',
            other => {
                out.push(other);
                continue;
            }
        };
        if name == ' ' {
            out.push(' ');
        } else {
            out.extend([delimiters.escape, name, delimiters.escape]);
        }
    }
    out
}

fn forbidden(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\t' | '\n' | '\r')
}

impl Unescaped<'_> {
    fn push(&mut self, text: &str) {
        let owned = self.text.to_mut();
        for letter in text.chars() {
            if forbidden(letter) {
                self.controls = true;
            } else {
                owned.push(letter);
            }
        }
    }

    /// Handles what stands between two escape characters; false when it means nothing.
    fn sequence(&mut self, sequence: &str, delimiters: &Delimiters) -> bool {
        let letter = match sequence {
            "F" => Some(delimiters.field),
            "S" => Some(delimiters.component),
            "T" => Some(delimiters.subcomponent),
            "R" => Some(delimiters.repetition),
            "E" => Some(delimiters.escape),
            "P" => Some('#'),
            ".br" | ".BR" => Some('\n'),
            _ => None,
        };
        if let Some(letter) = letter {
            self.push(letter.encode_utf8(&mut [0; 4]));
            return true;
        }
        if let Some(hex) = sequence.strip_prefix('X').or_else(|| sequence.strip_prefix('x')) {
            return match hex_text(hex) {
                Some(text) => {
                    self.push(&text);
                    true
                }
                None => false,
            };
        }
        if let Some(hex) = sequence.strip_prefix(['C', 'M'])
            && matches!(hex.len(), 4 | 6)
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            // Back to ASCII is what the text is in anyway.
            self.switched |= !hex.eq_ignore_ascii_case("2842");
            return true;
        }
        if let Some(lines) = sequence.strip_prefix(".sp") {
            let lines = lines.trim().trim_start_matches('+').parse().unwrap_or(1);
            self.push(&"\n".repeat(lines.clamp(1, BLANK_LINES_MAX)));
            self.inexact |= lines > BLANK_LINES_MAX;
            return true;
        }
        let formatting = ["H", "N", ".fi", ".nf", ".ce"].contains(&sequence)
            || [".in", ".ti", ".sk"].iter().any(|command| {
                sequence.strip_prefix(command).is_some_and(|number| {
                    number.trim().trim_start_matches(['+', '-']).chars().all(|digit| digit.is_ascii_digit())
                })
            });
        if formatting {
            if matches!(sequence, ".ce") {
                self.push("\n");
            }
            self.inexact = true;
        }
        formatting
    }
}

/// Hexadecimal bytes as text: UTF-8 where they are, else ISO 8859-1.
fn hex_text(hex: &str) -> Option<String> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect();
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};
    use crate::hl7v2::message::Delimiters;

    #[track_caller]
    fn check(raw: &str, expected: &str, inexact: Exactness) {
        let out = unescape(raw, &Delimiters::USUAL);
        assert_eq!(out.text, expected);
        assert_eq!(out.inexact, inexact == Inexact);
    }

    #[derive(PartialEq)]
    enum Exactness {
        Exact,
        Inexact,
    }
    use Exactness::{Exact, Inexact};

    #[test]
    fn escapes_stand_for_their_characters() {
        check(r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f", Exact);
        check(r"one\.br\two\.sp2\three", "one\ntwo\n\nthree", Exact);
        check(r"caf\XE9\ \XC3A9\ \X0D0A\", "café é \r\n", Exact);
    }

    #[test]
    fn what_is_not_understood_stays() {
        check(r"\\server\share", r"\\server\share", Inexact);
        check(r"\Zxx\ \XQ\ \Cab\", r"\Zxx\ \XQ\ \Cab\", Inexact);
        check(r"a\", r"a\", Inexact);
        check(r"\H\bold\N\", "bold", Inexact);
        check(r"\.sp999999999\", &"\n".repeat(20), Inexact);
    }

    #[test]
    fn a_switch_to_another_character_set_is_told() {
        for (raw, switched) in [(r"a\C2D42\b", true), (r"a\M2442\b", true), (r"a\C2842\b", false)] {
            let out = unescape(raw, &Delimiters::USUAL);
            assert_eq!((out.text.as_ref(), out.switched), ("ab", switched));
        }
    }

    #[test]
    fn control_characters_are_left_out() {
        let out = unescape("a\\X0B1C\\b\u{0}", &Delimiters::USUAL);
        assert_eq!((out.text.as_ref(), out.controls), ("ab", true));
    }

    #[test]
    fn escaping_survives_unescaping_and_holds_no_delimiter() {
        let value = "a|b^c&d~e\\f";
        let escaped = escape(value, &Delimiters::USUAL);
        assert!(!escaped.contains(['|', '^', '&', '~']));
        assert_eq!(unescape(&escaped, &Delimiters::USUAL).text, value);
        assert_eq!(escape("a\rMSH", &Delimiters::USUAL), "a MSH");
    }
}

//! Strings and numbers of JSON.

use std::borrow::Cow;

use super::Reader;
use crate::tree::oddity::{Malformed, Odd};

impl<'s> Reader<'s> {
    /// Reads the string here; borrowed if it has no escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'s, str>, Malformed> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let plain = rest.iter().position(special).ok_or(Malformed::Ended)?;
        self.at = start + plain;
        let text = self.source.get(start..self.at).unwrap_or_default();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut out = text.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    out.push(escaped);
                }
                Some(0..=0x1f) => {
                    self.build.odd(self.at, Odd::Control);
                    out.push(self.peek().map_or(' ', char::from));
                    self.at += 1;
                }
                Some(_) => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    let plain = rest.iter().position(special).ok_or(Malformed::Ended)?;
                    out.push_str(self.source.get(self.at..self.at + plain).unwrap_or_default());
                    self.at += plain;
                }
                None => return Err(Malformed::Ended),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let escaped = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.bad(),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Result<char, Malformed> {
        let unit = |at: usize| {
            let digits =
                self.source.get(at..at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
        };
        let Some(first) = unit(self.at + 2) else { return self.bad() };
        let second =
            if self.source.get(self.at + 6..self.at + 8) == Some("\\u") { unit(self.at + 8) } else { None };
        if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (first, second) {
            self.at += 12;
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            return Ok(char::from_u32(code).unwrap_or('\u{FFFD}'));
        }
        let found = char::from_u32(first);
        if found.is_none() {
            self.build.odd(self.at, Odd::Surrogate);
        }
        self.at += 6;
        Ok(found.unwrap_or('\u{FFFD}'))
    }
}

/// Whether a text is a number of JSON.
pub(in crate::tree) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let led = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !led && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

//! Characters, names, references and attributes: the rules of XML 1.0 that the tokeniser leaves to its caller.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Fault, InvalidXml};

/// Where the first character is that XML 1.0 does not allow.
pub(super) fn forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let control = bytes.iter().position(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    // U+FFFE and U+FFFF; UTF-8 holds no surrogates.
    let noncharacter = memchr::memchr_iter(0xEF, bytes)
        .find(|at| matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])));
    control.into_iter().chain(noncharacter).min()
}

const fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{1_0000}'..)
}

/// Whether all of `text` is white space of XML.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether `name` is a name without colon. XML allows more letters; no name of FHIR or XHTML has them.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// The character that the reference `&name;` stands for.
pub(super) fn referred(name: &str) -> Result<char, Fault> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ if is_name(name) => Err(Fault::Entity),
            _ => Err(Fault::Malformed),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Fault::Malformed);
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| Fault::Character)?;
    char::from_u32(code).filter(|character| is_allowed(*character)).ok_or(Fault::Character)
}

/// The value that `raw`, which starts at byte `at`, stands for: references resolved, written tabs and line ends read
/// as spaces (XML 1.0 section 3.3.3).
pub(super) fn value(raw: &str, at: usize) -> Result<Cow<'_, str>, InvalidXml> {
    let special = |byte: u8| matches!(byte, b'&' | b'<' | b'\t' | b'\n' | b'\r');
    let Some(first) = raw.bytes().position(special) else { return Ok(Cow::Borrowed(raw)) };
    let mut out = String::with_capacity(raw.len());
    let (plain, mut rest) = raw.split_at_checked(first).unwrap_or((raw, ""));
    out.push_str(plain);
    let here = |rest: &str| at + raw.len() - rest.len();
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = match character {
            '<' => return Err(Fault::Malformed.at(here(rest))),
            '&' => {
                let (name, after) = after.split_once(';').ok_or(Fault::Malformed.at(here(rest)))?;
                out.push(referred(name).map_err(|fault| fault.at(here(rest)))?);
                after
            }
            '\r' => {
                out.push(' ');
                after.strip_prefix('\n').unwrap_or(after)
            }
            '\t' | '\n' => {
                out.push(' ');
                after
            }
            _ => {
                out.push(character);
                after
            }
        };
    }
    Ok(Cow::Owned(out))
}

/// An attribute as it is written.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    /// With its prefix.
    pub(super) name: &'a str,
    /// Between the quotes.
    pub(super) raw: &'a str,
    /// Where the name starts.
    pub(super) at: usize,
}

impl<'a> Attribute<'a> {
    /// The value; see [`value`].
    pub(super) fn value(&self) -> Result<Cow<'a, str>, InvalidXml> {
        value(self.raw, self.at)
    }
}

/// The attributes of one tag in their order, without duplicates.
pub(super) struct Attributes<'a> {
    /// What is left of the tag after its name.
    rest: &'a str,
    /// Where the tag's attributes end.
    end: usize,
    left: usize,
    seen: HashSet<&'a str>,
    first: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    /// Reads `text`, what follows the name of a tag, which starts at byte `at`.
    pub(super) fn new(text: &'a str, at: usize, attributes_max: usize) -> Self {
        Self { rest: text, end: at + text.len(), left: attributes_max, seen: HashSet::new(), first: None }
    }

    fn here(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next attribute, or nothing at the end of the tag.
    pub(super) fn next(&mut self) -> Result<Option<Attribute<'a>>, InvalidXml> {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        if trimmed.is_empty() {
            return Ok(None);
        }
        let separated = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        let at = self.here();
        let malformed = Fault::Malformed.at(at);
        let (name, after) = trimmed.split_once('=').filter(|_| separated).ok_or(malformed)?;
        let name = name.trim_end_matches([' ', '\t', '\n', '\r']);
        let well_named = match name.split_once(':') {
            Some((prefix, local)) => is_name(prefix) && is_name(local),
            None => is_name(name),
        };
        let after = after.trim_start_matches([' ', '\t', '\n', '\r']);
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let quote = quote.filter(|_| well_named).ok_or(malformed)?;
        let (raw, rest) = after
            .get(1..)
            .and_then(|after| after.split_once(quote))
            .filter(|(raw, _)| !raw.contains('<'))
            .ok_or(malformed)?;
        self.left = self.left.checked_sub(1).ok_or(Fault::TooManyAttributes.at(at))?;
        // Most tags have one attribute; then nothing is stored.
        let duplicate = match self.first {
            None => false,
            Some(first) => first == name || !self.seen.insert(name),
        };
        if duplicate {
            return Err(Fault::DuplicateAttribute.at(at));
        }
        self.first = self.first.or(Some(name));
        self.rest = rest;
        Ok(Some(Attribute { name, raw, at }))
    }
}

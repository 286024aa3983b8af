//! From the bytes of a message to text, by the character set that MSH-18 names.

mod halves;

use std::borrow::Cow;

use halves::Half;

use crate::{Charset, Context, Refused, Why};

/// The text of a message, and what had to be assumed about it.
#[derive(Debug)]
pub(super) struct Text<'m> {
    pub(super) text: Cow<'m, str>,
    pub(super) remark: Option<Why>,
}

/// Decodes `input` by MSH-18, or by what is known of the sender.
pub(super) fn decode<'m>(input: &'m [u8], context: &Context) -> Result<Text<'m>, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    if let Some(text) = wide(input) {
        let text = text?;
        let text = text
            .trim_start_matches(['\u{feff}', '\u{b}', '\r', '\n'])
            .trim_end_matches(['\r', '\n', '\u{1c}']);
        return Ok(Text { text: Cow::Owned(text.to_owned()), remark: None });
    }
    let input = trim(input);
    let Some(rest) = input.strip_prefix(b"MSH") else { return Err(Refused::NoHeader) };
    let Some(separator) = rest.first() else { return Err(Refused::NoHeader) };
    let end = memchr2(b'\r', b'\n', rest);
    let header = rest.get(..end).unwrap_or(rest);
    // `rest` begins with the separator, so piece 0 is empty, piece 1 is MSH-2 and piece n is MSH-n+1.
    let named = header.split(|byte| byte == separator).nth(17).map(<[u8]>::trim_ascii).unwrap_or_default();
    let first = named.split(|byte| matches!(byte, b'~' | b'^')).next().unwrap_or_default();
    // Senders spell the names of HL7 table 0211 in many ways.
    let plain: Vec<u8> =
        first.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect();
    // Of one byte a letter, hardly any text is UTF-8 by chance: somebody named the wrong set.
    let doubtful = || (!input.is_ascii() && str::from_utf8(input).is_ok()).then_some(Why::CharsetDoubtful);
    let read = |text: String| Ok(Text { text: Cow::Owned(text), remark: doubtful() });
    match named_set(&plain, context)? {
        Set::Utf8 => Ok(Text { text: Cow::Borrowed(utf8(input)?), remark: None }),
        Set::Undeclared => {
            let remark = (!input.is_ascii()).then_some(Why::CharsetUndeclared);
            Ok(Text { text: Cow::Borrowed(utf8(input)?), remark })
        }
        Set::Windows => read(input.iter().map(|byte| windows(*byte, char::from)).collect()),
        Set::Latin1 => Ok(widened(input, char::from, doubtful())),
        Set::Latin9 => Ok(widened(input, latin9, doubtful())),
        Set::Half(half) => read(by_half(input, half)?),
    }
}

/// How bytes become text.
enum Set {
    /// Not said; UTF-8 then.
    Undeclared,
    Utf8,
    Latin1,
    Latin9,
    Windows,
    Half(&'static Half),
}

/// The set that MSH-18 names, by its letters and digits.
fn named_set(plain: &[u8], context: &Context) -> Result<Set, Refused> {
    Ok(match plain {
        b"" | b"ASCII" | b"USASCII" | b"ISOIR6" => match context.charset {
            Charset::Utf8 => Set::Undeclared,
            Charset::Latin1 => Set::Latin1,
            Charset::Latin9 => Set::Latin9,
        },
        b"88591" | b"ISO88591" | b"ISOIR100" => Set::Latin1,
        b"88592" | b"ISO88592" | b"ISOIR101" => Set::Half(&halves::CENTRAL),
        b"88593" | b"ISO88593" | b"ISOIR109" => Set::Half(&halves::SOUTH),
        b"88594" | b"ISO88594" | b"ISOIR110" => Set::Half(&halves::NORTH),
        b"88595" | b"ISO88595" | b"ISOIR144" => Set::Half(&halves::CYRILLIC),
        b"88596" | b"ISO88596" | b"ISOIR127" => Set::Half(&halves::ARABIC),
        b"88597" | b"ISO88597" | b"ISOIR126" => Set::Half(&halves::GREEK),
        b"88598" | b"ISO88598" | b"ISOIR138" => Set::Half(&halves::HEBREW),
        b"88599" | b"ISO88599" | b"ISOIR148" => Set::Half(&halves::TURKISH),
        b"885915" | b"ISO885915" => Set::Latin9,
        b"WINDOWS1252" | b"CP1252" => Set::Windows,
        b"UNICODEUTF8" | b"UTF8" | b"UNICODE" => Set::Utf8,
        _ => return Err(Refused::Charset),
    })
}

fn utf8(input: &[u8]) -> Result<&str, Refused> {
    str::from_utf8(input).map_err(|error| Refused::Encoding { offset: error.valid_up_to() })
}

/// `input` as a set of ISO 8859. No message holds its control characters from 80 to 9F: who writes such bytes means Windows-1252.
fn widened<'m>(input: &[u8], own: fn(u8) -> char, doubtful: Option<Why>) -> Text<'m> {
    let wider = input.iter().any(|byte| windows(*byte, own) != own(*byte));
    let text = input.iter().map(|byte| windows(*byte, own)).collect();
    Text { text: Cow::Owned(text), remark: doubtful.or(wider.then_some(Why::CharsetWider)) }
}

/// A letter of Windows-1252, which has letters of its own from 80 to 9F.
fn windows(byte: u8, other: fn(u8) -> char) -> char {
    const OWN: [char; 32] = [
        '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
        '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}',
        '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}',
        '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
    ];
    let at = usize::from(byte).checked_sub(0x80);
    at.and_then(|at| OWN.get(at).copied()).unwrap_or_else(|| other(byte))
}

fn by_half(input: &[u8], half: &Half) -> Result<String, Refused> {
    let letter = |(offset, byte): (usize, &u8)| {
        let at = usize::from(*byte).checked_sub(0xa0);
        let Some(at) = at else { return Ok(char::from(*byte)) };
        let code = half.get(at).copied().filter(|code| *code != 0).map(u32::from);
        code.and_then(char::from_u32).ok_or(Refused::Encoding { offset })
    };
    input.iter().enumerate().map(letter).collect()
}

/// UTF-16 and UTF-32 are known by their first bytes, for the name in MSH-18 cannot be read before.
fn wide(input: &[u8]) -> Option<Result<String, Refused>> {
    let unit = |size: usize, little: bool| {
        let units = input.chunks_exact(size).map(move |bytes| {
            let fold = |sum: u32, byte: &u8| (sum << 8) | u32::from(*byte);
            if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
        });
        let units: Vec<u32> = units.collect();
        if !input.len().is_multiple_of(size) {
            return Err(Refused::Encoding { offset: input.len() });
        }
        let text: Option<String> = match size {
            4 => units.into_iter().map(char::from_u32).collect(),
            _ => {
                let halves = units.into_iter().map(|unit| u16::try_from(unit).unwrap_or(0xfffd));
                char::decode_utf16(halves).collect::<Result<String, _>>().ok()
            }
        };
        text.ok_or(Refused::Encoding { offset: 0 })
    };
    match input {
        [0xff, 0xfe, 0, 0, ..] | [b'M', 0, 0, 0, ..] => Some(unit(4, true)),
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'M', ..] => Some(unit(4, false)),
        [0xff, 0xfe, ..] | [b'M', 0, ..] => Some(unit(2, true)),
        [0xfe, 0xff, ..] | [0, b'M', ..] => Some(unit(2, false)),
        _ => None,
    }
}

/// Without a byte order mark, framing and blank lines before the header.
fn trim(input: &[u8]) -> &[u8] {
    let mut input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    while let Some((b'\r' | b'\n' | b'\x0b' | b' ' | b'\t', rest)) = input.split_first() {
        input = rest;
    }
    while let Some((b'\r' | b'\n' | b'\x1c', rest)) = input.split_last() {
        input = rest;
    }
    input
}

fn memchr2(one: u8, two: u8, bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == one || *byte == two).unwrap_or(bytes.len())
}

pub(super) fn latin9(byte: u8) -> char {
    match byte {
        0xa4 => '\u{20ac}',
        0xa6 => '\u{160}',
        0xa8 => '\u{161}',
        0xb4 => '\u{17d}',
        0xb8 => '\u{17e}',
        0xbc => '\u{152}',
        0xbd => '\u{153}',
        0xbe => '\u{178}',
        other => char::from(other),
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::{Charset, Context, Refused, Why};

    fn context() -> Context {
        crate::context::tests::hospital()
    }

    fn message(charset: &str, name: &[u8]) -> Vec<u8> {
        let mut bytes =
            format!("MSH|^~\\&|A|B|C|D|20260102||ADT^A03|1|P|2.4||||||{charset}\rPID|||||").into_bytes();
        bytes.extend_from_slice(name);
        bytes
    }

    #[test]
    fn the_charset_of_msh_18_is_used() {
        for (charset, bytes, expected) in [
            ("8859/1", &b"Andr\xe9"[..], "André"),
            ("8859/15", b"\xa4", "€"),
            ("WINDOWS-1252", b"O\x92Neil", "O\u{2019}Neil"),
            ("windows-1252", b"Andr\xe9", "André"),
            ("ISO8859-15", b"\xa4", "€"),
            ("8859/2", b"\xa9tefan", "Štefan"),
            ("8859/5", b"\xb0", "А"),
            ("8859/7", b"\xe1", "α"),
            ("8859/9", b"\xfd", "ı"),
            ("ISO IR144", b"\xf0", "№"),
            ("UNICODE UTF-8", "André".as_bytes(), "André"),
            ("", b"Ann", "Ann"),
            ("ASCII", b"Ann", "Ann"),
        ] {
            let input = message(charset, bytes);
            let text = decode(&input, &context()).unwrap();
            assert!(text.text.ends_with(expected), "{charset}");
            assert_eq!(text.remark, None, "{charset}");
        }
    }

    #[test]
    fn undeclared_letters_are_utf_8_with_a_remark_or_what_the_context_says_or_refused() {
        let input = message("", "André".as_bytes());
        assert_eq!(decode(&input, &context()).unwrap().remark, Some(Why::CharsetUndeclared));
        let input = message("", b"Andr\xe9");
        assert!(matches!(decode(&input, &context()), Err(Refused::Encoding { .. })));
        let latin = context().with_charset(Charset::Latin1);
        assert!(decode(&input, &latin).unwrap().text.ends_with("André"));
    }

    #[test]
    fn utf_16_and_utf_32_are_known_by_their_first_bytes() {
        let text = String::from_utf8(message("UNICODE UTF-16", "André 🩺".as_bytes())).unwrap();
        let wide: Vec<u16> = text.encode_utf16().collect();
        let marked: Vec<u16> = std::iter::once(0xfeff).chain(wide.iter().copied()).collect();
        let little = |units: &[u16]| units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>();
        let big = |units: &[u16]| units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>();
        let four: Vec<u8> = text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
        for input in [little(&wide), big(&wide), little(&marked), big(&marked), four] {
            assert_eq!(decode(&input, &context()).unwrap().text, text);
        }
        let half = [little(&wide), vec![0x00, 0xd8]].concat();
        assert!(matches!(decode(&half, &context()), Err(Refused::Encoding { .. })));
        assert!(matches!(
            decode(little(&wide).split_last().unwrap().1, &context()),
            Err(Refused::Encoding { .. })
        ));
    }

    #[test]
    fn letters_that_only_windows_has_are_read_as_such_and_told() {
        for set in ["8859/1", "8859/15"] {
            let input = message(set, b"O\x92Neil");
            let text = decode(&input, &context()).unwrap();
            assert!(text.text.ends_with("O\u{2019}Neil"), "{set}");
            assert_eq!(text.remark, Some(Why::CharsetWider));
        }
    }

    #[test]
    fn letters_of_utf_8_under_the_name_of_another_set_are_told() {
        for set in ["8859/1", "8859/15", "8859/2", "WINDOWS-1252"] {
            let text = decode(&message(set, "Siân O’Neil".as_bytes()), &context()).map(|text| text.remark);
            assert_eq!(text.unwrap(), Some(Why::CharsetDoubtful), "{set}");
        }
        assert_eq!(decode(&message("8859/1", b"Si\xe2n"), &context()).unwrap().remark, None);
        assert_eq!(decode(&message("8859/1", b"Sian"), &context()).unwrap().remark, None);
    }

    #[test]
    fn a_byte_that_the_named_set_does_not_assign_is_refused() {
        assert!(matches!(decode(&message("8859/7", b"\xff"), &context()), Err(Refused::Encoding { .. })));
    }

    #[test]
    fn an_unknown_charset_is_refused() {
        assert_eq!(decode(&message("KOI8-R", b"x"), &context()).unwrap_err(), Refused::Charset);
    }
}

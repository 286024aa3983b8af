//! From the bytes of a document to text, by its byte order mark and the encoding that its prolog declares.

use std::borrow::Cow;

use super::Fault;
use crate::Charset;

/// The most of the start of a document in which the XML declaration is looked for.
const PROLOG_BYTES: usize = 256;

/// Decodes `input`. A document that declares nothing is UTF-8, or `assumed` when it is not.
pub(crate) fn decode(input: &[u8], assumed: Charset) -> Result<Cow<'_, str>, Fault> {
    if let Some(rest) = input.strip_prefix(b"\xfe\xff") {
        return wide(rest, u16::from_be_bytes).map(Cow::Owned);
    }
    if let Some(rest) = input.strip_prefix(b"\xff\xfe") {
        return wide(rest, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(rest) = input.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest);
    }
    match declared(input).as_deref() {
        Some(b"utf-8" | b"utf8") => utf8(input),
        None if assumed == Charset::Utf8 || std::str::from_utf8(input).is_ok() => utf8(input),
        Some(b"us-ascii" | b"ascii") => match input.iter().position(|byte| !byte.is_ascii()) {
            Some(at) => Err(Fault::Bytes { at }),
            None => utf8(input),
        },
        Some(b"iso-8859-1" | b"latin1") => Ok(single(input, char::from)),
        Some(b"iso-8859-15") => Ok(single(input, latin9)),
        Some(b"windows-1252" | b"cp1252") => match input.iter().position(|byte| windows(*byte).is_none()) {
            Some(at) => Err(Fault::Bytes { at }),
            None => Ok(single(input, |byte| windows(byte).unwrap_or(' '))),
        },
        Some(_) => Err(Fault::Encoding),
        None => Ok(match assumed {
            Charset::Utf8 | Charset::Latin1 => single(input, char::from),
            Charset::Latin9 => single(input, latin9),
        }),
    }
}

/// The encoding that the declaration at the start names, in small letters.
fn declared(input: &[u8]) -> Option<Vec<u8>> {
    let start = input.trim_ascii_start().get(..PROLOG_BYTES.min(input.trim_ascii_start().len()))?;
    let start = start.strip_prefix(b"<?xml")?;
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let declaration = start.get(..end)?;
    let at = declaration.windows(8).position(|word| word == b"encoding")?;
    let value = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let name = value.split(|byte| byte == quote).next()?;
    Some(name.to_ascii_lowercase())
}

fn utf8(input: &[u8]) -> Result<Cow<'_, str>, Fault> {
    std::str::from_utf8(input).map(Cow::Borrowed).map_err(|error| Fault::Bytes { at: error.valid_up_to() })
}

fn wide(input: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let (pairs, rest) = input.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::Bytes { at: input.len() + 1 });
    }
    let mut out = String::with_capacity(input.len() / 2);
    let mut at = 2;
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let letter = decoded.map_err(|_| Fault::Bytes { at })?;
        at += 2 * letter.len_utf16();
        out.push(letter);
    }
    Ok(out)
}

fn single(input: &[u8], letter: fn(u8) -> char) -> Cow<'_, str> {
    match std::str::from_utf8(input) {
        Ok(text) if input.is_ascii() => Cow::Borrowed(text),
        Ok(_) | Err(_) => Cow::Owned(input.iter().map(|byte| letter(*byte)).collect()),
    }
}

fn latin9(byte: u8) -> char {
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

/// Windows-1252; five bytes mean nothing there.
fn windows(byte: u8) -> Option<char> {
    const HIGH: [char; 32] = [
        '\u{20ac}', '\0', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
        '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\0', '\u{17d}', '\0', '\0', '\u{2018}', '\u{2019}',
        '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
        '\u{203a}', '\u{153}', '\0', '\u{17e}', '\u{178}',
    ];
    match byte {
        0x80..=0x9f => HIGH.get(usize::from(byte - 0x80)).copied().filter(|letter| *letter != '\0'),
        other => Some(char::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::Charset;
    use crate::cda::Fault;

    fn document(encoding: &str, name: &[u8]) -> Vec<u8> {
        [format!("<?xml version=\"1.0\" encoding='{encoding}'?><a>").as_bytes(), name, b"</a>"].concat()
    }

    #[test]
    fn the_declared_encoding_is_used() {
        for (encoding, bytes, expected) in [
            ("UTF-8", "André".as_bytes(), "André"),
            ("ISO-8859-1", b"Andr\xe9", "André"),
            ("iso-8859-15", b"\xa4", "€"),
            ("Windows-1252", b"\x80 \x93x\x94", "€ “x”"),
            ("us-ascii", b"Ann", "Ann"),
        ] {
            let input = document(encoding, bytes);
            assert!(decode(&input, Charset::Utf8).unwrap().contains(expected), "{encoding}");
        }
    }

    #[test]
    fn a_byte_order_mark_decides() {
        let text = "<a>é😀</a>";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&[&b"\xff\xfe"[..], &little].concat(), Charset::Utf8).unwrap(), text);
        assert_eq!(decode(&[&b"\xfe\xff"[..], &big].concat(), Charset::Utf8).unwrap(), text);
        assert_eq!(decode(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), Charset::Utf8).unwrap(), text);
        assert!(matches!(decode(b"\xff\xfea", Charset::Utf8), Err(Fault::Bytes { .. })));
    }

    #[test]
    fn an_unknown_encoding_and_wrong_bytes_are_refused() {
        assert_eq!(decode(&document("KOI8-R", b"x"), Charset::Utf8), Err(Fault::Encoding));
        assert!(matches!(decode(&document("utf-8", b"\xe9"), Charset::Utf8), Err(Fault::Bytes { .. })));
        assert!(matches!(decode(&document("us-ascii", b"\xe9"), Charset::Utf8), Err(Fault::Bytes { .. })));
        assert!(matches!(
            decode(&document("windows-1252", b"\x81"), Charset::Utf8),
            Err(Fault::Bytes { .. })
        ));
        assert!(matches!(decode(b"<a>\xe9</a>", Charset::Utf8), Err(Fault::Bytes { .. })));
        assert_eq!(decode(b"<a>\xe9</a>", Charset::Latin1).unwrap(), "<a>é</a>");
    }
}

//! From the bytes of a message to text, by the character set that MSH-18 names.

use std::borrow::Cow;

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
    let charset = match plain.as_slice() {
        b"" | b"ASCII" | b"USASCII" | b"ISOIR6" => None,
        b"88591" | b"ISO88591" | b"ISOIR100" => Some(Charset::Latin1),
        b"885915" | b"ISO885915" => Some(Charset::Latin9),
        b"UNICODEUTF8" | b"UTF8" => Some(Charset::Utf8),
        _ => return Err(Refused::Charset),
    };
    match charset.unwrap_or(context.charset) {
        Charset::Utf8 => {
            let text =
                str::from_utf8(input).map_err(|error| Refused::Encoding { offset: error.valid_up_to() })?;
            let remark = (charset.is_none() && !input.is_ascii()).then_some(Why::CharsetUndeclared);
            Ok(Text { text: Cow::Borrowed(text), remark })
        }
        Charset::Latin1 => {
            Ok(Text { text: Cow::Owned(input.iter().map(|byte| char::from(*byte)).collect()), remark: None })
        }
        Charset::Latin9 => {
            Ok(Text { text: Cow::Owned(input.iter().map(|byte| latin9(*byte)).collect()), remark: None })
        }
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
            ("ISO8859-15", b"\xa4", "€"),
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
    fn an_unknown_charset_is_refused() {
        assert_eq!(decode(&message("KOI8-R", b"x"), &context()).unwrap_err(), Refused::Charset);
    }
}

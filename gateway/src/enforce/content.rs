//! What content in base64 is, whatever is stated of it: resources that have to be minimised, something that may hold them in
//! a form that is not looked into, or nothing of the kind.
//!
//! In doubt it is opaque: a letter that is kept back is missed, a record inside one is not noticed. Nothing here knows who
//! may see what.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Document, Limits, parse};

mod markup;

/// Bounds of a resource inside content.
const LIMITS: Limits =
    Limits { bytes_max: 20 << 20, depth_max: 64, members_max: 10_000, values_max: 1_000_000 };
/// How formats begin whose text is packed: what is inside is not seen.
const PACKED: [&[u8]; 17] = [
    b"\x1F\x8B",
    b"\x1F\x9D",
    b"\x1F\xA0",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"BZh",
    b"\xFD7zXZ",
    b"7z\xBC\xAF\x27\x1C",
    b"\x28\xB5\x2F\xFD",
    b"\x04\x22\x4D\x18",
    b"Rar!",
    b"\x78\x01",
    b"\x78\x9C",
    b"\x78\xDA",
    b"!<arch>",
    b"MSCF",
];
/// How pictures, sound and pages begin that are shown as they are: what follows is not text.
const SHOWN: [(&str, &[u8]); 10] = [
    ("application/pdf", b"%PDF-"),
    ("image/png", b"\x89PNG\r\n\x1A\n"),
    ("image/jpeg", b"\xFF\xD8\xFF"),
    ("image/jpg", b"\xFF\xD8\xFF"),
    ("image/gif", b"GIF8"),
    ("image/tiff", b"II*\0"),
    ("image/tiff", b"MM\0*"),
    ("image/bmp", b"BM"),
    ("image/webp", b"RIFF"),
    ("application/rtf", b"{\\rtf"),
];
/// How far into a file a PDF may begin.
const PDF_BEGINS_WITHIN: usize = 1_024;
/// The shortest run of letters that may be base64 again.
const BASE64_LETTERS_MIN: usize = 32;

/// What content turns out to be.
pub(in crate::enforce) enum Look {
    /// Nothing that is made of resources.
    Whole,
    /// A resource.
    Resource(Document),
    /// Resources, messages or documents in a form that is not looked into.
    Opaque,
}

/// Looks into content, whatever it says it is.
pub(in crate::enforce) fn look(base64: &str) -> Look {
    let Some(bytes) = decoded(base64) else { return Look::Opaque };
    if PACKED.iter().any(|magic| bytes.starts_with(magic)) || is_archive(&bytes) {
        return Look::Opaque;
    }
    if is_shown(&bytes) {
        // What stands openly in a page or picture would be read as easily there.
        return match markup::holds_records(&String::from_utf8_lossy(&bytes)) {
            true => Look::Opaque,
            false => Look::Whole,
        };
    }
    let plain = plain(bytes);
    let begin = plain.iter().position(|byte| !is_before_text(*byte)).unwrap_or(plain.len());
    let text = plain.get(begin..).unwrap_or_default();
    if let Some(b'{') = text.first()
        && let Ok(document) = parse(text.to_vec().into(), &LIMITS)
        && document.root().member("resourceType").is_some()
    {
        return Look::Resource(document);
    }
    let text = String::from_utf8_lossy(text);
    let is_opaque = markup::holds_records(&text)
        || markup::is_message(&text)
        || markup::is_mail(&text)
        || markup::is_open_to_entities(&text)
        || is_base64(&text);
    if is_opaque { Look::Opaque } else { Look::Whole }
}

/// Whether content looks like the media type that is stated of it. Of a type that has no look of its own nothing is asked,
/// and neither is it where none is stated.
pub(in crate::enforce) fn looks_like(stated: Option<&str>, base64: &str) -> bool {
    let Some(stated) = stated.map(super::criteria::essence) else { return true };
    let Some(bytes) = decoded(base64) else { return false };
    let magics: Vec<&[u8]> =
        SHOWN.iter().filter(|(name, _)| *name == stated).map(|(_, magic)| *magic).collect();
    if stated == "application/pdf" {
        return is_pdf(&bytes);
    }
    if !magics.is_empty() {
        return magics.into_iter().any(|magic| begins(&bytes, magic));
    }
    let is_markup = stated.ends_with("/xml") || stated.ends_with("+xml");
    let is_json = stated.ends_with("/json") || stated.ends_with("+json");
    if !(is_markup || is_json || stated.starts_with("text/")) {
        return true;
    }
    if is_shown(&bytes) && !begins(&bytes, b"{\\rtf") || !is_text(&bytes) {
        return false;
    }
    let text = plain(bytes);
    let first = text.iter().find(|byte| !is_before_text(**byte));
    match first {
        Some(first) if is_markup => *first == b'<',
        Some(first) if is_json => matches!(first, b'{' | b'['),
        Some(_) | None => true,
    }
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    let packed: String = base64.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262).is_some_and(|magic| magic == b"ustar")
}

fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..PDF_BEGINS_WITHIN).unwrap_or(bytes);
    head.windows(5).any(|window| window == b"%PDF-")
}

fn is_shown(bytes: &[u8]) -> bool {
    SHOWN.iter().any(|(_, magic)| begins(bytes, magic))
}

/// Whether content begins so. Two letters alone begin words too: what follows them in a picture is no text.
fn begins(bytes: &[u8], magic: &[u8]) -> bool {
    let is_word = magic.len() == 2 && bytes.get(6..10) != Some(&[0; 4]);
    bytes.starts_with(magic) && !is_word
}

/// White space, byte order marks and the frame of a message.
const fn is_before_text(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0B | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
}

/// Text in two or four bytes a letter, as text in one, whichever letters it begins with. What is no text is looked into no
/// less for it.
fn plain(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.contains(&0) { bytes.into_iter().filter(|byte| *byte != 0).collect() } else { bytes }
}

/// Whether a text says that it has two or four bytes a letter: with a mark at its beginning, or by its first letters.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) || bytes.iter().take(4).any(|byte| *byte == 0)
}

/// Whether bytes can be text: without NUL, unless each letter has one, and not mostly of letters that no code page of text
/// has many of.
fn is_text(bytes: &[u8]) -> bool {
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    let is_wide = is_wide(bytes);
    let few_zeros = if is_wide { zeros * 4 <= bytes.len() * 3 + 4 } else { zeros == 0 };
    let is_known = is_wide || std::str::from_utf8(bytes).is_ok();
    let strange = bytes.iter().filter(|byte| **byte >= 0x80).count();
    few_zeros && (is_known || strange * 4 <= bytes.len())
}

/// Whether a text is nothing but letters of base64, in lines: what is packed once more.
fn is_base64(text: &str) -> bool {
    let text = text.trim();
    let mut letters = 0_usize;
    for letter in text.chars() {
        match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '-' | '_' | '=' => letters += 1,
            '\r' | '\n' => {}
            _ => return false,
        }
    }
    letters >= BASE64_LETTERS_MIN
}

#[cfg(test)]
mod tests;

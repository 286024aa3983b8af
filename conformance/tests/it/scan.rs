//! Every encoding is undone, one over the other too; and nothing is found where nothing is.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use conformance::privacy::scan::{Extent, Scanner};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

const CANARY: &str = "CANARY-Z-PLACE-0a1b2c";

type Encoder = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Each makes any bytes into others that a reader could undo.
const ANY_BYTES: &[Encoder] = &[
    ("plain", |bytes| bytes.to_vec()),
    ("gzip", |bytes| {
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }),
    ("zlib", |bytes| {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }),
    ("deflate", |bytes| {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }),
    ("base64", |bytes| STANDARD.encode(bytes).into_bytes()),
    ("base64, one byte before", |bytes| STANDARD.encode([b"x", bytes].concat()).into_bytes()),
    ("base64, two bytes before", |bytes| STANDARD.encode([b"xy", bytes].concat()).into_bytes()),
    ("base64url", |bytes| URL_SAFE_NO_PAD.encode([b"\xff\xff?>", bytes, b"\xff?"].concat()).into_bytes()),
    ("base64 in JSON", |bytes| format!("{{\"data\": \"{}\"}}", STANDARD.encode(bytes)).into_bytes()),
    ("base64 in lines", |bytes| {
        let letters = STANDARD.encode(bytes).into_bytes();
        letters
            .chunks(20)
            .map(|line| String::from_utf8(line.to_vec()).unwrap() + "\r\n")
            .collect::<String>()
            .into_bytes()
    }),
    ("percent", |bytes| {
        bytes
            .iter()
            .fold(String::new(), |mut out, byte| {
                write!(out, "%{byte:02x}").unwrap();
                out
            })
            .into_bytes()
    }),
    ("hexadecimal", |bytes| {
        bytes
            .iter()
            .fold(String::new(), |mut out, byte| {
                write!(out, "{byte:02X}").unwrap();
                out
            })
            .into_bytes()
    }),
    ("quoted-printable", |bytes| {
        bytes
            .iter()
            .enumerate()
            .fold(String::new(), |mut out, (at, byte)| {
                let soft = if at % 20 == 19 { "=\r\n" } else { "" };
                write!(out, "={byte:02X}{soft}").unwrap();
                out
            })
            .into_bytes()
    }),
];

/// Each dresses up text only.
const TEXT_ONLY: &[Encoder] = &[
    ("upper case", |text| text.to_ascii_uppercase()),
    ("lower case", |text| text.to_ascii_lowercase()),
    ("JSON escapes", |text| each(text, |letter| format!("\\u{:04x}", u32::from(letter)))),
    ("decimal entities", |text| each(text, |letter| format!("&#{};", u32::from(letter)))),
    ("hexadecimal entities", |text| each(text, |letter| format!("&#x{:X};", u32::from(letter)))),
    ("named entities", |text| String::from_utf8_lossy(text).replace('-', "&hyphen;").into_bytes()),
    ("UTF-16 with mark", |text| [vec![0xff, 0xfe], wide(text, |unit| unit.to_le_bytes().to_vec())].concat()),
    ("UTF-16, big end first", |text| wide(text, |unit| unit.to_be_bytes().to_vec())),
    ("UTF-16 at an odd place", |text| [vec![b'x'], wide(text, |unit| unit.to_le_bytes().to_vec())].concat()),
    ("UTF-32", |text| wide(text, |unit| u32::from(unit).to_le_bytes().to_vec())),
    ("UTF-32, big end first", |text| wide(text, |unit| u32::from(unit).to_be_bytes().to_vec())),
    ("zero-width spaces", |text| String::from_utf8_lossy(text).replace('-', "-\u{200b}").into_bytes()),
    ("soft hyphens", |text| each(text, |letter| format!("{letter}\u{ad}"))),
    ("spans in HTML", |text| each(text, |letter| format!("<span class=\"a\">{letter}</span>"))),
    ("a comment in XML", |text| String::from_utf8_lossy(text).replacen('-', "-<!-- x -->", 1).into_bytes()),
];

fn each(text: &[u8], make: impl Fn(char) -> String) -> Vec<u8> {
    String::from_utf8_lossy(text).chars().map(make).collect::<String>().into_bytes()
}

fn wide(text: &[u8], make: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    String::from_utf8_lossy(text).encode_utf16().flat_map(make).collect()
}

fn finds(bytes: &[u8]) -> bool {
    Scanner::new([CANARY]).scan(bytes).canaries == [CANARY]
}

#[test]
fn every_encoding_is_undone() {
    for (name, encode) in ANY_BYTES.iter().chain(TEXT_ONLY) {
        assert!(finds(&encode(CANARY.as_bytes())), "{name}");
        let inside = format!("some text before {CANARY} and some behind");
        assert!(finds(&encode(inside.as_bytes())), "{name}, inside");
    }
}

#[test]
fn two_encodings_one_over_the_other_are_undone() {
    let mut missed = Vec::new();
    for (inner, first) in TEXT_ONLY.iter().chain(ANY_BYTES) {
        for (outer, second) in ANY_BYTES {
            // Bare deflate has no mark to know it by, once something stands before it.
            let unmarked = *inner == "deflate" && (outer.ends_with("before") || *outer == "base64url");
            if !unmarked && !finds(&second(&first(CANARY.as_bytes()))) {
                missed.push((inner, outer));
            }
        }
    }
    assert_eq!(missed, []);
}

#[test]
fn three_encodings_of_what_real_servers_send_are_undone() {
    let encoder = |wanted: &str| ANY_BYTES.iter().find(|(name, _)| *name == wanted).unwrap().1;
    for stack in [
        ["gzip", "gzip", "base64 in JSON"],
        ["base64", "base64 in JSON", "gzip"],
        ["percent", "base64 in JSON", "base64"],
        ["deflate", "base64", "gzip"],
        ["quoted-printable", "gzip", "base64 in lines"],
    ] {
        let bytes = stack.iter().fold(CANARY.as_bytes().to_vec(), |bytes, name| encoder(name)(&bytes));
        assert!(finds(&bytes), "{stack:?}");
    }
}

#[test]
fn a_stream_that_breaks_off_still_shows_what_it_held() {
    let encoder = ANY_BYTES.iter().find(|(name, _)| *name == "gzip").unwrap().1;
    let noise: String = (0..4000).map(|number| format!("{}", number * 7919 % 104_729)).collect();
    let mut packed = encoder(format!("{CANARY} {noise}").as_bytes());
    packed.truncate(packed.len() - 64);
    assert!(finds(&packed));
}

#[test]
fn digests_of_what_is_hidden_are_found() {
    let scanner = Scanner::new([CANARY]).and_digests_of("an attachment", b"hello");
    for digest in [
        "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ] {
        let body = format!("{{\"hash\": \"{digest}\"}}");
        assert_eq!(scanner.scan(body.as_bytes()).canaries, ["digest of an attachment"], "{digest}");
    }
}

#[test]
fn what_the_question_says_itself_is_not_looked_for() {
    let scanner =
        Scanner::new([CANARY, "ZZ99 9DQ"]).without_what("GET /fhir/Patient?address-postalcode=ZZ99 9DQ");
    assert!(scanner.scan(b"you asked for ZZ99 9DQ").canaries.is_empty());
    assert_eq!(scanner.scan(CANARY.as_bytes()).canaries, [CANARY]);
}

#[test]
fn short_canaries_are_found_too() {
    assert_eq!(Scanner::new(["R1"]).scan(b"label r1").canaries, ["R1"]);
}

#[test]
fn what_unpacks_to_too_much_is_said_to_be_cut() {
    let encoder = ANY_BYTES.iter().find(|(name, _)| *name == "gzip").unwrap().1;
    let found = Scanner::new([CANARY]).scan(&encoder(&vec![b'.'; 5 << 20])).extent;
    assert_eq!(found, Extent::Cut);
    assert_eq!(Scanner::new([CANARY]).scan(b"little").extent, Extent::Whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_found_where_nothing_is(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!finds(&bytes));
    }

    #[test]
    fn nothing_is_found_in_text_where_nothing_is(text in "([a-zA-Z0-9+/=%&;\\\\<>\"{}:, -]|CANARY|PLACE|\\\\u0041|&#65;|%41){0,300}") {
        prop_assume!(!text.to_uppercase().contains("CANARY-Z"));
        for (_, encode) in ANY_BYTES {
            prop_assert!(!finds(&encode(text.as_bytes())));
        }
    }

    #[test]
    fn a_canary_is_found_amid_anything(
        before in proptest::collection::vec(any::<u8>(), 0..300),
        after in proptest::collection::vec(any::<u8>(), 0..300),
        which in 0..ANY_BYTES.len(),
    ) {
        let (name, encode) = ANY_BYTES[which];
        let bytes = [before.as_slice(), CANARY.as_bytes(), &after].concat();
        prop_assert!(finds(&encode(&bytes)), "{name}");
    }
}

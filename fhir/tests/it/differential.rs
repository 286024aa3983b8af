//! Our readers against others: the index against `serde_json`, and what is read as JSON against what is read as XML, over
//! real inputs and damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use fhir::json::{Document, Invalid, Kind, Limits, Node, parse};
use fhir::xml;
use serde_json::Value;

use crate::corpus;

/// Inputs of one folder that are looked at; each is damaged in many ways.
const FILES_MAX: usize = 400;
const BYTES_MAX: u64 = 200_000;

/// The bytes of our own small inputs, and of real ones where they are.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> =
        OWN.iter().map(|text| ((*text).to_owned(), text.as_bytes().to_vec())).collect();
    let leaks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/leaks/fixture");
    collect(&leaks, &mut found, FILES_MAX);
    for folder in ["fhir-test-cases-r4", "r4-official-examples", "r4-ukcore", "r4-pds"] {
        if let Some(folder) = corpus::folder(folder) {
            collect(&folder, &mut found, FILES_MAX);
        }
    }
    found
}

fn collect(folder: &Path, into: &mut Vec<(String, Vec<u8>)>, most: usize) {
    let mut open = vec![folder.to_path_buf()];
    let mut count = 0;
    while let Some(folder) = open.pop() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        entries.sort();
        for path in entries {
            let fits = path.extension().is_some_and(|found| found == "json")
                && path.metadata().is_ok_and(|held| held.len() < BYTES_MAX);
            if path.is_dir() {
                open.push(path);
            } else if fits && count < most {
                count += 1;
                into.push((path.display().to_string(), fs::read(&path).expect("a file")));
            }
        }
    }
}

/// Texts in which two readers could differ.
const OWN: [&str; 12] = [
    r#"{"a":1,"b":[true,false,null,1.00,-0.0,1e5,1E+2,12345678901234567890123]}"#,
    r#"{"a":{"b":{"c":[[[{}]]]}},"":"","A":" "}"#,
    r#"{"\u0061":1,"b":"\ud83d\ude00\u0000\"\\\/"}"#,
    r#"{"a":1,"\u0061":2}"#,
    r#"{"a":{"x":1,"y":2,"x":3}}"#,
    "[1,2,3]",
    "\"text\"",
    " { \"a\" : [ ] } ",
    r#"{"0":0,"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":0,"11":0,"12":0,"13":0,"14":0,"15":0,"16":0,"17":0,"18":0,"19":0,"20":0,"21":0,"22":0,"23":0,"24":0,"25":0,"26":0,"\u0030":1}"#,
    "{\"a\":\"\u{e9}\u{1F600}\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "{\"a\":1}{\"a\":1}",
];

fn limits() -> Limits {
    Limits { depth_max: 120, members_max: 100_000, ..Limits::default() }
}

#[expect(clippy::disallowed_methods, reason = "the other reader")]
fn oracle(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Whether the index holds what the other tree holds. Of an object with a name twice the other keeps the last.
fn same(node: Node<'_>, value: &Value) -> bool {
    match (node.kind(), value) {
        (Kind::Object, Value::Object(members)) => {
            node.members().count() == members.len()
                && node
                    .members()
                    .all(|(name, held)| members.get(&*name.text()).is_some_and(|other| same(held, other)))
                && members.iter().all(|(name, other)| node.member(name).is_some_and(|held| same(held, other)))
        }
        (Kind::Array, Value::Array(items)) => {
            node.items().count() == items.len()
                && node.items().zip(items).all(|(held, other)| same(held, other))
        }
        (Kind::String, Value::String(text)) => node.string().as_deref() == Some(text) && node.is_string(text),
        (Kind::Number, Value::Number(number)) => {
            let text = node.number_text().unwrap_or_default();
            let plain = |text: &str| text.to_ascii_lowercase().replace('+', "");
            plain(&number.to_string()) == plain(text) || text.parse().ok() == number.as_f64()
        }
        (Kind::Boolean, Value::Bool(held)) => node.boolean() == Some(*held),
        (Kind::Null, Value::Null) => true,
        _ => false,
    }
}

/// Both readers agree, or ours refuses and says why it refuses more.
#[track_caller]
fn check(name: &str, bytes: &[u8]) -> Option<Document> {
    match (parse(bytes.to_vec().into(), &limits()), oracle(bytes)) {
        (Ok(document), Some(value)) => {
            assert!(
                same(document.root(), &value),
                "{name}: the two trees differ: {:.300}",
                String::from_utf8_lossy(bytes)
            );
            Some(document)
        }
        (Ok(_), None) => panic!("{name}: accepted what serde_json refuses"),
        (Err(_), None) => None,
        (Err(refused), Some(_)) => {
            let stricter = matches!(
                refused,
                Invalid::Duplicate { .. }
                    | Invalid::TooDeep { .. }
                    | Invalid::TooManyMembers { .. }
                    | Invalid::TooManyValues { .. }
            );
            assert!(stricter, "{name}: refused without a reason: {refused}");
            None
        }
    }
}

/// A small generator: the same damage everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }
}

/// One damaged copy: a name twice, other numbers and escapes, more depth, bytes lost, doubled or changed.
fn damaged(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if out.is_empty() {
        return out;
    }
    let at = dice.below(out.len());
    let put = |out: &mut Vec<u8>, at: usize, what: &[u8]| drop(out.splice(at..at, what.iter().copied()));
    let open = |byte: u8| {
        bytes.iter().enumerate().filter(|(_, one)| **one == byte).map(|(at, _)| at).collect::<Vec<_>>()
    };
    match dice.below(12) {
        0 => {
            let braces = open(b'{');
            if let Some(at) = braces.get(dice.below(braces.len())) {
                put(&mut out, at + 1, br#""id":"one","i\u0064":"two","#);
            }
        }
        1 => {
            let braces = open(b'{');
            if let Some(at) = braces.get(dice.below(braces.len())) {
                put(&mut out, at + 1, br#""resourceType":"Other","#);
            }
        }
        2 => {
            let colons = open(b':');
            let number = ["1.00", "-0", "1e400", "01", "1.", "0x1", "9007199254740993", "-", "+1", "NaN"]
                [dice.below(10)];
            if let Some(at) = colons.get(dice.below(colons.len())) {
                put(&mut out, at + 1, format!("{number},\"n\":").as_bytes());
            }
        }
        3 => {
            let quotes = open(b'"');
            let escape =
                [r"\u0041", r"\ud800", r"\udc00\ud800", r"\x41", r"\n", r"\u00", r"\ud83d\ude00", "\u{200b}"]
                    [dice.below(8)];
            if let Some(at) = quotes.get(dice.below(quotes.len())) {
                put(&mut out, at + 1, escape.as_bytes());
            }
        }
        4 => {
            let colons = open(b':');
            if let Some(at) = colons.get(dice.below(colons.len())) {
                let deep = 1 + dice.below(150);
                put(&mut out, at + 1, format!("{}{},\"d\":", "[".repeat(deep), "]".repeat(deep)).as_bytes());
            }
        }
        5 => out.truncate(at),
        6 => drop(out.remove(at)),
        7 => out[at] = u8::try_from(dice.below(256)).expect("a byte"),
        8 => out[at] = [b'{', b'}', b'[', b']', b',', b':', b'"', b'\\'][dice.below(8)],
        9 => {
            let end = (at + 1 + dice.below(40)).min(out.len());
            let part = out[at..end].to_vec();
            put(&mut out, at, &part);
        }
        10 => put(
            &mut out,
            at,
            [&b"\xEF\xBB\xBF"[..], b"\x00", b"\xC0\x80", b"\xED\xA0\x80", b"/**/", b"\x0b"][dice.below(6)],
        ),
        _ => out.extend_from_slice(bytes),
    }
    out
}

#[test]
fn the_index_holds_what_another_reader_holds_and_refuses_only_what_two_readers_may_see_twice() {
    let inputs = inputs();
    assert!(inputs.len() > OWN.len());
    let (mut accepted, mut compared, mut dice) = (0, 0, Dice(20_261_122));
    for (name, bytes) in &inputs {
        accepted += usize::from(check(name, bytes).is_some());
        for number in 0..12 {
            let mut other = damaged(bytes, &mut dice);
            if number % 3 == 0 {
                other = damaged(&other, &mut dice);
            }
            accepted += usize::from(check(&format!("{name}, damage {number}"), &other).is_some());
            compared += 1;
        }
    }
    println!("{} inputs, {compared} damaged ones: {accepted} accepted by both", inputs.len());
    assert!(accepted > inputs.len() && accepted < inputs.len() + compared);
}

/// Where the two views of one resource differ, numbers as their text.
fn apart(one: Node<'_>, other: Node<'_>, at: &str) -> Option<String> {
    match (one.kind(), other.kind()) {
        (Kind::Object, Kind::Object) => one
            .members()
            .find_map(|(name, held)| match other.member(&name.text()) {
                Some(there) => apart(held, there, &format!("{at}.{}", name.text())),
                None => Some(format!("{at}.{}", name.text())),
            })
            .or_else(|| (one.members().count() != other.members().count()).then(|| at.to_owned())),
        (Kind::Array, Kind::Array) if one.len() == other.len() => one
            .items()
            .zip(other.items())
            .enumerate()
            .find_map(|(number, (one, other))| apart(one, other, &format!("{at}[{number}]"))),
        (Kind::String, Kind::String) => (one.string() != other.string()).then(|| at.to_owned()),
        (one_kind, other_kind) => (one_kind != other_kind || one.raw() != other.raw()).then(|| at.to_owned()),
    }
}

/// What can be said in XML reads back as the same resource; what cannot is refused, never changed.
#[test]
fn the_view_in_xml_is_the_view_in_json_also_of_damaged_resources() {
    let (mut same, mut refused, mut dice) = (0, 0, Dice(7));
    for (name, bytes) in inputs() {
        for number in 0..8 {
            let text = if number == 0 { bytes.clone() } else { damaged(&bytes, &mut dice) };
            let Ok(document) = parse(text.into(), &limits()) else { continue };
            let resources: Vec<Node<'_>> = match document.root().kind() {
                Kind::Array => document.root().items().collect(),
                Kind::Object | Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
                    vec![document.root()]
                }
            };
            for resource in resources {
                let Ok(written) = xml::from_json(resource, &xml::Limits::default()) else {
                    refused += 1;
                    continue;
                };
                let json = xml::to_json(&written, &xml::Limits::default()).unwrap_or_else(|fault| {
                    panic!("{name}, damage {number}: what was written is not read: {fault}")
                });
                let again = parse(json.into(), &limits()).expect("what is read from XML is JSON");
                let apart = apart(resource, again.root(), "");
                assert_eq!(apart, None, "{name}, damage {number}");
                same += 1;
            }
        }
    }
    println!("{same} resources the same in both forms, {refused} that cannot be said in XML");
    assert!(same > 100 && refused > 0);
}

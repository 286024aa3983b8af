//! What leaves says the same in either format, and what comes in XML is minimised like what comes in JSON: over invented
//! resources of every type and over real ones, by masks that are drawn.

use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use fhir::json::{Document, Kind, Limits, Node, parse};
use fhir::tables::resource_type;
use fhir::xml::{self, from_json, to_json};
use proptest::prelude::*;

use super::invent::Inventor;
use super::properties::{folder, rules};
use crate::fuzz::change::Changes;

fn read(text: &[u8]) -> Document {
    parse(Bytes::copy_from_slice(text), &Limits::default()).expect("strict JSON")
}

/// Where two values differ: the order of members is free, numbers are their text, strings their characters. A list of
/// nothing but `null` says nothing: what stands beside it says how long it is.
fn difference(left: Node<'_>, right: Node<'_>, path: &str) -> Option<String> {
    match (left.kind(), right.kind()) {
        (Kind::Object, Kind::Object) => {
            let named = |node: Node<'_>| -> Vec<String> {
                let says = |value: &Node<'_>| value.is_empty() || !value.items().all(Node::is_null);
                let told = node.members().filter(|(_, value)| value.kind() != Kind::Array || says(value));
                let mut names: Vec<String> = told.map(|(key, _)| key.text().into_owned()).collect();
                names.sort_unstable();
                names
            };
            if named(left) != named(right) {
                return Some(format!("{path}: {:?} {:?}", named(left), named(right)));
            }
            left.members().find_map(|(key, value)| {
                let path = format!("{path}.{}", key.text());
                difference(value, right.member(&key.text())?, &path)
            })
        }
        (Kind::Array, Kind::Array) if left.len() == right.len() => left
            .items()
            .zip(right.items())
            .enumerate()
            .find_map(|(at, (left, right))| difference(left, right, &format!("{path}[{at}]"))),
        (Kind::String, Kind::String) if left.string() == right.string() => None,
        (left_kind, right_kind) if left_kind == right_kind && left.raw() == right.raw() => None,
        _ => Some(path.to_owned()),
    }
}

/// What became of a resource.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// Its view says the same in either format.
    Same,
    /// XML cannot say its view, and why.
    Unsayable(String),
    /// Nothing of it is shown.
    Nothing,
}

/// Minimises a resource and writes what is left in XML.
fn check(text: &[u8], seed: u64) -> Came {
    let document = read(text);
    let owner =
        document.root().str_at(&["resourceType"]).and_then(|name| resource_type(&name)).expect("a type");
    let rules = rules([owner], seed).compile();
    let Ok((view, _)) = rules.minimise(document.root()) else { return Came::Nothing };
    let view = read(&view);
    let written = match from_json(view.root(), &xml::Limits::default()) {
        Ok(written) => written,
        Err(unwritable) => return Came::Unsayable(unwritable.why.to_string()),
    };
    let again = read(&to_json(&written, &xml::Limits::default()).expect("what was written can be read"));
    assert_eq!(difference(view.root(), again.root(), ""), None, "{}", String::from_utf8_lossy(text));

    // The same resource in XML has the same view.
    if let Ok(sent) = from_json(document.root(), &xml::Limits::default()) {
        let sent = read(&to_json(&sent, &xml::Limits::default()).expect("what was written can be read"));
        let (seen, _) = rules.minimise(sent.root()).expect("what is shown of the one is shown of the other");
        let seen = read(&seen);
        assert_eq!(difference(view.root(), seen.root(), ""), None, "{}", String::from_utf8_lossy(text));
    }
    Came::Same
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn a_view_says_the_same_in_either_format(resource: u64, mask: u64) {
        check(Inventor::resource(resource).as_bytes(), mask);
    }
}

/// The real resources of some corpora, and how many masks each is to be seen by.
fn corpora() -> Vec<(Vec<Vec<u8>>, u64)> {
    let mut found = Vec::new();
    for (below, seeds) in [
        ("data/r4-official-examples", 3),
        ("data/fhir-test-cases-r4", 2),
        ("data/r4-ukcore/examples", 3),
        ("leaks/fixture/resources", 10),
    ] {
        let Some(folder) = folder(below) else { continue };
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        // Some come in XML: what they say is looked at.
        let texts = files.iter().filter_map(|file| match file.extension()?.to_str()? {
            "json" => Some(fs::read(file).unwrap()),
            "xml" => to_json(&fs::read(file).unwrap(), &xml::Limits::default()).ok(),
            _ => None,
        });
        found.push((texts.filter(|text| is_resource(text)).collect(), seeds));
    }
    found
}

fn is_resource(text: &[u8]) -> bool {
    let Ok(document) = parse(Bytes::copy_from_slice(text), &Limits::default()) else { return false };
    document.root().str_at(&["resourceType"]).is_some_and(|name| resource_type(&name).is_some())
}

#[test]
fn the_views_of_real_records_can_be_said_in_xml_and_say_the_same() {
    let corpora = corpora();
    if corpora.is_empty() {
        return;
    }
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for (texts, seeds) in &corpora {
        for text in texts {
            for seed in 0..*seeds {
                *came.entry(format!("{:?}", check(text, seed ^ text.len() as u64))).or_default() += 1;
            }
        }
    }
    assert!(came["Same"] > 1_000, "{came:?}");
    assert!(!came.keys().any(|why| why.starts_with("Unsayable")), "every real record can be said: {came:?}");
}

/// What a changed record says may not be sayable in XML; what is said is the same.
#[test]
fn the_views_of_changed_records_say_the_same_in_either_format() {
    let small = |text: &Vec<u8>| text.len() < 20_000;
    let texts: Vec<Vec<u8>> = corpora().into_iter().flat_map(|(texts, _)| texts).filter(small).collect();
    let mut changes = Changes::new(&texts, 20_261_122);
    let mut came = [0, 0, 0];
    for seed in 0..if texts.is_empty() { 0 } else { 4_000 } {
        let text = changes.one_of_values();
        if is_resource(&text) {
            came[match check(&text, seed) {
                Came::Same => 0,
                Came::Unsayable(_) => 1,
                Came::Nothing => 2,
            }] += 1;
        }
    }
    println!("{} views the same, {} that XML cannot say, {} kept back", came[0], came[1], came[2]);
    assert!(texts.is_empty() || came[0] > 500, "{came:?}");
}

#[test]
fn the_views_of_invented_records_can_be_said_more_often_than_not() {
    let came: Vec<Came> = (0..200).map(|seed| check(Inventor::resource(seed).as_bytes(), seed)).collect();
    let same = came.iter().filter(|one| **one == Came::Same).count();
    assert!(same > 20, "the properties would prove little: {same} of {came:?}");
}

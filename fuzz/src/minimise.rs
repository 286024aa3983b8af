//! Minimising: nothing comes out that was not in, nothing that no rule lets be there, twice is once, and what came in XML has the
//! same view.
//!
//! An input is lines such as `Condition: code onset[x] -clinicalStatus`, which say what is shared of a type and which modifiers
//! are kept back; an empty line; and a resource.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::{Document, Key, Kind, Limits, Node, parse};
use fhir::path::ElementPath;
use fhir::tables::resource_type;
use fhir::xml::{self, from_json, to_json};
use gateway::enforce::minimise::TypeMask;

use super::oracle;
use super::rules::{Compiled, Rules, Shared};

/// What the gateway writes itself.
const MARKS: [&str; 7] = [
    r#""http://terminology.hl7.org/CodeSystem/v3-ObservationValue""#,
    r#""SUBSETTED""#,
    r#""REDACTED""#,
    r#""http://hl7.org/fhir/StructureDefinition/data-absent-reason""#,
    r#""masked""#,
    r#""<div xmlns=\"http://www.w3.org/1999/xhtml\">withheld</div>""#,
    "null",
];

/// Whether what comes out may.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((said, resource)) = text.split_once("\n\n") else { return };
    let Some(rules) = rules(said) else { return };
    let Some(document) = read(resource.as_bytes()) else { return };
    let compiled = rules.clone().compile();
    let Ok((out, _)) = compiled.minimise_text(resource.to_owned()) else { return };
    let Some(view) = read(&out) else { panic!("what comes out is no strict JSON") };

    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    scalars(document.root(), &mut before);
    scalars(view.root(), &mut after);
    let types = |scalar: &[u8]| {
        rules.share.keys().any(|name| scalar == format!("\"{name}\"").as_bytes()) || scalar == br#""Bundle""#
    };
    for scalar in after {
        let is_ours = MARKS.iter().any(|mark| mark.as_bytes() == scalar) || types(scalar);
        assert!(is_ours || before.contains(scalar), "something was added");
    }
    if let Err(wrong) = oracle::check(view.root(), &rules) {
        panic!("{wrong}");
    }
    let Ok((again, _)) = compiled.minimise(view.root()) else { panic!("the view cannot be minimised") };
    assert!(again == out, "twice is not once");
    in_xml(&document, &view, &compiled);
}

/// The same resource in XML has the same view.
fn in_xml(document: &Document, view: &Document, compiled: &Compiled) {
    let through = |node: Node<'_>| {
        let written = from_json(node, &xml::Limits::default()).ok()?;
        let json = to_json(&written, &xml::Limits::default());
        let Ok(json) = json else { panic!("what is written is not read") };
        read(&json)
    };
    if let Some(sent) = through(document.root()) {
        let Ok((seen, _)) = compiled.minimise(sent.root()) else { panic!("kept back when it comes in XML") };
        let seen = read(&seen);
        assert!(seen.is_some_and(|seen| same(seen.root(), view.root())), "in XML the view is another");
    }
    if let Some(shown) = through(view.root()) {
        assert!(same(shown.root(), view.root()), "written in XML the view is another");
    }
}

/// What is shared; nothing when the lines say what no agreement can.
fn rules(said: &str) -> Option<Rules> {
    let mut rules = Rules {
        persons: BTreeSet::from(["Patient/ann".to_owned()]),
        visible: BTreeSet::from(["Practitioner/gp".to_owned()]),
        strangers: BTreeSet::from(["Patient/bob".to_owned()]),
        ..Rules::default()
    };
    for line in said.lines() {
        let Some((name, paths)) = line.split_once(": ") else {
            rules.marks = Some("redacted".to_owned()).filter(|_| line == "redacted");
            continue;
        };
        let owner = resource_type(name)?;
        let (mut elements, mut withhold) = (Vec::new(), Vec::new());
        for path in paths.split(' ').filter(|path| !path.is_empty()) {
            let (list, path) =
                path.strip_prefix('-').map_or((&mut elements, path), |path| (&mut withhold, path));
            list.push(ElementPath::parse(owner, path).ok()?);
        }
        TypeMask::compile(owner, &elements, &withhold).ok()?;
        let texts = |paths: &[ElementPath]| paths.iter().map(ElementPath::text).collect();
        let shared = Shared { elements: texts(&elements), withhold: texts(&withhold) };
        rules.share.insert(name.to_owned(), shared);
    }
    Some(rules)
}

fn read(text: &[u8]) -> Option<Document> {
    parse(Bytes::copy_from_slice(text), &Limits::default()).ok()
}

fn scalars<'d>(node: Node<'d>, found: &mut BTreeSet<&'d [u8]>) {
    match node.kind() {
        Kind::Object => node.members().for_each(|(_, value)| scalars(value, found)),
        Kind::Array => node.items().for_each(|item| scalars(item, found)),
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
            found.insert(node.raw());
        }
    }
}

/// Whether two resources say the same: the order of members is free, and a list of nothing but `null` says nothing.
fn same(one: Node<'_>, other: Node<'_>) -> bool {
    match (one.kind(), other.kind()) {
        (Kind::Object, Kind::Object) => {
            let says = |node: &Node<'_>| node.kind() != Kind::Array || !node.items().all(Node::is_null);
            let told = |node: Node<'_>| node.members().filter(|(_, held)| says(held)).count();
            let there = |(name, held): (Key<'_>, Node<'_>)| {
                !says(&held) || other.member(&name.text()).is_some_and(|there| same(held, there))
            };
            told(one) == told(other) && one.members().all(there)
        }
        (Kind::Array, Kind::Array) => {
            one.len() == other.len() && one.items().zip(other.items()).all(|(one, other)| same(one, other))
        }
        (Kind::String, Kind::String) => one.string() == other.string(),
        (one_kind, other_kind) => one_kind == other_kind && one.raw() == other.raw(),
    }
}

//! FHIR XML: real resources there and back, what is refused, and properties of generated resources.

mod examples;
mod generated;
mod refused;
mod written;

use std::collections::BTreeMap;

use fhir::json::{Document, Kind, Limits as JsonLimits, Node, parse};
use fhir::xml::{Limits, from_json, to_json};

/// Indexes JSON that must be valid.
#[track_caller]
fn document(json: &[u8]) -> Document {
    let limits = JsonLimits { bytes_max: 64 << 20, members_max: 10_000, ..JsonLimits::default() };
    parse(json.to_vec().into(), &limits).expect("strict JSON")
}

#[track_caller]
fn xml_of(json: &str) -> String {
    let xml = from_json(document(json.as_bytes()).root(), &Limits::default()).expect("writable");
    String::from_utf8(xml).expect("UTF-8")
}

#[track_caller]
fn json_of(xml: &str) -> String {
    String::from_utf8(to_json(xml.as_bytes(), &Limits::default()).expect("readable")).expect("UTF-8")
}

/// Where two values differ: the order of members is free, numbers are their text, strings their characters.
fn difference(left: Node<'_>, right: Node<'_>, path: &str) -> Option<String> {
    let differs = |is: bool| is.then(|| path.to_owned());
    match (left.kind(), right.kind()) {
        (Kind::Object, Kind::Object) => {
            let [left, right] = [left, right].map(|node| {
                node.members()
                    .map(|(key, value)| (key.text().into_owned(), value))
                    .collect::<BTreeMap<_, _>>()
            });
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            names.into_iter().find_map(|name| match (left.get(name), right.get(name)) {
                (Some(left), Some(right)) => difference(*left, *right, &format!("{path}.{name}")),
                _ => Some(format!("{path}.{name}")),
            })
        }
        (Kind::Array, Kind::Array) if left.len() == right.len() => left
            .items()
            .zip(right.items())
            .enumerate()
            .find_map(|(index, (left, right))| difference(left, right, &format!("{path}[{index}]"))),
        (Kind::String, Kind::String) => differs(left.string() != right.string()),
        (left_kind, right_kind) => differs(left_kind != right_kind || left.raw() != right.raw()),
    }
}

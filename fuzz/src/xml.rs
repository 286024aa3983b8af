//! FHIR in XML: what is read can be written and is read as the same; what is written is what a strict reader of XML takes.
//!
//! An input that begins with `<` is XML, any other JSON.

use bytes::Bytes;
use fhir::json::{self, Document, Kind, Node};
use fhir::xml::{Limits, from_json, to_json};

/// Whether the two forms say the same.
pub fn check(input: &[u8]) {
    let is_xml = input.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    let read = if is_xml { to_json(input, &Limits::default()).ok() } else { Some(input.to_vec()) };
    let Some(text) = read else { return };
    let Some(document) = parsed(text) else {
        assert!(!is_xml, "what is read from XML is no JSON");
        return;
    };
    let written = match from_json(document.root(), &Limits::default()) {
        Ok(written) => written,
        Err(why) => {
            assert!(!is_xml, "what was read from XML cannot be written: {why}");
            return;
        }
    };
    let again = to_json(&written, &Limits::default());
    let Ok(again) = again else { panic!("what is written is not read: {:?}", again.err()) };
    let Some(again) = parsed(again) else { panic!("what is read from XML is no JSON") };
    if let Some(place) = apart(document.root(), again.root(), "") {
        panic!("the two forms differ at {place}");
    }
    let twice = from_json(again.root(), &Limits::default());
    assert!(twice.is_ok_and(|twice| twice == written), "written again it is another");
}

fn parsed(text: Vec<u8>) -> Option<Document> {
    json::parse(Bytes::from(text), &json::Limits::default()).ok()
}

/// Where two resources differ, numbers as their text. The order of members is free, and a list of nothing but `null` says
/// nothing.
fn apart(one: Node<'_>, other: Node<'_>, at: &str) -> Option<String> {
    match (one.kind(), other.kind()) {
        (Kind::Object, Kind::Object) => {
            let says = |node: &Node<'_>| node.kind() != Kind::Array || !node.items().all(Node::is_null);
            let told = |node: Node<'_>| node.members().filter(|(_, held)| says(held)).count();
            let mut members = one.members().filter(|(_, held)| says(held));
            let place = members.find_map(|(name, held)| {
                let at = format!("{at}.{}", name.text());
                match other.member(&name.text()) {
                    Some(there) => apart(held, there, &at),
                    None => Some(at),
                }
            });
            place.or_else(|| (told(one) != told(other)).then(|| at.to_owned()))
        }
        (Kind::Array, Kind::Array) if one.len() == other.len() => {
            one.items().zip(other.items()).find_map(|(one, other)| apart(one, other, at))
        }
        (Kind::String, Kind::String) => (one.string() != other.string()).then(|| at.to_owned()),
        (one_kind, other_kind) => (one_kind != other_kind || one.raw() != other.raw()).then(|| at.to_owned()),
    }
}

//! One instance of a type with a value of its own in every leaf.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Document, Limits, parse};
use fhir::tables::{Element, TypeId, TypeKind};

/// Objects inside one another.
const DEPTH_MAX: usize = 7;
/// The systems of identifiers, and what stands for each in the lists.
pub(super) const SYSTEMS: [(&str, &str); 4] = [
    ("https://fhir.nhs.uk/Id/nhs-number", "NHS number"),
    ("https://fhir.nhs.uk/Id/ods-organization-code", "ODS code"),
    ("https://northshire.nhs.uk/hospital-number", "hospital number"),
    ("urn:other", "another"),
];
/// To whom every reference leads that can lead to a Patient.
pub(super) const PERSON: &str = "Patient/ann";

/// One resource of `owner`, each leaf of which holds its own path; `also` are members written before the others.
pub(super) fn saturated(owner: TypeId, also: &str) -> Document {
    let mut out = format!("{{\"resourceType\":\"{owner}\",\"id\":\"one\"{also}");
    members(owner, owner.name(), &mut vec![owner], &mut out);
    out.push('}');
    let limits = Limits { members_max: 10_000, ..Limits::default() };
    parse(out.into(), &limits).expect("what is written here is JSON")
}

fn members(owner: TypeId, at: &str, around: &mut Vec<TypeId>, out: &mut String) {
    let is_resource = matches!(owner.kind(), TypeKind::Resource | TypeKind::Abstract);
    for (key, element) in owner.keys() {
        // Their presence keeps the whole back, and an id is written first.
        let apart = ["modifierExtension", "implicitRules"].contains(&key) || (is_resource && key == "id");
        let Some(kind) = element.only_type().or_else(|| element.child_type()) else { continue };
        let path = format!("{at}.{key}");
        // A name that has ended is one of before, and not shown of protected people.
        let is_over = key == "end" && around.iter().any(|outer| outer.name() == "HumanName");
        let deep =
            is_over || around.len() > DEPTH_MAX || (around.contains(&kind) && !kind.kind().is_primitive());
        if apart || deep {
            continue;
        }
        let Some(value) = value(&element, key, kind, &path, around) else { continue };
        separate(out);
        let listed = if element.is_array() { format!("[{value}]") } else { value };
        write!(out, "\"{key}\":{listed}").expect("a text takes what is written");
        if kind.kind().is_primitive() && key != "url" && key != "div" && key != "id" {
            let beside =
                format!("{{\"extension\":[{{\"url\":\"urn:sibling\",\"valueString\":\"{at}._{key}\"}}]}}");
            let beside = if element.is_array() { format!("[{beside}]") } else { beside };
            write!(out, ",\"_{key}\":{beside}").expect("a text takes what is written");
        }
    }
}

fn separate(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

fn value(element: &Element, key: &str, kind: TypeId, path: &str, around: &mut Vec<TypeId>) -> Option<String> {
    Some(match (kind.kind(), kind.name()) {
        (TypeKind::Number, _) => "7".to_owned(),
        (TypeKind::Boolean, _) => "true".to_owned(),
        (TypeKind::Text, "xhtml") => {
            format!("\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">{path}</div>\"")
        }
        // Content is what it says it is, or it would stay back.
        (TypeKind::Text, "base64Binary") => format!("\"{}\"", STANDARD.encode(path)),
        (TypeKind::Text, _) if key == "contentType" => "\"text/plain\"".to_owned(),
        (TypeKind::Text, _) => format!("\"{path}\""),
        (_, "Extension") => format!("{{\"url\":\"urn:extension\",\"valueString\":\"{path}\"}}"),
        (_, "Reference") => {
            let targets: Vec<&str> = element.targets().iter().map(|target| target.name()).collect();
            let to = match targets.first() {
                // What is contained leaves only where something leads to it.
                _ if path.ends_with("MedicationRequest.medicationReference") => "#c1".to_owned(),
                _ if targets.contains(&"Patient") => PERSON.to_owned(),
                Some(first) => format!("{first}/x1"),
                None => PERSON.to_owned(),
            };
            begun(format!("{{\"reference\":\"{to}\""), kind, path, around)
        }
        (_, "Identifier") => {
            let several = if element.is_array() { &SYSTEMS[..] } else { &SYSTEMS[3..] };
            let one = several
                .iter()
                .map(|(system, _)| begun(format!("{{\"system\":\"{system}\""), kind, path, around));
            one.collect::<Vec<_>>().join(",")
        }
        (TypeKind::Abstract, _) if key == "contained" => format!(
            "{{\"resourceType\":\"Medication\",\"id\":\"c1\",\"code\":{{\"text\":\"{path}\"}}}},\
             {{\"resourceType\":\"Basic\",\"id\":\"c2\",\"code\":{{\"text\":\"{path}\"}}}}"
        ),
        (TypeKind::Abstract | TypeKind::Resource, _) => {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"ann\",\"name\":[{{\"family\":\"{path}\"}}]}}")
        }
        (TypeKind::Complex | TypeKind::Backbone, _) => {
            let whole = begun("{".to_owned(), kind, path, around);
            (whole != "{}").then_some(whole)?
        }
    })
}

/// An object of `kind` that was `begun`, with all its members.
fn begun(begun: String, kind: TypeId, path: &str, around: &mut Vec<TypeId>) -> String {
    let mut out = begun.clone();
    let mut held = String::from("{");
    around.push(kind);
    members(kind, path, around, &mut held);
    around.pop();
    held.push('}');
    let held = parse(held.into(), &Limits::default()).expect("what is written here is JSON");
    for (name, value) in held.root().members() {
        if !begun.contains(&format!("\"{}\":", name.text())) {
            separate(&mut out);
            let value = std::str::from_utf8(value.raw()).expect("it was text");
            write!(out, "\"{}\":{value}", name.text()).expect("a text takes what is written");
        }
    }
    out.push('}');
    out
}

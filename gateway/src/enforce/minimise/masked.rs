//! Required elements that do not come out: `data-absent-reason` `masked`, in the shape their type asks for.

use fhir::tables::{Element, TypeId, TypeKind};

const REASON: &str = r#""extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]"#;

/// What stands for a narrative: XHTML has no extensions, and an empty one is not valid.
const NARRATIVE: &str = r#"<div xmlns=\"http://www.w3.org/1999/xhtml\">withheld</div>"#;

/// The member that stands for `element`, name included; nothing for a nested resource, which cannot be masked.
///
/// A choice is masked as its first type in the order of the specification. The required children of a masked object
/// are masked too, so that it stays valid.
pub(super) fn member(element: &Element) -> Option<Vec<u8>> {
    let found = element.types().first()?.id();
    let key = key(element, found);
    if found.is_xhtml() {
        return Some(format!("\"{key}\":\"{NARRATIVE}\"").into_bytes());
    }
    let text = match (found.kind(), element.is_array()) {
        (TypeKind::Text | TypeKind::Number | TypeKind::Boolean, false) => format!("\"_{key}\":{{{REASON}}}"),
        (TypeKind::Text | TypeKind::Number | TypeKind::Boolean, true) => {
            format!("\"{key}\":[null],\"_{key}\":[{{{REASON}}}]")
        }
        (TypeKind::Complex | TypeKind::Backbone, false) => format!("\"{key}\":{}", object(found)),
        (TypeKind::Complex | TypeKind::Backbone, true) => format!("\"{key}\":[{}]", object(found)),
        (TypeKind::Resource | TypeKind::Abstract, _) => return None,
    };
    Some(text.into_bytes())
}

fn object(owner: TypeId) -> String {
    let mut text = format!("{{{REASON}");
    for element in owner.elements().filter(|element| element.min() > 0) {
        if let Some(member) = member(&element).and_then(|member| String::from_utf8(member).ok()) {
            text.push(',');
            text.push_str(&member);
        }
    }
    text.push('}');
    text
}

/// The JSON name of `element` when it has the type `found`.
fn key(element: &Element, found: TypeId) -> &'static str {
    let mut keys = element.owner().keys();
    let same = keys.find(|(_, other)| other.id() == element.id() && other.only_type() == Some(found));
    same.map_or(element.name(), |(key, _)| key)
}

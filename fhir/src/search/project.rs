//! A part of a resource (`_summary`, `_elements`): what was asked for, with what a resource cannot be without.
//!
//! Kept whatever is asked: `resourceType`, `id`, `meta`, required elements and modifiers. A projection only takes away;
//! that the result is a part is said by the `SUBSETTED` that whoever minimises has put on it already.

use super::controls::Projection;
use crate::json::{Key, Kind, Node, Writer, quote};
use crate::tables::{self, Element, TypeId, TypeKind};

/// Members that are never taken away.
const ALWAYS: [&str; 4] = ["resourceType", "id", "meta", "implicitRules"];

/// Writes what `projection` asks for of `resource`; nothing of a type that R4 does not know, and none for a count.
#[must_use]
pub fn project(resource: Node<'_>, projection: &Projection) -> Vec<u8> {
    if *projection == Projection::Whole {
        return resource.raw().to_vec();
    }
    let mut out = Vec::with_capacity(resource.raw().len() / 2);
    let owner = resource.str_at(&["resourceType"]).and_then(|name| tables::resource_type(&name));
    if let (Some(owner), false) = (owner, *projection == Projection::Count) {
        let mut json = Writer::new(&mut out);
        members(resource, owner, projection, &mut json);
        json.finish();
    }
    out
}

fn members(resource: Node<'_>, owner: TypeId, projection: &Projection, json: &mut Writer<'_>) {
    json.object();
    let mut refers_inwards = false;
    for (key, value) in resource.members() {
        let name = key.text();
        if ALWAYS.contains(&&*name) {
            json.key(&name).raw(value.raw());
            continue;
        }
        let Some(element) = tables::element(owner, name.strip_prefix('_').unwrap_or(&name)) else { continue };
        if element.name() == "contained" || !is_kept(&element, projection) {
            continue;
        }
        let summary = match *projection == Projection::Summary {
            true => summary(value, &element),
            false => Summary::Whole,
        };
        let kept = match &summary {
            Summary::Whole => value.raw(),
            Summary::Part(part) => part.as_slice(),
            Summary::Nothing => continue,
        };
        refers_inwards |= kept.windows(2).any(|two| two == b"\"#");
        json.key(&name).raw(kept);
    }
    // What is kept may refer to a resource within.
    if let (true, Some(contained)) = (refers_inwards, resource.member("contained")) {
        json.key("contained").raw(contained.raw());
    }
    json.close();
}

/// What the summary keeps of a value.
enum Summary {
    Whole,
    Part(Vec<u8>),
    /// FHIR has no empty objects.
    Nothing,
}

/// Looks into what has elements of its own; data types belong to the summary as they are.
fn summary(value: Node<'_>, element: &Element) -> Summary {
    let Some(inside) = element.child_type().filter(|inside| inside.kind() == TypeKind::Backbone) else {
        return Summary::Whole;
    };
    let part = match value.kind() == Kind::Array {
        true => joined(b"[", value.items().filter_map(|item| object(item, inside)), b"]"),
        false => object(value, inside),
    };
    match (part, element.min()) {
        (Some(part), _) => Summary::Part(part),
        (None, 0) => Summary::Nothing,
        (None, _) => Summary::Whole,
    }
}

/// The members of an object inside a resource that belong to the summary, if any does.
fn object(node: Node<'_>, owner: TypeId) -> Option<Vec<u8>> {
    let member = |(key, value): (Key<'_>, Node<'_>)| {
        let name = key.text();
        let element = tables::element(owner, name.strip_prefix('_').unwrap_or(&name))?;
        if !is_kept(&element, &Projection::Summary) {
            return None;
        }
        let mut written = Vec::new();
        quote(&name, &mut written);
        written.push(b':');
        match summary(value, &element) {
            Summary::Whole => written.extend_from_slice(value.raw()),
            Summary::Part(part) => written.extend(part),
            Summary::Nothing => return None,
        }
        Some(written)
    };
    joined(b"{", node.members().filter_map(member), b"}")
}

fn joined(open: &[u8], parts: impl Iterator<Item = Vec<u8>>, close: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<Vec<u8>> = parts.collect();
    (!parts.is_empty()).then(|| [open, parts.join(&b","[..]).as_slice(), close].concat())
}

fn is_kept(element: &Element, projection: &Projection) -> bool {
    let asked = match projection {
        Projection::Whole => true,
        Projection::Elements(names) => names.contains(&element.name()),
        Projection::Summary => element.is_summary(),
        Projection::Text => element.name() == "text",
        Projection::Data => element.name() != "text",
        Projection::Count => false,
    };
    asked || element.min() > 0 || element.is_modifier()
}

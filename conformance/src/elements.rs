//! Whether a resource holds only what R4 defines, in the shape it defines.

use bytes::Bytes;
use fhir::json::{Kind, Limits, Node};
use fhir::tables::{Element, TypeId, TypeKind, element, resource_type};

use crate::check::{Judgement, Otherwise};

/// Resources inside one another; contained resources hold none themselves, Bundles do.
const DEPTH_MAX: usize = 60;

/// Checks one resource in JSON.
///
/// # Errors
/// The first thing that R4 does not define.
pub fn check(resource: Bytes) -> Judgement {
    match fhir::json::parse(resource, &Limits::default()) {
        Ok(document) => known(document.root()),
        Err(invalid) => Err(Otherwise::unmet("a resource in JSON", invalid.to_string())),
    }
}

/// Every property is an element of its type, and repeats only where it may.
pub(crate) fn known(resource: Node<'_>) -> Judgement {
    nested(resource, 0)
}

fn nested(resource: Node<'_>, depth: usize) -> Judgement {
    let name = resource.member("resourceType").and_then(Node::string);
    match name.and_then(|name| resource_type(&name)) {
        Some(found) => object(resource, found, depth),
        None => wrong("a resourceType that R4 does not define"),
    }
}

fn object(node: Node<'_>, owner: TypeId, depth: usize) -> Judgement {
    if node.kind() != Kind::Object {
        return wrong(&format!("something else than an object for a {owner}"));
    }
    if depth > DEPTH_MAX {
        return Err(Otherwise::error("the resource is nested deeper than this suite looks"));
    }
    for (key, value) in node.members() {
        let key = key.text();
        if key == "resourceType" {
            continue;
        }
        let (bare, sibling) = key.strip_prefix('_').map_or((key.as_ref(), false), |bare| (bare, true));
        let Some(found) = element(owner, bare) else {
            return wrong(&format!("a property of {owner} that R4 does not define"));
        };
        let holds = if sibling { extras(value, found) } else { values(value, found, depth) };
        holds?;
    }
    Ok(())
}

/// `_name` stands beside primitives only.
fn extras(value: Node<'_>, found: Element) -> Judgement {
    let primitive = found.types().iter().any(|one| one.id().kind().is_primitive());
    let shaped = if found.is_array() { Kind::Array } else { Kind::Object };
    if primitive && value.kind() == shaped {
        return Ok(());
    }
    wrong(&format!("{} with a sibling that it cannot have", found.path()))
}

fn values(value: Node<'_>, found: Element, depth: usize) -> Judgement {
    match (found.is_array(), value.kind()) {
        (true, Kind::Array) => {
            value.items().filter(|item| !item.is_null()).try_for_each(|item| one(item, found, depth))
        }
        (true, _) => wrong(&format!("{} that is no array", found.path())),
        (false, Kind::Array) => wrong(&format!("{} that repeats", found.path())),
        (false, _) => one(value, found, depth),
    }
}

fn one(value: Node<'_>, found: Element, depth: usize) -> Judgement {
    let Some(expected) = found.only_type().or_else(|| found.types().first().map(|one| one.id())) else {
        return Ok(());
    };
    let fits = |kind: Kind| {
        if value.kind() == kind { Ok(()) } else { wrong(&format!("{} of another JSON type", found.path())) }
    };
    match expected.kind() {
        TypeKind::Text => fits(Kind::String),
        TypeKind::Number => fits(Kind::Number),
        TypeKind::Boolean => fits(Kind::Boolean),
        TypeKind::Resource | TypeKind::Abstract => nested(value, depth + 1),
        TypeKind::Complex | TypeKind::Backbone => object(value, expected, depth + 1),
    }
}

fn wrong<T>(found: &str) -> Result<T, Otherwise> {
    Err(Otherwise::unmet("only elements that R4 defines, in their shape", found))
}

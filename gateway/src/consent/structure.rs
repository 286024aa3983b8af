//! Whether a Consent has the members and shapes that R4 gives it.

use fhir::json::{Kind, Node};
use fhir::tables::{self, Element, TypeId, TypeKind};

use super::validate::{Problem, Wrong};

/// The most problems that are told at once.
pub(super) const PROBLEMS_MAX: usize = 50;

/// Adds every member of `resource` that R4 does not know, or that has another shape there.
pub(super) fn check(resource: Node<'_>, resource_type: TypeId, problems: &mut Vec<Problem>) {
    let mut open = vec![(resource, resource_type, resource_type.name().to_owned())];
    while let Some((node, owner, path)) = open.pop() {
        for (key, value) in node.members() {
            if problems.len() >= PROBLEMS_MAX {
                return;
            }
            let name = key.text();
            if owner == resource_type && name == "resourceType" {
                continue;
            }
            // The sibling of a primitive holds its id and extensions.
            if let Some(primitive) = name.strip_prefix('_') {
                if tables::element(owner, primitive).is_none() {
                    problems.push(Problem::at(&path, Wrong::UnknownElement));
                }
                continue;
            }
            let Some(element) = tables::element(owner, &name) else {
                problems.push(Problem::at(&path, Wrong::UnknownElement));
                continue;
            };
            let at = format!("{path}.{}", element.name());
            match items(value, &element) {
                Some(items) => check_items(&items, &element, &at, problems, &mut open),
                None => problems.push(Problem::at(&at, Wrong::Shape)),
            }
        }
    }
}

fn items<'a>(value: Node<'a>, element: &Element) -> Option<Vec<Node<'a>>> {
    match (value.kind(), element.is_array()) {
        (Kind::Array, true) if !value.is_empty() => Some(value.items().collect()),
        (Kind::Array, _) | (_, true) => None,
        (_, false) => Some(vec![value]),
    }
}

fn check_items<'a>(
    items: &[Node<'a>],
    element: &Element,
    at: &str,
    problems: &mut Vec<Problem>,
    open: &mut Vec<(Node<'a>, TypeId, String)>,
) {
    let Some(found) = element.only_type() else { return };
    for item in items {
        let fits = match (found.kind(), item.kind()) {
            (TypeKind::Text, Kind::String) => item.string().is_some_and(|text| !text.is_empty()),
            (TypeKind::Number, Kind::Number) | (TypeKind::Boolean, Kind::Boolean) => true,
            (
                TypeKind::Complex | TypeKind::Backbone | TypeKind::Resource | TypeKind::Abstract,
                Kind::Object,
            ) => !item.is_empty(),
            (_, _) => false,
        };
        if !fits {
            problems.push(Problem::at(at, Wrong::Shape));
        } else if matches!(found.kind(), TypeKind::Complex | TypeKind::Backbone) {
            open.push((*item, found, at.to_owned()));
        }
    }
}

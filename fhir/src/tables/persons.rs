//! Which elements may refer to a person.

use super::{Element, TypeId, TypeKind};

const PERSONS: [&str; 4] = ["Patient", "RelatedPerson", "Person", "Group"];

/// The paths below `owner` of the elements that may refer to a person.
pub(super) fn find(owner: TypeId) -> Vec<String> {
    let mut found = Vec::new();
    enter(owner, "", &mut vec![owner], &mut found);
    found
}

fn enter(owner: TypeId, prefix: &str, open: &mut Vec<TypeId>, found: &mut Vec<String>) {
    for element in owner.elements() {
        let path = if prefix.is_empty() {
            element.name().to_owned()
        } else {
            format!("{prefix}.{}", element.name())
        };
        if refers_to_person(&element) {
            found.push(path.clone());
        }
        for child in element.types().iter().map(super::ElementType::id) {
            let has_members = matches!(child.kind(), TypeKind::Complex | TypeKind::Backbone);
            if has_members && !open.contains(&child) && !matches!(child.name(), "Extension" | "Reference") {
                open.push(child);
                enter(child, &path, open, found);
                open.pop();
            }
        }
    }
}

fn refers_to_person(element: &Element) -> bool {
    element.types().iter().filter(|found| found.id().name() == "Reference").any(|reference| {
        reference.targets().is_empty()
            || reference.targets().iter().any(|target| PERSONS.contains(&target.name()))
    })
}

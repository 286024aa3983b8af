//! Element paths: one that is read is in its normal form, names what exists, and a mask of it shows it and nothing else.
//!
//! An input is a type, a full stop, and a path.

use fhir::path::{ElementPath, Step};
use fhir::tables::{element_named, resource_type};
use gateway::enforce::minimise::{TypeMask, Visible};

/// Whether the path is what it says.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((owner, text)) = text.split_once('.') else { return };
    let Some(owner) = resource_type(owner) else { return };
    let Ok(path) = ElementPath::parse(owner, text) else { return };
    assert_eq!(path.text(), text, "another path is meant");
    assert_eq!(path.to_string(), format!("{owner}.{text}"));
    assert!(
        ElementPath::parse(owner, &path.text()).is_ok_and(|again| again == path),
        "read anew it is another"
    );

    let mut types = vec![owner];
    for step in path.steps() {
        assert!(
            types.iter().any(|found| element_named(*found, step.element()).is_some()),
            "a step names no element"
        );
        types = step.leads_to(&types);
        assert!(!types.is_empty(), "a step leads nowhere");
    }
    let Ok(mask) = TypeMask::compile(owner, [&path], []) else { return };
    let is_ours = matches!(path.steps(), [Step::Element("meta"), Step::Element("versionId"), ..]);
    let is_removed = path.steps().iter().rev().skip(1).any(|step| matches!(step, Step::Extension(_)));
    assert!(is_ours || is_removed || mask.visibility(&path) != Visible::None, "what is named is not seen");
    // What stands beside it and is no modifier stays hidden.
    let [Step::Element(first), ..] = path.steps() else { return };
    for other in owner.elements().filter(|other| other.name() != *first && !other.is_modifier()) {
        let beside = ElementPath::parse(owner, other.name());
        let is_tie =
            other.types().iter().any(|found| matches!(found.id().name(), "Reference" | "BackboneElement"))
                || matches!(other.name(), "id" | "extension");
        let Ok(beside) = beside else { continue };
        let seen = mask.visibility(&beside);
        assert!(is_tie || seen != Visible::Whole, "{beside} is seen, and nobody named it");
    }
}

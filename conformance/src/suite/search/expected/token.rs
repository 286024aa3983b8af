//! Tokens: a code, and the system that it belongs to.

use super::super::query::{split, unescaped};
use super::{Place, Told};
use crate::tree::Node;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    system: System,
    code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum System {
    /// Whichever, or none.
    Any,
    /// None at all.
    None,
    /// This one.
    Is(String),
}

impl Wanted {
    /// Reads `code`, `system|code`, `|code` or `system|`.
    pub(super) fn read(value: &str) -> Self {
        let mut parts = split(value, '|').into_iter();
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        match second {
            None => Self { system: System::Any, code: Some(unescaped(&first)) },
            Some(code) => Self {
                system: if first.is_empty() { System::None } else { System::Is(unescaped(&first)) },
                code: (!code.is_empty()).then(|| unescaped(&code)),
            },
        }
    }

    fn meets(&self, system: Option<&str>, code: Option<&str>) -> Told {
        let of_system = match &self.system {
            System::Any => true,
            System::None => system.is_none(),
            System::Is(wanted) => system == Some(wanted),
        };
        match (of_system, &self.code, code) {
            (false, _, _) | (true, Some(_), None) => Told::No,
            (true, None, _) => Told::Yes,
            (true, Some(wanted), Some(code)) if wanted == code => Told::Yes,
            // Whether case counts is the code system's to say.
            (true, Some(wanted), Some(code)) if wanted.to_lowercase() == code.to_lowercase() => Told::Open,
            (true, Some(_), Some(_)) => Told::No,
        }
    }
}

/// Whether a value is what is wanted.
pub(super) fn meets(place: &Place<'_>, wanted: &Wanted) -> Option<Told> {
    let node = place.node;
    Some(match place.of {
        "Coding" => wanted.meets(node.child_text("system"), node.child_text("code")),
        "CodeableConcept" => Told::any(
            node.named("coding")
                .map(|coding| wanted.meets(coding.child_text("system"), coding.child_text("code"))),
        ),
        "Identifier" => identifier(node, wanted),
        "ContactPoint" => bare(node.child_text("value")?, wanted),
        "boolean" | "string" | "id" | "uri" | "canonical" => bare(node.text()?, wanted),
        // A code has the system of its value set, which the tables do not tell.
        "code" => bare(node.text()?, wanted),
        _ => return None,
    })
}

/// Whether an identifier is what is wanted.
pub(super) fn identifier(node: Node<'_>, wanted: &Wanted) -> Told {
    wanted.meets(node.child_text("system"), node.child_text("value"))
}

/// A value that has no system of its own.
fn bare(text: &str, wanted: &Wanted) -> Told {
    match (&wanted.system, &wanted.code) {
        (System::Any, Some(_)) => wanted.meets(None, Some(text)),
        (System::Any, None) => Told::from(false),
        (System::None | System::Is(_), _) => Told::Open,
    }
}

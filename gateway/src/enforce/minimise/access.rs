//! What a mask says about one element: the rules of DESIGN section 5, once, for the walk and for the search guard.

use fhir::tables::{Element, TypeId};

use super::mask::{NEVER_SHARED, Named, is_modifier};

/// How an object came to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    /// It or what holds it is named: its children are shared but for those always removed.
    Whole,
    /// Only some of its children are named.
    Part,
    /// It is a named extension: all of it is shared, nested extensions too.
    Extension,
}

/// What is shared of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing.
    No,
    /// Its presence withholds the resource, whatever is named.
    Never,
    /// Its presence withholds the resource, because the agreement keeps this modifier back.
    Withheld,
    /// What is said about its children.
    Part,
    /// It and its children.
    Whole(Weight),
}

/// Whether an element is a reason to share what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It is.
    Content,
    /// It only goes with the rest.
    Companion,
}

/// Which identifiers a mask shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identifiers {
    /// All of them: the element itself is named, and says which identifier it is.
    All,
    /// NHS numbers and those of named systems.
    BySystem,
}

/// What is shared of `element`, an element of `owner` looked up as one alternative of type `found`, when `said` is
/// what paths say about it and its holder is shared as `mode`.
///
/// A part of a Reference or an Identifier comes with its address or system: by these it was decided that the part may
/// be seen, and whoever reads it can tell of what it is a part.
pub(super) fn access(owner: TypeId, element: &Element, found: TypeId, said: &Named, mode: Mode) -> Access {
    if NEVER_SHARED.contains(&element.name()) {
        return Access::Never;
    }
    if said.withheld {
        return Access::Withheld;
    }
    if said.whole || (owner.name(), element.name()) == ("Reference", "reference") {
        return Access::Whole(Weight::Content);
    }
    if mode == Mode::Part && (owner.name(), element.name()) == ("Identifier", "system") {
        return Access::Whole(Weight::Companion);
    }
    if is_modifier(element) {
        return Access::Whole(if mode == Mode::Part { Weight::Companion } else { Weight::Content });
    }
    let by_holder = match mode {
        Mode::Part => false,
        // Of which type its content is cannot be said there, so it is never shared.
        Mode::Extension => element.name() != "id" && found.name() != "Attachment",
        Mode::Whole => !is_removed(owner, element, found),
    };
    if by_holder {
        return Access::Whole(Weight::Content);
    }
    if said.says_more() || said.tie { Access::Part } else { Access::No }
}

/// Whether the children of a shared element leave this one out unless it is itself named. The `id` of a part is a key of
/// the system that holds it.
fn is_removed(owner: TypeId, element: &Element, found: TypeId) -> bool {
    let of_reference = owner.name() == "Reference" && matches!(element.name(), "display" | "identifier");
    let by_name = matches!(element.name(), "id" | "extension" | "contained");
    of_reference || by_name || matches!(found.name(), "Annotation" | "Attachment")
}

/// Which identifiers come out of an element of type Identifier.
pub(super) fn identifiers(element: &Element, said: &Named, mode: Mode) -> Identifiers {
    let is_itself_named =
        said.whole || mode == Mode::Extension || (!said.children.is_empty() && mode == Mode::Part);
    if element.name() != "identifier" && is_itself_named { Identifiers::All } else { Identifiers::BySystem }
}

/// Members that are no reason to share what holds them.
pub(super) fn is_companion(owner: TypeId, key: &str) -> bool {
    matches!((owner.name(), key), ("Reference", "type") | ("Bundle.entry", "fullUrl") | ("Extension", "url"))
}

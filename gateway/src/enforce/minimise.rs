//! What leaves of a resource, and nothing else (DESIGN section 5, Caldicott principle 3).
//!
//! [`resource`] walks a checked resource once, guided by a [`TypeMask`] that was compiled from an agreement, and writes
//! what the mask permits into a buffer. Scalars and names are copied as they stand; brackets and commas are written
//! anew. It decides nothing: which mask applies to a resource and what a reference may show is asked of the caller's
//! [`View`]. Deliberately absent here: persons, consent, labels, the ledger.
//!
//! - **Permitted** is what is named, its R4 children, and the modifiers of every type of which something is permitted.
//! - **Removed unless itself named**: the resource's narrative, `extension` and the `_element` siblings, `contained`,
//!   `Reference.display` and `.identifier`, annotations, attachments, identifiers other than the NHS number, `meta`.
//!   The text of a Composition's section is its content, not a narrative of the rest: it goes with the section.
//! - **Always kept**: `resourceType`, `id`, the reference that says whose the resource is, when that is a permitted
//!   person. That she also asserted, performed or wrote it is left out unless named.
//! - **Withheld as a whole**: `modifierExtension` or `implicitRules` at any depth, a modifier that the agreement keeps
//!   back, a value that is not of the kind the tables say.
//! - **Contained resources**, of the types that are named: those to which something that comes out leads.
//! - **Of a list whose items are named by key** (`item:mobility`): these items, at any depth, without those inside them that
//!   are not named, and nothing of the others; **of a choice of which one type is named** (`valueQuantity`): that type alone.
//! - **Masked**: a required element that does not come out, whatever the data. A required choice is masked as its
//!   first type in the order of the specification.
//! - **Marked** by rule, never by data: `SUBSETTED` on every resource, `REDACTED` too where the agreement lets what is
//!   left out be told. Contained resources carry no marks (FHIR dom-4, dom-5).

mod access;
mod attachment;
mod compile;
mod contained;
mod extent;
mod identity;
mod items;
pub mod mask;
mod masked;
mod meta;
mod output;
mod plan;
mod reference;
#[cfg(test)]
mod tests;
mod visible;
mod walk;
mod withheld;
mod write;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use fhir::json::Node;
use fhir::tables::{TypeId, resource_type};

pub use mask::{InvalidMask, TypeMask};
pub use visible::Visible;
pub use withheld::Withheld;

/// What the caller has decided about the exchange.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// Which mask applies to a resource, the outermost or a nested one; nothing: it is not shared.
    pub mask: &'v dyn Fn(TypeId, Node<'_>) -> Option<&'v TypeMask>,
    /// What may be shown of a Reference.
    pub reach: &'v dyn Fn(Node<'_>) -> Reach,
    /// How the `fullUrl` of a Bundle's entry is written.
    pub full_url: &'v dyn Fn(&str) -> Written,
    /// How the address of an attachment is written; nothing: it is left out.
    pub link: &'v dyn Fn(&str) -> Option<Written>,
    /// How the base64 of an attachment or Binary is written; nothing: an attachment is left without, a Binary is
    /// withheld.
    pub content: &'v dyn Fn(&str) -> Option<Written>,
    /// Which marks the agreement asks for.
    pub marks: Marks,
    /// How `meta.versionId` is made; without it there is none.
    pub version: Option<Version<'v>>,
}

/// How the version of a view is made, from its bytes.
#[derive(Clone, Copy)]
pub enum Version<'v> {
    /// When it is written.
    Now(Digest<'v>),
    /// By [`stamp`], if it is shown at all: its place in the view is told here. Not of a Bundle, whose entries have versions
    /// of their own.
    Later(&'v Cell<Option<usize>>),
}

/// Makes a version from the bytes of a view. Keyed by the caller: the same view has another version for another
/// requestor.
pub type Digest<'v> = &'v dyn Fn(&[u8]) -> [u8; 16];

impl fmt::Debug for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "View({:?})", self.marks)
    }
}

/// What may be shown of a Reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It refers to a permitted person: kept where it ties the resource to her, and where named.
    Tie(Written),
    /// It refers to one version of her record: where it ties the resource to her it is written as one to her, and is
    /// removed elsewhere.
    Version(Written),
    /// It refers to something the requestor may see: kept where named.
    Visible(Written),
    /// It refers to a person the requestor may not see: the item of the list that holds it is removed; outside of a
    /// list the resource is withheld.
    Stranger,
    /// It refers to something else that the requestor may not see: removed.
    Hidden,
    /// The same, where others of its type may be seen: a participant that it names goes whole.
    Unseen,
}

/// How an address is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// As it came.
    AsItStands,
    /// As this text.
    Anew(String),
}

/// Which marks a resource carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// `SUBSETTED` alone.
    Subsetted,
    /// `SUBSETTED` and `REDACTED`.
    SubsettedAndRedacted,
}

/// Why a resource cannot be reduced and stay safe. Holds names of the specification, no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// It is no object with a `resourceType` of R4.
    #[error("not a resource")]
    NotAResource,
    /// No mask applies to it.
    #[error("{0} is not shared")]
    NotShared(TypeId),
    /// Something in it changes its meaning in a way that no rule knows.
    #[error("{0} holds a modifier extension or implicit rules")]
    UnknownModifier(TypeId),
    /// It holds a modifier that the agreement keeps back.
    #[error("the modifier {0} is withheld and present")]
    WithheldModifier(Cow<'static, str>),
    /// A value is not of the kind that the specification says.
    #[error("{0} is not of its type")]
    WrongKind(Cow<'static, str>),
    /// It is also about a person who may not be seen.
    #[error("{0} refers to another person")]
    Stranger(Cow<'static, str>),
    /// Content that would have to be minimised itself, and cannot be.
    #[error("{0} holds content that cannot be reduced")]
    Opaque(TypeId),
    /// A document without its Composition, or a message without its MessageHeader.
    #[error("the first entry of the bundle is not shared")]
    Headless,
    /// A nested resource that belongs to it cannot be reduced.
    #[error("a contained resource cannot be reduced")]
    Contained(#[source] Box<Unsafe>),
}

/// Appends what `view` permits of `node`, a whole resource, to `out`, and counts what was left out in `withheld`.
///
/// The result is valid FHIR if the resource was, is read back by the strict parser, and minimising it again changes
/// nothing. Of a Bundle (document, message, collection) the frame and the entries that are shared remain.
///
/// # Errors
/// [`Unsafe`] when the resource cannot be reduced and stay safe; `out` is then as before, and nothing may be disclosed.
pub fn resource(
    node: Node<'_>,
    view: &View<'_>,
    withheld: &mut Withheld,
    out: &mut Vec<u8>,
) -> Result<(), Unsafe> {
    let start = out.len();
    let result = walk::outermost(node, view, withheld, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Writes the version that `digest` makes of `view`, where [`Version::Later`] told its place to be.
pub fn stamp(view: &mut [u8], place: usize, digest: Digest<'_>) {
    meta::stamp(view, place, digest(view));
}

/// The type of the resource `node`.
fn type_of(node: Node<'_>) -> Result<TypeId, Unsafe> {
    let name = node.member("resourceType").and_then(Node::string);
    name.and_then(|name| resource_type(&name)).ok_or(Unsafe::NotAResource)
}

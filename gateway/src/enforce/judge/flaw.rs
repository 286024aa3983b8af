//! Why a resource cannot be reduced and stay safe, without what it holds.

use super::super::minimise::Unsafe;

/// Why a resource cannot be reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Flaw {
    /// It is no object with a `resourceType` of R4.
    NotAResource,
    /// No mask applies to it.
    NotShared,
    /// Something in it changes its meaning in a way that no rule knows.
    UnknownModifier,
    /// It holds a modifier that the agreement keeps back.
    WithheldModifier,
    /// A value is not of the kind that the specification says.
    WrongKind,
    /// It is also about a person who may not be seen.
    Stranger,
    /// Content that would have to be minimised itself, and cannot be.
    Opaque,
    /// A document without its Composition, or a message without its MessageHeader.
    Headless,
    /// A nested resource that belongs to it cannot be reduced.
    Contained,
}

impl Flaw {
    /// The name that is counted in records.
    pub(in crate::enforce) const fn reason(self) -> &'static str {
        match self {
            Self::NotAResource => "not-a-resource",
            Self::NotShared => "type-not-shared",
            Self::UnknownModifier => "unknown-modifier",
            Self::WithheldModifier => "withheld-modifier",
            Self::WrongKind => "wrong-kind",
            Self::Stranger => "other-person",
            Self::Opaque => "opaque-content",
            Self::Headless => "bundle-without-head",
            Self::Contained => "contained-irreducible",
        }
    }
}

impl From<&Unsafe> for Flaw {
    fn from(fault: &Unsafe) -> Self {
        match fault {
            Unsafe::NotAResource => Self::NotAResource,
            Unsafe::NotShared(_) => Self::NotShared,
            Unsafe::UnknownModifier(_) => Self::UnknownModifier,
            Unsafe::WithheldModifier(_) => Self::WithheldModifier,
            Unsafe::WrongKind(_) => Self::WrongKind,
            Unsafe::Stranger(_) => Self::Stranger,
            Unsafe::Opaque(_) => Self::Opaque,
            Unsafe::Headless => Self::Headless,
            Unsafe::Contained(_) => Self::Contained,
        }
    }
}

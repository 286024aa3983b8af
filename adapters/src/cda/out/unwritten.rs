//! Why a Bundle did not become a document.

/// Why a Bundle did not become a document. No variant holds content: places are element names and positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// The bytes are no JSON that may be read.
    #[error("the bundle cannot be read: {0}")]
    Json(fhir::json::Invalid),
    /// The JSON is no document Bundle of FHIR R4, led by its Composition.
    #[error("this is no document bundle of fhir r4 resources that begins with its composition")]
    NotADocument,
    /// Something without which there is no document is not there.
    #[error("the bundle has no {place}")]
    Missing {
        /// What is missing.
        place: &'static str,
    },
    /// A resource is not, or not certainly, about the person of the document.
    #[error("{place} is not about the person of the document")]
    OtherPerson {
        /// The resource.
        place: String,
    },
    /// Without this the document would be read otherwise than the Bundle.
    #[error("{place} cannot be said, and without it the document would be read otherwise: {why}")]
    Dangerous {
        /// The element.
        place: String,
        /// What it is.
        why: Danger,
    },
    /// A narrative is no XHTML.
    #[error("{place} is not well-formed xhtml")]
    Narrative {
        /// The narrative.
        place: String,
    },
    /// More than a bound allows.
    #[error("the document would have more than {max} {unit}")]
    TooLarge {
        /// The bound.
        max: usize,
        /// What is bounded.
        unit: &'static str,
    },
    /// The tables of this program are faulty.
    #[error("the maps of this program are faulty")]
    Maps,
}

/// What makes a loss dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Danger {
    /// An element that changes what the others mean, or a status.
    #[error("it changes what is beside it")]
    Modifier,
    /// An element that FHIR R4 does not have.
    #[error("not an element of fhir r4")]
    Unknown,
}

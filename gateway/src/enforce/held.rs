//! What an upstream held, parsed and sealed.

use fhir::json::Document;

use super::everything::Gathered;
use super::included::Included;
use super::sieve::Gone;
use crate::upstream::{Rest, UpstreamFault};

/// What an upstream answered, in its own shape. Only `enforce` reads it.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each answer of a system, and most are searches"
)]
pub enum Held {
    /// One resource of the type and id that were asked for.
    Resource(Document),
    /// The upstream has no such resource (404 or 410).
    Absent,
    /// The pages of a searchset, in order; every one a Bundle of type `searchset`.
    Searchset {
        /// Whole pages as received.
        pages: Vec<Document>,
        /// Whether the last page had no next link: the gateway saw every match.
        complete: Complete,
        /// What goes with the matches of a page, when the search asks for such.
        included: Option<Included>,
        /// Where the search goes on, when the system has more than is read at once.
        rest: Option<Rest>,
        /// What was let go of what was read before.
        gone: Gone,
    },
    /// A Binary, and the pages of what may point at it.
    Binary {
        /// The Binary.
        binary: Document,
        /// Every one a Bundle of type `searchset`.
        pointing: Vec<Document>,
        /// Whether these are all that the holder knows.
        complete: Complete,
    },
    /// What a number of searches about one person found.
    Everything(Gathered),
    /// One resource as it is now, and what it was before.
    History {
        /// As it is now.
        current: Document,
        /// As it was.
        versions: Versions,
    },
}

impl Held {
    /// The answer to a search, as it was received.
    #[must_use]
    pub fn searchset(pages: Vec<Document>, complete: Complete, rest: Option<Rest>) -> Self {
        Self::Searchset { pages, complete, included: None, rest, gone: Gone::default() }
    }
}

/// What an upstream tells of the versions of a resource.
///
/// A fault stands here and ends nothing by itself: that there is a history that cannot be read would tell that there is
/// a resource. Whoever may not see the resource as it is now does not hear of it.
#[derive(Debug)]
pub enum Versions {
    /// Pages of a history, in order; each entry is of the resource that was asked for.
    Known {
        /// Whole pages as received.
        pages: Vec<Document>,
        /// Whether the last page had no next link.
        complete: Complete,
    },
    /// None that can be used.
    Unknown(UpstreamFault),
    /// Earlier ones are not shared and were not asked for: what is held now is the only one. When it came about is not
    /// told either, for what is hidden may be all that changed.
    NotShared,
}

/// Whether the gateway saw every match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Complete {
    /// All pages were read.
    #[default]
    All,
    /// All that could be read was; a record that may be among what was asked for cannot be translated. It is left out of
    /// what is shown, and there is no evidence without it.
    Lacking,
    /// The bound on pages was reached first.
    Bounded,
}

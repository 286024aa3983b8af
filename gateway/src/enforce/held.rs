//! What an upstream held, parsed and sealed.

use fhir::json::Document;

/// What an upstream answered, in its own shape. Only `enforce` reads it.
#[derive(Debug)]
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
    },
}

/// Whether the gateway saw every match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complete {
    /// All pages were read.
    All,
    /// The bound on pages was reached first.
    Bounded,
}

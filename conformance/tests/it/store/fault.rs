//! What can be wrong with the store: exactly one thing at a time, each asked for at the one place that it changes.

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Something about its searches.
    Search(super::search::fault::SearchFault),
}

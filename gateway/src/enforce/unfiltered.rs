//! Content as it came from a record holder.

use std::fmt;

/// Content as it came from a record holder or a sender. It cannot be printed, serialised or sent.
///
/// There is no public way to its content: what must look inside lives in [`crate::enforce`].
///
/// ```compile_fail
/// let content = gateway::enforce::unfiltered::Unfiltered::new(String::from("secret"));
/// let _ = content.into_inner();
/// ```
/// ```
/// let content = gateway::enforce::unfiltered::Unfiltered::new(String::from("secret"));
/// assert_eq!(format!("{content:?}"), "Unfiltered(..)");
/// ```
pub struct Unfiltered<T>(T);

impl<T> Unfiltered<T> {
    /// Seals content. Anyone may; nobody outside `enforce` can open it again.
    pub const fn new(content: T) -> Self {
        Self(content)
    }

    /// Opens the seal, by value.
    pub(in crate::enforce) fn into_inner(self) -> T {
        self.0
    }

    /// Looks inside without opening.
    pub(in crate::enforce) const fn inner(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Unfiltered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unfiltered(..)")
    }
}

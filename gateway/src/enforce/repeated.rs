//! An answer that is read more than once: evidence that several decisions rest on alike.

use bytes::Bytes;
use fhir::json::{Limits, parse};

use super::held::{Complete, Held};
use super::unfiltered::Unfiltered;

/// The pages of a searchset, sealed.
pub struct Repeated {
    pages: Vec<Bytes>,
    complete: Complete,
}

impl Repeated {
    /// What can be read again of an answer to a search, in no more than `bytes_max`; nothing of any other answer.
    #[must_use]
    pub fn of(held: &Unfiltered<Held>, bytes_max: usize) -> Option<Self> {
        let Held::Searchset { pages, complete, included: None, rest: None, .. } = held.inner() else {
            return None;
        };
        let size = pages.iter().map(|page| page.root().raw().len()).fold(0, usize::saturating_add);
        let copy = || pages.iter().map(|page| Bytes::copy_from_slice(page.root().raw())).collect();
        (size <= bytes_max).then(|| Self { pages: copy(), complete: *complete })
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.iter().map(Bytes::len).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// The same answer once more.
    #[must_use]
    pub fn again(&self) -> Option<Unfiltered<Held>> {
        // What was read within bounds is read once more within its own length.
        let read =
            |page: &Bytes| parse(page.clone(), &Limits { bytes_max: page.len(), ..Limits::default() }).ok();
        let pages = self.pages.iter().map(read).collect::<Option<Vec<_>>>()?;
        Some(Unfiltered::new(Held::searchset(pages, self.complete, None)))
    }
}

impl std::fmt::Debug for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repeated(..)")
    }
}

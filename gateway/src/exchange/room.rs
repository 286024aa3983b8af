//! How much of an answer each of its entries takes: the bound on all of them falls in their order, whichever is done first.

use std::sync::{Mutex, PoisonError};

/// The sizes of the entries that are done.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    sizes: Mutex<Vec<Option<usize>>>,
}

impl Room {
    /// Room for `entries`, which are at most so large together.
    pub(super) fn new(entries: usize, bytes_max: usize) -> Self {
        Self { bytes_max, sizes: Mutex::new(vec![None; entries]) }
    }

    /// Notes how large the entry at this place is.
    pub(super) fn take(&self, at: usize, bytes: usize) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(size) = sizes.get_mut(at) {
            *size = Some(bytes);
        }
    }

    /// Whether those before this place fill it, as far as is known: what is not done can only add to them.
    pub(super) fn is_full_before(&self, at: usize) -> bool {
        self.up_to(at) > self.bytes_max
    }

    /// Whether the entry at this place has no room behind those before it, as far as is known.
    pub(super) fn is_over(&self, at: usize) -> bool {
        self.up_to(at.saturating_add(1)) > self.bytes_max
    }

    fn up_to(&self, end: usize) -> usize {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.iter().take(end).flatten().fold(0, |sum, size| sum.saturating_add(*size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_falls_in_the_order_of_the_entries_whichever_is_done_first() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let room = Room::new(4, 10);
            for at in order {
                room.take(at, 4);
            }
            assert_eq!([0, 1, 2, 3].map(|at| room.is_over(at)), [false, false, true, true], "{order:?}");
            assert_eq!([0, 1, 2, 3].map(|at| room.is_full_before(at)), [false, false, false, true]);
        }
    }

    #[test]
    fn what_is_over_stays_so_whatever_is_done_later() {
        let room = Room::new(3, 10);
        room.take(2, 11);
        assert!(room.is_over(2) && !room.is_over(1) && !room.is_full_before(2));
        room.take(0, 1);
        assert!(room.is_over(2) && !room.is_over(0));
    }
}

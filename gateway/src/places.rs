//! Places for what is under way at once: one for each exchange, and one for each further entry of a batch.
//!
//! An exchange that finds none is turned away at the door. A batch has its own place and so always comes to its end,
//! one entry after the other; further places it takes only while there are plenty, and it never waits for one.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one process.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

/// Places that a batch has besides its own, until it is dropped.
#[derive(Debug)]
pub struct Spare {
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// So many.
    #[must_use]
    pub fn new(all: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(all)), all }
    }

    /// What the door takes its places from.
    pub(crate) fn at_door(&self) -> Arc<Semaphore> {
        Arc::clone(&self.free)
    }

    /// Up to `most` places, of which half stay free for others.
    #[must_use]
    pub fn spare(&self, most: usize) -> Spare {
        let plenty = self.free.available_permits().saturating_sub(self.all.div_ceil(2));
        let count = u32::try_from(plenty.min(most)).unwrap_or(0);
        // Who was quicker has them: then it goes on with its own alone.
        let permit = match count {
            0 => None,
            count => Arc::clone(&self.free).try_acquire_many_owned(count).ok(),
        };
        Spare { permit }
    }
}

impl Spare {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_places_are_taken_while_half_of_all_stay_free_and_come_back() {
        let places = Places::new(10);
        let first = places.spare(3);
        let second = places.spare(3);
        let third = places.spare(3);
        assert_eq!([&first, &second, &third].map(Spare::count), [3, 2, 0]);
        drop(first);
        assert_eq!(places.spare(9).count(), 3);
        drop((second, third));
        assert_eq!(places.free.available_permits(), 10);
    }

    #[test]
    fn where_there_is_one_place_nothing_is_spare() {
        for all in [1, 2] {
            let places = Places::new(all);
            let own = places.at_door().try_acquire_owned();
            assert_eq!(places.spare(3).count(), 0, "{all}");
            drop(own);
        }
    }
}

//! What stands for a person, kept in memory beside the epoch it was read under.
//!
//! Persons are spread over shards. A shard has one epoch, which moves with every write about one of its persons; what is
//! kept there counts only under the epoch at hand, and goes with it. Persons who share a shard lose what is kept, and have
//! decisions made anew, together with the one who was written about, no more.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fhir::nhs_number::NhsNumber;

use super::provision::Provisioned;

const SHARDS: usize = 4096;
/// Persons whose choices one shard keeps; with one more it begins anew.
const PERSONS_MAX: usize = 32;

/// The epochs of all persons, and what is kept under them.
pub(super) struct Shards(Vec<Shard>);

#[derive(Default)]
struct Shard {
    epoch: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The epoch that everything here was read under.
    of: u64,
    active: HashMap<NhsNumber, Arc<[Provisioned]>>,
}

/// Moves an epoch when the write about its person is over, also by a panic.
pub(super) struct Moving<'a>(Option<&'a Shard>);

impl Shards {
    pub(super) fn new() -> Self {
        Self(std::iter::repeat_with(Shard::default).take(SHARDS).collect())
    }

    /// The epoch of a person: to be read before what is kept under it.
    pub(super) fn epoch(&self, person: NhsNumber) -> u64 {
        self.of(person).map_or(0, |shard| shard.epoch.load(Ordering::SeqCst))
    }

    /// Lets go of what is kept of a person once the write about her is over.
    pub(super) fn moving(&self, person: NhsNumber) -> Moving<'_> {
        Moving(self.of(person))
    }

    /// Her active choices, if they were read under `epoch`.
    pub(super) fn active(&self, person: NhsNumber, epoch: u64) -> Option<Arc<[Provisioned]>> {
        let kept = self.of(person)?.kept();
        if kept.of == epoch { kept.active.get(&person).map(Arc::clone) } else { None }
    }

    /// Keeps her active choices, which were read after `epoch` was.
    pub(super) fn keep(&self, person: NhsNumber, epoch: u64, active: Arc<[Provisioned]>) {
        let Some(shard) = self.of(person) else { return };
        let mut kept = shard.kept();
        if kept.of > epoch {
            return;
        }
        if kept.of < epoch || kept.active.len() >= PERSONS_MAX {
            kept.active.clear();
        }
        kept.of = epoch;
        kept.active.insert(person, active);
    }

    fn of(&self, person: NhsNumber) -> Option<&Shard> {
        let mut hasher = DefaultHasher::new();
        person.hash(&mut hasher);
        let shard = hasher.finish() % (SHARDS as u64);
        self.0.get(usize::try_from(shard).unwrap_or_default())
    }
}

impl Shard {
    /// What is kept is whole whenever the lock is let go.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        if let Some(shard) = self.0 {
            shard.epoch.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> NhsNumber {
        NhsNumber::parse(text).expect("a number")
    }

    fn nothing() -> Arc<[Provisioned]> {
        Arc::new([])
    }

    #[test]
    fn what_is_kept_counts_under_its_epoch_alone() {
        let (shards, ann) = (Shards::new(), number("9990000018"));
        assert!(shards.active(ann, shards.epoch(ann)).is_none());
        shards.keep(ann, shards.epoch(ann), nothing());
        assert!(shards.active(ann, shards.epoch(ann)).is_some());
        let before = shards.epoch(ann);
        drop(shards.moving(ann));
        assert_ne!(shards.epoch(ann), before);
        assert!(shards.active(ann, shards.epoch(ann)).is_none());
        // What was read before the write comes late.
        shards.keep(ann, shards.epoch(ann), nothing());
        shards.keep(ann, before, Arc::new([]));
        assert!(shards.active(ann, before).is_none() && shards.active(ann, shards.epoch(ann)).is_some());
    }

    #[test]
    fn a_write_that_panics_moves_the_epoch_too() {
        let (shards, ann) = (Shards::new(), number("9990000018"));
        let before = shards.epoch(ann);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _moved_at_last = shards.moving(ann);
            panic!("in the middle of a write");
        }));
        assert!(ended.is_err() && shards.epoch(ann) != before);
    }

    #[test]
    fn a_shard_keeps_no_more_than_its_bound() {
        let shards = Shards::new();
        let all = (0..1_000_000u32).filter_map(|at| NhsNumber::parse(&checked(999_000_000 + at)).ok());
        let first = shards.of(number("9990000018")).expect("a shard");
        let together: Vec<NhsNumber> = all
            .filter(|number| shards.of(*number).is_some_and(|shard| std::ptr::eq(shard, first)))
            .take(PERSONS_MAX + 1)
            .collect();
        assert_eq!(together.len(), PERSONS_MAX + 1);
        for number in &together {
            shards.keep(*number, 0, nothing());
        }
        assert_eq!(first.kept().active.len(), 1);
    }

    /// Nine digits and their check digit (modulus 11); not a number at all where that is 10.
    fn checked(nine: u32) -> String {
        let nine = nine.to_string();
        let sum: u32 =
            nine.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        match (11 - sum % 11) % 11 {
            10 => String::new(),
            check => format!("{nine}{check}"),
        }
    }
}

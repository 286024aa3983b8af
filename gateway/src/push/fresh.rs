//! Rulings of this very moment: a parcel that is carried as soon as it is in the outbox is carried under the ruling that
//! cut it, as what is written by FHIR is. Decided anew it would be the same, at the price of the first time.
//!
//! That holds once, for the first attempt, for as long as such a write may take, and only while the gateway is set up as it
//! was and none of those whom it is about has said anything since. What this forgets, or never knew, is decided anew: after
//! a start that is everything.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// How long a ruling is of this moment.
const MOMENT: Duration = Duration::from_secs(1);
/// Rulings that are remembered; of more, the oldest are forgotten.
const KEPT_MAX: usize = 8_192;

/// Tells whether what a ruling rests on is still what it saw. Cheap.
#[derive(Clone)]
pub struct Grounds(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

/// The rulings of this moment, each by the digest of the intent that was recorded under it. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Fresh(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    rulings: HashMap<[u8; 32], (Instant, Grounds)>,
    /// In the order in which they were made. What was used stands here until its time is over.
    order: VecDeque<(Instant, [u8; 32])>,
}

impl Grounds {
    /// They hold as long as `hold` says so.
    pub fn that(hold: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hold)))
    }

    /// Nothing is known of them: the ruling is made anew.
    #[must_use]
    pub const fn unknown() -> Self {
        Self(None)
    }

    fn hold(&self) -> bool {
        self.0.as_ref().is_some_and(|hold| hold())
    }
}

impl Fresh {
    /// Remembers the ruling under which `intent` was recorded.
    pub(in crate::push) fn note(&self, intent: &[u8], grounds: Grounds, now: Instant) {
        if grounds.0.is_none() {
            return;
        }
        let key: [u8; 32] = Sha256::digest(intent).into();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { rulings, order } = &mut *kept;
        let is_over = |since: Instant| now.duration_since(since) > MOMENT;
        while let Some((since, oldest)) = order.front().copied()
            && (order.len() >= KEPT_MAX || is_over(since))
        {
            order.pop_front();
            rulings.remove(&oldest);
        }
        order.push_back((now, key));
        rulings.insert(key, (now, grounds));
    }

    /// Whether what was released under `intent` may go without another ruling. It is asked once: whatever the answer, the
    /// ruling is forgotten.
    pub(in crate::push) fn stands(&self, intent: &[u8], now: Instant) -> bool {
        let key: [u8; 32] = Sha256::digest(intent).into();
        let ruling = self.0.lock().unwrap_or_else(PoisonError::into_inner).rulings.remove(&key);
        ruling.is_some_and(|(since, grounds)| now.duration_since(since) <= MOMENT && grounds.hold())
    }
}

impl fmt::Debug for Grounds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Grounds(..)" } else { "Grounds(unknown)" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::{Fresh, Grounds, KEPT_MAX, MOMENT};

    #[test]
    fn a_ruling_stands_once_for_a_moment_and_only_on_its_grounds() {
        let (fresh, now) = (Fresh::default(), Instant::now());
        let hold = Arc::new(AtomicBool::new(true));
        let grounds = || {
            let hold = Arc::clone(&hold);
            Grounds::that(move || hold.load(Ordering::SeqCst))
        };
        assert!(!fresh.stands(b"a", now), "nothing is known of it");
        fresh.note(b"a", grounds(), now);
        assert!(!fresh.stands(b"b", now), "it is about another intent");
        assert!(fresh.stands(b"a", now + MOMENT));
        assert!(!fresh.stands(b"a", now), "it stands for one attempt");
        fresh.note(b"a", grounds(), now);
        assert!(!fresh.stands(b"a", now + MOMENT + Duration::from_millis(1)), "its moment is over");
        fresh.note(b"a", grounds(), now);
        hold.store(false, Ordering::SeqCst);
        assert!(!fresh.stands(b"a", now), "its grounds have moved");
        fresh.note(b"a", Grounds::unknown(), now);
        assert!(!fresh.stands(b"a", now));
    }

    #[test]
    fn no_more_rulings_are_kept_than_there_is_room_for() {
        let (fresh, now) = (Fresh::default(), Instant::now());
        for number in 0..=KEPT_MAX {
            fresh.note(&number.to_be_bytes(), Grounds::that(|| true), now);
        }
        assert!(!fresh.stands(&0_usize.to_be_bytes(), now), "the oldest is forgotten");
        assert!(fresh.stands(&KEPT_MAX.to_be_bytes(), now));
        fresh.note(b"later", Grounds::that(|| true), now + MOMENT * 2);
        let kept = fresh.0.lock().expect("not poisoned");
        assert_eq!((kept.rulings.len(), kept.order.len()), (1, 1), "what is over is let go");
    }
}

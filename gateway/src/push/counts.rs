//! What came of messages, counted for the metrics. Numbers only.

use std::sync::atomic::{AtomicU64, Ordering};

use super::outbox::Backlog;

/// Counters since the start, and how much there is to deliver.
#[derive(Debug, Default)]
pub struct Counts {
    counted: [AtomicU64; COUNTED.len()],
    waiting: AtomicU64,
    dead: AtomicU64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A message came.
    Received,
    /// It is on its way.
    Accepted,
    /// It was not taken.
    Refused,
    /// It had come before.
    Repeated,
    /// It could not be dealt with then.
    Failed,
    /// An ending could not be recorded.
    Unrecorded,
    /// A parcel arrived.
    Delivered,
    /// A parcel has to be tried again.
    Retried,
    /// A parcel is held back by a rule, or by a fault of the program, that may pass.
    Held,
    /// A parcel was given up: someone will not hear what they need to know.
    Dead,
}

const COUNTED: [Counted; 10] = [
    Counted::Received,
    Counted::Accepted,
    Counted::Refused,
    Counted::Repeated,
    Counted::Failed,
    Counted::Unrecorded,
    Counted::Delivered,
    Counted::Retried,
    Counted::Held,
    Counted::Dead,
];

impl Counts {
    /// One more.
    pub(in crate::push) fn add(&self, counted: Counted) {
        self.add_many(counted, 1);
    }

    /// So many more.
    pub(in crate::push) fn add_many(&self, counted: Counted, more: u64) {
        if let Some((_, counter)) = COUNTED.iter().zip(&self.counted).find(|(held, _)| **held == counted) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// How many so far.
    #[must_use]
    pub fn of(&self, counted: Counted) -> u64 {
        let found = COUNTED.iter().zip(&self.counted).find(|(held, _)| **held == counted);
        found.map_or(0, |(_, counter)| counter.load(Ordering::Relaxed))
    }

    /// Notes how much there is to deliver.
    pub(in crate::push) fn note(&self, backlog: Backlog) {
        self.waiting.store(backlog.due, Ordering::Relaxed);
        self.dead.store(backlog.dead, Ordering::Relaxed);
    }

    /// How much there was to deliver when it was last looked at. What is dead is there until somebody sees to it.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        Backlog { due: self.waiting.load(Ordering::Relaxed), dead: self.dead.load(Ordering::Relaxed) }
    }

    /// Each counter with its name in the metrics.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        COUNTED
            .iter()
            .zip(&self.counted)
            .map(|(counted, counter)| (counted.name(), counter.load(Ordering::Relaxed)))
    }
}

impl Counted {
    /// The name in the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Repeated => "repeated",
            Self::Failed => "failed",
            Self::Unrecorded => "unrecorded",
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Held => "held",
            Self::Dead => "dead",
        }
    }
}

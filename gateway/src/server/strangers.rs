//! Callers who could not prove who they are, counted by source and minute.
//!
//! One entry in the ledger per source and minute says enough, and a stranger cannot fill the ledger. Bounded: beyond
//! so many sources in a minute the rest are counted together.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;

/// Sources told apart in one minute.
const SOURCES_MAX: usize = 1_000;
/// What the rest are counted under.
const OTHERS: &str = "others";

/// The counts of minutes that are not in the ledger yet.
#[derive(Debug)]
pub struct Strangers {
    clock: Clock,
    counts: Mutex<BTreeMap<i64, BTreeMap<String, u64>>>,
}

/// So many failures from one source in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// When the minute began.
    pub minute: Timestamp,
    /// The address, or `others`.
    pub source: String,
    /// How many.
    pub count: u64,
}

impl Strangers {
    /// Nobody yet.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, counts: Mutex::new(BTreeMap::new()) }
    }

    /// Counts one failure; a source that is not known counts with the others.
    pub fn count(&self, source: Option<&str>) {
        let minute = self.clock.now().as_second().div_euclid(60);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = counts.entry(minute).or_default();
        let source = match source {
            Some(source) if sources.contains_key(source) || sources.len() < SOURCES_MAX => source,
            Some(_) | None => OTHERS,
        };
        let count = sources.entry(source.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes the counts of minutes that are over.
    #[must_use]
    pub fn take(&self) -> Vec<Counted> {
        let minute = self.clock.now().as_second().div_euclid(60);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let current = counts.split_off(&minute);
        listed(std::mem::replace(&mut *counts, current))
    }

    /// Takes all counts, the minute that is not over included: when the gateway stops.
    #[must_use]
    pub fn take_all(&self) -> Vec<Counted> {
        listed(std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn listed(counts: BTreeMap<i64, BTreeMap<String, u64>>) -> Vec<Counted> {
    let mut listed = Vec::new();
    for (minute, sources) in counts {
        let minute = Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::UNIX_EPOCH);
        listed.extend(sources.into_iter().map(|(source, count)| Counted { minute, source, count }));
    }
    listed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn failures_are_counted_by_source_and_minute_and_taken_once_the_minute_is_over() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Clock::standing_at(start);
        let strangers = Strangers::new(clock.clone());
        for source in ["10.0.0.1", "10.0.0.2", "10.0.0.1"] {
            strangers.count(Some(source));
        }
        assert_eq!(strangers.take(), []);
        clock.advance(Duration::from_secs(60));
        strangers.count(None);
        let counted = |source: &str, count| Counted { minute: start, source: source.into(), count };
        assert_eq!(strangers.take(), [counted("10.0.0.1", 2), counted("10.0.0.2", 1)]);
        assert_eq!(strangers.take(), []);
        assert_eq!(strangers.take_all().len(), 1);
    }

    #[test]
    fn a_flood_of_sources_is_counted_without_growing() {
        let strangers = Strangers::new(Clock::standing_at(Timestamp::UNIX_EPOCH));
        for source in 0..SOURCES_MAX + 500 {
            strangers.count(Some(&source.to_string()));
        }
        let counted = strangers.take_all();
        assert_eq!(counted.len(), SOURCES_MAX + 1);
        assert_eq!(counted.iter().find(|one| one.source == OTHERS).unwrap().count, 500);
    }
}

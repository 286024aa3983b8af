//! When an answer may go: what it does not say by its content it must not say by its time.
//!
//! Finding nothing is quick. Finding somebody whose existence is withheld costs questions to the upstream about her
//! ties and choices, and then the answer is that of finding nothing. Where an agreement withholds existence, answers
//! that may be either go at a beat: a multiple of a step counted from when the exchange began, the same for all who
//! ask the same system in the same manner. Steps grow to what such answers have taken of late and shrink again; no answer
//! waits longer than [`LONGEST`] for its beat.
//!
//! The ledger has the entry before the wait begins, and nothing is decided by time.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::agreement::Existence;
use crate::decision::ruling::Admitted;
use crate::interaction::{FhirAction, Interaction};
use crate::person::SystemName;

/// The step where nothing took longer.
pub const SHORTEST: Duration = Duration::from_millis(32);
/// The longest step: what takes longer goes at its next multiple.
pub const LONGEST: Duration = Duration::from_millis(256);
/// How long a step that is too long stays.
const REST: Duration = Duration::from_secs(60);

/// What takes about the same time, found or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    /// One resource, or one version of it: shared at once, or not found at the beat.
    One,
    /// Many: at the beat, however many there are.
    Many,
    /// Something that is sent: received at once, or not at the beat.
    Sent,
}

/// The steps of each system, shared by all exchanges.
#[derive(Debug, Default)]
pub struct Pace {
    steps: Mutex<BTreeMap<(SystemName, Manner), Step>>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    length: Duration,
    /// The longest that an answer took since `since`.
    longest: Duration,
    since: Instant,
}

/// How one exchange ended, as far as its time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// With what was asked for.
    Content,
    /// With anything else.
    Nothing,
}

/// One exchange under way.
#[derive(Debug)]
pub struct UnderWay {
    began: Instant,
    concerns: OnceLock<(SystemName, Manner)>,
}

impl UnderWay {
    /// An exchange that begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), concerns: OnceLock::new() }
    }

    /// Notes what was admitted: from here on the answer depends on what there is.
    pub fn concerns(&self, admitted: &Admitted) {
        let manner = match &admitted.question().interaction {
            Interaction::Fhir { action, .. } => match action {
                FhirAction::Read(_) | FhirAction::Vread(_) => Manner::One,
                FhirAction::Search(_) | FhirAction::History(_) => Manner::Many,
                FhirAction::Create(_) => Manner::Sent,
                FhirAction::Metadata => return,
            },
            Interaction::Push { .. } | Interaction::Own(_) => return,
        };
        if admitted.existence() == Existence::Withheld {
            // An exchange is admitted once; a ruling that is made again concerns the same.
            self.concerns.get_or_init(|| (admitted.system().clone(), manner));
        }
    }

    /// The moment before which nothing of the answer may go, if there is one.
    #[must_use]
    pub fn not_before(&self, told: Told, pace: &Pace) -> Option<Instant> {
        let (system, manner) = self.concerns.get()?;
        match (manner, told) {
            (Manner::One | Manner::Sent, Told::Content) => None,
            (Manner::One | Manner::Sent, Told::Nothing) | (Manner::Many, _) => {
                Some(self.began + pace.beat(system, *manner, self.began.elapsed()))
            }
        }
    }
}

impl Pace {
    fn beat(&self, system: &SystemName, manner: Manner, took: Duration) -> Duration {
        let now = Instant::now();
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Step { length: SHORTEST, longest: Duration::ZERO, since: now };
        steps.entry((system.clone(), manner)).or_insert(fresh).beat(took, now)
    }
}

impl Step {
    /// When after its beginning an answer goes that took so long.
    fn beat(&mut self, took: Duration, now: Instant) -> Duration {
        self.longest = self.longest.max(took);
        while self.length < took && self.length < LONGEST {
            self.length *= 2;
            self.since = now;
        }
        if now.saturating_duration_since(self.since) >= REST {
            if self.length > SHORTEST && self.longest * 2 <= self.length {
                self.length /= 2;
            }
            self.longest = took;
            self.since = now;
        }
        let steps = took.as_nanos().div_ceil(self.length.as_nanos()).max(1);
        self.length.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn fresh(now: Instant) -> Step {
        Step { length: SHORTEST, longest: Duration::ZERO, since: now }
    }

    #[test]
    fn answers_go_at_the_same_beat_however_long_they_took_within_a_step() {
        let now = Instant::now();
        for took in [0, 1, 7, 31, 32] {
            assert_eq!(fresh(now).beat(ms(took), now), ms(32), "{took} ms");
        }
    }

    #[test]
    fn a_step_grows_to_what_took_longest_and_stays_for_those_who_are_quick() {
        let now = Instant::now();
        let mut step = fresh(now);
        for (took, goes) in [(33, 64), (2, 64), (200, 256), (5, 256), (256, 256)] {
            assert_eq!(step.beat(ms(took), now), ms(goes), "{took} ms");
        }
    }

    #[test]
    fn nothing_waits_longer_than_the_longest_step() {
        let now = Instant::now();
        for took in (0..5_000).step_by(7) {
            let mut step = fresh(now);
            let goes = step.beat(ms(took), now);
            assert!(goes >= ms(took) && goes - ms(took) <= LONGEST, "{took} ms goes at {goes:?}");
            assert!(step.length <= LONGEST);
        }
    }

    #[test]
    fn a_step_shrinks_by_halves_once_nothing_has_needed_it_for_a_while() {
        let began = Instant::now();
        let mut step = fresh(began);
        assert_eq!(step.beat(ms(250), began), ms(256));
        assert_eq!(step.beat(ms(3), began + ms(59_999)), ms(256), "it is not time yet");
        assert_eq!(step.beat(ms(3), began + REST), ms(256), "the slow one counts in the minute that ends");
        assert_eq!(step.beat(ms(3), began + REST * 2), ms(128));
        assert_eq!(step.beat(ms(100), began + REST * 2 + ms(1)), ms(128));
        assert_eq!(step.beat(ms(3), began + REST * 3), ms(128), "one took more than half of it");
        assert_eq!(step.beat(ms(3), began + REST * 4), ms(64));
        assert_eq!(step.beat(ms(3), began + REST * 5), ms(32));
        assert_eq!(step.beat(ms(3), began + REST * 6), ms(32));
    }
}

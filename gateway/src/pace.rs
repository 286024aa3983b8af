//! When an answer may go: what it does not say by its content it must not say by its time.
//!
//! Finding nothing is quick. Finding somebody whose existence is withheld costs questions to the upstream about her
//! ties and choices, and then the answer is that of finding nothing. Where an agreement withholds existence, answers
//! that may be either go at a beat: a multiple of one step (`limits.beat_ms`) counted from when the exchange began.
//! The step is the same for everyone and does not move: one that followed what answers take would tell what they took.
//!
//! The ledger has the entry before the wait begins, and nothing is decided by time.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::agreement::Existence;
use crate::decision::ruling::Admitted;
use crate::interaction::{FhirAction, Interaction};

/// What takes about the same time, found or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One resource, or one version of it, or something that is sent: told at once when it is shared or received, else
    /// at the beat.
    One,
    /// Many: at the beat, however many there are.
    Many,
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
    manner: OnceLock<Manner>,
    /// When it has to be known what may be shown; where there is none, the limit of the exchange holds.
    until: Option<Instant>,
}

/// What was to be in time was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it took longer than it may")]
pub struct TooSlow;

impl UnderWay {
    /// An exchange that begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), manner: OnceLock::new(), until: None }
    }

    /// One that begins now and has about `within` to find out what may be shown: the last beat in it, or the first. A
    /// moment between two beats would tell what the beats hide.
    #[must_use]
    pub fn begin_within(within: Duration, step: Duration) -> Self {
        let begun = Self::begin();
        Self { until: Some(begun.began + last_beat(within, step)), ..begun }
    }

    /// What `work` comes to, if it does so in time; else it is dropped.
    ///
    /// # Errors
    /// [`TooSlow`].
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, TooSlow> {
        match self.until {
            None => Ok(work.await),
            Some(until) => tokio::time::timeout_at(until, work).await.map_err(|_| TooSlow),
        }
    }

    /// Notes what was admitted: from here on the answer depends on what there is.
    pub fn concerns(&self, admitted: &Admitted) {
        let manner = match &admitted.question().interaction {
            Interaction::Fhir { action, .. } => match action {
                FhirAction::Read(_)
                | FhirAction::ReadBinary(_)
                | FhirAction::Vread(_)
                | FhirAction::Message(_) => Manner::One,
                FhirAction::Search(_)
                | FhirAction::History(_)
                | FhirAction::Everything(_)
                | FhirAction::Document(_) => Manner::Many,
                // Whatever its condition finds that is hidden.
                FhirAction::Create(new) if new.unless.is_some() => Manner::Many,
                FhirAction::Create(_) | FhirAction::Change(_) | FhirAction::Delete(_) => Manner::One,
                // Each entry of a batch has a beat of its own, and the batch ends when its last entry does.
                FhirAction::Metadata | FhirAction::Batch(_) => return,
            },
            Interaction::Push { .. } | Interaction::Own(_) => return,
        };
        self.is(manner, admitted);
    }

    /// The same for one of several that are told together or not at all: as many, whatever each is by itself.
    pub fn concerns_together(&self, admitted: &Admitted) {
        self.is(Manner::Many, admitted);
    }

    fn is(&self, manner: Manner, admitted: &Admitted) {
        if admitted.existence() == Existence::Withheld {
            // An exchange is admitted once; a ruling that is made again concerns the same.
            self.manner.get_or_init(|| manner);
        }
    }

    /// The moment before which nothing of the answer may go, if there is one.
    #[must_use]
    pub fn not_before(&self, told: Told, step: Duration) -> Option<Instant> {
        match (self.manner.get()?, told) {
            (Manner::One, Told::Content) => None,
            (Manner::One, Told::Nothing) | (Manner::Many, _) => {
                Some(self.began + beat(self.began.elapsed(), step))
            }
        }
    }
}

/// When after its beginning an answer goes that took so long.
fn beat(took: Duration, step: Duration) -> Duration {
    let steps = took.as_nanos().div_ceil(step.as_nanos().max(1)).max(1);
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

/// The last beat within this time; the first where there is none.
fn last_beat(within: Duration, step: Duration) -> Duration {
    let steps = (within.as_nanos() / step.as_nanos().max(1)).max(1);
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_at_multiples_of_the_step_and_never_before_they_are_there() {
        let step = Duration::from_millis(256);
        for (took, goes) in [(0, 1), (1, 1), (47, 1), (87, 1), (256, 1), (257, 2), (512, 2), (1_000, 4)] {
            assert_eq!(beat(Duration::from_millis(took), step), step * goes, "{took} ms");
        }
    }
    #[test]
    fn what_has_so_much_time_has_it_up_to_a_beat() {
        let step = Duration::from_millis(256);
        for (within, steps) in [(0, 1), (255, 1), (256, 1), (511, 1), (512, 2), (15_000, 58)] {
            assert_eq!(last_beat(Duration::from_millis(within), step), step * steps, "{within} ms");
        }
    }

    #[tokio::test]
    async fn what_is_not_in_time_is_dropped_and_what_has_no_limit_is_waited_for() {
        let over = UnderWay { until: Some(Instant::now()), ..UnderWay::begin() };
        assert_eq!(over.in_time(std::future::pending::<()>()).await, Err(TooSlow));
        assert_eq!(UnderWay::begin().in_time(tokio::task::yield_now()).await, Ok(()));
    }
}

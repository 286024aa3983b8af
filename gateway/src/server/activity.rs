//! What goes on on one connection: whether it may stay open.
//!
//! The HTTP library has no word for a peer that connects and says nothing, or that takes its answer a byte at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a connection may stay open without a request, once it has had one.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// The requests and answers under way on one connection.
#[derive(Debug, Clone)]
pub(in crate::server) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    first: First,
    idle_since: Instant,
    in_flight: usize,
    /// Answers handed over and not taken yet, and since when.
    handed: Vec<(u64, Instant)>,
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Awaited,
    Seen,
}

/// One request under way, from its head to the end of its answer; over when dropped.
#[derive(Debug)]
pub(in crate::server) struct Presence {
    activity: Activity,
    number: u64,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Verdict {
    /// It stays open.
    Stays,
    /// It goes: nothing happens on it, or nobody takes the answer.
    Goes,
}

impl Activity {
    pub(in crate::server) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            first: First::Awaited,
            idle_since: Instant::now(),
            in_flight: 0,
            handed: Vec::new(),
            next: 0,
        })))
    }

    /// A request has begun.
    pub(in crate::server) fn begin(&self) -> Presence {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.first = First::Seen;
        state.in_flight += 1;
        state.next += 1;
        Presence { activity: self.clone(), number: state.next }
    }

    /// Whether the connection stays: the first request within `first_within`, each answer taken within `taken_within`.
    pub(in crate::server) fn verdict(&self, first_within: Duration, taken_within: Duration) -> Verdict {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle_within = match state.first {
            First::Awaited => first_within,
            First::Seen => IDLE_FOR,
        };
        let idle = state.in_flight == 0 && state.idle_since.elapsed() >= idle_within;
        let stuck = state.handed.iter().any(|(_, since)| since.elapsed() >= taken_within);
        match idle || stuck {
            true => Verdict::Goes,
            false => Verdict::Stays,
        }
    }
}

impl Presence {
    /// The answer was handed over; from now on it is the peer's turn.
    pub(in crate::server) fn handed(&self) {
        let mut state = self.activity.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.handed.push((self.number, Instant::now()));
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.activity.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_flight = state.in_flight.saturating_sub(1);
        state.handed.retain(|(number, _)| *number != self.number);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LATER: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_connection_goes_when_its_first_request_does_not_come() {
        let activity = Activity::new();
        assert_eq!(activity.verdict(LATER, LATER), Verdict::Stays);
        assert_eq!(activity.verdict(NOW, LATER), Verdict::Goes);
    }

    #[tokio::test]
    async fn a_connection_stays_while_a_request_is_worked_on_and_goes_when_its_answer_is_not_taken() {
        let activity = Activity::new();
        let request = activity.begin();
        assert_eq!(activity.verdict(NOW, NOW), Verdict::Stays);
        request.handed();
        assert_eq!(activity.verdict(NOW, LATER), Verdict::Stays);
        assert_eq!(activity.verdict(NOW, NOW), Verdict::Goes);
        drop(request);
        assert_eq!(activity.verdict(NOW, NOW), Verdict::Stays, "idle, but not for long");
    }
}

//! Time, as the gateway reads it. The only place that asks the machine what time it is.
//!
//! Wall time ([`Clock::now`]) is for what people and tokens speak of; a [`Moment`] is for how long something took or
//! may still be used. Moments never step back and go on counting while the machine is suspended, so a lease cannot
//! outlive a pause.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Where a stage learns the time: the machine's clock, or one that a test sets.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Machine,
    Set(Arc<SetTime>),
}

#[derive(Debug)]
struct SetTime {
    wall_us: AtomicI64,
    passed_ns: AtomicU64,
}

impl Clock {
    /// The clock of this machine.
    pub fn machine() -> Self {
        Self(Source::Machine)
    }

    /// A clock that stands still at `start` until it is moved. Clones share it.
    pub fn standing_at(start: Timestamp) -> Self {
        let set = SetTime { wall_us: AtomicI64::new(start.as_microsecond()), passed_ns: AtomicU64::new(0) };
        Self(Source::Set(Arc::new(set)))
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Machine => Timestamp::now(),
            Source::Set(set) => Timestamp::from_microsecond(set.wall_us.load(Ordering::SeqCst))
                .unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// The time since an unnamed start: never steps back, and counts while the machine sleeps.
    pub fn moment(&self) -> Moment {
        match &self.0 {
            Source::Machine => {
                let since_boot = clock_gettime(ClockId::Boottime);
                let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
                let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
                Moment(Duration::new(seconds, nanos))
            }
            Source::Set(set) => Moment(Duration::from_nanos(set.passed_ns.load(Ordering::SeqCst))),
        }
    }

    /// Lets `passed` go by on a clock that stands still: wall time and moments both move. The machine's does not obey.
    pub fn advance(&self, passed: Duration) {
        match &self.0 {
            Source::Machine => {}
            Source::Set(set) => {
                let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
                let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
                set.wall_us.fetch_add(micros, Ordering::SeqCst);
                set.passed_ns.fetch_add(nanos, Ordering::SeqCst);
            }
        }
    }

    /// Sets the wall time of a clock that stands still, as an operator would: moments do not move.
    pub fn step_to(&self, wall: Timestamp) {
        match &self.0 {
            Source::Machine => {}
            Source::Set(set) => set.wall_us.store(wall.as_microsecond(), Ordering::SeqCst),
        }
    }
}

/// A point in time that only another [`Moment`] of the same clock can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// How long ago `earlier` was; nothing if it was later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_machine_goes_forward() {
        let clock = Clock::machine();
        let (before, wall) = (clock.moment(), clock.now());
        assert!(clock.moment() >= before);
        assert!(wall > Timestamp::from_second(1_700_000_000).unwrap());
    }

    #[test]
    fn a_standing_clock_moves_only_when_told_and_its_clones_move_with_it() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Clock::standing_at(start);
        let (twin, before) = (clock.clone(), clock.moment());
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(twin.now().as_millisecond() - start.as_millisecond(), 1_500);
        assert_eq!(twin.moment().since(before), Duration::from_millis(1_500));
        assert_eq!(before.since(twin.moment()), Duration::ZERO);
    }

    #[test]
    fn stepping_the_wall_time_moves_no_moment() {
        let clock = Clock::standing_at(Timestamp::from_second(1_800_000_000).unwrap());
        let before = clock.moment();
        clock.step_to(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        assert_eq!(clock.moment(), before);
    }
}

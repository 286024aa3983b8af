//! The time of one run of a closure, as the best of many.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The shortest time of one call of `run`, which handles `bytes` bytes, measured over rounds of several calls.
///
/// CPU time of the thread where the system tells it in nanoseconds, so that a busy machine disturbs little.
pub(crate) fn best(bytes: usize, run: impl FnMut() -> usize) -> Duration {
    best_by(now, bytes, run)
}

/// The same by another clock.
pub(crate) fn best_by(now: impl Fn() -> Duration, bytes: usize, mut run: impl FnMut() -> usize) -> Duration {
    let calls = (2_000_000 / bytes.max(1)).clamp(1, 400);
    let mut best = Duration::MAX;
    let until = Instant::now() + Duration::from_secs(2);
    let mut rounds = 0;
    while rounds < 5 || Instant::now() < until {
        let start = now();
        for _ in 0..calls {
            black_box(run());
        }
        best = best.min((now() - start) / calls as u32);
        rounds += 1;
    }
    best
}

/// Time that the thread has spent on a processor; elsewhere the time of day.
pub(crate) fn now() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or_default(),
        u32::try_from(spent.tv_nsec).unwrap_or_default(),
    )
}

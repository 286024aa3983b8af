//! Hidden takes as long as absent: pairs of requests, in turns and in changing order, compared in two ways.
//!
//! Welch's t compares the means of the two series. The signed ranks of the differences within pairs (Wilcoxon) know no means
//! and no shape: a machine that slows down for a while slows both of a pair, and one answer that comes a second late counts as
//! one. Where either finds the two apart, they are measured again: chance does not come twice with the same sign.

use std::time::Instant;

use super::super::battery::{Attack, Request};
use super::super::bench::{Bench, Ended, Outcome, searched};
use super::super::wire::Answer;

/// Beyond this the two are taken to differ; the bound that leakage tests of cryptography use.
pub(crate) const T_MAX: f64 = 4.5;
/// Pairs that are thrown away: connections and caches warm up.
const WARM_UP: u32 = 20;
/// Of each series the slowest twentieth is left out for the means: the scheduler's, not the server's.
const KEPT_OF_20: usize = 19;
/// Fewer pairs than this say nothing.
const PAIRS_MIN: usize = 50;
/// Pairs that are under way at one time; those of one lane come one after the other.
const LANES: u32 = 4;

/// Takes the time of pairs.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let control = attack.control_request.as_ref();
    let control = control.ok_or_else(|| Outcome::NotRun("it has no control_request".to_owned()))?;
    for request in [&attack.request, control] {
        searched(&bench.scanner(attack), &bench.answer(request).await?)?;
    }
    let first = measured(bench, attack, control).await?;
    if !first.are_apart() {
        return Ok(Outcome::Held(first.told()));
    }
    let again = measured(bench, attack, control).await?;
    let told = format!("{}; again: {}", first.told(), again.told());
    let twice = again.are_apart() && first.slower() == again.slower();
    Ok(if twice { Outcome::Leaked(told) } else { Outcome::Held(told) })
}

/// What a number of pairs came to.
#[derive(Debug)]
struct Measured {
    pairs: usize,
    hidden_ms: f64,
    absent_ms: f64,
    t: f64,
    ranks: f64,
}

impl Measured {
    fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let (hidden, absent): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (hidden, absent) = (trimmed(hidden), trimmed(absent));
        let t = welch(&hidden, &absent)?;
        let (hidden_ms, absent_ms) = (moments(&hidden)?.0 * 1e3, moments(&absent)?.0 * 1e3);
        Some(Self { pairs: pairs.len(), hidden_ms, absent_ms, t, ranks: signed_ranks(pairs) })
    }

    fn are_apart(&self) -> bool {
        self.t.abs() > T_MAX || self.ranks.abs() > T_MAX
    }

    /// Which of the two is slower, by the statistic that is further out.
    fn slower(&self) -> bool {
        if self.t.abs() > self.ranks.abs() { self.t > 0.0 } else { self.ranks > 0.0 }
    }

    fn told(&self) -> String {
        let Self { pairs, hidden_ms, absent_ms, t, ranks } = self;
        format!(
            "{pairs} pairs: hidden {hidden_ms:.2} ms, absent {absent_ms:.2} ms, Welch's t {t:.2}, signed ranks {ranks:.2}, \
             the bound is {T_MAX}"
        )
    }
}

async fn measured(bench: &Bench, attack: &Attack, control: &Request) -> Result<Measured, Ended> {
    let wanted = bench.timing_pairs.unwrap_or_default();
    let lanes = (0..LANES).map(|lane| {
        let own = wanted / LANES + u32::from(lane < wanted % LANES);
        lane_of(bench, &attack.request, control, own)
    });
    let mut pairs = Vec::new();
    for lane in together(lanes.collect()).await {
        pairs.extend(lane?);
    }
    Measured::of(&pairs).ok_or_else(|| Outcome::NotRun(format!("fewer than {PAIRS_MIN} pairs say nothing")))
}

/// Drives the lanes side by side.
async fn together<F: Future>(lanes: Vec<F>) -> Vec<F::Output> {
    let mut lanes: Vec<_> = lanes.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = lanes.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (lane, slot) in lanes.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            if let std::task::Poll::Ready(output) = lane.as_mut().poll(context) {
                *slot = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn lane_of(
    bench: &Bench,
    hidden: &Request,
    absent: &Request,
    pairs: u32,
) -> Result<Vec<(f64, f64)>, Ended> {
    let mut out = Vec::new();
    let mut statuses = (0, 0);
    for pair in 0..pairs.saturating_add(WARM_UP / LANES) {
        let (one, other) = match pair % 2 {
            0 => (timed(bench, hidden).await?, timed(bench, absent).await?),
            _ => {
                let absent = timed(bench, absent).await?;
                (timed(bench, hidden).await?, absent)
            }
        };
        if pair >= WARM_UP / LANES {
            statuses = (one.1.status, other.1.status);
            out.push((one.0, other.0));
        }
    }
    if statuses.0 != statuses.1 {
        return Err(Outcome::Leaked(format!("status {} for hidden, {} for absent", statuses.0, statuses.1)));
    }
    Ok(out)
}

async fn timed(bench: &Bench, request: &Request) -> Result<(f64, Answer), Ended> {
    let begun = Instant::now();
    let answer = bench.answer(request).await?;
    Ok((begun.elapsed().as_secs_f64(), answer))
}

fn trimmed(mut series: Vec<f64>) -> Vec<f64> {
    series.sort_by(f64::total_cmp);
    series.truncate(series.len() * KEPT_OF_20 / 20);
    series
}

/// Welch's t of two series; none when they are too short.
pub(crate) fn welch(one: &[f64], two: &[f64]) -> Option<f64> {
    if one.len().min(two.len()) < PAIRS_MIN * KEPT_OF_20 / 20 {
        return None;
    }
    let (mean_one, spread_one) = moments(one)?;
    let (mean_two, spread_two) = moments(two)?;
    let spread = (spread_one + spread_two).sqrt();
    let apart = mean_one - mean_two;
    if spread == 0.0 {
        return Some(if apart == 0.0 { 0.0 } else { f64::INFINITY.copysign(apart) });
    }
    Some(apart / spread)
}

/// The mean, and the variance of the mean.
fn moments(series: &[f64]) -> Option<(f64, f64)> {
    let count = f64::from(u32::try_from(series.len()).ok()?);
    let mean = series.iter().sum::<f64>() / count;
    let squares: f64 = series.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, squares / (count - 1.0) / count))
}

/// The sum of the signed ranks of the differences, in standard deviations; 0 when no pair differs.
fn signed_ranks(pairs: &[(f64, f64)]) -> f64 {
    let mut apart: Vec<f64> =
        pairs.iter().map(|(one, other)| one - other).filter(|apart| *apart != 0.0).collect();
    apart.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
    let mut at = 0.0_f64;
    for equal in apart.chunk_by(|one, other| one.abs() == other.abs()) {
        // Equal differences share the mean of their ranks.
        let count = f64::from(u32::try_from(equal.len()).unwrap_or(u32::MAX));
        let rank = at + (count + 1.0) / 2.0;
        at += count;
        sum += equal.iter().map(|apart| rank.copysign(*apart)).sum::<f64>();
        squares += rank * rank * count;
    }
    if squares == 0.0 { 0.0 } else { sum / squares.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(base: f64) -> Vec<f64> {
        (0..100).map(|index| base + f64::from(index % 10)).collect()
    }

    fn pairs(base: f64, other: f64) -> Vec<(f64, f64)> {
        // The two run through the same values, each in its own order.
        let turned = series(other).into_iter().cycle().skip(3).take(100);
        series(base).into_iter().zip(turned).collect()
    }

    #[test]
    fn equal_series_are_not_apart_and_shifted_ones_are() {
        assert_eq!(welch(&series(5.0), &series(5.0)), Some(0.0));
        assert!(welch(&series(5.0), &series(9.0)).unwrap() < -T_MAX);
        assert!(welch(&series(9.0), &series(5.0)).unwrap() > T_MAX);
    }

    #[test]
    fn few_values_say_nothing_and_constant_ones_do() {
        assert_eq!(welch(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(welch(&[1.0; 60], &[1.0; 60]), Some(0.0));
        assert_eq!(welch(&[2.0; 60], &[1.0; 60]), Some(f64::INFINITY));
    }

    #[test]
    fn the_ranks_of_pairs_see_a_small_shift_under_a_drift_and_no_single_late_answer() {
        assert!(signed_ranks(&pairs(5.0, 5.0)).abs() < T_MAX);
        let drifting: Vec<(f64, f64)> = (0..100).map(f64::from).map(|at| (at + 0.1, at)).collect();
        assert!(
            welch(
                &drifting.iter().map(|pair| pair.0).collect::<Vec<_>>(),
                &drifting.iter().map(|pair| pair.1).collect::<Vec<_>>()
            )
            .unwrap()
            .abs()
                < 1.0
        );
        assert!(signed_ranks(&drifting) > T_MAX);
        let mut late = pairs(5.0, 5.0);
        late[7].0 += 1e6;
        assert!(signed_ranks(&late).abs() < T_MAX);
        assert_eq!(signed_ranks(&[(1.0, 1.0); 80]), 0.0);
    }

    #[test]
    fn a_measurement_tells_which_is_slower() {
        let apart = Measured::of(&pairs(9.0, 5.0)).unwrap();
        assert!(apart.are_apart() && apart.slower());
        let apart = Measured::of(&pairs(5.0, 9.0)).unwrap();
        assert!(apart.are_apart() && !apart.slower());
        assert!(!Measured::of(&pairs(5.0, 5.0)).unwrap().are_apart());
        assert!(Measured::of(&pairs(5.0, 5.0)[..10]).is_none());
    }
}

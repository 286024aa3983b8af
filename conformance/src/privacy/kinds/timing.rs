//! Hidden takes as long as absent: pairs of requests, in turns and in changing order, compared by Welch's t.

use std::time::Instant;

use super::super::battery::Attack;
use super::super::bench::{Bench, Ended, Outcome};

/// Beyond this the two means are taken to differ; the bound that leakage tests of cryptography use.
pub(crate) const T_MAX: f64 = 4.5;
/// Pairs that are thrown away: connections and caches warm up.
const WARM_UP: u32 = 20;
/// Of each series the slowest twentieth is left out: the scheduler's, not the server's.
const KEPT_OF_20: usize = 19;
/// Fewer pairs than this say nothing.
const PAIRS_MIN: usize = 50;

/// Takes the time of pairs.
pub(super) async fn run(bench: &Bench, attack: &Attack) -> Result<Outcome, Ended> {
    let control = attack.control_request.as_ref();
    let control = control.ok_or_else(|| Outcome::NotRun("it has no control_request".to_owned()))?;
    let pairs = bench.timing_pairs.unwrap_or_default();
    let (mut hidden, mut absent) = (Vec::new(), Vec::new());
    for pair in 0..pairs.saturating_add(WARM_UP) {
        let order = if pair % 2 == 0 { [true, false] } else { [false, true] };
        for is_hidden in order {
            let request = if is_hidden { &attack.request } else { control };
            let begun = Instant::now();
            bench.answer(request).await?;
            let took = begun.elapsed().as_secs_f64();
            if pair >= WARM_UP {
                if is_hidden { hidden.push(took) } else { absent.push(took) }
            }
        }
    }
    let t = welch(&trimmed(hidden), &trimmed(absent));
    let t = t.ok_or_else(|| Outcome::NotRun(format!("fewer than {PAIRS_MIN} pairs say nothing")))?;
    let told = format!("Welch's t is {t:.2} over {pairs} pairs, the bound is {T_MAX}");
    Ok(if t.abs() > T_MAX { Outcome::Leaked(told) } else { Outcome::Held(told) })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn series(base: f64) -> Vec<f64> {
        (0..100).map(|index| base + f64::from(index % 10)).collect()
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
}

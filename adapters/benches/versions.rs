//! What it costs to translate a GP's record from STU3 to R4 and back.
//!
//! ```text
//! cargo bench -p adapters --bench versions
//! ```
//! Prints MB/s (10^6 bytes of the input) of a whole translation, against `fhir::json` doing no more than checking and
//! indexing the same input. Best of many rounds, on the wall clock.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use adapters::{Context, versions};
use fhir::tables::Release;

/// The entries of a small record are repeated until it is this long.
const BYTES: usize = 1_000_000;
const ROUNDS: usize = 20;

fn main() {
    let small = include_str!("../tests/cases/versions/stu3-to-r4-gp-record/in.json");
    let (before, rest) = small.split_once("\"entry\": [").expect("entries");
    let (entries, after) = rest.rsplit_once(']').expect("their end");
    let mut record = format!("{before}\"entry\": [{entries}");
    while record.len() + after.len() < BYTES {
        record.extend([",", entries]);
    }
    record.extend(["]", after]);
    let context = Context::new("hospital", None, "Europe/London").expect("a time zone");
    let there = versions::translate(record.as_bytes(), Release::Stu3, Release::R4, &context)
        .expect("translated")
        .bundle;
    for (name, input, from, to) in [
        ("STU3 to R4", record.as_bytes(), Release::Stu3, Release::R4),
        ("R4 to STU3", &there, Release::R4, Release::Stu3),
    ] {
        let ours = best(|| {
            black_box(versions::translate(black_box(input), from, to, &context).expect("translated"));
        });
        let read = best(|| {
            let limits = fhir::json::Limits::default();
            black_box(fhir::json::parse(black_box(input.to_vec()).into(), &limits).expect("json"));
        });
        let speed = |taken: Duration| input.len() as f64 / taken.as_secs_f64() / 1e6;
        println!(
            "{name}, {} bytes: translated at {:.1} MB/s; read at {:.1} MB/s",
            input.len(),
            speed(ours),
            speed(read)
        );
    }
}

fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

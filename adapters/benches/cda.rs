//! What it costs to translate a CDA document of about 100 KB.
//!
//! ```text
//! cargo bench -p adapters --bench cda
//! ```
//! Prints MB/s (10^6 bytes of the document) of a whole translation, against `roxmltree`, a maintained reader, doing no more
//! than reading the same document into a tree. Best of many rounds, on the wall clock.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use adapters::{Context, cda};

/// The entries of a small document are repeated until it is this long.
const BYTES: usize = 100_000;
const ROUNDS: usize = 400;

fn main() {
    let small = include_str!("../tests/cases/cda/discharge-summary/in.xml");
    let (before, rest) = small.split_once("<component><section>").expect("a section");
    let (section, after) = rest.rsplit_once("</section></component>").expect("its end");
    let mut document = before.to_owned();
    while document.len() + after.len() < BYTES {
        document.extend(["<component><section>", section, "</section></component>"]);
    }
    document.push_str(after);
    let context = Context::new("hospital", None, "Europe/London").expect("a time zone");
    let ours = best(|| {
        black_box(cda::translate(black_box(document.as_bytes()), &context).expect("translated"));
    });
    let tree = best(|| {
        black_box(roxmltree::Document::parse(black_box(&document)).expect("xml"));
    });
    let speed = |taken: Duration| document.len() as f64 / taken.as_secs_f64() / 1e6;
    println!(
        "{} bytes: translated at {:.1} MB/s; roxmltree reads them at {:.1} MB/s; ratio {:.2}",
        document.len(),
        speed(ours),
        speed(tree),
        speed(ours) / speed(tree)
    );
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

//! HL7 v2 messages a second on one core: an ADT A01 as a Bundle, and that Bundle as an ADT A01.
//!
//! ```text
//! cargo bench -p adapters --bench hl7v2
//! ```
//! With `-- counted` the full message alone is translated two thousand times, and nothing is told: for what counts instructions.
//!
//! Prints messages a second and MB/s of the message, the best of many rounds, by the time on a core where the system
//! tells it: what else runs on the machine does not count. Else by the wall clock. Where the `python3` at hand has the
//! libraries hl7 and hl7apy, the same messages by those and a mapping of a few lines (`compare.py`), in the same run;
//! `.ci/compare` gets them.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adapters::hl7v2::out::{Profile, write};
use adapters::{Context, hl7v2};

/// As the program itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MESSAGES: usize = 500;
const ROUNDS: usize = 20;
/// What others would write: far less of the message, by a library.
const COMPARED: &str = include_str!("compare.py");

fn main() {
    // `cargo test` runs benches with this flag: there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let context = Context::new("hospital", None, "Europe/London").expect("a time zone");
    let profile = Profile::parse("version = \"2.5.1\"").expect("a profile");
    let at = jiff::Timestamp::UNIX_EPOCH;
    // The smallest that is real, and one with all that an admission may tell.
    let full = include_bytes!("../tests/cases/hl7v2/adt-a01-admission/in.hl7");
    let lines: Vec<&[u8]> = full.split(|byte| *byte == b'\r').filter(|line| !line.is_empty()).collect();
    let few = lines
        .iter()
        .filter(|line| [&b"MSH"[..], b"EVN", b"PID", b"PV1"].iter().any(|name| line.starts_with(name)));
    let few: Vec<u8> = few.flat_map(|line| [line, &b"\r"[..]].concat()).collect();
    if std::env::args().any(|argument| argument == "counted") {
        for _ in 0..4 * MESSAGES {
            black_box(hl7v2::translate(black_box(full), &context).expect("translated"));
        }
        return;
    }
    for (name, message) in [("MSH EVN PID PV1", &few[..]), ("13 segments", &full[..])] {
        let bundle = hl7v2::translate(message, &context).expect("translated").bundle;
        let into = best(|| {
            black_box(hl7v2::translate(black_box(message), &context).expect("translated"));
        });
        let out = best(|| {
            black_box(write(black_box(&bundle), "A01", &profile, at).expect("written"));
        });
        for (way, taken) in [("in ", into), ("out", out)] {
            let seconds = taken.as_secs_f64() / MESSAGES as f64;
            println!(
                "{name}, {} bytes, Bundle {} bytes, {way}: {:.0} messages/s, {:.1} MB/s",
                message.len(),
                bundle.len(),
                1.0 / seconds,
                message.len() as f64 / seconds / 1e6
            );
        }
        let ours = MESSAGES as f64 / into.as_secs_f64();
        for (library, times) in [("hl7", 1_000), ("hl7apy", 50)] {
            match python(library, times, message) {
                Some(rate) => {
                    println!("{name}, by Python {library}: {rate:.0} messages/s, ratio {:.0}", ours / rate);
                }
                None => println!("{name}, by Python {library}: not here"),
            }
        }
    }
}

/// Messages a second of a core, the best of three rounds.
fn python(library: &str, times: u32, message: &[u8]) -> Option<f64> {
    let round = || {
        let mut child = Command::new("python3")
            .args(["-c", COMPARED, library, &times.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(message).ok()?;
        let output = child.wait_with_output().ok()?;
        let seconds = String::from_utf8(output.stdout).ok()?.trim().parse::<f64>().ok()?;
        Some(f64::from(times) / seconds)
    };
    (0..3).map(|_| round()).collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)
}

fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let (wall, core) = (Instant::now(), on_core());
            (0..MESSAGES).for_each(|_| work());
            match (core, on_core()) {
                (Some(from), Some(to)) => to.saturating_sub(from),
                _ => wall.elapsed(),
            }
        })
        .min()
        .unwrap_or_default()
}

/// How long this thread has been on a core.
fn on_core() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

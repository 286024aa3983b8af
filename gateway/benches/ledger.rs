//! Durable appends a second: the ledger against the least that durability costs, in one run.
//!
//! The yardstick is a thread that gathers what is waiting, writes it to a preallocated file and calls `fdatasync` once
//! for all of it: no salt, no hash, no tree, no segments. Both answer each caller only then. Rounds alternate, and the
//! medians are compared.
//!
//! ```text
//! cargo bench -p gateway --bench ledger [-- FOLDER]
//! ```

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway::clock::Clock;
use gateway::ledger::{AuditLedger, Batch, KeyScheme, Options, SegmentLedger};
use tokio::sync::oneshot;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUND: Duration = Duration::from_millis(1_200);
const ROUNDS: usize = 5;
const PAYLOAD_BYTES: usize = 1_200;
const RAW_FILE_BYTES: u64 = 256 << 20;

fn main() -> Result<(), Failure> {
    // `cargo test` runs benches with this flag: there is nothing to test here.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let home = match folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    report("writers | raw /s | ledger /s | ratio | raw p99 ms | ledger p99 ms")?;
    for writers in [1, 16, 256] {
        let (mut raw, mut ledger) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            raw.push(runtime.block_on(raw_round(home.path(), writers))?);
            ledger.push(
                runtime.block_on(ledger_round(&home.path().join(format!("{writers}-{round}")), writers))?,
            );
        }
        let (raw, ledger) = (median(raw), median(ledger));
        let ratio = ledger.a_second / raw.a_second;
        report(&format!(
            "{writers:7} | {:6.0} | {:9.0} | {ratio:5.2} | {:10.2} | {:13.2}",
            raw.a_second, ledger.a_second, raw.p99_ms, ledger.p99_ms
        ))?;
    }
    Ok(())
}

fn report(line: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}")
}

#[derive(Debug, Clone, Copy)]
struct Speed {
    a_second: f64,
    p99_ms: f64,
}

fn median(mut speeds: Vec<Speed>) -> Speed {
    speeds.sort_by(|one, other| one.a_second.total_cmp(&other.a_second));
    speeds.get(speeds.len() / 2).copied().unwrap_or(Speed { a_second: 0.0, p99_ms: 0.0 })
}

/// Lets so many tasks append one after the other for a while.
async fn drive<A, F>(writers: usize, append: A) -> Result<Speed, Failure>
where
    A: Fn(Bytes) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (append, over, done) = (append.clone(), Arc::clone(&over), Arc::clone(&done));
            let payload = payload.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    append(payload.clone()).await?;
                    waits.push(asked.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, Failure>(waits)
            })
        })
        .collect();
    tokio::time::sleep(ROUND).await;
    let (count, took) = (done.load(Ordering::Relaxed), start.elapsed());
    over.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    // Counts of a second and a bit: far below where a float would round them.
    let a_second = f64::from(u32::try_from(count)?) / took.as_secs_f64();
    Ok(Speed { a_second, p99_ms: p99.as_secs_f64() * 1e3 })
}

async fn ledger_round(folder: &Path, writers: usize) -> Result<Speed, Failure> {
    let scheme = KeyScheme { version: 1, keys: |_| Vec::new() };
    let options = Options::new(folder, "bench.example/ledger", scheme);
    let ledger = Arc::new(SegmentLedger::open(&options, Clock::machine())?);
    let speed = {
        let ledger = Arc::clone(&ledger);
        drive(writers, move |payload| {
            let ledger = Arc::clone(&ledger);
            async move {
                ledger.append(Batch::new(payload)).await?;
                Ok(())
            }
        })
        .await?
    };
    ledger.close().await;
    drop(ledger);
    std::fs::remove_dir_all(folder)?;
    Ok(speed)
}

async fn raw_round(folder: &Path, writers: usize) -> Result<Speed, Failure> {
    let path = folder.join("raw");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    let zeros = vec![0; 1 << 20];
    for step in 0..RAW_FILE_BYTES >> 20 {
        file.write_all_at(&zeros, step << 20)?;
    }
    file.sync_all()?;
    let (to_do, asked) = channel();
    let writing = std::thread::spawn(move || raw_writer(&file, &asked));
    let speed = drive(writers, move |payload| {
        let to_do: Sender<(Bytes, oneshot::Sender<()>)> = to_do.clone();
        async move {
            let (done, answer) = oneshot::channel();
            to_do.send((payload, done))?;
            answer.await?;
            Ok(())
        }
    })
    .await?;
    writing.join().map_err(|_| "the raw writer panicked")??;
    std::fs::remove_file(path)?;
    Ok(speed)
}

fn raw_writer(file: &File, asked: &Receiver<(Bytes, oneshot::Sender<()>)>) -> std::io::Result<()> {
    let (mut offset, mut group, mut waiting) = (0, Vec::new(), Vec::new());
    while let Ok(first) = asked.recv() {
        let mut next = Some(first);
        while let Some((payload, done)) = next.take() {
            group.extend_from_slice(&payload);
            waiting.push(done);
            if group.len() < 1 << 20 {
                next = asked.try_recv().ok();
            }
        }
        if offset + group.len() as u64 > RAW_FILE_BYTES {
            offset = 0;
        }
        file.write_all_at(&group, offset)?;
        file.sync_data()?;
        offset += group.len() as u64;
        group.clear();
        for done in waiting.drain(..) {
            done.send(()).ok();
        }
    }
    Ok(())
}

//! This test binary, run once more as a process of its own that appends and says what was acknowledged.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gateway::ledger::{Receipt, SegmentLedger};

use super::support::{open, text, try_append};

const FOLDER: &str = "PORTCULLIS_TEST_LEDGER";
const COUNT: &str = "PORTCULLIS_TEST_COUNT";
const TASKS: u64 = 4;

/// What the child said was durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    index: u64,
    leaf: String,
    payload: String,
}

/// Appends until it is killed, or until so many entries were acknowledged; refused ones are tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_for_other_tests_when_run_as_their_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let count = std::env::var_os(COUNT).and_then(|count| count.to_str()?.parse().ok()).unwrap_or(u64::MAX);
    let ledger = Arc::new(open(Path::new(&folder)));
    let tasks = if count == u64::MAX { TASKS } else { 1 };
    let appending = (0..tasks).map(|task| tokio::spawn(append_all(Arc::clone(&ledger), task, count)));
    for appending in appending.collect::<Vec<_>>() {
        appending.await.unwrap();
    }
}

async fn append_all(ledger: Arc<SegmentLedger>, task: u64, count: u64) {
    for number in 0..count {
        let payload = format!("{}/{task}/{number}/{}", std::process::id(), "x".repeat(300));
        loop {
            match try_append(&ledger, &payload).await {
                Ok(Receipt { index, leaf, .. }) => {
                    say(&format!("acknowledged {index} {} {payload}", leaf.to_base64url()));
                    break;
                }
                Err(_) => {
                    say("refused");
                    let mut health = ledger.health();
                    let well = health.wait_for(|health| health.takes_entries());
                    tokio::time::timeout(Duration::from_secs(20), well).await.unwrap().unwrap();
                }
            }
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Starts the child on `folder`, under another program if `under` names one.
pub(crate) fn start(folder: &Path, count: Option<u64>, under: &[&OsStr]) -> (Child, BufReader<ChildStdout>) {
    let itself = std::env::current_exe().unwrap();
    let arguments =
        ["--exact", "ledger::child::appends_for_other_tests_when_run_as_their_child", "--nocapture"];
    let mut line = under.to_vec();
    line.push(itself.as_os_str());
    let (program, rest) = line.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(rest).args(arguments).env(FOLDER, folder);
    if let Some(count) = count {
        command.env(COUNT, count.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Reads what the child says until it ends or has said so many acknowledgements; yields refusals too.
pub(crate) fn listen(out: &mut BufReader<ChildStdout>, most: usize) -> (Vec<Acknowledged>, usize) {
    let (mut acknowledged, mut refused, mut line) = (Vec::new(), 0, String::new());
    while acknowledged.len() < most {
        line.clear();
        if out.read_line(&mut line).unwrap() == 0 {
            break;
        }
        // A line cut off by the kill was never said.
        let Some(said) = line.strip_suffix('\n') else { break };
        refused += usize::from(said.ends_with("refused"));
        if let Some((_, said)) = said.split_once("acknowledged ") {
            let mut words = said.splitn(3, ' ').map(str::to_owned);
            let (index, leaf, payload) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            acknowledged.push(Acknowledged { index: index.parse().unwrap(), leaf, payload });
        }
    }
    (acknowledged, refused)
}

/// Checks that the ledger holds all that was acknowledged, exactly where it was said to be.
pub(crate) async fn check_all_there(ledger: &SegmentLedger, acknowledged: &[Acknowledged]) {
    for said in acknowledged {
        let entry = ledger.read(ledger.lane(), said.index).await.unwrap().unwrap();
        assert_eq!(entry.leaf.to_base64url(), said.leaf);
        assert_eq!(text(ledger, said.index).await.as_ref(), Some(&said.payload));
    }
}

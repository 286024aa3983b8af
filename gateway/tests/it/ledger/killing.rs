//! Killed at any moment: what was acknowledged is there.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use super::child::{check_all_there, listen, start};
use super::support::{append, open, verified};

/// Whether `strace` can be used here; says so when not.
pub(crate) fn has_strace() -> bool {
    let works = Command::new("strace").args(["-e", "trace=none", "true"]).output();
    let works = works.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: strace is not to be had, no system call is made to fail");
    }
    works
}

pub(crate) fn strace<'a>(log: &'a Path, fault: &'a str) -> Vec<&'a OsStr> {
    let calls = "trace=fdatasync,fsync,pwrite64,rename,ftruncate,close,openat";
    ["strace", "-f", "-qq", "-o"]
        .map(OsStr::new)
        .into_iter()
        .chain([log.as_os_str()])
        .chain(["-e", calls, "-e", fault].map(OsStr::new))
        .collect()
}

#[tokio::test]
async fn a_process_killed_under_load_loses_nothing_it_acknowledged() {
    let home = tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for cycle in 0..12 {
        let (mut child, mut out) = start(home.path(), None, &[]);
        let (before, _) = listen(&mut out, 37 + 61 * (cycle % 5));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said and nobody had read yet was said all the same.
        let (after, _) = listen(&mut out, usize::MAX);
        acknowledged.extend(before);
        acknowledged.extend(after);
        let ledger = open(home.path());
        check_all_there(&ledger, &acknowledged).await;
        append(&ledger, &["between two lives"]).await;
    }
    assert!(acknowledged.len() > 1_000);
    assert!(verified(home.path()).unwrap().entries >= acknowledged.len() as u64 + 12);
}

#[tokio::test]
async fn a_process_killed_at_any_system_call_loses_nothing_it_acknowledged() {
    if !has_strace() {
        return;
    }
    let mut killed = 0;
    for call in ["pwrite64", "fdatasync", "fsync", "rename", "ftruncate"] {
        for when in [1, 2, 3, 5, 11, 90] {
            let home = tempdir().unwrap();
            let fault = format!("inject={call}:signal=KILL:when={when}");
            let log = home.path().join("strace.log");
            let (mut child, mut out) = start(home.path(), Some(200), &strace(&log, &fault));
            let (acknowledged, _) = listen(&mut out, usize::MAX);
            killed += usize::from(!child.wait().unwrap().success());
            let ledger = open(home.path());
            check_all_there(&ledger, &acknowledged).await;
            append(&ledger, &["after the crash"]).await;
            drop(ledger);
            verified(home.path()).unwrap();
        }
    }
    assert!(killed > 15, "only {killed} were killed");
}

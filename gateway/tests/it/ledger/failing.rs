//! Disks that refuse: everyone who waits is told, nothing is acknowledged, and the ledger goes on when the disk does.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gateway::ledger::{Health, LedgerError, SegmentLedger, Strain};
use tempfile::{TempDir, tempdir};

use super::child::{check_all_there, listen, start};
use super::killing::{has_strace, strace};
use super::support::{append, files, open, text, try_append, verified};

/// A small file system in memory, taken away again at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let home = tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(home.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(home));
        }
        eprintln!("SKIPPED: no file system can be mounted, no disk becomes full");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).output().ok();
    }
}

async fn recovered(ledger: &SegmentLedger) {
    let mut health = ledger.health();
    let well = health.wait_for(|health| health.takes_entries());
    tokio::time::timeout(Duration::from_secs(20), well).await.unwrap().unwrap();
}

/// Appends until the ledger refuses; yields how many were acknowledged and why it refused.
async fn append_until_refused(ledger: &SegmentLedger, from: usize) -> (usize, LedgerError) {
    for number in from..100_000 {
        let payload = format!("entry {number} {}", "x".repeat(2_000));
        if let Err(error) = try_append(ledger, &payload).await {
            return (number, error);
        }
    }
    panic!("the ledger never refused")
}

async fn check_exactly(ledger: &SegmentLedger, count: usize) {
    assert_eq!(ledger.head(), count as u64);
    for number in 0..count {
        let found = text(ledger, number as u64).await.unwrap();
        assert!(found.starts_with(&format!("entry {number} ")), "entry {number}");
    }
}

fn fill(folder: &Path) {
    let mut ballast = std::fs::File::create(folder.join("ballast")).unwrap();
    let full = std::io::copy(&mut std::io::repeat(1), &mut ballast).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_ledger_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::mount("2m") else { return };
    let folder = disk.0.path().join("ledger");
    let ledger = open(&folder);
    let mut count = 0;
    for _ in 0..3 {
        fill(disk.0.path());
        let (until, error) = append_until_refused(&ledger, count).await;
        count = until;
        let LedgerError::Io(source) = error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::StorageFull);
        assert_eq!(*ledger.health().borrow(), Health::Failing(ErrorKind::StorageFull));
        assert!(try_append(&ledger, "while full").await.is_err());
        std::fs::remove_file(disk.0.path().join("ballast")).unwrap();
        recovered(&ledger).await;
        append(&ledger, &[&format!("entry {count} ")]).await;
        count += 1;
        check_exactly(&ledger, count).await;
    }
    ledger.close().await;
    drop(ledger);
    assert_eq!(verified(&folder).unwrap().entries, count as u64);
    check_exactly(&open(&folder), count).await;
}

#[tokio::test]
async fn a_disk_without_room_for_the_next_segment_is_told_before_anything_is_refused() {
    let Some(disk) = SmallDisk::mount("2m") else { return };
    let folder = disk.0.path().join("ledger");
    let ledger = open(&folder);
    fill(disk.0.path());
    let mut health = ledger.health();
    let strained = Health::Strained(Strain::NoNextSegment);
    // The segment that was made ready before is used up first.
    while files(&folder, "payloads").len() < 2 && *health.borrow() != strained {
        append(&ledger, &[&"x".repeat(2_000)]).await;
    }
    tokio::time::timeout(Duration::from_secs(20), health.wait_for(|now| *now == strained))
        .await
        .unwrap()
        .unwrap();
    append(&ledger, &["there is still room for this"]).await;
}

#[tokio::test]
async fn a_folder_taken_away_refuses_and_the_ledger_goes_on_once_it_is_back() {
    let home = tempdir().unwrap();
    let (folder, elsewhere) = (home.path().join("ledger"), home.path().join("elsewhere"));
    let ledger = open(&folder);
    let mut count = 0;
    for _ in 0..2 {
        std::fs::rename(&folder, &elsewhere).unwrap();
        let (until, error) = append_until_refused(&ledger, count).await;
        count = until;
        let LedgerError::Io(source) = error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::NotFound);
        std::fs::rename(&elsewhere, &folder).unwrap();
        recovered(&ledger).await;
        append(&ledger, &[&format!("entry {count} ")]).await;
        count += 1;
        check_exactly(&ledger, count).await;
    }
    ledger.close().await;
    assert_eq!(verified(&folder).unwrap().entries, count as u64);
}

#[tokio::test]
async fn damage_found_on_the_way_back_stops_the_ledger_for_good() {
    let home = tempdir().unwrap();
    let (folder, elsewhere) = (home.path().join("ledger"), home.path().join("elsewhere"));
    let ledger = open(&folder);
    std::fs::rename(&folder, &elsewhere).unwrap();
    append_until_refused(&ledger, 0).await;
    let segment = files(&elsewhere, "payloads").pop().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4_096 + 100] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    std::fs::rename(&elsewhere, &folder).unwrap();
    let mut health = ledger.health();
    let damaged = health.wait_for(|health| *health == Health::Damaged);
    tokio::time::timeout(Duration::from_secs(20), damaged).await.unwrap().unwrap();
    assert!(matches!(try_append(&ledger, "late").await, Err(LedgerError::Damaged(_))));
}

#[tokio::test]
async fn after_an_error_of_any_system_call_what_was_acknowledged_is_there_and_the_ledger_went_on() {
    if !has_strace() {
        return;
    }
    let mut refused_at_all = 0;
    for (call, error) in [("fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("fsync", "EIO"), ("rename", "EROFS")]
    {
        for when in [3, 5, 20, 60, 100] {
            let home = tempdir().unwrap();
            // The first start is left alone: it makes keys and the first segment.
            append(&open(home.path()), &["the first"]).await;
            let fault = format!("inject={call}:error={error}:when={when}");
            let log = home.path().join("strace.log");
            let (mut child, mut out) = start(home.path(), Some(200), &strace(&log, &fault));
            let (acknowledged, refused) = listen(&mut out, usize::MAX);
            let ended = child.wait().unwrap();
            assert!(ended.success() || acknowledged.is_empty(), "{fault}: {ended}");
            refused_at_all += refused;
            let ledger = open(home.path());
            check_all_there(&ledger, &acknowledged).await;
            drop(ledger);
            verified(home.path()).unwrap();
            check_no_second_sync(&std::fs::read_to_string(log).unwrap());
        }
    }
    assert!(refused_at_all > 3, "only {refused_at_all} appends were refused");
}

/// Checks that a file whose `fdatasync` failed is closed without another.
fn check_no_second_sync(log: &str) {
    let mut lines = log.lines();
    while let Some(failed) = lines.by_ref().find(|line| line.contains("INJECTED") && line.contains("sync(")) {
        let file = failed.split_once('(').unwrap().1.split(')').next().unwrap();
        // A call of one thread is cut in two where another's comes between.
        let closes = [format!("close({file})"), format!("close({file} <unfinished")];
        let until_closed = lines.clone().take_while(|line| !closes.iter().any(|call| line.contains(call)));
        let again = until_closed.filter(|line| line.contains(&format!("sync({file})"))).count();
        assert_eq!(again, 0, "a file was synchronised again after {failed}");
    }
}

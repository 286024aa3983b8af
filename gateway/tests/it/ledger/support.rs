//! What the tests of the ledger share: small ledgers with small segments, and copies of their folders.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::clock::Clock;
use gateway::ledger::note::VerifierKey;
use gateway::ledger::verify::{Report, verify};
use gateway::ledger::{
    AuditLedger, Batch, Content, Fault, IndexKey, KeyScheme, LedgerError, Options, PUBLIC_KEY_FILE,
    ReadError, Receipt, SegmentLedger, read_public_key,
};
use jiff::Timestamp;
use tempfile::TempDir;

/// The keys of a payload like `person=a purpose=b`.
pub(crate) fn words(payload: &[u8]) -> Vec<IndexKey> {
    let text = String::from_utf8_lossy(payload).into_owned();
    let word = |word: &str| match word.split_once('=')? {
        ("person", value) => Some(IndexKey { kind: "person", value: value.to_owned() }),
        ("purpose", value) => Some(IndexKey { kind: "purpose", value: value.to_owned() }),
        _ => None,
    };
    text.split(' ').filter_map(word).collect()
}

/// Options for segments of 64 KiB that checkpoint only when told.
pub(crate) fn options(folder: &Path) -> Options {
    Options {
        segment_bytes: 64 << 10,
        batch_bytes_max: 16 << 10,
        checkpoint_interval: Duration::from_secs(3_600),
        checkpoint_entries: u64::MAX,
        ..Options::new(folder, "share.example.nhs.uk/ledger", KeyScheme { version: 1, keys: words })
    }
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn open(folder: &Path) -> SegmentLedger {
    SegmentLedger::open(&options(folder), Clock::standing_at(noon())).unwrap()
}

pub(crate) fn batch(payloads: &[&str]) -> Batch {
    let mut payloads = payloads.iter().map(|payload| payload.as_bytes().to_vec());
    let own = Batch::new(payloads.next().unwrap());
    payloads.fold(own, Batch::with)
}

pub(crate) async fn append(ledger: &SegmentLedger, payloads: &[&str]) -> Receipt {
    ledger.append(batch(payloads)).await.unwrap()
}

pub(crate) async fn try_append(ledger: &SegmentLedger, payload: &str) -> Result<Receipt, LedgerError> {
    ledger.append(batch(&[payload])).await
}

/// Entry `index` as text; `None` when it was erased.
pub(crate) async fn text(ledger: &SegmentLedger, index: u64) -> Option<String> {
    match ledger.read(ledger.lane(), index).await.unwrap().unwrap().content {
        Content::Present(payload) => Some(String::from_utf8(payload.to_vec()).unwrap()),
        Content::Erased => None,
    }
}

/// A closed ledger of `batches` batches of one to three entries over several segments, checkpoints among them.
pub(crate) async fn grown(batches: usize) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path());
    for number in 0..batches {
        let own = format!("exchange={number} {}", "x".repeat(400));
        let persons = [format!("person=p{number} of={number}"), format!("person=q{number} of={number}")];
        let mut payloads = vec![own.as_str()];
        payloads.extend(persons.iter().take(number % 3).map(String::as_str));
        append(&ledger, &payloads).await;
        if number % 50 == 49 {
            ledger.checkpoint().await.unwrap();
        }
    }
    ledger.close().await;
    drop(ledger);
    home
}

/// A copy of a folder, as a thief or a power cut would leave it.
pub(crate) fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // What is still being made may vanish meanwhile; the index is derived.
        if !name.ends_with(".unfinished") && !name.starts_with("index.sqlite") {
            std::fs::copy(entry.path(), copy.path().join(name)).unwrap();
        }
    }
    copy
}

pub(crate) fn key(folder: &Path) -> VerifierKey {
    read_public_key(&folder.join(PUBLIC_KEY_FILE)).unwrap()
}

pub(crate) fn verified(folder: &Path) -> Result<Report, ReadError> {
    verify(folder, &key(folder), &[])
}

/// The fault that verification finds.
#[track_caller]
pub(crate) fn fault(folder: &Path) -> Fault {
    match verified(folder) {
        Err(ReadError::Fault(fault)) => fault,
        other => panic!("no fault was found: {other:?}"),
    }
}

/// The files of `folder` with this extension, in order.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

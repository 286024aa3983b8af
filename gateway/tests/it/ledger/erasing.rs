use gateway::ledger::{AuditLedger, Content, EraseError, Erasure, IndexKey, Kind, LaneId, Page};
use tempfile::tempdir;

use super::support::{append, batch, copy, fault, files, grown, open, text, verified};

fn holds(folder: &std::path::Path, needle: &[u8]) -> bool {
    ["payloads", "leaves", "notes", "sqlite", "sqlite-wal"]
        .iter()
        .flat_map(|extension| files(folder, extension))
        .any(|path| std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle))
}

#[tokio::test]
async fn an_erased_payload_is_gone_from_disk_and_every_proof_still_holds() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1", "person=ann secret-of-ann"]).await;
    append(&ledger, &["exchange=2"]).await;
    ledger.checkpoint().await.unwrap();
    let leaf = ledger.read(ledger.lane(), 1).await.unwrap().unwrap().leaf;
    let receipt = ledger.erase(1, "court order 12 of 2026").await.unwrap();
    assert_eq!(receipt.index, 3);
    assert!(!holds(home.path(), b"secret-of-ann"));

    let entry = ledger.read(ledger.lane(), 1).await.unwrap().unwrap();
    assert_eq!((entry.leaf, entry.batch, entry.content), (leaf, 0..2, Content::Erased));
    let record = ledger.read(ledger.lane(), 3).await.unwrap().unwrap();
    assert_eq!(record.kind, Kind::Erasure);
    let Content::Present(payload) = record.content else { panic!("the erasure has no content") };
    assert_eq!(
        Erasure::parse(&payload),
        Some(Erasure { index: 1, authority: "court order 12 of 2026".to_owned() })
    );
    drop(ledger);
    let report = verified(home.path()).unwrap();
    assert_eq!((report.entries, report.erased), (4, vec![1]));

    let ledger = open(home.path());
    assert_eq!((ledger.head(), text(&ledger, 1).await), (4, None));
    assert_eq!(append(&ledger, &["exchange=3"]).await.index, 4);
}

#[tokio::test]
async fn an_entry_of_an_earlier_segment_is_erased_as_well() {
    let home = grown(200).await;
    let ledger = open(home.path());
    ledger.erase(7, "article 17").await.unwrap();
    ledger.erase(300, "article 17").await.unwrap();
    drop(ledger);
    assert_eq!(verified(home.path()).unwrap().erased, [7, 300]);
    let ledger = open(home.path());
    assert_eq!((text(&ledger, 7).await, text(&ledger, 300).await), (None, None));
    assert!(text(&ledger, 8).await.is_some());
}

#[tokio::test]
async fn erased_entries_are_no_longer_found_by_their_keys() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1", "person=ann"]).await;
    append(&ledger, &["exchange=2", "person=ann"]).await;
    let ann = IndexKey { kind: "person", value: "ann".to_owned() };
    let wait = std::time::Duration::from_secs(20);
    ledger.wait_until_indexed(ledger.head(), wait).await.unwrap();
    assert_eq!(ledger.find(ann.clone(), Page::newest(9)).await.unwrap(), [3, 1]);
    ledger.erase(1, "article 17").await.unwrap();
    ledger.wait_until_indexed(ledger.head(), wait).await.unwrap();
    assert_eq!(ledger.find(ann, Page::newest(9)).await.unwrap(), [3]);
}

#[tokio::test]
async fn what_cannot_be_erased_is_refused() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1"]).await;
    assert!(matches!(ledger.erase(1, "x").await, Err(EraseError::NoEntry)));
    ledger.erase(0, "x").await.unwrap();
    assert!(matches!(ledger.erase(0, "x").await, Err(EraseError::ErasedBefore)));
    assert!(matches!(ledger.erase(1, "x").await, Err(EraseError::IsErasure)));
    let elsewhere = LaneId::parse("0000000000000000").unwrap();
    assert_eq!(ledger.read(elsewhere, 0).await.unwrap(), None);
}

#[tokio::test]
async fn an_interrupted_erasure_is_finished_at_the_next_start() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1", "person=ann secret-of-ann"]).await;
    let before = copy(home.path());
    ledger.erase(1, "article 17").await.unwrap();
    drop(ledger);
    // The payload as it was before, beside the entry that orders its erasure: what a crash in between leaves.
    let (old, new) = (files(before.path(), "payloads"), files(home.path(), "payloads"));
    let (old, mut bytes) = (std::fs::read(&old[0]).unwrap(), std::fs::read(&new[0]).unwrap());
    let at = old.windows(13).position(|window| window == b"secret-of-ann").unwrap();
    bytes[at - 60..at + 13].copy_from_slice(&old[at - 60..at + 13]);
    std::fs::write(&new[0], bytes).unwrap();
    assert!(holds(home.path(), b"secret-of-ann"));
    assert_eq!(verified(home.path()).unwrap().unfinished_erasures, [1]);

    let ledger = open(home.path());
    assert_eq!((ledger.recovery().erasures_finished, text(&ledger, 1).await), (1, None));
    assert!(!holds(home.path(), b"secret-of-ann"));
    drop(ledger);
    assert_eq!(verified(home.path()).unwrap().erased, [1]);
}

#[tokio::test]
async fn a_payload_overwritten_without_an_entry_of_erasure_is_a_fault() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1", "person=ann", "person=ben"]).await;
    ledger.append(batch(&["exchange=2"])).await.unwrap();
    let with_authority = {
        let taken = copy(home.path());
        let other = open(taken.path());
        other.erase(1, "article 17").await.unwrap();
        drop(other);
        taken
    };
    drop(ledger);
    let file = |home: &std::path::Path| files(home, "payloads")[0].clone();
    let erased = std::fs::read(file(with_authority.path())).unwrap();
    let mut bytes = std::fs::read(file(home.path())).unwrap();
    // The second entry begins after the header and the first; only salt and payload are taken over.
    let from = 4_096 + 96 + 48;
    bytes[from..from + 42].copy_from_slice(&erased[from..from + 42]);
    std::fs::write(file(home.path()), bytes).unwrap();
    let found = fault(home.path());
    assert_eq!((found.index, found.kind), (1, gateway::ledger::FaultKind::ErasedWithoutAuthority));
}

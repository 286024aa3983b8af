use std::sync::Arc;

use gateway::clock::Clock;
use gateway::ledger::tree::{verify_consistency, verify_inclusion};
use gateway::ledger::{
    AuditLedger, Batch, Checkpoint, Health, Kind, LedgerError, LockError, OpenError, Recovery, SegmentLedger,
};
use tempfile::tempdir;

use super::support::{
    append, batch, copy, files, grown, key, noon, open, options, text, try_append, verified,
};

#[tokio::test]
async fn what_is_appended_can_be_read_and_is_there_after_a_restart() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    let first = append(&ledger, &["exchange=1"]).await;
    let second = append(&ledger, &["exchange=2", "person=a", "person=b"]).await;
    assert_eq!((first.index, second.index, ledger.head()), (0, 1, 4));
    let lane = ledger.lane();
    drop(ledger);

    let ledger = open(home.path());
    assert_eq!((ledger.lane(), ledger.head(), ledger.recovery()), (lane, 4, &Recovery::default()));
    let entry = ledger.read(lane, 2).await.unwrap().unwrap();
    assert_eq!((entry.index, entry.batch.clone(), entry.kind, entry.at), (2, 1..4, Kind::Entry, noon()));
    assert_eq!(text(&ledger, 2).await.as_deref(), Some("person=a"));
    assert_eq!(ledger.read(lane, 1).await.unwrap().unwrap().leaf, second.leaf);
    assert_eq!(ledger.read(lane, 4).await.unwrap(), None);
    assert_eq!(append(&ledger, &["exchange=3"]).await.index, 4);
}

#[tokio::test]
async fn a_receipt_neither_counts_nor_repeats() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    let (one, other) = (append(&ledger, &["same"]).await, append(&ledger, &["same"]).await);
    assert_ne!(one.to_header(), other.to_header());
    assert_eq!(one.to_header().len(), 43);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_recorded_once_in_whole_batches_over_many_segments() {
    let home = tempdir().unwrap();
    let ledger = Arc::new(open(home.path()));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                for number in 0..60 {
                    let own = format!("own {writer}/{number} {}", "x".repeat(300));
                    let person = format!("person {writer}/{number}");
                    let receipt = append(&ledger, &[&own, &person]).await;
                    assert_eq!(text(&ledger, receipt.index).await, Some(own));
                    assert_eq!(text(&ledger, receipt.index + 1).await, Some(person));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(ledger.head(), 16 * 60 * 2);
    ledger.close().await;
    drop(ledger);
    assert!(files(home.path(), "payloads").len() > 5);
    let report = verified(home.path()).unwrap();
    assert_eq!((report.entries, report.checkpointed, report.unfinished_bytes), (1_920, 1_920, 0));
}

#[tokio::test]
async fn a_copy_taken_without_closing_holds_every_acknowledged_entry() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    for number in 0..300 {
        append(&ledger, &[&format!("entry {number} {}", "x".repeat(number))]).await;
    }
    let taken = copy(home.path());
    let again = open(taken.path());
    assert_eq!(again.head(), 300);
    for number in [0, 150, 299] {
        assert!(text(&again, number).await.unwrap().starts_with(&format!("entry {number} ")));
    }
}

#[tokio::test]
async fn batches_beyond_the_bounds_are_refused_and_do_no_harm() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    let large = ledger.append(Batch::new(vec![b'x'; 17 << 10])).await;
    assert!(matches!(large, Err(LedgerError::TooLarge)));
    let many = (0..9_000).fold(Batch::new(""), |batch, _| batch.with(""));
    assert!(matches!(ledger.append(many).await, Err(LedgerError::TooLarge)));
    // More leaves than a segment of this size has room for.
    let many = (0..100).fold(Batch::new(""), |batch, _| batch.with(""));
    assert!(matches!(ledger.append(many).await, Err(LedgerError::TooLarge)));
    assert_eq!(files(home.path(), "payloads").len(), 1);
    assert_eq!(append(&ledger, &[&"x".repeat(15 << 10)]).await.index, 0);
    let empty = append(&ledger, &["", "", ""]).await;
    assert_eq!((empty.index, text(&ledger, 3).await.as_deref()), (1, Some("")));
    for _ in 0..20 {
        append(&ledger, &[&"x".repeat(15 << 10)]).await;
    }
    ledger.close().await;
    assert!(verified(home.path()).is_ok());
}

#[tokio::test]
async fn a_folder_serves_one_ledger_at_a_time() {
    let home = tempdir().unwrap();
    let first = open(home.path());
    let second = SegmentLedger::open(&options(home.path()), Clock::machine());
    let Err(error) = second else { panic!("the folder was opened twice") };
    assert!(matches!(error, OpenError::Lock(LockError::InUse { .. })));
    assert_eq!(error.exit_status(), 75);
    drop(first);
    assert!(SegmentLedger::open(&options(home.path()), Clock::machine()).is_ok());
}

#[tokio::test]
async fn a_closed_ledger_refuses_and_says_so() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1"]).await;
    assert!(ledger.health().borrow().takes_entries());
    ledger.close().await;
    ledger.close().await;
    assert_eq!(*ledger.health().borrow(), Health::Closed);
    assert!(matches!(try_append(&ledger, "late").await, Err(LedgerError::Closed)));
    assert!(matches!(ledger.checkpoint().await, Err(LedgerError::Closed)));
}

#[tokio::test]
async fn a_caller_that_stops_waiting_does_not_take_its_batch_back() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    {
        let mut appending = ledger.append(batch(&["hung up"]));
        let polled = futures_util::poll!(&mut appending);
        drop((polled, appending));
    }
    append(&ledger, &["next"]).await;
    assert_eq!((ledger.head(), text(&ledger, 0).await.as_deref()), (2, Some("hung up")));
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_then_says_so() {
    let home = tempdir().unwrap();
    let mut tight = options(home.path());
    tight.queue_patience = std::time::Duration::ZERO;
    tight.queue_bytes_max = 1;
    let ledger = SegmentLedger::open(&tight, Clock::machine()).unwrap();
    let large = "x".repeat(14 << 10);
    let outcomes = futures_util::future::join_all((0..8).map(|_| try_append(&ledger, &large))).await;
    let full = outcomes.iter().filter(|outcome| matches!(outcome, Err(LedgerError::Full))).count();
    assert!(full > 0 && outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert_eq!(ledger.head() as usize + full, 8);
}

#[tokio::test]
async fn checkpoints_are_signed_and_proofs_lead_to_their_roots() {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    for number in 0..150 {
        append(&ledger, &[&format!("entry {number} {}", "x".repeat(900))]).await;
        if number == 69 {
            ledger.checkpoint().await.unwrap();
        }
    }
    ledger.checkpoint().await.unwrap();
    assert_eq!(ledger.checkpointed(), 150);
    let notes: String =
        files(home.path(), "notes").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let split = notes.match_indices("\n\n").nth(1).unwrap().0 + 1;
    let (early, late) = (&notes[..split], &notes[split + 1..notes.len() - 1]);
    let keys = [key(home.path())];
    let (early, late) = (Checkpoint::open(early, &keys).unwrap(), Checkpoint::open(late, &keys).unwrap());
    assert_eq!((early.size, late.size, late.origin.as_str()), (70, 150, keys[0].name()));
    let proof = ledger.prove_consistency(70, 150).await.unwrap().unwrap();
    assert_eq!(verify_consistency(70, early.root, 150, late.root, &proof), Ok(()));
    for index in [0, 69, 70, 149] {
        let leaf = ledger.read(ledger.lane(), index).await.unwrap().unwrap().leaf;
        let proof = ledger.prove_inclusion(index, 150).await.unwrap().unwrap();
        assert_eq!(verify_inclusion(leaf, index, 150, &proof, late.root), Ok(()));
    }
    assert_eq!(ledger.prove_inclusion(150, 150).await.unwrap(), None);
    assert_eq!(ledger.prove_inclusion(1, 151).await.unwrap(), None);
}

#[tokio::test]
async fn checkpoints_come_by_themselves_in_time_and_by_number() {
    for (interval, entries) in
        [(std::time::Duration::from_millis(1), u64::MAX), (std::time::Duration::MAX, 5)]
    {
        let home = tempdir().unwrap();
        let mut often = options(home.path());
        often.checkpoint_interval = interval;
        often.checkpoint_entries = entries;
        let ledger = SegmentLedger::open(&often, Clock::machine()).unwrap();
        let start = ledger.checkpointed();
        while ledger.checkpointed() == start {
            append(&ledger, &["entry"]).await;
        }
    }
}

#[tokio::test]
async fn a_ledger_in_use_verifies() {
    let home = tempdir().unwrap();
    let ledger = Arc::new(open(home.path()));
    let writing = {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            for number in 0..600 {
                append(&ledger, &[&format!("entry {number} {}", "x".repeat(400)), "person=a"]).await;
                if number % 100 == 0 {
                    ledger.checkpoint().await.unwrap();
                }
            }
        })
    };
    let mut seen = 0;
    while !writing.is_finished() {
        let folder = home.path().to_owned();
        let report = tokio::task::spawn_blocking(move || verified(&folder)).await.unwrap().unwrap();
        assert!(report.entries >= seen);
        seen = report.entries;
    }
    writing.await.unwrap();
    assert_eq!(verified(home.path()).unwrap().entries, 1_200);
}

#[tokio::test]
async fn a_grown_ledger_opens_again_and_again() {
    let home = grown(200).await;
    let before = verified(home.path()).unwrap();
    for _ in 0..3 {
        let ledger = open(home.path());
        assert_eq!((ledger.head(), ledger.recovery()), (before.entries, &Recovery::default()));
    }
    assert_eq!(verified(home.path()).unwrap(), before);
}

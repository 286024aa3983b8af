use std::path::PathBuf;

use gateway::commands::Exit;
use gateway::commands::ledger::{Evidence, checkpoint, export, verify};
use gateway::ledger::{AuditLedger, Batch, Exported};
use tempfile::{TempDir, tempdir};

use super::support::{append, files, open};

fn evidence(home: &TempDir) -> Evidence {
    Evidence { folder: home.path().to_owned(), public_key: None }
}

fn told(run: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> Exit) -> (u8, String, String) {
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    let status = run(&mut out, &mut faults);
    (status.code(), String::from_utf8(out).unwrap(), String::from_utf8(faults).unwrap())
}

async fn small() -> TempDir {
    let home = tempdir().unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=1", "person=ann"]).await;
    ledger.append(Batch::new(vec![0xff, 0])).await.unwrap();
    ledger.erase(1, "article 17").await.unwrap();
    ledger.close().await;
    home
}

#[tokio::test]
async fn a_ledger_that_holds_is_told_with_its_figures() {
    let home = small().await;
    let (status, out, _) = told(|out, _| verify(&evidence(&home), &[], out));
    assert_eq!(status, 0);
    assert!(out.starts_with("held: share.example.nhs.uk/ledger/"), "{out}");
    assert!(out.contains("entries: 4, of which erased: 1\n"), "{out}");
    assert!(out.contains("checkpoints: 1, the last of them over 4 entries\n"), "{out}");
}

#[tokio::test]
async fn a_fault_is_told_with_its_place_and_status_one() {
    let home = small().await;
    let path = files(home.path(), "payloads")[0].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4_096 + 82] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let (status, out, _) = told(|out, _| verify(&evidence(&home), &[], out));
    assert_eq!((status, out.as_str()), (1, "fault: 00000001.payloads, entry 0: the entry is damaged\n"));
    let (status, _, faults) = told(|out, faults| checkpoint(&evidence(&home), out, faults));
    assert_eq!((status, faults), (1, out));
}

#[tokio::test]
async fn what_cannot_be_read_is_status_seventy_four() {
    let home = small().await;
    let nowhere = Evidence { folder: home.path().join("nowhere"), public_key: None };
    let other_key = Evidence { public_key: Some(home.path().join("no.key")), ..evidence(&home) };
    let no_key = Evidence { public_key: Some(home.path().join("secret.pem")), ..evidence(&home) };
    for evidence in [nowhere, other_key, no_key] {
        assert_eq!(told(|out, _| verify(&evidence, &[], out)).0, 74);
        assert_eq!(told(|out, faults| export(&evidence, Exported::Leaves, out, faults)).0, 74);
        assert_eq!(told(|out, faults| checkpoint(&evidence, out, faults)).0, 74);
    }
    assert_eq!(told(|out, _| verify(&evidence(&home), &[PathBuf::from("no.note")], out)).0, 74);
}

#[tokio::test]
async fn entries_are_exported_whole_and_leaves_without_anything_about_anyone() {
    let home = small().await;
    let (status, out, _) = told(|out, faults| export(&evidence(&home), Exported::Entries, out, faults));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((status, lines.len()), (0, 4));
    assert!(lines[0].contains(r#""kind":"entry","batch":[0,2],"payload":"exchange=1"}"#), "{}", lines[0]);
    assert!(lines[1].contains(r#""batch":[0,2],"erased":"by-law"}"#), "{}", lines[1]);
    assert!(lines[2].contains(r#""payload-base64":"/wA="}"#), "{}", lines[2]);
    assert!(lines[3].contains(r#""kind":"erasure""#) && lines[3].contains("article 17"), "{}", lines[3]);

    let (status, leaves, _) = told(|out, faults| export(&evidence(&home), Exported::Leaves, out, faults));
    assert_eq!((status, leaves.lines().count()), (0, 4));
    assert!(leaves.lines().all(|line| line.len() < 80 && line.starts_with(r#"{"index":"#)));
    assert!(!leaves.contains("exchange"));
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_shows_later_that_nothing_was_taken_back() {
    let home = small().await;
    let (status, note, _) = told(|out, faults| checkpoint(&evidence(&home), out, faults));
    assert_eq!(status, 0);
    let kept = tempdir().unwrap();
    let path = kept.path().join("kept.note");
    std::fs::write(&path, &note).unwrap();
    let ledger = open(home.path());
    append(&ledger, &["exchange=2"]).await;
    drop(ledger);
    let (status, out, _) = told(|out, _| verify(&evidence(&home), &[path], out));
    assert_eq!(status, 0, "{out}");

    let empty = tempdir().unwrap();
    drop(open(empty.path()));
    let (status, _, faults) = told(|out, faults| checkpoint(&evidence(&empty), out, faults));
    assert_eq!((status, faults.as_str()), (1, "there is no checkpoint yet\n"));
}

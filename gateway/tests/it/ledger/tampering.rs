use std::path::Path;

use gateway::clock::Clock;
use gateway::ledger::note::NoteSigner;
use gateway::ledger::verify::verify;
use gateway::ledger::{Checkpoint, Fault, FaultKind, OpenError, ReadError, SegmentLedger};

use super::forging::{Forger, refit_leaf, reseal_entry, reseal_header};
use super::support::{append, copy, fault, files, key, open, options, verified};

/// Checks that verification names exactly this, and that the ledger does not open and changes nothing.
#[track_caller]
fn check(forger: &Forger, file: &str, index: u64, kind: FaultKind) {
    let expected = Fault { file: file.to_owned(), index, kind };
    assert_eq!(fault(forger.folder()), expected);
    let before = contents(forger.folder());
    match SegmentLedger::open(&options(forger.folder()), Clock::machine()) {
        Err(error) => {
            assert_eq!(error.exit_status(), 74);
            let OpenError::Read(ReadError::Fault(found)) = error else { panic!("another refusal: {error}") };
            assert_eq!(found, expected);
        }
        Ok(_) => panic!("a ledger with a fault was opened"),
    }
    assert!(before == contents(forger.folder()), "a ledger with a fault was changed");
}

fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let extensions = ["payloads", "leaves", "notes"];
    extensions.iter().flat_map(|it| files(folder, it)).map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn an_untouched_ledger_holds() {
    let forger = Forger::new();
    let report = verified(forger.folder()).unwrap();
    assert!(report.entries >= 240 && files(forger.folder(), "payloads").len() >= 2);
    assert_eq!((report.checkpointed, report.unfinished_bytes), (report.entries, 0));
}

#[test]
fn a_flipped_bit_of_a_payload_is_found() {
    let forger = Forger::new();
    let entry = forger.entries(1)[10].clone();
    forger.edit("payloads", 1, |bytes| bytes[entry.start + 81] ^= 1);
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::EntryDamaged);
}

#[test]
fn a_flipped_bit_of_an_entry_header_is_found() {
    let forger = Forger::new();
    let entry = forger.entries(1)[10].clone();
    forger.edit("payloads", 1, |bytes| bytes[entry.start + 9] ^= 1);
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::EntryDamaged);
}

#[test]
fn a_flipped_bit_of_the_last_entry_is_not_taken_for_a_torn_write() {
    let forger = Forger::new();
    let segments = files(forger.folder(), "payloads").len();
    let entries = forger.entries(segments);
    let (last, index) = (entries.last().unwrap().clone(), forger.first(segments) + entries.len() as u64 - 1);
    forger.edit("payloads", segments, |bytes| bytes[last.start + 8] ^= 1);
    check(&forger, &forger.name("payloads", segments), index, FaultKind::EntryDamaged);
}

#[test]
fn a_flipped_bit_of_a_leaf_is_found() {
    let forger = Forger::new();
    forger.edit("leaves", 1, |bytes| bytes[Forger::leaf(7).start + 3] ^= 0x40);
    check(&forger, &forger.name("leaves", 1), 7, FaultKind::LeafDamaged);
}

#[test]
fn a_flipped_bit_of_a_header_is_found() {
    let forger = Forger::new();
    forger.edit("payloads", 2, |bytes| bytes[1_000] ^= 1);
    check(&forger, &forger.name("payloads", 2), forger.first(2), FaultKind::HeaderDamaged);
    let forger = Forger::new();
    forger.edit("leaves", 2, |bytes| bytes[20] ^= 1);
    check(&forger, &forger.name("leaves", 2), forger.first(2), FaultKind::HeaderDamaged);
}

#[test]
fn a_deleted_entry_is_missed() {
    let forger = Forger::new();
    let entry = forger.entries(1)[10].clone();
    forger.edit("payloads", 1, |bytes| drop(bytes.drain(entry)));
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::EntryDeleted);
}

#[test]
fn an_inserted_entry_is_noticed() {
    let forger = Forger::new();
    let entries = forger.entries(1);
    forger.edit("payloads", 1, |bytes| {
        let twin = bytes[entries[9].clone()].to_vec();
        drop(bytes.splice(entries[10].start..entries[10].start, twin));
    });
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::EntryInserted);
}

#[test]
fn swapped_entries_are_noticed() {
    let forger = Forger::new();
    let at = forger.equal_neighbours(1);
    let entries = forger.entries(1);
    forger.edit("payloads", 1, |bytes| {
        let first = bytes[entries[at].clone()].to_vec();
        bytes.copy_within(entries[at + 1].clone(), entries[at].start);
        bytes[entries[at + 1].clone()].copy_from_slice(&first);
    });
    check(&forger, &forger.name("payloads", 1), at as u64, FaultKind::EntryMoved);
}

#[test]
fn swapped_leaves_are_noticed() {
    let forger = Forger::new();
    forger.edit("leaves", 1, |bytes| {
        let first = bytes[Forger::leaf(3)].to_vec();
        bytes.copy_within(Forger::leaf(4), Forger::leaf(3).start);
        bytes[Forger::leaf(4)].copy_from_slice(&first);
    });
    check(&forger, &forger.name("leaves", 1), 3, FaultKind::LeafMisplaced);
}

#[test]
fn a_truncated_file_of_payloads_is_noticed() {
    let forger = Forger::new();
    let segments = files(forger.folder(), "payloads").len();
    let entries = forger.entries(segments);
    forger.edit("payloads", segments, |bytes| bytes.truncate(entries[1].start));
    check(&forger, &forger.name("payloads", segments), forger.first(segments) + 1, FaultKind::Truncated);
    let forger = Forger::new();
    forger.edit("payloads", 1, |bytes| bytes.truncate(forger.entries(1)[4].start));
    check(&forger, &forger.name("payloads", 1), 4, FaultKind::Truncated);
}

#[test]
fn both_files_cut_back_behind_a_checkpoint_are_noticed() {
    let forger = Forger::new();
    let segments = files(forger.folder(), "payloads").len();
    let (entries, first) = (forger.entries(segments), forger.first(segments));
    // The second of a batch of its own, so that no batch is halved.
    let keep = entries.len() - 3;
    forger.edit("payloads", segments, |bytes| bytes[entries[keep].start..].fill(0));
    forger.edit("leaves", segments, |bytes| bytes[Forger::leaf(keep).start..].fill(0));
    let found = fault(forger.folder());
    let size = first + entries.len() as u64;
    assert_eq!((found.file, found.index), (format!("{segments:08}.notes"), size));
    assert!(matches!(found.kind, FaultKind::RolledBack { entries } if entries < size && entries >= size - 5));
}

#[test]
fn a_folder_put_back_to_an_earlier_state_is_known_by_a_checkpoint_kept_elsewhere() {
    let forger = Forger::new();
    let earlier = copy(forger.folder());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = open(forger.folder());
        append(&ledger, &["exchange=later"]).await;
        ledger.close().await;
    });
    let kept = last_note(forger.folder());
    let public = key(forger.folder());
    assert!(verify(forger.folder(), &public, std::slice::from_ref(&kept)).is_ok());
    assert!(verify(earlier.path(), &public, &[]).is_ok());
    let found = verify(earlier.path(), &public, &[kept]);
    let Err(ReadError::Fault(found)) = found else { panic!("the rollback was not noticed: {found:?}") };
    assert!(matches!(found.kind, FaultKind::RolledBack { .. }));
}

#[test]
fn a_fork_is_known_by_a_checkpoint_kept_elsewhere() {
    let (one, other) = (Forger::new(), Forger::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (forger, text) in [(&one, "exchange=one"), (&other, "exchange=other")] {
            let ledger = open(forger.folder());
            append(&ledger, &[text]).await;
            ledger.close().await;
        }
    });
    let found = verify(other.folder(), &key(one.folder()), &[last_note(one.folder())]);
    let Err(ReadError::Fault(found)) = found else { panic!("the fork was not noticed: {found:?}") };
    assert!(matches!(found.kind, FaultKind::CheckpointRoot { .. }));
}

fn last_note(folder: &Path) -> String {
    let notes = std::fs::read_to_string(files(folder, "notes").last().unwrap()).unwrap();
    let notes = notes.strip_suffix('\n').unwrap();
    let start = notes.match_indices("\n\nshare.").last().map_or(0, |(at, _)| at + 2);
    notes[start..].to_owned()
}

#[test]
fn missing_files_are_named() {
    for extension in ["payloads", "leaves"] {
        let forger = Forger::new();
        let (name, first) = (forger.name(extension, 2), forger.first(2));
        std::fs::remove_file(forger.file(extension, 2)).unwrap();
        if files(forger.folder(), "payloads").len() >= 2 {
            check(&forger, &name, first, FaultKind::FileMissing);
        }
    }
    let forger = Forger::new();
    let name = forger.name("payloads", 1);
    std::fs::remove_file(forger.file("payloads", 1)).unwrap();
    check(&forger, &name, 0, FaultKind::FileMissing);
}

#[test]
fn segments_in_each_others_place_are_noticed() {
    let forger = Forger::new();
    for extension in ["payloads", "leaves"] {
        let (one, two) = (forger.file(extension, 1), forger.file(extension, 2));
        let aside = forger.folder().join("aside");
        std::fs::rename(&one, &aside).unwrap();
        std::fs::rename(&two, &one).unwrap();
        std::fs::rename(&aside, &two).unwrap();
    }
    check(&forger, &forger.name("payloads", 1), 0, FaultKind::SegmentForeign);
}

#[test]
fn a_segment_spliced_in_from_another_lane_is_noticed() {
    let forger = Forger::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.block_on(super::support::grown(120));
    for extension in ["payloads", "leaves"] {
        std::fs::copy(&files(other.path(), extension)[0], forger.file(extension, 1)).unwrap();
    }
    check(&forger, &forger.name("payloads", 1), 0, FaultKind::SegmentForeign);
}

#[test]
fn a_header_rewritten_with_its_checksum_does_not_connect() {
    let forger = Forger::new();
    let first = forger.first(2);
    for extension in ["payloads", "leaves"] {
        forger.edit(extension, 2, |bytes| {
            bytes[40] ^= 1;
            reseal_header(bytes);
        });
    }
    check(&forger, &forger.name("payloads", 2), first, FaultKind::SegmentUnconnected);
}

#[test]
fn a_payload_edited_with_its_checksum_does_not_fit_its_leaf() {
    let forger = Forger::new();
    let entry = forger.entries(1)[10].clone();
    forger.edit("payloads", 1, |bytes| {
        bytes[entry.start + 80] ^= 1;
        reseal_entry(&mut bytes[entry]);
    });
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::PayloadChanged);
}

#[test]
fn a_time_rewritten_with_its_checksum_does_not_fit_the_leaf() {
    let forger = Forger::new();
    let entry = forger.entries(1)[10].clone();
    forger.edit("payloads", 1, |bytes| {
        bytes[entry.start + 27] ^= 1;
        reseal_entry(&mut bytes[entry]);
    });
    check(&forger, &forger.name("payloads", 1), 10, FaultKind::PayloadChanged);
}

/// Edits entry `number` of a segment and makes its checksums and its leaf fit.
fn exchange(forger: &Forger, segment: usize, number: usize) {
    let entry = forger.entries(segment)[number].clone();
    forger.edit("payloads", segment, |bytes| {
        bytes[entry.start + 80] ^= 1;
        reseal_entry(&mut bytes[entry.clone()]);
    });
    let edited = std::fs::read(forger.file("payloads", segment)).unwrap();
    forger.edit("leaves", segment, |bytes| refit_leaf(&edited[entry], &mut bytes[Forger::leaf(number)]));
}

#[test]
fn a_payload_edited_together_with_its_leaf_does_not_lead_to_the_next_segment() {
    let forger = Forger::new();
    exchange(&forger, 1, 10);
    check(&forger, &forger.name("payloads", 2), forger.first(2), FaultKind::SegmentUnconnected);
}

#[test]
fn a_payload_edited_together_with_its_leaf_is_found_between_two_checkpoints() {
    let forger = Forger::new();
    let segments = files(forger.folder(), "payloads").len();
    exchange(&forger, segments, 10);
    let found = fault(forger.folder());
    assert_eq!(found.file, format!("{segments:08}.notes"));
    let FaultKind::CheckpointRoot { agreed, .. } = found.kind else { panic!("{:?}", found.kind) };
    assert!((agreed..found.index).contains(&(forger.first(segments) + 10)));
}

#[test]
fn a_broken_batch_is_noticed() {
    let forger = Forger::new();
    let entries = forger.entries(1);
    // Entries 4 and 5 are the second and third of a batch of three.
    forger.edit("payloads", 1, |bytes| {
        let at = entries[5].start;
        bytes[at + 34..at + 36].copy_from_slice(&9_u16.to_le_bytes());
        reseal_entry(&mut bytes[entries[5].clone()]);
    });
    check(&forger, &forger.name("payloads", 1), 5, FaultKind::BatchBroken);
}

#[test]
fn bytes_after_the_end_of_a_closed_segment_are_noticed() {
    for extension in ["payloads", "leaves"] {
        let forger = Forger::new();
        forger.edit(extension, 1, |bytes| bytes.extend_from_slice(b"more"));
        check(&forger, &forger.name(extension, 1), forger.first(2), FaultKind::StrayBytes);
    }
}

#[test]
fn checkpoints_of_others_edited_or_out_of_order_are_noticed() {
    let forger = Forger::new();
    let notes = std::fs::read_to_string(forger.file("notes", 1)).unwrap();
    let name = key(forger.folder()).name().to_owned();
    let foreign = NoteSigner::new(&name, &[7; 32]).unwrap();
    let text = Checkpoint::open(
        &notes[..notes.match_indices("\n\n").nth(1).unwrap().0 + 1],
        &[key(forger.folder())],
    );
    let note = foreign.sign(&text.unwrap().to_text());
    std::fs::write(forger.file("notes", 1), format!("{note}\n{notes}")).unwrap();
    check(&forger, &forger.name("notes", 1), 0, FaultKind::CheckpointForeign);

    std::fs::write(forger.file("notes", 1), notes.replacen("\n99\n", "\n98\n", 1)).unwrap();
    check(&forger, &forger.name("notes", 1), 0, FaultKind::CheckpointForeign);

    std::fs::write(forger.file("notes", 1), format!("{notes}{notes}")).unwrap();
    check(&forger, &forger.name("notes", 1), 99, FaultKind::CheckpointOrder);

    std::fs::write(forger.file("notes", 1), notes.replacen('\n', "", 1)).unwrap();
    let found = fault(forger.folder()).kind;
    assert!(matches!(found, FaultKind::CheckpointDamaged | FaultKind::CheckpointForeign));
}

#[test]
fn no_bit_of_a_closed_ledger_flips_unseen() {
    let whole = Forger::new();
    let report = verified(whole.folder()).unwrap();
    let all = ["payloads", "leaves", "notes"].map(|it| files(whole.folder(), it)).concat();
    let bits: u64 = all.iter().map(|path| std::fs::metadata(path).unwrap().len() * 8).sum();
    let mut at = 0;
    while at < bits {
        let (path, bit) = place(&all, at);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        match verified(whole.folder()) {
            Err(ReadError::Fault(found)) => {
                assert_eq!(path.file_name().unwrap().to_str(), Some(found.file.as_str()), "bit {bit}");
            }
            // After the last entry there is nothing that could change; that something stands there is told.
            Ok(found) => {
                assert!(found.unfinished_bytes > 0, "bit {bit} of {} flipped unseen", path.display());
                assert_eq!((found.entries, found.root), (report.entries, report.root));
            }
            Err(error) => panic!("{error}"),
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        at += bits / 400 + 1;
    }
    assert_eq!(verified(whole.folder()).unwrap(), report);
}

/// The file that bit number `at` of all `files` is in, and its number there.
fn place(files: &[std::path::PathBuf], mut at: u64) -> (std::path::PathBuf, usize) {
    for path in files {
        let bits = std::fs::metadata(path).unwrap().len() * 8;
        if at < bits {
            return (path.clone(), usize::try_from(at).unwrap());
        }
        at -= bits;
    }
    panic!("there are not so many bits")
}

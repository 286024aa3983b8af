//! What a power cut can leave, made piece by piece: sectors of an unfinished write that reached the disk and sectors
//! that did not, in every mixture.

use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::active::{Active, Group};
use super::batch::{Batch, Bounds, Prepared};
use super::files::{Folder, Sizes, names};
use super::identity::Identity;
use super::note::VerifierKey;
use super::record::{HEADER_BYTES, Kind, SegmentHeader};
use super::repair::{Last, Recovery, reopen};
use super::survey::{ReadError, lane_of, survey};
use super::tree::Hash;

const SECTOR: usize = 512;
const BOUNDS: Bounds = Bounds { bytes: 1 << 20, entries: 100 };
const LAST: Last = Last { number: 1, first: 0, leaves_durable: 0 };

/// A lane of one segment, written without threads.
struct Lane {
    home: TempDir,
    key: VerifierKey,
    active: Active,
    /// Payloads of each batch that was written, and the number of entries up to its end.
    written: Vec<(Vec<String>, u64)>,
}

type Image = (Vec<u8>, Vec<u8>);

impl Lane {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path());
        let key = Identity::load_or_make(&folder, "a.example").unwrap().verifier;
        folder.prepare(Sizes::for_segment(64 << 10)).unwrap();
        let lane = lane_of(&key).unwrap();
        let header = SegmentHeader { lane, number: 1, first: 0, root: Hash::of_nothing() };
        let active = Active::begin(&folder, header).unwrap();
        Self { home, key, active, written: Vec::new() }
    }

    /// Writes batches of so many entries each as one group.
    fn write(&mut self, sizes: &[(usize, usize)]) {
        let mut group = Group::default();
        for (entries, bytes) in sizes {
            let number = self.written.len();
            let payloads: Vec<String> =
                (0..*entries).map(|entry| format!("{number}/{entry} {}", "x".repeat(*bytes))).collect();
            let mut batch = Batch::new(payloads[0].clone());
            for payload in payloads.iter().skip(1) {
                batch = batch.with(payload.clone());
            }
            let prepared = Prepared::new(&batch, Kind::Entry, Timestamp::UNIX_EPOCH, BOUNDS).unwrap();
            self.active.add(&mut group, &prepared).unwrap();
            let end = self.written.last().map_or(0, |(_, end)| *end) + payloads.len() as u64;
            self.written.push((payloads, end));
        }
        self.active.write(&group).unwrap();
    }

    fn image(&self) -> Image {
        let read = |name: &str| std::fs::read(self.home.path().join(name)).unwrap();
        (read(&names(1).payloads), read(&names(1).leaves))
    }

    /// The folder as it would be with the files of `image`.
    fn with(&self, image: &Image) -> TempDir {
        let other = tempfile::tempdir().unwrap();
        for name in [super::PUBLIC_KEY_FILE, "secret.pem", "index.secret"] {
            std::fs::copy(self.home.path().join(name), other.path().join(name)).unwrap();
        }
        std::fs::write(other.path().join(names(1).payloads), &image.0).unwrap();
        std::fs::write(other.path().join(names(1).leaves), &image.1).unwrap();
        other
    }

    /// Recovers `image` and checks that it holds the first `acknowledged` batches, then only whole ones, and that it
    /// can be written on.
    fn check(&self, image: &Image, acknowledged: usize) -> Result<(), TestCaseError> {
        let other = self.with(image);
        let folder = Folder::new(other.path());
        let before = survey(&folder, &self.key, &mut |_, _| {});
        prop_assert!(before.is_ok(), "{before:?}");
        let mut recovery = Recovery::default();
        let mut active = reopen(&folder, LAST, &mut recovery).unwrap();
        let entries = self.entries(other.path())?;
        let kept = self.written.iter().filter(|(_, end)| *end <= entries.len() as u64).count();
        prop_assert!(kept >= acknowledged, "{kept} of {acknowledged} batches were kept");
        let expected: Vec<String> =
            self.written.iter().take(kept).flat_map(|(payloads, _)| payloads.clone()).collect();
        prop_assert_eq!(&entries, &expected, "half a batch was kept");

        let mut group = Group::default();
        let batch = Batch::new("written after the recovery");
        let prepared = Prepared::new(&batch, Kind::Entry, Timestamp::UNIX_EPOCH, BOUNDS).unwrap();
        active.add(&mut group, &prepared).unwrap();
        active.write(&group).unwrap();
        let after = survey(&folder, &self.key, &mut |_, _| {}).unwrap();
        prop_assert_eq!(after.tree.size(), expected.len() as u64 + 1);
        prop_assert_eq!(after.end.map(|end| end.torn_bytes), Some(0));
        prop_assert!(after.missing_leaves.is_empty());
        Ok(())
    }

    fn entries(&self, folder: &Path) -> Result<Vec<String>, TestCaseError> {
        let mut entries = Vec::new();
        let found = survey(&Folder::new(folder), &self.key, &mut |_, entry| {
            entries.push(String::from_utf8_lossy(entry.payload.unwrap_or_default()).into_owned());
        });
        prop_assert!(found.is_ok(), "{found:?}");
        Ok(entries)
    }
}

/// `before` with those sectors of `after` that `reached` says reached the disk.
fn mixed(before: &[u8], after: &[u8], reached: &[bool]) -> Vec<u8> {
    let sectors = before.chunks(SECTOR).zip(after.chunks(SECTOR));
    let changed = std::cell::Cell::new(0);
    let choose = |(old, new): (&[u8], &[u8])| {
        if old == new {
            return old.to_vec();
        }
        let at = changed.replace(changed.get() + 1);
        if reached[at % reached.len()] { new.to_vec() } else { old.to_vec() }
    };
    sectors.flat_map(choose).collect()
}

fn batches() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((1_usize..4, 0_usize..700), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_sectors_a_power_cut_leaves_every_acknowledged_batch_is_kept_and_no_half_one(
        done in prop::collection::vec(batches(), 0..4),
        interrupted in batches(),
        payload_sectors in prop::collection::vec(any::<bool>(), 1..24),
        leaf_sectors in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let mut lane = Lane::new();
        let (_, no_leaves) = lane.image();
        done.iter().for_each(|group| lane.write(group));
        let before = lane.image();
        let acknowledged = lane.written.len();
        lane.write(&interrupted);
        let after = lane.image();
        // The entries were being written; leaves, which wait for them, are those of earlier groups.
        let leaves = mixed(&no_leaves, &before.1, &leaf_sectors);
        lane.check(&(mixed(&before.0, &after.0, &payload_sectors), leaves), acknowledged)?;
        // The entries were durable; of the leaves some had reached the disk.
        let leaves = mixed(&no_leaves, &after.1, &leaf_sectors);
        lane.check(&(after.0.clone(), leaves), lane.written.len())?;
    }
}

#[test]
fn a_ledger_cut_at_any_byte_of_its_last_write_keeps_every_acknowledged_batch() {
    let mut lane = Lane::new();
    lane.write(&[(2, 100), (1, 30)]);
    let before = lane.image();
    lane.write(&[(1, 50), (3, 20), (2, 90)]);
    let after = lane.image();
    let end = after.0.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let start = before.0.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(start > HEADER_BYTES && end > start + 700);
    for cut in start..=end {
        let mut payloads = before.0.clone();
        payloads[..cut].copy_from_slice(&after.0[..cut]);
        lane.check(&(payloads, before.1.clone()), 2).unwrap();
    }
}

#[test]
fn damage_before_a_later_write_is_no_torn_end_even_if_no_leaf_reached_the_disk() {
    let mut lane = Lane::new();
    let (_, no_leaves) = lane.image();
    lane.write(&[(2, 100), (1, 30)]);
    let end_of_first = lane.active.offset;
    lane.write(&[(1, 50)]);
    let (payloads, _) = lane.image();
    for byte in HEADER_BYTES..usize::try_from(end_of_first).unwrap() {
        let mut bent = payloads.clone();
        bent[byte] ^= 0x10;
        let other = lane.with(&(bent, no_leaves.clone()));
        let found = survey(&Folder::new(other.path()), &lane.key, &mut |_, _| {});
        assert!(matches!(found, Err(ReadError::Fault(_))), "byte {byte}: {found:?}");
    }
}

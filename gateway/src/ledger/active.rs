//! The segment that receives entries: one write and one `fdatasync` for a group of batches.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::batch::Prepared;
use super::files::Folder;
use super::record::{HEADER_BYTES, LEAF_BYTES, Leaf, SegmentHeader, stamp_entry};

/// The open files of the last segment, and how far they are filled.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) first: u64,
    /// Index of the next entry.
    pub(super) next: u64,
    /// Where it will be written.
    pub(super) offset: u64,
    payloads: File,
    pub(super) leaves: Arc<File>,
    payload_bytes_max: u64,
    leaf_bytes_max: u64,
}

/// Batches that are written and made durable together.
#[derive(Debug, Default)]
pub(super) struct Group {
    bytes: Vec<u8>,
    leaf_bytes: Vec<u8>,
    pub(super) leaves: Vec<Leaf>,
}

impl Group {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.leaf_bytes.clear();
        self.leaves.clear();
    }
}

impl Active {
    /// The files of a segment that holds entries up to `next`, the last of which ends at `offset`.
    pub(super) fn new(
        number: u64,
        first: u64,
        (next, offset): (u64, u64),
        files: (File, File),
    ) -> io::Result<Self> {
        let (payloads, leaves) = files;
        let (payload_bytes_max, leaf_bytes_max) = (payloads.metadata()?.len(), leaves.metadata()?.len());
        let leaves = Arc::new(leaves);
        Ok(Self { number, first, next, offset, payloads, leaves, payload_bytes_max, leaf_bytes_max })
    }

    /// Names the prepared files as a new segment.
    pub(super) fn begin(folder: &Folder, header: SegmentHeader) -> io::Result<Self> {
        let files = folder.begin_segment(header)?;
        Self::new(header.number, header.first, (header.first, HEADER_BYTES as u64), files)
    }

    /// Adds `batch` to `group`, if the segment has room for it after what is already in the group.
    pub(super) fn add(&self, group: &mut Group, batch: &Prepared) -> Option<u64> {
        let start = group.bytes.len();
        let first = self.next + group.leaves.len() as u64;
        let end = self.offset + (start + batch.bytes.len()) as u64;
        let leaves_end = leaf_place(first - self.first + batch.entries.len() as u64);
        // A leaf says where its entry is in 32 bits.
        if end > self.payload_bytes_max.min(u64::from(u32::MAX)) || leaves_end > self.leaf_bytes_max {
            return None;
        }
        group.bytes.extend_from_slice(&batch.bytes);
        for ((at, hash), index) in batch.entries.iter().zip(first..) {
            if let Some(entry) = group.bytes.get_mut(start + at..) {
                stamp_entry(entry, index, self.next);
            }
            let offset = u32::try_from(self.offset + (start + at) as u64).unwrap_or(u32::MAX);
            let leaf = Leaf { hash: *hash, index, offset };
            leaf.encode(&mut group.leaf_bytes);
            group.leaves.push(leaf);
        }
        Some(first)
    }

    /// Writes `group`. Its entries are durable once this returns. After an error the files must not be used again: an
    /// `fdatasync` that failed once may succeed the next time without having written anything.
    pub(super) fn write(&mut self, group: &Group) -> io::Result<()> {
        self.payloads.write_all_at(&group.bytes, self.offset)?;
        self.payloads.sync_data()?;
        // A leaf is written only for what is durable: to a later scan it is the proof of that. It needs no fdatasync of
        // its own, since it can be made again from the entry.
        self.leaves.write_all_at(&group.leaf_bytes, leaf_place(self.next - self.first))?;
        self.next += group.leaves.len() as u64;
        self.offset += group.bytes.len() as u64;
        Ok(())
    }

    /// Ends the segment: every leaf durable, both files as long as what is in them.
    pub(super) fn seal(&self) -> io::Result<()> {
        cut(&self.leaves, leaf_place(self.next - self.first))?;
        cut(&self.payloads, self.offset)
    }
}

/// Where the leaf record number `slot` of a segment stands.
pub(super) fn leaf_place(slot: u64) -> u64 {
    HEADER_BYTES as u64 + slot * LEAF_BYTES as u64
}

/// Makes what is in `file` durable and its length `bytes`.
pub(super) fn cut(file: &File, bytes: u64) -> io::Result<()> {
    file.sync_data()?;
    file.set_len(bytes)?;
    file.sync_all()
}

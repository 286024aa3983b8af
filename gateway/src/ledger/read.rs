//! Reading entries back, beside the writer.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::active::leaf_place;
use super::fault::{Fault, FaultKind};
use super::files::{Folder, names};
use super::health::Health;
use super::record::{Body, ENTRY_BYTES, Kind, LEAF_BYTES, Leaf, Slot, decode_entry};
use super::survey::ReadError;
use super::tree::Hash;

/// Most bytes of payloads read at once, unless a single entry is larger.
const READ_BYTES_MAX: u64 = 1 << 20;

/// An entry, read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its index in the lane.
    pub index: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// Whose it is.
    pub kind: Kind,
    /// Indices of all entries of its batch; the first is the exchange's own.
    pub batch: Range<u64>,
    /// Its leaf hash.
    pub leaf: Hash,
    /// Its payload.
    pub content: Content,
}

/// The payload of an entry, or why there is none.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// What was appended.
    Present(Bytes),
    /// It was erased by law; the leaf stands.
    Erased,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({}, {:?})", self.index, self.content)
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Present(payload) => write!(f, "{} bytes", payload.len()),
            Self::Erased => f.write_str("erased"),
        }
    }
}

/// What the writer tells everyone else.
#[derive(Debug)]
pub(super) struct Shared {
    head: AtomicU64,
    checkpointed: AtomicU64,
    segments: RwLock<Vec<(u64, u64)>>,
    pub(super) health: watch::Sender<Health>,
}

impl Shared {
    pub(super) fn new(head: u64, checkpointed: u64, segments: Vec<(u64, u64)>) -> Self {
        Self {
            head: AtomicU64::new(head),
            checkpointed: AtomicU64::new(checkpointed),
            segments: RwLock::new(segments),
            health: watch::Sender::new(Health::Writing),
        }
    }

    /// The number of entries that are durable.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(super) fn set_head(&self, head: u64) {
        self.head.store(head, Ordering::Release);
    }

    /// The number of entries that a signed checkpoint vouches for.
    pub(super) fn checkpointed(&self) -> u64 {
        self.checkpointed.load(Ordering::Acquire)
    }

    pub(super) fn set_checkpointed(&self, size: u64) {
        self.checkpointed.store(size, Ordering::Release);
    }

    pub(super) fn add_segment(&self, number: u64, first: u64) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).push((number, first));
    }

    pub(super) fn set_health(&self, health: Health) {
        self.health.send_if_modified(|now| {
            let changed = *now != health;
            *now = health;
            changed
        });
    }

    /// The segment that holds entry `index`, and the range of entries in it as far as they are durable.
    fn segment_of(&self, index: u64) -> Option<(u64, Range<u64>)> {
        let head = self.head();
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|(_, first)| *first <= index);
        let (number, first) = segments.get(after.checked_sub(1)?)?;
        let end = segments.get(after).map_or(head, |(_, next)| *next).min(head);
        (index < end).then_some((*number, *first..end))
    }
}

/// What an entry is held against before it is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Its leaf: for whoever relies on what it says.
    Leaf,
    /// Its checksum: for the index, which only points.
    Checksum,
}

/// Reads entries of a lane.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) folder: Folder,
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// Up to `count_max` entries from `from` on, fewer if they are large or a segment ends; none if there is no such
    /// entry.
    pub(super) fn entries(&self, from: u64, count_max: u64, check: Check) -> Result<Vec<Entry>, ReadError> {
        match self.entries_now(from, count_max, check) {
            // It may have been read while it was being overwritten; then it is erased the next time.
            Err(ReadError::Fault(Fault { kind: FaultKind::EntryDamaged, .. })) => {
                self.entries_now(from, count_max, check)
            }
            read => read,
        }
    }

    fn entries_now(&self, from: u64, count_max: u64, check: Check) -> Result<Vec<Entry>, ReadError> {
        let Some((number, range)) = self.shared.segment_of(from) else { return Ok(Vec::new()) };
        let end = range.end.min(from.saturating_add(count_max));
        let leaves = self.leaves(number, range.start, from..end)?;
        let file = names(number).payloads;
        let damaged = |index| Fault { file: file.clone(), index, kind: FaultKind::EntryDamaged };
        let bytes = self
            .payload_bytes(&file, &leaves)
            .map_err(|source| ReadError::Io { file: file.clone(), source })?;
        let Some(start) = leaves.first().map(|leaf| leaf.offset) else { return Ok(Vec::new()) };
        let mut entries: Vec<Entry> = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let at = usize::try_from(leaf.offset.saturating_sub(start)).unwrap_or(usize::MAX);
            let Some(found) = bytes.get(at..).and_then(decode_entry) else {
                // The rest lies beyond what was read; that the first one does is damage.
                if entries.is_empty() {
                    return Err(damaged(leaf.index).into());
                }
                break;
            };
            let content = match found.body {
                Body::Whole { .. } if check == Check::Leaf && found.leaf() != Some(leaf.hash) => {
                    return Err(Fault { kind: FaultKind::PayloadChanged, ..damaged(leaf.index) }.into());
                }
                Body::Whole { payload, .. } => Content::Present(Bytes::copy_from_slice(payload)),
                Body::Erased => Content::Erased,
                Body::Damaged => return Err(damaged(leaf.index).into()),
            };
            let first = leaf.index.saturating_sub(u64::from(found.head.position));
            let batch = first..first + u64::from(found.head.count);
            let (index, at, kind) = (leaf.index, found.head.at, found.head.kind);
            entries.push(Entry { index, at, kind, batch, leaf: leaf.hash, content });
        }
        Ok(entries)
    }

    /// The leaf of entry `index`, with the number of its segment; `None` if there is no such entry.
    pub(super) fn leaf(&self, index: u64) -> Result<Option<(u64, Leaf)>, ReadError> {
        let Some((number, range)) = self.shared.segment_of(index) else { return Ok(None) };
        let leaves = self.leaves(number, range.start, index..index + 1)?;
        Ok(leaves.first().map(|leaf| (number, *leaf)))
    }

    /// The leaf hashes from `from` on, as far as the segment goes.
    pub(super) fn leaf_hashes(&self, from: u64) -> Result<Vec<Hash>, ReadError> {
        let Some((number, range)) = self.shared.segment_of(from) else { return Ok(Vec::new()) };
        let leaves = self.leaves(number, range.start, from..range.end)?;
        Ok(leaves.iter().map(|leaf| leaf.hash).collect())
    }

    fn leaves(&self, number: u64, first: u64, wanted: Range<u64>) -> Result<Vec<Leaf>, ReadError> {
        let file = names(number).leaves;
        let count = usize::try_from(wanted.end - wanted.start).unwrap_or(0);
        let mut bytes = vec![0; count * LEAF_BYTES];
        File::open(self.folder.file(&file))
            .and_then(|open| open.read_exact_at(&mut bytes, leaf_place(wanted.start - first)))
            .map_err(|source| ReadError::Io { file: file.clone(), source })?;
        let leaf = |(record, index)| match Slot::decode(record) {
            Slot::Leaf(leaf) if leaf.index == index => Ok(leaf),
            Slot::Leaf(_) | Slot::Empty | Slot::Damaged => {
                Err(Fault { file: file.clone(), index, kind: FaultKind::LeafDamaged }.into())
            }
        };
        bytes.chunks_exact(LEAF_BYTES).zip(wanted).map(leaf).collect()
    }

    /// The bytes of the entries of `leaves`, as far as the limit allows, but at least those of the first.
    fn payload_bytes(&self, file: &str, leaves: &[Leaf]) -> io::Result<Vec<u8>> {
        let Some((first, last)) = leaves.first().zip(leaves.last()) else { return Ok(Vec::new()) };
        let mut open = File::open(self.folder.file(file))?;
        let start = u64::from(first.offset);
        // The last entry ends somewhere behind its beginning: a typical one within a few kilobytes.
        let typical = u64::from(last.offset - first.offset.min(last.offset)) + (8 << 10);
        let mut length = [0; 4];
        open.read_exact_at(&mut length, start + 4)?;
        let at_least = u64::from(u32::from_le_bytes(length)) + ENTRY_BYTES as u64 + 8;
        let mut bytes = Vec::new();
        // What is beyond the end is not an error: a segment is cut to its length when it ends.
        open.seek(SeekFrom::Start(start))?;
        open.take(typical.min(READ_BYTES_MAX).max(at_least)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

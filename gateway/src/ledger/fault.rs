//! What can be wrong with a ledger at rest, and where. Faults name files, positions and our own numbers only.

use std::fmt;

use super::tree::Hash;

/// The first thing found wrong: which file, which entry, what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, entry {index}: {kind}")]
pub struct Fault {
    /// Name of the file in the ledger's folder.
    pub file: String,
    /// Index of the entry concerned; for a checkpoint its size; for a whole segment its first entry.
    pub index: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong at the place a [`Fault`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A file of the sequence is not there.
    FileMissing,
    /// The header of a segment is not as it was written.
    HeaderDamaged,
    /// The segment belongs to another lane, or to another place in this one.
    SegmentForeign,
    /// The segment does not continue the tree of those before it.
    SegmentUnconnected,
    /// An entry that was durable cannot be read: bits have changed.
    EntryDamaged,
    /// An entry that was durable is gone, and a later one stands in its place.
    EntryDeleted,
    /// An entry stands where another index belongs, and is not the one that is missing.
    EntryInserted,
    /// The entry that belongs here stands further on.
    EntryMoved,
    /// The file ends before entries that were durable.
    Truncated,
    /// Something stands after the last entry of a segment that was closed.
    StrayBytes,
    /// The entries of one batch do not fit together.
    BatchBroken,
    /// Payload, salt or head are not those the leaf was made of.
    PayloadChanged,
    /// The leaf cannot be read or is not there.
    LeafDamaged,
    /// The leaf points to another entry, or belongs to another place.
    LeafMisplaced,
    /// The payload was overwritten, and no entry of erasure says why.
    ErasedWithoutAuthority,
    /// A checkpoint cannot be read.
    CheckpointDamaged,
    /// A checkpoint is not signed by the key of this ledger.
    CheckpointForeign,
    /// A checkpoint is of another log.
    CheckpointOrigin,
    /// A checkpoint is not larger than the one before it.
    CheckpointOrder,
    /// The tree at the size of the checkpoint has another root: an entry between it and the checkpoint before was
    /// exchanged together with its leaf.
    CheckpointRoot {
        /// Size of the last checkpoint that agrees.
        agreed: u64,
        /// The root the entries lead to.
        found: Hash,
    },
    /// There are fewer entries than a checkpoint vouches for.
    RolledBack {
        /// How many there are.
        entries: u64,
    },
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::FileMissing => "the file is missing",
            Self::HeaderDamaged => "the header is damaged",
            Self::SegmentForeign => "the segment does not belong here",
            Self::SegmentUnconnected => "the segment does not continue the one before it",
            Self::EntryDamaged => "the entry is damaged",
            Self::EntryDeleted => "the entry was deleted",
            Self::EntryInserted => "a foreign entry stands here",
            Self::EntryMoved => "the entry was moved",
            Self::Truncated => "the file was cut off before this entry",
            Self::StrayBytes => "something stands after the last entry",
            Self::BatchBroken => "the batch is broken",
            Self::PayloadChanged => "the payload is not the one recorded",
            Self::LeafDamaged => "the leaf is damaged or missing",
            Self::LeafMisplaced => "the leaf belongs to another entry",
            Self::ErasedWithoutAuthority => "the payload was erased without authority",
            Self::CheckpointDamaged => "the checkpoint is damaged",
            Self::CheckpointForeign => "the checkpoint is not signed by a known key",
            Self::CheckpointOrigin => "the checkpoint is of another log",
            Self::CheckpointOrder => "the checkpoint is not larger than the one before it",
            Self::CheckpointRoot { agreed, found } => {
                return write!(
                    f,
                    "the checkpoint has another root than the entries lead to ({found}): one of the entries {agreed} \
                     and later was exchanged"
                );
            }
            Self::RolledBack { entries } => {
                return write!(f, "the checkpoint vouches for more than the {entries} entries there are");
            }
        };
        f.write_str(text)
    }
}

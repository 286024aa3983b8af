//! Reads one segment, entry by entry, and tells apart what an interrupted write leaves behind and what must never be.
//!
//! Pure: the bytes of both files come in. An entry is written and synchronised before its leaf is written, and its
//! caller is told after that. So whatever lies before a leaf, or before an entry that says "everything below N was
//! durable", was durable itself: damage there is a fault. Only what nothing of this kind follows is the torn end of a
//! write that nobody was told of, and of a torn end no batch is kept in part.

use super::fault::{Fault, FaultKind};
use super::record::{
    Body, Entry, HEADER_BYTES, Head, LEAF_BYTES, Leaf, Slot, decode_entry, entries_after, used_bytes,
};
use super::tree::Hash;

/// The two files of a segment and its place in the lane.
pub(super) struct Segment<'a> {
    pub(super) names: &'a Names,
    /// Index of its first entry.
    pub(super) first: u64,
    /// Index of the first entry of the next segment, if there is one: then this one ends exactly there.
    pub(super) sealed_at: Option<u64>,
    /// Leaves of entries below this index were made durable before a checkpoint vouched for them.
    pub(super) leaves_durable: u64,
    pub(super) payloads: &'a [u8],
    pub(super) leaves: &'a [u8],
}

/// The names of the files of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) payloads: String,
    pub(super) leaves: String,
    pub(super) notes: String,
}

/// An entry that stands in a whole batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanned<'a> {
    pub(super) index: u64,
    pub(super) head: Head,
    pub(super) leaf: Hash,
    pub(super) offset: u32,
    /// `None` when salt and payload were overwritten, or are damaged; the caller knows whether they may be.
    pub(super) payload: Option<&'a [u8]>,
    pub(super) damaged: Option<FaultKind>,
    /// Its leaf record was not there, and need not have been: it is to be made again.
    pub(super) leaf_missing: bool,
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Index after its last entry.
    pub(super) next: u64,
    /// Where the next entry would be written.
    pub(super) offset: usize,
    /// Bytes of an interrupted write that follow, up to the last that is not zero.
    pub(super) torn_bytes: usize,
    /// The same in the file of leaves.
    pub(super) torn_leaf_bytes: usize,
}

/// Hands each entry of `segment` to `each`, in order, once its batch is known to be whole.
///
/// # Errors
/// The first [`Fault`] that a torn end cannot explain.
pub(super) fn scan<'a>(segment: &Segment<'a>, each: &mut dyn FnMut(Scanned<'a>)) -> Result<End, Fault> {
    let leaves = Leaves::new(segment);
    let mut end = End { next: segment.first, offset: HEADER_BYTES, torn_bytes: 0, torn_leaf_bytes: 0 };
    let mut batch = Vec::new();
    while segment.sealed_at != Some(end.next) {
        match read_batch(segment, &leaves, end, &mut batch) {
            Ok(offset) => {
                end.offset = offset;
                end.next += batch.len() as u64;
                batch.drain(..).for_each(&mut *each);
            }
            Err(stop) => return stopped(segment, &leaves, end, stop),
        }
    }
    if segment.payloads.len() != end.offset {
        return Err(fault(&segment.names.payloads, end.next, FaultKind::StrayBytes));
    }
    let leaves_end = leaves.place(end.next).unwrap_or(usize::MAX);
    if segment.leaves.len() != leaves_end {
        return Err(fault(&segment.names.leaves, end.next, FaultKind::StrayBytes));
    }
    Ok(end)
}

/// Where and why a batch could not be read.
struct Stop {
    index: u64,
    offset: usize,
    kind: FaultKind,
    place: Place,
}

enum Place {
    Payloads,
    /// The leaf is wrong though its entry is sound: no interrupted write does that.
    Leaves,
}

fn read_batch<'a>(
    segment: &Segment<'a>,
    leaves: &Leaves<'a>,
    from: End,
    batch: &mut Vec<Scanned<'a>>,
) -> Result<usize, Stop> {
    let (mut offset, mut index) = (from.offset, from.next);
    batch.clear();
    loop {
        let stop = |kind, place| Stop { index, offset, kind, place };
        let rest = segment.payloads.get(offset..).unwrap_or_default();
        let Some(entry) = decode_entry(rest) else {
            return Err(stop(FaultKind::EntryDamaged, Place::Payloads));
        };
        if entry.index != index {
            return Err(stop(misplaced(rest, &entry, index), Place::Payloads));
        }
        let count = batch.first().map_or(entry.head.count, |first| first.head.count);
        if usize::from(entry.head.position) != batch.len() || entry.head.count != count {
            return Err(stop(FaultKind::BatchBroken, Place::Payloads));
        }
        batch.push(with_leaf(&entry, offset, leaves).map_err(|(kind, place)| stop(kind, place))?);
        offset += entry.length;
        index += 1;
        if batch.len() == usize::from(count) {
            return Ok(offset);
        }
    }
}

fn with_leaf<'a>(
    entry: &Entry<'a>,
    offset: usize,
    leaves: &Leaves<'_>,
) -> Result<Scanned<'a>, (FaultKind, Place)> {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    let found = match leaves.slot(entry.index) {
        Slot::Leaf(leaf) if leaf.index == entry.index && leaf.offset == offset => Some(leaf.hash),
        Slot::Leaf(_) => return Err((FaultKind::LeafMisplaced, Place::Leaves)),
        Slot::Empty | Slot::Damaged if leaves.must_hold(entry.index) => {
            return Err((FaultKind::LeafDamaged, Place::Leaves));
        }
        Slot::Empty | Slot::Damaged => None,
    };
    let leaf = entry.leaf().or(found).ok_or((FaultKind::EntryDamaged, Place::Payloads))?;
    if found.is_some_and(|found| found != leaf) {
        return Err((FaultKind::PayloadChanged, Place::Payloads));
    }
    let (payload, damaged) = match entry.body {
        Body::Whole { payload, .. } => (Some(payload), None),
        Body::Erased => (None, None),
        Body::Damaged => (None, Some(FaultKind::EntryDamaged)),
    };
    let leaf_missing = found.is_none();
    Ok(Scanned { index: entry.index, head: entry.head, leaf, offset, payload, damaged, leaf_missing })
}

/// What happened when `entry` stands where `index` belongs: `rest` begins with it.
fn misplaced(rest: &[u8], entry: &Entry<'_>, index: u64) -> FaultKind {
    let follows = entries_after(rest, entry.length).any(|later| later.index == index);
    match (follows, entry.index > index) {
        (true, true) => FaultKind::EntryMoved,
        (false, true) => FaultKind::EntryDeleted,
        (_, false) => FaultKind::EntryInserted,
    }
}

fn stopped(segment: &Segment<'_>, leaves: &Leaves<'_>, end: End, stop: Stop) -> Result<End, Fault> {
    let file = match stop.place {
        Place::Payloads => &segment.names.payloads,
        Place::Leaves => &segment.names.leaves,
    };
    let rest = segment.payloads.get(stop.offset..).unwrap_or_default();
    let kind = if used_bytes(rest) == 0 { FaultKind::Truncated } else { stop.kind };
    let was_durable = match stop.place {
        Place::Leaves => true,
        Place::Payloads => {
            segment.sealed_at.is_some()
                || leaves.reach(end.next)
                || entries_after(segment.payloads, stop.offset + 1).any(|later| later.durable > end.next)
        }
    };
    if was_durable {
        return Err(fault(file, stop.index, kind));
    }
    let after = segment.payloads.get(end.offset..).unwrap_or_default();
    let leaves_end = leaves.place(end.next).unwrap_or(usize::MAX);
    let torn_leaf_bytes = used_bytes(segment.leaves).saturating_sub(leaves_end);
    Ok(End { torn_bytes: used_bytes(after), torn_leaf_bytes, ..end })
}

fn fault(file: &str, index: u64, kind: FaultKind) -> Fault {
    Fault { file: file.to_owned(), index, kind }
}

/// The leaf records of a segment.
struct Leaves<'a> {
    first: u64,
    records: &'a [u8],
    /// Index of the last sound leaf that stands where it belongs.
    last: Option<u64>,
    sealed_at: Option<u64>,
    durable: u64,
}

impl<'a> Leaves<'a> {
    fn new(segment: &Segment<'a>) -> Self {
        let records = segment.leaves.get(HEADER_BYTES..).unwrap_or_default();
        let sound = |(record, index): (&[u8], u64)| match Slot::decode(record) {
            Slot::Leaf(Leaf { index: own, .. }) if own == index => Some(index),
            Slot::Leaf(_) | Slot::Empty | Slot::Damaged => None,
        };
        let last = records.chunks_exact(LEAF_BYTES).zip(segment.first..).filter_map(sound).last();
        Self {
            first: segment.first,
            records,
            last,
            sealed_at: segment.sealed_at,
            durable: segment.leaves_durable,
        }
    }

    fn slot(&self, index: u64) -> Slot {
        let record =
            self.place(index).and_then(|at| self.records.get(at - HEADER_BYTES..)?.get(..LEAF_BYTES));
        record.map_or(Slot::Empty, Slot::decode)
    }

    fn place(&self, index: u64) -> Option<usize> {
        let slot = usize::try_from(index.checked_sub(self.first)?).ok()?;
        slot.checked_mul(LEAF_BYTES)?.checked_add(HEADER_BYTES)
    }

    /// Whether the leaf of `index` was durable. Others may be missing after a power cut, even before one that is there:
    /// they are written without waiting, and can be made again from their entries.
    fn must_hold(&self, index: u64) -> bool {
        self.sealed_at.is_some() || index < self.durable
    }

    /// Whether the leaf of `index`, or of a later entry, was certainly written, and the entry durable before that.
    fn reach(&self, index: u64) -> bool {
        self.sealed_at.is_some() || self.last.is_some_and(|last| last >= index)
    }
}

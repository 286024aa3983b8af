//! Makes the last segment whole again after an interruption: the only place that removes anything from a ledger, and
//! it removes only what nobody was ever told is there.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::FileExt;

use super::active::{Active, cut, leaf_place};
use super::fault::{Fault, FaultKind};
use super::files::{Folder, names, write_zeros};
use super::record::{Leaf, erasable};
use super::scan::{End, Scanned, Segment, scan};
use super::survey::ReadError;

/// What start-up found and put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of an interrupted write that were removed: no caller had been told of them.
    pub torn_bytes: u64,
    /// Leaves written again from their entries.
    pub leaves_rebuilt: u64,
    /// Erasures that had been interrupted and are done now.
    pub erasures_finished: u64,
    /// Bytes of an unfinished checkpoint that were removed.
    pub torn_note_bytes: u64,
}

/// Which segment is the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) number: u64,
    pub(super) first: u64,
    /// Size of the last checkpoint: the leaves it covers were durable before it was made.
    pub(super) leaves_durable: u64,
}

/// A last segment as it was found.
struct Inspected {
    end: End,
    missing: Vec<Leaf>,
    /// Where the entry stands that was asked for.
    offset_of_limit: Option<u64>,
    /// Entries whose payload is not as it was written.
    damaged: Vec<u64>,
}

fn inspect(folder: &Folder, last: Last, limit: Option<u64>) -> Result<Inspected, ReadError> {
    let Last { number, first, leaves_durable } = last;
    let names = names(number);
    let read =
        |file: &str| folder.read(file).map_err(|source| ReadError::Io { file: file.to_owned(), source });
    let (leaves, payloads) = (read(&names.leaves)?, read(&names.payloads)?);
    let (payloads, leaves) = (&payloads, &leaves);
    let segment = Segment { names: &names, first, sealed_at: None, leaves_durable, payloads, leaves };
    let (mut missing, mut damaged, mut offset_of_limit) = (Vec::new(), Vec::new(), None);
    let end = scan(&segment, &mut |entry: Scanned<'_>| {
        if entry.leaf_missing {
            missing.push(Leaf { hash: entry.leaf, index: entry.index, offset: entry.offset });
        }
        if entry.damaged.is_some() {
            damaged.push(entry.index);
        }
        if Some(entry.index) == limit {
            offset_of_limit = Some(u64::from(entry.offset));
        }
    })?;
    if limit == Some(end.next) {
        offset_of_limit = Some(end.offset as u64);
    }
    Ok(Inspected { end, missing, offset_of_limit, damaged })
}

/// Opens the last segment for more entries. What an interrupted write left at its end is overwritten
/// with zeros, and leaves that are not there yet are written. All of it is durable afterwards.
pub(super) fn reopen(folder: &Folder, last: Last, recovery: &mut Recovery) -> Result<Active, ReadError> {
    let Last { number, first, .. } = last;
    let found = inspect(folder, last, None)?;
    let torn_bytes = found.end.torn_bytes as u64;
    let repair = || {
        let files = folder.open_segment(number)?;
        let (payloads, leaves) = (&files.0, &files.1);
        write_leaves(leaves, first, &found.missing)?;
        let leaves_end = leaf_place(found.end.next - first);
        write_zeros(leaves, leaves_end, found.end.torn_leaf_bytes as u64)?;
        leaves.sync_data()?;
        write_zeros(payloads, found.end.offset as u64, torn_bytes)?;
        payloads.sync_data()?;
        Active::new(number, first, (found.end.next, found.end.offset as u64), files)
    };
    let active = repair().map_err(|source| ReadError::Io { file: names(number).payloads, source })?;
    recovery.torn_bytes = torn_bytes + found.end.torn_leaf_bytes as u64;
    recovery.leaves_rebuilt = found.missing.len() as u64;
    Ok(active)
}

/// Ends a segment whose files failed: what was durable before the failure, up to entry `head`, is read again from disk,
/// its leaves completed, and everything after it removed. Uses files opened anew. Only the entries of `half_erased` may
/// be other than they were written.
pub(super) fn end_failed(
    folder: &Folder,
    last: Last,
    head: u64,
    half_erased: &BTreeSet<u64>,
) -> Result<(), ReadError> {
    let Last { number, first, .. } = last;
    let found = inspect(folder, last, Some(head))?;
    if let Some(index) = found.damaged.into_iter().find(|index| *index < head && !half_erased.contains(index))
    {
        return Err(Fault { file: names(number).payloads, index, kind: FaultKind::EntryDamaged }.into());
    }
    let Some(offset) = found.offset_of_limit else {
        let file = names(number).payloads;
        return Err(Fault { file, index: found.end.next, kind: FaultKind::Truncated }.into());
    };
    let repair = || {
        let (payloads, leaves) = folder.open_segment(number)?;
        let missing: Vec<Leaf> = found.missing.iter().filter(|leaf| leaf.index < head).copied().collect();
        write_leaves(&leaves, first, &missing)?;
        // Leaves go first: one without its entry would be a fault.
        cut(&leaves, leaf_place(head - first))?;
        cut(&payloads, offset)
    };
    repair().map_err(|source| ReadError::Io { file: names(number).payloads, source })
}

fn write_leaves(leaves: &std::fs::File, first: u64, missing: &[Leaf]) -> io::Result<()> {
    for leaf in missing {
        let mut bytes = Vec::new();
        leaf.encode(&mut bytes);
        leaves.write_all_at(&bytes, leaf_place(leaf.index - first))?;
    }
    Ok(())
}

/// Overwrites salt and payload of the entry at `offset` of segment `number`, durably. The leaf must be durable before.
pub(super) fn overwrite(folder: &Folder, number: u64, offset: u64) -> io::Result<()> {
    let (payloads, leaves) = folder.open_segment(number)?;
    leaves.sync_data()?;
    let mut header = [0; 8];
    payloads.read_exact_at(&mut header, offset)?;
    let (from, bytes) = erasable(&header).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    write_zeros(&payloads, offset + from, bytes as u64)?;
    payloads.sync_data()
}

//! Reads a whole lane from disk and holds it against its checkpoints. Changes nothing: start-up repairs what it
//! reports as repairable, `verify` only reports.
//!
//! Works beside a running writer too: checkpoints are read before leaves and leaves before payloads, the reverse of the
//! order in which they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::checkpoint::{Found, Notes, read_notes};
use super::erasure::Erasure;
use super::fault::{Fault, FaultKind};
use super::files::{Folder, names};
use super::lane::LaneId;
use super::note::VerifierKey;
use super::record::{Family, HEADER_BYTES, Kind, Leaf, SegmentHeader};
use super::scan::{End, Scanned, Segment, scan};
use super::tree::Frontier;

/// Why a ledger cannot be read, or may not be relied on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system would not read a file.
    #[error("{file} cannot be read")]
    Io {
        /// Name of the file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a lane consists of.
#[derive(Debug)]
pub(super) struct Survey {
    /// Number and first index of each segment.
    pub(super) segments: Vec<(u64, u64)>,
    pub(super) tree: Frontier,
    /// Where the last segment ends, and what an interrupted write left there.
    pub(super) end: Option<End>,
    /// Leaves of the last segment that have to be written again: they were not yet on disk when writing stopped.
    pub(super) missing_leaves: Vec<Leaf>,
    pub(super) erased: BTreeSet<u64>,
    /// Erasures that were decided and recorded, and interrupted before they were done.
    pub(super) unfinished_erasures: BTreeSet<u64>,
    pub(super) checkpoints: u64,
    pub(super) last_checkpoint: Option<Found>,
    /// Bytes of whole notes and all bytes of the last `*.notes` file.
    pub(super) notes_bytes: (usize, usize),
}

/// Reads the lane in `folder` whose public key is `key` and hands every entry, with the number of its segment, to
/// `each`.
///
/// # Errors
/// [`ReadError`], with the first fault there is.
pub(super) fn survey(
    folder: &Folder,
    key: &VerifierKey,
    each: &mut dyn FnMut(u64, &Scanned<'_>),
) -> Result<Survey, ReadError> {
    let numbers = folder.segments().map_err(|source| io_error(".", source))?;
    let (notes, notes_bytes) = all_notes(folder, &numbers, key)?;
    let mut walk = Walk::new(lane_of(key)?, notes);
    for (position, number) in numbers.iter().enumerate() {
        let expected = position as u64 + 1;
        if *number != expected {
            return Err(walk.fault(&names(expected).payloads, FaultKind::FileMissing).into());
        }
        let next = numbers.get(position + 1).filter(|next| **next == number + 1);
        let next = next.map(|next| header(folder, *next, Family::Payloads)).transpose()?;
        walk.segment(folder, *number, next, each)?;
    }
    let mut survey = walk.finish()?;
    survey.notes_bytes = notes_bytes;
    Ok(survey)
}

/// The lane that the name of a ledger's key ends in.
pub(super) fn lane_of(key: &VerifierKey) -> Result<LaneId, ReadError> {
    let lane = key.name().rsplit_once('/').and_then(|(_, lane)| LaneId::parse(lane));
    lane.ok_or_else(|| io_error("the public key", io::Error::other("its name does not end in a lane")))
}

fn all_notes(
    folder: &Folder,
    numbers: &[u64],
    key: &VerifierKey,
) -> Result<(Vec<Found>, (usize, usize)), ReadError> {
    let (mut all, mut bytes_of_last): (Vec<Found>, _) = (Vec::new(), (0, 0));
    for number in numbers {
        let file = names(*number).notes;
        let bytes = match folder.read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error(&file, source)),
        };
        let after = all.last().map_or(0, |last| last.checkpoint.size);
        let Notes { found, whole_bytes } = read_notes(&bytes, &file, after, std::slice::from_ref(key))?;
        if whole_bytes < bytes.len() && numbers.last() != Some(number) {
            let index = found.last().map_or(after, |last| last.checkpoint.size);
            return Err(Fault { file, index, kind: FaultKind::CheckpointDamaged }.into());
        }
        bytes_of_last = (whole_bytes, bytes.len());
        all.extend(found);
    }
    Ok((all, bytes_of_last))
}

fn header(folder: &Folder, number: u64, family: Family) -> Result<SegmentHeader, ReadError> {
    use std::io::Read;
    let names = names(number);
    let file = match family {
        Family::Payloads => names.payloads,
        Family::Leaves => names.leaves,
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(folder.file(&file));
    opened
        .and_then(|open| open.take(HEADER_BYTES as u64).read_to_end(&mut bytes))
        .map_err(|source| io_error(&file, source))?;
    SegmentHeader::decode(family, &bytes).ok_or_else(|| {
        // The index is told by the twin of the damaged header, if there is one.
        let twin = match family {
            Family::Payloads => header(folder, number, Family::Leaves).ok(),
            Family::Leaves => None,
        };
        Fault { file, index: twin.map_or(0, |twin| twin.first), kind: FaultKind::HeaderDamaged }.into()
    })
}

fn io_error(file: &str, source: io::Error) -> ReadError {
    ReadError::Io { file: file.to_owned(), source }
}

/// What is known so far on the way through the segments.
struct Walk {
    lane: LaneId,
    survey: Survey,
    notes: std::iter::Peekable<std::vec::IntoIter<Found>>,
    /// Size of the last checkpoint: it was written after the leaves it covers were durable.
    leaves_durable: u64,
    /// Entries without a sound payload, and what to call that if no erasure explains it.
    without_payload: BTreeMap<u64, (String, FaultKind)>,
    first_wrong_root: Option<Fault>,
}

impl Walk {
    fn new(lane: LaneId, notes: Vec<Found>) -> Self {
        let survey = Survey {
            segments: Vec::new(),
            tree: Frontier::default(),
            end: None,
            missing_leaves: Vec::new(),
            erased: BTreeSet::new(),
            unfinished_erasures: BTreeSet::new(),
            checkpoints: 0,
            last_checkpoint: None,
            notes_bytes: (0, 0),
        };
        let leaves_durable = notes.last().map_or(0, |last| last.checkpoint.size);
        let notes = notes.into_iter().peekable();
        Self { lane, survey, notes, leaves_durable, without_payload: BTreeMap::new(), first_wrong_root: None }
    }

    fn fault(&self, file: &str, kind: FaultKind) -> Fault {
        Fault { file: file.to_owned(), index: self.survey.tree.size(), kind }
    }

    fn segment(
        &mut self,
        folder: &Folder,
        number: u64,
        next: Option<SegmentHeader>,
        each: &mut dyn FnMut(u64, &Scanned<'_>),
    ) -> Result<(), ReadError> {
        let names = names(number);
        let read = |file: &str| match folder.read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.fault(file, FaultKind::FileMissing).into())
            }
            read => read.map_err(|source| io_error(file, source)),
        };
        let leaves = read(&names.leaves)?;
        let payloads = read(&names.payloads)?;
        let own = [(Family::Payloads, &payloads, &names.payloads), (Family::Leaves, &leaves, &names.leaves)];
        for (family, bytes, file) in own {
            let header = SegmentHeader::decode(family, bytes)
                .ok_or_else(|| self.fault(file, FaultKind::HeaderDamaged))?;
            self.check_header(header, number, file)?;
        }
        let first = self.survey.tree.size();
        self.survey.segments.push((number, first));
        let sealed_at = next.map(|next| next.first);
        let segment = Segment {
            names: &names,
            first,
            sealed_at,
            leaves_durable: self.leaves_durable,
            payloads: &payloads,
            leaves: &leaves,
        };
        let scanned = scan(&segment, &mut |entry| {
            each(number, &entry);
            self.entry(&names.payloads, &entry);
        });
        match scanned {
            Ok(end) => self.survey.end = Some(end),
            Err(fault) => return Err(self.earlier_than(fault).into()),
        }
        Ok(())
    }

    fn check_header(&self, header: SegmentHeader, number: u64, file: &str) -> Result<(), Fault> {
        if header.lane != self.lane || header.number != number {
            return Err(self.fault(file, FaultKind::SegmentForeign));
        }
        if header.first != self.survey.tree.size() || header.root != self.survey.tree.root() {
            return Err(self.earlier_than(self.fault(file, FaultKind::SegmentUnconnected)));
        }
        Ok(())
    }

    fn entry(&mut self, file: &str, entry: &Scanned<'_>) {
        let survey = &mut self.survey;
        survey.tree.push(entry.leaf);
        if entry.leaf_missing {
            survey.missing_leaves.push(Leaf { hash: entry.leaf, index: entry.index, offset: entry.offset });
        }
        let Some(payload) = entry.payload else {
            let kind = entry.damaged.unwrap_or(FaultKind::ErasedWithoutAuthority);
            self.without_payload.insert(entry.index, (file.to_owned(), kind));
            self.compare_with_checkpoints();
            return;
        };
        if entry.head.kind == Kind::Erasure
            && let Some(erasure) = Erasure::parse(payload)
        {
            survey.erased.insert(erasure.index);
            let done = self.without_payload.remove(&erasure.index);
            if done.is_none_or(|(_, kind)| kind != FaultKind::ErasedWithoutAuthority) {
                survey.unfinished_erasures.insert(erasure.index);
            }
        }
        self.compare_with_checkpoints();
    }

    fn compare_with_checkpoints(&mut self) {
        let tree = &self.survey.tree;
        if let Some(note) = self.notes.next_if(|note| note.checkpoint.size == tree.size()) {
            let found = tree.root();
            if found != note.checkpoint.root && self.first_wrong_root.is_none() {
                let agreed = self.survey.last_checkpoint.as_ref().map_or(0, |last| last.checkpoint.size);
                let kind = FaultKind::CheckpointRoot { agreed, found };
                self.first_wrong_root = Some(Fault { file: note.file, index: note.checkpoint.size, kind });
                return;
            }
            self.survey.checkpoints += 1;
            self.survey.last_checkpoint = Some(note);
        }
    }

    /// `fault`, or what was found wrong before it.
    fn earlier_than(&self, fault: Fault) -> Fault {
        let without = self.without_payload.iter().next();
        let without =
            without.map(|(index, (file, kind))| Fault { file: file.clone(), index: *index, kind: *kind });
        let candidates = [without, self.first_wrong_root.clone()].into_iter().flatten();
        candidates.fold(fault, |first, other| if other.index < first.index { other } else { first })
    }

    fn finish(mut self) -> Result<Survey, Fault> {
        let entries = self.survey.tree.size();
        let beyond = self.notes.next().map(|note| {
            let kind = FaultKind::RolledBack { entries };
            Fault { file: note.file, index: note.checkpoint.size, kind }
        });
        match beyond.or_else(|| self.first_wrong_root.clone()) {
            Some(fault) => Err(self.earlier_than(fault)),
            None => match self.without_payload.pop_first() {
                Some((index, (file, kind))) => Err(Fault { file, index, kind }),
                None => Ok(self.survey),
            },
        }
    }
}

//! Checkpoints: signed statements of how many entries there are and which root they have (C2SP `tlog-checkpoint`).
//!
//! Each segment has a `*.notes` file beside it, with the checkpoints made while it was open, one after the other, an
//! empty line between them.

use super::fault::{Fault, FaultKind};
use super::note::{self, NoteError, VerifierKey};
use super::tree::Hash;

/// How large the tree of a log is, and its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text of a checkpoint; extension lines are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let number = size.parse::<u64>().ok()?;
        let canonical = number.to_string() == size;
        canonical.then_some(Self { origin: origin.to_owned(), size: number, root: Hash::from_base64(root)? })
    }

    /// Opens a signed checkpoint with `keys`.
    ///
    /// # Errors
    /// [`NoteError`]; a note that holds no checkpoint is not well-formed.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, NoteError> {
        Self::parse(note::open(note, keys)?).ok_or(NoteError::Form)
    }
}

/// A checkpoint found in a `*.notes` file.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) file: String,
    pub(super) note: String,
    pub(super) checkpoint: Checkpoint,
}

/// The checkpoints of one file, and how many of its bytes they take.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) found: Vec<Found>,
    pub(super) whole_bytes: usize,
}

/// What `*.notes` files add to a note, so that the next one can follow.
pub(super) const SEPARATOR: &str = "\n";

/// Reads the checkpoints in `bytes` of the file called `file`. An unfinished last one is left for the caller to judge:
/// `whole_bytes` is then less than there are.
///
/// # Errors
/// The [`Fault`] of a checkpoint that is whole and not sound. `after` is the size of the checkpoint before the file.
pub(super) fn read_notes(bytes: &[u8], file: &str, after: u64, keys: &[VerifierKey]) -> Result<Notes, Fault> {
    let mut notes = Notes::default();
    let mut last = after;
    while let Some(length) = bytes.get(notes.whole_bytes..).and_then(note_length) {
        let end = notes.whole_bytes + length;
        let note = bytes.get(notes.whole_bytes..end - SEPARATOR.len()).unwrap_or_default();
        let fault = |kind| Fault { file: file.to_owned(), index: last, kind };
        let note = str::from_utf8(note).map_err(|_| fault(FaultKind::CheckpointDamaged))?;
        let checkpoint = Checkpoint::open(note, keys).map_err(|error| fault(kind_of(error)))?;
        if !keys.iter().any(|key| key.name() == checkpoint.origin) {
            return Err(Fault { index: checkpoint.size, ..fault(FaultKind::CheckpointOrigin) });
        }
        if checkpoint.size <= last {
            return Err(Fault { index: checkpoint.size, ..fault(FaultKind::CheckpointOrder) });
        }
        last = checkpoint.size;
        notes.found.push(Found { file: file.to_owned(), note: note.to_owned(), checkpoint });
        notes.whole_bytes = end;
    }
    Ok(notes)
}

fn kind_of(error: NoteError) -> FaultKind {
    match error {
        NoteError::Form | NoteError::Name | NoteError::Key => FaultKind::CheckpointDamaged,
        NoteError::Unknown | NoteError::Forged => FaultKind::CheckpointForeign,
    }
}

/// The length of the note at the start of `bytes` with its separator: text, empty line, signatures, empty line.
fn note_length(bytes: &[u8]) -> Option<usize> {
    let blank = |from: usize| {
        let rest = bytes.get(from..)?;
        rest.windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
    };
    blank(blank(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::note::NoteSigner;

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint { origin: "a.example/1".to_owned(), size, root: Hash::of_leaf(&size.to_be_bytes()) }
    }

    fn signer() -> NoteSigner {
        NoteSigner::new("a.example/1", &[7; 32]).unwrap()
    }

    fn file(sizes: &[u64]) -> String {
        sizes.iter().map(|size| signer().sign(&checkpoint(*size).to_text()) + SEPARATOR).collect()
    }

    fn read(bytes: &[u8]) -> Result<Notes, FaultKind> {
        read_notes(bytes, "1.notes", 0, &[signer().verifier()]).map_err(|fault| fault.kind)
    }

    #[test]
    fn the_text_is_that_of_the_format() {
        let published =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(Checkpoint::parse(published).unwrap().to_text(), published);
        let extended = format!("{published}extension\n");
        assert_eq!(Checkpoint::parse(&extended).unwrap().to_text(), published);
        for wrong in [
            "",
            "a\n",
            "a\n1\n",
            "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n1\nCsUY=\n",
            "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        ] {
            assert_eq!(Checkpoint::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn notes_are_read_in_order_and_an_unfinished_one_is_left() {
        let bytes = file(&[3, 4, 9]);
        let notes = read(bytes.as_bytes()).unwrap();
        assert_eq!(notes.found.iter().map(|found| found.checkpoint.size).collect::<Vec<_>>(), [3, 4, 9]);
        assert_eq!(notes.whole_bytes, bytes.len());
        let two = file(&[3, 4]).len();
        for cut in two..bytes.len() {
            let notes = read(&bytes.as_bytes()[..cut]).unwrap();
            assert_eq!((notes.found.len(), notes.whole_bytes), (2, two), "cut at {cut}");
        }
    }

    #[test]
    fn notes_that_are_not_ours_or_go_back_are_faults() {
        let other = NoteSigner::new("b.example/1", &[8; 32]).unwrap().sign(&checkpoint(3).to_text());
        assert_eq!(read(format!("{other}\n").as_bytes()).unwrap_err(), FaultKind::CheckpointForeign);
        let origin = Checkpoint { origin: "b.example/1".to_owned(), ..checkpoint(3) };
        let wrong = signer().sign(&origin.to_text());
        assert_eq!(read(format!("{wrong}\n").as_bytes()).unwrap_err(), FaultKind::CheckpointOrigin);
        assert_eq!(read(file(&[4, 4]).as_bytes()).unwrap_err(), FaultKind::CheckpointOrder);
        assert_eq!(read(file(&[4, 3]).as_bytes()).unwrap_err(), FaultKind::CheckpointOrder);
    }

    #[test]
    fn no_bit_of_a_note_but_the_last_can_flip_unseen() {
        let bytes = file(&[3, 4]);
        for bit in (0..file(&[3]).len() * 8).step_by(29) {
            let mut bent = bytes.clone().into_bytes();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bent).is_err(), "bit {bit}");
        }
    }
}

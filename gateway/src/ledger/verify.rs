//! Verification of a ledger at rest or in use, with nothing but its folder and its public key.

use std::fmt;
use std::path::Path;

use super::checkpoint::Checkpoint;
use super::fault::{Fault, FaultKind};
use super::files::Folder;
use super::note::VerifierKey;
use super::survey::{ReadError, survey};
use super::tree::Hash;

/// What a sound ledger consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// The number of entries.
    pub entries: u64,
    /// The root over them.
    pub root: Hash,
    /// Entries whose payload was erased, with an entry that says by what authority.
    pub erased: Vec<u64>,
    /// The number of checkpoints that agree.
    pub checkpoints: u64,
    /// The size of the last of them: entries after it are vouched for by their receipts only.
    pub checkpointed: u64,
    /// Bytes of an interrupted or present write at the end, which start-up removes or the writer completes.
    pub unfinished_bytes: u64,
    /// Leaves that start-up will make again from their entries, or the writer is about to write.
    pub unwritten_leaves: u64,
    /// Erasures that are recorded and not carried out yet.
    pub unfinished_erasures: Vec<u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "held: {}", self.origin)?;
        writeln!(f, "entries: {}, of which erased: {}", self.entries, self.erased.len())?;
        writeln!(f, "root: {}", self.root)?;
        writeln!(
            f,
            "checkpoints: {}, the last of them over {} entries",
            self.checkpoints, self.checkpointed
        )?;
        if self.unfinished_bytes > 0 {
            writeln!(
                f,
                "note: {} bytes of an unfinished write follow the last entry",
                self.unfinished_bytes
            )?;
        }
        if self.unwritten_leaves > 0 {
            writeln!(f, "note: leaves not written yet: {}", self.unwritten_leaves)?;
        }
        if !self.unfinished_erasures.is_empty() {
            writeln!(f, "note: erasures not carried out yet: {}", self.unfinished_erasures.len())?;
        }
        Ok(())
    }
}

/// Verifies the ledger in `folder`: every entry against its leaf, the tree against every checkpoint, the checkpoints
/// against `key`, and all of it against `witnessed`, signed checkpoints that were kept elsewhere. These are what shows
/// that the whole folder was put back to an earlier state.
///
/// # Errors
/// [`ReadError::Fault`] with the first thing that is not as it was written, [`ReadError::Io`] when a file cannot be read.
pub fn verify(folder: &Path, key: &VerifierKey, witnessed: &[String]) -> Result<Report, ReadError> {
    let mut outside = Vec::new();
    for note in witnessed {
        let fault = |kind| Fault { file: "a witnessed checkpoint".to_owned(), index: 0, kind };
        let checkpoint = Checkpoint::open(note, std::slice::from_ref(key))
            .map_err(|_| fault(FaultKind::CheckpointForeign))?;
        if checkpoint.origin != key.name() {
            return Err(fault(FaultKind::CheckpointOrigin).into());
        }
        outside.push((checkpoint, None));
    }
    let mut tree = super::tree::Frontier::default();
    let found = survey(&Folder::new(folder), key, &mut |_, entry| {
        tree.push(entry.leaf);
        for (checkpoint, root) in &mut outside {
            if checkpoint.size == tree.size() {
                *root = Some(tree.root());
            }
        }
    })?;
    let entries = found.tree.size();
    for (checkpoint, root) in outside.into_iter().filter(|(checkpoint, _)| checkpoint.size > 0) {
        let kind = match root {
            Some(root) if root == checkpoint.root => continue,
            Some(found) => FaultKind::CheckpointRoot { agreed: 0, found },
            None => FaultKind::RolledBack { entries },
        };
        return Err(Fault { file: "a witnessed checkpoint".to_owned(), index: checkpoint.size, kind }.into());
    }
    let (whole, all) = found.notes_bytes;
    let torn = found.end.map_or(0, |end| end.torn_bytes + end.torn_leaf_bytes) + (all - whole);
    Ok(Report {
        origin: key.name().to_owned(),
        entries,
        root: found.tree.root(),
        erased: found.erased.difference(&found.unfinished_erasures).copied().collect(),
        checkpoints: found.checkpoints,
        checkpointed: found.last_checkpoint.map_or(0, |last| last.checkpoint.size),
        unfinished_bytes: torn as u64,
        unwritten_leaves: found.missing_leaves.len() as u64,
        unfinished_erasures: found.unfinished_erasures.into_iter().collect(),
    })
}

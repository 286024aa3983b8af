//! `portcullis ledger verify|export|checkpoint`: evidence, without a running gateway and beside one.
//!
//! They need the folder of the ledger and its public key, and change nothing.

use std::io::{self, Write};
use std::path::PathBuf;

use super::Exit;
use crate::ledger::note::VerifierKey;
use crate::ledger::verify::verify as verify_folder;
use crate::ledger::{
    ExportError, Exported, KeyError, PUBLIC_KEY_FILE, ReadError, export as export_folder, last_checkpoint,
    read_public_key,
};

/// Which ledger, and whom to believe about it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The folder of the ledger.
    pub folder: PathBuf,
    /// The public key, kept elsewhere; that in the folder if there is none, which whoever changes the folder can change
    /// too.
    pub public_key: Option<PathBuf>,
}

/// Verifies every entry, leaf and checkpoint, and that the ledger still contains the `witnessed` checkpoints, files kept
/// elsewhere. Writes what held, or the first fault: which file, which entry, what.
///
/// Ends as held, with a finding, or because a file cannot be read.
pub fn verify(evidence: &Evidence, witnessed: &[PathBuf], out: &mut dyn Write) -> Exit {
    let notes: Result<Vec<_>, _> = witnessed.iter().map(std::fs::read_to_string).collect();
    let read = |notes: Vec<String>| {
        let key = evidence.key()?;
        verify_folder(&evidence.folder, &key, &notes).map_err(Stopped::from)
    };
    match notes.map_err(Stopped::from).and_then(read) {
        Ok(report) => told(Exit::Held, write!(out, "{report}")),
        Err(stopped) => stopped.tell(out),
    }
}

/// Writes the entries, or their leaves only, to `out`: a JSON object a line.
///
/// Ends as held, with a finding (the entries before it were written), or because a file cannot be read or written.
pub fn export(evidence: &Evidence, what: Exported, out: &mut dyn Write, faults: &mut dyn Write) -> Exit {
    let exported = evidence
        .key()
        .and_then(|key| export_folder(&evidence.folder, &key, what, out).map_err(Stopped::from));
    match exported {
        Ok(()) => Exit::Held,
        Err(stopped) => stopped.tell(faults),
    }
}

/// Writes the last checkpoint to `out`, signed: to be kept elsewhere, and given to [`verify`] later.
///
/// Ends as held, with a finding (a fault, or no checkpoint yet), or because a file cannot be read or written.
pub fn checkpoint(evidence: &Evidence, out: &mut dyn Write, faults: &mut dyn Write) -> Exit {
    let last = evidence.key().and_then(|key| last_checkpoint(&evidence.folder, &key).map_err(Stopped::from));
    match last {
        Ok(Some(note)) => told(Exit::Held, out.write_all(note.as_bytes())),
        Ok(None) => told(Exit::Finding, writeln!(faults, "there is no checkpoint yet")),
        Err(stopped) => stopped.tell(faults),
    }
}

impl Evidence {
    fn key(&self) -> Result<VerifierKey, Stopped> {
        let in_folder = || self.folder.join(PUBLIC_KEY_FILE);
        Ok(read_public_key(&self.public_key.clone().unwrap_or_else(in_folder))?)
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a file cannot be read or written")]
    Io(#[from] io::Error),
}

impl From<ExportError> for Stopped {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Read(error) => Self::Read(error),
            ExportError::Write(error) => Self::Io(error),
        }
    }
}

impl Stopped {
    fn tell(&self, out: &mut dyn Write) -> Exit {
        match self {
            Self::Read(ReadError::Fault(fault)) => told(Exit::Finding, writeln!(out, "fault: {fault}")),
            Self::Read(ReadError::Io { source, .. })
            | Self::Key(KeyError::Io { source, .. })
            | Self::Io(source) => told(Exit::Io, writeln!(out, "{self}: {source}")),
            Self::Key(KeyError::Unusable { source, .. }) => told(Exit::Io, writeln!(out, "{self}: {source}")),
            Self::Key(KeyError::Missing { .. }) => told(Exit::Io, writeln!(out, "{self}")),
        }
    }
}

/// `exit`, unless nobody could be told.
fn told(exit: Exit, written: io::Result<()>) -> Exit {
    if written.is_ok() { exit } else { Exit::Io }
}

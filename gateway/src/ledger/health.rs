//! What the ledger says of itself, for readiness and metrics.

use std::io;

/// Whether the ledger takes entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Writing,
    /// It does, but something needs an operator before it no longer can.
    Strained(Strain),
    /// It does not: the disk refuses. It tries again by itself.
    Failing(io::ErrorKind),
    /// It does not, and will not until a person has looked: what is on disk is not what was written.
    Damaged,
    /// It was closed.
    Closed,
}

impl Health {
    /// Whether an append may succeed now.
    pub fn takes_entries(self) -> bool {
        match self {
            Self::Writing | Self::Strained(_) => true,
            Self::Failing(_) | Self::Damaged | Self::Closed => false,
        }
    }

    /// Why no append may succeed now, in fixed words for operators; nothing while one may.
    pub fn why_not(self) -> Option<&'static str> {
        use io::ErrorKind as Kind;
        match self {
            Self::Writing | Self::Strained(_) => None,
            Self::Failing(Kind::StorageFull | Kind::QuotaExceeded) => {
                Some("the ledger does not take entries: there is no room on the disk")
            }
            Self::Failing(Kind::FileTooLarge) => {
                Some("the ledger does not take entries: its files may not become so large")
            }
            Self::Failing(Kind::ReadOnlyFilesystem) => {
                Some("the ledger does not take entries: the disk is read-only")
            }
            Self::Failing(_) => Some("the ledger does not take entries: the disk refuses"),
            Self::Damaged => Some("the ledger does not take entries: it is damaged"),
            Self::Closed => Some("the ledger does not take entries: it is closed"),
        }
    }
}

/// What needs an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strain {
    /// There is no room for the next segment; the present one still has some.
    NoNextSegment,
    /// Checkpoints cannot be written.
    NoCheckpoints,
    /// An erasure was recorded and could not be carried out yet.
    ErasureUnfinished,
}

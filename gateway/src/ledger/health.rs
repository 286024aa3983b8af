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

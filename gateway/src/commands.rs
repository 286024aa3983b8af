//! The subcommands of `portcullis`, apart from the socket: each reads files, writes text and ends with a status.

use std::process::ExitCode;

pub mod check;
pub mod explain;
pub mod inbox;
pub mod ledger;
pub mod register;
pub mod serve;
pub mod translate;

/// How a command ended (DESIGN section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It held.
    Held,
    /// There is a finding: a refusal, a broken ledger.
    Finding,
    /// The settings or the arguments have faults.
    Settings,
    /// The input has faults.
    BadInput,
    /// A system upstream failed.
    Upstream,
    /// Reading or writing failed.
    Io,
    /// Another process holds the state folder.
    InUse,
}

impl Exit {
    /// The status of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Finding => 1,
            Self::Settings => 64,
            Self::BadInput => 65,
            Self::Upstream => 69,
            Self::Io => 74,
            Self::InUse => 75,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Writes everything, or says that it could not be written.
fn written(result: std::io::Result<()>, held: Exit) -> Exit {
    match result {
        Ok(()) => held,
        Err(_) => Exit::Io,
    }
}

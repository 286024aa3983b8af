//! What is told of an entry that came with others, because of the others.

use fhir::outcome::IssueType;
use http::StatusCode;

use crate::server::arrive::Told;

/// Why an entry of a batch, or a transaction as a whole, is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTogether {
    /// The entries before it took all the time there is; it was not begun.
    TooLate,
    /// It took longer itself than one of several may; nothing came of it.
    TooSlow,
    /// The answers before it are all that is told at once.
    TooMuch,
    /// An entry of the transaction ended with this status.
    EntryFailed(StatusCode),
}

impl NotTogether {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLate => "batch-took-too-long",
            Self::TooSlow => "entry-took-too-long",
            Self::TooMuch => "batch-holds-too-much",
            Self::EntryFailed(_) => "transaction-entry-failed",
        }
    }

    pub(super) fn told(self) -> Told {
        let (status, issue, text) = match self {
            Self::TooLate => (
                StatusCode::SERVICE_UNAVAILABLE,
                IssueType::Timeout,
                "the entries before this one took too long: send it again, with fewer others",
            ),
            Self::TooSlow => (
                StatusCode::GATEWAY_TIMEOUT,
                IssueType::Timeout,
                "this entry took longer than one of several may: ask for it by itself",
            ),
            Self::TooMuch => (
                StatusCode::PAYLOAD_TOO_LARGE,
                IssueType::TooCostly,
                "the entries before this one fill the answer: send it again, with fewer others",
            ),
            Self::EntryFailed(status) => (
                status,
                if status == StatusCode::NOT_FOUND { IssueType::NotFound } else { IssueType::Processing },
                "an entry of the transaction is not answered, so none is: a batch says which",
            ),
        };
        Told { status, issue, text }
    }
}

//! The choices of persons about the sharing of their records: the gateway's own Consents.
//!
//! [`validate`] takes a Consent as it is sent and says everything that is wrong with it; [`registry`] keeps every
//! version of it; [`compile`] turns it into [`provision`]s, which `decide` weighs. Consents of systems that are a
//! `consent_source` are compiled by the same rules. Deliberately absent: who may write (that is `decision::own`).

use fhir::outcome::IssueType;
use http::StatusCode;

use crate::server::arrive::Told;

pub mod compile;
mod kept;
pub mod provision;
pub mod registry;
mod store;
mod structure;
pub mod validate;

pub use registry::{ConsentRegistry, Stored};

/// Why a Consent could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConsentFault {
    /// The file could not be read or written.
    #[error("the consent store failed")]
    Store(#[from] rusqlite::Error),
    /// A stored Consent is not what was written.
    #[error("a stored consent cannot be read")]
    Corrupt,
    /// The file was made by a later version of the gateway.
    #[error("the consent store has a format that this version does not know")]
    Format,
    /// Too many callers at once.
    #[error("too many callers at once")]
    Busy,
    /// The work was cut off.
    #[error("the consent store was interrupted")]
    Interrupted,
    /// The machine gives no random numbers.
    #[error("no random numbers")]
    NoRandomness,
    /// There is no Consent of this id.
    #[error("there is no such consent")]
    NotFound,
    /// The current version is another one.
    #[error("the current version is another one")]
    OtherVersion,
    /// A Consent stays with its person.
    #[error("a consent cannot be moved to another person")]
    OtherPerson,
    /// The person has more Consents than are kept for one.
    #[error("there are too many consents of one person")]
    TooMany,
}

impl ConsentFault {
    /// What the caller is told. The text is fixed.
    #[must_use]
    pub const fn told(&self) -> Told {
        let (status, issue, text) = match self {
            Self::Store(_)
            | Self::Corrupt
            | Self::Format
            | Self::Busy
            | Self::Interrupted
            | Self::NoRandomness => (
                StatusCode::SERVICE_UNAVAILABLE,
                IssueType::Transient,
                "choices about sharing cannot be read or written at the moment: try again",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, IssueType::NotFound, "not found"),
            Self::OtherVersion => (
                StatusCode::PRECONDITION_FAILED,
                IssueType::Conflict,
                "the consent has changed: read it again and send its version in If-Match",
            ),
            Self::OtherPerson => (
                StatusCode::UNPROCESSABLE_ENTITY,
                IssueType::BusinessRule,
                "a consent stays with its person: make a new one",
            ),
            Self::TooMany => (
                StatusCode::UNPROCESSABLE_ENTITY,
                IssueType::BusinessRule,
                "there are too many consents of this person: change one of them",
            ),
        };
        Told { status, issue, text }
    }

    /// The name of the reason in records and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Store(_) => "consent-store",
            Self::Corrupt => "consent-corrupt",
            Self::Format => "consent-format",
            Self::Busy => "consent-busy",
            Self::Interrupted => "consent-interrupted",
            Self::NoRandomness => "consent-no-randomness",
            Self::NotFound => "consent-not-found",
            Self::OtherVersion => "consent-other-version",
            Self::OtherPerson => "consent-other-person",
            Self::TooMany => "consent-too-many",
        }
    }
}

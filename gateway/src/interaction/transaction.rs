//! Why a transaction that writes is not taken. Depends on the request and the settings alone.

use fhir::outcome::IssueType;
use http::StatusCode;

use crate::server::arrive::Told;

/// Why a transaction that writes, or an entry of one, is not what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATransaction {
    /// The system takes none.
    #[error("the system takes no transactions that write")]
    NotTaken,
    /// Two entries are about one resource, and one of them changes it or takes it away.
    #[error("two entries of the transaction are about one resource")]
    Twice,
    /// What the other entries call a new resource is no name of its own.
    #[error("the full url of a new resource is not a urn of its own")]
    FullUrl,
    /// A reference in something new that names an entry which there is none of.
    #[error("a reference names no entry of the transaction")]
    Nothing,
    /// An entry that is asked of another system.
    #[error("an entry is asked of another system")]
    Systems,
    /// What some entries ask for or change is disclosed by one organisation, and what others send by another.
    #[error("the entries are disclosed by different organisations")]
    Disclosers,
    /// A reference that is a search.
    #[error("a reference in a transaction is a search")]
    Search,
    /// An operation that does something by itself.
    #[error("a transaction holds an operation")]
    Operation,
    /// Its entries are about each other so much that reading them would take many times what they weigh.
    #[error("the entries are about too many of each other")]
    Entangled,
}

impl NotATransaction {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotTaken => "transaction-writes",
            Self::Twice => "transaction-names-twice",
            Self::FullUrl => "transaction-bad-full-url",
            Self::Nothing => "transaction-names-nothing",
            Self::Systems => "transaction-of-several-systems",
            Self::Disclosers => "transaction-of-several-disclosers",
            Self::Search => "transaction-conditional-reference",
            Self::Operation => "transaction-of-operation",
            Self::Entangled => "transaction-entangled",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn told(self) -> Told {
        use IssueType as Issue;
        let (issue, text) = match self {
            Self::NotTaken => (
                Issue::NotSupported,
                "transactions only read here: send the changes as a batch, or one by one",
            ),
            Self::Twice => (
                Issue::Duplicate,
                "an entry changes, takes away or creates what another entry names: send it by itself",
            ),
            Self::FullUrl => (
                Issue::Value,
                "the fullUrl of an entry that creates is a urn:uuid or urn:oid that no other entry has",
            ),
            Self::Nothing => (
                Issue::NotFound,
                "a reference is a urn that no entry has: give the entry that creates it that fullUrl",
            ),
            Self::Systems => (
                Issue::NotSupported,
                "a transaction is carried out by one system: send each system its own, relative to its base",
            ),
            Self::Disclosers => (
                Issue::NotSupported,
                "a transaction is of one discloser: send what you create apart from what you change or ask for",
            ),
            Self::Search => (
                Issue::NotSupported,
                "references that are searches are not resolved: name a resource, or another entry by its fullUrl",
            ),
            Self::Operation => {
                (Issue::NotSupported, "a transaction that writes holds no operation that does something")
            }
            Self::Entangled => (
                Issue::TooCostly,
                "the entries are about too many of each other: send those that others are about first, by themselves",
            ),
        };
        Told { status: StatusCode::BAD_REQUEST, issue, text }
    }
}

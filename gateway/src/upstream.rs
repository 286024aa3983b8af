//! The systems that hold or receive records. Requests are built anew from parsed values; answers are claims.
//!
//! What comes back is checked for being what was asked (media type, strict JSON, type, id, searchset, links) and
//! sealed as [`crate::enforce::unfiltered::Unfiltered`]. Error bodies of a system are read to be thrown away.
//! Nothing here decides anything about a person.

use std::collections::BTreeMap;

use crate::person::SystemName;
use crate::server::format::XmlFault;
use crate::settings::Settings;

mod ask;
mod beside;
mod binary;
mod deliver;
pub mod everything;
mod fetch;
mod history;
mod holder;
mod mllp;
mod pages;
mod pull;
mod reading;
mod send;
mod tls;
mod transaction;

use fhir::json;
use holder::Holder;
pub use reading::Rest;
pub use send::{Outgoing, Sent, Taken, Write};
pub use tls::UpstreamProblem;
pub(crate) use transaction::CHANGED_MAX;
pub use transaction::Transacted;

/// The clients of all systems of one set of settings.
#[derive(Debug)]
pub struct Upstream {
    holders: BTreeMap<SystemName, Holder>,
}

/// Why a system gave no answer that can be used. Nothing of an answer is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFault {
    /// The settings have no such system.
    #[error("the system is not configured")]
    UnknownSystem,
    /// The interaction asks nothing of a system.
    #[error("the interaction asks nothing of a system")]
    NothingToFetch,
    /// The request could not be written.
    #[error("the request could not be written")]
    NotWritable,
    /// No connection: address, TCP or TLS.
    #[error("the system cannot be reached")]
    Unreachable,
    /// No whole answer by the deadline.
    #[error("the system did not answer in time")]
    TimedOut,
    /// The connection or its framing broke.
    #[error("the answer broke off")]
    BrokenOff,
    /// More than is read.
    #[error("the answer is larger than allowed")]
    TooLarge,
    /// It sends the gateway elsewhere; redirects are not followed.
    #[error("the system redirects")]
    Redirected,
    /// 401 or 403: it does not know or trust the gateway.
    #[error("the system does not authorise the gateway")]
    NotAuthorised,
    /// 404 or 410 where no resource was read by its id: there is no such place, or nobody whom it is about.
    #[error("the system has no such place")]
    NotThere,
    /// Another 4xx: it does not take what the gateway asked.
    #[error("the system rejects the request")]
    Rejected,
    /// 408, 429 or 503: it may answer later.
    #[error("the system is busy")]
    Busy,
    /// Another 5xx: it failed.
    #[error("the system failed")]
    Failed,
    /// A source without FHIR has not the columns that its mapping names.
    #[error("the source has not the columns that its mapping names")]
    SourceMoved,
    /// Something else than JSON, or compressed, where an API was asked.
    #[error("the answer is not plain json")]
    NotJson,
    /// A status that answers nothing.
    #[error("the system answered with an unexpected status")]
    UnexpectedStatus,
    /// Not FHIR in UTF-8, or compressed.
    #[error("the answer is not plain fhir")]
    NotFhir,
    /// Not JSON as this gateway takes it.
    #[error("the answer is not acceptable json: {0}")]
    Malformed(json::Invalid),
    /// Not FHIR XML as this gateway takes it.
    #[error("the answer is not acceptable fhir xml: {0}")]
    MalformedXml(XmlFault),
    /// A resource of another type or id.
    #[error("the answer is another resource than was asked for")]
    WrongResource,
    /// Not a Bundle of type `searchset`.
    #[error("the answer is not a searchset")]
    NotASearchset,
    /// Not a Bundle of type `history`.
    #[error("the answer is not a history")]
    NotAHistory,
    /// It has no history of what it holds.
    #[error("the system keeps no history that can be read")]
    NoHistory,
    /// An entry without a resource, or of a type nobody asked for.
    #[error("the searchset holds an entry that nobody asked for")]
    UnexpectedEntry,
    /// Not a Bundle of type `transaction-response` with one answer for each entry, each of them that it was done.
    #[error("the answer is not one to the transaction")]
    NotAResponse,
    /// A next link to another place, or to a page seen before.
    #[error("the next link does not lead on within the system")]
    BadLink,
}

impl Upstream {
    /// Makes the clients. Nothing is connected yet.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Vec<UpstreamProblem>> {
        let mut holders = BTreeMap::new();
        let mut problems = Vec::new();
        for system in &settings.systems {
            match Holder::new(system) {
                Ok(holder) => {
                    holders.insert(system.name.clone(), holder);
                }
                Err(problem) => problems.push(problem),
            }
        }
        match problems.is_empty() {
            true => Ok(Self { holders }),
            false => Err(problems),
        }
    }

    /// The same clients, where no more than this many requests are under way to one system at once: others wait.
    #[must_use]
    pub(crate) fn at_most(&self, at_once: usize) -> Self {
        let holders = self.holders.iter();
        Self { holders: holders.map(|(name, holder)| (name.clone(), holder.at_most(at_once))).collect() }
    }

    fn holder(&self, system: &SystemName) -> Result<&Holder, UpstreamFault> {
        self.holders.get(system).ok_or(UpstreamFault::UnknownSystem)
    }
}

impl UpstreamFault {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownSystem => "upstream-unknown",
            Self::NothingToFetch => "upstream-nothing-to-fetch",
            Self::NotWritable => "upstream-not-writable",
            Self::Unreachable => "upstream-unreachable",
            Self::TimedOut => "upstream-timed-out",
            Self::BrokenOff => "upstream-broken-off",
            Self::TooLarge => "upstream-too-large",
            Self::Redirected => "upstream-redirected",
            Self::NotAuthorised => "upstream-not-authorised",
            Self::NotThere => "upstream-not-there",
            Self::Rejected => "upstream-rejected",
            Self::Busy => "upstream-busy",
            Self::Failed => "upstream-failed",
            Self::SourceMoved => "upstream-source-moved",
            Self::NotJson => "upstream-not-json",
            Self::UnexpectedStatus => "upstream-unexpected-status",
            Self::NotFhir => "upstream-not-fhir",
            Self::Malformed(_) | Self::MalformedXml(_) => "upstream-malformed",
            Self::WrongResource => "upstream-wrong-resource",
            Self::NotASearchset => "upstream-not-a-searchset",
            Self::NotAHistory => "upstream-not-a-history",
            Self::NoHistory => "upstream-no-history",
            Self::UnexpectedEntry => "upstream-unexpected-entry",
            Self::NotAResponse => "upstream-not-a-response",
            Self::BadLink => "upstream-bad-link",
        }
    }

    /// Whether the system was too slow, rather than wrong.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether the system says that it does not do what is asked, for whatever reason.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::NotAuthorised) || self.is_not_taken()
    }

    /// Whether the system does not take what is asked, whoever asks.
    #[must_use]
    pub const fn is_not_taken(&self) -> bool {
        matches!(self, Self::Rejected | Self::NotThere)
    }

    /// Whether the same may well go through later, without anyone changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut | Self::BrokenOff | Self::Busy | Self::Failed => true,
            Self::UnknownSystem
            | Self::NothingToFetch
            | Self::NotWritable
            | Self::TooLarge
            | Self::Redirected
            | Self::NotAuthorised
            | Self::NotThere
            | Self::Rejected
            | Self::SourceMoved
            | Self::NotJson
            | Self::UnexpectedStatus
            | Self::NotFhir
            | Self::Malformed(_)
            | Self::MalformedXml(_)
            | Self::WrongResource
            | Self::NotASearchset
            | Self::NotAHistory
            | Self::NoHistory
            | Self::UnexpectedEntry
            | Self::NotAResponse
            | Self::BadLink => false,
        }
    }
}

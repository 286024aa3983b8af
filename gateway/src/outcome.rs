//! Every way in which an exchange can end without a share: one exhaustive match gives status, issue and text.
//!
//! What is told outside is a fixed text; what is recorded is a reason by name. Neither holds anything of the request
//! or the record.

use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity, SpineCode};
use fhir::search::NamedPerson;
use http::StatusCode;

use crate::agreement::Existence;
use crate::consent::ConsentFault;
use crate::consent::validate::Problem;
use crate::decision::evidence::EvidenceFault;
use crate::decision::refusal::{Refusal, SearchGuard};
use crate::enforce::merge::Unwritable;
use crate::enforce::release::Unreleased;
use crate::interaction::Malformed;
use crate::requestor::identify::Unauthenticated;
use crate::server::arrive::Told;
use crate::server::reply::Reply;
use crate::telemetry::metrics::Metrics;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;
use crate::upstream::UpstreamFault;

mod unseen;

pub use unseen::Unseen;

/// An ending, with the record of the exchange up to there.
#[derive(Debug)]
pub struct Ended {
    /// Why nothing was shared.
    pub ending: Ending,
    /// What is recorded of it.
    pub records: Box<Records>,
}

mod recorded;
mod together;
mod unsendable;
mod writes;

pub use together::NotTogether;
pub use unsendable::Unsendable;

/// Why nothing was shared.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// It is not known who asks.
    #[error("not authenticated")]
    NotAuthenticated(#[source] Unauthenticated),
    /// It is not known what is asked, or it is not served.
    #[error("not understood")]
    Malformed(#[source] Malformed),
    /// Not permitted, and why.
    #[error("refused: {}", .0.reason())]
    Refused(Refusal, Existence),
    /// There is no such thing in the requestor's view.
    #[error("not found")]
    NotFound,
    /// A fault that comes up for this one resource or person and for nobody else: it is told as if there were nothing.
    #[error("not found, by a fault")]
    Unseen(#[source] Unseen),
    /// The search would read more than one answer may.
    #[error("too much for one answer")]
    TooCostly,
    /// The system answered with records of persons nobody asked for.
    #[error("wrong persons")]
    WrongPersons,
    /// The system asked did not answer as it should.
    #[error("upstream")]
    Upstream(#[source] UpstreamFault),
    /// What a ruling has to rest on could not be had.
    #[error("evidence")]
    Evidence(#[source] EvidenceFault),
    /// What the system holds cannot be reduced and stay valid.
    #[error("cannot be reduced")]
    Irreducible,
    /// What was sent cannot be cut to what may be sent on.
    #[error("cannot be sent on")]
    Unsendable(#[source] Unsendable),
    /// The system asked did not take the write.
    #[error("the write was not taken")]
    NotTaken(NotTaken),
    /// It came with others, and together they are more than is done or told at once, or are told together or not.
    #[error("not together: {}", .0.reason())]
    Together(NotTogether),
    /// An entry of a transaction ended so, and nothing of the transaction was done.
    #[error("entry {at} of the transaction: {why}")]
    OfEntry {
        /// Its place among the entries, from 0.
        at: usize,
        /// How it ended.
        why: Box<Ending>,
    },
    /// The version in `If-Match` is not the one that is shown now.
    #[error("another version")]
    VersionMoved,
    /// The change cannot be made through a share.
    #[error("not writable")]
    Unwritable(#[source] Unwritable),
    /// A fault of the program: what was sent and what is stored made something that it must not be.
    #[error("not merged")]
    NotMerged,
    /// A Consent is not valid: everything that is wrong with it.
    #[error("the consent is not valid")]
    ConsentInvalid(Vec<Problem>),
    /// A Consent could not be written or read.
    #[error("consent registry")]
    Consent(#[source] ConsentFault),
    /// The trail could not be read up to now in time.
    #[error("the trail is behind")]
    TrailBehind,
    /// The record could not be made durable.
    #[error("unrecorded")]
    Unrecorded(#[source] Unreleased),
    /// A page or resource of our own could not be written.
    #[error("not written")]
    NotWritten,
    /// A fault of the program: what was done of the exchange is not known, but for what is recorded of it.
    #[error("panicked")]
    Panicked,
}

/// Why a system did not take a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// It found the content wrong.
    Invalid,
    /// It knows it already, or another version of it.
    Conflict,
    /// It does not take such writes.
    NotSupported,
    /// It has it: whether it was made now or was there before is not known.
    Unclear,
    /// It holds several that meet the condition under which there is nothing to do.
    Several,
}

impl Ending {
    /// A refusal that depends on the request and the rules alone: told whatever existence says.
    #[must_use]
    pub const fn refused_by_rule(refusal: Refusal) -> Self {
        Self::Refused(refusal, Existence::Open)
    }

    /// What the caller is told. The text is fixed: nothing of the request or the record is in it.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, issue, text) = match self {
            Self::NotAuthenticated(why) => not_authenticated(why),
            Self::Malformed(malformed) => return malformed.told(),
            Self::Refused(refusal, existence) => return refused(refusal, *existence),
            Self::NotFound | Self::Unseen(_) => not_found(),
            Self::TooCostly => (
                StatusCode::FORBIDDEN,
                IssueType::TooCostly,
                "the search matches more than one answer may hold: narrow it, for example by date or category",
            ),
            Self::Upstream(fault) => upstream(fault),
            Self::WrongPersons => upstream(&UpstreamFault::UnexpectedEntry),
            // However a source fails: which one it is, and how, may hang on whom it was asked about.
            Self::Evidence(
                EvidenceFault::Upstream(_)
                | EvidenceFault::NotEvidence { .. }
                | EvidenceFault::UnknownSystem { .. },
            ) => (
                StatusCode::BAD_GATEWAY,
                IssueType::Exception,
                "whether this may be shared cannot be found out at the moment: try again",
            ),
            Self::ConsentInvalid(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, IssueType::Invalid, "the consent is not valid")
            }
            Self::Evidence(EvidenceFault::Consent(_)) => {
                again("choices about sharing cannot be read or written at the moment: try again")
            }
            Self::Irreducible => (
                StatusCode::BAD_GATEWAY,
                IssueType::Exception,
                "the system holds this in a form that cannot be shared safely",
            ),
            Self::Unsendable(why) => why.told(),
            Self::NotTaken(why) => writes::not_taken(*why),
            Self::Together(why) => return why.told(),
            Self::OfEntry { why, .. } => return why.told(),
            Self::VersionMoved => writes::version_moved(),
            Self::Unwritable(why) => writes::unwritable(why),
            Self::NotMerged => (
                StatusCode::INTERNAL_SERVER_ERROR,
                IssueType::Exception,
                "the gateway failed to make the change; nothing was changed",
            ),
            Self::Consent(fault) => return fault.told(),
            Self::TrailBehind => again("the trail is not up to date yet: try again"),
            Self::Unrecorded(why) => unrecorded(why),
            Self::NotWritten => {
                (StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, "the answer could not be written")
            }
            Self::Panicked => (
                StatusCode::INTERNAL_SERVER_ERROR,
                IssueType::Exception,
                "the gateway failed; nothing was shared with this answer",
            ),
        };
        Told { status, issue, text }
    }

    /// Whether it is told as if there were nothing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.told().status == StatusCode::NOT_FOUND
    }

    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotAuthenticated(why) => why.reason(),
            Self::Malformed(malformed) => malformed.reason(),
            Self::Refused(refusal, _) => refusal.reason(),
            Self::NotFound => "not-found",
            Self::Unseen(why) => why.reason(),
            Self::TooCostly => "too-costly",
            Self::Upstream(fault) => fault.reason(),
            Self::WrongPersons => "upstream-wrong-persons",
            Self::Evidence(fault) => fault.reason(),
            Self::ConsentInvalid(_) => "consent-invalid",
            Self::Irreducible => "irreducible",
            Self::Unsendable(why) => why.reason(),
            Self::NotTaken(NotTaken::Invalid) => "not-taken-invalid",
            Self::NotTaken(NotTaken::Conflict) => "not-taken-conflict",
            Self::NotTaken(NotTaken::Unclear) => "not-taken-unclear",
            Self::NotTaken(NotTaken::NotSupported) => "not-taken-not-supported",
            Self::Together(why) => why.reason(),
            Self::OfEntry { .. } => "transaction-entry-failed",
            Self::NotTaken(NotTaken::Several) => "not-taken-several-match",
            Self::VersionMoved => "version-moved",
            Self::Unwritable(why) => why.reason(),
            Self::NotMerged => "not-merged",
            Self::Consent(fault) => fault.reason(),
            Self::TrailBehind => "trail-behind",
            Self::Unrecorded(Unreleased::ConsentMoved) => "consent-moved",
            Self::Unrecorded(Unreleased::Unsayable(_)) => "not-sayable-in-xml",
            Self::Unrecorded(Unreleased::Unsaid(words, _)) => words.unsayable(),
            Self::Unrecorded(Unreleased::Ledger(_)) => "ledger",
            Self::Unrecorded(Unreleased::NotEncoded(_)) => "not-encoded",
            Self::NotWritten => "not-written",
            Self::Panicked => "panicked",
        }
    }

    /// Whether it was decided, or something failed.
    fn event(&self) -> Event {
        match self {
            Self::OfEntry { why, .. } => why.event(),
            Self::NotAuthenticated(_) => Event::NotAuthenticated,
            Self::Malformed(_)
            | Self::Refused(..)
            | Self::NotFound
            | Self::TooCostly
            | Self::Together(NotTogether::TooMuch | NotTogether::EntryFailed(_))
            | Self::Unsendable(_)
            | Self::VersionMoved
            | Self::Unwritable(_)
            | Self::ConsentInvalid(_) => Event::Refused,
            Self::Upstream(_)
            | Self::Unseen(_)
            | Self::WrongPersons
            | Self::Evidence(_)
            | Self::Irreducible
            | Self::NotTaken(_)
            | Self::Together(NotTogether::TooLate | NotTogether::TooSlow)
            | Self::Consent(_)
            | Self::TrailBehind
            | Self::Unrecorded(_)
            | Self::NotMerged
            | Self::NotWritten
            | Self::Panicked => Event::Failed,
        }
    }

    fn count(&self, metrics: &Metrics) {
        match self {
            Self::NotAuthenticated(why) => metrics.unauthenticated(why.reason()),
            Self::Refused(refusal, _) => metrics.refused(refusal.reason()),
            Self::Upstream(fault) | Self::Evidence(EvidenceFault::Upstream(fault)) => {
                metrics.upstream_fault(fault.reason());
            }
            Self::WrongPersons | Self::Unseen(_) => metrics.upstream_fault(self.reason()),
            Self::Panicked => metrics.panicked(),
            Self::Unrecorded(Unreleased::Ledger(_) | Unreleased::NotEncoded(_)) => metrics.unrecorded(),
            Self::ConsentInvalid(_)
            | Self::Malformed(_)
            | Self::NotFound
            | Self::TooCostly
            | Self::Evidence(_)
            | Self::Irreducible
            | Self::Unsendable(_)
            | Self::NotTaken(_)
            | Self::Together(_)
            | Self::OfEntry { .. }
            | Self::VersionMoved
            | Self::Unwritable(_)
            | Self::Consent(_)
            | Self::TrailBehind
            | Self::Unrecorded(
                Unreleased::ConsentMoved | Unreleased::Unsayable(_) | Unreleased::Unsaid(..),
            )
            | Self::NotMerged
            | Self::NotWritten => {}
        }
    }

    fn spine_code(&self) -> Option<SpineCode> {
        match self {
            Self::Refused(refusal, Existence::Open) => Some(refusal.spine_code()),
            Self::Refused(refusal, Existence::Withheld) if refusal.is_by_rule() => Some(refusal.spine_code()),
            Self::OfEntry { why, .. } => why.spine_code(),
            Self::NotAuthenticated(_)
            | Self::Malformed(_)
            | Self::Refused(_, Existence::Withheld)
            | Self::NotFound
            | Self::Unseen(_)
            | Self::TooCostly
            | Self::WrongPersons
            | Self::Upstream(_)
            | Self::Evidence(_)
            | Self::Irreducible
            | Self::Unsendable(_)
            | Self::NotTaken(_)
            | Self::Together(_)
            | Self::VersionMoved
            | Self::Unwritable(_)
            | Self::ConsentInvalid(_)
            | Self::Consent(_)
            | Self::TrailBehind
            | Self::Unrecorded(_)
            | Self::NotMerged
            | Self::NotWritten
            | Self::Panicked => None,
        }
    }

    pub(crate) fn to_reply(&self) -> Reply {
        let told = self.told();
        let reply = Reply::outcome(told.status, &self.outcome());
        if let Some(methods) = self.allow() {
            return reply.with_allow(methods);
        }
        if told.status == StatusCode::SERVICE_UNAVAILABLE { reply.with_retry_after_s(1) } else { reply }
    }

    fn allow(&self) -> Option<&'static str> {
        if let Self::OfEntry { why, .. } = self {
            return why.allow();
        }
        if let Self::Malformed(malformed) = self { malformed.allow() } else { None }
    }

    fn outcome(&self) -> OperationOutcome {
        let told = self.told();
        if let Self::OfEntry { at, why } = self {
            let text = format!("this is about entry {at} of the transaction, from 0: nothing of it was done");
            let note = Issue::from_settings(Severity::Information, IssueType::Informational, text);
            return why.outcome().and(note);
        }
        let mut issue = Issue::new(Severity::Error, told.issue, told.text);
        if let Some(code) = self.spine_code() {
            issue = issue.with_code(code);
        }
        let mut outcome = OperationOutcome::new(issue);
        if let Self::ConsentInvalid(problems) = self {
            for problem in problems {
                outcome = outcome.and(Issue::from_settings(
                    Severity::Error,
                    IssueType::Invalid,
                    problem.to_string(),
                ));
            }
        }
        if let Self::Unwritable(why) = self
            && let Some(path) = why.element()
        {
            let text = format!("the element is {path}");
            outcome =
                outcome.and(Issue::from_settings(Severity::Information, IssueType::Informational, text));
        }
        outcome
    }
}

/// The caller may be told a refusal by rule always; one about a person only where its existence is open.
fn refused(refusal: &Refusal, existence: Existence) -> Told {
    // One that asks for what cannot be is so whoever asks.
    let (status, issue) = match *refusal == Refusal::SearchNotPermitted(SearchGuard::NamesApart) {
        true => (StatusCode::BAD_REQUEST, IssueType::Invalid),
        false => (StatusCode::FORBIDDEN, IssueType::Forbidden),
    };
    if existence == Existence::Withheld && !refusal.is_by_rule() {
        let (status, issue, text) = not_found();
        return Told { status, issue, text };
    }
    Told { status, issue, text: refusal.told() }
}

/// Who is not known, or not as whom she asks.
fn not_authenticated(why: &Unauthenticated) -> (StatusCode, IssueType, &'static str) {
    let text = match why {
        Unauthenticated::KeysUnavailable => {
            return again("the keys of the token's issuer cannot be read at the moment: try again");
        }
        Unauthenticated::Several("purpose_of_use") => {
            "the token states more than one purpose of use: ask with a token that states the one of this request"
        }
        Unauthenticated::Several(_) => {
            "the token states more than one role: ask with a token that states the one in which you ask"
        }
        Unauthenticated::NoProof
        | Unauthenticated::Malformed
        | Unauthenticated::Algorithm
        | Unauthenticated::Critical
        | Unauthenticated::Kind
        | Unauthenticated::UnknownIssuer
        | Unauthenticated::UnknownKey
        | Unauthenticated::Signature
        | Unauthenticated::Audience
        | Unauthenticated::Expired
        | Unauthenticated::NotYetValid
        | Unauthenticated::Claim(_)
        | Unauthenticated::Organisation
        | Unauthenticated::Binding
        | Unauthenticated::NotProvenEnough
        | Unauthenticated::Assurance
        | Unauthenticated::UnknownClient
        | Unauthenticated::NoSession
        | Unauthenticated::CrossSite => "who asks is not known: a valid token or certificate is needed",
    };
    (StatusCode::UNAUTHORIZED, IssueType::Login, text)
}

const fn not_found() -> (StatusCode, IssueType, &'static str) {
    (StatusCode::NOT_FOUND, IssueType::NotFound, "not found")
}

const fn unrecorded(why: &Unreleased) -> (StatusCode, IssueType, &'static str) {
    match why {
        Unreleased::ConsentMoved => again("a choice about sharing changed meanwhile: try again"),
        Unreleased::Unsayable(_) => (
            StatusCode::NOT_ACCEPTABLE,
            IssueType::NotSupported,
            "XML cannot say what is to be shared as it is held: ask for application/fhir+json",
        ),
        Unreleased::Unsaid(words, _) => unsendable::unsaid(*words),
        Unreleased::Ledger(_) | Unreleased::NotEncoded(_) => {
            again("the disclosure could not be recorded: try again")
        }
    }
}

/// It may go well at another time.
const fn again(text: &'static str) -> (StatusCode, IssueType, &'static str) {
    (StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, text)
}

fn upstream(fault: &UpstreamFault) -> (StatusCode, IssueType, &'static str) {
    if fault.is_timeout() {
        return (StatusCode::GATEWAY_TIMEOUT, IssueType::Timeout, "the system asked did not answer in time");
    }
    if *fault == UpstreamFault::NoHistory {
        let text = "the system asked keeps no history of this that can be read";
        return (StatusCode::NOT_IMPLEMENTED, IssueType::NotSupported, text);
    }
    (StatusCode::BAD_GATEWAY, IssueType::Exception, "the system asked did not answer as a FHIR server should")
}

impl Exchange {
    /// Ends the exchange here.
    #[must_use]
    pub fn end(&self, ending: Ending) -> Ended {
        let records = Box::new(Records::from(self.clone()));
        Ended { ending, records }
    }

    /// Ends the exchange by rule: it stands in the trail of those whom the request names.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal, named: &[NamedPerson]) -> Ended {
        let records = Box::new(Records::refused_by_rule(self.clone(), named, &refusal));
        Ended { ending: Ending::refused_by_rule(refusal), records }
    }
}

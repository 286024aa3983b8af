//! Why a request means nothing here. Depends on the request and the settings alone, never on a record.

use fhir::outcome::IssueType;
use fhir::search::{InvalidValue, NotServed as SearchNotServed, SearchError};
use http::StatusCode;

use super::batch::NotABatch;
use super::message::NotAMessage;
use super::query::NotAsked;
use super::surface::NotServed;
use crate::server::arrive::Told;
use crate::server::arrived::BodyFault;
use crate::server::format::NotRead;

/// Why a request is not one of the interactions served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No such place: path, system or resource type.
    #[error("there is no such place")]
    NoSuchPlace,
    /// No row of the surface names it.
    #[error("the interaction is not served")]
    InteractionNotServed,
    /// A row of the surface refuses it.
    #[error("the interaction is not served: {}", .why.text())]
    NotServed {
        /// Why.
        why: NotServed,
        /// The methods that are served at the place, if any.
        allow: Option<&'static str>,
    },
    /// The place has other methods.
    #[error("the place has other methods: {allow}")]
    Method {
        /// Those it has.
        allow: &'static str,
    },
    /// The last segment cannot be an id.
    #[error("the id is not one")]
    Id,
    /// The caller takes nothing that can be given.
    #[error("none of the formats asked for is served")]
    NotAcceptable,
    /// The body is of another type.
    #[error("the body is of a media type that is not taken")]
    MediaType(NotRead),
    /// Query parameters where the interaction has none.
    #[error("the interaction has no such parameter")]
    Parameter,
    /// The search is not one that can be carried out as meant.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The search of our own resources names nobody, or several.
    #[error("the search must name exactly one person or receipt")]
    Selector,
    /// Consents are searched by something else than an NHS number.
    #[error("the search must name its person by NHS number")]
    NotByNumber,
    /// The cursor is not ours, not this requestor's, or over.
    #[error("the cursor does not hold")]
    Cursor,
    /// The search is too long to be continued by a link.
    #[error("the search is too long")]
    SearchTooLong,
    /// The body is not what it should be.
    #[error(transparent)]
    Body(#[from] BodyFault),
    /// A condition that is not one identifier of a create: it would tell what exists.
    #[error("a conditional interaction that is not served")]
    Conditional,
    /// The body of a batch or an entry of it, or what it asks together, is not what is served.
    #[error(transparent)]
    Batch(#[from] NotABatch),
    /// The body of a message is none, or asks for what is not served.
    #[error(transparent)]
    Message(#[from] NotAMessage),
    /// A query of HL7 v2 that is not asked.
    #[error(transparent)]
    Query(#[from] NotAsked),
    /// An update without the version it changes.
    #[error("the update does not say which version it changes")]
    IfMatchMissing,
    /// The version is not one.
    #[error("the version is not one that this gateway gave")]
    IfMatch,
}

impl Malformed {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchPlace => "no-such-place",
            Self::InteractionNotServed | Self::NotServed { .. } => "interaction-not-served",
            Self::Method { .. } => "method-not-allowed",
            Self::Id => "bad-id",
            Self::NotAcceptable => "not-acceptable",
            Self::MediaType(NotRead::Type) => "media-type",
            Self::MediaType(NotRead::Charset) => "charset",
            Self::MediaType(NotRead::Version) => "fhir-version",
            Self::Parameter => "parameter-not-served",
            Self::Search(_) => "bad-search",
            Self::Selector => "bad-selector",
            Self::NotByNumber => "not-by-number",
            Self::Cursor => "bad-cursor",
            Self::SearchTooLong => "search-too-long",
            Self::Body(_) => "bad-body",
            Self::Conditional => "conditional-not-served",
            Self::Batch(why) => why.reason(),
            Self::Message(why) => why.reason(),
            Self::Query(why) => why.reason(),
            Self::IfMatchMissing => "if-match-missing",
            Self::IfMatch => "bad-if-match",
        }
    }

    /// The methods of the place, for `Allow`.
    #[must_use]
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Method { allow } => Some(allow),
            Self::NotServed { allow, .. } => *allow,
            Self::NoSuchPlace
            | Self::InteractionNotServed
            | Self::Id
            | Self::NotAcceptable
            | Self::MediaType(_)
            | Self::Parameter
            | Self::Search(_)
            | Self::Selector
            | Self::NotByNumber
            | Self::Cursor
            | Self::SearchTooLong
            | Self::Body(_)
            | Self::Conditional
            | Self::Batch(_)
            | Self::Message(_)
            | Self::Query(_)
            | Self::IfMatchMissing
            | Self::IfMatch => None,
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn told(&self) -> Told {
        use IssueType as Issue;
        let bad = StatusCode::BAD_REQUEST;
        let (status, issue, text) = match self {
            Self::NoSuchPlace => {
                (StatusCode::NOT_FOUND, Issue::NotFound, "there is no such path, system or resource type")
            }
            Self::InteractionNotServed => {
                (StatusCode::NOT_FOUND, Issue::NotSupported, "this interaction is not served")
            }
            Self::NotServed { why, allow: None } => (StatusCode::NOT_FOUND, Issue::NotSupported, why.text()),
            Self::NotServed { why, allow: Some(_) } => {
                (StatusCode::METHOD_NOT_ALLOWED, Issue::NotSupported, why.text())
            }
            Self::Method { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                Issue::NotSupported,
                "this method is not served here; see Allow",
            ),
            Self::Id => {
                (bad, Issue::Value, "an id has one to sixty-four letters, digits, hyphens and full stops")
            }
            Self::NotAcceptable | Self::Search(SearchError::NotServed(SearchNotServed::Format)) => (
                StatusCode::NOT_ACCEPTABLE,
                Issue::NotSupported,
                "only FHIR R4 (fhirVersion 4.0) in UTF-8 is served, as application/fhir+json or application/fhir+xml",
            ),
            Self::MediaType(why) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Issue::NotSupported, not_read(*why)),
            Self::Parameter => (bad, Issue::NotSupported, "a parameter is not served here"),
            Self::Search(error) => search(error),
            Self::Selector => (
                bad,
                Issue::Required,
                "name one person by patient.identifier or patient, or one share by entity.identifier",
            ),
            Self::NotByNumber => (
                bad,
                Issue::NotSupported,
                "consents are found by NHS number: ask by patient.identifier=https://fhir.nhs.uk/Id/nhs-number|...",
            ),
            Self::Cursor => (bad, Issue::Expired, "the cursor is not valid; start the search again"),
            Self::SearchTooLong => (bad, Issue::TooLong, "the search is too long; split it"),
            Self::Body(BodyFault::Json(_)) => (bad, Issue::Structure, "the body is not acceptable JSON"),
            Self::Body(BodyFault::Xml(_)) => (bad, Issue::Structure, "the body is not acceptable FHIR XML"),
            Self::Body(BodyFault::NotAResource) => (bad, Issue::Structure, "the body is not a resource"),
            Self::Body(BodyFault::OtherType) => {
                (bad, Issue::Invalid, "the body is a resource of another type than the path names")
            }
            Self::Body(BodyFault::OtherId) => (
                bad,
                Issue::Invalid,
                "the body has no id, or another than the path names: send the id of what is changed",
            ),
            Self::Body(BodyFault::NotText) => (bad, Issue::Structure, "the form is not UTF-8"),
            Self::Batch(why) => return why.told(),
            Self::Message(why) => return why.told(),
            Self::Query(why) => return why.told(),
            Self::Conditional => (
                bad,
                Issue::NotSupported,
                "conditions are weighed on reads (If-None-Match), on creates (If-None-Exist: identifier=system|value) and on changes (If-Match), and nowhere else",
            ),
            Self::IfMatchMissing => (
                StatusCode::PRECONDITION_REQUIRED,
                Issue::Required,
                "an update says in If-Match which version it changes",
            ),
            Self::IfMatch => (bad, Issue::Value, "If-Match is not a version that this gateway gave"),
        };
        Told { status, issue, text }
    }
}

const fn not_read(why: NotRead) -> &'static str {
    match why {
        NotRead::Type => {
            "send application/fhir+json or application/fhir+xml, application/json-patch+json to change, or application/x-www-form-urlencoded to _search"
        }
        NotRead::Charset => "send UTF-8: no other charset is read",
        NotRead::Version => "send FHIR R4: no fhirVersion but 4.0 is read",
    }
}

/// Names of parameters stay out of the text: a caller could have made them up of anything.
const fn search(error: &SearchError) -> (StatusCode, IssueType, &'static str) {
    let (issue, text) = match error {
        SearchError::Malformed(_) => (IssueType::Structure, "the query is not well-formed"),
        SearchError::UnknownParameter => {
            (IssueType::NotSupported, "a search parameter is not one that this resource type has")
        }
        SearchError::UnknownModifier { .. } => {
            (IssueType::NotSupported, "a search parameter has a modifier that it cannot have")
        }
        SearchError::Repeated { .. } => (IssueType::Invalid, "a parameter that may stand once stands twice"),
        SearchError::Value { reason: InvalidValue::Components, .. } => (
            IssueType::Value,
            "a composite parameter has one value for each of its components, joined by a dollar sign",
        ),
        SearchError::Value { .. } => (IssueType::Value, "the value of a search parameter does not fit it"),
        SearchError::Contradictory => {
            (IssueType::Invalid, "two parameters ask for answers that exclude each other")
        }
        SearchError::NotServed(_) => {
            (IssueType::NotSupported, "a search parameter or modifier is not served")
        }
    };
    (StatusCode::BAD_REQUEST, issue, text)
}

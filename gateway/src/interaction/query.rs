//! A search of Patients that was asked for in HL7 v2: the same grammar, bounds and cursors as over HTTP.

use fhir::outcome::IssueType;
use fhir::search::{SearchError, SearchQuery, grammar};
use fhir::tables;
use http::StatusCode;
use jiff::Timestamp;

use super::malformed::Malformed;
use super::parse::names;
use super::{FhirAction, Interaction, SearchRequest, cursor};
use crate::requestor::Requestor;
use crate::seal::Seal;
use crate::server::arrive::Told;
use crate::settings::{Settings, System};

/// Who asks where, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Where<'a> {
    pub(crate) requestor: &'a Requestor,
    pub(crate) system: &'a System,
    pub(crate) settings: &'a Settings,
    pub(crate) seal: &'a Seal,
    pub(crate) at: Timestamp,
}

/// Why a query is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// It is no query that can be read.
    #[error("the query cannot be read")]
    Unread,
    /// It asks for something that is not searched by.
    #[error("the query asks for something that is not searched by")]
    Unknown,
    /// It names nobody.
    #[error("the query names no person")]
    Nobody,
    /// It is not meant: MSH-11 is not P.
    #[error("only production messages are taken")]
    NotProduction,
}

impl NotAsked {
    /// The name of the reason in records: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unread => "not-a-message",
            Self::Unknown => "query-not-served",
            Self::Nobody => "names-no-person",
            Self::NotProduction => "not-a-production-message",
        }
    }

    /// What is told of it where nothing says more.
    #[must_use]
    pub const fn told(self) -> Told {
        let (issue, text) = match self {
            Self::Unread => (IssueType::Structure, "the query cannot be read"),
            Self::Unknown => {
                (IssueType::NotSupported, "the query asks for something that is not searched by")
            }
            Self::Nobody => (IssueType::Required, "the query names no person"),
            Self::NotProduction => (IssueType::NotSupported, "only production messages are taken"),
        };
        Told { status: StatusCode::BAD_REQUEST, issue, text }
    }
}

/// The search of Patients by this form; with a cursor, that page of it which the cursor was given for.
///
/// # Errors
/// [`Malformed`]: also when the cursor is one of another search.
pub(crate) fn patients(
    form: &str,
    continuation: Option<&str>,
    asked: Where<'_>,
) -> Result<Interaction, Malformed> {
    let Where { requestor, system, settings, seal, at } = asked;
    let owner = tables::resource_type("Patient").ok_or(Malformed::NoSuchPlace)?;
    let parameters = grammar::parse(form).map_err(SearchError::from)?;
    let query = SearchQuery::compile(owner, &parameters, &names(system, settings))?;
    let form = query.to_whole_form();
    if form.len() > cursor::FORM_LEN_MAX {
        return Err(Malformed::SearchTooLong);
    }
    let request = match continuation {
        None => SearchRequest { query, offset: 0, standing: None },
        Some(sealed) => cursor::open(seal, requestor, &system.name, &query, sealed, at)?,
    };
    // The answer says what was asked: it must be that which is gone on with.
    if request.query.to_whole_form() != form {
        return Err(Malformed::Cursor);
    }
    Ok(Interaction::Fhir { system: system.name.clone(), action: FhirAction::Search(request) })
}

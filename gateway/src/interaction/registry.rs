//! Questions to the registry of Consents: which of a person's are asked for, and which versions of one.
//!
//! A person's Consents are narrowed by what the registry can answer exactly; every other parameter is refused.

use fhir::instant::DateTime;
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use fhir::search::grammar::Parameter;
use fhir::search::{Criterion, form};
use jiff::Timestamp;

use super::cursor;
use super::history::Page;
use super::malformed::Malformed;
use crate::requestor::Requestor;
use crate::seal::Seal;

/// Versions of one page, when the request does not say.
const COUNT: usize = 50;
/// The most versions of one page.
const COUNT_MAX: usize = 200;

/// The criteria by which a person's Consents are narrowed, and their kinds.
pub const CRITERIA: [(&str, &str); 4] =
    [("_id", "token"), ("_lastUpdated", "date"), ("date", "date"), ("status", "token")];

/// Consents of one person.
#[derive(Debug, Clone)]
pub struct ConsentQuery {
    /// Whose.
    pub person: NhsNumber,
    /// What each of them meets, of [`CRITERIA`].
    pub criteria: Vec<Criterion>,
}

/// Versions of one Consent, and the page of them that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentHistory {
    /// Which Consent.
    pub id: Id,
    /// Only what was written at this moment or later.
    pub since: Option<DateTime>,
    /// At most so many (1..=200).
    pub count: usize,
    /// Only versions before this one: where the page before ended.
    pub before: Option<u32>,
}

impl ConsentHistory {
    /// The parameters as they were understood, but for the cursor.
    #[must_use]
    pub fn to_form(&self) -> String {
        let since = self.since.as_ref().map(|since| ("_since".to_owned(), since.as_str().to_owned()));
        form(since.into_iter().chain([("_count".to_owned(), self.count.to_string())]))
    }
}

/// Of which Consent, by whom and when.
pub(in crate::interaction) struct Place<'a> {
    pub(in crate::interaction) id: Id,
    pub(in crate::interaction) requestor: &'a Requestor,
    pub(in crate::interaction) seal: &'a Seal,
    pub(in crate::interaction) at: Timestamp,
}

/// The page of versions that is asked for by these parameters.
pub(in crate::interaction) fn history(
    place: Place<'_>,
    parameters: &[Parameter],
) -> Result<ConsentHistory, Malformed> {
    match Page::parse(parameters)? {
        Page::First { since, count } => Ok(ConsentHistory {
            id: place.id,
            since,
            count: count.unwrap_or(COUNT).min(COUNT_MAX),
            before: None,
        }),
        Page::Further(sealed) => cursor::open_of_consent(place, &sealed),
    }
}

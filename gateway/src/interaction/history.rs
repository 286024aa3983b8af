//! The history of one resource: since when, how much of it at once, and where it goes on.

use fhir::instant::DateTime;
use fhir::search::grammar::{Escaped, Name, Parameter};
use fhir::search::{InvalidValue, SearchError, count, form};
use jiff::Timestamp;

use super::cursor::Standing;
use super::malformed::Malformed;
use super::{ReadTarget, cursor};
use crate::person::SystemName;
use crate::requestor::Requestor;
use crate::seal::Seal;

/// Versions of one resource, and the page of them that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Of what.
    pub resource: ReadTarget,
    /// Only what came about at this moment or later.
    pub since: Option<DateTime>,
    /// How many a page should have, when the request says.
    pub count: Option<usize>,
    /// Versions to skip: 0 for the first page; else from a sealed cursor.
    pub offset: usize,
    /// What the pages before were decided under; nothing on the first page.
    pub standing: Option<Standing>,
}

impl HistoryRequest {
    /// The parameters as they were understood.
    #[must_use]
    pub fn to_form(&self) -> String {
        let since = self.since.as_ref().map(|since| ("_since".to_owned(), since.as_str().to_owned()));
        let count = self.count.map(|count| ("_count".to_owned(), count.to_string()));
        form(since.into_iter().chain(count))
    }
}

/// What is asked for, by whom, where and when.
pub(in crate::interaction) struct Place<'a> {
    pub(in crate::interaction) resource: ReadTarget,
    pub(in crate::interaction) requestor: &'a Requestor,
    pub(in crate::interaction) system: &'a SystemName,
    pub(in crate::interaction) seal: &'a Seal,
    pub(in crate::interaction) at: Timestamp,
}

/// Which page of versions is asked for.
pub(in crate::interaction) enum Page {
    /// The first one: what came about since a moment, and at most how many.
    First { since: Option<DateTime>, count: Option<usize> },
    /// The one behind a sealed cursor.
    Further(String),
}

impl Page {
    /// Reads `_since`, `_count` and `_cursor`; each may stand once, a cursor alone. `_at` and `_list` are not served.
    pub(in crate::interaction) fn parse(parameters: &[Parameter]) -> Result<Self, Malformed> {
        let (mut since, mut count, mut sealed) = (None, None, None);
        for parameter in parameters {
            let Name::Plain { code, modifier: None } = &parameter.name else {
                return Err(Malformed::Parameter);
            };
            let [value] = parameter.values.as_slice() else { return Err(Malformed::Parameter) };
            let stood = match code.as_str() {
                "_format" | "_pretty" => false,
                "_since" => since.replace(moment(value)?).is_some(),
                "_count" => count.replace(number(value)?).is_some(),
                "_cursor" => sealed.replace(value.plain()).is_some(),
                _ => return Err(Malformed::Parameter),
            };
            if stood {
                return Err(Malformed::Parameter);
            }
        }
        match sealed {
            None => Ok(Self::First { since, count }),
            Some(_) if since.is_some() || count.is_some() => Err(Malformed::Cursor),
            Some(sealed) => Ok(Self::Further(sealed)),
        }
    }
}

/// The page of versions that is asked for by these parameters.
pub(in crate::interaction) fn parse(
    place: Place<'_>,
    parameters: &[Parameter],
) -> Result<HistoryRequest, Malformed> {
    match Page::parse(parameters)? {
        Page::First { since, count } => {
            Ok(HistoryRequest { resource: place.resource, since, count, offset: 0, standing: None })
        }
        Page::Further(sealed) => cursor::open_of_history(&place, &sealed),
    }
}

/// A plus sign that nobody encoded has become a space.
pub(in crate::interaction) fn moment(value: &Escaped) -> Result<DateTime, Malformed> {
    DateTime::parse_instant(&value.plain().replacen(' ', "+", 1))
        .map_err(|_| SearchError::Value { parameter: "_since", reason: InvalidValue::Date }.into())
}

pub(in crate::interaction) fn number(value: &Escaped) -> Result<usize, Malformed> {
    let count =
        count(&value.plain()).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    count.ok_or_else(|| SearchError::Value { parameter: "_count", reason: InvalidValue::Count }.into())
}

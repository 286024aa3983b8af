//! Where the next page starts: sealed, for this requestor in this role and purpose, at this place, for a while.
//!
//! The cursor holds the whole search, so that the link of a page shows nothing that was asked for. Enforcement is
//! per exchange: a cursor carries no decision, only a digest of what the pages before were decided under. Where that
//! has changed the search starts again: what was hidden or shown since would shift what is skipped.

use fhir::reference::Id;
use fhir::search::grammar::Escaped;
use fhir::search::{SearchQuery, grammar};
use jiff::{SignedDuration, Timestamp};

use super::everything::{self, EverythingRequest};
use super::malformed::Malformed;
use super::registry::{self, ConsentHistory};
use super::{HistoryRequest, ReadTarget, SearchRequest, history};
use crate::person::SystemName;
use crate::requestor::{Party, Proof, Requestor};
use crate::seal::{Digest, Seal, SealError, Use};

const LIFE: SignedDuration = SignedDuration::from_mins(15);
/// The longest search that is taken: its cursor still fits into a link.
pub(in crate::interaction) const FORM_LEN_MAX: usize = 5 * 1024;
const TRAIL: &str = "/fhir/AuditEvent";

/// What pages were decided under, as a keyed digest: a page goes on with the ones before only under the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing(u128);

impl Standing {
    /// The digest of [`Ruling::standing`](crate::decision::ruling::Ruling::standing).
    #[must_use]
    pub fn of(seal: &Seal, standing: &[u8]) -> Self {
        Self(u128::from_be_bytes(seal.digest_bytes(Digest::Standing, &[standing])))
    }

    /// Whether a page decided under this goes on with pages decided under `before`, if there are any.
    #[must_use]
    pub fn goes_on(self, before: Option<Self>) -> bool {
        before.is_none_or(|before| before == self)
    }

    fn read(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

/// Where a page starts, and under what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onward {
    /// How many come before.
    pub offset: usize,
    /// What they were decided under.
    pub standing: Standing,
}

/// The value of `_cursor` for the page of `search` that starts at `onward`.
///
/// # Errors
/// [`SealError`] when the system gives no random bytes.
pub fn next(
    seal: &Seal,
    requestor: &Requestor,
    system: &SystemName,
    search: &SearchQuery,
    onward: Onward,
    now: Timestamp,
) -> Result<String, SealError> {
    let count = search.count().map_or_else(String::new, |count| count.to_string());
    let Onward { offset, standing: Standing(standing) } = onward;
    let content = format!("{offset}\n{standing:x}\n{count}\n{}", search.to_whole_form());
    let holder = holder(requestor);
    let associated = associated(&holder, system.as_str(), search.resource_type().name());
    seal.seal(Use::Cursor, content.as_bytes(), &associated, now + LIFE)
}

/// The value of `_cursor` for the page of a history that starts at `onward`.
///
/// # Errors
/// [`SealError`] when the system gives no random bytes.
pub fn next_of_history(
    seal: &Seal,
    requestor: &Requestor,
    system: &SystemName,
    request: &HistoryRequest,
    onward: Onward,
    now: Timestamp,
) -> Result<String, SealError> {
    let count = request.count.map_or_else(String::new, |count| count.to_string());
    let since = request.since.as_ref().map_or("", |since| since.as_str());
    let Onward { offset, standing: Standing(standing) } = onward;
    let content = format!("{offset}\n{standing:x}\n{count}\n{since}");
    let (holder, what) = (holder(requestor), versions_of(&request.resource));
    seal.seal(Use::Cursor, content.as_bytes(), &associated(&holder, system.as_str(), &what), now + LIFE)
}

/// The value of `_cursor` for the page of everything that starts at `onward`.
///
/// # Errors
/// [`SealError`] when the system gives no random bytes.
pub fn next_of_everything(
    seal: &Seal,
    requestor: &Requestor,
    system: &SystemName,
    request: &EverythingRequest,
    onward: Onward,
    now: Timestamp,
) -> Result<String, SealError> {
    let Onward { offset, standing: Standing(standing) } = onward;
    let content = format!("{offset}\n{standing:x}\n{}", request.to_link_form());
    let (holder, what) = (holder(requestor), everything_of(&request.patient));
    seal.seal(Use::Cursor, content.as_bytes(), &associated(&holder, system.as_str(), &what), now + LIFE)
}

/// The value of `_cursor` for the page of a trail before position `before`.
///
/// # Errors
/// [`SealError`] when the system gives no random bytes.
pub fn next_of_trail(
    seal: &Seal,
    requestor: &Requestor,
    before: u64,
    now: Timestamp,
) -> Result<String, SealError> {
    let holder = holder(requestor);
    seal.seal(Use::Cursor, before.to_string().as_bytes(), &associated(&holder, "", TRAIL), now + LIFE)
}

/// The value of `_cursor` for the page of the versions of a Consent before `request.before`.
///
/// # Errors
/// [`SealError`] when the system gives no random bytes.
pub fn next_of_consent(
    seal: &Seal,
    requestor: &Requestor,
    request: &ConsentHistory,
    now: Timestamp,
) -> Result<String, SealError> {
    let since = request.since.as_ref().map_or("", |since| since.as_str());
    let before = request.before.map_or_else(String::new, |before| before.to_string());
    let content = format!("{before}\n{}\n{since}", request.count);
    let (holder, what) = (holder(requestor), versions_of_consent(&request.id));
    seal.seal(Use::Cursor, content.as_bytes(), &associated(&holder, "", &what), now + LIFE)
}

/// Opens a cursor of the versions of a Consent.
pub(in crate::interaction) fn open_of_consent(
    place: registry::Place<'_>,
    cursor: &str,
) -> Result<ConsentHistory, Malformed> {
    let (holder, what) = (holder(place.requestor), versions_of_consent(&place.id));
    let opened = place.seal.open(Use::Cursor, cursor, &associated(&holder, "", &what), place.at);
    let content = String::from_utf8(opened.map_err(|_| Malformed::Cursor)?).map_err(|_| Malformed::Cursor)?;
    let mut parts = content.splitn(3, '\n');
    let (Some(before), Some(count), Some(since)) =
        (parts.next(), parts.next(), parts.next().map(Escaped::of))
    else {
        return Err(Malformed::Cursor);
    };
    Ok(ConsentHistory {
        id: place.id,
        since: Some(since)
            .filter(|since| !since.is_empty())
            .map(|since| history::moment(&since))
            .transpose()?,
        count: count.parse().map_err(|_| Malformed::Cursor)?,
        before: Some(before.parse().map_err(|_| Malformed::Cursor)?),
    })
}

fn versions_of_consent(id: &Id) -> String {
    format!("/fhir/Consent/{}/_history", id.as_str())
}

/// Opens a cursor of a search.
pub(in crate::interaction) fn open(
    seal: &Seal,
    requestor: &Requestor,
    system: &SystemName,
    search: &SearchQuery,
    cursor: &str,
    now: Timestamp,
) -> Result<SearchRequest, Malformed> {
    let holder = holder(requestor);
    let associated = associated(&holder, system.as_str(), search.resource_type().name());
    let content = seal.open(Use::Cursor, cursor, &associated, now).map_err(|_| Malformed::Cursor)?;
    let content = String::from_utf8(content).map_err(|_| Malformed::Cursor)?;
    let mut parts = content.splitn(4, '\n');
    let (Some(offset), Some(standing), Some(count), Some(form)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Cursor);
    };
    let standing = Some(Standing::read(standing).ok_or(Malformed::Cursor)?);
    let offset = offset.parse().map_err(|_| Malformed::Cursor)?;
    let form = match count {
        "" => form.to_owned(),
        count => format!("{form}&_count={count}"),
    };
    let parameters = grammar::parse(&form).map_err(|_| Malformed::Cursor)?;
    // References in it are written as on the system itself: no other name of it is needed.
    let query = SearchQuery::compile(search.resource_type(), &parameters, &fhir::reference::Bases::none())?;
    Ok(SearchRequest { query, offset, standing })
}

/// Opens a cursor of a history.
pub(in crate::interaction) fn open_of_history(
    place: &history::Place<'_>,
    cursor: &str,
) -> Result<HistoryRequest, Malformed> {
    let (holder, what) = (holder(place.requestor), versions_of(&place.resource));
    let associated = associated(&holder, place.system.as_str(), &what);
    let content =
        place.seal.open(Use::Cursor, cursor, &associated, place.at).map_err(|_| Malformed::Cursor)?;
    let content = String::from_utf8(content).map_err(|_| Malformed::Cursor)?;
    let mut parts = content.splitn(4, '\n');
    let (Some(offset), Some(standing), Some(count), Some(since)) =
        (parts.next(), parts.next(), parts.next().map(Escaped::of), parts.next().map(Escaped::of))
    else {
        return Err(Malformed::Cursor);
    };
    let given = |part: &Escaped| !part.is_empty();
    Ok(HistoryRequest {
        resource: place.resource.clone(),
        since: Some(since).filter(given).map(|since| history::moment(&since)).transpose()?,
        count: Some(count).filter(given).map(|count| history::number(&count)).transpose()?,
        offset: offset.parse().map_err(|_| Malformed::Cursor)?,
        standing: Some(Standing::read(standing).ok_or(Malformed::Cursor)?),
    })
}

/// Opens a cursor of everything about a person: where the page starts, and the parameters.
pub(in crate::interaction) fn open_of_everything(
    place: &everything::Place<'_>,
    cursor: &str,
) -> Result<(Onward, String), Malformed> {
    let (holder, what) = (holder(place.requestor), everything_of(&place.patient));
    let associated = associated(&holder, place.system.as_str(), &what);
    let content =
        place.seal.open(Use::Cursor, cursor, &associated, place.at).map_err(|_| Malformed::Cursor)?;
    let content = String::from_utf8(content).map_err(|_| Malformed::Cursor)?;
    let mut parts = content.splitn(3, '\n');
    let (Some(offset), Some(standing), Some(form)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Malformed::Cursor);
    };
    let offset = offset.parse().map_err(|_| Malformed::Cursor)?;
    let standing = Standing::read(standing).ok_or(Malformed::Cursor)?;
    Ok((Onward { offset, standing }, form.to_owned()))
}

fn everything_of(patient: &Id) -> String {
    format!("Patient/{}/$everything", patient.as_str())
}

/// A search is of a type, a history of one resource: neither cursor opens as the other.
fn versions_of(resource: &ReadTarget) -> String {
    format!("{}/{}/_history", resource.resource_type.name(), resource.id.as_str())
}

/// Opens a cursor of a trail.
pub(crate) fn open_of_trail(
    seal: &Seal,
    requestor: &Requestor,
    cursor: &str,
    now: Timestamp,
) -> Result<u64, Malformed> {
    let holder = holder(requestor);
    let content = seal
        .open(Use::Cursor, cursor, &associated(&holder, "", TRAIL), now)
        .map_err(|_| Malformed::Cursor)?;
    std::str::from_utf8(&content).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::Cursor)
}

fn associated<'a>(holder: &'a [String], place: &'a str, what: &'a str) -> Vec<&'a [u8]> {
    holder.iter().map(String::as_bytes).chain([place.as_bytes(), what.as_bytes()]).collect()
}

/// The same in one text: versions of a view are made for it.
pub(crate) fn holder_of(requestor: &Requestor) -> String {
    holder(requestor).join("\u{1f}")
}

/// Who asks and in which capacity; not the token, which may be renewed between two pages.
fn holder(requestor: &Requestor) -> Vec<String> {
    match &requestor.party {
        Party::Professional(who) => {
            let issuer = match &requestor.proof {
                Proof::Token { issuer, .. } | Proof::Session { issuer } => issuer.clone(),
                Proof::Certificate { san } => san.clone(),
                Proof::Message { listener } => listener.clone(),
            };
            vec![
                "professional".to_owned(),
                issuer,
                who.subject.clone(),
                who.organisation.as_str().to_owned(),
                who.role.code(),
                who.purpose.code().to_owned(),
            ]
        }
        Party::System(system) => vec!["system".to_owned(), system.san.clone()],
        Party::Person(person) => vec!["person".to_owned(), person.nhs_number.as_str().to_owned()],
    }
}

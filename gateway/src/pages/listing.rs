//! A person's trail as a list of exchanges, each once: what was recorded later about an exchange is told with it.

use std::collections::BTreeSet;

use crate::interaction::PersonSelector;
use crate::trail::page::{Listed, Since};
use crate::trail::record::{AboutPerson, Event, Visibility};
use crate::trail::store::{Found, TrailFault, TrailStore};

/// Entries of one page.
const ENTRIES: usize = 20;

/// A part of a trail, newest first.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) listed: Vec<Listed>,
    /// Where the part before this one in time begins; nothing when this is the oldest.
    pub(super) older: Option<u64>,
}

/// Reads the part of a person's trail that ends before `before`.
///
/// # Errors
/// [`TrailFault`].
pub(super) async fn read(
    trail: &TrailStore,
    person: &PersonSelector,
    before: Option<u64>,
) -> Result<Listing, TrailFault> {
    let mut before = before;
    let mut listed = Vec::new();
    let mut seen = BTreeSet::new();
    loop {
        let found = trail.about(person, Visibility::Trail, before, ENTRIES + 1).await?;
        let is_last = found.len() <= ENTRIES;
        for one in found {
            if listed.len() == ENTRIES {
                return Ok(Listing { listed, older: before });
            }
            before = Some(one.index);
            if !one.about_person().is_some_and(AboutPerson::is_in_trail) {
                continue;
            }
            let mut whole = trail.by_request(&one.record.exchange.request_id).await?;
            if let Some(batch) = &one.record.exchange.within {
                let of_batch = trail.by_request(batch).await?;
                whole.extend(of_batch.into_iter().filter(|other| is_about_answer_of(batch, other)));
            }
            if is_current(&one, &whole) && seen.insert(name(&one)) {
                let since = since(&one, &whole);
                listed.push(Listed { record: one.record, since });
            }
        }
        if is_last {
            return Ok(Listing { listed, older: None });
        }
    }
}

/// Whether an entry is of a batch as a whole. What is shared with it leaves when it is answered, and as far as that arrives.
fn is_about_answer_of(batch: &str, other: &Found) -> bool {
    other.record.exchange.request_id == batch
}

/// One message may go to several systems under one request id: each is an exchange of its own.
fn name(found: &Found) -> (String, String) {
    (found.record.exchange.request_id.clone(), found.record.exchange.place.clone())
}

/// The later entries of the same exchange, and those that say of which they speak.
fn later<'a>(one: &'a Found, whole: &'a [Found]) -> impl Iterator<Item = &'a Found> {
    whole.iter().filter(|other| {
        let follows = other.record.exchange.follows.as_deref() == Some(one.receipt.as_str());
        let with_batch =
            one.record.exchange.within.as_deref().is_some_and(|batch| is_about_answer_of(batch, other));
        let with_batch = with_batch && other.record.exchange.event == Event::NotDelivered;
        other.index > one.index && (follows || with_batch || name(other) == name(one))
    })
}

/// Whether no later entry of the exchange tells her part of it anew: a ruling is made again when a choice changes.
fn is_current(one: &Found, whole: &[Found]) -> bool {
    let Some(own) = one.about_person() else { return false };
    !later(one, whole)
        .filter_map(Found::about_person)
        .any(|other| other.is_in_trail() && is_same_person(other, own))
}

/// A leaf may name her by the id of her Patient alone.
fn is_same_person(one: &AboutPerson, other: &AboutPerson) -> bool {
    match (&one.nhs_number, &other.nhs_number) {
        (Some(one), Some(other)) => one == other,
        (Some(_), None) | (None, _) => one.patient.is_some() && one.patient == other.patient,
    }
}

fn since(one: &Found, whole: &[Found]) -> Since {
    let since = Since::of(
        later(one, whole).filter(|other| other.about_person().is_none()).map(|other| &other.record.exchange),
    );
    match (&one.record.exchange.within, one.record.exchange.event) {
        (Some(batch), Event::Disclosed) => {
            let of_batch = whole.iter().filter(|other| is_about_answer_of(batch, other));
            since.within(of_batch.map(|other| &other.record.exchange))
        }
        (Some(_) | None, _) => since,
    }
}

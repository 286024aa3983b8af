//! Finding records again: by person, by exchange, by receipt. The ledger is the truth; its index only points.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fhir::json::{Limits, parse_into};
use fhir::nhs_number::NhsNumber;

use super::audit_event::{Place, Placed};
use super::record::{About, AboutPerson, Record, Visibility};
use crate::interaction::PersonSelector;
use crate::ledger::{
    Content, IndexError, IndexKey, KeyScheme, LEAF, Page, RECEIPT, ReadError, SegmentLedger,
};

/// How long a query waits for the index to reach what was durable when it came.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);

/// How many of a person's newest leaves are looked at for the ids she has on the systems.
const ALIASES_LOOKED_AT: usize = 100;
/// How many such ids are followed.
const ALIASES_MAX: usize = 8;

/// Under which keys records are found.
pub const KEY_SCHEME: KeyScheme = KeyScheme { version: 3, keys };

/// The kind of keys under which the leaves of a person's own trail are found.
const TRAIL: &str = "person";
/// The kind of keys under which what oversight alone sees of a person is found.
const FILTERED: &str = "filtered";

/// Reads records back.
#[derive(Debug, Clone)]
pub struct TrailStore {
    ledger: Arc<SegmentLedger>,
}

/// Why the trail cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailFault {
    /// The index did not catch up in time.
    #[error("the index of the trail is behind or unreadable")]
    Index(#[from] IndexError),
    /// An entry could not be read.
    #[error("an entry of the trail cannot be read")]
    Read(#[from] ReadError),
    /// An entry is not a record of this format.
    #[error("an entry of the trail is not a record")]
    NotARecord,
}

/// A record and where it stands.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its index in the lane: for paging.
    pub index: u64,
    /// Names it outside, as `AuditEvent.id`: the hexadecimal digits of its leaf hash, which count and order nothing.
    pub id: String,
    /// Receipt of its batch, as in the header.
    pub receipt: String,
    /// The record.
    pub record: Record,
}

impl Found {
    /// The record as events are rendered from it.
    #[must_use]
    pub fn placed(&self) -> Placed<'_> {
        Placed { record: &self.record, place: Place { id: &self.id, receipt: &self.receipt } }
    }
}

impl TrailStore {
    /// Reads from this ledger.
    #[must_use]
    pub const fn new(ledger: Arc<SegmentLedger>) -> Self {
        Self { ledger }
    }

    /// Leaves about a person, newest first: of her trail, or for oversight also those in which she was merely filtered
    /// out of a broad answer or named as somebody's kin.
    ///
    /// Who is known by NHS number is also found by the Patient ids under which she was recorded with it: a request
    /// that the rules refused before anyone was asked names her by such an id alone.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn about(
        &self,
        person: &PersonSelector,
        seen_by: Visibility,
        before: Option<u64>,
        count_max: usize,
    ) -> Result<Vec<Found>, TrailFault> {
        let mut found = self.seen_by(seen_by, &person_value(person), before, count_max).await?;
        if let PersonSelector::Nhs(number) = person {
            found.extend(self.by_aliases(person, number, seen_by, before, count_max).await?);
        }
        found.sort_by_key(|one| std::cmp::Reverse(one.index));
        found.truncate(count_max);
        Ok(found)
    }

    /// Leaves that name a person by the ids under which she was recorded with her number, and not by it.
    async fn by_aliases(
        &self,
        person: &PersonSelector,
        number: &NhsNumber,
        seen_by: Visibility,
        before: Option<u64>,
        count_max: usize,
    ) -> Result<Vec<Found>, TrailFault> {
        let mut found = Vec::new();
        for alias in self.aliases(person).await? {
            let named = self.seen_by(seen_by, &alias, before, count_max).await?;
            if named.iter().any(|one| is_anothers(one, number))
                || self.is_of_several(&alias, number, seen_by).await?
            {
                continue;
            }
            found.extend(named.into_iter().filter_map(|one| with_number(one, number)));
        }
        Ok(found)
    }

    /// Whether the Patient was also somebody else's: one whose number was corrected. Who was meant by the id alone is not
    /// certain then, so nobody is told. It is not certain on any page.
    async fn is_of_several(
        &self,
        alias: &str,
        number: &NhsNumber,
        seen_by: Visibility,
    ) -> Result<bool, TrailFault> {
        let newest = self.seen_by(seen_by, alias, None, ALIASES_LOOKED_AT).await?;
        Ok(newest.iter().any(|one| is_anothers(one, number)))
    }

    /// The leaf of this id, whoever it is about.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn by_id(&self, id: &str) -> Result<Option<Found>, TrailFault> {
        let found = self.find(IndexKey { kind: LEAF, value: id.to_owned() }, None, 1).await?;
        Ok(found.into_iter().find(|one| one.id == id))
    }

    /// The same leaf as the person with this number finds it in her trail: with her number also where it names her by the
    /// id of a Patient that is hers, and nobody else's.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn as_hers(&self, found: Found, number: NhsNumber) -> Result<Found, TrailFault> {
        let is_named_by_id =
            |about: &&AboutPerson| about.nhs_number.is_none() && about.visibility == Visibility::Trail;
        let patient = found.about_person().filter(is_named_by_id).and_then(|about| about.patient.clone());
        let Some(patient) = patient else { return Ok(found) };
        let alias = alias(&patient, &found.record.exchange.place);
        let is_hers = self.aliases(&PersonSelector::Nhs(number)).await?.contains(&alias)
            && !self.is_of_several(&alias, &number, Visibility::Trail).await?;
        if !is_hers {
            return Ok(found);
        }
        Ok(with_number(found.clone(), &number).unwrap_or(found))
    }

    /// What is kept under this value for whoever sees so much.
    async fn seen_by(
        &self,
        seen_by: Visibility,
        value: &str,
        before: Option<u64>,
        count_max: usize,
    ) -> Result<Vec<Found>, TrailFault> {
        let key = |kind| IndexKey { kind, value: value.to_owned() };
        let mut found = self.find(key(TRAIL), before, count_max).await?;
        match seen_by {
            Visibility::Trail => {}
            Visibility::Oversight => found.extend(self.find(key(FILTERED), before, count_max).await?),
        }
        Ok(found)
    }

    /// `system/Patient/id` of every Patient that was recorded with this person's number lately.
    async fn aliases(&self, person: &PersonSelector) -> Result<BTreeSet<String>, TrailFault> {
        let mut aliases = BTreeSet::new();
        for found in self.seen_by(Visibility::Trail, &person_value(person), None, ALIASES_LOOKED_AT).await? {
            let About::Person(about) = &found.record.about else { continue };
            aliases
                .extend(about.patient.as_deref().map(|patient| alias(patient, &found.record.exchange.place)));
            if aliases.len() == ALIASES_MAX {
                break;
            }
        }
        Ok(aliases)
    }

    /// All leaves of the exchange with this receipt, in order.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn by_receipt(&self, receipt: &str) -> Result<Vec<Found>, TrailFault> {
        let key = IndexKey { kind: RECEIPT, value: receipt.to_owned() };
        let mut found = self.find(key, None, crate::ledger::BATCH_ENTRIES_MAX).await?;
        found.reverse();
        Ok(found)
    }

    /// All leaves of the exchange with this request id, in order.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn by_request(&self, request_id: &str) -> Result<Vec<Found>, TrailFault> {
        let key = IndexKey { kind: "request", value: request_id.to_owned() };
        let mut found = self.find(key, None, crate::ledger::BATCH_ENTRIES_MAX).await?;
        found.reverse();
        Ok(found)
    }

    /// All leaves of the exchange with this receipt, or else with this request id, in order.
    ///
    /// # Errors
    /// [`TrailFault`].
    pub async fn by_receipt_or_request(&self, value: &str) -> Result<Vec<Found>, TrailFault> {
        match self.by_receipt(value).await? {
            found if found.is_empty() => self.by_request(value).await,
            found => Ok(found),
        }
    }

    async fn find(
        &self,
        key: IndexKey,
        before: Option<u64>,
        count_max: usize,
    ) -> Result<Vec<Found>, TrailFault> {
        let head = self.ledger.head();
        if head == 0 {
            // Nothing is recorded yet, and the index may not be there either.
            return Ok(Vec::new());
        }
        self.ledger.wait_until_indexed(head, INDEX_TIMEOUT).await?;
        let indices = self.ledger.find(key, Page { before, ..Page::newest(count_max) }).await?;
        let mut found = Vec::with_capacity(indices.len());
        for index in indices {
            let Some(entry) = self.ledger.read(self.ledger.lane(), index).await? else { continue };
            let receipt = match self.ledger.read(self.ledger.lane(), entry.batch.start).await? {
                Some(first) => first.leaf.to_base64url(),
                None => entry.leaf.to_base64url(),
            };
            match entry.content {
                Content::Present(payload) => {
                    let record = decode(payload).ok_or(TrailFault::NotARecord)?;
                    let id = entry.leaf.to_hex();
                    found.push(Found { index, id, receipt, record });
                }
                Content::Erased => {}
            }
        }
        Ok(found)
    }
}

/// Whether the leaf is about a person with another number.
fn is_anothers(one: &Found, number: &NhsNumber) -> bool {
    let known = one.about_person().and_then(|about| about.nhs_number.as_deref());
    known.is_some_and(|known| known != number.as_str())
}

/// The same leaf with the number of the person whom it names by an id alone; nothing where it does not.
fn with_number(mut one: Found, number: &NhsNumber) -> Option<Found> {
    let About::Person(about) = &mut one.record.about else { return None };
    if about.nhs_number.is_some() {
        return None;
    }
    about.nhs_number = Some(number.as_str().to_owned());
    Some(one)
}

/// Reads a payload back; nothing when it is not a record (the ledger's own entries are not).
fn decode(payload: Bytes) -> Option<Record> {
    parse_into(payload, &Limits::default()).ok()
}

fn keys(payload: &[u8]) -> Vec<IndexKey> {
    let Some(record) = decode(Bytes::copy_from_slice(payload)) else { return Vec::new() };
    let mut keys = vec![IndexKey { kind: "request", value: record.exchange.request_id.clone() }];
    // What was asked in a batch is found by the id of the batch too.
    keys.extend(
        record.exchange.within.iter().map(|batch| IndexKey { kind: "request", value: batch.clone() }),
    );
    if let About::Person(person) = &record.about {
        keys.extend(keys_of(person, &record.exchange.place));
    }
    keys
}

/// A person who was merely filtered out of a broad answer is found by oversight, never in her own trail.
fn keys_of(person: &AboutPerson, place: &str) -> Vec<IndexKey> {
    let kind = match person.visibility {
        Visibility::Trail => TRAIL,
        Visibility::Oversight => FILTERED,
    };
    let nhs = person.nhs_number.iter().map(|number| IndexKey { kind, value: format!("nhs|{number}") });
    let local = person.patient.iter().map(|patient| IndexKey { kind, value: alias(patient, place) });
    nhs.chain(local).collect()
}

/// A Patient as the index knows it: with the system it is on.
fn alias(patient: &str, place: &str) -> String {
    if patient.matches('/').count() == 2 { patient.to_owned() } else { format!("{place}/{patient}") }
}

fn person_value(person: &PersonSelector) -> String {
    match person {
        PersonSelector::Nhs(number) => format!("nhs|{}", number.as_str()),
        PersonSelector::Local { system, id } => format!("{system}/Patient/{}", id.as_str()),
    }
}

impl Found {
    /// The person's part, when the leaf is about one.
    #[must_use]
    pub fn about_person(&self) -> Option<&AboutPerson> {
        match &self.record.about {
            About::Person(person) => Some(person),
            About::Exchange { .. } => None,
        }
    }
}

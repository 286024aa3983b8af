//! What matches of the records that a source yields, taken one by one, so that no more is held than is answered.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use adapters::mapping::pull::Made;
use fhir::json;
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery};

use super::Sourced;
use crate::upstream::UpstreamFault;

/// The most resources of one answer.
const MATCHES_MAX: usize = 5_000;
/// What stands around an entry of a searchset.
const AROUND: usize = 64;

/// The answer to a search, as it grows.
#[derive(Debug)]
pub(super) struct Gathered {
    query: SearchQuery,
    bases: Bases,
    /// Bytes that there is still room for.
    room: usize,
    bytes_max: usize,
    hasher: RandomState,
    /// By id: a digest of what was said, and where it stands if it matches.
    seen: HashMap<String, (u64, Option<usize>)>,
    matches: Vec<Option<Made>>,
    /// Records that could not be translated.
    refused: usize,
}

impl Gathered {
    pub(super) fn new(query: SearchQuery, bases: Bases, bytes_max: usize) -> Self {
        Self {
            query,
            bases,
            room: bytes_max,
            bytes_max,
            hasher: RandomState::new(),
            seen: HashMap::new(),
            matches: Vec::new(),
            refused: 0,
        }
    }

    /// The search.
    pub(super) fn query(&self) -> &SearchQuery {
        &self.query
    }

    /// Takes a resource that may match. Where two say different things under one id, neither counts.
    pub(super) fn take(&mut self, made: Made) -> Result<(), UpstreamFault> {
        if made.resource_type != self.query.resource_type() {
            return Ok(());
        }
        let said = self.hasher.hash_one(&made.json);
        if let Some((before, place)) = self.seen.get_mut(&made.id) {
            if *before != said
                && let Some(held) = place.take().and_then(|at| self.matches.get_mut(at))
            {
                *held = None;
                self.refused += 1;
            }
            return Ok(());
        }
        let is_match = self.is_match(&made);
        self.seen.insert(made.id.clone(), (said, is_match.then_some(self.matches.len())));
        if is_match {
            self.room = self.room.checked_sub(made.json.len() + AROUND).ok_or(UpstreamFault::TooLarge)?;
            self.matches.push(Some(made));
        }
        if self.matches.len() > MATCHES_MAX { Err(UpstreamFault::TooLarge) } else { Ok(()) }
    }

    /// Counts records that could not be translated.
    pub(super) const fn refuse(&mut self, records: usize) {
        self.refused += records;
    }

    /// What matches. Operators are told how many records could not be translated, and nothing of them.
    pub(super) fn finish(self, sourced: &Sourced) -> Vec<Made> {
        sourced.tell(self.refused);
        self.matches.into_iter().flatten().collect()
    }

    fn is_match(&self, made: &Made) -> bool {
        let limits = json::Limits { bytes_max: self.bytes_max, ..json::Limits::default() };
        let Ok(document) = json::parse(made.json.clone().into(), &limits) else { return false };
        self.query.matches(document.root(), &self.bases) == Match::Yes
    }
}

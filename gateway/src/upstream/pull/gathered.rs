//! What matches of the records that a source yields, taken one by one, so that no more is held than is answered.
//!
//! A bound ends the answer and does not make it a fault: what is hidden counts for it, and whoever may see nothing must
//! not learn from a fault that there is much.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use adapters::mapping::pull::Made;
use fhir::json;
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery};

use super::{AROUND, Sourced};
use crate::enforce::held::Complete;
use crate::upstream::UpstreamFault;

/// The most resources of one answer, and bytes of them: what may be shown is far less, and what is hidden counts here.
const MATCHES_MAX: usize = 50_000;
pub(super) const BYTES_MAX: usize = 64 << 20;

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
    complete: Complete,
}

/// All that matches, or the beginning of it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) made: Vec<Made>,
    pub(super) complete: Complete,
}

impl Gathered {
    pub(super) fn new(query: SearchQuery, bases: Bases, bytes_max: usize) -> Self {
        Self {
            query,
            bases,
            room: BYTES_MAX,
            bytes_max,
            hasher: RandomState::new(),
            seen: HashMap::new(),
            matches: Vec::new(),
            refused: 0,
            complete: Complete::All,
        }
    }

    /// The search.
    pub(super) fn query(&self) -> &SearchQuery {
        &self.query
    }

    /// Takes a resource that may match. Where two say different things under one id, neither counts.
    pub(super) fn take(&mut self, made: Made) -> Result<(), UpstreamFault> {
        if self.is_full() || made.resource_type != self.query.resource_type() {
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
            let bytes = made.json.len() + AROUND;
            match self.room.checked_sub(bytes).filter(|_| bytes <= self.bytes_max) {
                Some(room) if self.matches.len() < MATCHES_MAX => {
                    self.room = room;
                    self.matches.push(Some(made));
                }
                Some(_) | None => self.bound(),
            }
        }
        Ok(())
    }

    /// Notes that there may be more than is read.
    pub(super) const fn bound(&mut self) {
        self.complete = Complete::Bounded;
    }

    /// Whether nothing more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.complete == Complete::Bounded
    }

    /// Counts records that could not be translated.
    pub(super) const fn refuse(&mut self, records: usize) {
        self.refused += records;
    }

    /// What matches. Operators are told how many records could not be translated, and nothing of them.
    pub(super) fn finish(self, sourced: &Sourced) -> Answered {
        sourced.tell(self.refused);
        Answered { made: self.matches.into_iter().flatten().collect(), complete: self.complete }
    }

    fn is_match(&self, made: &Made) -> bool {
        let limits = json::Limits { bytes_max: self.bytes_max, ..json::Limits::default() };
        let Ok(document) = json::parse(made.json.clone().into(), &limits) else { return false };
        self.query.matches(document.root(), &self.bases) == Match::Yes
    }
}

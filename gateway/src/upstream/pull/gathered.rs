//! What matches of the records that a source yields, taken one by one, so that no more is held than is answered.
//!
//! A bound ends the answer and does not make it a fault: what is hidden counts for it, and whoever may see nothing must
//! not learn from a fault that there is much.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use adapters::mapping::pull::Made;
use fhir::json;
use fhir::reference::Bases;
use fhir::search::{Match, SearchQuery};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::unread::Wanted;
use super::{AROUND, Sourced};
use crate::enforce::held::Complete;
use crate::upstream::UpstreamFault;

/// The most resources of one answer, and bytes of them: what may be shown is far less, and what is hidden counts here.
const MATCHES_MAX: usize = 50_000;
pub(super) const BYTES_MAX: usize = 64 << 20;
/// What one system holds in memory for all who ask it, beyond the first of each answer.
const HELD_MIB_MAX: usize = 256;
const MIB: usize = 1 << 20;

/// Room in memory for the answers of one system. Who finds none is told to come again.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// A part of it, until it goes.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Holding(Option<OwnedSemaphorePermit>);

impl Default for Memory {
    fn default() -> Self {
        Self::of(HELD_MIB_MAX)
    }
}

impl Memory {
    fn of(mib: usize) -> Self {
        Self(Arc::new(Semaphore::new(mib)))
    }
}

impl Holding {
    /// Holds as much as `bytes` need: what is small needs none of it.
    pub(super) fn grow(&mut self, bytes: usize, memory: &Memory) -> Result<(), UpstreamFault> {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = (bytes / MIB).saturating_sub(held);
        if wanted == 0 {
            return Ok(());
        }
        let wanted = u32::try_from(wanted).map_err(|_| UpstreamFault::TooLarge)?;
        let more = Arc::clone(&memory.0).try_acquire_many_owned(wanted).map_err(|_| UpstreamFault::Busy)?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// The answer to a search, as it grows.
#[derive(Debug)]
pub(super) struct Gathered {
    query: SearchQuery,
    /// What records say that may be what is asked for.
    wanted: Wanted,
    bases: Bases,
    /// Bytes that there is still room for.
    room: usize,
    bytes_max: usize,
    memory: Memory,
    holding: Holding,
    hasher: RandomState,
    /// By id: a digest of what was said, and where it stands if it matches.
    seen: HashMap<String, (u64, Option<usize>)>,
    matches: Vec<Option<Made>>,
    /// Records that could not be translated.
    refused: usize,
    /// Whether one of them may be what is asked for.
    lacks: Lacks,
    complete: Complete,
}

/// Whether a record may be what is asked for that cannot be translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lacks {
    Nothing,
    Something,
}

/// All that matches, or the beginning of it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) made: Vec<Made>,
    pub(super) complete: Complete,
    pub(super) holding: Holding,
}

impl Gathered {
    pub(super) fn new(
        (query, wanted): (SearchQuery, Wanted),
        bases: Bases,
        bytes_max: usize,
        memory: Memory,
    ) -> Self {
        Self {
            query,
            wanted,
            bases,
            room: BYTES_MAX,
            bytes_max,
            memory,
            holding: Holding::default(),
            hasher: RandomState::new(),
            seen: HashMap::new(),
            matches: Vec::new(),
            refused: 0,
            lacks: Lacks::Nothing,
            complete: Complete::All,
        }
    }

    /// What there is room in for it.
    pub(super) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What records say that may be what is asked for.
    pub(super) const fn wanted(&self) -> &Wanted {
        &self.wanted
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
            if *before == said {
                return Ok(());
            }
            if let Some(held) = place.take().and_then(|at| self.matches.get_mut(at)) {
                *held = None;
                self.refused += 1;
                self.lack();
            } else if self.is_match(&made) {
                self.lack();
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
                    self.holding.grow(BYTES_MAX.saturating_sub(room), &self.memory)?;
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

    /// Counts a record that could not be translated, and says what of it could be read.
    pub(super) fn refuse<'v>(&mut self, said: impl IntoIterator<Item = &'v str>) {
        self.refused += 1;
        if self.wanted.may_be(said) {
            self.lack();
        }
    }

    /// Counts one of which nothing could be read, and which is what was asked for as far as its source can tell.
    pub(super) fn refuse_unread(&mut self) {
        self.refused += 1;
        self.lack();
    }

    /// Notes that a record may be what is asked for and cannot be told.
    pub(super) fn lack(&mut self) {
        if !self.wanted.is_nobody() {
            self.lacks = Lacks::Something;
        }
    }

    /// What matches. Operators are told how many records could not be translated, and nothing of them.
    pub(super) fn finish(self, sourced: &Sourced) -> Answered {
        sourced.tell(self.refused);
        let complete = match (self.complete, self.lacks) {
            (Complete::All, Lacks::Something) => Complete::Lacking,
            (complete, _) => complete,
        };
        let made = self.matches.into_iter().flatten().collect();
        Answered { made, complete, holding: self.holding }
    }

    fn is_match(&self, made: &Made) -> bool {
        let limits = json::Limits { bytes_max: self.bytes_max, ..json::Limits::default() };
        let Ok(document) = json::parse(made.json.clone().into(), &limits) else { return false };
        self.query.matches(document.root(), &self.bases) == Match::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::{Holding, MIB, Memory};
    use crate::upstream::UpstreamFault;

    #[test]
    fn large_answers_share_the_memory_of_a_system_and_small_ones_need_none_of_it() {
        let memory = Memory::of(3);
        let (mut one, mut other) = (Holding::default(), Holding::default());
        assert_eq!(one.grow(2 * MIB + 1, &memory), Ok(()));
        assert_eq!(one.grow(2 * MIB + 2, &memory), Ok(()), "no more than it needs");
        assert_eq!(other.grow(MIB - 1, &memory), Ok(()));
        assert_eq!(other.grow(MIB, &memory), Ok(()));
        assert_eq!(other.grow(2 * MIB, &memory), Err(UpstreamFault::Busy));
        assert_eq!(Holding::default().grow(MIB - 1, &memory), Ok(()), "whoever asks for little is answered");
        drop(one);
        assert_eq!(other.grow(3 * MIB, &memory), Ok(()), "there is room again");
    }
}

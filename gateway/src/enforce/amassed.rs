//! What was read of everything about one person, without what cannot be shown, where that is more than is read at once.
//!
//! What is hidden of a type must not take the room of what may be seen, of that type or of another. So where one finds no
//! room, what is hidden is let go of all of them, and that one is read anew, part by part, in the order of the searches.

use std::collections::BTreeSet;

use fhir::json::{Document, Node};
use fhir::search::SearchQuery;
use fhir::tables::TypeId;

use super::answer::Frame;
use super::everything::{Gathered, Missing, Room};
use super::held::Held;
use super::judge::{Judge, Targets};
use super::matched::ENTRIES_MAX;
use super::sieve::{Gone, visible};
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::Ruling;
use crate::interaction::SearchRequest;

/// What is held so far.
#[derive(Debug)]
pub struct Amassed {
    /// Of each search the pages that may be shown.
    pages: Vec<Vec<Document>>,
    /// The searches that are read part by part, by their number.
    open: BTreeSet<usize>,
    missing: Vec<(TypeId, Missing)>,
    gone: Gone,
    /// What there is room for yet.
    room: Room,
}

/// What becomes of the search of which a part was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// It may go on.
    Part,
    /// It holds more than there is room for, as far as that may be shown: nothing of it is here.
    TooMuch,
    /// What came ends the exchange, whatever else there is.
    Ends,
}

impl Amassed {
    /// Whether something of `held` is to be read part by part.
    #[must_use]
    pub fn is_wanted(held: &Unfiltered<Held>) -> bool {
        matches!(held.inner(), Held::Everything(gathered) if !gathered.open.is_empty())
    }

    /// Takes over what is here of the answers to `queries`, without what `ruling` keeps back of it.
    ///
    /// # Errors
    /// All of it, where something ends the exchange whatever else there is.
    pub fn of(
        held: Unfiltered<Held>,
        queries: &[SearchQuery],
        (ruling, subjects): (&Ruling, &Subjects),
        (frame, room): (Frame<'_>, Room),
    ) -> Result<Self, Box<Unfiltered<Held>>> {
        let gathered = match held.into_inner() {
            Held::Everything(gathered) => gathered,
            other @ (Held::Resource(_)
            | Held::Searchset { .. }
            | Held::Binary { .. }
            | Held::History { .. }
            | Held::Absent) => return Err(Box::new(Unfiltered::new(other))),
        };
        let missing = gathered.missing.iter().filter(|(_, why)| *why != Missing::TooMuch);
        let mut amassed = Self {
            pages: queries.iter().map(|_| Vec::new()).collect(),
            open: gathered.open.iter().copied().collect(),
            missing: missing.copied().collect(),
            gone: Gone::default(),
            room,
        };
        let mut here = gathered.pages.as_slice();
        for (at, (query, length)) in queries.iter().zip(&gathered.lengths).enumerate() {
            let (own, others) = here.split_at_checked(*length).unwrap_or((here, &[]));
            here = others;
            if !own.is_empty() && amassed.sieve((at, query), own, (ruling, subjects), frame).is_none() {
                return Err(Box::new(Unfiltered::new(Held::Everything(gathered))));
            }
        }
        Ok(amassed)
    }

    /// Whether search `at` is to be read part by part.
    #[must_use]
    pub fn is_open(&self, at: usize) -> bool {
        self.open.contains(&at)
    }

    /// Takes up a part of the answer to search `at`, without what `ruling` keeps back of it.
    pub fn take(
        &mut self,
        (at, query): (usize, &SearchQuery),
        part: Unfiltered<Held>,
        (ruling, subjects): (&Ruling, &Subjects),
        frame: Frame<'_>,
    ) -> Took {
        let Held::Searchset { pages, .. } = part.into_inner() else { return Took::Ends };
        // More than a page may have: it is not read.
        if pages.iter().any(|page| entries(page) > ENTRIES_MAX) {
            return Took::TooMuch;
        }
        if self.sieve((at, query), &pages, (ruling, subjects), frame).is_none() {
            // As it came: what ends the exchange ends it where it is answered.
            if let Some(slot) = self.pages.get_mut(at) {
                slot.extend(pages);
            }
            return Took::Ends;
        }
        if self.fits(at) { Took::Part } else { Took::TooMuch }
    }

    /// Ends search `at`, which was read whole: where it finds no room nothing of it is here.
    pub fn settle(&mut self, (at, owner): (usize, TypeId)) {
        if !self.fits(at) {
            return self.leave_out((at, owner), Missing::TooMuch);
        }
        let (entries, bytes) = self.size(at);
        self.room.entries = self.room.entries.saturating_sub(entries);
        self.room.bytes = self.room.bytes.saturating_sub(bytes);
    }

    /// Leaves out search `at` as a whole.
    pub fn leave_out(&mut self, (at, owner): (usize, TypeId), why: Missing) {
        if let Some(slot) = self.pages.get_mut(at) {
            slot.clear();
        }
        self.missing.push((owner, why));
    }

    /// All of it.
    #[must_use]
    pub fn held(self) -> Unfiltered<Held> {
        let lengths = self.pages.iter().map(Vec::len).collect();
        let pages = self.pages.into_iter().flatten().collect();
        let gathered = Gathered { pages, lengths, missing: self.missing, open: Vec::new(), gone: self.gone };
        Unfiltered::new(Held::Everything(gathered))
    }

    /// Adds what may be shown of `pages` to search `at`; nothing where they end the exchange.
    fn sieve(
        &mut self,
        (at, query): (usize, &SearchQuery),
        pages: &[Document],
        (ruling, subjects): (&Ruling, &Subjects),
        frame: Frame<'_>,
    ) -> Option<()> {
        let face = frame.face();
        let judge = Judge::of(ruling, Targets::OfSharedTypes, frame, &face);
        let search = SearchRequest { query: query.clone(), offset: 0, standing: None };
        let (page, _, kept) = visible(pages, &search, &judge, &face).ok()??;
        self.pages.get_mut(at)?.push(page);
        self.gone.lets_go(kept, ruling, subjects);
        Some(())
    }

    fn fits(&self, at: usize) -> bool {
        let (entries, bytes) = self.size(at);
        entries <= self.room.entries && bytes <= self.room.bytes
    }

    /// Entries and bytes of search `at`.
    fn size(&self, at: usize) -> (usize, usize) {
        let slot = self.pages.get(at).map(Vec::as_slice).unwrap_or_default();
        (slot.iter().map(entries).sum(), slot.iter().map(Document::bytes_len).sum())
    }
}

fn entries(page: &Document) -> usize {
    page.root().member("entry").map_or(0, Node::len)
}

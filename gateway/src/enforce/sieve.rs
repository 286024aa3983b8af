//! What was read of a long search so far, without what cannot be shown.
//!
//! A system may hold any number of matches that the requestor may not see. They are let go while reading goes on, so
//! that what is held, and the bound on it, is what may be seen. Let go is only what cannot be shown whatever its
//! references lead to and wherever protected persons live; what stays is decided again with everything else. Of what
//! is let go, whom it is about and why is kept for the record, and no content.

use std::collections::{BTreeMap, BTreeSet};

use fhir::json::Document;
use fhir::reference::Id;

use super::answer::Frame;
use super::bundle::{Entry, Mode, Searchset};
use super::existing::holds_something;
use super::held::{Complete, Held};
use super::judge::{Decided, Judge, KeptBack, Targets};
use super::matched::{Unseen, matched, reread};
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::{Answer, Ruling};
use crate::interaction::{FhirAction, Interaction, SearchRequest};
use crate::person::PersonKey;
use crate::upstream::Rest;

/// The most matches that are held of one search: more than may be shown of it, for what their references lead to is
/// looked up later.
const ENTRIES_MAX: usize = 5_000;
/// The most bytes of them, as the system wrote them.
const BYTES_MAX: usize = 64 << 20;

/// What was read of one search so far.
#[derive(Debug, Default)]
pub struct Sieved {
    pages: Vec<Document>,
    entries: usize,
    bytes: usize,
    gone: Gone,
    /// Whether the system answered with people nobody asked for: that is told as what it is, however much there is.
    strangers: Strangers,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Strangers {
    #[default]
    None,
    Met,
}

/// What was let go: whom it is about and why.
#[derive(Debug, Default)]
pub struct Gone {
    pub(in crate::enforce) kept: Vec<KeptBack>,
    /// The answer about everybody who was met on the way, and her Patient.
    pub(in crate::enforce) answers: BTreeMap<PersonKey, (Answer, Option<Id>)>,
    /// The second answer about those of them who are somebody's kin.
    pub(in crate::enforce) as_kin: BTreeMap<PersonKey, Answer>,
    /// By which of her Consents somebody of them is refused, or some of her data.
    pub(in crate::enforce) denied_by: BTreeMap<PersonKey, BTreeSet<String>>,
    /// Whether the system answered with anything, what is let go for whatever reason among it.
    pub(in crate::enforce) held: Holds,
}

/// Whether something was answered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Holds {
    #[default]
    Nothing,
    Something,
}

/// Of most searches nothing is let go while they are read.
pub(in crate::enforce) static NOTHING_GONE: Gone = Gone {
    kept: Vec::new(),
    answers: BTreeMap::new(),
    as_kin: BTreeMap::new(),
    denied_by: BTreeMap::new(),
    held: Holds::Nothing,
};

/// Whether reading may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesOn {
    /// It may.
    Yes,
    /// What was read ends the exchange, whatever follows.
    No,
}

/// Takes apart what was read and where the search goes on, if it does.
#[must_use]
pub fn apart(held: Unfiltered<Held>) -> (Unfiltered<Held>, Option<Rest>) {
    match held.into_inner() {
        Held::Searchset { pages, complete, included, rest, gone } => {
            let held = Held::Searchset { pages, complete, included, rest: None, gone };
            (Unfiltered::new(held), rest)
        }
        other @ (Held::Resource(_)
        | Held::Binary { .. }
        | Held::Everything(_)
        | Held::History { .. }
        | Held::Absent) => (Unfiltered::new(other), None),
    }
}

impl Sieved {
    /// Takes up a part of the answer, without what `ruling` keeps back of it whatever its references lead to.
    pub fn take(
        &mut self,
        part: Unfiltered<Held>,
        ruling: &Ruling,
        subjects: &Subjects,
        frame: Frame<'_>,
    ) -> GoesOn {
        let Interaction::Fhir { action: FhirAction::Search(request), .. } =
            &ruling.admitted().question().interaction
        else {
            return GoesOn::No;
        };
        let Held::Searchset { pages, .. } = part.into_inner() else { return GoesOn::No };
        if pages.iter().any(holds_something) {
            self.gone.held = Holds::Something;
        }
        let face = frame.face();
        let decided = Decided::by(ruling);
        let judge =
            Judge { decided: Some(&decided), ..Judge::of(ruling, Targets::OfSharedTypes, frame, &face) };
        let sieved = match visible(&pages, request, &judge, &face) {
            Ok(seen) => seen.map(|(page, entries, kept)| {
                self.entries += entries;
                (page, kept)
            }),
            Err(Unseen::AllRefused(_) | Unseen::Bounded) => None,
            Err(Unseen::WrongPersons) => {
                self.strangers = Strangers::Met;
                None
            }
        };
        // As it came: what ends the exchange ends it where it is answered.
        let Some((page, kept)) = sieved else {
            self.pages.extend(pages);
            return GoesOn::No;
        };
        self.bytes += page.bytes_len();
        self.pages.push(page);
        self.gone.lets_go(kept, ruling, subjects);
        match self.entries > ENTRIES_MAX || self.bytes > BYTES_MAX {
            true => GoesOn::No,
            false => GoesOn::Yes,
        }
    }

    /// All that was read: what was taken up, and `last` as it came.
    #[must_use]
    pub fn with(self, last: Unfiltered<Held>) -> Unfiltered<Held> {
        Unfiltered::new(match last.into_inner() {
            Held::Searchset { pages, complete, included, .. } => {
                let pages = self.pages.into_iter().chain(pages).collect();
                Held::Searchset { pages, complete, included, rest: None, gone: self.gone }
            }
            other @ (Held::Resource(_)
            | Held::Binary { .. }
            | Held::Everything(_)
            | Held::History { .. }
            | Held::Absent) => other,
        })
    }

    /// What was taken up, where the rest is not read.
    #[must_use]
    pub fn cut_off(self) -> Unfiltered<Held> {
        let complete = match self.strangers {
            Strangers::None => Complete::Bounded,
            Strangers::Met => Complete::All,
        };
        let pages = self.pages;
        Unfiltered::new(Held::Searchset { pages, complete, included: None, rest: None, gone: self.gone })
    }
}

/// What may be shown of a part of the answer to a search, whatever its references lead to, as a page of its own: with how many
/// there are, and what is kept back. Nothing if what was written cannot be read again.
pub(in crate::enforce) fn visible(
    pages: &[Document],
    request: &SearchRequest,
    judge: &Judge<'_>,
    face: &str,
) -> Result<Option<(Document, usize, Vec<KeptBack>)>, Unseen> {
    let found = matched(pages, Complete::All, request, judge)?;
    let entry = |raw| Entry { full_url: None, resource: raw, mode: Mode::Match };
    let entries: Vec<Entry<'_>> = found.visible.iter().map(|seen| entry(seen.node.raw())).collect();
    let page = Searchset { id: "page", total: None, self_link: face, next_link: None, entries: &entries };
    let page = reread(&page.to_json());
    Ok(page.map(|page| (page, entries.len(), found.kept)))
}

impl Gone {
    /// Notes what is let go on a ruling, and the answer about everybody it was made about.
    pub(in crate::enforce) fn lets_go(&mut self, kept: Vec<KeptBack>, ruling: &Ruling, subjects: &Subjects) {
        self.kept.extend(kept);
        self.meet(ruling, subjects);
    }

    /// Joins what was let go elsewhere in the same exchange.
    pub(in crate::enforce) fn join(&mut self, other: Self) {
        self.kept.extend(other.kept);
        for (person, answer) in other.answers {
            self.answers.entry(person).or_insert(answer);
        }
        for (person, second) in other.as_kin {
            self.as_kin.entry(person).or_insert(second);
        }
        for (person, consents) in other.denied_by {
            self.denied_by.entry(person).or_insert(consents);
        }
    }

    fn meet(&mut self, ruling: &Ruling, subjects: &Subjects) {
        let patients: BTreeMap<&PersonKey, &Id> =
            subjects.patients.iter().filter_map(|id| Some((ruling.person_of(id)?, id))).collect();
        for (person, answer) in ruling.answers() {
            let patient = patients.get(person).map(|id| (*id).clone());
            self.answers.entry(person.clone()).or_insert_with(|| (answer.clone(), patient));
            if let Some(second) = ruling.second_answer(person) {
                self.as_kin.entry(person.clone()).or_insert_with(|| second.clone());
            }
            if let Some(consents) = ruling.denied_by(person) {
                self.denied_by.entry(person.clone()).or_insert_with(|| consents.clone());
            }
        }
    }
}

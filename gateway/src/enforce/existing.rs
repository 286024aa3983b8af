//! What a condition of a create finds: what the requestor would find by searching for it.

use fhir::bundle::{Bundle, Entry, SearchMode};
use fhir::json::Document;

use super::account::{Account, Named};
use super::answer::{Frame, ended};
use super::held::Held;
use super::judge::{Judge, Targets};
use super::matched::{ENTRIES_MAX, Matched, Seen, Unseen, matched, reread};
use super::release::{Head, Minimised};
use super::sieve::Holds;
use super::subjects::Subjects;
use super::targets::LookedUp;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::{Admitted, Ruling};
use crate::interaction::{FhirAction, Interaction};
use crate::outcome::{Ended, Ending, NotTaken};
use crate::trail::record::Event;
use crate::trail::records::Records;

/// What was found.
#[derive(Debug)]
pub enum Existing {
    /// One that the requestor may see: the answer that says where.
    Seen(Box<Minimised>),
    /// The system answered with something, and the requestor may see none of it.
    Hidden,
    /// The system answered with nothing.
    Absent,
}

/// Looks at what a search for a condition found.
///
/// # Errors
/// [`Ended`] when several can be seen, or the answer is none to this search.
pub fn existing(
    held: &Unfiltered<Held>,
    looked_up: &LookedUp,
    ruling: Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<(Existing, Admitted), Ended> {
    let (
        Interaction::Fhir { action: FhirAction::Search(request), .. },
        Held::Searchset { pages, complete, gone, .. },
    ) = (&ruling.admitted().question().interaction, held.inner())
    else {
        return Err(frame.exchange.end(Ending::NotFound));
    };
    let face = frame.face();
    let frame = looked_up.known_in(frame);
    let visible = looked_up.visible(held, &ruling, frame);
    let version = |bytes: &[u8]| frame.version(&ruling, bytes);
    let judge =
        Judge { version: Some(&version), ..Judge::of(&ruling, Targets::Known(&visible), frame, &face) };
    let mut account = Account::with(gone, &ruling, subjects);
    let matched = match matched(pages, *complete, request, &judge) {
        Ok(matched) => matched,
        // Whom the create is about decides about it.
        Err(Unseen::AllRefused(_)) => Matched::default(),
        Err(unseen @ (Unseen::Bounded | Unseen::WrongPersons)) => {
            return Err(ended(unseen.ending(), account, frame));
        }
    };
    matched.kept.iter().for_each(|kept| account.keeps(kept, Named::BySubjectsOnly));
    let there = match matched.visible.as_slice() {
        [] if gone.held == Holds::Something || pages.iter().any(holds_something) => Existing::Hidden,
        [] => Existing::Absent,
        [Seen { judged, .. }] => {
            account.shares(judged);
            let view = reread(&judged.bytes);
            let head = Head {
                status: 200,
                etag: view.and_then(|view| Some(view.root().str_at(&["meta", "versionId"])?.into_owned())),
                location: Some(format!("{face}/{}", judged.reference)),
                provenance: Some(frame.exchange.request_id.clone()),
                ..Head::default()
            };
            let exchange = frame.exchange.clone().ended(Event::Disclosed, 200, None);
            let records = Records { exchange, persons: account.close() };
            Existing::Seen(Box::new(Minimised { body: Vec::new(), head, records, provenance: None }))
        }
        [_, _, ..] => {
            matched.visible.iter().for_each(|seen| account.shares(&seen.judged));
            return Err(ended(Ending::NotTaken(NotTaken::Several), account, frame));
        }
    };
    Ok((there, ruling.into_admitted()))
}

/// Whether a match may stand in it: what the system tells about a search is none.
pub(in crate::enforce) fn holds_something(page: &Document) -> bool {
    let is_match = |entry: &Entry<'_>| match entry.mode {
        Some(SearchMode::Match) => true,
        Some(SearchMode::Include | SearchMode::Outcome) => false,
        None => entry.resource_type().is_none_or(|name| name != "OperationOutcome"),
    };
    Bundle::read(page.root(), ENTRIES_MAX).map_or(true, |bundle| bundle.entries().iter().any(is_match))
}

//! Deletions: only of what the requestor sees whole. What is hidden of a resource would go with it.
//!
//! That something is hidden is told by the refusal; an agreement that withholds existence lets nothing be deleted.

use fhir::json::Node;
use fhir::reference::Id;

use super::super::account::Account;
use super::super::answer::{Frame, kept_back};
use super::super::held::Held;
use super::super::judge::{Judge, LastVersion, Targets};
use super::super::release::{Head, Minimised};
use super::super::subjects::Subjects;
use super::super::targets::LookedUp;
use super::super::unfiltered::Unfiltered;
use super::{Unwritable, covers, ended, hex, read};
use crate::decision::ruling::{Admitted, Ruling};
use crate::interaction::ResourceDeletion;
use crate::outcome::{Ended, Ending, NotTaken};
use crate::trail::record::{AboutPerson, Event, Exchange};
use crate::trail::records::Records;

/// What may be deleted.
#[derive(Debug)]
pub struct Removal {
    /// The record of the intent, with nothing to be sent.
    pub intent: Minimised,
    /// The version that is deleted.
    pub version: Id,
    persons: Vec<AboutPerson>,
}

impl Removal {
    /// The answer when it was deleted, in the trail of those whom it was about.
    #[must_use]
    pub fn done(persons: Vec<AboutPerson>, outcome: Exchange) -> Minimised {
        Minimised {
            body: Vec::new(),
            head: Head { status: 204, ..Head::default() },
            records: Records { exchange: outcome.ended(Event::Outcome, 204, None), persons },
            provenance: None,
        }
    }

    /// The same, recorded with the name of the fault in spite of which it is done.
    #[must_use]
    pub fn in_spite_of(self, reason: &str) -> Self {
        Self { intent: self.intent.in_spite_of(reason), ..self }
    }

    /// The parts: what is to be recorded, the version, and whom it is about.
    #[must_use]
    pub fn into_parts(self) -> (Minimised, Id, Vec<AboutPerson>) {
        (self.intent, self.version, self.persons)
    }
}

/// Decides whether what is stored may be deleted: it is shown, in the version that is named, and whole.
///
/// # Errors
/// [`Ended`] when it is not to be deleted, with the record that says why.
pub fn remove(
    held: &Unfiltered<Held>,
    looked_up: &LookedUp,
    wanted: &ResourceDeletion,
    ruling: Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<(Removal, Admitted), Ended> {
    let Held::Resource(stored) = held.inner() else {
        return Err(frame.exchange.end(Ending::NotFound));
    };
    let face = frame.face();
    let digest = LastVersion::default();
    let version = |bytes: &[u8]| digest.keep(frame.version(&ruling, bytes));
    let frame = looked_up.known_in(frame);
    let visible = looked_up.visible(held, &ruling, frame);
    let judge =
        Judge { version: Some(&version), ..Judge::of(&ruling, Targets::Known(&visible), frame, &face) };
    let mut account = Account::new(&ruling, subjects);
    let judged = match judge.judge(stored.root()) {
        Ok(judged) => judged,
        Err(kept) => return Err(kept_back(kept, account, frame)),
    };
    account.shares(&judged);
    let refused = |why| Ending::Unwritable(why);
    let Ok(view) = read(judged.bytes.clone()) else {
        return Err(ended(refused(Unwritable::Partly), account, frame));
    };
    let fault = if wanted.if_match != hex(&digest.get()) {
        Some(Ending::VersionMoved)
    } else if judge.is_shielded(stored.root(), view.root()) {
        Some(refused(Unwritable::Shielded))
    } else if !is_whole(view.root(), stored.root()) {
        Some(refused(Unwritable::Partly))
    } else {
        None
    };
    if let Some(fault) = fault {
        return Err(ended(fault, account, frame));
    }
    let held_version = stored.root().str_at(&["meta", "versionId"]).and_then(|id| Id::parse(&id).ok());
    let Some(held_version) = held_version else {
        return Err(ended(Ending::NotTaken(NotTaken::NotSupported), account, frame));
    };
    let persons = account.close();
    let records =
        Records { exchange: frame.exchange.clone().ended(Event::Intent, 0, None), persons: persons.clone() };
    let intent = Minimised { body: Vec::new(), head: Head::default(), records, provenance: None };
    Ok((Removal { intent, version: held_version, persons }, ruling.into_admitted()))
}

/// Whether the view shows all there is: but for `meta`, which is about how it is stored, and a narrative that was made
/// of the rest.
fn is_whole(view: Node<'_>, stored: Node<'_>) -> bool {
    let is_made = stored.str_at(&["text", "status"]).is_some_and(|status| status == "generated");
    let beside: &[&str] = if is_made { &["meta", "text"] } else { &["meta"] };
    let mut members = stored.members().filter(|(key, _)| !beside.iter().any(|name| key.is(name)));
    members.all(|(key, value)| covers(view.member(&key.text()), value))
}

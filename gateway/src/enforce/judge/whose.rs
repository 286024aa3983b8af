//! What a ruling means for whom a resource is about. Resources about the same persons have it in common: it is found out
//! once for all of them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fhir::json::Node;

use super::super::persons::{About, Came, PersonsOf};
use super::Judge;
use super::concerned::Concerned;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{LabelsOfAgreement, Permit, Ruling};
use crate::person::PersonKey;

/// The most sets of persons of which it is remembered; of further ones it is found out again.
const KEPT_MAX: usize = 10_000;

/// What a ruling means for the persons of a resource.
pub(super) struct Whose {
    /// Whom it is about, and who else stands in it, as far as they have keys.
    pub(super) persons: Vec<PersonKey>,
    /// Those of them who stand in it as somebody's kin.
    pub(super) kin: BTreeSet<PersonKey>,
    /// What it means that each of them permits.
    pub(super) permitted: Result<Permitted, Refusal>,
}

/// What the permits of all persons of a resource mean for it.
pub(super) struct Permitted {
    pub(super) concerned: Concerned,
    /// Whether none of them keeps any of her resources back.
    pub(super) weigh: Weigh,
    /// Whether labels that the agreement keeps out stay out.
    pub(super) labels: LabelsOfAgreement,
    /// Who stays in it.
    pub(super) left: Vec<PersonKey>,
    /// The kin who are hidden wherever they stand in it as themselves.
    pub(super) kin_only: BTreeSet<PersonKey>,
}

/// Whether what persons have said is weighed against what a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weigh {
    /// Nobody has said anything.
    Nothing,
    Words,
}

/// Where a set of persons is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Where(usize);

impl Where {
    fn of(persons: &Arc<PersonsOf>) -> Self {
        Self(Arc::as_ptr(persons).addr())
    }
}

/// A set of persons, and what the ruling means for it.
type Known = (Arc<PersonsOf>, Arc<Whose>);

/// What one ruling means for sets of persons.
///
/// A set of persons is all that `persons` reads of a resource: who they are, and as whom they stand in it. It is known by
/// where it is in memory, and is kept as long as what is told of it, so that no other can stand there.
pub(in crate::enforce) struct Decided<'r> {
    ruling: &'r Ruling,
    whose: Mutex<HashMap<Where, Known>>,
    /// Room in which views are written before they are as long as they are, one for each hand; nothing stands in it in between.
    room: Mutex<Vec<Vec<u8>>>,
}

impl<'r> Decided<'r> {
    /// Nothing was found out yet of what `ruling` means.
    pub(in crate::enforce) fn by(ruling: &'r Ruling) -> Self {
        Self { ruling, whose: Mutex::default(), room: Mutex::default() }
    }

    /// Room for a view.
    pub(super) fn room(&self) -> Vec<u8> {
        held(&self.room).pop().unwrap_or_default()
    }

    /// The view that was written into `room`, which can be written into again.
    fn view(&self, mut room: Vec<u8>) -> Vec<u8> {
        let view = room.as_slice().to_vec();
        room.clear();
        held(&self.room).push(room);
        view
    }
}

/// The view that is in `room`, in no more room than it needs where many are made.
pub(super) fn exactly(room: Vec<u8>, decided: Option<&Decided<'_>>) -> Vec<u8> {
    match decided {
        Some(decided) => decided.view(room),
        None => room,
    }
}

/// What is in a lock; nobody leaves it half written.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Decided<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Decided(..)")
    }
}

impl<'a> Judge<'a> {
    /// What the ruling means for the persons of `node`, who are `found`.
    pub(super) fn whose(
        &self,
        node: Node<'_>,
        found: &PersonsOf,
        shared: Option<&Arc<PersonsOf>>,
    ) -> Arc<Whose> {
        let remembered = self.decided.zip(shared).filter(|(decided, shared)| {
            std::ptr::eq(decided.ruling, self.ruling)
                && std::ptr::eq(&raw const ***shared, found)
                && self.depends_on_persons_alone(found)
        });
        let Some((decided, shared)) = remembered else { return Arc::new(self.found_out(node, found)) };
        let place = Where::of(shared);
        if let Some((_, known)) = held(&decided.whose).get(&place) {
            return Arc::clone(known);
        }
        let known = Arc::new(self.found_out(node, found));
        let mut whose = held(&decided.whose);
        if whose.len() < KEPT_MAX {
            whose.insert(place, (Arc::clone(shared), Arc::clone(&known)));
        }
        known
    }

    /// Whether nothing of the resource but its persons decides: it is about each of them as it is now, and is not of a list
    /// of members, of which each is weighed by herself.
    fn depends_on_persons_alone(&self, found: &PersonsOf) -> bool {
        self.came == Came::FromHolder
            && self.under.is_empty()
            && found.about == About::Somebody
            && found.behind.is_empty()
            && found.is_about_all()
    }

    fn found_out(&self, node: Node<'_>, found: &PersonsOf) -> Whose {
        let persons = self.keys(found);
        let kin = self.kin([found]);
        let permitted = self
            .permitted(node, found, &persons)
            .map(|()| self.permits_of(&persons, self.concerned(found, persons.clone(), node)));
        Whose { persons, kin, permitted }
    }

    fn permits_of(&self, persons: &[PersonKey], concerned: Concerned) -> Permitted {
        let permits = || self.permits_among(&concerned);
        let is_free = permits().all(|permit| permit.obligations().is_unconditional());
        let is_overridden = |permit: &Permit| permit.obligations().labels == LabelsOfAgreement::Overridden;
        let labels = match permits().next().is_some() && permits().all(is_overridden) {
            true => LabelsOfAgreement::Overridden,
            false => LabelsOfAgreement::Kept,
        };
        let is_left = |person: &&PersonKey| self.is_left(person, &concerned);
        let is_hidden = |person: &&PersonKey| !self.stays(person, &concerned);
        let left = persons.iter().filter(is_left).cloned().collect();
        let kin_only = concerned.kin.iter().filter(is_hidden).cloned().collect();
        let weigh = if is_free { Weigh::Nothing } else { Weigh::Words };
        Permitted { concerned, weigh, labels, left, kin_only }
    }

    /// The permits that weigh on the whole of a resource.
    pub(super) fn permits_among(&self, concerned: &Concerned) -> impl Iterator<Item = &'a Permit> {
        concerned.about.iter().filter_map(|person| self.permit_among(person, &concerned.kin))
    }
}

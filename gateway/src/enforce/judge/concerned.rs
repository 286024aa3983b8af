//! Whom a resource concerns, and what the word of each of them means for it.

use std::collections::BTreeSet;

use fhir::json::Node;
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;

use super::super::masks::Whereabouts;
use super::super::persons::{About, Came, Certainty, PersonsOf};
use super::super::resource_facts::Weighed;
use super::Judge;
use super::reach::in_order;
use crate::decision::following::NO_PERSON;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Answer, Permit};
use crate::person::PersonKey;

/// The persons of one resource, by what their word means for it.
pub(super) struct Concerned {
    /// Whom it is about, and their kin in it; of a list that is about nobody, its members.
    pub(super) about: Vec<PersonKey>,
    /// Those who stand in it as the kin of one whom it is about: they must not refuse.
    pub(super) kin: BTreeSet<PersonKey>,
    /// Members who permit, but not such a resource: what refers to them goes as if they were refused.
    gone: BTreeSet<PersonKey>,
    /// Whether it may be told where those in it are: whereabouts of a member may be those of whom it is about.
    pub(super) whereabouts: Whereabouts,
    /// Whether what is said of those Patients may stay that it names: asked once.
    known: Vec<(Id, Stays)>,
}

/// Whether what is said of somebody may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

/// Of so many Patients it is remembered whether what is said of them may stay.
const KNOWN_MAX: usize = 8;

impl<'a> Judge<'a> {
    /// The keys of the persons found; who has none is left out here and counts as a stranger.
    pub(super) fn keys(&self, found: &PersonsOf) -> Vec<PersonKey> {
        self.known(&found.patients, found.numbers())
    }

    /// Those whom it is about, and their kin in it.
    pub(super) fn about(&self, found: &PersonsOf) -> Vec<PersonKey> {
        self.known(&found.about_patients, found.about_nhs_numbers.union(&found.kin))
    }

    /// Those who stand in it as the kin of one whom it is about, and are not among these themselves.
    pub(super) fn kin<'f>(
        &self,
        found: impl IntoIterator<Item = &'f PersonsOf> + Clone,
    ) -> BTreeSet<PersonKey> {
        let mut kin: BTreeSet<PersonKey> =
            found.clone().into_iter().flat_map(|found| &found.kin).copied().map(PersonKey::Nhs).collect();
        if !kin.is_empty() {
            for found in found {
                let in_person = self.known(&found.about_patients, &found.about_nhs_numbers);
                kin.retain(|person| !in_person.contains(person));
            }
        }
        kin
    }

    /// Those who have keys, in order.
    fn known<'f>(
        &self,
        patients: &BTreeSet<Id>,
        numbers: impl IntoIterator<Item = &'f NhsNumber>,
    ) -> Vec<PersonKey> {
        let by_id = patients.iter().filter_map(|id| self.ruling.person_of(id).cloned());
        in_order(by_id.chain(numbers.into_iter().copied().map(PersonKey::Nhs)))
    }

    /// Whose obligations weigh on the whole, and which members go because theirs forbid it.
    pub(super) fn concerned(&self, found: &PersonsOf, persons: Vec<PersonKey>, node: Node<'_>) -> Concerned {
        if self.under.is_empty() && found.is_about_all() {
            let concerned = self.all_about(persons, self.kin([found]), [found]);
            let stays = |id: &Id| match self.patient_stays(id.as_str(), &concerned) {
                true => Stays::Yes,
                false => Stays::No,
            };
            let known = found.patients.iter().take(KNOWN_MAX).map(|id| (id.clone(), stays(id))).collect();
            return Concerned { known, ..concerned };
        }
        // Whom it is about as it is now binds a former version too.
        let of = |now: &Node<'_>| self.behind.whole(&self.persons(*now)).into_owned();
        let now: Vec<PersonsOf> = self.under.iter().map(of).collect();
        let all = || std::iter::once(found).chain(&now);
        let kin = self.kin(all());
        let persons = in_order(persons.into_iter().chain(now.iter().flat_map(|now| self.keys(now))));
        let about = in_order(all().flat_map(|found| self.about(found)));
        let is_about = |person: &PersonKey| about.binary_search(person).is_ok();
        if about.is_empty() || persons.iter().all(is_about) {
            return self.all_about(persons, kin, all());
        }
        let facts = self.facts(node, Weighed::All);
        let forbids = |person: &&PersonKey| {
            !is_about(person)
                && self.permit(person).is_some_and(|permit| permit.obligations().weigh(&facts).is_err())
        };
        let gone = persons.iter().filter(forbids).cloned().collect();
        let whereabouts = self.whereabouts(&persons, &kin, all());
        Concerned { about, kin, gone, whereabouts, known: Vec::new() }
    }

    /// The persons of a resource that is about all of them, or of a list that is about its members.
    fn all_about<'f>(
        &self,
        persons: Vec<PersonKey>,
        kin: BTreeSet<PersonKey>,
        found: impl IntoIterator<Item = &'f PersonsOf>,
    ) -> Concerned {
        let whereabouts = self.whereabouts(&persons, &kin, found);
        Concerned { about: persons, kin, gone: BTreeSet::new(), whereabouts, known: Vec::new() }
    }

    /// Refused or not: whoever is protected is so wherever she stands, and so may be somebody about whom nobody asked, as in
    /// content that is looked into. Who is stripped of what is sent somewhere protects nothing there: else its sender would
    /// learn how anybody is protected whom it cares to name.
    fn whereabouts<'f>(
        &self,
        persons: &[PersonKey],
        kin: &BTreeSet<PersonKey>,
        found: impl IntoIterator<Item = &'f PersonsOf>,
    ) -> Whereabouts {
        let is_protected = |person: &PersonKey| match self.came {
            Came::FromHolder => {
                self.ruling.is_protected(person) || !self.ruling.answers().contains_key(person)
            }
            Came::Submitted => {
                (kin.contains(person) || self.permit(person).is_some()) && self.ruling.is_protected(person)
            }
        };
        let is_unknown = |id: &Id| self.came == Came::FromHolder && self.ruling.person_of(id).is_none();
        let mut ids = found.into_iter().flat_map(|found| &found.patients);
        match persons.iter().any(is_protected) || ids.any(is_unknown) {
            true => Whereabouts::Shielded,
            false => Whereabouts::Told,
        }
    }

    /// Whether what is said of this person may stay, wherever she is named as herself.
    pub(super) fn stays(&self, person: &PersonKey, concerned: &Concerned) -> bool {
        self.permit(person).is_some() && !concerned.gone.contains(person)
    }

    /// The same of a Patient of the system, by her id.
    pub(super) fn patient_stays(&self, id: &str, concerned: &Concerned) -> bool {
        match concerned.known.iter().find(|(known, _)| known.as_str() == id) {
            Some((_, stays)) => *stays == Stays::Yes,
            None => self.ruling.person_named(id).is_some_and(|person| self.stays(person, concerned)),
        }
    }

    /// Whether she stays in it, as herself or as somebody's kin.
    pub(super) fn is_left(&self, person: &PersonKey, concerned: &Concerned) -> bool {
        concerned.kin.contains(person) || self.stays(person, concerned)
    }

    fn permit(&self, person: &PersonKey) -> Option<&'a Permit> {
        self.ruling.answers().get(person)?.permit()
    }

    /// The permit of somebody as whoever she is in a resource in which these are somebody's kin.
    pub(super) fn permit_among(&self, person: &PersonKey, kin: &BTreeSet<PersonKey>) -> Option<&'a Permit> {
        match kin.contains(person) {
            true => self.ruling.answer_as_kin(person)?.permit(),
            false => self.permit(person),
        }
    }

    /// Everyone the resource is about permits it, and so does everyone it mentions; who stands in it as the kin of one of them
    /// does not refuse; of the members of a list that is about nobody else, one at least permits. Items about other members
    /// are stripped when it is written, and so is who merely did something.
    pub(super) fn permitted(
        &self,
        node: Node<'_>,
        found: &PersonsOf,
        persons: &[PersonKey],
    ) -> Result<(), Refusal> {
        if found.certainty == Certainty::Uncertain {
            return Err(Refusal::PersonUncertain);
        }
        for id in &found.about_patients {
            self.permits(self.ruling.person_of(id))?;
        }
        for number in &found.about_nhs_numbers {
            self.permits(Some(&PersonKey::Nhs(*number)))?;
        }
        for kin in self.kin([found]) {
            permits(self.ruling.answer_as_kin(&kin))?;
        }
        match found.about {
            About::Somebody => Ok(()),
            About::Nobody => {
                let name = node.str_at(&["resourceType"]).unwrap_or_default();
                if NO_PERSON.contains(&&*name) { Ok(()) } else { Err(Refusal::PersonUncertain) }
            }
            About::Members => {
                let about = self.about(found);
                let mut refusal = Refusal::PersonUncertain;
                for member in persons.iter().filter(|person| about.binary_search(person).is_err()) {
                    match self.permits(Some(member)) {
                        Ok(()) => return Ok(()),
                        Err(why) => refusal = why,
                    }
                }
                Err(refusal)
            }
        }
    }

    fn permits(&self, person: Option<&PersonKey>) -> Result<(), Refusal> {
        permits(person.and_then(|person| self.ruling.answers().get(person)))
    }
}

fn permits(answer: Option<&Answer>) -> Result<(), Refusal> {
    match answer {
        Some(Answer::Permit(_)) => Ok(()),
        Some(Answer::Refusal(why)) => Err(why.clone()),
        None => Err(Refusal::PersonUncertain),
    }
}

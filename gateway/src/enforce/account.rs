//! The account of an exchange for each person: what was shared of hers, what was kept back, on what it rests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::reference::Id;

use super::judge::{Judged, KeptBack};
use super::minimise::Withheld;
use super::sieve::{Gone, NOTHING_GONE};
use super::subjects::Subjects;
use crate::agreement::{Existence, RelationshipKind};
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Answer, Basis, ConsentBasis, RelationshipBasis, Ruling};
use crate::person::PersonKey;
use crate::trail::record::{AboutPerson, Event, Exchange, Visibility};

/// Collects what is to be recorded about each person.
pub(in crate::enforce) struct Account<'a> {
    ruling: &'a Ruling,
    subjects: &'a Subjects,
    gone: &'a Gone,
    shared: BTreeMap<PersonKey, Part>,
    /// What is another's, in which she stands as her kin.
    as_kin: BTreeMap<PersonKey, Part>,
    /// What is shared that nobody bears.
    about_nobody: BTreeSet<String>,
    /// What was left out of resources that are shared, in words: on a page they are mostly cut alike.
    in_words: Vec<(Withheld, InWords)>,
}

/// The path of each element that was left out, and how often.
type InWords = Arc<Vec<(String, u32)>>;

/// The most ways to be cut of which the words are kept.
const WAYS_MAX: usize = 8;

#[derive(Default)]
struct Part {
    resources: Vec<String>,
    withheld: BTreeMap<String, u32>,
    refused: Named,
}

impl Part {
    fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.withheld.is_empty()
    }

    /// Whether something of hers was kept back since somebody whom it is about denied it.
    fn kept_back_by(&self) -> KeptBackBy {
        let reason = Refusal::ConsentDenied.reason();
        match self.withheld.keys().any(|kept| kept.starts_with(reason)) {
            true => KeptBackBy::HerWord,
            false => KeptBackBy::Others,
        }
    }
}

/// Whether a word about sharing is among what kept something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptBackBy {
    HerWord,
    Others,
}

/// Whether the request names the person besides `Subjects::named`: a read by id names whoever the resource is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::enforce) enum Named {
    #[default]
    BySubjectsOnly,
    ByContent,
}

impl<'a> Account<'a> {
    pub(in crate::enforce) fn new(ruling: &'a Ruling, subjects: &'a Subjects) -> Self {
        let (shared, as_kin) = (BTreeMap::new(), BTreeMap::new());
        let (about_nobody, in_words) = (BTreeSet::new(), Vec::new());
        Self { ruling, subjects, gone: &NOTHING_GONE, shared, as_kin, about_nobody, in_words }
    }

    /// The account of a search of which something was let go while it was read.
    pub(in crate::enforce) fn with(gone: &'a Gone, ruling: &'a Ruling, subjects: &'a Subjects) -> Self {
        let mut account = Self { gone, ..Self::new(ruling, subjects) };
        for kept in &gone.kept {
            account.keeps(kept, Named::BySubjectsOnly);
        }
        account
    }

    /// Whether a refusal may be told from absence.
    pub(in crate::enforce) fn existence(&self) -> Existence {
        self.ruling.admitted().existence()
    }

    /// This resource is shared.
    pub(in crate::enforce) fn shares(&mut self, judged: &Judged) {
        self.shares_as(judged, &judged.reference);
    }

    /// This resource is shared, and is to be recorded by this reference.
    pub(in crate::enforce) fn shares_as(&mut self, judged: &Judged, reference: &str) {
        if judged.persons.is_empty() {
            self.about_nobody.insert(reference.to_owned());
        }
        let elements = self.in_words(&judged.withheld);
        for person in &judged.persons {
            let part = self.part(person, &judged.kin);
            part.resources.push(reference.to_owned());
            for (path, count) in elements.iter() {
                match part.withheld.get_mut(path) {
                    Some(counted) => *counted += count,
                    None => {
                        part.withheld.insert(path.clone(), *count);
                    }
                }
            }
        }
    }

    /// The elements that were left out, in words.
    fn in_words(&mut self, withheld: &Withheld) -> InWords {
        if let Some((_, words)) = self.in_words.iter().find(|(known, _)| known.is_of_the_same(withheld)) {
            return Arc::clone(words);
        }
        let words = Arc::new(withheld.elements());
        if self.in_words.len() < WAYS_MAX {
            self.in_words.push((withheld.clone(), Arc::clone(&words)));
        }
        words
    }

    /// This resource is kept back.
    pub(in crate::enforce) fn keeps(&mut self, kept: &KeptBack, named: Named) {
        for person in &kept.persons {
            let part = self.part(person, &kept.kin);
            *part.withheld.entry(kept.recorded()).or_default() += 1;
            if named == Named::ByContent {
                part.refused = named;
            }
        }
    }

    /// The part of somebody in a resource in which these are somebody's kin.
    fn part(&mut self, person: &PersonKey, kin: &BTreeSet<PersonKey>) -> &mut Part {
        let parts = if kin.contains(person) { &mut self.as_kin } else { &mut self.shared };
        parts.entry(person.clone()).or_default()
    }

    /// Something that was asked for with what is hers is left out by rule: it stands with those whom the request names
    /// or of whom something is shared.
    pub(in crate::enforce) fn leaves_out(&mut self, what: &str) {
        let named = self.named();
        for (person, answer) in self.ruling.answers() {
            let concerns = self.shared.contains_key(person) || named.contains(person);
            if concerns && matches!(answer, Answer::Permit(_)) {
                let part = self.shared.entry(person.clone()).or_default();
                *part.withheld.entry(what.to_owned()).or_default() += 1;
            }
        }
    }

    /// What is recorded of this exchange as a whole: it tells `status`, and what it shares that nobody bears.
    pub(in crate::enforce) fn tells(&mut self, exchange: &Exchange, status: u16) -> Exchange {
        let mut told = exchange.clone().ended(Event::Disclosed, status, None);
        for reference in std::mem::take(&mut self.about_nobody) {
            if !told.resources.contains(&reference) {
                told.resources.push(reference);
            }
        }
        told
    }

    /// One entry for each person of whom something was shared or refused, or whom the request names.
    pub(in crate::enforce) fn close(mut self) -> Vec<AboutPerson> {
        let mut persons = Vec::new();
        let (all_named, patients) = (self.named(), self.patients());
        let met = self.gone.answers.iter().map(|(person, (answer, id))| (person, (answer, id.as_ref())));
        let ruled = self.ruling.answers().iter();
        // Who was met on the way is answered as she is now, if she is in what is left.
        let answers: BTreeMap<&PersonKey, (&Answer, Option<&Id>)> = met
            .chain(ruled.map(|(person, answer)| (person, (answer, patients.get(person).copied()))))
            .collect();
        for (person, (answer, patient)) in answers {
            let part = self.shared.remove(person).unwrap_or_default();
            let kept_back = part.kept_back_by();
            let named = part.refused == Named::ByContent || all_named.contains(person);
            if part.is_empty() && !named && self.as_kin.contains_key(person) {
                continue;
            }
            let (visibility, refusal, basis) = match answer {
                Answer::Permit(_) if part.is_empty() && !named => continue,
                Answer::Permit(permit) => (Visibility::Trail, None, Some(permit.basis())),
                Answer::Refusal(refusal) if named => (Visibility::Trail, Some(refusal), None),
                Answer::Refusal(refusal) => (Visibility::Oversight, Some(refusal), None),
            };
            persons.push(about(
                (person, patient),
                part,
                visibility,
                refusal,
                self.rests_on(person, (refusal, basis), kept_back),
            ));
        }
        // What is another's does not stand in the trail of her kin: it would tell of that other.
        for (person, part) in std::mem::take(&mut self.as_kin) {
            let met = || self.gone.as_kin.get(&person).or_else(|| Some(&self.gone.answers.get(&person)?.0));
            let (refusal, basis) = match self.ruling.answer_as_kin(&person).or_else(met) {
                Some(Answer::Permit(permit)) => (None, Some(permit.basis())),
                Some(Answer::Refusal(refusal)) => (Some(refusal), None),
                None => (Some(&Refusal::PersonUncertain), None),
            };
            let found = (&person, patients.get(&person).copied());
            let rests_on = self.rests_on(&person, (refusal, basis), part.kept_back_by());
            persons.push(about(found, part, Visibility::Oversight, refusal, rests_on));
        }
        persons
    }

    /// The same, when the exchange as a whole ends refused: also for those who were permitted.
    pub(in crate::enforce) fn close_refused(self, refusal: &Refusal) -> Vec<AboutPerson> {
        let mut persons = self.close();
        for person in &mut persons {
            person.resources.clear();
            if person.refusal.is_none() {
                person.refusal = Some(refusal.reason().to_owned());
                // What denies a part denied all that was asked for.
                if *refusal == Refusal::ConsentDenied && !person.limited_by.is_empty() {
                    person.consent = Some(format!("denied {}", person.limited_by.remove(0)));
                }
            }
        }
        persons
    }

    /// On what the answer about her rests.
    fn rests_on<'r>(
        &'r self,
        person: &PersonKey,
        (refusal, basis): (Option<&Refusal>, Option<&'r Basis>),
        kept_back: KeptBackBy,
    ) -> RestsOn<'r> {
        let denying = self.ruling.denied_by(person).or_else(|| self.gone.denied_by.get(person));
        let mut denying = denying.into_iter().flatten().map(String::as_str);
        match (refusal, kept_back) {
            (Some(Refusal::ConsentDenied), _) => {
                RestsOn { basis, denied_by: denying.next(), limited_by: Vec::new() }
            }
            (None, KeptBackBy::HerWord) => RestsOn { basis, denied_by: None, limited_by: denying.collect() },
            (Some(_), _) | (None, KeptBackBy::Others) => {
                RestsOn { basis, denied_by: None, limited_by: Vec::new() }
            }
        }
    }

    /// The persons whom the request names.
    fn named(&self) -> BTreeSet<PersonKey> {
        let named = &self.subjects.named;
        let by_id = named.patients.iter().filter_map(|id| self.ruling.person_of(id).cloned());
        by_id.chain(named.nhs_numbers.iter().map(|number| PersonKey::Nhs(*number))).collect()
    }

    /// The Patient of each person, the first in the order of ids.
    fn patients(&self) -> BTreeMap<&'a PersonKey, &'a Id> {
        let (ruling, subjects) = (self.ruling, self.subjects);
        subjects.patients.iter().rev().filter_map(|id| Some((ruling.person_of(id)?, id))).collect()
    }
}

/// On what an answer rests: a permit on its basis, and a refusal by a person's own word on the Consent that says it. Of a
/// permit by which her word kept something back these are the Consents that deny something.
struct RestsOn<'a> {
    basis: Option<&'a Basis>,
    denied_by: Option<&'a str>,
    limited_by: Vec<&'a str>,
}

fn about(
    (person, found): (&PersonKey, Option<&Id>),
    part: Part,
    visibility: Visibility,
    refusal: Option<&Refusal>,
    RestsOn { basis, denied_by, limited_by }: RestsOn<'_>,
) -> AboutPerson {
    let (nhs_number, patient) = match person {
        PersonKey::Nhs(number) => (Some(number.as_str().to_owned()), found),
        PersonKey::Local { id, .. } => (None, Some(id)),
    };
    AboutPerson {
        nhs_number,
        patient: patient.map(|id| format!("Patient/{}", id.as_str())),
        visibility,
        resources: part.resources,
        withheld: part.withheld.into_iter().collect(),
        refusal: refusal.map(|refusal| refusal.reason().to_owned()),
        relationship: basis.map(|basis| relationship(&basis.relationship)),
        consent: basis
            .map(|basis| consent(&basis.consent))
            .or_else(|| denied_by.map(|consent| format!("denied {consent}"))),
        limited_by: limited_by.into_iter().map(str::to_owned).collect(),
        overrode: basis
            .map(|basis| basis.overrode.iter().map(|&reason| reason.to_owned()).collect())
            .unwrap_or_default(),
    }
}

fn relationship(basis: &RelationshipBasis) -> String {
    match basis {
        RelationshipBasis::Recorded { kind, evidence } => {
            let kind = match kind {
                RelationshipKind::CareTeam => "care-team",
                RelationshipKind::Encounter => "encounter",
                RelationshipKind::EpisodeOfCare => "episode-of-care",
                RelationshipKind::Referral => "referral",
            };
            format!("{kind} {evidence}")
        }
        RelationshipBasis::Stated { evidence } => format!("stated {evidence}"),
        RelationshipBasis::NotRequired => "not-required".into(),
        RelationshipBasis::OfKin => "of-kin".into(),
        RelationshipBasis::Overridden => "overridden".into(),
    }
}

fn consent(basis: &ConsentBasis) -> String {
    match basis {
        ConsentBasis::Explicit(id) => format!("explicit {id}"),
        ConsentBasis::Implied => "implied".into(),
        ConsentBasis::Overridden => "overridden".into(),
    }
}

//! Records that were merged: one person under several Patients (`Patient.link`, `replaces` and `replaced-by`).
//!
//! What she said under the other record, and how she is shielded there, counts under this one: the strictest wins. What
//! is permitted there is not taken over. `seealso` and `refer` join records that stand each for itself.

use std::collections::{BTreeMap, BTreeSet};

use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;

use super::EvidenceFault;
use super::asked::Asked;
use super::gather::{Gathering, Known};
use crate::consent::provision::{Effect, Provisioned};
use crate::decision::facts::{Identity, Proven};
use crate::enforce::facts::{PatientFacts, Standing};
use crate::person::{PersonKey, SystemName};

/// How many records one after the other are followed. A person with more is uncertain.
const MERGES_MAX: usize = 4;
/// How many Patients of one number can be one person.
const SAME_MAX: usize = 10;

/// Who holds a number on one system.
pub(super) enum Holder {
    Nobody,
    /// One person, under one Patient or several that were merged.
    One(Hers),
    /// More than one person, or nobody can tell which of her records is the one that stands.
    Several,
}

/// The Patients of one person on one system.
pub(super) struct Hers {
    /// The one that stands.
    pub(super) current: PatientFacts,
    /// Those that it replaced.
    pub(super) former: Vec<PatientFacts>,
}

impl Hers {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &PatientFacts> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl Holder {
    /// Who of `found` holds `number`. Copies of one Patient are as cautious as either.
    pub(super) fn of<'f>(found: impl Iterator<Item = &'f PatientFacts>, number: NhsNumber) -> Self {
        let mut by_id: BTreeMap<Id, PatientFacts> = BTreeMap::new();
        for facts in found.filter(|facts| facts.nhs_numbers.contains(&number)) {
            let facts = match by_id.remove(&facts.id) {
                Some(copy) => copy.joined(facts.clone()),
                None => facts.clone(),
            };
            by_id.insert(facts.id.clone(), facts);
        }
        if by_id.is_empty() {
            return Self::Nobody;
        }
        if by_id.len() > SAME_MAX || !are_one(&by_id) {
            return Self::Several;
        }
        let replaced: BTreeSet<Id> =
            by_id.values().flat_map(|facts| facts.replaces.iter().cloned()).collect();
        let is_current =
            |facts: &PatientFacts| facts.standing == Standing::Current && !replaced.contains(&facts.id);
        // One alone is hers, whatever it says of others.
        let is_alone = by_id.len() == 1;
        let (mut current, former): (Vec<_>, Vec<_>) =
            by_id.into_values().partition(|facts| is_alone || is_current(facts));
        match (current.pop(), current.pop()) {
            (Some(current), None) => Self::One(Hers { current, former }),
            (Some(_), Some(_)) | (None, _) => Self::Several,
        }
    }
}

/// Whether all of these were merged with each other.
fn are_one(found: &BTreeMap<Id, PatientFacts>) -> bool {
    let Some((_, first)) = found.first_key_value() else { return true };
    let mut one = vec![first];
    let mut left: Vec<&PatientFacts> = found.values().skip(1).collect();
    loop {
        let is_merged = |facts: &&PatientFacts| {
            one.iter().any(|other| facts.merged.contains(&other.id) || other.merged.contains(&facts.id))
        };
        let (more, others): (Vec<_>, Vec<_>) = left.into_iter().partition(is_merged);
        if more.is_empty() {
            return others.is_empty();
        }
        one.extend(more);
        left = others;
    }
}

/// The Patients that others were merged with.
#[derive(Debug, Default)]
pub(super) struct Merged {
    found: Vec<PatientFacts>,
    asked: BTreeSet<Id>,
    /// Those of which nothing can be known.
    unread: BTreeSet<Id>,
}

impl Gathering<'_> {
    /// Reads the Patients that those in `found` were merged with. Nothing is asked where there are none.
    pub(super) async fn merged(
        &mut self,
        holder: &Asked<'_>,
        found: Vec<PatientFacts>,
    ) -> Result<Merged, EvidenceFault> {
        let mut merged = Merged { found, ..Merged::default() };
        for _ in 0..MERGES_MAX {
            let found = merged.found.iter().map(|facts| &facts.id);
            let known: BTreeSet<&Id> = found.chain(&merged.asked).chain(&merged.unread).collect();
            let named = merged.found.iter().flat_map(|facts| &facts.merged);
            let wanted: BTreeSet<Id> = named.filter(|id| !known.contains(id)).cloned().collect();
            if wanted.is_empty() {
                break;
            }
            let (more, unread) = self.patients(holder, &wanted).await?;
            merged.found.extend(more);
            merged.asked.extend(wanted.difference(&unread).cloned());
            merged.unread.extend(unread);
        }
        Ok(merged)
    }
}

impl Known {
    /// Takes over what counts of her Patients on a system on which she was found by number.
    pub(super) fn take(&mut self, hers: &Hers, system: &SystemName) {
        for facts in hers.all() {
            self.evidence.shield = self.evidence.shield.max(facts.shield);
            self.claimed.extend(facts.merged_numbers.iter().map(|number| PersonKey::Nhs(*number)));
        }
        for former in &hers.former {
            self.claimed.insert(PersonKey::Local { system: system.clone(), id: former.id.clone() });
            self.merged.insert((system.clone(), former.id.clone()));
        }
        self.claimed.remove(&self.key);
    }

    /// Takes over what counts against a share of hers of those of `found` that have borne her number, besides the one that
    /// has it now.
    pub(super) fn beware_of_former<'f>(
        &mut self,
        found: impl Iterator<Item = &'f PatientFacts>,
        number: NhsNumber,
        system: &SystemName,
    ) {
        let bore = |facts: &&PatientFacts| {
            facts.merged_numbers.contains(&number) && !facts.nhs_numbers.contains(&number)
        };
        self.beware(found.filter(bore), system);
    }

    /// Takes over what counts against a share of hers of Patients that merely claim to be her: their number is not proved, or
    /// this one is no longer in use there. What is permitted there is not hers.
    pub(super) fn beware<'f>(
        &mut self,
        claiming: impl Iterator<Item = &'f PatientFacts>,
        system: &SystemName,
    ) {
        for facts in claiming {
            self.evidence.shield = self.evidence.shield.max(facts.shield);
            let numbers = facts.nhs_numbers.iter().chain(&facts.merged_numbers);
            self.claimed.extend(numbers.map(|number| PersonKey::Nhs(*number)));
            self.claimed.insert(PersonKey::Local { system: system.clone(), id: facts.id.clone() });
            self.merged.insert((system.clone(), facts.id.clone()));
        }
        self.claimed.remove(&self.key);
    }

    /// Takes over what counts of the records that the Patient `id` was merged with, and of those that are hers by number.
    pub(super) fn merge(&mut self, id: &Id, hers: Option<&Hers>, merged: &Merged, holder: &Asked<'_>) {
        let by_number = hers.into_iter().flat_map(Hers::all).map(|facts| facts.id.clone());
        let mut others: BTreeSet<Id> = by_number.collect();
        let mut open: Vec<Id> = others.iter().cloned().chain([id.clone()]).collect();
        while let Some(next) = open.pop() {
            for facts in merged.found.iter().filter(|facts| facts.id == next) {
                self.evidence.shield = self.evidence.shield.max(facts.shield);
                open.extend(facts.merged.iter().filter(|other| others.insert((*other).clone())).cloned());
                let named = facts.merged_numbers.iter();
                let hers = facts.nhs_numbers.iter().filter(|_| next != *id);
                self.claimed.extend(named.chain(hers).map(|number| PersonKey::Nhs(*number)));
            }
            if next != *id
                && !merged.asked.contains(&next)
                && merged.found.iter().all(|facts| facts.id != next)
            {
                // Nor can anyone tell how she is protected there.
                self.evidence.identity = Identity::Unknown;
                self.evidence.proof = Proven::None;
            }
        }
        others.remove(id);
        let system = &holder.system.name;
        let by_id = |id: &Id| PersonKey::Local { system: system.clone(), id: id.clone() };
        self.claimed.extend(others.iter().map(by_id));
        self.claimed.remove(&self.key);
        self.merged.extend(others.into_iter().map(|id| (system.clone(), id)));
    }
}

/// What a Consent of somebody who may be her denies; what it permits is not hers to claim.
pub(super) fn without_permits(mut provisioned: Provisioned) -> Provisioned {
    let void = |effect: Effect| if effect == Effect::Permit { Effect::Void } else { effect };
    provisioned.rule.effect = void(provisioned.rule.effect);
    for exception in &mut provisioned.rule.exceptions {
        exception.effect = void(exception.effect);
    }
    provisioned
}

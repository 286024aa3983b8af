//! Records that were merged: one person under several Patients (`Patient.link`, `replaces` and `replaced-by`).
//!
//! What she said under the other record, and how she is shielded there, counts under this one: the strictest wins. What
//! is permitted there is not taken over. `seealso` and `refer` join records that stand each for itself.

use std::collections::BTreeSet;

use fhir::reference::Id;

use super::EvidenceFault;
use super::asked::Asked;
use super::gather::{Gathering, Known};
use crate::consent::provision::{Effect, Provisioned};
use crate::decision::facts::Identity;
use crate::enforce::facts::PatientFacts;
use crate::person::PersonKey;

/// How many records one after the other are followed. A person with more is uncertain.
const MERGES_MAX: usize = 4;

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
        found: &[PatientFacts],
    ) -> Result<Merged, EvidenceFault> {
        let mut merged = Merged { found: found.to_vec(), ..Merged::default() };
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
    /// Takes over what counts of the records that the Patient `id` was merged with.
    pub(super) fn merge(&mut self, id: &Id, merged: &Merged, holder: &Asked<'_>) {
        let (mut open, mut others) = (vec![id.clone()], BTreeSet::new());
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
                self.evidence.identity = Identity::Unknown;
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

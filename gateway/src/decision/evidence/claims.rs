//! NHS numbers that a Patient states without being known by them: not proved, no longer in use, or of a record that it was
//! merged with. Whoever has such a number may be she, so how she is protected counts for her: the strictest wins, and what
//! a holder of hers says no to. Nobody is refused for a number that she merely states.

use std::collections::{BTreeMap, BTreeSet};

use fhir::nhs_number::NhsNumber;

use super::EvidenceFault;
use super::asked::Asked;
use super::gather::{Gathering, Known, verified};
use super::merged::Holder;
use crate::decision::facts::{Proven, Shield};
use crate::enforce::facts::PatientFacts;
use crate::person::PersonKey;
use crate::settings::System;

/// How many such numbers of one person are asked about. Who states more may be anybody: she counts as protected.
const CLAIMS_MAX: usize = 8;

/// Which Patients of a system bear which numbers, in use or not, as far as that was asked.
#[derive(Debug, Default)]
pub(super) struct Borne {
    asked: BTreeSet<NhsNumber>,
    failed: BTreeSet<NhsNumber>,
    found: Vec<PatientFacts>,
}

/// Who bears a number that somebody states.
struct Bearers<'f> {
    /// Those whom it is proved to be of.
    proved: Vec<&'f PatientFacts>,
    shield: Shield,
}

impl Borne {
    /// Takes what was answered about these numbers.
    pub(super) fn take(
        &mut self,
        numbers: &BTreeSet<NhsNumber>,
        found: &[PatientFacts],
        failed: &BTreeSet<NhsNumber>,
    ) {
        self.asked.extend(numbers);
        self.failed.extend(failed);
        self.found.extend_from_slice(found);
    }

    /// The Patients that bear each number.
    fn by_number(&self) -> BTreeMap<NhsNumber, Vec<&PatientFacts>> {
        let mut by_number: BTreeMap<NhsNumber, Vec<&PatientFacts>> = BTreeMap::new();
        for facts in &self.found {
            for number in facts.nhs_numbers.union(&facts.merged_numbers) {
                by_number.entry(*number).or_default().push(facts);
            }
        }
        by_number
    }
}

impl<'f> Bearers<'f> {
    fn of(found: &[&'f PatientFacts], number: NhsNumber, system: &System) -> Self {
        let proved: Vec<_> =
            found.iter().copied().filter(|facts| verified(facts, system) == Some(number)).collect();
        // Where it is proved and there are several, whose it is cannot be told, nor how she is protected.
        let is_doubtful =
            !proved.is_empty() && matches!(Holder::of(found.iter().copied(), number), Holder::Several);
        let strictest = found.iter().map(|facts| facts.shield).max().unwrap_or_default();
        Self { proved, shield: if is_doubtful { Shield::Shielded } else { strictest } }
    }
}

/// The numbers that a Patient states and is not known by, as many as are asked about.
pub(super) fn stated<'f>(facts: &'f PatientFacts, system: &System) -> impl Iterator<Item = NhsNumber> + 'f {
    let known_by = verified(facts, system);
    let all = facts.nhs_numbers.union(&facts.merged_numbers).copied();
    all.filter(move |number| known_by != Some(*number)).take(CLAIMS_MAX)
}

impl Gathering<'_> {
    /// Takes over how those are protected on `holder` whose numbers are merely stated, and what they refuse there.
    pub(super) async fn heed_claims(&mut self, holder: &Asked<'_>) -> Result<(), EvidenceFault> {
        let name = &holder.system.name;
        let claims: BTreeSet<NhsNumber> =
            self.people.iter().flat_map(|known| known.claims().take(CLAIMS_MAX)).collect();
        let is_unasked =
            |number: &&NhsNumber| self.borne.get(name).is_none_or(|borne| !borne.asked.contains(number));
        let unasked: BTreeSet<NhsNumber> = claims.iter().filter(is_unasked).copied().collect();
        if !unasked.is_empty() {
            self.by_numbers(holder, &unasked).await?;
        }
        let Some(borne) = self.borne.get(name) else { return Ok(()) };
        let by_number = borne.by_number();
        let bearers: BTreeMap<NhsNumber, Bearers<'_>> = claims
            .into_iter()
            .filter_map(|number| Some((number, Bearers::of(by_number.get(&number)?, number, holder.system))))
            .collect();
        for known in &mut self.people {
            let claims: Vec<NhsNumber> = known.claims().take(CLAIMS_MAX + 1).collect();
            if claims.len() > CLAIMS_MAX {
                known.evidence.shield = Shield::Shielded;
            }
            for number in claims.into_iter().take(CLAIMS_MAX) {
                if borne.failed.contains(&number) {
                    known.evidence.proof = Proven::None;
                }
                let Some(Bearers { proved, shield }) = bearers.get(&number) else { continue };
                known.evidence.shield = known.evidence.shield.max(*shield);
                known.merged.extend(proved.iter().map(|facts| (name.clone(), facts.id.clone())));
            }
        }
        Ok(())
    }
}

impl Known {
    /// The numbers that her records state, other than the one that she is known by.
    fn claims(&self) -> impl Iterator<Item = NhsNumber> + '_ {
        self.claimed.iter().filter_map(|key| match key {
            PersonKey::Nhs(number) => Some(*number),
            PersonKey::Local { .. } => None,
        })
    }
}

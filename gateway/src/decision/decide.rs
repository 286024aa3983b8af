//! May they: rules and evidence. Pure; the only place that makes a [`Permit`].
//!
//! The order is that of DESIGN section 2 (reference/UK.md 6): person known, shielding, legitimate relationship,
//! explicit consent and objections, opt-outs, implied consent, labels. The minimum is `enforce::minimise`.

use std::collections::{BTreeMap, BTreeSet};

use fhir::purpose_of_use::PurposeOfUse;

use super::consents::{self, Said};
use super::evidence::Evidence;
use super::facts::{Identity, PersonEvidence, Proven, Shield};
use super::refusal::Refusal;
use super::relationship;
use super::ruling::{
    Admitted, Answer, Basis, ConsentBasis, LabelsOfAgreement, Obligations, Permit, RelationshipBasis, Ruling,
};
use super::shield;

/// Decides about each person of `evidence`. The same function serves live traffic, `explain` and replay.
///
/// Somebody's kin who is refused as herself gets a second answer: whether anything of hers stands against what is shared
/// of that other. It asks for no tie of care of hers, and for all else alike.
#[must_use]
pub fn decide(admitted: Admitted, evidence: &Evidence) -> Ruling {
    let (mut answers, mut as_kin, mut denied_by) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (key, person) in evidence.persons() {
        let tied = |admitted: &Admitted| {
            relationship::established(admitted, evidence.stated_ties(key), &person.ties)
                .map_err(|refusal| untied(refusal, person))
        };
        let answer = decide_person(&admitted, person, tied);
        let mut is_denied = is_denied_any(&answer);
        if answer.is_err() && person.met.is_as_kin() {
            let of_another = decide_person(&admitted, person, |_| Ok(RelationshipBasis::OfKin));
            is_denied |= is_denied_any(&of_another);
            as_kin.insert(key.clone(), Answer::from(of_another));
        }
        if is_denied {
            denied_by.insert(key.clone(), denying(&admitted, person));
        }
        answers.insert(key.clone(), Answer::from(answer));
    }
    let protected = evidence.persons().filter(|(_, person)| may_be_shielded(person));
    let protected = protected.map(|(key, _)| key.clone()).collect();
    Ruling::new(admitted, answers, as_kin, evidence.patients().clone())
        .protecting(protected)
        .denied(denied_by)
}

/// Whether her word denies some of her data, or all.
fn is_denied_any(answer: &Result<Permit, Refusal>) -> bool {
    match answer {
        Ok(permit) => !permit.obligations.exclude.is_empty(),
        Err(refusal) => *refusal == Refusal::ConsentDenied,
    }
}

/// The Consent that denies everything to whoever asks, or else those that deny something. They are evidence and no part of
/// the answer: who is refused for the same reason is refused alike.
fn denying(admitted: &Admitted, person: &PersonEvidence) -> BTreeSet<String> {
    let said = consents::weigh(&person.consents, &admitted.recipient());
    match said.denied_by {
        Some(consent) => BTreeSet::from([consent]),
        None => said.limited_by,
    }
}

/// Whether she is shielded, as far as anyone can tell: who is in doubt may be. One who is not there is nowhere.
const fn may_be_shielded(person: &PersonEvidence) -> bool {
    matches!(person.shield, Shield::Shielded)
        || matches!(person.proof, Proven::None)
        || matches!(person.identity, Identity::Duplicated)
}

fn decide_person(
    admitted: &Admitted,
    person: &PersonEvidence,
    tied: impl FnOnce(&Admitted) -> Result<RelationshipBasis, Refusal>,
) -> Result<Permit, Refusal> {
    let mut jumped = Jumped { by_override: admitted.override_().is_some(), reasons: BTreeSet::new() };
    known(person)?;
    let shielded = shielding(admitted, person)?;
    let relationship = match tied(admitted) {
        Ok(basis) => basis,
        Err(refusal) => jumped.over(refusal, RelationshipBasis::Overridden)?,
    };
    let said = consents::weigh(&person.consents, &admitted.recipient());
    let consent = explicit(&said, &mut jumped)?;
    opt_outs(&said, consent.as_ref(), *admitted.purpose())?;
    let consent = match consent {
        Some(consent) => consent,
        None => implied(admitted, &mut jumped)?,
    };
    let mut obligations = obligations(said, shielded, &mut jumped);
    obligations.localise(admitted.system());
    let overrode = jumped.reasons.into_iter().collect();
    Ok(Permit { basis: Basis { relationship, consent, overrode }, obligations })
}

/// The reasons that an override jumps over; without one every reason refuses.
struct Jumped {
    by_override: bool,
    reasons: BTreeSet<&'static str>,
}

impl Jumped {
    fn over<T>(&mut self, refusal: Refusal, basis: T) -> Result<T, Refusal> {
        if !self.by_override {
            return Err(refusal);
        }
        self.reasons.insert(refusal.reason());
        Ok(basis)
    }
}

fn known(person: &PersonEvidence) -> Result<(), Refusal> {
    match (person.identity, person.proof) {
        (Identity::Certain, Proven::Whole | Proven::TiesUnknown) => Ok(()),
        (Identity::Certain, Proven::None) | (Identity::Duplicated | Identity::Unknown, _) => {
            Err(Refusal::PersonUncertain)
        }
    }
}

/// Why she is refused of whom no tie is known: there is none, or nobody can tell.
fn untied(refusal: Refusal, person: &PersonEvidence) -> Refusal {
    match person.proof {
        Proven::Whole => refusal,
        Proven::TiesUnknown | Proven::None => Refusal::PersonUncertain,
    }
}

/// A shielded person is found by nothing that tells where she is; else the shield is an obligation.
fn shielding(admitted: &Admitted, person: &PersonEvidence) -> Result<Shield, Refusal> {
    match person.shield {
        Shield::Shielded if shield::asks_by_whereabouts(&admitted.question().interaction) => {
            Err(Refusal::Shielded)
        }
        Shield::Shielded | Shield::None => Ok(person.shield),
    }
}

/// What she has said herself; nothing when she has said nothing that applies.
fn explicit(said: &Said, jumped: &mut Jumped) -> Result<Option<ConsentBasis>, Refusal> {
    match (&said.denied_by, &said.permitted_by) {
        (Some(_), _) => jumped.over(Refusal::ConsentDenied, Some(ConsentBasis::Overridden)),
        (None, Some(id)) => Ok(Some(ConsentBasis::Explicit(id.clone()))),
        (None, None) => Ok(None),
    }
}

/// An opt-out concerns purposes beyond her own care. A consent of hers to the very purpose comes before it; law, the
/// control of disease and the protection of others are not subject to it. No override jumps over it.
fn opt_outs(said: &Said, consent: Option<&ConsentBasis>, purpose: PurposeOfUse) -> Result<(), Refusal> {
    let consented = matches!(consent, Some(ConsentBasis::Explicit(_)));
    let exempt = purpose.is_direct_care()
        || purpose.is_or_is_child_of(PurposeOfUse::Pubhlth)
        || matches!(purpose, PurposeOfUse::Hlegal | PurposeOfUse::Hcompl | PurposeOfUse::Patrqt);
    if said.opted_out_by.is_some() && !consented && !exempt { Err(Refusal::OptedOut) } else { Ok(()) }
}

/// Implied consent: her own care, by somebody with a tie to her, who has not dissented.
fn implied(admitted: &Admitted, jumped: &mut Jumped) -> Result<ConsentBasis, Refusal> {
    if admitted.purpose().is_direct_care() {
        Ok(ConsentBasis::Implied)
    } else {
        jumped.over(Refusal::ImpliedConsentDoesNotCover, ConsentBasis::Overridden)
    }
}

fn obligations(said: Said, shield: Shield, jumped: &mut Jumped) -> Obligations {
    let shielded = shield == Shield::Shielded;
    if !jumped.by_override {
        let Said { exclude, only, .. } = said;
        return Obligations { exclude, only, shielded, labels: LabelsOfAgreement::Kept };
    }
    if !said.exclude.is_empty() || !said.only.is_empty() {
        jumped.reasons.insert(Refusal::ConsentDenied.reason());
    }
    let labels = LabelsOfAgreement::Overridden;
    Obligations { exclude: BTreeSet::new(), only: BTreeSet::new(), shielded, labels }
}

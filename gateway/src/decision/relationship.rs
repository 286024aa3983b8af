//! The legitimate relationship: whether a tie of care stands between the person and the recipient (recommendation 2).

use super::calendar::{day_of, days_after};
use super::facts::{Tie, TieParty};
use super::refusal::Refusal;
use super::ruling::{Admitted, Direction, RelationshipBasis};
use crate::agreement::RelationshipKind;
use crate::enforce::subjects::StatedTie;
use crate::requestor::{Party, Professional};

/// The tie on which a share rests: the first, by kind and place, that counts.
///
/// A tie that has ended counts until the agreement's `lapses_after_days` whole days after its last day, by the calendar of the
/// United Kingdom. A write or push may rest on a tie that its own content states: the sender holds the record.
pub(in crate::decision) fn established(
    admitted: &Admitted,
    stated: &[StatedTie],
    ties: &[Tie],
) -> Result<RelationshipBasis, Refusal> {
    let agreement = admitted.agreement();
    if agreement.relationship.is_empty() {
        let parties = admitted.parties();
        let inside = parties.discloser == parties.recipient;
        return if inside {
            Ok(RelationshipBasis::NotRequired)
        } else {
            Err(Refusal::NoLegitimateRelationship)
        };
    }
    if let (Direction::Write, Some(tie)) = (admitted.parties().direction, stated_tie(admitted, stated)) {
        return Ok(RelationshipBasis::Stated { evidence: tie.evidence.clone() });
    }
    ties.iter()
        .filter(|tie| counts(tie, admitted))
        .min_by(|one, other| (one.kind, &one.evidence).cmp(&(other.kind, &other.evidence)))
        .map(|tie| RelationshipBasis::Recorded { kind: tie.kind, evidence: tie.evidence.clone() })
        .ok_or(Refusal::NoLegitimateRelationship)
}

/// Whether a recorded tie counts for this question, today, under its agreement.
pub(in crate::decision) fn counts(tie: &Tie, admitted: &Admitted) -> bool {
    let at = admitted.question().at;
    let lapse = admitted.agreement().lapses_after_days;
    admitted.agreement().relationship.contains(&tie.kind)
        && is_to_recipient(&tie.party, admitted)
        && tie.from.is_none_or(|from| from <= at)
        && tie.last_day.is_none_or(|last_day| day_of(at) <= days_after(last_day, lapse))
}

/// The SDS user id of a member of staff, when `sub` is one: twelve digits.
pub(in crate::decision) fn sds_user_id(professional: &Professional) -> Option<&str> {
    let subject = professional.subject.as_str();
    (subject.len() == 12 && subject.bytes().all(|byte| byte.is_ascii_digit())).then_some(subject)
}

fn is_to_recipient(party: &TieParty, admitted: &Admitted) -> bool {
    match (party, &admitted.question().requestor.party, admitted.parties().direction) {
        (TieParty::Organisation(code), _, _) => *code == admitted.parties().recipient,
        (TieParty::Staff(id), Party::Professional(professional), Direction::Read) => {
            sds_user_id(professional) == Some(id.as_str())
        }
        (TieParty::Staff(_), _, _) => false,
    }
}

fn stated_tie<'a>(admitted: &Admitted, stated: &'a [StatedTie]) -> Option<&'a StatedTie> {
    let kind = |tie: &StatedTie| match tie.evidence.split('/').next() {
        Some("Encounter") => Some(RelationshipKind::Encounter),
        Some("ServiceRequest") => Some(RelationshipKind::Referral),
        Some("CareTeam") => Some(RelationshipKind::CareTeam),
        Some("EpisodeOfCare") => Some(RelationshipKind::EpisodeOfCare),
        Some(_) | None => None,
    };
    stated
        .iter()
        .filter(|tie| kind(tie).is_some_and(|kind| admitted.agreement().relationship.contains(&kind)))
        .min_by(|one, other| one.evidence.cmp(&other.evidence))
}

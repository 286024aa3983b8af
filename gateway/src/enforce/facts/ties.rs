//! Ties of care, as CareTeam, Encounter, EpisodeOfCare and ServiceRequest state them.
//!
//! A tie that is in force has no last day; one that has ended has one, from which the agreement lets it lapse. One that
//! has ended at a time nobody wrote down, that was never more than planned, or that was an error, is no tie.

use std::collections::BTreeSet;

use fhir::instant::DateTime;
use fhir::json::Node;
use fhir::reference::{Bases, Id};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::directory::{Named, named_by_reference};
use super::{NotEvidence, id_of, local_patient, resources};
use crate::agreement::RelationshipKind;
use crate::decision::calendar::day_of;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;

/// A tie of care as a record states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedByRecord {
    /// The Patient it is about.
    pub person: Id,
    /// To whom.
    pub party: Named,
    /// Since when.
    pub from: Option<Timestamp>,
    /// Its last day.
    pub last_day: Option<Date>,
    /// `system/Type/id`.
    pub evidence: String,
}

/// The resource type that states ties of a kind.
#[must_use]
pub const fn type_of(kind: RelationshipKind) -> &'static str {
    match kind {
        RelationshipKind::CareTeam => "CareTeam",
        RelationshipKind::Encounter => "Encounter",
        RelationshipKind::EpisodeOfCare => "EpisodeOfCare",
        RelationshipKind::Referral => "ServiceRequest",
    }
}

/// The ties that an answer to `<type>?patient=` states about the Patients `asked`.
///
/// # Errors
/// [`NotEvidence`].
pub fn ties(
    held: &Unfiltered<Held>,
    kind: RelationshipKind,
    system: &SystemName,
    bases: &Bases,
    asked: &BTreeSet<Id>,
) -> Result<Vec<StatedByRecord>, NotEvidence> {
    let mut found = Vec::new();
    for resource in resources(held, type_of(kind))? {
        let subject = resource.member("subject").or_else(|| resource.member("patient"));
        let person = local_patient(subject, bases).ok_or(NotEvidence::Strangers)?;
        if !asked.contains(&person) {
            return Err(NotEvidence::Strangers);
        }
        let id = id_of(resource).ok_or(NotEvidence::Shape)?;
        let evidence = format!("{system}/{}/{}", type_of(kind), id.as_str());
        let Some(whole) = Holds::of(resource, kind) else { continue };
        for (reference, part) in parties(resource, kind) {
            let Some(held) = part.map_or(Some(whole), |part| whole.within(part)) else { continue };
            found.extend(named_by_reference(reference, resource, bases).into_iter().map(|party| {
                StatedByRecord {
                    person: person.clone(),
                    party,
                    from: held.from,
                    last_day: held.last_day,
                    evidence: evidence.clone(),
                }
            }));
        }
    }
    Ok(found)
}

/// From when to when a tie holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holds {
    from: Option<Timestamp>,
    last_day: Option<Date>,
}

/// Whether a status means that a tie holds.
enum Standing {
    Open,
    Ended,
    Never,
}

impl Holds {
    /// From when to when the record holds; nothing when it never did or nobody knows.
    fn of(resource: Node<'_>, kind: RelationshipKind) -> Option<Self> {
        let (from, last_day) = match kind {
            RelationshipKind::Referral => occurrence(resource)?,
            RelationshipKind::CareTeam | RelationshipKind::Encounter | RelationshipKind::EpisodeOfCare => {
                period(resource.member("period"))?
            }
        };
        match (standing(resource, kind), last_day) {
            (Standing::Open, _) => Some(Self { from, last_day }),
            (Standing::Ended, Some(last_day)) => Some(Self { from, last_day: Some(last_day) }),
            (Standing::Ended, None) | (Standing::Never, _) => None,
        }
    }

    /// The same, for a part that has a period of its own.
    fn within(self, part: Node<'_>) -> Option<Self> {
        let (from, last_day) = period(Some(part))?;
        Some(Self {
            from: self.from.max(from),
            last_day: match (self.last_day, last_day) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        })
    }
}

fn standing(resource: Node<'_>, kind: RelationshipKind) -> Standing {
    let status = resource.member("status").and_then(Node::string).unwrap_or_default();
    match (kind, status.as_ref()) {
        (RelationshipKind::CareTeam, "active") => Standing::Open,
        (RelationshipKind::CareTeam, "inactive" | "suspended") => Standing::Ended,
        (RelationshipKind::Encounter, "arrived" | "triaged" | "in-progress" | "onleave") => Standing::Open,
        (RelationshipKind::Encounter, "finished") => Standing::Ended,
        (RelationshipKind::EpisodeOfCare, "active" | "onhold") => Standing::Open,
        (RelationshipKind::EpisodeOfCare, "finished") => Standing::Ended,
        (RelationshipKind::Referral, _) if !is_order(resource) => Standing::Never,
        (RelationshipKind::Referral, "active" | "on-hold") => Standing::Open,
        (RelationshipKind::Referral, "completed") => Standing::Ended,
        (_, _) => Standing::Never,
    }
}

/// A referral is asked for with authority, not proposed or planned.
fn is_order(resource: Node<'_>) -> bool {
    let intent = resource.member("intent").and_then(Node::string).unwrap_or_default();
    intent == "order" || intent.ends_with("-order")
}

/// A Period; nothing when it cannot be read.
fn period(period: Option<Node<'_>>) -> Option<(Option<Timestamp>, Option<Date>)> {
    let Some(period) = period else { return Some((None, None)) };
    let bound = |name: &str| match period.member(name) {
        None => Some(None),
        Some(text) => Some(Some(DateTime::parse(&text.string()?).ok()?)),
    };
    let start = bound("start")?.map(|start| start.range().from);
    Some((start, bound("end")?.as_ref().and_then(last_day)))
}

/// The last day of what a time states: of a month its last, of a moment its own.
fn last_day(time: &DateTime) -> Option<Date> {
    Some(day_of(time.range().to.checked_sub(1.nanosecond()).ok()?))
}

/// A referral ends with what it asked for; one that states no such time, on the day it was written.
fn occurrence(referral: Node<'_>) -> Option<(Option<Timestamp>, Option<Date>)> {
    let written = referral.member("authoredOn").map(|text| DateTime::parse(&text.string()?).ok());
    let written = match written {
        Some(None) => return None,
        Some(Some(written)) => Some(written),
        None => None,
    };
    if let Some(asked_for) = referral.member("occurrencePeriod") {
        let (_, last_day) = period(Some(asked_for))?;
        return Some((written.map(|written| written.range().from), last_day));
    }
    if standing(referral, RelationshipKind::Referral).is_open() {
        return Some((written.map(|written| written.range().from), None));
    }
    let at = referral.member("occurrenceDateTime").map(|text| DateTime::parse(&text.string()?).ok());
    let end = match at {
        Some(None) => return None,
        Some(Some(at)) => last_day(&at),
        None => written.as_ref().and_then(last_day),
    };
    Some((written.map(|written| written.range().from), end))
}

impl Standing {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// The references that name the other side of a tie, each with a period of its own where there can be one.
fn parties<'a>(resource: Node<'a>, kind: RelationshipKind) -> Vec<(Node<'a>, Option<Node<'a>>)> {
    match kind {
        RelationshipKind::CareTeam => resource
            .walk(&["participant"])
            .flat_map(|participant| {
                let own = participant.member("period");
                let named = [participant.member("member"), participant.member("onBehalfOf")];
                named.into_iter().flatten().map(move |reference| (reference, own))
            })
            .collect(),
        RelationshipKind::Encounter => {
            resource.member("serviceProvider").map(|found| (found, None)).into_iter().collect()
        }
        RelationshipKind::EpisodeOfCare => {
            resource.member("managingOrganization").map(|found| (found, None)).into_iter().collect()
        }
        RelationshipKind::Referral => resource.walk(&["performer"]).map(|found| (found, None)).collect(),
    }
}

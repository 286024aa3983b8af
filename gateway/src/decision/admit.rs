//! May they, by rules alone: the only refusal before an upstream is asked. Pure.
//!
//! In this order: agreement in force, role or system, standing, purpose, type, search guard.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::search::controls::Include;
use fhir::tables::TypeId;
use jiff::civil::Date;

use super::calendar::day_of;
use super::following::Way;
use super::refusal::Refusal;
use super::ruling::{Admitted, Direction, Override, Parties, Question};
use super::{mapped, search_guard};
use crate::agreement::{Agreements, Cover, Share, SharingAgreement, Standing};
use crate::interaction::{BinaryTarget, FhirAction, HistoryRequest, Interaction, VersionTarget};
use crate::person::SystemName;
use crate::requestor::{Party, Supervision, SystemClient};
use crate::settings::{ClientRole, Settings};

/// Types that prove ties of care: nobody writes these into a system that is asked for them.
const PROVE_TIES: [&str; 4] = ["CareTeam", "Encounter", "EpisodeOfCare", "ServiceRequest"];
/// Types that say who works where: ties and choices name these, so they are not written where either is asked for.
const PROVE_PLACES: [&str; 3] = ["Organization", "Practitioner", "PractitionerRole"];
/// How many characters the reason for an override has.
const REASON_CHARACTERS: std::ops::RangeInclusive<usize> = 10..=500;

/// Admits a question that the rules allow, or says the first rule that does not.
///
/// # Errors
/// The [`Refusal`], in the order of decision. It depends on the question and the settings only.
pub fn admit(mut question: Question, settings: &Settings) -> Result<Admitted, Refusal> {
    let today = day_of(question.at);
    let (system, parties) = parties(&question, settings)?;
    let matched = match parties.direction {
        Direction::Read => match_role(&question, &parties, settings, today)?,
        Direction::Write => match_system(&question, &parties, &system, settings, today)?,
    };
    let override_ = override_of(&question, &matched)?;
    let rematch = covered(&question.interaction, &matched.share, settings)?;
    mapped::serves(&question.interaction, &matched.share, settings)?;
    let Matched { agreement, share, purpose, .. } = matched;
    let caveat = settings.mapped(&system).map(|_| mapped::CAVEAT);
    let includes_left_out = leave_out(&mut question.interaction, &share, settings);
    Ok(Admitted {
        question,
        system,
        agreement,
        share,
        purpose,
        override_,
        parties,
        rematch,
        includes_left_out,
        caveat,
    })
}

/// The agreement and block that cover a question.
struct Matched {
    agreement: Arc<SharingAgreement>,
    share: Arc<Share>,
    purpose: PurposeOfUse,
    cover: Cover,
    standing: Standing,
}

/// Whose records go to whom. Where nobody answers for one side, no agreement can cover the question.
fn parties(question: &Question, settings: &Settings) -> Result<(SystemName, Parties), Refusal> {
    let (system, direction) = match &question.interaction {
        Interaction::Fhir { system, action } => (system, direction(action, &question.requestor.party)),
        Interaction::Push { system } => (system, Direction::Write),
        Interaction::Own(_) => return Err(Refusal::NotForThisRequestor),
    };
    let asks = question.requestor.organisation().ok_or(Refusal::NoSharingAgreement)?;
    let holds = &settings.system(system.as_str()).ok_or(Refusal::NoSharingAgreement)?.organisation;
    let (discloser, recipient): (&OdsCode, &OdsCode) = match direction {
        Direction::Read => (holds, asks),
        Direction::Write => (asks, holds),
    };
    let parties = Parties { discloser: discloser.clone(), recipient: recipient.clone(), direction };
    Ok((system.clone(), parties))
}

/// What a system may do is asked by those who send as well as by those who read.
fn direction(action: &FhirAction, party: &Party) -> Direction {
    match (action, party) {
        (FhirAction::Create(_) | FhirAction::Message(_), _) | (FhirAction::Metadata, Party::System(_)) => {
            Direction::Write
        }
        // What is changed is read first, and shown afterwards.
        (
            FhirAction::Read(_)
            | FhirAction::ReadBinary(_)
            | FhirAction::Vread(_)
            | FhirAction::History(_)
            | FhirAction::Search(_)
            | FhirAction::Everything(_)
            | FhirAction::Document(_)
            | FhirAction::Batch(_)
            | FhirAction::Change(_)
            | FhirAction::Delete(_)
            | FhirAction::Metadata,
            _,
        ) => Direction::Read,
    }
}

fn match_role(
    question: &Question,
    parties: &Parties,
    settings: &Settings,
    today: Date,
) -> Result<Matched, Refusal> {
    let Parties { discloser, recipient, .. } = parties;
    let agreements = &settings.agreements;
    let role = match &question.requestor.party {
        Party::Professional(professional) => Some(professional.role),
        Party::System(client) => role_of(client, settings),
        Party::Person(_) => None,
    };
    let Some(role) = role else {
        return Err(without_role(agreements, parties, today));
    };
    let mut refusal = Refusal::NoSharingAgreement;
    for purpose in question.requestor.purposes() {
        match agreements.matching_role(discloser, recipient, *purpose, role, today) {
            Ok(found) => {
                stands(&question.requestor.party, found.standing, today)?;
                return Ok(Matched {
                    agreement: found.agreement,
                    share: found.share,
                    purpose: *purpose,
                    cover: found.cover,
                    standing: found.standing,
                });
            }
            Err(found) => refusal = found,
        }
    }
    if let Refusal::PurposeNotCovered(_) = refusal {
        standing_first(question, parties, settings, role, today)?;
    }
    Err(refusal)
}

fn match_system(
    question: &Question,
    parties: &Parties,
    system: &SystemName,
    settings: &Settings,
    today: Date,
) -> Result<Matched, Refusal> {
    let Parties { discloser, recipient, .. } = parties;
    let mut refusal = Refusal::NoSharingAgreement;
    for purpose in question.requestor.purposes() {
        match settings.agreements.matching_system(discloser, recipient, *purpose, system, today) {
            Ok(found) => {
                return Ok(Matched {
                    agreement: found.agreement,
                    share: found.share,
                    purpose: *purpose,
                    cover: found.cover,
                    standing: Standing::Registered,
                });
            }
            Err(found) => refusal = found,
        }
    }
    Err(refusal)
}

/// A `[[client]]`, or who asks at an `[[mllp]]`, reads only in the job role that its settings give it.
fn role_of(client: &SystemClient, settings: &Settings) -> Option<SdsRole> {
    if let Some(known) = settings.clients.iter().find(|known| known.san == client.san) {
        return match known.role {
            ClientRole::System => None,
            ClientRole::Staff(role) => Some(role),
        };
    }
    let mllp = settings.mllp.iter().find(|mllp| mllp.listener() == client.san)?;
    mllp.queries.as_ref().map(|queries| queries.role)
}

/// Without a role the first rule that fails is the agreement, if there is none, else the role.
fn without_role(agreements: &Agreements, parties: &Parties, today: Date) -> Refusal {
    let covers = |agreement: &&Arc<SharingAgreement>| binds(agreement, parties, today);
    if agreements.all().iter().any(|agreement| covers(&agreement)) {
        Refusal::RoleNotCovered
    } else {
        Refusal::NoSharingAgreement
    }
}

fn binds(agreement: &SharingAgreement, parties: &Parties, today: Date) -> bool {
    agreement.is_in_force(today)
        && agreement.discloser.contains(&parties.discloser)
        && agreement.recipient.contains(&parties.recipient)
}

/// Standing comes before purpose: somebody whose every block is supervised, and who is not, is told that.
fn standing_first(
    question: &Question,
    parties: &Parties,
    settings: &Settings,
    role: SdsRole,
    today: Date,
) -> Result<(), Refusal> {
    let all = settings.agreements.all().iter().filter(|agreement| binds(agreement, parties, today));
    let mut blocks =
        all.flat_map(|agreement| &agreement.roles).filter(|block| block.roles.contains(&role)).peekable();
    if blocks.peek().is_none() {
        return Ok(());
    }
    if blocks.any(|block| stands(&question.requestor.party, block.standing, today).is_ok()) {
        return Ok(());
    }
    Err(Refusal::SupervisionMissing)
}

/// A supervised role needs a supervisor, today.
fn stands(party: &Party, standing: Standing, today: Date) -> Result<(), Refusal> {
    let supervised = match party {
        Party::Professional(professional) => match &professional.supervision {
            Supervision::Supervised { until, .. } => *until >= today,
            Supervision::NotStated => false,
        },
        Party::System(_) | Party::Person(_) => false,
    };
    match standing {
        Standing::Registered => Ok(()),
        Standing::Supervised if supervised => Ok(()),
        Standing::Supervised => Err(Refusal::SupervisionMissing),
    }
}

/// The override in play. It belongs to members of staff who stand by themselves (recommendation 4), and to those who
/// give a reason.
fn override_of(question: &Question, matched: &Matched) -> Result<Option<Override>, Refusal> {
    let in_overrides = matched.agreement.overrides.contains(&matched.purpose);
    let asked = match matched.cover {
        Cover::Override => true,
        Cover::Purpose => in_overrides && question.override_reason.is_some(),
    };
    if !asked {
        return Ok(None);
    }
    // An emergency opens what is to be read. What is labelled stays as it is.
    if let Interaction::Fhir { action: FhirAction::Change(_) | FhirAction::Delete(_), .. } =
        &question.interaction
    {
        return Err(Refusal::PurposeNotCovered(matched.purpose));
    }
    let in_person = matches!(question.requestor.party, Party::Professional(_));
    if !in_person || matched.standing == Standing::Supervised {
        return Err(Refusal::PurposeNotCovered(matched.purpose));
    }
    let reason = question.override_reason.as_deref().map(str::trim).unwrap_or_default();
    if !REASON_CHARACTERS.contains(&reason.chars().count()) {
        return Err(Refusal::OverrideReasonMissing);
    }
    Ok(Some(Override { purpose: matched.purpose, reason: reason.to_owned() }))
}

/// Whether the share covers the type, and a search only what it shows.
fn covered(
    interaction: &Interaction,
    share: &Share,
    settings: &Settings,
) -> Result<BTreeSet<&'static str>, Refusal> {
    let Interaction::Fhir { system, action } = interaction else { return Ok(BTreeSet::new()) };
    match action {
        // Each entry of a batch is admitted by itself.
        FhirAction::Metadata | FhirAction::Batch(_) => Ok(BTreeSet::new()),
        FhirAction::Read(target)
        | FhirAction::ReadBinary(BinaryTarget { binary: target, .. })
        | FhirAction::Document(target)
        | FhirAction::Vread(VersionTarget { resource: target, .. })
        | FhirAction::History(HistoryRequest { resource: target, .. }) => {
            shared(target.resource_type, share).map(|()| BTreeSet::new())
        }
        FhirAction::Search(search) => {
            shared(search.query.resource_type(), share)?;
            search_guard::guard(&search.query, share).map_err(Refusal::SearchNotPermitted)
        }
        FhirAction::Everything(request) => {
            let mut rematch = BTreeSet::new();
            for query in request.queries(share)? {
                rematch.extend(search_guard::guard(&query, share).map_err(Refusal::SearchNotPermitted)?);
            }
            Ok(rematch)
        }
        FhirAction::Create(new) => {
            shared(new.resource_type, share)?;
            not_proof(system, new.resource_type, settings).map(|()| BTreeSet::new())
        }
        // What is in it is shared entry by entry; whatever of it the receiver makes resources of proves nothing either.
        FhirAction::Message(message) => {
            // What a message is about is said by its header: without that it is none.
            let header = message.types.iter().find(|owner| owner.name() == "MessageHeader");
            header.map_or(Ok(()), |header| shared(*header, share))?;
            let mut types = message.types.iter();
            types.try_for_each(|owner| not_proof(system, *owner, settings)).map(|()| BTreeSet::new())
        }
        FhirAction::Change(change) => {
            let owner = change.target.resource_type;
            shared(owner, share)?;
            if !share.writes(owner) {
                return Err(Refusal::WritingNotCovered);
            }
            not_proof(system, owner, settings).map(|()| BTreeSet::new())
        }
        FhirAction::Delete(deletion) => {
            let owner = deletion.target.resource_type;
            shared(owner, share)?;
            if !share.deletes(owner) {
                return Err(Refusal::DeletingNotCovered);
            }
            not_proof(system, owner, settings).map(|()| BTreeSet::new())
        }
    }
}

/// Leaves out the includes of which nothing can come by rule. How many these are.
fn leave_out(interaction: &mut Interaction, share: &Share, settings: &Settings) -> usize {
    match interaction {
        Interaction::Fhir { system, action: FhirAction::Search(search) } => {
            let mapped = settings.mapped(system).map(Arc::as_ref);
            let searched = search.query.resource_type();
            let leads =
                |include: &Include| Way::of(include, searched).is_some_and(|way| way.leads(share, mapped));
            search.query.retain_includes(leads)
        }
        Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_) => 0,
    }
}

/// Whether writing this type to this system would prove nothing that the gateway relies on.
fn not_proof(system: &SystemName, resource_type: TypeId, settings: &Settings) -> Result<(), Refusal> {
    let target = settings.system(system.as_str());
    let name = resource_type.name();
    let proves_tie = target.is_some_and(|target| target.relationship_source) && PROVE_TIES.contains(&name);
    let proves_consent = target.is_some_and(|target| target.consent_source) && name == "Consent";
    let is_source = target.is_some_and(|target| target.relationship_source || target.consent_source);
    if proves_tie || proves_consent || is_source && PROVE_PLACES.contains(&name) {
        Err(Refusal::WouldProveOwnRelationship)
    } else {
        Ok(())
    }
}

fn shared(resource_type: TypeId, share: &Share) -> Result<(), Refusal> {
    match share.types.get(&resource_type) {
        Some(tables) if !tables.is_empty() => Ok(()),
        Some(_) | None => Err(Refusal::TypeNotShared),
    }
}

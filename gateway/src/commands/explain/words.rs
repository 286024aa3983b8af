//! The words of a report: what each rule rests on, and what would have to be otherwise.

use fhir::ods_code::OdsCode;
use fhir::security_label::SecurityLabel;

use super::asked::{Asked, organisation};
use super::rules::{AdmitRule, PersonRule};
use crate::agreement::{SharingAgreement, Standing};
use crate::decision::evidence::Evidence;
use crate::decision::facts::{PersonEvidence, Shield, Tie, TieParty};
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{
    Admitted, ConsentBasis, DataRule, LabelsOfAgreement, Permit, RelationshipBasis,
};
use crate::interaction::{
    BinaryTarget, FhirAction, HistoryRequest, Interaction, ResourceDeletion, VersionTarget,
};
use crate::person::PersonKey;
use crate::requestor::Party;
use crate::settings::{Settings, System};

/// What a refusal means: what the caller is told, and what about.
pub(super) fn why(refusal: &Refusal) -> String {
    if let Refusal::PurposeNotCovered(purpose) = refusal {
        return format!("{} ({purpose}): {}", purpose.display(), refusal.told());
    }
    refusal.told().to_owned()
}

/// The rule that refuses before any system is asked.
pub(super) fn failed(rule: AdmitRule, asked: &Asked, refusal: &Refusal) -> String {
    let about = match rule {
        AdmitRule::Agreement => format!("{}: ", asked.parties),
        AdmitRule::Role => format!("{} in {}: ", asked.role, asked.agreements.join(", ")),
        AdmitRule::Standing => format!("{}: ", asked.supervision),
        AdmitRule::Purpose
        | AdmitRule::Override
        | AdmitRule::ResourceType
        | AdmitRule::Search
        | AdmitRule::Write => String::new(),
    };
    format!("{about}{}", why(refusal))
}

/// A rule that holds although a later one refuses.
pub(super) fn held_by_rule(rule: AdmitRule, asked: &Asked) -> String {
    match rule {
        AdmitRule::Agreement => asked.agreements.join(", "),
        AdmitRule::Role => asked.role.clone(),
        AdmitRule::Standing
        | AdmitRule::Purpose
        | AdmitRule::Override
        | AdmitRule::ResourceType
        | AdmitRule::Search
        | AdmitRule::Write => String::new(),
    }
}

/// The rule that refuses a person; `to` is the recipient.
pub(super) fn failed_for(rule: PersonRule, person: &PersonEvidence, to: &str, refusal: &Refusal) -> String {
    let why = why(refusal);
    match rule {
        PersonRule::Relationship => format!("{why} to {to}; {}", recorded(&person.ties)),
        PersonRule::Consent | PersonRule::OptOut => {
            let ids: Vec<_> = person.consents.iter().map(|consent| consent_named(&consent.id)).collect();
            format!("{why}; recorded: {}", ids.join(", "))
        }
        PersonRule::Known
        | PersonRule::Shield
        | PersonRule::Implied
        | PersonRule::Labels
        | PersonRule::Minimum => why,
    }
}

/// Who asks.
pub(super) fn who(party: &Party, settings: &Settings) -> String {
    match party {
        Party::Professional(professional) => format!(
            "{} ({}) of {}, for {} ({})",
            professional.role.display().unwrap_or("job role"),
            professional.role,
            organisation(&professional.organisation, settings),
            professional.purpose.display(),
            professional.purpose
        ),
        Party::System(system) => {
            let purposes: Vec<_> = system.purposes.iter().map(|purpose| purpose.code()).collect();
            let of = organisation(&system.organisation, settings);
            format!("the system {} of {of}, for {}", system.san, purposes.join(" or "))
        }
        Party::Person(_) => "the person herself".to_owned(),
    }
}

/// What is asked.
pub(super) fn what(interaction: &Interaction) -> String {
    match interaction {
        Interaction::Fhir { system, action } => {
            let action = match action {
                FhirAction::Metadata => "what is served".to_owned(),
                FhirAction::Read(target) | FhirAction::ReadBinary(BinaryTarget { binary: target, .. }) => {
                    format!("read {}/{}", target.resource_type, target.id.as_str())
                }
                FhirAction::Vread(VersionTarget { resource, .. }) => {
                    format!("read a version of {}/{}", resource.resource_type, resource.id.as_str())
                }
                FhirAction::History(HistoryRequest { resource, .. }) => {
                    format!("read the history of {}/{}", resource.resource_type, resource.id.as_str())
                }
                FhirAction::Search(search) => {
                    let codes: Vec<_> =
                        search.query.criteria().iter().map(|criterion| criterion.code()).collect();
                    format!("search {} by {}", search.query.resource_type(), codes.join(", "))
                }
                FhirAction::Everything(request) => {
                    format!("everything about Patient/{}", request.patient.as_str())
                }
                FhirAction::Document(target) => format!("the document of Composition/{}", target.id.as_str()),
                FhirAction::Message(_) => "process a message".to_owned(),
                FhirAction::Batch(batch) => format!("a {} of interactions", batch.bundle.name()),
                FhirAction::Create(new) => format!("create {}", new.resource_type),
                FhirAction::Change(change) => {
                    format!("change {}/{}", change.target.resource_type, change.target.id.as_str())
                }
                FhirAction::Delete(ResourceDeletion { target, .. }) => {
                    format!("delete {}/{}", target.resource_type, target.id.as_str())
                }
            };
            format!("{action} on {system}")
        }
        Interaction::Push { system } => format!("send a message to {system}"),
        Interaction::Own(_) => "a resource of the gateway itself".to_owned(),
    }
}

/// What a rule of an admitted question rests on.
pub(super) fn held(rule: AdmitRule, asked: &Asked, admitted: &Admitted) -> String {
    let agreement = admitted.agreement();
    let purpose = admitted.purpose();
    match rule {
        AdmitRule::Agreement => format!("`{}`, until {}; {}", agreement.id, agreement.until, asked.parties),
        AdmitRule::Role => asked.role.clone(),
        AdmitRule::Standing => match standing(agreement, admitted) {
            Some(Standing::Supervised) => asked.supervision.clone(),
            Some(Standing::Registered) => "registered".to_owned(),
            None => "not asked of a system".to_owned(),
        },
        AdmitRule::Purpose => format!("{} ({purpose})", purpose.display()),
        AdmitRule::Override => match admitted.override_() {
            Some(_) => "a reason is given".to_owned(),
            None => "none is asked for".to_owned(),
        },
        AdmitRule::ResourceType => match asked.resource_type {
            Some(resource_type) => {
                format!("{resource_type} is shared by {}", admitted.share().names.join(", "))
            }
            None => String::new(),
        },
        AdmitRule::Search => "it reads nothing hidden".to_owned(),
        AdmitRule::Write => "it proves no tie there".to_owned(),
    }
}

fn standing(agreement: &SharingAgreement, admitted: &Admitted) -> Option<Standing> {
    let Party::Professional(professional) = &admitted.question().requestor.party else { return None };
    agreement.roles.iter().find(|block| block.roles.contains(&professional.role)).map(|block| block.standing)
}

/// What would have to be known for a rule.
pub(super) fn needed(rule: PersonRule, admitted: &Admitted, settings: &Settings) -> String {
    let agreement = admitted.agreement();
    let recipient = organisation(&admitted.parties().recipient, settings);
    let discloser = &admitted.parties().discloser;
    match rule {
        PersonRule::Known => {
            "the Patient: one record with the NHS number, verified, unless the system is trusted for identity"
                .to_owned()
        }
        PersonRule::Shield => "meta.security of the Patient".to_owned(),
        PersonRule::Relationship if agreement.relationship.is_empty() => "none is asked for".to_owned(),
        PersonRule::Relationship => {
            let ties: Vec<_> = agreement.relationship.iter().map(|kind| kind.as_str()).collect();
            let systems = systems(settings, discloser, |system| system.relationship_source);
            format!("{} that names {recipient}, on {systems}", ties.join(" or "))
        }
        PersonRule::Consent => {
            let sources = systems(settings, discloser, |system| system.consent_source);
            format!("her Consents kept by the gateway, and on {sources}")
        }
        PersonRule::OptOut => "register entries about her".to_owned(),
        PersonRule::Implied => match admitted.purpose().is_direct_care() {
            true => "holds unless she has said no".to_owned(),
            false => "does not cover this purpose: she must have said yes".to_owned(),
        },
        PersonRule::Labels => "meta.security of each resource".to_owned(),
        PersonRule::Minimum => "the elements below".to_owned(),
    }
}

fn systems(settings: &Settings, discloser: &OdsCode, counts: fn(&System) -> bool) -> String {
    let of = settings.systems.iter().filter(|system| system.organisation == *discloser && counts(system));
    let names: Vec<_> = of.map(|system| system.name.as_str()).collect();
    if names.is_empty() { "no system: the settings name none".to_owned() } else { names.join(" or ") }
}

/// What a rule of a permit rests on.
pub(super) fn permitted_by(rule: PersonRule, person: &PersonEvidence, permit: &Permit) -> String {
    let basis = permit.basis();
    let text = match rule {
        PersonRule::Known => "her record is certain",
        PersonRule::Shield => match person.shield {
            Shield::None => "none is recorded",
            Shield::Shielded => "she is shielded: where she is stays hidden",
        },
        PersonRule::Relationship => {
            return match &basis.relationship {
                RelationshipBasis::Recorded { kind, evidence } => format!("{}: {evidence}", kind.as_str()),
                RelationshipBasis::Stated { evidence } => format!("stated by what is sent: {evidence}"),
                RelationshipBasis::NotRequired => "none is asked for inside the organisation".to_owned(),
                RelationshipBasis::OfKin => "that of whose kin she is".to_owned(),
                RelationshipBasis::Overridden => format!("no tie counts; {}", recorded(&person.ties)),
            };
        }
        PersonRule::Consent => {
            return match &basis.consent {
                ConsentBasis::Explicit(id) => format!("she has said yes: {}", consent_named(id)),
                ConsentBasis::Implied => "nothing she has said refuses it as a whole".to_owned(),
                ConsentBasis::Overridden => "she has said no, or has not said yes".to_owned(),
            };
        }
        PersonRule::OptOut => "none stands against this purpose",
        PersonRule::Implied => match &basis.consent {
            ConsentBasis::Implied => "this is her own care",
            ConsentBasis::Explicit(_) | ConsentBasis::Overridden => "not what it rests on",
        },
        PersonRule::Labels => match permit.obligations().labels {
            LabelsOfAgreement::Kept => "what the agreement keeps out stays out, as below",
            LabelsOfAgreement::Overridden => "what the agreement keeps out may leave",
        },
        PersonRule::Minimum => "the elements below",
    };
    text.to_owned()
}

/// A Consent of the gateway itself gets a random id, which says nothing to who wrote the evidence.
pub(super) fn consent_named(id: &str) -> &str {
    if id.starts_with("Consent/") { "a Consent kept by the gateway" } else { id }
}

/// The ties of care that are recorded.
pub(super) fn recorded(ties: &[Tie]) -> String {
    if ties.is_empty() {
        return "none is recorded".to_owned();
    }
    let ties: Vec<_> = ties
        .iter()
        .map(|tie| {
            let to = match &tie.party {
                TieParty::Organisation(code) => code.to_setting(),
                TieParty::Staff(_) => "a member of staff".to_owned(),
            };
            let until = tie.last_day.map(|day| format!(" until {day}")).unwrap_or_default();
            format!("{} to {to}{until} ({})", tie.kind.as_str(), tie.evidence)
        })
        .collect();
    format!("recorded: {}", ties.join("; "))
}

/// A person by the id of her record; her number stays out of sight.
pub(super) fn named(key: &PersonKey, evidence: &Evidence) -> String {
    let ids: Vec<_> =
        evidence.patients().iter().filter(|(_, of)| *of == key).map(|(id, _)| id.as_str()).collect();
    match (ids.is_empty(), key) {
        (false, _) => format!("Patient/{}", ids.join(", Patient/")),
        (true, PersonKey::Nhs(number)) => {
            format!("The person whose NHS number ends in {}", number.as_str().get(7..).unwrap_or_default())
        }
        (true, PersonKey::Local { system, id }) => format!("{system}/Patient/{}", id.as_str()),
    }
}

/// Which data a person's choice is about.
pub(super) fn data(rule: &DataRule) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !rule.labels.is_empty() {
        let codes: Vec<_> = rule.labels.iter().map(SecurityLabel::code).collect();
        parts.push(format!("labelled {}", codes.join(" or ")));
    }
    if !rule.types.is_empty() {
        parts.push(rule.types.iter().cloned().collect::<Vec<_>>().join(" or "));
    }
    if !rule.data.is_empty() {
        parts.push(format!("{} named resources", rule.data.len()));
    }
    parts.extend(rule.from.map(|from| format!("from {from}")));
    parts.extend(rule.until.map(|until| format!("before {until}")));
    if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
}

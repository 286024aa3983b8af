//! Who may read and write the gateway's own resources: Consents, and the trail. Rules alone, in two steps: whether they
//! may at all, before anything is looked up; whether they may this one, once it is known whom it concerns.

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;

use super::refusal::Refusal;
use super::ruling::Question;
use crate::consent::provision::{Effect, Provision};
use crate::consent::validate::ValidConsent;
use crate::interaction::{AuditSelector, Interaction, OwnAction, PersonSelector};
use crate::person::PersonKey;
use crate::requestor::{Party, Professional};
use crate::settings::{Post, Settings};

/// A question about the gateway's own resources that the rules admit. Made by [`admit_own`] only.
#[derive(Debug)]
pub struct AdmittedOwn {
    question: Question,
    ground: Ground,
}

/// On what it is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// It is the person herself, about herself.
    Herself(NhsNumber),
    /// A post that `oversight` names; and over what.
    Oversight(Over),
    /// A post that `consent_recorders` names; and whether their organisation gains by what people permit.
    Recorder(Gains),
    /// A party to the share in question.
    Party(OdsCode),
    /// It is open to everyone who is known.
    Anyone,
}

/// What somebody with oversight looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Everything: a post of the organisation that runs the gateway.
    Everything,
    /// What was asked of their organisation. Not what it asked of others: the trail tells what is withheld from whoever
    /// asks, and that is the discloser's to know.
    AskedOf(OdsCode),
}

/// Whether an organisation receives, under an agreement, what another one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gains {
    /// It does: it records nobody's permission.
    Receives,
    /// It does not.
    Nothing,
}

/// Whom and what one own resource concerns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Concerns<'a> {
    /// The person.
    pub person: Option<&'a PersonKey>,
    /// The organisation that disclosed.
    pub discloser: Option<&'a OdsCode>,
    /// The organisation that received.
    pub recipient: Option<&'a OdsCode>,
    /// The organisation of the system that was asked, or that was sent it.
    pub holder: Option<&'a OdsCode>,
}

/// Admits a question about the gateway's own resources.
///
/// # Errors
/// [`Refusal::NotForThisRequestor`].
pub fn admit_own(question: Question, settings: &Settings) -> Result<AdmittedOwn, Refusal> {
    let Interaction::Own(action) = &question.interaction else { return Err(Refusal::NotForThisRequestor) };
    let ground = match (action, &question.requestor.party) {
        (OwnAction::Metadata, _) => Ground::Anyone,
        (_, Party::Person(person)) => herself(action, person.nhs_number)?,
        (
            OwnAction::ReadConsent(_)
            | OwnAction::VreadConsent { .. }
            | OwnAction::HistoryConsent(_)
            | OwnAction::SearchConsent(_),
            Party::Professional(professional),
        ) if holds_one(&settings.gateway.consent_recorders, professional) => {
            Ground::Recorder(gains(&professional.organisation, settings))
        }
        (
            OwnAction::ReadConsent(_)
            | OwnAction::VreadConsent { .. }
            | OwnAction::HistoryConsent(_)
            | OwnAction::SearchConsent(_),
            Party::Professional(professional),
        ) if oversight(professional, settings) == Some(Over::Everything) => {
            Ground::Oversight(Over::Everything)
        }
        (
            OwnAction::CreateConsent(_) | OwnAction::UpdateConsent { .. },
            Party::Professional(professional),
        ) if holds_one(&settings.gateway.consent_recorders, professional) => {
            Ground::Recorder(gains(&professional.organisation, settings))
        }
        (
            OwnAction::SearchAuditEvent(_) | OwnAction::ReadAuditEvent(_),
            Party::Professional(professional),
        ) => Ground::Oversight(oversight(professional, settings).ok_or(Refusal::NotForThisRequestor)?),
        (OwnAction::ReadProvenance(_), Party::Professional(professional)) => {
            match oversight(professional, settings) {
                Some(Over::Everything) => Ground::Oversight(Over::Everything),
                // It names what was shared and nothing of what was withheld: a party has it either way.
                Some(Over::AskedOf(_)) | None => Ground::Party(professional.organisation.clone()),
            }
        }
        (OwnAction::ReadProvenance(_), Party::System(system)) => Ground::Party(system.organisation.clone()),
        (
            OwnAction::ReadConsent(_)
            | OwnAction::VreadConsent { .. }
            | OwnAction::HistoryConsent(_)
            | OwnAction::SearchConsent(_)
            | OwnAction::CreateConsent(_)
            | OwnAction::UpdateConsent { .. },
            Party::Professional(_) | Party::System(_),
        )
        | (OwnAction::SearchAuditEvent(_) | OwnAction::ReadAuditEvent(_), Party::System(_)) => {
            return Err(Refusal::NotForThisRequestor);
        }
    };
    Ok(AdmittedOwn { question, ground })
}

/// A person asks about herself; whom she names must be herself.
fn herself(action: &OwnAction, own: NhsNumber) -> Result<Ground, Refusal> {
    let named = match action {
        OwnAction::SearchConsent(query) => Some(PersonSelector::Nhs(query.person)),
        OwnAction::SearchAuditEvent(query) => match &query.by {
            AuditSelector::Person(selector) => Some(selector.clone()),
            AuditSelector::Receipt(_) => None,
        },
        OwnAction::Metadata
        | OwnAction::ReadConsent(_)
        | OwnAction::VreadConsent { .. }
        | OwnAction::HistoryConsent(_)
        | OwnAction::CreateConsent(_)
        | OwnAction::UpdateConsent { .. }
        | OwnAction::ReadAuditEvent(_)
        | OwnAction::ReadProvenance(_) => None,
    };
    match named {
        None => Ok(Ground::Herself(own)),
        Some(PersonSelector::Nhs(number)) if number == own => Ok(Ground::Herself(own)),
        Some(PersonSelector::Nhs(_) | PersonSelector::Local { .. }) => Err(Refusal::NotForThisRequestor),
    }
}

/// Whether one of these posts is hers: the role, and at that organisation. A role alone proves nothing, for issuers
/// speak for many organisations and every one has its own guardian.
fn holds_one(posts: &[Post], professional: &Professional) -> bool {
    posts.iter().any(|post| post.role == professional.role && post.organisation == professional.organisation)
}

fn oversight(professional: &Professional, settings: &Settings) -> Option<Over> {
    holds_one(&settings.gateway.oversight, professional).then(|| {
        if professional.organisation == settings.gateway.organisation {
            Over::Everything
        } else {
            Over::AskedOf(professional.organisation.clone())
        }
    })
}

fn gains(organisation: &OdsCode, settings: &Settings) -> Gains {
    let receives = settings.agreements.all().iter().any(|agreement| {
        agreement.recipient.contains(organisation)
            && agreement.discloser.iter().any(|other| other != organisation)
    });
    if receives { Gains::Receives } else { Gains::Nothing }
}

impl AdmittedOwn {
    /// Who asks, and what.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// On what it is admitted.
    #[must_use]
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Takes the question back, for its content.
    #[must_use]
    pub fn into_question(self) -> Question {
        self.question
    }

    /// Whether this one resource, which concerns these, may be read on that ground.
    ///
    /// # Errors
    /// [`Refusal::NotForThisRequestor`].
    pub fn may_read(&self, concerns: Concerns<'_>) -> Result<(), Refusal> {
        let may = match &self.ground {
            Ground::Anyone | Ground::Oversight(Over::Everything) | Ground::Recorder(_) => true,
            Ground::Herself(number) => concerns.person == Some(&PersonKey::Nhs(*number)),
            // What it sends is disclosed by it too, and tells what the receiver keeps from it.
            Ground::Oversight(Over::AskedOf(organisation)) => {
                concerns.discloser == Some(organisation) && concerns.holder == Some(organisation)
            }
            Ground::Party(organisation) => {
                concerns.discloser == Some(organisation) || concerns.recipient == Some(organisation)
            }
        };
        if may { Ok(()) } else { Err(Refusal::NotForThisRequestor) }
    }

    /// Whether this Consent may be written: by the person about herself, or by a recorder whose organisation does not
    /// gain by it. One that receives what others hold may record a new denial, and nothing that ends one or permits.
    ///
    /// # Errors
    /// [`Refusal::NotForThisRequestor`].
    pub fn may_write(&self, consent: &ValidConsent) -> Result<(), Refusal> {
        let is_new = matches!(self.question.interaction, Interaction::Own(OwnAction::CreateConsent(_)));
        let may = match &self.ground {
            Ground::Herself(number) => *number == consent.person(),
            Ground::Recorder(Gains::Nothing) => true,
            Ground::Recorder(Gains::Receives) => is_new && consent.rule().is_some_and(only_denies),
            Ground::Oversight(_) | Ground::Party(_) | Ground::Anyone => false,
        };
        if may { Ok(()) } else { Err(Refusal::NotForThisRequestor) }
    }
}

fn only_denies(rule: &Provision) -> bool {
    rule.effect == Effect::Deny && rule.exceptions.iter().all(|exception| exception.effect == Effect::Deny)
}

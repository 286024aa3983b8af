//! What is asked, in words: taken before the question moves on.

use fhir::ods_code::OdsCode;
use fhir::tables::{TypeId, resource_type};

use crate::decision::calendar::day_of;
use crate::decision::ruling::Question;
use crate::interaction::{
    BinaryTarget, FhirAction, HistoryRequest, Interaction, ResourceChange, ResourceDeletion, VersionTarget,
};
use crate::requestor::{Party, Supervision};
use crate::settings::Settings;

/// The parts of a question that rules speak of.
pub(super) struct Asked {
    /// Of which kind it is.
    pub(super) kind: Kind,
    /// Which type is asked for; none for metadata and pushes.
    pub(super) resource_type: Option<TypeId>,
    /// The role or system that a block must name, in words.
    pub(super) role: String,
    /// Who answers for the requestor when it is not registered.
    pub(super) supervision: String,
    /// From whom to whom, in words.
    pub(super) parties: String,
    /// The ids of the agreements in force between them.
    pub(super) agreements: Vec<String>,
}

/// Which rules there are for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Metadata,
    Read,
    Search,
    Create,
    Change,
    Push,
}

impl Asked {
    /// The parts of a question about a system.
    pub(super) fn of(question: &Question, settings: &Settings) -> Self {
        let (system, kind, of_type) = match &question.interaction {
            Interaction::Fhir { system, action } => match action {
                FhirAction::Metadata => (Some(system), Kind::Metadata, None),
                FhirAction::Read(target) | FhirAction::ReadBinary(BinaryTarget { binary: target, .. }) => {
                    (Some(system), Kind::Read, Some(target.resource_type))
                }
                FhirAction::Vread(VersionTarget { resource, .. })
                | FhirAction::History(HistoryRequest { resource, .. }) => {
                    (Some(system), Kind::Read, Some(resource.resource_type))
                }
                FhirAction::Search(search) => {
                    (Some(system), Kind::Search, Some(search.query.resource_type()))
                }
                FhirAction::Everything(_) => (Some(system), Kind::Search, resource_type("Patient")),
                FhirAction::Document(target) => (Some(system), Kind::Read, Some(target.resource_type)),
                FhirAction::Message(_) => (Some(system), Kind::Push, None),
                FhirAction::Batch(_) => (Some(system), Kind::Metadata, None),
                FhirAction::Create(new) => (Some(system), Kind::Create, Some(new.resource_type)),
                FhirAction::Change(ResourceChange { target, .. })
                | FhirAction::Delete(ResourceDeletion { target, .. }) => {
                    (Some(system), Kind::Change, Some(target.resource_type))
                }
            },
            Interaction::Push { system } => (Some(system), Kind::Push, None),
            Interaction::Own(_) => (None, Kind::Metadata, None),
        };
        let holder =
            system.and_then(|name| settings.system(name.as_str())).map(|system| &system.organisation);
        let asking = question.requestor.organisation();
        let (from, to) = match kind {
            Kind::Create | Kind::Push => (asking, holder),
            Kind::Metadata | Kind::Read | Kind::Search | Kind::Change => (holder, asking),
        };
        let today = day_of(question.at);
        let binds = |from: &OdsCode, to: &OdsCode| {
            let all = settings.agreements.all().iter();
            let binding = all.filter(|agreement| {
                agreement.is_in_force(today)
                    && agreement.discloser.contains(from)
                    && agreement.recipient.contains(to)
            });
            binding.map(|agreement| agreement.id.to_string()).collect()
        };
        let named = |code: Option<&OdsCode>| match code {
            Some(code) => organisation(code, settings),
            None => "nobody's organisation".to_owned(),
        };
        let role = match (kind, system) {
            (Kind::Create | Kind::Push, Some(system)) => format!("the system `{system}`"),
            (Kind::Create | Kind::Change | Kind::Push | Kind::Metadata | Kind::Read | Kind::Search, _) => {
                role(&question.requestor.party)
            }
        };
        Self {
            kind,
            resource_type: of_type,
            role,
            supervision: supervision(&question.requestor.party),
            parties: format!("from {} to {}", named(from), named(to)),
            agreements: from.zip(to).map(|(from, to)| binds(from, to)).unwrap_or_default(),
        }
    }
}

/// An organisation by name and code.
pub(super) fn organisation(code: &OdsCode, settings: &Settings) -> String {
    format!("{} ({})", settings.organisation_name(code), code.to_setting())
}

fn role(party: &Party) -> String {
    match party {
        Party::Professional(professional) => {
            format!("{} ({})", professional.role.display().unwrap_or("job role"), professional.role)
        }
        Party::System(system) => format!("the system {}", system.san),
        Party::Person(_) => "the person herself".to_owned(),
    }
}

fn supervision(party: &Party) -> String {
    match party {
        Party::Professional(professional) => match &professional.supervision {
            Supervision::Supervised { supervisor, until } => {
                format!("supervised by {supervisor} until {until}")
            }
            Supervision::NotStated => "no supervisor is named".to_owned(),
        },
        Party::System(_) | Party::Person(_) => "no supervisor is named".to_owned(),
    }
}

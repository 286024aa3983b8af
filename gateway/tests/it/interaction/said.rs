//! What was understood, in a few words.

use fhir::search::Criterion;
use gateway::interaction::{AuditSelector, FhirAction, Interaction, OwnAction, PersonSelector, Wanted};

/// What was asked, in a few words.
pub(super) fn said(interaction: Interaction) -> String {
    match interaction {
        Interaction::Fhir { system, action } => match action {
            FhirAction::Metadata => format!("{system} metadata"),
            FhirAction::Read(target) => {
                format!("{system} read {}/{}", target.resource_type.name(), target.id.as_str())
            }
            FhirAction::ReadBinary(target) => {
                format!("{system} read Binary/{} as {:?}", target.binary.id.as_str(), target.form)
            }
            FhirAction::Vread(target) => format!(
                "{system} vread {}/{} {}",
                target.resource.resource_type.name(),
                target.resource.id.as_str(),
                target.version.as_str()
            ),
            FhirAction::History(request) => format!(
                "{system} history {}/{}?{} from {}",
                request.resource.resource_type.name(),
                request.resource.id.as_str(),
                request.to_form(),
                request.offset
            ),
            FhirAction::Search(search) => format!(
                "{system} search {}?{} from {}",
                search.query.resource_type().name(),
                search.query.to_form(),
                search.offset
            ),
            FhirAction::Everything(request) => {
                format!("{system} everything about {}?{}", request.patient.as_str(), request.to_link_form())
            }
            FhirAction::Document(target) => format!("{system} document {}", target.id.as_str()),
            FhirAction::Message(message) => format!("{system} message of {}", message.types.len()),
            FhirAction::Batch(batch) => format!("{system} {} of {}", batch.bundle.name(), batch.lines.len()),
            FhirAction::Create(new) => format!("{system} create {}", new.resource_type.name()),
            FhirAction::Change(change) => {
                let (target, wanted) = (&change.target, &change.wanted);
                let how = if matches!(wanted, Wanted::Whole(_)) { "update" } else { "patch" };
                let (kind, id) = (target.resource_type.name(), target.id.as_str());
                format!("{system} {how} {kind}/{id} {} {:?}", change.if_match, change.told)
            }
            FhirAction::Delete(deletion) => {
                let target = &deletion.target;
                let (kind, id) = (target.resource_type.name(), target.id.as_str());
                format!("{system} delete {kind}/{id} {}", deletion.if_match)
            }
        },
        Interaction::Push { system } => format!("{system} push"),
        Interaction::Own(action) => own(action),
    }
}

/// The same of the gateway's own resources.
fn own(action: OwnAction) -> String {
    match action {
        OwnAction::Metadata => "own metadata".into(),
        OwnAction::ReadConsent(id) => format!("read Consent/{}", id.as_str()),
        OwnAction::VreadConsent { id, version } => {
            format!("vread Consent/{} {}", id.as_str(), version.as_str())
        }
        OwnAction::HistoryConsent(request) => {
            format!("history of Consent/{} {}", request.id.as_str(), request.to_form())
        }
        OwnAction::SearchConsent(query) => {
            let criteria = fhir::search::form(query.criteria.iter().map(Criterion::to_pair));
            format!("search Consent of {} {criteria}", query.person.as_str()).trim_end().to_owned()
        }
        OwnAction::CreateConsent(_) => "create Consent".into(),
        OwnAction::UpdateConsent { id, if_match, .. } => {
            format!("update Consent/{} {if_match}", id.as_str())
        }
        OwnAction::ReadAuditEvent(id) => format!("read AuditEvent/{}", id.as_str()),
        OwnAction::SearchAuditEvent(query) => {
            let criteria = fhir::search::form(query.criteria.iter().map(Criterion::to_pair));
            let by = match query.by {
                AuditSelector::Person(person) => {
                    format!("trail of {} {} {:?}", who(&person), query.count, query.before)
                }
                AuditSelector::Receipt(receipt) => format!("trail by {receipt}"),
            };
            format!("{by} {criteria}").trim_end().to_owned()
        }
        OwnAction::ReadProvenance(id) => format!("read Provenance/{}", id.as_str()),
    }
}

fn who(person: &PersonSelector) -> String {
    match person {
        PersonSelector::Nhs(number) => number.as_str().to_owned(),
        PersonSelector::Local { system, id } => format!("{system} {}", id.as_str()),
    }
}

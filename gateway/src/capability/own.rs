//! What somebody may ask of the gateway's own resources, found out by asking the rules: about nobody in particular, and of
//! the person about herself.

use std::collections::BTreeMap;

use fhir::json;
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use fhir::tables::{self, TypeId};
use jiff::Timestamp;

use super::served::Served;
use crate::decision::admit_own;
use crate::decision::own::{Gains, Ground};
use crate::decision::ruling::Question;
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::registry::{self, ConsentHistory, ConsentQuery};
use crate::interaction::surface::{self, OwnServed as Row};
use crate::interaction::{AuditQuery, AuditSelector, Interaction, OwnAction, PersonSelector};
use crate::person::SystemName;
use crate::requestor::{Party, Requestor};
use crate::settings::Settings;

/// What is asked about.
const ANY: &str = "1";
/// Whose number does not matter either.
const ANYBODY: &str = "9990000018";

/// The types of which `requestor` may ask anything, with what.
pub(super) fn types(requestor: &Requestor, settings: &Settings, at: Timestamp) -> BTreeMap<TypeId, Served> {
    let mut types: BTreeMap<TypeId, Served> = BTreeMap::new();
    for owner in ["Consent", "AuditEvent", "Provenance"] {
        let Some(found) = tables::resource_type(owner) else { continue };
        for (name, row) in surface::served_of_own(owner) {
            let Some(action) = action(row, requestor) else { continue };
            let interaction = Interaction::Own(action);
            let question = Question { requestor: requestor.clone(), interaction, override_reason: None, at };
            let Ok(admitted) = admit_own(question, settings) else { continue };
            // Who gains by what people permit records new denials, and changes nothing.
            if row == Row::UpdateConsent && *admitted.ground() == Ground::Recorder(Gains::Receives) {
                continue;
            }
            let served = types.entry(found).or_default();
            served.names.insert(name);
            if name == "search-type" {
                served.parameters.extend(parameters(row));
            }
        }
    }
    types
}

/// What a search can be narrowed by, with whom it is about.
fn parameters(row: Row) -> impl Iterator<Item = (&'static str, &'static str)> {
    let narrowing: &'static [(&'static str, &'static str)] = match row {
        Row::SearchConsent | Row::SearchConsentForm => &registry::CRITERIA,
        Row::SearchAuditEvent | Row::SearchAuditEventForm => &AuditQuery::CRITERIA,
        Row::Capabilities
        | Row::ReadConsent
        | Row::VreadConsent
        | Row::HistoryConsent
        | Row::CreateConsent
        | Row::UpdateConsent
        | Row::ReadAuditEvent
        | Row::ReadProvenance => &[],
    };
    narrowing.iter().copied().chain([("patient", "reference"), ("patient.identifier", "token")])
}

fn action(row: Row, requestor: &Requestor) -> Option<OwnAction> {
    let id = || Id::parse(ANY).ok();
    let person = || match &requestor.party {
        Party::Person(person) => Some(PersonSelector::Nhs(person.nhs_number)),
        Party::Professional(_) | Party::System(_) => {
            Some(PersonSelector::Local { system: SystemName::new(ANY), id: id()? })
        }
    };
    let body = || json::parse("{}".into(), &json::Limits::default()).ok().map(Unfiltered::new);
    Some(match row {
        Row::Capabilities => OwnAction::Metadata,
        Row::ReadConsent => OwnAction::ReadConsent(id()?),
        Row::VreadConsent => OwnAction::VreadConsent { id: id()?, version: id()? },
        Row::HistoryConsent => {
            OwnAction::HistoryConsent(ConsentHistory { id: id()?, since: None, count: 1, before: None })
        }
        Row::SearchConsent | Row::SearchConsentForm => {
            let person = match person()? {
                PersonSelector::Nhs(number) => number,
                PersonSelector::Local { .. } => NhsNumber::parse(ANYBODY).ok()?,
            };
            OwnAction::SearchConsent(ConsentQuery { person, criteria: Vec::new() })
        }
        Row::CreateConsent => OwnAction::CreateConsent(body()?),
        Row::UpdateConsent => OwnAction::UpdateConsent { id: id()?, if_match: 1, body: body()? },
        Row::SearchAuditEvent | Row::SearchAuditEventForm => OwnAction::SearchAuditEvent(AuditQuery {
            by: AuditSelector::Person(person()?),
            criteria: Vec::new(),
            count: 1,
            before: None,
        }),
        Row::ReadAuditEvent => OwnAction::ReadAuditEvent(id()?),
        Row::ReadProvenance => OwnAction::ReadProvenance(id()?),
    })
}

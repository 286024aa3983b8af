//! Which BALP pattern a record fits, and the codes that go with it.

use fhir::element::Element;

use super::Told;
use crate::trail::record::{Event, Exchange, RecordedRequestor};

/// DICOM's codes of events and of parts in them.
pub(super) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
const AUTHORISATION: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType";

/// The patterns of BALP that the gateway meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Somebody read one resource, or how it was before.
    Read,
    /// Somebody searched.
    Query,
    /// Somebody wrote a new resource.
    Create,
    /// Somebody changed a resource.
    Update,
    /// Somebody asked for several things at once; each of them has events of its own.
    Together,
    /// Somebody deleted a resource.
    Delete,
    /// The gateway sent something to another organisation's system.
    Disclosure,
    /// The gateway said no.
    Refusal,
    /// Something that BALP has no pattern for.
    Other,
}

impl Pattern {
    pub(super) fn of(told: &Told<'_>) -> Self {
        let exchange = told.exchange;
        let refused =
            exchange.event == Event::Refused || told.person.is_some_and(|person| person.refusal.is_some());
        if refused {
            return if exchange.requestor.is_some() { Self::Refusal } else { Self::Other };
        }
        if matches!(exchange.event, Event::NotAuthenticated | Event::Erased | Event::Operated) {
            return Self::Other;
        }
        match exchange.interaction.as_str() {
            "read" | "vread" | "history-instance" | "document" | "consent-read" | "provenance-read" => {
                Self::Read
            }
            "search" | "search-type" | "everything" | "audit-search" | "consent-search" => Self::Query,
            "create" | "consent-create" => Self::Create,
            "update" | "patch" | "consent-update" => Self::Update,
            "delete" => Self::Delete,
            "push" | "process-message" => Self::Disclosure,
            "batch" | "transaction" => Self::Together,
            _ => Self::Other,
        }
    }

    /// The profile that the event claims; none where something that the profile asks for is not known.
    pub(super) fn profile(self, told: &Told<'_>) -> Option<&'static str> {
        let succeeded = super::outcome(told).0 == "0";
        let known = told.exchange.requestor.is_some();
        match (self, told.person) {
            // BALP has read, vread and search alone; what is told in the same way claims nothing.
            (Self::Read | Self::Query, _) if is_of_several(&told.exchange.interaction) => None,
            (Self::Read, Some(_)) if succeeded && known && told.resources().len() == 1 => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead")
            }
            (Self::Query, Some(_)) if succeeded && known && told.exchange.query.is_some() => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery")
            }
            (Self::Query, None) if succeeded && known && told.exchange.query.is_some() => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query")
            }
            (Self::Create, Some(_)) if succeeded && known && told.resources().len() == 1 => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientCreate")
            }
            (Self::Update, Some(_)) if succeeded && known && told.resources().len() == 1 => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientUpdate")
            }
            (Self::Delete, Some(_)) if succeeded && known && told.resources().len() == 1 => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientDelete")
            }
            (Self::Disclosure, Some(_)) if known => Some(
                "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source",
            ),
            (Self::Refusal, Some(_)) if told.consent().is_some() && has_organisation(told.exchange) => {
                Some("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.AuthZconsent")
            }
            _ => None,
        }
    }

    pub(super) fn event_type(self, event: Event) -> Element {
        match self {
            Self::Read | Self::Query | Self::Create | Self::Update | Self::Delete | Self::Together => {
                Element::coding(REST, "rest", None)
            }
            Self::Disclosure => Element::coding(DCM, "110106", Some("Export")),
            Self::Refusal => Element::coding(DCM, "110113", Some("Security Alert")),
            Self::Other if event == Event::NotAuthenticated => {
                Element::coding(DCM, "110114", Some("User Authentication"))
            }
            Self::Other => Element::coding(DCM, "110100", Some("Application Activity")),
        }
    }

    /// What was done. An interaction of the gateway's own resources is the interaction of FHIR that it is.
    pub(super) fn subtypes(self, told: &Told<'_>) -> Vec<Element> {
        let code = told.exchange.interaction.as_str();
        match self {
            Self::Read | Self::Query if is_operation(code) => {
                let named = format!("{}/operation", told.site.base);
                vec![interaction("operation"), Element::coding(&named, code, None)]
            }
            Self::Read => vec![interaction(if is_of_versions(code) { code } else { "read" })],
            Self::Query => vec![interaction(if code == "search" { "search" } else { "search-type" })],
            Self::Create => vec![interaction("create")],
            Self::Update => vec![interaction("update")],
            Self::Together => vec![interaction(code)],
            Self::Delete => vec![interaction("delete")],
            Self::Disclosure => vec![Element::coding(LIFECYCLE, "disclose", None)],
            Self::Refusal => {
                let code = if told.consent().is_some() { "AuthZ-Consent" } else { "AuthZ-Role" };
                vec![Element::coding(AUTHORISATION, code, None)]
            }
            Self::Other => vec![Element::coding(&format!("{}/interaction", told.site.base), code, None)],
        }
    }

    pub(super) fn action(self, exchange: &Exchange) -> &'static str {
        match self {
            Self::Read | Self::Disclosure => "R",
            Self::Create => "C",
            Self::Update => "U",
            Self::Delete => "D",
            Self::Query | Self::Together | Self::Refusal => "E",
            Self::Other if exchange.event == Event::Erased => "D",
            Self::Other => "E",
        }
    }
}

/// Reads of more than one resource, and several searches told as one.
fn is_of_several(code: &str) -> bool {
    code == "history-instance" || is_operation(code)
}

fn is_operation(code: &str) -> bool {
    matches!(code, "everything" | "document")
}

fn is_of_versions(code: &str) -> bool {
    matches!(code, "vread" | "history-instance")
}

fn interaction(code: &str) -> Element {
    Element::coding(INTERACTION, code, None)
}

/// Whether the requestor answers to an organisation: AuthZconsent wants to know which.
fn has_organisation(exchange: &Exchange) -> bool {
    match &exchange.requestor {
        Some(
            RecordedRequestor::Professional { .. }
            | RecordedRequestor::System { .. }
            | RecordedRequestor::Operator { .. },
        ) => true,
        Some(RecordedRequestor::Person { .. }) | None => false,
    }
}

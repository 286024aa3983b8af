//! Who took part. BALP gives client and server other codes for each interaction.

use fhir::element::Element;
use fhir::identifier::{NHS_NUMBER, ODS_ORGANIZATION_CODE};
use fhir::role::{self, SdsRole};

use super::pattern::{DCM, Pattern};
use super::{Told, observer, purpose};
use crate::trail::record::RecordedRequestor;

const APPLICATION: &str = "110150";
const DESTINATION: &str = "110152";
const SOURCE: &str = "110153";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ROLE_CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleClass";
const SECURITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/extra-security-role-type";
const USER_AGENT: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes";
const PROVENANCE_PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const SNOMED: &str = "http://snomed.info/sct";

/// Codes of `network.type`.
const IP_ADDRESS: &str = "2";
const URI: &str = "5";

pub(super) fn agents(pattern: Pattern, told: &Told<'_>) -> Vec<Element> {
    let requestor = told.exchange.requestor.as_ref();
    let mut agents = match pattern {
        Pattern::Read => vec![client(DESTINATION, told), server(SOURCE, told)],
        Pattern::Query | Pattern::Together | Pattern::Create | Pattern::Update => {
            vec![client(SOURCE, told), server(DESTINATION, told)]
        }
        Pattern::Delete => vec![client(APPLICATION, told), keeper(told)],
        Pattern::Disclosure => vec![source(told), recipient(told), custodian(told)],
        Pattern::Refusal => vec![client(APPLICATION, told), authorizer(told)],
        Pattern::Other => vec![client(APPLICATION, told)],
    };
    let part = match pattern {
        Pattern::Create | Pattern::Update => "AUT",
        Pattern::Read
        | Pattern::Query
        | Pattern::Together
        | Pattern::Delete
        | Pattern::Disclosure
        | Pattern::Refusal
        | Pattern::Other => "IRCP",
    };
    agents.extend(requestor.and_then(|requestor| user(requestor, part, pattern, told)));
    agents.extend(requestor.and_then(organisation));
    agents
}

/// A part by its DICOM code.
fn dicom(code: &str) -> Element {
    Element::new().with("type", Element::concept(DCM, code, None))
}

fn at(agent: Element, address: Option<&str>, kind: &str) -> Element {
    let network = match address {
        Some(address) => Element::new().with("address", address).with("type", kind),
        None => unknown(),
    };
    agent.with("network", network)
}

/// An element that is required and not known.
fn unknown() -> Element {
    let reason = Element::new()
        .with("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason")
        .with("valueCode", "unknown");
    Element::new().with("extension", vec![reason])
}

/// The system at the other end. Of a member of staff's system only the organisation is known.
fn client(code: &str, told: &Told<'_>) -> Element {
    let (who, is_requestor) = match &told.exchange.requestor {
        Some(
            RecordedRequestor::Professional { organisation, .. }
            | RecordedRequestor::Operator { organisation, .. },
        ) => (Element::logical_reference(ODS_ORGANIZATION_CODE, organisation), false),
        Some(RecordedRequestor::System { name, .. }) => {
            (Element::new().with("identifier", Element::new().with("value", name)), true)
        }
        Some(RecordedRequestor::Person { .. }) => {
            (Element::new().with("display", "the person's own browser or app"), false)
        }
        None => (unknown(), true),
    };
    at(
        dicom(code).with("who", who).with("requestor", is_requestor),
        told.exchange.peer.as_deref(),
        IP_ADDRESS,
    )
}

/// The face of the system that was asked.
fn server(code: &str, told: &Told<'_>) -> Element {
    face(dicom(code), told)
}

/// The same, as the one that kept what is deleted.
fn keeper(told: &Told<'_>) -> Element {
    face(Element::new().with("type", Element::concept(PROVENANCE_PARTICIPANT, "custodian", None)), told)
}

fn face(agent: Element, told: &Told<'_>) -> Element {
    let organisation = told.exchange.discloser.as_deref().unwrap_or(told.site.organisation.as_str());
    let who = Element::logical_reference(ODS_ORGANIZATION_CODE, organisation)
        .with("display", told.exchange.place.as_str());
    at(agent.with("who", who).with("requestor", false), Some(&told.face()), URI)
}

/// The gateway as the sender.
fn source(told: &Told<'_>) -> Element {
    at(dicom(SOURCE).with("who", observer(told.site)).with("requestor", false), Some(told.site.base), URI)
}

/// The system that was sent to.
fn recipient(told: &Told<'_>) -> Element {
    let who = Element::new().with("display", told.exchange.place.as_str());
    at(dicom(DESTINATION).with("who", who).with("requestor", false), Some(&told.face()), URI)
}

/// The organisation whose records they are.
fn custodian(told: &Told<'_>) -> Element {
    let organisation = told.exchange.discloser.as_deref().unwrap_or(told.site.organisation.as_str());
    Element::new()
        .with("type", Element::concept(SNOMED, "159541003", None))
        .with("who", Element::logical_reference(ODS_ORGANIZATION_CODE, organisation))
        .with("requestor", false)
}

/// The gateway as the one that decides.
fn authorizer(told: &Told<'_>) -> Element {
    Element::new()
        .with("type", Element::concept(SECURITY_ROLE, "authserver", None))
        .with("who", observer(told.site))
        .with("requestor", false)
}

/// Somebody by her number; in another's trail without.
fn person(nhs_number: &str) -> Element {
    match nhs_number {
        "" => Element::new().with("display", "another person"),
        number => Element::logical_reference(NHS_NUMBER, number),
    }
}

/// The human being; where a system asks, the refusal pattern wants one all the same.
fn user(requestor: &RecordedRequestor, part: &str, pattern: Pattern, told: &Told<'_>) -> Option<Element> {
    let participation = Element::coding(PARTICIPATION, part, None);
    let agent = match requestor {
        RecordedRequestor::Professional { issuer, subject, token_id, name, role, .. } => {
            let mut codings = vec![participation];
            if !token_id.is_empty() {
                codings.push(Element::coding(USER_AGENT, "UserOauthAgent", None));
            }
            let display = SdsRole::parse(role).ok().and_then(SdsRole::display);
            Element::new()
                .with("type", Element::new().with("coding", codings))
                .with("role", vec![Element::concept(role::SYSTEM, role, display)])
                .with("who", Element::logical_reference(issuer, subject))
                .with("name", name)
                .with("requestor", true)
                .with("policy", vec![token_id.as_str()])
        }
        RecordedRequestor::Operator { name, account, .. } => Element::new()
            .with("type", Element::new().with("coding", vec![participation]))
            .with("who", Element::new().with("identifier", Element::new().with("value", account)))
            .with("name", name)
            .with("requestor", true),
        RecordedRequestor::Person { nhs_number, .. } => Element::new()
            .with("type", Element::new().with("coding", vec![participation]))
            .with("who", person(nhs_number))
            .with("requestor", true),
        RecordedRequestor::System { name, .. } if pattern == Pattern::Refusal => Element::new()
            .with("type", Element::new().with("coding", vec![participation]))
            .with("who", Element::new().with("identifier", Element::new().with("value", name)))
            .with("requestor", true),
        RecordedRequestor::System { .. } => return None,
    };
    Some(agent.with("purposeOfUse", purpose(told.exchange).map(|purpose| vec![purpose])))
}

fn organisation(requestor: &RecordedRequestor) -> Option<Element> {
    match requestor {
        RecordedRequestor::Professional { organisation, .. }
        | RecordedRequestor::System { organisation, .. }
        | RecordedRequestor::Operator { organisation, .. } => Some(
            Element::new()
                .with("type", Element::concept(ROLE_CLASS, "PROV", None))
                .with("who", Element::logical_reference(ODS_ORGANIZATION_CODE, organisation))
                .with("requestor", false),
        ),
        RecordedRequestor::Person { .. } => None,
    }
}

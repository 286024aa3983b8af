//! `Provenance` of a share, rendered from its record: what was shared, by whom, through whom, to whom and why.
//!
//! It names nothing but what was shared.

use fhir::element::{Element, Resource};
use fhir::identifier::{NHS_NUMBER, ODS_ORGANIZATION_CODE};
use fhir::instant::DateTime;
use fhir::purpose_of_use::{self, PurposeOfUse};

use super::audit_event::Site;
use super::record::{AboutPerson, Event, Exchange, RecordedRequestor};

const AGENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";

/// The Provenance of what an exchange shared with the requestor; nothing if it shared nothing.
///
/// `id` names it under `/fhir/Provenance`.
pub fn provenance<'a>(
    id: &str,
    exchange: &Exchange,
    persons: impl IntoIterator<Item = &'a AboutPerson>,
    site: Site<'_>,
) -> Option<Resource> {
    let face = match exchange.place.as_str() {
        "gateway" => format!("{}/fhir", site.base),
        system => format!("{}/{system}/fhir", site.base),
    };
    let shared = persons.into_iter().filter(|person| person.refusal.is_none());
    let about_nobody = exchange.resources.iter().filter(|_| exchange.event == Event::Disclosed);
    let mut targets: Vec<&str> =
        shared.flat_map(|person| &person.resources).chain(about_nobody).map(String::as_str).collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.is_empty() {
        return None;
    }
    let targets: Vec<Element> =
        targets.iter().map(|target| Element::reference(&format!("{face}/{target}"))).collect();
    let policy =
        exchange.agreement.as_ref().map(|agreement| vec![format!("{}/register#{}", site.base, agreement.id)]);
    let mut agents = vec![custodian(exchange, site), assembler(site)];
    agents.extend(ends(exchange));
    Some(
        Resource::new("Provenance")
            .with("id", id)
            .with("target", targets)
            .with("recorded", DateTime::from(exchange.at).as_str())
            .with("policy", policy)
            .with("reason", reason(exchange).map(|reason| vec![reason]))
            .with("activity", Element::concept(LIFECYCLE, "disclose", None))
            .with("agent", agents)
            .with("entity", exchange.follows.as_deref().map(|message| vec![source(message)])),
    )
}

fn reason(exchange: &Exchange) -> Option<Element> {
    let code = exchange.purpose.as_deref()?;
    let display = PurposeOfUse::parse(code).ok().map(PurposeOfUse::display);
    Some(Element::concept(purpose_of_use::SYSTEM, code, display))
}

/// Whose record it is.
fn custodian(exchange: &Exchange, site: Site<'_>) -> Element {
    let organisation = exchange.discloser.as_deref().unwrap_or(site.organisation.as_str());
    agent(AGENT_TYPE, "custodian", Element::logical_reference(ODS_ORGANIZATION_CODE, organisation))
}

/// The gateway, which chose the parts.
fn assembler(site: Site<'_>) -> Element {
    let who = Element::new()
        .with("identifier", Element::new().with("value", site.base))
        .with("display", concat!("Portcullis ", env!("CARGO_PKG_VERSION")));
    let operator = Element::logical_reference(ODS_ORGANIZATION_CODE, site.organisation.as_str());
    agent(AGENT_TYPE, "assembler", who).with("onBehalfOf", operator)
}

/// Who received it; for what was sent on, also who sent it.
fn ends(exchange: &Exchange) -> Vec<Element> {
    let requestor = exchange.requestor.as_ref().map(party);
    match exchange.interaction.as_str() {
        "push" | "create" | "update" | "patch" | "process-message" | "transaction" => {
            let mut ends: Vec<Element> =
                requestor.map(|who| agent(AGENT_TYPE, "informant", who)).into_iter().collect();
            let target = Element::new().with("display", exchange.place.as_str());
            ends.push(agent(PARTICIPATION, "IRCP", target));
            ends
        }
        _ => requestor.map(|who| agent(PARTICIPATION, "IRCP", who)).into_iter().collect(),
    }
}

fn agent(system: &str, code: &str, who: Element) -> Element {
    Element::new().with("type", Element::concept(system, code, None)).with("who", who)
}

/// The organisation that answers for a requestor, or the person herself.
fn party(requestor: &RecordedRequestor) -> Element {
    match requestor {
        RecordedRequestor::Professional { organisation, .. }
        | RecordedRequestor::System { organisation, .. }
        | RecordedRequestor::Operator { organisation, .. } => {
            Element::logical_reference(ODS_ORGANIZATION_CODE, organisation)
        }
        RecordedRequestor::Person { nhs_number, .. } => Element::logical_reference(NHS_NUMBER, nhs_number),
    }
}

/// The message that the share was made of.
fn source(message: &str) -> Element {
    let identifier = Element::new().with("value", message);
    Element::new().with("role", "source").with("what", Element::new().with("identifier", identifier))
}

//! `AuditEvent`s in the patterns of IHE Basic Audit Log Patterns (BALP), rendered from records when they are read.
//!
//! One record is one event. A profile is claimed only where everything it asks for is known; what BALP has no place
//! for (agreement, relationship, consent, override) stands in the details of the patient entity. Nothing here
//! decides who may read an event.

mod agents;
mod entities;
mod pattern;

use fhir::element::{Element, Resource};
use fhir::instant::DateTime;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::{self, PurposeOfUse};

use super::record::{About, AboutPerson, Event, Exchange, Record};
use pattern::Pattern;

/// What the events of one gateway have in common.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The base under which the world sees the gateway, without a trailing slash.
    pub base: &'a str,
    /// Who runs it.
    pub organisation: &'a OdsCode,
}

/// Where a record stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Names the record: the hexadecimal digits of its leaf hash.
    pub id: &'a str,
    /// `Portcullis-Receipt` of the exchange.
    pub receipt: &'a str,
}

/// A record with where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The record.
    pub record: &'a Record,
    /// Where it stands.
    pub place: Place<'a>,
}

/// The event that a record tells of.
#[must_use]
pub fn audit_event(placed: Placed<'_>, site: Site<'_>) -> Resource {
    let exchange = &placed.record.exchange;
    let told = Told { exchange, person: person(placed.record), place: placed.place, site };
    let pattern = Pattern::of(&told);
    let (outcome, description) = outcome(&told);
    let profile = pattern.profile(&told);
    Resource::new("AuditEvent")
        .with("id", told.place.id)
        .with("meta", Element::new().with("profile", profile.map(|profile| vec![profile])))
        .with("type", pattern.event_type(exchange.event))
        .with("subtype", pattern.subtypes(&told))
        .with("action", pattern.action(exchange))
        .with("recorded", DateTime::from(exchange.at).as_str())
        .with("outcome", outcome)
        .with("outcomeDesc", description)
        .with("purposeOfEvent", purpose(exchange).map(|purpose| vec![purpose]))
        .with("agent", agents::agents(pattern, &told))
        .with("source", source(site))
        .with("entity", entities::entities(pattern, profile, &told))
}

/// A searchset of events, in the order given.
///
/// There is no total: the trail goes on below the page.
#[must_use]
pub fn searchset(page: &[Placed<'_>], self_link: &str, next_link: Option<&str>, site: Site<'_>) -> Resource {
    let link = |relation: &str, url: &str| Element::new().with("relation", relation).with("url", url);
    let mut links = vec![link(fhir::bundle::LINK_SELF, self_link)];
    links.extend(next_link.map(|url| link(fhir::bundle::LINK_NEXT, url)));
    let entry = |placed: &Placed<'_>| {
        Element::new()
            .with("fullUrl", format!("{}/fhir/AuditEvent/{}", site.base, placed.place.id))
            .with("resource", audit_event(*placed, site))
            .with("search", Element::new().with("mode", fhir::bundle::SearchMode::Match.code()))
    };
    Resource::new("Bundle")
        .with("type", fhir::bundle::BundleType::Searchset.code())
        .with("link", links)
        .with("entry", page.iter().map(entry).collect::<Vec<_>>())
}

/// Everything one event is made of.
struct Told<'a> {
    exchange: &'a Exchange,
    /// Nobody, for the leaf of the exchange as a whole.
    person: Option<&'a AboutPerson>,
    place: Place<'a>,
    site: Site<'a>,
}

impl Told<'_> {
    /// The address of `Type/id` on the face of the system that the exchange was about, or of `system/Type/id`.
    fn url(&self, resource: &str) -> String {
        match resource.splitn(3, '/').collect::<Vec<_>>().as_slice() {
            [system, resource_type, id] if system.starts_with(|first: char| first.is_ascii_lowercase()) => {
                format!("{}/{system}/fhir/{resource_type}/{id}", self.site.base)
            }
            _ => format!("{}/{resource}", self.face()),
        }
    }

    /// The FHIR face of the system that the exchange was about.
    fn face(&self) -> String {
        match self.exchange.place.as_str() {
            "gateway" => format!("{}/fhir", self.site.base),
            system => format!("{}/{system}/fhir", self.site.base),
        }
    }

    /// What was shared or written about the person, `Type/id`; of the exchange as a whole what was asked for by its id, or
    /// shared and is about nobody.
    fn resources(&self) -> &[String] {
        self.person.map_or(self.exchange.resources.as_slice(), |person| person.resources.as_slice())
    }

    /// The Consent that the answer rests on, by its name: one that permits, or the one that denied.
    fn consent(&self) -> Option<&str> {
        let consent = self.person?.consent.as_deref()?;
        consent.strip_prefix("explicit ").or_else(|| consent.strip_prefix("denied "))
    }
}

fn person(record: &Record) -> Option<&AboutPerson> {
    match &record.about {
        About::Person(person) => Some(person),
        About::Exchange { .. } => None,
    }
}

/// The outcome codes of DICOM: 0 success, 4 minor failure, 8 serious failure.
fn outcome<'a>(told: &Told<'a>) -> (&'static str, Option<&'a str>) {
    let reason = told.exchange.reason.as_deref();
    if let Some(refusal) = told.person.and_then(|person| person.refusal.as_deref()) {
        return ("8", Some(refusal));
    }
    match told.exchange.event {
        Event::Disclosed | Event::ConsentRecorded | Event::Erased | Event::Operated => ("0", reason),
        Event::Intent => ("0", reason.or(Some("about to be sent"))),
        Event::Outcome if told.exchange.status < 400 => ("0", reason),
        Event::Outcome | Event::Refused | Event::Failed | Event::NotAuthenticated => ("8", reason),
        Event::NotReleased => ("8", reason.or(Some("recorded, but not released"))),
        Event::NotDelivered => ("4", reason.or(Some("released, but the connection had ended"))),
    }
}

/// The purpose as a concept; a code that R4 does not have is still shown.
fn purpose(exchange: &Exchange) -> Option<Element> {
    let code = exchange.purpose.as_deref()?;
    let display = PurposeOfUse::parse(code).ok().map(PurposeOfUse::display);
    Some(Element::concept(purpose_of_use::SYSTEM, code, display))
}

fn source(site: Site<'_>) -> Element {
    let server = Element::coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", None);
    Element::new().with("site", site.base).with("observer", observer(site)).with("type", vec![server])
}

/// The gateway itself.
fn observer(site: Site<'_>) -> Element {
    Element::logical_reference(fhir::identifier::ODS_ORGANIZATION_CODE, site.organisation.as_str())
        .with("display", "Portcullis")
}

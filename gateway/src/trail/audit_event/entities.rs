//! What it was about: the data, the query, the person, and the marks to find the event by.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::element::Element;
use fhir::identifier::NHS_NUMBER;

use super::Told;
use super::pattern::Pattern;
use crate::trail::record::{AboutPerson, RecordedRequestor, Words};

const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const BALP_ENTITY_TYPE: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
const RESOURCE_TYPE: &str = "http://hl7.org/fhir/resource-types";

/// What is said of a search that does not stand there as it was sent.
const WITHOUT_OTHERS: &str = "the search as it was understood, without other people whom it may have named";
const AS_UNDERSTOOD: &str = "the search as it was understood";

/// Codes of audit-entity-type.
const PERSON: &str = "1";
const SYSTEM_OBJECT: &str = "2";
const OTHER: &str = "4";

/// Codes of object-role.
const PATIENT: &str = "1";
const DOMAIN_RESOURCE: &str = "4";
const SECURITY_RESOURCE: &str = "13";
const QUERY: &str = "24";

pub(super) fn entities(pattern: Pattern, profile: Option<&str>, told: &Told<'_>) -> Vec<Element> {
    let mut entities = Vec::new();
    match pattern {
        Pattern::Read if matches!(told.exchange.interaction.as_str(), "history-instance" | "document") => {
            entities.extend(told.resources().iter().map(|resource| data(resource, told)));
        }
        Pattern::Read | Pattern::Create | Pattern::Update | Pattern::Delete => {
            entities.extend(told.resources().first().map(|resource| data(resource, told)));
        }
        Pattern::Disclosure => entities.extend(told.resources().iter().map(|resource| data(resource, told))),
        Pattern::Query => entities.extend(query(told)),
        Pattern::Together | Pattern::Refusal | Pattern::Other => {}
    }
    let details = details(pattern, told);
    // Where BALP's AuthZconsent is claimed nothing but person, consent and token may stand.
    let closed = pattern == Pattern::Refusal && profile.is_some();
    if let Some(person) = told.person {
        entities.push(patient(person, told).with("detail", details.clone()));
    }
    if closed {
        entities.extend(told.consent().map(|name| consent(name, told)));
        return entities;
    }
    entities.push(transaction(&told.exchange.request_id));
    let receipt = receipt(told);
    entities.push(if told.person.is_some() { receipt } else { receipt.with("detail", details) });
    entities
}

fn entity(kind: &str, role: &str) -> Element {
    Element::new()
        .with("type", Element::coding(ENTITY_TYPE, kind, None))
        .with("role", Element::coding(OBJECT_ROLE, role, None))
}

fn data(resource: &str, told: &Told<'_>) -> Element {
    entity(SYSTEM_OBJECT, DOMAIN_RESOURCE).with("what", Element::reference(&told.url(resource)))
}

/// The search as it was sent, in base64, with what was understood of it; what it found is not in it. Where it names others
/// than the person whose event this is, what was understood of it stands alone, without them.
fn query(told: &Told<'_>) -> Option<Element> {
    let understood = told.exchange.query.as_deref()?;
    let entity = entity(SYSTEM_OBJECT, QUERY);
    Some(match (&told.exchange.sent, told.person) {
        (Some(sent), _) => entity.with("description", cleaned(understood)).with("query", sent.as_str()),
        (None, Some(_)) => entity.with("description", WITHOUT_OTHERS).with("query", understood),
        (None, None) => entity.with("description", AS_UNDERSTOOD).with("query", understood),
    })
}

/// What was understood, as text.
fn cleaned(base64: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(base64).ok()?).ok().filter(|text| !text.is_empty())
}

fn patient(person: &AboutPerson, told: &Told<'_>) -> Element {
    let number = person.nhs_number.as_deref();
    let what = Element::new()
        .with("reference", person.patient.as_deref().map(|patient| told.url(patient)))
        .with("type", "Patient")
        .with("identifier", number.map(|number| Element::identifier(NHS_NUMBER, number)));
    entity(PERSON, PATIENT).with("what", what)
}

/// A Consent by its name: of the gateway, whichever system the exchange was about, or of a system.
fn consent(name: &str, told: &Told<'_>) -> Element {
    let url = match name.strip_prefix("Consent/") {
        Some(id) => format!("{}/fhir/Consent/{id}", told.site.base),
        None => told.url(name),
    };
    Element::new()
        .with("type", Element::coding(RESOURCE_TYPE, "Consent", None))
        .with("what", Element::reference(&url))
}

fn transaction(request_id: &str) -> Element {
    let identifier = Element::new().with("value", request_id);
    Element::new()
        .with("type", Element::coding(BALP_ENTITY_TYPE, "XrequestId", None))
        .with("what", Element::new().with("identifier", identifier))
}

fn receipt(told: &Told<'_>) -> Element {
    let system = format!("{}/receipt", told.site.base);
    entity(OTHER, SECURITY_RESOURCE).with("what", Element::logical_reference(&system, told.place.receipt))
}

/// What BALP has no place for, each under a name of its own.
fn details(pattern: Pattern, told: &Told<'_>) -> Vec<Element> {
    let exchange = told.exchange;
    let mut details = Details(Vec::new());
    details.add("request-id", Some(&exchange.request_id));
    details.add("correlation-id", exchange.correlation.as_deref());
    details.add("receipt", Some(told.place.receipt));
    details.add("agreement", exchange.agreement.as_ref().map(|agreement| agreement.id.as_str()));
    details.add("agreement-version", exchange.agreement.as_ref().map(|agreement| agreement.version.as_str()));
    details.add("override", exchange.override_.as_ref().map(|override_| override_.purpose.as_str()));
    details.add("override-reason", exchange.override_.as_ref().map(|override_| override_.reason.as_str()));
    details.add("follows", exchange.follows.as_deref());
    details.add("within", exchange.within.as_deref());
    if let Some(RecordedRequestor::Professional { supervisor, .. }) = &exchange.requestor {
        details.add("supervisor", supervisor.as_deref());
    }
    if exchange.words != Words::Fhir {
        details.add("words", Some(exchange.words.code()));
    }
    if exchange.count > 1 {
        details.add("count", Some(&exchange.count.to_string()));
    }
    if let Some(person) = told.person {
        details.person(person);
        if pattern == Pattern::Query {
            details.kinds(&person.resources);
        }
    } else if matches!(pattern, Pattern::Refusal | Pattern::Other | Pattern::Query) {
        for resource in &exchange.resources {
            details.add("resource", Some(resource));
        }
    }
    details.0
}

struct Details(Vec<Element>);

impl Details {
    fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.push(Element::new().with("type", name).with("valueString", value));
        }
    }

    fn person(&mut self, person: &AboutPerson) {
        self.add("relationship", person.relationship.as_deref());
        self.add("consent", person.consent.as_deref());
        for consent in &person.limited_by {
            self.add("limited-by", Some(consent));
        }
        self.add("refusal", person.refusal.as_deref());
        for reason in &person.overrode {
            self.add("overrode", Some(reason));
        }
        for (what, times) in &person.withheld {
            self.add("withheld", Some(&format!("{what} ({times})")));
        }
    }

    /// Which types a search was answered with and how many of each; not which resources.
    fn kinds(&mut self, resources: &[String]) {
        let mut kinds: Vec<(&str, u32)> = Vec::new();
        for resource in resources {
            let kind = resource.split('/').next().unwrap_or_default();
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        for (kind, count) in kinds {
            self.add("shared", Some(&format!("{kind} ({count})")));
        }
    }
}

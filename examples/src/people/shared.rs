//! What several records are made of.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{COUNCIL, HOSPITAL, Person};

pub(crate) const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub(crate) const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
pub(super) const SNOMED: &str = "http://snomed.info/sct";

/// The organisations and the clinician that records refer to.
pub(super) fn organisations() -> Vec<Value> {
    vec![
        organisation("northshire", HOSPITAL, "Northshire Hospitals"),
        organisation("eastshire", COUNCIL, "Eastshire County Council, adult social care"),
        organisation("millside", "Y99901", "Millside Surgery canary-general-practice"),
        json!({
            "resourceType": "Practitioner", "id": "okafor",
            "meta": profile("Practitioner"),
            "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "canary-staff-number"}],
            "name": [{"family": "Okafor", "given": ["Ngozi"], "prefix": ["Dr"]}],
            "telecom": [{"system": "phone", "value": "canary-staff-phone"}],
            "birthDate": "1979-05-05",
        }),
    ]
}

fn organisation(id: &str, ods: &str, name: &str) -> Value {
    json!({
        "resourceType": "Organization", "id": id, "meta": profile("Organization"),
        "identifier": [{"system": ODS, "value": ods}], "name": name,
        "telecom": [{"system": "phone", "value": "canary-organisation-phone"}],
    })
}

/// `meta` with the UK Core profile of a type, a tag and a source that stay in the hospital.
pub(super) fn profile(resource_type: &str) -> Value {
    json!({
        "profile": [format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{resource_type}")],
        "source": "urn:canary-source-system",
        "tag": [{"system": "urn:hospital:worklist", "code": "canary-tag"}],
    })
}

/// The verified NHS number of a person, as UK Core writes it.
pub(super) fn nhs_number(person: Person) -> Value {
    json!({
        "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
                "code": "01", "display": "Number present and verified",
            }]},
        }],
        "system": NHS_NUMBER, "value": person.nhs_number,
    })
}

/// A narrative that names what must not be named.
pub(super) fn narrative(marker: &str) -> Value {
    json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{marker}</div>")})
}

/// A SNOMED CT concept.
pub(super) fn concept(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": SNOMED, "code": code, "display": display}], "text": display})
}

/// A code of one of the code systems of HL7.
pub(super) fn hl7(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]})
}

/// A reference with a display that stays in the hospital.
pub(super) fn refer(to: &str) -> Value {
    json!({"reference": to, "display": "canary-display"})
}

/// A reference to an organisation that can also be known by its ODS code.
pub(super) fn refer_organisation(id: &str, ods: &str) -> Value {
    json!({"reference": format!("Organization/{id}"), "type": "Organization", "identifier": {"system": ODS, "value": ods}})
}

/// The day so many days before `today`, as FHIR writes it.
pub(super) fn days_before(today: Date, days: i64) -> String {
    today.saturating_sub(days.days()).to_string()
}

/// A stay at the hospital.
pub(super) fn stay(id: &str, person: Person, from: &str, until: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "meta": profile("Encounter"), "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "inpatient encounter"},
        "subject": refer(&format!("Patient/{}", person.id)),
        "participant": [{"individual": refer("Practitioner/okafor")}],
        "period": {"start": from, "end": until},
        "serviceProvider": refer_organisation("northshire", HOSPITAL),
    })
}

/// A care team in which the council's adult social care is a member.
pub(super) fn team_with_council(id: &str, person: Person, from: &str) -> Value {
    json!({
        "resourceType": "CareTeam", "id": id, "meta": profile("CareTeam"), "status": "active",
        "subject": refer(&format!("Patient/{}", person.id)),
        "period": {"start": from},
        "participant": [
            {"member": refer("Practitioner/okafor")},
            {"member": refer_organisation("eastshire", COUNCIL), "period": {"start": from}},
        ],
        "managingOrganization": [refer_organisation("northshire", HOSPITAL)],
        "note": [{"text": "canary-care-team-note"}],
    })
}

/// A referral to the council's adult social care.
pub(super) fn referral(id: &str, person: Person, day: &str) -> Value {
    json!({
        "resourceType": "ServiceRequest", "id": id, "meta": profile("ServiceRequest"),
        "status": "active", "intent": "order", "priority": "urgent",
        "code": concept("302440009", "Assessment for care at home"),
        "subject": refer(&format!("Patient/{}", person.id)),
        "occurrenceDateTime": day,
        "requester": refer("Practitioner/okafor"),
        "performer": [refer_organisation("eastshire", COUNCIL)],
        "note": [{"text": "canary-referral-note"}],
        "patientInstruction": "canary-instruction",
    })
}

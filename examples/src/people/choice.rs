//! What a person decides about sharing, as a Consent (IHE PCF).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shared::{NHS_NUMBER, ODS, hl7};
use super::{HOSPITAL, Person};

/// A no to sharing with one organisation, from now on.
#[must_use]
pub fn dissent(person: Person, organisation: &str) -> Value {
    let now = format!("{:.0}", Timestamp::now());
    let person = json!({"identifier": {"system": NHS_NUMBER, "value": person.nhs_number}});
    let organisation = json!({"identifier": {"system": ODS, "value": organisation}});
    json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": hl7("consentscope", "patient-privacy"),
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": person,
        "dateTime": now,
        "performer": [person],
        "organization": [{"identifier": {"system": ODS, "value": HOSPITAL}}],
        "sourceAttachment": {"title": "Said by the person, and written down"},
        "policyRule": hl7("v3-ActCode", "OPTOUT"),
        "provision": {
            "type": "deny",
            "period": {"start": now},
            "actor": [{"role": hl7("v3-ParticipationType", "IRCP"), "reference": organisation}],
        },
    })
}

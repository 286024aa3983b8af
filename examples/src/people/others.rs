//! Ben, Cara and Dev. Nothing of Ben or Cara may reach the council, so their very names hold canaries.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::shared::{
    concept, days_before, hl7, nhs_number, profile, refer, referral, stay, team_with_council,
};
use super::{BEN, CARA, DEV, Person};

pub(super) fn records(today: Date) -> Vec<Value> {
    let (came, went) = (days_before(today, 5), days_before(today, 1));
    let (long_ago, long_over) = (days_before(today, 420), days_before(today, 400));
    vec![
        patient(BEN, "Baker canary-ben", "1956-11-30", "male"),
        team_with_council("ben-team", BEN, &came),
        referral("ben-referral", BEN, &went),
        stay("ben-stay", BEN, &came, &went),
        condition("ben-stroke", BEN, "230690007", "Stroke canary-ben"),
        patient(CARA, "Clarke canary-cara", "1988-07-14", "female"),
        stay("cara-stay", CARA, &came, &went),
        condition("cara-appendix", CARA, "74400008", "Appendicitis canary-cara"),
        patient(DEV, "Desai", "1972-01-19", "male"),
        stay("dev-stay", DEV, &long_ago, &long_over),
        condition("dev-epilepsy", DEV, "84757009", "Epilepsy"),
        allergy(),
    ]
}

fn patient(person: Person, family: &str, born: &str, gender: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": person.id, "meta": profile("Patient"),
        "identifier": [nhs_number(person), {"system": "https://northshire.example/mrn", "value": "canary-hospital-number"}],
        "active": true,
        "name": [{"use": "official", "family": family, "given": [capitalised(person.name)]}],
        "gender": gender, "birthDate": born,
        "maritalStatus": {"text": "canary-marital-status"},
    })
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn condition(id: &str, person: Person, code: &str, display: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id, "meta": profile("Condition"),
        "clinicalStatus": hl7("condition-clinical", "active"),
        "verificationStatus": hl7("condition-ver-status", "confirmed"),
        "category": [hl7("condition-category", "problem-list-item")],
        "code": concept(code, display),
        "subject": refer(&format!("Patient/{}", person.id)),
        "note": [{"text": "canary-condition-note"}],
    })
}

/// What must be known before Dev is given anything.
fn allergy() -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": "dev-latex", "meta": profile("AllergyIntolerance"),
        "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
        "type": "allergy", "criticality": "high",
        "code": concept("1003755004", "Allergy to latex"),
        "patient": refer(&format!("Patient/{}", DEV.id)),
        "note": [{"text": "canary-allergy-note"}],
    })
}

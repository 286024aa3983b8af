//! Right examples of UK Core: people and places that were made up, each with a number of its own.

use serde_json::{Value, json};

/// What there is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Example {
    Patient,
    Organization,
    Location,
    BodyWeight,
    AllergyIntolerance,
    Immunization,
}

impl Example {
    /// Every example.
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [
        Self::Patient,
        Self::Organization,
        Self::Location,
        Self::BodyWeight,
        Self::AllergyIntolerance,
        Self::Immunization,
    ];
}

/// An NHS number of the range that nobody has, out of `seed`.
pub(super) fn nhs_number(seed: &str) -> String {
    let mut number =
        seed.bytes().fold(7_u64, |held, byte| held.wrapping_mul(131).wrapping_add(u64::from(byte)));
    loop {
        let nine = format!("999{:06}", number % 1_000_000);
        let sum: u64 = nine
            .bytes()
            .zip((2..=10).rev())
            .map(|(byte, weight)| u64::from(byte.saturating_sub(b'0')) * weight)
            .sum();
        match 11 - sum % 11 {
            10 => number = number.wrapping_add(1),
            11 => return format!("{nine}0"),
            digit => return format!("{nine}{digit}"),
        }
    }
}

fn meta(profile: &str) -> Value {
    json!({"profile": [format!("{}{profile}", super::UK_CORE)]})
}

/// A subject that needs no record of its own.
fn subject(seed: &str) -> Value {
    json!({"type": "Patient", "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(seed)}})
}

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({"system": system, "code": code, "display": display})
}

/// An example that conforms; `seed` makes its numbers and names.
pub(super) fn right(example: Example, seed: &str) -> Value {
    match example {
        Example::Patient => patient(seed),
        Example::Organization => json!({
            "resourceType": "Organization", "meta": meta("Organization"), "active": true,
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ9X9"}],
            "name": format!("Fennel Row Practice {seed}")
        }),
        Example::Location => json!({
            "resourceType": "Location", "meta": meta("Location"), "status": "active",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": "ZZ9X901"}],
            "name": format!("Fennel Row Clinic {seed}")
        }),
        Example::BodyWeight => body_weight(seed),
        Example::AllergyIntolerance => json!({
            "resourceType": "AllergyIntolerance", "meta": meta("AllergyIntolerance"),
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                "code": "active"}]},
            "verificationStatus": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "confirmed"}]},
            "code": {"coding": [coding("http://snomed.info/sct", "91936005", "Allergy to penicillin")]},
            "patient": subject(seed)
        }),
        Example::Immunization => json!({
            "resourceType": "Immunization", "meta": meta("Immunization"), "status": "not-done",
            "statusReason": {"coding": [coding("http://snomed.info/sct", "310376006", "Immunisation consent not given")]},
            "vaccineCode": {"text": "influenza vaccine"},
            "patient": subject(seed), "occurrenceDateTime": "2026-01-05"
        }),
    }
}

fn patient(seed: &str) -> Value {
    let status = json!({
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{
            "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
            "code": "01"}]}
    });
    json!({
        "resourceType": "Patient", "meta": meta("Patient"), "active": true,
        "identifier": [{"extension": [status], "system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(seed)}],
        "name": [{"use": "official", "family": format!("Orrowby-{seed}"), "given": ["Tansy"]}],
        "gender": "female", "birthDate": "1958-11-23",
        "address": [{"use": "home", "line": ["4 Fennel Row"], "city": "Tolworthy", "postalCode": "ZZ99 3VZ"}]
    })
}

fn body_weight(seed: &str) -> Value {
    json!({
        "resourceType": "Observation", "meta": meta("Observation-VitalSigns-BodyWeight"), "status": "final",
        "category": [{"coding": [coding("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs",
            "Vital Signs")]}],
        "code": {"coding": [
            coding("http://loinc.org", "29463-7", "Body weight"),
            coding("http://snomed.info/sct", "27113001", "Body weight")]},
        "subject": subject(seed), "effectiveDateTime": "2026-01-05T09:30:00Z",
        "valueQuantity": {"value": 61.5, "unit": "kilogram", "system": "http://unitsofmeasure.org", "code": "kg"}
    })
}

#[cfg(test)]
mod tests {
    use fhir::nhs_number::NhsNumber;

    use super::{Example, nhs_number, right};
    use crate::definitions::Definitions;
    use crate::tree::{Limits, Tree};
    use crate::validate::{Severity, validate};

    #[test]
    fn every_example_conforms() {
        let definitions = Definitions::shipped().unwrap();
        for example in Example::ALL {
            let text = right(example, "seed").to_string();
            let tree = Tree::read(text.as_bytes(), &Limits::default()).unwrap();
            let found = validate(&tree, &definitions, &[]);
            let errors: Vec<_> = found.iter().filter(|one| one.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{example:?}: {errors:#?}");
        }
    }

    #[test]
    fn numbers_are_valid_and_of_nobody() {
        for seed in ["a", "b", "abcdef123456", "zzz"] {
            let number = nhs_number(seed);
            assert!(NhsNumber::parse(&number).is_ok() && number.starts_with("999"), "{number}");
        }
        assert_ne!(nhs_number("a"), nhs_number("b"));
    }
}

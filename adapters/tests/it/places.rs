//! Where a fact that others write in one place may stand in ours with the same meaning: the written rule of the scores
//! of HL7 v2. A fact counts as met in one of these places only with its own value; the rest of the differences are
//! named by class in `docs/hl7v2.md`.

use std::collections::{BTreeMap, BTreeSet};

/// The values of a Bundle by their paths, nothing left out.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<String, BTreeSet<String>>);

impl Places {
    pub(crate) fn of(bundle: &serde_json::Value) -> Self {
        let mut places = Self::default();
        for entry in bundle["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            let kind = resource["resourceType"].as_str().unwrap();
            if kind != "Provenance" {
                places.walk(kind, resource);
            }
        }
        places
    }

    fn walk(&mut self, path: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(elements) => {
                elements.iter().for_each(|(name, value)| self.walk(&format!("{path}.{name}"), value));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.walk(path, item)),
            serde_json::Value::String(text) => {
                self.0.entry(path.to_owned()).or_default().insert(text.clone());
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                self.0.entry(path.to_owned()).or_default().insert(value.to_string());
            }
        }
    }

    /// Whether `value` stands at a path that ends so.
    fn ends(&self, ends: &[&str], value: &str) -> bool {
        self.0.iter().any(|(path, held)| ends.iter().any(|end| path.ends_with(end)) && held.contains(value))
    }

    /// Whether the fact `value` at `path` stands in another place that says the same.
    pub(crate) fn say(&self, path: &str, value: &str) -> bool {
        let (kind, element) = path.split_once('.').unwrap_or((path, ""));
        match (kind, element) {
            // The next of kin of NK1 are contacts of the Patient.
            ("RelatedPerson", _) => self.ends(&[&format!("Patient.contact.{element}")], value),
            // An account number is an identifier of the person, as the one of a record that ends (MRG-3) is.
            ("Account", "identifier.value" | "identifier.system") => {
                self.ends(&[&format!("Patient.{element}")], value)
            }
            // An assigning authority, receiver, payor or maker is named where it is spoken of, without a resource of its own.
            ("Organization", "identifier.value") => {
                self.ends(
                    &[
                        "assigner.identifier.value",
                        "assigner.display",
                        "receiver.display",
                        "Organization.name",
                    ],
                    value,
                ) || self.is_system(value)
            }
            ("Organization", "identifier.type.coding.code" | "identifier.type.coding.system") => {
                self.ends(&[&format!("assigner.{element}")], value)
                    // An OID is an OID by its looks.
                    || (value == "ISO" && self.0.values().flatten().any(|value| value.starts_with("urn:oid:")))
            }
            ("Organization", "name") => self.ends(
                &[
                    "assigner.display",
                    "receiver.display",
                    "payor.display",
                    "manufacturer.display",
                    "performer.display",
                ],
                value,
            ),
            // The program of MSH-3, the device of OBX-18, what SCH books.
            ("Device", "identifier.value") => self.ends(
                &["source.name", "destination.name", "device.identifier.value", "actor.identifier.value"],
                value,
            ),
            // What somebody does stands where somebody does it.
            ("PractitionerRole", "code.coding.code" | "code.coding.system") => {
                let said = element.trim_start_matches("code.");
                self.ends(
                    &[&format!("participant.type.{said}"), &format!("performer.function.{said}")],
                    value,
                )
            }
            // The parts of a place, run together by two hyphens: each is a Location, or says what one is.
            ("Location", "description") => value
                .split("--")
                .filter(|part| !part.is_empty() && *part != "ISO")
                .all(|part| self.is_of_a_location(part)),
            _ => false,
        }
    }

    /// Whether `value` is the authority that an identifier system is made of.
    fn is_system(&self, value: &str) -> bool {
        fn bare(text: &str) -> &str {
            ["urn:oid:", "urn:id:", "urn:uuid:"]
                .iter()
                .find_map(|scheme| text.strip_prefix(scheme))
                .unwrap_or(text)
        }
        let mut systems = self.0.iter().filter(|(path, _)| path.ends_with("identifier.system"));
        systems.any(|(_, held)| held.iter().any(|system| bare(system) == bare(value)))
    }

    fn is_of_a_location(&self, part: &str) -> bool {
        let oid = format!("urn:oid:{part}");
        let mut places = self.0.iter().filter(|(path, _)| path.starts_with("Location."));
        places.any(|(_, held)| held.contains(part) || held.contains(&oid))
    }
}

#[test]
fn a_fact_counts_elsewhere_only_with_its_own_value_and_meaning() {
    let bundle = serde_json::json!({"entry": [
        {"resource": {"resourceType": "Patient", "contact": [{"name": {"family": "Kerr"}}],
            "identifier": [{"system": "urn:id:RX1", "value": "4"}]}},
        {"resource": {"resourceType": "Location", "name": "Ward 7"}},
        {"resource": {"resourceType": "Location", "name": "Bed 3"}},
    ]});
    let places = Places::of(&bundle);
    for (path, value, says) in [
        ("RelatedPerson.name.family", "Kerr", true),
        ("RelatedPerson.name.family", "Ahmed", false),
        ("RelatedPerson.birthDate", "1980-02-01", false),
        ("Organization.identifier.value", "RX1", true),
        ("Organization.identifier.value", "RX2", false),
        ("Location.description", "Ward 7--Bed 3", true),
        ("Location.description", "Ward 7--Bed 4", false),
        ("Practitioner.name.family", "Kerr", false),
    ] {
        assert_eq!(places.say(path, value), says, "{path} {value}");
    }
}

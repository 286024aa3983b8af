//! What every translation between releases promises: nothing disappears, nothing makes it panic.

use fhir::tables::Release;
use proptest::prelude::*;
use serde_json::Value;

use crate::versions::{cases, translate};
use crate::versions_corpus::{json as read, resources};

/// Every place in a value where something could be taken out.
fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let at = format!("{place}/{name}");
                if name != "resourceType" {
                    found.push(at.clone());
                }
                places(inner, &at, found);
            }
        }
        Value::Array(all) => {
            for (index, inner) in all.iter().enumerate() {
                places(inner, &format!("{place}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Each text in `value`, by its pointer, with other letters and digits.
fn words(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                words(inner, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(all) => {
            for (index, inner) in all.iter().enumerate() {
                words(inner, &format!("{place}/{index}"), found);
            }
        }
        Value::String(text) => {
            let other = String::from_utf8(crate::contract::otherwise(text.as_bytes())).unwrap();
            if other != *text {
                found.push((place.to_owned(), other));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The resources of a case, each by itself, and the Bundle around them without them.
fn parts(source: Value) -> Vec<Value> {
    let mut source = source;
    let mut all: Vec<Value> = Vec::new();
    for entry in source.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten() {
        all.extend(entry.as_object_mut().unwrap().remove("resource"));
    }
    all.push(source);
    all
}

#[test]
fn no_element_can_be_taken_out_without_the_output_or_the_losses_changing() {
    let mut tried = 0;
    for case in cases() {
        for source in read(&case.input).map(parts).unwrap_or_default() {
            let whole = translate(source.to_string().as_bytes(), case.from, case.to).unwrap();
            let said = resources(&whole.bundle);
            let mut all = Vec::new();
            places(&source, "", &mut all);
            for place in all {
                let mut less = source.clone();
                let (owner, name) = place.rsplit_once('/').unwrap();
                less.pointer_mut(owner).unwrap().as_object_mut().unwrap().remove(name);
                let changed = match translate(less.to_string().as_bytes(), case.from, case.to) {
                    Ok(other) => resources(&other.bundle) != said || other.losses != whole.losses,
                    Err(_) => true,
                };
                assert!(changed, "{}: {source} {place} disappears without a loss", case.folder.display());
                tried += 1;
            }
            let mut texts = Vec::new();
            words(&source, "", &mut texts);
            for (place, other) in texts {
                let mut altered = source.clone();
                *altered.pointer_mut(&place).unwrap() = Value::String(other);
                let changed = translate(altered.to_string().as_bytes(), case.from, case.to)
                    .map_or(true, |other| resources(&other.bundle) != said || other.losses != whole.losses);
                assert!(changed, "{}: {source} {place} is not looked at", case.folder.display());
                tried += 1;
            }
        }
    }
    assert!(tried > 800, "{tried}");
}

/// JSON that looks like a resource and is none.
fn nearly() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec![
            "active",
            "final",
            "2020",
            "Patient/1",
            "ReferralRequest/1",
            "",
            "http://hl7.org/fhir/v3/ActCode",
            "http://hl7.org/fhir/3.0/StructureDefinition/extension-Condition.context",
            "has-member",
            "n",
            "recorded",
            "taking",
            "http://hl7.org/fhir/CodeSystem/medication-statement-adherence",
            "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationStatement.adherence"
        ])
        .prop_map(Value::from),
    ];
    let names = vec![
        "resourceType",
        "status",
        "extension",
        "url",
        "valueCode",
        "_status",
        "context",
        "reference",
        "related",
        "type",
        "target",
        "code",
        "coding",
        "system",
        "contained",
        "entry",
        "resource",
        "requester",
        "agent",
        "provision",
        "except",
        "policyRule",
        "dosage",
        "doseQuantity",
        "value",
        "subject",
        "clinicalStatus",
        "taken",
        "adherence",
        "statusReason",
        "notGiven",
        "performer",
        "actor",
        "note",
        "comment",
        "valueString",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(names.clone()), inner, 0..7).prop_map(
                |members| Value::Object(
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                )
            ),
        ]
    })
}

proptest! {
    // Each input goes six ways.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_that_looks_like_a_resource_makes_the_translator_panic(
        mut input in nearly(),
        kind in prop::sample::select(vec!["Condition", "Observation", "MedicationStatement", "Consent", "Bundle", "ServiceRequest", "ReferralRequest", "Immunization"]),
    ) {
        if let Some(members) = input.as_object_mut() {
            members.insert("resourceType".to_owned(), kind.into());
        }
        let text = input.to_string();
        for (from, to) in [
            (Release::Stu3, Release::R4), (Release::R4, Release::Stu3), (Release::Dstu2, Release::R4),
            (Release::R4, Release::R5), (Release::R5, Release::R4), (Release::R4b, Release::R4),
        ] {
            if let Ok(done) = translate(text.as_bytes(), from, to) {
                prop_assert!(fhir::json::parse(done.bundle.into(), &fhir::json::Limits::default()).is_ok());
            }
        }
    }

    #[test]
    fn no_bytes_make_the_translator_panic(input in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(translate(&input, Release::Stu3, Release::R4));
    }
}

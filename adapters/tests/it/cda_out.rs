//! FHIR documents as CDA: one folder a case (`in.json`, `profile.toml`, what it becomes, what it loses), and what every
//! document promises. `UPDATE_GOLDEN=1` rewrites.

use std::path::{Path, PathBuf};

use adapters::cda::out::{Danger, Document, Flavour, Profile, Unwritten, write};
use serde_json::{Value, json};

use crate::cda_shape::faults;
use crate::goldens::golden;

pub(crate) fn cases() -> Vec<(PathBuf, Vec<u8>, Profile)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cda-out");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let input = std::fs::read(folder.join("in.json")).unwrap();
            let profile =
                Profile::parse(&std::fs::read_to_string(folder.join("profile.toml")).unwrap()).unwrap();
            (folder, input, profile)
        })
        .collect()
}

pub(crate) fn case(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cda-out").join(name).join("in.json");
    read(&std::fs::read(path).unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test makes and looks at JSON, strictness is fhir::json's matter"
)]
pub(crate) fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn ccda() -> Profile {
    Profile::plain(Flavour::Ccda)
}

pub(crate) fn itk() -> Profile {
    Profile::plain(Flavour::Itk)
}

pub(crate) fn sent(bundle: &Value, profile: &Profile) -> Result<Document, Unwritten> {
    write(bundle.to_string().as_bytes(), profile)
}

pub(crate) fn text(document: &Document) -> String {
    String::from_utf8(document.xml.clone()).unwrap()
}

pub(crate) fn lost(document: &Document) -> String {
    document.losses.iter().map(|loss| format!("{loss}\n")).collect()
}

/// An element a line, for people and diffs.
fn pretty(xml: &str) -> String {
    xml.replace("><", ">\n<")
}

#[test]
fn every_case_becomes_what_its_golden_says_in_the_order_of_cda() {
    let cases = cases();
    assert!(cases.len() >= 6);
    for (folder, input, profile) in cases {
        let document = write(&input, &profile).unwrap();
        assert_eq!(faults(&text(&document)), Vec::<String>::new(), "{}", folder.display());
        golden(&folder.join("out.xml"), &pretty(&text(&document)));
        golden(&folder.join("losses.txt"), &lost(&document));
    }
}

#[test]
fn the_same_bundle_is_the_same_document() {
    for (_, input, profile) in cases() {
        assert_eq!(write(&input, &profile).unwrap().xml, write(&input, &profile).unwrap().xml);
    }
}

/// The resource of this type.
pub(crate) fn resource<'b>(bundle: &'b mut Value, kind: &str) -> &'b mut Value {
    let entries = bundle["entry"].as_array_mut().unwrap();
    &mut entries.iter_mut().find(|entry| entry["resource"]["resourceType"] == kind).unwrap()["resource"]
}

#[track_caller]
fn check_refused(name: &str, profile: &Profile, change: impl Fn(&mut Value), expected: &str) {
    let mut bundle = case(name);
    sent(&bundle, profile).unwrap();
    change(&mut bundle);
    let refused = sent(&bundle, profile).expect_err(expected).to_string().replacen("[0].", ".", 1).replacen(
        "section.",
        "section[0].",
        1,
    );
    assert!(refused.starts_with(expected), "{refused}");
}

fn concept(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]})
}

#[test]
fn what_would_read_otherwise_is_not_written() {
    let set = |kind: &'static str, name: &'static str, value: Value| {
        move |bundle: &mut Value| resource(bundle, kind)[name] = value.clone()
    };
    type Change = Box<dyn Fn(&mut Value)>;
    let rows: Vec<(Change, &str)> = vec![
        (Box::new(set("Composition", "status", json!("entered-in-error"))), "Composition.status"),
        (Box::new(set("Composition", "status", json!("preliminary"))), "Composition.status"),
        (
            Box::new(set("Composition", "modifierExtension", json!([{"url": "urn:x", "valueString": "y"}]))),
            "Composition.modifierExtension",
        ),
        (
            Box::new(set(
                "Composition",
                "relatesTo",
                json!([{"code": "replaces", "targetReference": {"reference": "Composition/z"}}]),
            )),
            "Composition.relatesTo",
        ),
        (Box::new(set("Composition", "implicitRules", json!("urn:x"))), "Composition.implicitRules"),
        (Box::new(set("Composition", "colour", json!("red"))), "Composition.?"),
        (
            Box::new(set("Condition", "verificationStatus", concept("condition-ver-status", "differential"))),
            "Condition.verificationStatus",
        ),
        (
            Box::new(set("Condition", "modifierExtension", json!([{"url": "urn:x", "valueString": "y"}]))),
            "Condition.modifierExtension",
        ),
        (Box::new(set("Procedure", "status", json!("moot"))), "Procedure.status"),
        (Box::new(set("MedicationRequest", "intent", json!("option"))), "MedicationRequest.intent"),
        (Box::new(set("Observation", "focus", json!([{"display": "her mother"}]))), "Observation.focus"),
        (
            Box::new(|bundle: &mut Value| {
                resource(bundle, "Composition")["section"][0]["mode"] = json!("changes")
            }),
            "Composition.section[0].mode",
        ),
        (
            Box::new(|bundle: &mut Value| {
                resource(bundle, "Composition")["section"][0]["focus"] = json!({"display": "her mother"})
            }),
            "Composition.section[0].focus",
        ),
        (Box::new(|bundle: &mut Value| bundle["implicitRules"] = json!("urn:x")), "Bundle.implicitRules"),
    ];
    for (change, expected) in rows {
        check_refused("record-c-cda", &ccda(), change, expected);
    }
}

#[test]
fn what_is_about_somebody_else_or_nobody_is_not_written() {
    for name in ["Condition", "Observation", "MedicationRequest", "Procedure", "DiagnosticReport"] {
        for subject in [json!({"reference": "Patient/other"}), Value::Null] {
            let change = |bundle: &mut Value| {
                let held = resource(bundle, name).as_object_mut().unwrap();
                held.remove("subject");
                if !subject.is_null() {
                    held.insert("subject".to_owned(), subject.clone());
                }
            };
            check_refused("record-c-cda", &ccda(), change, name);
            // Without codes, a result is lost with its report, and says nothing of anybody.
            if name != "Observation" {
                check_refused("record-c-cda", &itk(), change, name);
            }
        }
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let whole = case("record-c-cda");
    let without = |change: &dyn Fn(&mut Value)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        sent(&bundle, &ccda()).unwrap_err()
    };
    assert_eq!(without(&|bundle| bundle["type"] = json!("collection")), Unwritten::NotADocument);
    assert_eq!(
        without(&|bundle| bundle["entry"].as_array_mut().unwrap().swap(0, 1)),
        Unwritten::NotADocument
    );
    assert!(matches!(
        without(&|bundle| resource(bundle, "Composition")["subject"] = json!({})),
        Unwritten::Missing { .. }
    ));
    assert!(matches!(write(b"{", &ccda()), Err(Unwritten::Json(_))));
    assert!(matches!(write(b"[]", &ccda()), Err(Unwritten::NotADocument)));
    let twice = without(&|bundle| {
        let patient = resource(bundle, "Patient").clone();
        let url = bundle["entry"][1]["fullUrl"].clone();
        bundle["entry"].as_array_mut().unwrap().push(json!({"fullUrl": url, "resource": patient}));
    });
    assert!(matches!(twice, Unwritten::Missing { .. }), "{twice}");
    let dangerous = Unwritten::Dangerous { place: "Composition.status".to_owned(), why: Danger::Modifier };
    assert_eq!(
        without(&|bundle| resource(bundle, "Composition")["status"] = json!("entered-in-error")),
        dangerous
    );
}

#[track_caller]
fn check_label(label: Value, place: &str, degree: &str) {
    for profile in [ccda(), itk()] {
        let mut bundle = case("record-c-cda");
        match place {
            "Bundle" => bundle["meta"] = json!({"security": [label]}),
            "section" => {
                resource(&mut bundle, "Composition")["section"][1]["extension"] = json!([{
                    "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
                    "valueCoding": label,
                }]);
            }
            kind => resource(&mut bundle, kind)["meta"] = json!({"security": [label]}),
        }
        let xml = text(&sent(&bundle, &profile).unwrap());
        let document = roxmltree::Document::parse(&xml).unwrap();
        let code = document
            .root_element()
            .children()
            .find(|child| child.has_tag_name(("urn:hl7-org:v3", "confidentialityCode")));
        assert_eq!(code.unwrap().attribute("code"), Some(degree), "{place}");
    }
}

#[test]
fn a_document_is_never_less_confidential_than_what_is_in_it() {
    let degree = |code: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code});
    let category = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"});
    for place in [
        "Bundle",
        "Composition",
        "section",
        "Patient",
        "Condition",
        "Practitioner",
        "Medication",
        "Observation",
    ] {
        check_label(degree("V"), place, "V");
        check_label(degree("R"), place, "R");
        check_label(degree("L"), place, "N");
        check_label(category.clone(), place, "R");
        // What is sensitive of the whole is said of each section, where there is no other place.
        let mut bundle = case("record-c-cda");
        match place {
            "section" => continue,
            "Bundle" => bundle["meta"] = json!({"security": [category]}),
            kind => resource(&mut bundle, kind)["meta"] = json!({"security": [category]}),
        }
        assert!(text(&sent(&bundle, &ccda()).unwrap()).contains("code=\"PSY\""), "{place}");
        assert!(
            lost(&sent(&bundle, &itk()).unwrap()).contains("meta.security[0]\tmajor") || place == "Bundle",
            "{place}"
        );
    }
}

#[test]
fn the_text_of_a_section_says_what_its_entries_say() {
    for profile in [ccda(), itk()] {
        let mut bundle = case("record-c-cda");
        resource(&mut bundle, "Condition")["verificationStatus"] = concept("condition-ver-status", "refuted");
        let xml = text(&sent(&bundle, &profile).unwrap());
        assert!(xml.contains("verification: refuted"), "{xml}");
        resource(&mut bundle, "Composition")["section"][0].as_object_mut().unwrap().remove("text");
        let xml = text(&sent(&bundle, &profile).unwrap());
        assert!(xml.contains("<list><item>Asthma; status: active; verification: refuted"), "{xml}");
    }
}

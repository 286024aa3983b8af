//! Releases of FHIR: one folder a case (`FROM-to-TO-name` with `in.json` or `in.xml`, what it becomes, what it loses), and
//! what every translation promises. `UPDATE_GOLDEN=1` rewrites.

use std::path::{Path, PathBuf};

use adapters::versions::{self, Fault};
use adapters::{Refused, Severity, Translated, Why};
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::goldens::{golden, hospital, pretty, unknown_to_r4};
use crate::versions_corpus::{json as read, resources};

/// A golden.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) input: Vec<u8>,
    pub(crate) from: Release,
    pub(crate) to: Release,
}

fn release(name: &str) -> Release {
    match name {
        "dstu2" => Release::Dstu2,
        "stu3" => Release::Stu3,
        "r4" => Release::R4,
        "r4b" => Release::R4b,
        "r5" => Release::R5,
        other => panic!("{other} is no release"),
    }
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/versions");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            let words: Vec<&str> = name.split('-').collect();
            let input =
                std::fs::read(folder.join("in.json")).or_else(|_| std::fs::read(folder.join("in.xml")));
            Case { input: input.unwrap(), from: release(words[0]), to: release(words[2]), folder }
        })
        .collect()
}

/// As the hospital asks for it.
pub(crate) fn translate(input: &[u8], from: Release, to: Release) -> Result<Translated, Refused> {
    versions::translate(input, from, to, &hospital())
}

/// The resource that comes of `input`, with what was lost.
#[track_caller]
fn one(input: &Value, from: Release, to: Release) -> (Value, Vec<String>) {
    let done = translate(input.to_string().as_bytes(), from, to).unwrap();
    if to == Release::R4 {
        assert_eq!(unknown_to_r4(&done.bundle), None);
    }
    let losses = done.losses.iter().map(ToString::to_string).collect();
    (resources(&done.bundle)["entry"][0]["resource"].clone(), losses)
}

#[track_caller]
fn refused(input: &Value, from: Release, to: Release) -> String {
    translate(input.to_string().as_bytes(), from, to).unwrap_err().to_string()
}

#[test]
fn every_resource_becomes_what_its_golden_says() {
    let cases = cases();
    assert!(cases.len() >= 11);
    for case in cases {
        let done = translate(&case.input, case.from, case.to).unwrap();
        let losses: String = done.losses.iter().map(|loss| format!("{loss}\n")).collect();
        if case.to == Release::R4 {
            assert_eq!(unknown_to_r4(&done.bundle), None, "{}", case.folder.display());
        }
        golden(&case.folder.join("out.json"), &pretty(&done.bundle));
        golden(&case.folder.join("losses.txt"), &losses);
    }
}

#[test]
fn every_resource_of_a_bundle_says_where_it_comes_from() {
    for case in cases() {
        let done = translate(&case.input, case.from, case.to).unwrap();
        let bundle = read(&done.bundle).unwrap();
        assert_eq!(bundle["id"], json!(done.id));
        let entries = bundle["entry"].as_array().unwrap();
        let told: Vec<&Value> = entries
            .iter()
            .map(|entry| &entry["resource"])
            .filter(|one| one["resourceType"] == "Provenance")
            .collect();
        assert_eq!(told.len() * 2, entries.len(), "{}", case.folder.display());
        for (index, one) in told.iter().enumerate() {
            assert!(one.to_string().contains("ni:///sha-256;"));
            let target = one["target"][0]["reference"].as_str().unwrap();
            let entry = &entries[index];
            let resource = &entry["resource"];
            let local = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            assert!(entry["fullUrl"] == target || local == target, "{target}");
        }
        let again = translate(&case.input, case.from, case.to).unwrap();
        assert_eq!(again.bundle, done.bundle);
    }
}

#[test]
fn an_opt_out_never_becomes_a_permit() {
    let opt_out = |status: &str| {
        json!({"resourceType": "Consent", "status": status, "patient": {"reference": "Patient/1"},
            "purpose": [{"system": "https://snomed.info/sct", "code": "370856009"}]})
    };
    for status in ["active", "inactive"] {
        let (consent, losses) = one(&opt_out(status), Release::Stu3, Release::R4);
        assert_eq!(consent["provision"]["type"], "deny");
        assert_eq!(consent["status"], status);
        assert_eq!(consent["provision"]["purpose"][0]["code"], "370856009");
        assert!(losses.is_empty(), "{losses:?}");
        let (back, _) = one(&consent, Release::R4, Release::Stu3);
        assert_eq!(back, opt_out(status));
    }
    let profiled = json!({"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"},
        "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1"]}});
    assert_eq!(one(&profiled, Release::Stu3, Release::R4).0["provision"]["type"], "deny");
    let mut both = profiled.clone();
    both["policyRule"] = json!("http://hl7.org/fhir/ConsentPolicy/opt-in");
    assert!(refused(&both, Release::Stu3, Release::R4).contains("plainly"));
    // A permit that a reader of the older release would take for an opt-out does not go there.
    let mut permit = one(&profiled, Release::Stu3, Release::R4).0;
    permit["provision"]["type"] = json!("permit");
    assert!(refused(&permit, Release::R4, Release::Stu3).contains("plainly"));
}

#[test]
fn a_consent_says_plainly_what_it_does_or_is_refused() {
    let plain = json!({"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"}});
    let with = |rule: &str| {
        let mut consent = plain.clone();
        consent["policyRule"] = json!(rule);
        consent
    };
    for (rule, effect) in [
        ("http://hl7.org/fhir/ConsentPolicy/opt-in", "permit"),
        ("http://hl7.org/fhir/ConsentPolicy/opt-out", "deny"),
        ("https://example.org/our/opt-out", "deny"),
    ] {
        let (consent, _) = one(&with(rule), Release::Stu3, Release::R4);
        assert_eq!(consent["provision"]["type"], effect);
        assert_eq!(one(&consent, Release::R4, Release::Stu3).0, with(rule));
    }
    for unclear in [plain.clone(), with("https://example.org/our/opt-in")] {
        assert!(refused(&unclear, Release::Stu3, Release::R4).contains("plainly"));
    }
    let narrowed = json!({"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"},
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "provision": {"type": "permit", "class": [{"code": "Observation"}]}});
    assert!(refused(&narrowed, Release::R4, Release::Stu3).contains("provision.class"));
    let mut research = narrowed.clone();
    research["provision"] = json!({"type": "permit"});
    research["scope"]["coding"][0]["code"] = json!("research");
    assert!(refused(&research, Release::R4, Release::Stu3).contains("scope"));
}

#[test]
fn an_extension_does_not_say_otherwise_than_a_consent() {
    let forged = json!({"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"},
        "policyRule": "http://hl7.org/fhir/ConsentPolicy/opt-out",
        "extension": [{"url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision",
            "extension": [{"url": "type", "valueCode": "permit"}]}]});
    let done = translate(forged.to_string().as_bytes(), Release::Stu3, Release::R4).unwrap();
    let text = String::from_utf8(done.bundle).unwrap();
    assert!(text.contains("\"provision\":{\"type\":\"deny\"}") && !text.contains("permit"), "{text}");
}

#[test]
fn hostile_sizes_end_at_a_bound() {
    let codes = vec!["{\"text\":\"a\"}"; 210_000].join(",");
    for (what, input) in [
        ("kept", format!("{{\"resourceType\":\"ReferralRequest\",\"serviceRequested\":[{codes}]}}")),
        ("lost", format!("{{\"resourceType\":\"Patient\",\"name\":[{}]}}", vec!["1"; 120_000].join(","))),
    ] {
        let why = translate(input.as_bytes(), Release::Stu3, Release::R4).unwrap_err();
        assert!(matches!(why, Refused::Versions(Fault::TooMany { .. })), "{what}: {why}");
    }
    let members: String = (0..900).map(|index| format!(",\"_x{index}\":{{}}")).collect();
    let wide = format!("{{\"resourceType\":\"Patient\"{members}}}");
    assert_eq!(translate(wide.as_bytes(), Release::Stu3, Release::R4).unwrap().losses.len(), 900);
}

#[test]
fn what_was_not_done_stays_not_done() {
    for (input, status) in [
        (json!({"resourceType": "Immunization", "status": "completed", "notGiven": true}), "not-done"),
        (json!({"resourceType": "Procedure", "status": "unknown", "notDone": true}), "not-done"),
        (json!({"resourceType": "MedicationStatement", "status": "active", "taken": "n"}), "not-taken"),
        (
            json!({"resourceType": "MedicationAdministration", "status": "completed", "notGiven": true}),
            "not-done",
        ),
        (json!({"resourceType": "Communication", "status": "unknown", "notDone": true}), "not-done"),
        (
            json!({"resourceType": "Immunization", "status": "entered-in-error", "notGiven": true}),
            "entered-in-error",
        ),
        (json!({"resourceType": "Immunization", "status": "completed", "notGiven": false}), "completed"),
        (json!({"resourceType": "MedicationStatement", "status": "active", "taken": "y"}), "active"),
        (json!({"resourceType": "Procedure", "status": "aborted", "notDone": false}), "stopped"),
    ] {
        let (made, losses) = one(&input, Release::Stu3, Release::R4);
        assert_eq!(made["status"], status, "{input}");
        assert!(losses.is_empty());
        assert_eq!(one(&made, Release::R4, Release::Stu3).0, input);
    }
    let beside =
        json!({"resourceType": "Procedure", "status": "unknown", "notDone": true, "_notDone": {"id": "n"}});
    let (made, losses) = one(&beside, Release::Stu3, Release::R4);
    assert_eq!((&made["status"], losses.len()), (&json!("not-done"), 1), "{losses:?}");
    assert!(losses[0].contains("notDone"), "{losses:?}");
    let old = json!({"resourceType": "Procedure", "status": "completed", "notPerformed": true,
        "subject": {"reference": "Patient/1"}, "code": {"text": "x"}});
    assert_eq!(one(&old, Release::Dstu2, Release::R4).0["status"], "not-done");
}

#[test]
fn a_modifier_that_cannot_be_carried_ends_the_translation() {
    let (stu3, r4, r5) = (Release::Stu3, Release::R4, Release::R5);
    for (input, from, to, place) in [
        (
            json!({"resourceType": "Patient", "animal": {"species": {"text": "cat"}}}),
            stu3,
            r4,
            "Patient.animal",
        ),
        (
            json!({"resourceType": "FamilyMemberHistory", "status": "completed", "notDone": true}),
            stu3,
            r4,
            "notDone",
        ),
        (json!({"resourceType": "ServiceRequest", "status": "gone", "intent": "order"}), r4, stu3, "status"),
        (
            json!({"resourceType": "MedicationRequest", "status": "active", "doNotPerform": true}),
            r4,
            stu3,
            "doNotPerform",
        ),
        (
            json!({"resourceType": "Immunization", "status": "completed", "isSubpotent": true}),
            r4,
            stu3,
            "isSubpotent",
        ),
        (
            json!({"resourceType": "Condition", "clinicalStatus": {"text": "well"}}),
            r4,
            stu3,
            "clinicalStatus",
        ),
        (json!({"resourceType": "Encounter", "status": "discontinued"}), r5, r4, "status"),
        (
            json!({"resourceType": "Observation", "status": "final", "valueQuantity": {"comparator": "ad", "value": 1}}),
            r5,
            r4,
            "comparator",
        ),
        (
            json!({"resourceType": "MedicationRequest", "status": "active", "dosageInstruction": [{"modifierExtension": [{"url": "https://x.example.org/no", "valueBoolean": true}]}]}),
            r4,
            stu3,
            "modifierExtension",
        ),
        (
            json!({"resourceType": "MedicationStatement", "status": "active", "taken": "maybe"}),
            stu3,
            r4,
            "taken",
        ),
        (json!({"resourceType": "Patient", "active": "no"}), stu3, r4, "active"),
    ] {
        let why = refused(&input, from, to);
        assert!(why.contains(place) && why.contains("changes the meaning"), "{input}: {why}");
    }
    // What says that nothing is changed is kept.
    let harmless = json!({"resourceType": "MedicationRequest", "status": "active", "doNotPerform": false});
    let (made, _) = one(&harmless, r4, stu3);
    assert_eq!(one(&made, stu3, r4).0, harmless);
}

#[test]
fn a_kept_modifier_is_not_brought_back_over_what_stands_there() {
    let base = "http://hl7.org/fhir/3.0/StructureDefinition/extension-";
    for (path, value) in
        [("MedicationStatement.status", "entered-in-error"), ("MedicationStatement.taken", "n")]
    {
        let forged = json!({"resourceType": "MedicationStatement", "status": "active",
            "extension": [{"url": format!("{base}{path}"), "valueCode": value}]});
        let (made, _) = one(&forged, Release::R4, Release::Stu3);
        assert_eq!((&made["status"], &made["taken"]), (&json!("active"), &json!("unk")), "{path}");
        assert_eq!(made["extension"], forged["extension"]);
    }
}

#[test]
fn what_is_no_fhir_of_the_release_is_refused_with_its_reason() {
    let to_r4 = |input: &[u8]| translate(input, Release::Stu3, Release::R4).unwrap_err();
    assert!(matches!(to_r4(b""), Refused::Versions(Fault::Json(_))));
    assert!(matches!(to_r4(b"{\"resourceType\":\"Patient\""), Refused::Versions(Fault::Json(_))));
    assert!(matches!(to_r4(b"{\"a\":1,\"a\":2}"), Refused::Versions(Fault::Json(_))));
    assert!(matches!(to_r4(b"[]"), Refused::Versions(Fault::NotAResource { .. })));
    assert!(matches!(to_r4(b"{}"), Refused::Versions(Fault::NotAResource { .. })));
    assert!(matches!(
        to_r4(b"<!DOCTYPE x><Patient xmlns=\"http://hl7.org/fhir\"/>"),
        Refused::Versions(Fault::Xml(_))
    ));
    assert!(matches!(
        to_r4(b"<Patient xmlns=\"http://hl7.org/fhir\"><nothing>words</nothing></Patient>"),
        Refused::Versions(Fault::Xml(_))
    ));
    assert!(
        matches!(to_r4("{\"resourceType\":\"\u{1f600}Secret <b>\"}".as_bytes()), Refused::Versions(Fault::UnknownType { name }) if name == "Secretb")
    );
    let deep = format!("{}1{}", "{\"a\":".repeat(600), "}".repeat(600));
    assert!(matches!(to_r4(deep.as_bytes()), Refused::Versions(Fault::Json(_))));
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}, {"resource": {"resourceType": "Claim"}}]});
    assert_eq!(refused(&bundle, Release::Stu3, Release::R4), "resources of type Claim are not translated");
    let patient = br#"{"resourceType":"Patient"}"#;
    for (from, to) in
        [(Release::R4, Release::Dstu2), (Release::Stu3, Release::R5), (Release::R4, Release::R4)]
    {
        assert!(matches!(translate(patient, from, to), Err(Refused::Versions(Fault::NoWay))));
    }
    let small = hospital().with_bytes_max(10);
    assert!(matches!(
        versions::translate(patient, Release::Stu3, Release::R4, &small),
        Err(Refused::TooLarge { max: 10, .. })
    ));
}

#[test]
fn what_is_not_of_the_release_is_a_loss_and_never_named_in_its_own_words() {
    let input = json!({"resourceType": "Patient", "birthDate": 7, "name": [{"family": ["Fenwick"]}, "Ann"],
        "gender": {"code": "x"}, "shoe<b>size": 44, "telecom": []});
    let (made, losses) = one(&input, Release::Stu3, Release::R4);
    assert_eq!(made, json!({"resourceType": "Patient", "name": [{"family": "Fenwick"}]}));
    assert_eq!(
        losses,
        [
            "Patient.birthDate\tmajor\tnot of the form the element needs",
            "Patient.name\tmajor\tnot of the form the element needs",
            "Patient.name[0].family\ttrivial\tnot of the form the element needs",
            "Patient.gender\tmajor\tnot of the form the element needs",
            "Patient.shoebsize\tmajor\tthe release of the input has no such element",
        ]
    );
}

#[test]
fn a_bundle_of_requests_gets_requests_and_a_history_gets_nothing() {
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "id": "b", "type": kind, "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]});
    for (kind, added) in [("transaction", true), ("history", false), ("batch-response", false)] {
        let done = translate(bundle(kind).to_string().as_bytes(), Release::Stu3, Release::R4).unwrap();
        let made = read(&done.bundle).unwrap();
        assert_eq!(made["entry"].as_array().unwrap().len(), 1 + usize::from(added), "{kind}");
        if added {
            assert_eq!(made["entry"][1]["request"]["method"], "POST");
        }
    }
}

#[test]
fn the_severest_losses_are_those_of_content() {
    let input = json!({"resourceType": "Parameters", "fhir_comments": ["x"], "parameter": [{"name": "a", "nonsense": 1}]});
    let done = translate(input.to_string().as_bytes(), Release::Stu3, Release::R4).unwrap();
    let told: Vec<(Why, Severity)> = done.losses.iter().map(|loss| (loss.why, loss.severity)).collect();
    assert_eq!(told, [(Why::UnknownElement, Severity::Trivial), (Why::UnknownElement, Severity::Major)]);
}

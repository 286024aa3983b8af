//! Whether a person takes a medicine: R4 says it by the status of a MedicationStatement, R5 by `adherence.code`.

use adapters::Refused;
use adapters::versions::Fault;
use fhir::tables::Release;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::goldens::unknown_to_r4;
use crate::versions::translate;
use crate::versions_corpus::resources;

const SYSTEM: &str = "http://hl7.org/fhir/CodeSystem/medication-statement-adherence";
const OF_R4: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-MedicationStatement.";
const OF_R5: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationStatement.";

/// What becomes of a resource of one of both releases. Nothing of it may be lost.
#[track_caller]
pub(crate) fn one(input: &Value, from: Release) -> Value {
    let to = if from == Release::R4 { Release::R5 } else { Release::R4 };
    let done = translate(input.to_string().as_bytes(), from, to).unwrap();
    if to == Release::R4 {
        assert_eq!(unknown_to_r4(&done.bundle), None);
    }
    assert!(done.losses.is_empty(), "{input}: {:?}", done.losses);
    resources(&done.bundle)["entry"][0]["resource"].clone()
}

/// What becomes of a resource, which comes back as it was.
#[track_caller]
pub(crate) fn there_and_back(input: &Value, from: Release) -> Value {
    let made = one(input, from);
    let other = if from == Release::R4 { Release::R5 } else { Release::R4 };
    assert_eq!(one(&made, other), *input, "by {made}");
    made
}

#[track_caller]
fn refused(input: &Value, from: Release, place: &str) {
    let to = if from == Release::R4 { Release::R5 } else { Release::R4 };
    match translate(input.to_string().as_bytes(), from, to) {
        Err(Refused::Versions(Fault::Modifier { place: told })) => assert_eq!(told, place),
        other => panic!("{input}: {other:?}"),
    }
}

fn coded(code: &str) -> Value {
    json!({"coding": [{"system": SYSTEM, "code": code}]})
}

fn of_r5(status: &str, adherence: Value) -> Value {
    let mut made = json!({"resourceType": "MedicationStatement", "status": status,
        "medication": {"concept": {"text": "Warfarin"}}, "subject": {"reference": "Patient/1"}});
    if !adherence.is_null() {
        made["adherence"] = adherence;
    }
    made
}

fn of_r4(status: &str) -> Value {
    json!({"resourceType": "MedicationStatement", "status": status,
        "medicationCodeableConcept": {"text": "Warfarin"}, "subject": {"reference": "Patient/1"}})
}

#[test]
fn every_code_of_adherence_is_a_status_of_r4_and_comes_back() {
    for (code, status) in [
        ("taking", "active"),
        ("taking-as-directed", "active"),
        ("taking-not-as-directed", "active"),
        ("not-taking", "not-taken"),
        ("on-hold", "on-hold"),
        ("on-hold-as-directed", "on-hold"),
        ("on-hold-not-as-directed", "on-hold"),
        ("stopped", "stopped"),
        ("stopped-as-directed", "stopped"),
        ("stopped-not-as-directed", "stopped"),
        ("unknown", "unknown"),
    ] {
        let made = there_and_back(&of_r5("recorded", json!({"code": coded(code)})), Release::R5);
        assert_eq!(made["status"], status, "{code}");
        // What R4 has no word for stands beside it.
        let kept = &made["extension"][0];
        if code.ends_with("directed") {
            assert_eq!(kept["url"], format!("{OF_R5}adherence.code"));
            assert_eq!(kept["valueCodeableConcept"], coded(code));
        } else {
            assert!(made.get("extension").is_none(), "{code}");
        }
    }
}

#[test]
fn every_status_of_r4_is_a_code_of_adherence_and_comes_back() {
    for (status, said, code) in [
        ("active", "recorded", Some("taking")),
        ("completed", "recorded", Some("stopped")),
        ("entered-in-error", "entered-in-error", None),
        ("intended", "recorded", Some("unknown")),
        ("stopped", "recorded", Some("stopped")),
        ("on-hold", "recorded", Some("on-hold")),
        ("unknown", "recorded", Some("unknown")),
        ("not-taken", "recorded", Some("not-taking")),
    ] {
        let made = there_and_back(&of_r4(status), Release::R4);
        assert_eq!(made["status"], said);
        match code {
            Some(code) => assert_eq!(made["adherence"], json!({"code": coded(code)}), "{status}"),
            None => assert!(made.get("adherence").is_none(), "{status}"),
        }
        let is_kept = made["extension"][0] == json!({"url": format!("{OF_R4}status"), "valueCode": status});
        assert_eq!(is_kept, matches!(status, "completed" | "intended"), "{status}");
    }
}

#[test]
fn what_is_not_known_of_adherence_is_never_taken_for_taking() {
    let taking = || json!({"system": SYSTEM, "code": "taking"});
    for adherence in [
        Value::Null,
        json!({"reason": {"text": "cost"}}),
        json!({"code": {"text": "taking"}}),
        json!({"code": coded("perhaps")}),
        json!({"code": coded("Taking")}),
        json!({"code": {"coding": [{"system": "https://example.org/adherence", "code": "taking"}]}}),
        json!({"code": {"coding": [{"code": "taking"}]}}),
        json!({"code": {"coding": [{"system": SYSTEM, "display": "Taking"}]}}),
        json!({"code": {"coding": [taking(), {"system": SYSTEM, "code": "not-taking"}]}}),
        json!({"code": {"coding": [taking(), {"system": SYSTEM, "code": "perhaps"}]}}),
        json!({"code": {"coding": [taking(), {"system": SYSTEM, "display": "Not taking"}]}}),
        json!({"code": {"extension": [{"url": "https://example.org/why", "valueString": "not asked"}]}}),
        json!({"id": "a1", "code": {"text": "sometimes"}, "reason": {"text": "cost"}}),
        json!({"id": "a1", "reason": {"text": "cost"}}),
    ] {
        let made = there_and_back(&of_r5("recorded", adherence.clone()), Release::R5);
        assert_eq!(made["status"], "unknown", "{adherence}");
    }
    // What says more of the same says what it says.
    for (code, status) in [
        (json!({"text": "Has stopped", "coding": [{"system": SYSTEM, "code": "stopped"}]}), "stopped"),
        (json!({"coding": [{"system": SYSTEM, "code": "stopped", "display": "Stopped"}]}), "stopped"),
        (json!({"coding": [{"system": "https://example.org/a", "code": "x"}, taking()]}), "active"),
        (json!({"coding": [taking(), {"system": SYSTEM, "code": "taking-as-directed"}]}), "active"),
    ] {
        let made = there_and_back(&of_r5("recorded", json!({"code": code})), Release::R5);
        assert_eq!(made["status"], status, "{code}");
    }
}

#[test]
fn a_shape_that_is_none_is_not_taken_for_taking_either() {
    for adherence in [
        json!("taking"),
        json!({"code": "taking"}),
        json!({"code": {"coding": coded("taking")}}),
        json!([{"code": coded("taking")}]),
        json!({"code": [coded("taking")]}),
    ] {
        let input = of_r5("recorded", adherence.clone()).to_string();
        let done = translate(input.as_bytes(), Release::R5, Release::R4).unwrap();
        assert_eq!(resources(&done.bundle)["entry"][0]["resource"]["status"], "unknown", "{adherence}");
    }
}

#[test]
fn what_was_entered_in_error_says_nothing_else_by_its_status() {
    for adherence in [Value::Null, json!({"code": coded("taking"), "reason": {"text": "gout"}})] {
        let made = there_and_back(&of_r5("entered-in-error", adherence), Release::R5);
        assert_eq!(made["status"], "entered-in-error");
        assert!(made.get("statusReason").is_none());
    }
    let mut wrong = of_r4("entered-in-error");
    wrong["statusReason"] = json!([{"text": "other person"}]);
    assert!(there_and_back(&wrong, Release::R4).get("adherence").is_none());
}

#[test]
fn a_status_that_the_other_release_cannot_say_is_refused() {
    let taking = || json!({"code": coded("taking")});
    for status in ["draft", "active", "not-taken", "completed", "wibble"] {
        refused(&of_r5(status, taking()), Release::R5, "MedicationStatement.status");
        refused(&of_r5(status, Value::Null), Release::R5, "MedicationStatement.status");
    }
    for status in ["recorded", "draft", "taking", "wibble"] {
        refused(&of_r4(status), Release::R4, "MedicationStatement.status");
    }
    // Whether it stands at all is not said.
    let mut silent = of_r5("recorded", taking());
    silent.as_object_mut().unwrap().remove("status");
    refused(&silent, Release::R5, "MedicationStatement.status");
    let not_really = json!([{"url": "https://example.org/not", "valueBoolean": true}]);
    for status in ["recorded", "entered-in-error"] {
        let modified = json!({"code": coded("taking"), "modifierExtension": not_really});
        refused(&of_r5(status, modified), Release::R5, "MedicationStatement.adherence.modifierExtension");
    }
}

#[test]
fn an_extension_does_not_say_otherwise_than_the_status() {
    let with = |mut made: Value, url: String, name: &str, value: Value| {
        let mut extension = json!({"url": url});
        extension[name] = value;
        made["extension"] = json!([extension]);
        made
    };
    for (status, path, name, value) in [
        ("not-taken", "adherence.code", "valueCodeableConcept", coded("taking")),
        ("unknown", "adherence.code", "valueCodeableConcept", coded("taking-as-directed")),
        ("entered-in-error", "adherence.code", "valueCodeableConcept", coded("taking")),
        ("active", "status", "valueCode", json!("recorded")),
        ("active", "status", "valueCode", json!("entered-in-error")),
        ("not-taken", "status", "valueCode", json!("recorded")),
    ] {
        let forged = with(of_r4(status), format!("{OF_R5}{path}"), name, value);
        let honest = one(&of_r4(status), Release::R4);
        let made = one(&forged, Release::R4);
        assert_eq!(
            (&made["status"], &made["adherence"]),
            (&honest["status"], &honest["adherence"]),
            "{forged}"
        );
        assert_eq!(made["extension"], forged["extension"]);
    }
    let whole = json!([{"url": format!("{OF_R5}adherence"), "extension": [{"url": "code", "valueCodeableConcept": coded("taking")}]}]);
    let mut forged = of_r4("not-taken");
    forged["extension"] = whole.clone();
    let made = one(&forged, Release::R4);
    assert_eq!((&made["adherence"]["code"], &made["extension"]), (&coded("not-taking"), &whole));
    for (code, kept) in [
        ("not-taking", "active"),
        ("not-taking", "completed"),
        ("stopped", "active"),
        ("stopped-as-directed", "completed"),
        ("unknown", "active"),
        ("taking", "entered-in-error"),
    ] {
        let plain = of_r5("recorded", json!({"code": coded(code)}));
        let forged = with(plain.clone(), format!("{OF_R4}status"), "valueCode", json!(kept));
        assert_eq!(one(&forged, Release::R5)["status"], one(&plain, Release::R5)["status"], "{code} {kept}");
    }
    let silent =
        with(of_r5("recorded", Value::Null), format!("{OF_R4}status"), "valueCode", json!("intended"));
    assert_eq!(one(&silent, Release::R5)["status"], "unknown");
}

#[test]
fn what_stands_beside_a_status_stays_beside_it() {
    let beside = json!({"extension": [{"url": "https://example.org/by", "valueString": "daughter"}]});
    for code in ["taking", "stopped-as-directed", "perhaps"] {
        let mut input = of_r5("recorded", json!({"code": coded(code)}));
        input["_status"] = beside.clone();
        assert_eq!(there_and_back(&input, Release::R5)["_status"], beside);
    }
    for status in ["completed", "intended", "active", "entered-in-error"] {
        let mut input = of_r4(status);
        input["_status"] = beside.clone();
        assert_eq!(there_and_back(&input, Release::R4)["_status"], beside);
    }
    // No status at all, but why.
    for (mut input, release) in [(of_r4("x"), Release::R4), (of_r5("x", Value::Null), Release::R5)] {
        input.as_object_mut().unwrap().remove("status");
        input["_status"] = beside.clone();
        let made = there_and_back(&input, release);
        assert!(made.get("status").is_none() && made.get("adherence").is_none(), "{made}");
    }
}

#[test]
fn whole_statements_of_r5_come_back() {
    let mut whole = of_r5("recorded", json!({"code": coded("stopped"), "reason": {"text": "Bruising"}}));
    let more = json!({
        "identifier": [{"system": "urn:x", "value": "1"}],
        "partOf": [{"reference": "Procedure/1"}, {"reference": "MedicationStatement/2"}],
        "category": [{"text": "Community"}, {"text": "Repeat"}],
        "medication": {"reference": {"reference": "Medication/1"}},
        "encounter": {"reference": "Encounter/1"},
        "effectiveTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "dateAsserted": "2026-03-01",
        "informationSource": [{"reference": "Patient/1"}, {"reference": "RelatedPerson/1"}],
        "derivedFrom": [{"reference": "MedicationRequest/1"}],
        "reason": [{"concept": {"text": "AF"}}, {"reference": {"reference": "Condition/1"}}],
        "note": [{"text": "seen"}],
        "relatedClinicalInformation": [{"reference": "Observation/1"}],
        "renderedDosageInstruction": "One *daily*",
        "dosage": [{"text": "One daily", "asNeededFor": [{"text": "pain"}], "timing": {"code": {"text": "QD"}}}]
    });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = there_and_back(&whole, Release::R5);
    assert_eq!(made["status"], "stopped");
    assert_eq!(made["statusReason"], json!([{"text": "Bruising"}]));
    assert_eq!(made["medicationReference"], json!({"reference": "Medication/1"}));
    assert_eq!(made["category"], json!({"text": "Community"}));
    assert_eq!(made["informationSource"], json!({"reference": "Patient/1"}));
    assert_eq!(made["context"], json!({"reference": "Encounter/1"}));
    assert_eq!(made["reasonCode"], json!([{"text": "AF"}]));
    assert_eq!(made["reasonReference"], json!([{"reference": "Condition/1"}]));
    // A reason stays one when the code is kept, and when the whole is.
    for adherence in [
        json!({"code": coded("stopped-as-directed"), "reason": {"text": "Bruising"}}),
        json!({"id": "a", "code": coded("stopped"), "reason": {"text": "Bruising"}}),
        json!({"extension": [{"url": "urn:x", "valueCode": "y"}], "code": coded("stopped")}),
    ] {
        whole["adherence"] = adherence;
        assert_eq!(there_and_back(&whole, Release::R5)["status"], "stopped");
    }
}

#[test]
fn whole_statements_of_r4_come_back() {
    let more = json!({
        "basedOn": [{"reference": "MedicationRequest/1"}],
        "partOf": [{"reference": "Observation/1"}],
        "statusReason": [{"text": "Bruising"}, {"text": "Own wish"}],
        "category": {"text": "Community"},
        "effectivePeriod": {"start": "2026-03-01"},
        "dateAsserted": "2026-03-01",
        "informationSource": {"reference": "Patient/1"},
        "derivedFrom": [{"reference": "MedicationRequest/1"}],
        "reasonCode": [{"text": "AF"}],
        "reasonReference": [{"reference": "Condition/1"}],
        "note": [{"text": "seen"}],
        "dosage": [{"text": "One daily", "asNeededBoolean": false}]
    });
    for status in ["active", "completed", "intended", "not-taken", "unknown", "entered-in-error"] {
        for context in ["Encounter/1", "https://example.org/fhir/EpisodeOfCare/1", "urn:uuid:1b"] {
            let mut whole = of_r4(status);
            whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            whole["context"] = json!({"reference": context});
            let made = there_and_back(&whole, Release::R4);
            // An episode is no encounter.
            assert_eq!(made.get("encounter").is_some(), !context.contains("Episode"), "{made}");
        }
    }
}

#[test]
fn an_episode_of_care_is_no_encounter_for_any_medicine() {
    for kind in ["MedicationAdministration", "MedicationDispense"] {
        for (context, is_encounter) in [
            (json!({"reference": "EpisodeOfCare/1/_history/2"}), false),
            (json!({"type": "EpisodeOfCare", "identifier": {"value": "1"}}), false),
            (json!({"reference": "Encounter/1"}), true),
            (json!({"reference": "https://example.org/EpisodeOfCare/Encounter/1"}), true),
            (json!({"reference": "#e"}), true),
        ] {
            let input = json!({"resourceType": kind, "status": "completed", "context": context,
                "medicationCodeableConcept": {"text": "Senna"}, "subject": {"reference": "Patient/1"}});
            let made = there_and_back(&input, Release::R4);
            assert_eq!(made.get("encounter").is_some(), is_encounter, "{made}");
        }
    }
}

#[test]
fn a_medicine_that_is_named_and_referred_to_comes_back_as_one() {
    let reference = json!({"reference": "Medication/1"});
    for (kind, status) in [
        ("MedicationStatement", "entered-in-error"),
        ("MedicationRequest", "active"),
        ("MedicationAdministration", "completed"),
        ("MedicationDispense", "completed"),
    ] {
        for medication in [
            json!({"concept": {"text": "Warfarin"}, "reference": reference}),
            json!({"reference": reference, "concept": {"text": "Warfarin"}}),
        ] {
            let mut input = json!({"resourceType": kind, "status": status, "medication": medication,
                "subject": {"reference": "Patient/1"}});
            if kind == "MedicationRequest" {
                input["intent"] = json!("order");
            }
            let made = there_and_back(&input, Release::R5);
            let first = medication.as_object().unwrap().keys().next().map(String::as_str);
            assert_eq!(made.get("medicationCodeableConcept").is_some(), first == Some("concept"), "{made}");
        }
    }
}

/// Codings of what the adherence is said with: of its list or not, known or not, with a word beside or not.
fn codings() -> impl Strategy<Value = Vec<Value>> {
    let systems = prop::sample::select(vec![SYSTEM, "https://example.org/adherence", ""]);
    let codes = prop::sample::select(vec![
        "taking",
        "taking-as-directed",
        "taking-not-as-directed",
        "not-taking",
        "on-hold",
        "stopped-as-directed",
        "unknown",
        "active",
        "",
    ]);
    let coding = (systems, codes, any::<bool>()).prop_map(|(system, code, is_worded)| {
        let mut coding = json!({"display": "Taking"});
        for (name, text) in [("system", system), ("code", code)] {
            if !text.is_empty() {
                coding[name] = json!(text);
            }
        }
        if !is_worded && (coding.get("system").is_some() || coding.get("code").is_some()) {
            coding.as_object_mut().unwrap().remove("display");
        }
        coding
    });
    prop::collection::vec(coding, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn only_what_says_taking_and_nothing_else_is_active(
        codings in codings(),
        is_erroneous in prop::bool::weighted(0.2),
        has_text in any::<bool>(),
        has_reason in any::<bool>(),
    ) {
        let mut adherence = json!({});
        if !codings.is_empty() {
            adherence["code"]["coding"] = json!(codings);
        }
        if has_text {
            adherence["code"]["text"] = json!("taking");
        }
        if has_reason {
            adherence["reason"] = json!({"text": "Taking it for gout"});
        }
        let status = if is_erroneous { "entered-in-error" } else { "recorded" };
        let has_any = adherence.as_object().is_some_and(|members| !members.is_empty());
        let made = there_and_back(&of_r5(status, if has_any { adherence } else { Value::Null }), Release::R5);
        let of_list: Vec<&Value> = codings.iter().filter(|coding| coding["system"] == SYSTEM).collect();
        let says_taking = |coding: &&Value| coding["code"].as_str().is_some_and(|code| code.starts_with("taking"));
        let is_taking = !is_erroneous && !of_list.is_empty() && of_list.iter().all(says_taking);
        prop_assert_eq!(made["status"] == "active", is_taking, "{}", made);
    }
}

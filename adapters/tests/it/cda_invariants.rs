//! Invariants of FHIR that documents break: what comes out keeps them, carries what was said, and tells what it does not.

use adapters::Why;
use serde_json::{Value, json};

use crate::cda_meaning::{
    ALLERGIES, ENCOUNTERS, MEDICINES, PROBLEMS, RESULTS, allergy, bundle, coded, translated,
};

const GOALS: &str = "61146-7";
const FAMILY: &str = "10157-6";

fn unknown() -> Value {
    json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]})
}

/// What an entry says of the first resource of this type, and what is told of it for this reason.
#[track_caller]
fn check(section: &str, entry: &str, kind: &str, expected: &[(&str, Value)], why: Option<Why>) {
    let made = translated(section, entry);
    let whole = bundle(&made);
    let mut all = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let found =
        all.find(|resource| resource["resourceType"] == kind).unwrap_or_else(|| panic!("{kind}: {whole}"));
    for (pointer, value) in expected {
        assert_eq!(found.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} of {found}");
    }
    for reason in [Why::NotOfType, Why::ConditionUnmet] {
        let told = made.losses.iter().any(|loss| loss.why == reason);
        assert_eq!(told, why == Some(reason), "{reason:?}: {:?}", made.losses);
    }
}

/// `org-1`, `org-2`, `org-3`.
#[test]
fn an_organisation_is_called_something_and_is_nobodys_home() {
    let place = |used: &str| {
        format!(
            r#"<addr use="{used}"><city>Leeds</city></addr><telecom use="{used}" value="tel:0113 4960001"/>"#
        )
    };
    let city = || json!("Leeds");
    for (inside, expected, why) in [
        (
            format!("<name>Clinic</name>{}", place("WP")),
            vec![("/address/0/use", json!("work")), ("/telecom/0/use", json!("work"))],
            None,
        ),
        (
            format!("<name>Clinic</name>{}", place("HP")),
            vec![
                ("/address/0/use", Value::Null),
                ("/address/0/city", city()),
                ("/telecom/0/use", Value::Null),
                ("/telecom/0/value", json!("0113 4960001")),
            ],
            Some(Why::NotOfType),
        ),
        (place("WP"), vec![("/_name", unknown()), ("/address/0/city", city())], None),
        (r#"<id root="1.2.3" extension="9"/>"#.to_owned(), vec![("/_name", Value::Null)], None),
    ] {
        let entry = format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="%T.16"/><statusCode code="completed"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Iron" %S/></manufacturedMaterial><manufacturerOrganization>{inside}</manufacturerOrganization></manufacturedProduct></consumable></substanceAdministration>"#
        );
        check(MEDICINES, &entry, "Organization", &expected, why);
    }
}

/// `AllergyIntolerance.reaction.manifestation`, 1 at least; `ait-2`.
#[test]
fn a_reaction_is_of_some_kind_and_a_wrong_allergy_has_no_status() {
    let reaction = |value: &str| {
        allergy("", &coded("419199007", "Allergy"), r#"<code code="1" displayName="Nuts" %S/>"#).replace(
            "</observation>",
            &format!(r#"<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN"><code code="ASSERTION"/><effectiveTime><low value="20240101"/></effectiveTime>{value}</observation></entryRelationship></observation>"#),
        )
    };
    for (value, manifestation) in [
        ("", unknown()),
        (r#"<value xsi:type="CD" nullFlavor="UNK"/>"#, unknown()),
        (
            r#"<value xsi:type="CD" nullFlavor="UNK"><originalText>Wheeze</originalText></value>"#,
            json!({"text": "Wheeze"}),
        ),
    ] {
        let expected =
            [("/reaction/0/manifestation/0", manifestation), ("/reaction/0/onset", json!("2024-01-01"))];
        check(ALLERGIES, &reaction(value), "AllergyIntolerance", &expected, None);
    }
    let wrong = reaction("").replacen(
        "<code code=\"ASSERTION\"/>",
        "<code code=\"ASSERTION\"/><statusCode code=\"nullified\"/>",
        1,
    );
    let expected =
        [("/clinicalStatus", Value::Null), ("/verificationStatus/coding/0/code", json!("entered-in-error"))];
    check(ALLERGIES, &wrong, "AllergyIntolerance", &expected, Some(Why::ConditionUnmet));
}

/// `con-4` and `con-5`.
#[test]
fn a_problem_that_has_ended_is_not_active_and_a_wrong_one_has_no_status() {
    let problem = |attributes: &str, status: &str, stated: &str| {
        let stated = match stated {
            "" => String::new(),
            code => format!(
                r#"<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN"><code code="33999-4"/><value xsi:type="CD" code="{code}" %S/></observation></entryRelationship>"#
            ),
        };
        format!(
            r#"<observation classCode="OBS" moodCode="EVN" {attributes}><templateId root="%T.4"/><code code="ASSERTION"/><statusCode code="{status}"/><effectiveTime><low value="20200101"/><high value="20210101"/></effectiveTime>{}{stated}</observation>"#,
            coded("195967001", "Asthma")
        )
    };
    let ended = || json!("2021-01-01");
    for (entry, status, abatement, why) in [
        (problem("", "completed", ""), json!("resolved"), ended(), None),
        (problem("", "completed", "413322009"), json!("resolved"), ended(), None),
        (problem("", "completed", "73425007"), json!("inactive"), ended(), None),
        (problem("", "completed", "55561003"), json!("active"), Value::Null, Some(Why::ConditionUnmet)),
        (problem("", "nullified", ""), Value::Null, Value::Null, Some(Why::ConditionUnmet)),
        (
            problem(r#"negationInd="true""#, "completed", ""),
            Value::Null,
            Value::Null,
            Some(Why::ConditionUnmet),
        ),
    ] {
        let expected = [
            ("/clinicalStatus/coding/0/code", status),
            ("/abatementDateTime", abatement),
            ("/onsetDateTime", json!("2020-01-01")),
        ];
        check(PROBLEMS, &entry, "Condition", &expected, why);
    }
}

/// `app-2`, `app-3`, and somebody who takes part.
#[test]
fn an_appointment_has_both_times_or_says_that_one_is_not_known() {
    let appointment = |time: &str, participant: &str| {
        format!(
            r#"<encounter classCode="ENC" moodCode="APT"><id root="1.2.3" extension="A1"/><code code="1" displayName="Visit" %S/>{time}{participant}</encounter>"#
        )
    };
    let whole =
        r#"<effectiveTime><low value="202601011000+0000"/><high value="202601011030+0000"/></effectiveTime>"#;
    let begun = r#"<effectiveTime><low value="202601011000+0000"/></effectiveTime>"#;
    let device = r#"<participant typeCode="DEV"><participantRole><id root="1.2.3" extension="X"/></participantRole></participant>"#;
    let at = |time: &str| json!(format!("2026-01-01T{time}:00+00:00"));
    for (time, start, end) in
        [(whole, at("10:00"), at("10:30")), (begun, at("10:00"), Value::Null), ("", Value::Null, Value::Null)]
    {
        let absent = |value: &Value| if value.is_null() { unknown() } else { Value::Null };
        for participant in ["", device] {
            let expected = [
                ("/_start", absent(&start)),
                ("/_end", absent(&end)),
                ("/start", start.clone()),
                ("/end", end.clone()),
                ("/participant/0/_status", unknown()),
            ];
            check(ENCOUNTERS, &appointment(time, participant), "Appointment", &expected, None);
        }
    }
}

/// `rng-2`.
#[test]
fn a_range_that_ends_below_its_beginning_is_words_or_a_loss() {
    let interval =
        |low: &str, high: &str| format!(r#"<low value="{low}" unit="mg"/><high value="{high}" unit="mg"/>"#);
    let result = |low: &str, high: &str| {
        format!(
            r#"<observation classCode="OBS" moodCode="EVN"><templateId root="%T.2"/><code code="1"/><statusCode code="completed"/><value xsi:type="IVL_PQ">{}</value></observation>"#,
            interval(low, high)
        )
    };
    check(
        RESULTS,
        &result("5", "10"),
        "Observation",
        &[("/valueRange/low/value", json!(5)), ("/valueString", Value::Null)],
        None,
    );
    let words = [("/valueRange", Value::Null), ("/valueString", json!("10 mg - 5 mg"))];
    check(RESULTS, &result("10", "5"), "Observation", &words, Some(Why::NotOfType));
    let dose = |low: &str, high: &str| {
        format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="%T.16"/><statusCode code="completed"/><doseQuantity>{}</doseQuantity><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Iron" %S/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"#,
            interval(low, high)
        )
    };
    let range = "/dosage/0/doseAndRate/0/doseRange/high/value";
    check(MEDICINES, &dose("5", "10"), "MedicationStatement", &[(range, json!(10))], None);
    check(
        MEDICINES,
        &dose("10", "5"),
        "MedicationStatement",
        &[("/dosage", Value::Null)],
        Some(Why::NotOfType),
    );
}

/// `age-1` and `gol-1`.
#[test]
fn an_age_is_a_time_and_a_target_is_of_something() {
    let relative = |value: &str, unit: &str| {
        format!(
            r#"<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="%T.45"/><statusCode code="completed"/><subject><relatedSubject classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject><component><observation classCode="OBS" moodCode="EVN"><templateId root="%T.46"/><code code="1"/><statusCode code="completed"/>{}<entryRelationship typeCode="SUBJ" inversionInd="true"><observation classCode="OBS" moodCode="EVN"><templateId root="%T.31"/><code code="1"/><value xsi:type="PQ" value="{value}" unit="{unit}"/></observation></entryRelationship></observation></component></organizer>"#,
            coded("195967001", "Asthma")
        )
    };
    for (value, unit, expected, why) in [
        ("57", "a", json!(57), None),
        ("3", "mo", json!(3), None),
        ("0", "a", Value::Null, Some(Why::NotOfType)),
        ("-1", "a", Value::Null, Some(Why::NotOfType)),
        ("57", "mg", Value::Null, Some(Why::NotOfType)),
    ] {
        let expected = [("/condition/0/onsetAge/value", expected)];
        check(FAMILY, &relative(value, unit), "FamilyMemberHistory", &expected, why);
    }
    let goal = r#"<observation classCode="OBS" moodCode="GOL"><templateId root="%T.121"/><code nullFlavor="UNK"/><statusCode code="active"/><value xsi:type="PQ" value="70" unit="kg"/></observation>"#;
    let expected = [("/target/0/measure", unknown()), ("/target/0/detailQuantity/value", json!(70))];
    check(GOALS, goal, "Goal", &expected, None);
}

/// UCUM: a unit of CDA is one of UCUM; what is none is carried as words, with a loss, and claims nothing.
#[test]
fn a_unit_that_ucum_does_not_have_is_words() {
    let bolus = |unit: &str| {
        let entry = format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="EVN"><statusCode code="completed"/><doseQuantity value="2.5" unit="{unit}"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Morphine" %S/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"#
        );
        translated(MEDICINES, &entry)
    };
    for (unit, code) in [
        ("mg", Some("mg")),
        ("10*3/uL", Some("10*3/uL")),
        ("{puff}", Some("{puff}")),
        ("10+3/ul", None),
        ("mg/3ml2x", None),
        ("TABLET", None),
        ("per minute", None),
        ("mm[Hg", None),
    ] {
        let made = bolus(unit);
        let whole = bundle(&made);
        let mut all = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let statement = all.find(|resource| resource["resourceType"] == "MedicationStatement").unwrap();
        let dose = &statement["dosage"][0]["doseAndRate"][0]["doseQuantity"];
        assert_eq!(dose["unit"], unit);
        assert_eq!(dose["code"].as_str(), code, "{unit}");
        assert_eq!(dose["system"].as_str(), code.map(|_| "http://unitsofmeasure.org"), "{unit}");
        let told = made.losses.iter().any(|loss| loss.why == Why::CodeKept && loss.place.ends_with("@unit"));
        assert_eq!(told, code.is_none(), "{unit}: {:?}", made.losses);
    }
}

/// What a document with this in its header, and this in its `patient`, becomes.
fn document(header: &str, patient: &str) -> Value {
    let document = format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="D1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/><patient><name><family>Fenwick</family></name>{patient}</patient></patientRole></recordTarget>{header}</ClinicalDocument>"#
    );
    let made = adapters::cda::translate(document.as_bytes(), &crate::goldens::hospital()).unwrap();
    crate::cda::check(&made, header);
    bundle(&made)
}

/// `pat-1`.
#[test]
fn a_contact_can_be_reached_or_it_is_said_that_nothing_is_known() {
    for (inside, nothing) in [
        (r#"<code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>"#, true),
        (r#"<telecom value="tel:0113 4960001"/>"#, false),
        ("<addr><city>Leeds</city></addr>", false),
        ("<guardianPerson><name><family>Moss</family></name></guardianPerson>", false),
        ("<guardianOrganization><name>Carers</name></guardianOrganization>", false),
    ] {
        let whole = document("", &format!("<guardian>{inside}</guardian>"));
        let entries = whole["entry"].as_array().unwrap();
        let mut found = entries.iter().map(|entry| &entry["resource"]);
        let contact = &found.find(|held| held["resourceType"] == "Patient").unwrap()["contact"][0];
        assert!(contact.is_object(), "{whole}");
        assert_eq!(contact["name"] == unknown(), nothing, "{contact}");
    }
}

/// `att-1`.
#[test]
fn an_attachment_says_what_it_is_or_that_it_may_be_anything() {
    for (attributes, kind) in [
        (r#" mediaType="application/pdf" representation="B64""#, "application/pdf"),
        (r#" representation="B64""#, "application/octet-stream"),
    ] {
        let body =
            format!("<component><nonXMLBody><text{attributes}>JVBERi0xLjQK</text></nonXMLBody></component>");
        let whole = document(&body, "");
        let entries = whole["entry"].as_array().unwrap();
        let mut found = entries.iter().map(|entry| &entry["resource"]);
        let found = found.rfind(|held| held["resourceType"] == "DocumentReference").unwrap();
        assert_eq!(found["content"][0]["attachment"]["contentType"], kind, "{found}");
    }
}

/// `Composition.relatesTo.code` and `target[x]`, 1 each.
#[test]
fn a_document_relates_to_another_in_some_way_and_to_one_that_may_not_be_known() {
    for (related, code, target) in [
        (
            r#" typeCode="RPLC"><parentDocument><id root="1.2.3" extension="D0"/></parentDocument>"#,
            "replaces",
            false,
        ),
        (
            r#" typeCode="XFRM"><parentDocument><id root="1.2.3" extension="D0"/></parentDocument>"#,
            "transforms",
            false,
        ),
        (r#"><parentDocument><id root="1.2.3" extension="D0"/></parentDocument>"#, "appends", false),
        (r#" typeCode="RPLC"><parentDocument><setId root="1.2.3"/></parentDocument>"#, "replaces", true),
    ] {
        let whole = document(&format!("<relatedDocument{related}</relatedDocument>"), "");
        let relation = &whole["entry"][0]["resource"]["relatesTo"][0];
        assert_eq!(relation["code"], code, "{relation}");
        assert_eq!(relation["targetIdentifier"] == unknown(), target, "{relation}");
    }
}

/// A result of this value: what is said of it, and how much it matters what was lost of the value.
fn result(value: &str) -> (Value, Option<adapters::Severity>) {
    let entry = format!(
        r#"<observation classCode="OBS" moodCode="EVN"><templateId root="%T.2"/><code code="1" %S><originalText><content ID="seen">cloudy</content></originalText></code><statusCode code="completed"/>{value}</observation>"#
    );
    let made = translated(RESULTS, &entry);
    let whole = bundle(&made);
    let entries = whole["entry"].as_array().unwrap();
    let mut found = entries.iter().map(|entry| &entry["resource"]);
    let found = found.rfind(|held| held["resourceType"] == "Observation").unwrap();
    let said: serde_json::Map<String, Value> = found
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .filter(|(name, _)| name.starts_with("value"))
        .collect();
    let lost =
        made.losses.iter().filter(|loss| loss.place.contains("/value")).map(|loss| loss.severity).max();
    (Value::Object(said), lost)
}

#[test]
fn a_file_is_no_word_of_a_result_and_a_number_that_is_none_keeps_its_unit() {
    use adapters::Severity::Major;
    for (value, expected, lost) in [
        (
            r#"<value xsi:type="ED" mediaType="application/pdf" representation="B64">JVBERi0=</value>"#,
            json!({}),
            Some(Major),
        ),
        (r#"<value xsi:type="ST" representation="B64">JVBERi0=</value>"#, json!({}), Some(Major)),
        (
            r#"<value xsi:type="ED" mediaType="image/png"><reference value="http://x/y.png"/></value>"#,
            json!({}),
            Some(Major),
        ),
        (r#"<value xsi:type="ED">turbid</value>"#, json!({"valueString": "turbid"}), None),
        // What is pointed at in the narrative is words, with the sign before it or without.
        (
            r##"<value xsi:type="ED"><reference value="#seen"/></value>"##,
            json!({"valueString": "cloudy"}),
            None,
        ),
        (r#"<value xsi:type="ED"><reference value="seen"/></value>"#, json!({"valueString": "cloudy"}), None),
        (
            r#"<value xsi:type="PQ" value="5,1" unit="mg/dL"/>"#,
            json!({"valueString": "5,1 mg/dL"}),
            Some(Major),
        ),
        (r#"<value xsi:type="PQ" value="few" unit="1"/>"#, json!({"valueString": "few"}), Some(Major)),
    ] {
        let (said, told) = result(value);
        assert_eq!(said, expected, "{value}");
        assert_eq!(told, lost, "{value}");
    }
}

#[test]
fn a_second_substance_that_somebody_is_allergic_to_is_no_small_loss() {
    let substance = |code: &str| {
        format!(
            r#"<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="{code}" %S/></playingEntity></participantRole></participant>"#
        )
    };
    let entry =
        allergy("", &coded("419199007", "Allergy"), r#"<code code="7980" displayName="Penicillin" %S/>"#)
            .replacen("</participant>", &format!("</participant>{}", substance("7981")), 1);
    let made = translated(ALLERGIES, &entry);
    let lost = made.losses.iter().filter(|loss| loss.place.contains("participant[2]"));
    let lost: Vec<_> = lost.map(|loss| (loss.place.rsplit('/').next().unwrap(), loss.severity)).collect();
    assert!(lost.contains(&("@code", adapters::Severity::Major)), "{:?}", made.losses);
}

/// A code that looks like one of a map, of a system that it is not made of, is told: it may mean something else there. So is a
/// name that is none of the code's, in any system.
#[test]
fn the_system_of_a_code_that_is_mapped_is_told_where_it_is_another() {
    for (system, name, told) in [
        ("2.16.840.1.113883.5.1", "Male", 0),
        ("2.16.840.1.113883.5.1", "Mixed", 1),
        ("2.16.840.1.113883.2.1.3.2.4.16.25", "male", 0),
        ("2.16.840.1.113883.50.1", "M", 1),
        ("2.16.840.1.113883.6.96", "Mixed", 2),
        ("1.2.3.4", "Mixed", 2),
    ] {
        let document = format!(
            r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="D1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/><patient><name><family>Fenwick</family></name><administrativeGenderCode code="M" displayName="{name}" codeSystem="{system}"/></patient></patientRole></recordTarget></ClinicalDocument>"#
        );
        let made = adapters::cda::translate(document.as_bytes(), &crate::goldens::hospital()).unwrap();
        let losses = made.losses.iter().filter(|loss| loss.place.contains("administrativeGenderCode/@"));
        let losses: Vec<_> =
            losses.map(|loss| (loss.place.rsplit('@').next().unwrap(), loss.severity)).collect();
        assert_eq!(losses.len(), told, "{system} {name}: {losses:?}");
        if !system.starts_with("2.16.840.1.113883.5.") && !system.starts_with("2.16.840.1.113883.2.1.") {
            assert!(losses.contains(&("codeSystem", adapters::Severity::Major)), "{losses:?}");
        }
    }
}

/// Why a result has no value is said (`Observation.dataAbsentReason`), where it has none (`obs-6`).
#[test]
fn why_a_result_has_no_value_is_said() {
    let said = |code: &str| json!({"coding": [{"code": code, "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason"}]});
    for (value, expected) in [
        (r#"<value xsi:type="PQ" nullFlavor="NASK"/>"#, Some("not-asked")),
        (r#"<value xsi:type="PQ" nullFlavor="MSK"/>"#, Some("masked")),
        (r#"<value xsi:type="CD" nullFlavor="NI"/>"#, Some("unknown")),
        (r#"<value xsi:type="PQ" nullFlavor="NP"/>"#, None),
        (r#"<value xsi:type="CD" nullFlavor="UNK"><originalText>Clotted</originalText></value>"#, None),
        (r#"<value xsi:type="PQ" value="5" unit="g/L"/>"#, None),
        ("", None),
    ] {
        let entry = format!(
            r#"<observation classCode="OBS" moodCode="EVN"><code code="718-7" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><effectiveTime value="20250630"/>{value}</observation>"#
        );
        let made = translated(RESULTS, &entry);
        let whole = bundle(&made);
        let found = whole["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let found = found.clone().find(|resource| resource["resourceType"] == "Observation").unwrap();
        let mut reason = found["dataAbsentReason"].clone();
        if let Some(coding) = reason.pointer_mut("/coding/0").and_then(Value::as_object_mut) {
            coding.remove("display");
        }
        assert_eq!(reason, expected.map_or(Value::Null, said), "{value}");
        let told = made.losses.iter().any(|loss| loss.place.ends_with("value/@nullFlavor"));
        assert_eq!(told, expected.is_none() && value.contains("nullFlavor"), "{value}: {:?}", made.losses);
    }
}

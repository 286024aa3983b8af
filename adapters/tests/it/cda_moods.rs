//! The moods of CDA statements: what is planned, asked for or feared is not what was done. A row is as in `cda_meaning`.

use serde_json::Value;

use crate::cda_meaning::{
    ALLERGIES, ENCOUNTERS, GIVEN, IMMUNISATIONS, MEDICINES, PROBLEMS, PROCEDURES, RESULTS, VITALS, allergy,
    bundle, check, coded, translated,
};

#[test]
fn a_medicine_or_a_device_that_is_planned_or_ordered_is_a_request() {
    let medicine = r#"<consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Aspirin" %S/></manufacturedMaterial></manufacturedProduct></consumable>"#;
    let given = |mood: &str, template: &str| {
        format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="{mood}"><templateId root="%T.{template}"/><statusCode code="active"/>{medicine}</substanceAdministration>"#
        )
    };
    let within = |template: &str, mood: &str| {
        format!(
            r#"<act classCode="ACT" moodCode="EVN"><templateId root="%T.{template}"/><entryRelationship typeCode="SUBJ">{}</entryRelationship></act>"#,
            given(mood, "16")
        )
    };
    let chair = |mood: &str| {
        format!(
            r#"<supply classCode="SPLY" moodCode="{mood}"><templateId root="%T.50"/><statusCode code="active"/><participant typeCode="PRD"><participantRole><playingDevice><code code="5" displayName="Wheelchair" %S/></playingDevice></participantRole></participant></supply>"#
        )
    };
    let rows: [(&str, String, &[&str]); 16] = [
        (IMMUNISATIONS, given("EVN", "52"), &["Immunization ? Aspirin"]),
        (IMMUNISATIONS, given("INT", "52"), &["MedicationRequest active plan"]),
        (IMMUNISATIONS, given("INT", "120"), &["MedicationRequest active plan"]),
        (GIVEN, given("PRMS", "16"), &["MedicationRequest active plan"]),
        (GIVEN, given("EVN", "16"), &["MedicationAdministration in-progress"]),
        (MEDICINES, given("RQO", "16"), &["MedicationRequest active order"]),
        (MEDICINES, given("PRP", "16"), &["MedicationRequest active proposal"]),
        (MEDICINES, given("EVN.CRT", "16"), &[]),
        (MEDICINES, given("OPT", "52"), &[]),
        (MEDICINES, within("35", "EVN"), &["MedicationStatement active"]),
        (MEDICINES, within("35", "INT"), &["MedicationRequest active plan"]),
        (MEDICINES, within("36", "INT"), &["MedicationRequest active plan"]),
        (MEDICINES, within("35", "DEF"), &[]),
        (MEDICINES, chair("EVN"), &["DeviceUseStatement active"]),
        (MEDICINES, chair("INT"), &["DeviceRequest active plan"]),
        (MEDICINES, chair("RQO"), &["DeviceRequest active order"]),
    ];
    for (section, entry, expected) in rows {
        check(section, &entry, expected);
    }
}

#[test]
fn what_is_planned_asked_for_or_feared_is_never_what_was_found() {
    let tests = |template: &str, mood: &str, inner: &str| {
        format!(
            r#"<organizer classCode="BATTERY" moodCode="{mood}"><templateId root="%T.{template}"/><statusCode code="active"/><component><observation classCode="OBS" moodCode="{inner}"><code code="8480-6" displayName="Pressure"/><statusCode code="active"/><value xsi:type="PQ" value="120" unit="mm[Hg]"/></observation></component></organizer>"#
        )
    };
    let problem = |mood: &str, inner: &str| {
        format!(
            r#"<act classCode="ACT" moodCode="{mood}"><templateId root="%T.3"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="{inner}"><templateId root="%T.4"/>{}</observation></entryRelationship></act>"#,
            coded("22298006", "Myocardial infarction")
        )
    };
    let latex = allergy("", &coded("91936005", "Penicillin allergy"), "");
    let visit = |mood: &str| {
        format!(
            r#"<encounter classCode="ENC" moodCode="{mood}"><code code="6" displayName="Review" %S/><statusCode code="active"/></encounter>"#
        )
    };
    let rows: [(&str, String, &[&str]); 17] = [
        (VITALS, tests("26", "EVN", "EVN"), &["Observation preliminary Pressure", "Observation preliminary"]),
        (VITALS, tests("26", "INT", "EVN"), &[]),
        (RESULTS, tests("1", "RQO", "RQO"), &["ServiceRequest active order Pressure"]),
        (RESULTS, tests("1", "RQO", "EVN"), &[]),
        (RESULTS, tests("1", "EVN", "RQO"), &["DiagnosticReport partial"]),
        (PROBLEMS, problem("EVN", "EVN"), &["Condition active Myocardial infarction"]),
        (PROBLEMS, problem("EVN", "RSK"), &[]),
        (PROBLEMS, problem("EVN", "RQO"), &[]),
        (PROBLEMS, problem("RSK", "EVN"), &[]),
        (PROBLEMS, problem("DEF", "EVN"), &[]),
        (
            ALLERGIES,
            latex.replace(r#"<act classCode="ACT" moodCode="EVN""#, r#"<act classCode="ACT" moodCode="RSK""#),
            &[],
        ),
        (
            ALLERGIES,
            latex.replace(
                r#"<observation classCode="OBS" moodCode="EVN""#,
                r#"<observation classCode="OBS" moodCode="INT""#,
            ),
            &[],
        ),
        (ENCOUNTERS, visit("EVN"), &["Encounter in-progress"]),
        (ENCOUNTERS, visit("ARQ"), &["ServiceRequest active proposal Review"]),
        (ENCOUNTERS, visit("SLOT"), &[]),
        (
            PROCEDURES,
            r#"<procedure classCode="PROC" moodCode="DEF"><code code="7" %S/></procedure>"#.to_owned(),
            &[],
        ),
        (PROCEDURES, r#"<procedure classCode="PROC"><code code="7" %S/></procedure>"#.to_owned(), &[]),
    ];
    for (section, entry, expected) in rows {
        check(section, &entry, expected);
    }
}

#[test]
fn a_reaction_that_is_feared_is_none_that_was_seen() {
    let reaction = |mood: &str| {
        let inside = format!(
            r#"<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="{mood}">{}</observation></entryRelationship></observation>"#,
            coded("39579001", "Anaphylaxis")
        );
        let entry =
            allergy("", &coded("91936005", "Penicillin allergy"), "").replacen("</observation>", &inside, 1);
        bundle(&translated(ALLERGIES, &entry))
    };
    let of = |bundle: &Value| {
        let all = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        all.filter(|resource| resource["resourceType"] == "AllergyIntolerance")
            .map(|resource| resource["reaction"].as_array().map_or(0, Vec::len))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&reaction("EVN")), [1]);
    assert_eq!(of(&reaction("RSK")), [0]);
}

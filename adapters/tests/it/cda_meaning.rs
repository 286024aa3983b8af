//! What a CDA statement says against itself, and what may never come of it: a row is an entry, the section it stands in,
//! and all that it becomes.

use adapters::{Severity, Translated, cda};
use serde_json::Value;

use crate::goldens::hospital;

const SNOMED: &str = r#"codeSystem="2.16.840.1.113883.6.96""#;
pub(crate) const ALLERGIES: &str = "48765-2";
pub(crate) const PROBLEMS: &str = "11450-4";
pub(crate) const MEDICINES: &str = "10160-0";
pub(crate) const GIVEN: &str = "29549-3";
pub(crate) const IMMUNISATIONS: &str = "11369-6";
pub(crate) const RESULTS: &str = "30954-2";
pub(crate) const VITALS: &str = "8716-3";
const PLAN: &str = "18776-5";
const FAMILY: &str = "10157-6";
pub(crate) const PROCEDURES: &str = "47519-4";
pub(crate) const ENCOUNTERS: &str = "46240-8";

pub(crate) fn translated(section: &str, entry: &str) -> Translated {
    let document = format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2.3" extension="D1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/><patient><name><given>Ann</given><family>Fenwick</family></name></patient></patientRole></recordTarget><component><structuredBody><component><section><code code="{section}" codeSystem="2.16.840.1.113883.6.1"/><title>T</title><text>x</text><entry>{entry}</entry></section></component></structuredBody></component></ClinicalDocument>"#
    )
    .replace("%S", SNOMED)
    .replace("%T", "2.16.840.1.113883.10.20.22.4");
    let translated = cda::translate(document.as_bytes(), &hospital()).unwrap();
    super::cda::check(&translated, entry);
    translated
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
pub(crate) fn bundle(translated: &Translated) -> Value {
    serde_json::from_slice(&translated.bundle).unwrap()
}

/// A concept in words: its first code's display or code, then its text.
fn words(concept: &Value) -> String {
    let coding = &concept["coding"][0];
    let coded = coding["display"].as_str().or(coding["code"].as_str()).unwrap_or_default();
    let text = concept["text"].as_str().map(|text| format!("\"{text}\"")).unwrap_or_default();
    [coded, &text].iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// What a reader takes from a resource: its type, its statuses, what it is of.
fn gist(resource: &Value) -> String {
    let mut said = vec![resource["resourceType"].as_str().unwrap().to_owned()];
    for name in ["status", "lifecycleStatus", "intent"] {
        match resource[name].as_str() {
            Some(code) => said.push(code.to_owned()),
            None if resource.get(format!("_{name}")).is_some() => said.push("?".to_owned()),
            None => {}
        }
    }
    for name in ["clinicalStatus", "verificationStatus"] {
        match &resource[name] {
            Value::Null => {}
            Value::Object(status) if status.contains_key("extension") => said.push("?".to_owned()),
            Value::Object(status) => said.push(status["coding"][0]["code"].as_str().unwrap().to_owned()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => panic!("{name}"),
        }
    }
    if resource["doNotPerform"] == true {
        said.push("not".to_owned());
    }
    let concepts = ["code", "vaccineCode", "medicationCodeableConcept", "appointmentType", "description"];
    said.extend(concepts.iter().map(|name| words(&resource[*name])));
    said.extend(resource["condition"].as_array().into_iter().flatten().map(|held| words(&held["code"])));
    said.retain(|word| !word.is_empty());
    said.join(" ")
}

/// All that an entry became, but for who is named in it and what they gave.
fn gists(translated: &Translated) -> Vec<String> {
    const BESIDE: [&str; 8] = [
        "Composition",
        "Patient",
        "Provenance",
        "Medication",
        "Device",
        "Practitioner",
        "Organization",
        "Location",
    ];
    let bundle = bundle(translated);
    let all = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    all.filter(|resource| !BESIDE.contains(&resource["resourceType"].as_str().unwrap())).map(gist).collect()
}

#[track_caller]
pub(crate) fn check(section: &str, entry: &str, expected: &[&str]) {
    let translated = translated(section, entry);
    assert_eq!(gists(&translated), expected, "{entry}");
    if expected.is_empty() {
        assert!(translated.losses.iter().any(|loss| loss.severity == Severity::Major), "{entry}");
    }
}

pub(crate) fn allergy(attributes: &str, value: &str, playing: &str) -> String {
    let participant = match playing {
        "" => String::new(),
        playing => format!(
            r#"<participant typeCode="CSM"><participantRole><playingEntity>{playing}</playingEntity></participantRole></participant>"#
        ),
    };
    format!(
        r#"<act classCode="ACT" moodCode="EVN"><templateId root="%T.30"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN" {attributes}><templateId root="%T.7"/><code code="ASSERTION"/>{value}{participant}</observation></entryRelationship></act>"#
    )
}

pub(crate) fn coded(code: &str, display: &str) -> String {
    format!(r#"<value xsi:type="CD" code="{code}" displayName="{display}" %S/>"#)
}

#[test]
fn a_negated_allergy_is_refuted_or_said_to_be_unknown_and_never_active_by_itself() {
    let penicillin = coded("91936005", "Penicillin allergy");
    let (drug, food) = (coded("416098002", "Allergy to drug"), coded("414285001", "Allergy to food"));
    let negated = r#"negationInd="true""#;
    let nothing = r#"<code nullFlavor="NA"/>"#;
    for (attributes, value, playing, expected) in [
        ("", &penicillin, "", "AllergyIntolerance active Penicillin allergy"),
        (negated, &penicillin, "", "AllergyIntolerance active refuted Penicillin allergy"),
        (
            negated,
            &coded("235719002", "Food intolerance"),
            nothing,
            "AllergyIntolerance active refuted Food intolerance",
        ),
        (
            negated,
            &coded("59037007", "Drug intolerance"),
            nothing,
            "AllergyIntolerance active refuted Drug intolerance",
        ),
        (
            negated,
            &coded("232347008", "Latex allergy"),
            nothing,
            "AllergyIntolerance active refuted Latex allergy",
        ),
        (negated, &drug, nothing, "AllergyIntolerance active No known drug allergy"),
        (negated, &drug, "", "AllergyIntolerance active No known drug allergy"),
        (
            negated,
            &food,
            r#"<code nullFlavor="OTH"><originalText>Strawberries</originalText></code><name>Strawberries</name>"#,
            "AllergyIntolerance active refuted \"Strawberries\"",
        ),
        (negated, &drug, "<name>Trimethoprim</name>", "AllergyIntolerance active refuted \"Trimethoprim\""),
        (negated, &drug, "<desc>Codeine</desc>", "AllergyIntolerance active refuted \"Codeine\""),
        (
            negated,
            &coded("419199007", "Allergy to substance"),
            r#"<code nullFlavor="OTH"><translation displayName="Latex"/></code>"#,
            "AllergyIntolerance active refuted \"Latex\"",
        ),
        (
            negated,
            &drug,
            r#"<code code="387207008" displayName="Ibuprofen" %S/>"#,
            "AllergyIntolerance active refuted Ibuprofen",
        ),
    ] {
        check(ALLERGIES, &allergy(attributes, value, playing), &[expected]);
    }
}

#[test]
fn a_negation_that_is_twofold_or_not_understood_makes_nothing() {
    let drug = coded("416098002", "Allergy to drug");
    let named = "<name>Trimethoprim</name>";
    for (attributes, value, playing) in [
        (r#"negationInd="TRUE""#, &drug, named),
        (r#"negationInd="yes""#, &drug, ""),
        (r#"sdtc:valueNegationInd="true""#, &drug, named),
        (r#"negationInd="true" sdtc:actionNegationInd="true""#, &drug, named),
        // No known allergy, which is not so; and a substance beside the word that there is none.
        (r#"negationInd="true""#, &coded("716186003", "No known allergy"), ""),
        (r#"negationInd="true""#, &drug, r#"<code nullFlavor="NA"/><name>Trimethoprim</name>"#),
        (
            r#"negationInd="true" "#,
            &drug,
            r#"<code nullFlavor="NA"><originalText>None known</originalText></code>"#,
        ),
    ] {
        check(ALLERGIES, &allergy(attributes, value, playing), &[]);
    }
}

#[test]
fn every_negated_statement_says_that_it_is_not_so_or_is_not_there() {
    let medicine = r#"<consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Aspirin" %S/></manufacturedMaterial></manufacturedProduct></consumable>"#;
    let goods = medicine.replace("consumable", "product");
    let given = |mood: &str| {
        format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="{mood}" negationInd="true"><statusCode code="completed"/>{medicine}</substanceAdministration>"#
        )
    };
    let supplied = |mood: &str| {
        format!(
            r#"<supply classCode="SPLY" moodCode="{mood}" negationInd="true"><statusCode code="completed"/>{goods}</supply>"#
        )
    };
    let act = |name: &str, mood: &str, inside: &str| {
        format!(
            r#"<{name} classCode="X" moodCode="{mood}" negationInd="true"><code code="2" displayName="It" %S/><statusCode code="completed"/>{inside}</{name}>"#
        )
    };
    let inner = r#"<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><code code="3" %S/></observation></entryRelationship>"#;
    let rows: [(&str, String, &[&str]); 15] = [
        (MEDICINES, given("EVN"), &["MedicationStatement not-taken"]),
        (MEDICINES, given("INT"), &["MedicationRequest completed plan not"]),
        (GIVEN, given("EVN"), &["MedicationAdministration not-done"]),
        (IMMUNISATIONS, given("EVN"), &["Immunization not-done Aspirin"]),
        (MEDICINES, supplied("EVN"), &[]),
        (MEDICINES, supplied("RQO"), &["MedicationRequest completed order not"]),
        (PROCEDURES, act("procedure", "EVN", ""), &["Procedure not-done It"]),
        (PLAN, act("procedure", "RQO", ""), &["ServiceRequest completed order not It"]),
        (PLAN, act("observation", "GOL", ""), &[]),
        (PROBLEMS, act("act", "EVN", inner), &[]),
        (PROBLEMS, act("observation", "EVN", ""), &["Condition refuted It"]),
        (VITALS, act("observation", "EVN", ""), &[]),
        (RESULTS, act("organizer", "EVN", ""), &[]),
        (ENCOUNTERS, act("encounter", "EVN", ""), &[]),
        (FAMILY, act("observation", "EVN", &coded("4", "Stroke")), &[]),
    ];
    for (section, entry, expected) in rows {
        check(section, &entry, expected);
    }
}

#[test]
fn an_allergy_that_stands_in_the_code_is_carried() {
    let finding = |attributes: &str| {
        format!(
            r#"<observation classCode="OBS" moodCode="EVN" {attributes}><code code="91936005" displayName="Allergy to penicillin" %S/></observation>"#
        )
    };
    let section = "886921000000105";
    check(section, &finding(""), &["AllergyIntolerance ? Allergy to penicillin"]);
    check(
        section,
        &finding(r#"negationInd="true""#),
        &["AllergyIntolerance ? refuted Allergy to penicillin"],
    );
}

#[test]
fn an_appointment_is_booked_only_while_it_is() {
    let visit = |status: &str| {
        format!(
            r#"<encounter classCode="ENC" moodCode="APT"><code code="6" displayName="Review" %S/>{status}</encounter>"#
        )
    };
    for (status, expected) in [
        ("", "booked"),
        (r#"<statusCode code="active"/>"#, "booked"),
        (r#"<statusCode code="completed"/>"#, "fulfilled"),
        (r#"<statusCode code="cancelled"/>"#, "cancelled"),
        (r#"<statusCode code="aborted"/>"#, "cancelled"),
        (r#"<statusCode code="nullified"/>"#, "entered-in-error"),
        (r#"<statusCode code="held"/>"#, "?"),
    ] {
        check(PLAN, &visit(status), &[&format!("Appointment {expected} Review")]);
    }
    let made = bundle(&translated(PLAN, &visit(r#"<statusCode code="cancelled"/>"#)));
    let all = made["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let appointment = all.into_iter().find(|resource| resource["resourceType"] == "Appointment").unwrap();
    assert!(appointment["participant"][0].get("status").is_none(), "nobody said that it was accepted");
    assert!(appointment["participant"][0]["_status"]["extension"][0]["valueCode"] == "unknown");
}

#[test]
fn a_status_that_is_not_understood_is_not_made_good() {
    let status = |code: &str| {
        format!(
            r#"<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN"><code code="33999-4"/><value xsi:type="CD" code="{code}" %S/></observation></entryRelationship>"#
        )
    };
    let problem = |inside: &str| {
        format!(
            r#"<act classCode="ACT" moodCode="EVN"><templateId root="%T.3"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="%T.4"/>{}{inside}</observation></entryRelationship></act>"#,
            coded("1", "Gout")
        )
    };
    let medicine = |inside: &str| {
        format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="EVN"><statusCode code="active"/>{inside}<consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Aspirin" %S/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"#
        )
    };
    let done = |name: &str, code: &str| {
        format!(
            r#"<{name} classCode="X" moodCode="EVN"><code code="2" displayName="It" %S/><statusCode code="{code}"/></{name}>"#
        )
    };
    let unsure = r#"<uncertaintyCode code="U"/>"#;
    let rows: [(&str, String, &[&str]); 15] = [
        (PROBLEMS, problem(&status("73425007")), &["Condition inactive Gout"]),
        (PROBLEMS, problem(&status("999")), &["Condition ? Gout"]),
        (PROBLEMS, problem(unsure), &["Condition active unconfirmed Gout"]),
        (PROBLEMS, problem(r#"<uncertaintyCode code="N"/>"#), &["Condition active Gout"]),
        (PROBLEMS, problem(r#"<uncertaintyCode code="X"/>"#), &[]),
        (PROBLEMS, problem("").replacen("\"active\"", "\"nullified\"", 1), &[]),
        (MEDICINES, medicine(""), &["MedicationStatement active"]),
        (MEDICINES, medicine(&status("392521001")), &["MedicationStatement completed"]),
        (MEDICINES, medicine(&status("999")), &["MedicationStatement unknown"]),
        (PROCEDURES, done("procedure", "aborted"), &["Procedure stopped It"]),
        (PROCEDURES, done("procedure", "dubious"), &["Procedure unknown It"]),
        (ENCOUNTERS, done("encounter", "aborted"), &["Encounter unknown"]),
        (ENCOUNTERS, done("encounter", "dubious"), &["Encounter unknown"]),
        (VITALS, done("observation", "dubious"), &["Observation unknown It"]),
        (VITALS, done("observation", "active").replace("<statusCode", &format!("{unsure}<statusCode")), &[]),
    ];
    for (section, entry, expected) in rows {
        check(section, &entry, expected);
    }
    let told = translated(PROCEDURES, &done("procedure", "dubious"));
    let of_status = told.losses.iter().find(|loss| loss.place.contains("statusCode")).unwrap();
    assert_eq!(of_status.severity, Severity::Major);
}

#[test]
fn what_a_relative_had_is_not_the_patients() {
    let cancer = format!(
        r#"<observation classCode="OBS" moodCode="EVN"><code code="64572001" %S/><statusCode code="completed"/>{}</observation>"#,
        coded("254837009", "Breast cancer")
    );
    check(FAMILY, &cancer, &["FamilyMemberHistory completed Breast cancer"]);
    let bare = r#"<observation classCode="OBS" moodCode="EVN"><code code="254837009" displayName="Breast cancer" %S/></observation>"#;
    check(FAMILY, bare, &[]);
    let problem = cancer.replacen("<code", r#"<templateId root="%T.4"/><code"#, 1);
    check(FAMILY, &problem, &["FamilyMemberHistory completed Breast cancer"]);
    for name in ["act", "procedure", "encounter"] {
        let entry = bare.replace("observation", name);
        check(FAMILY, &entry, &[]);
    }
}

#[test]
fn a_qualifier_is_said_or_what_it_qualifies_is_not() {
    let qualified = |display: &str, name: (&str, &str), value: (&str, &str)| {
        let (name, named, value, valued) = (name.0, name.1, value.0, value.1);
        format!(
            r#"<observation classCode="OBS" moodCode="EVN"><templateId root="%T.4"/><value xsi:type="CD" code="1" displayName="{display}" %S><qualifier><name code="{name}" displayName="{named}" %S/><value code="{value}" displayName="{valued}" %S/></qualifier></value></observation>"#
        )
    };
    let cancer = |name, value| qualified("Breast cancer", name, value);
    let rows: [(String, &[&str]); 7] = [
        (cancer(("408729009", "Finding context"), ("410516002", "Known absent")), &[]),
        (cancer(("408731000", "Temporal context"), ("410513005", "In the past")), &[]),
        (cancer(("408732007", "Subject relationship context"), ("444148008", "Person in family")), &[]),
        (
            cancer(("408729009", "Finding context"), ("410515003", "Known present")),
            &["Condition Breast cancer \"Breast cancer (Finding context: Known present)\""],
        ),
        (
            qualified("Fracture of femur", ("272741003", "Laterality"), ("7771000", "Left")),
            &["Condition Fracture of femur \"Fracture of femur (Laterality: Left)\""],
        ),
        // What no map knows may turn it around.
        (
            cancer(("999", "Certainty"), ("998", "Doubted")),
            &["Condition \"Breast cancer (Certainty: Doubted)\""],
        ),
        (
            cancer(("272741003", "Laterality"), ("7771000", "Left"))
                .replace("<qualifier>", r#"<qualifier inverted="true">"#),
            &["Condition \"Breast cancer (Laterality: Left)\""],
        ),
    ];
    for (entry, expected) in rows {
        check(PROBLEMS, &entry, expected);
    }
}

#[test]
fn a_dose_as_needed_says_so() {
    let dosage = |criterion: &str| {
        let entry = format!(
            r#"<substanceAdministration classCode="SBADM" moodCode="INT"><statusCode code="active"/><doseQuantity value="2.5" unit="mg"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Morphine" %S/></manufacturedMaterial></manufacturedProduct></consumable>{criterion}</substanceAdministration>"#
        );
        let bundle = bundle(&translated(MEDICINES, &entry));
        let all = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let request =
            all.into_iter().find(|resource| resource["resourceType"] == "MedicationRequest").unwrap();
        let doses = request["dosageInstruction"].as_array().unwrap();
        assert_eq!(doses.len(), 1);
        doses[0].clone()
    };
    let needed =
        |inside: &str| dosage(&format!("<precondition><criterion>{inside}</criterion></precondition>"));
    let pain = "when required for pain";
    assert_eq!(needed(&format!("<text>{pain}</text>"))["asNeededCodeableConcept"]["text"], pain);
    let both = needed(&format!("<code code=\"ASSERTION\"/><text>{pain}</text>{}", coded("22253000", "Pain")));
    assert_eq!(words(&both["asNeededCodeableConcept"]), format!("Pain \"{pain}\""));
    assert_eq!(needed("<value xsi:type=\"CD\" nullFlavor=\"NI\"/>")["asNeededBoolean"], true);
    let none = dosage("");
    assert!(none.get("asNeededBoolean").is_none() && none.get("asNeededCodeableConcept").is_none());
}

#[test]
fn what_is_struck_out_is_neither_read_as_so_nor_taken_as_the_words_of_a_code() {
    let entry = r##"<observation classCode="OBS" moodCode="EVN"><templateId root="%T.4"/><value xsi:type="CD" nullFlavor="OTH"><originalText>Gout <content revised="delete">Stroke</content></originalText></value></observation>"##;
    check(PROBLEMS, entry, &["Condition \"Gout\""]);
}

#[test]
fn a_time_that_is_taken_out_is_no_dose_time() {
    let entry = r#"<substanceAdministration classCode="SBADM" moodCode="EVN"><effectiveTime xsi:type="PIVL_TS" operator="E"><period value="1" unit="d"/></effectiveTime><doseQuantity value="1"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="Aspirin" %S/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"#;
    let timing = |entry: &str| {
        let bundle = bundle(&translated(MEDICINES, entry));
        let all = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let taken =
            all.into_iter().find(|resource| resource["resourceType"] == "MedicationStatement").unwrap();
        taken["dosage"][0].get("timing").is_some()
    };
    assert!(timing(&entry.replace("operator=\"E\"", "operator=\"A\"")));
    assert!(!timing(entry));
}

//! Documents as other UK senders write them: what protects somebody is understood however it is said.

use adapters::{Loss, Severity, Translated, cda};
use serde_json::Value;

use crate::goldens::hospital;

/// A discharge summary with these parts.
fn document(confidentiality: &str, places: &str, header: &str, sections: &str) -> String {
    format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="7D6F0001-0001-4000-8000-0000000000AA"/><code code="373942005" codeSystem="2.16.840.1.113883.2.1.3.2.4.15"/>
<title>Discharge summary</title><effectiveTime value="20260304"/>{confidentiality}
<recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/>{places}
<patient><name><given>Ada</given><family>Okafor</family></name><birthTime value="19410517"/></patient></patientRole></recordTarget>
{header}<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"#
    )
}

fn translated(input: &str) -> Translated {
    let translated = cda::translate(input.as_bytes(), &hospital()).unwrap();
    crate::cda::check(&translated, "a document");
    translated
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn all(translated: &Translated, kind: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&translated.bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

fn labels(resource: &Value) -> Vec<&str> {
    let all = resource["meta"]["security"].as_array().into_iter().flatten();
    all.filter_map(|label| label["code"].as_str()).filter(|code| *code != "PROCESSINLINELABEL").collect()
}

fn told<'t>(translated: &'t Translated, part: &str) -> Vec<&'t Loss> {
    translated.losses.iter().filter(|loss| loss.place.contains(part)).collect()
}

const NORMAL: &str = r#"<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>"#;

#[test]
fn an_address_that_is_confidential_protects_whose_it_is_and_nothing_else() {
    let line = "<streetAddressLine>4 Refuge Lane</streetAddressLine>";
    for (places, protected, lost) in [
        (format!(r#"<addr use="CONF">{line}</addr>"#), true, false),
        (format!(r#"<addr use="H CONF">{line}</addr>"#), true, false),
        (format!(r#"<addr use="CONF XYZ">{line}</addr>"#), true, true),
        (format!(r#"<addr use="H">{line}</addr><addr nullFlavor="MSK"/>"#), true, false),
        (r#"<telecom use="MC CONF" value="tel:07700900123"/>"#.to_owned(), true, false),
        (format!(r#"<addr use="H">{line}</addr><addr nullFlavor="UNK"/>"#), false, false),
        (format!("<addr>{line}</addr>"), false, false),
    ] {
        let translated = translated(&document(NORMAL, &places, "", ""));
        let expected: &[&str] = if protected { &["R"] } else { &[] };
        assert_eq!(labels(&all(&translated, "Patient")[0]), expected, "{places}");
        // The rest of the document may be shared as before.
        assert_eq!(labels(&all(&translated, "Composition")[0]), ["N"], "{places}");
        assert_eq!(!told(&translated, "/@use").is_empty(), lost, "{places}: {:?}", translated.losses);
    }
    let mother = r#"<participant typeCode="IND"><associatedEntity classCode="NOK"><addr use="CONF">1 Quay</addr>
        <associatedPerson><name>Bola</name></associatedPerson></associatedEntity></participant>"#;
    let translated = translated(&document(NORMAL, "", mother, ""));
    assert_eq!(labels(&all(&translated, "RelatedPerson")[0]), ["R"]);
    assert!(labels(&all(&translated, "Patient")[0]).is_empty());
}

#[test]
fn a_degree_is_understood_in_small_letters_and_as_a_translation() {
    for said in [
        r#"<confidentialityCode code="v" codeSystem="2.16.840.1.113883.5.25"/>"#,
        r#"<confidentialityCode nullFlavor="OTH"><translation code="V" codeSystem="2.16.840.1.113883.5.25"/></confidentialityCode>"#,
        r#"<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"><translation code="V" codeSystem="2.16.840.1.113883.5.25"/></confidentialityCode>"#,
    ] {
        let translated = translated(&document(said, "", "", ""));
        assert_eq!(labels(&all(&translated, "Composition")[0]), ["V"], "{said}");
        assert!(told(&translated, "/@code").iter().all(|loss| loss.severity != Severity::Major), "{said}");
    }
}

#[test]
fn a_refusal_beside_a_permission_becomes_no_consent() {
    let consent = |code: &str| {
        format!(
            r#"<authorization><consent><code code="{code}" codeSystem="2.16.840.1.113883.6.96"/></consent></authorization>"#
        )
    };
    let both = consent("425691002") + &consent("425641009");
    let translated = translated(&document(NORMAL, "", &both, ""));
    let consents = all(&translated, "Consent");
    assert_eq!(consents.len(), 1);
    assert_eq!(consents[0]["provision"]["type"], "permit");
    let lost = told(&translated, "authorization[2]/consent/code/@code");
    assert!(lost.iter().any(|loss| loss.severity == Severity::Major), "{:?}", translated.losses);
}

#[test]
fn a_section_stands_under_its_heading_however_its_title_is_written() {
    for (title, heading) in [
        ("Safeguarding concerns", "safeguarding-issues"),
        ("SAFEGUARDING ISSUES:", "safeguarding-issues"),
        ("Any safeguarding concerns?", "safeguarding-issues"),
        ("Child  Protection", "safeguarding-issues"),
        ("Allergies &amp; Adverse Reactions", "allergies-and-adverse-reaction"),
        ("Medications - on discharge", "medications-and-medical-devices"),
        ("Patient’s reported condition", "presenting-complaints-or-issues"),
    ] {
        let section =
            format!("<component><section><title>{title}</title><text>x</text></section></component>");
        let translated = translated(&document(NORMAL, "", "", &section));
        let code = all(&translated, "Composition")[0]["section"][0]["code"]["coding"][0]["code"].clone();
        assert_eq!(code, heading, "{title}");
    }
    // A statement in such a section is read as what the section holds.
    let entry = r#"<component><section><title>ALLERGIES &amp; INTOLERANCES</title><text>x</text><entry><observation classCode="OBS" moodCode="EVN">
        <code nullFlavor="UNK"/><value xmlns:v="urn:hl7-org:v3" xsi:type="v:CD" code="91936005" codeSystem="2.16.840.1.113883.6.96"/>
        </observation></entry></section></component>"#;
    assert_eq!(all(&translated(&document(NORMAL, "", "", entry)), "AllergyIntolerance").len(), 1);
}

//! The person of a document as one who wrote it, or gets a copy of it, both ways; and as what others take part.

use adapters::{Severity, Translated, Why, cda};
use serde_json::{Value, json};

use crate::cda_meaning::{RESULTS, bundle, translated};
use crate::cda_out::{case, ccda, itk, lost, resource, sent, text};
use crate::goldens::hospital;

const NHS: &str = "2.16.840.1.113883.2.1.4.1";
const UNTRACED: &str = "2.16.840.1.113883.2.1.3.2.4.18.23";
const RECIPIENT: &str = "http://hl7.org/fhir/us/ccda/StructureDefinition/InformationRecipientExtension";
const ADDRESS: &str =
    "<addr><streetAddressLine>1 Quay</streetAddressLine><postalCode>ZZ99 3WZ</postalCode></addr>";

pub(crate) fn read(header: &str) -> Translated {
    let document = format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="D1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole><id root="{NHS}" extension="9990000018"/><id root="1.2.9" nullFlavor="UNK"/>{ADDRESS}<patient><name><given>Ann</given><family>Fenwick</family></name></patient></patientRole></recordTarget>{header}<component><structuredBody><component><section><title>T</title><text>x</text></section></component></structuredBody></component></ClinicalDocument>"#
    );
    let translated = cda::translate(document.as_bytes(), &hospital()).unwrap();
    crate::cda::check(&translated, header);
    translated
}

pub(crate) fn kinds(whole: &Value) -> Vec<&str> {
    let entries = whole["entry"].as_array().unwrap();
    let kinds = entries.iter().map(|entry| entry["resource"]["resourceType"].as_str().unwrap());
    kinds.filter(|kind| !["Composition", "Patient", "Provenance"].contains(kind)).collect()
}

/// What a reference of the Bundle leads to.
pub(crate) fn led<'b>(whole: &'b Value, reference: &Value) -> &'b str {
    let url = reference["reference"].as_str().unwrap();
    let entries = whole["entry"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["fullUrl"] == url).unwrap();
    found["resource"]["resourceType"].as_str().unwrap()
}

fn recipient(id: &str, more: &str) -> String {
    format!(
        "<informationRecipient><intendedRecipient>{id}{more}<informationRecipient><name><given>Ann</given><family>Fenwick</family></name></informationRecipient></intendedRecipient></informationRecipient>"
    )
}

#[test]
fn a_copy_for_the_person_is_hers_and_not_a_practitioner() {
    for (id, more, is_hers, told) in [
        (format!(r#"<id root="{NHS}" extension="9990000018"/>"#), "", true, 0),
        (format!(r#"<id root="{NHS}" extension="999 000 0018"/>"#), ADDRESS, true, 0),
        (format!(r#"<id root="{UNTRACED}" extension="999-000-0018"/>"#), ADDRESS, true, 0),
        // An address that her record does not have is told.
        (
            format!(r#"<id root="{NHS}" extension="9990000018"/>"#),
            "<addr><streetAddressLine>2 Quay</streetAddressLine></addr>",
            true,
            1,
        ),
        (format!(r#"<id root="{NHS}" extension="9990000026"/>"#), ADDRESS, false, 0),
        // Who has no number has not the same as she.
        (r#"<id root="1.2.9" nullFlavor="UNK"/>"#.to_owned(), "", false, 1),
        (format!(r#"<id root="{NHS}"/>"#), "", false, 0),
        (r#"<id extension="9990000018"/>"#.to_owned(), "", false, 0),
    ] {
        let made = read(&recipient(&id, more));
        let whole = bundle(&made);
        let composition = &whole["entry"][0]["resource"];
        assert_eq!(composition["extension"][0]["url"], RECIPIENT, "{id}");
        let kind = led(&whole, &composition["extension"][0]["valueReference"]);
        assert_eq!(kind, if is_hers { "Patient" } else { "Practitioner" }, "{id}");
        assert_eq!(kinds(&whole).contains(&"Practitioner"), !is_hers, "{id}");
        let losses = made.losses.iter().filter(|loss| loss.place.contains("intendedRecipient"));
        let losses: Vec<String> = losses.map(ToString::to_string).collect();
        assert_eq!(losses.len(), told, "{losses:?}");
    }
}

#[test]
fn who_is_to_act_is_not_told_from_who_gets_a_copy_without_a_loss() {
    let plain = recipient(r#"<id root="1.2.5" extension="7"/>"#, "");
    for (code, told) in [("", false), (r#" typeCode="PRCP""#, false), (r#" typeCode="TRC""#, true)] {
        let header = plain.replacen("<informationRecipient>", &format!("<informationRecipient{code}>"), 1);
        let made = read(&header);
        let losses: Vec<_> = made.losses.iter().filter(|loss| loss.place.contains("typeCode")).collect();
        assert_eq!(losses.len(), usize::from(told), "{losses:?}");
        for loss in losses {
            assert_eq!(loss.place, "/ClinicalDocument/informationRecipient/@typeCode");
            assert_eq!((loss.why, loss.severity), (Why::NotMapped, Severity::Minor));
        }
    }
}

#[test]
fn a_document_says_that_the_person_gets_a_copy_and_is_read_so_again() {
    for profile in [ccda(), itk()] {
        let mut whole = case("record-c-cda");
        let subject = resource(&mut whole, "Composition")["subject"].clone();
        resource(&mut whole, "Composition")["extension"] =
            json!([{"url": RECIPIENT, "valueReference": subject}]);
        let written = sent(&whole, &profile).unwrap();
        assert!(!lost(&written).contains("Composition.extension"), "{}", lost(&written));
        let xml = text(&written);
        let (_, copy) = xml.split_once("<informationRecipient>").unwrap();
        let (copy, _) = copy.split_once("</intendedRecipient>").unwrap();
        assert!(copy.contains("<id ") && copy.contains("<family>") && !copy.contains("<addr"), "{copy}");
        let again = bundle(&cda::translate(xml.as_bytes(), &hospital()).unwrap());
        let extensions = again["entry"][0]["resource"]["extension"].as_array().unwrap();
        let copy = extensions.iter().find(|extension| extension["url"] == RECIPIENT).unwrap();
        assert_eq!(led(&again, &copy["valueReference"]), "Patient");
    }
}

fn author(id: &str, more: &str) -> String {
    format!(
        r#"<author><time value="20250630"/><assignedAuthor>{id}{more}<assignedPerson><name><given>Ann</given><family>Fenwick</family></name></assignedPerson></assignedAuthor></author>"#
    )
}

#[test]
fn what_the_person_wrote_herself_is_hers_wherever_fhir_lets_her_write() {
    let hers = format!(r#"<id root="{NHS}" extension="9990000018"/>"#);
    let anothers = format!(r#"<id root="{NHS}" extension="9990000026"/>"#);
    for (id, more, led_to, told) in [
        (&hers, "", "Patient", 0),
        (&hers, ADDRESS, "Patient", 0),
        // As what she wrote it has no place beside her.
        (&hers, r#"<code code="SELF" codeSystem="2.16.840.1.113883.5.111"/>"#, "Patient", 2),
        (&anothers, "", "Practitioner", 0),
    ] {
        let made = read(&author(id, more));
        let whole = bundle(&made);
        assert_eq!(led(&whole, &whole["entry"][0]["resource"]["author"][0]), led_to, "{id}{more}");
        let losses = made.losses.iter().filter(|loss| loss.place.contains("/assignedAuthor"));
        let losses: Vec<String> = losses.map(ToString::to_string).collect();
        assert_eq!(losses.len(), told, "{losses:?}");
    }
    let of = |kind: &str, name: &str, section: &str, entry: &str| {
        let whole = bundle(&translated(section, &entry.replace("%A", &author(&hers, ""))));
        let entries = whole["entry"].as_array().unwrap();
        let mut found = entries.iter().map(|entry| &entry["resource"]);
        let found = found.rfind(|resource| resource["resourceType"] == kind).unwrap();
        let named = if found[name].is_array() { &found[name][0] } else { &found[name] };
        led(&whole, named).to_owned()
    };
    let result = r#"<observation classCode="OBS" moodCode="EVN"><templateId root="%T.2"/><code code="1" %S/><statusCode code="completed"/><value xsi:type="ST">x</value>%A</observation>"#;
    assert_eq!(of("Observation", "performer", RESULTS, result), "Patient");
    let report = r#"<organizer classCode="BATTERY" moodCode="EVN"><templateId root="%T.1"/><code code="1" %S/><statusCode code="completed"/>%A<component><observation classCode="OBS" moodCode="EVN"><templateId root="%T.2"/><code code="1" %S/><statusCode code="completed"/><value xsi:type="ST">x</value></observation></component></organizer>"#;
    assert_eq!(of("DiagnosticReport", "performer", RESULTS, report), "Practitioner", "no patient makes one");
}

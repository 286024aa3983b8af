//! What whoever sends a wording on rests on: nothing is added, nothing dangerous is left out, what is not in it is named.

use adapters::Refused;
use adapters::notices::{self, Fault, Form};
use adapters::versions::{self, Reworded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::Limits;
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::cda_out::{ccda, itk, read, sent, text};
use crate::goldens::hospital;

fn notice() -> Value {
    read(&notices::translate(crate::notices::case("discharge").as_bytes(), &hospital()).unwrap().bundle)
}

fn resource<'b>(bundle: &'b mut Value, kind: &str) -> &'b mut Value {
    let entries = bundle["entry"].as_array_mut().unwrap().iter_mut();
    let mut found = entries.map(|entry| &mut entry["resource"]).filter(|held| held["resourceType"] == kind);
    found.next().unwrap()
}

/// What comes of the notice when a resource of this type says this too.
fn with(kind: &str, element: &str, value: Value) -> Result<String, Refused> {
    let mut bundle = notice();
    resource(&mut bundle, kind)[element] = value;
    let written = notices::write(bundle.to_string().as_bytes(), Form::Xml, &hospital())?;
    Ok(String::from_utf8(written.notice).unwrap())
}

#[test]
fn a_notice_is_refused_where_it_would_be_read_otherwise_than_its_bundle() {
    let label = |code: &str| json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}]});
    for (kind, element, value, place) in [
        ("ServiceRequest", "status", json!("entered-in-error"), "ServiceRequest.status"),
        ("ServiceRequest", "intent", json!("proposal"), "ServiceRequest.intent"),
        ("ServiceRequest", "doNotPerform", json!(true), "ServiceRequest.doNotPerform"),
        ("Encounter", "status", json!("entered-in-error"), "Encounter.status"),
        ("Patient", "link", json!([{"type": "replaced-by"}]), "Patient.link"),
        ("Patient", "implicitRules", json!("https://rules.example"), "Patient.implicitRules"),
        ("Patient", "modifierExtension", json!([{"url": "https://x.example"}]), "Patient.modifierExtension"),
    ] {
        let expected = Fault::Dangerous { place: place.to_owned() };
        assert_eq!(with(kind, element, value).err(), Some(expected.into()), "{place}");
    }
    for (kind, element, value) in [
        ("ServiceRequest", "doNotPerform", json!(false)),
        ("Patient", "meta", label("N")),
        ("Patient", "photo", json!([{"title": "x"}])),
    ] {
        assert!(with(kind, element, value).is_ok(), "{kind}.{element}");
    }
    let restricted = with("Patient", "meta", label("R")).unwrap();
    let mark =
        "<meta><security><system value=\"http://hl7.org/fhir/v3/Confidentiality\"/><code value=\"R\"/>";
    assert!(restricted.contains(mark), "a label goes with what it protects");
    let again = read(&notices::translate(restricted.as_bytes(), &hospital()).unwrap().bundle);
    assert_eq!(resource(&mut again.clone(), "Patient")["meta"]["security"], label("R")["security"]);
    let mut bundle = notice();
    bundle["meta"] = label("V");
    let written = notices::write(bundle.to_string().as_bytes(), Form::Xml, &hospital()).unwrap();
    let again = read(&notices::translate(&written.notice, &hospital()).unwrap().bundle);
    assert_eq!(again["meta"]["security"], label("V")["security"], "what the whole message bears too");
    // The data items of the standard have no place for it.
    let plain = notices::write(bundle.to_string().as_bytes(), Form::Plain, &hospital());
    assert_eq!(plain.err(), Some(Fault::Dangerous { place: "Bundle.meta.security".to_owned() }.into()));
}

#[test]
fn a_notice_is_about_one_person_in_every_part() {
    for kind in ["ServiceRequest", "Encounter"] {
        let expected = Fault::OtherPerson { place: format!("{kind}.subject") };
        for subject in [json!({"reference": "Patient/another"}), json!({"display": "Somebody"})] {
            assert_eq!(with(kind, "subject", subject).err(), Some(expected.clone().into()), "{kind}");
        }
    }
}

fn reworded(bundle: &Value, to: Release) -> Result<Reworded, Refused> {
    versions::reword(bundle.to_string().as_bytes(), to, &Limits::default())
}

#[test]
fn other_words_for_a_bundle_add_nothing_to_it() {
    let bundle = json!({"resourceType": "Bundle", "id": "b1", "type": "collection", "timestamp": "2026-03-04T10:00:00Z", "entry": [
        {"fullUrl": "urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0001", "resource": {"resourceType": "Patient", "id": "p1", "name": [{"family": "Fenwick"}]}},
        {"resource": {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}}}]});
    for to in [Release::Stu3, Release::R4b, Release::R5] {
        let done = reworded(&bundle, to).unwrap();
        let said = read(&done.bundle);
        assert_eq!(said["id"], "b1");
        let entries = said["entry"].as_array().unwrap();
        assert_eq!(entries.len(), 2, "{to:?}");
        assert_eq!(entries[0]["fullUrl"], "urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0001");
        assert_eq!(entries[1].get("fullUrl"), None, "{to:?}");
        assert_eq!(entries[1]["resource"]["subject"]["reference"], "Patient/p1");
        assert_eq!(reworded(&bundle, to).unwrap().bundle, done.bundle);
    }
    let said = read(&reworded(&bundle, Release::Stu3).unwrap().bundle);
    assert_eq!(said["entry"][1]["resource"]["clinicalStatus"], "active");
    let lost = reworded(&bundle, Release::Stu3).unwrap().losses;
    assert!(lost.iter().any(|loss| loss.place == "Bundle.timestamp"), "{lost:?}");
    let held = json!({"resourceType": "Patient", "id": "p1"});
    assert!(reworded(&held, Release::R5).is_err(), "only a Bundle");
    assert!(reworded(&bundle, Release::Dstu2).is_err(), "nothing is written in that");
}

/// A letter whose text is attached too, in this form and with this content.
fn letter(media_type: &str, content: &[u8]) -> Value {
    json!({"resourceType": "Bundle", "id": "b1", "type": "document", "timestamp": "2026-03-04T10:00:00Z", "entry": [
        {"fullUrl": "urn:uuid:c", "resource": {"resourceType": "Composition", "id": "c", "status": "final", "title": "Letter",
            "type": {"text": "letter"}, "date": "2026-03-04", "subject": {"reference": "urn:uuid:p"}, "author": [{"display": "Ward"}],
            "section": [{"title": "Letter", "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Please assess<br/>her &amp; him</p></div>"},
                "entry": [{"reference": "urn:uuid:d"}]}]}},
        {"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient", "id": "p", "name": [{"family": "Fenwick"}]}},
        {"fullUrl": "urn:uuid:d", "resource": {"resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": "urn:uuid:p"},
            "content": [{"attachment": {"contentType": media_type, "url": "urn:uuid:x"}}]}},
        {"fullUrl": "urn:uuid:x", "resource": {"resourceType": "Binary", "id": "x", "contentType": media_type, "data": STANDARD.encode(content)}}]})
}

#[test]
fn an_attachment_that_a_document_neither_holds_nor_says_is_named() {
    for profile in [ccda(), itk()] {
        let said =
            sent(&letter("text/plain; charset=utf-8", b"Please assess\r\nher & him\r\n"), &profile).unwrap();
        assert_eq!(said.unattached, Vec::<String>::new(), "{}", text(&said));
    }
    // Where nothing but words may be in a section, a file is not.
    for profile in [itk()] {
        for (media_type, content) in [
            ("text/plain", &b"Please assess her & him today"[..]),
            ("application/pdf", b"Please assess her & him"),
        ] {
            let said = sent(&letter(media_type, content), &profile).unwrap();
            assert_eq!(said.unattached, ["Binary"], "{media_type}");
        }
        let mut inline = letter("application/pdf", b"x");
        inline["entry"].as_array_mut().unwrap().pop();
        inline["entry"][2]["resource"]["content"][0]["attachment"] =
            json!({"contentType": "application/pdf", "data": "eA=="});
        assert_eq!(sent(&inline, &profile).unwrap().unattached, ["DocumentReference"]);
    }
    // Elsewhere it stands in the section, once, and the text leads to it.
    let mut twice = letter("application/pdf", b"Please assess her & him");
    let section = twice["entry"][0]["resource"]["section"][0].clone();
    twice["entry"][0]["resource"]["section"].as_array_mut().unwrap().push(section);
    let said = sent(&twice, &ccda()).unwrap();
    assert_eq!(said.unattached, Vec::<String>::new());
    assert_eq!(text(&said).matches(&STANDARD.encode(b"Please assess her & him")).count(), 1);
    assert_eq!(text(&said).matches("<renderMultiMedia referencedObject=\"file-0\"").count(), 1);
    assert_eq!(text(&said).matches("<observationMedia ID=\"file-0\"").count(), 1);
    // What the Bundle does not hold is not sent as if it did.
    let mut elsewhere = letter("application/pdf", b"x");
    elsewhere["entry"][2]["resource"]["content"][0]["attachment"]["url"] =
        json!("https://hospital.example/x.pdf");
    assert!(!text(&sent(&elsewhere, &ccda()).unwrap()).contains("observationMedia"));
    // A document that is one file holds it.
    let pdf = crate::cda_out::case("letter-pdf");
    assert_eq!(sent(&pdf, &ccda()).unwrap().unattached, Vec::<String>::new());
}

//! Notices of senders that were not seen before.

use std::path::Path;

use adapters::notices::{self, Fault, Form};
use adapters::versions;
use adapters::{Refused, Translated};
use fhir::tables::Release;
use serde_json::Value;

use crate::goldens::hospital;

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/notices").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn resources(translated: &Translated, kind: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&translated.bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

fn systems(resource: &Value) -> Vec<&str> {
    let all = resource["identifier"].as_array().into_iter().flatten();
    all.filter_map(|identifier| identifier["system"].as_str()).collect()
}

#[test]
fn numbers_of_the_nhs_are_known_by_the_names_that_they_had() {
    let notice = case("assessment/in.xml");
    let usual = notices::translate(notice.as_bytes(), &hospital()).unwrap();
    for (from, to) in [
        ("https://fhir.nhs.uk/Id/", "http://fhir.nhs.net/Id/"),
        ("https://fhir.nhs.uk/Id/", "http://fhir.nhs.uk/Id/"),
        ("https://fhir.nhs.uk/Id/", "https://fhir.nhs.net/Id/"),
    ] {
        let translated = notices::translate(with(&notice, from, to).as_bytes(), &hospital()).unwrap();
        assert_eq!(translated.losses, usual.losses, "{to}");
        for kind in ["Patient", "Organization"] {
            let told: Vec<_> =
                resources(&translated, kind).iter().map(|held| systems(held).join(" ")).collect();
            let known: Vec<_> = resources(&usual, kind).iter().map(|held| systems(held).join(" ")).collect();
            assert_eq!(told, known, "{to}");
        }
    }
    // A wrong check digit is one under any name, and another system of that place is left alone.
    let wrong = with(&notice, "https://fhir.nhs.uk/Id/nhs-number", "http://fhir.nhs.net/Id/nhs-number");
    let wrong = with(&with(&wrong, "9990000018", "9990000019"), "Id/ods-site-code", "Id/some-other-code");
    let translated = notices::translate(wrong.as_bytes(), &hospital()).unwrap();
    let patient = &resources(&translated, "Patient")[0];
    assert_eq!(systems(patient), ["https://fhir.nhs.uk/Id/local-patient-identifier"]);
    let others: Vec<_> =
        resources(&translated, "Organization").iter().map(|held| systems(held).join(" ")).collect();
    assert!(others.contains(&"https://fhir.nhs.uk/Id/some-other-code".to_owned()), "{others:?}");
}

#[test]
fn days_of_the_data_items_are_read_as_people_write_them() {
    let items = case("plain-discharge/in.txt");
    let usual = notices::translate(items.as_bytes(), &hospital()).unwrap();
    let born = |day: &str| with(&items, "Birth Date\t1951-03-07", &format!("Birth Date\t{day}"));
    for day in ["07/03/1951", "7/3/1951"] {
        let leaving = with(&born(day), "Discharge Date\t2026-03-10", "Discharge Date\t10/03/2026");
        let translated = notices::translate(leaving.as_bytes(), &hospital()).unwrap();
        assert_eq!(resources(&translated, "Patient"), resources(&usual, "Patient"));
        let end = |all: &Translated| resources(all, "ServiceRequest")[0]["occurrencePeriod"]["end"].clone();
        assert_eq!(end(&translated), end(&usual));
        assert_eq!(translated.losses, usual.losses);
    }
    // Not days that exist, or not surely which.
    for day in ["31/02/1951", "07/03/51", "03/1951", "07/13/1951", "1951/03/07"] {
        let refused = notices::translate(born(day).as_bytes(), &hospital()).unwrap_err();
        assert!(matches!(refused, Refused::Notice(Fault::Missing { .. })), "{day}: {refused}");
    }
}

#[test]
fn a_notice_is_read_in_the_character_set_that_it_declares() {
    let notice = with(&case("assessment/in.xml"), "<given value=\"", "<given value=\"Zo\u{eb} ");
    let expected = notices::translate(notice.as_bytes(), &hospital()).unwrap();
    let name = |translated: &Translated| resources(translated, "Patient")[0]["name"][0]["given"].clone();
    assert!(name(&expected).to_string().contains("Zo\u{eb}"), "{}", name(&expected));
    let latin = |text: &str| -> Vec<u8> {
        text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
    };
    for declared in ["ISO-8859-1", "windows-1252", "ISO-8859-15"] {
        let input = latin(&with(&notice, "UTF-8", declared));
        assert_eq!(name(&notices::translate(&input, &hospital()).unwrap()), name(&expected), "{declared}");
        // What is declared and not written that way is no letter of it.
        let wrong = latin(&notice);
        assert!(matches!(notices::translate(&wrong, &hospital()), Err(Refused::Encoding { .. })));
    }
    let wide = with(&notice, "UTF-8", "UTF-16");
    for (mark, bytes) in
        [([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]), ([0xfe, 0xff], u16::to_be_bytes)]
    {
        let input: Vec<u8> = mark.into_iter().chain(wide.encode_utf16().flat_map(bytes)).collect();
        assert_eq!(name(&notices::translate(&input, &hospital()).unwrap()), name(&expected));
    }
}

/// The gist of a notice: what it became without ids and Provenance, and what was lost of it.
fn gist(translated: &Translated) -> Vec<String> {
    let text = String::from_utf8(translated.bundle.clone()).unwrap();
    let mut said = text.clone();
    for id in text.split("\"id\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        said = said.replace(id, "-");
    }
    let one = Translated { id: translated.id.clone(), bundle: said.into_bytes(), losses: Vec::new() };
    let mut all: Vec<String> = [
        "MessageHeader",
        "ServiceRequest",
        "Encounter",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "Condition",
        "QuestionnaireResponse",
    ]
    .iter()
    .flat_map(|kind| resources(&one, kind))
    .map(|resource| resource.to_string())
    .collect();
    all.sort();
    all
}

const PATIENT: &str = "urn:uuid:017fb522-7fe3-5cb2-956d-8a4982186873";
const STAY: &str = "urn:uuid:69bf1d68-b712-57b8-8235-16f171962c64";
const REQUEST: &str = "urn:uuid:ec33b192-2fd9-58aa-9751-c0dac343fd33";

#[test]
fn a_reference_leads_to_an_entry_by_any_name_that_it_has() {
    let notice = case("discharge/in.xml");
    let usual = notices::translate(notice.as_bytes(), &hospital()).unwrap();
    let to = |name: &str| format!("<reference value=\"{name}\"/>");
    let full = |name: &str| format!("<fullUrl value=\"{name}\"/>");
    let id = PATIENT.strip_prefix("urn:uuid:").unwrap();
    let at = format!("https://ehr.example.nhs.uk/fhir/Patient/{id}");
    let version = format!("{at}/_history/3");
    let relative = format!("Patient/{id}");
    for (address, reference) in [
        (PATIENT, PATIENT.to_uppercase().replace("URN:UUID:", "urn:uuid:")),
        (PATIENT, relative.clone()),
        (PATIENT, format!("{relative}/_history/2")),
        (&at, at.clone()),
        (&at, version),
        (&at, relative.clone()),
        ("", relative.clone()),
        ("", PATIENT.to_owned()),
    ] {
        let placed = match address {
            "" => with(&notice, &full(PATIENT), ""),
            address => with(&notice, &full(PATIENT), &full(address)),
        };
        let written = with(&placed, &to(PATIENT), &to(&reference));
        let read = notices::translate(written.as_bytes(), &hospital());
        let read = read.unwrap_or_else(|refused| panic!("{address} {reference}: {refused}"));
        assert_eq!(gist(&read), gist(&usual), "{address} {reference}");
        assert_eq!(read.losses, usual.losses, "{address} {reference}");
    }
    // An address on a server without an id in the resource is a name by type and id too.
    let bare = with(&with(&notice, &full(PATIENT), &full(&at)), &format!("<id value=\"{id}\"/>"), "");
    let read = notices::translate(with(&bare, &to(PATIENT), &to(&relative)).as_bytes(), &hospital());
    assert_eq!(gist(&read.unwrap()), gist(&usual));
}

#[test]
fn what_is_contained_is_read_like_an_entry() {
    let notice = case("discharge/in.xml");
    let usual = notices::translate(notice.as_bytes(), &hospital()).unwrap();
    // The patient and the stay inside the request, which they name in turn.
    let mut rest = notice.clone();
    let mut inside = String::new();
    for (url, local) in [(PATIENT, "p"), (STAY, "e")] {
        let begin = rest.find(&format!("<fullUrl value=\"{url}\"/>")).unwrap();
        let start = rest.get(..begin).unwrap().rfind("<entry>").unwrap();
        let end = begin + rest.get(begin..).unwrap().find("</entry>").unwrap() + "</entry>".len();
        let entry = rest.get(start..end).unwrap().to_owned();
        rest.replace_range(start..end, "");
        let from = entry.find("<resource>").unwrap() + "<resource>".len();
        let resource = entry.get(from..entry.find("</resource>").unwrap()).unwrap();
        let id = url.strip_prefix("urn:uuid:").unwrap();
        let resource = with(resource, &format!("<id value=\"{id}\"/>"), &format!("<id value=\"{local}\"/>"));
        inside.push_str(&format!("<contained>{resource}</contained>"));
    }
    let begin =
        rest.find(&format!("<id value=\"{}\"/>", REQUEST.strip_prefix("urn:uuid:").unwrap())).unwrap();
    let after = begin + rest.get(begin..).unwrap().find("/>").unwrap() + 2;
    rest.insert_str(after, &inside);
    let mut contained = rest;
    for (url, local) in [(PATIENT, "#p"), (STAY, "#e")] {
        contained = contained
            .replace(&format!("<reference value=\"{url}\"/>"), &format!("<reference value=\"{local}\"/>"));
    }
    // Answers stand in an entry of their own: what they call the stay is its place in the request.
    let answers = contained.rfind("<reference value=\"#e\"/>").unwrap();
    contained.replace_range(
        answers..answers + "<reference value=\"#e\"/>".len(),
        &format!("<reference value=\"{REQUEST}#e\"/>"),
    );
    let read = notices::translate(contained.as_bytes(), &hospital()).unwrap();
    assert_eq!(gist(&read), gist(&usual));
    assert_eq!(read.losses.len(), usual.losses.len(), "{:?}", read.losses);
    let stay = &resources(&read, "Encounter")[0];
    let patient = &resources(&read, "Patient")[0];
    assert!(stay["subject"]["reference"].to_string().contains(patient["id"].as_str().unwrap()), "{stay}");
    // Two with one name are told apart by nobody.
    let twice = with(&contained, "<id value=\"e\"/>", "<id value=\"p\"/>");
    let refused = notices::translate(twice.as_bytes(), &hospital()).unwrap_err();
    assert_eq!(refused, Fault::EntryTwice.into());
}

#[test]
fn what_would_change_the_meaning_and_has_no_place_is_refused_by_its_place() {
    let notice = case("discharge/in.xml");
    let refused = |from: &str, more: &str, place: &str| {
        let altered = with(&notice, from, &format!("{from}{more}"));
        let refused = notices::translate(altered.as_bytes(), &hospital()).unwrap_err();
        assert_eq!(refused, Fault::Dangerous { place: place.to_owned() }.into(), "{place}");
    };
    let modifier = "<modifierExtension url=\"urn:x:not\"><valueBoolean value=\"true\"/></modifierExtension>";
    refused("<status value=\"requested\"/>", modifier, "ReferralRequest.modifierExtension");
    refused("<use value=\"usual\"/>", modifier, "Patient.name.modifierExtension");
    refused("<gender value=\"female\"/>", "<implicitRules value=\"urn:x\"/>", "Patient.implicitRules");
    refused("<type value=\"message\"/>", "<implicitRules value=\"urn:x\"/>", "Bundle.implicitRules");
    let label = "<extension url=\"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label\">\
        <valueCoding><system value=\"http://hl7.org/fhir/v3/Confidentiality\"/><code value=\"R\"/></valueCoding></extension>";
    refused("<line value=\"Flat 2\"/>", label, "Patient.address.extension");
    // An extension that nobody knows is told, and the notice is read.
    let odd = "<extension url=\"urn:x:odd\"><valueString value=\"a\"/></extension>";
    let told = with(&notice, "<line value=\"Flat 2\"/>", &format!("{odd}<line value=\"Flat 2\"/>"));
    let read = notices::translate(told.as_bytes(), &hospital()).unwrap();
    assert!(read.losses.iter().any(|loss| loss.place.ends_with("address.extension.valueString")));
}

#[test]
fn what_is_about_somebody_else_is_refused_and_what_the_header_may_lack_is_not() {
    let notice = case("discharge/in.xml");
    let to = |name: &str| format!("<patient><reference value=\"{name}\"/></patient>");
    let places: Vec<usize> = notice.match_indices(&to(PATIENT)).map(|(at, _)| at).collect();
    for (at, place) in places.iter().zip(["ReferralRequest.patient", "Encounter.patient"]) {
        for other in ["https://elsewhere.example/Patient/7", STAY] {
            let mut altered = notice.clone();
            altered.replace_range(*at..at + to(PATIENT).len(), &to(other));
            let refused = notices::translate(altered.as_bytes(), &hospital()).unwrap_err();
            assert_eq!(refused, Fault::OtherPerson { place: place.to_owned() }.into(), "{other}");
        }
    }
    let data = format!("<data><reference value=\"{REQUEST}\"/></data>");
    let read = notices::translate(with(&notice, &data, "").as_bytes(), &hospital()).unwrap();
    assert_eq!(resources(&read, "ServiceRequest").len(), 1);
}

#[test]
fn a_notice_in_a_later_release_is_called_what_it_is_and_becomes_a_notice_by_r4() {
    let notice = case("discharge/in.xml");
    let usual = notices::translate(notice.as_bytes(), &hospital()).unwrap();
    let refused = notices::translate(&usual.bundle, &hospital()).unwrap_err();
    assert_eq!(refused, Fault::LaterRelease.into());
    // As STU3 has it: the header has a focus, the request a subject in a context, the class of the stay is a Coding.
    let later = r#"{"resourceType":"Bundle","type":"message","entry":[
        {"fullUrl":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7201","resource":{"resourceType":"MessageHeader","id":"N1",
            "timestamp":"2026-03-10T09:30:00Z","event":{"system":"http://snomed.info/sct","code":"975731000000100"},
            "source":{"endpoint":"urn:x:a"},"receiver":{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7205"},
            "focus":[{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7202"}]}},
        {"fullUrl":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7202","resource":{"resourceType":"ReferralRequest",
            "identifier":[{"value":"REF-2026-0311"}],"status":"active","intent":"order",
            "authoredOn":"2026-03-10T09:30:00Z",
            "recipient":[{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7205"}],
            "subject":{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7204"},
            "context":{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7203"}}},
        {"fullUrl":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7203","resource":{"resourceType":"Encounter",
            "status":"in-progress","class":{"system":"http://hl7.org/fhir/v3/ActCode","code":"IMP"},
            "subject":{"reference":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7204"},"period":{"end":"2026-03-12"}}},
        {"fullUrl":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7204","resource":{"resourceType":"Patient",
            "identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],
            "name":[{"family":"Fenwick","given":["Ann"]}],"birthDate":"1951-03-07"}},
        {"fullUrl":"urn:uuid:7d040f8d-11d5-52b6-a105-684391ae7205","resource":{"resourceType":"Organization",
            "identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"E10000099"}]}}]}"#;
    let refused = notices::translate(later.as_bytes(), &hospital()).unwrap_err();
    assert_eq!(refused, Fault::LaterRelease.into());
    let record = versions::translate(later.as_bytes(), Release::Stu3, Release::R4, &hospital()).unwrap();
    let written = notices::write(&record.bundle, Form::Plain, &hospital()).unwrap();
    let items = String::from_utf8(written.notice).unwrap();
    for line in [
        "Notice Type\tDischarge Notice\n",
        "Patient NHS Number\t9990000018\n",
        "Patient Family Name\tFenwick\n",
        "Proposed Discharge Date\t2026-03-12\n",
        "Referral Identifier\tREF-2026-0311\n",
        "Local Authority ODS Code\tE10000099\n",
    ] {
        assert!(items.contains(line), "{line}{items}");
    }
}

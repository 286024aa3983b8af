//! Notices of senders that were not seen before.

use std::path::Path;

use adapters::notices::{self, Fault};
use adapters::{Refused, Translated};
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

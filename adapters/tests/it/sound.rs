//! What FHIR forbids of every record and senders send all the same: it is mended, and told where it stood.

use adapters::{Severity, Why};
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::cda_meaning::{PROCEDURES, bundle, translated as document};
use crate::hl7v2_meaning::{head, of, translated};
use crate::mapping::files::translate as rows;
use crate::mapping::people;
use crate::versions::translate as release;

const REVERSED: Why = Why::EndsBeforeStart;

/// Where something ends before it begins.
fn reversed(losses: &[adapters::Loss]) -> Vec<&str> {
    let told = losses.iter().filter(|loss| loss.why == REVERSED);
    told.inspect(|loss| assert_eq!(loss.severity, Severity::Major)).map(|loss| loss.place.as_str()).collect()
}

#[test]
fn an_end_before_its_start_is_left_out_of_what_fields_of_hl7_v2_say() {
    let bars = |count: usize| "|".repeat(count);
    let visit = |from: &str, until: &str| format!("PV1|1|I|W1{}{from}|{until}\n", bars(41));
    let kin = |from: &str, until: &str| format!("NK1|1|Fenwick^Bo|SPO||||N|{from}|{until}\n");
    for (kind, segments, resource, pointer, place, expected) in [
        (
            "ADT^A03",
            visit("20260110", "20260109"),
            "Encounter",
            "/period",
            "PV1-45",
            json!({"start": "2026-01-10"}),
        ),
        (
            "ADT^A03",
            visit("20260110", "20260110"),
            "Encounter",
            "/period",
            "",
            json!({"start": "2026-01-10", "end": "2026-01-10"}),
        ),
        // All that is known is that it ended in the month.
        (
            "ADT^A03",
            visit("20260110", "202601"),
            "Encounter",
            "/period",
            "",
            json!({"start": "2026-01-10", "end": "2026-01"}),
        ),
        (
            "ADT^A31",
            kin("20260110", "20251231"),
            "Patient",
            "/contact/0/period",
            "NK1-9",
            json!({"start": "2026-01-10"}),
        ),
        (
            "ADT^A31",
            kin("20260110", "20261231"),
            "Patient",
            "/contact/0/period",
            "",
            json!({"start": "2026-01-10", "end": "2026-12-31"}),
        ),
        (
            "ADT^A03",
            format!("EVN||20260101|||||\n{}", visit("20260110101500", "20260110101400")),
            "Encounter",
            "/period",
            "PV1-45",
            json!({"start": "2026-01-10T10:15:00+00:00"}),
        ),
    ] {
        let (all, losses) = translated(&(head(kind) + &segments));
        let found = &of(&all, resource)[0];
        assert_eq!(found.pointer(pointer), Some(&expected), "{segments}");
        let told: Vec<&str> = Some(place).filter(|place| !place.is_empty()).into_iter().collect();
        assert_eq!(reversed(&losses), told, "{segments}");
    }
    // Within one value, of whatever list.
    let home = head("ADT^A31").replace("|F\n", "|F|||1 Quay^^T^^ZZ99 3WZ^^H^^^^^^20250101^20240101\n");
    let (all, losses) = translated(&home);
    assert_eq!(of(&all, "Patient")[0]["address"][0]["period"], json!({"start": "2025-01-01"}), "{home}");
    assert_eq!(reversed(&losses), ["PID-11.14"], "{losses:?}");
}

#[test]
fn an_end_before_its_start_is_left_out_of_what_a_document_says() {
    for (low, high, expected, count) in [
        ("20260110", "20260109", json!({"start": "2026-01-10"}), 1),
        ("20260109", "20260110", json!({"start": "2026-01-09", "end": "2026-01-10"}), 0),
    ] {
        let entry = format!(
            r#"<procedure classCode="PROC" moodCode="EVN"><templateId root="%T.14"/><code code="7" displayName="Repair" %S/><statusCode code="completed"/><effectiveTime><low value="{low}"/><high value="{high}"/></effectiveTime></procedure>"#
        );
        let made = document(PROCEDURES, &entry);
        let bundle = bundle(&made);
        let mut all = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let procedure = all.find(|resource| resource["resourceType"] == "Procedure").unwrap();
        assert_eq!(procedure["performedPeriod"], expected);
        let told = reversed(&made.losses);
        assert_eq!(told.len(), count, "{:?}", made.losses);
        assert!(told.iter().all(|place| place.ends_with("/effectiveTime/high/@value")), "{told:?}");
    }
}

#[test]
fn an_end_before_its_start_is_left_out_of_what_another_release_says() {
    for (from, to) in [(Release::Stu3, Release::R4), (Release::R5, Release::R4), (Release::R4, Release::Stu3)]
    {
        let patient = |end: &str| {
            json!({"resourceType": "Patient", "name": [{"family": "Fenwick"},
                {"family": "Quay", "period": {"start": "2026-01-10", "end": end}}]})
        };
        for (end, told) in [("2026-01-09", vec!["Patient.name[1].period"]), ("2026-01", vec![])] {
            let made = release(patient(end).to_string().as_bytes(), from, to).unwrap();
            assert_eq!(reversed(&made.losses), told);
            let whole: Value = crate::versions_corpus::resources(&made.bundle);
            let period = &whole["entry"][0]["resource"]["name"][1]["period"];
            assert_eq!(period["start"], "2026-01-10");
            assert_eq!(period.get("end").is_some(), told.is_empty(), "{period}");
        }
    }
}

#[test]
fn an_end_before_its_start_is_left_out_of_what_columns_say() {
    let start = "\"name.period.start\" = { from = \"FROM\" }";
    let end = "\"name.period.end\" = { from = \"TO\" }";
    // Whichever the mapping names first.
    for elements in [format!("{start}\n{end}"), format!("{end}\n{start}")] {
        let mapping = people("", &format!("\"name.family\" = {{ from = \"NAME\" }}\n{elements}"));
        for (from, to, period, told) in [
            ("10/01/2026", "09/01/2026", r#""period":{"start":"2026-01-10"}"#, true),
            ("09/01/2026", "10/01/2026", r#""period":{"start":"2026-01-09","end":"2026-01-10"}"#, false),
            ("", "10/01/2026", r#""period":{"end":"2026-01-10"}"#, false),
        ] {
            let file = format!("ID,NAME,FROM,TO\n1,Fenwick,{from},{to}\n");
            let (bundle, losses) = rows(&mapping, file.as_bytes()).remove(0).unwrap();
            assert!(bundle.contains(period), "{period} is not in {bundle}");
            let expected = if told { vec![("row 2 column 4 TO".to_owned(), REVERSED)] } else { vec![] };
            assert_eq!(losses, expected);
        }
    }
}

#[test]
fn one_nhs_number_is_one_identifier_whatever_it_is_called() {
    const SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";
    let numbers = |ids: &str| {
        let message = head("ADT^A31").replace("9990000018^^^NHS^NH", ids);
        let (all, losses) = translated(&message);
        let held = of(&all, "Patient")[0]["identifier"].as_array().unwrap().clone();
        let held: Vec<Value> = held.into_iter().filter(|held| held["system"] == SYSTEM).collect();
        let told: Vec<_> = losses
            .into_iter()
            .filter(|loss| loss.place.starts_with("PID-3"))
            .map(|loss| (loss.place, loss.why, loss.severity))
            .collect();
        (held, told)
    };
    let (one, told) = numbers("9990000018^^^NHS^NH");
    assert_eq!((one.len(), told.len()), (1, 0));
    for (ids, severities) in [
        ("9990000018^^^NHS^NH~9990000018^^^NHS^NHS", vec![("PID-3[2].1", Severity::Trivial)]),
        ("9990000018^^^NHS^NH~9990000018^^^NHS^NH", vec![]),
        ("9990000018^^^NHS^NH~999 000 0018^^^NHSNBR^HN", vec![("PID-3[2].1", Severity::Trivial)]),
        ("9990000018^^^NHS^NH~H1^^^RX1^MR~9990000018^^^NHS^NHS", vec![("PID-3[3].1", Severity::Trivial)]),
    ] {
        let (held, told) = numbers(ids);
        assert_eq!(held, one, "{ids}");
        let told: Vec<_> =
            told.iter().map(|(place, why, severity)| (place.as_str(), *why, *severity)).collect();
        let expected: Vec<_> =
            severities.into_iter().map(|(place, severity)| (place, Why::PlaceTaken, severity)).collect();
        assert_eq!(told, expected, "{ids}");
    }
    // What only the second says is said.
    let (held, _) = numbers("9990000018^^^NHS^NH~9990000018^^^NHS^NH^^20200101");
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["period"], json!({"start": "2020-01-01"}));
    // What they say differently is told.
    let (held, told) = numbers("9990000018^^^NHS^NH^^20190101~9990000018^^^NHS^NH^^20200101");
    assert_eq!(held[0]["period"], json!({"start": "2019-01-01"}));
    assert_eq!(told, [("PID-3[2].1".to_owned(), Why::PlaceTaken, Severity::Minor)]);
    // Two numbers are two: nobody chooses between them, and it is told.
    let (held, told) = numbers("9990000018^^^NHS^NH~9990000026^^^NHS^NHS");
    assert_eq!(held.len(), 2);
    assert_eq!(told, [("PID-3[2].1".to_owned(), Why::AnotherNhsNumber, Severity::Major)]);
    // As often as it is said again, it is one of the two.
    let (held, _) = numbers("9990000018^^^NHS^NH~9990000026^^^NHS^NH~9990000018^^^NHS^NHS");
    assert_eq!(held.len(), 2);
}

#[test]
fn one_nhs_number_is_one_identifier_in_whichever_field_of_hl7_v2_it_stands() {
    const NUMBER: &str = "9990000018^^^NHS^NH";
    for (second, ssn, values, told) in [
        (NUMBER, "", vec!["9990000018"], vec![]),
        (NUMBER, "9990000018", vec!["9990000018"], vec![("PID-19", Why::PlaceTaken, Severity::Trivial)]),
        ("", "999 000 0018", vec!["9990000018"], vec![("PID-19", Why::PlaceTaken, Severity::Trivial)]),
        (
            "9990000026^^^NHS^NH",
            "",
            vec!["9990000018", "9990000026"],
            vec![("PID-2.1", Why::AnotherNhsNumber, Severity::Major)],
        ),
        // What is no NHS number is what the field says it is.
        ("", "AB123456C", vec!["9990000018", "AB123456C"], vec![]),
        ("", "9990000019", vec!["9990000018", "9990000019"], vec![]),
    ] {
        let message = head("ADT^A31")
            .replace("PID|1||", &format!("PID|1|{second}|"))
            .replace("|F\n", &format!("|F{}{ssn}\n", "|".repeat(11)));
        let (all, losses) = translated(&message);
        let held = of(&all, "Patient")[0]["identifier"].as_array().unwrap().clone();
        let found: Vec<&str> = held.iter().map(|held| held["value"].as_str().unwrap()).collect();
        assert_eq!(found, values, "{message}");
        let found: Vec<_> = losses
            .iter()
            .filter(|loss| loss.place.starts_with("PID-2") || loss.place.starts_with("PID-19"))
            .map(|loss| (loss.place.as_str(), loss.why, loss.severity))
            .collect();
        assert_eq!(found, told, "{message}");
    }
}

#[test]
fn any_identifier_of_one_system_value_and_type_is_one() {
    let visit = |number: &str, other: &str| {
        let message = format!("PV1|1|I|W1{}{number}{}{other}\n", "|".repeat(16), "|".repeat(31));
        let (all, losses) = translated(&(head("ADT^A01") + &message));
        let told = losses.iter().filter(|loss| loss.place.starts_with("PV1-50"));
        let told: Vec<_> = told.map(|loss| (loss.place.clone(), loss.why, loss.severity)).collect();
        (of(&all, "Encounter")[0]["identifier"].as_array().unwrap().clone(), told)
    };
    let (one, _) = visit("V1^^^RX1", "");
    assert_eq!(one.len(), 1);
    for other in ["V1^^^RX1", "V1^^^RX1^VN"] {
        assert_eq!(visit("V1^^^RX1", other), (one.clone(), vec![]), "{other}");
    }
    let (held, told) = visit("V1^^^RX1", "V1^^^RX1^VN^^20260101");
    assert_eq!((held.len(), &held[0]["period"], told), (1, &json!({"start": "2026-01-01"}), vec![]));
    let (held, told) = visit("V1^^^RX1^VN^^20250101", "V1^^^RX1^VN^^20260101");
    assert_eq!((held.len(), &held[0]["period"]), (1, &json!({"start": "2025-01-01"})));
    assert_eq!(told, [("PV1-50.1".to_owned(), Why::PlaceTaken, Severity::Minor)]);
    // Another value, another authority, none at all, or another kind of number is another identifier.
    for other in ["V2^^^RX1", "V1^^^RX2", "V1", "V1^^^RX1^AN"] {
        assert_eq!(visit("V1^^^RX1", other).0.len(), 2, "{other}");
    }
    // One authority may number an order and what comes of it alike.
    let (all, _) = translated(&(head("ORM^O01") + "ORC|NW|7^LAB|7^LAB\nOBR|1|7^LAB|7^LAB|FBC^FBC^L\n"));
    let held = of(&all, "ServiceRequest")[0]["identifier"].as_array().unwrap().clone();
    let kinds: Vec<&Value> = held.iter().map(|held| &held["type"]["coding"][0]["code"]).collect();
    assert_eq!(kinds, ["PLAC", "FILL"]);
}

#[test]
fn one_nhs_number_is_one_identifier_however_often_a_document_says_it() {
    let numbers = |ids: &str| {
        let document = format!(
            r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="D1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202506301200+0100"/><recordTarget><patientRole>{ids}<patient><name><given>Ann</given><family>Fenwick</family></name></patient></patientRole></recordTarget><component><structuredBody><component><section><title>T</title><text>x</text></section></component></structuredBody></component></ClinicalDocument>"#
        );
        let made = adapters::cda::translate(document.as_bytes(), &crate::goldens::hospital()).unwrap();
        let whole = bundle(&made);
        let all = whole["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        let all: Vec<Value> = all.collect();
        let told = made.losses.iter().filter(|loss| loss.place.contains("/id"));
        (of(&all, "Patient")[0]["identifier"].clone(), told.map(|loss| loss.severity).collect::<Vec<_>>())
    };
    let number = |root: &str, more: &str| format!(r#"<id root="2.16.840.1.113883.2.1.{root}" {more}/>"#);
    let verified = number("4.1", r#"extension="9990000018""#);
    let (one, told) = numbers(&verified);
    assert_eq!((one.as_array().unwrap().len(), told), (1, vec![]));
    let spaced = number("4.1", r#"extension="999 000 0018""#);
    assert_eq!(numbers(&format!("{verified}{spaced}")), (one.clone(), vec![]));
    // One that nobody has traced makes the other no less sure.
    let unverified = number("3.2.4.18.23", r#"extension="9990000018""#);
    assert_eq!(numbers(&format!("{verified}{unverified}")), (one.clone(), vec![Severity::Minor]));
    let named = number("4.1", r#"extension="9990000018" assigningAuthorityName="NHS""#);
    let (held, told) = numbers(&format!("{verified}{named}"));
    assert_eq!((&held[0]["assigner"], told), (&json!({"display": "NHS"}), vec![]));
    let other = number("4.1", r#"extension="9990000026""#);
    let (two, told) = numbers(&format!("{verified}{other}"));
    assert_eq!((two.as_array().unwrap().len(), told), (2, vec![Severity::Major]));
}

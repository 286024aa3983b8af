//! Queries for persons, and their answers.

use adapters::hl7v2::out::Profile;
use adapters::hl7v2::query::{Asked, Outline, Query, Unasked};
use adapters::hl7v2::{AckCode, Stamp};
use adapters::{Context, Refused};
use serde_json::{Value, json};

use crate::goldens::hospital;
use crate::out::{bundle, resource};

const CANDIDATES: &str = "MSH|^~\\&|CARE|E1|PORTCULLIS|RX1|2026||QBP^Q22^QBP_Q21|Q7|P|2.5\r";

fn stamp() -> Stamp {
    Stamp { control_id: "G1".to_owned(), at: "20260304120000+0000".to_owned() }
}

fn context() -> Context {
    hospital().with_identifier_system("MRN", "https://hospital.example.nhs.uk/mrn")
}

fn candidates(demographics: &str, more: &str) -> Result<Query, Unasked> {
    let text = format!("{CANDIDATES}QPD|Q22^Find Candidates^HL7|T9|{demographics}\r{more}");
    Query::read(text.as_bytes(), &context())
}

fn demographics(identifier: &str) -> Result<Query, Unasked> {
    let header = CANDIDATES.replace("Q22", "Q21");
    Query::read(format!("{header}QPD|Q21^Demographics^HL7|T9|{identifier}\r").as_bytes(), &context())
}

fn information(subject: &str, more: &str) -> Result<Query, Unasked> {
    let text = format!(
        "MSH|^~\\&|CARE|E1|PORTCULLIS|RX1|2026||QRY^A19|Q8|P|2.3\rQRD|2026|R|I|Q-1|||5^RD|{subject}|DEM\r{more}"
    );
    Query::read(text.as_bytes(), &context())
}

fn ward(version: &str) -> Profile {
    Profile::parse(&format!("version = \"{version}\"")).unwrap()
}

#[test]
fn criteria_become_a_search_of_patients() {
    let nhs = "https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000018";
    for (query, expected) in [
        (
            candidates("@PID.5.1^Fen*~@PID.5.2^Ann~@PID.7^19420617~@PID.8^F~@PID.11.5^NE30 4AA", "RCP|I|20^RD\r"),
            "family=Fen&given:exact=Ann&birthdate=1942-06-17&gender=female&address-postalcode:exact=NE30%204AA&_count=20".to_owned(),
        ),
        (candidates("@PID.3.1^999 000 0018~@PID.3.4^NHS", ""), format!("identifier={nhs}")),
        (candidates("@PID.3.1^9990000018~@PID.3.5^NH", ""), format!("identifier={nhs}")),
        // The same authority in other words, and more than one.
        (
            candidates("@PID.3.1^9990000018~@PID.3.4^&2.16.840.1.113883.2.1.4.1&ISO", ""),
            format!("identifier={nhs}"),
        ),
        (candidates("@PID.3.1^9990000018~@PID.3.4^NHS~@PID.3.5^NH", ""), format!("identifier={nhs}")),
        (
            candidates(
                "@PID.3.4.1^NHS~@PID.3.4.2^2.16.840.1.113883.2.1.4.1~@PID.3.4.3^ISO~@PID.3.1^9990000018",
                "",
            ),
            format!("identifier={nhs}"),
        ),
        (
            candidates("@PID.3.1^7\\F\\7~@PID.3.4.2^1.2.3~@PID.3.4.3^ISO", ""),
            "identifier=urn%3Aoid%3A1.2.3%7C7%5C%7C7".to_owned(),
        ),
        (
            candidates("@PID.5.1^O\\T\\Hara, \\E\\x\\S\\y~@PID.7^1942", ""),
            "family:exact=O%26Hara%5C%2C%20%5C%5Cx%5Ey&birthdate=1942".to_owned(),
        ),
        (demographics("9990000018^^^NHS^NH"), format!("identifier={nhs}")),
        (demographics("L1^^^MRN^MR"), "identifier=https%3A%2F%2Fhospital.example.nhs.uk%2Fmrn%7CL1".to_owned()),
        (information("9990000018^^^^^^^^NHS", ""), format!("identifier={nhs}&_count=5")),
        (
            candidates("@PID.3.1^L1~@PID.3.4^MRN&1.2.3&ISO", ""),
            "identifier=https%3A%2F%2Fhospital.example.nhs.uk%2Fmrn%7CL1".to_owned(),
        ),
        (demographics("9990000018^^^^NH"), format!("identifier={nhs}")),
        (information("999-000-0018^^^^^^^^^^^^NH", ""), format!("identifier={nhs}&_count=5")),
        // A number that is none is nobody's, and not a number of another kind.
        (
            demographics("9990000017^^^NHS^NH"),
            "identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000017".to_owned(),
        ),
        (
            demographics("L1^^^&1.2.3&ISO"),
            "identifier=urn%3Aoid%3A1.2.3%7CL1".to_owned(),
        ),
        (demographics("L1"), "identifier=L1".to_owned()),
        (information("^Fenwick^Ann", ""), "family:exact=Fenwick&given:exact=Ann&_count=5".to_owned()),
    ] {
        let query = query.unwrap_or_else(|why| panic!("{expected}: {why}"));
        assert_eq!(query.search(), expected);
        // What the gateway reads of it is what was asked.
        assert!(fhir::search::grammar::parse(&expected).is_ok());
    }
}

#[test]
fn what_is_not_understood_is_refused_by_its_field() {
    for (query, expected) in [
        (candidates("@PID.5.1^Fenwick~@PID.18.1^77", ""), "QPD-3[2]"),
        (candidates("@PID.5.1^F*wick~@PID.7^1942", ""), "QPD-3"),
        (candidates("@PID.5.1^Fenwick~@PID.7^194206171200", ""), "QPD-3[2]"),
        (candidates("@PID.5.1^Fenwick~@PID.8^Q", ""), "QPD-3[2]"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2", ""), "QPD-3[2]"),
        (candidates("@PID.3.1^99*", ""), "QPD-3"),
        (candidates("@PID.3.1^L1~@PID.3.4^MRN~@PID.3.5^NH", ""), "QPD-3[3]"),
        (candidates("@PID.3.1^L1~@PID.3.4^&&ISO", ""), "QPD-3[2]"),
        (candidates("@PID.3.1^L1~@PID.3.4^", ""), "QPD-3[2]"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann||80", ""), "QPD-5"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann", "RCP|D\r"), "RCP-1"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann", "RCP|I|20^CH\r"), "RCP-2"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann", "RCP|I|0^RD\r"), "RCP-2"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann", "RCP|I|5^RD|R||||PID.5\r"), "RCP-7"),
        (demographics("1^^^NHS~2^^^NHS"), "QPD-3[2]"),
        // Whose number it is cannot be told: it might be anybody's.
        (demographics("L1^^^&1.2.3"), "QPD-3"),
        (demographics("L1^^^&1.2.3&OTHER^NH"), "QPD-3"),
        (demographics("L1^^^^MR"), "QPD-3"),
        (information("L1^^^^^^^^&1.2.3", ""), "QRD-8"),
        (information("L1^^^^^^^^^^^^MR", ""), "QRD-8"),
        // More is said of whom is meant than is searched by.
        (information("^Fenwick^Ann^Mary", ""), "QRD-8"),
        (information("^Fenwick^Ann^^JR", ""), "QRD-8"),
        (candidates("@PID.5.1^Fenwick&Fenn~@PID.5.2^Ann", ""), "QPD-3"),
        (candidates("@PID.5.1^Fenwick~@PID.5.2^Ann^Mary", ""), "QPD-3[2]"),
        (information("^Fenwick^Ann", "QRF|PAS|2026\r"), "QRF-2"),
        (information("1^^^^^^^^NHS~2", ""), "QRD-8[2]"),
    ] {
        match query {
            Err(Unasked::Unknown { place, at }) => {
                assert_eq!(place, expected);
                assert!(place.starts_with(at.segment));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_query_that_names_nobody_is_refused() {
    for query in [
        candidates("@PID.5.1^Fenwick", ""),
        candidates("@PID.8^F~@PID.7^1942", ""),
        candidates("@PID.3.4^NHS", ""),
        candidates("@PID.11.5^NE30 4AA~@PID.7^1942", ""),
        candidates("", ""),
        demographics(""),
        information("", ""),
    ] {
        assert_eq!(query.err(), Some(Unasked::Nobody));
    }
    let other = Query::read(CANDIDATES.replace("Q22", "Q11").as_bytes(), &context());
    assert_eq!(other.err(), Some(Unasked::Refused(Refused::UnknownType { name: "QBP^Q11".to_owned() })));
    let (code, wrong) = Unasked::Nobody.ack();
    assert_eq!((code, wrong.problem.code), (AckCode::ApplicationError, "101"));
}

/// A searchset of the Patients in the cases.
fn searchset(patients: &[Value]) -> Vec<u8> {
    let entries: Vec<Value> = patients
        .iter()
        .map(|patient| json!({ "resource": patient, "search": { "mode": "match" } }))
        .collect();
    let outcome = json!({ "resource": { "resourceType": "OperationOutcome", "issue": [] }, "search": { "mode": "outcome" } });
    let entries: Vec<Value> = entries.into_iter().chain([outcome]).collect();
    serde_json::to_vec(&json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries })).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap().replace('\r', "\n")
}

#[test]
fn who_is_found_is_told_and_who_is_not_leaves_no_trace() {
    let mut held = bundle("a08-update");
    let patient = resource(&mut held, "Patient").clone();
    let mut other = patient.clone();
    other["id"] = json!("p2");
    other["identifier"] = json!([{ "system": "https://hospital.example.nhs.uk/mrn", "value": "L2" }]);
    let query = candidates("@PID.5.1^Fen*~@PID.5.2^A\\F\\n", "RCP|I|2^RD\rDSC|ptr-1|I\r").unwrap();
    assert_eq!(
        (query.asked(), query.count(), query.continuation()),
        (Asked::Candidates, Some(2), Some("ptr-1"))
    );
    let both =
        query.found(&searchset(&[patient.clone(), other]), Some("ptr-2"), &ward("2.5"), &stamp()).unwrap();
    let both = text(&both.bytes);
    let lines: Vec<&str> = both.lines().collect();
    assert_eq!(
        lines[0],
        "MSH|^~\\&|PORTCULLIS|RX1|CARE|E1|20260304120000+0000||RSP^K22^RSP_K21|G1|P|2.5||||||UNICODE UTF-8"
    );
    assert_eq!(lines[1], "MSA|AA|Q7");
    assert_eq!(lines[2], "QAK|T9|OK|Q22^Find Candidates^HL7");
    assert_eq!(lines[3], "QPD|Q22^Find Candidates^HL7|T9|@PID.5.1^Fen*~@PID.5.2^A\\F\\n");
    assert!(lines[4].starts_with("PID|1||9990000042^^^NHS^NH~"), "{both}");
    assert!(lines[6].starts_with("PID|2||L2^^^"), "{both}");
    assert_eq!(lines.last(), Some(&"DSC|ptr-2|I"));

    // Nobody is there, everybody was withheld, another said so: the same bytes.
    let none = query.found(&searchset(&[]), None, &ward("2.5"), &stamp()).unwrap();
    let withheld = query
        .found(
            b"{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}",
            None,
            &ward("2.5"),
            &stamp(),
        )
        .unwrap();
    assert_eq!(text(&none.bytes), text(&withheld.bytes));
    assert!(
        text(&none.bytes).contains("\nQAK|T9|NF|Q22^Find Candidates^HL7\n")
            && !text(&none.bytes).contains("PID|")
    );
}

#[test]
fn what_is_said_of_the_whole_answer_is_said_whoever_is_found() {
    let outcome = json!({ "resource": { "resourceType": "OperationOutcome",
        "issue": [{ "details": { "text": "absence is no evidence" } }] }, "search": { "mode": "outcome" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "searchset", "entry": [outcome] }).to_string();
    let query = candidates("@PID.5.1^Fen*~@PID.5.2^Ann", "").unwrap();
    let answer =
        |version: &str| text(&query.found(bundle.as_bytes(), None, &ward(version), &stamp()).unwrap().bytes);
    let said = "\nMSA|AA|Q7\nERR|||0^^HL70357|I||||absence is no evidence\nQAK|T9|NF|";
    assert!(answer("2.5").contains(said), "{}", answer("2.5"));
    assert!(answer("2.4").contains("\nMSA|AA|Q7|absence is no evidence\nQAK|T9|NF|"), "{}", answer("2.4"));
}

#[test]
fn identifiers_of_other_authorities_are_not_told_when_some_were_asked_for() {
    let mut held = bundle("a08-update");
    let patient = resource(&mut held, "Patient").clone();
    let query = candidates("@PID.5.1^Fen*~@PID.5.2^Ann|||||^^^NHS", "").unwrap();
    let answer = text(
        &query.found(&searchset(std::slice::from_ref(&patient)), None, &ward("2.5"), &stamp()).unwrap().bytes,
    );
    assert!(answer.contains("PID|1||9990000042^^^NHS^NH||"), "{answer}");
    let query = candidates("@PID.5.1^Fen*~@PID.5.2^Ann|||||^^^GMC", "").unwrap();
    let answer = text(&query.found(&searchset(&[patient]), None, &ward("2.5"), &stamp()).unwrap().bytes);
    assert!(answer.contains("QAK|T9|NF") && !answer.contains("L00042"), "{answer}");
}

#[test]
fn older_systems_are_answered_as_they_ask() {
    let mut held = bundle("a08-update");
    let patient = resource(&mut held, "Patient").clone();
    let query = information("9990000042^^^^^^^^NHS", "").unwrap();
    let answer = text(&query.found(&searchset(&[patient]), None, &ward("2.3"), &stamp()).unwrap().bytes);
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].contains("||ADR^A19|G1|P|2.3|"), "{answer}");
    assert_eq!(lines[1..4], ["MSA|AA|Q8", "QAK|Q-1|OK", "QRD|2026|R|I|Q-1|||5^RD|9990000042^^^^^^^^NHS|DEM"]);
    assert!(lines[4].starts_with("PID|1||9990000042^^^NHS^NH"), "{answer}");
}

#[test]
fn a_query_that_went_wrong_is_answered_with_its_place() {
    let asked = format!("{CANDIDATES}QPD|Q22^Find Candidates^HL7|T9|@PID.5.1^Fenwick~@PID.18.1^77\r");
    let Err(why) = Query::read(asked.as_bytes(), &context()) else { panic!("understood") };
    let query = Outline::read(asked.as_bytes(), &context()).unwrap();
    let (code, wrong) = why.ack();
    let answer = |version: &str| text(&query.failed(code, &wrong, &ward(version), &stamp()).unwrap());
    let said = "QPD-3[2] asks for something that is not searched by";
    assert!(
        answer("2.5")
            .contains(&format!("\nMSA|AE|Q7|{said}\nERR||QPD^1^3^2|204^^HL70357|E||||{said}\nQAK|T9|AE|")),
        "{}",
        answer("2.5")
    );
    assert!(
        answer("2.4").contains(&format!("\nERR|QPD^1^3^204&{said}&HL70357\nQAK|T9|AE|")),
        "{}",
        answer("2.4")
    );
}

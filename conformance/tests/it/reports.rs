//! Reports tell the result and nothing of the record, the patient or the token.

use std::process::Command;

use conformance::report;
use conformance::report::account::Account;
use conformance::suite::Suite;
use conformance::target::Target;
use serde_json::{Value, json};

use crate::faults::tested;
use crate::reference::{CANARY, Fault, PATIENT, start};

#[expect(clippy::disallowed_methods, reason = "a test reads our own report")]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_first_failure_is_told_in_full() {
    let text = report::terminal(&tested(Fault::ReadAnotherId, &Suite::HARMLESS).await);
    assert!(text.contains("The first failure in full: read-id"), "{text}");
    assert!(text.contains("clause: https://hl7.org/fhir/R4/http.html#read"), "{text}");
    assert!(text.contains("Fail: "), "{text}");
}

#[tokio::test]
async fn no_report_holds_anything_of_the_record() {
    for fault in [Fault::None, Fault::ReadAnotherId, Fault::ReadAnotherType, Fault::UnknownIdFound] {
        let run = tested(fault, &Suite::HARMLESS).await;
        let texts = [
            report::terminal(&run),
            report::json(&run),
            report::junit(&run),
            report::testreport(&run),
            report::html(&Account::of_suites(&run, &[])),
        ];
        for text in texts {
            assert!(!text.contains(CANARY), "{fault:?}");
            assert!(!text.contains(PATIENT), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn json_and_junit_count_the_same() {
    let run = tested(Fault::OutcomeUnknownCode, &Suite::HARMLESS).await;
    let json = parse(&report::json(&run));
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["exit"], 1);
    let failed = json["findings"].as_array().unwrap().iter().filter(|row| row["status"] == "fail").count();
    let junit = report::junit(&run);
    assert_eq!(junit.matches("<failure ").count(), failed);
    assert_eq!(junit.matches("<testcase ").count(), json["findings"].as_array().unwrap().len());
}

/// Where the clauses stand that checks may hold others to.
const CITED: [&str; 8] = [
    "https://digital.nhs.uk/developer/guides-and-documentation/",
    "https://fhir.hl7.org.uk/StructureDefinition/",
    "https://hl7.org/fhir/R4/",
    "https://hl7.org/fhir/smart-app-launch/STU2.2/",
    "https://profiles.ihe.net/ITI/BALP/",
    "https://profiles.ihe.net/ITI/PCF/",
    "https://www.datadictionary.nhs.uk/attributes/",
    "https://www.rfc-editor.org/rfc/rfc",
];

#[test]
fn every_check_can_be_explained() {
    let list = report::list();
    for check in Suite::ALL.into_iter().flat_map(Suite::checks) {
        let (suite, found) = conformance::suite::find(check.id).unwrap();
        assert!(report::explain(suite, found).contains(check.clause));
        assert!(CITED.iter().any(|page| check.clause.starts_with(page)), "{}", check.id);
        assert!(list.contains(check.id));
    }
}

/// What the program says of a run, with reports of every form beside it.
fn reported(base: &str, folder: &std::path::Path) -> (i32, String) {
    let wanted = ["html", "junit", "json", "testreport"]
        .map(|form| format!("{form}={}", folder.join(form).display()))
        .join(",");
    let table = folder.join("wanted.csv");
    let rows = "ID,Req Set,URL,Requirement,Conformance,Actors\n1,s,https://hl7.org/fhir/R4/http.html#read,\"a, b\",SHALL,Server\n";
    std::fs::write(&table, rows).unwrap();
    let table = table.to_str().unwrap();
    let more = ["--patient", PATIENT, "--report", &wanted, "--requirements", table];
    program(&[&["run", "--base", base, "--suite", "read"], &more[..]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_writes_every_report_and_no_control_code_where_nobody_looks_on() {
    let base = start(Fault::ReadAnotherId).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let (code, text) = tokio::task::spawn_blocking(move || reported(&base, &place)).await.unwrap();
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
    let full = text.find("The first failure in full: read-id").unwrap();
    assert!(full < text.find("Conformance of").unwrap(), "told as soon as it happened: {text}");
    assert!(text.contains("What to do first\n  1. Mend read-id first"), "{text}");
    let held = |form: &str| std::fs::read_to_string(folder.path().join(form)).unwrap();
    assert!(held("html").starts_with("<!DOCTYPE html>") && held("html").contains("s@1"));
    assert!(held("junit").contains("<failure "));
    let json = parse(&held("json"));
    assert_eq!(json["exit"], 1);
    assert_eq!(json["asked"][0]["path"], "metadata");
    let row = json["coverage"].as_array().unwrap().iter().find(|row| row["what"] == "s@1").unwrap();
    assert_eq!((&row["how"], &row["demanded"]["words"]), (&Value::from("cited"), &Value::from("a, b")));
    let by = row["by"].as_array().unwrap();
    assert!(by.iter().any(|looked| looked["check"] == "read-id" && looked["status"] == "fail"), "{row}");
    crate::written::sound(&held("testreport"));
}

#[test]
fn checks_attacks_and_coverage_can_be_listed_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let attack =
        crate::privacy::attack("ONE-1", "canary", crate::privacy::asking("GET", "/fhir/Patient"), json!({}));
    std::fs::write(place("battery.jsonl"), format!("{attack}\n")).unwrap();
    let (code, text) = program(&["list", "--battery", &place("battery.jsonl")]);
    assert!(code == 0 && text.contains("ONE-1") && text.contains("canary"), "{text}");
    let (code, text) = program(&["explain", "ONE-1", "--battery", &place("battery.jsonl")]);
    assert!(code == 0 && text.contains("GET /fhir/Patient") && !text.contains("Bearer"), "{text}");
    assert_eq!(program(&["explain", "ONE-2", "--battery", &place("battery.jsonl")]).0, 2);
    let (code, text) = program(&["list", "--coverage"]);
    assert!(code == 0 && text.contains("https://hl7.org/fhir/R4/http.html#read\t"), "{text}");
    std::fs::write(place("t.csv"), "Req Set,ID,URL\ns,1,https://hl7.org/fhir/R4/http.html#read\ns,2,\n")
        .unwrap();
    let (code, text) = program(&["list", "--coverage", "--requirements", &place("t.csv")]);
    assert!(
        code == 0
            && text.contains("2 requirements: checks are traced to 0, of 1 only the clause is cited, 1 are"),
        "{text}"
    );
    assert_eq!(program(&["list", "--coverage", "--requirements", &place("none.csv")]).0, 2);
}

#[test]
fn a_target_shows_no_token_and_takes_no_credentials_in_its_address() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret-token\n").unwrap();
    let target = Target::new("http://127.0.0.1:1/fhir/", Some(file.path()), Some("p1"), None).unwrap();
    assert_eq!(format!("{target:?}"), "Target(http://127.0.0.1:1/fhir)");
    for base in ["ftp://x", "http://me:pw@x/fhir", "http://x/fhir?a=b", "not an address"] {
        assert!(Target::new(base, None, None, None).is_err(), "{base}");
    }
    assert!(Target::new("http://x", None, Some("a/b"), None).is_err());
}

fn program(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis-conformance")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_ends_as_documented() {
    let run = |base: String, suite: &'static str| {
        tokio::task::spawn_blocking(move || program(&["run", "--base", &base, "--suite", suite]))
    };
    let (code, text) = run(start(Fault::None).await, "metadata,read,error-bodies").await.unwrap();
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(start(Fault::MetadataOfR5).await, "metadata").await.unwrap();
    assert_eq!(code, 1, "{text}");
    let (code, text) = run("http://127.0.0.1:1".to_owned(), "metadata").await.unwrap();
    assert_eq!(code, 3, "{text}");
    let (code, text) = run("http://127.0.0.1:1".to_owned(), "no-such").await.unwrap();
    assert_eq!(code, 2, "{text}");
    assert_eq!(program(&["explain", "read-id"]).0, 0);
    assert_eq!(program(&["explain", "nothing"]).0, 2);
    assert_eq!(program(&["list"]).0, 0);
}

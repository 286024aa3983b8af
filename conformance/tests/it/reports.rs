//! Reports tell the result and nothing of the record, the patient or the token.

use std::process::Command;

use conformance::report;
use conformance::suite::Suite;
use conformance::target::Target;
use serde_json::Value;

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
        for text in [report::terminal(&run), report::json(&run), report::junit(&run)] {
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

/// The specifications that checks may cite.
const CITED: [&str; 6] = [
    "https://digital.nhs.uk/developer/guides-and-documentation/",
    "https://fhir.hl7.org.uk/StructureDefinition/",
    "https://hl7.org/fhir/R4/",
    "https://hl7.org/fhir/smart-app-launch/STU2.2/",
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

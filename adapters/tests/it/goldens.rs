//! One folder a case: `in.hl7`, what it becomes, and what it loses. `UPDATE_GOLDEN=1` rewrites.

use std::path::{Path, PathBuf};

use adapters::{Context, hl7v2};
use fhir::ods_code::OdsCode;

/// The invented hospital that sends the messages of the cases.
pub(crate) fn hospital() -> Context {
    Context::new("hospital", OdsCode::parse("RX1").ok(), "Europe/London").unwrap()
}

/// The inputs of all cases, with their folders.
pub(crate) fn inputs() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hl7v2");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| (folder.clone(), std::fs::read(folder.join("in.hl7")).unwrap()))
        .collect()
}

/// JSON in a form that a person can read and a diff can show.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
pub(crate) fn pretty(json: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(json).unwrap();
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}

#[test]
fn every_case_becomes_what_its_golden_says() {
    let cases = inputs();
    assert!(cases.len() >= 6);
    for (folder, input) in cases {
        let translated = hl7v2::translate(&input, &hospital()).unwrap();
        let losses: String = translated.losses.iter().map(|loss| format!("{loss}\n")).collect();
        golden(&folder.join("out.json"), &pretty(&translated.bundle));
        golden(&folder.join("losses.txt"), &losses);
    }
}

#[track_caller]
fn golden(path: &Path, actual: &str) {
    if std::env::vars().any(|(name, value)| name == "UPDATE_GOLDEN" && value == "1") {
        std::fs::write(path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(actual, expected, "{}", path.display());
}

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
        assert_eq!(unknown_to_r4(&translated.bundle), None, "{}", folder.display());
        golden(&folder.join("out.json"), &pretty(&translated.bundle));
        golden(&folder.join("losses.txt"), &losses);
    }
}

/// What the tables of R4 say against a Bundle: an element that there is not, one value for a list, a primitive that is none.
pub(crate) fn unknown_to_r4(bundle: &[u8]) -> Option<String> {
    let limits = fhir::json::Limits::default();
    let document = fhir::json::parse(bundle.to_vec().into(), &limits).unwrap();
    fhir::xml::from_json(document.root(), &fhir::xml::Limits::default()).err().map(|error| error.to_string())
}

/// Compares `actual` with what the file at `path` holds.
#[track_caller]
pub(crate) fn golden(path: &Path, actual: &str) {
    if std::env::vars().any(|(name, value)| name == "UPDATE_GOLDEN" && value == "1") {
        std::fs::write(path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(actual, expected, "{}", path.display());
}

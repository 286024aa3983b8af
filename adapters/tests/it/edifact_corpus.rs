//! NHS EDIFACT that others wrote. Reads `data/edifact-nhs-lab` in the folder named by `PORTCULLIS_CORPUS`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adapters::edifact;
use serde_json::Value;

use crate::edifact::json;
use crate::goldens::hospital;
use crate::shape::check_shape;

fn corpus() -> Option<PathBuf> {
    let root = std::env::vars_os()
        .find(|(name, _)| name == "PORTCULLIS_CORPUS")
        .map(|(_, value)| PathBuf::from(value).join("data/edifact-nhs-lab"));
    if root.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS is not set, no EDIFACT corpus was read");
    }
    root
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What `ratchet_edifact.txt` holds a number at.
fn held(name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ratchet_edifact.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn every_interchange_of_the_corpus_is_translated_or_refused_with_a_reason() {
    let Some(root) = corpus() else { return };
    let (mut seen, mut translated) = (0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&root, ".dat") {
        seen += 1;
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        match edifact::interchange(&std::fs::read(&path).unwrap(), &hospital()) {
            Ok(interchange) => {
                for message in interchange.messages {
                    match message.translated {
                        Ok(one) => {
                            check_shape(&one.bundle, &name);
                            translated += 1;
                        }
                        Err(why) => *refused.entry(format!("message: {why}")).or_default() += 1,
                    }
                }
            }
            Err(why) => *refused.entry(format!("interchange: {why}")).or_default() += 1,
        }
    }
    println!("{seen} files, {translated} messages translated, refused: {refused:#?}");
    assert!(seen >= 26, "{seen}");
    assert!(translated >= held("messages"), "{translated} messages");
}

/// The expected acknowledgements, whose own numbers and times differ.
#[test]
fn the_acknowledgements_others_expect_say_the_same() {
    let Some(root) = corpus() else { return };
    for (name, status) in [
        ("edifact/pathology_2.edifact.dat", "IAF"),
        ("edifact/pathology_IRI.edifact.dat", "IRI"),
        ("edifact/pathology_IRM.edifact.dat", "IRM"),
        ("success_uat_data/NHS002/full_acceptance_with_nhsack.edifact.dat", "IAF"),
        ("success_uat_data/NHS003/full_acceptance_with_nhsack.edifact.dat", "IAF"),
        ("failure_uat_data/NHS003/interchange_parsing_failure_with_nhsack.edifact.dat", "IRI"),
    ] {
        let stamp = edifact::Stamp { reference: "1".to_owned(), at: "202004271637".to_owned() };
        let ack =
            edifact::acknowledge(&std::fs::read(root.join(name)).unwrap(), &hospital(), &stamp).unwrap();
        let ack = String::from_utf8(ack).unwrap();
        let line = ack.lines().find(|line| line.starts_with("NIR")).unwrap();
        assert!(line.ends_with(&format!("+{status}'")), "{name}: {line}");
    }
}

/// Elements whose values are each translator's own, or that only say where something is.
const OURS_ALONE: [&str; 8] =
    ["id", "reference", "resourceType", "meta", "fullUrl", "url", "related", "extension"];

fn facts(bundle: &Value) -> Vec<(String, String)> {
    fn walk(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(elements) => {
                for (name, value) in elements {
                    if !OURS_ALONE.contains(&name.as_str()) {
                        walk(&format!("{path}.{name}"), value, out);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(path, item, out)),
            Value::String(text) => out.push((path.to_owned(), text.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) => out.push((path.to_owned(), value.to_string())),
        }
    }
    let mut out = Vec::new();
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        let kind = resource["resourceType"].as_str().unwrap();
        if kind != "Provenance" && kind != "MessageHeader" {
            walk(kind, resource, &mut out);
        }
    }
    out
}

/// The place that STU3 calls `path`, as R4 does.
fn in_r4(path: &str) -> String {
    path.replace("ProcedureRequest.", "ServiceRequest.")
        .replace("Observation.comment", "Observation.note.text")
}

/// A fact is met where a coding without a code is said as text too.
fn met((path, value): &(String, String), ours: &[(String, String)]) -> bool {
    let path = in_r4(path);
    let as_text = path.replace(".coding.display", ".text");
    let plain = |text: &str| {
        text.replace(
            "http://hl7.org/fhir/v2/0078",
            "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        )
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
    };
    let alike = |one: &str, other: &str| {
        let minute = |text: &str| text.get(..16).filter(|_| text.contains('T')).map(str::to_owned);
        let number = |text: &str| text.parse::<f64>().ok();
        plain(one) == plain(other)
            || minute(one).is_some_and(|one| minute(other) == Some(one))
            || number(one).is_some_and(|one| number(other) == Some(one))
    };
    ours.iter().any(|(held, found)| (*held == path || *held == as_text) && alike(found, value))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what others wrote, strictness is fhir::json's matter"
)]
fn expected(path: &Path) -> Vec<(String, String)> {
    facts(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn the_bundles_others_expect_of_reports_are_met_by_facts() {
    let Some(root) = corpus() else { return };
    let (mut all_met, mut all, mut missing) = (0, 0, BTreeMap::<String, usize>::new());
    for path in files(&root, ".fhir.json") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem =
            name.trim_end_matches(".fhir.json").trim_end_matches(|letter: char| letter.is_ascii_digit());
        let stem = stem.trim_end_matches(['.']).trim_end_matches("_msg");
        let stem = if stem == "pathology_" { "pathology_2" } else { stem };
        let folder = path.parent().unwrap();
        let folder = if folder.ends_with("fhir") { root.join("edifact") } else { folder.to_owned() };
        let input = std::fs::read(folder.join(format!("{stem}.edifact.dat"))).unwrap();
        let expected = expected(&path);
        let interchange = edifact::interchange(&input, &hospital()).unwrap();
        let ours = interchange.messages.iter().filter_map(|message| message.translated.as_ref().ok());
        let best = ours
            .map(|one| facts(&json(one)))
            .max_by_key(|ours| expected.iter().filter(|fact| met(fact, ours)).count())
            .unwrap();
        let count = expected.iter().filter(|fact| met(fact, &best)).count();
        for (path, value) in expected.iter().filter(|fact| !met(fact, &best)) {
            *missing
                .entry(format!("{path} = {}", value.chars().take(60).collect::<String>()))
                .or_default() += 1;
        }
        println!("{name}: {count} of {}", expected.len());
        (all_met, all) = (all_met + count, all + expected.len());
    }
    for (line, count) in &missing {
        println!("    {count} not met: {line}");
    }
    let percent = all_met * 100 / all;
    println!("edifact-nhs-lab: {all_met} of {all} facts, {percent} %, held at {}", held("facts"));
    assert!(percent >= held("facts"), "{percent} %");
}

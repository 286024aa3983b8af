//! CDA that others really send. Reads `data/*cda-*` in the folder named by `PORTCULLIS_CORPUS`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use adapters::cda;
use serde_json::Value;

use crate::goldens::hospital;

const SETS: [&str; 6] = [
    "ccda-ms-converter/input",
    "cda-ccda-examples",
    "cda-ccda-on-fhir",
    "cda-chb-vendors",
    "cda-hl7-testcase",
    "cda-nhs111-itk/input",
];

pub(crate) fn corpus() -> Option<PathBuf> {
    let root = std::env::vars_os()
        .find(|(name, _)| name == "PORTCULLIS_CORPUS")
        .map(|(_, value)| PathBuf::from(value).join("data"));
    if root.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS is not set, no CDA corpus was read");
    }
    root
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "xml" || extension == "ccda") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_document_of_the_corpora_is_translated_or_refused_with_a_reason() {
    let Some(root) = corpus() else { return };
    let (mut seen, mut documents) = (0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for set in SETS {
        for path in files(&root.join(set)) {
            seen += 1;
            let input = std::fs::read(&path).unwrap();
            match cda::documents(&input, &hospital()) {
                Ok(all) => {
                    for translated in &all {
                        crate::cda::check(translated, &path.display().to_string());
                    }
                    documents += all.len();
                }
                Err(why) => {
                    let why = why.to_string();
                    let kind = why.split(" (byte").next().unwrap_or(&why).to_owned();
                    // A whole document in the right namespace is refused for what it lacks alone.
                    let whole =
                        roxmltree::Document::parse(&String::from_utf8_lossy(&input)).is_ok_and(|document| {
                            document
                                .descendants()
                                .any(|node| node.has_tag_name(("urn:hl7-org:v3", "ClinicalDocument")))
                        });
                    if whole {
                        println!("{}: {why}", path.display());
                    }
                    *refused.entry(kind).or_default() += 1;
                }
            }
        }
    }
    println!("{seen} files, {documents} documents translated, refused: {refused:#?}");
    assert!(seen >= 280 && documents >= 70, "{seen} {documents}");
}

/// Elements whose values are each translator's own, or that only say where something is.
const OURS_ALONE: [&str; 10] =
    ["id", "reference", "resourceType", "text", "meta", "fullUrl", "url", "data", "hash", "profile"];

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

/// The systems that OIDs stand for.
const SYSTEMS: &str = include_str!("../../maps/cda/systems.map");

/// Spelling apart, the same value; an OID is the system that it stands for.
fn alike(one: &str, other: &str) -> bool {
    let system = |text: &str| -> Option<String> {
        let oid = text.strip_prefix("urn:oid:").unwrap_or(text);
        let words = SYSTEMS.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.into_iter().find_map(|words| (words.first() == Some(&oid)).then(|| words[1].to_owned()))
    };
    let plain = |text: &str| -> String {
        let text = system(text).unwrap_or_else(|| text.to_owned());
        let text = text
            .trim()
            .trim_start_matches("tel:")
            .trim_start_matches("urn:uuid:")
            .trim_start_matches("urn:oid:")
            .replace("http://hl7.org/fhir/v3/", "http://terminology.hl7.org/CodeSystem/v3-");
        text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    };
    let date = |text: &str| -> Option<String> {
        let date =
            text.get(..10).filter(|date| date.starts_with(['1', '2']) && date.matches('-').count() == 2)?;
        Some(date.to_owned())
    };
    let number = |text: &str| text.parse::<f64>().ok();
    plain(one) == plain(other)
        || date(one).is_some_and(|one| date(other).is_some_and(|other| one == other))
        || number(one).is_some_and(|one| number(other) == Some(one))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what others wrote, strictness is fhir::json's matter"
)]
fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What the others write into every Bundle, whatever its document says. We do not say what nobody said.
const SAID_BY_NOBODY: [(&str, &str); 24] = [
    ("Composition.identifier.use", "official"),
    ("Composition.identifier.use", "usual"),
    ("Composition.section.mode", "snapshot"),
    ("Composition.section.title", "QuestionnaireResponse"),
    ("Composition.section.title", "ReferralRequest"),
    ("Composition.title", "111 Report"),
    ("Composition.type.coding.code", "371531000"),
    ("Composition.type.coding.display", "Report of clinical encounter (record artifact)"),
    ("Condition.clinicalStatus", "active"),
    ("Condition.verificationStatus", "unknown"),
    ("Encounter.location.status", "active"),
    ("Encounter.location.status", "completed"),
    ("Encounter.participant.type.coding.display", "Author"),
    ("Organization.active", "true"),
    ("Organization.type.coding.code", "PRCP"),
    ("Patient.active", "true"),
    ("Patient.name.use", "official"),
    ("Practitioner.active", "true"),
    ("Practitioner.name.use", "official"),
    ("RelatedPerson.active", "true"),
    ("RelatedPerson.gender", "unknown"),
    ("RelatedPerson.relationship.coding.code", "C"),
    ("RelatedPerson.relationship.coding.display", "Emergency Contact"),
    ("RelatedPerson.relationship.coding.system", "http://hl7.org/fhir/v2/0131"),
];

/// Facts of a set.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    met: usize,
    all: usize,
    /// Those of them that we do not meet and nobody said.
    unsaid: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.met += other.met;
        self.all += other.all;
        self.unsaid += other.unsaid;
    }
}

/// Facts met and expected. The next of kin may be a contact of the Patient. Who has an identifier of the Patient's own is the
/// Patient, where others make a Practitioner of the same words beside her.
fn score(
    name: &str,
    expected: &[(String, String)],
    ours: &[(String, String)],
    told: &mut BTreeMap<String, usize>,
) -> Count {
    let is_said = |path: &str, value: &str| expected.iter().any(|(held, said)| held == path && said == value);
    let writes_herself = expected.iter().any(|(path, value)| {
        path == "Practitioner.identifier.value" && is_said("Patient.identifier.value", value)
    });
    let elsewhere = |path: &str, value: &str| {
        let contact = path.strip_prefix("RelatedPerson.").map(|kin| format!("Patient.contact.{kin}"));
        let herself = path.strip_prefix("Practitioner.").map(|who| format!("Patient.{who}"));
        contact.or(herself.filter(|herself| writes_herself && is_said(herself, value)))
    };
    let missing: Vec<_> = expected
        .iter()
        .filter(|(path, value)| {
            let elsewhere = elsewhere(path, value);
            !ours.iter().any(|(held, found)| {
                (held == path || Some(held) == elsewhere.as_ref()) && alike(found, value)
            })
        })
        .collect();
    for (path, value) in &missing {
        let mut line = String::new();
        write!(line, "{path} = {}", value.chars().take(60).collect::<String>()).unwrap();
        *told.entry(line).or_default() += 1;
    }
    let unsaid = missing.iter().filter(|fact| SAID_BY_NOBODY.contains(&(fact.0.as_str(), fact.1.as_str())));
    let count = Count { met: expected.len() - missing.len(), all: expected.len(), unsaid: unsaid.count() };
    println!("{name}: {} of {}", count.met, count.all);
    count
}

/// The percentages in `ratchet_cda.txt` may only rise.
fn held(set: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ratchet_cda.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(' ')).unwrap();
    line.trim().parse().unwrap()
}

fn settle(set: &str, count: Count, told: &BTreeMap<String, usize>) {
    let mut most: Vec<_> = told.iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (line, count) in most.iter().take(60) {
        println!("    {count} not met: {line}");
    }
    let Count { met, all, unsaid } = count;
    for (name, of) in [(set.to_owned(), all), (format!("{set}-of-what-was-said"), all - unsaid)] {
        let percent = met * 100 / of;
        println!("{name}: {met} of {of} facts, {percent} %, held at {}", held(&name));
        assert!(percent >= held(&name), "{name}: {percent} %");
    }
}

#[test]
fn the_bundles_others_expect_of_ccda_are_met_by_facts() {
    let Some(root) = corpus() else { return };
    let root = root.join("ccda-ms-converter");
    let (mut count, mut told) = (Count::default(), BTreeMap::new());
    for folder in std::fs::read_dir(root.join("expected")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name =
                file.file_name().unwrap().to_str().unwrap().trim_end_matches("-expected.json").to_owned();
            let input = root.join("input").join(name.trim_end_matches(".xml")).with_extension("ccda");
            let plain = root.join(format!("input/{name}.ccda"));
            let input = std::fs::read(if plain.exists() { plain } else { input }).unwrap();
            let expected = facts(&json(&std::fs::read(&file).unwrap()));
            let ours = facts(&json(&cda::translate(&input, &hospital()).unwrap().bundle));
            count += score(&name, &expected, &ours, &mut told);
        }
    }
    settle("ccda-ms-converter", count, &told);
}

/// The expected Bundles of the NHS 111 set are STU3 messages: scored are the resources and elements that R4 still has so.
#[test]
fn the_bundles_others_expect_of_nhs_111_reports_are_met_by_facts() {
    let Some(root) = corpus() else { return };
    let root = root.join("cda-nhs111-itk");
    let (mut count, mut told) = (Count::default(), BTreeMap::new());
    let shared = [
        "Patient",
        "Encounter",
        "Organization",
        "Practitioner",
        "RelatedPerson",
        "Location",
        "Composition",
        "Condition",
        "Observation",
    ];
    for file in std::fs::read_dir(root.join("expected")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().replace("-fhir-result.json", "");
        let input = std::fs::read(root.join(format!("input/{name}-itk-request.xml"))).unwrap();
        let of_shared = |facts: Vec<(String, String)>| -> Vec<(String, String)> {
            facts
                .into_iter()
                .filter(|(path, _)| shared.contains(&path.split('.').next().unwrap_or_default()))
                .collect()
        };
        let expected = of_shared(facts(&json(&std::fs::read(&file).unwrap())));
        // An envelope of a repeat caller holds earlier reports too; the expected Bundle is of one of them.
        let translated = cda::documents(&input, &hospital()).unwrap();
        let all_ours = translated.iter().map(|translated| facts(&json(&translated.bundle)));
        let best =
            all_ours.max_by_key(|ours| score(&name, &expected, ours, &mut BTreeMap::new()).met).unwrap();
        count += score(&name, &expected, &best, &mut told);
    }
    settle("cda-nhs111-itk", count, &told);
}

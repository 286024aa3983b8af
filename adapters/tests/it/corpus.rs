//! What others really send. Reads `data/hl7v2-*` in the folder named by `PORTCULLIS_CORPUS`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adapters::{Charset, Refused, hl7v2};

use crate::goldens::{golden, hospital};
use crate::places::Places;
use crate::shape::check_shape;

/// The folder of the corpora, or a loud word that there is none.
pub(crate) fn corpus() -> Option<PathBuf> {
    let root = std::env::vars_os()
        .find(|(name, _)| name == "PORTCULLIS_CORPUS")
        .map(|(_, value)| PathBuf::from(value).join("data"));
    if root.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS is not set, no corpus was read");
    }
    root
}

/// The messages under `folder`.
pub(crate) fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(messages(&path));
        } else if path.extension().is_some_and(|extension| extension == "hl7" || extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_message_of_the_corpora_is_translated_or_refused_with_a_reason() {
    let Some(root) = corpus() else { return };
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    for set in [
        "hl7v2-highmed",
        "hl7v2-hl7-official",
        "hl7v2-linuxforhealth",
        "hl7v2-ms-converter",
        "hl7v2-nhs-wales",
        "hl7v2-uclh-emap",
    ] {
        for path in messages(&root.join(set)) {
            seen += 1;
            let input = std::fs::read(&path).unwrap();
            // These files declare no character set; some were written in a Windows one.
            let context = if input.is_ascii() || std::str::from_utf8(&input).is_ok() {
                hospital()
            } else {
                hospital().with_charset(Charset::Latin1)
            };
            let outcome = match hl7v2::translate(&input, &context) {
                Ok(translated) => {
                    check_shape(&translated.bundle, &path.display().to_string());
                    "translated".to_owned()
                }
                Err(Refused::UnknownType { .. }) => "refused: a type that is not translated".to_owned(),
                Err(why) => format!("refused: {why}: {}", path.strip_prefix(&root).unwrap().display()),
            };
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    println!("{seen} messages: {outcomes:#?}");
    assert!(seen > 190);
}

/// Facts of a Bundle: element paths without positions, with their values, by resource type.
fn facts(bundle: &serde_json::Value) -> Vec<(String, String)> {
    fn walk(path: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
        match value {
            serde_json::Value::Object(elements) => {
                for (name, value) in elements {
                    let ours_alone = [
                        "id",
                        "reference",
                        "resourceType",
                        "text",
                        "meta",
                        "fullUrl",
                        "display",
                        "data",
                        "url",
                        "extension",
                    ];
                    if !ours_alone.contains(&name.as_str()) {
                        walk(&format!("{path}.{name}"), value, out);
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(path, item, out)),
            serde_json::Value::String(text) if text.starts_with("http://example.com/") => {}
            serde_json::Value::String(text) => out.push((path.to_owned(), text.clone())),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                out.push((path.to_owned(), value.to_string()));
            }
        }
    }
    let mut out = Vec::new();
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        let kind = resource["resourceType"].as_str().unwrap();
        // Of what others make a Bundle of, these are records of care; the rest is billing, or made otherwise on purpose.
        if kind != "Provenance" {
            walk(kind, resource, &mut out);
        }
    }
    out
}

/// Time zones and spellings apart, the same value.
fn alike(one: &str, other: &str) -> bool {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    one == other
        || moment(one).is_some_and(|one| Some(one) == moment(other))
        || (one.len() >= 10
            && other.len() >= 10
            && one.get(..10) == other.get(..10)
            && one.contains("-")
            && one.starts_with(['1', '2']))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what others wrote, strictness is fhir::json's matter"
)]
fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What a test of one pair found.
struct Score {
    met: usize,
    all: usize,
    /// Those of them that are met in another place.
    elsewhere: usize,
    missing: Vec<(String, String)>,
}

/// How many facts of the Bundle that others expect are in ours.
fn score(input: &[u8], expected: &[u8]) -> Option<Score> {
    let context = if std::str::from_utf8(input).is_ok() {
        hospital()
    } else {
        hospital().with_charset(Charset::Latin1)
    };
    let translated = hl7v2::translate(input, &context).ok()?;
    let bundle = json(&translated.bundle);
    let (ours, places) = (facts(&bundle), Places::of(&bundle));
    let expected = facts(&json(expected));
    let all = expected.len();
    let apart =
        expected.into_iter().filter(|(path, value)| !ours.iter().any(|(p, v)| p == path && alike(v, value)));
    let (elsewhere, missing): (Vec<_>, Vec<_>) = apart.partition(|(path, value)| places.say(path, value));
    Some(Score { met: all - missing.len(), all, elsewhere: elsewhere.len(), missing })
}

/// The ratchet: `tests/cases/hl7v2-facts.txt` holds the facts met in a thousand by message type. They may only rise.
#[test]
fn the_bundles_others_expect_are_met_by_facts() {
    let Some(root) = corpus() else { return };
    let root = root.join("hl7v2-ms-converter");
    let mut scores: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut missing: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut elsewhere = 0;
    for path in expectations(&root.join("expected")) {
        let kind = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let name = path.file_name().unwrap().to_string_lossy().replace("-expected.json", ".hl7");
        let Ok(input) = std::fs::read(root.join("input").join(&name)) else { continue };
        let Some(score) = score(&input, &std::fs::read(&path).unwrap()) else { continue };
        let held = scores.entry(kind.clone()).or_default();
        held.0 += score.met;
        held.1 += score.all;
        elsewhere += score.elsewhere;
        for (path, _) in score.missing {
            *missing.entry((kind.clone(), path)).or_default() += 1;
        }
    }
    for ((kind, path), count) in &missing {
        println!("    not met: {kind} {path} {count} times");
    }
    let mut now: Vec<(String, usize)> = Vec::new();
    let (mut met, mut all) = (0, 0);
    for (kind, (of_kind, all_of_kind)) in scores {
        println!("{kind}: {of_kind} of {all_of_kind} facts");
        now.push((kind, of_kind * 1_000 / all_of_kind));
        met += of_kind;
        all += all_of_kind;
    }
    println!("facts met: {met} of {all}, {elsewhere} of them in another place that says the same");
    now.push(("all".to_owned(), met * 1_000 / all));
    hold(&now);
}

/// Compares with the ratchet: less is a fault, more is to be written down.
fn hold(now: &[(String, usize)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hl7v2-facts.txt");
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    for line in held.lines() {
        let (kind, least) = line.split_once(' ').unwrap();
        let met = now.iter().find(|(held, _)| held == kind).map_or(0, |(_, met)| *met);
        // Of more types fewer facts may be met all together.
        assert!(
            kind == "all" || met >= least.parse().unwrap(),
            "{kind}: {met} in a thousand facts, {least} before"
        );
    }
    golden(&path, &now.iter().map(|(kind, met)| format!("{kind} {met}\n")).collect::<String>());
}

/// The expected Bundles under `folder`.
fn expectations(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(expectations(&path));
        } else if path.to_string_lossy().ends_with("-expected.json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

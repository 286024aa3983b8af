//! CDA to R4 to CDA to R4: what comes back, over the cases and the documents of the corpora.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use adapters::cda;
use adapters::cda::out::{Unwritten, write};
use serde_json::Value;

use crate::cda_out::{ccda, itk, read, text};
use crate::cda_shape::faults;
use crate::goldens::hospital;

/// Elements that are made anew, or that say where something is.
const PLACES: [&str; 6] = ["id", "fullUrl", "resourceType", "div", "status.text", "recorded"];

/// What a Bundle says: the path of each value from its resource type, references as the type they lead to. Provenance is
/// about the translation.
fn facts(bundle: &Value) -> BTreeMap<(String, String), usize> {
    let mut kinds = BTreeMap::new();
    let entries = bundle["entry"].as_array().unwrap();
    for entry in entries {
        kinds
            .insert(entry["fullUrl"].as_str().unwrap().to_owned(), entry["resource"]["resourceType"].clone());
    }
    let mut found = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["resource"]["resourceType"] != "Provenance") {
        let mut open =
            vec![(entry["resource"]["resourceType"].as_str().unwrap().to_owned(), &entry["resource"])];
        while let Some((path, value)) = open.pop() {
            match value {
                Value::Object(members) => {
                    let members = members.iter().filter(|(name, _)| !PLACES.contains(&name.as_str()));
                    open.extend(members.map(|(name, value)| (format!("{path}.{name}"), value)));
                }
                Value::Array(items) => open.extend(items.iter().map(|item| (path.clone(), item))),
                value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let text = kinds.get(&text).map_or(text, Value::to_string);
                    *found.entry((path, text)).or_default() += 1;
                }
            }
        }
    }
    found
}

/// What the narratives of a Bundle say, without markup.
fn words(bundle: &Value) -> BTreeSet<String> {
    let mut open = vec![bundle];
    let mut all = String::new();
    while let Some(value) = open.pop() {
        if let Some(div) = value["div"].as_str() {
            let document = roxmltree::Document::parse(div).unwrap();
            document
                .descendants()
                .filter_map(|node| node.text())
                .for_each(|text| all = format!("{all} {text}"));
        }
        open.extend(value.as_array().into_iter().flatten());
        open.extend(value.as_object().into_iter().flat_map(|members| members.values()));
    }
    all.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[derive(Default)]
struct Score {
    documents: usize,
    kept: usize,
    all: usize,
    added: usize,
    gone: BTreeMap<String, usize>,
    new: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
}

impl Score {
    fn round(&mut self, name: &str, bundle: &[u8]) {
        match write(bundle, &itk()) {
            Ok(document) => check_words(name, bundle, &document.xml),
            Err(why) => note(&mut self.refused, &format!("itk: {}", kind(&why))),
        }
        let document = match write(bundle, &ccda()) {
            Ok(document) => document,
            Err(why) => {
                println!("{name}: {why}");
                return note(&mut self.refused, &kind(&why));
            }
        };
        assert_eq!(faults(&text(&document)), Vec::<String>::new(), "{name}");
        check_words(name, bundle, &document.xml);
        let again = cda::translate(&document.xml, &hospital()).unwrap_or_else(|why| panic!("{name}: {why}"));
        let (before, after) = (facts(&read(bundle)), facts(&read(&again.bundle)));
        self.documents += 1;
        for (fact, count) in &before {
            let kept = (*count).min(after.get(fact).copied().unwrap_or_default());
            self.kept += kept;
            self.all += count;
            if kept < *count {
                *self.gone.entry(fact.0.clone()).or_default() += count - kept;
            }
        }
        for (fact, count) in &after {
            let more = count.saturating_sub(before.get(fact).copied().unwrap_or_default());
            self.added += more;
            if more > 0 {
                *self.new.entry(fact.0.clone()).or_default() += more;
            }
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: {} documents, {} of {} facts came back, {} came in",
            self.documents, self.kept, self.all, self.added
        );
        println!("  refused: {:?}", self.refused);
        for (what, counts) in [("gone", &self.gone), ("new", &self.new)] {
            let mut most: Vec<_> = counts.iter().collect();
            most.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            most.iter().take(45).for_each(|(path, count)| println!("    {count} {what}: {path}"));
        }
    }
}

fn note(counts: &mut BTreeMap<String, usize>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

/// The refusal without the numbers of resources and elements.
fn kind(why: &Unwritten) -> String {
    why.to_string().split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

/// That every word of the narratives is in the document.
fn check_words(name: &str, bundle: &[u8], xml: &[u8]) {
    let xml = std::str::from_utf8(xml).unwrap();
    let document = roxmltree::Document::parse(xml).unwrap();
    let mut all = String::new();
    document.descendants().filter_map(|node| node.text()).for_each(|text| all = format!("{all} {text}"));
    let told: BTreeSet<&str> = all.split(|letter: char| !letter.is_alphanumeric()).collect();
    for word in words(&read(bundle)) {
        assert!(told.contains(word.as_str()), "{name}: {word}");
    }
}

/// Percentages in `ratchet_cda_out.txt`: what comes back may only rise; what comes in, of what there was, may only fall.
fn held(name: &str) -> (usize, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ratchet_cda_out.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap();
    let (kept, added) = line.trim().split_once(' ').unwrap();
    (kept.parse().unwrap(), added.parse().unwrap())
}

fn settle(name: &str, score: &Score) {
    score.print(name);
    let (kept, added) = held(name);
    let permille = |part: usize| part * 1000 / score.all.max(1);
    println!(
        "{name}: {} per mille came back (held at {kept}), {} came in (held at {added})",
        permille(score.kept),
        permille(score.added)
    );
    assert!(permille(score.kept) >= kept && permille(score.added) <= added, "{name}");
}

#[test]
fn what_the_cases_say_comes_back() {
    let mut score = Score::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cda");
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let input = std::fs::read(folder.join("in.xml")).unwrap();
        score.round(&folder.display().to_string(), &cda::translate(&input, &hospital()).unwrap().bundle);
    }
    settle("cases", &score);
}

fn files(folder: &Path) -> Vec<PathBuf> {
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

fn corpus() -> Option<PathBuf> {
    let root = std::env::vars_os().find(|(name, _)| name == "PORTCULLIS_CORPUS");
    if root.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS is not set, no document of others was written as CDA");
    }
    root.map(|(_, value)| PathBuf::from(value).join("data"))
}

#[test]
fn what_documents_of_others_say_comes_back() {
    let Some(root) = corpus() else { return };
    for set in [
        "ccda-ms-converter/input",
        "cda-ccda-examples",
        "cda-chb-vendors",
        "cda-hl7-testcase",
        "cda-nhs111-itk/input",
    ] {
        let mut score = Score::default();
        for path in files(&root.join(set)) {
            let Ok(all) = cda::documents(&std::fs::read(&path).unwrap(), &hospital()) else { continue };
            for translated in all {
                score.round(&path.display().to_string(), &translated.bundle);
            }
        }
        settle(set.split('/').next().unwrap(), &score);
    }
}

#[test]
fn fhir_documents_of_others_are_written_or_refused_with_a_reason() {
    let Some(root) = corpus() else { return };
    let (mut seen, mut written) = (0, 0);
    let mut sets: Vec<PathBuf> =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    sets.retain(|set| set.file_name().unwrap().to_string_lossy().starts_with("r4-"));
    let mut open = sets;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let begins = String::from_utf8_lossy(bytes.get(..bytes.len().min(4000)).unwrap()).replace(' ', "");
        if path.extension().is_none_or(|extension| extension != "json")
            || !begins.contains("\"type\":\"document\"")
        {
            continue;
        }
        for profile in [ccda(), itk()] {
            seen += 1;
            match write(&bytes, &profile) {
                Ok(document) => {
                    written += 1;
                    assert_eq!(faults(&text(&document)), Vec::<String>::new(), "{}", path.display());
                    cda::translate(&document.xml, &hospital()).unwrap();
                }
                Err(why) => println!("{}: {:?}: {why}", path.display(), profile.flavour()),
            }
        }
    }
    println!("{seen} documents, {written} written");
    assert!(seen >= 2, "{seen}");
}

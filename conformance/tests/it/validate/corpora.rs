//! Public corpora, held by ratchets: what differs stands in a file with its reason, and nothing else differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use conformance::tree::{Limits, Tree};
use conformance::validate::{is_invalid, validate};

use super::{errors, shipped};
use crate::corpus::folder;

const CASES: &str = include_str!("../../validate/cases.txt");
const EXAMPLES: &str = include_str!("../../validate/examples.txt");

/// The lines of a ratchet: by their first field, the rest.
fn ratchet(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, rest)| (name, rest.split('\t').collect()))
        .collect()
}

/// The errors of a file, `None` when it cannot be read at all.
fn errors_of(path: &Path) -> Option<Vec<String>> {
    let bytes = fs::read(path).expect("the file is there");
    let tree = Tree::read(&bytes, &Limits::default()).ok()?;
    let found = validate(&tree, shipped(), &[]);
    assert_eq!(is_invalid(&found), !errors(&found).is_empty());
    Some(errors(&found))
}

#[test]
fn official_cases_are_judged_as_the_reference_validator_does() {
    let Some(root) = folder("fhir-test-cases-r4") else {
        return;
    };
    let table = fs::read_to_string(root.join("CASES.tsv")).expect("the table");
    let known = ratchet(CASES);
    let (mut judged, mut agreed, mut differing) = (0_u32, 0_u32, BTreeSet::new());
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, file, expected) = (fields[0], fields[1], fields[4]);
        let path = root.join(Path::new(file).file_name().expect("a name"));
        let Some(expected) = expected.parse::<u32>().ok().filter(|_| path.exists()) else {
            continue;
        };
        judged += 1;
        let invalid = errors_of(&path).is_none_or(|errors| !errors.is_empty());
        if invalid == (expected > 0) {
            agreed += 1;
        } else {
            differing.insert(name.to_owned());
        }
    }
    let listed: BTreeSet<String> = known.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(differing, listed, "cases that differ, and cases that are known to");
    let needs = known.values().filter(|fields| fields[0] == "needs").count();
    let able = judged - u32::try_from(needs).expect("few");
    let score = f64::from(agreed) / f64::from(able);
    println!("{agreed} of {judged} cases agree; of the {able} that need nothing else {:.1} %", score * 100.0);
    assert!(score >= 0.94);
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

/// Every example of a folder is valid, but for those of the ratchet, which err by exactly its codes.
#[track_caller]
fn examples(name: &str, inside: &str) {
    let Some(root) = folder(name) else {
        return;
    };
    let known = ratchet(EXAMPLES);
    let (mut count, mut wrong) = (0, Vec::new());
    for path in files(&root.join(inside)) {
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let found = errors_of(&path).unwrap_or_else(|| vec!["unreadable".to_owned()]);
        let codes: BTreeSet<String> =
            found.iter().filter_map(|error| error.split(' ').next()).map(str::to_owned).collect();
        let codes: Vec<String> = codes.into_iter().collect();
        let wanted = known.get(file.as_str()).map(|fields| fields[0]).unwrap_or_default();
        if codes.join(",") != wanted {
            wrong.push(format!("{file}: {found:?}, known for {wanted:?}"));
        }
        count += 1;
    }
    println!("{count} examples of {name}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn official_examples_are_valid() {
    examples("r4-official-examples", "");
}

#[test]
fn examples_of_uk_core_are_valid() {
    examples("r4-ukcore", "examples");
}

#[test]
fn examples_of_balp_are_valid() {
    examples("ihe-balp", "examples");
}

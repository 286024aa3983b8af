//! Every attack of the catalogue is tried by something that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use conformance::privacy::knows_how_to_look_at;
use serde_json::Value;

/// Tried by the battery, in `.ci/leaks`.
const BATTERY: &str = "battery";

struct Catalogue {
    attacks: BTreeMap<String, String>,
    gaps: BTreeMap<String, String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn catalogue() -> Catalogue {
    let text = include_str!("../../leaks/catalogue.toml");
    let table: toml::Table = text.parse().unwrap();
    let list = |name: &str| {
        let lines = table[name].as_table().unwrap().iter();
        lines.map(|(id, said)| (id.clone(), said.as_str().unwrap().to_owned())).collect()
    };
    Catalogue { attacks: list("attacks"), gaps: list("gaps") }
}

/// The attacks of the battery that lies beside the project, if one does.
fn battery() -> Option<BTreeMap<String, Value>> {
    let file =
        std::env::var_os("PORTCULLIS_CORPUS").map(|corpus| Path::new(&corpus).join("leaks/battery.jsonl"));
    let Some(text) = file.and_then(|file| std::fs::read_to_string(file).ok()) else {
        eprintln!("SKIPPED: no battery at $PORTCULLIS_CORPUS/leaks");
        return None;
    };
    let attacks = text.lines().map(|line| examples::json::parse(line.as_bytes()).unwrap());
    Some(attacks.map(|attack| (attack["id"].as_str().unwrap().to_owned(), attack)).collect())
}

#[test]
fn every_attack_of_the_catalogue_is_tried_or_has_its_reason() {
    let Catalogue { attacks, gaps } = catalogue();
    assert!(attacks.len() > 250 && gaps.is_empty(), "{} attacks, {} gaps", attacks.len(), gaps.len());
    let Some(battery) = battery() else { return };
    let listed: BTreeSet<&String> = attacks.keys().chain(gaps.keys()).collect();
    assert_eq!(listed, battery.keys().collect(), "the catalogue and the list name the same attacks");
    // What a person has to look at is tried by no runner, but where ours knows how to look.
    let by_nobody: Vec<&String> = attacks
        .iter()
        .filter(|(id, by)| *by == BATTERY && battery[*id]["check"] == "manual" && !knows_how_to_look_at(id))
        .map(|(id, _)| id)
        .collect();
    assert!(by_nobody.is_empty(), "{by_nobody:?} need a test");
}

#[test]
fn every_test_that_the_catalogue_names_is_there() {
    for (id, by) in catalogue().attacks.iter().filter(|(_, by)| *by != BATTERY) {
        let (file, test) = by.split_once("::").unwrap_or_else(|| panic!("{id}: {by}"));
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let declared = lines.clone().position(|line| {
            line.trim_start_matches("async ")
                .strip_prefix("fn ")
                .is_some_and(|rest| rest.starts_with(&format!("{test}(")))
        });
        let Some(at) = declared else { panic!("{id}: no {test} in {file}") };
        let before: Vec<&str> = lines.by_ref().take(at).collect();
        let mut attributes = before.iter().rev().take_while(|line| line.starts_with(['#', '/']));
        assert!(attributes.any(|line| is_test(line)), "{id}: {test} is no test");
    }
}

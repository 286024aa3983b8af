//! FHIR of other releases that others really send. Reads `data/stu3-*` and `data/r4-*` in the folder named by
//! `PORTCULLIS_CORPUS`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use adapters::{Refused, Translated, versions};
use fhir::tables::Release;
use serde_json::{Map, Value};

use crate::corpus::corpus;
use crate::goldens::{golden, hospital, unknown_to_r4};

/// The files under `folder` that may hold a resource.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json" || extension == "xml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what others wrote, strictness is fhir::json's matter"
)]
pub(crate) fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

fn there(input: &[u8], from: Release, to: Release) -> Result<Translated, Refused> {
    versions::translate(input, from, to, &hospital())
}

/// The resources of a Bundle that came out, without what says where they come from.
pub(crate) fn resources(bundle: &[u8]) -> Value {
    let mut bundle = json(bundle).unwrap();
    if let Some(entries) = bundle["entry"].as_array_mut() {
        entries.retain(|entry| !is_ours(&entry["resource"]));
    }
    bundle
}

/// Whether a resource is a Provenance that the translator added.
fn is_ours(resource: &Value) -> bool {
    resource["resourceType"] == "Provenance" && resource.to_string().contains("ni:///sha-256;")
}

/// The input as it must come back: in a Bundle, its own or one around it.
fn as_bundle(input: &Value) -> Value {
    if input["resourceType"] == "Bundle" {
        return input.clone();
    }
    serde_json::json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": input}]})
}

/// Takes out what is told to be lost, and brings what is alike to one form.
fn without(value: &mut Value, place: &str, lost: &[String]) {
    match value {
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            for name in names {
                let plain = name.strip_prefix('_').unwrap_or(&name);
                let at = format!("{place}.{plain}");
                if name == "fhir_comments" || lost.contains(&at) {
                    members.remove(&name);
                } else if let Some(inner) = members.get_mut(&name) {
                    without(inner, &at, lost);
                }
            }
            members.retain(|_, inner| !is_nothing(inner));
        }
        Value::Array(all) => {
            for (index, inner) in all.iter_mut().enumerate() {
                let at = format!("{place}[{index}]");
                if lost.contains(&at) {
                    *inner = Value::Null;
                } else {
                    without(inner, &at, lost);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(all) => all.iter().all(|inner| inner.is_null() || is_nothing(inner)),
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The first place where two values differ.
fn difference(one: &Value, other: &Value, place: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let all: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            all.into_iter().find_map(|name| match (left.get(name), right.get(name)) {
                (Some(left), Some(right)) => difference(left, right, &format!("{place}.{name}")),
                (Some(_), None) => Some(format!("{place}.{name} did not come back")),
                _ => Some(format!("{place}.{name} was not there")),
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => (0..left.len())
            .find_map(|index| difference(&left[index], &right[index], &format!("{place}[{index}]"))),
        _ if one == other => None,
        _ => Some(format!("{place} differs")),
    }
}

/// What became of one file there and back.
enum Trip {
    Whole,
    Refused(String),
    Broken(String),
}

/// There and back: equal, but for what is told to be lost on the way there, and for what is added where it was not.
fn trip(input: &[u8], release: Release, middle: Release) -> Option<Trip> {
    let whole = match there(input, release, middle) {
        Ok(whole) => whole,
        Err(why) => return Some(Trip::Refused(why.to_string())),
    };
    if middle == Release::R4
        && let Some(unknown) = unknown_to_r4(&whole.bundle)
    {
        return Some(Trip::Broken(format!("no r4: {unknown}")));
    }
    let back = match there(&whole.bundle, middle, release) {
        Ok(back) => back,
        Err(why) => return Some(Trip::Broken(format!("not back: {why}"))),
    };
    let source = if input.trim_ascii_start().first() == Some(&b'{') {
        json(input)?
    } else {
        json(&fhir::xml::to_json_of(release, input, &fhir::xml::Limits::default()).ok()?)?
    };
    let alone = source["resourceType"] != "Bundle";
    let lost: Vec<String> = whole
        .losses
        .iter()
        .map(|loss| match loss.place.split_once('.') {
            Some((_, rest)) if alone => format!("Bundle.entry[0].resource.{rest}"),
            _ => loss.place.clone(),
        })
        .collect();
    let mut expected = as_bundle(&source);
    let mut came = resources(&back.bundle);
    without(&mut expected, "Bundle", &lost);
    without(&mut came, "Bundle", &lost);
    by_address(&mut expected);
    by_address(&mut came);
    level(&expected, &mut came);
    Some(match difference(&expected, &came, "Bundle") {
        None => Trip::Whole,
        Some(place) => Trip::Broken(place),
    })
}

/// References within a Bundle are its addresses, or types and ids where it had none: the last in both.
fn by_address(bundle: &mut Value) {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let named = |entry: &Value| {
        let resource = &entry["resource"];
        let (kind, id) = (resource["resourceType"].as_str()?, resource["id"].as_str()?);
        Some((entry["fullUrl"].as_str()?.to_owned(), format!("{kind}/{id}")))
    };
    let named: BTreeMap<String, String> = entries.iter().filter_map(named).collect();
    rename(bundle, &named);
}

fn rename(value: &mut Value, named: &BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, named)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|text| named.get(text)) {
                    Some(local) if name == "reference" || name == "url" => *member = local.clone().into(),
                    _ => rename(member, named),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Ids and addresses that a Bundle did not have are given to it.
fn level(expected: &Value, came: &mut Value) {
    let (Some(before), Some(after)) = (expected.as_object(), came.as_object_mut()) else { return };
    if !before.contains_key("id") {
        after.remove("id");
    }
    let nothing = Vec::new();
    let entries = before.get("entry").and_then(Value::as_array).unwrap_or(&nothing);
    let Some(all) = after.get_mut("entry").and_then(Value::as_array_mut) else { return };
    for (before, after) in entries.iter().zip(all) {
        let members: &mut Map<String, Value> = after.as_object_mut().unwrap();
        if before.get("fullUrl").is_none() {
            members.remove("fullUrl");
        }
    }
}

/// A place without positions and ids of entries, for counting.
fn kind_of(place: &str) -> String {
    let mut kind = String::new();
    let mut letters = place.chars();
    while let Some(letter) = letters.next() {
        if letter == '[' {
            letters.by_ref().find(|letter| *letter == ']');
        } else {
            kind.push(letter);
        }
    }
    kind
}

fn trips(set: &str, release: Release, middle: Release, told: &mut String) {
    let Some(root) = corpus() else { return };
    let folder = root.join(set);
    let (mut whole, mut refused, mut broken) = (0, 0, 0);
    let mut why: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for path in files(&folder) {
        let input = std::fs::read(&path).unwrap();
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        match trip(&input, release, middle) {
            None => {}
            Some(Trip::Whole) => whole += 1,
            Some(Trip::Refused(text)) => {
                refused += 1;
                let text = kind_of(&text);
                let text = text.split(" at byte").next().unwrap_or_default().to_owned();
                why.entry(format!("refused: {text}")).or_insert((0, name)).0 += 1;
            }
            Some(Trip::Broken(place)) => {
                broken += 1;
                why.entry(format!("broken: {}", place)).or_insert((0, name)).0 += 1;
            }
        }
    }
    println!("{set} {release:?} by {middle:?}: {whole} whole, {refused} refused, {broken} broken");
    for (why, (count, name)) in &why {
        println!("    {count} {why} ({name})");
    }
    writeln!(told, "{set} {release:?} {middle:?} whole={whole} refused={refused} broken={broken}").unwrap();
}

const STU3: [&str; 7] = [
    "stu3-gpconnect-fragments",
    "stu3-gpconnect-spec",
    "stu3-gpconnect-structured/gpc-json",
    "stu3-itk3-toc",
    "stu3-ndop",
    "stu3-reasonable-adjustments",
    "stu3-to-r4-ms/input",
];

/// The ratchet: what is whole may not become less, and nothing may come back as something else.
fn hold(file: &str, told: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let number = |line: &str, word: &str| -> usize {
        let found = line.split(' ').find_map(|part| part.strip_prefix(word)?.strip_prefix('='));
        found.unwrap().parse().unwrap()
    };
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    for (before, now) in held.lines().zip(told.lines()) {
        assert!(number(now, "whole") >= number(before, "whole"), "{before}: now {now}");
    }
    golden(&path, told);
}

#[test]
fn stu3_comes_back_from_r4_as_it_was() {
    if corpus().is_none() {
        return;
    }
    let mut told = String::new();
    for set in STU3 {
        trips(set, Release::Stu3, Release::R4, &mut told);
    }
    assert!(told.lines().all(|line| line.ends_with("broken=0")), "{told}");
    hold("versions-stu3.txt", &told);
}

#[test]
fn r4_comes_back_from_other_releases_as_it_was() {
    if corpus().is_none() {
        return;
    }
    let mut told = String::new();
    for middle in [Release::Stu3, Release::R4b, Release::R5] {
        trips("r4-official-examples", Release::R4, middle, &mut told);
    }
    assert!(told.lines().all(|line| line.ends_with("broken=0")), "{told}");
    hold("versions-r4.txt", &told);
}

/// Facts of a resource: element paths without positions, with their values.
fn facts(value: &Value, place: &str, found: &mut Vec<Fact>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                facts(inner, &format!("{place}.{name}"), found);
            }
        }
        Value::Array(all) => all.iter().for_each(|inner| facts(inner, place, found)),
        Value::String(text) => found.push((place.to_owned(), text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) => found.push((place.to_owned(), value.to_string())),
    }
}

/// A place and what stands there.
type Fact = (String, String);

/// Facts met and expected of one pair, and those not met.
fn score(input: &[u8], expected: &[u8]) -> Option<(usize, usize, Vec<Fact>)> {
    let made = there(input, Release::Stu3, Release::R4).ok()?;
    let bundle = resources(&made.bundle);
    let expected = json(expected)?;
    let ours = if expected["resourceType"] == "Bundle" { &bundle } else { &bundle["entry"][0]["resource"] };
    let (mut theirs, mut found) = (Vec::new(), Vec::new());
    facts(&expected, "", &mut theirs);
    facts(ours, "", &mut found);
    let all = theirs.len();
    let missing: Vec<_> = theirs.into_iter().filter(|fact| !found.contains(fact)).collect();
    Some((all - missing.len(), all, missing))
}

#[test]
fn the_resources_others_expect_are_met_by_facts() {
    let Some(root) = corpus() else { return };
    let care = root.join("stu3-to-r4-careconnect/FHIR-Mappings-STU3-CareConnect-to-R4-UKCore/backup");
    let mut pairs = vec![
        (
            care.join("Example-Input-CareConnect-AllergyIntolerance.json"),
            care.join("Example-Output-UKCore-AllergyIntolerance.json"),
        ),
        (
            care.join("test-data/careconnect/allergyintolerance/AllergyIntolerance_000.json"),
            care.join("test-data/ukcore/allergyintolerance/AllergyIntolerance_000.json"),
        ),
    ];
    for expected in files(&root.join("stu3-to-r4-ms/expected")) {
        let name = expected.file_name().unwrap().to_owned();
        pairs.push((root.join("stu3-to-r4-ms/input").join(name), expected));
    }
    let mut told = String::new();
    let (mut met, mut all, mut refused) = (0, 0, 0);
    for (input, expected) in pairs {
        let name = input.file_stem().unwrap().to_string_lossy().into_owned();
        let Ok(source) = std::fs::read(&input) else { continue };
        let Some((of_pair, all_of_pair, missing)) = score(&source, &std::fs::read(&expected).unwrap()) else {
            refused += 1;
            continue;
        };
        for (place, value) in missing {
            println!("    not met: {name}{place} {value}");
        }
        writeln!(told, "{name} whole={of_pair} of={all_of_pair}").unwrap();
        met += of_pair;
        all += all_of_pair;
    }
    println!("facts met: {met} of {all}; {refused} of types that are not translated\n{told}");
    hold("versions-facts.txt", &told);
}

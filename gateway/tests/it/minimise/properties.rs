//! Properties of minimising, over invented resources of every type and over real ones, by masks that are drawn.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fhir::json::{Document, Kind, Limits, Node, parse};
use fhir::tables::{TypeId, TypeKind, resource_type};
use gateway::enforce::minimise::Unsafe;
use proptest::prelude::*;

use super::invent::{Inventor, REFERENCES, paths};
use super::oracle;
use super::rules::{Compiled, Rules, Shared};

const MARKS: [&str; 6] = [
    r#""http://terminology.hl7.org/CodeSystem/v3-ObservationValue""#,
    r#""SUBSETTED""#,
    r#""REDACTED""#,
    r#""http://hl7.org/fhir/StructureDefinition/data-absent-reason""#,
    r#""masked""#,
    r#""<div xmlns=\"http://www.w3.org/1999/xhtml\">withheld</div>""#,
];

pub(super) fn read(text: &[u8]) -> Document {
    parse(Bytes::copy_from_slice(text), &Limits::default()).expect("strict JSON")
}

/// Rules that name drawn paths of every type in `types`.
pub(super) fn rules(types: impl IntoIterator<Item = TypeId>, seed: u64) -> Rules {
    let share = types.into_iter().map(|owner| {
        let (elements, withhold) = paths(owner, seed);
        (owner.name().to_owned(), Shared { elements, withhold })
    });
    Rules {
        persons: BTreeSet::from([REFERENCES[0].to_owned()]),
        visible: BTreeSet::from([REFERENCES[1].to_owned()]),
        strangers: BTreeSet::from([REFERENCES[2].to_owned()]),
        marks: seed.is_multiple_of(2).then(|| "redacted".to_owned()),
        share: share.filter(|(_, shared)| !shared.elements.is_empty()).collect(),
    }
}

fn scalars<'d>(node: Node<'d>, found: &mut BTreeSet<&'d [u8]>) {
    match node.kind() {
        Kind::Object => node.members().for_each(|(_, value)| scalars(value, found)),
        Kind::Array => node.items().for_each(|item| scalars(item, found)),
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
            found.insert(node.raw());
        }
    }
}

/// Checks everything that must hold whatever the resource and the mask. Yields whether something came out.
fn check(text: &[u8], rules: &Rules) -> bool {
    let compiled: Compiled = rules.clone().compile();
    let document = read(text);
    let (out, withheld) = match compiled.minimise(document.root()) {
        Ok(came) => came,
        Err(Unsafe::NotAResource) => panic!("a resource of R4 was not recognised"),
        Err(_) => return false,
    };
    let shown =
        || format!("{}\n=> {}\n{rules:?}", String::from_utf8_lossy(text), String::from_utf8_lossy(&out));

    let came = read(&out);
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    scalars(document.root(), &mut before);
    scalars(came.root(), &mut after);
    for scalar in after {
        let is_mark = MARKS.iter().any(|mark| mark.as_bytes() == scalar);
        let is_null = scalar == b"null";
        assert!(
            before.contains(scalar) || is_mark || is_null,
            "{:?} was added\n{}",
            String::from_utf8_lossy(scalar),
            shown()
        );
    }

    let again = compiled.minimise(came.root());
    let again = again.unwrap_or_else(|refused| panic!("the second time: {refused}\n{}", shown())).0;
    if out != again {
        let same = out.iter().zip(&again).take_while(|(left, right)| left == right).count();
        let near = |text: &[u8]| {
            let (from, to) = (same.saturating_sub(200), text.len().min(same + 200));
            String::from_utf8_lossy(&text[from..to]).into_owned()
        };
        panic!("twice is not once\n..{}\n..{}\n{}", near(&out), near(&again), shown());
    }

    if let Err(wrong) = oracle::check(came.root(), rules) {
        panic!("{wrong}\n{}", shown());
    }
    let left: u32 = withheld.elements().into_iter().map(|(_, count)| count).sum();
    assert!(out.len() < text.len() + 100_000 && left < 1_000_000);
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_added_twice_is_once_and_only_what_is_named_comes_out(resource: u64, mask: u64) {
        let text = Inventor::resource(resource);
        let document = read(text.as_bytes());
        let owner = document.root().str_at(&["resourceType"]).and_then(|name| resource_type(&name)).expect("a type");
        let nested = ["Practitioner", "Medication", "Patient"].into_iter().filter_map(resource_type);
        check(text.as_bytes(), &rules(nested.chain([owner]), mask));
    }
}

#[test]
fn most_invented_resources_come_out() {
    let came = (0..200_u64).filter(|seed| {
        let text = Inventor::resource(*seed);
        let owner =
            read(text.as_bytes()).root().str_at(&["resourceType"]).and_then(|name| resource_type(&name));
        check(text.as_bytes(), &rules(owner, *seed))
    });
    assert!(came.count() > 60, "the properties would prove little");
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings file to name the corpus")]
pub(super) fn folder(below: &str) -> Option<PathBuf> {
    let found = std::env::var("PORTCULLIS_CORPUS").ok().map(|root| Path::new(&root).join(below));
    let found = found.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: PORTCULLIS_CORPUS does not hold {below}");
    }
    found
}

/// Checks every resource in a folder of files, by some drawn masks each. Yields how many came out.
fn check_folder(folder: &Path, masks: u64) -> usize {
    let mut came = 0;
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|found| found == "json")) {
        let text = fs::read(file).unwrap();
        let Ok(document) = parse(Bytes::copy_from_slice(&text), &Limits::default()) else { continue };
        let owner = document.root().str_at(&["resourceType"]).and_then(|name| resource_type(&name));
        let Some(owner) = owner else { continue };
        for seed in 0..masks {
            came += usize::from(check(&text, &rules([owner], seed ^ text.len() as u64)));
        }
    }
    came
}

#[test]
fn the_properties_hold_for_every_official_example() {
    let Some(folder) = folder("data/r4-official-examples") else { return };
    assert!(check_folder(&folder, 3) > 1_000);
}

#[test]
fn the_properties_hold_for_records_full_of_canaries() {
    let Some(folder) = folder("leaks/fixture/resources") else { return };
    assert!(check_folder(&folder, 20) > 300);
}

#[test]
fn a_type_has_few_enough_required_elements_to_keep_their_bits_apart() {
    for owner in fhir::tables::resource_types() {
        assert_eq!(owner.kind(), TypeKind::Resource);
        assert!(owner.elements().filter(|element| element.min() > 0).count() < 64, "{owner}");
    }
}

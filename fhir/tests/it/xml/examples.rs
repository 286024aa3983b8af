//! Real resources of the corpus, there and back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use fhir::json::{Document, Limits as JsonLimits, parse};
use fhir::xml::{Limits, from_json, to_json};

use super::{difference, document};
use crate::corpus::folder;

/// Every file below `folder` with the extension `kind`, in order.
fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == kind) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file as JSON, or nothing when it is not strict JSON.
fn indexed(path: &Path) -> Option<Document> {
    let limits = JsonLimits { bytes_max: 64 << 20, members_max: 10_000, ..JsonLimits::default() };
    parse(fs::read(path).expect("readable").into(), &limits).ok()
}

/// Writes as XML and reads again every JSON file of `sub`; what was written must come back. Yields how many did and
/// why others could not be written.
#[track_caller]
fn there_and_back(sub: &str) -> Option<(usize, BTreeMap<String, usize>)> {
    let folder = folder(sub)?;
    let mut back = 0;
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder, "json") {
        let Some(json) = indexed(&path) else {
            *refused.entry("not strict json".to_owned()).or_default() += 1;
            continue;
        };
        let xml = match from_json(json.root(), &Limits::default()) {
            Ok(xml) => xml,
            Err(unwritable) => {
                *refused.entry(unwritable.why.to_string()).or_default() += 1;
                continue;
            }
        };
        let again = to_json(&xml, &Limits::default());
        let again = document(&again.unwrap_or_else(|invalid| panic!("{}: {invalid}", path.display())));
        assert_eq!(difference(json.root(), again.root(), ""), None, "{}", path.display());
        assert!(again.root().raw().starts_with(b"{\"resourceType\":"), "{}", path.display());
        back += 1;
    }
    Some((back, refused))
}

#[test]
fn every_official_example_comes_back_from_xml_as_it_was() {
    let Some((back, refused)) = there_and_back("r4-official-examples") else { return };
    assert_eq!((back, refused), (553, BTreeMap::new()));
}

/// What cannot be written is no FHIR: values of the wrong kind, empty values, members that R4 does not have, JSON Patch
/// documents.
#[test]
fn every_other_resource_comes_back_or_is_refused_for_what_is_no_fhir() {
    let rows = [
        // folder, came back, not JSON, no resource, unknown member, wrong kind, empty
        ("fhir-test-cases-r4", 136, [10, 0, 3, 4, 2]),
        ("r4-hl7-testcases", 48, [0, 0, 0, 1, 0]),
        ("r4-bars", 221, [0, 0, 18, 7, 1]),
        ("r4-ds4p", 15, [0; 5]),
        ("r4-iops-frameworks", 101, [0, 0, 0, 4, 3]),
        ("r4-nrlf", 7, [0, 0, 0, 2, 0]),
        ("r4-pds", 24, [1, 11, 0, 0, 1]),
        ("r4-synthea-bundles", 5, [0; 5]),
        ("r4-official-terminology", 22, [0; 5]),
        ("ihe-balp", 76, [0; 5]),
        ("ihe-pcf", 43, [0; 5]),
    ];
    let reasons = [
        "not strict json",
        "not a resource type of this release of fhir",
        "unknown member",
        "a value of the wrong kind",
        "an empty value",
    ];
    for (sub, wanted, counts) in rows {
        let Some((back, refused)) = there_and_back(sub) else { continue };
        let expected = reasons.iter().map(|reason| (*reason).to_owned()).zip(counts);
        let expected: BTreeMap<_, _> = expected.filter(|(_, count)| *count > 0).collect();
        assert_eq!((back, refused), (wanted, expected), "{sub}");
    }
}

/// Writes what an XML document says, as another library reads it: names, attributes, order, and text where it counts.
fn said(node: roxmltree::Node<'_, '_>, out: &mut String) {
    for child in node.children() {
        let is_narrative = node.tag_name().namespace() == Some("http://www.w3.org/1999/xhtml");
        if child.is_element() {
            write!(out, "<{:?}", child.tag_name()).expect("memory");
            let mut attributes: Vec<_> = child
                .attributes()
                .filter(|found| found.name() != "schemaLocation")
                .map(|found| (found.namespace(), found.name(), found.value()))
                .collect();
            attributes.sort_unstable();
            write!(out, "{attributes:?}>").expect("memory");
            said(child, out);
            out.push_str("</>");
        } else if is_narrative && (child.is_text() || child.is_comment()) {
            write!(out, "{:?}", child.text()).expect("memory");
        }
    }
}

fn read_by_another(xml: &str) -> String {
    let mut out = String::new();
    said(roxmltree::Document::parse(xml).expect("well-formed").root(), &mut out);
    out
}

/// Reads as JSON and writes again every XML file of `sub`; it must say the same to another reader, and be the same JSON
/// when it is read once more. Yields how many
/// did and the files that were refused.
fn back_and_there(sub: &str) -> Option<(usize, Vec<String>)> {
    let folder = folder(sub)?;
    let (mut back, mut refused) = (0, Vec::new());
    for path in files(&folder, "xml") {
        let bytes = fs::read(&path).expect("readable");
        let json = match to_json(&bytes, &Limits::default()) {
            Ok(json) => document(&json),
            Err(invalid) => {
                let name = path.file_name().expect("a name").to_string_lossy();
                refused.push(format!("{name}: {invalid}"));
                continue;
            }
        };
        let again = from_json(json.root(), &Limits::default());
        let again = again.unwrap_or_else(|unwritable| panic!("{}: {unwritable}", path.display()));
        let back_again = document(&to_json(&again, &Limits::default()).expect("what was written is read"));
        assert_eq!(difference(json.root(), back_again.root(), ""), None, "{}", path.display());
        let [before, after] = [bytes, again].map(|xml| {
            let text = String::from_utf8(xml).expect("UTF-8");
            read_by_another(text.trim_start_matches('\u{FEFF}'))
        });
        assert!(before == after, "{}", path.display());
        back += 1;
    }
    Some((back, refused))
}

#[test]
fn every_xml_of_uk_core_comes_back_from_json_as_another_reader_reads_it() {
    let Some((back, refused)) = back_and_there("r4-ukcore") else { return };
    assert_eq!(back, 473);
    let faults = [
        // A stray letter between two elements.
        "CodeSystem-UKCore-EthnicCategoryScotland.xml: text where none belongs at byte 2212",
        // `text` before `meta`.
        "UKCore-Observation-Lab-Albumin-Example.xml: an element out of order at byte 468",
    ];
    assert_eq!(refused, faults);
}

#[test]
fn every_xml_of_other_sources_comes_back_or_is_refused_for_what_is_no_fhir() {
    // Folder, came back, refused: other versions of FHIR, parts of pages, elements out of order.
    for (sub, wanted, other) in [
        ("r4-hl7-testcases", 14, 2),
        ("r4-iops-frameworks", 7, 5),
        ("r4-official-terminology", 1, 0),
        ("testscripts", 17, 366),
        ("testscript-fixtures", 190, 286),
    ] {
        let Some((back, refused)) = back_and_there(sub) else { continue };
        assert_eq!((back, refused.len()), (wanted, other), "{sub}: {refused:#?}");
    }
}

/// The type and id by which the same example is known in both forms.
fn identity(json: &Document) -> Option<(String, String)> {
    let told = |name| json.root().str_at(&[name]).map(std::borrow::Cow::into_owned);
    Some((told("resourceType")?, told("id")?))
}

#[test]
fn an_example_in_xml_is_the_same_example_in_json() {
    let (Some(official), Some(cases)) = (folder("r4-official-examples"), folder("r4-hl7-testcases")) else {
        return;
    };
    let mut twins: BTreeMap<_, Vec<Document>> = BTreeMap::new();
    for path in [files(&official, "json"), files(&cases, "json")].concat() {
        if let Some(json) = indexed(&path)
            && let Some(identity) = identity(&json)
        {
            twins.entry(identity).or_default().push(json);
        }
    }
    let (mut equal, mut differ) = (0, Vec::new());
    for path in files(&cases, "xml") {
        let Ok(json) = to_json(&fs::read(&path).expect("readable"), &Limits::default()) else { continue };
        let json = document(&json);
        let Some(twins) = identity(&json).and_then(|identity| twins.get(&identity)) else { continue };
        let differences: Vec<_> =
            twins.iter().filter_map(|twin| difference(json.root(), twin.root(), "")).collect();
        if differences.len() < twins.len() {
            equal += 1;
        } else {
            let name = path.strip_prefix(&cases).expect("inside").display().to_string();
            differ.push(format!("{name}: {}", differences.join(" | ")));
        }
    }
    let faults = [
        // The XML says `1.0e0`, the JSON `1.0`.
        "examples/observation-decimal.xml: .component[2].valueQuantity.value",
        // The XML refers to quotation marks (`&#39;`), the tool that made the JSON resolved them.
        "examples/observation-example-20minute-apgar-score.xml: .text.div",
        // Edited by those who test with it: one more extension.
        "examples/observation-example.xml: .extension | .extension",
        "observation-example-20minute-apgar-score.xml: .text.div",
        // Edited likewise: another time.
        "patient-example-period.xml: .identifier[0].period.end",
    ];
    assert_eq!((equal, differ), (7, faults.map(str::to_owned).to_vec()));
}

//! Whether a document has the elements that CDA knows in the order that its schema prescribes: a reading of
//! `maps/cda-out/order.map` of its own, over a parser that is not ours.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node};

const ORDER: &str = include_str!("../../maps/cda-out/order.map");
const V3: &str = "urn:hl7-org:v3";

struct Kind {
    is_mixed: bool,
    children: Vec<(String, String, bool)>,
}

fn kinds() -> BTreeMap<String, Kind> {
    let lines = ORDER.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let kinds = lines.map(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let children = words.map(|word| {
            let is_needed = word.ends_with('!');
            let word = word.trim_end_matches('!');
            let parts: Vec<&str> = word.split(':').collect();
            match parts.as_slice() {
                [name] => ((*name).to_owned(), "VALUE".to_owned(), is_needed),
                [prefix @ ("sdtc" | "npfitlc"), name] => {
                    (format!("{prefix}:{name}"), "VALUE".to_owned(), is_needed)
                }
                [name, kind] => ((*name).to_owned(), (*kind).to_owned(), is_needed),
                _ => panic!("{word}"),
            }
        });
        let kind = Kind { is_mixed: name.starts_with('*'), children: children.collect() };
        (name.trim_start_matches('*').to_owned(), kind)
    });
    kinds.collect()
}

fn name(node: Node<'_, '_>) -> String {
    match node.tag_name().namespace() {
        Some(V3) => node.tag_name().name().to_owned(),
        Some("urn:hl7-org:sdtc") => format!("sdtc:{}", node.tag_name().name()),
        Some("NPFIT:HL7:Localisation") => format!("npfitlc:{}", node.tag_name().name()),
        other => panic!("the namespace {other:?}"),
    }
}

/// What is wrong with the shape of a document.
pub(crate) fn faults(xml: &str) -> Vec<String> {
    let document = Document::parse(xml).unwrap();
    let kinds = kinds();
    let root = document.root_element();
    assert_eq!(name(root), "ClinicalDocument");
    let mut found = Vec::new();
    let mut open = vec![(root, "ClinicalDocument".to_owned())];
    let mut ids = BTreeSet::new();
    while let Some((node, kind)) = open.pop() {
        let Some(held) = kinds.get(&kind) else {
            found.push(format!("{kind} is no type"));
            continue;
        };
        if let Some(id) = node.attribute("ID")
            && !ids.insert(id)
        {
            found.push(format!("{kind}: an ID twice"));
        }
        if node.attribute("nullFlavor").is_some_and(|flavour| !NULLS.contains(&flavour)) {
            found.push(format!("{kind}: no null flavour"));
        }
        let mut last = 0;
        for child in node.children().filter(Node::is_element) {
            let Some(at) = held.children.iter().position(|(known, _, _)| *known == name(child)) else {
                found.push(format!("{kind} has a {}", name(child)));
                continue;
            };
            if at < last && !held.is_mixed {
                found.push(format!("{kind}: {} comes too late", name(child)));
            }
            last = at;
            open.push((child, held.children[at].1.clone()));
        }
        for (needed, _, _) in held.children.iter().filter(|(_, _, is_needed)| *is_needed) {
            let is_there = node.children().any(|child| child.is_element() && name(child) == *needed);
            if !is_there && node.attribute("nullFlavor").is_none() {
                found.push(format!("{kind} without {needed}"));
            }
        }
        let says = node
            .children()
            .any(|child| child.is_text() && !child.text().unwrap_or_default().trim().is_empty());
        if says && !held.is_mixed && !["VALUE", "ED"].contains(&&*kind) {
            found.push(format!("{kind}: a text"));
        }
    }
    found
}

const NULLS: [&str; 13] =
    ["NI", "OTH", "NINF", "PINF", "UNK", "ASKU", "NAV", "NASK", "TRC", "MSK", "NA", "QS", "INV"];

#[test]
fn the_checker_sees_what_is_out_of_order() {
    let sample = include_str!("../cases/cda/continuity-of-care/in.xml");
    let right = faults(sample);
    let title = "<title>Summary</title>";
    let late = sample
        .replace(title, "")
        .replace("<languageCode code=\"en-US\"/>", "<languageCode code=\"en-US\"/><title>Summary</title>");
    assert!(faults(&late).len() == right.len() + 1, "{right:#?}");
    let without = sample.replace("<id root=\"2.16.840.1.113883.19.5.7\" extension=\"CCD-1\"/>", "");
    assert!(faults(&without).contains(&"ClinicalDocument without id".to_owned()));
}

//! The element tables against the official definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fhir::json::{Document, Limits, Node, parse};
use fhir::tables::{TypeKind, element_named, resource_types, search_parameter, type_named};

use crate::corpus::folder;

fn documents(name: &str) -> Option<Vec<Document>> {
    let text = fs::read_to_string(folder("r4-definitions")?.join(name)).expect("readable");
    let limits = Limits::default();
    Some(text.lines().map(|line| parse(line.to_owned().into(), &limits).expect("strict JSON")).collect())
}

fn text(node: Node<'_>, path: &[&str]) -> String {
    node.str_at(path).unwrap_or_default().into_owned()
}

#[test]
fn every_element_of_the_definitions_stands_in_the_tables_as_defined() {
    let Some(structures) = documents("structure_definitions.ndjson") else { return };
    let mut seen = 0;
    for structure in &structures {
        let root = structure.root();
        for element in root.walk(&["snapshot", "element"]) {
            let path = text(element, &["path"]);
            let Some((owner, name)) = path.rsplit_once('.') else { continue };
            let owner = type_named(owner).unwrap_or_else(|| panic!("no type {owner}"));
            if text(element, &["max"]) == "0" || (owner.kind().is_primitive() && name == "value") {
                continue;
            }
            let found = element_named(owner, name).unwrap_or_else(|| panic!("no element {path}"));
            let flag = |name| element.member(name).and_then(Node::boolean).unwrap_or_default();
            let min = element.member("min").and_then(Node::number_text);
            assert_eq!(Some(found.min().to_string().as_str()), min, "{path}");
            assert_eq!(found.is_array(), text(element, &["max"]) == "*", "{path}");
            let is_attribute = element.walk(&["representation"]).any(|node| node.is_string("xmlAttr"));
            assert_eq!(found.is_attribute(), is_attribute, "{path}");
            assert_eq!(found.is_modifier(), flag("isModifier"), "{path}");
            assert_eq!(found.is_summary(), flag("isSummary"), "{path}");
            check_types(element, &path, found.types());
            seen += 1;
        }
    }
    assert!(seen > 7_000, "{seen}");
    let defined = structures.iter().filter(|found| {
        let root = found.root();
        text(root, &["kind"]) == "resource" && root.member("abstract").and_then(Node::boolean) == Some(false)
    });
    assert_eq!(defined.count(), resource_types().count());
}

#[test]
fn elements_stand_in_the_order_of_the_definitions_and_so_do_their_ids() {
    let Some(structures) = documents("structure_definitions.ndjson") else { return };
    let mut seen = 0;
    for structure in &structures {
        let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for element in structure.root().walk(&["snapshot", "element"]) {
            if let Some((owner, name)) = text(element, &["path"]).rsplit_once('.') {
                defined.entry(owner.to_owned()).or_default().push(name.to_owned());
            }
        }
        for (owner, names) in defined {
            let owner = type_named(&owner).expect("known");
            let found: Vec<_> = owner.elements().collect();
            // Of a primitive's `value`, and of what may not be there, the tables say nothing.
            let told = |name: &&String| found.iter().any(|element| element.name() == name.as_str());
            let wanted: Vec<_> = names.iter().filter(told).map(String::as_str).collect();
            assert_eq!(found.iter().map(|element| element.name()).collect::<Vec<_>>(), wanted, "{owner}");
            assert!(found.is_sorted_by_key(|element| element.id()), "{owner}");
            seen += 1;
        }
    }
    assert_eq!(seen, 682);
}

fn check_types(element: Node<'_>, path: &str, types: &[fhir::tables::ElementType]) {
    if let Some(reference) = element.str_at(&["contentReference"]) {
        assert_eq!(reference.trim_start_matches('#'), types.first().expect("a type").id().name(), "{path}");
        return;
    }
    let defined: Vec<_> = element.walk(&["type"]).collect();
    assert_eq!(defined.len(), types.len(), "{path}");
    for (defined, found) in defined.iter().zip(types) {
        let code = text(*defined, &["code"]);
        let is_inside = found.id().kind() == TypeKind::Backbone;
        let is_system = code.starts_with("http://hl7.org/fhirpath/");
        assert!(is_inside || is_system || code == found.id().name(), "{path}: {code}");
        if is_inside {
            assert_eq!(found.id().name(), path);
        }
        let profiles: Vec<_> = defined.walk(&["targetProfile"]).filter_map(Node::string).collect();
        let mut wanted: BTreeSet<_> = profiles.iter().filter_map(|url| url.rsplit('/').next()).collect();
        if wanted.contains("Resource") {
            wanted.clear();
        }
        let targets: BTreeSet<_> = found.targets().iter().map(|target| target.name()).collect();
        assert_eq!(targets, wanted, "{path}");
    }
}

#[test]
fn every_search_parameter_of_the_definitions_stands_in_the_tables() {
    let Some(parameters) = documents("search_parameters.ndjson") else { return };
    let mut seen = 0;
    for parameter in &parameters {
        let root = parameter.root();
        for base in root.walk(&["base"]).filter_map(Node::string) {
            let owner = type_named(&base).unwrap_or_else(|| panic!("no type {base}"));
            let code = text(root, &["code"]);
            let found =
                search_parameter(owner, &code).unwrap_or_else(|| panic!("no parameter {base} {code}"));
            assert_eq!(format!("{:?}", found.kind()).to_lowercase(), text(root, &["type"]), "{base} {code}");
            seen += 1;
        }
    }
    assert!(seen > 1_400, "{seen}");
}

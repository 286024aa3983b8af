//! FHIRPath against its official tests, and the expressions that are met in public definitions and scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use conformance::fhirpath::{Collection, Decimal, Expression, Item, Mode, Scope};
use conformance::model::{Model, Tables};
use conformance::tree::{Limits, Tree};
use fhir::tables::Release;

use crate::corpus;

/// What differs from the official tests, one a line: `release name | why`.
const RATCHET: &str = include_str!("../fhirpath/ratchet.txt");

/// One official test.
struct Case {
    name: String,
    input: Option<String>,
    expression: String,
    outputs: Vec<(Option<String>, String)>,
    invalid: bool,
    mode: Mode,
    predicate: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let document = roxmltree::Document::parse(text).expect("the tests are xml");
    let element = |name: &'static str| move |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == name;
    let read = |test: roxmltree::Node<'_, '_>| {
        let expression = test.children().find(element("expression")).expect("an expression");
        let outputs = test.children().filter(element("output"));
        Case {
            name: test.attribute("name").unwrap_or_default().to_owned(),
            input: test.attribute("inputfile").map(str::to_owned),
            expression: expression.text().unwrap_or_default().to_owned(),
            outputs: outputs
                .map(|output| {
                    (
                        output.attribute("type").map(str::to_owned),
                        output.text().unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
            invalid: expression.attribute("invalid").is_some(),
            mode: match test.attribute("mode") {
                Some("strict") => Mode::Strict,
                Some("lenient/polymorphics") => Mode::Lenient,
                _ => Mode::Standard,
            },
            predicate: test.attribute("predicate") == Some("true"),
        }
    };
    document.descendants().filter(element("test")).map(read).collect()
}

/// Where an input of our own would be.
fn stand_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fhirpath").join(name)
}

/// Inputs of our own stand in for those that the corpora do not have.
fn input(name: &str) -> Option<PathBuf> {
    let own = stand_in(name);
    if own.exists() {
        return Some(own);
    }
    if name == "patient-example.xml" {
        return Some(corpus::folder("r4-official-examples")?.join("Patient-example.json"));
    }
    Some(corpus::folder("r4-hl7-testcases")?.join(name)).filter(|path| path.exists())
}

/// The type of an item as the tests call it.
fn type_name(item: &Item<'_>, model: &dyn Model) -> String {
    match item {
        Item::Node(_, of) => of.map_or("", |of| model.name(of)).to_owned(),
        Item::Boolean(_) => "boolean".to_owned(),
        Item::Integer(_) => "integer".to_owned(),
        Item::Long(_) => "long".to_owned(),
        Item::Decimal(_) => "decimal".to_owned(),
        Item::String(_) => "string".to_owned(),
        Item::Date(_) => "date".to_owned(),
        Item::DateTime(_) => "dateTime".to_owned(),
        Item::Time(_) => "time".to_owned(),
        Item::Quantity(_) => "Quantity".to_owned(),
        Item::TypeInfo(_) => "TypeInfo".to_owned(),
    }
}

fn told(found: &Collection<'_>, case: &Case, model: &dyn Model) -> Result<(), String> {
    let shown = || {
        let items: Vec<_> = found.iter().map(|item| format!("{}:{item}", type_name(item, model))).collect();
        format!("found {items:?}, expected {:?}", case.outputs)
    };
    if case.predicate {
        let met = found.is_true() || !found.is_empty();
        return if met == (case.outputs[0].1 == "true") { Ok(()) } else { Err(shown()) };
    }
    if found.len() != case.outputs.len() {
        return Err(shown());
    }
    for (item, (of, text)) in found.iter().zip(&case.outputs) {
        let text = text.strip_prefix("@T").or(text.strip_prefix('@')).unwrap_or(text);
        let same = item.to_string() == text
            || matches!(item, Item::Decimal(value) if Some(*value) == Decimal::parse(text));
        let typed = of.as_ref().is_none_or(|of| *of == type_name(item, model));
        if !same || !typed {
            return Err(shown());
        }
    }
    Ok(())
}

fn outcome(case: &Case, model: &dyn Model) -> Result<(), String> {
    let expression = match Expression::parse(&case.expression) {
        Ok(expression) => expression,
        Err(_) if case.invalid => return Ok(()),
        Err(fault) => return Err(fault.to_string()),
    };
    let tree = match &case.input {
        None => None,
        Some(name) => {
            let path = input(name).ok_or("no input")?;
            let bytes = fs::read(path).expect("an input");
            Some(Tree::read(&bytes, &Limits::default()).map_err(|fault| fault.to_string())?)
        }
    };
    let mut scope = match &tree {
        Some(tree) => {
            let root = tree.root();
            let report = root.named("entry").next().and_then(|entry| entry.child("resource"));
            Scope::new(model, report.filter(|_| root.name() == "Bundle").unwrap_or(root))
        }
        None => Scope::empty(model),
    };
    scope = scope.in_mode(case.mode);
    scope.now = "2024-06-01T10:20:30.5Z".parse().ok();
    match expression.evaluate(&scope) {
        Err(_) if case.invalid => Ok(()),
        Err(fault) => Err(fault.to_string()),
        Ok(_) if case.invalid && case.outputs.is_empty() => Err("no error".to_owned()),
        Ok(found) => told(&found, case, model),
    }
}

#[test]
fn the_official_tests_pass_but_for_those_that_are_written_down() {
    let Some(folder) = corpus::folder("fhirpath-tests") else { return };
    let mut differing = BTreeMap::new();
    let (mut count, mut stand_ins) = (0, 0);
    for (name, release) in [("r4", Release::R4), ("r5", Release::R5)] {
        let text =
            fs::read_to_string(folder.join(name).join(format!("tests-fhir-{name}.xml"))).expect("tests");
        let model = Tables::of(release);
        for case in cases(&text) {
            // What runs on an input of our own proves less, and does not count.
            let own = case.input.as_deref().is_some_and(|name| stand_in(name).exists());
            if own {
                stand_ins += 1
            } else {
                count += 1
            }
            if let Err(why) = outcome(&case, &model) {
                differing.insert(format!("{name} {}", case.name), format!("{}: {why}", case.expression));
            }
        }
    }
    let written: BTreeSet<&str> = RATCHET
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(" | ").next())
        .collect();
    for (name, why) in &differing {
        if !written.contains(name.as_str()) {
            eprintln!("{name} | {why}");
        }
    }
    eprintln!("{count} official tests on their inputs, {stand_ins} on ours, {} differ", differing.len());
    let found: BTreeSet<&str> = differing.keys().map(String::as_str).collect();
    assert_eq!(found, written, "what differs is what is written down");
    assert!(differing.len() * 100 <= count, "at least 99 of 100 pass");
}

/// Expressions of public scripts and definitions that are in no release of the grammar, one a line.
const BROKEN: &str = include_str!("../fhirpath/broken.txt");

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

/// An expression as it could be once the variables of its script (`${id}`) are replaced.
fn without_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        out.push('1');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// The expressions of a script or definition.
fn expressions(tree: &Tree, found: &mut BTreeSet<String>) {
    for node in tree.root().descendants() {
        let holder = node.parent().map_or("", |parent| parent.name());
        let expression = match node.name() {
            "expression" => matches!(holder, "assert" | "variable" | "constraint"),
            "compareToSourceExpression" => true,
            _ => false,
        };
        if expression {
            found.extend(node.text().map(without_variables));
        }
    }
}

#[test]
fn every_public_script_and_definition_is_read_and_so_are_its_expressions() {
    let mut paths = Vec::new();
    for name in ["testscripts", "testscript-fixtures", "r4-definitions", "r4-ukcore"] {
        let Some(folder) = corpus::folder(name) else { return };
        files(&folder, &mut paths);
    }
    let (mut unread, mut found, mut texts) = (Vec::new(), BTreeSet::new(), 0);
    for path in paths {
        let ending = path.extension().map_or("", |ending| ending.to_str().unwrap_or_default());
        if !matches!(ending, "xml" | "json" | "ndjson") {
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        let lines: Vec<&[u8]> = match ending {
            "ndjson" => bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect(),
            _ => vec![&bytes],
        };
        for line in lines {
            texts += 1;
            match Tree::read(line, &Limits::default()) {
                Ok(tree) => expressions(&tree, &mut found),
                Err(fault) => unread.push(format!("{}: {fault}", path.display())),
            }
        }
    }
    let broken: BTreeSet<String> = found
        .iter()
        .filter_map(|text| Some((text, Expression::parse(text).err()?)))
        .map(|(text, fault)| {
            eprintln!("{text}\n  {fault}");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    eprintln!("{texts} texts read, {} expressions, {} broken", found.len(), broken.len());
    assert_eq!(unread, Vec::<String>::new());
    let written: BTreeSet<String> =
        BROKEN.lines().filter(|line| !line.starts_with("# ")).map(str::to_owned).collect();
    assert_eq!(broken, written, "what is broken is what is written down");
    let unknown: BTreeSet<String> = found
        .iter()
        .filter_map(|text| Expression::parse(text).ok())
        .flat_map(|read| read.unknown_functions().into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    // Those of one dialect: its engine gives them.
    let dialect: BTreeSet<String> = ["alias", "aliasAs", "fixture"].map(str::to_owned).into();
    assert_eq!(unknown, dialect, "functions that nobody knows");
}

/// The invariants of the base definitions by the path of the element that they are on.
fn invariants(folder: &Path) -> BTreeMap<String, BTreeMap<String, Expression>> {
    let text = fs::read_to_string(folder.join("structure_definitions.ndjson")).expect("definitions");
    let mut found: BTreeMap<String, BTreeMap<String, Expression>> = BTreeMap::new();
    for line in text.lines() {
        let tree = Tree::read(line.as_bytes(), &Limits::default()).expect("a definition");
        let root = tree.root();
        if root.child_text("derivation") == Some("constraint") {
            continue;
        }
        for element in root.named("snapshot").flat_map(|snapshot| snapshot.named("element")) {
            let path = element.child_text("path").unwrap_or_default();
            for constraint in element.named("constraint") {
                let (key, text) = (constraint.child_text("key"), constraint.child_text("expression"));
                if let (Some(key), Some(text), Some("error")) = (key, text, constraint.child_text("severity"))
                {
                    let read = Expression::parse(text).expect(text);
                    found.entry(path.to_owned()).or_default().insert(key.to_owned(), read);
                }
            }
        }
    }
    found
}

#[test]
fn the_official_examples_keep_the_invariants_of_the_base_definitions() {
    let (Some(definitions), Some(examples)) =
        (corpus::folder("r4-definitions"), corpus::folder("r4-official-examples"))
    else {
        return;
    };
    let invariants = invariants(&definitions);
    let model = &Tables::R4;
    let (mut broken, mut asked) = (BTreeMap::<String, Vec<String>>::new(), 0);
    let mut paths = Vec::new();
    files(&examples, &mut paths);
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let tree = Tree::read(&fs::read(path).expect("a file"), &Limits::default()).expect("an example");
        for node in std::iter::once(tree.root()).chain(tree.root().descendants()) {
            let own = model.type_of(node).map(|of| model.name(of).to_owned());
            let outer = node.parent().and_then(|parent| model.type_of(parent));
            let inner = outer.map(|of| format!("{}.{}", model.name(of), node.name()));
            let mut scope = Scope::new(model, node).in_mode(Mode::Invariant);
            scope.now = "2024-06-01T10:20:30.5Z".parse().ok();
            for (key, expression) in
                [own, inner].into_iter().flatten().filter_map(|at| invariants.get(&at)).flatten()
            {
                asked += 1;
                let found = expression.evaluate(&scope);
                let why = match found {
                    Ok(found) if found.holds() => continue,
                    Ok(_) => "does not hold".to_owned(),
                    Err(fault) => fault.to_string(),
                };
                let name =
                    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                broken.entry(format!("{key}: {why}")).or_default().push(format!("{name} {node:?}"));
            }
        }
    }
    for (what, places) in &broken {
        eprintln!("{what}: {} times, first {:?}", places.len(), places.first());
    }
    eprintln!("{asked} invariants asked");
    // Two examples have a narrative of nothing but white space.
    let blank = ["ActivityDefinition-blood-tubes-supply.json", "EventDefinition-example.json"];
    for (what, places) in broken {
        assert!(
            matches!(what.as_str(), "txt-1: does not hold" | "txt-2: does not hold"),
            "{what} {places:?}"
        );
        assert!(places.iter().all(|place| blank.iter().any(|name| place.starts_with(name))), "{places:?}");
    }
    assert!(asked > 100_000);
}

//! `docs/configure.md` is made from the comments on the fields of the two files that people write.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use gateway::settings::check::BOUNDS;

use crate::golden;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// A table of a file: its comment and its keys.
#[derive(Debug, Default)]
struct Described {
    comment: String,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: String,
    comment: String,
    kind: String,
    required: bool,
}

/// The tables that a source file mirrors, by the name of the type.
fn described(source: &str) -> BTreeMap<String, Described> {
    let taken = taken(source);
    let mut tables: BTreeMap<String, Described> = BTreeMap::new();
    let mut comment = String::new();
    let mut inside = None;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            let text = text.trim();
            comment.push_str(if text.is_empty() { "\n\n" } else { text });
            comment.push(' ');
            continue;
        }
        if line.starts_with("#[") {
            continue;
        }
        let comment = std::mem::take(&mut comment).replace(" \n\n ", "\n\n").trim().to_owned();
        if let Some(name) = line.strip_prefix("pub(super) struct ").and_then(|rest| rest.strip_suffix(" {")) {
            tables.insert(name.to_owned(), Described { comment, keys: Vec::new() });
            inside = Some(name.to_owned());
        } else if line == "}" {
            inside = None;
        } else if let (Some(owner), Some(field)) = (&inside, line.strip_prefix("pub(super) ")) {
            let (field, kind) = field.trim_end_matches(',').split_once(": ").expect("a field");
            let Some((key, method)) = taken.get(&(owner.clone(), field.to_owned())) else { continue };
            let required = method.starts_with("required_");
            let key = Key { name: key.clone(), comment, kind: kind.to_owned(), required };
            tables.get_mut(owner).expect("the struct").keys.push(key);
        }
    }
    tables
}

/// Which field of which type is taken under which key by which method: `organisation: table.required_text("organisation")`.
fn taken(source: &str) -> BTreeMap<(String, String), (String, String)> {
    let mut taken = BTreeMap::new();
    let mut owner = String::new();
    let joined = source.replace("table\n                .", "table.");
    for line in joined.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("impl ").and_then(|rest| rest.strip_suffix(" {")) {
            name.clone_into(&mut owner);
        }
        for part in line.split(", ") {
            let Some((field, call)) = part.split_once("table.").filter(|_| !owner.is_empty()) else {
                continue;
            };
            let Some((method, rest)) = call.split_once("(\"") else { continue };
            let Some((key, _)) = rest.split_once('"') else { continue };
            let field =
                field.trim().trim_start_matches("let read = Self {").trim_start_matches("let ").trim();
            let field = field.trim_end_matches([':', '=', ' ']);
            taken.insert((owner.clone(), field.to_owned()), (key.to_owned(), method.to_owned()));
        }
    }
    taken
}

/// The type of a table inside `kind`, and whether it may repeat.
fn inner(kind: &str) -> Option<(&str, &'static str)> {
    let once = kind.strip_prefix("Option<").map(|rest| (rest, "once"));
    let many = kind.strip_prefix("Vec<").map(|rest| (rest, "many"));
    let (name, times) = once.or(many)?;
    let name = name.trim_end_matches('>');
    name.ends_with("Table").then_some((name, times))
}

fn value(kind: &str) -> &'static str {
    match kind {
        "Option<Written<String>>" => "text",
        "Vec<Written<String>>" | "Option<Vec<Written<String>>>" => "list of texts",
        "Option<Written<i64>>" => "whole number",
        "Option<Written<bool>>" => "true or false",
        "Option<Written<Date>>" => "day",
        "Vec<Self>" => "tables",
        kind if kind.starts_with("Vec<(") && kind.contains("Vec<Written") => "lists by name",
        kind if kind.starts_with("Vec<(") => "names and texts",
        kind => match inner(kind) {
            Some((_, "once")) => "table",
            Some(_) => "tables",
            None => panic!("the page does not know what {kind} is"),
        },
    }
}

fn keys(page: &mut String, table: &Described) {
    if table.keys.is_empty() {
        return;
    }
    page.push_str("| key | value | meaning |\n|---|---|---|\n");
    for key in &table.keys {
        let required = if key.required { ", required" } else { "" };
        let meaning = key.comment.replace('|', "\\|");
        writeln!(page, "| `{}` | {}{required} | {meaning} |", key.name, value(&key.kind)).unwrap();
    }
    page.push('\n');
}

/// A heading and its keys, then the tables inside.
fn section(
    page: &mut String,
    tables: &BTreeMap<String, Described>,
    heading: &str,
    name: &str,
    done: &mut Vec<String>,
) {
    if done.iter().any(|other| other == name) {
        return;
    }
    done.push(name.to_owned());
    let table = &tables[name];
    writeln!(page, "### {heading}\n\n{}\n", table.comment).unwrap();
    keys(page, table);
    for key in &table.keys {
        if let Some((inside, _)) = inner(&key.kind) {
            let heading = format!("`{}` of {heading}", key.name);
            section(page, tables, &heading, inside, done);
        }
    }
}

fn page() -> String {
    let read = |path: &str| {
        std::fs::read_to_string(workspace().join("gateway/src").join(path)).expect("a source file")
    };
    let files = ["settings/file.rs", "settings/inbound_file.rs", "settings/source_file.rs"];
    let settings = described(&files.map(read).concat());
    let agreement = described(&read("agreement/file.rs"));
    let mut page = String::from(
        "# Configure\n\nEvery key of the settings file and of a sharing agreement. `portcullis check --config FILE` tells \
         every problem of both at once, with file, line and path, and what each agreement shares. A complete example to \
         copy is in `examples/config`.\n\nThis page is made from the source; `UPDATE_GOLDEN=1 cargo test -p gateway --test it \
         docs` writes it anew.\n\n## The settings file\n\n",
    );
    let file = &settings["SettingsFile"];
    writeln!(page, "{}\n", file.comment).unwrap();
    let mut done = Vec::new();
    for key in &file.keys {
        match inner(&key.kind) {
            Some((inside, "once")) => {
                section(&mut page, &settings, &format!("`[{}]`", key.name), inside, &mut done)
            }
            Some((inside, _)) => {
                section(&mut page, &settings, &format!("`[[{}]]`", key.name), inside, &mut done)
            }
            None => writeln!(page, "### `[{}]`\n\n{}\n", key.name, key.comment).unwrap(),
        }
    }
    let file = &agreement["AgreementFile"];
    writeln!(page, "## A sharing agreement\n\n{}\n", file.comment).unwrap();
    keys(&mut page, file);
    let mut done = Vec::new();
    for key in &file.keys {
        match inner(&key.kind) {
            Some(("ShareTable", _)) | None => {}
            Some((inside, "once")) => {
                section(&mut page, &agreement, &format!("`{}`", key.name), inside, &mut done)
            }
            Some((inside, _)) => {
                section(&mut page, &agreement, &format!("`[[{}]]`", key.name), inside, &mut done)
            }
        }
    }
    section(&mut page, &agreement, "`[share.NAME.TYPE]`", "SharedTypeTable", &mut done);
    let list = described(&read("sensitive_codes/file.rs"));
    let file = &list["ListFile"];
    writeln!(page, "## A list of sensitive codes\n\n{}\n", file.comment).unwrap();
    keys(&mut page, file);
    section(&mut page, &list, "`[[entry]]`", "EntryTable", &mut Vec::new());
    page.trim_end().to_owned() + "\n"
}

#[test]
fn the_configuration_page_says_what_the_source_says() {
    golden::check_file(&workspace().join("docs/configure.md"), &page());
}

#[test]
fn the_configuration_page_names_every_bound_as_it_is_enforced() {
    let read =
        |file: &str| std::fs::read_to_string(workspace().join("gateway/src/settings").join(file)).unwrap();
    let tables = described(&(read("file.rs") + &read("source_file.rs")));
    for bound in BOUNDS {
        let (table, key) = bound.key.split_once('.').unwrap();
        let table = match table {
            "limits" => "LimitsTable",
            "issuer" => "IssuerTable",
            "source" => "SourceTable",
            _ => "SystemTable",
        };
        let key = tables[table].keys.iter().find(|found| found.name == key).expect(bound.key);
        let says = format!("Default: {}, from {} to {}.", bound.default, bound.least, bound.most);
        assert!(key.comment.contains(&says), "{} says {:?}, not {says:?}", bound.key, key.comment);
    }
}

#[test]
fn every_key_that_is_read_is_on_the_page() {
    let page = page();
    for file in [
        "settings/file.rs",
        "settings/inbound_file.rs",
        "settings/source_file.rs",
        "agreement/file.rs",
        "sensitive_codes/file.rs",
    ] {
        let source = std::fs::read_to_string(workspace().join("gateway/src").join(file)).unwrap();
        for part in source.split("table").skip(1).filter(|part| part.trim_start().starts_with('.')) {
            let Some(key) = part.split_once("(\"").and_then(|(_, rest)| rest.split_once('"')) else {
                continue;
            };
            assert!(
                page.contains(&format!("`{}`", key.0)) || page.contains(&format!("{}]", key.0)),
                "{file}: {}",
                key.0
            );
        }
    }
}

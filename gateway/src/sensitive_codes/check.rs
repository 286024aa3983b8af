//! Turns list files into [`SensitiveCodes`], or tells every problem at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fhir::security_label::SecurityLabel;

use super::file::{EntryTable, ListFile};
use super::system::canonical;
use super::{SensitiveCodes, SensitiveEntry, SensitiveList, SwitchedOff, plain};
use crate::settings::check::each_once;
use crate::settings::material::{Site, read_bounded};
use crate::settings::problem::{Notebook, Place, Problem};
use crate::settings::written::{Written, parse};

/// The list that ships with the gateway.
const SHIPPED: &str = include_str!("shipped.toml");
const LIST_BYTES_MAX: u64 = 16 << 20;
/// A shorter beginning would take in most of a code system.
const BEGINNING_MIN: usize = 2;
const REASON_MIN: usize = 10;

/// A code that the settings take out, as written.
pub(crate) struct Off<'a> {
    pub(crate) system: &'a Written<String>,
    pub(crate) code: &'a Written<String>,
    pub(crate) reason: &'a Written<String>,
}

/// The shipped list, and what is wrong with it.
pub(super) fn shipped() -> (SensitiveCodes, Vec<Problem>) {
    let mut codes = SensitiveCodes::default();
    let notes = Notebook::new(Path::new("the list that ships with the gateway"), SHIPPED);
    add_list(&mut codes, &notes, None, SHIPPED);
    (codes, notes.into_problems())
}

/// The shipped list and the `files` of the site without the codes that it takes out.
pub(crate) fn load(
    site: &Site<'_>,
    files: &[&Written<String>],
    off: &[Off<'_>],
) -> (SensitiveCodes, Vec<Problem>) {
    let (mut codes, mut problems) = shipped();
    let mut seen = BTreeSet::new();
    for written in files {
        let path = site.path(written);
        if !seen.insert(path.clone()) {
            site.notes.error(&written.place, "this file is named twice: remove one");
            continue;
        }
        let text = read_bounded(&path, LIST_BYTES_MAX)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()));
        match text {
            Ok(text) => {
                let notes = Notebook::new(&path, &text);
                add_list(&mut codes, &notes, Some(&path), &text);
                problems.extend(notes.into_problems());
            }
            Err(fault) => site.notes.error(&written.place, format!("{}: {fault}", path.display())),
        }
    }
    for off in off {
        switch_off(&mut codes, site.notes, off);
    }
    (codes, problems)
}

fn add_list(codes: &mut SensitiveCodes, notes: &Notebook, file: Option<&Path>, text: &str) {
    let Some(read) = parse(text, notes, ListFile::read) else { return };
    let name = read.name.as_ref().and_then(|written| slug(notes, written));
    if let (Some(written), Some(name)) = (&read.name, &name)
        && codes.lists.iter().any(|list| list.name == *name)
    {
        notes.error(&written.place, "another list has this name: records could not tell them apart");
    }
    if let Some(title) = read.title.as_ref().filter(|title| title.value.trim().is_empty()) {
        notes.error(&title.place, "the title is empty: write what people call the list");
    }
    if read.entry.is_empty() {
        notes.error(&Place::whole().key("entry", None), "a list without an [[entry]] recognises nothing");
    }
    let list = name.unwrap_or_default();
    let (mut entries, mut names, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for table in &read.entry {
        let name = table.name.as_ref().and_then(|written| slug(notes, written));
        if let (Some(written), Some(name)) = (&table.name, &name)
            && !names.insert(name.clone())
        {
            notes.error(&written.place, "another entry of this list has this name");
        }
        let why = table.why.as_ref().map(|why| why.value.trim()).unwrap_or_default();
        if let Some(written) = table.why.as_ref().filter(|_| why.is_empty()) {
            notes.error(&written.place, "say what these codes tell");
        }
        let full_name = format!("{list}/{}", name.unwrap_or_default());
        let entry = Arc::new(SensitiveEntry::new(full_name, why.to_owned(), labels(notes, table)));
        count += add_codes(codes, notes, table, &entry);
        entries.push(entry);
    }
    codes.settle();
    codes.lists.push(SensitiveList {
        name: list,
        title: read.title.map(|title| title.value).unwrap_or_default(),
        file: file.map(Path::to_owned),
        entries,
        codes: count,
    });
}

fn labels(notes: &Notebook, table: &EntryTable) -> Vec<SecurityLabel> {
    let labels = each_once(notes, &table.labels, SecurityLabel::parse);
    if let (true, Some(name)) = (table.labels.is_empty(), &table.name) {
        notes.error(&name.place, "an entry without labels protects nothing: give it one, such as PSY");
    }
    labels
}

/// How many codes were added.
fn add_codes(
    codes: &mut SensitiveCodes,
    notes: &Notebook,
    table: &EntryTable,
    entry: &Arc<SensitiveEntry>,
) -> usize {
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    for (system, written) in &table.codes {
        if system.value.trim().is_empty() {
            notes.error(&system.place, "name the code system: `http://snomed.info/sct`");
            continue;
        }
        if written.is_empty() {
            notes.error(&system.place, "no code is named here");
        }
        for code in written {
            match fault(&code.value) {
                Some(text) => notes.error(&code.place, text),
                None if !seen.insert((canonical(&system.value), plain(&code.value))) => {
                    notes.error(&code.place, "this code stands in the entry twice: remove one");
                }
                None => {
                    codes.add(&system.value, code.value.trim(), entry);
                    count += 1;
                }
            }
        }
    }
    if let (0, true, Some(name)) = (count, table.codes.is_empty(), &table.name) {
        notes.error(&name.place, "an entry without codes recognises nothing");
    }
    count
}

fn fault(code: &str) -> Option<&'static str> {
    let code = code.trim();
    let beginning = code.strip_suffix('*');
    let meant = plain(beginning.unwrap_or(code));
    if meant.is_empty() {
        Some("a code is wanted here")
    } else if !meant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte)) {
        Some("a code is letters, digits, hyphens and dots; a star may stand at its end only")
    } else if beginning.is_some() && meant.len() < BEGINNING_MIN {
        Some("before the star at least two characters must stand, or it takes in too much")
    } else {
        None
    }
}

fn switch_off(codes: &mut SensitiveCodes, notes: &Notebook, off: &Off<'_>) {
    let (system, code, reason) = (off.system.value.trim(), off.code.value.trim(), off.reason.value.trim());
    if reason.chars().count() < REASON_MIN {
        notes.error(&off.reason.place, "say why, in at least ten characters: the reason is recorded");
    }
    if code.contains('*') {
        notes.error(&off.code.place, "single codes only: no beginning of codes can be taken out");
    } else if codes
        .switched_off
        .iter()
        .any(|other| canonical(&other.system) == canonical(system) && plain(&other.code) == plain(code))
    {
        notes.error(&off.code.place, "this code is taken out twice: remove one");
    } else if !codes.knows(system, code) {
        notes.error(&off.code.place, "no list knows this code of this system: there is nothing to take out");
    } else {
        let (system, code, reason) = (system.to_owned(), code.to_owned(), reason.to_owned());
        codes.switched_off.push(SwitchedOff { system, code, reason });
    }
}

fn slug(notes: &Notebook, written: &Written<String>) -> Option<String> {
    let name = &written.value;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        notes.error(&written.place, "a name is lower-case letters, digits and hyphens");
        return None;
    }
    Some(name.clone())
}

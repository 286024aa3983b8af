//! What `portcullis check` tells of the lists of sensitive codes: which are loaded, and what the site has taken out.

use std::io::{self, Write};

use fhir::security_label::SecurityLabel;
use serde::Serialize;

use crate::sensitive_codes::{SensitiveCodes, SensitiveList};

#[derive(Debug, Serialize)]
pub(super) struct ListTold<'a> {
    name: &'a str,
    title: &'a str,
    file: Option<String>,
    codes: usize,
    entries: Vec<EntryTold<'a>>,
}

#[derive(Debug, Serialize)]
struct EntryTold<'a> {
    name: &'a str,
    why: &'a str,
    labels: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct OffTold<'a> {
    system: &'a str,
    code: &'a str,
    reason: &'a str,
}

/// The lists for programs.
pub(super) fn told(codes: &SensitiveCodes) -> Vec<ListTold<'_>> {
    codes.lists().iter().map(ListTold::of).collect()
}

impl<'a> ListTold<'a> {
    fn of(list: &'a SensitiveList) -> Self {
        let entries = list.entries.iter().map(|entry| EntryTold {
            name: &entry.name,
            why: &entry.why,
            labels: entry.labels.iter().map(SecurityLabel::code).collect(),
        });
        Self {
            name: &list.name,
            title: &list.title,
            file: list.file.as_ref().map(|file| file.display().to_string()),
            codes: list.codes,
            entries: entries.collect(),
        }
    }
}

/// What is taken out, for programs.
pub(super) fn told_off(codes: &SensitiveCodes) -> Vec<OffTold<'_>> {
    let off = codes.switched_off().iter();
    off.map(|off| OffTold { system: &off.system, code: &off.code, reason: &off.reason }).collect()
}

/// The lists for people.
pub(super) fn text(out: &mut dyn Write, codes: &SensitiveCodes) -> io::Result<()> {
    writeln!(out, "\nSensitive codes\n===============")?;
    for list in codes.lists() {
        let file = list.file.as_ref().map(|file| format!(", {}", file.display())).unwrap_or_default();
        writeln!(out, "  {} ({} codes{file})", list.title, list.codes)?;
        let width = list.entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
        for entry in &list.entries {
            let labels: Vec<_> = entry.labels.iter().map(SecurityLabel::code).collect();
            writeln!(out, "    {:<width$}  {}: {}", entry.name, labels.join(", "), entry.why)?;
        }
    }
    for off in codes.switched_off() {
        writeln!(out, "  taken out: {}|{}: {}", off.system, off.code, off.reason)?;
    }
    Ok(())
}

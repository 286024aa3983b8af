//! `[[inbound]]`: places where records come in by a mapping.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::mapping::Mapping;
use adapters::mapping::social::Ready;
use fhir::tables::Release;

use super::super::inbound_file::InboundTable;
use super::super::mapped::SourcePlace;
use super::super::material::Site;
use super::super::problem::did_you_mean;
use super::super::written::Written;
use super::super::{Inbound, Making, Speaks, System};
use super::parties::refuse_twice;
use super::{listen, ods, read_text, systems};

const FORMS: [(&str, Making); 6] = [
    ("edifact", Making::Edifact),
    ("notice", Making::Notice),
    ("stu3", Making::Release(Release::Stu3)),
    ("dstu2", Making::Release(Release::Dstu2)),
    ("r4b", Making::Release(Release::R4b)),
    ("r5", Making::Release(Release::R5)),
];

/// `[[inbound]]`.
pub(super) fn inbound(site: &Site<'_>, tables: &[InboundTable], known: &BTreeSet<&str>) -> Vec<Inbound> {
    refuse_twice(site.notes, tables.iter().filter_map(|table| table.name.as_ref()), "name");
    refuse_twice(site.notes, tables.iter().filter_map(|table| table.folder.as_ref()), "folder");
    tables.iter().filter_map(|table| place(site, table, known)).collect()
}

/// Refuses a folder out of which somebody else reads, however it is written: every file in it would be taken away.
pub(super) fn refuse_shared_folders(
    site: &Site<'_>,
    tables: &[InboundTable],
    (systems, agreements, state): (&[System], &Path, Option<&Path>),
) {
    let mut others: Vec<(PathBuf, &str)> =
        vec![(site.folder.to_path_buf(), "the settings file"), (agreements.to_path_buf(), "the agreements")];
    for state in state.iter() {
        others.push((state.to_path_buf(), "the state of the gateway"));
        others.push((state.join("ledger"), "the ledger"));
    }
    for system in systems {
        let Speaks::Mapped(mapped) = &system.speaks else { continue };
        for source in &mapped.sources {
            match &source.place {
                SourcePlace::Drop { folder, .. } => others.push((folder.clone(), "a [[system.source]]")),
                SourcePlace::Sqlite { file, .. } => {
                    let folder = file.parent().unwrap_or(Path::new("."));
                    others.push((folder.to_path_buf(), "a [[system.source]]"));
                }
                SourcePlace::Api(_) | SourcePlace::Postgres(_) => {}
            }
        }
    }
    // Certificates, keys, passwords, profiles: whatever file is read again.
    for file in site.named.borrow().iter().filter(|path| path.is_file()) {
        let folder = file.parent().unwrap_or(Path::new("."));
        others.push((folder.to_path_buf(), "a file that the settings name"));
    }
    // What is not there cannot be the same.
    let mut taken: Vec<(PathBuf, &str)> =
        others.into_iter().filter_map(|(path, whose)| Some((path.canonicalize().ok()?, whose))).collect();
    for written in tables.iter().filter_map(|table| table.folder.as_ref()) {
        let Ok(folder) = site.path(written).canonicalize() else { continue };
        if let Some((_, whose)) = taken.iter().find(|(other, _)| *other == folder) {
            let text =
                format!("this is the folder of {whose} too: each file in it would be taken away from there");
            site.notes.error(&written.place, text);
        }
        for within in [".taken", ".refused"] {
            taken.push((folder.join(within), "another [[inbound]]"));
        }
        taken.push((folder, "another [[inbound]]"));
    }
}

fn place(site: &Site<'_>, table: &InboundTable, known: &BTreeSet<&str>) -> Option<Inbound> {
    let notes = site.notes;
    let name = table.name.as_ref().and_then(|written| written.parsed(notes, |text| systems::name(text)));
    let making = making(site, table);
    let from = table.from.as_ref().and_then(|written| ods(notes, written));
    let to = listen::receivers(notes, (&table.to, &table.place), known);
    let purpose = table.purpose.as_ref().and_then(|written| listen::purpose(notes, written));
    let folder = match &table.folder {
        None => Some(None),
        Some(written) => folder(site, written).map(Some),
    };
    let time_zone = listen::time_zone(notes, table.time_zone.as_ref());
    Some(Inbound {
        name: name?.to_string(),
        making: making?,
        from: from?,
        to,
        purpose: purpose?,
        folder: folder?,
        time_zone: time_zone?,
    })
}

/// A mapping or a form: exactly one of both.
fn making(site: &Site<'_>, table: &InboundTable) -> Option<Making> {
    match (&table.mapping, &table.form) {
        (Some(written), None) => mapping(site, written).map(Making::Mapping),
        (None, Some(written)) => written.parsed(site.notes, |text| form(text)),
        (Some(_), Some(written)) => {
            site.notes.error(&written.place, "the place has a `mapping` already: name one of both");
            None
        }
        (None, None) => {
            let text = "this key is missing: name a `mapping`, or a `form` that is known";
            site.notes.error(&table.place.key("mapping", None), text);
            None
        }
    }
}

fn form(text: &str) -> Result<Making, String> {
    let known = FORMS.iter().find(|(name, _)| *name == text);
    let near = || did_you_mean(text, FORMS.iter().map(|(name, _)| *name));
    known.map(|(_, making)| making.clone()).ok_or_else(|| {
        format!("`edifact`, `notice`, `stu3`, `dstu2`, `r4b` or `r5` is wanted here{}", near())
    })
}

/// A mapping: a file, or a ready one by its name. All its faults are told.
fn mapping(site: &Site<'_>, written: &Written<String>) -> Option<Arc<Mapping>> {
    let path = site.path(written);
    let text = match Ready::named(&written.value) {
        Some(ready) if !path.exists() => Ok(ready.text.to_owned()),
        Some(_) | None => read_text(&path),
    };
    let loaded = text
        .map_err(|fault| format!("{}: {fault}", path.display()))
        .and_then(|text| Mapping::load(&path.to_string_lossy(), &text).map_err(|faults| faults.to_string()));
    match loaded {
        Ok(mapping) => Some(Arc::new(mapping)),
        Err(faults) => {
            for fault in faults.lines() {
                site.notes.error(&written.place, fault.to_owned());
            }
            None
        }
    }
}

/// A folder that is there: one that is made by itself might be made in the wrong place.
fn folder(site: &Site<'_>, written: &Written<String>) -> Option<PathBuf> {
    let path = site.path(written);
    if path.is_dir() {
        return Some(path);
    }
    site.notes.error(&written.place, format!("{} is not a folder that exists", path.display()));
    None
}

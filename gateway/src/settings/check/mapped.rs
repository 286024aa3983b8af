//! `[[system.source]]`: what a system without FHIR has, and whether enough of it can be asked.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use adapters::mapping::Mapping;
use adapters::mapping::pull::Ids;
use adapters::mapping::social::Ready;
use fhir::tables::{self, TypeId};
use http::Uri;

use super::super::file::SystemTable;
use super::super::mapped::{FileNames, Mapped, Source, SourcePlace};
use super::super::material::{Site, read_bounded};
use super::super::problem::{Notebook, Place};
use super::super::source_file::SourceTable;
use super::super::written::Written;
use super::super::{Speaks, System};
use super::bounds::{SOURCE_QUIET, SOURCE_ROWS};
use super::{api, postgres};
use crate::person::SystemName;

const MAPPING_BYTES_MAX: u64 = 4 << 20;
const VIEW_LETTERS_MAX: usize = 63;
/// Types that prove ties of care.
const TIES: [&str; 4] = ["CareTeam", "Encounter", "EpisodeOfCare", "ServiceRequest"];

/// The base of a system that has none: nobody is ever asked there (RFC 6761).
pub(super) fn base(name: &SystemName) -> Option<Uri> {
    format!("http://{name}.invalid/fhir").parse().ok()
}

/// What belongs to systems without FHIR only.
pub(super) fn refuse_sources(notes: &Notebook, table: &SystemTable) {
    for source in &table.source {
        notes.error(&source.place, "a system that speaks FHIR has no sources: set protocol = \"mapped\"");
    }
    for written in table.ids.iter().chain(&table.time_zone) {
        notes.error(&written.place, "this is for systems with protocol = \"mapped\" only");
    }
}

/// Messages go to systems that take them.
pub(super) fn refuse_deliveries<'a>(
    notes: &Notebook,
    (table, to): (&'static str, impl Iterator<Item = &'a Vec<SystemName>>),
    systems: &[System],
) {
    let is_mapped = |name: &SystemName| {
        let mut named = systems.iter().filter(|system| system.name == *name);
        named.any(|system| matches!(system.speaks, Speaks::Mapped(_)))
    };
    for (number, to) in to.enumerate() {
        for name in to.iter().filter(|name| is_mapped(name)) {
            let place = Place::whole().key(table, None).item(number, None).key("to", None);
            let text = format!("`{name}` is read by mappings and takes no messages: name its FHIR server");
            notes.error(&place, text);
        }
    }
}

/// The sources of a system.
pub(super) fn mapped(site: &Site<'_>, table: &SystemTable) -> Option<Arc<Mapped>> {
    let notes = site.notes;
    refuse_http(notes, table);
    let ids = match &table.ids {
        None => Some(Ids::Digests),
        Some(written) => written.parsed(notes, |text| ids(text)),
    };
    let time_zone = table.time_zone.as_ref();
    let time_zone = time_zone.map_or_else(|| "Europe/London".to_owned(), |written| written.value.clone());
    if adapters::Context::new("", None, &time_zone).is_err()
        && let Some(written) = &table.time_zone
    {
        notes.error(&written.place, "this is no time zone, such as Europe/London");
    }
    if table.source.is_empty() {
        let text = "[[system.source]] is missing: it says where the system keeps what";
        notes.error(&table.place.key("source", None), text);
    }
    let ids = ids?;
    let sources: Vec<Option<Source>> = table.source.iter().map(|table| source(site, table, ids)).collect();
    let sources: Vec<Source> = sources.into_iter().collect::<Option<_>>()?;
    let mapped = Mapped { ids, time_zone, sources };
    serve_once(notes, table, &mapped);
    serve_enough(notes, table, &mapped);
    Some(Arc::new(mapped))
}

fn refuse_http(notes: &Notebook, table: &SystemTable) {
    let texts = table.base.iter().chain(&table.aliases).chain(&table.ca);
    let flags = table.transactions.iter().filter(|flag| flag.value);
    let credentials = table.credentials.iter().map(|credentials| &credentials.place);
    for place in texts.map(|written| &written.place).chain(flags.map(|flag| &flag.place)).chain(credentials) {
        notes.error(place, "a system that is read by mappings has none of this: nothing is sent there");
    }
}

fn ids(text: &str) -> Result<Ids, &'static str> {
    match text {
        "digests" => Ok(Ids::Digests),
        "keys" => Ok(Ids::Keys),
        _ => Err("`digests` or `keys` is wanted here"),
    }
}

fn source(site: &Site<'_>, table: &SourceTable, ids: Ids) -> Option<Source> {
    let notes = site.notes;
    let mapping = table.mapping.as_ref().and_then(|written| mapping(site, written));
    let place = place(site, table);
    let rows_max = SOURCE_ROWS.count(notes, table.rows_max.as_ref());
    let (mapping, place) = (mapping?, place?);
    let types = types(notes, table, &mapping);
    let is_api = matches!(place, SourcePlace::Api(_));
    if is_api {
        api::check(notes, table, &mapping, (ids, &types), &place);
    } else if !mapping.reads_rows() {
        notes.error(
            &table.place,
            "this mapping reads no rows: only mappings of csv are for folders and views",
        );
    }
    if let SourcePlace::Sqlite { .. } | SourcePlace::Postgres(_) = place {
        if mapping.gathers_rows() {
            let text = "a view has one row a record: leave `record_key` out of its mapping";
            notes.error(&table.place, text);
        }
        if ids == Ids::Digests {
            let text = "a view cannot be asked for a digest: set ids = \"keys\" in its [[system]]";
            notes.error(&table.place, text);
        }
    }
    if ids == Ids::Keys {
        for kind in &types {
            if mapping.keys_are_nhs_numbers(*kind) {
                let text = format!(
                    "ids of {kind} would be NHS numbers, and ids stand in addresses: \
                                    name another column in `id_from`"
                );
                notes.error(&table.place, text);
            }
            if !mapping.keys_tell_apart(*kind) {
                let text =
                    format!("the names of the tables of {kind} are the same without dots and underscores");
                notes.error(&table.place, text);
            }
        }
    }
    Some(Source { mapping: Arc::new(mapping), types, place, rows_max })
}

fn mapping(site: &Site<'_>, written: &Written<String>) -> Option<Mapping> {
    let path = site.path(written);
    let text = match (Ready::named(&written.value), path.exists()) {
        (Some(ready), false) => ready.text.to_owned(),
        (Some(_) | None, _) => match read_text(&path) {
            Ok(text) => text,
            Err(text) => {
                site.notes.error(&written.place, format!("{}: {text}", path.display()));
                return None;
            }
        },
    };
    match Mapping::load(&path.to_string_lossy(), &text) {
        Ok(mapping) => Some(mapping),
        Err(faults) => {
            for fault in faults.to_string().lines() {
                site.notes.error(&written.place, fault);
            }
            None
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_bounded(path, MAPPING_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

fn place(site: &Site<'_>, table: &SourceTable) -> Option<SourcePlace> {
    let notes = site.notes;
    if table.api.is_some() {
        return api::place(site, table);
    }
    api::refuse(notes, table);
    if let Some(server) = &table.postgres {
        return postgres::place(site, table, server);
    }
    match (&table.folder, &table.sqlite, &table.view) {
        (Some(folder), None, None) => {
            let files = match &table.files {
                None => FileNames::parse("*.csv"),
                Some(written) => written.parsed(notes, |text| {
                    FileNames::parse(text).ok_or("a name of a file in which one `*` may stand is wanted here")
                }),
            };
            let path = site.path(folder);
            if !path.is_dir() {
                notes.error(&folder.place, format!("{}: there is no such folder", path.display()));
            }
            let quiet = SOURCE_QUIET.duration(notes, table.quiet_ms.as_ref());
            Some(SourcePlace::Drop { folder: path, files: files?, quiet })
        }
        (None, Some(file), Some(view)) => {
            for place in table.files.iter().map(|written| &written.place) {
                notes.error(place, "this is for folders only");
            }
            for place in table.quiet_ms.iter().map(|written| &written.place) {
                notes.error(place, "this is for folders only");
            }
            let view = view.parsed(notes, |text| view_name(text));
            Some(SourcePlace::Sqlite { file: site.path(file), view: view? })
        }
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            notes.error(&table.place, "give either `folder`, `sqlite` or `postgres` and `view`, or `api`");
            None
        }
    }
}

/// The name of a view: nothing in it ends it.
pub(super) fn view_name(text: &str) -> Result<String, &'static str> {
    let is_plain = text.len() <= VIEW_LETTERS_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if is_plain { Ok(text.to_owned()) } else { Err("a view is named by letters, digits and underscores") }
}

/// The types that are asked for here: those that are written, or all that the mapping makes.
fn types(notes: &Notebook, table: &SourceTable, mapping: &Mapping) -> BTreeSet<TypeId> {
    let made = mapping.types();
    if table.types.is_empty() {
        return made;
    }
    let found = table.types.iter().filter_map(|written| {
        written.parsed(notes, |text| {
            let known = tables::resource_type(text).filter(|kind| made.contains(kind));
            known.ok_or_else(|| format!("the mapping `{}` makes no such type", mapping.name()))
        })
    });
    found.collect()
}

/// Each type has one source: two could say different things of one resource.
fn serve_once(notes: &Notebook, table: &SystemTable, mapped: &Mapped) {
    let mut seen = BTreeSet::new();
    for (source, written) in mapped.sources.iter().zip(&table.source) {
        for kind in &source.types {
            if !seen.insert(*kind) {
                let text =
                    format!("{kind} has a source already: say in `types` which of them is asked for it");
                notes.error(&written.place, text);
            }
        }
    }
}

/// Without Patients nobody is ever known; what the system is said to prove must be there.
fn serve_enough(notes: &Notebook, table: &SystemTable, mapped: &Mapped) {
    let serves =
        |name: &str| tables::resource_type(name).is_some_and(|kind| mapped.source_of(kind).is_some());
    let is_set = |flag: &Option<Written<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    if !serves("Patient") {
        let text = "no source makes Patients, so that nobody would ever be known: map them";
        notes.error(&table.place, text);
    }
    if is_set(&table.relationship_source) && !TIES.iter().any(|name| serves(name)) {
        let text =
            "no source makes what proves a tie of care (CareTeam, Encounter, EpisodeOfCare, ServiceRequest)";
        notes.error(&table.place, text);
    }
    // A row that cannot be read is left out: it might be a denial.
    if is_set(&table.consent_source) {
        let text = "choices are not taken from a system that is read by mappings: a row that cannot be read would \
                    be a denial that nobody sees; record them at /fhir/Consent";
        notes.error(&table.place, text);
    }
}

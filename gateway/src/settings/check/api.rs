//! `[[system.source]]` with an `api`: where it is, and whether it can be asked for what is needed.

use std::collections::BTreeSet;

use adapters::mapping::Mapping;
use adapters::mapping::pull::Ids;
use fhir::search::names_person_by;
use fhir::tables::{self, TypeId};

use super::super::UpstreamCredentials;
use super::super::mapped::{Api, ApiAsk, SourcePlace, Template};
use super::super::material::Site;
use super::super::problem::Notebook;
use super::super::source_file::{AskTable, SourceTable};
use super::{systems, urls};

/// Where an API is and how it is asked.
pub(super) fn place(site: &Site<'_>, table: &SourceTable) -> Option<SourcePlace> {
    let notes = site.notes;
    let base = table.api.as_ref()?;
    let others = [&table.folder, &table.files, &table.sqlite, &table.view].into_iter().flatten();
    let quiet = table.quiet_ms.iter().map(|written| &written.place);
    let server = table.postgres.iter().map(|server| &server.place);
    for place in others.map(|written| &written.place).chain(quiet).chain(server) {
        notes.error(place, "a source is a folder, a view or an API: this does not go with `api`");
    }
    if let (None, true) = (&table.ca, base.value.starts_with("https:")) {
        let text = "over https the key `ca` must name the authorities its certificate is checked against";
        notes.error(&base.place, text);
    }
    let credentials = match &table.credentials {
        None => UpstreamCredentials::None,
        Some(table) => systems::credentials(site, table)?,
    };
    let ca = table.ca.as_ref().and_then(|written| site.certificates(written));
    let next = table.next.as_ref().map(|written| written.value.split('/').map(str::to_owned).collect());
    let asks = table.ask.iter().filter_map(|table| ask(notes, table)).collect();
    let base = urls::system_base(notes, base);
    Some(SourcePlace::Api(Api { base: base?, ca, credentials, next: next.unwrap_or_default(), asks }))
}

/// What belongs to APIs only.
pub(super) fn refuse(notes: &Notebook, table: &SourceTable) {
    let texts = table.ca.iter().chain(&table.next).map(|written| &written.place);
    let asks = table.ask.iter().filter_map(|ask| ask.kind.as_ref()).map(|written| &written.place);
    for place in texts.chain(asks).chain(table.credentials.iter().map(|table| &table.place)) {
        notes.error(place, "this is for a source with `api` only");
    }
}

/// Whether an API can be asked for each type that is served by it.
pub(super) fn check(
    notes: &Notebook,
    table: &SourceTable,
    mapping: &Mapping,
    (ids, types): (Ids, &BTreeSet<TypeId>),
    place: &SourcePlace,
) {
    let SourcePlace::Api(api) = place else { return };
    if !mapping.reads_json() {
        notes.error(&table.place, "an API answers in JSON: name a mapping of json");
    }
    if ids == Ids::Digests {
        let text = "an API cannot be asked for a digest: set ids = \"keys\" in its [[system]]";
        notes.error(&table.place, text);
    }
    for kind in types {
        let person = if kind.name() == "Patient" { Some("identifier") } else { names_person_by(*kind) };
        for by in ["_id"].into_iter().chain(person) {
            if !api.asks.iter().any(|ask| ask.kind == *kind && ask.by == by) {
                notes.error(&table.place, format!("say in an `ask` how the API is asked for {kind} by {by}"));
            }
        }
    }
}

fn ask(notes: &Notebook, table: &AskTable) -> Option<ApiAsk> {
    let kind = table.kind.as_ref()?;
    let kind =
        kind.parsed(notes, |text| tables::resource_type(text).ok_or("FHIR R4 has no such resource type"));
    let path = table.path.as_ref()?.parsed(notes, |text| {
        Template::parse(text)
            .ok_or("a path with one {id} or {nhs-number} is wanted here, such as \"/residents/{id}\"")
    });
    let kind = kind?;
    let by = table.by.as_ref()?;
    let code = by.parsed(notes, |text| {
        tables::search_parameter(kind, text).ok_or_else(|| format!("{kind} has no such search parameter"))
    });
    Some(ApiAsk { kind, by: code?.code().to_owned(), path: path? })
}

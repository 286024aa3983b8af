//! `[mllp.queries]`: who sends by MLLP may also ask.

use std::collections::BTreeSet;

use adapters::hl7v2::out::Profile;
use fhir::role::SdsRole;
use fhir::tables;

use super::super::inbound_file::QueriesTable;
use super::super::material::Site;
use super::super::problem::{Notebook, Place, did_you_mean};
use super::super::written::Written;
use super::super::{Network, Queries, Settings};
use super::read_text;
use crate::decision::refusal::Refusal;
use crate::person::SystemName;

/// `[mllp.queries]`.
pub(super) fn queries(site: &Site<'_>, table: &QueriesTable, systems: &BTreeSet<&str>) -> Option<Queries> {
    let notes = site.notes;
    let system = table.system.as_ref().and_then(|written| system(notes, written, systems));
    let role = table.role.as_ref().and_then(|written| {
        written
            .parsed(notes, |text| SdsRole::parse(text).map_err(|_| "a job role such as R8014 is wanted here"))
    });
    let profile = match &table.profile {
        None => Some(None),
        Some(written) => profile(site, written).map(Some),
    };
    Some(Queries { system: system?, role: role?, profile: profile? })
}

/// What is answered leaves, so who asks proves who they are: where messages come in plain, only this machine may ask.
pub(super) fn refuse_on_plain(notes: &Notebook, table: &QueriesTable, networks: &[Network]) {
    if networks.iter().any(|network| !network.address.is_loopback()) {
        let text = "queries are answered over TLS to client certificates, or to loopback alone: anybody in `peers` could ask";
        let place = table.system.as_ref().map_or_else(Place::whole, |written| written.place.clone());
        notes.error(&place, text);
    }
}

fn system(notes: &Notebook, written: &Written<String>, systems: &BTreeSet<&str>) -> Option<SystemName> {
    written.parsed(notes, |name| {
        let near = || did_you_mean(name, systems.iter().copied());
        let known = systems.contains(name.as_str()).then(|| SystemName::new(name));
        known.ok_or_else(|| format!("there is no [[system]] of this name{}", near()))
    })
}

/// How a receiver takes messages.
pub(super) fn profile(site: &Site<'_>, written: &Written<String>) -> Option<Profile> {
    let path = site.path(written);
    let read = read_text(&path).and_then(|text| Profile::parse(&text).map_err(|fault| fault.to_string()));
    match read {
        Ok(profile) => Some(profile),
        Err(fault) => {
            site.notes.error(&written.place, format!("{}: {fault}", path.display()));
            None
        }
    }
}

/// A listener whose every query would be refused is a mistake, and a failure of the duty to share.
pub(super) fn warn_of_those_nobody_may_ask(site: &Site<'_>, settings: &Settings) {
    for (number, mllp) in settings.mllp.iter().enumerate() {
        let Some(queries) = &mllp.queries else { continue };
        let Some(system) = settings.system(queries.system.as_str()) else { continue };
        let (holds, asks) = (&system.organisation, &mllp.from);
        let covered = settings.agreements.matching_role(holds, asks, mllp.purpose, queries.role, site.today);
        let patient = tables::resource_type("Patient");
        let refusal = match covered {
            Err(refusal) => refusal,
            Ok(found) if patient.is_some_and(|patient| found.share.types.contains_key(&patient)) => continue,
            Ok(_) => Refusal::TypeNotShared,
        };
        let place = Place::whole().key("mllp", None).item(number, None).key("queries", None);
        let text = format!(
            "every query of {} to `{}` for {} would be refused: {}",
            asks.to_setting(),
            queries.system,
            mllp.purpose,
            refusal.told()
        );
        site.notes.warn(&place, text);
    }
}

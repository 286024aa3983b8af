//! Mappings: what they refuse when they are loaded, what they make of files, and what they promise.

mod back;
mod charsets;
mod corpus;
mod faults;
pub(crate) mod files;
mod goldens;
mod losses;
mod pull;
mod unseen;

use adapters::Context;
use adapters::mapping::{Mapping, Origin};
use fhir::ods_code::OdsCode;

/// The invented council that sends the files.
pub(crate) fn council() -> Context {
    Context::new("council", OdsCode::parse("999").ok(), "Europe/London").unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin::new("drop-7.csv", "2026-03-04T16:15:00Z".parse().unwrap())
}

/// A mapping that must load.
#[track_caller]
pub(crate) fn load(text: &str) -> Mapping {
    match Mapping::load("test.toml", text) {
        Ok(mapping) => mapping,
        Err(faults) => panic!("{faults}"),
    }
}

/// A small mapping of people, one a row, with `more` elements.
pub(crate) fn people(source: &str, more: &str) -> String {
    format!(
        r#"mapping = "people"
[source]
format = "csv"
dates = ["DD/MM/YYYY"]
{source}
[codes.sex]
system = "http://hl7.org/fhir/administrative-gender"
[codes.sex.map]
"1" = "male"
"2" = "female"
[[resource]]
type = "Patient"
name = "person"
id_from = ["ID"]
[resource.elements]
"identifier[local]" = {{ from = "ID", system = "urn:id:people" }}
{more}
"#
    )
}

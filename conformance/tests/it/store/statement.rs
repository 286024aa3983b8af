//! The CapabilityStatement: what the store does, and nothing else.

use super::Fault;
use super::json::Json;
use super::search;
use super::told::Told;

const INTERACTIONS: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

fn codes(codes: &[&str]) -> Json {
    codes.iter().map(|code| Json::object([("code", (*code).into())])).collect::<Vec<_>>().into()
}

fn strings(values: impl IntoIterator<Item: Into<Json>>) -> Json {
    values.into_iter().map(Into::into).collect::<Vec<Json>>().into()
}

fn resource(name: &str, fault: Fault) -> Json {
    let parameters: Vec<Json> = search::parameters(name)
        .iter()
        .map(|(name, kind)| Json::object([("name", (*name).into()), ("type", (*kind).into())]))
        .collect();
    let mut told = Json::object([
        ("type", name.into()),
        (
            "interaction",
            codes(if name == super::rest::SHOWN_ONLY { &["read", "search-type"] } else { &INTERACTIONS }),
        ),
        ("versioning", "versioned".into()),
        ("readHistory", true.into()),
        ("updateCreate", (fault != Fault::UpsertNotClaimed).into()),
        ("conditionalCreate", true.into()),
        ("conditionalRead", "full-support".into()),
        ("conditionalUpdate", true.into()),
        ("conditionalDelete", "single".into()),
    ]);
    let followed =
        [("searchInclude", search::includes(name)), ("searchRevInclude", search::revincludes(name))];
    for (member, values) in followed.into_iter().filter(|(_, values)| !values.is_empty()) {
        told.set(member, strings(values));
    }
    told.set("searchParam", parameters.into());
    told
}

/// The statement.
pub(crate) fn statement(base: &str, fault: Fault) -> Told {
    let resources: Vec<Json> = fhir::tables::resource_types()
        .filter(|found| found.name() != super::rest::UNKEPT)
        .map(|found| resource(found.name(), fault))
        .collect();
    let rest = Json::object([
        ("mode", "server".into()),
        ("resource", resources.into()),
        ("interaction", codes(&["transaction", "batch"])),
    ]);
    let implementation =
        Json::object([("description", "a store in memory, for tests".into()), ("url", base.into())]);
    let formats: Vec<Json> = vec!["application/fhir+json".into(), "application/fhir+xml".into()];
    let statement = Json::object([
        ("resourceType", "CapabilityStatement".into()),
        ("status", "active".into()),
        ("date", "2026-01-01".into()),
        ("kind", "instance".into()),
        ("implementation", implementation),
        ("fhirVersion", "4.0.1".into()),
        ("format", formats.into()),
        ("patchFormat", vec!["application/json-patch+json".into()].into()),
        ("rest", vec![rest].into()),
    ]);
    Told::with(200, statement)
}

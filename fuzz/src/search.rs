//! The search grammar: what is written anew from a query is read as the same query, and means the same.
//!
//! An input is a type, a line feed, and a query.

use std::sync::LazyLock;

use bytes::Bytes;
use fhir::json::{Document, Limits, parse};
use fhir::reference::Bases;
use fhir::search::grammar::{self, Escaped, Name, PARAMETERS_MAX, Parameter, VALUES_MAX};
use fhir::search::{SearchQuery, form};
use fhir::tables::resource_type;

/// Something to search, with what most parameters read.
static RECORDS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let read = |text: &str| parse(Bytes::from(text.to_owned()), &Limits::default());
    include_str!("records.jsonl").lines().filter_map(|line| read(line).ok()).collect()
});

/// Whether the query, written anew, is still the same.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (owner, query) = text.split_once('\n').unwrap_or(("Observation", text));
    let Ok(parameters) = grammar::parse(query) else { return };
    assert!(parameters.len() <= PARAMETERS_MAX, "more parameters than are taken");
    assert!(
        parameters.iter().all(|one| (1..=VALUES_MAX).contains(&one.values.len())),
        "more values than are taken"
    );
    let again = grammar::parse(&form(parameters.iter().map(pair)));
    assert!(again.as_ref().is_ok_and(|again| *again == parameters), "other parameters when written anew");
    parameters.iter().flat_map(|one| &one.values).for_each(escaped);

    let bases = Bases::new(["https://ehr.example/fhir"]).unwrap_or_else(|_| Bases::none());
    let Some(owner) = resource_type(owner) else { return };
    let Ok(first) = SearchQuery::compile(owner, &parameters, &bases) else { return };
    let whole = first.to_whole_form();
    let read = grammar::parse(&whole).map(|read| SearchQuery::compile(owner, &read, &bases));
    let Ok(Ok(second)) = read else { panic!("our own form is not read") };
    assert_eq!(second.to_whole_form(), whole, "the form changes");
    assert_eq!(second.to_form(), first.to_form(), "the criteria change");
    assert_eq!(second.named_persons(), first.named_persons(), "other persons are named");
    assert_eq!(second.criteria().len(), first.criteria().len());
    for (one, other) in first.criteria().iter().zip(second.criteria()) {
        assert_eq!(one.polarity(), other.polarity(), "the polarity changes");
        assert_eq!(one.reads(), other.reads(), "other elements are read");
    }
    assert_eq!(first.contradicts_itself(), second.contradicts_itself());
    for record in RECORDS.iter() {
        assert_eq!(
            first.matches(record.root(), &bases),
            second.matches(record.root(), &bases),
            "it means another"
        );
    }
    let plain = |form: &str| !form.contains(['\\', '|', ',', '/', ' ', '+', '"']);
    assert!(plain(&whole), "a form holds what must be escaped");
}

/// A parameter as it is read again.
fn pair(parameter: &Parameter) -> (String, String) {
    let name = match &parameter.name {
        Name::Plain { code, modifier: None } => code.clone(),
        Name::Plain { code, modifier: Some(modifier) } => format!("{code}:{modifier}"),
        Name::Chain(name) | Name::Has(name) => name.clone(),
    };
    let values: Vec<&str> = parameter.values.iter().map(Escaped::as_str).collect();
    (name, values.join(","))
}

/// A value says the same when its escapes are undone and made anew.
fn escaped(value: &Escaped) {
    let plain = value.plain();
    assert_eq!(Escaped::of(&plain).plain(), plain, "an escape changes the text");
    assert!(value.split(',').len() == 1, "an alternative holds alternatives");
    let parts = value.split('|');
    let joined: Vec<&str> = parts.iter().map(Escaped::as_str).collect();
    assert_eq!(joined.join("|"), value.as_str(), "parts are lost");
}

//! What `where` says: each condition checked against the R4 tables.

use fhir::path::{ElementPath, Step};
use fhir::tables::{TypeId, TypeKind};

use super::super::criterion::{Criterion, Place};
use super::super::file::WhereTable;
use crate::settings::check::each_once;
use crate::settings::problem::Notebook;
use crate::settings::written::Written;

/// How deep `any` and `all` may stand inside each other.
const DEPTH_MAX: usize = 4;
/// Types of elements whose values are compared letter by letter.
const TEXTS: [&str; 8] = ["string", "id", "uri", "url", "canonical", "oid", "uuid", "markdown"];
/// Media types of content that holds resources, messages or anything at all in a form which is not looked into.
const CLOSED: [&str; 16] = [
    "application/fhir+xml",
    "application/fhir+turtle",
    "application/fhir+ndjson",
    "application/hl7-v2",
    "application/hl7-v2+xml",
    "application/hl7-cda+xml",
    "application/hl7-sda+xml",
    "x-application/hl7-v2+er7",
    "x-application/hl7-v2+xml",
    "application/cda+xml",
    "text/turtle",
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/x-tar",
    "application/x-7z-compressed",
];
/// Beginnings of the names of others.
const CLOSED_KINDS: [&str; 4] =
    ["message/", "multipart/", "application/vnd.openxmlformats-", "application/vnd.oasis.opendocument"];

/// How the values of an element are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// `code`: without a system.
    Bare,
    /// Coding and CodeableConcept: `system|code`.
    WithSystem,
    /// As they stand.
    Text,
    /// `true` or `false`.
    Flag,
    /// `contentType`.
    MediaType,
}

/// The conditions of a table.
pub(super) fn of_table(notes: &Notebook, owner: TypeId, table: &WhereTable) -> Vec<Criterion> {
    conditions(notes, owner, table, DEPTH_MAX)
}

fn conditions(notes: &Notebook, owner: TypeId, table: &WhereTable, depth: usize) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    for (key, values) in &table.values {
        criteria.extend(compared(notes, owner, key, values));
    }
    let places = |written: &[Written<String>]| -> Vec<Place> {
        written.iter().filter_map(|one| place(notes, owner, one)).collect()
    };
    criteria.extend(places(&table.present).into_iter().map(Criterion::Present));
    criteria.extend(places(&table.absent).into_iter().map(Criterion::Absent));
    if depth == 0 && !(table.any.is_empty() && table.all.is_empty()) {
        notes.error(&table.place, "conditions stand too deep inside each other: say it in fewer steps");
        return criteria;
    }
    let inside = |table: &WhereTable| {
        if table.is_empty() {
            notes.error(&table.place, "says nothing: name a condition, or remove the braces");
        }
        if let Some(label) = table.not_labelled.first() {
            let text =
                "a label keeps a resource out whatever else holds: write not_labelled beside `any` and `all`";
            notes.error(&label.place, text);
        }
        conditions(notes, owner, table, depth.saturating_sub(1))
    };
    criteria.extend(table.all.iter().flat_map(inside));
    if !table.any.is_empty() {
        criteria.push(Criterion::Any(table.any.iter().map(inside).collect()));
    }
    criteria
}

fn place(notes: &Notebook, owner: TypeId, written: &Written<String>) -> Option<Place> {
    let path = written.parsed(notes, |text| ElementPath::parse(owner, text))?;
    let place = Place::of(path);
    if place.is_none() {
        let text = "a condition looks at an element: not at an extension, nor at single items of a list";
        notes.error(&written.place, text);
    }
    place
}

/// A key of `where` that is an element, with the values of which it must have one.
fn compared(
    notes: &Notebook,
    owner: TypeId,
    key: &Written<String>,
    values: &[Written<String>],
) -> Option<Criterion> {
    let element = place(notes, owner, key)?;
    let Some(how) = how(element.path()) else {
        let text = "name an element that holds a code, a text, an id, or true or false; whether another one is there is \
                    asked by present = [...] and absent = [...]";
        notes.error(&key.place, text);
        return None;
    };
    if values.is_empty() {
        notes.error(&key.place, "name at least one value, or remove the key: no resource could match");
        return None;
    }
    Some(match how {
        Values::Bare | Values::WithSystem => {
            Criterion::Code { element, codes: each_once(notes, values, |text| code(how, text)) }
        }
        Values::Text => Criterion::Text { element, texts: each_once(notes, values, text) },
        Values::Flag => Criterion::Text { element, texts: each_once(notes, values, flag) },
        Values::MediaType => Criterion::MediaType { element, types: each_once(notes, values, media_type) },
    })
}

fn how(path: &ElementPath) -> Option<Values> {
    let (last, before) = path.steps().split_last()?;
    if let Step::Identifier(_) = last {
        return Some(Values::Text);
    }
    let mut types = vec![path.owner()];
    for step in before {
        types = step.leads_to(&types);
    }
    let is_content = |owner: &TypeId| matches!(owner.name(), "Attachment" | "Binary");
    if last.element() == "contentType" && types.iter().any(is_content) {
        return Some(Values::MediaType);
    }
    let mut found = None;
    for of in last.leads_to(&types) {
        match of.name() {
            "Coding" | "CodeableConcept" => return Some(Values::WithSystem),
            "code" => found = Some(Values::Bare),
            "boolean" => found = Some(Values::Flag),
            name if TEXTS.contains(&name) => found = Some(Values::Text),
            // Element.id and Resource.id are texts under a name of their own.
            _ if last.element() == "id" && of.kind() == TypeKind::Text => found = Some(Values::Text),
            _ => {}
        }
    }
    found
}

fn code(how: Values, text: &str) -> Result<(String, String), &'static str> {
    match (how, text.rsplit_once('|')) {
        (Values::WithSystem, Some((system, code))) if !system.is_empty() && !code.is_empty() => {
            Ok((system.to_owned(), code.to_owned()))
        }
        (Values::WithSystem, _) => {
            Err("a code is written as system|code: the same code means other things elsewhere")
        }
        (_, None) if !text.is_empty() => Ok((String::new(), text.to_owned())),
        (_, _) => Err("this element has plain codes: write the code without a system"),
    }
}

fn text(text: &str) -> Result<String, &'static str> {
    match text.trim().is_empty() {
        true => Err("write the text as it stands in the record, letter by letter"),
        false => Ok(text.to_owned()),
    }
}

fn flag(text: &str) -> Result<String, &'static str> {
    match text {
        "true" | "false" => Ok(text.to_owned()),
        _ => Err("this element is true or false: write \"true\" or \"false\""),
    }
}

fn media_type(text: &str) -> Result<String, &'static str> {
    if CLOSED.contains(&text) || CLOSED_KINDS.iter().any(|kind| text.starts_with(kind)) {
        return Err("content in this form is not looked into, so it is never shared: remove it");
    }
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$&-^_.+".contains(&byte)
            })
    };
    match text.split_once('/') {
        Some((kind, form)) if token(kind) && token(form) => Ok(text.to_owned()),
        Some(_) | None => {
            Err("write a media type in small letters and without parameters, such as \"application/pdf\"")
        }
    }
}

/// A Binary says nothing of what is in it but its media type: which ones are shared must be said.
pub(super) fn names_media_types(criteria: &[Criterion]) -> bool {
    criteria.iter().any(|criterion| matches!(criterion, Criterion::MediaType { .. }))
}

/// No element of a resource is called as a word of `where`.
#[cfg(test)]
mod tests {
    use fhir::tables;

    #[test]
    fn no_element_is_called_as_a_word_of_a_condition() {
        for word in ["present", "absent", "any", "all", "not_labelled"] {
            for owner in tables::resource_types() {
                assert!(tables::element_named(owner, word).is_none(), "{owner}.{word}");
            }
        }
    }
}

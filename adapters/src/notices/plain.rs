//! A notice as the data items of the standard: a line for each, its name, a tabulator or a colon, and its value.

use super::Fault;
use super::dom::Element;
use super::fields::{Field, Kind, Role};
use super::maps::Maps;
use super::walk::place;
use crate::{Context, Refused, identity};

/// The most lines; there are fewer data items.
const LINES_MAX: usize = 1_000;
const TYPE: &str = "Notice Type";
/// The most letters that are told of a type that is not known.
const TYPE_MAX: usize = 24;

/// Whether `input` can be lines of data items, and no Bundle.
pub(super) fn is_plain(input: &[u8]) -> bool {
    let start = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii_start();
    start.first().is_some_and(u8::is_ascii_alphabetic)
}

/// Makes the message of DSTU2 that says what the lines of `input` say.
pub(super) fn read(input: &[u8], maps: &Maps, context: &Context) -> Result<Element, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let text =
        std::str::from_utf8(input).map_err(|error| Refused::Encoding { offset: error.valid_up_to() })?;
    let mut said: Vec<(&Field, &str)> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if line > LINES_MAX {
            return Err(Refused::TooLarge { max: LINES_MAX, unit: "lines" });
        }
        if text.trim().is_empty() {
            continue;
        }
        let (name, value) =
            text.split_once('\t').or_else(|| text.split_once(':')).ok_or(Fault::Line { line })?;
        let known = |field: &&Field| field.name.eq_ignore_ascii_case(name.trim());
        let field = maps.data_set.fields.iter().find(known).ok_or(Fault::Line { line })?;
        if said.iter().any(|(held, _)| held.name == field.name) {
            return Err(Fault::Line { line }.into());
        }
        if !value.trim().is_empty() {
            said.push((field, value.trim()));
        }
    }
    // In the order of the table, so that lines of an address come as they are numbered.
    let order = |name: &str| maps.data_set.fields.iter().position(|field| field.name == name);
    said.sort_by_key(|(field, _)| order(field.name));
    message(&said, maps, context)
}

/// That notices of the type `name` are not translated, by its letters alone.
fn unknown(name: &str) -> Refused {
    let plain = |letter: &char| letter.is_ascii_alphabetic() || *letter == ' ';
    Refused::UnknownType { name: name.chars().filter(plain).take(TYPE_MAX).collect() }
}

fn message(said: &[(&Field, &str)], maps: &Maps, context: &Context) -> Result<Element, Refused> {
    let value = |name: &str| said.iter().find(|(field, _)| field.name == name).map(|(_, value)| *value);
    let id = value("Notice Identifier").unwrap_or_default();
    let code = value(TYPE).map(|name| maps.data_set.code(name).ok_or_else(|| unknown(name))).transpose()?;
    let kind = code.and_then(|code| maps.data_set.notice(code));
    let url = |role: &str| format!("urn:uuid:{}", identity::id(context.source(), id, role));
    let mut bundle = Element::default();
    for (name, value) in [("resourceType", "Bundle"), ("type", "message")] {
        bundle.push(Element::with_value(name, value));
    }
    let named = |role: Role| said.iter().any(|(field, _)| field.place.role == role);
    let there = |role: Role| match role {
        Role::Header | Role::Request | Role::Patient => true,
        // The stay is what leads to these.
        Role::Encounter => [role, Role::Hospital, Role::Ward, Role::Condition].into_iter().any(named),
        Role::Council => named(role) || named(Role::Team),
        Role::Liaison
        | Role::Clinician
        | Role::Hospital
        | Role::Ward
        | Role::Team
        | Role::Answers
        | Role::Condition => named(role),
    };
    for (role, name, resource) in Role::ALL.into_iter().filter(|(role, _, _)| there(*role)) {
        let mut held = Element::new("resource");
        held.push(Element::with_value("resourceType", resource));
        for (field, value) in said.iter().filter(|(field, _)| field.place.role == role) {
            let last = field.place.steps.last().map(|step| step.name).unwrap_or_default();
            let value = if field.name == TYPE { code.unwrap_or(value) } else { value };
            let mut made = Element::with_value(last, &day(field, value).unwrap_or_else(|| value.to_owned()));
            made.called = Some(field.name.to_owned());
            maps.data_set.put(&mut held, &field.place.steps, made);
        }
        let put = |held: &mut Element, steps: &[super::fields::Step], value: &str| {
            let last = steps.last().map(|step| step.name).unwrap_or_default();
            maps.data_set.put(held, steps, Element::with_value(last, value));
        };
        for (place, value) in maps.data_set.sets.iter().filter(|(place, _)| place.role == role) {
            put(&mut held, &place.steps, value);
        }
        if role == Role::Request {
            let status = if kind == Some(Kind::Withdrawal) { "cancelled" } else { "requested" };
            held.push(Element::with_value("status", status));
        }
        if role == Role::Header {
            for (name, code) in
                [("source", value("Hospital Site Code")), ("destination", value("Local Authority ODS Code"))]
            {
                if let Some(code) = code {
                    let endpoint = format!("urn:nhs-uk:addressing:ods:{code}");
                    let names = [name.to_owned(), "endpoint".to_owned()];
                    place(&mut held, &names, Element::with_value("endpoint", &endpoint));
                }
            }
        }
        for (place, to) in maps.data_set.links.iter().filter(|(place, to)| place.role == role && there(*to)) {
            let Some((_, to, _)) = Role::ALL.into_iter().find(|(held, _, _)| held == to) else { continue };
            let last = place.steps.last().map(|step| step.name).unwrap_or_default();
            let mut reference = Element::new(last);
            reference.push(Element::with_value("reference", &url(to)));
            maps.data_set.put(&mut held, &place.steps, reference);
        }
        let mut entry = Element::new("entry");
        entry.push(Element::with_value("fullUrl", &url(name)));
        held.called = Some(format!("data items of {name}"));
        entry.push(held);
        bundle.push(entry);
    }
    Ok(bundle)
}

/// A day as people write it here, the day of the month first, as FHIR does. Whether there is such a day is seen later.
fn day(field: &Field, value: &str) -> Option<String> {
    if !field.name.ends_with(" Date") {
        return None;
    }
    let mut parts = value.split('/');
    let mut next = |longest: usize| {
        let part = parts.next()?;
        let is_number =
            !part.is_empty() && part.len() <= longest && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(part)
    };
    let (day, month, year) = (next(2)?, next(2)?, next(4)?);
    (year.len() == 4 && parts.next().is_none()).then(|| format!("{year}-{month:0>2}-{day:0>2}"))
}

/// Writes the data items of a message of DSTU2.
pub(super) fn write(bundle: &Element, maps: &Maps) -> Vec<u8> {
    let mut out = String::new();
    for field in &maps.data_set.fields {
        let resource = field.place.role.resource(bundle);
        let found = resource.and_then(|resource| maps.data_set.find(resource, &field.place.steps));
        if let Some(value) = found.and_then(|found| found.value.as_deref()) {
            let value = if field.name == TYPE { maps.data_set.name(value).unwrap_or(value) } else { value };
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            out.push_str(&format!("{}\t{value}\n", field.name));
        }
    }
    out.into_bytes()
}

//! What no release can say: a time that does not exist, an NHS number that is none.

use fhir::identifier::NHS_NUMBER;
use fhir::instant::{DateTime, InvalidDateTime};
use fhir::nhs_number::NhsNumber;
use fhir::tables::Element;

use super::Fault;
use super::walk::Walk;
use crate::sound::is_reversed;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// A time that does not exist is left out, with a loss; of one whose time of day cannot be read, the date stays. What
/// must be there says that it is not known.
pub(super) fn time(
    walk: &mut Walk<'_>,
    found: &Element,
    value: Option<Node>,
    beside: &mut Option<Object>,
) -> Result<Option<Node>, Fault> {
    let (Some(Node::Text(text)), Some(kind)) = (&value, found.only_type()) else { return Ok(value) };
    let read = match kind.name() {
        "date" => DateTime::parse_date(text),
        "dateTime" => DateTime::parse(text),
        "instant" => DateTime::parse_instant(text),
        "time" => DateTime::parse(&format!("2000-01-01T{text}Z")),
        _ => return Ok(value),
    };
    let Err(fault) = read else { return Ok(value) };
    walk.lose(Why::NotATime, Severity::Major)?;
    let (date, rest) = text.split_at_checked(10).unwrap_or_default();
    let is_dated = kind.name() == "dateTime" && rest.starts_with('T') && fault == InvalidDateTime::Shape;
    if is_dated && DateTime::parse_date(date).is_ok() {
        return Ok(Some(Node::text(date)));
    }
    // A parameter or an extension has a value, or says nothing at all.
    let is_value = walk.path.rsplit('.').next().is_some_and(|last| last.starts_with("value"));
    if (found.min() > 0 || is_value)
        && let Node::Object(absent) = Node::absent("unknown")
    {
        let held = beside.get_or_insert_default();
        for (name, node) in absent.into_members() {
            let Node::List(all) = node else { continue };
            for extension in all {
                held.push(name.as_str(), extension);
            }
        }
    }
    Ok(None)
}

/// What may be wrong in an object of the type `kind`, if anything.
pub(super) fn complex(walk: &mut Walk<'_>, kind: &str, object: &mut Object) -> Result<(), Fault> {
    match kind {
        "Identifier" => identifier(walk, object),
        "Period" => period(walk, object),
        _ => Ok(()),
    }
}

/// An Identifier that is called an NHS number and is none has no system; one that is written with gaps is written
/// without.
fn identifier(walk: &mut Walk<'_>, object: &mut Object) -> Result<(), Fault> {
    if !matches!(object.find("system"), Some(Node::Text(system)) if system == NHS_NUMBER) {
        return Ok(());
    }
    let Some(Node::Text(value)) = object.find("value") else { return Ok(()) };
    let digits: String = value.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    match NhsNumber::parse(&digits) {
        Ok(_) if digits == *value => Ok(()),
        Ok(_) => {
            object.put("value", Node::Text(digits));
            walk.lose(Why::NotOfType, Severity::Trivial)
        }
        Err(_) => {
            object.take("system");
            walk.lose(Why::NotAnNhsNumber, Severity::Major)
        }
    }
}

/// A Period that ends before it begins has no end: `per-1` of every release.
fn period(walk: &mut Walk<'_>, object: &mut Object) -> Result<(), Fault> {
    if !is_reversed(object) {
        return Ok(());
    }
    object.remove("end");
    walk.lose(Why::EndsBeforeStart, Severity::Major)
}

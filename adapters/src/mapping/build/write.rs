//! Small pieces of JSON.

use std::ops::Range;

use crate::mapping::plan::{Field, Form};
use crate::sound::ends_before;

/// Whether a comma stands before the next member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Comma {
    /// Nothing is before it.
    None,
    /// The id of the resource is before it.
    First,
    Next,
}

impl Comma {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::First | Self::Next => out.push(b','),
        }
    }
}

pub(super) fn start_of_list(out: &[u8]) -> bool {
    out.last() == Some(&b'[')
}

/// A required element that the source does not have.
pub(super) fn absent(field: &Field, out: &mut Vec<u8>) {
    const REASON: &[u8] =
        b"{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\
        \"valueCode\":\"unknown\"}]}";
    out.extend_from_slice(if field.is_primitive { b"\"_" } else { b"\"" });
    out.extend_from_slice(field.key.as_bytes());
    out.extend_from_slice(b"\":");
    match field.form {
        Form::One => out.extend_from_slice(REASON),
        Form::List => {
            out.push(b'[');
            out.extend_from_slice(REASON);
            out.push(b']');
        }
    }
}

/// The bounds of a Period while it is written.
#[derive(Debug)]
pub(super) enum Bounds {
    /// It is no Period.
    Other,
    /// What stands of it, as a quoted time.
    Period { start: Option<String>, end: Option<String> },
}

impl Bounds {
    /// Those of an object of these fields.
    pub(super) fn of(fields: &[Field]) -> Self {
        let is_bound = |field: &Field| matches!(field.key, "start" | "end");
        match fields.len() == 2 && fields.iter().all(is_bound) {
            true => Self::Period { start: None, end: None },
            false => Self::Other,
        }
    }

    /// Whether the member just written at `place` makes it end before it begins.
    pub(super) fn are_reversed_by(&mut self, field: &Field, place: Range<usize>, out: &[u8]) -> bool {
        let Self::Period { start, end } = self else { return false };
        let written = out.get(place).unwrap_or_default();
        let mut quoted = written.rsplit(|byte| *byte == b'"').skip(1);
        let said = quoted.next().map(|time| String::from_utf8_lossy(time).into_owned());
        let held = if field.key == "start" { &mut *start } else { &mut *end };
        *held = said;
        match (start, end) {
            (Some(start), Some(end)) => ends_before(start, end),
            _ => false,
        }
    }
}

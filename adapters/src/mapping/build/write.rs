//! Small pieces of JSON.

use crate::mapping::plan::{Field, Form};

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

//! FHIR as XML, and FHIR that stays in its release: read strictly, written again.

use std::io::{self, Write};

use fhir::json;
use fhir::tables::Release;
use fhir::xml;

use super::Written;
use crate::commands::Exit;

/// Writes the resource `input` again, from JSON or XML. What its release does not know is refused by its path: nothing is lost.
pub(super) fn again(
    input: &[u8],
    release: Release,
    written: Written,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let text = match input.trim_ascii_start() {
        [b'<', ..] | [0xef, 0xbb, 0xbf, b'<', ..] => xml::to_json_of(release, input, &xml::Limits::default()),
        _ => Ok(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii().to_vec()),
    };
    let text = match text {
        Ok(text) => text,
        Err(refused) => return refuse(err, &refused),
    };
    match (written, checked(&text, release)) {
        (_, Err(refused)) => refuse(err, &refused),
        (Written::Json, Ok(_)) => ended(out, &text),
        (Written::Xml, Ok(document)) => ended(out, &document),
    }
}

/// Writes a Bundle as XML.
pub(super) fn xml(
    bundle: &[u8],
    release: Release,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    match checked(bundle, release) {
        Ok(document) => ended(out, &document),
        Err(refused) => refuse(err, &refused),
    }
}

/// A resource as XML, which says nothing that its release does not know.
fn checked(text: &[u8], release: Release) -> Result<Vec<u8>, String> {
    let document =
        json::parse(text.to_vec().into(), &json::Limits::default()).map_err(|refused| refused.to_string())?;
    xml::from_json_of(release, document.root(), &xml::Limits::default())
        .map_err(|refused| refused.to_string())
}

fn ended(out: &mut dyn Write, text: &[u8]) -> io::Result<Exit> {
    out.write_all(text)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(Exit::Held)
}

fn refuse(err: &mut dyn Write, why: &dyn std::fmt::Display) -> io::Result<Exit> {
    writeln!(err, "refused: {why}")?;
    Ok(Exit::BadInput)
}

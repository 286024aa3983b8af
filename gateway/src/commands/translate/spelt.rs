//! FHIR in the syntax that was asked for.

use std::io::{self, Write};

use fhir::json::{self, Invalid};
use fhir::tables::Release;
use fhir::xml::{self, InvalidXml, Unwritable};

use super::BYTES_MAX;
use super::formats::Syntax;
use crate::commands::Exit;

/// Why something is not written in a syntax, or not read. Nothing of the content is in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unspelt {
    #[error("xml is one document, and here are several: leave --format out, or translate one at a time")]
    Several,
    #[error("not fhir json: {0}")]
    Json(#[from] Invalid),
    #[error("not fhir xml of this release: {0}")]
    Xml(#[from] InvalidXml),
    #[error("fhir cannot say it in xml: {0}")]
    Unwritable(#[from] Unwritable),
}

/// Writes documents one after the other. An only one in XML is held back until it is known to be the only one.
pub(super) struct Speller<'o> {
    syntax: Syntax,
    release: Release,
    out: &'o mut dyn Write,
    held: Option<Vec<u8>>,
    several: bool,
}

impl<'o> Speller<'o> {
    pub(super) fn new(syntax: Syntax, release: Release, out: &'o mut dyn Write) -> Self {
        Self { syntax, release, out, held: None, several: false }
    }

    /// Takes a document in JSON. That there are several where only one may be is said at the end.
    pub(super) fn add(&mut self, document: &[u8]) -> Result<io::Result<()>, Unspelt> {
        match self.syntax {
            Syntax::Json => Ok(self.out.write_all(document).and_then(|()| self.out.write_all(b"\n"))),
            Syntax::Xml if self.held.is_some() => {
                self.several = true;
                Ok(Ok(()))
            }
            Syntax::Xml => {
                self.held = Some(xml_of(self.release, document)?);
                Ok(Ok(()))
            }
        }
    }

    /// Writes what was held back, or nothing of it where more came.
    pub(super) fn end(self) -> io::Result<Result<(), Unspelt>> {
        if self.several {
            return Ok(Err(Unspelt::Several));
        }
        if let Some(held) = self.held {
            self.out.write_all(&held)?;
            self.out.write_all(b"\n")?;
        }
        self.out.flush()?;
        Ok(Ok(()))
    }
}

fn limits() -> (json::Limits, xml::Limits) {
    // What comes in is at most `BYTES_MAX`; the other syntax is some times as long.
    let bytes_max = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX).saturating_mul(8);
    (
        json::Limits { bytes_max, ..json::Limits::default() },
        xml::Limits { bytes_max, ..xml::Limits::default() },
    )
}

fn xml_of(release: Release, document: &[u8]) -> Result<Vec<u8>, Unspelt> {
    let (json_limits, limits) = limits();
    let parsed = json::parse(document.to_vec().into(), &json_limits)?;
    Ok(xml::from_json_of(release, parsed.root(), &limits)?)
}

/// A resource in JSON, whichever of the two `input` is.
pub(super) fn as_json(input: &[u8], release: Release) -> Result<Vec<u8>, Unspelt> {
    match input.trim_ascii_start() {
        [b'<', ..] | [0xef, 0xbb, 0xbf, b'<', ..] => {
            Ok(xml::to_json_of(release, input.trim_ascii_start(), &limits().1)?)
        }
        // Windows senders put a mark before it.
        _ => Ok(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).to_vec()),
    }
}

/// Writes a resource of `release` in the syntax that is asked for. What its tables do not know is refused, in JSON too:
/// whatever comes out can be said in both.
pub(super) fn again(
    input: &[u8],
    (release, syntax): (Release, Syntax),
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let spelt =
        as_json(input, release).and_then(|json| xml_of(release, &json)).and_then(|xml| match syntax {
            Syntax::Xml => Ok(xml),
            Syntax::Json => Ok(xml::to_json_of(release, &xml, &limits().1)?),
        });
    match spelt {
        Ok(spelt) => {
            out.write_all(&spelt)?;
            out.write_all(b"\n")?;
            out.flush()?;
            Ok(Exit::Held)
        }
        Err(refused) => {
            writeln!(err, "refused: {refused}")?;
            Ok(Exit::BadInput)
        }
    }
}

//! `portcullis translate --mapping`: a file by a mapping, record by record.

use std::cell::Cell;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use adapters::Context;
use adapters::mapping::social::Ready;
use adapters::mapping::{Explanation, Mapping, Origin, Records, Refused};
use fhir::tables::Release;
use jiff::Timestamp;

use super::back;
use super::formats::Syntax;
use super::progress::{Counted, Progress, Watched};
use super::spelt::Speller;
use crate::commands::Exit;

/// The most that is read of a mapping file.
const MAPPING_BYTES_MAX: u64 = 4 << 20;
/// What is gathered of the Bundles before it is written.
const OUT_BYTES: usize = 1 << 16;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// A Bundle a line, or one in XML.
    Bundles(Syntax),
    /// The rows that Bundles came from.
    Rows,
    /// Where everything of this record went, counted from 1.
    Explanation(usize),
}

/// Reads a mapping: a file, or a ready one by its name. What is wrong with it is written to `err`.
pub(super) fn load(path: &Path, err: &mut dyn Write) -> io::Result<Result<Mapping, Exit>> {
    let mut text = String::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            file.take(MAPPING_BYTES_MAX).read_to_string(&mut text)?;
        }
        Err(fault) => match path.to_str().and_then(Ready::named) {
            Some(ready) => text.push_str(ready.text),
            None => {
                writeln!(err, "{} is not readable: {}", path.display(), fault.kind())?;
                return Ok(Err(Exit::Io));
            }
        },
    }
    match Mapping::load(&path.to_string_lossy(), &text) {
        Ok(mapping) => Ok(Ok(mapping)),
        Err(faults) => {
            writeln!(err, "{faults}")?;
            Ok(Err(Exit::Settings))
        }
    }
}

/// A file, and what is known about it.
pub(super) struct Document<'f> {
    /// Its name; empty when it has none.
    pub(super) name: &'f str,
    pub(super) input: &'f mut dyn Read,
    /// Its bytes, where they are known before they are read.
    pub(super) bytes: Option<u64>,
}

/// Translates a file: Bundles or an explanation to `out`, losses and refusals to `err`.
pub(super) fn run(
    mapping: &Mapping,
    wanted: Wanted,
    document: Document<'_>,
    (context, received, watched): (&Context, Timestamp, Watched),
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let origin = Origin::new(document.name, received);
    match wanted {
        Wanted::Explanation(number) => {
            explanation(mapping.explain(document.input, context, &origin, number), number, out, err)
        }
        Wanted::Rows => {
            let mut out = BufWriter::with_capacity(OUT_BYTES, out);
            let ended = back::rows(mapping, document.input, context, (&mut out, err))?;
            out.flush()?;
            Ok(ended)
        }
        Wanted::Bundles(syntax) => {
            let seen = Cell::new(0);
            let mut progress = Progress::new(err, watched, &seen, document.bytes);
            let input = Counted { reader: document.input, seen: &seen };
            let mut out = BufWriter::with_capacity(OUT_BYTES, out);
            let ended = bundles(
                mapping.records(input, context, &origin),
                Speller::new(syntax, Release::R4, &mut out),
                &mut progress,
            )?;
            out.flush()?;
            progress.end()?;
            Ok(ended)
        }
    }
}

fn explanation(
    told: Result<Option<Explanation>, Refused>,
    number: usize,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    match told {
        Ok(Some(explanation)) => {
            write!(out, "{explanation}")?;
            return Ok(Exit::Held);
        }
        Ok(None) => writeln!(err, "refused: the file has no record {number}")?,
        Err(refused) => writeln!(err, "refused: {refused}")?,
    }
    Ok(Exit::BadInput)
}

fn bundles(
    records: Result<Records<'_, Counted<'_>>, Refused>,
    mut out: Speller<'_>,
    progress: &mut Progress<'_>,
) -> io::Result<Exit> {
    let mut records = match records {
        Ok(records) => records,
        Err(refused) => {
            progress.line(format_args!("refused: {refused}"))?;
            return Ok(Exit::BadInput);
        }
    };
    let mut ended = Exit::Held;
    for record in records.by_ref() {
        match record {
            Ok(translated) => {
                match out.add(&translated.bundle) {
                    Ok(written) => written?,
                    Err(refused) => {
                        ended = Exit::BadInput;
                        progress.line(format_args!("refused: {refused}"))?;
                        progress.step()?;
                        continue;
                    }
                }
                for loss in &translated.losses {
                    progress.line(format_args!("{loss}"))?;
                }
            }
            Err(refused) => {
                ended = Exit::BadInput;
                progress.line(format_args!("refused: {refused}"))?;
            }
        }
        progress.step()?;
    }
    if let Err(refused) = out.end()? {
        progress.line(format_args!("refused: {refused}"))?;
        return Ok(Exit::BadInput);
    }
    for loss in records.outside() {
        progress.line(format_args!("{loss}"))?;
    }
    Ok(ended)
}

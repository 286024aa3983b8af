//! `portcullis translate --mapping`: a file by a mapping, record by record.

use std::io::{self, Read, Write};
use std::path::Path;

use adapters::Context;
use adapters::mapping::social::Ready;
use adapters::mapping::{Mapping, Origin};
use jiff::Timestamp;

use crate::commands::Exit;

/// The most that is read of a mapping file.
const MAPPING_BYTES_MAX: u64 = 4 << 20;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// A Bundle a line.
    Bundles,
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

/// Translates a file: Bundles or an explanation to `out`, losses and refusals to `err`.
pub(super) fn run(
    mapping: &Mapping,
    wanted: Wanted,
    input: &mut dyn Read,
    (context, document, received): (&Context, &str, Timestamp),
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let origin = Origin::new(document, received);
    if let Wanted::Explanation(number) = wanted {
        return match mapping.explain(input, context, &origin, number) {
            Ok(Some(explanation)) => {
                write!(out, "{explanation}")?;
                Ok(Exit::Held)
            }
            Ok(None) => {
                writeln!(err, "refused: the file has no record {number}")?;
                Ok(Exit::BadInput)
            }
            Err(refused) => {
                writeln!(err, "refused: {refused}")?;
                Ok(Exit::BadInput)
            }
        };
    }
    let mut records = match mapping.records(input, context, &origin) {
        Ok(records) => records,
        Err(refused) => {
            writeln!(err, "refused: {refused}")?;
            return Ok(Exit::BadInput);
        }
    };
    let mut ended = Exit::Held;
    for record in records.by_ref() {
        match record {
            Ok(translated) => {
                out.write_all(&translated.bundle)?;
                out.write_all(b"\n")?;
                for loss in &translated.losses {
                    writeln!(err, "{loss}")?;
                }
            }
            Err(refused) => {
                ended = Exit::BadInput;
                writeln!(err, "refused: {refused}")?;
            }
        }
    }
    for loss in records.outside() {
        writeln!(err, "{loss}")?;
    }
    out.flush()?;
    Ok(ended)
}

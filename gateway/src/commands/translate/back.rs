//! `portcullis translate --to csv --mapping`: Bundles as the rows they came from.

use std::io::{self, BufRead, BufReader, Read, Write};

use adapters::Context;
use adapters::mapping::Mapping;
use fhir::tables::Release;

use super::{BYTES_MAX, spelt};
use crate::commands::Exit;

/// Writes the rows of each Bundle to `out` under one header, and to `err` which columns do not come back, what of each
/// Bundle the rows do not hold, and what is refused.
pub(super) fn rows(
    mapping: &Mapping,
    input: &mut dyn Read,
    context: &Context,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let columns = mapping.columns();
    if columns.is_empty() {
        writeln!(err, "refused: {}", adapters::mapping::Refused::OneWay)?;
        return Ok(Exit::BadInput);
    }
    for column in columns {
        if let Some(why) = column.one_way {
            writeln!(err, "column `{}` does not come back as it stood: {why}", column.name)?;
        }
    }
    let mut input = BufReader::new(input);
    let (mut line, mut number, mut bundles) = (Vec::new(), 0_u64, 0_u64);
    let mut ended = Exit::Held;
    while next(&mut input, &mut line, number)? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let made = match spelt::as_json(&line, Release::R4) {
            Ok(json) => mapping.write_back_telling(&json, context).map_err(|refused| refused.to_string()),
            Err(refused) => Err(refused.to_string()),
        };
        match made {
            Ok(back) => {
                if bundles == 0 {
                    out.write_all(&mapping.write_header())?;
                }
                bundles += 1;
                out.write_all(&back.csv)?;
                for loss in &back.losses {
                    writeln!(err, "line {number}: {loss}")?;
                }
            }
            Err(refused) => {
                ended = Exit::BadInput;
                writeln!(err, "refused: line {number}: {refused}")?;
            }
        }
    }
    if bundles == 0 && ended == Exit::Held {
        writeln!(err, "refused: there is no bundle")?;
        return Ok(Exit::BadInput);
    }
    Ok(ended)
}

/// Reads the next Bundle: a line, or the whole of what is no Bundle a line. False at the end.
fn next(input: &mut dyn BufRead, line: &mut Vec<u8>, number: u64) -> io::Result<bool> {
    line.clear();
    let mut limited = input.take(BYTES_MAX + 1);
    limited.read_until(b'\n', line)?;
    let is_whole = line.trim_ascii_end().ends_with(b"}") && !line.starts_with(b"<");
    if number == 0 && !is_whole && !line.is_empty() {
        limited.read_to_end(line)?;
    }
    Ok(!line.is_empty())
}

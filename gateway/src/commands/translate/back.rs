//! `portcullis translate --mapping M --to csv`: Bundles as the rows of the mapping that made them.

use std::io::{self, BufRead, BufReader, Read, Write};

use adapters::Context;
use adapters::mapping::{Mapping, Refused};
use bytes::Bytes;
use fhir::json::{self, Limits};

use super::BYTES_MAX;
use crate::commands::Exit;

/// Writes the header and the rows of each Bundle of `input`, one or one a line, to `out`; what of them the rows do not hold, and
/// which are refused, to `err`.
pub(super) fn rows(
    mapping: &Mapping,
    context: &Context,
    input: &mut dyn Read,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let mut input = BufReader::new(input);
    let Some(mut bundle) = line(&mut input)? else {
        writeln!(err, "refused: there is no Bundle")?;
        return Ok(Exit::BadInput);
    };
    // One Bundle may stand on as many lines as it likes.
    let is_alone = json::parse(Bytes::copy_from_slice(&bundle), &Limits::default()).is_err();
    if is_alone {
        input.by_ref().take(BYTES_MAX).read_to_end(&mut bundle)?;
    }
    let mut ended = Exit::Held;
    let mut number = 0;
    let mut is_headed = false;
    let mut next = Some(bundle);
    while let Some(bundle) = next {
        number += 1;
        match mapping.write_back_telling(&bundle, context) {
            Ok(back) => {
                if !is_headed {
                    out.write_all(&mapping.write_header())?;
                    is_headed = true;
                }
                out.write_all(&back.csv)?;
                for loss in &back.losses {
                    writeln!(err, "Bundle {number}: {loss}")?;
                }
            }
            Err(refused) => {
                writeln!(err, "refused: Bundle {number}: {refused}")?;
                ended = Exit::BadInput;
                // Of such a mapping no Bundle has rows.
                if refused == Refused::OneWay {
                    break;
                }
            }
        }
        next = if is_alone { None } else { line(&mut input)? };
    }
    out.flush()?;
    Ok(ended)
}

/// The next line that says something, without its end; of a line without end no more than is read of a file.
fn line(input: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        let read = input.take(BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(line));
        }
    }
}

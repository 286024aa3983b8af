//! The other way: a Bundle as an HL7 v2 message or a CDA document for one receiver, or as a Care Act notice.

use std::io::{self, Write};
use std::path::Path;

use adapters::hl7v2::out::{Profile, events, write};
use adapters::{Context, cda, notices};
use jiff::Timestamp;

use crate::commands::Exit;

/// A receiver of whom nothing is said.
const PLAIN: &str = "version = \"2.4\"";

/// Writes `bundle` as the message of `event` to `out`, and what the message does not carry to `err`.
pub(super) fn message(
    bundle: &[u8],
    event: &str,
    receiver: Option<&Path>,
    now: Timestamp,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let text = match receiver {
        Some(file) => std::fs::read_to_string(file)?,
        None => PLAIN.to_owned(),
    };
    let profile = match Profile::parse(&text) {
        Ok(profile) => profile,
        Err(fault) => {
            writeln!(err, "{fault}")?;
            return Ok(Exit::Settings);
        }
    };
    if !events().contains(&event) {
        writeln!(err, "messages are written of these events: {}", events().join(" "))?;
        return Ok(Exit::Settings);
    }
    match write(bundle, event, &profile, now) {
        Ok(message) => {
            out.write_all(&message.bytes)?;
            out.flush()?;
            for loss in &message.losses {
                writeln!(err, "{loss}")?;
            }
            Ok(Exit::Held)
        }
        Err(refused) => {
            writeln!(err, "refused: {refused}")?;
            Ok(Exit::BadInput)
        }
    }
}

/// Writes `bundle` as a CDA document to `out`, and what the document does not carry to `err`.
pub(super) fn document(
    bundle: &[u8],
    receiver: Option<&Path>,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    let profile = match receiver {
        Some(file) => cda::out::Profile::parse(&std::fs::read_to_string(file)?),
        None => Ok(cda::out::Profile::plain(cda::out::Flavour::Ccda)),
    };
    let profile = match profile {
        Ok(profile) => profile,
        Err(fault) => {
            writeln!(err, "{fault}")?;
            return Ok(Exit::Settings);
        }
    };
    match cda::out::write(bundle, &profile) {
        Ok(document) => {
            out.write_all(&document.xml)?;
            out.flush()?;
            for loss in &document.losses {
                writeln!(err, "{loss}")?;
            }
            Ok(Exit::Held)
        }
        Err(refused) => {
            writeln!(err, "refused: {refused}")?;
            Ok(Exit::BadInput)
        }
    }
}

/// Writes `bundle` as a notice to `out`, and what the notice does not carry to `err`.
pub(super) fn notice(
    bundle: &[u8],
    form: notices::Form,
    context: &Context,
    (out, err): (&mut dyn Write, &mut dyn Write),
) -> io::Result<Exit> {
    match notices::write(bundle, form, context) {
        Ok(written) => {
            out.write_all(&written.notice)?;
            out.flush()?;
            for loss in &written.losses {
                writeln!(err, "{loss}")?;
            }
            Ok(Exit::Held)
        }
        Err(refused) => {
            writeln!(err, "refused: {refused}")?;
            Ok(Exit::BadInput)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{document, message};

    const BUNDLE: &[u8] = include_bytes!("../../../../adapters/tests/cases/hl7v2-out/a08-update/in.json");

    fn written(bundle: &[u8], event: &str, receiver: Option<&Path>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended =
            message(bundle, event, receiver, jiff::Timestamp::UNIX_EPOCH, (&mut out, &mut err)).unwrap();
        (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_bundle_becomes_a_message_on_one_side_and_losses_on_the_other() {
        let (status, out, err) = written(BUNDLE, "A08", None);
        assert_eq!(status, 0);
        assert!(out.starts_with("MSH|^~\\&|") && out.contains("||ADT^A08^ADT_A01|") && out.contains("|2.4|"));
        assert!(err.contains("Patient.name[1]\tmajor\t") && !err.contains("Kerr"), "{err}");
    }

    #[test]
    fn a_document_becomes_cda_as_its_receiver_takes_it() {
        let bundle = include_bytes!("../../../../adapters/tests/cases/cda-out/record-c-cda/in.json");
        let profile = tempfile::NamedTempFile::new().unwrap();
        let written = |bundle: &[u8], receiver: Option<&Path>| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let ended = document(bundle, receiver, (&mut out, &mut err)).unwrap();
            (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        let (status, xml, err) = written(bundle, None);
        assert!(status == 0 && xml.contains("<ClinicalDocument ") && xml.contains("<entry "), "{err}");
        assert!(err.contains("Patient.identifier[1]\tmajor\t") && !err.contains("Okafor"), "{err}");
        std::fs::write(profile.path(), "flavour = \"itk\"").unwrap();
        let (status, xml, _) = written(bundle, Some(profile.path()));
        assert!(status == 0 && !xml.contains("<entry "));
        std::fs::write(profile.path(), "flavour = \"pdf\"").unwrap();
        let (status, xml, err) = written(bundle, Some(profile.path()));
        assert_eq!((status, xml.as_str(), err.as_str()), (64, "", "flavour: neither c-cda nor itk\n"));
        let (status, xml, err) = written(b"{}", None);
        assert!(
            (status, xml.as_str()) == (65, "") && err.starts_with("refused: this is no document bundle"),
            "{err}"
        );
    }

    #[test]
    fn what_cannot_be_written_has_its_own_status_and_nothing_on_standard_output() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "version = \"9\"").unwrap();
        for (bundle, event, receiver, status, said) in [
            (BUNDLE, "A08", Some(file.path()), 64, "version: not from 2.3 to 2.8.2\n"),
            (BUNDLE, "A60", None, 64, "messages are written of these events: A01 A03 A08 A31 R01 T02 I12\n"),
            (&b"{}"[..], "A08", None, 65, "refused: this is no bundle of fhir r4 resources\n"),
        ] {
            assert_eq!(written(bundle, event, receiver), (status, String::new(), said.to_owned()));
        }
    }
}

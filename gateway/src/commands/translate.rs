//! `portcullis translate`: an adapter by itself. The Bundle goes to standard output, what it does not carry to
//! standard error. Nothing is decided, shared or recorded; it is for those who set up a sender.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use adapters::{Context, Refused, Translated, cda, edifact, hl7v2, notices, versions};
use clap::Args;
use fhir::ods_code::OdsCode;
use fhir::tables::Release;
use jiff::Timestamp;

pub use self::formats::{Assumed, Format, Target};
use self::mapped::{Document, Wanted};
pub use self::progress::Watched;
use super::Exit;

mod formats;
mod mapped;
mod out;
mod progress;

/// The most that is read.
const BYTES_MAX: u64 = 16 << 20;

/// Turn a message into a FHIR R4 Bundle, and say what of it the Bundle does not carry.
///
/// Exit status: 0 translated, 64 wrong use, 65 refused with the reason on standard error, 74 not readable.
#[derive(Debug, Args)]
pub struct Translate {
    /// What the file holds.
    #[arg(long, value_enum, required_unless_present_any = ["mapping", "to"])]
    pub from: Option<Format>,
    /// What is wanted: another release of FHIR than was given, or a message, notice or CDA document written of a FHIR R4 Bundle
    /// in JSON.
    #[arg(long, value_enum, conflicts_with = "mapping")]
    pub to: Option<Target>,
    /// The event that an HL7 v2 message is of, such as A01.
    #[arg(long, requires = "to", required_if_eq("to", "hl7v2"))]
    pub event: Option<String>,
    /// How the receiver takes HL7 v2 messages or CDA documents; see docs/hl7v2.md and docs/cda.md.
    #[arg(long, value_name = "PROFILE", requires = "to")]
    pub receiver: Option<PathBuf>,
    /// Translate by this mapping file, or by a ready mapping such as client-level-data: a Bundle a line.
    #[arg(long, value_name = "MAPPING", conflicts_with = "from")]
    pub mapping: Option<PathBuf>,
    /// Tell where each cell of one record went instead, and what was lost and why; 1 is the first.
    #[arg(long, value_name = "RECORD", requires = "mapping", num_args = 0..=1, default_missing_value = "1")]
    pub explain: Option<usize>,
    /// The message or file; `-` reads standard input.
    pub file: PathBuf,
    /// Name of the sending system: part of every id in the Bundle.
    #[arg(long, default_value = "file")]
    pub source: String,
    /// ODS code of the sending organisation, such as `ods:RX1`; left out of the Bundle unless given.
    #[arg(long)]
    pub organisation: Option<OdsCode>,
    /// Whose clock the sender's local times are.
    #[arg(long, default_value = "Europe/London")]
    pub time_zone: String,
    /// A map of the sender's own segments, whose names begin with `Z`; see docs/hl7v2.md.
    #[arg(long)]
    pub site_map: Option<PathBuf>,
    /// How the sender writes when a message does not say so itself.
    #[arg(long, value_enum, default_value = "utf-8")]
    pub charset: Assumed,
}

impl Translate {
    /// Reads the file, or `stdin` when it is `-`, and translates it. How far a file of records is shows where somebody
    /// looks on.
    pub fn run(
        &self,
        (now, watched): (Timestamp, Watched),
        stdin: &mut dyn Read,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Exit {
        match self.translate((now, watched), stdin, out, err) {
            Ok(ended) => ended,
            Err(fault) => {
                // Standard error is all there is to say it on; when that is gone too, the status remains.
                drop(writeln!(err, "not readable: {}", fault.kind()));
                Exit::Io
            }
        }
    }

    fn translate(
        &self,
        (now, watched): (Timestamp, Watched),
        stdin: &mut dyn Read,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<Exit> {
        let Ok(context) = Context::new(&self.source, self.organisation.clone(), &self.time_zone) else {
            writeln!(err, "the time zone is not in the IANA database, such as Europe/London")?;
            return Ok(Exit::Settings);
        };
        let mut context = context.with_charset(self.charset.into());
        if let Some(map) = &self.site_map {
            match context.with_site_map(&std::fs::read_to_string(map)?) {
                Ok(mapped) => context = mapped,
                Err(fault) => {
                    writeln!(err, "{fault}")?;
                    return Ok(Exit::Settings);
                }
            }
        }
        if let Some(mapping) = &self.mapping {
            return self.by_mapping(mapping, (&context, now, watched), stdin, (out, err));
        }
        let mut input = Vec::new();
        // One byte more than may be, so that the adapter sees that it is too much.
        let limited =
            |reader: &mut dyn Read, input: &mut Vec<u8>| reader.take(BYTES_MAX + 1).read_to_end(input);
        if self.file.as_os_str() == "-" {
            limited(stdin, &mut input)?;
        } else {
            limited(&mut std::fs::File::open(&self.file)?, &mut input)?;
        }
        match (self.to, self.from) {
            (Some(target), Some(Format::R4) | None) if target.release().is_none() => {
                return self.written(&input, target, (&context, now), (out, err));
            }
            (Some(target), Some(_)) if target.release().is_none() => {
                writeln!(err, "it is written of a FHIR R4 Bundle: leave --from out, or say --from r4")?;
                return Ok(Exit::Settings);
            }
            (Some(_), None) => {
                writeln!(err, "say with --from of which release it is")?;
                return Ok(Exit::Settings);
            }
            (_, Some(_)) | (None, None) => {}
        }
        self.each(&input, &context, (out, err))
    }

    /// Translates each message of the input, and tells what is lost or refused.
    fn each(
        &self,
        input: &[u8],
        context: &Context,
        (out, err): (&mut dyn Write, &mut dyn Write),
    ) -> io::Result<Exit> {
        let mut losses = Vec::new();
        let mut ended = Exit::Held;
        let batch = match self.from {
            Some(Format::Hl7v2) if self.to.is_none() => Some(hl7v2::batch::open(input, context)),
            Some(_) | None => None,
        };
        let all: Box<dyn Iterator<Item = Result<Translated, String>> + '_> = match &batch {
            Some(Ok(batch)) => {
                losses.extend(batch.losses().iter().cloned());
                Box::new(enclosed(batch, context))
            }
            Some(Err(refused)) => Box::new(std::iter::once(Err(refused.to_string()))),
            None => {
                let told = |one: Result<Translated, Refused>| one.map_err(|refused| refused.to_string());
                Box::new(self.messages(input, context).into_iter().map(told))
            }
        };
        for one in all {
            match one {
                Ok(translated) => {
                    out.write_all(&translated.bundle)?;
                    out.write_all(b"\n")?;
                    losses.extend(translated.losses);
                }
                Err(refused) => {
                    writeln!(err, "refused: {refused}")?;
                    ended = Exit::BadInput;
                }
            }
        }
        out.flush()?;
        for loss in losses {
            writeln!(err, "{loss}")?;
        }
        Ok(ended)
    }

    /// Writes what `target` says of the Bundle `input`.
    fn written(
        &self,
        input: &[u8],
        target: Target,
        (context, now): (&Context, Timestamp),
        (out, err): (&mut dyn Write, &mut dyn Write),
    ) -> io::Result<Exit> {
        let form = match (target, &self.event) {
            (Target::NoticeItems, _) => notices::Form::Plain,
            (Target::Hl7v2, Some(event)) => {
                return out::message(input, event, self.receiver.as_deref(), now, (out, err));
            }
            (Target::Hl7v2, None) => {
                writeln!(err, "say with --event of which event the message is")?;
                return Ok(Exit::Settings);
            }
            (Target::Cda, _) => return out::document(input, self.receiver.as_deref(), (out, err)),
            (Target::Notice | Target::Stu3 | Target::R4 | Target::R4b | Target::R5, _) => notices::Form::Xml,
        };
        out::notice(input, form, context, (out, err))
    }

    /// What each message of `input` becomes. Only those of an interchange stand by themselves.
    fn messages(&self, input: &[u8], context: &Context) -> Vec<Result<Translated, Refused>> {
        let from = self.from.unwrap_or(Format::Hl7v2);
        // Without a release that is asked for, everything becomes R4.
        let to = self.to.and_then(Target::release).unwrap_or(Release::R4);
        if from.release().is_none() && to != Release::R4 {
            return vec![Err(versions::Fault::NoWay.into())];
        }
        let apart = |made: Result<Vec<Translated>, Refused>| match made {
            Ok(all) => all.into_iter().map(Ok).collect(),
            Err(refused) => vec![Err(refused)],
        };
        match from {
            Format::Hl7v2 => vec![hl7v2::translate(input, context)],
            Format::Notice => vec![notices::translate(input, context)],
            Format::Cda => apart(cda::documents(input, context)),
            Format::Edifact => match edifact::interchange(input, context) {
                Ok(interchange) => {
                    interchange.messages.into_iter().map(|message| message.translated).collect()
                }
                Err(refused) => vec![Err(refused)],
            },
            Format::Dstu2 | Format::Stu3 | Format::R4 | Format::R4b | Format::R5 => {
                let of = from.release().unwrap_or(Release::R4);
                vec![versions::translate(input, of, to, context)]
            }
        }
    }
}

/// What each message of a file or batch becomes; where there are several, a refusal says which it is of.
fn enclosed<'b>(
    batch: &'b hl7v2::batch::Batch<'_>,
    context: &'b Context,
) -> impl Iterator<Item = Result<Translated, String>> + 'b {
    let several = batch.messages().len() > 1;
    batch.messages().iter().map(move |message| {
        message.translate(context).map_err(|refused| match several {
            true => format!("{}: {refused}", message.place()),
            false => refused.to_string(),
        })
    })
}

impl Translate {
    fn by_mapping(
        &self,
        mapping: &Path,
        from: (&Context, Timestamp, Watched),
        stdin: &mut dyn Read,
        (out, err): (&mut dyn Write, &mut dyn Write),
    ) -> io::Result<Exit> {
        let mapping = match mapped::load(mapping, err)? {
            Ok(mapping) => mapping,
            Err(ended) => return Ok(ended),
        };
        let wanted = self.explain.map_or(Wanted::Bundles, Wanted::Explanation);
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        if self.file.as_os_str() == "-" {
            let document = Document { name: &name, input: stdin, bytes: None };
            return mapped::run(&mapping, wanted, document, from, (out, err));
        }
        let mut file = std::fs::File::open(&self.file)?;
        // A pipe is no longer than nothing, and says so.
        let bytes = Some(file.metadata()?.len()).filter(|bytes| *bytes > 0);
        mapped::run(&mapping, wanted, Document { name: &name, input: &mut file, bytes }, from, (out, err))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Assumed, Format, Target, Translate, Watched};
    use crate::commands::Exit;

    const DISCHARGE: &[u8] = b"MSH|^~\\&|PAS|RX1|||20260304161500||ADT^A03|1|P|2.4\rPID|1||9990000018^^^NHS^NH||Fenwick^Ann\rZZZ|x\r";

    fn translate(file: &Path, stdin: &[u8], zone: &str) -> (Exit, String, String) {
        from(Format::Hl7v2, file, stdin, zone)
    }

    fn from(format: Format, file: &Path, stdin: &[u8], zone: &str) -> (Exit, String, String) {
        let command = Translate {
            from: Some(format),
            to: None,
            event: None,
            receiver: None,
            mapping: None,
            explain: None,
            file: file.to_owned(),
            source: "file".to_owned(),
            organisation: None,
            time_zone: zone.to_owned(),
            site_map: None,
            charset: Assumed::Utf8,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
        (ended, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_message_becomes_a_bundle_on_one_side_and_losses_on_the_other() {
        let (ended, out, err) = translate(Path::new("-"), DISCHARGE, "Europe/London");
        assert_eq!(ended.code(), 0);
        assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.contains("9990000018"));
        assert!(err.contains("ZZZ-1\tminor\t") && !err.contains("Fenwick"));
    }

    #[test]
    fn a_file_of_messages_becomes_a_bundle_for_each_and_tells_which_was_refused() {
        let file = [&b"FHS|^~\\&\r"[..], DISCHARGE, b"MSH|^~\\&|A|B|C|D|2026||ADT^A99|2|P|2.4\r", b"FTS|1\r"]
            .concat();
        let (ended, out, err) = translate(Path::new("-"), &file, "Europe/London");
        assert_eq!((ended.code(), out.lines().count()), (65, 1), "{err}");
        assert!(err.starts_with("refused: MSH[2]: messages of type ADT^A99 are not translated\n"), "{err}");
        assert!(err.contains("MSH[1]/ZZZ-1\tminor\t"), "{err}");
        let (ended, out, err) =
            translate(Path::new("-"), &[&b"BHS|^~\\&\r"[..], DISCHARGE].concat(), "Europe/London");
        assert_eq!(
            (ended.code(), out.as_str(), err.as_str()),
            (65, "", "refused: the batch ends before its trailer\n")
        );
    }

    #[test]
    fn a_document_becomes_a_bundle_and_what_is_none_is_refused() {
        let letter = include_bytes!("../../../adapters/tests/cases/cda/discharge-summary/in.xml");
        let (ended, out, err) = from(Format::Cda, Path::new("-"), letter, "Europe/London");
        assert_eq!((ended.code(), out.lines().count()), (0, 1), "{err}");
        assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.contains("\"Composition\""), "{out}");
        let (ended, out, err) = from(Format::Cda, Path::new("-"), DISCHARGE, "Europe/London");
        assert_eq!((ended.code(), out.as_str()), (65, ""));
        assert!(err.starts_with("refused: "), "{err}");
    }

    #[test]
    fn a_release_of_fhir_becomes_another_or_is_refused() {
        let record = include_bytes!("../../../adapters/tests/cases/versions/stu3-to-r4-opt-out/in.json");
        let (ended, out, err) = from(Format::Stu3, Path::new("-"), record, "Europe/London");
        assert_eq!((ended.code(), err.as_str()), (0, ""));
        assert!(out.contains("\"provision\":{\"type\":\"deny\""), "{out}");
        for format in [Format::R4, Format::Dstu2] {
            let (ended, out, err) = from(format, Path::new("-"), record, "Europe/London");
            assert_eq!((ended.code(), out.as_str()), (65, ""));
            assert!(err.starts_with("refused: "), "{err}");
        }
    }

    #[test]
    fn an_interchange_becomes_a_bundle_for_each_message_that_can_be_read() {
        let report = include_str!("../../../adapters/tests/cases/edifact/blood-count/in.edi");
        let (ended, out, err) = from(Format::Edifact, Path::new("-"), report.as_bytes(), "Europe/London");
        assert_eq!((ended.code(), out.lines().count()), (0, 1), "{err}");
        let (frame, rest) = report.split_once("UNH+1").unwrap();
        let second = rest.split("UNZ").next().unwrap().replace("+74+1'", "+74+2'").replace("PNA", "PNB");
        let two = format!("{frame}UNH+1{}UNH+2{second}UNZ+2+2044'", rest.split("UNZ").next().unwrap());
        let (ended, out, err) = from(Format::Edifact, Path::new("-"), two.as_bytes(), "Europe/London");
        assert_eq!((ended.code(), out.lines().count()), (65, 1));
        assert!(err.starts_with("refused: the message does not name exactly one patient\n"), "{err}");
    }

    #[test]
    fn a_notice_becomes_a_bundle_and_a_bundle_a_notice() {
        let notice = include_bytes!("../../../adapters/tests/cases/notices/discharge/in.xml");
        let (ended, bundle, err) = from(Format::Notice, Path::new("-"), notice, "Europe/London");
        assert_eq!((ended.code(), bundle.lines().count()), (0, 1), "{err}");
        let to = |target: Target, stdin: &[u8]| {
            let command = Translate {
                from: None,
                to: Some(target),
                event: None,
                receiver: None,
                mapping: None,
                explain: None,
                file: "-".into(),
                source: "file".to_owned(),
                organisation: None,
                time_zone: "Europe/London".to_owned(),
                site_map: None,
                charset: Assumed::Utf8,
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let ended =
                command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
            (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        let (status, xml, _) = to(Target::Notice, bundle.as_bytes());
        assert!(status == 0 && xml.contains("<Bundle xmlns=\"http://hl7.org/fhir\">"), "{xml}");
        let (status, items, _) = to(Target::NoticeItems, bundle.as_bytes());
        assert!(status == 0 && items.contains("Proposed Discharge Date\t2026-03-12\n"), "{items}");
        let lacking = bundle.replace("\"end\":\"2026-03-12\"", "");
        let (status, out, err) = to(Target::Notice, lacking.as_bytes());
        assert_eq!((status, out.as_str()), (65, ""));
        assert!(err.starts_with("refused: "), "{err}");
    }

    #[test]
    fn a_file_is_read_like_standard_input() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), DISCHARGE).unwrap();
        let (ended, out, _) = translate(file.path(), b"", "Europe/London");
        assert_eq!((ended, out), (Exit::Held, translate(Path::new("-"), DISCHARGE, "Europe/London").1));
    }

    #[test]
    fn what_cannot_be_done_has_its_own_status_and_nothing_on_standard_output() {
        for (file, stdin, zone, status, said) in [
            (
                "-",
                &b"MSH|^~\\&|A|B|C|D|2026||ADT^A99|1|P|2.4"[..],
                "Europe/London",
                65,
                "refused: messages of type ADT^A99 are not translated\n",
            ),
            ("-", b"nothing", "Europe/London", 65, "refused: the input does not begin with an MSH segment\n"),
            (
                "-",
                DISCHARGE,
                "Europe/Camelot",
                64,
                "the time zone is not in the IANA database, such as Europe/London\n",
            ),
            ("no/such/file", b"", "Europe/London", 74, "not readable: entity not found\n"),
        ] {
            let (ended, out, err) = translate(Path::new(file), stdin, zone);
            assert_eq!((ended.code(), out.as_str(), err.as_str()), (status, "", said));
        }
    }

    const REVIEWS: &[u8] = b"CHILD,DOB,REVIEW,REVIEW_CODE\n700101,27/03/2008,01/06/2024,PN1\n";

    fn mapped(mapping: &str, explain: Option<usize>, stdin: &[u8]) -> (u8, String, String) {
        let command = Translate {
            from: None,
            to: None,
            event: None,
            receiver: None,
            mapping: Some(mapping.into()),
            explain,
            file: "-".into(),
            source: "council".to_owned(),
            organisation: None,
            time_zone: "Europe/London".to_owned(),
            site_map: None,
            charset: Assumed::Utf8,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended = command.run((jiff::Timestamp::UNIX_EPOCH, Watched::No), &mut &*stdin, &mut out, &mut err);
        (ended.code(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_file_becomes_a_bundle_a_line_by_a_ready_mapping_or_a_file() {
        let (status, out, err) = mapped("ssda903-reviews", None, REVIEWS);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.starts_with("{\"resourceType\":\"Bundle\"") && out.ends_with("}\n"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), adapters::mapping::social::Ready::named("ssda903-reviews").unwrap().text)
            .unwrap();
        assert_eq!(mapped(file.path().to_str().unwrap(), None, REVIEWS), (0, out, String::new()));
    }

    #[test]
    fn an_explanation_tells_which_cell_went_where() {
        let (status, out, err) = mapped("ssda903-reviews", Some(1), REVIEWS);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.contains("row 2 column 2 DOB -> Patient child: birthDate\n"), "{out}");
        assert!(!out.contains("700101"));
    }

    #[test]
    fn what_a_mapping_refuses_is_never_silent() {
        for (mapping, explain, file, status, said) in [
            (
                "ssda903-reviews",
                None,
                &b"CHILD,DOB\n1,2\n"[..],
                65,
                "refused: the file has no column `REVIEW`",
            ),
            (
                "ssda903-reviews",
                None,
                b"CHILD,DOB,REVIEW,REVIEW_CODE\n,,,\n",
                65,
                "refused: row=2: the mapping makes no",
            ),
            ("ssda903-reviews", Some(7), REVIEWS, 65, "refused: the file has no record 7"),
            ("no/such/mapping", None, REVIEWS, 74, "no/such/mapping is not readable: entity not found"),
            ("Cargo.toml", None, REVIEWS, 64, "Cargo.toml: `[source]` is missing"),
        ] {
            let (ended, out, err) = mapped(mapping, explain, file);
            assert_eq!((ended, out.as_str()), (status, ""), "{err}");
            assert!(err.contains(said), "{err}");
        }
    }
}

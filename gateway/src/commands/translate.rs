//! `portcullis translate`: an adapter by itself. The Bundle goes to standard output, what it does not carry to
//! standard error. Nothing is decided, shared or recorded; it is for those who set up a sender.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use adapters::{Context, Refused, Translated, cda, edifact, hl7v2, notices, versions};
use clap::Args;
use fhir::ods_code::OdsCode;
use fhir::tables::Release;
use jiff::Timestamp;

pub use self::formats::{Assumed, Format, Syntax, Target};
use self::mapped::{Document, Wanted};
pub use self::progress::Watched;
use super::Exit;

mod back;
mod formats;
mod mapped;
mod out;
mod progress;
mod spelt;

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
    /// in JSON or XML, or, with --mapping, the rows that such a Bundle came from. A release that stays itself is said in the other syntax.
    #[arg(long, value_enum)]
    pub to: Option<Target>,
    /// How FHIR that comes out is written: JSON, a Bundle a line, or XML, which is one document alone.
    #[arg(long, value_enum, value_name = "SYNTAX", conflicts_with = "explain")]
    pub format: Option<Syntax>,
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
        if let Some(said) = self.misused() {
            writeln!(err, "{said}")?;
            return Ok(Exit::Settings);
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
                return match spelt::as_json(&input, Release::R4) {
                    Ok(json) => self.written(&json, target, (&context, now), (out, err)),
                    Err(refused) => {
                        writeln!(err, "refused: {refused}")?;
                        Ok(Exit::BadInput)
                    }
                };
            }
            (Some(target), Some(_)) if target.release().is_none() => {
                writeln!(err, "it is written of a FHIR R4 Bundle: leave --from out, or say --from r4")?;
                return Ok(Exit::Settings);
            }
            (_, Some(from)) if from.release() == Some(self.release()) => {
                let syntax = self.format.unwrap_or(Syntax::Json);
                return spelt::again(&input, (self.release(), syntax), (out, err));
            }
            (Some(_), None) => {
                writeln!(err, "say with --from of which release it is")?;
                return Ok(Exit::Settings);
            }
            (_, Some(_)) | (None, None) => {}
        }
        self.each(&input, &context, (out, err))
    }

    /// The release that is wanted: without one that is asked for, everything becomes R4.
    fn release(&self) -> Release {
        self.to.and_then(Target::release).unwrap_or(Release::R4)
    }

    /// What is wrong with what was asked, as far as the words alone tell.
    fn misused(&self) -> Option<&'static str> {
        match (self.to, &self.mapping, self.format) {
            (Some(Target::Csv), None, _) => Some("say with --mapping by which mapping the Bundle was made"),
            (Some(Target::Csv), Some(_), _) if self.explain.is_some() => {
                Some("--explain is of a file that becomes FHIR: leave out --to csv")
            }
            (Some(target), Some(_), _) if target != Target::Csv => {
                Some("a mapping makes FHIR R4, or with --to csv the rows again: leave --to out, or --mapping")
            }
            (Some(target), _, Some(_)) if target.release().is_none() => {
                Some("--format is of FHIR that comes out: leave it out")
            }
            (Some(_) | None, Some(_) | None, Some(_) | None) => None,
        }
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
        let mut out = spelt::Speller::new(self.format.unwrap_or(Syntax::Json), self.release(), out);
        for one in all {
            let said = one.and_then(|translated| {
                let said = out.add(&translated.bundle).map_err(|refused| refused.to_string())?;
                losses.extend(translated.losses);
                Ok(said)
            });
            match said {
                Ok(written) => written?,
                Err(refused) => {
                    writeln!(err, "refused: {refused}")?;
                    ended = Exit::BadInput;
                }
            }
        }
        if let Err(refused) = out.end()? {
            writeln!(err, "refused: {refused}")?;
            return Ok(Exit::BadInput);
        }
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
            (Target::Notice | Target::Stu3 | Target::R4 | Target::R4b | Target::R5 | Target::Csv, _) => {
                notices::Form::Xml
            }
        };
        out::notice(input, form, context, (out, err))
    }

    /// What each message of `input` becomes. Only those of an interchange stand by themselves.
    fn messages(&self, input: &[u8], context: &Context) -> Vec<Result<Translated, Refused>> {
        let from = self.from.unwrap_or(Format::Hl7v2);
        let to = self.release();
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
        let wanted = match (self.to, self.explain) {
            (Some(_), _) => Wanted::Rows,
            (None, Some(number)) => Wanted::Explanation(number),
            (None, None) => Wanted::Bundles(self.format.unwrap_or(Syntax::Json)),
        };
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
mod spelling;
#[cfg(test)]
mod tests;

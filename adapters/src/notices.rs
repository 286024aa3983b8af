//! Notices of the Care Act 2014 from hospitals to adult social services (SCCI2075), both ways: assessment, discharge and
//! withdrawal notices in FHIR DSTU2, as they travel over MESH, or as the plain data items of the standard, into R4; and
//! an R4 Bundle, minimised or not, into a notice.
//!
//! A notice becomes a ServiceRequest that says which notice it is, with the stay, the people, the organisations and the
//! answers around it. A withdrawal is a ServiceRequest that is revoked and `replaces` the one it names. The proposed
//! discharge date stands in `occurrencePeriod.end` of the request: in `Encounter.period.end`, where DSTU2 has it, R4 would
//! say that the stay has ended.
//!
//! What goes where is written in `maps/notices`, one table for both directions, and so is the data set of the standard with
//! what of it a notice must have. Each value that is carried is marked; what is not marked in the end is a
//! [`Loss`].

mod dom;
mod fields;
mod inward;
mod maps;
mod outward;
mod plain;
mod settle;
mod sound;
mod walk;
mod written;

use crate::{Context, Loss, Refused, Translated};

/// The namespace of FHIR.
const FHIR: &str = "http://hl7.org/fhir";

/// Why something was not read as a notice, or not written as one. Nothing of the content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither a FHIR Bundle in XML or JSON nor the data items of a notice.
    #[error("the input is neither a fhir bundle nor the data items of a notice")]
    NoBundle,
    /// Malformed JSON, or beyond bounds.
    #[error("malformed json")]
    Json,
    /// Malformed XML.
    #[error("malformed xml")]
    Xml,
    /// A document type declaration.
    #[error("a document type declaration is not allowed")]
    DocumentType,
    /// The XML declaration names an encoding that is not read.
    #[error("the encoding that the xml declaration names is not supported: write utf-8")]
    Encoding,
    /// XML that is not in the namespace of FHIR.
    #[error("the xml is not in the namespace of fhir")]
    Namespace,
    /// The Bundle is no message.
    #[error("the bundle is no message")]
    NotAMessage,
    /// The message is one of STU3 or R4, not of DSTU2.
    #[error(
        "the message is in a later release of fhir than the notices of the standard, which are in dstu2: \
         translate it from stu3; in r4 it needs no translation"
    )]
    LaterRelease,
    /// There is no MessageHeader, or there are several.
    #[error("the message does not have exactly one MessageHeader")]
    NotOneHeader,
    /// The notice is about nobody, or about several people.
    #[error("the notice does not name exactly one patient")]
    NotOnePatient,
    /// There is no request for the notice to be, or there are several.
    #[error("the bundle does not hold exactly one request of a notice")]
    NotOneRequest,
    /// Two entries have one name, so that a reference could mean either.
    #[error("two entries have the same fullUrl")]
    EntryTwice,
    /// What the standard demands is not there.
    #[error("the notice lacks {names}")]
    Missing {
        /// The names of the data items.
        names: String,
    },
    /// Without this what is made would be read otherwise than what it is made of.
    #[error("{place} cannot be said, and without it the rest would be read otherwise")]
    Dangerous {
        /// The element.
        place: String,
    },
    /// A resource is not, or not certainly, about the person of the notice.
    #[error("{place} does not lead to the person of the notice")]
    OtherPerson {
        /// The element.
        place: String,
    },
    /// A line that is no data item of the standard.
    #[error("line {line} is no data item of the standard, or is there twice")]
    Line {
        /// Counted from 1.
        line: usize,
    },
}

/// How a notice is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// FHIR DSTU2 in XML.
    Xml,
    /// A line for each data item: its name, a tabulator, its value.
    Plain,
}

/// A notice that was written, and what of the Bundle it does not carry.
///
/// `Debug` shows sizes only: the notice is content.
pub struct Written {
    /// The notice.
    pub notice: Vec<u8>,
    /// Everything the notice does not carry, and what the standard asks for and the Bundle does not have.
    pub losses: Vec<Loss>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Written")
            .field("notice_bytes", &self.notice.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}

/// Translates a notice: FHIR DSTU2 in XML or JSON, or the data items of the standard as lines of text.
///
/// # Errors
/// [`Refused`] when the input is no notice, or lacks what a notice must have; nothing of it may be used then.
pub fn translate(input: &[u8], context: &Context) -> Result<Translated, Refused> {
    let maps = maps::maps()?;
    let mut root = if plain::is_plain(input) {
        plain::read(input, maps, context)?
    } else {
        dom::read(input, context.bytes_max)?
    };
    inward::run(&mut root, input, maps, context)
}

/// Writes the notice that an R4 Bundle holds.
///
/// # Errors
/// [`Refused`] when the Bundle holds no notice, lacks what a notice must have, or says something without which the notice
/// would be read otherwise: a modifier, a mark of protection, a statement about somebody else.
pub fn write(bundle: &[u8], form: Form, context: &Context) -> Result<Written, Refused> {
    let maps = maps::maps()?;
    let root = dom::read(bundle, context.bytes_max)?;
    let (notice, losses) = outward::run(&root, maps)?;
    let notice = match form {
        Form::Xml => written::xml(&notice),
        Form::Plain => {
            sound::unmarked(&notice)?;
            plain::write(&notice, maps)
        }
    };
    Ok(Written { notice, losses })
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Notice(fault)
    }
}

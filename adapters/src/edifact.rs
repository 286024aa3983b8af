//! NHS laboratory EDIFACT into FHIR R4: the service reports `MEDRPT` in the variants NHS002, NHS003 (pathology and
//! radiology) and NHS004 (screening), and the acknowledgement `NHSACK` that answers an interchange.
//!
//! An interchange holds several messages. Each becomes a `message` Bundle of its own, or is refused by itself: one
//! person, one report, one answer in the acknowledgement. An interchange whose frame is broken is refused whole, since
//! what of it is missing cannot be told.
//!
//! What goes where is written in the tables of `maps/edifact`; the code here reads the syntax of ISO 9735, follows the
//! segment groups of the message and converts data types. Each component that reaches the Bundle is marked while a
//! message is translated; what is not marked in the end is a [`Loss`](crate::Loss).

mod acknowledgement;
mod convert;
mod frame;
mod groups;
mod link;
mod maps;
mod parse;
mod part;
mod parties;
mod report;
mod result;
mod rows;

use crate::{Context, Refused, Translated};

pub use acknowledgement::{Stamp, acknowledge};

/// Why an interchange or a message was refused. Nothing of the content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input does not begin with `UNA` or `UNB`.
    #[error("the input does not begin with a UNA or UNB segment")]
    NoHeader,
    /// Two separators are alike, or one is a letter, a digit or no ASCII.
    #[error("the separators in UNA cannot be used")]
    Separators,
    /// `UNB` names a character set that is not supported.
    #[error("the character set in UNB-1 is not supported")]
    Charset,
    /// The text ends within a segment, or before `UNZ`.
    #[error("the interchange ends too early (segment {segment})")]
    Ended {
        /// Counted from 1, `UNA` aside.
        segment: usize,
    },
    /// Something that begins with no segment tag.
    #[error("segment {segment} has no tag of three letters or digits")]
    NotASegment {
        /// Counted from 1, `UNA` aside.
        segment: usize,
    },
    /// A segment that stands outside a message, or a frame segment inside one.
    #[error("segment {segment} stands where it may not")]
    OutOfPlace {
        /// Counted from 1, `UNA` aside.
        segment: usize,
    },
    /// `UNB-5`, by which the interchange is known, is empty.
    #[error("UNB-5 holds no control reference")]
    NoControlReference,
    /// `UNZ-2` is not `UNB-5`.
    #[error("the control reference in UNZ-2 is not that of UNB-5")]
    ControlReference,
    /// `UNZ-1` counts other than what there is.
    #[error("UNZ-1 counts other messages than there are")]
    MessageCount,
    /// `UNT-2` is not `UNH-1`, or `UNH-1` is empty.
    #[error("the message reference in UNT-2 is not that of UNH-1")]
    MessageReference,
    /// Two messages of the interchange have one reference.
    #[error("two messages have the same reference")]
    ReferenceTwice,
    /// The message names no person, or several.
    #[error("the message does not name exactly one patient")]
    NotOnePatient,
    /// The message has no report, or several.
    #[error("the message does not hold exactly one report")]
    NotOneReport,
}

/// An interchange: its messages, and what an answer to it has to say.
#[derive(Debug)]
pub struct Interchange {
    /// `UNB-5`, by which the sender knows it.
    pub reference: String,
    /// Who sent it, as `UNB-2` has it.
    pub sender: String,
    /// For whom it is, as `UNB-3` has it.
    pub recipient: String,
    /// Whether the sender asks for an acknowledgement.
    pub acknowledgement: Asked,
    /// The messages, in their order.
    pub messages: Vec<Message>,
}

/// Whether the sender of an interchange asks for an acknowledgement (`UNB-9`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// One message of an interchange.
#[derive(Debug)]
pub struct Message {
    /// `UNH-1`, by which it is known within the interchange.
    pub reference: String,
    /// What it became, or why it was refused; the others stand by themselves.
    pub translated: Result<Translated, Refused>,
}

/// Translates every message of an interchange, each by itself.
///
/// # Errors
/// [`Refused`] when the interchange as a whole cannot be read; nothing of it may be used then.
pub fn interchange(input: &[u8], context: &Context) -> Result<Interchange, Refused> {
    let maps = maps::maps()?;
    let parsed = parse::parse(input, context)?;
    let frame = frame::Frame::of(parsed)?;
    let digest = frame::digest(input);
    let text =
        |element: u16| frame.header.first(element).map(|part| part.peek().to_owned()).unwrap_or_default();
    Ok(Interchange {
        reference: text(5),
        sender: text(2),
        recipient: text(3),
        acknowledgement: if text(9) == "1" { Asked::Yes } else { Asked::No },
        messages: frame
            .messages
            .iter()
            .map(|message| Message {
                reference: message.reference.clone(),
                translated: report::translate(&frame, message, &digest, maps, context),
            })
            .collect(),
    })
}

/// Translates the one message of an interchange.
///
/// # Errors
/// [`Refused`] when it cannot be translated, or there are several.
pub fn translate(input: &[u8], context: &Context) -> Result<Translated, Refused> {
    let mut all = interchange(input, context)?.messages;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => only.translated,
        (Some(_), false) => Err(Refused::MoreThanOne { segment: "UNH" }),
        (None, _) => Err(Refused::Missing { segment: "UNH" }),
    }
}

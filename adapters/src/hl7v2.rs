//! HL7 v2 messages into FHIR R4.
//!
//! Most messages become a `message` Bundle led by a MessageHeader; a document with its content (`MDM^T02` and its like) a
//! `document` Bundle led by a Composition, in which the MessageHeader is reached through `DocumentReference.context.related`, so
//! that the routing of the message is carried and the document stays closed under its references.
//! Document content becomes one Binary for each part: a run of text OBX segments, or an ED value.
//! Aligned with the HL7 v2-to-FHIR guide, and with the habits of the United Kingdom: NHS numbers by
//! authority `NHS` or type `NH`/`HN`, PID-32 as their verification status, PV1 as the hospital spell.
//!
//! The maps in `maps/hl7v2` say what a message type becomes, which segments belong together and which field goes where; the
//! engine knows no type. Each resource has a Provenance that names the message and the places it comes from. While a message is translated each
//! value that reaches the Bundle is marked; what is not marked in the end is a [`Loss`](crate::Loss).

mod acknowledgement;
pub mod batch;
mod bundle;
mod charset;
pub(crate) mod codes;
mod concept;
mod delimiters;
mod document;
mod dosage;
mod draft;
mod engine;
mod envelope;
mod escape;
mod grouping;
mod identifier;
mod lines;
pub(crate) mod maps;
mod message;
mod mime;
pub(crate) mod moment;
pub mod out;
mod person;
mod pieces;
mod plain;
mod plan;
pub mod query;
mod sound;
mod value;

use crate::{Context, Refused, Translated};

pub use acknowledgement::{
    AckCode, Acknowledged, Due, Outcome, Place, Problem, Stamp, Wrong, acknowledge, acknowledge_all,
    acknowledged,
};
pub use envelope::{AckWhen, Envelope, Identifier, Party, Recipient, envelope};
pub use maps::Fault;

/// Translates one message.
///
/// # Errors
/// [`Refused`] when the input is no message that can be translated; nothing of it may be used then.
pub fn translate(input: &[u8], context: &Context) -> Result<Translated, Refused> {
    let maps = maps::maps()?;
    let text = charset::decode(input, context)?;
    let message = message::Message::parse(&text);
    // What is never translated is told so, whatever else may be wrong with it. A header on a line of its own is the
    // same in the whole message, which is asked for its type anyway.
    if message.is_err() || !lines::header_ends(&text) {
        engine::known_type(&text, maps)?;
    }
    let message = message?;
    engine::run(&message, input, maps, context)
}

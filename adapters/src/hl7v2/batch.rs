//! Files and batches of messages (HL7 v2 chapter 2): `[FHS] { [BHS] { MSH ... } [BTS] } [FTS]`.
//!
//! Each message stands by itself: it is translated, refused and acknowledged as if it had come alone, under the same ids. What
//! the envelope says is routing; it is told as lost. An envelope that was cut off, or that holds more than its trailers count, is refused
//! whole: what is missing cannot be told, and what was added is nobody's word. Nothing of a message is decoded here.

mod answer;
mod frame;

use std::borrow::Cow;

use super::envelope::AckWhen;
use super::{Envelope, maps};
use crate::{Context, Loss, Refused, Translated};

use frame::Header;

pub use answer::reject;

/// The most messages that are taken together.
const MESSAGES_MAX: usize = 100_000;

/// Why an envelope was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A segment that stands outside a message, or a header or trailer where there may be none.
    #[error("line {line} stands where it may not in a batch")]
    OutOfPlace {
        /// Counted from 1.
        line: usize,
    },
    /// A header without a trailer behind the last message.
    #[error("the batch ends before its trailer")]
    Cut,
    /// More messages than `BTS-1` counts, or more batches than `FTS-1` does.
    #[error("line {line} counts less than there is")]
    Added {
        /// Counted from 1.
        line: usize,
    },
}

/// What holds several messages, or one without an envelope.
pub struct Batch<'i> {
    file: Option<Header>,
    /// By batch.
    headers: Vec<Option<Header>>,
    messages: Vec<Enclosed<'i>>,
    losses: Vec<Loss>,
}

/// One message of a batch.
pub struct Enclosed<'i> {
    raw: Cow<'i, [u8]>,
    number: usize,
    batch: usize,
    asked: Asked,
    alone: Alone,
}

/// Whether the sender of a message waits for any acknowledgement of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

/// Whether a message came in no envelope and with no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    Yes,
    No,
}

/// Whether `input` begins with an envelope. Several messages in none are a file of a folder, and never of a connection, where they
/// are what is left of a frame that was lost.
#[must_use]
pub fn is_enclosed(input: &[u8]) -> bool {
    frame::begins(input)
}

/// Takes the messages of `input` apart, in an envelope or not.
///
/// # Errors
/// [`Refused`] when where they begin and end is not certain; none of them may be used then.
pub fn open<'i>(input: &'i [u8], context: &Context) -> Result<Batch<'i>, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    frame::open(input, maps::maps()?)
}

impl<'i> Batch<'i> {
    /// The messages, in their order.
    #[must_use]
    pub fn messages(&self) -> &[Enclosed<'i>] {
        &self.messages
    }

    /// What the envelope says and nothing carries, and what its trailers miss.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

impl Enclosed<'_> {
    /// The message as it came, to be kept and known again.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Where it stands: `MSH[3]`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("MSH[{}]", self.number)
    }

    /// Its outside.
    ///
    /// # Errors
    /// [`Refused`] as of [`super::envelope`].
    pub fn envelope(&self, context: &Context) -> Result<Envelope, Refused> {
        super::envelope(&self.raw, context)
    }

    /// Translates it. The places of its losses say which message they are of: `MSH[3]/PID-5`.
    ///
    /// # Errors
    /// [`Refused`] as of [`super::translate`]; the others stand by themselves.
    pub fn translate(&self, context: &Context) -> Result<Translated, Refused> {
        let mut translated = super::translate(&self.raw, context)?;
        if self.alone == Alone::No {
            let place = self.place();
            for loss in &mut translated.losses {
                loss.place = format!("{place}/{}", loss.place);
            }
        }
        Ok(translated)
    }
}

impl Asked {
    /// By MSH-15 and MSH-16: without both, the application answers always.
    fn of(accept: &str, application: &str) -> Self {
        let never = |said: &str| said.is_empty() || AckWhen::of(said) == Some(AckWhen::Never);
        let original = accept.is_empty() && application.is_empty();
        if !original && never(accept) && never(application) { Self::No } else { Self::Yes }
    }
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Batch")
            .field("batches", &self.headers.len())
            .field("messages", &self.messages.len())
            .field("losses", &self.losses)
            .finish()
    }
}

impl std::fmt::Debug for Enclosed<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Enclosed").field("number", &self.number).field("bytes", &self.raw.len()).finish()
    }
}

//! A message of HL7 v2 for a system that takes nothing else: written of what may be sent, before that is recorded.

use adapters::hl7v2::out::{self, Unsent};
use bytes::Bytes;
use fhir::json::{self, Document};
use jiff::Timestamp;

use super::release::JSON_LIMITS;
use super::worded::Worded;
use crate::settings::Messages;
use crate::trail::record::Words;

const EVENTS: &str = "http://terminology.hl7.org/CodeSystem/v2-0003";
/// The event of a document.
const DOCUMENT: &str = "T02";

/// How a system takes messages, and when this one is made.
#[derive(Debug, Clone, Copy)]
pub struct Outbound<'a> {
    messages: &'a Messages,
    at: Timestamp,
}

impl<'a> Outbound<'a> {
    /// A message to a system, made at `at`: the same Bundle at the same time is the same message.
    #[must_use]
    pub const fn new(messages: &'a Messages, at: Timestamp) -> Self {
        Self { messages, at }
    }

    /// The message that says the Bundle.
    pub(in crate::enforce) fn write(self, bundle: &[u8]) -> Result<Worded, Unsent> {
        let document = json::parse(Bytes::copy_from_slice(bundle), &JSON_LIMITS).map_err(Unsent::Json)?;
        let write = |event: &str| out::write(bundle, event, &self.messages.profile, self.at);
        let Some(came) = event(&document) else {
            let event = match is_document(&document) {
                true => DOCUMENT,
                false => self.messages.event.as_deref().ok_or(Unsent::UnknownEvent)?,
            };
            return write(event).map(|message| Worded::of(message.into(), Words::Hl7v2, &document));
        };
        // What came as a message goes as the same, or as one that says no more.
        for event in std::iter::once(came.as_str()).chain(out::events()) {
            match write(event) {
                Err(Unsent::OtherEvent | Unsent::UnknownEvent) => {}
                written => {
                    return written.map(|message| Worded::of(message.into(), Words::Hl7v2, &document));
                }
            }
        }
        Err(Unsent::OtherEvent)
    }
}

/// The event of the message that a Bundle was made of.
fn event(bundle: &Document) -> Option<String> {
    let mut headers = bundle
        .root()
        .walk(&["entry", "resource"])
        .filter(|resource| resource.str_at(&["resourceType"]).as_deref() == Some("MessageHeader"));
    let coding = headers.next()?.walk(&["eventCoding"]).next()?;
    let is_v2 = coding.str_at(&["system"]).as_deref() == Some(EVENTS);
    is_v2.then(|| Some(coding.str_at(&["code"])?.into_owned())).flatten()
}

fn is_document(bundle: &Document) -> bool {
    bundle.root().str_at(&["type"]).as_deref() == Some("document")
}

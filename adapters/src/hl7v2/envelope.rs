//! What the outside of a message says: who sent it to whom, what it is, and how to answer.

use super::charset;
use super::concept::Known;
use super::maps;
use super::message::{Message, Part};
use crate::{Context, Refused};

/// The outside of a message, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Message code, such as `ADT`.
    pub code: String,
    /// Trigger event, such as `A03`.
    pub trigger: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-3 and MSH-4.
    pub sender: Party,
    /// MSH-5 and MSH-6.
    pub receiver: Party,
    /// MSH-11: `P` production, `T` training, `D` debugging.
    pub processing: String,
    /// MSH-12.
    pub version: String,
    /// MSH-15: when an accept acknowledgement is wanted. `None` is original mode.
    pub accept: Option<AckWhen>,
    /// MSH-16: when an application acknowledgement is wanted.
    pub application: Option<AckWhen>,
    /// The identifiers of the person in PID-3 (and PID-2).
    pub persons: Vec<Identifier>,
    /// The visit in PV1-19.
    pub visit: Option<Identifier>,
    /// Who the document is meant for (TXA-23).
    pub recipients: Vec<Recipient>,
}

/// A sending or receiving application at a facility.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// The application.
    pub application: String,
    /// The facility.
    pub facility: String,
}

/// An identifier with its system, as the Bundle has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The system, if one is known.
    pub system: Option<String>,
    /// The value.
    pub value: String,
}

/// Someone a document is meant for.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The identifier, if there is one.
    pub identifier: Option<Identifier>,
    /// The family name, if there is one.
    pub family: Option<String>,
}

/// When an acknowledgement is wanted (HL7 table 0155).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckWhen {
    /// `AL`.
    Always,
    /// `NE`.
    Never,
    /// `ER`: on an error or a rejection.
    OnError,
    /// `SU`: when all went well.
    OnSuccess,
}

/// The type of a message.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) code: String,
    pub(super) trigger: String,
    /// How the maps call it.
    pub(super) map: String,
}

/// Reads the outside of a message. Types that are not translated are read too.
///
/// # Errors
/// [`Refused`] when the input is no message, or could not be answered.
pub fn envelope(input: &[u8], context: &Context) -> Result<Envelope, Refused> {
    let text = charset::decode(input, context)?;
    let message = Message::parse(&text)?;
    let kind = Kind::of(&message)?;
    let maps = maps::maps()?;
    let known = Known { codes: &maps.codes, context };
    let control_id = value(&message, 10).filter(|id| !id.is_empty()).ok_or(Refused::NoControlId)?;
    let party = |application, facility| Party {
        application: value(&message, application).unwrap_or_default(),
        facility: value(&message, facility).unwrap_or_default(),
    };
    let mut persons = Vec::new();
    if let Some(person) = message.first("PID") {
        for field in [3, 2] {
            persons.extend(person.repetitions_of(&message, field).filter_map(|part| known.identity(part)));
        }
    }
    let recipients = message.first("TXA").map(|document| {
        let recipient = |part: Part<'_, '_>| Recipient {
            identifier: part.component(1).peek().map(|value| Identifier {
                system: known.authority(part.component(9)),
                value: value.into_owned(),
            }),
            family: part.component(2).peek().map(std::borrow::Cow::into_owned),
        };
        document.repetitions_of(&message, 23).map(recipient).collect()
    });
    Ok(Envelope {
        code: kind.code,
        trigger: kind.trigger,
        control_id,
        sender: party(3, 4),
        receiver: party(5, 6),
        processing: value(&message, 11).unwrap_or_default(),
        version: value(&message, 12).unwrap_or_default(),
        accept: value(&message, 15).and_then(|when| AckWhen::of(&when)),
        application: value(&message, 16).and_then(|when| AckWhen::of(&when)),
        persons,
        visit: message.field("PV1", 19).and_then(|part| known.identity(part)),
        recipients: recipients.unwrap_or_default(),
    })
}

fn value(message: &Message<'_>, field: u16) -> Option<String> {
    message.field("MSH", field).and_then(|part| part.peek()).map(std::borrow::Cow::into_owned)
}

/// Messages of one trigger.
const ONLY: [(&str, &str); 3] = [("ORU", "R01"), ("ORM", "O01"), ("VXU", "V04")];

impl Kind {
    /// The type in MSH-9; the trigger of an old message stands in EVN-1.
    pub(super) fn of(message: &Message<'_>) -> Result<Self, Refused> {
        let field = message.field("MSH", 9).ok_or(Refused::NoType)?;
        let code = field.component(1).peek().ok_or(Refused::NoType)?.to_ascii_uppercase();
        let trigger =
            field.component(2).peek().or_else(|| message.field("EVN", 1).and_then(|part| part.peek()));
        let mut trigger = trigger.unwrap_or_default().to_ascii_uppercase();
        if trigger.is_empty() {
            // Version 2.1 had no trigger for messages that know only one.
            trigger =
                ONLY.iter().find(|(only, _)| *only == code).map_or("", |(_, trigger)| trigger).to_owned();
        }
        Ok(Self { map: format!("{code}^{trigger}"), code, trigger })
    }

    /// The type for an error text: letters and digits only.
    pub(super) fn safe(&self) -> String {
        let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
        format!("{}^{}", plain(&self.code), plain(&self.trigger))
    }
}

impl AckWhen {
    /// As MSH-15 and MSH-16 have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "AL",
            Self::Never => "NE",
            Self::OnError => "ER",
            Self::OnSuccess => "SU",
        }
    }

    pub(super) fn of(code: &str) -> Option<Self> {
        Some(match code.to_ascii_uppercase().as_str() {
            "AL" => Self::Always,
            "NE" => Self::Never,
            "ER" => Self::OnError,
            "SU" => Self::OnSuccess,
            _ => return None,
        })
    }
}

impl std::fmt::Debug for Identifier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Identifier").field("system", &self.system).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Recipient(..)")
    }
}

//! A message that is sent to be processed at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::json::Document;
use fhir::outcome::IssueType;
use fhir::search::grammar::{Name, Parameter};
use fhir::tables::TypeId;
use http::StatusCode;

use super::malformed::Malformed;
use crate::enforce::message;
use crate::enforce::unfiltered::Unfiltered;
use crate::server::arrive::Told;

/// A message; its content stays sealed until it was decided.
#[derive(Debug)]
pub struct NewMessage {
    /// A Bundle of type `message` that begins with a MessageHeader.
    pub body: Arc<Unfiltered<Document>>,
    /// The types of what is in it.
    pub types: BTreeSet<TypeId>,
}

/// Why a body is no message that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMessage {
    /// No Bundle of type `message` with resources of R4 and, first, a MessageHeader with an id and an event.
    #[error("the bundle is no message")]
    Shape,
    /// It is to be answered later, elsewhere.
    #[error("the message is to be answered asynchronously")]
    Asynchronous,
}

/// Reads `async` and `response-url`: only messages that are answered at once, to who sent them, are taken.
pub(in crate::interaction) fn check_parameters(parameters: &[Parameter]) -> Result<(), Malformed> {
    for parameter in parameters {
        let Name::Plain { code, modifier: None } = &parameter.name else { return Err(Malformed::Parameter) };
        let values: Vec<String> = parameter.values.iter().map(|value| value.plain()).collect();
        match (code.as_str(), values.as_slice()) {
            ("_format" | "_pretty", _) => {}
            ("async", [value]) if value == "false" => {}
            ("async" | "response-url", _) => return Err(NotAMessage::Asynchronous.into()),
            (_, _) => return Err(Malformed::Parameter),
        }
    }
    Ok(())
}

pub(in crate::interaction) fn parse(body: Unfiltered<Document>) -> Result<NewMessage, NotAMessage> {
    let types = message::types(&body)?;
    Ok(NewMessage { body: Arc::new(body), types })
}

impl NotAMessage {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Shape => "not-a-message",
            Self::Asynchronous => "message-asynchronous",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn told(self) -> Told {
        let (issue, text) = match self {
            Self::Shape => (
                IssueType::Structure,
                "send a Bundle of type message that begins with a MessageHeader with an id and an event",
            ),
            Self::Asynchronous => {
                (IssueType::NotSupported, "messages are answered at once and to who sends them, nowhere else")
            }
        };
        Told { status: StatusCode::BAD_REQUEST, issue, text }
    }
}

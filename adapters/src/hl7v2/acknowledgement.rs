//! Acknowledgements: the ACK message that answers a message.
//!
//! Nothing of the received content is echoed but what the standard asks for: who sent it to whom, the
//! version, the processing id, the trigger event and the control id, unescaped from the sender's
//! delimiters and escaped for ours. All texts are fixed.

mod due;
mod read;

use std::fmt::Write;

use super::escape::{escape, unescape};
use super::message::Delimiters;
use crate::Refused;

pub use due::{Due, Outcome, Place, Wrong, acknowledge_all};
pub use read::{Acknowledged, acknowledged};

/// The longest value that is echoed.
const ECHO_MAX: usize = 199;

/// What is acknowledged (HL7 table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    /// `AA`: the application accepted the message.
    ApplicationAccept,
    /// `AE`: the application found an error.
    ApplicationError,
    /// `AR`: the application rejects such messages.
    ApplicationReject,
    /// `CA`: the message is in safe storage.
    CommitAccept,
    /// `CE`: the message could not be stored.
    CommitError,
    /// `CR`: the message is not stored and should not be sent so again.
    CommitReject,
}

/// What went wrong, for the ERR segment (HL7 table 0357) and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A code of HL7 table 0357.
    pub code: &'static str,
    /// A fixed text.
    pub text: String,
}

/// What makes an acknowledgement a message of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its own control id.
    pub control_id: String,
    /// The time it is made, as HL7 writes it: `YYYYMMDDHHMMSS+ZZZZ`.
    pub at: String,
}

/// The acknowledgement of `received`, which need not be a valid message.
#[must_use]
pub fn acknowledge(received: &[u8], code: AckCode, problem: Option<&Problem>, stamp: &Stamp) -> Vec<u8> {
    let echo = Echo::of(received);
    let own = |value: &str| escape(value, &Delimiters::USUAL);
    let mut out = echo.header(stamp);
    let text = problem.map(|problem| own(&problem.text)).unwrap_or_default();
    // Writing to a String cannot fail.
    let written = write!(out, "MSA|{}|{}|{text}\r", code.as_str(), echo.control_id);
    debug_assert!(written.is_ok());
    if let Some(problem) = problem {
        let name = if problem.code.starts_with('1') { "E" } else { "W" };
        let severity = if code.is_accept() { name } else { "E" };
        out.push_str(&format!("ERR|||{}^^HL70357|{severity}||||{text}\r", own(problem.code)));
    }
    out.into_bytes()
}

impl AckCode {
    /// As MSA-1 has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApplicationAccept => "AA",
            Self::ApplicationError => "AE",
            Self::ApplicationReject => "AR",
            Self::CommitAccept => "CA",
            Self::CommitError => "CE",
            Self::CommitReject => "CR",
        }
    }

    fn is_accept(self) -> bool {
        matches!(self, Self::ApplicationAccept | Self::CommitAccept)
    }
}

impl Refused {
    /// How a refused message is answered: rejected when such messages are never taken, else in error.
    #[must_use]
    pub fn ack(&self) -> (AckCode, Problem) {
        let (ack, code) = match self {
            Self::UnknownType { .. } => (AckCode::ApplicationReject, "200"),
            Self::NoType => (AckCode::ApplicationReject, "101"),
            Self::NoHeader
            | Self::Delimiters
            | Self::NotASegment { .. }
            | Self::Missing { .. }
            | Self::Batch(_)
            | Self::Cda(_)
            | Self::Versions(_)
            | Self::Edifact(_)
            | Self::Notice(_) => (AckCode::ApplicationReject, "100"),
            Self::NoControlId | Self::NoTime => (AckCode::ApplicationReject, "101"),
            Self::Charset | Self::Encoding { .. } => (AckCode::ApplicationReject, "102"),
            Self::TooLarge { .. } | Self::MoreThanOne { .. } | Self::SamePerson => {
                (AckCode::ApplicationReject, "207")
            }
            Self::Maps => (AckCode::ApplicationError, "207"),
        };
        (ack, Problem { code, text: self.to_string() })
    }
}

/// What is echoed, escaped for our delimiters.
#[derive(Debug, Default)]
struct Echo {
    sender: (String, String),
    receiver: (String, String),
    trigger: String,
    control_id: String,
    processing: String,
    version: String,
}

impl Echo {
    /// MSH of the acknowledgement.
    fn header(&self, stamp: &Stamp) -> String {
        let own = |value: &str| escape(value, &Delimiters::USUAL);
        let kind =
            if self.trigger.is_empty() { "ACK".to_owned() } else { format!("ACK^{}^ACK", self.trigger) };
        format!(
            "MSH|^~\\&|{}|{}|{}|{}|{}||{kind}|{}|{}|{}\r",
            self.receiver.0,
            self.receiver.1,
            self.sender.0,
            self.sender.1,
            own(&stamp.at),
            own(&stamp.control_id),
            self.processing,
            self.version,
        )
    }

    fn of(received: &[u8]) -> Self {
        let header = received
            .iter()
            .position(|byte| *byte == b'M')
            .and_then(|start| received.get(start..))
            .unwrap_or_default();
        let end =
            header.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(header.len()).min(4_096);
        let header = String::from_utf8_lossy(header.get(..end).unwrap_or_default());
        let Ok(delimiters) = Delimiters::of(&header) else {
            return Self { version: "2.4".to_owned(), ..Self::default() };
        };
        let fields: Vec<&str> = header.split(delimiters.field).collect();
        // Piece 0 is the name and piece 1 is MSH-2, so piece n is MSH-n+1.
        let field = |number: usize| fields.get(number - 1).copied().unwrap_or_default();
        let component = |text: &str, number: usize| {
            text.split(delimiters.component).nth(number).unwrap_or_default().to_owned()
        };
        let clean = |text: &str| {
            let plain = unescape(text.trim(), &delimiters).text.into_owned();
            escape(
                &plain.chars().filter(|letter| !letter.is_control()).take(ECHO_MAX).collect::<String>(),
                &Delimiters::USUAL,
            )
        };
        // The names of applications and facilities may have components of their own.
        let name = |text: &str| text.split(delimiters.component).map(&clean).collect::<Vec<_>>().join("^");
        let trigger: String =
            component(field(9), 1).chars().filter(char::is_ascii_alphanumeric).take(3).collect();
        Self {
            sender: (name(field(3)), name(field(4))),
            receiver: (name(field(5)), name(field(6))),
            trigger,
            control_id: clean(field(10)),
            processing: Some(clean(&component(field(11), 0)))
                .filter(|code| !code.is_empty())
                .unwrap_or_else(|| "P".to_owned()),
            version: Some(clean(&component(field(12), 0)))
                .filter(|version| !version.is_empty())
                .unwrap_or_else(|| "2.4".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AckCode, Problem, Stamp, acknowledge};
    use crate::Refused;

    fn ack(received: &str, code: AckCode, problem: Option<&Problem>) -> String {
        let stamp = Stamp { control_id: "G1".to_owned(), at: "20260301120000+0000".to_owned() };
        String::from_utf8(acknowledge(received.as_bytes(), code, problem, &stamp)).unwrap()
    }

    #[test]
    fn an_accept_turns_the_addresses_round_and_names_the_message() {
        let answer = ack(
            "MSH|^~\\&|PAS|RX1|GATE|E1|2026||ADT^A03^ADT_A03|M\\T\\1|P|2.4\rPID|",
            AckCode::ApplicationAccept,
            None,
        );
        assert_eq!(
            answer,
            "MSH|^~\\&|GATE|E1|PAS|RX1|20260301120000+0000||ACK^A03^ACK|G1|P|2.4\rMSA|AA|M\\T\\1|\r"
        );
    }

    #[test]
    fn other_delimiters_are_turned_into_ours() {
        let answer = ack("MSH*!~\\&*P|S*F!1.2!ISO***2026**ADT!A03*M^1*P*2.4", AckCode::CommitAccept, None);
        assert!(answer.starts_with("MSH|^~\\&|||P\\F\\S|F^1.2^ISO|"), "{answer}");
        assert!(answer.contains("MSA|CA|M\\S\\1|"), "{answer}");
    }

    #[test]
    fn a_refusal_names_the_type_and_no_content() {
        let refused = Refused::UnknownType { name: "ADT^A60".to_owned() };
        let (code, problem) = refused.ack();
        let answer = ack("MSH|^~\\&|A|B|C|D|2026||ADT^A60|1|P|2.4\rPID|||SECRET", code, Some(&problem));
        assert!(answer.contains("MSA|AR|1|messages of type ADT\\S\\A60 are not translated\r"), "{answer}");
        assert!(answer.contains("ERR|||200^^HL70357|E||||"), "{answer}");
        assert!(!answer.contains("SECRET"));
    }

    #[test]
    fn what_cannot_be_read_is_answered_too_and_injects_nothing() {
        for received in ["", "M", "MSH", "MSH|", "garbage", "MSH|^~\\&|A\\X0D\\MSA|\u{0}"] {
            let answer = ack(received, AckCode::ApplicationReject, None);
            assert_eq!(answer.matches('\r').count(), 2, "{received}");
            assert!(answer.starts_with("MSH|^~\\&|"), "{received}");
        }
    }
}

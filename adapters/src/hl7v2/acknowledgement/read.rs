//! What a receiver answered to a message.

use super::AckCode;
use crate::hl7v2::charset;
use crate::hl7v2::message::Message;
use crate::{Context, Refused};

/// An acknowledgement that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// MSA-1.
    pub code: AckCode,
    /// MSA-2: the control id of the message that is acknowledged.
    pub control_id: String,
    /// The first code of HL7 table 0357: ERR-3, or where older versions have it (ERR-1, MSA-6).
    pub problem: Option<String>,
}

const CODES: [AckCode; 6] = [
    AckCode::ApplicationAccept,
    AckCode::ApplicationError,
    AckCode::ApplicationReject,
    AckCode::CommitAccept,
    AckCode::CommitError,
    AckCode::CommitReject,
];

/// Reads an acknowledgement.
///
/// # Errors
/// [`Refused`] when it is none.
pub fn acknowledged(input: &[u8], context: &Context) -> Result<Acknowledged, Refused> {
    let none = Refused::Missing { segment: "MSA" };
    let text = charset::decode(input, context)?;
    let message = Message::parse(&text)?;
    let value = |segment, field| message.field(segment, field).and_then(|part| part.component(1).peek());
    let said = value("MSA", 1).ok_or(none.clone())?;
    let code = CODES.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(&said)).ok_or(none)?;
    let old = || {
        let place = message.field("ERR", 1)?.component(4);
        place.subcomponent(1).peek()
    };
    let problem = value("ERR", 3).or_else(old).or_else(|| value("MSA", 6));
    Ok(Acknowledged {
        code,
        control_id: value("MSA", 2).unwrap_or_default().into_owned(),
        problem: problem.map(std::borrow::Cow::into_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::{AckCode, acknowledged};
    use crate::Context;

    #[test]
    fn an_acknowledgement_says_what_of_which_message_and_why() {
        let context = Context::new("RX1", None, "Europe/London").expect("a context");
        let read = |rest: &str| {
            let text = format!("MSH|^~\\&|A|B|C|D|2026||ACK^A03|1|P|2.5\r{rest}");
            acknowledged(text.as_bytes(), &context)
                .map(|ack| (ack.code, ack.control_id, ack.problem))
                .map_err(|why| why.to_string())
        };
        let ok =
            |code, id: &str, problem: Option<&str>| Ok((code, id.to_owned(), problem.map(str::to_owned)));
        assert_eq!(read("MSA|AA|M1\r"), ok(AckCode::ApplicationAccept, "M1", None));
        assert_eq!(read("MSA|CR|M1\rERR|||200^x^HL70357|E\r"), ok(AckCode::CommitReject, "M1", Some("200")));
        assert_eq!(
            read("MSA|AE|M1\rERR|PID^1^3^207&x&HL70357\r"),
            ok(AckCode::ApplicationError, "M1", Some("207"))
        );
        assert_eq!(read("MSA|AR|M1|no|||206^x\r"), ok(AckCode::ApplicationReject, "M1", Some("206")));
        for none in ["", "MSA||M1\r", "MSA|OK|M1\r", "PID|1\r"] {
            assert!(read(none).is_err(), "{none}");
        }
    }
}

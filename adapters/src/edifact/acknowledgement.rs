//! `NHSACK`, the message that answers an interchange: which of its messages were accepted.
//!
//! Nothing of the content is echoed but the references and addresses that the answer is for. All texts are fixed.

use super::part::Part;
use super::{Fault, Interchange, interchange, parse};
use crate::{Context, Refused};

/// The longest reference or address that is echoed.
const ECHO_MAX: usize = 35;

/// What makes an acknowledgement an interchange of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its own control reference, at most 14 letters and digits.
    pub reference: String,
    /// The time it is made, as `YYYYMMDDHHMM`.
    pub at: String,
}

/// The acknowledgement of `received`: what was accepted, message by message. None when the interchange does not say who
/// sent it, so that there is nobody to answer.
///
/// A message is accepted when [`interchange`] translates it. Whether the sender asked for an answer is said by
/// [`Interchange::acknowledgement`].
#[must_use]
pub fn acknowledge(received: &[u8], context: &Context, stamp: &Stamp) -> Option<Vec<u8>> {
    let header = parse::header(received, context)?;
    let (sender, recipient) = (address(header.element(2)), address(header.element(3)));
    let reference = echo(header.first(5)?);
    let mut segments = vec![
        "UNH+1+NHSACK:D:1:NH:NHS001".to_owned(),
        "BGM+AKR".to_owned(),
        format!("DTM+137:{}:102", digits(&stamp.at, 0..8)),
    ];
    let (status, answers) = match interchange(received, context) {
        Ok(interchange) => answers(&interchange),
        Err(refused) => (whole(&refused), vec![error(&refused)]),
    };
    segments.push(format!("NIR+SIR:{reference}+{sender}+{recipient}+{status}"));
    segments.extend(answers);
    segments.push(format!("UNT+{}+1", segments.len() + 1));
    let own = echo(&Part::new(stamp.reference.clone(), None));
    let mut out = format!(
        "UNA:+.? '\nUNB+UNOC:3+{recipient}+{sender}+{}:{}+{own}++NHSACK'\n",
        digits(&stamp.at, 2..8),
        digits(&stamp.at, 8..12),
    );
    for segment in segments {
        out.push_str(&segment);
        out.push_str("'\n");
    }
    out.push_str(&format!("UNZ+1+{own}'\n"));
    // What is echoed may hold letters of ISO 8859-1; others have none there.
    Some(out.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect())
}

/// The status of the interchange, and an answer for each message.
fn answers(interchange: &Interchange) -> (&'static str, Vec<String>) {
    let accepted = interchange.messages.iter().filter(|message| message.translated.is_ok()).count();
    let status = match accepted {
        _ if accepted == interchange.messages.len() => "IAF",
        0 => "IRA",
        _ => "IAP",
    };
    let mut answers = Vec::new();
    for message in &interchange.messages {
        let reference = echo(&Part::new(message.reference.clone(), None));
        match &message.translated {
            Ok(_) => answers.push(format!("NMR+AGO:{reference}+MA")),
            Err(refused) => {
                answers.push(format!("NMR+AGO:{reference}+MR"));
                answers.push(error(refused));
            }
        }
    }
    (status, answers)
}

/// How an interchange is refused as a whole: by its frame, or by the messages that cannot be told apart.
fn whole(refused: &Refused) -> &'static str {
    let told_apart = !matches!(
        refused,
        Refused::Edifact(Fault::OutOfPlace { .. } | Fault::ReferenceTwice | Fault::NotASegment { .. })
    );
    if told_apart { "IRI" } else { "IRM" }
}

fn error(refused: &Refused) -> String {
    format!("FTX+ERD+++{}", escaped(&refused.to_string()))
}

fn address(parts: &[Part]) -> String {
    let said = parts.iter().take(2).filter(|part| !part.peek().is_empty()).map(echo);
    said.collect::<Vec<_>>().join(":")
}

fn echo(part: &Part) -> String {
    escaped(&part.peek().chars().take(ECHO_MAX).collect::<String>())
}

/// Releases what would separate.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ':' | '+' | '?' | '\'') {
            out.push('?');
        }
        out.push(letter);
    }
    out
}

fn digits(at: &str, range: std::ops::Range<usize>) -> &str {
    at.get(range).unwrap_or_default()
}

//! The answer to a file or batch: acknowledgements in an envelope like the one they answer.

use super::frame::{self, Header};
use super::{Asked, Batch};
use crate::hl7v2::acknowledgement::{AckCode, Problem, Stamp};
use crate::hl7v2::escape::{escape, unescape};
use crate::hl7v2::message::Delimiters;

/// The longest value that is echoed.
const ECHO_MAX: usize = 199;

impl Batch<'_> {
    /// Encloses the acknowledgements of the messages, in their order, each of which may have none, one or two: a batch for each
    /// batch, which names it in BHS-12, and a file for a file (FHS-12).
    ///
    /// A batch without acknowledgements says that all is well with what was asked about errors alone. Nothing is answered where no
    /// message asks for anything (MSH-15 and MSH-16 `NE`).
    #[must_use]
    pub fn answer(&self, acknowledgements: &[Vec<Vec<u8>>], stamp: &Stamp) -> Option<Vec<u8>> {
        let asked =
            self.messages.is_empty() || self.messages.iter().any(|message| message.asked == Asked::Yes);
        if !asked && acknowledgements.iter().all(Vec::is_empty) {
            return None;
        }
        let mut out = Vec::new();
        let (mut enclosed, mut count) = (Vec::new(), 0);
        for (number, header) in self.headers.iter().enumerate() {
            let own =
                self.messages.iter().zip(acknowledgements).filter(|(message, _)| message.batch == number);
            let own: Vec<&Vec<u8>> = own.flat_map(|(_, all)| all).collect();
            let id = format!("{}-{}", stamp.control_id, number + 1);
            let header = header.as_ref().or(self.file.as_ref());
            batch(&mut enclosed, header, (&id, &stamp.at), &own);
            count += 1;
        }
        match &self.file {
            Some(file) => {
                out.extend(head("FHS", Some(file), &stamp.control_id, &stamp.at).into_bytes());
                out.extend(enclosed);
                out.extend(format!("FTS|{count}\r").into_bytes());
            }
            None => out.extend(enclosed),
        }
        Some(out)
    }
}

/// The answer to a file or batch that is refused whole: one acknowledgement, of its control id.
#[must_use]
pub fn reject(received: &[u8], problem: &Problem, stamp: &Stamp) -> Vec<u8> {
    let header = frame::first(received);
    let own = |text: &str| escape(text, &Delimiters::USUAL);
    let echo = Echo::of(header.as_ref());
    let (code, text) = (own(problem.code), own(&problem.text));
    let acknowledgement = format!(
        "MSH|^~\\&|{}|{}|{}|{}|{}||ACK|{}-0|P|2.4\rMSA|{}|{}|{text}|||{code}^{text}^HL70357\r",
        echo.receiver.0,
        echo.receiver.1,
        echo.sender.0,
        echo.sender.1,
        own(&stamp.at),
        own(&stamp.control_id),
        AckCode::ApplicationReject.as_str(),
        echo.control_id,
    );
    let mut out = Vec::new();
    batch(&mut out, header.as_ref(), (&stamp.control_id, &stamp.at), &[&acknowledgement.into_bytes()]);
    out
}

/// Adds a batch of these acknowledgements.
fn batch(
    out: &mut Vec<u8>,
    answered: Option<&Header>,
    (id, at): (&str, &str),
    acknowledgements: &[&Vec<u8>],
) {
    out.extend(head("BHS", answered, id, at).into_bytes());
    for acknowledgement in acknowledgements {
        out.extend(*acknowledgement);
        if acknowledgement.last() != Some(&b'\r') {
            out.push(b'\r');
        }
    }
    out.extend(format!("BTS|{}\r", acknowledgements.len()).into_bytes());
}

/// A header that answers another.
fn head(name: &str, answered: Option<&Header>, id: &str, at: &str) -> String {
    let own = |text: &str| escape(text, &Delimiters::USUAL);
    let echo = Echo::of(answered);
    format!(
        "{name}|^~\\&|{}|{}|{}|{}|{}||||{}|{}\r",
        echo.receiver.0,
        echo.receiver.1,
        echo.sender.0,
        echo.sender.1,
        own(at),
        own(id),
        echo.control_id,
    )
}

/// What is echoed of a header, in our delimiters.
#[derive(Debug, Default)]
struct Echo {
    sender: (String, String),
    receiver: (String, String),
    control_id: String,
}

impl Echo {
    fn of(header: Option<&Header>) -> Self {
        let Some(header) = header else { return Self::default() };
        let Some(delimiters) = header.delimiters else { return Self::default() };
        let clean = |text: &str| {
            let plain = unescape(text.trim(), &delimiters).text.into_owned();
            let plain: String = plain.chars().filter(|letter| !letter.is_control()).take(ECHO_MAX).collect();
            escape(&plain, &Delimiters::USUAL)
        };
        let name = |text: &str| text.split(delimiters.component).map(&clean).collect::<Vec<_>>().join("^");
        Self {
            sender: (name(&header.sender.0), name(&header.sender.1)),
            receiver: (name(&header.receiver.0), name(&header.receiver.1)),
            control_id: clean(&header.control_id),
        }
    }
}

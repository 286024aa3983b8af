//! Queries for persons: `QBP^Q22` (find candidates), `QBP^Q21` (demographics of one), `QRY^A19`.
//!
//! [`Query::read`] turns a query into a search of FHIR Patients, as a value: the gateway makes a request of it that goes
//! the whole way of any other. What is not understood is refused by its field; nothing is left out of a search in silence,
//! for it would find too many. [`Outline`] answers those. [`Query::found`] writes the minimised searchset as the answer, and cannot tell who was
//! withheld from who is not there: it sees only what is shared.

mod answer;
mod criteria;

use std::borrow::Cow;

use super::acknowledgement::{AckCode, Place, Problem, Wrong};
use super::charset;
use super::concept::Known;
use super::envelope::{Kind, Party};
use super::maps;
use super::message::{Message, Part, Segment};
use super::out::{Line, Repetition};
use crate::{Context, Refused};

/// The most records that are asked for at once.
const COUNT_MAX: u32 = 1_000;

/// A query for persons.
#[derive(Debug)]
pub struct Query {
    outline: Outline,
    criteria: Vec<Criterion>,
    domains: Vec<String>,
    count: Option<u32>,
    continuation: Option<String>,
}

/// The outside of a query, without what it asks for: enough to answer one that is refused.
#[derive(Debug)]
pub struct Outline {
    kind: Asked,
    control_id: String,
    sender: Party,
    receiver: Party,
    processing: String,
    tag: String,
    /// QPD or QRD, as it is echoed.
    echo: Line<'static>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `QBP^Q22`: who may be meant.
    Candidates,
    /// `QBP^Q21`: the demographics of the person with this identifier.
    Demographics,
    /// `QRY^A19`: the same, as older systems ask.
    Information,
}

/// One parameter of a search of Patients. `Debug` shows its name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Criterion {
    /// The search parameter, with its modifier: `family:exact`.
    pub parameter: &'static str,
    /// Its value, with what FHIR search reads as a separator escaped.
    pub value: String,
}

/// Why a query is not asked. Fields are named, values never.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// It is no query that can be read.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// This field asks for something that is not searched by.
    #[error("{place} asks for something that is not searched by")]
    Unknown {
        /// The field.
        place: String,
        /// The same, for an ERR segment.
        at: Place,
    },
    /// Nobody is named: an identifier, or a family name with a given name or a date of birth.
    #[error("the query names no person")]
    Nobody,
}

impl Unasked {
    /// How such a query is answered.
    #[must_use]
    pub fn ack(&self) -> (AckCode, Wrong) {
        let problem = |code| Problem { code, text: self.to_string() };
        match self {
            Self::Refused(refused) => {
                let (ack, problem) = refused.ack();
                (ack, Wrong { problem, place: None })
            }
            Self::Unknown { at, .. } => {
                (AckCode::ApplicationError, Wrong { problem: problem("204"), place: Some(*at) })
            }
            Self::Nobody => (AckCode::ApplicationError, Wrong { problem: problem("101"), place: None }),
        }
    }
}

impl std::fmt::Debug for Criterion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Criterion({})", self.parameter)
    }
}

impl Outline {
    /// Reads the outside of a query.
    ///
    /// # Errors
    /// [`Refused`] when it is none.
    pub fn read(input: &[u8], context: &Context) -> Result<Self, Refused> {
        let text = charset::decode(input, context)?;
        Self::of(&Message::parse(&text)?)
    }

    fn of(message: &Message<'_>) -> Result<Self, Refused> {
        let kind = Kind::of(message)?;
        let asked = match kind.map.as_str() {
            "QBP^Q22" => Asked::Candidates,
            "QBP^Q21" => Asked::Demographics,
            "QRY^A19" => Asked::Information,
            _ => return Err(Refused::UnknownType { name: kind.safe() }),
        };
        let header =
            |field| message.field("MSH", field).and_then(|part| part.peek()).unwrap_or_default().into_owned();
        let control_id = Some(header(10)).filter(|id| !id.is_empty()).ok_or(Refused::NoControlId)?;
        let name = asked.segment();
        let segment = message.first(name).ok_or(Refused::Missing { segment: name })?;
        let tag = segment.peek(message, if name == "QRD" { 4 } else { 2 });
        Ok(Self {
            kind: asked,
            control_id,
            sender: Party { application: header(3), facility: header(4) },
            receiver: Party { application: header(5), facility: header(6) },
            processing: header(11),
            tag: tag.unwrap_or_default().into_owned(),
            echo: echo(message, segment),
        })
    }
}

impl Asked {
    /// The segment that says what is asked for.
    fn segment(self) -> &'static str {
        match self {
            Self::Candidates | Self::Demographics => "QPD",
            Self::Information => "QRD",
        }
    }
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`Unasked`] when it is none, or asks for something that cannot be searched by exactly.
    pub fn read(input: &[u8], context: &Context) -> Result<Self, Unasked> {
        let text = charset::decode(input, context)?;
        let message = Message::parse(&text)?;
        let outline = Outline::of(&message)?;
        let known = Known { codes: &maps::maps()?.codes, context };
        let asked = outline.kind;
        let name = asked.segment();
        let segment = message.first(name).ok_or(Refused::Missing { segment: name })?;
        let mut query = Self {
            outline,
            criteria: Vec::new(),
            domains: Vec::new(),
            count: None,
            continuation: message.field("DSC", 1).and_then(|part| part.peek()).map(Cow::into_owned),
        };
        match asked {
            Asked::Candidates => query.candidates(&message, segment, known)?,
            Asked::Demographics => query.demographics(&message, segment, known)?,
            Asked::Information => query.information(&message, segment, known)?,
        }
        query.control(&message)?;
        query.names_somebody()?;
        Ok(query)
    }

    /// Its outside.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// What is asked for.
    #[must_use]
    pub fn asked(&self) -> Asked {
        self.outline.kind
    }

    /// What a Patient must be to be found.
    #[must_use]
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// How many records are wanted at once (RCP-2, QRD-7).
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// The pointer of an earlier answer, from which to go on (DSC-1).
    #[must_use]
    pub fn continuation(&self) -> Option<&str> {
        self.continuation.as_deref()
    }

    /// The search as the query of a URL: `family:exact=Fenwick&birthdate=1942-06-17&_count=20`.
    #[must_use]
    pub fn search(&self) -> String {
        let mut out = String::new();
        for criterion in &self.criteria {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(criterion.parameter);
            out.push('=');
            for byte in criterion.value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.push(char::from(byte))
                    }
                    other => out.push_str(&format!("%{other:02X}")),
                }
            }
        }
        if let Some(count) = self.count {
            out.push_str(&format!("&_count={count}"));
        }
        out
    }

    /// An identifier, or a family name with something beside it that few share.
    fn names_somebody(&self) -> Result<(), Unasked> {
        let has = |name: &str| {
            self.criteria.iter().any(|criterion| criterion.parameter.split(':').next() == Some(name))
        };
        if has("identifier") || (has("family") && (has("given") || has("birthdate"))) {
            Ok(())
        } else {
            Err(Unasked::Nobody)
        }
    }
}

/// A segment as it came, for our delimiters.
fn echo(message: &Message<'_>, segment: &Segment<'_>) -> Line<'static> {
    let mut line = Line::new(segment.name);
    for field in 1..=30 {
        for part in segment.repetitions_of(message, field) {
            let mut out = Repetition::fixed("");
            for component in 1..=30 {
                let held = part.component(component);
                for sub in 1..=8_u16 {
                    if let Some(text) = held.subcomponent(sub).peek() {
                        out.put_sub(usize::from(component), usize::from(sub), text);
                    }
                }
            }
            line.add(field, out);
        }
    }
    line
}

/// That `part` asks for something that is not searched by.
fn unknown(part: Part<'_, '_>, segment: &'static str) -> Unasked {
    let (field, repetition) = (part.field(), part.repetition());
    let again = if repetition > 1 { format!("[{repetition}]") } else { String::new() };
    Unasked::Unknown {
        place: format!("{segment}-{field}{again}"),
        at: Place { segment, occurrence: 1, field: Some(field), repetition },
    }
}

//! The frame of an interchange: header and trailer, and the messages between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Fault;
use super::parse::Parsed;
use super::part::Segment;
use crate::{Refused, Why};

/// An interchange whose frame holds.
#[derive(Debug)]
pub(super) struct Frame {
    /// `UNB`.
    pub(super) header: Segment,
    pub(super) decimal: char,
    pub(super) remark: Option<Why>,
    /// Whether `UNZ-1` counts the messages.
    pub(super) is_counted: bool,
    pub(super) messages: Vec<Framed>,
}

/// The segments of a message, from `UNH` to `UNT`.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) reference: String,
    pub(super) segments: Vec<Segment>,
    /// Whether it may be translated.
    pub(super) held: Result<Counted, Fault>,
}

/// What `UNT-1` says against what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// So many.
    Right,
    /// There are more than it counts.
    More,
    /// There are fewer, or it counts nothing: something may be missing.
    Fewer,
}

impl Frame {
    /// Checks the frame of an interchange.
    pub(super) fn of(parsed: Parsed) -> Result<Self, Fault> {
        let Parsed { mut segments, decimal, remark } = parsed;
        let last = segments.len();
        let trailer = segments.pop().filter(|trailer| trailer.name == "UNZ");
        let Some(trailer) = trailer else { return Err(Fault::Ended { segment: last + 1 }) };
        let mut rest = segments.into_iter();
        let Some(header) = rest.next().filter(|header| header.name == "UNB") else {
            return Err(Fault::NoHeader);
        };
        let mut messages: Vec<Framed> = Vec::new();
        let mut open: Option<Vec<Segment>> = None;
        for (segment, number) in rest.zip(2..) {
            let out_of_place = Err(Fault::OutOfPlace { segment: number });
            match (segment.name.as_str(), &mut open) {
                ("UNH", None) => open = Some(vec![segment]),
                ("UNH" | "UNB" | "UNZ" | "UNG" | "UNE", _) | (_, None) => return out_of_place,
                ("UNT", Some(held)) => {
                    held.push(segment);
                    messages.push(Framed::of(std::mem::take(held)));
                    open = None;
                }
                (_, Some(held)) => held.push(segment),
            }
        }
        if open.is_some() {
            return Err(Fault::Ended { segment: last });
        }
        let control = header.first(5).map(|part| part.peek());
        if control.is_none() {
            return Err(Fault::NoControlReference);
        }
        if trailer.first(2).map(|part| part.peek()) != control {
            return Err(Fault::ControlReference);
        }
        // What counts nothing contradicts nothing; the reference says that this is its end.
        let counted = trailer.first(1).map(|part| part.peek().parse().ok());
        if counted.is_some_and(|counted| counted != Some(messages.len())) {
            return Err(Fault::MessageCount);
        }
        let mut references: Vec<&str> = messages.iter().map(|message| message.reference.as_str()).collect();
        references.sort_unstable();
        if references.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Fault::ReferenceTwice);
        }
        Ok(Self { header, decimal, remark, is_counted: counted.is_some(), messages })
    }
}

impl Framed {
    fn of(mut segments: Vec<Segment>) -> Self {
        let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for segment in &mut segments {
            let count = seen.entry(segment.name.clone()).or_default();
            *count += 1;
            segment.occurrence = *count;
        }
        let said = |segment: Option<&Segment>, element: u16| {
            segment.and_then(|segment| segment.first(element)).map(|part| part.peek().to_owned())
        };
        let reference = said(segments.first(), 1);
        let held = if reference.is_some() && reference == said(segments.last(), 2) {
            let counted = said(segments.last(), 1).and_then(|count| count.parse::<usize>().ok());
            Ok(match counted {
                Some(counted) if counted == segments.len() => Counted::Right,
                Some(counted) if counted < segments.len() => Counted::More,
                Some(_) | None => Counted::Fewer,
            })
        } else {
            Err(Fault::MessageReference)
        };
        Self { reference: reference.unwrap_or_default(), segments, held }
    }
}

/// The hash of the bytes, as a `ni` URI.
pub(super) fn digest(input: &[u8]) -> String {
    format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(input)))
}

/// A message that is answered for though it could not be read is refused, so both are [`Refused`].
impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Edifact(fault)
    }
}

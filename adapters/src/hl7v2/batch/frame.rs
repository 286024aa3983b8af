//! Where the messages of a file begin and end.

use std::borrow::Cow;
use std::ops::Range;

use super::{Alone, Asked, Batch, Enclosed, Fault, MESSAGES_MAX};
use crate::hl7v2::maps::Maps;
use crate::hl7v2::message::Delimiters;
use crate::{Loss, Refused, Severity, Why};

/// `FHS` or `BHS`: what an answer has to say of it.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// From FHS-3 and BHS-3 to -6: the sender and the receiver, as written.
    pub(super) sender: (String, String),
    pub(super) receiver: (String, String),
    /// FHS-11, BHS-11.
    pub(super) control_id: String,
    pub(super) delimiters: Option<Delimiters>,
}

/// The letters of an input, of which only those of ASCII are looked at.
struct Letters<'i> {
    input: &'i [u8],
    /// A byte for each letter; one that is not of ASCII is `OTHER`.
    plain: Cow<'i, [u8]>,
    /// Bytes for each letter.
    width: usize,
}

const OTHER: u8 = 0xff;

/// How far a file has come.
struct Reading<'i, 'm> {
    letters: Letters<'i>,
    maps: &'m Maps,
    separator: u8,
    batch: Batch<'i>,
    /// Where the message that is open begins, and whether its header asks for an answer.
    message: Option<(usize, Asked)>,
    /// The batch that is open: its messages so far, and whether it has a header.
    open: Option<(usize, Opened)>,
    /// Batches that had a trailer, or were ended by what came after them.
    batches: usize,
    ended: bool,
    /// Of `BHS` and of `BTS`, by which their losses are placed.
    seen: [u32; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    ByHeader,
    ByMessage,
}

/// Whether `input` begins with `FHS` or `BHS`.
pub(super) fn begins(input: &[u8]) -> bool {
    let letters = Letters::of(input);
    let start = letters.start();
    let head = letters.plain.get(start..start + 3).unwrap_or_default();
    matches!(head, b"FHS" | b"BHS") && letters.delimiters(start).is_some()
}

/// Takes the messages of `input` apart.
pub(super) fn open<'i>(input: &'i [u8], maps: &Maps) -> Result<Batch<'i>, Refused> {
    let letters = Letters::of(input);
    let start = letters.start();
    let name = letters.plain.get(start..start + 3).unwrap_or_default();
    if !matches!(name, b"FHS" | b"BHS" | b"MSH") {
        return Err(Refused::NoHeader);
    }
    letters.delimiters(start).ok_or(Refused::Delimiters)?;
    let separator = letters.plain.get(start + 3).copied().ok_or(Refused::Delimiters)?;
    let mut reading = Reading {
        letters,
        maps,
        separator,
        batch: Batch { file: None, headers: Vec::new(), messages: Vec::new(), losses: Vec::new() },
        message: None,
        open: None,
        batches: 0,
        ended: false,
        seen: [0; 2],
    };
    let mut at = start;
    let mut line = 1;
    while at < reading.letters.plain.len() {
        let rest = reading.letters.plain.get(at..).unwrap_or_default();
        let end = at + rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        reading.line(at..end, line)?;
        let crlf = reading.letters.plain.get(end..end + 2) == Some(b"\r\n".as_slice());
        at = end + if crlf { 2 } else { 1 };
        line += 1;
    }
    reading.finish()
}

impl<'i> Letters<'i> {
    fn of(input: &'i [u8]) -> Self {
        let (skip, width, little) = match input {
            [0xff, 0xfe, 0, 0, ..] | [b'F' | b'B' | b'M', 0, 0, 0, ..] => (0, 4, true),
            [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, b'F' | b'B' | b'M', ..] => (0, 4, false),
            [0xff, 0xfe, ..] | [b'F' | b'B' | b'M', 0, ..] => (0, 2, true),
            [0xfe, 0xff, ..] | [0, b'F' | b'B' | b'M', ..] => (0, 2, false),
            [0xef, 0xbb, 0xbf, ..] => (3, 1, true),
            _ => (0, 1, true),
        };
        let input = input.get(skip..).unwrap_or_default();
        if width == 1 {
            return Self { input, plain: Cow::Borrowed(input), width };
        }
        let plain = |unit: &[u8]| {
            let (byte, others) = match little {
                true => unit.split_first(),
                false => unit.split_last(),
            }?;
            (byte.is_ascii() && others.iter().all(|other| *other == 0)).then_some(*byte)
        };
        let plain = input.chunks(width).map(|unit| plain(unit).unwrap_or(OTHER)).collect();
        Self { input, plain: Cow::Owned(plain), width }
    }

    /// Where the first segment begins: after a byte order mark, a frame and blank lines.
    fn start(&self) -> usize {
        let before = |byte: &u8| matches!(byte, b'\r' | b'\n' | b'\x0b' | b' ' | b'\t');
        let marked = usize::from(self.width > 1 && self.plain.first() == Some(&OTHER));
        let rest = self.plain.get(marked..).unwrap_or_default();
        marked + rest.iter().position(|byte| !before(byte)).unwrap_or(rest.len())
    }

    /// The bytes of these letters.
    fn bytes(&self, range: Range<usize>) -> &'i [u8] {
        let end = (range.end * self.width).min(self.input.len());
        self.input.get(range.start * self.width..end).unwrap_or_default()
    }

    fn text(&self, range: Range<usize>) -> Cow<'_, str> {
        String::from_utf8_lossy(self.plain.get(range).unwrap_or_default())
    }

    /// The delimiters that a header at `start` declares: `MSH`, and what begins like it.
    fn delimiters(&self, start: usize) -> Option<Delimiters> {
        let head = self.text(start + 3..self.plain.len().min(start + 12));
        Delimiters::of(&format!("MSH{head}")).ok()
    }

    /// A header of a file or batch.
    fn header(&self, range: Range<usize>, separator: u8) -> Header {
        let delimiters = self.delimiters(range.start);
        let text = self.text(range);
        let fields: Vec<&str> = text.split(char::from(separator)).collect();
        // Piece 1 is the field of the other delimiters, so piece n is field n+1.
        let field = |number: usize| fields.get(number - 1).copied().unwrap_or_default().trim().to_owned();
        Header {
            sender: (field(3), field(4)),
            receiver: (field(5), field(6)),
            control_id: field(11),
            delimiters,
        }
    }
}

impl<'i> Reading<'i, '_> {
    /// Reads one line, which is the `line`th.
    fn line(&mut self, range: Range<usize>, line: usize) -> Result<(), Refused> {
        let out_of_place = Err(Refused::Batch(Fault::OutOfPlace { line }));
        let plain = self.letters.plain.get(range.clone()).unwrap_or_default();
        let name = plain.get(..3).unwrap_or_default();
        let ends = plain.get(3).is_none_or(|byte| *byte == self.separator);
        let blank = plain.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\x1c'));
        match name {
            b"MSH" if self.letters.delimiters(range.start).is_some() => {
                if self.ended {
                    return out_of_place;
                }
                self.end_message(range.start)?;
                let (held, opened) = self.open.unwrap_or((0, Opened::ByMessage));
                if self.open.is_none() {
                    self.batch.headers.push(None);
                }
                self.open = Some((held + 1, opened));
                self.message = Some((range.start, self.asked(range)));
            }
            b"FHS" if ends => {
                let first = self.batch.headers.is_empty() && self.batch.file.is_none() && !self.ended;
                if !first {
                    return out_of_place;
                }
                self.told("FHS", 1, &range);
                self.batch.file = Some(self.letters.header(range, self.separator));
            }
            b"BHS" if ends => {
                if self.ended {
                    return out_of_place;
                }
                self.end_message(range.start)?;
                self.untrailed();
                let number = self.next(0);
                self.told("BHS", number, &range);
                let header = self.letters.header(range, self.separator);
                self.batch.headers.push(Some(header));
                self.open = Some((0, Opened::ByHeader));
            }
            b"BTS" if ends => {
                self.end_message(range.start)?;
                // A batch of none needs no header.
                if self.open.is_none() {
                    self.batch.headers.push(None);
                }
                let Some((held, _)) =
                    self.open.take().or(Some((0, Opened::ByMessage))).filter(|_| !self.ended)
                else {
                    return out_of_place;
                };
                self.batches += 1;
                let number = self.next(1);
                self.told("BTS", number, &range);
                self.counted("BTS", number, &range, held, line)?;
            }
            b"FTS" if ends => {
                self.end_message(range.start)?;
                self.untrailed();
                if std::mem::replace(&mut self.ended, true) {
                    return out_of_place;
                }
                self.told("FTS", 1, &range);
                self.counted("FTS", 1, &range, self.batches, line)?;
            }
            _ if blank || self.message.is_some() => {}
            _ => return out_of_place,
        }
        Ok(())
    }

    /// The file, when nothing of it is missing behind its last message.
    fn finish(mut self) -> Result<Batch<'i>, Refused> {
        let end = self.letters.plain.len();
        self.end_message(end)?;
        let in_envelope = self.batch.file.is_some() || matches!(self.open, Some((_, Opened::ByHeader)));
        if self.open.is_some() && in_envelope && !self.ended {
            return Err(Refused::Batch(Fault::Cut));
        }
        if self.batch.file.is_some() && !self.ended {
            if self.batches == 0 {
                return Err(Refused::Batch(Fault::Cut));
            }
            self.loss("FTS".to_owned(), Why::Missing, Severity::Major);
        }
        let bare = self.batch.file.is_none() && self.batches == 0 && !self.ended;
        if let ([only], true) = (self.batch.messages.as_mut_slice(), bare) {
            only.alone = Alone::Yes;
        }
        Ok(self.batch)
    }

    /// Ends the message that is open, where something else begins.
    fn end_message(&mut self, end: usize) -> Result<(), Refused> {
        let Some((start, asked)) = self.message.take() else { return Ok(()) };
        if self.batch.messages.len() >= MESSAGES_MAX {
            return Err(Refused::TooLarge { max: MESSAGES_MAX, unit: "messages" });
        }
        self.batch.messages.push(Enclosed {
            raw: Cow::Borrowed(self.letters.bytes(start..end)),
            number: self.batch.messages.len() + 1,
            batch: self.batch.headers.len().saturating_sub(1),
            asked,
            alone: Alone::No,
        });
        Ok(())
    }

    /// Ends a batch that is open without a trailer: what comes next shows that its messages are whole.
    fn untrailed(&mut self) {
        let Some((_, opened)) = self.open.take() else { return };
        self.batches += 1;
        if opened == Opened::ByHeader {
            let place = placed("BHS", self.seen.first().copied().unwrap_or(1));
            self.loss(place, Why::Missing, Severity::Major);
        }
    }

    /// Which of its kind a header (0) or trailer (1) is.
    fn next(&mut self, kind: usize) -> u32 {
        let Some(seen) = self.seen.get_mut(kind) else { return 1 };
        *seen += 1;
        *seen
    }

    /// MSH-15 and MSH-16.
    fn asked(&self, range: Range<usize>) -> Asked {
        let separator = self.letters.plain.get(range.start + 3).copied().unwrap_or(b'|');
        let text = self.letters.text(range);
        let field =
            |number: usize| text.split(char::from(separator)).nth(number - 1).unwrap_or_default().trim();
        Asked::of(field(15), field(16))
    }

    /// Every field of an envelope is a loss; its map says how grave.
    fn told(&mut self, name: &'static str, occurrence: u32, range: &Range<usize>) {
        let text = self.letters.text(range.clone()).into_owned();
        let map = self.maps.segment(name);
        // A header declares the separator as its first field, and in the second the other delimiters.
        let (skip, first) = if name.ends_with("HS") { (2, 3) } else { (1, 1) };
        for (field, value) in (first..).zip(text.split(char::from(self.separator)).skip(skip)) {
            // A count is read.
            if value.trim().is_empty() || (field == 1 && first == 1) {
                continue;
            }
            let severity = map.map_or(Severity::Minor, |map| {
                let line = map.placeless.iter().find(|line| line.field == field);
                line.map_or(map.severity, |line| line.severity)
            });
            self.loss(format!("{}-{field}", placed(name, occurrence)), Why::NotMapped, severity);
        }
    }

    /// Compares what a trailer counts with what `held`.
    fn counted(
        &mut self,
        name: &str,
        occurrence: u32,
        range: &Range<usize>,
        held: usize,
        line: usize,
    ) -> Result<(), Refused> {
        let text = self.letters.text(range.clone()).into_owned();
        let said = text.split(char::from(self.separator)).nth(1).unwrap_or_default().trim();
        if said.is_empty() {
            return Ok(());
        }
        let place = format!("{}-1", placed(name, occurrence));
        match said.parse::<usize>() {
            Ok(counted) if counted < held => return Err(Refused::Batch(Fault::Added { line })),
            Ok(counted) if counted > held => self.loss(place, Why::Miscounted, Severity::Major),
            Ok(_) => {}
            Err(_) => self.loss(place, Why::NotOfType, Severity::Minor),
        }
        Ok(())
    }

    fn loss(&mut self, place: String, why: Why, severity: Severity) {
        self.batch.losses.push(Loss { place, why, severity });
    }
}

/// A segment by its name and which of that name it is.
fn placed(name: &str, occurrence: u32) -> String {
    if occurrence > 1 { format!("{name}[{occurrence}]") } else { name.to_owned() }
}

/// The first header of `input`, if it begins with one.
pub(super) fn first(input: &[u8]) -> Option<Header> {
    if !begins(input) {
        return None;
    }
    let letters = Letters::of(input);
    let start = letters.start();
    let rest = letters.plain.get(start..)?;
    let end = start + rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
    let separator = letters.plain.get(start + 3).copied()?;
    Some(letters.header(start..end, separator))
}

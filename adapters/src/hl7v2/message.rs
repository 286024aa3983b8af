//! The parts of a message: segments, fields, repetitions, components, subcomponents.
//!
//! Tolerant of any delimiters and line ends, strict about bounds. Each value remembers whether it was
//! used, which is how the losses of a translation are known.

mod words;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::charset::Text;
pub(super) use super::delimiters::Delimiters;
use super::escape::unescape;
use super::lines::{is_called, lines};
use super::pieces::{Ended, Pieces, trimmed};
use crate::{Loss, Refused, Severity, Why};

const SEGMENTS_MAX: usize = 10_000;
const VALUES_MAX: usize = 200_000;

/// More fields, repetitions or components than are counted.
const TOO_MANY_PARTS: Refused = Refused::TooLarge { max: u16::MAX as usize, unit: "parts" };

/// How many bytes of a message stand for one value, as far as room is made beforehand.
const FIELD: usize = 8;

/// Room for a usual place.
const PLACE: usize = 16;

/// A parsed message.
#[derive(Debug)]
pub(super) struct Message<'m> {
    pub(super) delimiters: Delimiters,
    pub(super) segments: Vec<Segment<'m>>,
    remarks: RefCell<Vec<Remark>>,
    /// What was remarked already: a value may be read by more than one row.
    remarked: RefCell<BTreeSet<(usize, Position, Why)>>,
}

/// Where in the message a loss stands, and the loss.
pub(super) type Remark = ((usize, Position), Loss);

/// One segment and its values.
#[derive(Debug)]
pub(super) struct Segment<'m> {
    pub(super) name: &'m str,
    /// Which of the segments of this name it is, from 1.
    pub(super) occurrence: u32,
    /// Which of all segments it is, from 0.
    pub(super) index: usize,
    values: Vec<Value<'m>>,
    repetitions: Vec<(u16, u16, &'m str)>,
    /// One bit for each of the first fields that hold anything; most rows of a map are about others.
    said: u128,
}

/// A value that is not empty.
#[derive(Debug)]
pub(super) struct Value<'m> {
    pub(super) at: Position,
    raw: &'m str,
    fate: Cell<Fate>,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Untouched,
    /// Its element had a value already.
    TurnedAway,
    Carried,
}

/// Where a value stands in its segment, each from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) field: u16,
    pub(super) repetition: u16,
    pub(super) component: u16,
    pub(super) subcomponent: u16,
}

/// A repetition of a field, or a component of one: the values under it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a, 'm> {
    pub(super) message: &'a Message<'m>,
    pub(super) segment: &'a Segment<'m>,
    values: &'a [Value<'m>],
    level: Level<'m>,
}

/// What a part is; a repetition knows its text as a whole.
#[derive(Debug, Clone, Copy)]
enum Level<'m> {
    Repetition(&'m str),
    Component,
    Subcomponent,
}

impl<'m> Message<'m> {
    /// Splits `text` into its parts.
    pub(super) fn parse(text: &'m Text<'_>) -> Result<Self, Refused> {
        let delimiters = Delimiters::of(&text.text)?;
        let mut message = Self {
            delimiters,
            segments: Vec::new(),
            remarks: RefCell::default(),
            remarked: RefCell::default(),
        };
        if let Some(why) = text.remark {
            let at = Position { field: 18, repetition: 1, component: 1, subcomponent: 1 };
            let severity = if why == Why::CharsetDoubtful {
                Severity::Major
            } else if why == Why::CharsetWider {
                Severity::Minor
            } else {
                Severity::Trivial
            };
            let loss = Loss { place: "MSH-18".to_owned(), why, severity };
            message.remarks.borrow_mut().push(((0, at), loss));
        }
        let mut values = 0;
        let mut occurrences: BTreeMap<&str, u32> = BTreeMap::new();
        for (line, raw) in lines(&text.text, delimiters.field)? {
            let name = raw.get(..3).ok_or(Refused::NotASegment { line })?;
            if message.segments.len() >= SEGMENTS_MAX {
                return Err(Refused::TooLarge { max: SEGMENTS_MAX, unit: "segments" });
            }
            let occurrence = occurrences.entry(name).and_modify(|count| *count += 1).or_insert(1);
            let index = message.segments.len();
            let segment = Segment {
                name,
                occurrence: *occurrence,
                index,
                values: Vec::new(),
                repetitions: Vec::new(),
                said: 0,
            };
            message.segments.push(segment.parse(raw, &delimiters, &mut values)?);
        }
        Ok(message)
    }

    /// The segments with this name.
    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Segment<'m>> {
        self.segments.iter().filter(move |segment| is_called(segment.name, name))
    }

    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a Segment<'m>> {
        self.named(name).next()
    }

    /// The first repetition of a field of the first segment with this name, if it holds anything.
    pub(super) fn field<'a>(&'a self, name: &'a str, field: u16) -> Option<Part<'a, 'm>> {
        self.first(name).and_then(|segment| segment.repetitions_of(self, field).next())
    }

    fn remark(&self, segment: &Segment<'_>, at: Position, why: Why, severity: Severity) {
        if self.remarked.borrow_mut().insert((segment.index, at, why)) {
            let loss = Loss { place: segment.place(at), why, severity };
            self.remarks.borrow_mut().push(((segment.index, at), loss));
        }
    }

    pub(super) fn take_remarks(&self) -> Vec<Remark> {
        self.remarks.take()
    }
}

impl Value<'_> {
    /// Why it was not carried.
    fn why(&self) -> Why {
        match self.fate.get() {
            _ if trimmed(self.raw) == "\"\"" => Why::Nulled,
            Fate::TurnedAway => Why::PlaceTaken,
            Fate::Untouched | Fate::Carried => Why::NotMapped,
        }
    }

    fn is_carried(&self) -> bool {
        self.fate.get() == Fate::Carried
    }
}

impl<'m> Segment<'m> {
    fn parse(self, raw: &'m str, delimiters: &Delimiters, count: &mut usize) -> Result<Self, Refused> {
        let mut segment = self;
        segment.repetitions.reserve(raw.len() / FIELD);
        segment.values.reserve(raw.len() / FIELD);
        // In MSH the separator is itself MSH-1, and MSH-2 holds the other delimiters.
        let (mut field, least) = if segment.name == "MSH" { (1_usize, 3) } else { (0, 1) };
        let mut repetition = 1_usize;
        for (text, ended) in Pieces::of(raw, [delimiters.field, delimiters.repetition]) {
            if field >= least && !text.is_empty() {
                let (Ok(field), Ok(repetition)) = (u16::try_from(field), u16::try_from(repetition)) else {
                    return Err(TOO_MANY_PARTS);
                };
                segment.repetitions.push((field, repetition, text));
                segment.said |= bit(field);
                segment.take(text, (field, repetition), delimiters, count)?;
            }
            match ended {
                Ended::Outer => (field, repetition) = (field + 1, 1),
                Ended::Inner => repetition += 1,
                Ended::End => {}
            }
        }
        Ok(segment)
    }

    /// Adds the values of a repetition.
    fn take(
        &mut self,
        text: &'m str,
        (field, repetition): (u16, u16),
        delimiters: &Delimiters,
        count: &mut usize,
    ) -> Result<(), Refused> {
        let (mut component, mut subcomponent) = (1_usize, 1_usize);
        for (raw, ended) in Pieces::of(text, [delimiters.component, delimiters.subcomponent]) {
            if !trimmed(raw).is_empty() {
                let (Ok(component), Ok(subcomponent)) =
                    (u16::try_from(component), u16::try_from(subcomponent))
                else {
                    return Err(TOO_MANY_PARTS);
                };
                *count += 1;
                if *count > VALUES_MAX {
                    return Err(Refused::TooLarge { max: VALUES_MAX, unit: "values" });
                }
                let at = Position { field, repetition, component, subcomponent };
                self.values.push(Value { at, raw, fate: Cell::new(Fate::Untouched) });
            }
            match ended {
                Ended::Outer => (component, subcomponent) = (component + 1, 1),
                Ended::Inner => subcomponent += 1,
                Ended::End => {}
            }
        }
        Ok(())
    }

    /// The repetitions of `field` that hold anything.
    pub(super) fn repetitions_of<'a>(
        &'a self,
        message: &'a Message<'m>,
        field: u16,
    ) -> impl Iterator<Item = Part<'a, 'm>> {
        let start = self.repetitions.partition_point(|(held, _, _)| *held < field);
        let held = self.repetitions.get(start..).unwrap_or_default();
        held.iter().take_while(move |(held, _, _)| *held == field).filter_map(
            move |(_, repetition, whole)| {
                let values = slice(&self.values, |at| (at.field, at.repetition).cmp(&(field, *repetition)));
                (!values.is_empty()).then_some(Part {
                    message,
                    segment: self,
                    values,
                    level: Level::Repetition(whole),
                })
            },
        )
    }

    /// Whether anything stands in `field`.
    pub(super) fn says(&self, field: u16) -> bool {
        match bit(field) {
            0 => self.repetitions.binary_search_by_key(&field, |(held, _, _)| *held).is_ok(),
            bit => self.said & bit != 0,
        }
    }

    /// The first value of `field`, without using it.
    pub(super) fn peek<'a>(&'a self, message: &'a Message<'m>, field: u16) -> Option<Cow<'m, str>> {
        self.repetitions_of(message, field).next().and_then(|part| part.peek())
    }

    /// What was not carried. The parts of a repetition of which nothing was carried are one place.
    pub(super) fn uncarried(&self) -> Vec<((usize, Position), String, Why)> {
        let mut places: Vec<((usize, Position), String, Why)> = Vec::new();
        for repetition in self
            .values
            .chunk_by(|one, other| (one.at.field, one.at.repetition) == (other.at.field, other.at.repetition))
        {
            let whole = !repetition.iter().any(Value::is_carried);
            for value in repetition.iter().filter(|value| !value.is_carried()) {
                let place = if whole { self.place_of(value.at, 0, 1) } else { self.place(value.at) };
                places.push(((self.index, value.at), place, value.why()));
                if whole {
                    break;
                }
            }
        }
        places
    }

    /// The place of a value, as [`Loss::place`] writes it. The only value of a repetition needs no component.
    fn place(&self, at: Position) -> String {
        let siblings =
            slice(&self.values, |other| (other.field, other.repetition).cmp(&(at.field, at.repetition)));
        let alone = siblings.len() == 1 && (at.component, at.subcomponent) == (1, 1);
        self.place_of(at, if alone { 0 } else { at.component }, at.subcomponent)
    }

    fn place_of(&self, at: Position, component: u16, subcomponent: u16) -> String {
        let mut place = String::with_capacity(PLACE);
        place.push_str(self.name);
        let mut tell = |before: &str, number: u32, after: &str| {
            place.push_str(before);
            push_number(&mut place, number);
            place.push_str(after);
        };
        if self.occurrence > 1 {
            tell("[", self.occurrence, "]");
        }
        tell("-", at.field.into(), "");
        if at.repetition > 1 {
            tell("[", at.repetition.into(), "]");
        }
        if component > 0 {
            tell(".", component.into(), "");
        }
        if subcomponent > 1 {
            tell(".", subcomponent.into(), "");
        }
        place
    }
}

impl<'a, 'm> Part<'a, 'm> {
    /// A component of this repetition.
    pub(super) fn component(&self, component: u16) -> Self {
        Self {
            values: slice(self.values, |at| at.component.cmp(&component)),
            level: Level::Component,
            ..*self
        }
    }

    /// A subcomponent of this component.
    pub(super) fn subcomponent(&self, subcomponent: u16) -> Self {
        Self {
            values: slice(self.values, |at| at.subcomponent.cmp(&subcomponent)),
            level: Level::Subcomponent,
            ..*self
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value that stands first, if there is one and it is not the null `""`.
    fn lead(&self) -> Option<&'a Value<'m>> {
        let leads = |at: Position| match self.level {
            Level::Repetition(_) => (at.component, at.subcomponent) == (1, 1),
            Level::Component => at.subcomponent == 1,
            Level::Subcomponent => true,
        };
        self.values.first().filter(|value| leads(value.at) && trimmed(value.raw) != "\"\"")
    }

    /// The leading value of a component, trimmed and unescaped, without using it.
    pub(super) fn peek(&self) -> Option<Cow<'m, str>> {
        let value = self.lead()?;
        Some(unescape(trimmed(value.raw), &self.message.delimiters).text)
            .filter(|text| !trimmed(text).is_empty())
    }

    /// The leading value, trimmed and unescaped; it counts as carried.
    pub(super) fn text(&self) -> Option<String> {
        let value = self.lead()?;
        let text = self.clean(trimmed(value.raw), value.at)?;
        value.fate.set(Fate::Carried);
        Some(text)
    }

    /// The text of a whole repetition, in which components mean nothing; it counts as carried.
    pub(super) fn whole_text(&self) -> Option<String> {
        let Level::Repetition(whole) = self.level else { return None };
        if trimmed(whole) == "\"\"" {
            return None;
        }
        let text = self.clean(whole, self.values.first()?.at)?;
        self.mark();
        Some(text)
    }

    /// The text as it stands, without undoing escapes; it counts as carried.
    pub(super) fn raw(&self) -> Option<&'m str> {
        let value = self.lead()?;
        value.fate.set(Fate::Carried);
        Some(value.raw)
    }

    /// The text of a whole repetition as it stands, without using it.
    pub(super) fn peek_whole(&self) -> Option<&'m str> {
        match self.level {
            Level::Repetition(whole) => Some(whole),
            Level::Component | Level::Subcomponent => None,
        }
    }

    /// Counts everything under this part as carried.
    pub(super) fn mark(&self) {
        for value in self.values.iter().filter(|value| trimmed(value.raw) != "\"\"") {
            value.fate.set(Fate::Carried);
        }
    }

    /// The element these values would have gone to has one already.
    pub(super) fn turn_away(&self) {
        for value in self.values.iter().filter(|value| !value.is_carried()) {
            value.fate.set(Fate::TurnedAway);
        }
    }

    /// What became of the values under this part so far.
    pub(super) fn fates(&self) -> Vec<Fate> {
        self.values.iter().map(|value| value.fate.get()).collect()
    }

    /// Takes back what became of the values since.
    pub(super) fn restore(&self, fates: &[Fate]) {
        for (value, fate) in self.values.iter().zip(fates) {
            value.fate.set(*fate);
        }
    }

    /// Adds a remark about the leading value.
    pub(super) fn remark(&self, why: Why, severity: Severity) {
        if let Some(value) = self.values.first() {
            self.message.remark(self.segment, value.at, why, severity);
        }
    }

    /// The place of the first value under this part.
    pub(super) fn place(&self) -> String {
        self.values.first().map_or_else(String::new, |value| self.segment.place(value.at))
    }

    /// The place of the field that this is a part of.
    pub(super) fn field_place(&self) -> String {
        self.values.first().map_or_else(String::new, |value| {
            self.segment.place_of(Position { repetition: 1, ..value.at }, 0, 1)
        })
    }

    /// The field this is a part of.
    pub(super) fn field(&self) -> u16 {
        self.values.first().map_or(0, |value| value.at.field)
    }

    /// Which repetition of its field this is.
    pub(super) fn repetition(&self) -> u16 {
        self.values.first().map_or(1, |value| value.at.repetition)
    }

    /// `raw` as text; nothing when nothing is left of it.
    fn clean(&self, raw: &str, at: Position) -> Option<String> {
        let out = unescape(raw, &self.message.delimiters);
        if out.inexact {
            self.message.remark(self.segment, at, Why::Escape, Severity::Trivial);
        }
        if out.switched {
            self.message.remark(self.segment, at, Why::CharsetSwitched, Severity::Major);
        }
        if out.controls {
            self.message.remark(self.segment, at, Why::ControlCharacters, Severity::Minor);
        }
        (!trimmed(&out.text).is_empty()).then(|| out.text.into_owned())
    }
}

fn slice<'a, 'm>(
    values: &'a [Value<'m>],
    compare: impl Fn(Position) -> std::cmp::Ordering,
) -> &'a [Value<'m>] {
    let start = values.partition_point(|value| compare(value.at).is_lt());
    let end = values.partition_point(|value| compare(value.at).is_le());
    values.get(start..end).unwrap_or_default()
}

/// The bit of a field, where there is one for it.
const fn bit(field: u16) -> u128 {
    if field < 128 { 1 << field } else { 0 }
}

/// Adds `number` in decimal; most are of one or two digits.
fn push_number(text: &mut String, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from_digit(number % 10, 10).unwrap_or('0'));
}

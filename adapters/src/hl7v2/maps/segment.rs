//! Where the fields of a segment go: `maps/hl7v2/*.segments`.
//!
//! ```text
//! segment PV1 once minor                      a segment, how often, how much an unmapped field matters
//! segment NTE many minor near                 `near`: only to resources of the group it stands in
//! 19   Encounter.identifier[]   identifier    field, element, conversion
//! 1    -                        trivial       a field that has no place, and how much that matters;
//!                                             `if N=A|B` after it: only then, and the first that holds counts
//! ```
//! After the conversion may follow `key=value` (set beside the element, in the same list element),
//! `if N=A|B` (only when field N is A or B), `unless N` (only when field N is empty) and `on A01|A04` (only in
//! messages of these triggers; after `!` in all others), `given` (only when the resource is there). In place of values, `in:MAP` means any code of that map,
//! `past` a time that is not after the message, `time` a time that can be read, `number` a number, `above:N` one above that
//! in field N. After `first` only the first segment adds to a list; after `elsewhere RXE.3|RXO.2` the row
//! holds only where these fields of the same group say nothing.

use super::super::concept::Known;
use super::super::message::{Message, Segment};
use super::condition::{Condition, Values};
use crate::Severity;
use crate::tree::Step;

/// Where the fields of a segment go.
#[derive(Debug)]
pub(crate) struct SegmentMap {
    pub(in crate::hl7v2) name: String,
    pub(in crate::hl7v2) count: Count,
    pub(in crate::hl7v2) severity: Severity,
    pub(in crate::hl7v2) scope: Scope,
    pub(in crate::hl7v2) rows: Vec<Row>,
    pub(in crate::hl7v2) placeless: Vec<Placeless>,
}

/// How much it matters that a field has no place.
#[derive(Debug)]
pub(in crate::hl7v2) struct Placeless {
    pub(in crate::hl7v2) field: u16,
    pub(in crate::hl7v2) severity: Severity,
    pub(in crate::hl7v2) only_if: Option<Condition>,
}

/// How often a segment may stand in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Count {
    Once,
    Many,
}

/// Which resources a segment speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Scope {
    /// Those of its group and of all groups that is in.
    All,
    /// Those of its group.
    Near,
}

/// One field to one element.
#[derive(Debug)]
pub(in crate::hl7v2) struct Row {
    pub(in crate::hl7v2) field: u16,
    pub(in crate::hl7v2) component: Option<u16>,
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) conversion: Conversion,
    pub(in crate::hl7v2) beside: Vec<(Vec<Step>, Fixed)>,
    pub(in crate::hl7v2) only_if: Option<Condition>,
    pub(in crate::hl7v2) unless: Option<Condition>,
    pub(in crate::hl7v2) on: On,
    pub(in crate::hl7v2) needs: Needs,
    /// Fields that say it better, where they say anything in the same group.
    pub(in crate::hl7v2) elsewhere: Vec<(String, u16)>,
}

/// Whether a row makes its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Needs {
    Nothing,
    /// The resource is there already.
    Resource,
    /// No other segment has added to the list.
    First,
}

/// The triggers that something is about.
#[derive(Debug, Clone, Default)]
pub(in crate::hl7v2) enum On {
    #[default]
    All,
    These(Vec<String>),
    /// All but these.
    Others(Vec<String>),
}

/// An element of a named resource.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Target {
    pub(in crate::hl7v2) resource: String,
    pub(in crate::hl7v2) path: Vec<Step>,
}

/// A value that does not come from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hl7v2) enum Fixed {
    Text(String),
    Bare(String),
    Absent(String),
    Coding(String, String),
    Concept(String, String),
}

/// How a field becomes an element. The argument names a code map, a use or a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hl7v2) enum Conversion {
    /// By the field alone.
    Plain(Plain),
    /// The same; further repetitions are further lines of it.
    Lines,
    /// A reference to the resource of this name; the field is not carried by it.
    Reference(String),
    /// This value, when the field is there; the field is carried by it only where the row asks for its very value.
    Constant(Fixed),
    BirthDate,
    /// A number and its unit: the field that holds the unit, or the second component.
    Quantity(Option<u16>),
    /// An amount in words, where it is no number: the fields of the highest and of the unit.
    Amount(Option<u16>, Option<u16>),
    /// Which in their order: the field that tells how the next follows.
    Sequence(u16),
    /// OBX-5, as the type in OBX-2.
    Value,
    /// ED or RP.
    Attachment,
    /// CX; the argument is the field that holds the verification status of an NHS number.
    Identifier(Option<u16>),
    Practitioner,
    /// XON; the argument is the field that holds its address.
    Organization(Option<u16>),
    /// CWE: an organisation by its code and words.
    Producer,
    Location,
    Place,
}

/// Conversions that need the field alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hl7v2) enum Plain {
    Text,
    /// XPN as one reads it.
    FullName,
    /// A whole repetition as text, in which components mean nothing.
    Whole,
    Date,
    DateTime,
    Instant,
    /// The code map that says what is true.
    Boolean(String),
    Integer,
    /// An integer from 1.
    Positive,
    Decimal,
    /// A reference range.
    Range,
    Code(String),
    Coding(String),
    Concept(String),
    /// A concept in the subcomponents of a component.
    SubConcept(String),
    Display(String),
    Language,
    Event,
    Entity,
    /// EI in the subcomponents of a component.
    SubEntity,
    /// The number of a licence: id, type, other.
    Licence,
    /// TQ as a dosage.
    Timing,
    /// True where a code says: as needed.
    AsNeeded,
    Time,
    /// How long: the number, where the code map knows the unit.
    Span(String),
    /// How long: the unit of time.
    SpanUnit(String),
    /// How long, as a Duration.
    Duration,
    /// The sub-id of an observation.
    SubId,
    Universal,
    SourceUri,
    Name,
    Address,
    Telecom(String),
    Label(String),
}

/// Reads one line.
pub(super) fn read(found: &mut Vec<SegmentMap>, words: &[&str]) -> Result<(), &'static str> {
    if let ["segment", name, count, severity, near @ ..] = words {
        let count = match *count {
            "once" => Count::Once,
            "many" => Count::Many,
            _ => return Err("a segment stands once or many times"),
        };
        let scope = match near {
            [] => Scope::All,
            ["near"] => Scope::Near,
            _ => return Err("not the head of a segment"),
        };
        let severity = severity_of(severity)?;
        let name = (*name).to_owned();
        found.push(SegmentMap { name, count, severity, scope, rows: Vec::new(), placeless: Vec::new() });
        return Ok(());
    }
    let segment = found.last_mut().ok_or("a line before the first segment")?;
    match words {
        [field, "-", severity, rest @ ..] => {
            let only_if = match rest {
                [] => None,
                ["if", condition] => Some(Condition::read(condition)?),
                _ => return Err("not a line of a segment"),
            };
            let (field, severity) = (number(field)?, severity_of(severity)?);
            segment.placeless.push(Placeless { field, severity, only_if });
        }
        [field, target, conversion, rest @ ..] => {
            segment.rows.push(Row::read(field, target, conversion, rest)?)
        }
        _ => return Err("not a line of a segment"),
    }
    Ok(())
}

pub(super) fn number(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("not the number of a field")
}

fn severity_of(text: &str) -> Result<Severity, &'static str> {
    Ok(match text {
        "trivial" => Severity::Trivial,
        "minor" => Severity::Minor,
        "major" => Severity::Major,
        _ => return Err("not a severity"),
    })
}

impl Row {
    /// Whether the row speaks of `segment`.
    pub(in crate::hl7v2) fn applies(
        &self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        known: Known<'_>,
    ) -> bool {
        let met = |condition: &Condition| condition.met(message, segment, known);
        self.only_if.as_ref().is_none_or(met) && !self.unless.as_ref().is_some_and(met)
    }

    /// Whether the row asks for the very value of its field.
    pub(in crate::hl7v2) fn asks_for_its_value(&self) -> bool {
        self.only_if.as_ref().is_some_and(|condition| {
            condition.field == self.field && matches!(condition.values, Values::OneOf(_))
        })
    }

    fn read(field: &str, target: &str, conversion: &str, rest: &[&str]) -> Result<Self, &'static str> {
        let (field, component) = match field.split_once('.') {
            Some((field, component)) => (field, Some(number(component)?)),
            None => (field, None),
        };
        let mut row = Self {
            field: number(field)?,
            component,
            target: Target::read(target)?,
            conversion: Conversion::read(conversion)?,
            beside: Vec::new(),
            only_if: None,
            unless: None,
            on: On::default(),
            needs: Needs::Nothing,
            elsewhere: Vec::new(),
        };
        let mut rest = rest;
        loop {
            rest = match rest {
                [] => return Ok(row),
                ["if", condition, more @ ..] => {
                    row.only_if = Some(Condition::read(condition)?);
                    more
                }
                ["unless", condition, more @ ..] => {
                    row.unless = Some(Condition::read(condition)?);
                    more
                }
                ["on", triggers, more @ ..] => {
                    row.on = On::read(triggers);
                    more
                }
                ["elsewhere", fields, more @ ..] => {
                    for place in fields.split('|') {
                        let (name, field) = place.split_once('.').ok_or("not a segment and a field")?;
                        row.elsewhere.push((name.to_owned(), number(field)?));
                    }
                    more
                }
                ["first", more @ ..] => {
                    row.needs = Needs::First;
                    more
                }
                ["given", more @ ..] => {
                    row.needs = Needs::Resource;
                    more
                }
                [pair, more @ ..] => {
                    let (path, value) = pair.split_once('=').ok_or("not a pair of name and value")?;
                    row.beside.push((Step::path(path).ok_or("a faulty path")?, Fixed::read(value)?));
                    more
                }
            };
        }
    }
}

impl On {
    pub(super) fn read(text: &str) -> Self {
        let named = |text: &str| text.split('|').map(str::to_owned).collect();
        match text.strip_prefix('!') {
            Some(text) => Self::Others(named(text)),
            None => Self::These(named(text)),
        }
    }

    /// Whether it is about messages of `trigger`.
    pub(in crate::hl7v2) fn holds(&self, trigger: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(named) => named.iter().any(|held| held == trigger),
            Self::Others(named) => named.iter().all(|held| held != trigger),
        }
    }
}

impl Target {
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let (resource, path) = text.split_once('.').ok_or("an element needs a resource")?;
        Ok(Self { resource: resource.to_owned(), path: Step::path(path).ok_or("a faulty path")? })
    }
}

impl Fixed {
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        let pair = || {
            rest.split_once('/')
                .map(|(map, code)| (map.to_owned(), code.to_owned()))
                .ok_or("a code needs a map")
        };
        Ok(match kind {
            "bare" => Self::Bare(rest.to_owned()),
            "absent" => Self::Absent(rest.to_owned()),
            "coding" => pair().map(|(map, code)| Self::Coding(map, code))?,
            "concept" => pair().map(|(map, code)| Self::Concept(map, code))?,
            _ if matches!(text, "true" | "false") => Self::Bare(text.to_owned()),
            _ => Self::Text(text.replace('_', " ")),
        })
    }
}

impl Conversion {
    /// The code map that the conversion looks into.
    pub(in crate::hl7v2) fn map(&self) -> Option<&str> {
        let Self::Plain(plain) = self else { return None };
        if let Plain::Code(map)
        | Plain::Coding(map)
        | Plain::Boolean(map)
        | Plain::Concept(map)
        | Plain::SubConcept(map)
        | Plain::Label(map)
        | Plain::Display(map) = plain
        {
            return Some(map);
        }
        None
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(value) = text.strip_prefix('=') {
            return Fixed::read(value).map(Self::Constant);
        }
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let named = || argument.to_owned();
        let field = || if argument.is_empty() { Ok(None) } else { number(argument).map(Some) };
        Ok(match name {
            "text" => Self::Plain(Plain::Text),
            "fullName" => Self::Plain(Plain::FullName),
            "whole" => Self::Plain(Plain::Whole),
            "lines" => Self::Lines,
            "reference" => Self::Reference(named()),
            "date" => Self::Plain(Plain::Date),
            "birthDate" => Self::BirthDate,
            "dateTime" => Self::Plain(Plain::DateTime),
            "instant" => Self::Plain(Plain::Instant),
            "boolean" if argument.is_empty() => Self::Plain(Plain::Boolean("yes-no".to_owned())),
            "boolean" => Self::Plain(Plain::Boolean(named())),
            "integer" => Self::Plain(Plain::Integer),
            "positive" => Self::Plain(Plain::Positive),
            "decimal" => Self::Plain(Plain::Decimal),
            "quantity" => Self::Quantity(field()?),
            "range" => Self::Plain(Plain::Range),
            "value" => Self::Value,
            "attachment" => Self::Attachment,
            "code" => Self::Plain(Plain::Code(named())),
            "coding" => Self::Plain(Plain::Coding(named())),
            "concept" => Self::Plain(Plain::Concept(named())),
            "subconcept" => Self::Plain(Plain::SubConcept(named())),
            "display" => Self::Plain(Plain::Display(named())),
            "language" => Self::Plain(Plain::Language),
            "event" => Self::Plain(Plain::Event),
            "identifier" => Self::Identifier(field()?),
            "entity" => Self::Plain(Plain::Entity),
            "subentity" => Self::Plain(Plain::SubEntity),
            "timing" => Self::Plain(Plain::Timing),
            "asNeeded" => Self::Plain(Plain::AsNeeded),
            "time" => Self::Plain(Plain::Time),
            "span" => Self::Plain(Plain::Span(named())),
            "spanUnit" => Self::Plain(Plain::SpanUnit(named())),
            "duration" => Self::Plain(Plain::Duration),
            "sequence" => Self::Sequence(number(argument)?),
            "amount" => {
                let (most, unit) = argument.split_once(':').ok_or("an amount names two fields")?;
                let field = |text: &str| if text.is_empty() { Ok(None) } else { number(text).map(Some) };
                Self::Amount(field(most)?, field(unit)?)
            }
            "subId" => Self::Plain(Plain::SubId),
            "licence" => Self::Plain(Plain::Licence),
            "universal" => Self::Plain(Plain::Universal),
            "sourceUri" => Self::Plain(Plain::SourceUri),
            "name" => Self::Plain(Plain::Name),
            "address" => Self::Plain(Plain::Address),
            "telecom" => Self::Plain(Plain::Telecom(named())),
            "practitioner" => Self::Practitioner,
            "organization" => Self::Organization(field()?),
            "producer" => Self::Producer,
            "location" => Self::Location,
            "place" => Self::Place,
            "label" => Self::Plain(Plain::Label(named())),
            _ => return Err("an unknown conversion"),
        })
    }
}

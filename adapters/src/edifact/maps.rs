//! The tables of `maps/edifact`.
//!
//! ```text
//! result RSL+NV 2 Observation.value numeric      group, segment and qualifier, element, target, conversion
//! severity UNB trivial
//! ```
//! A row without a qualifier is for every segment of its name that no row with a qualifier is for, and for elements
//! beside those. `-` as a target: the component says something about the message and reaches no element by itself.

use std::sync::OnceLock;

use crate::hl7v2::codes::Codes;
use crate::tree::Step;
use crate::{Refused, Severity};

/// All tables.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) rows: Vec<Row>,
    severities: Vec<(String, Severity)>,
    pub(super) codes: Codes,
}

/// Where a component goes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) segment: String,
    pub(super) qualifier: Option<String>,
    pub(super) element: u16,
    pub(super) component: u16,
    /// The type of the resource, and the path in it; empty for `-`.
    pub(super) target: Option<(String, Vec<Step>)>,
    pub(super) conversion: Conversion,
}

/// A segment group of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Header,
    Message,
    Party,
    Report,
    Subject,
    Person,
    Clinical,
    Specimen,
    Result,
    Range,
    /// One that no row is for.
    Unknown,
}

/// What is made of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversion {
    /// It says something about the message, and has no element of its own.
    Aside(Aside),
    /// It is the value of a result.
    Says(Says),
    /// The components of the element as lines of one text, which may be there already.
    Lines,
    /// One end of a range.
    Limit,
    Plain(Plain),
}

/// What is said about the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aside {
    /// It is used where the message as a whole is known by it.
    Taken,
    /// It says what it always says, or that is told.
    Expect(String),
    /// The number that others refer to a specimen or a result by.
    Sequence,
    /// The number of a specimen.
    OfSpecimen,
    /// The number of a result.
    OfResult,
    /// When the interchange was put together.
    Sent,
    /// When the message was put together.
    Issued,
}

/// How a result says its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Number,
    Code,
    Text,
    /// In a way that is not known; as text.
    Otherwise,
}

/// What becomes one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Text,
    /// The components of the element as lines of one text, which is an element of a list.
    TextLines,
    Code(String),
    Document,
    Instant,
    DateTime,
    Date,
    Address,
    PersonId,
    Name,
    Concept,
    Fasting,
    Amount,
    Flag,
    /// Who sends or receives, as an address.
    Endpoint,
    /// Whether the interchange is a test.
    Test,
}

/// The tables, read once.
pub(super) fn maps() -> Result<&'static Maps, Refused> {
    static MAPS: OnceLock<Option<Maps>> = OnceLock::new();
    MAPS.get_or_init(|| {
        Maps::read(
            include_str!("../../maps/edifact/medrpt.map"),
            include_str!("../../maps/edifact/codes.map"),
        )
    })
    .as_ref()
    .ok_or(Refused::Maps)
}

impl Maps {
    fn read(table: &str, codes: &str) -> Option<Self> {
        let codes = Codes::read(&[codes]).ok()?;
        let mut maps = Self { rows: Vec::new(), severities: Vec::new(), codes };
        for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["severity", segment, severity] => {
                    maps.severities.push(((*segment).to_owned(), severity_of(severity)?));
                }
                [group, segment, place, target, conversion] => {
                    maps.rows.push(row(group, segment, place, target, conversion, &maps.codes)?);
                }
                _ => return None,
            }
        }
        Some(maps)
    }

    pub(super) fn severity(&self, segment: &str) -> Severity {
        let found = self.severities.iter().find(|(name, _)| name == segment);
        found.map_or(Severity::Major, |(_, severity)| *severity)
    }
}

fn severity_of(word: &str) -> Option<Severity> {
    match word {
        "trivial" => Some(Severity::Trivial),
        "minor" => Some(Severity::Minor),
        "major" => Some(Severity::Major),
        _ => None,
    }
}

fn row(
    group: &str,
    segment: &str,
    place: &str,
    target: &str,
    conversion: &str,
    codes: &Codes,
) -> Option<Row> {
    let (segment, qualifier) = match segment.split_once('+') {
        Some((segment, qualifier)) => (segment, Some(qualifier.to_owned())),
        None => (segment, None),
    };
    let (element, component) = place.split_once('.').unwrap_or((place, "1"));
    let target = match target {
        "-" => None,
        target => {
            let (kind, path) = target.split_once('.')?;
            Some((kind.to_owned(), Step::path(path)?))
        }
    };
    Some(Row {
        group: group_of(group)?,
        segment: segment.to_owned(),
        qualifier,
        element: element.parse().ok()?,
        component: component.parse().ok()?,
        target,
        conversion: conversion_of(conversion, codes)?,
    })
}

fn group_of(word: &str) -> Option<Group> {
    Some(match word {
        "header" => Group::Header,
        "message" => Group::Message,
        "party" => Group::Party,
        "report" => Group::Report,
        "subject" => Group::Subject,
        "person" => Group::Person,
        "clinical" => Group::Clinical,
        "specimen" => Group::Specimen,
        "result" => Group::Result,
        "range" => Group::Range,
        _ => return None,
    })
}

fn conversion_of(word: &str, codes: &Codes) -> Option<Conversion> {
    let (name, argument) = word.split_once(':').unwrap_or((word, ""));
    Some(match name {
        "taken" => Conversion::Aside(Aside::Taken),
        "expect" => Conversion::Aside(Aside::Expect(argument.to_owned())),
        "sequence" => Conversion::Aside(Aside::Sequence),
        "of-specimen" => Conversion::Aside(Aside::OfSpecimen),
        "of-result" => Conversion::Aside(Aside::OfResult),
        "sent" => Conversion::Aside(Aside::Sent),
        "issued" => Conversion::Aside(Aside::Issued),
        "numeric" => Conversion::Says(Says::Number),
        "coded" => Conversion::Says(Says::Code),
        "result-text" => Conversion::Says(Says::Text),
        "other" => Conversion::Says(Says::Otherwise),
        "lines" => Conversion::Lines,
        "limit" => Conversion::Limit,
        _ => Conversion::Plain(match name {
            "text" => Plain::Text,
            "text-lines" => Plain::TextLines,
            "code" if codes.has(argument) => Plain::Code(argument.to_owned()),
            "document" => Plain::Document,
            "instant" => Plain::Instant,
            "date-time" => Plain::DateTime,
            "date" => Plain::Date,
            "address" => Plain::Address,
            "person-id" => Plain::PersonId,
            "name" => Plain::Name,
            "concept" => Plain::Concept,
            "fasting" => Plain::Fasting,
            "amount" => Plain::Amount,
            "flag" => Plain::Flag,
            "endpoint" => Plain::Endpoint,
            "test" => Plain::Test,
            _ => return None,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::{Maps, maps};
    use crate::Severity;

    #[test]
    fn the_tables_of_this_program_are_read() {
        let maps = maps().unwrap();
        assert!(maps.rows.len() > 40);
        assert_eq!((maps.severity("UNB"), maps.severity("RSL")), (Severity::Trivial, Severity::Major));
    }

    #[test]
    fn a_faulty_table_is_refused() {
        for line in [
            "result RSL 2 Observation.value",
            "nowhere RSL 2 Observation.value numeric",
            "result RSL x Observation.value numeric",
            "result RSL 2 Observation numeric",
            "result RSL 2 Observation.status code:nothing",
            "result RSL 2 Observation.value magic",
            "severity RSL dire",
        ] {
            assert!(Maps::read(line, "map a -\n").is_none(), "{line}");
        }
    }
}

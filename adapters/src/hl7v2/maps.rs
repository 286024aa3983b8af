//! The tables of `maps/hl7v2`, read once: which field goes to which element, by which conversion.
//!
//! ```text
//! segment PV1 once minor                      a segment, how often, how much an unmapped field matters
//! 19   Encounter.identifier[]   identifier    field, element, conversion
//! 1    -                        trivial       a field that has no place, and how much that matters
//! ```
//! After the conversion may follow `key=value` (set beside the element, in the same list element),
//! `if N=A|B` (only when field N is A or B) and `unless N` (only when field N is empty). In place of
//! values, `in:MAP` means any code of that map.

use std::sync::LazyLock;

use super::codes::Codes;
use crate::tree::Step;
use crate::{Refused, Severity};

/// All tables.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) messages: Vec<MessageMap>,
    pub(super) segments: Vec<SegmentMap>,
    pub(super) codes: Codes,
}

/// What a message type becomes.
#[derive(Debug, Default)]
pub(super) struct MessageMap {
    /// Message code and trigger, such as `ADT^A03`.
    pub(super) name: String,
    /// `Bundle.type`.
    pub(super) bundle: String,
    /// Names and types of the resources, in the order of the Bundle.
    pub(super) resources: Vec<(String, String)>,
    /// Segments in the order in which their maps are applied.
    pub(super) segments: Vec<String>,
    /// Segments that must be there.
    pub(super) required: Vec<String>,
    /// The segment that holds document content, if any.
    pub(super) document: Option<String>,
    /// References between resources that both exist.
    pub(super) links: Vec<(Target, String)>,
    /// What an element is when no field gave it.
    pub(super) defaults: Vec<(Target, Fixed)>,
}

/// Where the fields of a segment go.
#[derive(Debug)]
pub(super) struct SegmentMap {
    pub(super) name: String,
    pub(super) count: Count,
    pub(super) severity: Severity,
    pub(super) rows: Vec<Row>,
    pub(super) placeless: Vec<(u16, Severity)>,
}

/// How often a segment may stand in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Once,
    Many,
}

/// One field to one element.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) field: u16,
    pub(super) component: Option<u16>,
    pub(super) target: Target,
    pub(super) conversion: Conversion,
    pub(super) beside: Vec<(Vec<Step>, Fixed)>,
    pub(super) only_if: Option<Condition>,
    pub(super) unless: Option<Condition>,
}

/// What another field must be.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) field: u16,
    pub(super) values: Values,
}

#[derive(Debug)]
pub(super) enum Values {
    Any,
    OneOf(Vec<String>),
    CodeOf(String),
}

/// An element of a named resource.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) resource: String,
    pub(super) path: Vec<Step>,
}

/// A value that does not come from the message.
#[derive(Debug, Clone)]
pub(super) enum Fixed {
    Text(String),
    Absent(String),
    Coding(String, String),
    Concept(String, String),
}

/// How a field becomes an element. The argument names a code map or a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversion {
    Text,
    Date,
    BirthDate,
    DateTime,
    Instant,
    Boolean,
    Integer,
    Code(String),
    Coding(String),
    Concept(String),
    Display(String),
    Language,
    Event,
    /// CX; the argument is the field that holds the verification status of an NHS number.
    Identifier(Option<u16>),
    Entity,
    Universal,
    SourceUri,
    Name,
    Address,
    Telecom(String),
    Practitioner,
    Organization,
    Location,
    Place,
    Label(String),
}

/// The tables of this program.
pub(super) fn maps() -> Result<&'static Maps, Refused> {
    static MAPS: LazyLock<Result<Maps, Fault>> = LazyLock::new(|| {
        read(
            include_str!("../../maps/hl7v2/messages.map"),
            include_str!("../../maps/hl7v2/segments.map"),
            include_str!("../../maps/hl7v2/codes.map"),
        )
    });
    MAPS.as_ref().map_err(|_| Refused::Maps)
}

/// A line of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: {what}")]
pub(super) struct Fault {
    file: &'static str,
    line: usize,
    what: &'static str,
}

/// Reads the three tables and checks that they fit each other.
pub(super) fn read(messages: &str, segments: &str, codes: &str) -> Result<Maps, Fault> {
    let codes = Codes::read(codes).map_err(|(line, what)| Fault { file: "codes.map", line, what })?;
    let segments = each(segments, "segments.map", read_segments)?;
    let messages = each(messages, "messages.map", read_messages)?;
    let maps = Maps { messages, segments, codes };
    maps.check().map_err(|what| Fault { file: "maps", line: 0, what })?;
    Ok(maps)
}

impl Maps {
    pub(super) fn segment(&self, name: &str) -> Option<&SegmentMap> {
        self.segments.iter().find(|map| map.name == name)
    }

    fn check(&self) -> Result<(), &'static str> {
        for message in &self.messages {
            for name in message.segments.iter().chain(&message.required) {
                self.segment(name).ok_or("a message names a segment that has no map")?;
            }
            let targets = message
                .links
                .iter()
                .map(|(target, _)| target)
                .chain(message.defaults.iter().map(|(target, _)| target));
            for target in targets {
                message
                    .kind(&target.resource)
                    .ok_or("a link or default names a resource that the message has not")?;
            }
        }
        for row in self.segments.iter().flat_map(|segment| &segment.rows) {
            let map = row.conversion.map().unwrap_or_default();
            if !map.is_empty() && !self.codes.has(map) {
                return Err("a row names a code map that does not exist");
            }
            for condition in row.only_if.iter().chain(&row.unless) {
                if matches!(&condition.values, Values::CodeOf(map) if !self.codes.has(map)) {
                    return Err("a condition names a code map that does not exist");
                }
            }
            for (_, fixed) in &row.beside {
                if let Fixed::Coding(map, code) | Fixed::Concept(map, code) = fixed {
                    self.codes.target(map, code).ok_or("a row names a code that is not in its map")?;
                }
            }
        }
        Ok(())
    }
}

impl MessageMap {
    /// The type of the resource with this name.
    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        self.resources.iter().find(|(held, _)| held == name).map(|(_, kind)| kind.as_str())
    }
}

type Reader<T> = fn(&mut Vec<T>, &[&str]) -> Result<(), &'static str>;

fn each<T>(text: &str, file: &'static str, reader: Reader<T>) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split("  #").next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        if !words.is_empty() && !text.starts_with('#') {
            reader(&mut found, &words).map_err(|what| Fault { file, line, what })?;
        }
    }
    Ok(found)
}

fn read_messages(found: &mut Vec<MessageMap>, words: &[&str]) -> Result<(), &'static str> {
    if let ["message", name, bundle] = words {
        found.push(MessageMap {
            name: (*name).to_owned(),
            bundle: (*bundle).to_owned(),
            ..MessageMap::default()
        });
        return Ok(());
    }
    let message = found.last_mut().ok_or("a line before the first message")?;
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match words {
        ["resources", names @ ..] => {
            let pair = |name: &str| {
                name.split_once('=').map_or((name.to_owned(), name.to_owned()), |(name, kind)| {
                    (name.to_owned(), kind.to_owned())
                })
            };
            message.resources = names.iter().map(|name| pair(name)).collect();
        }
        ["segments", names @ ..] => message.segments = owned(names),
        ["require", names @ ..] => message.required = owned(names),
        ["document", name] => message.document = Some((*name).to_owned()),
        ["link", target, name] => message.links.push((Target::read(target)?, (*name).to_owned())),
        ["default", target, value] => message.defaults.push((Target::read(target)?, Fixed::read(value)?)),
        _ => return Err("not a line of a message"),
    }
    Ok(())
}

fn read_segments(found: &mut Vec<SegmentMap>, words: &[&str]) -> Result<(), &'static str> {
    if let ["segment", name, count, severity] = words {
        let count = match *count {
            "once" => Count::Once,
            "many" => Count::Many,
            _ => return Err("a segment stands once or many times"),
        };
        let severity = read_severity(severity)?;
        found.push(SegmentMap {
            name: (*name).to_owned(),
            count,
            severity,
            rows: Vec::new(),
            placeless: Vec::new(),
        });
        return Ok(());
    }
    let segment = found.last_mut().ok_or("a line before the first segment")?;
    match words {
        [field, "-", severity] => segment.placeless.push((read_number(field)?, read_severity(severity)?)),
        [field, target, conversion, rest @ ..] => {
            segment.rows.push(Row::read(field, target, conversion, rest)?)
        }
        _ => return Err("not a line of a segment"),
    }
    Ok(())
}

fn read_number(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("not the number of a field")
}

fn read_severity(text: &str) -> Result<Severity, &'static str> {
    Ok(match text {
        "trivial" => Severity::Trivial,
        "minor" => Severity::Minor,
        "major" => Severity::Major,
        _ => return Err("not a severity"),
    })
}

impl Row {
    fn read(field: &str, target: &str, conversion: &str, rest: &[&str]) -> Result<Self, &'static str> {
        let (field, component) = match field.split_once('.') {
            Some((field, component)) => (field, Some(read_number(component)?)),
            None => (field, None),
        };
        let mut row = Self {
            field: read_number(field)?,
            component,
            target: Target::read(target)?,
            conversion: Conversion::read(conversion)?,
            beside: Vec::new(),
            only_if: None,
            unless: None,
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
                [pair, more @ ..] => {
                    let (path, value) = pair.split_once('=').ok_or("not a pair of name and value")?;
                    row.beside.push((Step::path(path).ok_or("a faulty path")?, Fixed::read(value)?));
                    more
                }
            };
        }
    }
}

impl Condition {
    fn read(text: &str) -> Result<Self, &'static str> {
        let Some((field, values)) = text.split_once('=') else {
            return Ok(Self { field: read_number(text)?, values: Values::Any });
        };
        let values = match values.strip_prefix("in:") {
            Some(map) => Values::CodeOf(map.to_owned()),
            None => Values::OneOf(values.split('|').map(str::to_owned).collect()),
        };
        Ok(Self { field: read_number(field)?, values })
    }
}

impl Target {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (resource, path) = text.split_once('.').ok_or("an element needs a resource")?;
        Ok(Self { resource: resource.to_owned(), path: Step::path(path).ok_or("a faulty path")? })
    }
}

impl Fixed {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        let pair = || {
            rest.split_once('/')
                .map(|(map, code)| (map.to_owned(), code.to_owned()))
                .ok_or("a code needs a map")
        };
        Ok(match kind {
            "absent" => Self::Absent(rest.to_owned()),
            "coding" => pair().map(|(map, code)| Self::Coding(map, code))?,
            "concept" => pair().map(|(map, code)| Self::Concept(map, code))?,
            _ => Self::Text(text.replace('_', " ")),
        })
    }
}

impl Conversion {
    /// The code map that the conversion looks into.
    fn map(&self) -> Option<&str> {
        if let Self::Code(map)
        | Self::Coding(map)
        | Self::Concept(map)
        | Self::Label(map)
        | Self::Display(map) = self
        {
            return Some(map);
        }
        None
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let named = || argument.to_owned();
        Ok(match name {
            "text" => Self::Text,
            "date" => Self::Date,
            "birthDate" => Self::BirthDate,
            "dateTime" => Self::DateTime,
            "instant" => Self::Instant,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "code" => Self::Code(named()),
            "coding" => Self::Coding(named()),
            "concept" => Self::Concept(named()),
            "display" => Self::Display(named()),
            "language" => Self::Language,
            "event" => Self::Event,
            "identifier" if argument.is_empty() => Self::Identifier(None),
            "identifier" => Self::Identifier(Some(read_number(argument)?)),
            "entity" => Self::Entity,
            "universal" => Self::Universal,
            "sourceUri" => Self::SourceUri,
            "name" => Self::Name,
            "address" => Self::Address,
            "telecom" => Self::Telecom(named()),
            "practitioner" => Self::Practitioner,
            "organization" => Self::Organization,
            "location" => Self::Location,
            "place" => Self::Place,
            "label" => Self::Label(named()),
            _ => return Err("an unknown conversion"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{maps, read};

    #[test]
    fn the_tables_of_this_program_can_be_read() {
        let fault = read(
            include_str!("../../maps/hl7v2/messages.map"),
            include_str!("../../maps/hl7v2/segments.map"),
            include_str!("../../maps/hl7v2/codes.map"),
        )
        .err();
        assert_eq!(fault, None);
        assert!(maps().is_ok());
    }

    #[test]
    fn a_faulty_table_names_its_line() {
        let segments =
            |row: &str| read("", &format!("segment PID once minor\n{row}\n"), "").unwrap_err().to_string();
        for (row, expected) in [
            ("x Patient.name name", "segments.map line 2: not the number of a field"),
            ("5 name name", "segments.map line 2: an element needs a resource"),
            ("5 Patient.name nonsense", "segments.map line 2: an unknown conversion"),
            ("5 Patient.name[1] name", "segments.map line 2: a faulty path"),
            ("8 Patient.gender code:nowhere", "maps line 0: a row names a code map that does not exist"),
            ("5", "segments.map line 2: not a line of a segment"),
        ] {
            assert_eq!(segments(row), expected);
        }
        let message = read("message A^B message\nsegments PID\n", "", "").unwrap_err().to_string();
        assert_eq!(message, "maps line 0: a message names a segment that has no map");
    }
}

//! The tables of `maps/hl7v2`, read once: what a message becomes, which field goes to which element, and by which
//! conversion. The formats are described where they are read.

mod condition;
mod message;
mod segment;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::codes::Codes;
use super::lines::is_called;
use crate::Refused;

pub(super) use condition::{Condition, Values};
pub(super) use message::{Begins, Each, Gather, MessageMap, Preset, Reach, Runs, Spread};
pub(super) use segment::{Conversion, Count, Fixed, Needs, Plain, Row, Scope};

pub(crate) use segment::SegmentMap;

/// All tables.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) messages: Vec<MessageMap>,
    pub(super) segments: Vec<SegmentMap>,
    pub(super) codes: Codes,
    /// Numbers in `messages` by type.
    types: BTreeMap<String, usize>,
}

/// The tables of this program.
pub(super) fn maps() -> Result<&'static Maps, Refused> {
    static MAPS: LazyLock<Result<Maps, Fault>> = LazyLock::new(|| read(MESSAGES, &SEGMENTS, &CODES));
    MAPS.as_ref().map_err(|_| Refused::Maps)
}

const MESSAGES: &str = include_str!("../../maps/hl7v2/messages.map");

const SEGMENTS: [&str; 5] = [
    include_str!("../../maps/hl7v2/header.segments"),
    include_str!("../../maps/hl7v2/person.segments"),
    include_str!("../../maps/hl7v2/clinical.segments"),
    include_str!("../../maps/hl7v2/orders.segments"),
    include_str!("../../maps/hl7v2/plans.segments"),
];

const CODES: [&str; 2] =
    [include_str!("../../maps/hl7v2/codes.map"), include_str!("../../maps/hl7v2/clinical-codes.map")];

/// A line of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: {what}")]
pub struct Fault {
    /// Which table.
    pub file: &'static str,
    /// Counted from 1; 0 when it is about tables that do not fit each other.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads the tables and checks that they fit each other.
fn read(messages: &str, segments: &[&str], codes: &[&str]) -> Result<Maps, Fault> {
    let codes = Codes::read(codes).map_err(|(line, what)| Fault { file: "codes", line, what })?;
    let mut found = Vec::new();
    for text in segments {
        each(text, "segments", &mut found, segment::read)?;
    }
    let mut messages_found = Vec::new();
    each(messages, "messages.map", &mut messages_found, message::read)?;
    let mut types = BTreeMap::new();
    for (number, message) in messages_found.iter().enumerate() {
        types.extend(message.names.iter().map(|name| (name.clone(), number)));
    }
    let maps = Maps { messages: messages_found, segments: found, codes, types };
    maps.check().map_err(|what| Fault { file: "maps", line: 0, what })?;
    Ok(maps)
}

/// Reads the map of a site: segments that begin with `Z`, with rows like those of this program.
pub(crate) fn read_site(text: &str) -> Result<Vec<SegmentMap>, Fault> {
    let fault = |what| Fault { file: "site map", line: 0, what };
    let mut found = Vec::new();
    each(text, "site map", &mut found, segment::read)?;
    if found.iter().any(|segment| !segment.name.starts_with('Z')) {
        return Err(fault("a site maps segments whose names begin with Z"));
    }
    let maps = maps().map_err(|_| fault("the maps of this program are faulty"))?;
    let mut rows = found.iter().flat_map(|segment| &segment.rows);
    rows.try_for_each(|row| maps.check_row(row)).map_err(fault)?;
    Ok(found)
}

impl Maps {
    pub(super) fn segment(&self, name: &str) -> Option<&SegmentMap> {
        self.segments.iter().find(|map| is_called(&map.name, name))
    }

    /// What messages of the type `name` become.
    pub(super) fn message(&self, name: &str) -> Option<&MessageMap> {
        self.types.get(name).and_then(|number| self.messages.get(*number))
    }

    fn check(&self) -> Result<(), &'static str> {
        for message in self.messages.iter().filter(|message| !message.names.is_empty()) {
            let required = message.required.iter().flat_map(|name| name.split('|'));
            for name in message.segments.iter().map(String::as_str).chain(required) {
                self.segment(name).ok_or("a message names a segment that has no map")?;
            }
            let targets = (message.links.iter().map(|link| &link.target))
                .chain(message.gathers.iter().map(|gather| &gather.target))
                .chain(message.spreads.iter().map(|spread| &spread.target))
                .chain(message.copies.iter().flat_map(|(to, from)| [to, from]))
                .chain(message.eachs.iter().map(|each| &each.target))
                .chain(message.sets.iter().chain(&message.defaults).map(|preset| &preset.target))
                .map(|target| &target.resource)
                .chain(message.links.iter().map(|link| &link.name));
            for name in targets {
                message.resource(name).ok_or("a line names a resource that the message has not")?;
            }
            for preset in message.sets.iter().chain(&message.defaults) {
                self.check_fixed(&preset.value)?;
            }
            message.eachs.iter().try_for_each(|each| self.check_fixed(&each.value))?;
        }
        self.segments.iter().flat_map(|segment| &segment.rows).try_for_each(|row| self.check_row(row))
    }

    fn check_row(&self, row: &Row) -> Result<(), &'static str> {
        let map = row.conversion.map().unwrap_or_default();
        if !map.is_empty() && !self.codes.has(map) {
            return Err("a row names a code map that does not exist");
        }
        for condition in row.only_if.iter().chain(&row.unless) {
            if matches!(&condition.values, Values::CodeOf(map) if !self.codes.has(map)) {
                return Err("a condition names a code map that does not exist");
            }
        }
        if let Conversion::Constant(fixed) = &row.conversion {
            self.check_fixed(fixed)?;
        }
        row.beside.iter().try_for_each(|(_, fixed)| self.check_fixed(fixed))
    }

    fn check_fixed(&self, fixed: &Fixed) -> Result<(), &'static str> {
        if let Fixed::Coding(map, code) | Fixed::Concept(map, code) = fixed {
            self.codes.target(map, code).ok_or("a row names a code that is not in its map")?;
        }
        Ok(())
    }
}

type Reader<T> = fn(&mut Vec<T>, &[&str]) -> Result<(), &'static str>;

fn each<T>(text: &str, file: &'static str, found: &mut Vec<T>, reader: Reader<T>) -> Result<(), Fault> {
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split("  #").next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        if !words.is_empty() && !text.starts_with('#') {
            reader(found, &words).map_err(|what| Fault { file, line, what })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CODES, MESSAGES, SEGMENTS, maps, read, read_site};

    #[test]
    fn the_tables_of_this_program_can_be_read() {
        assert_eq!(read(MESSAGES, &SEGMENTS, &CODES).err(), None);
        assert!(maps().is_ok());
    }

    #[test]
    fn a_faulty_table_names_its_line() {
        let segments = |row: &str| {
            read("", &[&format!("segment PID once minor\n{row}\n")], &[]).unwrap_err().to_string()
        };
        for (row, expected) in [
            ("x Patient.name name", "segments line 2: not the number of a field"),
            ("5 name name", "segments line 2: an element needs a resource"),
            ("5 Patient.name nonsense", "segments line 2: an unknown conversion"),
            ("5 Patient.name[1] name", "segments line 2: a faulty path"),
            ("8 Patient.gender code:nowhere", "maps line 0: a row names a code map that does not exist"),
            ("5", "segments line 2: not a line of a segment"),
        ] {
            assert_eq!(segments(row), expected);
        }
        for (messages, expected) in [
            ("message message A^B\nsegments PID\n", "maps line 0: a message names a segment that has no map"),
            ("message message A^B\nuse x\n", "messages.map line 2: a part that is not there"),
            ("message message A^B\ngroup x in y OBX\n", "messages.map line 2: a group that is not there"),
            (
                "message message A^B\nset Patient.active true\n",
                "maps line 0: a line names a resource that the message has not",
            ),
        ] {
            assert_eq!(read(messages, &[], &[]).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_site_maps_its_own_segments_only() {
        assert!(read_site("segment ZPV many minor\n2 Encounter.identifier[] identifier\n").is_ok());
        for text in
            ["segment PID many minor\n", "segment ZPV many minor\n2 Encounter.x code:nowhere\n", "2 x.y text"]
        {
            assert!(read_site(text).is_err(), "{text}");
        }
    }
}

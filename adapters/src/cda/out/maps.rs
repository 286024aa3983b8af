//! The tables of `maps/cda-out`, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::order::Order;
use super::profile::Flavour;
use super::table::Tables;
use super::unwritten::Unwritten;
use crate::Context;
use crate::cda::codes::{Codes, Target};
use crate::cda::maps::lines;

pub(super) const ORDER: &str = include_str!("../../../maps/cda-out/order.map");
pub(super) const CODES: &str = include_str!("../../../maps/cda-out/codes.map");
const SYSTEMS: &str = include_str!("../../../maps/cda-out/systems.map");
const HEADINGS: &str = include_str!("../../../maps/cda/headings.map");
pub(super) const TABLES: [&str; 4] = [
    include_str!("../../../maps/cda-out/header.map"),
    include_str!("../../../maps/cda-out/sections.map"),
    include_str!("../../../maps/cda-out/entries.map"),
    include_str!("../../../maps/cda-out/meaning.map"),
];

/// All tables of this direction.
pub(super) struct Maps {
    pub(super) tables: Tables,
    pub(super) order: Order,
    codes: Codes,
    /// OIDs by flavour and URI; without a flavour those of all.
    systems: HashMap<(Option<Flavour>, String), String>,
    /// Codes of sections by heading, in the order of the table.
    headings: HashMap<String, Vec<String>>,
    /// The codes of this direction are not a sender's.
    context: Context,
}

impl Maps {
    pub(super) fn shipped() -> Result<&'static Self, Unwritten> {
        static MAPS: LazyLock<Option<Maps>> = LazyLock::new(Maps::read);
        MAPS.as_ref().ok_or(Unwritten::Maps)
    }

    fn read() -> Option<Self> {
        let mut codes = Codes::default();
        codes.read_maps(&lines(CODES)).ok()?;
        let mut systems = HashMap::new();
        for line in lines(SYSTEMS) {
            let [flavour, uri, oid] = line.words.as_slice() else { return None };
            let flavour = match *flavour {
                "*" => None,
                "c-cda" => Some(Flavour::Ccda),
                "itk" => Some(Flavour::Itk),
                _ => return None,
            };
            systems.insert((flavour, (*uri).to_owned()), (*oid).to_owned());
        }
        let mut headings: HashMap<String, Vec<String>> = HashMap::new();
        let mut open = String::new();
        for line in lines(HEADINGS) {
            match line.words.as_slice() {
                ["heading", code, ..] => (*code).clone_into(&mut open),
                ["code", codes @ ..] => {
                    let held = headings.entry(open.clone()).or_default();
                    held.extend(codes.iter().map(|code| (*code).to_owned()));
                }
                _ => {}
            }
        }
        Some(Self {
            tables: Tables::read(&TABLES).ok()?,
            order: Order::read(ORDER).ok()?,
            codes,
            systems,
            headings,
            context: Context::new("", None, "UTC").ok()?,
        })
    }

    /// What `code` becomes by the map `map`.
    pub(super) fn code(&self, map: &str, code: &str) -> Option<&Target> {
        self.codes.find(map, code, &self.context)
    }

    /// The OID of a system.
    pub(super) fn system(&self, flavour: Flavour, uri: &str) -> Option<String> {
        let of = |flavour| self.systems.get(&(flavour, uri.to_owned()));
        of(Some(flavour)).or_else(|| of(None)).cloned()
    }

    /// The code that a section under a heading has: LOINC for C-CDA, SNOMED CT for ITK.
    pub(super) fn heading(&self, flavour: Flavour, heading: &str) -> Option<&str> {
        let codes = self.headings.get(heading)?;
        let is_loinc = |code: &str| {
            code.len() <= 8 && code.contains('-') && code.starts_with(|first: char| first.is_ascii_digit())
        };
        let is_snomed = |code: &str| code.len() > 8 && code.bytes().all(|byte| byte.is_ascii_digit());
        let mut codes = codes.iter().map(String::as_str);
        match flavour {
            Flavour::Ccda => codes.find(|code| is_loinc(code)),
            Flavour::Itk => codes.find(|code| is_snomed(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::Order;
    use super::super::table::{Conversion, Tables};
    use super::{CODES, Maps, ORDER, TABLES};

    #[test]
    fn the_tables_of_this_program_can_be_read() {
        assert_eq!(Tables::read(&TABLES).err(), None);
        assert_eq!(Order::read(ORDER).err(), None);
        assert!(Maps::shipped().is_ok());
    }

    #[test]
    fn every_code_map_that_a_rule_names_is_there() {
        let tables = Tables::read(&TABLES).unwrap();
        for row in tables.rules.values().flat_map(|rule| &rule.rows) {
            if let Conversion::Code(map) = &row.conversion {
                assert!(CODES.lines().any(|line| line.starts_with(&format!("map {map} "))), "{map}");
            }
        }
    }

    #[test]
    fn a_faulty_table_names_its_line() {
        for (text, expected) in [
            ("rule a X\nb c nonsense", (2, "an unknown conversion")),
            ("b c text", (1, "a row of no rule")),
            ("rule a X\nb c/@d/e text", (2, "a faulty target")),
            ("rule a X\nb c[d text", (2, "a faulty target")),
            ("rule a X\nb..c d text", (2, "a faulty path")),
            ("rule a X\nb c text if", (2, "a condition without a value")),
            ("rule a X\nb c text when d", (2, "an unknown condition")),
            ("rule a X\nb c rule:z", (0, "a rule that is not there")),
            ("rule a X\nrule a X", (2, "a rule of this name is there already")),
            ("loss a huge", (1, "an unknown severity")),
            ("x", (1, "not a line of the tables")),
        ] {
            assert_eq!(Tables::read(&[text]).err(), Some(expected), "{text}");
        }
    }
}

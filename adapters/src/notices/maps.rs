//! The tables of `maps/notices`: how DSTU2 says what R4 says, its codes, and the data set of the standard.
//!
//! ```text
//! type Period start end
//! resource Location Location name managingOrganization:Reference      DSTU2, R4, items
//! code encounter-status in-progress in-progress                        map, DSTU2, R4
//! severity meta trivial                                                of what stands in an element of that name
//! ```
//! One item says both directions: `dstu2>r4:TYPE~codes+path=value`.

use std::sync::OnceLock;

use crate::tree::Step;
use crate::{Refused, Severity};

/// All tables.
#[derive(Debug)]
pub(super) struct Maps {
    types: Vec<(String, Vec<Item>)>,
    pub(super) resources: Vec<Resource>,
    codes: Vec<(String, String, String)>,
    severities: Vec<(String, Severity)>,
    pub(super) data_set: super::fields::DataSet,
}

/// A resource in both versions.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) dstu2: String,
    pub(super) r4: &'static str,
    pub(super) items: Vec<Item>,
}

/// An element in both versions.
#[derive(Debug)]
pub(super) struct Item {
    /// Names from the resource to the element in DSTU2.
    pub(super) left: Vec<String>,
    /// Whether DSTU2 takes several.
    pub(super) many: Many,
    /// The path in R4.
    pub(super) right: Vec<Step>,
    pub(super) kind: Kind,
    pub(super) codes: Option<String>,
    /// What is said beside it in R4.
    pub(super) beside: Vec<(Vec<Step>, String)>,
}

/// Whether an element can stand more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    Yes,
    No,
}

/// The data type of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Number,
    /// A date or a time.
    Date,
    Type(String),
}

/// The tables, read once.
pub(super) fn maps() -> Result<&'static Maps, Refused> {
    static MAPS: OnceLock<Option<Maps>> = OnceLock::new();
    let tables = [
        include_str!("../../maps/notices/resources.map"),
        include_str!("../../maps/notices/codes.map"),
        include_str!("../../maps/notices/fields.map"),
    ];
    MAPS.get_or_init(|| Maps::read(&tables)).as_ref().ok_or(Refused::Maps)
}

impl Maps {
    fn read(tables: &[&'static str]) -> Option<Self> {
        let mut maps = Self {
            types: Vec::new(),
            resources: Vec::new(),
            codes: Vec::new(),
            severities: Vec::new(),
            data_set: super::fields::DataSet::default(),
        };
        let lines = tables.iter().flat_map(|table| table.lines());
        for line in lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            if line.contains(' ') && maps.data_set.read(line)? {
                continue;
            }
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["type", name, items @ ..] => {
                    maps.types.push((
                        (*name).to_owned(),
                        items.iter().map(|item| Item::read(item)).collect::<Option<_>>()?,
                    ));
                }
                ["resource", dstu2, r4, items @ ..] => maps.resources.push(Resource {
                    dstu2: (*dstu2).to_owned(),
                    r4,
                    items: items.iter().map(|item| Item::read(item)).collect::<Option<_>>()?,
                }),
                ["code", map, dstu2, r4] => {
                    maps.codes.push(((*map).to_owned(), (*dstu2).to_owned(), (*r4).to_owned()));
                }
                ["severity", name, severity] => {
                    let severity = match *severity {
                        "trivial" => Severity::Trivial,
                        "minor" => Severity::Minor,
                        _ => return None,
                    };
                    maps.severities.push(((*name).to_owned(), severity));
                }
                _ => return None,
            }
        }
        let known = |items: &[Item]| {
            items.iter().all(|item| match &item.kind {
                Kind::Type(name) => maps.types.iter().any(|(held, _)| held == name),
                Kind::Text | Kind::Boolean | Kind::Number | Kind::Date => true,
            })
        };
        let whole = maps.types.iter().all(|(_, items)| known(items))
            && maps.resources.iter().all(|resource| known(&resource.items));
        whole.then_some(maps)
    }

    pub(super) fn items(&self, name: &str) -> &[Item] {
        self.types
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, items)| items.as_slice())
            .unwrap_or_default()
    }

    /// The code that R4 has for one of DSTU2, and whether that is what would be written for it.
    pub(super) fn to_r4(&self, map: &str, code: &str) -> Option<(&str, Exact)> {
        let (_, _, found) = self.codes.iter().find(|(held, dstu2, _)| held == map && dstu2 == code)?;
        let exact = if self.to_dstu2(map, found) == Some(code) { Exact::Yes } else { Exact::No };
        Some((found, exact))
    }

    pub(super) fn to_dstu2(&self, map: &str, code: &str) -> Option<&str> {
        self.codes.iter().find(|(held, _, r4)| held == map && r4 == code).map(|(_, dstu2, _)| dstu2.as_str())
    }

    /// How serious it is when what stands at `path` is not carried: by the type of the resource, or by its element.
    pub(super) fn severity(&self, path: &str) -> Severity {
        let Some((_, within)) = path.split_once(".resource.") else { return Severity::Trivial };
        let names = within.split('.').take(2).map(|step| step.split('[').next().unwrap_or_default());
        let found = |name: &str| self.severities.iter().find(|(held, _)| held == name);
        let severities = names.filter_map(found).map(|(_, severity)| *severity);
        severities.min().unwrap_or(Severity::Major)
    }
}

/// Whether a code can be written back as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exact {
    Yes,
    No,
}

impl Item {
    fn read(word: &str) -> Option<Self> {
        let mut parts = word.split('+');
        let main = parts.next()?;
        let beside = parts
            .map(|part| {
                let (path, value) = part.split_once('=')?;
                Some((Step::path(path)?, value.to_owned()))
            })
            .collect::<Option<Vec<_>>>()?;
        let (main, codes) = match main.split_once('~') {
            Some((main, codes)) => (main, Some(codes.to_owned())),
            None => (main, None),
        };
        let (main, kind) = match main.split_once(':') {
            Some((main, "boolean")) => (main, Kind::Boolean),
            Some((main, "number")) => (main, Kind::Number),
            Some((main, "date")) => (main, Kind::Date),
            Some((main, name)) => (main, Kind::Type(name.to_owned())),
            None => (main, Kind::Text),
        };
        let (left, right) = main.split_once('>').unwrap_or((main, main));
        let many = if left.ends_with("[]") { Many::Yes } else { Many::No };
        let left = left.split('.').map(|name| name.trim_end_matches("[]").to_owned()).collect();
        Some(Self { left, many, right: Step::path(right)?, kind, codes, beside })
    }
}

#[cfg(test)]
mod tests {
    use super::{Exact, Maps, maps};
    use crate::Severity;

    #[test]
    fn the_tables_of_this_program_are_read() {
        let maps = maps().unwrap();
        assert_eq!(maps.to_r4("request-status", "requested"), Some(("active", Exact::Yes)));
        assert_eq!(maps.to_r4("request-status", "accepted"), Some(("active", Exact::No)));
        assert_eq!(maps.to_dstu2("encounter-class", "IMP"), Some("inpatient"));
        assert_eq!(maps.severity("Bundle.entry[2].resource.Location.meta.profile"), Severity::Trivial);
        assert_eq!(maps.severity("Bundle.entry[2].resource.Patient.photo"), Severity::Major);
        assert_eq!(maps.severity("Bundle.entry[2].resource.Condition.notes.text"), Severity::Major);
        assert_eq!(maps.severity("Bundle.entry[2].resource.Location[3].telecom"), Severity::Minor);
    }

    #[test]
    fn a_faulty_table_is_refused() {
        for line in
            ["type", "resource A", "type A b:Nothing", "type A b>c..d", "code a b", "severity a dire", "what"]
        {
            assert!(Maps::read(&[line]).is_none(), "{line}");
        }
    }
}

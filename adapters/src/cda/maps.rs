//! The tables of `maps/cda` as rules.
//!
//! ```text
//! rule NAME KIND [shared]          KIND: a resource type, or `part` for a piece of one; shared: made once if alike
//! person PATH                      whoever is there is the person of the document, if an identifier of hers says so: no
//!                                  resource of the rule is made
//! collapse ELEMENT                 a resource that says no more than ELEMENT is replaced by it
//! negatable                        the rule itself says what negationInd means
//! mood MOOD...                     the moodCodes that it may be made from; without the line, what has happened (EVN);
//!                                  `-`: that of an element without one
//! PATH TARGET CONVERSION [beside...] [if COND] [unless COND]
//! = TARGET VALUE [if COND] [unless COND]       set when nothing else did
//! statement STEP RULE [at PATH]    entries that the first fitting line turns into resources; RULE `-`: into none
//! also STEP RULE at PATH           what else is made of parts of such entries
//! weight SEVERITY NAME...          how serious it is when elements of these names are not carried
//! structural CODE...               codes whose loss is trivial, for they only say what kind of statement it is
//! ignore NAME...                   attributes that say nothing of their own
//! told ELEMENT ATTRIBUTE SEVERITY VALUE...  in such an element (`ELEMENT@TYPECODE`: one that takes part as this; `*`: any
//!                                  that no other line names) the attribute says nothing of its own with these values, and
//!                                  nothing that a row that asked for it by `typeCode` does not say; else it is told
//! ```
//! All conditions of a row must hold. A condition is a path, `path=value|value`, or `in:KIND|KIND` for the kind of the section. A target such as `effective[x]` gets the type of what is found.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::codes::Codes;
use super::conversion::Conversion;
use super::path::{Named, Path};
use crate::tree::{Index, Step};
use crate::{Refused, Severity};

/// A line of a table.
pub(super) struct Words<'x> {
    pub(super) number: usize,
    pub(super) words: Vec<&'x str>,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Maps {
    pub(super) rules: HashMap<String, Rule>,
    pub(super) statements: Vec<Statement>,
    pub(super) others: Vec<Statement>,
    pub(super) codes: Codes,
    pub(super) weights: HashMap<String, Severity>,
    pub(super) ignored: HashSet<String>,
    /// By element: attributes that say something there and nothing of their own elsewhere.
    pub(super) told: HashMap<String, Vec<Told>>,
    pub(super) structural: HashSet<String>,
}

/// How an element becomes a resource, or a piece of one.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) sharing: Sharing,
    pub(super) collapse: Option<String>,
    /// What may be the person of the document.
    pub(super) person: Option<Path>,
    pub(super) negation: Negation,
    pub(super) moods: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// Whether the same content twice is one resource.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    #[default]
    Own,
    Shared,
}

/// What a rule does with a statement that says that it is not so.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Negation {
    /// Nothing: it must not be carried as if it were so.
    #[default]
    NotCarried,
    /// A row says it.
    Said,
}

/// One line of a rule.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) from: From,
    pub(super) target: Target,
    pub(super) beside: Vec<(Vec<Step>, Fixed)>,
    pub(super) only_if: Vec<Condition>,
    pub(super) unless: Vec<Condition>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum From {
    /// What a path finds.
    Path(Path, Conversion),
    /// The table.
    Fixed(Fixed),
}

/// The element that is set.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: Vec<Step>,
    /// The type is part of the name.
    pub(super) is_choice: bool,
}

/// Something that must hold, or not.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) path: Path,
    pub(super) values: Vec<String>,
    /// Kinds of sections, where it is these that are asked for.
    pub(super) kinds: Vec<String>,
}

/// A value that the table states.
#[derive(Debug)]
pub(super) enum Fixed {
    Text(String),
    Bare(String),
    Absent(String),
    Coding(String, String),
    Concept(String, String),
    /// A reference to the patient.
    Patient,
}

/// An attribute that says something of its own in some elements only.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) attribute: String,
    pub(super) severity: Severity,
    /// Values that say nothing even there.
    pub(super) plain: Vec<String>,
}

/// Which rule an entry follows.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) named: Named,
    /// `None`: nothing is made of it.
    pub(super) rule: Option<String>,
    pub(super) at: Option<Path>,
}

/// A table cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: {what}")]
pub(super) struct Fault {
    file: &'static str,
    line: usize,
    what: &'static str,
}

/// The tables that ship with this crate.
pub(super) fn maps() -> Result<&'static Maps, Refused> {
    static MAPS: OnceLock<Option<Maps>> = OnceLock::new();
    MAPS.get_or_init(|| shipped().ok()).as_ref().ok_or(Refused::Maps)
}

fn shipped() -> Result<Maps, Fault> {
    read(
        &[
            ("header.map", include_str!("../../maps/cda/header.map")),
            ("sections.map", include_str!("../../maps/cda/sections.map")),
            ("entries.map", include_str!("../../maps/cda/entries.map")),
            ("structure.map", include_str!("../../maps/cda/structure.map")),
        ],
        include_str!("../../maps/cda/codes.map"),
        include_str!("../../maps/cda/systems.map"),
        include_str!("../../maps/cda/headings.map"),
    )
}

fn read(rules: &[(&'static str, &str)], codes: &str, systems: &str, headings: &str) -> Result<Maps, Fault> {
    let mut maps = Maps::default();
    let coded = |file: &'static str| move |line| Fault { file, line, what: "not a line of this table" };
    maps.codes.read_maps(&lines(codes)).map_err(coded("codes.map"))?;
    maps.codes.read_systems(&lines(systems)).map_err(coded("systems.map"))?;
    maps.codes.read_headings(&lines(headings)).map_err(coded("headings.map"))?;
    for (file, text) in rules {
        let mut current: Option<Rule> = None;
        for line in lines(text) {
            maps.line(&line.words, &mut current).map_err(|what| Fault { file, line: line.number, what })?;
        }
        maps.keep(current);
    }
    maps.check()
}

pub(super) fn lines(text: &str) -> Vec<Words<'_>> {
    text.lines()
        .enumerate()
        .map(|(at, line)| Words { number: at + 1, words: line.split_whitespace().collect() })
        .filter(|line| line.words.first().is_some_and(|first| !first.starts_with('#')))
        .collect()
}

impl Maps {
    fn keep(&mut self, rule: Option<Rule>) {
        if let Some(rule) = rule {
            self.rules.insert(rule.name.clone(), rule);
        }
    }

    fn line(&mut self, words: &[&str], current: &mut Option<Rule>) -> Result<(), &'static str> {
        match words {
            ["rule", name, kind, rest @ ..] => {
                if self.rules.contains_key(*name) || current.as_ref().is_some_and(|rule| rule.name == *name) {
                    return Err("a rule of this name is there already");
                }
                let sharing = if rest.contains(&"shared") { Sharing::Shared } else { Sharing::Own };
                let rule =
                    Rule { name: (*name).to_owned(), kind: (*kind).to_owned(), sharing, ..Rule::default() };
                self.keep(current.replace(rule));
            }
            [kind @ ("statement" | "also"), named, rule, rest @ ..] => {
                let at = match rest {
                    [] => None,
                    ["at", path] => Some(Path::read(path).ok_or("a faulty path")?),
                    _ => return Err("not a line of a statement"),
                };
                let named = Named::read(named).ok_or("a faulty step")?;
                let list = if *kind == "also" { &mut self.others } else { &mut self.statements };
                let rule = (*rule != "-").then(|| (*rule).to_owned());
                list.push(Statement { named, rule, at });
            }
            ["weight", severity, names @ ..] => {
                let severity = severity_of(severity)?;
                self.weights.extend(names.iter().map(|name| ((*name).to_owned(), severity)));
            }
            ["structural", codes @ ..] => {
                self.structural.extend(codes.iter().map(|code| (*code).to_owned()));
            }
            ["ignore", names @ ..] => self.ignored.extend(names.iter().map(|name| (*name).to_owned())),
            ["told", element, attribute, severity, values @ ..] => {
                let plain = values.iter().map(|value| (*value).to_owned()).collect();
                let told =
                    Told { attribute: (*attribute).to_owned(), severity: severity_of(severity)?, plain };
                self.told.entry((*element).to_owned()).or_default().push(told);
            }
            words => {
                let rule = current.as_mut().ok_or("a line before the first rule")?;
                match words {
                    ["person", path] => rule.person = Some(Path::read(path).ok_or("a faulty path")?),
                    ["collapse", element] => rule.collapse = Some((*element).to_owned()),
                    ["negatable"] => rule.negation = Negation::Said,
                    ["mood", moods @ ..] => {
                        rule.moods.extend(moods.iter().map(|mood| (*mood).to_owned()));
                    }
                    words => rule.rows.push(Row::read(words)?),
                }
            }
        }
        Ok(())
    }

    /// That everything that a table names is there.
    fn check(self) -> Result<Self, Fault> {
        let fault = |what| Fault { file: "maps", line: 0, what };
        if self
            .statements
            .iter()
            .chain(&self.others)
            .filter_map(|statement| statement.rule.as_ref())
            .any(|rule| !self.rules.contains_key(rule))
        {
            return Err(fault("a statement names a rule that does not exist"));
        }
        let says_negation = |row: &Row| match &row.from {
            From::Path(path, _) => path.attribute.as_deref() == Some("negationInd") && path.steps.is_empty(),
            From::Fixed(_) => false,
        };
        if self
            .rules
            .values()
            .any(|rule| rule.negation == Negation::Said && !rule.rows.iter().any(says_negation))
        {
            return Err(fault("a rule is negatable and has no row that says so"));
        }
        for row in self.rules.values().flat_map(|rule| &rule.rows) {
            if let From::Path(_, conversion) = &row.from {
                if conversion.rule().is_some_and(|rule| !self.rules.contains_key(rule)) {
                    return Err(fault("a row names a rule that does not exist"));
                }
                if conversion.map().is_some_and(|map| !self.codes.has(map)) {
                    return Err(fault("a row names a code map that does not exist"));
                }
            }
            let mut fixed: Vec<&Fixed> = row.beside.iter().map(|(_, fixed)| fixed).collect();
            if let From::Fixed(value) = &row.from {
                fixed.push(value);
            }
            for value in fixed {
                if let Fixed::Coding(map, code) | Fixed::Concept(map, code) = value
                    && self.codes.target(map, code).is_none()
                {
                    return Err(fault("a row names a code that its map does not have"));
                }
            }
        }
        Ok(self)
    }
}

fn severity_of(word: &str) -> Result<Severity, &'static str> {
    match word {
        "trivial" => Ok(Severity::Trivial),
        "minor" => Ok(Severity::Minor),
        "major" => Ok(Severity::Major),
        _ => Err("not a severity"),
    }
}

impl Row {
    fn read(words: &[&str]) -> Result<Self, &'static str> {
        let (from, target, mut rest) = match words {
            ["=", target, value, rest @ ..] => (From::Fixed(Fixed::read(value)?), *target, rest),
            [path, target, conversion, rest @ ..] => {
                let path = Path::read(path).ok_or("a faulty path")?;
                (From::Path(path, Conversion::read(conversion)?), *target, rest)
            }
            _ => return Err("not a line of a rule"),
        };
        let mut row = Self {
            from,
            target: Target::read(target)?,
            beside: Vec::new(),
            only_if: Vec::new(),
            unless: Vec::new(),
        };
        loop {
            rest = match rest {
                [] => return Ok(row),
                ["if", condition, more @ ..] => {
                    row.only_if.push(Condition::read(condition)?);
                    more
                }
                ["unless", condition, more @ ..] => {
                    row.unless.push(Condition::read(condition)?);
                    more
                }
                [pair, more @ ..] => {
                    let (path, value) = pair.split_once('=').ok_or("not a pair of name and value")?;
                    row.beside.push((Step::path(path).ok_or("a faulty element")?, Fixed::read(value)?));
                    more
                }
            };
        }
    }
}

impl Target {
    fn read(text: &str) -> Result<Self, &'static str> {
        if text == "." {
            return Ok(Self { path: Vec::new(), is_choice: false });
        }
        let (text, is_choice) = text.strip_suffix("[x]").map_or((text, false), |text| (text, true));
        Ok(Self { path: Step::path(text).ok_or("a faulty element")?, is_choice })
    }

    /// The path without its last step's list, for a default that is set when the list is not there.
    pub(super) fn is_list(&self) -> bool {
        self.path.iter().any(|step| step.index == Index::New)
    }
}

impl Condition {
    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(kinds) = text.strip_prefix("in:") {
            let path = Path { steps: Vec::new(), attribute: None };
            return Ok(Self {
                path,
                values: Vec::new(),
                kinds: kinds.split('|').map(str::to_owned).collect(),
            });
        }
        let after = text.rfind(']').map_or(0, |at| at + 1);
        let (path, values) = match text.get(after..).and_then(|rest| rest.split_once('=')) {
            Some((_, values)) => {
                let path = text.len().checked_sub(values.len() + 1).and_then(|end| text.get(..end));
                (path.unwrap_or_default(), values.split('|').map(str::to_owned).collect())
            }
            None => (text, Vec::new()),
        };
        Ok(Self { path: Path::read(path).ok_or("a faulty condition")?, values, kinds: Vec::new() })
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
            "bare" => Self::Bare(rest.to_owned()),
            "coding" => pair().map(|(map, code)| Self::Coding(map, code))?,
            "concept" => pair().map(|(map, code)| Self::Concept(map, code))?,
            "ref" if rest == "Patient" => Self::Patient,
            _ => Self::Text(text.replace('_', " ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fhir::tables;

    use super::{From, maps, read, shipped};

    #[test]
    fn the_tables_of_this_program_can_be_read() {
        assert_eq!(shipped().err(), None);
    }

    #[test]
    fn a_faulty_table_names_its_line() {
        let rows = |row: &str| {
            read(&[("x.map", &format!("rule a Patient\n{row}\n"))], "", "", "").unwrap_err().to_string()
        };
        for (row, expected) in [
            ("x[ name name", "x.map line 2: a faulty path"),
            ("name name nonsense", "x.map line 2: an unknown conversion"),
            ("name name[1] name", "x.map line 2: a faulty element"),
            ("name", "x.map line 2: not a line of a rule"),
            ("name gender code:nowhere", "maps line 0: a row names a code map that does not exist"),
            ("name contact[] part:nowhere", "maps line 0: a row names a rule that does not exist"),
            ("rule a Patient", "x.map line 2: a rule of this name is there already"),
            ("negatable", "maps line 0: a rule is negatable and has no row that says so"),
        ] {
            assert_eq!(rows(row), expected);
        }
        let code = read(&[], "map", "", "").unwrap_err().to_string();
        assert_eq!(code, "codes.map line 1: not a line of this table");
    }

    #[test]
    fn rules_set_elements_that_fhir_knows() {
        let mut unknown = BTreeSet::new();
        for rule in maps().unwrap().rules.values().filter(|rule| rule.kind != "part") {
            let owner = tables::resource_type(&rule.kind).unwrap_or_else(|| panic!("{}", rule.kind));
            for row in &rule.rows {
                let Some(step) = row.target.path.first() else { continue };
                let name = step.name.as_str().trim_start_matches('_');
                let is_known = match (row.target.is_choice, &row.from) {
                    (true, _) => {
                        tables::element_named(owner, name).is_some()
                            || tables::element_named(owner, &format!("{name}[x]")).is_some()
                    }
                    (false, From::Path(..) | From::Fixed(_)) => tables::element(owner, name).is_some(),
                };
                if !is_known {
                    unknown.insert(format!("{}.{name}", rule.kind));
                }
            }
        }
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

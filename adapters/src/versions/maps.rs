//! The tables of `maps/versions` as rules.
//!
//! Each file is about one release (left) and R4 (right):
//!
//! ```text
//! types NAME...                  resource types of the same name on both sides
//! type LEFT RIGHT                a resource type that is called otherwise; rules follow, indented
//! part TYPE [RIGHT]              rules about the elements of a resource, data type or type inside one
//!   LEFT = RIGHT [HOW]           both ways; `>` from left to right only, `<` from right to left only
//!   flag FLAG=VALUE STATUS=CODE [else VALUE] [was STATUS]
//!                                a modifier on the left that is a status on the right; what is no modifier is
//!                                so only beside the status after `was`
//!   state STATUS=CODE PART.CONCEPT SYSTEM NAME else STATUS same CODE...
//!                                a status on the right that the left says by a concept in a part, beside the status
//!                                CODE (codes NAME); what the concept does not say so is the STATUS after `else`. Beside
//!                                the codes after `same`, which both have, it says nothing; any other status is refused
//! codes NAME LEFT=RIGHT...       codes; `>` and `<` one way, then the original is kept in an extension
//! uris NAME LEFT=RIGHT...        the same for addresses; both may end in `*`
//! only left|right ELEMENT CODE...  the codes that an element takes, where the other side knows more
//! modifier left|right ELEMENT...  elements without which the rest reads otherwise, though FHIR does not mark them
//! ```
//! A path has steps; a step may say `[0]` (the first of a list), `[]` (each of a list, a new one on the other side) or
//! `[name=value]` (those of a list that say so). HOW is `codes NAME`, `uris NAME`, `concept SYSTEM [NAME]` (a code on
//! the left, a CodeableConcept on the right), `code SYSTEM` (the other way round), `coding SYSTEM [NAME]` (a code of that
//! system in a CodeableConcept; `-` is none, which says that it is not known), `renamed` (an address that may name a resource type)
//! or `to TYPE` (a reference that does not say that it leads to another).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use fhir::tables::{ElementId, Release, TypeId, TypeKind, element, element_named, type_in};

use super::state::State;
use super::translation::Translation;

/// The rules of one way between two releases.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) from: Release,
    pub(super) to: Release,
    /// Resource types; the first of several is taken unless a resource says otherwise.
    pub(super) types: BTreeMap<String, Vec<String>>,
    /// By type and by the name of the first step.
    pub(super) rules: HashMap<TypeId, HashMap<String, Vec<Rule>>>,
    pub(super) flags: HashMap<TypeId, Flag>,
    pub(super) states: HashMap<TypeId, State>,
    /// Types that are one and the same under two names.
    pub(super) pairs: HashSet<(TypeId, TypeId)>,
    /// Codes that elements of the target take.
    pub(super) only: HashMap<ElementId, HashSet<String>>,
    /// Elements of the source that change what the rest says.
    pub(super) modifiers: HashSet<ElementId>,
}

/// One line about an element.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The type that the target path begins in.
    pub(super) target: Option<TypeId>,
    pub(super) from: Vec<Step>,
    pub(super) to: Vec<Step>,
    pub(super) how: How,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) which: Which,
}

/// Which of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// Not told: the element itself, or all of it.
    Whole,
    /// `[0]`
    First,
    /// `[]`
    Each,
    /// `[name=value]`
    Saying(String, String),
}

/// How a value changes.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// By the types of both sides.
    Types,
    /// A code, or an address.
    Mapped(Translation),
    /// A code becomes a concept of this system.
    ToConcept(String, Translation),
    /// A concept of this system becomes a code.
    FromConcept(String, Translation),
    /// A code of this system in a concept.
    Coding(String, Translation),
    /// An address that may name a resource type that is called otherwise on the other side.
    Renamed,
    /// A reference, but for one that says that it leads to another type than this.
    Leading(String),
}

/// A modifier of the older release that the newer says as a status.
#[derive(Debug, Clone)]
pub(super) struct Flag {
    pub(super) element: String,
    pub(super) value: String,
    pub(super) status: String,
    pub(super) code: String,
    /// What the flag says otherwise, when it must say something.
    pub(super) otherwise: Option<String>,
    /// The status of the older release where the newer's says it all.
    pub(super) was: String,
    /// Whether the flag is on the side of the source.
    pub(super) is_source: bool,
}

/// A table cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(super) struct MapFault {
    line: usize,
    what: &'static str,
}

impl How {
    fn flipped(&self) -> Self {
        match self {
            Self::Types => Self::Types,
            Self::Mapped(codes) => Self::Mapped(codes.flipped()),
            Self::ToConcept(system, codes) => Self::FromConcept(system.clone(), codes.flipped()),
            Self::FromConcept(system, codes) => Self::ToConcept(system.clone(), codes.flipped()),
            Self::Coding(system, codes) => Self::Coding(system.clone(), codes.flipped()),
            Self::Renamed => Self::Renamed,
            Self::Leading(name) => Self::Leading(name.clone()),
        }
    }
}

impl Step {
    fn path(text: &str) -> Result<Vec<Self>, &'static str> {
        text.split('.').map(Self::one).collect()
    }

    fn one(text: &str) -> Result<Self, &'static str> {
        let (name, which) = match text.split_once('[').filter(|_| !text.ends_with("[x]")) {
            None => (text, Which::Whole),
            Some((name, "0]")) => (name, Which::First),
            Some((name, "]")) => (name, Which::Each),
            Some((name, rest)) => {
                let told = rest.strip_suffix(']').and_then(|told| told.split_once('='));
                let (key, value) = told.ok_or("a step cannot be read")?;
                (name, Which::Saying(key.to_owned(), value.to_owned()))
            }
        };
        Ok(Self { name: name.to_owned(), which })
    }
}

impl Way {
    fn new(from: Release, to: Release) -> Self {
        Self {
            from,
            to,
            types: BTreeMap::new(),
            rules: HashMap::new(),
            flags: HashMap::new(),
            states: HashMap::new(),
            pairs: HashSet::new(),
            only: HashMap::new(),
            modifiers: HashSet::new(),
        }
    }

    /// The rules of `owner`, or of what it specialises, that begin with the element called `name` and lead into `to`.
    pub(super) fn rules(&self, owner: TypeId, to: TypeId, name: &str) -> Vec<&Rule> {
        let mut at = Some(owner);
        while let Some(found) = at {
            if let Some(rules) = self.rules.get(&found).and_then(|rules| rules.get(name)) {
                let leads = |rule: &&Rule| rule.target.is_none_or(|target| found != owner || target == to);
                return rules.iter().filter(leads).collect();
            }
            at = found.base();
        }
        Vec::new()
    }
}

/// The way back, which need not be one that is offered.
pub(super) fn back(from: Release, to: Release) -> Option<Result<&'static Way, MapsFaulty>> {
    Some(pair(from, to)?.map(|(there, back)| if from == Release::R4 { there } else { back }))
}

/// The way from one release to the other, if there is one.
pub(super) fn way(from: Release, to: Release) -> Option<Result<&'static Way, MapsFaulty>> {
    Some(pair(from, to)?.map(|(there, back)| if from == Release::R4 { back } else { there }))
}

/// The way there and the way back, when the tables can be read.
type Ways = Option<(Way, Way)>;

fn pair(from: Release, to: Release) -> Option<Result<&'static (Way, Way), MapsFaulty>> {
    static PAIRS: LazyLock<[OnceLock<Ways>; 4]> = LazyLock::new(Default::default);
    let (index, text): (usize, &[&str]) = match (from, to) {
        (Release::Dstu2, Release::R4) => (0, &DSTU2),
        (Release::Stu3, Release::R4) | (Release::R4, Release::Stu3) => (1, &STU3),
        (Release::R4b, Release::R4) | (Release::R4, Release::R4b) => (2, &R4B),
        (Release::R5, Release::R4) | (Release::R4, Release::R5) => (3, &R5),
        _ => return None,
    };
    let left = if from == Release::R4 { to } else { from };
    Some(PAIRS.get(index)?.get_or_init(|| read(left, text).ok()).as_ref().ok_or(MapsFaulty))
}

/// The tables of this program are faulty.
#[derive(Debug)]
pub(super) struct MapsFaulty;

pub(super) const DSTU2: [&str; 2] =
    [include_str!("../../maps/versions/dstu2.map"), include_str!("../../maps/versions/older.map")];
pub(super) const STU3: [&str; 2] =
    [include_str!("../../maps/versions/stu3.map"), include_str!("../../maps/versions/older.map")];
pub(super) const R4B: [&str; 1] = [include_str!("../../maps/versions/r4b.map")];
pub(super) const R5: [&str; 1] = [include_str!("../../maps/versions/r5.map")];

struct Reader {
    there: Way,
    back: Way,
    tables: HashMap<String, Translation>,
    part: Option<(TypeId, TypeId)>,
}

/// Reads the tables of `left` and R4: the way there and the way back.
pub(super) fn read(left: Release, texts: &[&str]) -> Result<(Way, Way), MapFault> {
    let mut reader = Reader {
        there: Way::new(left, Release::R4),
        back: Way::new(Release::R4, left),
        tables: HashMap::new(),
        part: None,
    };
    for text in texts {
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "#").collect();
            if words.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = if line.starts_with(' ') { reader.under(&words) } else { reader.head(&words) };
            read.map_err(|what| MapFault { line: number, what })?;
        }
    }
    Ok((reader.there, reader.back))
}

impl Reader {
    /// A line under a type.
    fn under(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match words {
            ["flag", flag, status, rest @ ..] => self.flag(flag, status, rest),
            ["state", words @ ..] => self.state(words),
            [left, sign @ ("=" | ">" | "<"), right, how @ ..] => self.rule(left, sign, right, how),
            _ => Err("a line that is not known"),
        }
    }

    /// Any other line.
    fn head(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match words {
            ["types", names @ ..] => {
                for name in names {
                    self.pair(name, name)?;
                }
                Ok(())
            }
            ["type", left, right] => self.pair(left, right).and_then(|()| self.section(left, right)),
            ["part", name] => self.section(name, name),
            ["part", left, right] => self.section(left, right),
            ["codes" | "uris", name, pairs @ ..] => {
                self.tables.entry((*name).to_owned()).or_default().add(pairs)
            }
            ["only", side, path, codes @ ..] => self.only(side, path, codes),
            ["modifier", side, paths @ ..] => paths.iter().try_for_each(|path| self.modifier(side, path)),
            _ => Err("a line that is not known"),
        }
    }

    fn pair(&mut self, left: &str, right: &str) -> Result<(), &'static str> {
        for (way, from, to) in [(&mut self.there, left, right), (&mut self.back, right, left)] {
            for (release, name) in [(way.from, from), (way.to, to)] {
                if type_in(release, name).is_none_or(|found| found.kind() != TypeKind::Resource) {
                    return Err("a resource type that is not in the tables");
                }
            }
            way.types.entry(from.to_owned()).or_default().push(to.to_owned());
        }
        Ok(())
    }

    fn section(&mut self, left: &str, right: &str) -> Result<(), &'static str> {
        let left = type_in(self.there.from, left).ok_or("a type that is not in the tables")?;
        let right = type_in(self.there.to, right).ok_or("a type that is not in the tables")?;
        self.there.pairs.insert((left, right));
        self.back.pairs.insert((right, left));
        self.part = Some((left, right));
        Ok(())
    }

    fn rule(&mut self, left: &str, sign: &str, right: &str, how: &[&str]) -> Result<(), &'static str> {
        let (left_type, right_type) = self.part.ok_or("a rule before a type")?;
        let (left, right) = (Step::path(left)?, Step::path(right)?);
        check(left_type, &left)?;
        check(right_type, &right)?;
        let table = |name: &str| self.tables.get(name).cloned().ok_or("a table that is not there");
        let how = match how {
            [] => How::Types,
            ["codes" | "uris", name] => How::Mapped(table(name)?),
            ["concept", system] => How::ToConcept((*system).to_owned(), Translation::default()),
            ["concept", system, name] => How::ToConcept((*system).to_owned(), table(name)?),
            ["code", system] => How::FromConcept((*system).to_owned(), Translation::default()),
            ["coding", system] => How::Coding((*system).to_owned(), Translation::default()),
            ["coding", system, name] => How::Coding((*system).to_owned(), table(name)?),
            ["renamed"] => How::Renamed,
            ["to", name] => {
                type_in(self.there.to, name).ok_or("a type that is not in the tables")?;
                How::Leading((*name).to_owned())
            }
            _ => return Err("a conversion that is not known"),
        };
        if sign != "<" {
            add(
                &mut self.there,
                left_type,
                Rule { target: Some(right_type), from: left.clone(), to: right.clone(), how: how.clone() },
            )?;
        }
        if sign != ">" {
            add(
                &mut self.back,
                right_type,
                Rule { target: Some(left_type), from: right, to: left, how: how.flipped() },
            )?;
        }
        Ok(())
    }

    fn flag(&mut self, flag: &str, status: &str, rest: &[&str]) -> Result<(), &'static str> {
        let (left_type, right_type) = self.part.ok_or("a rule before a type")?;
        let (name, value) = flag.split_once('=').ok_or("a flag needs a value")?;
        let (status, code) = status.split_once('=').ok_or("a status needs a code")?;
        check(left_type, &Step::path(name)?)?;
        check(right_type, &Step::path(status)?)?;
        let (mut otherwise, mut was) = (None, None);
        for pair in rest.chunks(2) {
            match pair {
                ["else", value] => otherwise = Some((*value).to_owned()),
                ["was", status] => was = Some((*status).to_owned()),
                _ => return Err("a flag that cannot be read"),
            }
        }
        let flag = Flag {
            element: name.to_owned(),
            value: value.to_owned(),
            status: status.to_owned(),
            code: code.to_owned(),
            otherwise,
            was: was.ok_or("a flag needs the status that was")?,
            is_source: true,
        };
        self.back.flags.insert(right_type, Flag { is_source: false, ..flag.clone() });
        self.there.flags.insert(left_type, flag);
        Ok(())
    }

    fn state(&mut self, words: &[&str]) -> Result<(), &'static str> {
        let (left_type, right_type) = self.part.ok_or("a rule before a type")?;
        let tables = &self.tables;
        let state = State::read(words, |name| tables.get(name).cloned().ok_or("a table that is not there"))?;
        let [concept, status] = state.paths();
        check(left_type, &Step::path(&concept)?)?;
        for owner in [left_type, right_type] {
            check(owner, &Step::path(&status)?)?;
        }
        self.back.states.insert(right_type, state.clone());
        self.there.states.insert(left_type, state);
        Ok(())
    }

    fn modifier(&mut self, side: &str, path: &str) -> Result<(), &'static str> {
        let way = match side {
            "left" => &mut self.there,
            "right" => &mut self.back,
            _ => return Err("a side is left or right"),
        };
        let (owner, name) = path.rsplit_once('.').ok_or("an element needs a type")?;
        let owner = type_in(way.from, owner).ok_or("a type that is not in the tables")?;
        let found = element(owner, name).ok_or("an element that is not in the tables")?;
        way.modifiers.insert(found.id());
        Ok(())
    }

    fn only(&mut self, side: &str, path: &str, codes: &[&str]) -> Result<(), &'static str> {
        let way = match side {
            "left" => &mut self.back,
            "right" => &mut self.there,
            _ => return Err("a side is left or right"),
        };
        let (owner, name) = path.rsplit_once('.').ok_or("an element needs a type")?;
        let owner = type_in(way.to, owner).ok_or("a type that is not in the tables")?;
        let found = element(owner, name).ok_or("an element that is not in the tables")?;
        way.only.insert(found.id(), codes.iter().map(|code| (*code).to_owned()).collect());
        Ok(())
    }
}

fn add(way: &mut Way, owner: TypeId, rule: Rule) -> Result<(), &'static str> {
    let name = rule.from.first().ok_or("an empty path")?.name.clone();
    way.rules.entry(owner).or_default().entry(name).or_default().push(rule);
    Ok(())
}

/// Every step must be an element of its type.
fn check(owner: TypeId, path: &[Step]) -> Result<(), &'static str> {
    let mut owner = Some(owner);
    for step in path {
        let at = owner.ok_or("a step below an element that has none")?;
        let found = element(at, &step.name).or_else(|| element_named(at, &step.name));
        let found = found.ok_or("an element that is not in the tables")?;
        if step.which != Which::Whole && !found.is_array() {
            return Err("one of a list where there is no list");
        }
        owner = found.child_type();
    }
    Ok(())
}

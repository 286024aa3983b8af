//! Value sets and code systems, and whether a code is in one.
//!
//! A value set is never expanded: a code is held against its includes and excludes. What that needs and no pack has (a code
//! system such as SNOMED CT, a filter on properties that are not told) makes the answer [`Membership::Unknown`], which is
//! never read as a yes. Some code systems are grammars and are told by them: languages (BCP 47), media types (BCP 13).

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::pack::plain;
use super::shape::Found;
use super::{At, Definitions, units};

/// Value sets inside one another.
const DEPTH_MAX: usize = 12;

/// What a regular expression of a filter may come to when it is compiled.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Whether a code is in a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    In,
    /// It is not.
    Out,
    /// It cannot be told here; what is missing: a canonical, or words.
    Unknown(Box<str>),
}

impl Membership {
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Out => Self::Out,
            Self::In => other(),
            Self::Unknown(why) => match other() {
                Self::Out => Self::Out,
                Self::In | Self::Unknown(_) => Self::Unknown(why),
            },
        }
    }
}

/// How much of a code system is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Complete,
    /// A part, or nothing.
    Part,
    /// Words for the codes of another.
    Supplement,
}

/// One code of a code system.
#[derive(Debug, Clone)]
pub struct Concept {
    /// The code.
    pub code: Box<str>,
    /// Its name.
    pub display: Box<str>,
    parents: Vec<u32>,
    properties: Vec<(Box<str>, Box<str>)>,
}

/// A code system.
#[derive(Debug)]
pub struct CodeSystem {
    /// How much of it is told.
    pub content: Content,
    folds: Folds,
    concepts: Vec<Concept>,
    by_code: HashMap<Box<str>, u32>,
}

/// Whether codes differ that differ in the case of letters alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folds {
    Not,
    Case,
}

impl CodeSystem {
    /// Reads the lines of one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut head = lines.next()?.split('\t').skip(3);
        let content = match head.next()? {
            "c" => Content::Complete,
            "s" => Content::Supplement,
            _ => Content::Part,
        };
        let folds = if head.next() == Some("i") { Folds::Case } else { Folds::Not };
        let mut found = Self { content, folds, concepts: Vec::new(), by_code: HashMap::new() };
        let mut open: Vec<u32> = Vec::new();
        for line in lines.filter_map(|line| line.strip_prefix("k\t")) {
            let mut fields = line.split('\t');
            let depth: usize = fields.next()?.parse().ok()?;
            let code = plain(fields.next()?);
            let display = plain(fields.next().unwrap_or_default()).into();
            let at = u32::try_from(found.concepts.len()).ok()?;
            open.truncate(depth);
            let parents = open.last().copied().into_iter().collect();
            let property = |field: &str| {
                let (name, value) = field.split_once('=')?;
                Some((name.into(), plain(value).into()))
            };
            let properties = fields.filter_map(property).collect();
            let key = found.folded(&code);
            found.by_code.entry(key).or_insert(at);
            found.concepts.push(Concept { code: code.into(), display, parents, properties });
            open.push(at);
        }
        found.adopt();
        Some(found)
    }

    /// Hierarchies that are told by properties.
    fn adopt(&mut self) {
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for (at, concept) in (0_u32..).zip(&self.concepts) {
            for (name, value) in &concept.properties {
                let Some(other) = self.by_code.get(&self.folded(value)).copied() else {
                    continue;
                };
                match &**name {
                    "parent" | "subsumedBy" => edges.push((at, other)),
                    "child" => edges.push((other, at)),
                    _ => {}
                }
            }
        }
        for (child, parent) in edges {
            let concept = usize::try_from(child).ok().and_then(|at| self.concepts.get_mut(at));
            if let Some(concept) = concept.filter(|concept| !concept.parents.contains(&parent)) {
                concept.parents.push(parent);
            }
        }
    }

    fn folded(&self, code: &str) -> Box<str> {
        match self.folds {
            Folds::Not => code.into(),
            Folds::Case => code.to_lowercase().into(),
        }
    }

    /// The concept with this code.
    #[must_use]
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        let at = match self.folds {
            Folds::Not => self.by_code.get(code),
            Folds::Case => self.by_code.get(&self.folded(code)),
        };
        self.concepts.get(usize::try_from(*at?).ok()?)
    }

    /// Whether all of its codes are told.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.content == Content::Complete
    }

    /// Whether `code` is `ancestor` or below it.
    fn is_a(&self, code: &str, ancestor: &str) -> bool {
        let Some(start) = self.concept(code) else {
            return false;
        };
        let mut seen: Vec<&str> = Vec::new();
        let mut open = vec![start];
        while let Some(concept) = open.pop() {
            if &*concept.code == ancestor {
                return true;
            }
            if seen.contains(&&*concept.code) {
                continue;
            }
            seen.push(&concept.code);
            let parents = concept.parents.iter();
            open.extend(parents.filter_map(|at| self.concepts.get(usize::try_from(*at).ok()?)));
        }
        false
    }
}

/// A value set.
#[derive(Debug)]
pub struct ValueSet {
    includes: Vec<Include>,
    excludes: Vec<Include>,
    /// Codes of its expansion, when nothing composes it.
    expansion: Vec<(Box<str>, Vec<Box<str>>)>,
}

#[derive(Debug)]
struct Include {
    system: Box<str>,
    system_at: Found<Option<At>>,
    codes: Vec<Box<str>>,
    filters: Vec<Filter>,
    sets: Vec<(Box<str>, Found<Option<At>>)>,
}

#[derive(Debug)]
struct Filter {
    property: Box<str>,
    op: Box<str>,
    value: Box<str>,
    /// The value as a regular expression, once it is needed.
    pattern: Found<Option<Pattern>>,
}

/// A regular expression, for a whole text and for a part of it.
#[derive(Debug)]
struct Pattern {
    whole: Regex,
    part: Regex,
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        let read = |text: &str| RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().ok();
        Some(Self { whole: read(&format!("^(?:{text})$"))?, part: read(text)? })
    }
}

impl ValueSet {
    /// Reads the lines of one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut found = Self { includes: Vec::new(), excludes: Vec::new(), expansion: Vec::new() };
        let mut excluding = false;
        for line in text.lines().skip(1) {
            let mut fields = line.split('\t');
            let letter = fields.next()?;
            let open = if excluding { &mut found.excludes } else { &mut found.includes };
            match letter {
                "I" | "J" => {
                    excluding = letter == "J";
                    let system = fields.next()?.into();
                    let fresh = Include {
                        system,
                        system_at: Found::new(),
                        codes: Vec::new(),
                        filters: Vec::new(),
                        sets: Vec::new(),
                    };
                    if excluding { found.excludes.push(fresh) } else { found.includes.push(fresh) }
                }
                "C" => open.last_mut()?.codes.extend(fields.map(|code| Box::from(&*plain(code)))),
                "F" => {
                    let filter = Filter {
                        property: fields.next()?.into(),
                        op: fields.next()?.into(),
                        value: plain(fields.next().unwrap_or_default()).into(),
                        pattern: Found::new(),
                    };
                    open.last_mut()?.filters.push(filter);
                }
                "U" => open.last_mut()?.sets.push((fields.next()?.into(), Found::new())),
                "W" => {
                    let system = fields.next()?.into();
                    found.expansion.push((system, fields.map(|code| plain(code).into()).collect()));
                }
                _ => {}
            }
        }
        for include in found.includes.iter_mut().chain(&mut found.excludes) {
            include.codes.sort_unstable();
        }
        for (_, codes) in &mut found.expansion {
            codes.sort_unstable();
        }
        Some(found)
    }
}

/// A code, and the code system it is of if that is known: the values of `code` elements do not tell.
#[derive(Debug, Clone, Copy)]
pub struct Coded<'a> {
    /// The code system.
    pub system: Option<&'a str>,
    /// The code.
    pub code: &'a str,
}

/// Whether `coded` is in the value set at `set`.
#[must_use]
pub fn member(definitions: &Definitions, set: At, coded: Coded<'_>) -> Membership {
    within(definitions, set, coded, DEPTH_MAX)
}

fn within(definitions: &Definitions, set: At, coded: Coded<'_>, depth: usize) -> Membership {
    let Some((depth, set)) = depth.checked_sub(1).zip(definitions.value_set(set)) else {
        return Membership::Unknown("a value set that cannot be read".into());
    };
    if set.includes.is_empty() {
        return expanded(set, coded);
    }
    let mut answer = Membership::Out;
    for include in &set.includes {
        match included(definitions, include, coded, depth) {
            Membership::In => {
                answer = Membership::In;
                break;
            }
            Membership::Out => {}
            unknown @ Membership::Unknown(_) => answer = unknown,
        }
    }
    for exclude in &set.excludes {
        if answer == Membership::Out {
            break;
        }
        match included(definitions, exclude, coded, depth) {
            Membership::In => answer = Membership::Out,
            Membership::Out => {}
            unknown @ Membership::Unknown(_) => answer = unknown,
        }
    }
    answer
}

fn expanded(set: &ValueSet, coded: Coded<'_>) -> Membership {
    if set.expansion.is_empty() {
        return Membership::Unknown("a value set without content".into());
    }
    let holds = |(system, codes): &(Box<str>, Vec<Box<str>>)| {
        coded.system.is_none_or(|is| is == &**system)
            && codes.binary_search_by(|code| (**code).cmp(coded.code)).is_ok()
    };
    if set.expansion.iter().any(holds) { Membership::In } else { Membership::Out }
}

fn included(definitions: &Definitions, include: &Include, coded: Coded<'_>, depth: usize) -> Membership {
    let own = if include.system.is_empty() { Membership::In } else { of_system(definitions, include, coded) };
    include.sets.iter().fold(own, |answer, (url, at)| {
        answer.and(|| match *at.get_or_init(|| definitions.value_set_at(url)) {
            Some(at) => within(definitions, at, coded, depth),
            None => Membership::Unknown(url.clone()),
        })
    })
}

fn of_system(definitions: &Definitions, include: &Include, coded: Coded<'_>) -> Membership {
    if coded.system.is_some_and(|system| system != &*include.system) {
        return Membership::Out;
    }
    if !include.codes.is_empty() {
        let listed = include.codes.binary_search_by(|code| (**code).cmp(coded.code)).is_ok();
        return if listed { Membership::In } else { Membership::Out };
    }
    if include.filters.is_empty()
        && let Some(told) = grammar(&include.system, coded.code)
    {
        return told;
    }
    let at = *include.system_at.get_or_init(|| definitions.code_system_at(&include.system));
    let Some(system) = at.and_then(|at| definitions.code_system(at)) else {
        return Membership::Unknown(include.system.clone());
    };
    if system.concept(coded.code).is_none() {
        return match system.content {
            Content::Complete => Membership::Out,
            Content::Part | Content::Supplement => Membership::Unknown(include.system.clone()),
        };
    }
    include
        .filters
        .iter()
        .fold(Membership::In, |answer, filter| answer.and(|| filtered(system, filter, coded.code)))
}

fn filtered(system: &CodeSystem, filter: &Filter, code: &str) -> Membership {
    let told = |holds: bool| if holds { Membership::In } else { Membership::Out };
    let value = &*filter.value;
    let hierarchy = matches!(&*filter.property, "concept" | "code");
    match &*filter.op {
        "is-a" if hierarchy => told(system.is_a(code, value)),
        "descendent-of" if hierarchy => told(code != value && system.is_a(code, value)),
        "is-not-a" if hierarchy => told(!system.is_a(code, value)),
        "generalizes" if hierarchy => told(system.is_a(value, code)),
        "regex" => matching(system, filter, code),
        "=" if hierarchy => told(code == value),
        "in" if hierarchy => told(value.split(',').any(|one| one.trim() == code)),
        "not-in" if hierarchy => told(!value.split(',').any(|one| one.trim() == code)),
        "=" if &*filter.property == "parent" => told(parent_is(system, code, value)),
        "=" | "in" | "not-in" | "exists" => property(system, filter, code),
        other => Membership::Unknown(format!("the filter {other}").into()),
    }
}

/// A regular expression over the code, its name, or a property; it is meant to match the whole.
fn matching(system: &CodeSystem, filter: &Filter, code: &str) -> Membership {
    let Some(pattern) = filter.pattern.get_or_init(|| Pattern::read(&filter.value)) else {
        return Membership::Unknown("a filter by a regular expression that does not read".into());
    };
    let Some(concept) = system.concept(code) else { return Membership::Out };
    let texts: Vec<&str> = match &*filter.property {
        "concept" | "code" => vec![code],
        "display" => vec![&concept.display],
        name => {
            if !system.concepts.iter().any(|one| one.properties.iter().any(|(is, _)| &**is == name)) {
                return Membership::Unknown(format!("the property {name}").into());
            }
            let of = concept.properties.iter().filter(|(is, _)| &**is == name);
            of.map(|(_, value)| &**value).collect()
        }
    };
    if texts.iter().any(|text| pattern.whole.is_match(text)) {
        Membership::In
    } else if texts.iter().any(|text| pattern.part.is_match(text)) {
        // FHIR R4 does not say whether the whole is meant.
        Membership::Unknown("whether a regular expression means the whole".into())
    } else {
        Membership::Out
    }
}

fn parent_is(system: &CodeSystem, code: &str, parent: &str) -> bool {
    let concept = |at: &u32| system.concepts.get(usize::try_from(*at).ok()?);
    let found = system.concept(code).into_iter().flat_map(|found| &found.parents);
    found.filter_map(concept).any(|found| &*found.code == parent)
}

/// A property that no concept of the system tells cannot be judged by.
fn property(system: &CodeSystem, filter: &Filter, code: &str) -> Membership {
    let named = |concept: &Concept| -> Vec<Box<str>> {
        let of = concept.properties.iter().filter(|(name, _)| *name == filter.property);
        of.map(|(_, value)| value.clone()).collect()
    };
    if system.concepts.iter().all(|concept| named(concept).is_empty()) {
        return Membership::Unknown(format!("the property {}", filter.property).into());
    }
    let values = system.concept(code).map(named).unwrap_or_default();
    let one_of = || values.iter().any(|is| filter.value.split(',').any(|one| one.trim() == &**is));
    let holds = match &*filter.op {
        "=" => values.contains(&filter.value),
        "in" => one_of(),
        "not-in" => !one_of(),
        _ => values.is_empty() != (&*filter.value == "true"),
    };
    if holds { Membership::In } else { Membership::Out }
}

/// What a code system says that is a grammar.
pub(crate) fn grammar(system: &str, code: &str) -> Option<Membership> {
    let holds = match system {
        "urn:ietf:bcp:47" => language(code),
        units::SYSTEM => return Some(units::told(code)),
        "urn:ietf:bcp:13" | "urn:ietf:rfc:3986" => return Some(media_or_uri(system, code)),
        _ => return None,
    };
    Some(if holds { Membership::In } else { Membership::Out })
}

fn media_or_uri(system: &str, code: &str) -> Membership {
    let holds =
        if system == "urn:ietf:bcp:13" { media_type(code) } else { !code.contains(char::is_whitespace) };
    if holds { Membership::In } else { Membership::Out }
}

/// BCP 47, section 2.1, well-formed.
fn language(code: &str) -> bool {
    let mut parts = code.split('-');
    let first = parts.next().unwrap_or_default();
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let primary = (2..=8).contains(&first.len()) && letters(first) || matches!(first, "i" | "x" | "I" | "X");
    primary
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// RFC 6838, section 4.2, with parameters; FHIR also has the short forms of its formats.
fn media_type(code: &str) -> bool {
    let whole = code.split(';').next().unwrap_or_default().trim();
    let name = |part: &str| {
        !part.is_empty()
            && part.len() <= 127
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match whole.split_once('/') {
        Some((kind, rest)) => name(kind) && name(rest),
        None => matches!(whole, "xml" | "json" | "ttl"),
    }
}

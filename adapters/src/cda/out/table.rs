//! The tables of `maps/cda-out`.
//!
//! ```text
//! statement TYPE ELEMENT RULE [if..]    resources of this type that a section refers to; the first line that fits
//! rule NAME TYPE                        what such an element is made of; `*`: of an element, `Reference`: of one that leads nowhere
//! template ROOT [EXTENSION] [if..]      a template of C-CDA
//! needs CHILD                           without it nothing is said by the rule
//! PATH TARGET CONVERSION [if..]         what is found goes there; with `+` each to an element of its own
//! = TARGET VALUE [if..]                 set when nothing else did
//! section CODE ROOT [EXTENSION]         the template of a section
//! markup NAME BLOCK [STYLE]             what markup of XHTML becomes
//! plain TYPE.PATH VALUE...              values of a modifier that change nothing; `!`: a major loss
//! never|quiet TYPE.PATH...              dangerous to lose; said by where it stands
//! person|person-if TYPE.PATH...         whom it is about, always or if it is said
//! loss TYPE.PATH SEVERITY               how serious it is to lose it
//! aside TYPE...                         resources about the exchange
//! say TYPE PATH WORD...                 how a resource is said in words
//! FLAVOUR|* URI OID                     a system (systems.map)
//! ```
//! Conditions: `if PATH`, `if PATH is A|B`, `unless` the same, `for c-cda`. A target is `a/b[x=y]+/@c`; `_` stands for a space.

use std::collections::HashMap;

use super::profile::Flavour;
use crate::Severity;
use crate::hl7v2::out::path::Path;

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) statements: Vec<Statement>,
    pub(super) rules: HashMap<(String, String), Rule>,
    /// Templates of sections by code.
    pub(super) sections: HashMap<String, Template>,
    pub(super) markup: HashMap<String, (String, Option<String>)>,
    pub(super) plain: Vec<(String, Vec<String>)>,
    pub(super) never: Vec<String>,
    pub(super) quiet: Vec<String>,
    pub(super) persons: Vec<Person>,
    pub(super) losses: Vec<(String, Severity)>,
    pub(super) aside: Vec<String>,
    pub(super) said: HashMap<String, Vec<(Path, String)>>,
}

/// Whom resources of a type are about.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) kind: String,
    pub(super) path: Path,
    pub(super) need: Need,
}

/// Whether a resource must say whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    IfSaid,
}

/// Which rule a resource follows.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) kind: String,
    pub(super) element: String,
    pub(super) rule: String,
    pub(super) when: When,
}

/// What an element is made of.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) templates: Vec<Template>,
    /// A child without which nothing is said.
    pub(super) needs: Option<String>,
    pub(super) rows: Vec<Row>,
}

/// A template that an element says it follows.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) root: String,
    pub(super) extension: Option<String>,
    pub(super) when: When,
}

/// One line of a rule.
#[derive(Debug)]
pub(super) struct Row {
    /// Where the value comes from; nowhere when the table states it.
    pub(super) from: Option<Path>,
    pub(super) target: Target,
    pub(super) conversion: Conversion,
    pub(super) when: When,
}

/// Where a value goes.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) steps: Vec<Step>,
    pub(super) attribute: Option<String>,
}

/// An element on the way.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) fixed: Vec<(String, String)>,
    pub(super) opens: Opens,
}

/// Whether a step takes an element that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    Held,
    New,
}

/// Conditions.
#[derive(Debug, Default)]
pub(super) struct When {
    pub(super) only_if: Vec<Condition>,
    pub(super) unless: Vec<Condition>,
    pub(super) flavour: Option<Flavour>,
}

/// An element is there, or is one of these.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) path: Path,
    pub(super) values: Vec<String>,
}

/// How an element becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversion {
    Text,
    /// A number or boolean as it is written.
    Bare,
    Ts,
    Period,
    Timing,
    Cd,
    /// The only code, or one more beside that which is there.
    CdBeside,
    /// The code of the first coding.
    CodeOf,
    Code(String),
    Ii,
    Pn,
    Ad,
    Tel,
    Pq,
    /// A quantity that says what it is: a value or a bound.
    PqTyped,
    Range,
    /// A Ratio; its type is said in the row.
    Ratio,
    Ed,
    /// Why there is no value.
    Absent,
    /// This value.
    Constant(String),
    Null(String),
    FixedCd {
        code: String,
        system: String,
        display: String,
    },
    /// The id of the document, which its content determines.
    DocumentId,
    /// Carried by another element.
    Said,
    SaidIs(String),
    SaidCoded(String),
    /// Carried if it is the same as what the target holds.
    Same,
    /// Carried if this member of the resource is the same.
    SameAs(String),
    /// A reference to the person of the document.
    Person,
    PersonOr(String),
    /// A member of an extension.
    Ext(String, Box<Conversion>),
    Rule(String),
    /// A rule for what there is one of only: a first of several would be read as all.
    Only(String),
    /// A rule for what was not carried before.
    Rest(String),
    Follow(String),
}

/// A line that cannot be read: its number and why.
pub(super) type Fault = (usize, &'static str);

/// Short names of code systems in the tables.
const ALIASES: [(&str, &str); 2] = [("$sct", "2.16.840.1.113883.6.96"), ("$loinc", "2.16.840.1.113883.6.1")];

impl Tables {
    pub(super) fn read(texts: &[&str]) -> Result<Self, Fault> {
        let mut tables = Self::default();
        let mut open: Option<(String, String)> = None;
        for (number, line) in texts.iter().flat_map(|text| (1..).zip(text.lines())) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_some_and(|first| !first.starts_with('#')) {
                tables.line(&words, &mut open).map_err(|what| (number, what))?;
            }
        }
        tables.check().map_err(|what| (0, what))?;
        Ok(tables)
    }

    /// The rule `name` for what is a `kind`.
    pub(super) fn rule(&self, name: &str, kind: &str) -> Option<&Rule> {
        let of = |kind: &str| self.rules.get(&(name.to_owned(), kind.to_owned()));
        of(kind).or_else(|| of("*"))
    }

    fn line(&mut self, words: &[&str], open: &mut Option<(String, String)>) -> Result<(), &'static str> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match words {
            ["rule", name, kind] => {
                let key = ((*name).to_owned(), (*kind).to_owned());
                if self.rules.insert(key.clone(), Rule::default()).is_some() {
                    return Err("a rule of this name is there already");
                }
                *open = Some(key);
            }
            ["statement", kind, element, rule, rest @ ..] => self.statements.push(Statement {
                kind: (*kind).to_owned(),
                element: (*element).to_owned(),
                rule: (*rule).to_owned(),
                when: When::read(rest)?,
            }),
            ["template", rest @ ..] => self.open(open)?.templates.push(Template::read(rest)?),
            ["needs", child] => self.open(open)?.needs = Some((*child).to_owned()),
            ["section", code, rest @ ..] => {
                self.sections.insert((*code).to_owned(), Template::read(rest)?);
            }
            ["markup", name, block, style @ ..] => {
                let style = style.first().map(|style| (*style).to_owned());
                self.markup.insert((*name).to_owned(), ((*block).to_owned(), style));
            }
            ["plain", element, values @ ..] => self.plain.push(((*element).to_owned(), owned(values))),
            ["never", elements @ ..] => self.never.extend(owned(elements)),
            ["quiet", elements @ ..] => self.quiet.extend(owned(elements)),
            ["aside", kinds @ ..] => self.aside.extend(owned(kinds)),
            [word @ ("person" | "person-if"), elements @ ..] => {
                let need = if *word == "person" { Need::Always } else { Need::IfSaid };
                for element in elements {
                    let (kind, path) = element.split_once('.').ok_or("a person of nothing")?;
                    self.persons.push(Person { kind: kind.to_owned(), path: relative(path)?, need });
                }
            }
            ["loss", element, severity] => {
                self.losses.push(((*element).to_owned(), severity_of(severity)?));
            }
            ["say", kind, rest @ ..] => {
                let said = rest.chunks(2).map(|pair| match pair {
                    [path, word] => Ok((relative(path)?, spaced(word))),
                    _ => Err("an element without a word"),
                });
                self.said.insert((*kind).to_owned(), said.collect::<Result<_, _>>()?);
            }
            ["=", target, rest @ ..] => {
                let (value, conditions) =
                    rest.split_first().map_or(("", rest), |(value, rest)| (*value, rest));
                let conversion =
                    Conversion::read(value).unwrap_or_else(|_| Conversion::Constant(value.to_owned()));
                let (target, when) = (Target::read(target)?, When::read(conditions)?);
                self.open(open)?.rows.push(Row { from: None, target, conversion, when });
            }
            [path, target, conversion, rest @ ..] => {
                let row = Row {
                    from: Some(relative(path)?),
                    target: Target::read(target)?,
                    conversion: Conversion::read(conversion)?,
                    when: When::read(rest)?,
                };
                self.open(open)?.rows.push(row);
            }
            _ => return Err("not a line of the tables"),
        }
        Ok(())
    }

    fn open(&mut self, open: &Option<(String, String)>) -> Result<&mut Rule, &'static str> {
        open.as_ref().and_then(|key| self.rules.get_mut(key)).ok_or("a row of no rule")
    }

    /// That every rule that is named is there.
    fn check(&self) -> Result<(), &'static str> {
        let is_there = |name: &str| self.rules.keys().any(|(held, _)| held == name);
        let rows = self.rules.values().flat_map(|rule| &rule.rows);
        let all = rows.filter_map(|row| row.conversion.named()).all(is_there);
        let stated = self.statements.iter().all(|statement| is_there(&statement.rule));
        if all && stated { Ok(()) } else { Err("a rule that is not there") }
    }
}

fn relative(path: &str) -> Result<Path, &'static str> {
    match path {
        "." => Path::read("@"),
        path if ["Composition.", "Bundle.", "Patient.", "Encounter."]
            .iter()
            .any(|root| path.starts_with(root)) =>
        {
            Path::read(path)
        }
        path => Path::read(&format!("@.{path}")),
    }
}

fn spaced(text: &str) -> String {
    if text == "-" { String::new() } else { text.replace('_', " ") }
}

fn severity_of(word: &str) -> Result<Severity, &'static str> {
    Ok(match word {
        "trivial" => Severity::Trivial,
        "minor" => Severity::Minor,
        "major" => Severity::Major,
        _ => return Err("an unknown severity"),
    })
}

impl Template {
    fn read(words: &[&str]) -> Result<Self, &'static str> {
        let (root, rest) = words.split_first().ok_or("a template without a root")?;
        let dated = rest.first().filter(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
        let conditions = if dated.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
        Ok(Self {
            root: (*root).to_owned(),
            extension: dated.map(|word| (*word).to_owned()),
            when: When::read(conditions)?,
        })
    }
}

impl When {
    fn read(words: &[&str]) -> Result<Self, &'static str> {
        let mut when = Self::default();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let value = *words.next().ok_or("a condition without a value")?;
            if *word == "for" {
                when.flavour = Some(match value {
                    "c-cda" => Flavour::Ccda,
                    "itk" => Flavour::Itk,
                    _ => return Err("an unknown flavour"),
                });
                continue;
            }
            let mut condition = Condition { path: relative(value)?, values: Vec::new() };
            if words.next_if(|next| **next == "is").is_some() {
                let values = words.next().ok_or("a condition without a value")?;
                condition.values = values.split('|').map(str::to_owned).collect();
            }
            match *word {
                "if" => when.only_if.push(condition),
                "unless" => when.unless.push(condition),
                _ => return Err("an unknown condition"),
            }
        }
        Ok(when)
    }
}

impl Target {
    fn read(text: &str) -> Result<Self, &'static str> {
        let mut target = Self::default();
        if text == "." {
            return Ok(target);
        }
        for part in text.split('/') {
            if let Some(attribute) = part.strip_prefix('@') {
                target.attribute = Some(attribute.to_owned());
                continue;
            }
            let (part, opens) = part.strip_suffix('+').map_or((part, Opens::Held), |part| (part, Opens::New));
            let (name, fixed) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((name, fixed)) => {
                    let pairs = fixed.split(',').map(|pair| pair.split_once('='));
                    let pairs =
                        pairs.map(|pair| pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
                    (name, pairs.collect::<Option<Vec<_>>>().ok_or("a faulty target")?)
                }
                None => (part, Vec::new()),
            };
            if name.is_empty() || name.contains('[') || target.attribute.is_some() {
                return Err("a faulty target");
            }
            target.steps.push(Step { name: name.to_owned(), fixed, opens });
        }
        Ok(target)
    }
}

impl Conversion {
    /// The rule that it applies.
    fn named(&self) -> Option<&str> {
        if let Self::Ext(_, inner) = self {
            return inner.named();
        }
        if let Self::Rule(name)
        | Self::Only(name)
        | Self::Rest(name)
        | Self::Follow(name)
        | Self::PersonOr(name) = self
        {
            return Some(name);
        }
        None
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let owned = || argument.to_owned();
        Ok(match name {
            "text" => Self::Text,
            "bare" => Self::Bare,
            "ts" => Self::Ts,
            "period" => Self::Period,
            "timing" => Self::Timing,
            "cd" if !argument.is_empty() => {
                let mut parts = argument.split('|');
                let mut next = || parts.next().unwrap_or_default();
                let (code, system, display) = (next(), next(), next());
                let system =
                    ALIASES.iter().find(|(short, _)| *short == system).map_or(system, |(_, oid)| oid);
                Self::FixedCd { code: code.to_owned(), system: system.to_owned(), display: spaced(display) }
            }
            "cd" => Self::Cd,
            "cd-beside" => Self::CdBeside,
            "code-of" => Self::CodeOf,
            "code" => Self::Code(owned()),
            "ii" => Self::Ii,
            "pn" => Self::Pn,
            "ad" => Self::Ad,
            "tel" => Self::Tel,
            "pq" => Self::Pq,
            "pq-typed" => Self::PqTyped,
            "range" => Self::Range,
            "ratio" | "rtos" => Self::Ratio,
            "ed" => Self::Ed,
            "absent" => Self::Absent,
            "constant" => Self::Constant(owned()),
            "null" => Self::Null(owned()),
            "document-id" => Self::DocumentId,
            "said" => Self::Said,
            "said-is" => Self::SaidIs(owned()),
            "said-coded" => Self::SaidCoded(owned()),
            "same" => Self::Same,
            "same-as" => Self::SameAs(owned()),
            "person" => Self::Person,
            "person-or" => Self::PersonOr(owned()),
            "rule" => Self::Rule(owned()),
            "only" => Self::Only(owned()),
            "rest" => Self::Rest(owned()),
            "follow" => Self::Follow(owned()),
            "ext" => {
                let (member, inner) = argument.split_once(':').ok_or("an extension without a conversion")?;
                Self::Ext(member.to_owned(), Box::new(Self::read(inner)?))
            }
            _ => return Err("an unknown conversion"),
        })
    }
}

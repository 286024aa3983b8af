//! One structure definition as its pack tells it.

use super::exact::Exact;
use super::pack::plain;
use super::shape::{
    Aggregation, Binding, Constraint, Discriminator, Found, Rules, Severity, Slicing, Strength, TypeUse,
};
use super::{At, Unusable};

/// What kind of type a structure definition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A primitive type.
    Primitive,
    /// A data type.
    Complex,
    /// A resource.
    Resource,
    /// A logical model.
    Logical,
}

/// How a structure definition relates to what it builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// A type of its own.
    Specialization,
    /// A profile.
    Constraint,
}

/// A place where an extension may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `element`, `extension` or `fhirpath`.
    pub kind: Box<str>,
    /// What that kind reads.
    pub expression: Box<str>,
}

/// A structure definition: its head and the differential.
#[derive(Debug, Clone)]
pub struct Structure {
    /// Its canonical.
    pub url: Box<str>,
    /// Its business version.
    pub version: Box<str>,
    /// The type it defines or constrains.
    pub type_name: Box<str>,
    /// What it builds on.
    pub base: Option<Box<str>>,
    /// What kind of type that is.
    pub sort: Sort,
    /// Whether nothing may be of exactly this type.
    pub is_abstract: bool,
    /// How it relates to its base.
    pub derivation: Derivation,
    /// Where the extension may stand; empty when it is none.
    pub contexts: Vec<Context>,
    /// Invariants of the place.
    pub context_invariants: Vec<Box<str>>,
    /// The differential, in order.
    pub changes: Vec<Change>,
}

/// What a differential says of one element.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The element id without the type: `identifier:nhs.system`; empty for the root.
    pub id: Box<str>,
    /// Least.
    pub min: Option<u32>,
    /// Most; `u32::MAX` for any number.
    pub max: Option<u32>,
    /// Types; empty when nothing is said.
    pub types: Vec<TypeUse>,
    /// The element whose content it has.
    pub content: Option<Box<str>>,
    /// The one value it may have.
    pub fixed: Option<Exact>,
    /// What its value holds at least.
    pub pattern: Option<Exact>,
    /// Its value set.
    pub binding: Option<Binding>,
    /// Invariants that are added.
    pub constraints: Vec<Constraint>,
    /// How it is sliced.
    pub slicing: Option<Slicing>,
    /// Most letters.
    pub longest: Option<usize>,
    /// Least value.
    pub least: Option<Exact>,
    /// Greatest value.
    pub most: Option<Exact>,
    /// Whether it changes what the rest means.
    pub modifier: bool,
}

impl Structure {
    /// Reads the lines of one definition.
    ///
    /// # Errors
    /// [`Unusable::Line`] for a line that cannot be read.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        let mut lines = text.lines().enumerate();
        let (_, head) = lines.next().ok_or(Unusable::NotAPack)?;
        let mut found = Self::head(head).ok_or(Unusable::NotAPack)?;
        for (line, text) in lines {
            let read = match text.split_at_checked(1) {
                Some(("E", rest)) => {
                    Change::read(rest.trim_start_matches('\t')).map(|one| found.changes.push(one))
                }
                Some(("X", rest)) => context(rest).map(|one| found.contexts.push(one)),
                Some(("Y", rest)) => {
                    found.context_invariants.push(plain(rest.trim_start_matches('\t')).into());
                    Some(())
                }
                Some(("#", _)) => Some(()),
                Some(_) | None => None,
            };
            read.ok_or_else(|| Unusable::Line { line, url: found.url.to_string() })?;
        }
        Ok(found)
    }

    fn head(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').skip(1);
        let url = fields.next()?.into();
        let version = fields.next()?.into();
        let _name = fields.next()?;
        let type_name = fields.next()?.into();
        let base = Some(fields.next()?).filter(|base| !base.is_empty()).map(Into::into);
        let kind = fields.next()?;
        let sort = match kind.as_bytes().first()? {
            b'p' => Sort::Primitive,
            b'c' => Sort::Complex,
            b'r' => Sort::Resource,
            _ => Sort::Logical,
        };
        let derivation = match fields.next()? {
            "c" => Derivation::Constraint,
            _ => Derivation::Specialization,
        };
        Some(Self {
            url,
            version,
            type_name,
            base,
            sort,
            is_abstract: kind.ends_with('a'),
            derivation,
            contexts: Vec::new(),
            context_invariants: Vec::new(),
            changes: Vec::new(),
        })
    }
}

fn context(rest: &str) -> Option<Context> {
    let mut fields = rest.split('\t').skip(1);
    Some(Context { kind: fields.next()?.into(), expression: plain(fields.next()?).into() })
}

impl Change {
    /// Reads the fields of one line.
    fn read(rest: &str) -> Option<Self> {
        let mut fields = rest.split('\t');
        let id = fields.next()?;
        let mut change = Self { id: id.trim_start_matches('.').into(), ..Self::default() };
        for field in fields {
            let (letter, value) = field.split_at_checked(1)?;
            let value = &*plain(value);
            match letter {
                "c" => change.cardinality(value)?,
                "t" => change.types.push(type_use(value)?),
                "r" => change.content = Some(value.into()),
                "f" => change.fixed = Some(Exact::read(value)?),
                "p" => change.pattern = Some(Exact::read(value)?),
                "b" => change.binding = Some(binding(value)?),
                "i" => change.constraints.push(constraint(value)?),
                "s" => change.slicing = Some(slicing(value)?),
                "l" => change.longest = Some(value.parse().ok()?),
                "v" => change.least = Some(Exact::read(value)?),
                "w" => change.most = Some(Exact::read(value)?),
                "m" => change.modifier = true,
                "u" => {}
                _ => return None,
            }
        }
        Some(change)
    }

    fn cardinality(&mut self, value: &str) -> Option<()> {
        let (min, max) = value.split_once("..")?;
        self.min = if min.is_empty() { None } else { Some(min.parse().ok()?) };
        self.max = match max {
            "" => None,
            "*" => Some(u32::MAX),
            number => Some(number.parse().ok()?),
        };
        Some(())
    }
}

fn type_use(value: &str) -> Option<TypeUse> {
    let mut words = value.split(' ');
    let mut found = TypeUse::named(words.next()?);
    for word in words {
        match word.split_at_checked(1)? {
            ("<", profile) => found.profiles.push(profile.into()),
            (">", target) => found.targets.push(target.into()),
            ("+", "contained") => found.aggregation.push(Aggregation::Contained),
            ("+", "bundled") => found.aggregation.push(Aggregation::Bundled),
            ("+", "referenced") => found.aggregation.push(Aggregation::Referenced),
            _ => return None,
        }
    }
    Some(found)
}

fn binding(value: &str) -> Option<Binding> {
    let (letter, set) = value.split_at_checked(1)?;
    let strength = match letter {
        "r" => Strength::Required,
        "e" => Strength::Extensible,
        "p" => Strength::Preferred,
        "x" => Strength::Example,
        _ => return None,
    };
    Some(Binding { strength, value_set: set.into(), at: Found::<Option<At>>::default() })
}

/// `key SEVERITY expression-length words`: the expression is told by its length, since both are free text.
fn constraint(value: &str) -> Option<Constraint> {
    let mut parts = value.splitn(4, ' ');
    let key = parts.next()?;
    let severity = match parts.next()? {
        "e" => Severity::Error,
        _ => Severity::Warning,
    };
    let length: usize = parts.next()?.parse().ok()?;
    let (expression, human) = parts.next()?.split_at_checked(length)?;
    Some(Constraint::new(key, severity, expression, human.trim_start()))
}

fn slicing(value: &str) -> Option<Slicing> {
    let mut words = value.split(' ');
    let head = words.next()?;
    let rules = match head.as_bytes().first()? {
        b'c' => Rules::Closed,
        b'e' => Rules::OpenAtEnd,
        _ => Rules::Open,
    };
    let mut discriminators = Vec::new();
    for word in words {
        let (kind, path) = word.split_once(':')?;
        discriminators.push(Discriminator { kind: kind.into(), path: path.into() });
    }
    Some(Slicing { rules, ordered: head.ends_with('!'), discriminators })
}

//! One search criterion: how its values are read and when a resource satisfies it.

use serde_json::Value;

use super::instant::Span;
use super::number::Asked;
use super::parameter::{Kind, Parameter, served};
use super::store::Store;
use crate::json;

/// Why a criterion is not taken. Carries nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsupported {
    /// No such parameter on this type.
    #[error("this search parameter is not supported here")]
    Parameter,
    /// A modifier or chain that is not built.
    #[error("this search modifier is not supported here")]
    Modifier,
    /// A value that does not read.
    #[error("a search value does not read")]
    Value,
}

/// A parameter, how it was qualified, and the values asked for.
#[derive(Debug, Clone)]
pub(super) struct Criterion {
    parameter: &'static Parameter,
    modifier: Modifier,
    values: Vec<String>,
}

#[derive(Debug, Clone)]
enum Modifier {
    None,
    Exact,
    Contains,
    Identifier,
    Missing(Presence),
    Not,
    Above,
    Below,
    Type(String),
    Chain(Box<Criterion>),
}

/// What `:missing` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    Present,
}

impl Criterion {
    /// Reads `name=value` for a search of `kind`.
    pub(super) fn parse(kind: &str, name: &str, value: &str) -> Result<Self, Unsupported> {
        let (head, chain) = name.split_once('.').map_or((name, None), |(head, chain)| (head, Some(chain)));
        let (bare, modifier) = head.split_once(':').map_or((head, None), |(bare, text)| (bare, Some(text)));
        let parameter =
            served(kind).and_then(|served| served.parameter(bare)).ok_or(Unsupported::Parameter)?;
        let is_type = |text: &&str| parameter.kind == Kind::Reference && served(text).is_some();
        let modifier = match (modifier, chain, parameter.kind) {
            (target, Some(chain), Kind::Reference) => {
                let target = target.filter(is_type).unwrap_or(parameter.target);
                Modifier::Chain(Box::new(Self::parse(target, chain, value)?))
            }
            (None, None, _) => Modifier::None,
            (Some("missing"), None, _) => match value {
                "true" => Modifier::Missing(Presence::Absent),
                "false" => Modifier::Missing(Presence::Present),
                _ => return Err(Unsupported::Value),
            },
            (Some("not"), None, Kind::Token) => Modifier::Not,
            (Some("above"), None, Kind::Uri) => Modifier::Above,
            (Some("below"), None, Kind::Uri) => Modifier::Below,
            (Some("exact"), None, Kind::Text) => Modifier::Exact,
            (Some("contains"), None, Kind::Text) => Modifier::Contains,
            (Some("identifier"), None, Kind::Reference) => Modifier::Identifier,
            (Some(target), None, Kind::Reference) if is_type(&target) => Modifier::Type(target.to_owned()),
            _ => return Err(Unsupported::Modifier),
        };
        let values = alternatives(value);
        if values.is_empty() {
            return Err(Unsupported::Value);
        }
        let reads = |value: &String| reads(parameter.kind, value);
        if !matches!(modifier, Modifier::Missing(_) | Modifier::Chain(_)) && !values.iter().all(reads) {
            return Err(Unsupported::Value);
        }
        Ok(Self { parameter, modifier, values })
    }

    /// Whether `resource` satisfies one of the values.
    pub(super) fn holds(&self, resource: &Value, store: &Store, base: &str) -> bool {
        let mut elements = self.parameter.paths.iter().flat_map(|path| along(resource, path));
        match self.modifier {
            Modifier::Missing(Presence::Absent) => elements.next().is_none(),
            Modifier::Missing(Presence::Present) => elements.next().is_some(),
            Modifier::Not => !elements.any(|element| self.element_holds(element, store, base)),
            Modifier::None
            | Modifier::Exact
            | Modifier::Contains
            | Modifier::Identifier
            | Modifier::Above
            | Modifier::Below
            | Modifier::Type(_)
            | Modifier::Chain(_) => elements.any(|element| self.element_holds(element, store, base)),
        }
    }

    fn element_holds(&self, element: &Value, store: &Store, base: &str) -> bool {
        if let Modifier::Chain(next) = &self.modifier {
            return referred(element, store, base).is_some_and(|target| next.holds(target, store, base));
        }
        self.values.iter().any(|value| match (self.parameter.kind, &self.modifier) {
            (Kind::Uri, Modifier::Above) => element.as_str().is_some_and(|held| leads(held, value)),
            (Kind::Uri, Modifier::Below) => element.as_str().is_some_and(|held| leads(value, held)),
            (Kind::Reference, Modifier::Identifier) => {
                element.get("identifier").is_some_and(|identifier| token(identifier, value))
            }
            (Kind::Reference, Modifier::Type(target)) => refers(element, &format!("{target}/{value}"), base),
            (Kind::Reference, _) => self.reference(element, value, base),
            (kind, modifier) => satisfies(kind, element, value, modifier),
        })
    }

    fn reference(&self, element: &Value, value: &str, base: &str) -> bool {
        if value.contains('/') {
            return refers(element, value, base);
        }
        if self.parameter.target.is_empty() {
            return local(element, base)
                .and_then(|held| held.rsplit_once('/'))
                .is_some_and(|(_, id)| id == value);
        }
        refers(element, &format!("{}/{value}", self.parameter.target), base)
    }
}

/// Whether a value of this kind reads.
fn reads(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Date => span(value).is_some(),
        Kind::Number | Kind::Quantity => Asked::parse(value).is_some(),
        Kind::Composite([first, second]) => {
            cut(value, '$').is_some_and(|(one, other)| reads(first.0, one) && reads(second.0, other))
        }
        Kind::Id | Kind::Token | Kind::Contact(_) | Kind::Reference | Kind::Text | Kind::Uri => true,
    }
}

/// Whether `element` is what `value` asks for; references are looked at before.
fn satisfies(kind: Kind, element: &Value, value: &str, modifier: &Modifier) -> bool {
    match kind {
        Kind::Id | Kind::Uri => element.as_str() == Some(&plain(value)),
        Kind::Token => token(element, value),
        Kind::Contact(system) => json::text(element, "/system") == Some(system) && token(element, value),
        Kind::Text => element.as_str().is_some_and(|held| text(held, &plain(value), modifier)),
        Kind::Number | Kind::Quantity => Asked::parse(value).is_some_and(|asked| asked.holds(element)),
        Kind::Date => span(value)
            .zip(Span::of(element))
            .is_some_and(|((prefix, asked), held)| held.satisfies(prefix, asked)),
        Kind::Composite([first, second]) => cut(value, '$').is_some_and(|(one, other)| {
            [(first, one), (second, other)].into_iter().all(|((kind, paths), value)| {
                let mut found = paths.iter().flat_map(|path| along(element, path));
                found.any(|part| satisfies(*kind, part, value, &Modifier::None))
            })
        }),
        Kind::Reference => false,
    }
}

/// What a path names; the value itself where it is empty.
fn along<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    if path.is_empty() { vec![value] } else { json::along(value, path) }
}

/// Whether the address `from` is `to` or lies above it, step by step.
fn leads(from: &str, to: &str) -> bool {
    to.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The resource that `element`, a Reference, names.
pub(super) fn referred<'a>(element: &Value, store: &'a Store, base: &str) -> Option<&'a Value> {
    let (kind, id) = local(element, base)?.split_once('/')?;
    store.newest(kind, id).map(|stored| &stored.resource)
}

/// The reference relative to `base`, when it is one.
fn local<'a>(element: &'a Value, base: &str) -> Option<&'a str> {
    let reference = json::text(element, "/reference")?;
    Some(relative(reference, base))
}

fn relative<'a>(reference: &'a str, base: &str) -> &'a str {
    reference.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(reference)
}

fn refers(element: &Value, wanted: &str, base: &str) -> bool {
    local(element, base) == Some(relative(wanted, base))
}

/// The or-ed values of `a,b\,c`, as they are escaped.
fn alternatives(value: &str) -> Vec<String> {
    let (mut values, mut rest) = (Vec::new(), value);
    while let Some((one, more)) = cut(rest, ',') {
        values.push(one.to_owned());
        rest = more;
    }
    values.push(rest.to_owned());
    values.retain(|value| !value.is_empty());
    values
}

/// The two sides of the first `mark` that is not escaped.
fn cut(value: &str, mark: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    let at = value.find(|letter| match (escaped, letter) {
        (true, _) => {
            escaped = false;
            false
        }
        (false, '\\') => {
            escaped = true;
            false
        }
        (false, letter) => letter == mark,
    })?;
    let (before, after) = value.split_at_checked(at)?;
    Some((before, after.strip_prefix(mark)?))
}

/// What an escaped value stands for.
fn plain(value: &str) -> String {
    let (mut out, mut escaped) = (String::new(), false);
    for letter in value.chars() {
        escaped = letter == '\\' && !escaped;
        if !escaped {
            out.push(letter);
        }
    }
    out
}

fn span(value: &str) -> Option<(&str, Span)> {
    let digits = value.find(|letter: char| letter.is_ascii_digit())?;
    let (prefix, date) = value.split_at_checked(digits)?;
    let known = ["", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb"].contains(&prefix);
    known.then(|| Span::parse(date)).flatten().map(|asked| (prefix, asked))
}

fn text(held: &str, asked: &str, modifier: &Modifier) -> bool {
    match modifier {
        Modifier::Exact => held == asked,
        Modifier::Contains => held.to_lowercase().contains(&asked.to_lowercase()),
        Modifier::None
        | Modifier::Identifier
        | Modifier::Missing(_)
        | Modifier::Not
        | Modifier::Above
        | Modifier::Below
        | Modifier::Type(_)
        | Modifier::Chain(_) => held.to_lowercase().starts_with(&asked.to_lowercase()),
    }
}

/// A code, or a boolean as searches write it.
fn bare(element: &Value) -> Option<&str> {
    element.as_str().or_else(|| element.as_bool().map(|held| if held { "true" } else { "false" }))
}

/// Whether a code, Coding, CodeableConcept or Identifier is what `system|code` asks for.
fn token(element: &Value, asked: &str) -> bool {
    let codings = json::list(element, "/coding");
    if !codings.is_empty() {
        return codings.iter().any(|coding| token(coding, asked));
    }
    let system = json::text(element, "/system");
    let code =
        bare(element).or_else(|| json::text(element, "/code")).or_else(|| json::text(element, "/value"));
    match cut(asked, '|').map(|(system, code)| (plain(system), plain(code))) {
        None => code == Some(&plain(asked)),
        Some((wanted_system, wanted)) => match (wanted_system.as_str(), wanted.as_str()) {
            ("", wanted) => system.is_none() && code == Some(wanted),
            (wanted, "") => system == Some(wanted),
            (wanted_system, wanted) => {
                (element.is_string() || system == Some(wanted_system)) && code == Some(wanted)
            }
        },
    }
}

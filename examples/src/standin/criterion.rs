//! One search criterion: how its values are read and when a resource satisfies it.

use serde_json::Value;

use super::instant::Span;
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
    Type(String),
    Chain(Box<Criterion>),
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
        if parameter.kind == Kind::Date && values.iter().any(|value| span(value).is_none()) {
            return Err(Unsupported::Value);
        }
        Ok(Self { parameter, modifier, values })
    }

    /// Whether `resource` satisfies one of the values.
    pub(super) fn holds(&self, resource: &Value, store: &Store, base: &str) -> bool {
        self.parameter
            .paths
            .iter()
            .flat_map(|path| json::along(resource, path))
            .any(|element| self.element_holds(element, store, base))
    }

    fn element_holds(&self, element: &Value, store: &Store, base: &str) -> bool {
        if let Modifier::Chain(next) = &self.modifier {
            return referred(element, store, base).is_some_and(|target| next.holds(target, store, base));
        }
        self.values.iter().any(|value| match (self.parameter.kind, &self.modifier) {
            (Kind::Id | Kind::Uri, _) => element.as_str() == Some(value),
            (Kind::Token, _) => token(element, value),
            (Kind::Reference, Modifier::Identifier) => {
                element.get("identifier").is_some_and(|identifier| token(identifier, value))
            }
            (Kind::Reference, Modifier::Type(target)) => refers(element, &format!("{target}/{value}"), base),
            (Kind::Reference, _) => self.reference(element, value, base),
            (Kind::Text, modifier) => element.as_str().is_some_and(|held| text(held, value, modifier)),
            (Kind::Date, _) => span(value)
                .zip(Span::of(element))
                .is_some_and(|((prefix, asked), held)| held.satisfies(prefix, asked)),
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

/// The or-ed values of `a,b\,c`.
fn alternatives(value: &str) -> Vec<String> {
    let (mut values, mut current, mut escaped) = (Vec::new(), String::new(), false);
    for letter in value.chars() {
        match letter {
            _ if escaped => {
                current.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            ',' => values.push(std::mem::take(&mut current)),
            _ => current.push(letter),
        }
    }
    values.push(current);
    values.retain(|value| !value.is_empty());
    values
}

fn span(value: &str) -> Option<(&str, Span)> {
    let digits = value.find(|letter: char| letter.is_ascii_digit())?;
    let (prefix, date) = value.split_at_checked(digits)?;
    let known = ["", "eq", "ne", "gt", "ge", "lt", "le"].contains(&prefix);
    known.then(|| Span::parse(date)).flatten().map(|asked| (prefix, asked))
}

fn text(held: &str, asked: &str, modifier: &Modifier) -> bool {
    match modifier {
        Modifier::Exact => held == asked,
        Modifier::Contains => held.to_lowercase().contains(&asked.to_lowercase()),
        Modifier::None | Modifier::Identifier | Modifier::Type(_) | Modifier::Chain(_) => {
            held.to_lowercase().starts_with(&asked.to_lowercase())
        }
    }
}

/// Whether a code, Coding, CodeableConcept or Identifier is what `system|code` asks for.
fn token(element: &Value, asked: &str) -> bool {
    let codings = json::list(element, "/coding");
    if !codings.is_empty() {
        return codings.iter().any(|coding| token(coding, asked));
    }
    let system = json::text(element, "/system");
    let code =
        element.as_str().or_else(|| json::text(element, "/code")).or_else(|| json::text(element, "/value"));
    match asked.split_once('|') {
        None => code == Some(asked),
        Some(("", wanted)) => system.is_none() && code == Some(wanted),
        Some((wanted, "")) => system == Some(wanted),
        Some((wanted_system, wanted)) => {
            (element.is_string() || system == Some(wanted_system)) && code == Some(wanted)
        }
    }
}

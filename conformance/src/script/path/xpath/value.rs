//! Values of XPath 1.0 and the functions of its core library over them.

use std::cmp::Ordering;

use super::super::super::operator::{Actual, Kind};
use crate::tree::Node;

/// What an expression comes to (XPath 1.0, 1).
#[derive(Debug, Clone)]
pub(super) enum Value<'t> {
    Nodes(Vec<Node<'t>>),
    Text(String),
    Number(f64),
    Truth(bool),
}

fn text_of(node: Node<'_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

impl<'t> Value<'t> {
    pub(super) fn counted(count: usize) -> Self {
        Self::Number(u32::try_from(count).map_or(f64::NAN, f64::from))
    }

    /// The value for an assert, or the nodes that it is.
    pub(super) fn actual(self) -> Result<Actual, Vec<Node<'t>>> {
        match self {
            Self::Nodes(nodes) => Err(nodes),
            Self::Text(text) => Ok(Actual::text(text)),
            Self::Number(_) => Ok(Actual::number(self.text())),
            Self::Truth(truth) => Ok(Actual { text: truth.to_string(), kind: Kind::Boolean }),
        }
    }

    /// Whether a predicate that comes to this keeps what stands at `position`.
    pub(super) fn keeps(&self, position: usize) -> bool {
        match self {
            Self::Number(_) => self.compares("=", &Self::counted(position)),
            Self::Nodes(_) | Self::Text(_) | Self::Truth(_) => self.truth(),
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => number.partial_cmp(&0.0).is_some_and(Ordering::is_ne),
            Self::Truth(truth) => *truth,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Nodes(nodes) => nodes.first().map(|node| text_of(*node)).unwrap_or_default(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Truth(truth) => f64::from(u8::from(*truth)),
            Self::Nodes(_) | Self::Text(_) => self.text().trim().parse().unwrap_or(f64::NAN),
        }
    }

    /// Two sets of nodes as one, without repeats.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        let (Self::Nodes(mut nodes), Self::Nodes(more)) = (self, other) else { return None };
        for node in more {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        Some(Self::Nodes(nodes))
    }

    /// Whether `self sign other` holds: of sets of nodes, for one of each (3.4).
    pub(super) fn compares(&self, sign: &str, other: &Self) -> bool {
        match (self, other) {
            (Self::Truth(_), _) | (_, Self::Truth(_)) if matches!(sign, "=" | "!=") => {
                (self.truth() == other.truth()) == (sign == "=")
            }
            (Self::Nodes(nodes), _) => {
                nodes.iter().any(|node| Self::Text(text_of(*node)).compares(sign, other))
            }
            (_, Self::Nodes(nodes)) => {
                nodes.iter().any(|node| self.compares(sign, &Self::Text(text_of(*node))))
            }
            (Self::Text(left), Self::Text(right)) if matches!(sign, "=" | "!=") => {
                (left == right) == (sign == "=")
            }
            _ => {
                let order = self.number().partial_cmp(&other.number());
                match sign {
                    "=" => order == Some(Ordering::Equal),
                    "!=" => order != Some(Ordering::Equal),
                    "<" => order == Some(Ordering::Less),
                    "<=" => order.is_some_and(Ordering::is_le),
                    ">" => order == Some(Ordering::Greater),
                    _ => order.is_some_and(Ordering::is_ge),
                }
            }
        }
    }
}

/// A function of the core library (4) that asks for nothing but its arguments and the node at hand.
pub(super) fn call<'t>(name: &str, arguments: Vec<Value<'t>>, node: Node<'t>) -> Option<Value<'t>> {
    let own = || Value::Nodes(vec![node]);
    let text = |at: usize| arguments.get(at).map(Value::text);
    Some(match (name, arguments.as_slice()) {
        ("count", [Value::Nodes(nodes)]) => Value::counted(nodes.len()),
        ("sum", [Value::Nodes(nodes)]) => {
            Value::Number(nodes.iter().map(|node| Value::Text(text_of(*node)).number()).sum())
        }
        ("name" | "local-name", [Value::Nodes(nodes)]) => {
            Value::Text(nodes.first().map(|node| node.name().to_owned()).unwrap_or_default())
        }
        ("not", [one]) => Value::Truth(!one.truth()),
        ("boolean", [one]) => Value::Truth(one.truth()),
        ("true", []) => Value::Truth(true),
        ("false", []) => Value::Truth(false),
        ("string", [] | [_]) => Value::Text(text(0).unwrap_or_else(|| own().text())),
        ("number", [] | [_]) => {
            Value::Number(arguments.first().map_or_else(|| own().number(), Value::number))
        }
        ("string-length", [] | [_]) => {
            Value::counted(text(0).unwrap_or_else(|| own().text()).chars().count())
        }
        ("normalize-space", [] | [_]) => {
            let text = text(0).unwrap_or_else(|| own().text());
            Value::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        ("concat", [_, _, ..]) => Value::Text(arguments.iter().map(Value::text).collect()),
        ("contains", [_, _]) => Value::Truth(text(0)?.contains(&text(1)?)),
        ("starts-with", [_, _]) => Value::Truth(text(0)?.starts_with(&text(1)?)),
        ("substring-before", [_, _]) => Value::Text(
            text(0)?.split_once(&text(1)?).map(|(before, _)| before.to_owned()).unwrap_or_default(),
        ),
        ("substring-after", [_, _]) => {
            Value::Text(text(0)?.split_once(&text(1)?).map(|(_, after)| after.to_owned()).unwrap_or_default())
        }
        ("substring", [_, from]) => Value::Text(part(&text(0)?, from.number(), f64::INFINITY)),
        ("substring", [_, from, length]) => Value::Text(part(&text(0)?, from.number(), length.number())),
        _ => return None,
    })
}

/// The letters of `text` from the place `from` on, counted from 1, `length` of them; both are rounded (4.2).
fn part(text: &str, from: f64, length: f64) -> String {
    let (from, length) = ((from + 0.5).floor(), (length + 0.5).floor());
    let here = |at: f64| at >= from && at < from + length;
    text.chars().zip(1_u32..).filter(|(_, at)| here(f64::from(*at))).map(|(letter, _)| letter).collect()
}

//! FHIRPath for scripts.

use super::operator::{Actual, Kind};
use super::template::Template;
use crate::tree::Node;

/// What an expression found.
#[derive(Debug)]
pub(crate) struct Found<'t> {
    pub(crate) items: Vec<Item<'t>>,
}

/// One thing that was found.
#[derive(Debug)]
pub(crate) struct Item<'t> {
    /// Its value, if it is a primitive.
    pub(crate) actual: Option<Actual>,
    /// Where it is in the tree, if it is there.
    pub(crate) node: Option<Node<'t>>,
}

/// Why an expression has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    /// It does not read.
    #[error("the expression does not read: {0}")]
    Malformed(String),
    /// It asks for something that is not done here.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// It read, and made no sense of what it was evaluated on.
    #[error("the expression failed: {0}")]
    Senseless(String),
}

impl Found<'_> {
    /// The values; an element without one is told by its name.
    pub(crate) fn values(&self) -> Vec<Actual> {
        let named = |item: &Item<'_>| item.node.map_or_else(|| Actual::text(""), |node| Actual::text(node.name()));
        self.items.iter().map(|item| item.actual.clone().unwrap_or_else(|| named(item))).collect()
    }

    /// Whether it is true: one boolean says so, nothing is not, anything else that is there is.
    pub(crate) fn is_true(&self) -> bool {
        match self.items.as_slice() {
            [] => false,
            items => !items.iter().any(|item| {
                item.actual.as_ref().is_some_and(|value| value.kind == Kind::Boolean && value.text == "false")
            }),
        }
    }
}

/// Evaluates expressions.
#[derive(Debug)]
pub(crate) struct Expressions;

impl Expressions {
    pub(crate) const fn new(_: jiff::Timestamp) -> Self {
        Self
    }

    pub(crate) fn evaluate<'t>(&self, _: &str, _: Node<'t>) -> Result<Found<'t>, Failed> {
        Err(Failed::Unsupported("FHIRPath".to_owned()))
    }
}

/// Whether it reads, whatever its names stand for.
pub(crate) fn reads(_: &Template) -> Result<(), String> {
    Ok(())
}

//! FHIRPath for scripts: read once each, evaluated over what was sent, received or held, in the lenient mode.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::operator::{Actual, Kind};
use super::template::Template;
use crate::fhirpath::{self, Expression, Mode, Scope};
use crate::model::Tables;
use crate::tree::{Node, Written};

/// Expressions that are kept.
const KEPT_MAX: usize = 20_000;

/// Steps that one evaluation may take.
const STEPS_MAX: u64 = 5_000_000;

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
        let named = |item: &Item<'_>| Actual::text(item.node.map_or("", Node::name));
        self.items.iter().map(|item| item.actual.clone().unwrap_or_else(|| named(item))).collect()
    }

    /// Whether it is true: a boolean says so itself, nothing is not, anything else that is there is.
    pub(crate) fn is_true(&self) -> bool {
        let says_no = |item: &Item<'_>| {
            item.actual.as_ref().is_some_and(|value| value.kind == Kind::Boolean && value.text == "false")
        };
        !self.items.is_empty() && !self.items.iter().any(says_no)
    }
}

/// Evaluates expressions.
pub(crate) struct Expressions {
    read: Mutex<HashMap<String, Result<Arc<Expression>, Failed>>>,
    now: Timestamp,
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expressions")
    }
}

impl Expressions {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { read: Mutex::new(HashMap::new()), now }
    }

    /// Evaluates `text` on `focus`.
    pub(crate) fn evaluate<'t>(&self, text: &str, focus: Node<'t>) -> Result<Found<'t>, Failed> {
        let expression = self.parsed(text)?;
        let mut scope = Scope::new(&Tables::R4, focus).in_mode(Mode::Lenient);
        scope.now = Some(self.now);
        scope.steps_max = STEPS_MAX;
        let found = expression.evaluate(&scope).map_err(|failed| {
            let told = failed.to_string();
            match told.strip_prefix("unsupported: ") {
                Some(what) => Failed::Unsupported(format!("in FHIRPath: {what}")),
                None => Failed::Senseless(told),
            }
        })?;
        Ok(Found { items: found.iter().map(item).collect() })
    }

    fn parsed(&self, text: &str) -> Result<Arc<Expression>, Failed> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = read.get(text) {
            return held.clone();
        }
        let parsed = parse(text).map(Arc::new);
        if read.len() < KEPT_MAX {
            read.insert(text.to_owned(), parsed.clone());
        }
        parsed
    }
}

fn parse(text: &str) -> Result<Expression, Failed> {
    if text.starts_with('{') && !text.starts_with("{}") {
        return Err(Failed::Unsupported("a prefix {…} before an expression".to_owned()));
    }
    Expression::parse(text).map_err(|bad| Failed::Malformed(format!("{} at character {}", bad.what, bad.at)))
}

fn item<'t>(item: &fhirpath::Item<'t>) -> Item<'t> {
    let node = item.node();
    let kind = match item {
        fhirpath::Item::Boolean(_) => Kind::Boolean,
        fhirpath::Item::Integer(_) | fhirpath::Item::Long(_) | fhirpath::Item::Decimal(_) => Kind::Number,
        fhirpath::Item::Node(node, _) => match node.value().map(|value| value.written) {
            Some(Written::Boolean) => Kind::Boolean,
            Some(Written::Number) => Kind::Number,
            // In XML nothing tells booleans from text but the text.
            Some(Written::Attribute) if matches!(node.text(), Some("true" | "false")) => Kind::Boolean,
            Some(Written::Text | Written::Attribute | Written::Markup) | None => Kind::Text,
        },
        fhirpath::Item::String(_)
        | fhirpath::Item::Date(_)
        | fhirpath::Item::DateTime(_)
        | fhirpath::Item::Time(_)
        | fhirpath::Item::Quantity(_)
        | fhirpath::Item::TypeInfo(_) => Kind::Text,
    };
    let actual = item.text().map(|text| Actual { text: text.into_owned(), kind });
    // A quantity that was computed has no node and says itself as text.
    let actual = actual.or_else(|| node.is_none().then(|| Actual::text(item.to_string())));
    Item { actual, node }
}

/// Whether it reads, whatever its names stand for.
pub(crate) fn reads(template: &Template) -> Result<(), String> {
    let filled: Result<String, std::convert::Infallible> = template.fill(&mut |_| Ok("a1".to_owned()));
    let text = filled.unwrap_or_default();
    match parse(&text) {
        Ok(_) | Err(Failed::Unsupported(_)) => Ok(()),
        Err(bad) => Err(bad.to_string()),
    }
}

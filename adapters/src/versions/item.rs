//! The values of an element, with what stands beside a primitive.

use std::collections::HashMap;

use fhir::tables::{Element, TypeKind};

use super::walk::Walk;
use super::{Fault, sound};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// A primitive, and the object beside it (`_name`); one of them is there.
    Primitive { value: Option<Node>, beside: Option<Object> },
    /// An object or a resource.
    Complex(Node),
}

/// A member of an object and its sibling.
pub(super) struct Field {
    pub(super) name: String,
    value: Option<Node>,
    beside: Option<Node>,
}

impl Item {
    pub(super) fn text(value: impl Into<String>) -> Self {
        Self::Primitive { value: Some(Node::text(value)), beside: None }
    }

    /// Whether nothing is said.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Primitive { value, beside } => {
                value.is_none() && beside.as_ref().is_none_or(Object::is_empty)
            }
            Self::Complex(Node::Object(object)) => object.is_empty(),
            Self::Complex(_) => false,
        }
    }

    /// Whether all that is said is that it is not known, as [`Node::absent`] says it.
    pub(super) fn is_unknown(&self) -> bool {
        let said = match self {
            Self::Primitive { value: None, beside: Some(object) } | Self::Complex(Node::Object(object)) => {
                object
            }
            Self::Primitive { .. } | Self::Complex(_) => return false,
        };
        matches!(Node::absent("unknown"), Node::Object(unknown) if *said == unknown)
    }

    /// The text of a primitive, as it is written.
    pub(super) fn said(&self) -> Option<&str> {
        match self {
            Self::Primitive { value: Some(Node::Text(text) | Node::Bare(text)), .. } => Some(text),
            Self::Primitive { .. } | Self::Complex(_) => None,
        }
    }

    /// Adds extensions to the value.
    pub(super) fn extend(&mut self, extensions: Vec<Node>) {
        if extensions.is_empty() {
            return;
        }
        let held = match self {
            Self::Primitive { beside, .. } => beside.get_or_insert_default(),
            Self::Complex(Node::Object(object)) => object,
            Self::Complex(_) => return,
        };
        for extension in extensions {
            held.push("extension", extension);
        }
    }

    /// What holds the extensions of the value.
    pub(super) fn holder(&mut self) -> Option<&mut Object> {
        match self {
            Self::Primitive { beside, .. } => beside.as_mut(),
            Self::Complex(Node::Object(object)) => Some(object),
            Self::Complex(_) => None,
        }
    }
}

/// Of an object with more members than this, they are found by name.
const LOOKED_THROUGH_MAX: usize = 64;

/// The members of an object, each with what stands beside it, in their order.
pub(super) fn fields(object: Object) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(object.len());
    // Few members are looked through, many are found by name.
    let mut places: HashMap<String, usize> = HashMap::new();
    let is_large = object.len() > LOOKED_THROUGH_MAX;
    for (name, node) in object.into_members() {
        let (plain, is_beside) = match name.as_str().strip_prefix('_') {
            Some(plain) => (plain.to_owned(), true),
            None => (name.as_str().to_owned(), false),
        };
        let at = match is_large {
            true => places.get(&plain).copied(),
            // Nearly always they stand together.
            false => fields.iter().rposition(|field| field.name == plain),
        };
        if is_large && at.is_none() {
            places.insert(plain.clone(), fields.len());
        }
        let field = match at.and_then(|at| fields.get_mut(at)) {
            Some(field) => field,
            None => {
                fields.push(Field { name: plain, value: None, beside: None });
                let Some(field) = fields.last_mut() else { continue };
                field
            }
        };
        if is_beside { field.beside = Some(node) } else { field.value = Some(node) }
    }
    fields
}

/// The values of `field`, each of the shape that `found` has; another shape is a loss.
pub(super) fn items(walk: &mut Walk<'_>, found: &Element, field: Field) -> Result<Vec<Item>, Fault> {
    let Some(kind) = found.only_type() else { return Ok(Vec::new()) };
    if field.value.as_ref().is_some_and(|value| found.is_array() != matches!(value, Node::List(_))) {
        // It is carried as the list that it must be, or as the one value.
        walk.lose(Why::NotOfType, Severity::Trivial)?;
    }
    let (mut values, mut besides) = (listed(field.value), listed(field.beside));
    if !found.is_array() && values.len().max(besides.len()) > 1 {
        walk.lose(Why::NotOfType, Severity::Major)?;
        values.truncate(1);
        besides.truncate(1);
    }
    if !kind.kind().is_primitive() {
        if !besides.is_empty() {
            walk.lose(Why::NotOfType, Severity::Major)?;
        }
        let mut all = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            match value {
                // Nothing but an id says nothing (`ele-1`).
                Some(Node::Object(object)) if object.members().all(|(name, _)| name == "id") => {
                    walk.lose(Why::NotOfType, Severity::Trivial)?;
                }
                Some(Node::Object(mut object)) => {
                    let mut read = |walk: &mut Walk<'_>| sound::complex(walk, kind.name(), &mut object);
                    if found.is_array() {
                        walk.at(index, read)?
                    } else {
                        read(walk)?
                    }
                    all.push(Item::Complex(object.into()));
                }
                _ => walk.lose(Why::NotOfType, Severity::Major)?,
            }
        }
        return Ok(all);
    }
    let length = values.len().max(besides.len());
    let (mut values, mut besides) = (values.into_iter(), besides.into_iter());
    let mut all = Vec::with_capacity(length);
    for _ in 0..length {
        let mut value = values.next().flatten();
        if value == Some(Node::Text(String::new())) {
            walk.lose(Why::NotOfType, Severity::Trivial)?;
            value = None;
        }
        let fits = match (&value, kind.kind()) {
            (None, _) | (Some(Node::Text(_)), TypeKind::Text) => true,
            (Some(Node::Bare(bare)), TypeKind::Boolean) => matches!(bare.as_str(), "true" | "false"),
            (Some(Node::Bare(bare)), TypeKind::Number) => !matches!(bare.as_str(), "true" | "false"),
            _ => false,
        };
        let mut beside = match besides.next().flatten() {
            Some(Node::Object(beside)) => Some(beside),
            Some(_) => {
                walk.lose(Why::NotOfType, Severity::Major)?;
                None
            }
            None => None,
        };
        if !fits {
            if found.is_modifier() {
                return Err(Fault::Modifier { place: walk.path.clone() });
            }
            walk.lose(Why::NotOfType, Severity::Major)?;
            continue;
        }
        let value = sound::time(walk, found, value, &mut beside)?;
        if value.is_some() || beside.is_some() {
            all.push(Item::Primitive { value, beside });
        }
    }
    Ok(all)
}

/// A list, or one value as one; `null` is nothing.
fn listed(node: Option<Node>) -> Vec<Option<Node>> {
    let some = |node: Node| if node == Node::Bare("null".to_owned()) { None } else { Some(node) };
    match node {
        None => Vec::new(),
        Some(Node::List(all)) => all.into_iter().map(some).collect(),
        Some(one) => vec![some(one)],
    }
}

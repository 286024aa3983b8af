//! A subtree as JSON.

use super::json::is_number;
use super::{Node, Written};
use crate::model::{Kind, Model, Type};

impl Node<'_> {
    /// Writes it as JSON: an object, or the scalar that a primitive is.
    ///
    /// What is an array and what is a number is what `model` says of the element; of one that it does not know, what
    /// the text it was read from says, and in XML a guess by name.
    #[must_use]
    pub fn to_json(self, model: &dyn Model) -> String {
        let mut writer = Writer { model, out: Vec::new() };
        let of = model.type_of(self);
        match self.value() {
            Some(_) if self.resource_type().is_none() => writer.scalar(self, of),
            Some(_) | None => writer.object(self, of),
        }
        String::from_utf8(writer.out).unwrap_or_default()
    }
}

/// How the values of a name are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Array,
}

struct Writer<'m> {
    model: &'m dyn Model,
    out: Vec<u8>,
}

impl Writer<'_> {
    /// Writes the members of `node`. It recurses as deep as the reader allowed.
    fn object(&mut self, node: Node<'_>, of: Option<Type>) {
        self.out.push(b'{');
        let mut comma = "";
        if let Some(name) = node.resource_type() {
            self.out.extend_from_slice(b"\"resourceType\":");
            self.quote(name);
            comma = ",";
        }
        let mut done: Vec<&str> = Vec::new();
        for child in node.children() {
            let name = child.name();
            // Most elements of a name stand together.
            if done.last() == Some(&name) || done.contains(&name) {
                continue;
            }
            done.push(name);
            self.member(node, child, of, &mut comma);
        }
        self.out.push(b'}');
    }

    /// Writes what `node` has of the name of `first`.
    fn member(&mut self, node: Node<'_>, first: Node<'_>, of: Option<Type>, comma: &mut &'static str) {
        let name = first.name();
        let field = of.and_then(|of| self.model.element(of, name));
        let array =
            field.map_or(first.is_repeated(), |field| field.array) || node.named(name).nth(1).is_some();
        let shape = if array { Shape::Array } else { Shape::Single };
        let of = field.and_then(|field| field.of);
        let simple = node.named(name).all(|child| is_primitive(child));
        let valued = !simple || node.named(name).any(|child| child.value().is_some());
        if valued {
            self.out.extend_from_slice(comma.as_bytes());
            *comma = ",";
            self.quote(name);
            self.out.push(b':');
            self.values(node, name, shape, |writer, child| match child.value() {
                Some(_) if simple || child.children().next().is_none() => writer.scalar(child, of),
                None if simple => writer.out.extend_from_slice(b"null"),
                Some(_) | None => {
                    let of = child.resource_type().and_then(|told| writer.model.type_named(told)).or(of);
                    writer.object(child, of);
                }
            });
        }
        if simple && node.named(name).any(|child| child.children().next().is_some()) {
            self.out.extend_from_slice(comma.as_bytes());
            *comma = ",";
            self.quote(&format!("_{name}"));
            self.out.push(b':');
            self.values(node, name, shape, |writer, child| match child.children().next() {
                Some(_) => writer.object(child, of),
                None => writer.out.extend_from_slice(b"null"),
            });
        }
    }

    fn values(&mut self, node: Node<'_>, name: &str, shape: Shape, write: impl Fn(&mut Self, Node<'_>)) {
        if shape == Shape::Array {
            self.out.push(b'[');
        }
        for (at, child) in node.named(name).enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write(self, child);
        }
        if shape == Shape::Array {
            self.out.push(b']');
        }
    }

    fn scalar(&mut self, node: Node<'_>, of: Option<Type>) {
        let Some(value) = node.value() else { return };
        let kind = of.map(|of| self.model.kind(of));
        let bare = match kind {
            Some(Kind::Number) => is_number(value.text),
            Some(Kind::Boolean) => matches!(value.text, "true" | "false"),
            Some(Kind::Text) => false,
            Some(Kind::Resource | Kind::Abstract | Kind::Complex | Kind::Backbone) | None => {
                match value.written {
                    Written::Number | Written::Boolean => true,
                    Written::Text | Written::Markup => false,
                    Written::Attribute => told_by_name(node.name(), value.text),
                }
            }
        };
        if bare {
            self.out.extend_from_slice(value.text.as_bytes());
        } else {
            self.quote(value.text);
        }
    }

    fn quote(&mut self, text: &str) {
        fhir::json::quote(text, &mut self.out);
    }
}

/// Whether nothing but what primitives have is below.
fn is_primitive(node: Node<'_>) -> bool {
    let extras = |child: Node<'_>| matches!(child.name(), "id" | "extension");
    node.resource_type().is_none()
        && (node.value().is_some()
            || node.children().next().is_some() && node.children().all(extras) && !holds_value(node))
}

/// Whether an element of a name that is never a primitive: an extension holds extensions and has no value.
fn holds_value(node: Node<'_>) -> bool {
    matches!(node.name(), "extension" | "modifierExtension")
}

/// Whether the name of a choice says that its value is a number or a boolean.
fn told_by_name(name: &str, text: &str) -> bool {
    let numbers = ["Integer", "Decimal", "UnsignedInt", "PositiveInt"];
    numbers.iter().any(|ending| name.ends_with(ending)) && is_number(text)
        || name.ends_with("Boolean") && matches!(text, "true" | "false")
}

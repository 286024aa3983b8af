//! From the index over JSON to a tree that can be taken apart.

use fhir::json::{Kind, Node as Read};

use crate::tree::{Node, Object};

/// The tree of an object; nothing for any other value.
pub(super) fn object(read: Read<'_>) -> Option<Object> {
    (read.kind() == Kind::Object).then(|| {
        let mut whole = Object::new();
        for (key, value) in read.members() {
            // The parser refuses a name that stands twice.
            whole.add(&key.text(), node(value));
        }
        whole
    })
}

/// The tree of a value. It recurses as deep as the parser allowed.
fn node(read: Read<'_>) -> Node {
    match read.kind() {
        Kind::Object => object(read).unwrap_or_default().into(),
        Kind::Array => Node::List(read.items().map(node).collect()),
        Kind::String => Node::Text(read.string().unwrap_or_default().into_owned()),
        Kind::Number | Kind::Boolean | Kind::Null => {
            Node::Bare(String::from_utf8_lossy(read.raw()).into_owned())
        }
    }
}

/// What a resource calls itself, as it can be told.
pub(super) fn type_name(source: &Object) -> String {
    match source.find("resourceType") {
        Some(Node::Text(name)) => super::plain(name),
        _ => "Resource".to_owned(),
    }
}

//! The JSON index: what it takes it holds as another reader does, and it refuses more only for a reason that it names.

use bytes::Bytes;
use fhir::json::{Document, Invalid, Kind, Limits, Node, parse};
use serde_json::Value;

/// Bounds within which both readers read.
const LIMITS: Limits =
    Limits { bytes_max: 1 << 20, depth_max: 120, members_max: 10_000, values_max: 1_000_000 };

/// Whether the index and another reader agree.
pub fn check(input: &[u8]) {
    let other = oracle(input);
    match (parse(Bytes::copy_from_slice(input), &LIMITS), other) {
        (Ok(document), Some(value)) => {
            assert!(same(document.root(), &value), "the two trees differ");
            consistent(&document);
        }
        (Ok(_), None) => panic!("accepted what serde_json refuses"),
        (Err(_), None) => {}
        (Err(refused), Some(_)) => {
            let stricter = matches!(
                refused,
                Invalid::Duplicate { .. }
                    | Invalid::TooDeep { .. }
                    | Invalid::TooManyMembers { .. }
                    | Invalid::TooManyValues { .. }
                    | Invalid::TooLong { .. }
            );
            assert!(stricter, "refused without a reason: {refused}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the other reader")]
fn oracle(input: &[u8]) -> Option<Value> {
    serde_json::from_slice(input).ok()
}

/// Whether the index holds what the other tree holds.
fn same(node: Node<'_>, value: &Value) -> bool {
    match (node.kind(), value) {
        (Kind::Object, Value::Object(members)) => {
            let all_there =
                members.iter().all(|(name, other)| node.member(name).is_some_and(|held| same(held, other)));
            let all_known = node.members().all(|(name, _)| members.contains_key(&*name.text()));
            all_there && all_known && node.members().count() == members.len()
        }
        (Kind::Array, Value::Array(items)) => {
            node.len() == items.len() && node.items().zip(items).all(|(held, other)| same(held, other))
        }
        (Kind::String, Value::String(text)) => node.string().as_deref() == Some(text) && node.is_string(text),
        (Kind::Number, Value::Number(number)) => {
            let text = node.number_text().unwrap_or_default();
            let plain = |text: &str| text.to_ascii_lowercase().replace('+', "");
            plain(&number.to_string()) == plain(text) || text.parse().ok() == number.as_f64()
        }
        (Kind::Boolean, Value::Bool(held)) => node.boolean() == Some(*held),
        (Kind::Null, Value::Null) => node.is_null(),
        _ => false,
    }
}

/// Every value lies where the index says, inside what holds it, and is read alone as what it is there.
fn consistent(document: &Document) {
    let source = document.root().source();
    let mut open = vec![document.root()];
    while let Some(node) = open.pop() {
        assert_eq!(source.get(node.offset()..node.end()), Some(node.raw()), "a value lies elsewhere");
        assert!(!node.raw().is_empty(), "a value is empty");
        let inside = |held: &Node<'_>| node.offset() < held.offset() && held.end() < node.end();
        for (name, held) in node.members() {
            assert!(inside(&held), "a member lies outside of its object");
            assert!(name.offset() < held.offset(), "a name lies after its value");
            assert!(name.is(&name.text()), "a name is not itself");
            let found = node.member(&name.text()).map(Node::offset);
            assert_eq!(found, Some(held.offset()), "a member is not found by its name");
            open.push(held);
        }
        for held in node.items() {
            assert!(inside(&held), "an item lies outside of its array");
            open.push(held);
        }
    }
    let again = parse(Bytes::copy_from_slice(document.root().raw()), &LIMITS);
    assert!(
        again.is_ok_and(|again| again.root().kind() == document.root().kind()),
        "read alone it is another"
    );
}

//! From a checked text to `serde_json::Value` and to serde types, for small texts that are ours: tokens, keys,
//! settings, stored state. Content of a record never goes this way.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Invalid, Kind, Limits, Node, parse};

/// Parses `bytes` strictly into a tree.
///
/// # Errors
/// As [`parse`]; [`Invalid::Number`] also for a number that the tree cannot hold.
pub fn parse_value(bytes: Bytes, limits: &Limits) -> Result<Value, Invalid> {
    let document = parse(bytes, limits)?;
    tree(document.root())
}

/// Parses `bytes` strictly into a `T`.
///
/// # Errors
/// As [`parse_value`]; [`Invalid::Shape`] when the text does not fit `T`.
pub fn parse_into<T: DeserializeOwned>(bytes: Bytes, limits: &Limits) -> Result<T, Invalid> {
    serde_json::from_value(parse_value(bytes, limits)?).map_err(|_| Invalid::Shape)
}

/// Builds the tree of `node`. It recurses as deep as the parser allowed.
fn tree(node: Node<'_>) -> Result<Value, Invalid> {
    Ok(match node.kind() {
        Kind::Object => {
            let mut map = Map::new();
            for (key, value) in node.members() {
                map.insert(key.text().into_owned(), tree(value)?);
            }
            Value::Object(map)
        }
        Kind::Array => Value::Array(node.items().map(tree).collect::<Result<_, _>>()?),
        Kind::String => Value::String(node.string().unwrap_or_default().into_owned()),
        Kind::Number => {
            let number = node.number_text().and_then(|text| text.parse().ok());
            Value::Number(number.ok_or(Invalid::Number { at: node.offset() })?)
        }
        Kind::Boolean => Value::Bool(node.boolean().unwrap_or_default()),
        Kind::Null => Value::Null,
    })
}

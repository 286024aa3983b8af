//! The writer of what is plain: every part is one by its members, every primitive stands by itself.

use super::{Element, Inner};
use crate::json::quote;

/// Room for a resource of usual size.
const ROOM: usize = 1 << 10;

/// `resource` as compact JSON; nothing where a part may be a primitive.
pub(super) fn written(resource: &Element) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(ROOM);
    element(resource, &mut out)?;
    Some(out)
}

fn element(element: &Element, out: &mut Vec<u8>) -> Option<()> {
    if may_be_a_primitive(element) {
        return None;
    }
    let mut before = b'{';
    for (name, inner) in &element.0 {
        out.push(before);
        before = b',';
        quote(name, out);
        out.push(b':');
        value(inner, out)?;
    }
    if before == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    Some(())
}

fn value(inner: &Inner, out: &mut Vec<u8>) -> Option<()> {
    match inner {
        Inner::Text(value) => quote(value, out),
        Inner::Flag(true) => out.extend_from_slice(b"true"),
        Inner::Flag(false) => out.extend_from_slice(b"false"),
        Inner::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Inner::Decimal(digits) => out.extend_from_slice(digits.as_bytes()),
        Inner::Texts(texts) => list(texts, out, |value, out| {
            quote(value, out);
            Some(())
        })?,
        Inner::One(one) => element(one, out)?,
        Inner::Many(many) => list(many, out, element)?,
    }
    Some(())
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: fn(&T, &mut Vec<u8>) -> Option<()>) -> Option<()> {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Some(())
}

/// Whether it is something beside a primitive, as far as its members tell: a type of `value` alone has neither id nor
/// extension here, since a primitive that stands alone is no part.
fn may_be_a_primitive(element: &Element) -> bool {
    let mut beside = false;
    for (name, _) in &element.0 {
        match &**name {
            "id" | "extension" => beside = true,
            "value" => {}
            _ => return false,
        }
    }
    beside
}

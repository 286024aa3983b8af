//! Whether two pieces of JSON say the same: the order of members, white space and escapes do not count, nor does how a
//! number is written. Many programs cannot write 1.50 back as it came; what says the same stays as it is stored.

use std::collections::BTreeMap;

use fhir::json::{Kind, Node, quote};
use fhir::tables::{TypeId, element};

/// Whether both say the same.
pub(in crate::enforce) fn same(one: Node<'_>, other: Node<'_>) -> bool {
    one.raw() == other.raw() || canonical(one) == canonical(other)
}

/// Whether both are absent or say the same.
pub(super) fn same_or_absent(one: Option<Node<'_>>, other: Option<Node<'_>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one, other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The one way to write what a value of type `owner` says without its fine print: ids, extensions, what stands beside a
/// scalar, and names that FHIR does not know. Nothing when it says nothing else.
pub(super) fn said(owner: Option<TypeId>, node: Node<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(node.raw().len());
    match node.kind() {
        Kind::Object => {
            let mut members = BTreeMap::new();
            for (key, value) in node.members() {
                let name = key.text();
                let Some(found) = owner.and_then(|owner| element(owner, &name)) else { continue };
                let said = match &*name {
                    "id" | "extension" => Vec::new(),
                    _ => said(found.child_type(), value),
                };
                if !said.is_empty() {
                    members.insert(name, said);
                }
            }
            for (name, said) in members {
                quote(&name, &mut out);
                out.push(b':');
                out.extend(said);
                out.push(b',');
            }
            if !out.is_empty() {
                out.insert(0, b'{');
                out.push(b'}');
            }
        }
        Kind::Array => {
            for said in node.items().map(|item| said(owner, item)).filter(|said| !said.is_empty()) {
                out.extend(said);
                out.push(b',');
            }
            if !out.is_empty() {
                out.insert(0, b'[');
                out.push(b']');
            }
        }
        Kind::Null => {}
        Kind::String | Kind::Number | Kind::Boolean => write(node, &mut out),
    }
    out
}

/// The one way to write what it says.
pub(super) fn canonical(node: Node<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(node.raw().len());
    write(node, &mut out);
    out
}

fn write(node: Node<'_>, out: &mut Vec<u8>) {
    match node.kind() {
        Kind::Object => {
            let members: BTreeMap<_, _> = node.members().map(|(key, value)| (key.text(), value)).collect();
            out.push(b'{');
            for (name, value) in members {
                quote(&name, out);
                out.push(b':');
                write(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for item in node.items() {
                write(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Kind::String => quote(&node.string().unwrap_or_default(), out),
        Kind::Number => number(node.raw(), out),
        Kind::Boolean | Kind::Null => out.extend_from_slice(node.raw()),
    }
}

/// A number by its value: sign, digits without zeros at either end, and the power of ten of the last one.
fn number(text: &[u8], out: &mut Vec<u8>) {
    let exponent_at = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(exponent_at);
    let exponent = exponent.get(1..).filter(|digits| !digits.is_empty());
    let power = exponent.map_or(Some(0), |digits| std::str::from_utf8(digits).ok()?.parse::<i64>().ok());
    let behind = mantissa.iter().position(|byte| *byte == b'.').map_or(0, |at| mantissa.len() - at - 1);
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let (Some(power), Ok(behind)) = (power, i64::try_from(behind)) else {
        return out.extend_from_slice(text);
    };
    let Some(last) = digits.iter().rposition(|digit| *digit != b'0') else {
        return out.push(b'0');
    };
    let zeros = i64::try_from(digits.len() - last - 1).unwrap_or_default();
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or_default();
    if mantissa.first() == Some(&b'-') {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(first..=last).unwrap_or_default());
    let power = i128::from(power) - i128::from(behind) + i128::from(zeros);
    out.extend_from_slice(format!("e{power}").as_bytes());
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::*;

    #[test]
    fn order_space_escapes_and_the_zeros_of_numbers_do_not_count() {
        let says = |one: &'static str, other: &'static str| {
            let of = |text: &'static str| parse(text.into(), &Limits::default()).unwrap();
            same(of(one).root(), of(other).root())
        };
        assert!(says(r#"{"a":1,"b":"x"}"#, "{ \"b\" : \"\\u0078\" , \"a\" : 1 }"));
        for (one, other) in [
            ("1.50", "1.5"),
            ("1.0", "1"),
            ("100", "1e2"),
            ("1.5E+1", "15.0"),
            ("0", "-0.00"),
            ("-2.50", "-25e-1"),
            ("0e9999999999999999999", "0e9999999999999999999"),
        ] {
            assert!(says(one, other), "{one} {other}");
        }
        for (one, other) in
            [("1.5", "1.51"), ("1", "-1"), ("10", "1"), ("0.1", "0.01"), ("1e400", "1e401"), ("105", "15")]
        {
            assert!(!says(one, other), "{one} {other}");
        }
        assert!(!says("[1,2]", "[2,1]"));
        assert!(!says(r#"{"a":"1"}"#, r#"{"a":1}"#));
        assert!(!says(r#"{"a":null}"#, "{}"));
    }
}

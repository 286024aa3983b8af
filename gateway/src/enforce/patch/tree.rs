//! JSON that can be changed. Numbers keep the text they were written in.

use fhir::json::{Kind, Node, quote};

/// What a value weighs beside its text.
const OF_A_VALUE: usize = 64;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    Text(String),
    /// A number, `true`, `false` or `null`, as written.
    Plain(String),
}

impl Tree {
    pub(super) fn of(node: Node<'_>) -> Self {
        match node.kind() {
            Kind::Object => Self::Object(
                node.members().map(|(key, value)| (key.text().into_owned(), Self::of(value))).collect(),
            ),
            Kind::Array => Self::Array(node.items().map(Self::of).collect()),
            Kind::String => Self::Text(node.string().unwrap_or_default().into_owned()),
            Kind::Number | Kind::Boolean | Kind::Null => {
                Self::Plain(String::from_utf8_lossy(node.raw()).into_owned())
            }
        }
    }

    /// What it weighs, and how deep it is.
    pub(super) fn measure(&self) -> (usize, usize) {
        let inner = |found: &mut dyn Iterator<Item = (usize, usize)>| {
            let (weight, depth) =
                found.fold((OF_A_VALUE, 0), |(weight, depth), (more, deep)| (weight + more, depth.max(deep)));
            (weight, depth + 1)
        };
        match self {
            Self::Object(members) => inner(&mut members.iter().map(|(name, value)| {
                let (weight, depth) = value.measure();
                (weight + name.len(), depth)
            })),
            Self::Array(items) => inner(&mut items.iter().map(Self::measure)),
            Self::Text(text) | Self::Plain(text) => (OF_A_VALUE + text.len(), 1),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    quote(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Text(text) => quote(text, out),
            Self::Plain(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// Equality as RFC 6902 has it: numbers by their value, objects whatever the order of their members.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(one), Self::Object(other)) => {
                one.len() == other.len()
                    && one.iter().all(|(name, value)| {
                        other.iter().any(|(known, other)| known == name && value.equals(other))
                    })
            }
            (Self::Array(one), Self::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.equals(other))
            }
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Plain(one), Self::Plain(other)) => {
                one == other || number(one).is_some_and(|one| Some(one) == number(other))
            }
            (Self::Object(_) | Self::Array(_) | Self::Text(_) | Self::Plain(_), _) => false,
        }
    }
}

/// A number as its sign, its digits without zeros at the ends, and the power of ten they are multiplied by.
fn number(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let power = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
    match significant.trim_start_matches('0') {
        "" => Some((false, String::new(), 0)),
        significant => Some((negative, significant.to_owned(), power)),
    }
}

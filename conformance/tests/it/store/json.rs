//! JSON that loses nothing: members in their order, numbers as they were written.

use std::fmt;
use std::ops::Index;

use bytes::Bytes;
use fhir::json::{Invalid, Kind, Limits, Node, quote};

/// The members of an object, in their order.
pub(crate) type Members = Vec<(String, Json)>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As it was written: `1.00` stays `1.00`.
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Members),
}

static NULL: Json = Json::Null;

impl Json {
    /// Reads strict JSON: no duplicate names, no byte order mark, nothing behind it.
    pub(crate) fn read(bytes: Bytes) -> Result<Self, Invalid> {
        fhir::json::parse(bytes, &Limits::default()).map(|document| Self::of(document.root()))
    }

    /// An object of these members.
    pub(crate) fn object(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn of(node: Node<'_>) -> Self {
        match node.kind() {
            Kind::Null => Self::Null,
            Kind::Boolean => Self::Bool(node.boolean().unwrap_or_default()),
            Kind::Number => Self::Number(node.number_text().unwrap_or_default().to_owned()),
            Kind::String => Self::Text(node.string().unwrap_or_default().into_owned()),
            Kind::Array => Self::Array(node.items().map(Self::of).collect()),
            Kind::Object => Self::Object(
                node.members().map(|(key, value)| (key.text().into_owned(), Self::of(value))).collect(),
            ),
        }
    }

    /// The member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text at a path of members.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        path.iter().try_fold(self, |held, name| held.get(name))?.text()
    }

    /// Its text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Its items; none of what is no array.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }

    /// Puts a member in place of the one of that name, or behind all others.
    pub(crate) fn set(&mut self, name: &str, value: Self) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    /// Takes the member of that name out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(known, _)| known == name)?;
        Some(members.remove(at).1)
    }

    /// Changes every text in it.
    pub(crate) fn each_text(&mut self, change: &dyn Fn(&mut String)) {
        match self {
            Self::Text(text) => change(text),
            Self::Array(items) => items.iter_mut().for_each(|item| item.each_text(change)),
            Self::Object(members) => members.iter_mut().for_each(|(_, value)| value.each_text(change)),
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }

    /// Changes the text of every `reference` in it; ends at the first that cannot be.
    pub(crate) fn each_reference<E>(
        &mut self,
        change: &mut dyn FnMut(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Array(items) => items.iter_mut().try_for_each(|item| item.each_reference(change)),
            Self::Object(members) => members.iter_mut().try_for_each(|(name, value)| match value {
                Self::Text(text) if name == "reference" => change(text),
                value => value.each_reference(change),
            }),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => Ok(()),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(held) => out.extend_from_slice(held.to_string().as_bytes()),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => quote(text, out),
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
        }
    }

    /// It as bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        let mut out = Vec::new();
        self.write(&mut out);
        out.into()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

impl Index<&str> for Json {
    type Output = Self;
    fn index(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&NULL)
    }
}

impl Index<usize> for Json {
    type Output = Self;
    fn index(&self, at: usize) -> &Self {
        self.items().get(at).unwrap_or(&NULL)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Number(number.to_string())
    }
}

impl From<bool> for Json {
    fn from(held: bool) -> Self {
        Self::Bool(held)
    }
}

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
}

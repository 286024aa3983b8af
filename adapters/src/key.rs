//! The name of an element in a tree: held in place when it is as short as nearly all are.

use std::fmt;

/// How many bytes are held in place; with the length and the kind they take the room of a `String`.
const SHORT: usize = 22;

/// The name of an element.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The length, and bytes that are zero after it.
    Short(u8, [u8; SHORT]),
    Long(Box<str>),
}

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            // It was made of a str: it is UTF-8.
            Self::Short(..) => str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(name) => name,
        }
    }

    /// Its bytes, which are UTF-8.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(name) => name.as_bytes(),
        }
    }

    /// Whether it is `name`.
    pub(crate) fn is(&self, name: &str) -> bool {
        match self {
            Self::Short(length, bytes) => {
                let length = usize::from(*length);
                length == name.len() && bytes.get(..length) == Some(name.as_bytes())
            }
            Self::Long(held) => **held == *name,
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(held), Ok(length)) => {
                held.copy_from_slice(name.as_bytes());
                Self::Short(length, bytes)
            }
            _ => Self::Long(name.into()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_name_of_any_length_is_what_it_was_made_of() {
        for name in [
            "",
            "id",
            "_birthDate",
            "é",
            "twenty-two-bytes-long!",
            "twenty-three-bytes-long",
            "ééééééééééé",
            "éééééééééééé",
        ] {
            let key = Key::from(name);
            assert_eq!(key.as_str(), name);
            assert!(key.is(name) && !key.is("other") && !key.is(&format!("{name}x")), "{name}");
            assert_eq!(key, Key::from(name));
        }
        assert_ne!(Key::from("a"), Key::from("a\0"));
    }
}

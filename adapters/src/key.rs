//! The name of an element in a tree: held in place when it is as short as nearly all are.

use std::fmt;

use crate::glance::is_plain;

/// How many bytes are held in place; with the length and the kind they take the room of a `String`.
const SHORT: usize = 22;

/// The name of an element.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The length, and bytes that are spaces after it.
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

    /// Writes it into `out` in quotes with a colon after it, if it is held in place and nothing in it has to be escaped; else
    /// nothing is written.
    #[inline]
    pub(crate) fn quote(&self, out: &mut Vec<u8>) -> Option<()> {
        let Self::Short(length, bytes) = self else { return None };
        // The room of all names is looked at and copied, which takes no loop and no call; what is beyond this one is taken back.
        if !is_plain(bytes, [b'"', b'\\']) {
            return None;
        }
        let mut quoted = [b'"'; SHORT + 3];
        quoted.get_mut(1..=SHORT)?.copy_from_slice(bytes);
        let after = usize::from(*length) + 1;
        quoted.get_mut(after..after + 2)?.copy_from_slice(b"\":");
        let start = out.len();
        out.extend_from_slice(&quoted);
        out.truncate(start + after + 2);
        Some(())
    }

    /// Whether it is `name`.
    #[inline]
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
        let mut bytes = [b' '; SHORT];
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
        assert_ne!(Key::from("a"), Key::from("a "));
    }

    #[test]
    fn a_short_name_is_quoted_unless_it_has_to_be_escaped() {
        for (name, expected) in [
            ("", Some("x\"\":")),
            ("id", Some("x\"id\":")),
            ("_birthDate", Some("x\"_birthDate\":")),
            ("ééééééééééé", Some("x\"ééééééééééé\":")),
            ("twenty-two-bytes-long!", Some("x\"twenty-two-bytes-long!\":")),
            ("twenty-three-bytes-long", None),
            ("a\"b", None),
            ("a\\", None),
            ("twenty-two-bytes-long\n", None),
        ] {
            let mut out = b"x".to_vec();
            let quoted = Key::from(name).quote(&mut out);
            assert_eq!(
                quoted.map(|()| String::from_utf8(out.clone()).unwrap()).as_deref(),
                expected,
                "{name}"
            );
            assert!(quoted.is_some() || out == b"x", "{name}");
        }
    }
}

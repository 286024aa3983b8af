//! What a reader says she holds already (`If-None-Match`).
//!
//! `If-Modified-Since` is not among it: the gateway tells no time of change, for that of the record would tell of
//! changes to what is withheld; RFC 9110 has it ignored where no such time is known.

/// The most versions that are compared.
const VERSIONS_MAX: usize = 32;

/// The versions of a view that a reader holds. One that cannot be read holds nothing: the view is sent then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HeldVersions {
    /// None.
    #[default]
    None,
    /// Any (`*`).
    Any,
    /// These, as the gateway gave them in `ETag`.
    These(Vec<String>),
}

impl HeldVersions {
    /// Reads the header: `*`, or entity tags with commas between them. Strong and weak ones compare alike
    /// (RFC 9110, 13.1.2).
    #[must_use]
    pub fn parse(header: Option<&str>) -> Self {
        let Some(text) = header.map(str::trim) else { return Self::None };
        if text == "*" {
            return Self::Any;
        }
        let opaque = |tag: &str| {
            let tag = tag.trim();
            let quoted = tag.strip_prefix("W/").unwrap_or(tag);
            quoted.strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
        };
        let tags: Option<Vec<String>> = text.split(',').take(VERSIONS_MAX).map(opaque).collect();
        tags.map_or(Self::None, Self::These)
    }

    /// Whether a view of this version is held.
    #[must_use]
    pub fn holds(&self, version: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(versions) => versions.iter().any(|held| held == version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_what_is_no_list_of_tags_holds_nothing() {
        for (header, holds) in [
            ("W/\"a1\"", true),
            ("\"a1\"", true),
            ("\"b\", W/\"a1\"", true),
            ("*", true),
            (" * ", true),
            ("W/\"a2\"", false),
            ("a1", false),
            ("\"a1\", a1", false),
            ("\"a1", false),
            ("", false),
        ] {
            assert_eq!(HeldVersions::parse(Some(header)).holds("a1"), holds, "{header}");
        }
        assert!(!HeldVersions::parse(None).holds("a1"));
    }
}

//! Path and query of a request: split once, never normalised. What would need normalising is refused.

use std::fmt;

/// The longest path that is looked at.
const PATH_LEN_MAX: usize = 1024;
/// The longest query that is looked at. Longer searches go by `POST .../_search`.
pub const QUERY_LEN_MAX: usize = 8 * 1024;
/// The longest path segment: that of a FHIR id.
const SEGMENT_LEN_MAX: usize = 64;
/// Query parameters in which tokens travel. A token in a URL ends up in logs and histories.
const TOKEN_NAMES: [&str; 3] = ["access_token", "id_token", "bearer_token"];

/// A path as segments, and the query as received.
///
/// Segments are of `[A-Za-z0-9$_.-]{1,64}` and none is made of full stops alone, so they mean the same to everyone who
/// reads them. `Debug` hides ids and query.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    segments: Vec<Box<str>>,
    query: Option<String>,
}

/// Why a path or query is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// A byte, an escape or an empty or dotted segment that paths here never have.
    #[error("the path holds something that paths here never hold")]
    Path,
    /// The path or the query is too long.
    #[error("the path or the query is too long")]
    TooLong,
    /// The query is not visible ASCII with whole percent escapes.
    #[error("the query is not well-formed")]
    Query,
    /// A token stands in the query.
    #[error("a token stands in the query")]
    Token,
}

impl Target {
    /// Splits `path` and checks both.
    ///
    /// # Errors
    /// [`BadTarget`].
    pub fn parse(path: &str, query: Option<&str>) -> Result<Self, BadTarget> {
        if path.len() > PATH_LEN_MAX || query.is_some_and(|query| query.len() > QUERY_LEN_MAX) {
            return Err(BadTarget::TooLong);
        }
        let inner = path.strip_prefix('/').ok_or(BadTarget::Path)?;
        let mut segments = Vec::new();
        if !inner.is_empty() {
            for segment in inner.split('/') {
                check_segment(segment)?;
                segments.push(Box::from(segment));
            }
        }
        if let Some(query) = query {
            check_query(query)?;
        }
        Ok(Self { segments, query: query.filter(|query| !query.is_empty()).map(str::to_owned) })
    }

    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(AsRef::as_ref).collect()
    }

    /// The query as received, still percent-encoded; none when it is empty.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} segments)", self.segments.len())
    }
}

fn check_segment(segment: &str) -> Result<(), BadTarget> {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_' | b'.' | b'-');
    if segment.is_empty() || !segment.bytes().all(taken) || segment.bytes().all(|byte| byte == b'.') {
        return Err(BadTarget::Path);
    }
    match segment.len() {
        0..=SEGMENT_LEN_MAX => Ok(()),
        _ => Err(BadTarget::TooLong),
    }
}

fn check_query(query: &str) -> Result<(), BadTarget> {
    if !query.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadTarget::Query);
    }
    for pair in query.split('&') {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let name = percent_decoded(name).ok_or(BadTarget::Query)?;
        percent_decoded(pair).ok_or(BadTarget::Query)?;
        if TOKEN_NAMES.iter().any(|token| name.eq_ignore_ascii_case(token.as_bytes())) {
            return Err(BadTarget::Token);
        }
    }
    Ok(())
}

/// Decodes `%hh` and `+` once; `None` when an escape is cut or not hexadecimal.
pub(crate) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let (high, low) = (bytes.next()?, bytes.next()?);
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)? << 4 | digit(low)?
            }
            b'+' => b' ',
            other => other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_split_and_kept_as_it_is() {
        for (path, segments) in [
            ("/", &[][..]),
            ("/me", &["me"]),
            ("/hospital/fhir/Patient/a.B-9", &["hospital", "fhir", "Patient", "a.B-9"]),
            ("/hospital/fhir/Patient/1/$everything", &["hospital", "fhir", "Patient", "1", "$everything"]),
            ("/fhir/Patient/_search", &["fhir", "Patient", "_search"]),
        ] {
            assert_eq!(Target::parse(path, None).unwrap().segments(), segments);
        }
    }

    #[test]
    fn whatever_two_readers_could_read_differently_is_refused() {
        for path in [
            "",
            "*",
            "Patient/1",
            "//",
            "/a//b",
            "/a/",
            "/a/../b",
            "/a/./b",
            "/a/...",
            "/%2e%2e/b",
            "/a%2fb",
            "/a%00",
            "/a;x=1/b",
            "/..;/a",
            "/a\\b",
            "/a b",
            "/a\tb",
            "/pä",
            "/a/\u{ff0e}\u{ff0e}",
            "/a:b",
            "/a@b",
            "/a,b",
            "/a'b",
            "/a~b",
            "/a|b",
            "/a\0b",
            "/%252e",
            "/a+b",
        ] {
            assert_eq!(Target::parse(path, None), Err(BadTarget::Path), "{path:?}");
        }
    }

    #[test]
    fn lengths_are_taken_at_the_bound_and_refused_one_over() {
        let path = |length: usize| format!("/{}", "a".repeat(length));
        assert!(Target::parse(&path(64), None).is_ok());
        assert_eq!(Target::parse(&path(65), None), Err(BadTarget::TooLong));
        assert!(Target::parse("/a", Some(&"q".repeat(QUERY_LEN_MAX))).is_ok());
        assert_eq!(Target::parse("/a", Some(&"q".repeat(QUERY_LEN_MAX + 1))), Err(BadTarget::TooLong));
        assert_eq!(Target::parse(&"/a".repeat(513), None), Err(BadTarget::TooLong));
    }

    #[test]
    fn a_query_is_kept_as_received_when_it_is_well_formed() {
        let query = |text| Target::parse("/a", Some(text)).map(|target| target.query().map(str::to_owned));
        assert_eq!(query("patient=1&code=a%7Cb+c"), Ok(Some("patient=1&code=a%7Cb+c".into())));
        assert_eq!(query(""), Ok(None));
        for bad in ["a=%", "a=%4", "a=%zz", "a=\u{e9}", "a=b c", "a=\u{1}"] {
            assert_eq!(query(bad), Err(BadTarget::Query), "{bad:?}");
        }
    }

    #[test]
    fn tokens_in_a_query_are_refused_however_they_are_spelt() {
        for bad in ["access_token=x", "a=b&ACCESS_TOKEN=x", "%61ccess_token=x", "access_token", "id_token=x"]
        {
            assert_eq!(Target::parse("/a", Some(bad)), Err(BadTarget::Token), "{bad:?}");
        }
    }
}

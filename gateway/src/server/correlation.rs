//! The id by which a client knows its request, told back to it beside our own.
//!
//! FHIR names the headers (R4, http.html, custom headers), and NHS APIs send both. The value is the client's and means nothing
//! here: it decides nothing, is sent to no system, and stands in the record of the exchange alone, where logs of both sides are
//! brought together. Nobody's own trail holds it, for a client may have put anybody's name into it.

use http::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};

/// The header in which it is told.
pub(in crate::server) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is told back.
const LEN_MAX: usize = 128;

/// An id that a client gave its request: letters, digits, hyphens, full stops and underscores.
#[derive(Clone, PartialEq, Eq)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// The id in `X-Correlation-Id`, or where there is none in `X-Request-Id`; nothing where it stands twice or is not one.
    #[must_use]
    pub fn sent(headers: &HeaderMap) -> Option<Self> {
        let named = if headers.contains_key(&CORRELATION_ID) { CORRELATION_ID } else { REQUEST_ID };
        let mut lines = headers.get_all(named).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let text = line.to_str().ok()?;
        let is_id = (1..=LEN_MAX).contains(&text.len()) && text.bytes().all(taken);
        is_id.then(|| Self(text.to_owned()))
    }

    /// As it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(in crate::server) fn to_header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::from_str(&self.0)
    }
}

impl std::fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CorrelationId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&'static str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        CorrelationId::sent(&headers).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn the_id_of_a_client_is_taken_where_it_stands_once_and_is_one() {
        let (long, longer) = ("a".repeat(LEN_MAX), "a".repeat(LEN_MAX + 1));
        for (lines, expected) in [
            (&[][..], None),
            (&[("x-request-id", "A-1.b_2")], Some("A-1.b_2")),
            (&[("x-correlation-id", "c"), ("x-request-id", "r")], Some("c")),
            (&[("x-request-id", long.as_str())], Some(long.as_str())),
            (&[("x-request-id", longer.as_str())], None),
            (&[("x-request-id", "")], None),
            (&[("x-request-id", "a b")], None),
            (&[("x-request-id", "a,b")], None),
            (&[("x-request-id", "<a>")], None),
            (&[("x-request-id", "a"), ("x-request-id", "a")], None),
            (&[("x-correlation-id", "a:b"), ("x-request-id", "r")], None),
        ] {
            assert_eq!(sent(lines).as_deref(), expected, "{lines:?}");
        }
    }
}

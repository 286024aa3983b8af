//! How much of a reply its method takes: `HEAD` is asked, decided and recorded as `GET`, and only the head goes out; and how
//! headers write moments.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// How much of a reply is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Telling {
    All,
    /// Status and headers, with the length of the body that stays here.
    Head,
}

impl Telling {
    pub(in crate::server) fn of(method: &Method) -> Self {
        if *method == Method::HEAD { Self::Head } else { Self::All }
    }

    /// The response that `made` makes of as much of its body as is told.
    pub(in crate::server) fn told<B>(
        self,
        made: impl FnOnce(&mut dyn FnMut(Bytes) -> Bytes) -> Response<B>,
    ) -> Response<B> {
        let mut kept = 0;
        let mut told = |body: Bytes| match self {
            Self::All => body,
            Self::Head => {
                kept = body.len();
                Bytes::new()
            }
        };
        let mut response = made(&mut told);
        if kept > 0 {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(kept));
        }
        response
    }
}

/// The methods of `Allow`: where `GET` is served `HEAD` is.
pub(in crate::server) fn with_head(allow: &str) -> String {
    match allow.strip_prefix("GET") {
        Some(others) if !allow.contains("HEAD") => format!("GET, HEAD{others}"),
        Some(_) | None => allow.to_owned(),
    }
}

/// A moment as headers write it (RFC 9110 5.6.7); nothing before the year 0.
pub(super) fn http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

#[cfg(test)]
mod tests {
    use super::with_head;

    #[test]
    fn head_is_allowed_where_get_is() {
        for (allow, expected) in [
            ("GET", "GET, HEAD"),
            ("GET, POST", "GET, HEAD, POST"),
            ("GET, HEAD", "GET, HEAD"),
            ("POST", "POST"),
        ] {
            assert_eq!(with_head(allow), expected);
        }
    }
}

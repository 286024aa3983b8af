//! What browsers are told to do with what they get.

use http::header::HeaderValue;

/// Nothing is loaded, run or framed but what the page's own origin serves.
pub(super) const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);
/// What somebody else wrote runs nothing.
pub(super) const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
pub(super) const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How the listener is protected: pages under TLS tell browsers to stay there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain, on loopback.
    Http,
    /// TLS.
    Https,
}

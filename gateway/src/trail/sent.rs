//! A search as it was sent: what BALP has recorded beside what was understood of it, for an attack is seen in the one and not
//! in the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::server::arrived::{Arrived, Method};

/// The longest that is kept: no search whose path, query and form are within their own bounds is longer.
const LEN_MAX: usize = 32 * 1024;

/// The line and, by POST, the form of a request, as they came. It names whoever the client named: it cannot be printed.
pub struct SentSearch(String);

impl SentSearch {
    /// The request, if it can be a search and is not too long.
    #[must_use]
    pub fn by(arrived: &Arrived) -> Option<Self> {
        let segments = arrived.target.segments();
        let (method, form) = match arrived.method {
            Method::Get | Method::Head => ("GET", None),
            // What else is posted is content, and none of it is copied.
            Method::Post if segments.last() != Some(&"_search") => return None,
            Method::Post => ("POST", Some(arrived.body.form_as_sent(LEN_MAX)?)),
            Method::Put | Method::Patch | Method::Delete | Method::Options => return None,
        };
        let mut sent = format!("{method} /{}", segments.join("/"));
        if let Some(query) = arrived.target.query() {
            sent.push('?');
            sent.push_str(query);
        }
        if let Some(form) = form.filter(|form| !form.expose().is_empty()) {
            sent.push_str("\n\n");
            sent.push_str(form.expose());
        }
        (sent.len() <= LEN_MAX).then_some(Self(sent))
    }

    /// As a record has it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl std::fmt::Debug for SentSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentSearch(..)")
    }
}

//! How a reply is written: its format and its coding, as the head of the request asks for them.

use http::header::{self, HeaderMap};

use super::coding::Coding;
use super::format::{self, Format};

/// How a reply is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::server) struct Manner {
    pub(in crate::server) format: Format,
    pub(in crate::server) coding: Coding,
}

impl Manner {
    /// What the head asks for, before anything else is known of the request: endings at the door are told so. Who asks
    /// for what is not spoken is told that in JSON.
    pub(in crate::server) fn of_head(headers: &HeaderMap, query: Option<&str>) -> Self {
        let text = |name| {
            let lines: Vec<&str> =
                headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
            (!lines.is_empty()).then(|| lines.join(", "))
        };
        let (accept, content_type) = (text(header::ACCEPT), text(header::CONTENT_TYPE));
        let queries = [query.unwrap_or_default()];
        let format = format::decide(accept.as_deref(), &queries, content_type.as_deref());
        Self { format: format.unwrap_or_default(), coding: Coding::asked_for(headers) }
    }

    /// The same, uncompressed.
    pub(in crate::server) const fn plain(self) -> Self {
        Self { coding: Coding::Identity, ..self }
    }
}

//! The names that a FHIR server answers to, for telling its own resources from those elsewhere.

use std::fmt;

/// The base URLs of one system: the one it is reached at and those it calls itself in links.
///
/// Schemes and hosts compare without case and default ports are the same as none. Paths compare as they are written,
/// by whole segments.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bases(Vec<Base>);

/// Why a text cannot be a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBase {
    /// Not an absolute http or https URL with a host.
    #[error("a base is an absolute http or https URL")]
    Shape,
    /// User information, a query or a fragment, which no base has.
    #[error("a base has no user information, query or fragment")]
    TooMuch,
}

#[derive(Clone, PartialEq, Eq)]
struct Base {
    /// `scheme://host[:port]` in lower case without the default port.
    origin: String,
    /// Begins with `/` unless empty; no slash at the end.
    path: String,
}

impl Bases {
    /// No names: every absolute URL points elsewhere.
    pub fn none() -> Self {
        Self::default()
    }

    /// The names in `urls`.
    ///
    /// # Errors
    /// [`InvalidBase`] for the first that cannot be one.
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidBase> {
        urls.into_iter().map(Base::parse).collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// What follows the base in `url`, when one of the names is its base.
    pub fn relative<'a>(&self, url: &'a str) -> Option<&'a str> {
        let (origin, path) = split(url)?;
        self.0
            .iter()
            .filter(|base| base.origin == origin)
            .find_map(|base| path.strip_prefix(base.path.as_str())?.strip_prefix('/'))
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Base {
    fn parse(url: &str) -> Result<Self, InvalidBase> {
        if url.contains(['?', '#', '@']) {
            return Err(InvalidBase::TooMuch);
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('\\') {
            return Err(InvalidBase::Shape);
        }
        let (origin, path) = split(url).ok_or(InvalidBase::Shape)?;
        Ok(Self { origin, path: path.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Debug for Bases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|base| format!("{}{}", base.origin, base.path))).finish()
    }
}

/// Whether the text begins as an http or https URL does.
pub(super) fn is_http(text: &str) -> bool {
    scheme(text).is_some()
}

/// Whether an http URL names a host.
pub(super) fn has_host(text: &str) -> bool {
    split(text).is_some()
}

fn scheme(text: &str) -> Option<(&'static str, &str)> {
    ["https", "http"].into_iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        (head.eq_ignore_ascii_case(scheme))
            .then(|| rest.strip_prefix("://"))
            .flatten()
            .map(|rest| (scheme, rest))
    })
}

/// Origin in its one spelling, and the rest from the first slash on.
fn split(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = scheme(url)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let authority = authority.to_ascii_lowercase();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = authority.strip_suffix(default_port).unwrap_or(&authority);
    let host = host.strip_suffix(':').unwrap_or(host);
    if host.is_empty() || host.contains('@') || host.starts_with(':') {
        return None;
    }
    Some((format!("{scheme}://{host}"), path))
}

//! What was sent, what came back, and what a fixture holds: one type, so that every id of a script names the same thing.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;

use crate::tree::{Limits, Node, Tree};

/// A request, a response or a fixture. `Debug` shows no content.
pub(crate) struct Message {
    pub(crate) head: Head,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    tree: OnceLock<Result<Tree, Unread>>,
}

/// What kind of message it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    Fixture,
    Request { method: String, url: String, base: String },
    Response { status: u16 },
}

/// Why a body is no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    #[error("there is no body")]
    Empty,
    #[error("the body reads as neither JSON nor XML")]
    Malformed,
    #[error("the body is newline-delimited")]
    Lines,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.head {
            Head::Fixture => write!(f, "Message(fixture)"),
            Head::Request { method, .. } => write!(f, "Message({method})"),
            Head::Response { status } => write!(f, "Message({status})"),
        }
    }
}

impl Message {
    pub(crate) const fn new(head: Head, headers: Vec<(String, String)>, body: Bytes) -> Self {
        Self { head, headers, body, tree: OnceLock::new() }
    }

    pub(crate) const fn fixture(body: Bytes) -> Self {
        Self::new(Head::Fixture, Vec::new(), body)
    }

    /// Every value of a header, joined as HTTP says.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(held, _)| held.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) const fn status(&self) -> Option<u16> {
        match self.head {
            Head::Response { status } => Some(status),
            Head::Request { .. } | Head::Fixture => None,
        }
    }

    /// The body as a tree, read once.
    pub(crate) fn root(&self) -> Result<Node<'_>, Unread> {
        let tree = self.tree.get_or_init(|| {
            if self.body.iter().all(u8::is_ascii_whitespace) {
                return Err(Unread::Empty);
            }
            if self.header("content-type").is_some_and(|kind| kind.contains("ndjson")) {
                return Err(Unread::Lines);
            }
            Tree::read(&self.body, &Limits::default()).map_err(|_| Unread::Malformed)
        });
        tree.as_ref().map(Tree::root).map_err(|unread| *unread)
    }

    /// The type of the resource in the body.
    pub(crate) fn resource_type(&self) -> Option<&str> {
        let root = self.root().ok()?;
        root.resource_type()
    }

    /// `Type/id` of the resource in the body.
    pub(crate) fn own_reference(&self) -> Option<String> {
        let root = self.root().ok()?;
        let id = root.child_text("id")?;
        root.resource_type().map(|kind| format!("{kind}/{id}"))
    }

    /// Where what was created or updated lies, as the server said it: `Type/id` with or without a version.
    pub(crate) fn location(&self) -> Option<String> {
        let told = self.header("location").or_else(|| self.header("content-location"))?;
        let path = told.split(['?', '#']).next().unwrap_or(&told);
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let version = parts.iter().position(|part| *part == "_history");
        let versioned = version.and_then(|at| parts.get(at + 1).copied());
        parts.truncate(version.unwrap_or(parts.len()));
        let id = parts.pop()?;
        let kind = parts.pop().filter(|kind| kind.starts_with(|letter: char| letter.is_ascii_uppercase()))?;
        Some(match versioned {
            Some(version) => format!("{kind}/{id}/_history/{version}"),
            None => format!("{kind}/{id}"),
        })
    }
}

/// `Type/id` without a version.
pub(crate) fn unversioned(reference: &str) -> &str {
    reference.split_once("/_history").map_or(reference, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Head, Message, Unread};

    fn response(headers: &[(&str, &str)], body: &'static str) -> Message {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message::new(Head::Response { status: 200 }, headers, Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn headers_are_joined_and_found_in_any_case() {
        let message = response(&[("Vary", "Accept"), ("vary", "Origin"), ("ETag", "W/\"1\"")], "");
        assert_eq!(message.header("VARY").as_deref(), Some("Accept, Origin"));
        assert_eq!(message.header("X-Nothing"), None);
    }

    #[test]
    fn a_location_is_read_in_every_form() {
        for (location, expected) in [
            ("http://x/fhir/Patient/1/_history/2", Some("Patient/1/_history/2")),
            ("Patient/1", Some("Patient/1")),
            ("/fhir/Patient/1?a=b", Some("Patient/1")),
            ("http://x/jobs/7", None),
            ("", None),
        ] {
            assert_eq!(response(&[("Location", location)], "").location().as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn bodies_that_are_no_tree_say_why() {
        assert_eq!(response(&[], " \n").root().err(), Some(Unread::Empty));
        assert_eq!(response(&[], "hello").root().err(), Some(Unread::Malformed));
        assert_eq!(
            response(&[("Content-Type", "application/fhir+ndjson")], "{}").root().err(),
            Some(Unread::Lines)
        );
        assert_eq!(
            response(&[], r#"{"resourceType":"Patient","id":"a"}"#).own_reference().as_deref(),
            Some("Patient/a")
        );
        let xml = r#"<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>"#;
        assert_eq!(response(&[], xml).own_reference().as_deref(), Some("Patient/a"));
    }
}

//! Bundles: reading one that was received, and the names for writing one.
//!
//! Reading is bounded and copies nothing but escaped texts. What a sender claims in `total` and `link` is handed on
//! as a claim.

use std::borrow::Cow;

use crate::json::{Kind, Node};

/// What a Bundle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are FHIR's own")]
pub enum BundleType {
    Document,
    Message,
    Transaction,
    TransactionResponse,
    Batch,
    BatchResponse,
    History,
    Searchset,
    Collection,
}

/// Why an entry is in a searchset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchMode {
    /// It meets the criteria.
    Match,
    /// Something else refers to it or is told about it.
    Include,
    /// It tells about the search.
    Outcome,
}

/// The link to the page itself.
pub const LINK_SELF: &str = "self";
/// The link to the page after it.
pub const LINK_NEXT: &str = "next";

/// A Bundle as it was received.
#[derive(Debug)]
pub struct Bundle<'a> {
    bundle_type: BundleType,
    entries: Vec<Entry<'a>>,
    next: Option<Cow<'a, str>>,
    total: Option<u64>,
}

/// One entry of a [`Bundle`].
#[derive(Clone)]
pub struct Entry<'a> {
    full_url: Option<Node<'a>>,
    /// The resource: an object with a `resourceType`.
    pub resource: Option<Node<'a>>,
    /// Why it is there, when the sender says.
    pub mode: Option<SearchMode>,
}

/// Why a resource is not a Bundle that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBundle {
    /// `resourceType` is another.
    #[error("the resource is not a bundle")]
    NotABundle,
    /// `type` is missing or not one of R4.
    #[error("the bundle has no type that is known")]
    Type,
    /// More entries than may be read.
    #[error("the bundle has more entries than may be read")]
    TooManyEntries,
    /// An entry is no object, or its resource has no `resourceType`.
    #[error("entry {at} of the bundle is malformed")]
    Entry {
        /// Its place, from 0.
        at: usize,
    },
    /// `link` or `total` is not of the shape that FHIR gives it, or two links lead on.
    #[error("a link or the total of the bundle is malformed")]
    Link,
}

impl<'a> Bundle<'a> {
    /// Reads a Bundle of at most `entries_max` entries.
    ///
    /// # Errors
    /// [`InvalidBundle`]: nothing of a Bundle that is not understood as a whole is used.
    pub fn read(root: Node<'a>, entries_max: usize) -> Result<Self, InvalidBundle> {
        if !root.member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
            return Err(InvalidBundle::NotABundle);
        }
        let bundle_type = root.member("type").and_then(BundleType::of).ok_or(InvalidBundle::Type)?;
        let entries = match root.member("entry") {
            None => Vec::new(),
            Some(list) if list.kind() != Kind::Array => return Err(InvalidBundle::Entry { at: 0 }),
            Some(list) if list.len() > entries_max => return Err(InvalidBundle::TooManyEntries),
            Some(list) => {
                let mut entries = Vec::with_capacity(list.len());
                for (at, node) in list.items().enumerate() {
                    entries.push(Entry::read(node).ok_or(InvalidBundle::Entry { at })?);
                }
                entries
            }
        };
        let total = match root.member("total") {
            None => None,
            Some(total) => {
                Some(total.number_text().and_then(|text| text.parse().ok()).ok_or(InvalidBundle::Link)?)
            }
        };
        Ok(Self { bundle_type, entries, next: next(root)?, total })
    }

    /// What it is for.
    #[must_use]
    pub fn bundle_type(&self) -> BundleType {
        self.bundle_type
    }

    /// Its entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// Where the sender says the next page is. It may lead anywhere: whoever follows it checks first.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// How many matches the sender claims there are.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

fn next(root: Node<'_>) -> Result<Option<Cow<'_, str>>, InvalidBundle> {
    let Some(links) = root.member("link") else { return Ok(None) };
    if links.kind() != Kind::Array {
        return Err(InvalidBundle::Link);
    }
    let mut next = None;
    for link in
        links.items().filter(|link| link.member("relation").is_some_and(|name| name.is_string(LINK_NEXT)))
    {
        let url = link.member("url").and_then(Node::string).ok_or(InvalidBundle::Link)?;
        if next.replace(url).is_some() {
            return Err(InvalidBundle::Link);
        }
    }
    Ok(next)
}

impl<'a> Entry<'a> {
    fn read(node: Node<'a>) -> Option<Self> {
        if node.kind() != Kind::Object {
            return None;
        }
        let mut entry = Self { full_url: None, resource: None, mode: None };
        for (key, value) in node.members() {
            if key.is("fullUrl") {
                entry.full_url = Some(value).filter(|url| url.kind() == Kind::String);
                entry.full_url?;
            } else if key.is("resource") {
                let name = value.member("resourceType").filter(|name| name.kind() == Kind::String);
                entry.resource = Some(name.map(|_| value)?);
            } else if key.is("search")
                && let Some(mode) = value.member("mode")
            {
                entry.mode = Some(SearchMode::of(mode)?);
            }
        }
        Some(entry)
    }

    /// The URL that names the resource for the other entries.
    #[must_use]
    pub fn full_url(&self) -> Option<Cow<'a, str>> {
        self.full_url.and_then(Node::string)
    }

    /// The `resourceType` of its resource.
    #[must_use]
    pub fn resource_type(&self) -> Option<Cow<'a, str>> {
        self.resource?.member("resourceType").and_then(Node::string)
    }
}

impl BundleType {
    const ALL: [Self; 9] = [
        Self::Document,
        Self::Message,
        Self::Transaction,
        Self::TransactionResponse,
        Self::Batch,
        Self::BatchResponse,
        Self::History,
        Self::Searchset,
        Self::Collection,
    ];

    fn of(node: Node<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|known| node.is_string(known.code()))
    }

    /// The code as FHIR spells it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Message => "message",
            Self::Transaction => "transaction",
            Self::TransactionResponse => "transaction-response",
            Self::Batch => "batch",
            Self::BatchResponse => "batch-response",
            Self::History => "history",
            Self::Searchset => "searchset",
            Self::Collection => "collection",
        }
    }
}

impl SearchMode {
    fn of(node: Node<'_>) -> Option<Self> {
        [Self::Match, Self::Include, Self::Outcome].into_iter().find(|known| node.is_string(known.code()))
    }

    /// The code as FHIR spells it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Include => "include",
            Self::Outcome => "outcome",
        }
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({:?} {:?})", self.resource_type(), self.mode)
    }
}

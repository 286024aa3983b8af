//! References between resources, in every form that FHIR allows them to be written.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

pub mod bases;

pub use bases::{Bases, InvalidBase};

/// The logical id of a resource: one to sixty-four letters, digits, `-` and `.`.
///
/// `Debug` hides it: an id may be a person's.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

/// A text that cannot be a logical id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has one to sixty-four letters, digits, hyphens and full stops")]
pub struct InvalidId;

/// The name of a resource type: a capital and up to sixty-three further letters. Whether R4 knows it is another
/// question.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeName(Box<str>);

/// A resource on the system that the reference was read on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Local {
    /// Its type.
    pub resource_type: TypeName,
    /// Its logical id.
    pub id: Id,
    /// The one version that is meant, when one is named.
    pub version: Option<Id>,
}

/// A resource on the system at hand as a text names it by `Type/id`: what [`Local`] is, without a copy.
///
/// An absolute URL may name one too; [`Reference::parse`] knows that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LocalText<'t> {
    relative: &'t str,
    resource_type: &'t str,
    id: &'t str,
    version: Option<&'t str>,
}

/// What a literal reference (`Reference.reference`) points at.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// `Type/id`, or an absolute URL under a name of the system at hand.
    Local(Local),
    /// An absolute http or https URL somewhere else, as it was written.
    Elsewhere(Box<str>),
    /// `urn:uuid:` in lower case or `urn:oid:`: another entry of the same Bundle.
    Urn(Box<str>),
    /// `#id`: a resource inside the one that refers.
    Contained(Id),
    /// `#`: the resource that contains the one that refers.
    Container,
}

/// Why a text is not a literal reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Longer than any URL that is sent in earnest.
    #[error("the reference is too long")]
    TooLong,
    /// A search in place of a resource (`Patient?identifier=...`).
    #[error("a conditional reference is not a reference to one resource")]
    Conditional,
    /// None of the forms that FHIR knows.
    #[error("the reference is neither Type/id, an absolute URL, a urn nor a fragment")]
    Shape,
}

const REFERENCE_BYTES_MAX: usize = 2048;

impl Reference {
    /// Reads a literal reference; `bases` are the names that the system at hand answers to.
    ///
    /// # Errors
    /// [`InvalidReference`].
    pub fn parse(text: &str, bases: &Bases) -> Result<Self, InvalidReference> {
        if text.len() > REFERENCE_BYTES_MAX {
            return Err(InvalidReference::TooLong);
        }
        if let Some(fragment) = text.strip_prefix('#') {
            return match fragment {
                "" => Ok(Self::Container),
                id => Id::parse(id).map(Self::Contained).map_err(|_| InvalidReference::Shape),
            };
        }
        if let Some(uuid) = text.strip_prefix("urn:uuid:") {
            return urn_uuid(uuid).ok_or(InvalidReference::Shape);
        }
        if let Some(oid) = text.strip_prefix("urn:oid:") {
            return if is_oid(oid) { Ok(Self::Urn(text.into())) } else { Err(InvalidReference::Shape) };
        }
        if bases::is_http(text) {
            return absolute(text, bases);
        }
        Local::parse(text).map(Self::Local).ok_or(if text.contains('?') {
            InvalidReference::Conditional
        } else {
            InvalidReference::Shape
        })
    }

    /// The resource on the system at hand, when it is there.
    pub fn local(&self) -> Option<&Local> {
        match self {
            Self::Local(local) => Some(local),
            Self::Elsewhere(_) | Self::Urn(_) | Self::Contained(_) | Self::Container => None,
        }
    }
}

/// Under a known base nothing but `Type/id` may follow; what FHIR cannot mean there is a fault, not a place elsewhere.
fn absolute(text: &str, bases: &Bases) -> Result<Reference, InvalidReference> {
    if text.bytes().any(|byte| byte.is_ascii_control() || matches!(byte, b' ' | b'\\' | b'"' | b'<' | b'>')) {
        return Err(InvalidReference::Shape);
    }
    match bases.relative(text) {
        Some(relative) if relative.contains('?') => Err(InvalidReference::Conditional),
        Some(relative) => Local::parse(relative).map(Reference::Local).ok_or(InvalidReference::Shape),
        None if bases::has_host(text) => Ok(Reference::Elsewhere(text.into())),
        None => Err(InvalidReference::Shape),
    }
}

/// A UUID in groups of 8, 4, 4, 4 and 12 digits, however its letters are written.
fn urn_uuid(uuid: &str) -> Option<Reference> {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let right = uuid.len() == 36 && uuid.as_bytes().iter().enumerate().all(fits);
    right.then(|| {
        let mut urn = ["urn:uuid:", uuid].concat();
        urn.make_ascii_lowercase();
        Reference::Urn(urn.into())
    })
}

fn is_oid(oid: &str) -> bool {
    oid.starts_with(['0', '1', '2'])
        && oid.contains('.')
        && oid.split('.').all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|byte| byte.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'))
        })
}

impl Local {
    /// Reads `Type/id` or `Type/id/_history/version`; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let LocalText { resource_type, id, version, .. } = LocalText::parse(text)?;
        let version = version.map(|version| Id(version.into()));
        Some(Self { resource_type: TypeName(resource_type.into()), id: Id(id.into()), version })
    }

    /// A resource in its current version.
    pub fn new(resource_type: TypeName, id: Id) -> Self {
        Self { resource_type, id, version: None }
    }

    /// `Type/id`, without the version.
    pub fn to_relative(&self) -> String {
        [self.resource_type.as_str(), "/", self.id.as_str()].concat()
    }

    /// Whether both name the same resource, whatever version is meant.
    pub fn is_same_resource(&self, other: &Self) -> bool {
        // Of many that are compared most are of one type, and their ids differ at the end.
        let (one, another) = (self.id.as_str().as_bytes(), other.id.as_str().as_bytes());
        one.len() == another.len()
            && one.last() == another.last()
            && one == another
            && self.resource_type == other.resource_type
    }
}

impl<'t> LocalText<'t> {
    /// Reads `Type/id` or `Type/id/_history/version`; nothing else.
    #[must_use]
    pub fn parse(text: &'t str) -> Option<Self> {
        // Each byte is looked at once: a type and an id end where something comes that is not of them.
        let slash = text.bytes().position(|byte| !byte.is_ascii_alphabetic())?;
        let (resource_type, rest) = (text.get(..slash)?, text.get(slash..)?.strip_prefix('/')?);
        let length = rest.bytes().position(|byte| !is_of_id(byte)).unwrap_or(rest.len());
        let (id, relative) = (rest.get(..length)?, text.get(..slash + 1 + length)?);
        let version = match rest.get(length..)? {
            "" => None,
            more => Some(more.strip_prefix("/_history/").filter(|version| is_id(version))?),
        };
        let is_type =
            slash <= TYPE_MAX && resource_type.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
        let is_id = (1..=ID_MAX).contains(&length) && !is_way(id);
        (is_type && is_id).then_some(Self { relative, resource_type, id, version })
    }

    /// The name of its type.
    #[must_use]
    pub const fn resource_type(self) -> &'t str {
        self.resource_type
    }

    /// Its logical id.
    #[must_use]
    pub const fn id(self) -> &'t str {
        self.id
    }

    /// `Type/id`, without the version.
    #[must_use]
    pub const fn relative(self) -> &'t str {
        self.relative
    }

    /// The one version that is meant, when one is named.
    #[must_use]
    pub const fn version(self) -> Option<&'t str> {
        self.version
    }
}

/// The longest type and the longest id.
const TYPE_MAX: usize = 64;
const ID_MAX: usize = 64;

fn is_type_name(text: &str) -> bool {
    text.len() <= TYPE_MAX
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(is_of_id) && !is_way(text)
}

/// Whether an id may hold this byte.
#[inline]
fn is_of_id(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "worked out when it is compiled, or not at all")]
    const OF_ID: [bool; 256] = {
        let mut of_id = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            of_id[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            byte += 1;
        }
        of_id
    };
    OF_ID.get(usize::from(byte)).is_some_and(|of_id| *of_id)
}

/// Whether a text is a way through a path instead of a name in it.
fn is_way(text: &str) -> bool {
    matches!(text, "." | "..")
}

impl Id {
    /// Reads a logical id.
    ///
    /// # Errors
    /// [`InvalidId`].
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_id(text) { Ok(Self(text.into())) } else { Err(InvalidId) }
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ids compare and sort as they are written.
impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TypeName {
    /// Reads a type name.
    pub fn parse(text: &str) -> Option<Self> {
        is_type_name(text).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(..)")
    }
}

impl fmt::Debug for LocalText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalText({}/..)", self.resource_type)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Local({}/..)", self.resource_type)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => local.fmt(f),
            Self::Elsewhere(_) => f.write_str("Elsewhere(..)"),
            Self::Urn(_) => f.write_str("Urn(..)"),
            Self::Contained(_) => f.write_str("Contained(..)"),
            Self::Container => f.write_str("Container"),
        }
    }
}

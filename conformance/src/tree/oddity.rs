//! What is odd about a text, and what cannot be read at all.

/// Something that a strict reader would refuse. It holds no content but names of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// The byte of the text at which it was seen (after a byte order mark).
    pub at: usize,
    /// What it is.
    pub odd: Odd,
}

impl Oddity {
    pub(super) const fn new(at: usize, odd: Odd) -> Self {
        Self { at, odd }
    }
}

/// What is odd.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// The text starts with a byte order mark.
    #[error("the text starts with a byte order mark")]
    ByteOrderMark,
    /// The text is UTF-16.
    #[error("the text is utf-16")]
    Utf16,
    /// A comment in JSON, or `fhir_comments`.
    #[error("a comment, which json does not have")]
    Comment,
    /// A comma before a closing bracket.
    #[error("a comma after the last value")]
    TrailingComma,
    /// A name stands twice in one object; the values are read as repeats.
    #[error("the property {name} stands twice in one object")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// `null` where an array needs none to keep its places.
    #[error("the property {name} is null")]
    Null {
        /// The name.
        name: String,
    },
    /// An object without members, or an element with neither value nor children.
    #[error("the element {name} is empty")]
    Empty {
        /// The name.
        name: String,
    },
    /// An array without items.
    #[error("the array {name} is empty")]
    EmptyArray {
        /// The name.
        name: String,
    },
    /// A value of no characters.
    #[error("the value of {name} is empty")]
    EmptyValue {
        /// The name.
        name: String,
    },
    /// An array within an array; its items are read as repeats.
    #[error("an array within the array {name}")]
    NestedArray {
        /// The name.
        name: String,
    },
    /// `_name` holds something else than an object.
    #[error("the property _{name} is no object")]
    Sibling {
        /// The name.
        name: String,
    },
    /// `_name` has more or fewer items than `name`, or only one of them is an array.
    #[error("the properties {name} and _{name} do not match")]
    Mismatch {
        /// The name.
        name: String,
    },
    /// A control character in a string.
    #[error("a control character in a string")]
    Control,
    /// Half of a surrogate pair, read as U+FFFD.
    #[error("a lone surrogate in a string")]
    Surrogate,
    /// The outermost object, or one that stands where a resource does, has no `resourceType`.
    #[error("a resource without resourceType")]
    NoResourceType,
    /// `resourceType` is no string.
    #[error("resourceType is no string")]
    ResourceType,
    /// Bytes after the outermost value.
    #[error("text after the resource")]
    Trailing,
    /// An element in no namespace or in another one than FHIR's.
    #[error("the element {name} is not in the namespace of fhir")]
    Namespace {
        /// The name.
        name: String,
    },
    /// A narrative that is not in the namespace of XHTML.
    #[error("the narrative is not in the namespace of xhtml")]
    NarrativeNamespace,
    /// An attribute that FHIR does not have; read as a child.
    #[error("the attribute {name}, which fhir does not have")]
    Attribute {
        /// The name.
        name: String,
    },
    /// An attribute that stands twice.
    #[error("the attribute {name} stands twice")]
    AttributeTwice {
        /// The name.
        name: String,
    },
    /// Characters between elements; they are dropped.
    #[error("characters in the element {name}")]
    Characters {
        /// The name of the element that holds them.
        name: String,
    },
    /// Elements of one name that do not stand together.
    #[error("the elements {name} do not stand together")]
    Scattered {
        /// The name.
        name: String,
    },
    /// More than one resource in one element; read as repeats of that element.
    #[error("more than one resource in the element {name}")]
    SeveralResources {
        /// The name.
        name: String,
    },
    /// A named entity of HTML in a value.
    #[error("a named entity of html in a value")]
    Entity,
    /// A processing instruction.
    #[error("a processing instruction")]
    Instruction,
}

/// Why a text cannot be read. Positions are bytes; nothing of the content is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than allowed.
    #[error("the text is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Nested deeper than allowed.
    #[error("nested deeper than {depth_max} at byte {at}")]
    TooDeep {
        /// The bound.
        depth_max: usize,
        /// Where the one too many starts.
        at: usize,
    },
    /// More elements than allowed.
    #[error("more than {nodes_max} elements at byte {at}")]
    TooMany {
        /// The bound.
        nodes_max: usize,
        /// Where the one too many starts.
        at: usize,
    },
    /// Neither UTF-8 nor UTF-16 with a mark.
    #[error("the text is not utf-8 at byte {at}")]
    Encoding {
        /// Where the first bad byte is.
        at: usize,
    },
    /// The text ends inside something, or is empty.
    #[error("the text ends too early")]
    Ended,
    /// The outermost value is no object.
    #[error("the text is no object")]
    NoObject,
    /// Not JSON.
    #[error("this is not json at byte {at}")]
    Json {
        /// Where.
        at: usize,
    },
    /// Not XML.
    #[error("this is not well-formed xml at byte {at}")]
    Xml {
        /// Where.
        at: usize,
    },
    /// A document type or an entity that one would have to declare: never expanded.
    #[error("a document type or entity at byte {at}")]
    DocumentType {
        /// Where.
        at: usize,
    },
}

//! FHIR R4 in XML, to and from JSON.
//!
//! [`to_json`] reads one resource in XML and yields JSON that [`crate::json::parse`] indexes; [`from_json`] writes a
//! value of such an index as XML. Both walk [`crate::tables`] and stream: no tree is built and no model is filled, so
//! decimals stay the text they were and the narrative stays the bytes it was.
//!
//! What goes through is what both forms can say alike, once: an element that the tables do not know, that stands out
//! of order or too often, that is empty or holds text, an attribute out of place, an unknown member, a value of the
//! wrong kind is refused with its position. Nothing is dropped but what FHIR gives no meaning: comments and processing
//! instructions outside the narrative, white space between elements, `xsi:schemaLocation` on the outermost element.
//!
//! A narrative is checked to be one well-formed `div` of XHTML that needs nothing from around it, and then copied. The
//! named entities of HTML are refused in XML, which does not know them without a DTD; from JSON, where they are met, they
//! are written as references to the characters that they stand for. CDATA sections and processing instructions in it,
//! which readers of HTML see otherwise, are refused. Whether its elements are safe to show is not
//! asked here.
//!
//! Document types are refused wherever they stand: no entity is ever declared, fetched or expanded.
//!
//! FHIR R4 <http://hl7.org/fhir/R4/xml.html> and <http://hl7.org/fhir/R4/json.html>; XML 1.0 (fifth edition) and
//! Namespaces in XML 1.0. Deliberately absent: schemas, XML 1.1, encodings other than UTF-8, required elements,
//! bindings and invariants other than `ele-1` (nothing is empty).

mod characters;
mod entities;
mod narrative;
mod read;
mod tokens;
mod write;

pub use entities::as_characters;
pub use read::{to_json, to_json_naming_strangers, to_json_of};
pub use write::{from_json, from_json_of};

const FHIR: &str = "http://hl7.org/fhir";
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// The deepest nesting of elements that is ever read or written, whatever is asked: both recurse.
const DEPTH_CEILING: usize = 256;

/// Bounds on one resource in XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the XML text.
    pub bytes_max: usize,
    /// Elements inside one another, the narrative's too; the outermost counts as one. Never more than 256, whatever
    /// is asked.
    pub depth_max: usize,
    /// Elements of the whole text.
    pub elements_max: usize,
    /// Attributes of one element, namespace declarations included. FHIR itself needs three.
    pub attributes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 32 << 20, depth_max: 96, elements_max: 1_000_000, attributes_max: 64 }
    }
}

impl Limits {
    /// Checks what is open and what was seen so far.
    fn check(&self, depth: usize, elements: usize) -> Result<(), Fault> {
        let Self { elements_max, .. } = *self;
        let depth_max = self.depth_max.min(DEPTH_CEILING);
        if depth > depth_max {
            return Err(Fault::TooDeep { depth_max });
        }
        if elements > elements_max {
            return Err(Fault::TooManyElements { elements_max });
        }
        Ok(())
    }
}

/// Why a text is not FHIR XML that may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {at}")]
pub struct InvalidXml {
    /// What is wrong.
    pub fault: Fault,
    /// The byte at which it was seen.
    pub at: usize,
}

/// What is wrong with a text as FHIR XML, or with a narrative. Nothing of the content is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is longer than allowed.
    #[error("the text is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Too many elements inside one another.
    #[error("elements are nested deeper than {depth_max}")]
    TooDeep {
        /// The bound.
        depth_max: usize,
    },
    /// Too many elements in the text.
    #[error("more than {elements_max} elements")]
    TooManyElements {
        /// The bound.
        elements_max: usize,
    },
    /// Too many attributes on one element, or namespaces in force.
    #[error("too many attributes or namespace declarations")]
    TooManyAttributes,
    /// The text is not UTF-8.
    #[error("the text is not utf-8")]
    Utf8,
    /// The declaration names another encoding.
    #[error("an encoding other than utf-8 is declared")]
    Encoding,
    /// A character, written or referred to, that XML 1.0 does not allow.
    #[error("a character that xml does not allow")]
    Character,
    /// The text ends inside an element, or is empty.
    #[error("the text ends too early")]
    Ended,
    /// An element follows the outermost one.
    #[error("an element after the outermost one")]
    Trailing,
    /// A tag, declaration, attribute or text that XML 1.0 does not allow.
    #[error("malformed xml")]
    Malformed,
    /// A comment that XML does not allow, or that readers of HTML end elsewhere.
    #[error("malformed comment")]
    Comment,
    /// A document type declaration.
    #[error("a document type declaration is not allowed")]
    DocumentType,
    /// A processing instruction in the narrative.
    #[error("a processing instruction is not allowed here")]
    Instruction,
    /// A CDATA section.
    #[error("a cdata section is not allowed")]
    Cdata,
    /// A reference to an entity other than the five of XML.
    #[error("an entity that xml does not define; write the character")]
    Entity,
    /// An element or attribute in another namespace than it must be, or a prefix that is not bound.
    #[error("not in the expected namespace")]
    Namespace,
    /// The outermost element, or one that must be a resource, names none.
    #[error("not a resource type of this release of fhir")]
    UnknownResource,
    /// An element that its parent does not have.
    #[error("unknown element")]
    UnknownElement,
    /// An attribute that its element does not have.
    #[error("unknown attribute")]
    UnknownAttribute,
    /// An attribute stands twice on one element.
    #[error("duplicate attribute")]
    DuplicateAttribute,
    /// An element before which it should stand is there already.
    #[error("an element out of order")]
    OutOfOrder,
    /// An element that does not repeat, or a second type of a choice.
    #[error("an element stands there more than once")]
    Repeated,
    /// Text between elements.
    #[error("text where none belongs")]
    Text,
    /// An attribute without a value.
    #[error("an empty value")]
    EmptyValue,
    /// An element without value and children.
    #[error("an empty element")]
    EmptyElement,
    /// Not in the grammar of the number or boolean that it must be.
    #[error("a value that is not of its type")]
    Value,
}

impl Fault {
    /// The same at a place.
    const fn at(self, at: usize) -> InvalidXml {
        InvalidXml { fault: self, at }
    }
}

/// Why a value cannot be written as FHIR XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} in {path} at byte {at}")]
pub struct Unwritable {
    /// What is wrong.
    pub why: Unsayable,
    /// The element in which it was seen, in the words of the tables: `Bundle.entry[3].resource.name[0]`.
    pub path: String,
    /// The byte of the JSON text at which it was seen.
    pub at: usize,
}

/// What FHIR XML cannot say. Nothing of the content is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    /// No object, or one whose `resourceType` names no resource.
    #[error("not a resource type of this release of fhir")]
    UnknownResource,
    /// A member that the type does not have.
    #[error("unknown member")]
    UnknownMember,
    /// Two members for one choice.
    #[error("two types of one choice")]
    Repeated,
    /// An array where one value belongs, a string where a number belongs, and the like.
    #[error("a value of the wrong kind")]
    Kind,
    /// An empty string, array or object, or `null` without an extension beside it.
    #[error("an empty value")]
    Empty,
    /// A character that XML cannot hold.
    #[error("a character that xml does not allow")]
    Character,
    /// The narrative is not one well-formed `div`.
    #[error("the narrative is not well-formed: {0}")]
    Narrative(InvalidXml),
    /// Too many elements, or too many inside one another.
    #[error(transparent)]
    TooLarge(Fault),
    /// The XML would be longer than allowed.
    #[error("the xml is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
}

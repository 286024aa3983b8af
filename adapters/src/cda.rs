//! CDA documents into FHIR R4: C-CDA 2.1, and the discharge summaries, letters and NHS 111 reports that travel in
//! NHS ITK envelopes.
//!
//! A document becomes a `document` Bundle led by a Composition. Each section keeps its narrative as the text of that
//! section, under the UK Core record-standard heading that its code or title stands for, so that a section can be
//! withheld by itself; its coded entries become resources that the section refers to. Every resource has a Provenance
//! that names the document, its hash, and the XPath that the resource was made from.
//!
//! What goes where is written in the tables of `maps/cda`; the code here reads XML in bounds, applies the tables and
//! converts the data types. While a document is translated, each attribute and text that reaches the Bundle is marked;
//! what is not marked in the end is a [`Loss`](crate::Loss) with its XPath.
//!
//! A `confidentialityCode` of the document, a section or an entry, and security observations in it, become labels: on
//! the Bundle, on the Composition, inline on the section, and on the resources made from that part. The strictest of
//! those that stand around a part counts. The Patient bears none of them: there, a label says that where the person
//! lives is protected. That is said by an address or number for confidential use (`CONF`) or one that is masked (`MSK`).

mod apart;
mod bundle;
pub(crate) mod charset;
mod coded;
mod codes;
mod conversion;
mod convert;
mod engine;
mod identifier;
mod labels;
mod losses;
mod maps;
mod moment;
mod narrative;
mod objection;
mod oneself;
pub mod out;
mod outside;
mod parse;
mod path;
mod person;
mod qualified;
mod quantity;
mod resource;
mod sound;
mod source;
mod timing;

pub use self::apart::{Alone, apart};
pub use self::outside::{Outside, outsides};
use crate::{Context, Refused, Translated};

/// Why a text was not read as a CDA document. Nothing of the content is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The XML declaration names an encoding that is not supported.
    #[error("the encoding that the xml declaration names is not supported")]
    Encoding,
    /// The bytes are not in the encoding that is declared.
    #[error("the bytes are not in the declared encoding (byte {at})")]
    Bytes {
        /// The first byte that is wrong.
        at: usize,
    },
    /// A document type declaration.
    #[error("a document type declaration is not allowed (byte {at})")]
    DocumentType {
        /// Where it stands.
        at: usize,
    },
    /// A reference to an entity other than the five of XML, or to a character that XML does not allow.
    #[error("a reference to an entity or character that is not allowed (byte {at})")]
    Entity {
        /// Where it stands.
        at: usize,
    },
    /// A tag, attribute, comment or character that XML does not allow, or a text that ends too early.
    #[error("malformed xml (byte {at})")]
    Malformed {
        /// Where it was seen.
        at: usize,
    },
    /// A prefix that no declaration binds.
    #[error("a namespace prefix that is not bound (byte {at})")]
    Prefix {
        /// Where it stands.
        at: usize,
    },
    /// There is no `ClinicalDocument` in the namespace `urn:hl7-org:v3`.
    #[error("there is no ClinicalDocument in the namespace urn:hl7-org:v3")]
    NoDocument,
    /// The envelope holds several documents where one was asked for.
    #[error("there is more than one ClinicalDocument")]
    MoreThanOne,
    /// The document has no id, so a repeat could not be recognised.
    #[error("ClinicalDocument/id is missing or empty")]
    NoId,
    /// The document does not say when it was made.
    #[error("ClinicalDocument/effectiveTime holds no time")]
    NoTime,
    /// The document does not say whom it is about, or names several people.
    #[error("ClinicalDocument/recordTarget does not name exactly one patient")]
    NotOnePatient,
}

/// Translates the one document of `input`, bare or in an ITK or SOAP envelope.
///
/// # Errors
/// [`Refused`] when the input is no document that can be translated, or holds several; nothing of it may be used then.
pub fn translate(input: &[u8], context: &Context) -> Result<Translated, Refused> {
    let mut all = documents(input, context)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Fault::MoreThanOne.into()),
        (None, _) => Err(Fault::NoDocument.into()),
    }
}

/// Translates every document of `input`, in its order: an envelope may hold earlier reports beside the present one.
/// What the envelope says is listed among the losses of the first.
///
/// # Errors
/// [`Refused`] when one of them cannot be translated; nothing of any may be used then.
pub fn documents(input: &[u8], context: &Context) -> Result<Vec<Translated>, Refused> {
    let maps = maps::maps()?;
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let text = charset::decode(input, context.charset)?;
    let tree = parse::parse(&text)?;
    let roots = tree.documents();
    if roots.is_empty() {
        return Err(Fault::NoDocument.into());
    }
    let mut all = Vec::with_capacity(roots.len());
    for root in &roots {
        all.push(engine::run(*root, input, maps, context)?);
    }
    losses::collect(&tree, &roots, maps, &mut all)?;
    Ok(all)
}

//! FHIR R4 into CDA: a minimised document Bundle as one `ClinicalDocument` for a receiver.
//!
//! A [`Profile`] says how the receiver takes documents: as C-CDA 2.1 with coded entries, or as NHS ITK and PRSB with headings and
//! their narrative alone. The tables in `maps/cda-out` say what each element is made of; `order.map` is the order that the
//! schema of CDA prescribes, in which everything is put at the end. While a document is written each element that reaches it
//! is marked; what is not marked in the end is a [`Loss`] with its path in the Bundle.
//!
//! A loss that would make the rest read otherwise refuses the document ([`Unwritten::Dangerous`]). What a section's narrative does
//! not say of its entries is said after it in words. The document is never less confidential than anything in it. It
//! holds nothing that the Bundle does not hold: what is not there is a null flavour, whether it was withheld or never was.

mod attached;
mod codes;
mod engine;
mod labels;
mod maps;
mod media;
mod narrative;
mod order;
mod profile;
mod say;
mod section;
mod source;
mod survey;
mod table;
mod types;
mod unwritten;
mod xml;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use bytes::Bytes;
use fhir::json::{Limits, Node};
use fhir::security_label::{CONFIDENTIALITY, Confidentiality, SecurityLabel};
use sha2::{Digest, Sha256};

use self::engine::Run;
use self::labels::Labels;
use self::maps::Maps;
use self::source::Source;
use self::xml::Element;
use crate::{Loss, Severity, Why};

pub use self::profile::{Flavour, InvalidProfile, Profile};
pub use self::unwritten::{Danger, Unwritten};

/// A document as it goes out.
pub struct Document {
    /// The document in UTF-8.
    pub xml: Vec<u8>,
    /// Everything of the Bundle that the document does not carry, in the order of the Bundle. The place is its path.
    pub losses: Vec<Loss>,
    /// The resources with an attachment of which the document has neither the bytes nor the words, a name for each attachment. They
    /// are losses too; who sends the document on should not take it for the whole of what was to be said.
    pub unattached: Vec<String>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Document")
            .field("bytes", &self.xml.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}

/// Writes a document Bundle as CDA for a receiver. The same Bundle for the same receiver has the same bytes.
///
/// # Errors
/// [`Unwritten`] when no document can say what the Bundle says; nothing may be sent then.
pub fn write(bundle: &[u8], profile: &Profile) -> Result<Document, Unwritten> {
    let maps = Maps::shipped()?;
    let json =
        fhir::json::parse(Bytes::copy_from_slice(bundle), &Limits::default()).map_err(Unwritten::Json)?;
    let source = Source::read(&json)?;
    let composition =
        source.held.first().filter(|held| held.kind == "Composition").ok_or(Unwritten::NotADocument)?.node;
    let patient = composition.member("subject").and_then(|subject| source.target(subject));
    let is_patient =
        |node: &Node<'_>| node.member("resourceType").is_some_and(|kind| kind.is_string("Patient"));
    let patient =
        patient.filter(is_patient).ok_or(Unwritten::Missing { place: "patient whom it is about" })?;
    source.patient.set(Some(patient));
    let own_id = own_id(bundle);
    let run = Run {
        source: &source,
        maps,
        profile,
        patient,
        own_id: &own_id,
        own_degree: own_degree(&source, composition),
        open: RefCell::default(),
        elements: Cell::new(0),
        gathered: RefCell::default(),
        ids: RefCell::new(HashSet::new()),
    };
    let mut document = run.document(composition)?;
    if !maps.order.arrange(&mut document, "ClinicalDocument") {
        return Err(Unwritten::Maps);
    }
    let losses = survey::losses(&source, &maps.tables)?;
    let unattached = attached::unsaid(&source, &document);
    let mut xml = String::with_capacity(bundle.len());
    xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    document.write(&mut xml);
    xml.push('\n');
    Ok(Document { xml: xml.into_bytes(), losses, unattached })
}

impl<'b> Run<'_, 'b> {
    fn document(&self, composition: Node<'b>) -> Result<Element, Unwritten> {
        let mut document = Element::new("ClinicalDocument")
            .with("xmlns", "urn:hl7-org:v3")
            .with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
            .with("xmlns:sdtc", "urn:hl7-org:sdtc")
            .with("classCode", "DOCCLIN")
            .with("moodCode", "EVN");
        self.rule("document", composition, &mut document)?;
        if let Some(name) = &self.profile.message_type {
            document.set("xmlns:npfitlc", "NPFIT:HL7:Localisation".to_owned());
            let kind = Element::new("npfitlc:messageType").with("root", "2.16.840.1.113883.2.1.3.2.4.18.17");
            document.add(kind.with("extension", name.as_str()));
        }
        // A version is of a set of documents.
        if document.child("setId").is_some() && document.child("versionNumber").is_none() {
            document.add(Element::new("versionNumber").with("nullFlavor", "NI"));
        }
        let (mut body, said) = self.body(composition)?;
        let mut labels = Labels { degree: self.own_degree, categories: Vec::new() };
        self.labels_within(self.source.root, &mut labels);
        document.add(self.degree(labels.degree));
        let unsaid = labels.categories.iter().filter(|category| !said.categories.contains(category));
        for category in unsaid.filter(|_| self.profile.flavour == Flavour::Ccda) {
            self.of_all(category, &mut body);
            if body.child("nonXMLBody").is_some() {
                self.source.remark(composition, Why::Narrowed, Severity::Major);
            }
        }
        document.add(body);
        Ok(document)
    }
}

/// How confidential the Composition says that it is.
fn own_degree<'b>(source: &Source<'b>, composition: Node<'b>) -> Option<Confidentiality> {
    let own = composition.member("confidentiality")?;
    let label = SecurityLabel::new(CONFIDENTIALITY, &own.string()?);
    source.mark(own);
    label.confidentiality()
}

/// The id of a document that has none: what it holds determines it.
fn own_id(bundle: &[u8]) -> String {
    let digest = Sha256::new_with_prefix(b"portcullis cda out 1").chain_update(bundle).finalize();
    let mut hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    for at in [8, 13, 18, 23] {
        hex.insert(at, '-');
    }
    hex.replace_range(14..15, "8");
    hex.replace_range(19..20, "a");
    hex
}

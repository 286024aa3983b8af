//! What the outside of a document says: its id, whom it is about, and a digest by which a repeat is known.

use fhir::identifier::NHS_NUMBER;
use fhir::nhs_number::NhsNumber;
use sha2::{Digest, Sha256};

use super::engine::message;
use super::identifier::{TRACED, UNTRACED};
use super::source::{Element, What};
use super::{Fault, charset, parse};
use crate::hl7v2::Identifier;
use crate::{Context, Refused};

/// The outside of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// The id of the document, as in its Bundle.
    pub id: String,
    /// The identifiers of the person in `recordTarget`.
    pub persons: Vec<Identifier>,
    /// SHA-256 of what the document says: the envelope around it, white space between elements, prefixes and comments do
    /// not count.
    pub digest: [u8; 32],
}

/// Reads the outsides of all documents of `input`, in the order of [`super::documents`].
///
/// # Errors
/// [`Refused`] when the input holds no document, or one without an id.
pub fn outsides(input: &[u8], context: &Context) -> Result<Vec<Outside>, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let text = charset::decode(input, context.charset)?;
    let tree = parse::parse(&text)?;
    let roots = tree.documents();
    if roots.is_empty() {
        return Err(Fault::NoDocument.into());
    }
    roots.into_iter().map(outside).collect()
}

pub(super) fn outside(root: Element<'_>) -> Result<Outside, Refused> {
    let id = root.child("id").and_then(message).ok_or(Fault::NoId)?;
    let role = root.child("recordTarget").and_then(|target| target.child("patientRole"));
    let ids = role.into_iter().flat_map(Element::children).filter(|child| child.name() == "id");
    let persons = ids.filter_map(person).collect();
    let mut hash = Sha256::new();
    digest(root, &mut hash);
    if root.tree.is_exhausted() {
        return Err(Fault::Malformed { at: 0 }.into());
    }
    Ok(Outside { id, persons, digest: hash.finalize().into() })
}

/// An id of the person; one that is called an NHS number and is none has no system.
fn person(id: Element<'_>) -> Option<Identifier> {
    let value = id.peek("extension")?;
    let called = matches!(id.peek("root"), Some(TRACED | UNTRACED));
    let digits: String = value.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    match NhsNumber::parse(&digits) {
        Ok(number) if called => {
            Some(Identifier { system: Some(NHS_NUMBER.to_owned()), value: number.as_str().to_owned() })
        }
        Ok(_) | Err(_) => {
            let system = id.peek("root").filter(|_| !called).map(str::to_owned);
            Some(Identifier { system, value: value.to_owned() })
        }
    }
}

/// Each part with its length before it, so that no two documents say the same by running together.
fn digest(element: Element<'_>, hash: &mut Sha256) {
    let mut part = |kind: u8, text: &str| {
        hash.update([kind]);
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    part(b'<', element.name());
    part(b':', &format!("{:?}", element.space()));
    let mut attributes: Vec<_> =
        element.attributes().iter().map(|attribute| (attribute.name, attribute.value.as_ref())).collect();
    attributes.sort_unstable();
    for (name, value) in attributes {
        part(b'@', name);
        part(b'=', value);
    }
    for (at, node) in element.content() {
        match &node.what {
            What::Element { .. } => digest(Element { tree: element.tree, at }, hash),
            What::Text { text, .. } if text.trim().is_empty() => {}
            What::Text { text, .. } => {
                hash.update([b'"']);
                hash.update(text.len().to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hash.update([b'>']);
}

#[cfg(test)]
mod tests {
    use super::outsides;
    use crate::Context;

    const LETTER: &str = "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><id root=\"1.2\" extension=\"D1\"/>\
        <recordTarget><patientRole><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"999 000 0018\"/>\
        <id root=\"1.2.3\" extension=\"H1\"/></patientRole></recordTarget><title>Letter</title></ClinicalDocument>";

    fn digest(text: &str) -> [u8; 32] {
        let context = Context::new("hospital", None, "Europe/London").expect("a context");
        outsides(text.as_bytes(), &context).expect("an outside").remove(0).digest
    }

    #[test]
    fn the_same_document_is_known_in_another_envelope_and_another_by_a_single_letter() {
        let enveloped = format!(
            "<?xml version=\"1.0\"?>\n<env xmlns=\"urn:e\" at=\"now\">\n {LETTER}<!-- again --></env>"
        );
        assert_eq!(digest(LETTER), digest(&enveloped));
        let prefixed = LETTER
            .replace("xmlns=", "xmlns:x=")
            .replace("</", "\u{1}")
            .replace('<', "<x:")
            .replace('\u{1}', "</x:");
        assert_eq!(digest(LETTER), digest(&prefixed));
        for (from, to) in [("Letter", "Lettre"), ("H1", "H2"), ("<title>", "<title code=\"x\">")] {
            assert_ne!(digest(LETTER), digest(&LETTER.replace(from, to)), "{from}");
        }
    }

    #[test]
    fn an_outside_names_the_person_and_the_document() {
        let context = Context::new("hospital", None, "Europe/London").expect("a context");
        let outside = outsides(LETTER.as_bytes(), &context).expect("an outside").remove(0);
        assert_eq!(outside.id, "1.2 D1".replace("1.2", "urn:oid:1.2"));
        let persons: Vec<(Option<&str>, &str)> =
            outside.persons.iter().map(|id| (id.system.as_deref(), id.value.as_str())).collect();
        assert_eq!(
            persons,
            [(Some("https://fhir.nhs.uk/Id/nhs-number"), "9990000018"), (Some("1.2.3"), "H1")]
        );
    }
}

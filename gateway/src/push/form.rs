//! The forms in which senders write, and what the outside of each says: who sent it, under which id, about whom.
//!
//! An HL7 v2 message has its id in MSH-10 and a document its own; a record of a mapping has none, so that what it says
//! is its id, and its key tells what it is about: what came last for the key is known, and anything else is new.

use std::fmt;

use adapters::hl7v2::{self, Identifier};
use adapters::{Context, Refused, Translated, Why, cda};
use bytes::Bytes;
use fhir::json::{self, Document};
use fhir::nhs_number::NhsNumber;
use sha2::{Digest, Sha256};

use super::answer::Mode;
use super::inbox::Answer;
use super::intake::{Sender, refusal, verdict};
use crate::hex::hex;
use crate::settings::Making;
use adapters::hl7v2::Problem;

/// How a sender writes.
#[derive(Clone)]
pub enum Form {
    /// HL7 v2 messages.
    Hl7v2,
    /// CDA documents, bare or in an envelope.
    Cda,
    /// Records of a place. What is stored of each is the Bundle that was made of it.
    Mapped(Making),
}

/// The outside of one message, document or record.
pub(in crate::push) struct Outside {
    /// The organisation and application that sent it: within it an id means one message.
    pub(in crate::push) source: String,
    /// Its id.
    pub(in crate::push) control_id: String,
    /// What a record is about: the id of its Bundle. Only what came last for it is known.
    pub(in crate::push) key: Option<String>,
    /// SHA-256 of what it says.
    pub(in crate::push) hash: [u8; 32],
    /// What keeps the order of one person's messages.
    pub(in crate::push) lane: String,
    /// Whom it is about, by NHS number.
    pub(in crate::push) persons: Vec<NhsNumber>,
    /// Which acknowledgements its sender wants.
    pub(in crate::push) mode: Mode,
    context: Context,
    /// Whether it is meant.
    use_: Use,
}

/// One of what came together, with a text that holds it alone; or why it cannot be known.
pub(in crate::push) type Apart = (Result<Outside, Refused>, Vec<u8>);

/// Whether a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Production,
    Trial,
}

impl Outside {
    /// The outsides of all that `raw` holds: one for a message or record, one for each document of an envelope.
    ///
    /// # Errors
    /// [`Refused`] when it holds nothing of the sender's form.
    pub(in crate::push) fn all(sender: &Sender, raw: &[u8]) -> Result<Vec<Self>, Refused> {
        match &sender.form {
            Form::Hl7v2 => Self::of_message(sender, raw).map(|outside| vec![outside]),
            Form::Cda => {
                let context = documents_of(sender);
                let outsides = cda::outsides(raw, &context)?;
                Ok(outsides.into_iter().map(|outside| Self::of_document(outside, context.clone())).collect())
            }
            Form::Mapped(_) => Self::of_record(sender, raw).map(|outside| vec![outside]),
        }
    }

    /// All that `raw` holds, each with a text that holds it alone; for a document that cannot be known, why.
    ///
    /// # Errors
    /// [`Refused`] when it holds nothing of the sender's form, or too much.
    pub(in crate::push) fn apart(sender: &Sender, raw: &[u8]) -> Result<Vec<Apart>, Refused> {
        match &sender.form {
            Form::Cda => {
                let context = documents_of(sender);
                let known = |outside| Self::of_document(outside, context.clone());
                let alone = cda::apart(raw, &context)?.into_iter();
                Ok(alone.map(|one| (one.outside.map(known), one.text.into_owned())).collect())
            }
            Form::Hl7v2 | Form::Mapped(_) => {
                Ok(Self::all(sender, raw)?.into_iter().map(|outside| (Ok(outside), raw.to_vec())).collect())
            }
        }
    }

    /// The outside of the one that bears the id `control_id`.
    ///
    /// # Errors
    /// [`Refused`] when there is none.
    pub(in crate::push) fn of(sender: &Sender, raw: &[u8], control_id: &str) -> Result<Self, Refused> {
        let found = Self::found(sender, raw, control_id)?;
        found.map(|(outside, _)| outside).ok_or(Refused::NoControlId)
    }

    /// The one that bears the id `control_id`, if there is one, with a text that holds it alone. A record bears the id it
    /// was stored under.
    ///
    /// # Errors
    /// [`Refused`] when `raw` holds nothing of the sender's form, or what cannot be known in the place of what is wanted.
    pub(in crate::push) fn found(
        sender: &Sender,
        raw: &[u8],
        control_id: &str,
    ) -> Result<Option<(Self, Vec<u8>)>, Refused> {
        let mut unknown = None;
        for (outside, text) in Self::apart(sender, raw)? {
            match (outside, &sender.form) {
                (Ok(outside), Form::Mapped(_)) => {
                    return Ok(Some((Self { control_id: control_id.to_owned(), ..outside }, text)));
                }
                (Ok(outside), Form::Hl7v2 | Form::Cda) if outside.control_id == control_id => {
                    return Ok(Some((outside, text)));
                }
                (Ok(_), Form::Hl7v2 | Form::Cda) => {}
                (Err(refused), _) => unknown = Some(refused),
            }
        }
        unknown.map_or(Ok(None), Err)
    }

    /// Within one organisation each application counts its messages on its own.
    fn of_message(sender: &Sender, raw: &[u8]) -> Result<Self, Refused> {
        let organisation = sender.organisation.as_str();
        let envelope = hl7v2::envelope(raw, &sender.context.of_source(organisation))?;
        let source = format!("{organisation}/{}/{}", envelope.sender.facility, envelope.sender.application);
        let production = envelope.processing.eq_ignore_ascii_case("P");
        Ok(Self {
            context: sender.context.of_source(&source),
            source,
            key: None,
            hash: Sha256::digest(raw).into(),
            lane: lane(&envelope.persons),
            persons: numbers(&envelope.persons),
            mode: Mode::of(&envelope),
            use_: if production { Use::Production } else { Use::Trial },
            control_id: envelope.control_id,
        })
    }

    fn of_document(outside: cda::Outside, context: Context) -> Self {
        Self {
            source: context.source().to_owned(),
            control_id: outside.id,
            key: None,
            hash: outside.digest,
            lane: lane(&outside.persons),
            persons: numbers(&outside.persons),
            mode: Mode::Original,
            use_: Use::Production,
            context,
        }
    }

    fn of_record(sender: &Sender, raw: &[u8]) -> Result<Self, Refused> {
        let document = parsed(raw.to_vec()).ok_or(Refused::NoHeader)?;
        let hash = said(&document);
        let key = document.root().str_at(&["id"]).map(std::borrow::Cow::into_owned);
        let persons: Vec<Identifier> = document
            .root()
            .walk(&["entry", "resource", "identifier"])
            .filter_map(|identifier| {
                let system = identifier.str_at(&["system"]).map(std::borrow::Cow::into_owned);
                Some(Identifier { system, value: identifier.str_at(&["value"])?.into_owned() })
            })
            .filter(|identifier| identifier.system.as_deref() == Some(fhir::identifier::NHS_NUMBER))
            .collect();
        Ok(Self {
            source: sender.context.source().to_owned(),
            control_id: hash_text(&hash),
            lane: match (&key, persons.is_empty()) {
                (Some(key), true) => hash_text(&Sha256::digest(key)),
                (None, true) => hash_text(&hash),
                (_, false) => lane(&persons),
            },
            key,
            hash,
            persons: numbers(&persons),
            mode: Mode::Original,
            use_: Use::Production,
            context: sender.context.clone(),
        })
    }

    /// What it says as a Bundle, or the name of the reason and the answer.
    pub(in crate::push) fn translated(
        &self,
        sender: &Sender,
        raw: &[u8],
    ) -> Result<Translated, (&'static str, Answer)> {
        if self.use_ == Use::Trial {
            let problem = Problem { code: "202", text: "only production messages are taken".to_owned() };
            return Err(("not-a-production-message", refusal(super::inbox::Verdict::Reject, problem)));
        }
        let translated = match &sender.form {
            Form::Hl7v2 => hl7v2::translate(raw, &self.context),
            Form::Cda => self.document(raw),
            Form::Mapped(_) => return Ok(bundle_of(raw)),
        };
        let translated = translated.map_err(|refused| {
            let (ack, problem) = refused.ack();
            ("not-translated", refusal(verdict(ack), problem))
        })?;
        let unreadable = |why| matches!(why, Why::DocumentUnreadable | Why::NoDocument);
        if translated.losses.iter().any(|loss| unreadable(loss.why)) {
            let problem =
                Problem { code: "207", text: "the document in the message cannot be read".to_owned() };
            return Err(("document-unreadable", refusal(super::inbox::Verdict::Error, problem)));
        }
        Ok(translated)
    }

    /// The document of this id among those of an envelope.
    fn document(&self, raw: &[u8]) -> Result<Translated, Refused> {
        let outsides = cda::outsides(raw, &self.context)?;
        let place = outsides.iter().position(|outside| outside.id == self.control_id);
        let place = place.ok_or(Refused::NoControlId)?;
        cda::documents(raw, &self.context)?.into_iter().nth(place).ok_or(Refused::NoControlId)
    }
}

/// What documents of this sender are translated with: all count as one application's.
fn documents_of(sender: &Sender) -> Context {
    sender.context.of_source(&format!("{}/cda", sender.organisation.as_str()))
}

/// A Bundle that was made when it came in.
fn bundle_of(raw: &[u8]) -> Translated {
    let id = parsed(raw.to_vec()).and_then(|document| Some(document.root().str_at(&["id"])?.into_owned()));
    Translated { id: id.unwrap_or_default(), bundle: raw.to_vec(), losses: Vec::new() }
}

fn parsed(raw: Vec<u8>) -> Option<Document> {
    json::parse(Bytes::from(raw), &json::Limits::default()).ok()
}

/// A digest of what a record says: of its resources, and not of where and when they were read.
fn said(document: &Document) -> [u8; 32] {
    let mut hash = Sha256::new();
    for resource in document.root().walk(&["entry", "resource"]) {
        if resource.str_at(&["resourceType"]).as_deref() == Some("Provenance") {
            continue;
        }
        hash.update(resource.raw().len().to_be_bytes());
        hash.update(resource.raw());
    }
    hash.finalize().into()
}

/// A digest of how a message names its person: by NHS number, else by the first identifier.
fn lane(persons: &[Identifier]) -> String {
    let number = persons.iter().find(|person| person.system.as_deref() == Some(fhir::identifier::NHS_NUMBER));
    let mut hash = Sha256::new();
    if let Some(identifier) = number.or_else(|| persons.first()) {
        hash.update(identifier.system.as_deref().unwrap_or_default());
        hash.update([0]);
        hash.update(&identifier.value);
    }
    hash_text(&hash.finalize())
}

fn hash_text(hash: &[u8]) -> String {
    hex(hash.get(..16).unwrap_or(hash))
}

fn numbers(persons: &[Identifier]) -> Vec<NhsNumber> {
    let named =
        persons.iter().filter(|person| person.system.as_deref() == Some(fhir::identifier::NHS_NUMBER));
    named.filter_map(|person| NhsNumber::parse(&person.value).ok()).collect()
}

impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hl7v2 => out.write_str("Hl7v2"),
            Self::Cda => out.write_str("Cda"),
            Self::Mapped(Making::Mapping(mapping)) => write!(out, "Mapped({})", mapping.name()),
            Self::Mapped(making) => write!(out, "Mapped({making:?})"),
        }
    }
}

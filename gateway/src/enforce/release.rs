//! Record first, then release: the only maker of bytes that may leave.
//!
//! The record is built together with the bytes it describes and handed on with them, so it cannot describe others.
//! There is no switch that turns it off.

use std::fmt;

use bytes::Bytes;
use fhir::json::{self, parse};
use fhir::xml;
use jiff::Timestamp;

use super::query_answer::Wording;
use super::received::{self, Unsaid};
use crate::ledger::{AuditLedger, LedgerError, Receipt};
use crate::server::format::{Format, Instead};
use crate::trail::record::{AboutPerson, Event, Exchange, Words};
use crate::trail::records::{NotEncoded, Records};

/// What is left after the minimum was applied, with the record of exactly that. Made in `enforce` only.
///
/// ```compile_fail
/// fn leak(minimised: gateway::enforce::release::Minimised) -> Vec<u8> {
///     minimised.body
/// }
/// ```
/// ```
/// fn look(minimised: &gateway::enforce::release::Minimised) -> String {
///     format!("{minimised:?}")
/// }
/// ```
pub struct Minimised {
    pub(in crate::enforce) body: Vec<u8>,
    pub(in crate::enforce) head: Head,
    pub(in crate::enforce) records: Records,
    /// The Provenance that goes with a write, as `X-Provenance` carries it.
    pub(in crate::enforce) provenance: Option<Bytes>,
}

impl Minimised {
    /// What will be recorded about each person: ids and counts, no content.
    #[must_use]
    pub fn persons(&self) -> &[AboutPerson] {
        &self.records.persons
    }

    /// The same, where what there is about somebody could not be used. Where she is whom the request names, and nothing
    /// is shown of anybody, it is no disclosure.
    #[must_use]
    pub fn in_spite_of(mut self, reason: &str) -> Self {
        let is_shown = |person: &AboutPerson| person.refusal.is_none() && !person.resources.is_empty();
        let is_named = |person: &AboutPerson| person.refusal.is_some() && person.is_in_trail();
        let persons = &self.records.persons;
        let is_told = self.records.exchange.event == Event::Disclosed;
        if is_told && !persons.iter().any(is_shown) && persons.iter().any(is_named) {
            self.records.exchange.event = Event::Failed;
        }
        self.records.exchange.reason.get_or_insert_with(|| reason.to_owned());
        self
    }

    /// Whether this is what was released before: who asks holds those bytes already.
    #[must_use]
    pub fn is(&self, released: &[u8]) -> bool {
        self.body == released
    }

    /// The same of what was released in these words.
    ///
    /// # Errors
    /// [`Unreleased`] when they cannot say it any more.
    pub fn is_in(self, wording: Wording<'_>, released: &[u8]) -> Result<bool, Unreleased> {
        Ok(self.written(wording)?.is(released))
    }
}

/// Bounds on the JSON of an answer, and on the XML that is made of it: beyond what an answer is cut to.
pub(in crate::enforce) const JSON_LIMITS: json::Limits =
    json::Limits { bytes_max: 256 << 20, depth_max: 512, members_max: 100_000, values_max: 40_000_000 };
const XML_LIMITS: xml::Limits =
    xml::Limits { bytes_max: 128 << 20, depth_max: 256, elements_max: 40_000_000, attributes_max: 64 };

impl Minimised {
    /// The same in these words. Pages and answers without a body have none.
    fn written(self, wording: Wording<'_>) -> Result<Self, Unreleased> {
        let format = match wording {
            Wording::Fhir(format) => format,
            Wording::Hl7v2(answer) => {
                let worded = answer.write(self.body);
                let worded = worded.map_err(|why| Unreleased::Unsaid(Words::Hl7v2, why.into()))?;
                let (body, records) = worded.recorded(self.records);
                let head = Head { media: Media::Hl7v2, etag: None, ..self.head };
                return Ok(Self { body, head, records, ..self });
            }
            Wording::Message(message) => {
                let worded = message.write(&self.body);
                let worded = worded.map_err(|why| Unreleased::Unsaid(Words::Hl7v2, why.into()))?;
                let (body, records) = worded.recorded(self.records);
                let head = Head { media: Media::Hl7v2, ..self.head };
                return Ok(Self { body, head, records, ..self });
            }
            Wording::Received(receives) => {
                let worded = received::write(receives, &self.body);
                let worded = worded.map_err(|why| Unreleased::Unsaid(received::words(receives), why))?;
                let (body, records) = worded.recorded(self.records);
                let head = Head { media: Media::Content(receives.media_type().to_owned()), ..self.head };
                return Ok(Self { body, head, records, ..self });
            }
        };
        match (format, &self.head.media) {
            (Format::Xml, Media::FhirJson) if !self.body.is_empty() => {}
            (Format::Json | Format::Xml, _) => return Ok(self),
        }
        let json = Bytes::from(self.body);
        match (in_xml(json.clone()), self.records.exchange.instead) {
            (Ok(body), _) => Ok(Self { body, head: Head { media: Media::FhirXml, ..self.head }, ..self }),
            // Whether XML can say it is a matter of what is shown, and who asks takes the other as well.
            (Err(_), Instead::Json) => {
                let exchange = Exchange { format: Format::Json, ..self.records.exchange };
                Ok(Self { body: json.into(), records: Records { exchange, ..self.records }, ..self })
            }
            (Err(why), Instead::Nothing) => Err(Unreleased::Unsayable(why)),
        }
    }
}

/// The XML of a resource. It was written by us: a fault here is one of the JSON, and what is no resource XML cannot say.
fn in_xml(json: Bytes) -> Result<Vec<u8>, xml::Unsayable> {
    let document = parse(json, &JSON_LIMITS).map_err(|_| xml::Unsayable::UnknownResource)?;
    xml::from_json(document.root(), &XML_LIMITS).map_err(|unwritable| unwritable.why)
}

/// The parts of an answer's head that depend on what is shared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// Weak validator: a keyed digest of (requestor, view).
    pub etag: Option<String>,
    /// When what is shown was changed last, where the view says so itself.
    pub last_modified: Option<Timestamp>,
    /// Where the created resource can be read.
    pub location: Option<String>,
    /// Id of the Provenance of this share.
    pub provenance: Option<String>,
    /// What the body is.
    pub media: Media,
}

/// What a body is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Media {
    /// `application/fhir+json`.
    #[default]
    FhirJson,
    /// `application/fhir+xml`.
    FhirXml,
    /// `text/html`.
    Html,
    /// There is none.
    Nothing,
    /// An answer in HL7 v2.
    Hl7v2,
    /// The content of a Binary, or what a system takes in other words, of this media type.
    Content(String),
}

/// Bytes that may leave: minimised, and the audit record of this very disclosure is durable.
///
/// ```compile_fail
/// let _ = gateway::enforce::release::Released { body: bytes::Bytes::new() };
/// ```
/// ```
/// fn length(released: &gateway::enforce::release::Released) -> usize {
///     released.body().len()
/// }
/// ```
pub struct Released {
    body: Bytes,
    head: Head,
    receipt: Receipt,
    exchange: Exchange,
    provenance: Option<Bytes>,
    persons_shared: u64,
    under_override: bool,
}

/// Why nothing was released.
#[derive(Debug, thiserror::Error)]
pub enum Unreleased {
    /// The ledger could not make the record durable.
    #[error("the disclosure could not be recorded")]
    Ledger(#[from] LedgerError),
    /// The record could not be encoded.
    #[error("the disclosure could not be recorded")]
    NotEncoded(#[from] NotEncoded),
    /// XML cannot say what is left as it stands; nothing was recorded of it.
    #[error("what is left cannot be said in xml: {0}")]
    Unsayable(xml::Unsayable),
    /// The words in which it was to go cannot say what is left as it stands; nothing was recorded of it.
    #[error("what is left cannot be said in {name}: {1}", name = .0.name())]
    Unsaid(Words, Unsaid),
    /// A consent changed while this was decided; if the record was durable already, it was corrected.
    #[error("a consent changed meanwhile")]
    ConsentMoved,
}

/// Whether the consents a ruling rests on are still those it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// None changed.
    Same,
    /// One changed.
    Moved,
}

/// Records the disclosure, waits until the record is durable, and only then releases.
///
/// What is left is minimised in JSON, whatever is asked for; in XML, HL7 v2 and the words of a receiver it is written here, before
/// it is recorded, so that what cannot be written was not shared. What goes to other systems goes in JSON.
///
/// `epoch` is asked just before the append and again after it is durable. If it moved in between, `not-released` is
/// appended, and the ruling has to be made again.
///
/// # Errors
/// [`Unreleased`]; no byte leaves then.
pub async fn release(
    minimised: Minimised,
    wording: impl Into<Wording<'_>>,
    epoch: &(dyn Fn() -> Epoch + Sync),
    ledger: &dyn AuditLedger,
) -> Result<Released, Unreleased> {
    let Minimised { body, head, records, provenance } = minimised.written(wording.into())?;
    if epoch() == Epoch::Moved {
        return Err(Unreleased::ConsentMoved);
    }
    let receipt = ledger.append(records.to_batch()?).await?;
    if epoch() == Epoch::Moved {
        correct(records.exchange, &receipt, "consent-moved", ledger).await?;
        return Err(Unreleased::ConsentMoved);
    }
    let shared = |person: &&AboutPerson| person.refusal.is_none() && !person.resources.is_empty();
    Ok(Released {
        body: Bytes::from(body),
        head,
        receipt,
        provenance,
        persons_shared: records.persons.iter().filter(shared).count() as u64,
        under_override: records.exchange.override_.is_some(),
        exchange: records.exchange,
    })
}

/// Takes back what was released for a part of an answer and has not left: that is recorded, and nothing is left of it.
///
/// # Errors
/// [`Unreleased`] when that cannot be recorded; nothing of the answer may leave then.
pub async fn take_back(
    released: Released,
    why: &'static str,
    ledger: &dyn AuditLedger,
) -> Result<(), Unreleased> {
    correct(released.exchange, &released.receipt, why, ledger).await
}

/// Records that what `receipt` stands for was not released after all.
async fn correct(
    exchange: Exchange,
    receipt: &Receipt,
    why: &'static str,
    ledger: &dyn AuditLedger,
) -> Result<(), Unreleased> {
    let mut correction = Records::from(exchange.ended(Event::NotReleased, 0, Some(why)));
    correction.exchange.follows = Some(receipt.to_header());
    ledger.append(correction.to_batch()?).await?;
    Ok(())
}

impl Released {
    /// Whether it tells what a system has done: that cannot be taken back.
    #[must_use]
    pub fn tells_what_was_done(&self) -> bool {
        self.exchange.event == Event::Outcome
    }

    /// Whether it can be a part of an answer to `whole`, in the format in which that is answered.
    ///
    /// # Errors
    /// [`Unreleased::Unsayable`].
    pub fn can_be_said_in(&self, whole: &Exchange) -> Result<(), Unreleased> {
        match (whole.format, whole.instead, &self.head.media) {
            (Format::Xml, Instead::Nothing, Media::FhirJson) if !self.body.is_empty() => {
                in_xml(self.body.clone()).map(drop).map_err(Unreleased::Unsayable)
            }
            (Format::Json | Format::Xml, Instead::Nothing | Instead::Json, _) => Ok(()),
        }
    }

    /// The same without its bytes.
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { body: Bytes::new(), ..self }
    }

    /// The bytes.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// About how many persons something is in it.
    #[must_use]
    pub const fn persons_shared(&self) -> u64 {
        self.persons_shared
    }

    /// Whether an override was in play.
    #[must_use]
    pub const fn is_under_override(&self) -> bool {
        self.under_override
    }

    /// The head that goes with them.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The receipt of the record.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The Provenance of a write, as the header `X-Provenance` carries it.
    #[must_use]
    pub const fn provenance(&self) -> Option<&Bytes> {
        self.provenance.as_ref()
    }

    /// `X-Request-Id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.exchange.request_id
    }
}

impl fmt::Debug for Minimised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minimised(..)")
    }
}

impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Released({} bytes)", self.body.len())
    }
}

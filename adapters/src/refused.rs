//! Why a message was not translated at all.

/// Why a message was not translated. No variant holds content of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The input does not begin with a message header.
    #[error("the input does not begin with an MSH segment")]
    NoHeader,
    /// The delimiters in MSH-1 and MSH-2 are missing, alike, or letters.
    #[error("the delimiters in MSH-1 and MSH-2 cannot be used")]
    Delimiters,
    /// More than a bound allows.
    #[error("the message has more than {max} {unit}")]
    TooLarge {
        /// The bound.
        max: usize,
        /// What is bounded.
        unit: &'static str,
    },
    /// MSH-18 names a character set that is not supported.
    #[error("the character set in MSH-18 is not supported")]
    Charset,
    /// The bytes are not in the character set of the message.
    #[error("the bytes are not in the character set of the message (byte {offset})")]
    Encoding {
        /// The first byte that is wrong.
        offset: usize,
    },
    /// A line is not a segment.
    #[error("line {line} is not a segment")]
    NotASegment {
        /// Counted from 1.
        line: usize,
    },
    /// There is no message type, or nothing that looks like one.
    #[error("MSH-9 holds no message type")]
    NoType,
    /// The message type is not translated here. The name is letters, digits and `^` only.
    #[error("messages of type {name} are not translated")]
    UnknownType {
        /// Message code and trigger event, such as `ADT^A60`.
        name: String,
    },
    /// MSH-10 is empty, so a repeat could not be recognised.
    #[error("MSH-10 holds no message control id")]
    NoControlId,
    /// A document must say when it was put together.
    #[error("neither MSH-7 nor the document header holds a time")]
    NoTime,
    /// A segment that this message type must have is missing.
    #[error("the message has no {segment} segment")]
    Missing {
        /// The name of the segment.
        segment: &'static str,
    },
    /// The message is about more than one person, visit or document where only one may be.
    #[error("the message has more than one {segment} segment")]
    MoreThanOne {
        /// The name of the segment.
        segment: &'static str,
    },
    /// A merge of a person with herself: every identifier in MRG is one of PID.
    #[error("the merge names the same person twice")]
    SamePerson,
    /// The envelope of several messages is broken.
    #[error(transparent)]
    Batch(#[from] crate::hl7v2::batch::Fault),
    /// The input is no CDA document that can be translated.
    #[error(transparent)]
    Cda(#[from] crate::cda::Fault),
    /// The input is no FHIR of the release it should be, or cannot be said in the other.
    #[error(transparent)]
    Versions(#[from] crate::versions::Fault),
    /// The input is no EDIFACT interchange or message that can be translated.
    #[error(transparent)]
    Edifact(crate::edifact::Fault),
    /// The input is no notice that can be translated.
    #[error(transparent)]
    Notice(crate::notices::Fault),
    /// The tables of this program are faulty.
    #[error("the maps of this program are faulty")]
    Maps,
}

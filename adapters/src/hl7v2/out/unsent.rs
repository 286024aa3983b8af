//! Why a Bundle did not become a message.

/// Why a Bundle did not become a message. No variant holds content: places are element names and positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The bytes are no JSON that may be read.
    #[error("the bundle cannot be read: {0}")]
    Json(fhir::json::Invalid),
    /// The JSON is no Bundle of FHIR R4.
    #[error("this is no bundle of fhir r4 resources")]
    NotABundle,
    /// There is no such message here.
    #[error("messages of this event are not written")]
    UnknownEvent,
    /// The Bundle came from a message of another event, and would say something else.
    #[error("the bundle is about another event")]
    OtherEvent,
    /// Something without which the message says nothing is not there.
    #[error("the bundle has no {place}")]
    Missing {
        /// What is missing.
        place: String,
    },
    /// A message is about one of these.
    #[error("the bundle has more than one {place}")]
    MoreThanOne {
        /// Of what there is too much.
        place: String,
    },
    /// A resource is not, or not certainly, about the person of the message.
    #[error("{place} is not about the person of the message")]
    OtherPerson {
        /// The resource.
        place: String,
    },
    /// Without this the message would be read otherwise than the Bundle.
    #[error("{place} cannot be said, and without it the message would be read otherwise: {why}")]
    Dangerous {
        /// The element.
        place: String,
        /// What it is.
        why: Danger,
    },
    /// A value is longer than the receiver takes.
    #[error("{place} is longer than the receiver takes")]
    TooLong {
        /// The element.
        place: String,
    },
    /// A value holds letters that the receiver's character set has not.
    #[error("{place} holds letters that are not in the character set of the receiver")]
    Unencodable {
        /// The element.
        place: String,
    },
    /// More than a bound allows.
    #[error("the bundle has more than {max} entries")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// The tables of this program are faulty.
    #[error("the maps of this program are faulty")]
    Maps,
}

/// What makes a loss dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Danger {
    /// An element that changes what the others mean.
    #[error("it changes what is beside it")]
    Modifier,
    /// A status, such as `entered-in-error` or not final, that the message cannot say.
    #[error("a status")]
    Status,
    /// A number whose unit is not there.
    #[error("a number without its unit")]
    Unit,
    /// A value of a kind that the message cannot say.
    #[error("a value of a kind that has no place")]
    Value,
    /// A mark that the content is to be protected.
    #[error("a mark of protection")]
    Label,
    /// An element that FHIR R4 does not have.
    #[error("not an element of fhir r4")]
    Unknown,
}

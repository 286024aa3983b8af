//! Why what was sent cannot be cut to what may be sent on. It says which kind of thing is in the way, and names none.

use fhir::outcome::IssueType;
use http::StatusCode;

use crate::trail::record::Words;

/// What in a body is in the way of sending the rest.
///
/// It rests on what was sent, on the rules and on whom the rules let it be sent about. Nothing was asked of the receiving
/// system, and nothing is at fault there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// A value, or the whole, has another shape than R4 gives it.
    #[error("another shape than R4's")]
    Shape,
    /// `modifierExtension` or `implicitRules`: it changes the meaning of the rest in a way that no rule knows.
    #[error("an unknown modifier")]
    UnknownModifier,
    /// A modifier element that the agreement does not share.
    #[error("a modifier that is not shared")]
    WithheldModifier,
    /// It is also about somebody about whom nothing may be sent.
    #[error("another person")]
    OtherPerson,
    /// Content in it is a resource that cannot be cut.
    #[error("content that cannot be cut")]
    Content,
    /// A resource inside it that belongs to it cannot be sent.
    #[error("a resource inside that cannot be sent")]
    Inside,
}

impl Unsendable {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Shape => "unsendable-shape",
            Self::UnknownModifier => "unsendable-unknown-modifier",
            Self::WithheldModifier => "unsendable-withheld-modifier",
            Self::OtherPerson => "unsendable-other-person",
            Self::Content => "unsendable-content",
            Self::Inside => "unsendable-inside",
        }
    }

    /// Which kind of thing it is, and what to do.
    pub(super) const fn told(self) -> (StatusCode, IssueType, &'static str) {
        let (issue, text) = match self {
            Self::Shape => (
                IssueType::Invariant,
                "an element of what was sent has another shape than R4 gives it: send it in that shape, or leave it out",
            ),
            Self::UnknownModifier => (
                IssueType::BusinessRule,
                "what was sent holds modifierExtension or implicitRules, which change the meaning of the rest and may not be left out of it: send it without, where it is true without",
            ),
            Self::WithheldModifier => (
                IssueType::BusinessRule,
                "what was sent holds an element that changes the meaning of the rest and is not shared by the agreement: send it without, where it is true without",
            ),
            Self::OtherPerson => (
                IssueType::BusinessRule,
                "what was sent is also about somebody about whom nothing may be sent: send it without her, where it is true without",
            ),
            Self::Content => (
                IssueType::BusinessRule,
                "an attachment of what was sent holds a resource that may not be sent as it is: send that resource by itself",
            ),
            Self::Inside => (
                IssueType::BusinessRule,
                "a resource inside what was sent may not be sent as it is: send the rest without it, where it is true without",
            ),
        };
        (StatusCode::UNPROCESSABLE_ENTITY, issue, text)
    }
}

/// What the words in which something was to go have no place for. Who asked in them can ask in others; who sent it is told which.
pub(super) const fn unsaid(words: Words) -> (StatusCode, IssueType, &'static str) {
    let text = match words {
        Words::Hl7v2 => "HL7 v2 cannot say what is to be shared as it is held: ask by FHIR",
        Words::Fhir => "FHIR R4 cannot say what is to be shared as it is held",
        Words::Cda => "a CDA document cannot say what is to be shared as it is held",
        Words::Notice => "a Care Act notice cannot say what is to be shared as it is held",
        Words::FhirStu3 => "FHIR STU3 cannot say what is to be shared as it is held",
        Words::FhirR4b => "FHIR R4B cannot say what is to be shared as it is held",
        Words::FhirR5 => "FHIR R5 cannot say what is to be shared as it is held",
    };
    (StatusCode::NOT_ACCEPTABLE, IssueType::NotSupported, text)
}

//! The payload of a ledger leaf: one for the exchange, one for each person it concerned (DESIGN 6).
//!
//! AuditEvent and Provenance are rendered from these when they are read. A record holds identifiers, codes and
//! counts; nothing of the content that was shared.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::server::format::{Format, Instead};

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this format: 1.
    pub v: u8,
    /// What all leaves of one batch have in common.
    pub exchange: Exchange,
    /// Whom this leaf is about.
    pub about: About,
}

/// What all leaves of one batch have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `X-Request-Id`: random.
    pub request_id: String,
    /// When the request was taken up.
    pub at: Timestamp,
    /// What this entry says happened.
    pub event: Event,
    /// `read`, `search-type`, `create`, `capabilities`, `push`, `consent-create`, `audit-search`, ...
    pub interaction: String,
    /// The system whose records were asked for, or `gateway`.
    pub place: String,
    /// The resource type asked for; none for `push` and pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Who asked; none before authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requestor: Option<RecordedRequestor>,
    /// v3-ActReason code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Under which agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<RecordedAgreement>,
    /// The override in play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_: Option<RecordedOverride>,
    /// The search as it was understood, base64. In the leaf of one person nobody else is named in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The search as it was sent, base64 (BALP query entity). In the leaf of a person only where it names nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// What was asked for by its id, whatever became of it, and what was shared that no person bears: `Type/id`. It stands
    /// with the exchange as a whole; what is hers stands with the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// In which format it is answered; JSON is not written down.
    #[serde(default, skip_serializing_if = "Format::is_json")]
    pub format: Format,
    /// In which it is answered when that cannot say the answer; what is written down is the one it went in.
    #[serde(skip)]
    pub instead: Instead,
    /// In which words it went; FHIR is not written down.
    #[serde(default, skip_serializing_if = "Words::are_fhir")]
    pub words: Words,
    /// The HTTP status told.
    pub status: u16,
    /// The reason when it was not shared: a `Refusal::reason` or the name of another ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The organisation that disclosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discloser: Option<String>,
    /// The message or entry this one belongs to: MSH-10, the intent of an outcome, the corrected entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// The request id of the batch or transaction that this exchange was an entry of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// How often, for counted entries such as failed authentications of a minute; else 1.
    pub count: u64,
    /// The id that the client gave the request. It stands with the exchange as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// Address of the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// In which words something went. What of a resource they cannot say stands with each person as kept back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Words {
    /// FHIR R4.
    #[default]
    Fhir,
    /// HL7 v2.
    Hl7v2,
    /// CDA.
    Cda,
    /// A notice of the Care Act.
    Notice,
    /// FHIR STU3.
    FhirStu3,
    /// FHIR R4B.
    FhirR4b,
    /// FHIR R5.
    FhirR5,
}

impl Words {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Fhir, Self::Hl7v2, Self::Cda, Self::Notice, Self::FhirStu3, Self::FhirR4b, Self::FhirR5];

    /// As it is written down.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Hl7v2 => "hl7v2",
            Self::Cda => "cda",
            Self::Notice => "notice",
            Self::FhirStu3 => "fhir-stu3",
            Self::FhirR4b => "fhir-r4b",
            Self::FhirR5 => "fhir-r5",
        }
    }

    /// The name of the reason in records: these words have no place for it.
    #[must_use]
    pub const fn unsayable(self) -> &'static str {
        match self {
            Self::Fhir => "not-sayable-in-fhir",
            Self::Hl7v2 => "not-sayable-in-hl7v2",
            Self::Cda => "not-sayable-in-cda",
            Self::Notice => "not-sayable-in-notice",
            Self::FhirStu3 => "not-sayable-in-fhir-stu3",
            Self::FhirR4b => "not-sayable-in-fhir-r4b",
            Self::FhirR5 => "not-sayable-in-fhir-r5",
        }
    }

    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fhir => "FHIR R4",
            Self::Hl7v2 => "HL7 v2",
            Self::Cda => "CDA",
            Self::Notice => "a Care Act notice",
            Self::FhirStu3 => "FHIR STU3",
            Self::FhirR4b => "FHIR R4B",
            Self::FhirR5 => "FHIR R5",
        }
    }

    /// The words that a reason is about, where it is one of [`Words::unsayable`].
    #[must_use]
    pub fn of_unsayable(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|words| words.unsayable() == reason)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    const fn are_fhir(&self) -> bool {
        matches!(self, Self::Fhir)
    }
}

/// What an entry says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Something was released.
    Disclosed,
    /// Nothing was released, on purpose.
    Refused,
    /// Nothing was released, because something failed.
    Failed,
    /// A write or push is about to be sent.
    Intent,
    /// What became of an intent.
    Outcome,
    /// Recorded as disclosed, but then not released: the consent epoch moved.
    NotReleased,
    /// Released, but the peer was gone.
    NotDelivered,
    /// A Consent was recorded or changed.
    ConsentRecorded,
    /// Callers who could not prove who they are, counted by source and minute.
    NotAuthenticated,
    /// A payload was erased by law.
    Erased,
    /// The gateway started, stopped or changed its settings.
    Operated,
}

/// Who asked, as proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum RecordedRequestor {
    /// A member of staff.
    Professional {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
        /// The token used.
        token_id: String,
        /// The name at the time.
        name: String,
        /// ODS code.
        organisation: String,
        /// SDS role code.
        role: String,
        /// The supervisor, when the role is supervised.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        supervisor: Option<String>,
    },
    /// A system.
    System {
        /// The SAN or listener.
        name: String,
        /// ODS code.
        organisation: String,
    },
    /// Somebody who runs the gateway, by a command on its machine.
    Operator {
        /// The name given.
        name: String,
        /// The account of the machine.
        account: String,
        /// ODS code.
        organisation: String,
    },
    /// The person herself.
    Person {
        /// Her NHS number.
        nhs_number: String,
        /// `iss`.
        issuer: String,
    },
}

/// The agreement in the wording of the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAgreement {
    /// Its id.
    pub id: String,
    /// SHA-256 of its file.
    pub version: String,
}

/// The override in play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedOverride {
    /// The code.
    pub purpose: String,
    /// The text given.
    pub reason: String,
}

/// Whom a leaf is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum About {
    /// The exchange as a whole: always the first leaf of a batch.
    Exchange {
        /// How many persons were shared, refused, filtered out.
        shared: u32,
        /// Persons named and refused.
        refused: u32,
        /// Persons filtered out of a broad answer.
        filtered: u32,
    },
    /// One person.
    Person(Box<AboutPerson>),
}

/// One person's part in an exchange: one AuditEvent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutPerson {
    /// The NHS number, when that is the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nhs_number: Option<String>,
    /// The Patient on the system, `Type/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// Where it stands in her trail.
    pub visibility: Visibility,
    /// What was shared: resource type and ids (`Type/id`), no content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// What was kept back: element path or reason, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<(String, u32)>,
    /// Why she was refused: a `Refusal::reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The tie of care: `care-team hospital/CareTeam/ct1`, `stated <id>`, `not-required`, `overridden`; `of-kin` where she
    /// is named in what is another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationship: Option<String>,
    /// The consent: `implied`, `explicit <name>`, `denied <name>`, `overridden`. A Consent is named `Consent/<id>` of the gateway,
    /// or `<system>/Consent/<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// Her Consents that deny something to whoever asks, where her word kept something back and the rest was shared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_by: Vec<String>,
    /// Reasons an override jumped over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrode: Vec<String>,
}

impl AboutPerson {
    /// Whether the leaf stands in the person's own trail.
    #[must_use]
    pub fn is_in_trail(&self) -> bool {
        self.visibility == Visibility::Trail
    }
}

/// Who may see a person's leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// The person and oversight.
    Trail,
    /// Oversight only: merely filtered out of a broad answer, or named as kin in what is another's.
    Oversight,
}

//! What stages four to eight hand on: the admitted question, the evidence about each person, the answer for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::reference::Id;
use fhir::security_label::SecurityLabel;
use jiff::Timestamp;

use super::consents::Recipient;
use super::refusal::Refusal;
use super::relationship;
use crate::agreement::{Existence, RelationshipKind, Share, SharingAgreement};
use crate::interaction::Interaction;
use crate::person::{PersonKey, SystemName};
use crate::requestor::{Party, Requestor};

/// Who asks, what, under which request id, and with which override.
#[derive(Debug)]
pub struct Question {
    /// Proven by stage one.
    pub requestor: Requestor,
    /// Parsed by stage two.
    pub interaction: Interaction,
    /// The text of `Portcullis-Override-Reason`, when it was sent.
    pub override_reason: Option<String>,
    /// When the request was taken up.
    pub at: Timestamp,
}

/// A question the rules admit. Made by `admit` only.
#[derive(Debug)]
pub struct Admitted {
    pub(in crate::decision) question: Question,
    pub(in crate::decision) system: SystemName,
    pub(in crate::decision) agreement: Arc<SharingAgreement>,
    pub(in crate::decision) share: Arc<Share>,
    pub(in crate::decision) purpose: PurposeOfUse,
    pub(in crate::decision) override_: Option<Override>,
    pub(in crate::decision) parties: Parties,
    pub(in crate::decision) rematch: BTreeSet<&'static str>,
    pub(in crate::decision) includes_left_out: usize,
    pub(in crate::decision) caveat: Option<&'static str>,
}

/// Whose records go to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// The organisation that discloses: the system's for reads, the sender's for writes and pushes.
    pub discloser: OdsCode,
    /// The organisation that receives: the requestor's for reads, the target system's for writes and pushes.
    pub recipient: OdsCode,
    /// Which way it goes.
    pub direction: Direction,
}

/// Which way a share goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The requestor receives.
    Read,
    /// The requestor sends.
    Write,
}

/// A purpose that jumps relationship, consent and labels, with the reason given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// One of the agreement's `overrides`.
    pub purpose: PurposeOfUse,
    /// 10 to 500 characters, recorded and shown to the person.
    pub reason: String,
}

impl Admitted {
    /// Who asks, and what.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// The one agreement in force that matched.
    #[must_use]
    pub const fn agreement(&self) -> &Arc<SharingAgreement> {
        &self.agreement
    }

    /// What its matching block shares.
    #[must_use]
    pub const fn share(&self) -> &Arc<Share> {
        &self.share
    }

    /// The purpose that matched.
    #[must_use]
    pub const fn purpose(&self) -> &PurposeOfUse {
        &self.purpose
    }

    /// The override in play, if any.
    #[must_use]
    pub const fn override_(&self) -> Option<&Override> {
        self.override_.as_ref()
    }

    /// The system at hand: that holds what is read, or receives what is written.
    #[must_use]
    pub const fn system(&self) -> &SystemName {
        &self.system
    }

    /// Whose records go to whom.
    #[must_use]
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The search parameters that read elements which not every match shows: a match counts only if it meets their
    /// criteria in its minimised form too.
    #[must_use]
    pub const fn rematch(&self) -> &BTreeSet<&'static str> {
        &self.rematch
    }

    /// How many includes were asked for of which nothing can come by rule. They stand in the question no more.
    #[must_use]
    pub const fn includes_left_out(&self) -> usize {
        self.includes_left_out
    }

    /// What is said of every search of this system, whatever is found.
    #[must_use]
    pub const fn caveat(&self) -> Option<&'static str> {
        self.caveat
    }

    /// The recipient as a Consent can name it.
    pub(in crate::decision) fn recipient(&self) -> Recipient<'_> {
        let (staff, role) = match (&self.question.requestor.party, self.parties.direction) {
            (Party::Professional(professional), Direction::Read) => {
                (relationship::sds_user_id(professional), Some(professional.role))
            }
            (Party::Professional(_) | Party::System(_) | Party::Person(_), _) => (None, None),
        };
        Recipient {
            organisation: &self.parties.recipient,
            staff,
            role,
            purpose: self.purpose,
            at: self.question.at,
        }
    }

    /// Whether a refusal may be told from absence.
    #[must_use]
    pub fn existence(&self) -> Existence {
        self.agreement.existence
    }
}

/// The answer for each person an exchange concerns. Made by `decide` only; moved into `minimise`.
#[derive(Debug)]
pub struct Ruling {
    pub(in crate::decision) admitted: Admitted,
    pub(in crate::decision) answers: BTreeMap<PersonKey, Answer>,
    /// The answers about those who are refused as themselves and stand in what is another's as her kin.
    as_kin: BTreeMap<PersonKey, Answer>,
    pub(in crate::decision) patients: BTreeMap<Id, PersonKey>,
    protected: BTreeSet<PersonKey>,
    /// By which of her Consents somebody is refused, or some of her data.
    denied_by: BTreeMap<PersonKey, BTreeSet<String>>,
    is_unconditional: bool,
}

impl Ruling {
    pub(in crate::decision) fn new(
        admitted: Admitted,
        answers: BTreeMap<PersonKey, Answer>,
        as_kin: BTreeMap<PersonKey, Answer>,
        patients: BTreeMap<Id, PersonKey>,
    ) -> Self {
        let mut permits = answers.values().chain(as_kin.values()).filter_map(Answer::permit);
        let is_unconditional = permits.all(|permit| permit.obligations.is_unconditional());
        let (protected, denied_by) = (BTreeSet::new(), BTreeMap::new());
        Self { admitted, answers, as_kin, patients, protected, denied_by, is_unconditional }
    }

    /// The same, where these, or some of their data, are refused by the Consents named.
    #[must_use]
    pub(in crate::decision) fn denied(mut self, by: BTreeMap<PersonKey, BTreeSet<String>>) -> Self {
        self.denied_by = by;
        self
    }

    /// The Consent by which she is refused, or those by which some of her data are, `Consent/<id>` of the gateway or
    /// `<system>/Consent/<id>`: for the record alone.
    #[must_use]
    pub fn denied_by(&self, person: &PersonKey) -> Option<&BTreeSet<String>> {
        self.denied_by.get(person)
    }

    /// The same, where the whereabouts of these are protected.
    #[must_use]
    pub(in crate::decision) fn protecting(mut self, protected: BTreeSet<PersonKey>) -> Self {
        self.protected = protected;
        self
    }

    /// Whether where somebody is may not be told, or nobody can say whether it may: whatever the answer about her is.
    #[must_use]
    pub fn is_protected(&self, person: &PersonKey) -> bool {
        self.protected.contains(person)
    }

    /// Whether nobody who is permitted, as herself or as somebody's kin, keeps any of her resources back.
    #[must_use]
    pub const fn is_unconditional(&self) -> bool {
        self.is_unconditional
    }

    /// The question that was admitted.
    #[must_use]
    pub const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The answer for each person, in the order of their keys.
    #[must_use]
    pub const fn answers(&self) -> &BTreeMap<PersonKey, Answer> {
        &self.answers
    }

    /// The answer about somebody who stands in what is another's, and only as her kin. The record is that person's, and so is
    /// the tie of care: what of hers stands against it counts all the same.
    #[must_use]
    pub fn answer_as_kin(&self, person: &PersonKey) -> Option<&Answer> {
        self.second_answer(person).or_else(|| self.answers.get(person))
    }

    /// The same, where it is another than the answer about her as herself may be.
    #[must_use]
    pub fn second_answer(&self, person: &PersonKey) -> Option<&Answer> {
        self.as_kin.get(person)
    }

    /// Every permit, of whomever and as whomever.
    pub fn permits(&self) -> impl Iterator<Item = &Permit> {
        self.answers.values().chain(self.as_kin.values()).filter_map(Answer::permit)
    }

    /// Who a Patient of the system at hand is.
    #[must_use]
    pub fn person_of(&self, patient: &Id) -> Option<&PersonKey> {
        self.patients.get(patient)
    }

    /// The same, where her id is a text.
    #[must_use]
    pub fn person_named(&self, patient: &str) -> Option<&PersonKey> {
        self.patients.get(patient)
    }

    /// The answer about a Patient of the system at hand; nothing for one that no evidence was gathered about, who is
    /// to be treated as refused.
    #[must_use]
    pub fn answer_of(&self, patient: &Id) -> Option<&Answer> {
        self.answers.get(self.patients.get(patient)?)
    }

    /// Takes the admitted question back, to ask again.
    #[must_use]
    pub fn into_admitted(self) -> Admitted {
        self.admitted
    }
}

/// The answer about one person.
#[derive(Debug, Clone)]
pub enum Answer {
    /// May be shared, under obligations.
    Permit(Permit),
    /// May not, and why.
    Refusal(Refusal),
}

impl Answer {
    /// The permit, if it is one.
    #[must_use]
    pub const fn permit(&self) -> Option<&Permit> {
        match self {
            Self::Permit(permit) => Some(permit),
            Self::Refusal(_) => None,
        }
    }
}

impl From<Result<Permit, Refusal>> for Answer {
    fn from(decided: Result<Permit, Refusal>) -> Self {
        match decided {
            Ok(permit) => Self::Permit(permit),
            Err(refusal) => Self::Refusal(refusal),
        }
    }
}

/// A permit for one person: on what it rests and what it obliges to. Made by `decide` only.
#[derive(Debug, Clone)]
pub struct Permit {
    pub(in crate::decision) basis: Basis,
    pub(in crate::decision) obligations: Obligations,
}

impl Permit {
    /// On what the permit rests.
    #[must_use]
    pub const fn basis(&self) -> &Basis {
        &self.basis
    }

    /// What must be kept back all the same.
    #[must_use]
    pub const fn obligations(&self) -> &Obligations {
        &self.obligations
    }
}

/// On what a permit rests; recorded with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The tie of care.
    pub relationship: RelationshipBasis,
    /// The consent.
    pub consent: ConsentBasis,
    /// True reasons that an override jumped over, by their `Refusal::reason` names; empty without one.
    pub overrode: Vec<&'static str>,
}

/// The tie of care a permit rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationshipBasis {
    /// Read from a system of the discloser, e.g. `CareTeam/ct1` on `hospital`.
    Recorded {
        /// What kind of tie.
        kind: RelationshipKind,
        /// `system/Type/id`.
        evidence: String,
    },
    /// Imported, or in the message that is pushed.
    Stated {
        /// Where: an import or a message id.
        evidence: String,
    },
    /// Discloser and recipient are one organisation and the agreement asks for no tie.
    NotRequired,
    /// She stands in it as somebody's kin: the tie is that of the person whose record it is.
    OfKin,
    /// There is none; an override jumped over it.
    Overridden,
}

/// The consent a permit rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentBasis {
    /// An explicit permit: the id of the Consent.
    Explicit(String),
    /// Implied consent for direct care, with the opportunity to dissent (v3 IMPLIEDD).
    Implied,
    /// There is a denial or no basis; an override jumped over it.
    Overridden,
}

/// What must be kept back although the person permits. Weighed by [`Obligations::weigh`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Obligations {
    /// Resources that one of these speaks of are withheld.
    pub exclude: BTreeSet<Exclusion>,
    /// When not empty, only resources that one of these covers may be shared.
    pub only: BTreeSet<DataRule>,
    /// Where the person is may not be told (PDS restricted).
    pub shielded: bool,
    /// Whether the labels that an agreement keeps out (`where.not_labelled`) stay out.
    pub labels: LabelsOfAgreement,
}

/// Whether the labels that an agreement keeps out stay out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LabelsOfAgreement {
    /// They do.
    #[default]
    Kept,
    /// An override jumps over them.
    Overridden,
}

/// Data a person has denied, and what she has excepted from that.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exclusion {
    /// What is denied.
    pub rule: DataRule,
    /// What of it is permitted all the same.
    pub except: BTreeSet<DataRule>,
}

/// Some of a person's data, as a provision of a Consent names it; all parts given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataRule {
    /// Security labels, or-ed; empty: any.
    pub labels: BTreeSet<SecurityLabel>,
    /// Resource type names, or-ed; empty: any.
    pub types: BTreeSet<String>,
    /// Particular resources and what hangs on them, or-ed; empty: any.
    pub data: BTreeSet<DataReference>,
    /// Data from this moment on only.
    pub from: Option<Timestamp>,
    /// Data before this moment only.
    pub until: Option<Timestamp>,
}

/// A resource that a provision names: as `Type/id` on the system at hand, as `system/Type/id` elsewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataReference {
    /// The resource itself.
    Instance(String),
    /// The resource and every resource that refers to it.
    Related(String),
    /// Every resource that this one (a Practitioner, an Organization, ...) has authored.
    AuthoredBy(String),
}

impl std::fmt::Debug for DataReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Instance(_) => "Instance(..)",
            Self::Related(_) => "Related(..)",
            Self::AuthoredBy(_) => "AuthoredBy(..)",
        })
    }
}

//! What stages four to eight hand on: the admitted question, the evidence about each person, the answer for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::purpose_of_use::PurposeOfUse;
use jiff::Timestamp;

use super::refusal::Refusal;
use crate::agreement::{Existence, RelationshipKind, Share, SharingAgreement};
use crate::interaction::Interaction;
use crate::person::PersonKey;
use crate::requestor::Requestor;

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
    pub(in crate::decision) agreement: Arc<SharingAgreement>,
    pub(in crate::decision) share: Arc<Share>,
    pub(in crate::decision) purpose: PurposeOfUse,
    pub(in crate::decision) override_: Option<Override>,
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
}

impl Ruling {
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

/// What must be kept back although the person permits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Obligations {
    /// Resources for which one of these holds are withheld.
    pub exclude: Vec<DataRule>,
    /// When not empty, only resources for which one of these holds may be shared.
    pub only: Vec<DataRule>,
    /// Label codes that keep a resource out, whatever else holds.
    pub withheld_labels: BTreeSet<String>,
    /// Where the person is may not be told (PDS restricted).
    pub shielded: bool,
}

/// A rule about some of a person's data, from a Consent provision; all parts given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataRule {
    /// Security label codes, or-ed; empty: any.
    pub labels: Vec<String>,
    /// Resource type names, or-ed; empty: any.
    pub types: Vec<String>,
    /// `Type/id` of instances, or-ed; empty: any.
    pub instances: Vec<String>,
    /// Data from this period only.
    pub from: Option<Timestamp>,
    /// Data up to this instant only.
    pub until: Option<Timestamp>,
}

//! Who asks: stage one and its result. Only verified claims come in here; nothing of a header or a body.

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::civil::Date;

mod certificate;
mod claims;
mod fetch;
pub mod identify;
mod jwks;
mod keys;
mod remote;
pub mod session;
pub mod stated;
mod token;
mod waiting;

pub use fetch::FetchProblem;
pub use identify::{Unauthenticated, identify};
pub use jwks::{KeyFault, Unusable};
pub use keys::{KeyProblem, Keys, KeysStand};

/// Who asks, proven by a signed token or a client certificate.
///
/// IHE IUA or CIS2 claims for professionals; `[[client]]` for systems; NHS login for the person.
#[derive(Debug, Clone)]
pub struct Requestor {
    /// Who they are and in which capacity they ask.
    pub party: Party,
    /// How that was proven: recorded, never decided on.
    pub proof: Proof,
}

/// The capacities in which someone can ask.
#[derive(Debug, Clone)]
pub enum Party {
    /// A member of staff, by token.
    Professional(Professional),
    /// A system, by its client certificate.
    System(SystemClient),
    /// The person the records are about, by NHS login at level P9.
    Person(PersonHerself),
}

/// A member of staff.
#[derive(Debug, Clone)]
pub struct Professional {
    /// `sub`, unique within the issuer; for CIS2 `nhsid_useruid`.
    pub subject: String,
    /// The name shown to the person in their trail.
    pub name: String,
    /// `subject_organization_id`; `org_code` of the selected role for CIS2.
    pub organisation: OdsCode,
    /// `subject_role`: exactly one; `role_code` of the selected role for CIS2.
    pub role: SdsRole,
    /// `purpose_of_use`: exactly one; that of the settings for CIS2.
    pub purpose: PurposeOfUse,
    /// The registered colleague who answers for a supervised one, and until when.
    pub supervision: Supervision,
}

/// Whether a registered colleague answers for this member of staff (recommendation 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervision {
    /// No supervisor is named in the token.
    NotStated,
    /// A supervisor answers until the end of the day named.
    Supervised {
        /// The supervisor as the token names them.
        supervisor: String,
        /// The last day of the arrangement.
        until: Date,
    },
}

/// A system known by the SAN of its certificate.
#[derive(Debug, Clone)]
pub struct SystemClient {
    /// The SAN that matched, as written in the settings (`dns:...` or `uri:...`).
    pub san: String,
    /// The organisation that answers for the system.
    pub organisation: OdsCode,
    /// The purposes it may act for.
    pub purposes: Vec<PurposeOfUse>,
}

/// The person herself.
#[derive(Debug, Clone)]
pub struct PersonHerself {
    /// The NHS number NHS login has proven.
    pub nhs_number: NhsNumber,
    /// The name NHS login gives, for the page.
    pub name: String,
}

/// How the requestor was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A token of this issuer; its `jti` when it has one.
    Token {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
        /// `urn:ietf:params:oauth:jti:` and the `jti`, or the last 32 characters of the token (BALP
        /// OAUTHaccessTokenUse.Minimal and Opaque).
        token_id: String,
    },
    /// A client certificate.
    Certificate {
        /// The SAN that matched.
        san: String,
    },
    /// A session of `/me`, made from a token of this issuer.
    Session {
        /// `iss` of the token the session was made from.
        issuer: String,
    },
    /// The gateway acts on a message it accepted over MLLP from this organisation.
    Message {
        /// The `[[mllp]]` listener or route it came by.
        listener: String,
    },
}

impl Requestor {
    /// The organisation that answers for the requestor; the person answers for herself.
    #[must_use]
    pub fn organisation(&self) -> Option<&OdsCode> {
        match &self.party {
            Party::Professional(professional) => Some(&professional.organisation),
            Party::System(system) => Some(&system.organisation),
            Party::Person(_) => None,
        }
    }

    /// The purposes this request may be for: one for a professional, those of the settings for a system.
    #[must_use]
    pub fn purposes(&self) -> &[PurposeOfUse] {
        match &self.party {
            Party::Professional(professional) => std::slice::from_ref(&professional.purpose),
            Party::System(system) => &system.purposes,
            Party::Person(_) => &[],
        }
    }
}

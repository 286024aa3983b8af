//! Sharing agreements: law, rules and publication in one file (DESIGN 4.2, recommendation 20).
//!
//! These are the agreements as meant: checked, compiled, immutable. How they are written is `agreement::file`; which
//! one covers a question is `agreement::matching`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::path::{ElementPath, Step};
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use fhir::security_label::SecurityLabel;
use fhir::tables::TypeId;
use jiff::civil::Date;

use crate::enforce::masks::Masks;
use crate::enforce::minimise::TypeMask;
use crate::person::SystemName;

pub mod check;
mod criterion;
mod file;
pub mod matching;

/// Elements that no agreement can share: they change the meaning of a resource in ways that no rule knows, and withhold
/// it when they are present.
const NEVER_SHARED: [&str; 2] = ["implicitRules", "modifierExtension"];

pub use criterion::{Criterion, Hop, Place};
pub use matching::{Agreements, Cover, RoleMatch, SystemMatch};

/// A data sharing agreement between organisations, in force or not.
#[derive(Debug)]
pub struct SharingAgreement {
    /// `id`: stands in every record made under it.
    pub id: Arc<str>,
    /// SHA-256 of the file it was read from, in hex: which wording was in force.
    pub version: String,
    /// What people call it.
    pub title: String,
    /// Where it is in its life.
    pub status: Status,
    /// First day in force.
    pub from: Date,
    /// Last day in force.
    pub until: Date,
    /// When it must be looked at again.
    pub review_by: Date,
    /// The Caldicott Guardian who signed it; nobody yet, unless it is in force.
    pub approved_by: Option<String>,
    /// Organisations that disclose.
    pub discloser: Vec<OdsCode>,
    /// Organisations that receive.
    pub recipient: Vec<OdsCode>,
    /// Permitted purposes; they match exactly.
    pub purposes: Vec<PurposeOfUse>,
    /// Articles of the UK GDPR and the basis in confidentiality.
    pub legal_basis: LegalBasis,
    /// Identifiable, pseudonymised or anonymised.
    pub identifiability: Identifiability,
    /// Ties of care that count under this agreement.
    pub relationship: Vec<RelationshipKind>,
    /// How long a tie counts after its period ended.
    pub lapses_after_days: u16,
    /// Purposes that may override relationship, consent and labels.
    pub overrides: Vec<PurposeOfUse>,
    /// Whether a refusal may be told from absence.
    pub existence: Existence,
    /// Who may read, and what.
    pub roles: Vec<RecipientRole>,
    /// Which systems may be written to, and what.
    pub systems: Vec<RecipientSystem>,
    /// Every element shared and why, for the register: share name -> type -> items.
    pub shares: BTreeMap<String, BTreeMap<TypeId, SharedType>>,
}

/// Where an agreement is in its life. Only `InForce` lets anything through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Being written.
    Draft,
    /// Signed and in force between its dates.
    InForce,
    /// Stopped for now.
    Suspended,
    /// Over.
    Ended,
}

/// The legal basis as published in the register.
#[derive(Debug, Clone)]
pub struct LegalBasis {
    /// Articles such as `6(1)(e)`.
    pub uk_gdpr: Vec<String>,
    /// The basis under the common law duty of confidentiality.
    pub confidentiality: ConfidentialityBasis,
}

/// On what sharing rests under the common law duty of confidentiality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfidentialityBasis {
    /// Implied consent: direct care only, and the person has had the opportunity to dissent.
    ImpliedConsent,
    /// The person has said yes.
    ExplicitConsent,
    /// A law or a court demands it.
    LegalDuty,
    /// Support under section 251 of the NHS Act 2006.
    Section251,
    /// Overriding public interest.
    PublicInterest,
}

/// How identifiable the shared data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifiability {
    /// Names the person.
    Identifiable,
    /// Keyed.
    Pseudonymised,
    /// Neither.
    Anonymised,
}

/// Ties of care (recommendation 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationshipKind {
    /// CareTeam member.
    CareTeam,
    /// Encounter.serviceProvider.
    Encounter,
    /// EpisodeOfCare.managingOrganization.
    EpisodeOfCare,
    /// ServiceRequest.performer.
    Referral,
}

/// Whether "hidden" may be told from "absent".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// Refusals name their reason class.
    Open,
    /// Hidden is as absent.
    Withheld,
}

/// Whether the role needs a registered colleague who answers for it (recommendation 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A registered professional.
    Registered,
    /// Needs a supervisor claim and an end date.
    Supervised,
}

/// Roles and what is shared with them.
#[derive(Debug)]
pub struct RecipientRole {
    /// UKCore-SDSJobRoleName codes.
    pub roles: Vec<SdsRole>,
    /// Extra safeguards or not.
    pub standing: Standing,
    /// What they may see.
    pub share: Arc<Share>,
}

/// Systems and what may be sent to them.
#[derive(Debug)]
pub struct RecipientSystem {
    /// Names of `[[system]]`.
    pub systems: Vec<SystemName>,
    /// What they may be sent.
    pub share: Arc<Share>,
}

/// What one block shares: the union of the named `[share.*]` tables.
#[derive(Debug)]
pub struct Share {
    /// The names of the tables, as written.
    pub names: Vec<String>,
    /// For each type, one entry for each table that names it.
    pub types: BTreeMap<TypeId, Vec<SharedType>>,
    /// The same, compiled: one mask for each type and subset of its tables.
    pub masks: Masks,
    /// The elements at the top of each type that may be written too, by their names in the specification.
    pub writable: BTreeMap<TypeId, BTreeSet<&'static str>>,
    /// What may be sent of them: masks of these elements alone.
    pub forms: BTreeMap<TypeId, TypeMask>,
    /// The types of which what is shown whole may be deleted.
    pub deletable: BTreeSet<TypeId>,
}

/// What one `[share.NAME.Type]` table says.
#[derive(Debug, Clone)]
pub struct SharedType {
    /// NAME: what people call the share it stands in.
    pub share: Arc<str>,
    /// Elements and why each is needed (principle 3).
    pub items: Vec<Item>,
    /// `where`: all must hold for a resource to be shared by this table.
    pub criteria: Vec<Criterion>,
    /// `where.not_labelled`: labels that keep a resource out.
    pub not_labelled: Vec<SecurityLabel>,
    /// Modifier elements kept back; a resource that holds one is withheld.
    pub withhold: Vec<ElementPath>,
    /// Why earlier versions are needed too; without a reason only what is held now is shared.
    pub earlier_versions: Option<String>,
}

impl SharedType {
    /// Whether a resource may be shared by this table when it stands alone, and not inside another.
    pub(crate) fn shares_alone(&self) -> bool {
        !self.criteria.iter().any(|criterion| matches!(criterion, Criterion::Contained))
    }
}

/// One element and its justification.
#[derive(Debug, Clone)]
pub struct Item {
    /// The element, extension or identifier system.
    pub path: ElementPath,
    /// Why the recipient needs it.
    pub reason: String,
}

impl SharingAgreement {
    /// Whether it lets anything through on this day.
    #[must_use]
    pub fn is_in_force(&self, today: Date) -> bool {
        self.status == Status::InForce && self.from <= today && today <= self.until
    }

    /// Whether it does, or may on a later day as it stands.
    #[must_use]
    pub fn may_be_in_force(&self, today: Date) -> bool {
        self.status == Status::InForce && today <= self.until
    }
}

impl SharedType {
    /// Whether every resource of the type is shared by it.
    #[must_use]
    pub const fn is_unconditional(&self) -> bool {
        self.criteria.is_empty() && self.not_labelled.is_empty()
    }
}

impl Share {
    /// Whether anything of the type may be changed.
    #[must_use]
    pub fn writes(&self, resource_type: TypeId) -> bool {
        self.writable.get(&resource_type).is_some_and(|elements| !elements.is_empty())
    }

    /// Whether what is shown whole of the type may be deleted.
    #[must_use]
    pub fn deletes(&self, resource_type: TypeId) -> bool {
        self.deletable.contains(&resource_type)
    }

    /// Whether what is shown of this element may be changed.
    #[must_use]
    pub fn may_write(&self, resource_type: TypeId, element: &str) -> bool {
        self.writable.get(&resource_type).is_some_and(|elements| elements.contains(element))
    }

    /// What may be sent of the type; nothing where nothing may be changed.
    #[must_use]
    pub fn form(&self, resource_type: TypeId) -> Option<&TypeMask> {
        self.forms.get(&resource_type)
    }

    /// Whether a table names the element `name` at the top of the type, or something in it.
    #[must_use]
    pub fn speaks_of(&self, resource_type: TypeId, name: &str) -> bool {
        let items = self.tables(resource_type).iter().flat_map(|table| &table.items);
        items.into_iter().any(|item| begins_with(&item.path, name))
    }

    /// The elements of the type that come along because they change the meaning of others.
    #[must_use]
    pub fn modifiers(&self, resource_type: TypeId) -> Vec<String> {
        let tables = self.tables(resource_type);
        let named =
            |name: &str| tables.iter().flat_map(|table| &table.items).any(|item| item.path.text() == name);
        let withheld =
            |name: &str| tables.iter().flat_map(|table| &table.withhold).any(|path| path.text() == name);
        let elements = resource_type.elements().filter(|element| element.is_modifier());
        let names = elements.map(|element| element.name()).filter(|name| !NEVER_SHARED.contains(name));
        names.filter(|name| !named(name) && !withheld(name)).map(str::to_owned).collect()
    }

    /// Whether earlier versions of this type are shared as well: every table that speaks of it says so.
    #[must_use]
    pub fn tells_earlier_versions(&self, resource_type: TypeId) -> bool {
        let tables = self.tables(resource_type);
        !tables.is_empty() && tables.iter().all(|table| table.earlier_versions.is_some())
    }

    /// The tables that speak of this type, in the order they are named; empty when none does.
    ///
    /// A resource gets the union of the tables whose `criteria` hold for it and whose `not_labelled` it lacks.
    #[must_use]
    pub fn tables(&self, resource_type: TypeId) -> &[SharedType] {
        self.types.get(&resource_type).map_or(&[], Vec::as_slice)
    }
}

/// Whether the way of `path` begins with the element `name`.
pub(crate) fn begins_with(path: &ElementPath, name: &str) -> bool {
    match path.steps().first() {
        Some(Step::Element(first) | Step::Choice { name: first, .. } | Step::Item { list: first, .. }) => {
            *first == name
        }
        Some(Step::Identifier(_)) => name == "identifier",
        Some(Step::Extension(_)) => name == "extension",
        None => false,
    }
}

impl Status {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InForce => "in-force",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

impl ConfidentialityBasis {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImpliedConsent => "implied-consent",
            Self::ExplicitConsent => "explicit-consent",
            Self::LegalDuty => "legal-duty",
            Self::Section251 => "section-251",
            Self::PublicInterest => "public-interest",
        }
    }
}

impl Identifiability {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identifiable => "identifiable",
            Self::Pseudonymised => "pseudonymised",
            Self::Anonymised => "anonymised",
        }
    }
}

impl RelationshipKind {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CareTeam => "care-team",
            Self::Encounter => "encounter",
            Self::EpisodeOfCare => "episode-of-care",
            Self::Referral => "referral",
        }
    }
}

impl Existence {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Withheld => "withheld",
        }
    }
}

impl Standing {
    /// As the file writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Supervised => "supervised",
        }
    }
}

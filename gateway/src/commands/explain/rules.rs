//! The rules in the order of decision, and which of them a refusal names.

use super::asked::Kind;
use crate::decision::refusal::Refusal;

/// A rule that `admit` holds a question to, before any system is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdmitRule {
    Agreement,
    Role,
    Standing,
    Purpose,
    Override,
    ResourceType,
    Search,
    Write,
}

/// A rule that `decide` holds a question to for each person; the last two are held by `minimise` for each resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PersonRule {
    Known,
    Shield,
    Relationship,
    Consent,
    OptOut,
    Implied,
    Labels,
    Minimum,
}

/// A rule that a refusal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Admit(AdmitRule),
    Person(PersonRule),
}

impl AdmitRule {
    /// All of them, in the order of decision.
    pub(super) const ALL: [Self; 8] = [
        Self::Agreement,
        Self::Role,
        Self::Standing,
        Self::Purpose,
        Self::Override,
        Self::ResourceType,
        Self::Search,
        Self::Write,
    ];

    /// What people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Agreement => "sharing agreement",
            Self::Role => "role or system",
            Self::Standing => "standing",
            Self::Purpose => "purpose",
            Self::Override => "override",
            Self::ResourceType => "resource type",
            Self::Search => "search",
            Self::Write => "write",
        }
    }

    /// Whether it applies to a question of this kind.
    pub(super) fn applies_to(self, kind: Kind) -> bool {
        match self {
            Self::Search => kind == Kind::Search,
            Self::Write => matches!(kind, Kind::Create | Kind::Change),
            Self::ResourceType => !matches!(kind, Kind::Metadata | Kind::Push),
            Self::Agreement | Self::Role | Self::Standing | Self::Purpose | Self::Override => true,
        }
    }
}

impl PersonRule {
    /// All of them, in the order of decision.
    pub(super) const ALL: [Self; 8] = [
        Self::Known,
        Self::Shield,
        Self::Relationship,
        Self::Consent,
        Self::OptOut,
        Self::Implied,
        Self::Labels,
        Self::Minimum,
    ];

    /// What people call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Known => "person known",
            Self::Shield => "shielding",
            Self::Relationship => "legitimate relationship",
            Self::Consent => "consent and objections",
            Self::OptOut => "opt-outs",
            Self::Implied => "implied consent",
            Self::Labels => "labels",
            Self::Minimum => "minimum necessary",
        }
    }
}

impl Rule {
    /// The rule that a refusal names.
    pub(super) const fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoSharingAgreement | Refusal::NotForThisRequestor => Self::Admit(AdmitRule::Agreement),
            Refusal::RoleNotCovered => Self::Admit(AdmitRule::Role),
            Refusal::SupervisionMissing => Self::Admit(AdmitRule::Standing),
            Refusal::PurposeNotCovered(_) => Self::Admit(AdmitRule::Purpose),
            Refusal::OverrideReasonMissing => Self::Admit(AdmitRule::Override),
            Refusal::TypeNotShared | Refusal::NotServedBySystem => Self::Admit(AdmitRule::ResourceType),
            Refusal::SearchNotPermitted(_) => Self::Admit(AdmitRule::Search),
            Refusal::WouldProveOwnRelationship | Refusal::WritingNotCovered | Refusal::DeletingNotCovered => {
                Self::Admit(AdmitRule::Write)
            }
            Refusal::PersonUncertain => Self::Person(PersonRule::Known),
            Refusal::Shielded => Self::Person(PersonRule::Shield),
            Refusal::NoLegitimateRelationship => Self::Person(PersonRule::Relationship),
            Refusal::ConsentDenied => Self::Person(PersonRule::Consent),
            Refusal::OptedOut => Self::Person(PersonRule::OptOut),
            Refusal::ImpliedConsentDoesNotCover => Self::Person(PersonRule::Implied),
            Refusal::Labelled => Self::Person(PersonRule::Labels),
            Refusal::NothingNecessary => Self::Person(PersonRule::Minimum),
        }
    }
}

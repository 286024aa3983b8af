//! Each reason for which something is not shared, once.

use fhir::outcome::SpineCode;
use fhir::purpose_of_use::PurposeOfUse;

/// Why something is not shared. The codes are those of the Spine and GP Connect where they exist.
///
/// The order of the variants is the order of decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No agreement in force covers discloser and recipient.
    NoSharingAgreement,
    /// The agreement has no block for this role or system.
    RoleNotCovered,
    /// The role is supervised, and no supervisor with an end date in the future stands in the token.
    SupervisionMissing,
    /// The agreement does not cover this purpose.
    PurposeNotCovered(PurposeOfUse),
    /// An override was asked for without its reason header, or the reason is too short or long.
    OverrideReasonMissing,
    /// The agreement shares nothing of this resource type with this role.
    TypeNotShared,
    /// The system is read by mappings, and none of them serves this (the type, a history, a write), or it takes HL7 v2 alone.
    NotServedBySystem,
    /// The agreement lets this role read the type, and write nothing of it.
    WritingNotCovered,
    /// The agreement lets this role delete nothing of the type.
    DeletingNotCovered,
    /// The search reads an element this role may not see, or names no person.
    SearchNotPermitted(SearchGuard),
    /// Writes of the types that prove relationships are not taken on such systems.
    WouldProveOwnRelationship,
    /// The person cannot be known for certain: no valid key, or two Patients with one NHS number.
    PersonUncertain,
    /// The person is shielded, and the interaction needs what the shield hides.
    Shielded,
    /// No tie of care is recorded.
    NoLegitimateRelationship,
    /// The person has said no, or a register says no for her.
    ConsentDenied,
    /// An opt-out stands against a purpose other than her own care.
    OptedOut,
    /// Implied consent covers direct care only, and this is not.
    ImpliedConsentDoesNotCover,
    /// Labels keep back all there is.
    Labelled,
    /// Nothing is left after the minimum was applied.
    NothingNecessary,
    /// The requestor may not read or write this own resource of the gateway.
    NotForThisRequestor,
}

/// Why the search guard says no. Never depends on data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchGuard {
    /// The search names no person.
    NamesNoPerson,
    /// It names different persons where only one can be.
    NamesApart,
    /// A criterion reads an element that is not shared.
    ReadsHidden,
    /// A negation, sort or test of absence over an element that not everyone shows.
    NegatesPartlyHidden,
    /// It orders by an element that not everyone shows.
    OrdersByHidden,
    /// It asks for what changed since a moment, where when it changed is not shown.
    SinceHidden,
    /// It asks how many there are, and does not name one person.
    TotalNotTold,
    /// The gateway does not serve this parameter.
    NotServed,
}

impl Refusal {
    /// The code told outside under `existence = "open"`, and by rule always.
    #[must_use]
    pub const fn spine_code(&self) -> SpineCode {
        match self {
            Self::NoSharingAgreement => SpineCode::NoOrganisationConsent,
            Self::NoLegitimateRelationship => SpineCode::NoRelationship,
            Self::ConsentDenied | Self::OptedOut | Self::ImpliedConsentDoesNotCover => {
                SpineCode::NoPatientConsent
            }
            Self::RoleNotCovered
            | Self::SupervisionMissing
            | Self::PurposeNotCovered(_)
            | Self::OverrideReasonMissing
            | Self::TypeNotShared
            | Self::NotServedBySystem
            | Self::WritingNotCovered
            | Self::DeletingNotCovered
            | Self::SearchNotPermitted(_)
            | Self::WouldProveOwnRelationship
            | Self::PersonUncertain
            | Self::Shielded
            | Self::Labelled
            | Self::NothingNecessary
            | Self::NotForThisRequestor => SpineCode::AccessDenied,
        }
    }

    /// Whether it rests on rules alone, and so says nothing about any person.
    #[must_use]
    pub const fn is_by_rule(&self) -> bool {
        match self {
            Self::NoSharingAgreement
            | Self::RoleNotCovered
            | Self::SupervisionMissing
            | Self::PurposeNotCovered(_)
            | Self::OverrideReasonMissing
            | Self::TypeNotShared
            | Self::NotServedBySystem
            | Self::WritingNotCovered
            | Self::DeletingNotCovered
            | Self::SearchNotPermitted(_)
            | Self::WouldProveOwnRelationship
            | Self::NotForThisRequestor => true,
            Self::PersonUncertain
            | Self::Shielded
            | Self::NoLegitimateRelationship
            | Self::ConsentDenied
            | Self::OptedOut
            | Self::ImpliedConsentDoesNotCover
            | Self::Labelled
            | Self::NothingNecessary => false,
        }
    }

    /// What the caller is told: a fixed text.
    #[must_use]
    pub const fn told(&self) -> &'static str {
        match self {
            Self::NoSharingAgreement => "no sharing agreement in force covers this",
            Self::RoleNotCovered => "the sharing agreement does not cover this role or system",
            Self::SupervisionMissing => "this role needs a supervisor and an end date that has not passed",
            Self::PurposeNotCovered(_) => "the sharing agreement does not cover this purpose for this role",
            Self::OverrideReasonMissing => {
                "an override needs its reason, 10 to 500 characters, in Portcullis-Override-Reason"
            }
            Self::TypeNotShared => {
                "the sharing agreement shares nothing of this resource type with this role"
            }
            Self::NotServedBySystem => {
                "this system does not serve this: mappings read it that know no such type, history or change, or it takes HL7 v2 alone"
            }
            Self::WritingNotCovered => {
                "the sharing agreement lets this role change nothing of this resource type"
            }
            Self::DeletingNotCovered => {
                "the sharing agreement lets this role delete nothing of this resource type"
            }
            Self::SearchNotPermitted(SearchGuard::NamesNoPerson) => {
                "the search must name its person: by patient, subject, _id or identifier, or by family and birthdate"
            }
            Self::SearchNotPermitted(SearchGuard::NamesApart) => {
                "the search names different persons at once: name them in one parameter, with commas between them"
            }
            Self::SearchNotPermitted(SearchGuard::ReadsHidden) => {
                "the search reads an element that is not shared with this role"
            }
            Self::SearchNotPermitted(SearchGuard::SinceHidden) => {
                "when something changed is not shared with this role: leave _since out, use start and end, or name by _type what shares meta.lastUpdated"
            }
            Self::SearchNotPermitted(SearchGuard::NegatesPartlyHidden) => {
                "the search asks for the absence of an element that is not always shared with this role"
            }
            Self::SearchNotPermitted(SearchGuard::OrdersByHidden) => {
                "the search orders by an element that is not always shared with this role"
            }
            Self::SearchNotPermitted(SearchGuard::TotalNotTold) => {
                "how many there are is told only where the search names exactly one person"
            }
            Self::SearchNotPermitted(SearchGuard::NotServed) => {
                "the search has a parameter that is not served"
            }
            Self::WouldProveOwnRelationship => {
                "this system does not take what would prove a tie of care or a consent"
            }
            Self::PersonUncertain => "the person cannot be known for certain",
            Self::Shielded => "the person cannot be found by this search",
            Self::NoLegitimateRelationship => "no legitimate relationship is recorded",
            Self::ConsentDenied => "the person has not agreed to this",
            Self::OptedOut => "an opt-out stands against this purpose",
            Self::ImpliedConsentDoesNotCover => {
                "this purpose needs the person's consent, and none is recorded"
            }
            Self::Labelled => "what there is stays with those who hold it",
            Self::NothingNecessary => "nothing of this is shared with this role",
            Self::NotForThisRequestor => "this is not open to this requestor",
        }
    }

    /// The name of the reason in records, metrics and `explain`: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoSharingAgreement => "no-sharing-agreement",
            Self::RoleNotCovered => "role-not-covered",
            Self::SupervisionMissing => "supervision-missing",
            Self::PurposeNotCovered(_) => "purpose-not-covered",
            Self::OverrideReasonMissing => "override-reason-missing",
            Self::TypeNotShared => "type-not-shared",
            Self::NotServedBySystem => "not-served-by-system",
            Self::WritingNotCovered => "writing-not-covered",
            Self::DeletingNotCovered => "deleting-not-covered",
            Self::SearchNotPermitted(SearchGuard::NamesNoPerson) => "search-names-no-person",
            Self::SearchNotPermitted(SearchGuard::NamesApart) => "search-names-apart",
            Self::SearchNotPermitted(SearchGuard::ReadsHidden) => "search-reads-hidden-element",
            Self::SearchNotPermitted(SearchGuard::SinceHidden) => "since-reads-hidden-element",
            Self::SearchNotPermitted(SearchGuard::NegatesPartlyHidden) => "search-negates-hidden-element",
            Self::SearchNotPermitted(SearchGuard::OrdersByHidden) => "search-orders-by-hidden-element",
            Self::SearchNotPermitted(SearchGuard::TotalNotTold) => "search-total-not-told",
            Self::SearchNotPermitted(SearchGuard::NotServed) => "search-not-served",
            Self::WouldProveOwnRelationship => "would-prove-own-relationship",
            Self::PersonUncertain => "person-uncertain",
            Self::Shielded => "shielded",
            Self::NoLegitimateRelationship => "no-legitimate-relationship",
            Self::ConsentDenied => "consent-denied",
            Self::OptedOut => "opted-out",
            Self::ImpliedConsentDoesNotCover => "implied-consent-does-not-cover",
            Self::Labelled => "labelled",
            Self::NothingNecessary => "nothing-necessary",
            Self::NotForThisRequestor => "not-for-this-requestor",
        }
    }
}

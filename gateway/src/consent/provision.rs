//! What a person has decided about the sharing of her record, compiled: who, for what, which data, from when to when.

use std::collections::BTreeSet;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::Timestamp;

use crate::decision::ruling::DataRule;

/// One Consent or register entry that stands now, as `decide` weighs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// Where it is written down: `Consent/<id>` of the gateway, or `<system>/Consent/<id>`.
    pub id: String,
    /// Of which kind.
    pub kind: Kind,
    /// What it says.
    pub rule: Provision,
}

/// Of which kind an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A decision of the person about named parties, purposes or data.
    Consent,
    /// An opt-out that a national register keeps: it concerns purposes beyond her own care only.
    OptOut,
}

/// A provision and the exceptions nested in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// What it does to whom and what it names.
    pub effect: Effect,
    /// From when to when it holds.
    pub period: Span,
    /// Whom it names, or-ed; empty: everyone.
    pub actors: BTreeSet<Actor>,
    /// For what, or-ed; empty: see [`Effect`].
    pub purposes: BTreeSet<PurposeOfUse>,
    /// Which data.
    pub about: DataRule,
    /// Exceptions, each within the scope of this provision. They hold none themselves.
    pub exceptions: Vec<Provision>,
}

/// What a provision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Permits. Purposes match exactly; where none is named, it is for her own care and nothing else.
    Permit,
    /// Denies. Purposes cover their children; where none is named, it is for all.
    Deny,
    /// A permit that could not be read whole: it grants nothing, and its denying exceptions still deny.
    Void,
}

/// From when to when; open where a bound is absent. The end is the first moment outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment inside.
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub to: Option<Timestamp>,
}

/// A recipient that a provision names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Only in this job role, when one is named.
    pub role: Option<SdsRole>,
}

/// Who an actor is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// An organisation and everyone who works there.
    Organisation(OdsCode),
    /// A member of staff, by SDS user id.
    Staff(String),
    /// Everyone in the role named.
    RoleHolders,
}

impl Span {
    /// Whether the moment lies inside.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

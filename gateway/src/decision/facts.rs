//! What is known about a person when it is decided: the shape of evidence, without where it came from.

use jiff::Timestamp;
use jiff::civil::Date;

use fhir::ods_code::OdsCode;

use crate::agreement::RelationshipKind;
use crate::consent::provision::Provisioned;

/// Everything that is known about one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonEvidence {
    /// Whether the person is known for certain.
    pub identity: Identity,
    /// Whether what was found about her is what there is.
    pub proof: Proven,
    /// Whether her whereabouts are protected.
    pub shield: Shield,
    /// Her ties of care, to whomever.
    pub ties: Vec<Tie>,
    /// What she, and registers for her, have decided.
    pub consents: Vec<Provisioned>,
    /// As whom she is met.
    pub met: Met,
}

/// As whom somebody is met in what an exchange is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Met {
    /// As herself.
    #[default]
    InPerson,
    /// As the kin of another, in that person's record: no tie of care of hers is asked for.
    AsKin,
    /// As herself in one place, and as somebody's kin in another.
    InBothWays,
}

impl Met {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::InPerson, Self::InPerson) => Self::InPerson,
            (Self::AsKin, Self::AsKin) => Self::AsKin,
            (Self::InPerson | Self::AsKin | Self::InBothWays, _) => Self::InBothWays,
        }
    }

    /// Whether something may be her own record.
    #[must_use]
    pub const fn is_in_person(self) -> bool {
        match self {
            Self::InPerson | Self::InBothWays => true,
            Self::AsKin => false,
        }
    }

    /// Whether she is somebody's kin in something.
    #[must_use]
    pub const fn is_as_kin(self) -> bool {
        match self {
            Self::AsKin | Self::InBothWays => true,
            Self::InPerson => false,
        }
    }
}

/// Whether a person is known for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The holder has exactly one Patient with this key.
    Certain,
    /// Two Patients of one system hold one NHS number: an alarm.
    Duplicated,
    /// The holder does not know the person, or says that the record is no longer valid.
    #[default]
    Unknown,
}

/// Whether what was found about a person is what there is to be known of her.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proven {
    /// Every source answered about her.
    #[default]
    Whole,
    /// A source of ties could not be used about her: that none was found does not mean that there is none.
    TiesUnknown,
    /// What says who she is, how she is protected or what she has chosen could not be used.
    None,
}

/// Whether a person's whereabouts are protected (PDS restricted).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shield {
    /// No protection is recorded.
    #[default]
    None,
    /// Where she is may not be told.
    Shielded,
}

/// A tie of care between a person and somebody, as a record states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// Of which kind.
    pub kind: RelationshipKind,
    /// To whom.
    pub party: TieParty,
    /// Since when, when that is stated.
    pub from: Option<Timestamp>,
    /// Its last day, when it has ended or an end is stated.
    pub last_day: Option<Date>,
    /// Where it is recorded: `system/Type/id`.
    pub evidence: String,
}

/// To whom a tie of care is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TieParty {
    /// An organisation.
    Organisation(OdsCode),
    /// A member of staff, by SDS user id.
    Staff(String),
}

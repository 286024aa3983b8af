//! Security labels: how sensitive content is (`meta.security`, HL7 v3 codes as published with FHIR R4).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub mod sensitivity;

pub use sensitivity::Sensitivity;

/// The code system of degrees of confidentiality.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// The code system of sensitivity categories and of privacy policies.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// The code system of marks that say what was done to content (`SUBSETTED`, `REDACTED`, `MASKED`).
pub const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Names that older senders give to the code systems above.
const OLD_NAMES: &[(&str, &str)] = &[
    ("http://hl7.org/fhir/v3/Confidentiality", CONFIDENTIALITY),
    ("http://hl7.org/fhir/v3/ActCode", ACT_CODE),
    ("http://hl7.org/fhir/v3/ObservationValue", OBSERVATION_VALUE),
    ("urn:oid:2.16.840.1.113883.5.25", CONFIDENTIALITY),
    ("urn:oid:2.16.840.1.113883.5.4", ACT_CODE),
];

/// One label: a code of a code system.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecurityLabel {
    system: Box<str>,
    code: Box<str>,
}

/// Degree of confidentiality, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidentiality {
    /// `U`: may be published.
    Unrestricted,
    /// `L`: de-identified or of little risk.
    Low,
    /// `M`: somewhat sensitive.
    Moderate,
    /// `N`: ordinary health and care information.
    Normal,
    /// `R`: stigmatising or harmful if it got out.
    Restricted,
    /// `V`: the strictest protection.
    VeryRestricted,
}

/// Why a text is not a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecurityLabel {
    /// A bare code that is neither a degree of confidentiality nor a sensitivity category.
    #[error("a bare label is a sensitivity code such as PSY or a degree of confidentiality such as R")]
    UnknownCode,
    /// Nothing on one side of `|`.
    #[error("a label is written as system|code")]
    Shape,
}

impl SecurityLabel {
    /// A label as content carries it; older names of the HL7 code systems become the R4 names.
    pub fn new(system: &str, code: &str) -> Self {
        let system = OLD_NAMES.iter().find(|(old, _)| *old == system).map_or(system, |(_, name)| name);
        Self { system: system.into(), code: code.into() }
    }

    /// Reads `system|code`, or a bare code as agreements write it: `PSY`, `R`.
    ///
    /// # Errors
    /// [`InvalidSecurityLabel`].
    pub fn parse(text: &str) -> Result<Self, InvalidSecurityLabel> {
        match text.rsplit_once('|') {
            Some(("", _) | (_, "")) => Err(InvalidSecurityLabel::Shape),
            Some((system, code)) => Ok(Self::new(system, code)),
            None if Sensitivity::parse(text).is_ok() => Ok(Self::new(ACT_CODE, text)),
            None if Confidentiality::of_code(text).is_some() => Ok(Self::new(CONFIDENTIALITY, text)),
            None => Err(InvalidSecurityLabel::UnknownCode),
        }
    }

    /// The code system.
    pub fn system(&self) -> &str {
        &self.system
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The degree of confidentiality, when the label states one. Without a system only a degree above the ordinary is
    /// read: who forgot the system meant to protect, and an `L` of another list lowers nothing.
    pub fn confidentiality(&self) -> Option<Confidentiality> {
        let degree = Confidentiality::of_code(&self.code)?;
        let stated =
            *self.system == *CONFIDENTIALITY || (self.has_no_system() && degree > Confidentiality::Normal);
        stated.then_some(degree)
    }

    /// The sensitivity category, when the label states one.
    ///
    /// Four categories (`ETH`, `HIV`, `PSY`, `SDV`) are codes of the confidentiality system too. A label without a system
    /// is read as stating one: who forgot the system meant to protect.
    pub fn sensitivity(&self) -> Option<Sensitivity> {
        let sensitivity = Sensitivity::parse(&self.code).ok()?;
        let shared =
            matches!(sensitivity, Sensitivity::Eth | Sensitivity::Hiv | Sensitivity::Psy | Sensitivity::Sdv);
        let is_category =
            self.has_no_system() || *self.system == *ACT_CODE || (shared && *self.system == *CONFIDENTIALITY);
        is_category.then_some(sensitivity)
    }

    /// What a label may have been meant as that states nothing as it is written: a category of sensitivity or a high degree of
    /// confidentiality, in small letters, or under a name that HL7 does not use for a code system of its own.
    ///
    /// Who labels content means to protect it; what would lower protection is not read into a label.
    pub fn meant_to_protect(&self) -> Option<Self> {
        if self.sensitivity().is_some() || self.confidentiality().is_some() {
            return None;
        }
        let code = self.code.trim().to_ascii_uppercase();
        let system = self.system.trim();
        let system = system.split_once('|').map_or(system, |(name, _)| name).trim_end_matches('/');
        let system = system
            .strip_prefix("https://")
            .map_or(Cow::Borrowed(system), |rest| Cow::Owned(format!("http://{rest}")));
        let named = Self::new(&system, &code);
        let of_hl7 = ["http://terminology.hl7.org/", "http://hl7.org/fhir/"];
        let meant = if [ACT_CODE, CONFIDENTIALITY].contains(&&*named.system) {
            named
        } else if of_hl7.iter().any(|base| named.system.starts_with(base)) {
            return None;
        } else {
            Self::new("", &code)
        };
        let protects = meant.sensitivity().is_some()
            || meant.confidentiality().is_some_and(|degree| degree >= Confidentiality::Restricted);
        protects.then_some(meant)
    }

    fn has_no_system(&self) -> bool {
        self.system.is_empty()
    }

    /// Whether a denial of `rule` reaches content with this label: it is covered, or it is a broader category that may be what
    /// is denied.
    pub fn may_be_covered_by(&self, rule: &Self) -> bool {
        let may_be = match (self.sensitivity(), rule.sensitivity()) {
            (Some(own), Some(ruled)) => own.may_be(ruled),
            (Some(_) | None, _) => false,
        };
        may_be || self.is_covered_by(rule)
    }

    /// Whether a rule about `rule` speaks of content with this label: the same label, or a narrower category of it,
    /// or a degree of confidentiality at least as high.
    pub fn is_covered_by(&self, rule: &Self) -> bool {
        if let (Some(own), Some(ruled)) = (self.sensitivity(), rule.sensitivity()) {
            return own.is_or_is_child_of(ruled);
        }
        if let (Some(own), Some(ruled)) = (self.confidentiality(), rule.confidentiality()) {
            return own >= ruled;
        }
        self == rule
    }
}

impl From<Sensitivity> for SecurityLabel {
    fn from(sensitivity: Sensitivity) -> Self {
        Self::new(ACT_CODE, sensitivity.code())
    }
}

impl From<Confidentiality> for SecurityLabel {
    fn from(confidentiality: Confidentiality) -> Self {
        Self::new(CONFIDENTIALITY, confidentiality.code())
    }
}

impl FromStr for SecurityLabel {
    type Err = InvalidSecurityLabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for SecurityLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityLabel({}|{})", self.system, self.code)
    }
}

impl Confidentiality {
    /// Every degree, least first.
    pub const ALL: [Self; 6] =
        [Self::Unrestricted, Self::Low, Self::Moderate, Self::Normal, Self::Restricted, Self::VeryRestricted];

    /// The degree that a code of v3-Confidentiality states.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|degree| degree.code() == code)
    }

    /// The code as HL7 spells it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unrestricted => "U",
            Self::Low => "L",
            Self::Moderate => "M",
            Self::Normal => "N",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
        }
    }
}

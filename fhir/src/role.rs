//! Job roles of staff as the Spine directory knows them: what a person is employed to do.

use std::fmt;
use std::str::FromStr;

/// The code system of job roles.
pub const SYSTEM: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName";

/// A job role code of the Spine directory, such as `R1330` (social worker).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SdsRole(u16);

/// A text that is not a job role code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job role is written as R and four digits")]
pub struct InvalidSdsRole;

impl SdsRole {
    /// The officer who closes alerts about access.
    pub const PRIVACY_OFFICER: Self = Self(1);
    /// The Caldicott Guardian.
    pub const CALDICOTT_GUARDIAN: Self = Self(5105);
    /// A registered social worker.
    pub const SOCIAL_WORKER: Self = Self(1330);
    /// A social care support worker, who is not registered.
    pub const SOCIAL_CARE_SUPPORT_WORKER: Self = Self(1460);

    /// Reads a code (`R8014`), the triple that a smartcard token carries (`S8000:G8000:R8014`), or a code with its
    /// system in front (`https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName|R8014`).
    ///
    /// # Errors
    /// [`InvalidSdsRole`].
    pub fn parse(text: &str) -> Result<Self, InvalidSdsRole> {
        let code = match text.split_once('|') {
            Some((system, code)) if system == SYSTEM => code,
            Some(_) => return Err(InvalidSdsRole),
            None => text,
        };
        let mut parts = code.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(role), None, None, None) => number(role, 'R').map(Self),
            (Some(staff_group), Some(group), Some(role), None) => {
                number(staff_group, 'S')?;
                number(group, 'G')?;
                number(role, 'R').map(Self)
            }
            _ => Err(InvalidSdsRole),
        }
    }

    /// The code: `R` and four digits.
    pub fn code(self) -> String {
        self.to_string()
    }

    /// The name of the role, when it is one of those that hospitals, social care and governance use most.
    pub fn display(self) -> Option<&'static str> {
        NAMES.iter().find(|(code, _)| *code == self.0).map(|(_, name)| *name)
    }
}

fn number(text: &str, letter: char) -> Result<u16, InvalidSdsRole> {
    let digits = text.strip_prefix(letter).ok_or(InvalidSdsRole)?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidSdsRole);
    }
    digits.parse().map_err(|_| InvalidSdsRole)
}

impl FromStr for SdsRole {
    type Err = InvalidSdsRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for SdsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{:04}", self.0)
    }
}

impl fmt::Debug for SdsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdsRole({self})")
    }
}

const NAMES: &[(u16, &str)] = &[
    (1, "Privacy Officer"),
    (10, "Medical Director"),
    (20, "Clinical Director - Medical"),
    (50, "Consultant"),
    (70, "Associate Specialist"),
    (80, "Staff Grade"),
    (90, "Hospital Practitioner"),
    (100, "Clinical Assistant"),
    (110, "Specialist Registrar"),
    (140, "Senior House Officer"),
    (150, "House Officer - Pre Registration"),
    (160, "House Officer - Post Registration"),
    (170, "Trust Grade Doctor - House Officer level"),
    (180, "Trust Grade Doctor - SHO level"),
    (190, "Trust Grade Doctor - Specialist Registrar level"),
    (200, "Trust Grade Doctor - Career Grade level"),
    (243, "Other Community Health Service - Social Care Worker"),
    (260, "General Medical Practitioner"),
    (600, "Specialist Nurse Practitioner"),
    (610, "Sister/Charge Nurse"),
    (620, "Staff Nurse"),
    (630, "Enrolled Nurse"),
    (690, "Community Practitioner"),
    (700, "Community Nurse"),
    (950, "Occupational Therapist"),
    (1070, "Paramedic"),
    (1290, "Pharmacist"),
    (1330, "Social Worker"),
    (1340, "Approved Social Worker"),
    (1450, "Health Care Support Worker"),
    (1460, "Social Care Support Worker"),
    (1480, "Healthcare Assistant"),
    (1751, "Demographic Administrator (Sensitive Records) Temporary"),
    (5105, "Caldicott Guardian"),
    (5310, "LiquidLogic Administrator"),
    (6100, "Mental Health Act Administrator"),
    (8000, "Clinical Practitioner Access Role"),
    (8001, "Nurse Access Role"),
    (8002, "Nurse Manager Access Role"),
    (8003, "Health Professional Access Role"),
    (8004, "Healthcare Student Access Role"),
    (8005, "Biomedical Scientist Access Role"),
    (8006, "Medical Secretary Access Role"),
    (8007, "Clinical Coder Access Role"),
    (8008, "Admin/Clinical Support Access Role"),
    (8009, "Receptionist Access Role"),
    (8010, "Clerical Access Role"),
    (8011, "Clerical Manager Access Role"),
    (8012, "Information Officer Access Role"),
    (8013, "Health Records Manager Access Role"),
    (8014, "Social Worker Access Role"),
    (8015, "Systems Support Access Role"),
    (8016, "Midwife Access Role"),
    (8017, "Midwife Manager Access Role"),
    (8024, "Bank Access Role"),
    (9500, "Social Services Senior Management"),
    (9505, "Social Services Policy and Planning"),
    (9510, "Social Services Information Manager"),
    (9515, "Social Work Team Manager (Children)"),
    (9520, "Senior Social Worker (Children)"),
    (9525, "Social Services Care Manager (Children)"),
    (9530, "Social Work Assistant (Children)"),
    (9565, "Social Work Team Manager (Adults)"),
    (9570, "Senior Social Worker (Adults)"),
    (9575, "Social Services Care Manager (Adults)"),
    (9580, "Social Work Assistant (Adults)"),
    (9585, "Social Work Team Manager (Mental Health)"),
    (9590, "Senior Social Worker (Mental Health)"),
    (9595, "Social Services Care Manager (Mental Health)"),
    (9600, "Social Work Assistant (Mental Health)"),
    (9605, "Emergency Duty Social Worker"),
    (9615, "Social Services Driver"),
    (9620, "Home Care Organiser"),
    (9625, "Home Care Administrator"),
    (9650, "Day Centre Manager"),
    (9655, "Day Centre Deputy"),
    (9660, "Day Centre Officer"),
    (9665, "Day Centre Care Staff"),
    (9710, "Residential Manager"),
    (9715, "Residential Deputy"),
    (9720, "Residential Worker"),
    (9725, "Residential Care Staff"),
    (9730, "Intermediate Care Manager"),
    (9735, "Intermediate Care Deputy"),
    (9740, "Intermediate Care Worker"),
    (9745, "Intermediate Care Staff"),
    (9750, "Social Care SAP User"),
    (9755, "Social Care SAP Manager"),
];

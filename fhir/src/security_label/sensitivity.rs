//! Categories of sensitive information (HL7 v3 ActCode, the branch InformationSensitivityPolicy).

/// What makes content sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sensitivity {
    /// `ETH`: substance use.
    Eth,
    /// `GDIS`: genetic disease.
    Gdis,
    /// `HIV`: HIV and AIDS.
    Hiv,
    /// `MST`: sexual trauma in the armed forces.
    Mst,
    /// `SCA`: sickle cell anaemia.
    Sca,
    /// `SDV`: sexual assault, abuse or domestic violence.
    Sdv,
    /// `SEX`: sexuality and reproductive health.
    Sex,
    /// `SPI`: specially protected information.
    Spi,
    /// `BH`: behavioural health.
    Bh,
    /// `COGN`: cognitive disability.
    Cogn,
    /// `DVD`: developmental disability.
    Dvd,
    /// `EMOTDIS`: emotional disturbance.
    Emotdis,
    /// `MH`: mental health.
    Mh,
    /// `PSY`: psychiatric disorder.
    Psy,
    /// `PSYTHPN`: notes of psychotherapy.
    Psythpn,
    /// `SUD`: substance use disorder.
    Sud,
    /// `ETHUD`: alcohol use disorder.
    Ethud,
    /// `OPIOIDUD`: opioid use disorder.
    Opioidud,
    /// `STD`: sexually transmitted disease.
    Std,
    /// `TBOO`: not yet told to the person.
    Tboo,
    /// `VIO`: violence.
    Vio,
    /// `SICKLE`: sickle cell.
    Sickle,
    /// `DEMO`: all demographic details.
    Demo,
    /// `DOB`: date of birth.
    Dob,
    /// `GENDER`: gender and sexual orientation.
    Gender,
    /// `LIVARG`: living arrangements.
    Livarg,
    /// `MARST`: marital status.
    Marst,
    /// `RACE`: race.
    Race,
    /// `REL`: religion.
    Rel,
    /// `B`: business.
    B,
    /// `EMPL`: employer.
    Empl,
    /// `LOCIS`: whereabouts.
    Locis,
    /// `SSP`: provider of a sensitive service.
    Ssp,
    /// `ADOL`: young person.
    Adol,
    /// `CEL`: public figure.
    Cel,
    /// `DIA`: diagnosis.
    Dia,
    /// `DRGIS`: medicines.
    Drgis,
    /// `EMP`: member of staff.
    Emp,
    /// `PDS`: protected by default for the person.
    Pds,
    /// `PHY`: protected at the wish of a clinician.
    Phy,
    /// `PRS`: protected at the wish of the person.
    Prs,
}

/// A text that is not a sensitivity category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sensitivity category of v3-ActCode")]
pub struct UnknownSensitivity;

impl Sensitivity {
    /// Reads a bare code such as `PSY`.
    ///
    /// # Errors
    /// [`UnknownSensitivity`].
    pub fn parse(text: &str) -> Result<Self, UnknownSensitivity> {
        ROWS.iter().find(|row| row.code == text).map(|row| row.sensitivity).ok_or(UnknownSensitivity)
    }

    /// Every category, parents before their children.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.sensitivity)
    }

    /// The code as HL7 spells it.
    pub fn code(self) -> &'static str {
        self.row().map_or("", |row| row.code)
    }

    /// What the category is about, in plain words.
    pub fn display(self) -> &'static str {
        self.row().map_or("", |row| row.display)
    }

    /// The broader category that this one is a kind of.
    pub fn parent(self) -> Option<Self> {
        self.row().and_then(|row| row.parent)
    }

    /// Whether this is `ancestor` or a kind of it.
    pub fn is_or_is_child_of(self, ancestor: Self) -> bool {
        let mut at = Some(self);
        while let Some(sensitivity) = at {
            if sensitivity == ancestor {
                return true;
            }
            at = sensitivity.parent();
        }
        false
    }

    /// Whether what is labelled so may be of the category `narrower`: that one is this, or a kind of it, by the hierarchy of
    /// HL7 or by what the categories mean.
    pub fn may_be(self, narrower: Self) -> bool {
        let mut at = Some(narrower);
        while let Some(sensitivity) = at {
            let is_meant =
                |(broader, kinds): &(Self, &[Self])| *broader == self && kinds.contains(&sensitivity);
            if sensitivity == self || BROADER_BY_MEANING.iter().any(is_meant) {
                return true;
            }
            at = sensitivity.parent();
        }
        false
    }

    /// Rows stand in the order of the variants; a test holds it.
    fn row(self) -> Option<&'static Row> {
        ROWS.get(self as usize)
    }
}

#[derive(Debug)]
struct Row {
    sensitivity: Sensitivity,
    code: &'static str,
    parent: Option<Sensitivity>,
    display: &'static str,
}

const fn row(
    sensitivity: Sensitivity,
    code: &'static str,
    parent: Option<Sensitivity>,
    display: &'static str,
) -> Row {
    Row { sensitivity, code, parent, display }
}

/// Categories that HL7 has beside each other, or under another one, though one is part of what the other means.
const BROADER_BY_MEANING: &[(Sensitivity, &[Sensitivity])] = &[
    // Of behaviour, of the mind, and of use disorders.
    (Sensitivity::Bh, &[Sensitivity::Mh, Sensitivity::Psy, Sensitivity::Psythpn, Sensitivity::Sud]),
    (Sensitivity::Mh, &[Sensitivity::Psy, Sensitivity::Psythpn]),
    // Misuse of alcohol or drugs, and the disorders that come of it.
    (Sensitivity::Eth, &[Sensitivity::Sud]),
    // Two names of one disease.
    (Sensitivity::Sca, &[Sensitivity::Sickle]),
    (Sensitivity::Sickle, &[Sensitivity::Sca]),
];

const ROWS: &[Row] = &[
    row(Sensitivity::Eth, "ETH", None, "substance use"),
    row(Sensitivity::Gdis, "GDIS", None, "genetic disease"),
    row(Sensitivity::Hiv, "HIV", None, "HIV and AIDS"),
    row(Sensitivity::Mst, "MST", None, "sexual trauma in the armed forces"),
    row(Sensitivity::Sca, "SCA", None, "sickle cell anaemia"),
    row(Sensitivity::Sdv, "SDV", None, "sexual assault, abuse or domestic violence"),
    row(Sensitivity::Sex, "SEX", None, "sexuality and reproductive health"),
    row(Sensitivity::Spi, "SPI", None, "specially protected information"),
    row(Sensitivity::Bh, "BH", Some(Sensitivity::Spi), "behavioural health"),
    row(Sensitivity::Cogn, "COGN", Some(Sensitivity::Bh), "cognitive disability"),
    row(Sensitivity::Dvd, "DVD", Some(Sensitivity::Bh), "developmental disability"),
    row(Sensitivity::Emotdis, "EMOTDIS", Some(Sensitivity::Bh), "emotional disturbance"),
    row(Sensitivity::Mh, "MH", Some(Sensitivity::Spi), "mental health"),
    row(Sensitivity::Psy, "PSY", Some(Sensitivity::Spi), "psychiatric disorder"),
    row(Sensitivity::Psythpn, "PSYTHPN", Some(Sensitivity::Spi), "notes of psychotherapy"),
    row(Sensitivity::Sud, "SUD", Some(Sensitivity::Spi), "substance use disorder"),
    row(Sensitivity::Ethud, "ETHUD", Some(Sensitivity::Sud), "alcohol use disorder"),
    row(Sensitivity::Opioidud, "OPIOIDUD", Some(Sensitivity::Sud), "opioid use disorder"),
    row(Sensitivity::Std, "STD", None, "sexually transmitted disease"),
    row(Sensitivity::Tboo, "TBOO", None, "not yet told to the person"),
    row(Sensitivity::Vio, "VIO", None, "violence"),
    row(Sensitivity::Sickle, "SICKLE", None, "sickle cell"),
    row(Sensitivity::Demo, "DEMO", None, "all demographic details"),
    row(Sensitivity::Dob, "DOB", None, "date of birth"),
    row(Sensitivity::Gender, "GENDER", None, "gender and sexual orientation"),
    row(Sensitivity::Livarg, "LIVARG", None, "living arrangements"),
    row(Sensitivity::Marst, "MARST", None, "marital status"),
    row(Sensitivity::Race, "RACE", None, "race"),
    row(Sensitivity::Rel, "REL", None, "religion"),
    row(Sensitivity::B, "B", None, "business"),
    row(Sensitivity::Empl, "EMPL", None, "employer"),
    row(Sensitivity::Locis, "LOCIS", None, "whereabouts"),
    row(Sensitivity::Ssp, "SSP", None, "provider of a sensitive service"),
    row(Sensitivity::Adol, "ADOL", None, "young person"),
    row(Sensitivity::Cel, "CEL", None, "public figure"),
    row(Sensitivity::Dia, "DIA", None, "diagnosis"),
    row(Sensitivity::Drgis, "DRGIS", None, "medicines"),
    row(Sensitivity::Emp, "EMP", None, "member of staff"),
    row(Sensitivity::Pds, "PDS", None, "protected by default for the person"),
    row(Sensitivity::Phy, "PHY", None, "protected at the wish of a clinician"),
    row(Sensitivity::Prs, "PRS", None, "protected at the wish of the person"),
];

//! Purposes of use: why somebody asks (HL7 v3 ActReason, the branch PurposeOfUse, as published with FHIR R4).

use std::fmt;
use std::str::FromStr;

/// The code system of purposes of use.
pub const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Why somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PurposeOfUse {
    /// `HMARKT`: marketing of health services.
    Hmarkt,
    /// `HOPERAT`: running health and care services.
    Hoperat,
    /// `CAREMGT`: managing care programmes.
    Caremgt,
    /// `DONAT`: organ, blood or tissue donation.
    Donat,
    /// `FRAUD`: finding and preventing fraud.
    Fraud,
    /// `GOV`: a duty of government.
    Gov,
    /// `HACCRED`: accrediting an organisation or a professional.
    Haccred,
    /// `HCOMPL`: checking that rules are followed.
    Hcompl,
    /// `HDECD`: affairs of a person who has died.
    Hdecd,
    /// `HDIRECT`: keeping a directory.
    Hdirect,
    /// `HDM`: managing how care is delivered.
    Hdm,
    /// `HLEGAL`: a legal matter.
    Hlegal,
    /// `HOUTCOMS`: measuring what care achieves.
    Houtcoms,
    /// `HPRGRP`: reporting on a health programme.
    Hprgrp,
    /// `HQUALIMP`: improving the quality of care.
    Hqualimp,
    /// `HSYSADMIN`: running computer systems.
    Hsysadmin,
    /// `LABELING`: labelling information.
    Labeling,
    /// `METAMGT`: managing information about information.
    Metamgt,
    /// `MEMADMIN`: administering membership.
    Memadmin,
    /// `MILCDM`: military command.
    Milcdm,
    /// `PATADMIN`: arranging appointments and administration.
    Patadmin,
    /// `PATSFTY`: patient safety.
    Patsfty,
    /// `PERFMSR`: measuring performance.
    Perfmsr,
    /// `RECORDMGT`: keeping records.
    Recordmgt,
    /// `SYSDEV`: building computer systems.
    Sysdev,
    /// `HTEST`: testing computer systems.
    Htest,
    /// `TRAIN`: training staff.
    Train,
    /// `HPAYMT`: paying for care.
    Hpaymt,
    /// `CLMATTCH`: supporting a claim for payment.
    Clmattch,
    /// `COVAUTH`: authorising payment.
    Covauth,
    /// `COVERAGE`: cover under a scheme.
    Coverage,
    /// `ELIGDTRM`: deciding who is eligible.
    Eligdtrm,
    /// `ELIGVER`: checking who is eligible.
    Eligver,
    /// `ENROLLM`: enrolling in a scheme.
    Enrollm,
    /// `MILDCRG`: leaving the armed forces.
    Mildcrg,
    /// `REMITADV`: advice of payment.
    Remitadv,
    /// `HRESCH`: health research.
    Hresch,
    /// `BIORCH`: biomedical research.
    Biorch,
    /// `CLINTRCH`: research with clinical trials.
    Clintrch,
    /// `CLINTRCHNPC`: clinical trial research without care.
    Clintrchnpc,
    /// `CLINTRCHPC`: clinical trial research with care.
    Clintrchpc,
    /// `PRECLINTRCH`: research before clinical trials.
    Preclintrch,
    /// `DSRCH`: research into a disease.
    Dsrch,
    /// `POARCH`: research into populations and ancestry.
    Poarch,
    /// `TRANSRCH`: bringing research into practice.
    Transrch,
    /// `PATRQT`: asked for by the person.
    Patrqt,
    /// `FAMRQT`: asked for by the family.
    Famrqt,
    /// `PWATRNY`: a power of attorney.
    Pwatrny,
    /// `SUPNWK`: asked for by people who support the person.
    Supnwk,
    /// `PUBHLTH`: protecting public health.
    Pubhlth,
    /// `DISASTER`: responding to a disaster.
    Disaster,
    /// `THREAT`: preventing serious harm to someone.
    Threat,
    /// `TREAT`: care and treatment.
    Treat,
    /// `CLINTRL`: taking part in a clinical trial.
    Clintrl,
    /// `COC`: co-ordinating care.
    Coc,
    /// `ETREAT`: emergency care.
    Etreat,
    /// `BTG`: emergency access to a protected record.
    Btg,
    /// `ERTREAT`: care in an emergency department.
    Ertreat,
    /// `POPHLTH`: planning health care for a population.
    Pophlth,
}

/// A text that is not a purpose of use of FHIR R4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a purpose of use: a code of v3-ActReason such as TREAT or COC is wanted")]
pub struct UnknownPurposeOfUse;

impl PurposeOfUse {
    /// Reads a code (`TREAT`) or a code with its system (`http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT`).
    ///
    /// # Errors
    /// [`UnknownPurposeOfUse`].
    pub fn parse(text: &str) -> Result<Self, UnknownPurposeOfUse> {
        let code = match text.rsplit_once('|') {
            Some((system, code)) if system == SYSTEM => code,
            Some(_) => return Err(UnknownPurposeOfUse),
            None => text,
        };
        ROWS.iter().find(|row| row.code == code).map(|row| row.purpose).ok_or(UnknownPurposeOfUse)
    }

    /// Every purpose, parents before their children.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.purpose)
    }

    /// The code as HL7 spells it.
    pub fn code(self) -> &'static str {
        self.row().map_or("", |row| row.code)
    }

    /// What the code means, in plain words that fit a page for the person as well as a register.
    pub fn display(self) -> &'static str {
        self.row().map_or("", |row| row.display)
    }

    /// The broader purpose that this one is a kind of.
    pub fn parent(self) -> Option<Self> {
        self.row().and_then(|row| row.parent)
    }

    /// Whether this is `ancestor` or a kind of it: a rule about a purpose covers its children.
    pub fn is_or_is_child_of(self, ancestor: Self) -> bool {
        let mut at = Some(self);
        while let Some(purpose) = at {
            if purpose == ancestor {
                return true;
            }
            at = purpose.parent();
        }
        false
    }

    /// Whether the purpose is the care of the very person whose record it is.
    ///
    /// Not here on purpose: `CLINTRL` (research), `POPHLTH` (populations), `CAREMGT` (HL7 means the management of
    /// programmes), `THREAT` and `DISASTER` (other people).
    pub fn is_direct_care(self) -> bool {
        matches!(self, Self::Treat | Self::Coc | Self::Etreat | Self::Btg | Self::Ertreat)
    }

    /// Rows stand in the order of the variants; a test holds it.
    fn row(self) -> Option<&'static Row> {
        ROWS.get(self as usize)
    }
}

impl FromStr for PurposeOfUse {
    type Err = UnknownPurposeOfUse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for PurposeOfUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[derive(Debug)]
struct Row {
    purpose: PurposeOfUse,
    code: &'static str,
    parent: Option<PurposeOfUse>,
    display: &'static str,
}

const fn row(
    purpose: PurposeOfUse,
    code: &'static str,
    parent: Option<PurposeOfUse>,
    display: &'static str,
) -> Row {
    Row { purpose, code, parent, display }
}

const ROWS: &[Row] = &[
    row(PurposeOfUse::Hmarkt, "HMARKT", None, "marketing of health services"),
    row(PurposeOfUse::Hoperat, "HOPERAT", None, "running health and care services"),
    row(PurposeOfUse::Caremgt, "CAREMGT", Some(PurposeOfUse::Hoperat), "managing care programmes"),
    row(PurposeOfUse::Donat, "DONAT", Some(PurposeOfUse::Hoperat), "organ, blood or tissue donation"),
    row(PurposeOfUse::Fraud, "FRAUD", Some(PurposeOfUse::Hoperat), "finding and preventing fraud"),
    row(PurposeOfUse::Gov, "GOV", Some(PurposeOfUse::Hoperat), "a duty of government"),
    row(
        PurposeOfUse::Haccred,
        "HACCRED",
        Some(PurposeOfUse::Hoperat),
        "accrediting an organisation or a professional",
    ),
    row(PurposeOfUse::Hcompl, "HCOMPL", Some(PurposeOfUse::Hoperat), "checking that rules are followed"),
    row(PurposeOfUse::Hdecd, "HDECD", Some(PurposeOfUse::Hoperat), "affairs of a person who has died"),
    row(PurposeOfUse::Hdirect, "HDIRECT", Some(PurposeOfUse::Hoperat), "keeping a directory"),
    row(PurposeOfUse::Hdm, "HDM", Some(PurposeOfUse::Hoperat), "managing how care is delivered"),
    row(PurposeOfUse::Hlegal, "HLEGAL", Some(PurposeOfUse::Hoperat), "a legal matter"),
    row(PurposeOfUse::Houtcoms, "HOUTCOMS", Some(PurposeOfUse::Hoperat), "measuring what care achieves"),
    row(PurposeOfUse::Hprgrp, "HPRGRP", Some(PurposeOfUse::Hoperat), "reporting on a health programme"),
    row(PurposeOfUse::Hqualimp, "HQUALIMP", Some(PurposeOfUse::Hoperat), "improving the quality of care"),
    row(PurposeOfUse::Hsysadmin, "HSYSADMIN", Some(PurposeOfUse::Hoperat), "running computer systems"),
    row(PurposeOfUse::Labeling, "LABELING", Some(PurposeOfUse::Hsysadmin), "labelling information"),
    row(
        PurposeOfUse::Metamgt,
        "METAMGT",
        Some(PurposeOfUse::Hsysadmin),
        "managing information about information",
    ),
    row(PurposeOfUse::Memadmin, "MEMADMIN", Some(PurposeOfUse::Hoperat), "administering membership"),
    row(PurposeOfUse::Milcdm, "MILCDM", Some(PurposeOfUse::Hoperat), "military command"),
    row(
        PurposeOfUse::Patadmin,
        "PATADMIN",
        Some(PurposeOfUse::Hoperat),
        "arranging appointments and administration",
    ),
    row(PurposeOfUse::Patsfty, "PATSFTY", Some(PurposeOfUse::Hoperat), "patient safety"),
    row(PurposeOfUse::Perfmsr, "PERFMSR", Some(PurposeOfUse::Hoperat), "measuring performance"),
    row(PurposeOfUse::Recordmgt, "RECORDMGT", Some(PurposeOfUse::Hoperat), "keeping records"),
    row(PurposeOfUse::Sysdev, "SYSDEV", Some(PurposeOfUse::Hoperat), "building computer systems"),
    row(PurposeOfUse::Htest, "HTEST", Some(PurposeOfUse::Sysdev), "testing computer systems"),
    row(PurposeOfUse::Train, "TRAIN", Some(PurposeOfUse::Hoperat), "training staff"),
    row(PurposeOfUse::Hpaymt, "HPAYMT", None, "paying for care"),
    row(PurposeOfUse::Clmattch, "CLMATTCH", Some(PurposeOfUse::Hpaymt), "supporting a claim for payment"),
    row(PurposeOfUse::Covauth, "COVAUTH", Some(PurposeOfUse::Hpaymt), "authorising payment"),
    row(PurposeOfUse::Coverage, "COVERAGE", Some(PurposeOfUse::Hpaymt), "cover under a scheme"),
    row(PurposeOfUse::Eligdtrm, "ELIGDTRM", Some(PurposeOfUse::Coverage), "deciding who is eligible"),
    row(PurposeOfUse::Eligver, "ELIGVER", Some(PurposeOfUse::Coverage), "checking who is eligible"),
    row(PurposeOfUse::Enrollm, "ENROLLM", Some(PurposeOfUse::Coverage), "enrolling in a scheme"),
    row(PurposeOfUse::Mildcrg, "MILDCRG", Some(PurposeOfUse::Coverage), "leaving the armed forces"),
    row(PurposeOfUse::Remitadv, "REMITADV", Some(PurposeOfUse::Hpaymt), "advice of payment"),
    row(PurposeOfUse::Hresch, "HRESCH", None, "health research"),
    row(PurposeOfUse::Biorch, "BIORCH", Some(PurposeOfUse::Hresch), "biomedical research"),
    row(PurposeOfUse::Clintrch, "CLINTRCH", Some(PurposeOfUse::Hresch), "research with clinical trials"),
    row(
        PurposeOfUse::Clintrchnpc,
        "CLINTRCHNPC",
        Some(PurposeOfUse::Clintrch),
        "clinical trial research without care",
    ),
    row(
        PurposeOfUse::Clintrchpc,
        "CLINTRCHPC",
        Some(PurposeOfUse::Clintrch),
        "clinical trial research with care",
    ),
    row(
        PurposeOfUse::Preclintrch,
        "PRECLINTRCH",
        Some(PurposeOfUse::Clintrch),
        "research before clinical trials",
    ),
    row(PurposeOfUse::Dsrch, "DSRCH", Some(PurposeOfUse::Hresch), "research into a disease"),
    row(PurposeOfUse::Poarch, "POARCH", Some(PurposeOfUse::Hresch), "research into populations and ancestry"),
    row(PurposeOfUse::Transrch, "TRANSRCH", Some(PurposeOfUse::Hresch), "bringing research into practice"),
    row(PurposeOfUse::Patrqt, "PATRQT", None, "asked for by the person"),
    row(PurposeOfUse::Famrqt, "FAMRQT", Some(PurposeOfUse::Patrqt), "asked for by the family"),
    row(PurposeOfUse::Pwatrny, "PWATRNY", Some(PurposeOfUse::Patrqt), "a power of attorney"),
    row(
        PurposeOfUse::Supnwk,
        "SUPNWK",
        Some(PurposeOfUse::Patrqt),
        "asked for by people who support the person",
    ),
    row(PurposeOfUse::Pubhlth, "PUBHLTH", None, "protecting public health"),
    row(PurposeOfUse::Disaster, "DISASTER", Some(PurposeOfUse::Pubhlth), "responding to a disaster"),
    row(PurposeOfUse::Threat, "THREAT", Some(PurposeOfUse::Pubhlth), "preventing serious harm to someone"),
    row(PurposeOfUse::Treat, "TREAT", None, "care and treatment"),
    row(PurposeOfUse::Clintrl, "CLINTRL", Some(PurposeOfUse::Treat), "taking part in a clinical trial"),
    row(PurposeOfUse::Coc, "COC", Some(PurposeOfUse::Treat), "co-ordinating care"),
    row(PurposeOfUse::Etreat, "ETREAT", Some(PurposeOfUse::Treat), "emergency care"),
    row(PurposeOfUse::Btg, "BTG", Some(PurposeOfUse::Etreat), "emergency access to a protected record"),
    row(PurposeOfUse::Ertreat, "ERTREAT", Some(PurposeOfUse::Etreat), "care in an emergency department"),
    row(PurposeOfUse::Pophlth, "POPHLTH", Some(PurposeOfUse::Treat), "planning health care for a population"),
];

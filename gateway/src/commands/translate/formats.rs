//! What is translated, and into what.

use adapters::Charset;
use clap::ValueEnum;
use fhir::tables::Release;

/// What is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// HL7 version 2, delimited.
    Hl7v2,
    /// HL7 CDA, bare or in the envelope in which it was sent: a Bundle a line for each document.
    Cda,
    /// FHIR DSTU2, JSON or XML.
    Dstu2,
    /// FHIR STU3, JSON or XML.
    Stu3,
    /// FHIR R4, JSON or XML.
    R4,
    /// FHIR R4B, JSON or XML.
    R4b,
    /// FHIR R5, JSON or XML.
    R5,
    /// NHS laboratory EDIFACT: a Bundle a line for each message that is translated.
    Edifact,
    /// A Care Act notice: FHIR DSTU2 in XML or JSON, or a line for each data item of the standard.
    Notice,
}

impl Format {
    /// The release of FHIR, if it is one.
    pub(super) const fn release(self) -> Option<Release> {
        match self {
            Self::Hl7v2 | Self::Cda | Self::Edifact | Self::Notice => None,
            Self::Dstu2 => Some(Release::Dstu2),
            Self::Stu3 => Some(Release::Stu3),
            Self::R4 => Some(Release::R4),
            Self::R4b => Some(Release::R4b),
            Self::R5 => Some(Release::R5),
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// FHIR STU3.
    Stu3,
    /// FHIR R4.
    R4,
    /// FHIR R4B.
    R4b,
    /// FHIR R5.
    R5,
    /// A Care Act notice in FHIR DSTU2, as XML.
    Notice,
    /// A Care Act notice as a line for each data item of the standard.
    NoticeItems,
    /// An HL7 version 2 message of an event.
    Hl7v2,
    /// A CDA document of a FHIR document.
    Cda,
    /// Rows of CSV, of Bundles that the mapping made: a Bundle a line, or one in XML.
    Csv,
}

impl Target {
    /// The release of FHIR, if it is one.
    pub(super) const fn release(self) -> Option<Release> {
        match self {
            Self::Stu3 => Some(Release::Stu3),
            Self::R4 => Some(Release::R4),
            Self::R4b => Some(Release::R4b),
            Self::R5 => Some(Release::R5),
            Self::Notice | Self::NoticeItems | Self::Hl7v2 | Self::Cda | Self::Csv => None,
        }
    }
}

/// How FHIR is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Syntax {
    /// JSON, a resource a line.
    Json,
    /// XML, one document.
    Xml,
}

/// Character sets that can be assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Assumed {
    /// ASCII or UTF-8.
    #[value(name = "utf-8")]
    Utf8,
    /// ISO 8859-1.
    #[value(name = "8859-1")]
    Latin1,
    /// ISO 8859-15.
    #[value(name = "8859-15")]
    Latin9,
}

impl From<Assumed> for Charset {
    fn from(assumed: Assumed) -> Self {
        match assumed {
            Assumed::Utf8 => Self::Utf8,
            Assumed::Latin1 => Self::Latin1,
            Assumed::Latin9 => Self::Latin9,
        }
    }
}

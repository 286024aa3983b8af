//! Systems that take neither FHIR R4 nor HL7 v2: in which words what is pushed goes to them, over HTTP.

use adapters::cda::out::Profile;
use fhir::tables::Release;

/// In which words what is pushed to a system goes there.
#[derive(Debug, Clone)]
pub enum Receives {
    /// CDA documents: each is posted to the base.
    Cda(Documents),
    /// Notices of the Care Act, in FHIR DSTU2 as XML: each is posted to the base.
    Notices,
    /// FHIR STU3: each Bundle is put under its id.
    FhirStu3,
    /// FHIR R4B, in the same way.
    FhirR4b,
    /// FHIR R5, in the same way.
    FhirR5,
}

/// How a system takes CDA documents.
#[derive(Debug, Clone)]
pub struct Documents {
    /// What they are like.
    pub profile: Profile,
    /// What they are called (`Content-Type`).
    pub media_type: String,
}

impl Receives {
    /// The release of FHIR that it is, where it is one.
    #[must_use]
    pub const fn release(&self) -> Option<Release> {
        match self {
            Self::Cda(_) | Self::Notices => None,
            Self::FhirStu3 => Some(Release::Stu3),
            Self::FhirR4b => Some(Release::R4b),
            Self::FhirR5 => Some(Release::R5),
        }
    }

    /// What it is called (`Content-Type`). DSTU2 has a media type of its own.
    #[must_use]
    pub fn media_type(&self) -> &str {
        match self {
            Self::Cda(documents) => &documents.media_type,
            Self::Notices => "application/xml+fhir; charset=utf-8",
            Self::FhirStu3 => "application/fhir+json; fhirVersion=3.0",
            Self::FhirR4b => "application/fhir+json; fhirVersion=4.3",
            Self::FhirR5 => "application/fhir+json; fhirVersion=5.0",
        }
    }
}

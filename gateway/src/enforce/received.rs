//! What is sent to a system that takes neither FHIR R4 nor HL7 v2: written of what may be sent, before that is recorded.

use adapters::cda::out::{self as cda, Unwritten};
use adapters::hl7v2::out::Unsent;
use adapters::notices::{self, Form};
use adapters::{Context, Refused, versions};
use bytes::Bytes;
use fhir::json;
use fhir::tables::Release;

use super::release::JSON_LIMITS;
use super::worded::{Said, Worded};
use crate::settings::receives::Receives;
use crate::trail::record::Words;

/// Why words cannot say what may be shared. Nothing of the content is in it.
#[derive(Debug, thiserror::Error)]
pub enum Unsaid {
    /// No message of HL7 v2 can.
    #[error(transparent)]
    Message(#[from] Unsent),
    /// No CDA document can.
    #[error(transparent)]
    Document(#[from] Unwritten),
    /// A CDA document would have nothing of something that is attached: who reads it would miss that.
    #[error("{0} holds an attachment that the document would not have")]
    Attachment(String),
    /// No notice, or no resource of the other release, can.
    #[error(transparent)]
    Translation(#[from] Refused),
    /// What was left is no JSON.
    #[error("the bundle cannot be read: {0}")]
    Json(json::Invalid),
}

/// The words in which a system receives.
pub(in crate::enforce) const fn words(receives: &Receives) -> Words {
    match receives {
        Receives::Cda(_) => Words::Cda,
        Receives::Notices => Words::Notice,
        Receives::FhirStu3 => Words::FhirStu3,
        Receives::FhirR4b => Words::FhirR4b,
        Receives::FhirR5 => Words::FhirR5,
    }
}

/// The same Bundle in the words in which a system receives. The same Bundle has the same bytes.
pub(in crate::enforce) fn write(receives: &Receives, bundle: &[u8]) -> Result<Worded, Unsaid> {
    let said = match receives {
        Receives::Cda(documents) => {
            let document = cda::write(bundle, &documents.profile)?;
            if let Some(place) = document.unattached.into_iter().next() {
                return Err(Unsaid::Attachment(place));
            }
            Said { bytes: document.xml, losses: document.losses, untold: Vec::new() }
        }
        Receives::Notices => {
            let context = Context::new("", None, "UTC").map_err(|_| Refused::Maps)?;
            let context = context.with_bytes_max(JSON_LIMITS.bytes_max);
            let written = notices::write(bundle, Form::Xml, &context)?;
            Said { bytes: written.notice, losses: written.losses, untold: Vec::new() }
        }
        Receives::FhirStu3 => reworded(bundle, Release::Stu3)?,
        Receives::FhirR4b => reworded(bundle, Release::R4b)?,
        Receives::FhirR5 => reworded(bundle, Release::R5)?,
    };
    let document = json::parse(Bytes::copy_from_slice(bundle), &JSON_LIMITS).map_err(Unsaid::Json)?;
    Ok(Worded::of(said, words(receives), &document))
}

fn reworded(bundle: &[u8], release: Release) -> Result<Said, Unsaid> {
    let reworded = versions::reword(bundle, release, &JSON_LIMITS)?;
    Ok(Said { bytes: reworded.bundle, losses: reworded.losses, untold: Vec::new() })
}

//! What of a system without FHIR can be asked: by its mappings alone, before it is.

use crate::agreement::Share;
use crate::decision::refusal::{Refusal, SearchGuard};
use crate::interaction::{FhirAction, Interaction};
use crate::settings::{Settings, Speaks};

/// What every search of such a system says: it depends on the settings alone, so that it tells nothing of a row.
pub(super) const CAVEAT: &str =
    "this system is read by mappings: rows that cannot be translated are left out, here as everywhere";

/// Whether a system that mappings read, if it is one, serves an interaction. Nothing that it cannot answer is ignored.
pub(super) fn serves(interaction: &Interaction, share: &Share, settings: &Settings) -> Result<(), Refusal> {
    let (system, action) = match interaction {
        Interaction::Fhir { system, action } => (system, Some(action)),
        Interaction::Push { system } => (system, None),
        Interaction::Own(_) => return Ok(()),
    };
    match settings.system(system.as_str()).map(|system| &system.speaks) {
        Some(Speaks::Hl7v2(_) | Speaks::Receives(_)) => return takes(action),
        Some(Speaks::Fhir | Speaks::Mapped(_)) | None => {}
    }
    let Some(mapped) = settings.mapped(system) else { return Ok(()) };
    let Some(action) = action else { return Err(Refusal::NotServedBySystem) };
    let is_served = |kind| mapped.source_of(kind).map(|_| ()).ok_or(Refusal::NotServedBySystem);
    let not_served = Refusal::SearchNotPermitted(SearchGuard::NotServed);
    match action {
        // Each entry of a batch is asked about by itself.
        FhirAction::Metadata | FhirAction::Batch(_) => Ok(()),
        FhirAction::Read(target) | FhirAction::Document(target) => is_served(target.resource_type),
        FhirAction::Search(search) => {
            is_served(search.query.resource_type())?;
            if mapped.answers(&search.query) { Ok(()) } else { Err(not_served) }
        }
        // Types that no source has are told as left out.
        FhirAction::Everything(request) => {
            let queries = request.queries(share)?;
            let mut served = queries.iter().filter(|query| mapped.source_of(query.resource_type()).is_some());
            if served.all(|query| mapped.answers(query)) { Ok(()) } else { Err(not_served) }
        }
        FhirAction::ReadBinary(_)
        | FhirAction::Vread(_)
        | FhirAction::History(_)
        | FhirAction::Create(_)
        | FhirAction::Message(_)
        | FhirAction::Change(_)
        | FhirAction::Delete(_) => Err(Refusal::NotServedBySystem),
    }
}

/// A system that takes HL7 v2 or other words alone takes what is pushed, and answers nothing.
fn takes(asked: Option<&FhirAction>) -> Result<(), Refusal> {
    match asked {
        None | Some(FhirAction::Metadata | FhirAction::Batch(_)) => Ok(()),
        Some(
            FhirAction::Read(_)
            | FhirAction::ReadBinary(_)
            | FhirAction::Vread(_)
            | FhirAction::History(_)
            | FhirAction::Search(_)
            | FhirAction::Everything(_)
            | FhirAction::Document(_)
            | FhirAction::Create(_)
            | FhirAction::Message(_)
            | FhirAction::Change(_)
            | FhirAction::Delete(_),
        ) => Err(Refusal::NotServedBySystem),
    }
}

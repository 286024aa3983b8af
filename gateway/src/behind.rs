//! Looks up whom resources are about that say so through something else, before evidence is gathered.
//!
//! One search for each type that they name, none where nothing is named: for most answers.

use fhir::reference::Id;

use crate::decision::evidence::{EvidenceFault, Wells};
use crate::enforce::behind::Behind;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::person::SystemName;
use crate::upstream::UpstreamFault;

/// `before` with whom the resources in `held` are about, which `system` holds.
///
/// What a system cannot be asked for stays unknown.
///
/// # Errors
/// [`EvidenceFault`] when the system does not answer, or with what nobody asked for.
pub async fn behind(
    held: &Unfiltered<Held>,
    before: Behind,
    (system, whom): (&SystemName, &Whom<'_>),
    wells: Wells<'_>,
) -> Result<Behind, EvidenceFault> {
    let mut found = before;
    for (target, ids) in found.wants(held, whom) {
        let list: Vec<&str> = ids.iter().map(Id::as_str).collect();
        match wells.upstream.search_all(system, target.name(), vec![("_id", list.join(","))]).await {
            Ok(answer) => found
                .add(&answer, (target, &ids), whom)
                .map_err(|source| EvidenceFault::NotEvidence { system: system.clone(), source })?,
            Err(UpstreamFault::Rejected | UpstreamFault::NotAuthorised) => {}
            Err(fault) => return Err(EvidenceFault::Upstream(fault)),
        }
    }
    Ok(found)
}

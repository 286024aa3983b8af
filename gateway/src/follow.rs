//! What references lead to: looked up after the ruling about an answer, and ruled on with it, before anything is shown.
//!
//! One search for each type that is referred to, none where nothing is. Only where it leads to persons nobody has ruled
//! on is evidence gathered and the ruling made again, about all of them.

use crate::decision::decide;
use crate::decision::evidence::{Evidence, EvidenceFault, Wells};
use crate::decision::ruling::Ruling;
use crate::enforce::answer::Frame;
use crate::enforce::held::Held;
use crate::enforce::subjects::Subjects;
use crate::enforce::targets::{LookedUp, wanted};
use crate::enforce::unfiltered::Unfiltered;
use crate::upstream::UpstreamFault;

/// A ruling, with the persons it is about and the evidence it rests on.
#[derive(Debug)]
pub struct Ruled {
    /// The ruling.
    pub ruling: Ruling,
    /// The persons.
    pub subjects: Subjects,
    /// The evidence.
    pub evidence: Evidence,
}

/// Looks up what `held` refers to, as far as references to it may be shown. The ruling that comes back is about the
/// persons behind it too.
///
/// What a system cannot be asked for is hidden.
///
/// # Errors
/// [`EvidenceFault`] when a system does not answer, or with what nobody asked for.
pub async fn follow(
    held: &Unfiltered<Held>,
    ruled: Ruled,
    frame: Frame<'_>,
    wells: Wells<'_>,
) -> Result<(LookedUp, Ruled), EvidenceFault> {
    let wanted = wanted(held, &ruled.ruling, frame);
    let asks = wanted.asks().clone();
    let mut looked_up = wanted.begin();
    for (target, ids) in asks {
        let list: Vec<&str> = ids.iter().map(fhir::reference::Id::as_str).collect();
        let asked = vec![("_id", list.join(","))];
        match wells.upstream.search_all(frame.system, target.name(), asked).await {
            Ok(found) => looked_up
                .add(found, target, &ids)
                .map_err(|source| EvidenceFault::NotEvidence { system: frame.system.clone(), source })?,
            Err(UpstreamFault::Rejected | UpstreamFault::NotAuthorised) => {}
            Err(fault) => return Err(EvidenceFault::Upstream(fault)),
        }
    }
    let Some(subjects) = looked_up.adds_to(&ruled.subjects, frame) else { return Ok((looked_up, ruled)) };
    let admitted = ruled.ruling.into_admitted();
    let evidence = Evidence::gather(&admitted, &subjects, wells).await?;
    let ruling = decide(admitted, &evidence);
    Ok((looked_up, Ruled { ruling, subjects, evidence }))
}

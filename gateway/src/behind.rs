//! Looks up whom resources are about that say so through something else, before evidence is gathered.
//!
//! One search for each type that they name, none where nothing is named: for most answers.

use std::collections::BTreeSet;

use fhir::reference::Id;

use crate::decision::evidence::anyone::nothing;
use crate::decision::evidence::apart::{Search, Spare};
use crate::decision::evidence::{EvidenceFault, Unusable, Wells};
use crate::enforce::behind::Behind;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::person::SystemName;

/// `before` with whom the resources in `held` are about, which `system` holds.
///
/// What a system cannot be asked for stays unknown, and so does what alone it does not tell; why stands beside it.
///
/// # Errors
/// [`EvidenceFault`] when the system does not answer, or with what nobody asked for, whatever it is asked for.
pub async fn behind(
    held: &Unfiltered<Held>,
    before: Behind,
    (system, whom): (&SystemName, &Whom<'_>),
    wells: Wells<'_>,
) -> Result<(Behind, Vec<Unusable>), EvidenceFault> {
    let (mut found, codes) = (before, &wells.settings.sensitive_codes);
    let (nothing, mut spare, mut unusable) = (nothing(), Spare::default(), Vec::new());
    for (target, ids) in found.wants(held, whom) {
        let search = Search::by_id((system, target.name()), nothing.as_ref(), ids.len());
        let read = &|held, some: &BTreeSet<Id>| Behind::told_by(&held, (target, some), whom, codes);
        match search.ask(&ids, wells.upstream, &mut spare, read).await {
            Ok(told) => {
                told.parts.into_iter().for_each(|part| found.take(part));
                unusable.extend(told.why);
            }
            Err(EvidenceFault::Upstream(why)) if why.is_refusal() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok((found, unusable))
}

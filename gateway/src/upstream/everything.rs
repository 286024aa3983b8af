//! Everything about one person: the searches it stands for, a few at once, within the bounds of one.

use fhir::tables::TypeId;
use futures_util::stream::{self, StreamExt};

use super::fetch::{BYTES_MAX, ENTRIES_MAX};
use super::{Upstream, UpstreamFault};
use crate::agreement::Share;
use crate::enforce::everything::Gathered;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::everything::EverythingRequest;
use crate::person::SystemName;

/// Searches under way at once.
const AT_ONCE: usize = 4;

impl Upstream {
    /// Searches for all that `request` stands for under `share`. A type that the system does not let be searched is told
    /// as such; that depends on the system, not on what it holds.
    ///
    /// # Errors
    /// [`UpstreamFault`], that of the first search that is not answered.
    pub(in crate::upstream) async fn everything(
        &self,
        system: &SystemName,
        request: &EverythingRequest,
        share: &Share,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let queries = request.queries(share).map_err(|_| UpstreamFault::NothingToFetch)?;
        let asks: Vec<(TypeId, String)> =
            queries.iter().map(|query| (query.resource_type(), query.to_form())).collect();
        let one = |(owner, form): (TypeId, String)| async move {
            (owner, self.search(system, owner.name(), form, None).await)
        };
        let mut answers = stream::iter(asks.into_iter().map(one)).buffered(AT_ONCE);
        let mut all = Gathered::default();
        while let Some((owner, answer)) = answers.next().await {
            match answer {
                Ok(found) => all.add(found),
                Err(UpstreamFault::Rejected) => all.cannot_search(owner),
                Err(fault) => return Err(fault),
            }
            if all.is_full(ENTRIES_MAX, BYTES_MAX) {
                break;
            }
        }
        Ok(Unfiltered::new(Held::Everything(all)))
    }
}

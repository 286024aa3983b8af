//! Everything about one person: the searches it stands for, a few at once, within the bounds of one.

use fhir::search::SearchQuery;
use fhir::tables::TypeId;
use futures_util::stream::{self, StreamExt};

use super::reading::{BYTES_MAX, ENTRIES_MAX};
use super::{Upstream, UpstreamFault};
use crate::agreement::Share;
use crate::enforce::everything::{Gathered, Room};
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::everything::EverythingRequest;
use crate::person::SystemName;

/// The most that is read for one answer.
pub const ROOM: Room = Room { entries: ENTRIES_MAX, bytes: BYTES_MAX };
/// Searches under way at once.
pub const AT_ONCE: usize = 4;

impl Upstream {
    /// Searches for all that `request` stands for under `share`. A type that the system does not let be searched, and
    /// one of which there is more than is read, is left out and named.
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
                Ok(found) => all.add(owner, found, ROOM),
                Err(why) if why.is_refusal() => all.cannot_search(owner),
                Err(fault) => return Err(fault),
            }
        }
        Ok(Unfiltered::new(Held::Everything(all)))
    }

    /// Reads the first part of one of them by itself.
    ///
    /// # Errors
    /// [`UpstreamFault`].
    pub async fn search_for(
        &self,
        system: &SystemName,
        query: &SearchQuery,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        self.search(system, query.resource_type().name(), query.to_form(), None).await
    }
}

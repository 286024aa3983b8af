//! Fetching what goes with matches: by searches of the gateway's own, never by an upstream's `_include`.

use std::collections::BTreeSet;

use fhir::json::Node;
use fhir::reference::Id;

use super::{Upstream, UpstreamFault};
use crate::enforce::held::Held;
use crate::enforce::included::Ask;
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;

impl Upstream {
    /// Asks for what goes with matches.
    ///
    /// # Errors
    /// [`UpstreamFault`]; [`UpstreamFault::WrongResource`] when the system answers with what nobody asked for.
    pub async fn fetch_beside(
        &self,
        system: &SystemName,
        ask: &Ask,
    ) -> Result<Unfiltered<Held>, UpstreamFault> {
        let (name, value) = ask.criterion.clone();
        self.search_among(system, ask.resource_type.name(), [(name, value)], ask.ids.as_ref()).await
    }
}

/// Whether every match on a page is one of `ids`.
pub(in crate::upstream) fn are_among(page: Node<'_>, ids: &BTreeSet<Id>) -> bool {
    let is_beside = |entry: &Node<'_>| {
        let mode = entry.member("search").and_then(|search| search.member("mode"));
        mode.is_some_and(|mode| mode.is_string("include") || mode.is_string("outcome"))
    };
    page.walk(&["entry"]).filter(|entry| !is_beside(entry)).all(|entry| {
        let id = entry.str_at(&["resource", "id"]).and_then(|id| Id::parse(&id).ok());
        id.is_some_and(|id| ids.contains(&id))
    })
}

//! What evidence is remembered for a minute, bounded.

use std::sync::Arc;
use std::time::Duration;

use fhir::nhs_number::NhsNumber;
use fhir::reference::{Id, Local};
use moka::sync::Cache;

use crate::agreement::RelationshipKind;
use crate::decision::facts::Tie;
use crate::enforce::facts::directory::Named;
use crate::person::SystemName;

const REMEMBERED: Duration = Duration::from_secs(60);
const PERSONS_MAX: u64 = 100_000;
const DIRECTORY_MAX: u64 = 20_000;

/// Evidence that is remembered for a minute: never the shield, never a Consent. That one Patient holds a number is remembered, so a second one
/// that comes to hold it, with a shield of its own, is met within the minute.
#[derive(Debug, Clone)]
pub struct EvidenceCache {
    /// The one Patient of a system that holds a number.
    pub(super) holders: Cache<(SystemName, NhsNumber), Id>,
    /// Ties of one kind of a Patient. Only found ties are kept, never that there are none.
    pub(super) ties: Cache<(SystemName, Id, RelationshipKind), Arc<[Tie]>>,
    /// Who the organisations and members of staff of a system are.
    pub(super) directory: Cache<(SystemName, Local), Arc<[Named]>>,
}

impl Default for EvidenceCache {
    fn default() -> Self {
        Self {
            holders: Cache::builder().max_capacity(PERSONS_MAX).time_to_live(REMEMBERED).build(),
            ties: Cache::builder().max_capacity(PERSONS_MAX).time_to_live(REMEMBERED).build(),
            directory: Cache::builder().max_capacity(DIRECTORY_MAX).time_to_live(REMEMBERED).build(),
        }
    }
}

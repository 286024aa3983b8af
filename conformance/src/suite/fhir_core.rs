//! The RESTful interface: create to delete, versions, conditions, batches, patches, formats, errors.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

//! IHE BALP: one AuditEvent for each share and patient, also for refusals.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

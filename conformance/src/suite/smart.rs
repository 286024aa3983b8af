//! SMART App Launch: discovery, scopes and backend services.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

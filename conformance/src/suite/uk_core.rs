//! UK Core: what is served and taken conforms to its profiles.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

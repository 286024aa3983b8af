//! IHE PCF: consents decide what is shared, from the next request on.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

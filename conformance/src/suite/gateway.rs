//! A proxy between two endpoints: headers, links, Location, errors, large bodies.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

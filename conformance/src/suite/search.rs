//! Searches: every type of parameter, modifiers and prefixes, paging, and sets compared with what was put in.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];

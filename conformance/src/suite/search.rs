//! Searches: every type of parameter, modifiers and prefixes, paging, and sets compared with what was put in.
//!
//! The hand-made checks ask searches of a small [`bank`] of resources that are there for them. The checks by
//! [`property`] make up a [`world`] of resources and searches from a seed, and compare what comes with what is
//! [`expected`]. Both put their resources on the endpoint once in a run, and every search is narrowed to them.

mod along;
mod ask;
mod bank;
mod bundle;
mod change;
mod draw;
mod expected;
mod ground;
mod guess;
mod offered;
mod paging;
mod property;
mod query;
mod refusals;
mod refuse;
mod sets;
mod values;
mod world;

use super::judge::{joined, sum};
use crate::check::Check;

const PARTS: [&[Check]; 8] = [
    bundle::CHECKS,
    values::CHECKS,
    paging::CHECKS,
    along::CHECKS,
    refuse::CHECKS,
    refusals::CHECKS,
    change::CHECKS,
    property::CHECKS,
];

pub(super) const CHECKS: &[Check] = &joined::<{ sum(&PARTS) }>(&PARTS);

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
mod refuse;
mod sets;
mod values;
mod world;

use crate::check::Check;

const PARTS: [&[Check]; 7] = [
    bundle::CHECKS,
    values::CHECKS,
    paging::CHECKS,
    along::CHECKS,
    refuse::CHECKS,
    change::CHECKS,
    property::CHECKS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut parts: &[&[Check]] = &PARTS;
    while let [first, rest @ ..] = parts {
        count += first.len();
        parts = rest;
    }
    count
};

pub(super) const CHECKS: &[Check] = &joined();

/// The checks of all parts in one list.
#[expect(clippy::indexing_slicing, reason = "evaluated while it is compiled")]
const fn joined() -> [Check; COUNT] {
    let mut all = [bundle::CHECKS[0]; COUNT];
    let (mut part, mut at) = (0, 0);
    while part < PARTS.len() {
        let mut own = 0;
        while own < PARTS[part].len() {
            all[at] = PARTS[part][own];
            at += 1;
            own += 1;
        }
        part += 1;
    }
    all
}

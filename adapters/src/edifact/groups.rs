//! Which segment group a segment belongs to.

use super::maps::Group;
use super::part::Segment;
use crate::{Severity, Why};

/// What a segment does to the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It begins a group.
    Begins(Group),
    /// It is part of the one that is open.
    Within,
}

/// What `segment` does when `group` is open, whose result has, or not yet, what was looked for.
pub(super) fn step(group: Group, segment: &Segment, investigation: Investigation) -> Step {
    let results = matches!(group, Group::Specimen | Group::Result | Group::Range);
    match segment.name.as_str() {
        "S01" => Step::Begins(Group::Party),
        "S02" => Step::Begins(Group::Report),
        "S06" => Step::Begins(Group::Subject),
        "S07" => Step::Begins(Group::Person),
        "S10" => Step::Begins(Group::Clinical),
        "S16" => Step::Begins(Group::Specimen),
        // A range of no result is nobody's.
        "S20" if matches!(group, Group::Result | Group::Range) => Step::Begins(Group::Range),
        name if is_marker(name) => Step::Begins(Group::Unknown),
        "GIS" if results => Step::Begins(Group::Result),
        "INV" if matches!(group, Group::Specimen | Group::Range) => Step::Begins(Group::Result),
        "INV" if group == Group::Result && investigation == Investigation::Named => {
            Step::Begins(Group::Result)
        }
        "UNH" | "UNT" => Step::Begins(Group::Header),
        "BGM" if group == Group::Header => Step::Begins(Group::Message),
        _ => Step::Within,
    }
}

/// Whether the result that is open says what was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Investigation {
    Named,
    Unnamed,
}

/// Whether a segment only marks the beginning of a group, such as `S01`.
pub(super) fn is_marker(name: &str) -> bool {
    name.strip_prefix('S').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A marker repeats its own number, and says nothing else.
pub(super) fn mark(segment: &Segment) {
    match segment.first(1) {
        Some(part) if segment.name.strip_prefix('S') == Some(part.peek()) => part.carry(),
        Some(_) => {}
        None => segment.tell(Why::Missing, Severity::Trivial),
    }
}

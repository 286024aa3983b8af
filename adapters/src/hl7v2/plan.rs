//! Which segments of a message belong together, by the groups of its map.
//!
//! A group begins with one of its segments and lasts until the next begins, or one it is a part of does, or one that
//! its map names earlier beside it. What a segment speaks of are the groups that are open where it stands.

use std::rc::Rc;

use super::concept::Known;
use super::maps::{Begins, MessageMap, Runs};
use super::message::{Message, Segment};
use super::mime;

/// The group that is the whole message.
const WHOLE: usize = 0;

/// Where the segments of a message stand.
#[derive(Debug)]
pub(super) struct Plan {
    /// By segment; none for one that says nothing.
    placed: Vec<Option<Placed>>,
    /// By group.
    instances: Vec<Vec<Instance>>,
}

/// The groups that are open somewhere, by their number among their kind.
pub(super) type Open = Rc<[Option<u32>]>;

/// Where one segment stands.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) open: Open,
    /// The group that began last.
    pub(super) near: usize,
    /// The segment that this one is a further line of.
    pub(super) run: Option<usize>,
}

/// One group of a message.
#[derive(Debug)]
pub(super) struct Instance {
    /// What is open in it; itself too.
    pub(super) open: Open,
    /// The segment that began it.
    pub(super) opener: usize,
}

/// The state while the segments are read.
struct Reading<'r> {
    map: &'r MessageMap,
    open: Vec<Option<u32>>,
    /// How far each open group has come among the segments that begin it.
    stages: Vec<usize>,
    near: usize,
    instances: Vec<Vec<Instance>>,
}

impl Plan {
    /// Places the segments of `message`.
    pub(super) fn of(message: &Message<'_>, map: &MessageMap, known: Known<'_>) -> Self {
        let mut open = vec![None; map.groups.len()];
        if let Some(whole) = open.get_mut(WHOLE) {
            *whole = Some(0);
        }
        let mut instances: Vec<Vec<Instance>> = map.groups.iter().map(|_| Vec::new()).collect();
        let mut shared: Open = open.as_slice().into();
        if let Some(whole) = instances.get_mut(WHOLE) {
            whole.push(Instance { open: Rc::clone(&shared), opener: 0 });
        }
        let stages = vec![0; map.groups.len()];
        let mut reading = Reading { map, open, stages, near: WHOLE, instances };
        let mut placed = Vec::with_capacity(message.segments.len());
        let mut previous: Option<(&Segment<'_>, usize)> = None;
        let mut skipping: &[String] = &[];
        for segment in &message.segments {
            let skip = map
                .skips
                .iter()
                .find(|skip| skip.name == segment.name && skip.condition.met(message, segment, known));
            if let Some(skip) = skip {
                skipping = &skip.with;
            } else if !skipping.iter().any(|name| name == segment.name) {
                skipping = &[];
            }
            if skip.is_some() || !skipping.is_empty() {
                placed.push(None);
                continue;
            }
            let begins = map.groups.iter().enumerate().find_map(|(number, group)| {
                let stage = group.starts.iter().position(|start| start == segment.name)?;
                let met = group.only_if.as_ref().is_none_or(|only_if| only_if.met(message, segment, known))
                    && (stage > 0
                        || group.before.as_ref().is_none_or(|name| comes_next(message, segment, name)));
                let stage = if group.begins == Begins::Each { 0 } else { stage };
                met.then_some((number, stage, group.runs))
            });
            let run = previous.filter(|(last, _)| {
                matches!(begins, Some((_, _, Runs::Joined))) && follows(message, last, segment)
            });
            let run = run.filter(|(_, first)| {
                message.segments.get(*first).is_some_and(|first| {
                    let data = || mime::begins(message, first) && mime::goes_on(message, segment);
                    says_no_more(message, first, segment) && (!is_data(message, segment) || data())
                })
            });
            if let (Some((group, stage, _)), None) = (begins, run) {
                reading.begin(group, stage, segment.index, &mut shared);
            }
            if begins.is_none() && map.wholes.iter().any(|name| name == segment.name) {
                reading.near = WHOLE;
            }
            let first = run.map(|(_, first)| first);
            previous = Some((segment, first.unwrap_or(segment.index)));
            placed.push(Some(Placed { open: Rc::clone(&shared), near: reading.near, run: first }));
        }
        Self { placed, instances: reading.instances }
    }

    pub(super) fn placed(&self, segment: &Segment<'_>) -> Option<&Placed> {
        self.placed.get(segment.index).and_then(Option::as_ref)
    }

    /// `first` and the further lines of it.
    pub(super) fn run<'a, 'm>(
        &self,
        message: &'a Message<'m>,
        first: &'a Segment<'m>,
    ) -> Vec<&'a Segment<'m>> {
        let rest = message.segments.iter().skip(first.index + 1);
        let of_it = |segment: &&Segment<'_>| {
            self.placed(segment).is_some_and(|placed| placed.run == Some(first.index))
        };
        std::iter::once(first).chain(rest.take_while(of_it)).collect()
    }

    pub(super) fn instances(&self, group: usize) -> &[Instance] {
        self.instances.get(group).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn instance(&self, group: usize, ordinal: u32) -> Option<&Instance> {
        self.instances(group).get(usize::try_from(ordinal).ok()?)
    }
}

impl Reading<'_> {
    /// Begins a group of this kind, unless the present one waits for this segment.
    fn begin(&mut self, group: usize, stage: usize, segment: usize, shared: &mut Open) {
        let waits = self.open.get(group).copied().flatten().is_some()
            && self.stages.get(group).is_some_and(|reached| *reached < stage);
        if let Some(reached) = self.stages.get_mut(group) {
            *reached = stage;
        }
        self.near = group;
        if waits {
            return;
        }
        let parent = self.map.groups.get(group).map_or(WHOLE, |group| group.parent);
        for number in 1..self.map.groups.len() {
            let later =
                number > group && self.map.groups.get(number).is_some_and(|other| other.parent == parent);
            if (later || self.is_in(number, group))
                && let Some(open) = self.open.get_mut(number)
            {
                *open = None;
            }
        }
        // What is in a group that was just closed is closed with it.
        for number in 1..self.map.groups.len() {
            let closed = self.map.groups.get(number).is_some_and(|other| {
                other.parent != WHOLE && other.parent != group && self.open.get(other.parent) == Some(&None)
            });
            if closed
                && number != group
                && let Some(open) = self.open.get_mut(number)
            {
                *open = None;
            }
        }
        let Some(held) = self.instances.get_mut(group) else { return };
        if let (Some(open), Ok(ordinal)) = (self.open.get_mut(group), u32::try_from(held.len())) {
            *open = Some(ordinal);
        }
        *shared = self.open.as_slice().into();
        held.push(Instance { open: Rc::clone(shared), opener: segment });
    }

    /// Whether the group `number` is in `outer`, at any depth.
    fn is_in(&self, number: usize, outer: usize) -> bool {
        let mut number = number;
        while let Some(group) = self.map.groups.get(number).filter(|group| group.parent != WHOLE) {
            if group.parent == outer {
                return true;
            }
            number = group.parent;
        }
        false
    }
}

/// Whether the segment `name` follows `segment`, notes and times aside.
fn comes_next(message: &Message<'_>, segment: &Segment<'_>, name: &str) -> bool {
    let rest = message.segments.get(segment.index + 1..).unwrap_or_default();
    rest.iter().find(|next| !matches!(next.name, "NTE" | "TQ1" | "TQ2")).is_some_and(|next| next.name == name)
}

/// Whether `segment` holds encapsulated data.
fn is_data(message: &Message<'_>, segment: &Segment<'_>) -> bool {
    segment.peek(message, 2).is_some_and(|kind| kind == "ED")
}

/// Whether `segment` says of its line only what `first` says of the first: no other status, time, flag or reporter.
fn says_no_more(message: &Message<'_>, first: &Segment<'_>, segment: &Segment<'_>) -> bool {
    let said = |segment: &Segment<'_>, field| {
        let parts = segment.repetitions_of(message, field).filter_map(|part| part.peek_whole());
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    (LINE + 1..=LAST)
        .filter(|field| segment.says(*field))
        .all(|field| said(segment, field) == said(first, field) || said(segment, field).is_empty())
}

/// The field of a line, and the last that a segment may have by any version.
const LINE: u16 = 5;
const LAST: u16 = 40;

/// Whether `segment` may be a further line of the text in `last`: of one type, code and sub-id.
fn follows(message: &Message<'_>, last: &Segment<'_>, segment: &Segment<'_>) -> bool {
    let whole = |segment: &Segment<'_>, field| {
        segment.repetitions_of(message, field).next().and_then(|part| part.peek_whole()).map(str::to_owned)
    };
    let kind = whole(segment, 2).unwrap_or_default();
    // The lines of encapsulated data are told apart by their sub-ids alone.
    let same: &[u16] = if kind == "ED" { &[2, 3] } else { &[2, 3, 4] };
    segment.index > 0
        && last.index + 1 == segment.index
        && last.name == segment.name
        && matches!(kind.as_str(), "TX" | "FT" | "ED")
        && same.iter().all(|field| whole(last, *field) == whole(segment, *field))
}

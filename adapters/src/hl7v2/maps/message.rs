//! What a message type becomes: `maps/hl7v2/messages.map`.
//!
//! ```text
//! part NAME                            lines that message types share
//! message BUNDLE_TYPE TYPE^TRIGGER ... message types that become the same
//! use PART ...                         the lines of a part
//! group NAME [in GROUP] SEGMENT ... [if CONDITION] [before SEGMENT] [runs] [either]
//!                                      segments that begin a group, in the order in which they stand in it;
//!                                      `before`: when that segment comes next, notes and times aside;
//!                                      `runs`: lines of text under one code are one;
//!                                      `either`: each of the segments begins one of its own
//! resources NAME[=TYPE][@GROUP] ...    one of each in each group, in the order of the Bundle
//! segments NAME ...                    whose maps are applied, in the order in which they win
//! require NAME|NAME ...               one of these is there
//! many NAME ...                        segments that may stand again, whatever their own map says
//! whole NAME ...                       segments that stand in the message as a whole, after the groups before them
//! skip SEGMENT CONDITION [with SEGMENT ...]
//!                                      such a segment says nothing, nor do these that follow it
//! document SEGMENT                     the segment that holds document content
//! link ELEMENT NAME [on TRIGGERS] [if CONDITION] [unless CONDITION] [alone] [key=value]
//!                                      a reference between resources of one group or of groups in each other;
//!                                      the conditions are about the segment that began the group of NAME;
//!                                      `alone`: also beside each other, when there is one only
//! gather ELEMENT FIELD                 the first of those whose segments say the same here refers to the others of one outer group
//! late SEGMENT ...                     of such segments of a group those count that stand last together
//! spread ELEMENT NAME                  what stands under NAME holds for each element of the list
//! copy ELEMENT ELEMENT                 when the first is free
//! each ELEMENT NAME|NAME ... VALUE     of the elements of a list, the first of the names in each that has none of them
//! set ELEMENT VALUE [on TRIGGERS]      whatever the message says
//! default ELEMENT VALUE [on TRIGGERS] [with ELEMENT] [without ELEMENT=VALUE]
//!                                      when no field gave it; `with`: only beside that element; `without`: not
//!                                      where that element has this value
//! ```

use super::condition::Condition;
use super::segment::{Fixed, On, Target};
use crate::tree::Step;

/// What message types become.
#[derive(Debug, Default)]
pub(in crate::hl7v2) struct MessageMap {
    /// Message code and trigger, such as `ADT^A03`; none for a part.
    pub(in crate::hl7v2) names: Vec<String>,
    /// The name of a part.
    pub(super) part: Option<String>,
    /// `Bundle.type`.
    pub(in crate::hl7v2) bundle: String,
    /// The groups; the first is the whole message.
    pub(in crate::hl7v2) groups: Vec<Group>,
    /// The resources, in the order of the Bundle.
    pub(in crate::hl7v2) resources: Vec<Named>,
    /// Segments in the order in which their maps are applied.
    pub(in crate::hl7v2) segments: Vec<String>,
    /// Segments that must be there.
    pub(in crate::hl7v2) required: Vec<String>,
    /// Segments that may stand more than once.
    pub(in crate::hl7v2) many: Vec<String>,
    /// Segments that stand in no group.
    pub(in crate::hl7v2) wholes: Vec<String>,
    /// Segments that say nothing under a condition.
    pub(in crate::hl7v2) skips: Vec<Skip>,
    /// The segment that holds document content, if any.
    pub(in crate::hl7v2) document: Option<String>,
    /// References between resources that both exist.
    pub(in crate::hl7v2) links: Vec<Link>,
    /// References between resources whose segments say the same.
    pub(in crate::hl7v2) gathers: Vec<Gather>,
    /// Segments that say anew what the same said before.
    pub(in crate::hl7v2) late: Vec<String>,
    /// What holds for each element of a list.
    pub(in crate::hl7v2) spreads: Vec<Spread>,
    /// What an element is when no field gave it, and another resource has it.
    pub(in crate::hl7v2) copies: Vec<(Target, Target)>,
    /// What the elements of a list must not lack.
    pub(in crate::hl7v2) eachs: Vec<Each>,
    /// What an element is, whatever the message says.
    pub(in crate::hl7v2) sets: Vec<Preset>,
    /// What an element is when no field gave it.
    pub(in crate::hl7v2) defaults: Vec<Preset>,
}

/// A segment that says nothing.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Skip {
    pub(in crate::hl7v2) name: String,
    pub(in crate::hl7v2) condition: Condition,
    /// Segments that say nothing where they follow it.
    pub(in crate::hl7v2) with: Vec<String>,
}

/// Segments that belong together.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Group {
    pub(in crate::hl7v2) name: String,
    /// The group it is a part of.
    pub(in crate::hl7v2) parent: usize,
    /// The segments that begin one, in their order.
    pub(in crate::hl7v2) starts: Vec<String>,
    pub(in crate::hl7v2) only_if: Option<Condition>,
    /// The segment that follows the first.
    pub(in crate::hl7v2) before: Option<String>,
    /// Lines of text under one code are one.
    pub(in crate::hl7v2) runs: Runs,
    pub(in crate::hl7v2) begins: Begins,
}

/// What the segments that begin a group begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Begins {
    /// One group together.
    Together,
    /// A group each.
    Each,
}

/// Whether lines of text under one code are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Runs {
    Joined,
    Apart,
}

/// A resource that the maps name.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Named {
    pub(in crate::hl7v2) name: String,
    pub(in crate::hl7v2) kind: String,
    /// There is one of it in each of this group.
    pub(in crate::hl7v2) group: usize,
}

/// A reference between two resources.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Link {
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) name: String,
    pub(in crate::hl7v2) on: On,
    pub(in crate::hl7v2) only_if: Option<Condition>,
    pub(in crate::hl7v2) unless: Option<Condition>,
    pub(in crate::hl7v2) reach: Reach,
    pub(in crate::hl7v2) beside: Vec<(Vec<Step>, Fixed)>,
}

/// References from the first resource to the others whose segments say the same in a field.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Gather {
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) field: u16,
}

/// What holds for each element of a list: it is gathered under a name, and then stands in each.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Spread {
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) from: String,
}

/// What each element of a list must not lack: one of some elements, or the first of them is this.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Each {
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) names: Vec<String>,
    pub(in crate::hl7v2) value: Fixed,
}

/// Which resources a link joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Reach {
    /// Those of one group, or of a group and one in it.
    Within,
    /// Also those beside each other, when there is one only.
    Beside,
}

/// A value that an element has.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Preset {
    pub(in crate::hl7v2) target: Target,
    pub(in crate::hl7v2) value: Fixed,
    pub(in crate::hl7v2) on: On,
    /// Only where this element is.
    pub(in crate::hl7v2) with: Option<Vec<Step>>,
    /// Not where this element has this value.
    pub(in crate::hl7v2) without: Option<(Vec<Step>, String)>,
}

impl MessageMap {
    fn new() -> Self {
        let whole = Group {
            name: String::new(),
            parent: 0,
            starts: Vec::new(),
            only_if: None,
            before: None,
            runs: Runs::Apart,
            begins: Begins::Together,
        };
        Self { groups: vec![whole], ..Self::default() }
    }

    /// The number and description of the resource with this name.
    pub(in crate::hl7v2) fn resource(&self, name: &str) -> Option<(usize, &Named)> {
        self.resources.iter().enumerate().find(|(_, held)| held.name == name)
    }

    fn group(&self, name: &str) -> Result<usize, &'static str> {
        self.groups.iter().position(|group| group.name == name).ok_or("a group that is not there")
    }

    /// Takes over the lines of `part`, which has no groups that are there already.
    fn adopt(&mut self, part: &Self) -> Result<(), &'static str> {
        let mut numbers = vec![0];
        for group in part.groups.iter().skip(1) {
            let parent = numbers.get(group.parent).copied().ok_or("a group that is not there")?;
            numbers.push(self.groups.len());
            self.groups.push(Group { parent, ..group.clone() });
        }
        for named in &part.resources {
            let group = numbers.get(named.group).copied().ok_or("a group that is not there")?;
            self.resources.push(Named { group, ..named.clone() });
        }
        self.segments.extend(part.segments.iter().cloned());
        self.required.extend(part.required.iter().cloned());
        self.many.extend(part.many.iter().cloned());
        self.wholes.extend(part.wholes.iter().cloned());
        self.skips.extend(part.skips.iter().cloned());
        self.links.extend(part.links.iter().cloned());
        self.late.extend(part.late.iter().cloned());
        self.spreads.extend(part.spreads.iter().cloned());
        self.gathers.extend(part.gathers.iter().cloned());
        self.copies.extend(part.copies.iter().cloned());
        self.eachs.extend(part.eachs.iter().cloned());
        self.sets.extend(part.sets.iter().cloned());
        self.defaults.extend(part.defaults.iter().cloned());
        Ok(())
    }
}

/// Reads one line.
pub(super) fn read(found: &mut Vec<MessageMap>, words: &[&str]) -> Result<(), &'static str> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match words {
        ["message", bundle, names @ ..] => {
            let bundle = (*bundle).to_owned();
            found.push(MessageMap { names: owned(names), bundle, ..MessageMap::new() });
            return Ok(());
        }
        ["part", name] => {
            found.push(MessageMap { part: Some((*name).to_owned()), ..MessageMap::new() });
            return Ok(());
        }
        _ => {}
    }
    let Some((message, earlier)) = found.split_last_mut() else {
        return Err("a line before the first message");
    };
    match words {
        ["use", names @ ..] => {
            for name in names {
                let part = earlier.iter().find(|part| part.part.as_deref() == Some(*name));
                message.adopt(part.ok_or("a part that is not there")?)?;
            }
        }
        ["group", name, rest @ ..] => {
            let group = Group::read(name, rest, message)?;
            message.groups.push(group);
        }
        ["resources", names @ ..] => {
            for name in names {
                let named = Named::read(name, message)?;
                message.resources.push(named);
            }
        }
        ["segments", names @ ..] => message.segments.extend(owned(names)),
        ["require", names @ ..] => message.required.extend(owned(names)),
        ["many", names @ ..] => message.many.extend(owned(names)),
        ["whole", names @ ..] => message.wholes.extend(owned(names)),
        ["skip", name, condition, rest @ ..] => {
            let with = match rest {
                [] => Vec::new(),
                ["with", names @ ..] => owned(names),
                _ => return Err("not a line of a message"),
            };
            let condition = Condition::read(condition)?;
            message.skips.push(Skip { name: (*name).to_owned(), condition, with });
        }
        ["document", name] => message.document = Some((*name).to_owned()),
        ["link", target, name, rest @ ..] => message.links.push(Link::read(target, name, rest)?),
        ["late", names @ ..] => message.late.extend(owned(names)),
        ["spread", target, from] => {
            message.spreads.push(Spread { target: Target::read(target)?, from: (*from).to_owned() });
        }
        ["gather", target, field] => {
            let field = field.parse().map_err(|_| "not the number of a field")?;
            message.gathers.push(Gather { target: Target::read(target)?, field });
        }
        ["copy", to, from] => message.copies.push((Target::read(to)?, Target::read(from)?)),
        ["each", target, names, value] => {
            let names = names.split('|').map(str::to_owned).collect();
            message.eachs.push(Each { target: Target::read(target)?, names, value: Fixed::read(value)? });
        }
        ["set", target, value, rest @ ..] => message.sets.push(Preset::read(target, value, rest)?),
        ["default", target, value, rest @ ..] => message.defaults.push(Preset::read(target, value, rest)?),
        _ => return Err("not a line of a message"),
    }
    Ok(())
}

impl Group {
    fn read(name: &str, words: &[&str], message: &MessageMap) -> Result<Self, &'static str> {
        let (parent, mut rest) = match words {
            ["in", parent, rest @ ..] => (message.group(parent)?, rest),
            rest => (0, rest),
        };
        let mut group = Self {
            name: name.to_owned(),
            parent,
            starts: Vec::new(),
            only_if: None,
            before: None,
            runs: Runs::Apart,
            begins: Begins::Together,
        };
        loop {
            rest = match rest {
                [] if group.starts.is_empty() => return Err("a group begins with a segment"),
                [] => return Ok(group),
                ["if", condition, more @ ..] => {
                    group.only_if = Some(Condition::read(condition)?);
                    more
                }
                ["before", segment, more @ ..] => {
                    group.before = Some((*segment).to_owned());
                    more
                }
                ["runs", more @ ..] => {
                    group.runs = Runs::Joined;
                    more
                }
                ["either", more @ ..] => {
                    group.begins = Begins::Each;
                    more
                }
                [start, more @ ..] => {
                    group.starts.push((*start).to_owned());
                    more
                }
            };
        }
    }
}

impl Named {
    fn read(text: &str, message: &MessageMap) -> Result<Self, &'static str> {
        let (text, group) = match text.split_once('@') {
            Some((text, group)) => (text, message.group(group)?),
            None => (text, 0),
        };
        let (name, kind) = text.split_once('=').unwrap_or((text, text));
        Ok(Self { name: name.to_owned(), kind: kind.to_owned(), group })
    }
}

impl Link {
    fn read(target: &str, name: &str, words: &[&str]) -> Result<Self, &'static str> {
        let mut link = Self {
            target: Target::read(target)?,
            name: name.to_owned(),
            on: On::default(),
            only_if: None,
            unless: None,
            reach: Reach::Within,
            beside: Vec::new(),
        };
        let mut rest = words;
        loop {
            rest = match rest {
                [] => return Ok(link),
                ["on", triggers, more @ ..] => {
                    link.on = On::read(triggers);
                    more
                }
                ["if", condition, more @ ..] => {
                    link.only_if = Some(Condition::read(condition)?);
                    more
                }
                ["unless", condition, more @ ..] => {
                    link.unless = Some(Condition::read(condition)?);
                    more
                }
                ["alone", more @ ..] => {
                    link.reach = Reach::Beside;
                    more
                }
                [pair, more @ ..] => {
                    let (path, value) = pair.split_once('=').ok_or("not a pair of name and value")?;
                    link.beside.push((Step::path(path).ok_or("a faulty path")?, Fixed::read(value)?));
                    more
                }
            };
        }
    }
}

impl Preset {
    fn read(target: &str, value: &str, words: &[&str]) -> Result<Self, &'static str> {
        let mut preset = Self {
            target: Target::read(target)?,
            value: Fixed::read(value)?,
            on: On::default(),
            with: None,
            without: None,
        };
        let mut rest = words;
        loop {
            rest = match rest {
                [] => return Ok(preset),
                ["on", triggers, more @ ..] => {
                    preset.on = On::read(triggers);
                    more
                }
                ["with", path, more @ ..] => {
                    preset.with = Some(Step::path(path).ok_or("a faulty path")?);
                    more
                }
                ["without", pair, more @ ..] => {
                    let (path, value) = pair.split_once('=').ok_or("not a pair of element and value")?;
                    preset.without = Some((Step::path(path).ok_or("a faulty path")?, value.to_owned()));
                    more
                }
                _ => return Err("not a line of a message"),
            };
        }
    }
}

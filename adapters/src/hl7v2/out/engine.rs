//! Applies the tables to a Bundle.

use std::collections::BTreeMap;

use fhir::json::Node;

use super::Stamp;
use super::map::{
    Conversion, Each, From, Hangs, Line as LineMap, Message, Need, Over, Part, Repeats, Row, Tables, When,
};
use super::profile::Profile;
use super::source::{Frames, Source, Touch};
use super::unsent::Unsent;
use super::wire::{Line, Repetition};
use crate::hl7v2::codes::Codes;
use crate::{Severity, Why};

/// Segments without which there is no message.
const ALWAYS: [&str; 3] = ["MSH", "EVN", "PID"];

/// Where the numbers of segments begin anew.
const RESETS: [(&str, &[&str]); 3] =
    [("OBR", &["OBX", "NTE", "SPM", "TQ1"]), ("OBX", &["NTE"]), ("PID", &["NTE"])];

/// What a message is written from.
pub(super) struct Run<'r, 'b> {
    pub(super) source: &'r Source<'b>,
    pub(super) tables: &'r Tables,
    pub(super) codes: &'r Codes,
    /// Code maps of this direction.
    pub(super) own_codes: &'r Codes,
    pub(super) profile: &'r Profile,
    pub(super) message: &'r Message,
    pub(super) stamp: &'r Stamp,
    /// The identifier systems that a query asked for; all when there are none.
    pub(super) domains: &'r [String],
    pub(super) lines: Vec<Line<'b>>,
    pub(super) counts: BTreeMap<String, u32>,
}

/// Whether a segment was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Yes,
    No,
}

impl<'b> Run<'_, 'b> {
    /// Writes `parts`. What hangs on a segment that is not written is not written either: it would hang on another.
    pub(super) fn parts(&mut self, parts: &[Part], frames: &mut Frames<'b>) -> Result<(), Unsent> {
        let mut head = None;
        for part in parts {
            match part {
                Part::Line(line) => {
                    let written = self.line(line, frames)?;
                    if head != Some(Written::Yes) {
                        head = Some(written);
                    }
                }
                Part::Each(each)
                    if head == Some(Written::No) && !frames.is_empty() && each.hangs == Hangs::On => {}
                Part::Each(each) => self.each(each, frames)?,
            }
        }
        Ok(())
    }

    fn each(&mut self, each: &Each, frames: &mut Frames<'b>) -> Result<(), Unsent> {
        let source = self.source;
        let found: Vec<(String, Node<'b>)> = match &each.over {
            Over::Resources(kind) => {
                let of_kind = source.held.iter().filter(|held| held.kind == *kind);
                let open = of_kind.filter(|held| source.see(held.node) && !source.is_sent(held.node));
                open.map(|held| (kind.clone(), held.node)).collect()
            }
            Over::Targets(path) => {
                let nodes = source.find(path, frames, Touch::Look)?;
                let kind =
                    |node: &Node<'b>| node.member("resourceType").and_then(Node::string).unwrap_or_default();
                let open: Vec<_> = nodes.into_iter().filter(|node| source.see(*node)).collect();
                source.find(path, frames, Touch::Take)?;
                open.into_iter().map(|node| (kind(&node).into_owned(), node)).collect()
            }
            Over::Elements(path) => source
                .find(path, frames, Touch::Take)?
                .into_iter()
                .map(|node| ("@".to_owned(), node))
                .collect(),
        };
        for (name, node) in found {
            frames.push((name, node));
            let done = self.parts(&each.parts, frames);
            frames.pop();
            done?;
        }
        Ok(())
    }

    fn line(&mut self, map: &LineMap, frames: &Frames<'b>) -> Result<Written, Unsent> {
        let name = map.segment.split('/').next().unwrap_or_default();
        let Some(rows) = self.tables.segment(&map.segment).map(|segment| &segment.rows) else {
            return Err(Unsent::Maps);
        };
        if !self.holds(&map.when, frames)? {
            return Ok(Written::No);
        }
        let taken =
            |names: &std::collections::BTreeSet<String>| names.contains(name) || ALWAYS.contains(&name);
        let why = if !map.when.in_version(self.profile.version) {
            Some(Why::VersionLacks)
        } else {
            self.profile.segments.as_ref().filter(|names| !taken(names)).map(|_| Why::LeftOut)
        };
        if let Some(why) = why {
            for row in rows {
                self.dry(row, frames, why)?;
            }
            return Ok(Written::No);
        }
        let mut line = Line::new(name);
        let mut said =
            ALWAYS.contains(&name) || !rows.iter().any(|row| matches!(row.source, From::Element(..)));
        for row in rows {
            said |= self.row(row, &mut line, frames)?;
        }
        if !said {
            return Ok(Written::No);
        }
        let missing = |row: &&Row| row.need == Need::Required && !line.has(row.field);
        if let Some(row) = rows.iter().find(missing) {
            let element = match &row.source {
                From::Element(path, _) => path.element(),
                From::Ordinal | From::Fixed(_) => String::new(),
            };
            return Err(Unsent::Missing { place: element });
        }
        for (_, node) in frames.iter().filter(|(name, _)| name != "@") {
            self.source.send(*node, frames);
        }
        self.tell_apart(&mut line);
        let count = self.counts.entry(name.to_owned()).or_default();
        *count += 1;
        let count = count.to_string();
        for row in rows.iter().filter(|row| matches!(row.source, From::Ordinal)) {
            line.add(row.field, Repetition::fixed(&count));
        }
        for (_, inner) in RESETS.iter().filter(|(outer, _)| *outer == name) {
            self.counts.retain(|name, _| !inner.contains(&name.as_str()));
        }
        self.lines.push(line);
        Ok(Written::Yes)
    }

    /// Gives an observation a sub-id when the one before it has the same code: they are not lines of one text.
    fn tell_apart(&self, line: &mut Line<'b>) {
        let code = |line: &Line<'b>| {
            let held = line.fields.iter().find(|(field, _)| *field == 3)?;
            held.1.first().map(|code| code.components.clone())
        };
        let before = self.lines.iter().rev().find(|before| before.name != "NTE");
        if line.name == "OBX"
            && !line.has(4)
            && before.is_some_and(|before| before.name == "OBX" && code(before) == code(line))
        {
            let count = self.counts.get("OBX").copied().unwrap_or_default() + 1;
            line.add(4, Repetition::fixed(&count.to_string()));
        }
    }

    fn holds(&self, when: &When, frames: &Frames<'b>) -> Result<bool, Unsent> {
        if !when.triggers.is_empty() && !when.triggers.contains(&self.message.trigger) {
            return Ok(false);
        }
        let any = |paths: &[super::path::Path]| -> Result<bool, Unsent> {
            for path in paths {
                if !self.source.find(path, frames, Touch::Look)?.is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok((when.only_if.is_empty() || any(&when.only_if)?) && !any(&when.unless)?)
    }

    /// Notes why what `row` would carry is not carried.
    fn dry(&self, row: &Row, frames: &Frames<'b>, why: Why) -> Result<(), Unsent> {
        if let From::Element(path, _) = &row.source {
            for node in self.source.find(path, frames, Touch::Look)? {
                self.source.skip(node, why);
            }
        }
        Ok(())
    }

    /// Writes a field; whether it says something of the Bundle.
    fn row(&self, row: &Row, line: &mut Line<'b>, frames: &Frames<'b>) -> Result<bool, Unsent> {
        let (path, conversion) = match &row.source {
            From::Ordinal => return Ok(false),
            From::Fixed(text) => {
                if self.holds(&row.when, frames)?
                    && row.when.in_version(self.profile.version)
                    && !line.has(row.field)
                {
                    let mut fixed = Repetition::fixed("");
                    for (component, text) in (1..).zip(text.split('^')) {
                        fixed.put(component, self.stamp.fixed(text, &self.message.trigger));
                    }
                    line.add(row.field, fixed);
                }
                return Ok(false);
            }
            From::Element(path, conversion) => (path, conversion),
        };
        if !self.holds(&row.when, frames)? {
            return Ok(false);
        }
        let taken = match row.component {
            Some(component) => line.has_component(row.field, component),
            None => row.repeats == Repeats::Once && line.has(row.field),
        };
        if taken {
            return self.again(path, conversion, row.field, line, frames);
        }
        let omitted = self.profile.omit.contains(&(line.name.clone(), row.field));
        if omitted || !row.when.in_version(self.profile.version) {
            self.dry(row, frames, if omitted { Why::LeftOut } else { Why::VersionLacks })?;
            return Ok(false);
        }
        if self.hides(row, path, frames)? {
            return Ok(false);
        }
        let mut said = false;
        for node in self.source.find(path, frames, Touch::Take)? {
            if *conversion == Conversion::Value {
                said |= self.value(node, line)?;
            } else if *conversion == Conversion::Attachment {
                said |= self.attachment(node, line);
            } else if *conversion == Conversion::Narrative {
                said |= self.narrative(node, line);
            }
            // One row of many said this element already.
            if self.source.is_carried(node)
                && row.repeats == Repeats::Many
                && !matches!(conversion, Conversion::Person)
            {
                continue;
            }
            let Some(repetition) = self.convert(node, conversion)? else { continue };
            said = true;
            match row.component {
                Some(component) => line.add_component(row.field, component, repetition),
                None => line.add(row.field, repetition),
            }
            if row.repeats == Repeats::Once {
                break;
            }
        }
        Ok(said)
    }

    /// Whether `row` would say where somebody is whose whereabouts are protected; that is told. The mark of protection stands in
    /// another segment, and few look there.
    fn hides(&self, row: &Row, path: &super::path::Path, frames: &Frames<'b>) -> Result<bool, Unsent> {
        if self.source.hides_nothing() || !row.is_place() {
            return Ok(false);
        }
        let found = self.source.find(path, frames, Touch::Look)?;
        let hidden = found.into_iter().filter(|place| self.source.hides(*place));
        Ok(hidden.inspect(|place| self.source.remark(*place, Why::Protected, Severity::Major)).count() > 0)
    }

    /// What another element says of a field that is there: when it is the same, it is carried too.
    fn again(
        &self,
        path: &super::path::Path,
        conversion: &Conversion,
        field: u16,
        line: &Line<'b>,
        frames: &Frames<'b>,
    ) -> Result<bool, Unsent> {
        for node in self.source.find(path, frames, Touch::Look)? {
            let same = |repetition: &Repetition<'b>| {
                let held = line.fields.iter().find(|(held, _)| *held == field);
                held.is_some_and(|(_, held)| held.iter().any(|held| held.components == repetition.components))
            };
            let said = self.source.attempt(|| {
                self.convert(node, conversion).ok().flatten().filter(|repetition| same(repetition))
            });
            if said.is_some() {
                // On the way to it references were followed.
                self.source.find(path, frames, Touch::Take)?;
            }
        }
        Ok(false)
    }
}

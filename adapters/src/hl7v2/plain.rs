//! The conversions that need the field alone.

use super::codes::local_system;
use super::concept::Known;
use super::maps::Plain;
use super::message::Part;
use super::moment::Moment;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

impl Known<'_> {
    /// The conversions that need the field alone.
    pub(super) fn plain(&self, conversion: &Plain, part: Part<'_, '_>) -> Option<Node> {
        match conversion {
            Plain::Text => part.words().map(Node::Text),
            Plain::FullName => {
                let said =
                    [5, 2, 3, 1, 4].into_iter().filter_map(|component| part.component(component).text());
                let name = said.collect::<Vec<_>>().join(" ");
                (!name.is_empty()).then_some(Node::Text(name))
            }
            Plain::Whole => part.said_whole().map(Node::Text),
            Plain::Date => self.moment(part).map(|moment| Node::text(moment.date())),
            Plain::DateTime => self.date_time(part),
            Plain::Instant => {
                // An instant has a time of day; a date alone has no place here.
                part.peek().filter(|text| text.len() > 8)?;
                self.moment(part).filter(Moment::has_time).map(|moment| Node::Text(moment.date_time()))
            }
            Plain::Boolean(map) => {
                let value = part.peek().and_then(|code| self.codes.find(map, &code, self.context))?;
                part.text();
                Some(Node::Bare(value.code.to_owned()))
            }
            Plain::Integer | Plain::Positive => {
                let least = i32::from(*conversion == Plain::Positive);
                let written = part.peek()?;
                let value = written.parse::<i32>().ok().filter(|value| *value >= least);
                if value.is_none() {
                    part.remark(Why::NotOfType, Severity::Minor);
                }
                value.inspect(|_| drop(part.text())).map(|value| Node::Bare(value.to_string()))
            }
            Plain::Decimal => self.decimal(part).map(Node::Bare),
            Plain::Range => self.range(part),
            Plain::Code(map) => self.code(part, map),
            Plain::Coding(map) => self.coding(part, map),
            Plain::Concept(map) => self.concept(part, map),
            Plain::SubConcept(map) => self.subconcept(part, map),
            Plain::Label(map) => self.label(part, map),
            Plain::Display(map) => {
                let found = self
                    .codes
                    .find(map, &part.peek()?, self.context)
                    .filter(|found| !found.display.is_empty())?;
                Some(Node::text(found.display))
            }
            Plain::Language => self.code(part, "languages"),
            Plain::Event => event(part),
            Plain::Entity => self.entity(part),
            Plain::SubEntity => self.subentity(part),
            Plain::Licence => {
                self.of_person_or_organization(part.component(1), part.component(3), part.component(2))
            }
            Plain::Timing => self.timing(part),
            Plain::AsNeeded => self.as_needed(part),
            Plain::Time => self.time(part).map(|(_, time)| time),
            Plain::Span(units) => self.span(part, units),
            Plain::SpanUnit(units) => self.span_unit(part, units),
            Plain::Duration => self.duration(part),
            Plain::SubId => self.sub_id(part),
            Plain::Universal => self.universal(part),
            Plain::SourceUri => part.text().map(|name| Node::Text(local_system(&name))),
            Plain::Name => self.name(part, 1),
            Plain::Address => self.address(part),
            Plain::Telecom(used) => self.telecom(part, used),
        }
    }
}

/// MSH-9 as the code of an event.
fn event(part: Part<'_, '_>) -> Option<Node> {
    let trigger = part.component(2).text()?;
    let names: Vec<String> =
        [1, 2, 3].into_iter().filter_map(|component| part.component(component).text()).collect();
    let coding = Object::new()
        .with("system", Node::text("http://terminology.hl7.org/CodeSystem/v2-0003"))
        .with("code", Node::Text(trigger))
        .with("display", Node::Text(names.join("^")));
    Some(coding.into())
}

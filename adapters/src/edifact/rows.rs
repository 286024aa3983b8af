//! Carries out the rows of the tables: what a component becomes, and where it is put.

use super::convert::{joined, lines};
use super::maps::{Aside, Conversion, Group, Plain, Row, Says};
use super::part::{Part, Segment};
use super::report::{Kind, Report};
use super::result;
use crate::assembly::Number;
use crate::hl7v2::codes::local_system;
use crate::hl7v2::moment;
use crate::tree::{Index, Node, Object, Step};
use crate::{Severity, Why};

/// The element of QTY with the unit of its amount.
const AMOUNT_UNIT: u16 = 2;

impl<'m> Report<'m> {
    /// What a component says about the message, without an element of its own.
    pub(super) fn aside<'s: 'm>(&mut self, row: &Row, aside: &Aside, segment: &'s Segment) {
        let Some(part) = segment.part(row.element, row.component) else {
            if matches!(aside, Aside::Expect(_)) {
                segment.tell(Why::Missing, Severity::Trivial);
            }
            return;
        };
        match aside {
            Aside::Taken => part.carry(),
            Aside::Expect(usual) if usual == part.peek() => part.carry(),
            Aside::Expect(_) => part.tell(Why::CodeNotMapped, Severity::Major),
            Aside::Sequence => {
                let of_specimen = self.group == Group::Specimen;
                let (kind, number) =
                    if of_specimen { (Kind::Specimen, self.specimen) } else { (Kind::Result, self.result) };
                // It says nothing until something refers to it.
                self.numbered.extend(number.map(|number| (kind, part, number)));
            }
            Aside::OfSpecimen => {
                self.belongs.extend(self.result.map(|result| (Kind::Specimen, part, result)));
            }
            Aside::OfResult => {
                self.belongs.extend(self.result.map(|result| (Kind::Result, part, result)));
            }
            Aside::Sent => self.sent = self.sent(segment),
            Aside::Issued => self.timestamp = self.instant(segment, row.element),
        }
    }

    /// Puts what `segment` says at `path` of a resource.
    pub(super) fn place(&mut self, row: &Row, segment: &Segment, number: Number, path: &[Step]) {
        let known = self.known;
        let element = match &row.conversion {
            Conversion::Aside(_) => None,
            Conversion::Says(says) => self.assembly.object(number).and_then(|observation| match says {
                Says::Number => result::numeric(segment, observation, known),
                Says::Code => result::coded(segment, observation, known),
                Says::Text => result::text(segment.element(row.element), observation),
                Says::Otherwise => result::as_text(segment, observation),
            }),
            Conversion::Lines => self.lines(row, segment, number, path),
            Conversion::Limit => self.limit(row, segment, number, path),
            Conversion::Plain(plain) => {
                let value = self.convert(row, plain, segment);
                value.and_then(|value| self.value(row, segment, number, path, value))
            }
        };
        if let Some(element) = element {
            self.assembly.comes_from(number, element, segment.element_place(row.element));
            if row.group == Group::Range {
                self.fresh = false;
            }
        }
    }

    /// Further lines of a text, or its first.
    fn lines<'p>(
        &mut self,
        row: &Row,
        segment: &Segment,
        number: Number,
        path: &'p [Step],
    ) -> Option<&'p str> {
        let text = lines(segment.element(row.element))?;
        let path_now = self.resolved(path);
        let added = !self.fresh
            && self.assembly.object(number).is_some_and(|object| object.add_line(&path_now, &text));
        if added || self.put(number, &path_now, Node::Text(text)) { first(path) } else { None }
    }

    fn limit<'p>(
        &mut self,
        row: &Row,
        segment: &Segment,
        number: Number,
        path: &'p [Step],
    ) -> Option<&'p str> {
        match result::limit(segment, row.element, self.known)? {
            Ok(quantity) => self.value(row, segment, number, path, quantity.into()),
            Err(text) => {
                let mut beside = self.resolved(path);
                beside.pop();
                beside.push(Step { name: "text".into(), index: Index::One });
                let fresh = self.fresh;
                let added = self
                    .assembly
                    .object(number)
                    .is_some_and(|object| !fresh && object.add_line(&beside, &text));
                if added || self.put(number, &beside, Node::Text(text)) { first(path) } else { None }
            }
        }
    }

    /// Sets one value where nothing stands; gives the element of the resource that it went to.
    fn value<'p>(
        &mut self,
        row: &Row,
        segment: &Segment,
        number: Number,
        path: &'p [Step],
        value: Node,
    ) -> Option<&'p str> {
        let path_now = self.resolved(path);
        let held = self.assembly.look(number);
        let taken = held.is_some_and(|object| object.has(&path_now) || object.has_choice(&path_now));
        if taken || !self.put(number, &path_now, value) {
            // The unit of an amount went with it.
            let unit = match row.conversion {
                Conversion::Plain(Plain::Amount) => segment.element(AMOUNT_UNIT),
                Conversion::Plain(_)
                | Conversion::Aside(_)
                | Conversion::Says(_)
                | Conversion::Lines
                | Conversion::Limit => &[],
            };
            let parts = segment.element(row.element).iter().chain(unit);
            for part in parts.filter(|part| !part.peek().is_empty()) {
                part.tell(Why::PlaceTaken, Severity::Major);
            }
            return None;
        }
        first(path)
    }

    fn convert(&self, row: &Row, plain: &Plain, segment: &Segment) -> Option<Node> {
        let known = self.known;
        let part = segment.part(row.element, row.component);
        match plain {
            Plain::Text => part?.take().map(Node::text),
            Plain::TextLines => lines(segment.element(row.element)).map(Node::Text),
            Plain::Code(map) => match part {
                Some(part) => known.code(map, part),
                None => {
                    segment.tell(Why::Missing, Severity::Minor);
                    None
                }
            },
            Plain::Document => {
                let mut concept = known.coded("documents", part?, Severity::Minor);
                if let Some(text) = joined(segment.element(row.element).get(3..).unwrap_or_default()) {
                    concept.put("text", Node::Text(text));
                }
                Some(concept.into())
            }
            Plain::Instant => Some(Node::Text(self.instant(segment, row.element)?)),
            Plain::DateTime => Some(Node::Text(known.moment(segment, row.element)?.date_time())),
            Plain::Date => {
                let moment = known.moment(segment, row.element)?;
                if moment.has_time()
                    && let Some(value) = segment.part(row.element, 2)
                {
                    value.tell(Why::Narrowed, Severity::Minor);
                }
                Some(Node::text(moment.date()))
            }
            Plain::Address => self.address(segment, row.element),
            Plain::PersonId => self.person(segment, row.element),
            Plain::Name => result::name(segment, row.element).map(Node::from),
            Plain::Concept => known.concept(segment.element(row.element)).map(Node::from),
            Plain::Fasting => Some(known.coded("fasting", part?, Severity::Minor).into()),
            Plain::Flag => Some(known.coded("flags", part?, Severity::Major).into()),
            Plain::Amount => {
                let Some(quantity) = known.quantity(part?, segment.element(AMOUNT_UNIT)) else {
                    part?.tell(Why::NotOfType, Severity::Minor);
                    return None;
                };
                Some(quantity.into())
            }
            Plain::Endpoint => part?.take().map(|text| Node::Text(local_system(text))),
            Plain::Test => {
                let part = part?;
                if part.peek() != "1" {
                    return None;
                }
                part.carry();
                let tag = Object::new()
                    .with("system", Node::text("http://terminology.hl7.org/CodeSystem/v3-ActReason"))
                    .with("code", Node::text("HTEST"))
                    .with("display", Node::text("test health data"));
                Some(tag.into())
            }
        }
    }

    pub(super) fn instant(&self, segment: &Segment, element: u16) -> Option<String> {
        let moment = self.known.moment(segment, element)?;
        if !moment.has_time() {
            // An instant has a time of day, and none is made up.
            segment.part(element, 2)?.tell(Why::NotATime, Severity::Major);
            return None;
        }
        Some(moment.date_time())
    }

    /// When the interchange was put together. Two digits of a year from 70 on are of the last century.
    fn sent(&self, segment: &Segment) -> Option<String> {
        let (date, time) = (segment.part(4, 1)?, segment.part(4, 2)?);
        let century = match date.peek().len() {
            8 => "",
            _ if date.peek() < "70" => "20",
            _ => "19",
        };
        match moment::parse(&format!("{century}{}{}", date.peek(), time.peek()), &self.known.context.zone) {
            Ok(moment) if moment.has_time() => {
                date.carry();
                time.carry();
                Some(moment.date_time())
            }
            Ok(_) | Err(_) => {
                time.carry();
                date.tell(Why::NotATime, Severity::Trivial);
                None
            }
        }
    }

    /// Unstructured lines of an address.
    fn address(&self, segment: &Segment, element: u16) -> Option<Node> {
        let parts = segment.element(element);
        match parts.first() {
            Some(kind) if kind.peek() == "US" => kind.carry(),
            Some(kind) if kind.peek().is_empty() => segment.tell(Why::Missing, Severity::Trivial),
            Some(kind) => kind.tell(Why::CodeNotMapped, Severity::Minor),
            None => {}
        }
        let lines: Vec<Node> = parts.iter().skip(1).filter_map(Part::take).map(Node::text).collect();
        (!lines.is_empty()).then_some(Node::List(lines))
    }

    /// The number of the person; as an NHS number only when it is called one and its check digit holds.
    fn person(&self, segment: &Segment, element: u16) -> Option<Node> {
        let value = segment.part(element, 1)?;
        let kind = segment.part(element, 2);
        let official = kind.is_some_and(|kind| kind.peek() == "OPI");
        let digits: String = value.peek().chars().filter(|letter| *letter != ' ').collect();
        let mut identifier = Object::new();
        match fhir::nhs_number::NhsNumber::parse(&digits) {
            Ok(number) if official => {
                kind.into_iter().for_each(Part::carry);
                identifier.put("system", Node::text(fhir::identifier::NHS_NUMBER));
                identifier.put("value", Node::text(number.as_str()));
                value.carry();
            }
            Ok(_) | Err(_) => {
                identifier.put("value", Node::text(value.peek()));
                value.carry();
                if official {
                    kind.into_iter().for_each(Part::carry);
                    value.tell(Why::NotAnNhsNumber, Severity::Major);
                }
            }
        }
        Some(identifier.into())
    }

    /// A path in which the list of the present group is opened, or is the last.
    fn resolved(&self, path: &[Step]) -> Vec<Step> {
        let index = if self.fresh { Index::New } else { Index::Last };
        let resolve = |step: &Step| match step.index {
            Index::Segment => Step { name: step.name.clone(), index },
            Index::One | Index::New | Index::First | Index::Last => step.clone(),
        };
        path.iter().map(resolve).collect()
    }

    fn put(&mut self, number: Number, path: &[Step], value: Node) -> bool {
        self.assembly.object(number).is_some_and(|object| object.set(path, value))
    }
}

/// The element of the resource that a path leads into.
fn first(path: &[Step]) -> Option<&str> {
    path.first().map(|step| step.name.as_str())
}

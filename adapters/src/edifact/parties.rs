//! Who asked, who answers, and for whom the message is: the groups that begin with `S01`.

use super::convert::{Known, joined};
use super::part::{Part, Segment};
use crate::assembly::{Assembly, Number};
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// The segments of one `S01` group.
#[derive(Debug, Default)]
pub(super) struct Party<'m> {
    segments: Vec<&'m Segment>,
}

/// What a party does, by the qualifier of NAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part1 {
    Requester,
    Recipient,
    Provider,
}

/// What a party is, by SPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Professional,
    Organisation,
    Department,
}

/// The resources that the parties became.
#[derive(Debug, Default)]
pub(super) struct Parties {
    requesters: Side,
    recipients: Side,
    providers: Side,
}

#[derive(Debug, Default)]
struct Side {
    people: Vec<Number>,
    organisations: Vec<Number>,
    departments: Vec<Number>,
    place: String,
}

impl<'m> Party<'m> {
    pub(super) fn add(&mut self, segment: &'m Segment) {
        self.segments.push(segment);
    }

    /// Makes the resource of the party. What it is must be said: by SPR, or by the list its code is of.
    pub(super) fn settle(self, known: Known<'_>, assembly: &mut Assembly<'_>, parties: &mut Parties) {
        let named = |name: &str| self.segments.iter().copied().find(|segment| segment.name == name);
        let Some(name) = named("NAD") else { return };
        let side = match name.qualifier() {
            "PO" => Part1::Requester,
            "MR" => Part1::Recipient,
            "SLA" => Part1::Provider,
            _ => return,
        };
        let said = named("SPR").and_then(|segment| segment.first(1));
        let kind = match said.map(Part::peek) {
            Some("PRO") => Kind::Professional,
            Some("ORG") => Kind::Organisation,
            Some("DPT") => Kind::Department,
            Some(_) | None => match name.part(2, 2).map(Part::peek) {
                Some("900" | "902") => Kind::Professional,
                Some("901" | "903") => Kind::Organisation,
                Some(_) | None => {
                    name.tell(Why::ConditionUnmet, Severity::Major);
                    return;
                }
            },
        };
        match said {
            Some(part) if matches!(part.peek(), "PRO" | "ORG" | "DPT") => part.carry(),
            Some(part) => part.tell(Why::CodeNotMapped, Severity::Minor),
            None => name.tell(Why::Missing, Severity::Trivial),
        }
        name.first(1).into_iter().for_each(Part::carry);
        let object = described(name, named("RFF"), kind, known);
        if object.is_empty() {
            name.tell(Why::Missing, Severity::Major);
            return;
        }
        let type_of = if kind == Kind::Professional { "Practitioner" } else { "Organization" };
        let number = assembly.share(type_of, &name.place(), object);
        assembly.comes_from(number, "", name.place());
        parties.side(side).add(kind, number, name);
    }
}

/// Name and identifiers.
fn described(name: &Segment, reference: Option<&Segment>, kind: Kind, known: Known<'_>) -> Object {
    let mut object = Object::new();
    if let Some(code) = name.part(2, 1).and_then(Part::take) {
        let mut identifier = Object::new();
        if let Some(list) = name.part(2, 2) {
            list.carry();
            identifier.put("system", known.system("party-lists", list));
        }
        identifier.put("value", Node::text(code));
        object.push("identifier", identifier.into());
    }
    // What the parties agreed to call each other; some write that it is not known.
    if let Some(agreed) = reference.filter(|segment| segment.qualifier() == "AHI")
        && let Some(part) = agreed.part(1, 2)
    {
        agreed.first(1).into_iter().for_each(Part::carry);
        if part.peek() == "UNKNOWN" {
            part.tell(Why::Nulled, Severity::Trivial);
        } else if let Some(value) = part.take() {
            object.push("identifier", Object::new().with("value", Node::text(value)).into());
        }
    }
    if let Some(text) = joined(name.element(4)) {
        match kind {
            Kind::Professional => {
                object.push("name", Object::new().with("text", Node::Text(text)).into());
            }
            Kind::Organisation | Kind::Department => object.put("name", Node::Text(text)),
        }
    }
    if kind == Kind::Department && !object.is_empty() {
        let coding = Object::new()
            .with("system", Node::text("http://terminology.hl7.org/CodeSystem/organization-type"))
            .with("code", Node::text("dept"))
            .with("display", Node::text("Hospital Department"));
        let concept = Object::new().with("coding", Node::List(vec![coding.into()]));
        object.push("type", concept.into());
    }
    object
}

impl Parties {
    fn side(&mut self, side: Part1) -> &mut Side {
        match side {
            Part1::Requester => &mut self.requesters,
            Part1::Recipient => &mut self.recipients,
            Part1::Provider => &mut self.providers,
        }
    }

    /// Who asked.
    pub(super) fn requester(&self, assembly: &mut Assembly<'_>) -> Option<Number> {
        self.requesters.one(assembly)
    }

    /// For whom the message is.
    pub(super) fn recipient(&self, assembly: &mut Assembly<'_>) -> Option<Number> {
        self.recipients.one(assembly)
    }

    /// The organisation that sends the report.
    pub(super) fn sender(&self) -> Option<Number> {
        self.providers.organisations.first().copied()
    }

    /// Who did the investigation: departments of the organisation, or itself.
    pub(super) fn performers(&self, assembly: &mut Assembly<'_>) -> Vec<Number> {
        if let [organisation] = self.providers.organisations.as_slice() {
            let whole = assembly.reference(*organisation);
            for department in &self.providers.departments {
                if let Some(held) = assembly.object(*department) {
                    held.put("partOf", whole.clone());
                }
            }
        }
        let mut performers = self.providers.departments.clone();
        performers.extend(&self.providers.organisations);
        performers
    }

    /// The people who speak for the report.
    pub(super) fn interpreters(&self) -> &[Number] {
        &self.providers.people
    }
}

impl Side {
    fn add(&mut self, kind: Kind, number: Number, name: &Segment) {
        let list = match kind {
            Kind::Professional => &mut self.people,
            Kind::Organisation => &mut self.organisations,
            Kind::Department => &mut self.departments,
        };
        if !list.contains(&number) {
            list.push(number);
        }
        if self.place.is_empty() {
            self.place = name.place();
        }
    }

    /// The one person, at the organisation if there is one; else the organisation.
    fn one(&self, assembly: &mut Assembly<'_>) -> Option<Number> {
        let organisation = self.organisations.first().or_else(|| self.departments.first()).copied();
        let Some(person) = self.people.first().copied() else { return organisation };
        let Some(organisation) = organisation else { return Some(person) };
        let role = Object::new()
            .with("practitioner", assembly.reference(person))
            .with("organization", assembly.reference(organisation));
        let number = assembly.share("PractitionerRole", &self.place, role);
        assembly.comes_from(number, "", self.place.clone());
        Some(number)
    }
}

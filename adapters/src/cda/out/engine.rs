//! Applies the rules of the tables to elements of the Bundle.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use fhir::json::Node;
use fhir::security_label::Confidentiality;

use super::labels::Labels;
use super::maps::Maps;
use super::profile::{Flavour, Profile};
use super::source::{Source, absence};
use super::table::{Condition, Conversion, Opens, Row, Rule, Step, Target, When};
use super::unwritten::Unwritten;
use super::xml::{Element, Item};
use crate::hl7v2::out::path::{Path, Step as PathStep};
use crate::{Severity, Why};

/// The most elements of a document.
const ELEMENTS_MAX: usize = 250_000;
/// The most statements inside one another.
const DEPTH_MAX: usize = 24;

/// What a document is written from.
pub(super) struct Run<'r, 'b> {
    pub(super) source: &'r Source<'b>,
    pub(super) maps: &'r Maps,
    pub(super) profile: &'r Profile,
    /// Who the document is about.
    pub(super) patient: Node<'b>,
    /// The id of a document that has none of its own.
    pub(super) own_id: &'r str,
    /// How confidential the document says of itself that it is: that is not said of each part again.
    pub(super) own_degree: Option<Confidentiality>,
    /// Resources whose statements are being written.
    pub(super) open: RefCell<Vec<usize>>,
    pub(super) elements: Cell<usize>,
    /// The labels of what is in the present entry.
    pub(super) gathered: RefCell<Labels>,
    /// Ids of the narrative that are taken.
    pub(super) ids: RefCell<HashSet<String>>,
}

/// Whether something of the Bundle was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Something,
    Nothing,
}

impl<'b> Run<'_, 'b> {
    /// Counts an element; a Bundle whose parts refer to each other may stand for more than can be written.
    pub(super) fn count(&self) -> Result<(), Unwritten> {
        self.elements.set(self.elements.get() + 1);
        if self.elements.get() > ELEMENTS_MAX {
            return Err(Unwritten::TooLarge { max: ELEMENTS_MAX, unit: "elements" });
        }
        Ok(())
    }

    /// Applies the rule `name` to `node`, into `element`.
    pub(super) fn rule(&self, name: &str, node: Node<'b>, element: &mut Element) -> Result<Told, Unwritten> {
        let kind = node.member("resourceType").and_then(Node::string);
        let kind = kind.as_deref().unwrap_or("Reference");
        match self.maps.tables.rule(name, kind) {
            Some(rule) => self.rows(rule, node, element),
            None => Ok(Told::Nothing),
        }
    }

    fn rows(&self, rule: &Rule, node: Node<'b>, element: &mut Element) -> Result<Told, Unwritten> {
        let mut told = Told::Nothing;
        let before = self.source.marks();
        for row in &rule.rows {
            if !self.holds(&row.when, node) {
                continue;
            }
            match &row.from {
                None if is_there(element, &row.target) => {}
                None => self.state(row, element)?,
                Some(path) => {
                    if self.found(path, row, node, element)? == Told::Something {
                        told = Told::Something;
                    }
                }
            }
        }
        if rule.needs.as_deref().is_some_and(|child| element.child(child).is_none()) {
            self.source.unmark(before);
            return Ok(Told::Nothing);
        }
        if self.profile.flavour == Flavour::Ccda {
            for template in rule.templates.iter().filter(|template| self.holds(&template.when, node)) {
                let made = Element::new("templateId").with("root", template.root.as_str());
                element.add(match &template.extension {
                    Some(extension) => made.with("extension", extension.as_str()),
                    None => made,
                });
            }
        }
        Ok(told)
    }

    /// Sets what the table states.
    fn state(&self, row: &Row, element: &mut Element) -> Result<(), Unwritten> {
        let value = if let Conversion::Constant(text) = &row.conversion {
            Element::value().saying(text.as_str())
        } else if let Conversion::Null(flavour) = &row.conversion {
            Element::value().with("nullFlavor", flavour.as_str())
        } else if let Conversion::FixedCd { code, system, display } = &row.conversion {
            fixed_cd(code, system, display)
        } else if row.conversion == Conversion::DocumentId {
            Element::value().with("root", self.own_id)
        } else {
            return Err(Unwritten::Maps);
        };
        self.put(element, &row.target, value)
    }

    /// Carries what `path` finds.
    fn found(
        &self,
        path: &Path,
        row: &Row,
        node: Node<'b>,
        element: &mut Element,
    ) -> Result<Told, Unwritten> {
        let mut told = Told::Nothing;
        let is_open = row.target.steps.iter().any(|step| step.opens == Opens::New);
        let nodes = self.source.find(path, node);
        if nodes.is_empty() && !row.target.steps.is_empty() && (is_open || !is_there(element, &row.target)) {
            return self.unsaid(path, row, node, element);
        }
        if matches!(row.conversion, Conversion::Only(_)) && nodes.len() > 1 {
            return Ok(told);
        }
        for found in nodes {
            if let Conversion::SameAs(name) = &row.conversion {
                if node.member(name).is_some_and(|other| other.source() == found.source()) {
                    self.source.mark(found);
                }
                continue;
            }
            if !is_open && is_there(element, &row.target) && row.conversion != Conversion::CdBeside {
                break;
            }
            if self.carry(&row.conversion, found, &row.target, element)? == Told::Something {
                told = Told::Something;
            }
        }
        Ok(told)
    }

    /// Says why a simple value is not there, where the Bundle says so.
    fn unsaid(
        &self,
        path: &Path,
        row: &Row,
        node: Node<'b>,
        element: &mut Element,
    ) -> Result<Told, Unwritten> {
        let Some((PathStep::Member(last), around)) = path.steps.split_last() else {
            return Ok(Told::Nothing);
        };
        let mut steps = around.to_vec();
        steps.push(PathStep::Member(format!("_{last}")));
        let beside = self.source.find(&Path { root: path.root.clone(), steps }, node);
        let Some(beside) = beside.first().copied() else { return Ok(Told::Nothing) };
        let Some(flavour) = absence(beside).and_then(|reason| self.null_flavour(&reason)) else {
            return Ok(Told::Nothing);
        };
        self.source.mark(beside);
        self.put(element, &row.target, Element::value().with("nullFlavor", flavour))?;
        Ok(Told::Something)
    }

    fn carry(
        &self,
        conversion: &Conversion,
        node: Node<'b>,
        target: &Target,
        element: &mut Element,
    ) -> Result<Told, Unwritten> {
        let value = match conversion {
            Conversion::Rest(_) if self.source.has_carried(node) => return Ok(Told::Nothing),
            Conversion::Rule(name) | Conversion::Only(name) | Conversion::Rest(name) => {
                return self.inner(target, element, |inner| self.rule(name, node, inner));
            }
            Conversion::Follow(name) => return self.follow(name, node, target, element),
            Conversion::Ext(member, conversion) => {
                let Some(value) = node.member(member) else { return Ok(Told::Nothing) };
                let told = self.carry(conversion, value, target, element)?;
                if told == Told::Something {
                    self.source.mark_member(node, "url");
                }
                return Ok(told);
            }
            Conversion::PersonOr(name) => {
                if self.is_patient(node) {
                    self.source.mark_reference(node);
                    return Ok(Told::Something);
                }
                return self.follow(name, node, target, element);
            }
            Conversion::CdBeside => return Ok(self.beside(node, target, element)),
            Conversion::Person => return self.person(node),
            Conversion::Said | Conversion::SaidIs(_) | Conversion::SaidCoded(_) => {
                return Ok(self.said(conversion, node));
            }
            Conversion::Same => {
                let held = target.attribute.as_deref().and_then(|name| element.attribute(name));
                if held.is_some_and(|held| node.is_string(held)) {
                    self.source.mark(node);
                }
                return Ok(Told::Nothing);
            }
            Conversion::SameAs(_) | Conversion::DocumentId => None,
            Conversion::Text
            | Conversion::Bare
            | Conversion::Ts
            | Conversion::Period
            | Conversion::Timing
            | Conversion::Cd
            | Conversion::CodeOf
            | Conversion::Code(_)
            | Conversion::Ii
            | Conversion::Pn
            | Conversion::Ad
            | Conversion::Tel
            | Conversion::Pq
            | Conversion::PqTyped
            | Conversion::Range
            | Conversion::Ratio
            | Conversion::Ed
            | Conversion::Absent
            | Conversion::Constant(_)
            | Conversion::Null(_)
            | Conversion::FixedCd { .. } => self.value(conversion, node),
        };
        match value {
            Some(value) => self.put(element, target, value).map(|()| Told::Something),
            None => Ok(Told::Nothing),
        }
    }

    /// The value that a simple conversion makes.
    fn value(&self, conversion: &Conversion, node: Node<'b>) -> Option<Element> {
        match conversion {
            Conversion::Text => match self.string(node) {
                Some(text) => Some(Element::value().saying(text)),
                None => self.absent(node),
            },
            Conversion::Bare => {
                let boolean = node.boolean().map(|held| if held { "true" } else { "false" });
                let text = node.number_text().or(boolean)?;
                self.source.mark(node);
                Some(Element::value().saying(text))
            }
            Conversion::Ts => self.moment(node),
            Conversion::Period => self.period(node),
            Conversion::Timing => self.timing(node),
            Conversion::Cd => self.concept(node),
            Conversion::CodeOf => {
                let coding = node.walk(&["coding"]).next()?;
                let code = self.source.take(coding, "code")?.into_owned();
                self.source.mark_member(coding, "system");
                Some(Element::value().saying(code))
            }
            Conversion::Code(map) => self.mapped(node, map).or_else(|| self.absent(node)),
            Conversion::Ii => self.identifier(node),
            Conversion::Pn => self.human_name(node),
            Conversion::Ad => self.address(node),
            Conversion::Tel => self.telecom(node),
            Conversion::Pq => self.quantity(node),
            Conversion::PqTyped => self.typed_quantity(node),
            Conversion::Range => self.sides(node, ["low", "high"]),
            Conversion::Ratio => self.sides(node, ["numerator", "denominator"]),
            Conversion::Ed => self.attachment(node),
            Conversion::Absent => {
                let code = node.walk(&["coding", "code"]).find_map(Node::string)?;
                let flavour = self.null_flavour(&code)?;
                self.source.mark(node);
                Some(Element::value().with("nullFlavor", flavour))
            }
            Conversion::Constant(text) => {
                self.source.mark(node);
                Some(Element::value().saying(text.as_str()))
            }
            Conversion::Null(flavour) => {
                self.source.mark(node);
                Some(Element::value().with("nullFlavor", flavour.as_str()))
            }
            Conversion::FixedCd { code, system, display } => {
                self.source.mark(node);
                Some(fixed_cd(code, system, display))
            }
            // These are no values.
            Conversion::CdBeside
            | Conversion::DocumentId
            | Conversion::Said
            | Conversion::SaidIs(_)
            | Conversion::SaidCoded(_)
            | Conversion::Same
            | Conversion::SameAs(_)
            | Conversion::Person
            | Conversion::PersonOr(_)
            | Conversion::Ext(..)
            | Conversion::Rule(_)
            | Conversion::Only(_)
            | Conversion::Rest(_)
            | Conversion::Follow(_) => None,
        }
    }

    /// Counts as carried what another element says.
    fn said(&self, conversion: &Conversion, node: Node<'b>) -> Told {
        let is_said = if let Conversion::SaidIs(text) = conversion {
            node.is_string(text)
        } else if let Conversion::SaidCoded(code) = conversion {
            let mut codings = node.walk(&["coding"]);
            let is_code = |coding: Node<'b>| coding.member("code").is_some_and(|held| held.is_string(code));
            codings.next().is_some_and(is_code) && codings.next().is_none()
        } else {
            true
        };
        if is_said {
            self.source.mark(node);
        }
        Told::Nothing
    }

    /// A code beside the one that is there, or else alone.
    fn beside(&self, node: Node<'b>, target: &Target, element: &mut Element) -> Told {
        let Some(mut value) = self.concept(node) else { return Told::Nothing };
        let held = target.steps.last().and_then(|step| {
            element.content.iter_mut().find_map(|item| match item {
                Item::Element(child) if child.name == step.name => Some(child),
                Item::Element(_) | Item::Text(_) => None,
            })
        });
        match held {
            Some(held) => {
                value.name = "translation".to_owned();
                held.add(value);
            }
            None => place(element, &target.steps, None, value),
        }
        Told::Something
    }

    /// A reference to whom the document is about.
    fn person(&self, reference: Node<'b>) -> Result<Told, Unwritten> {
        if !self.is_patient(reference) {
            return Err(Unwritten::OtherPerson { place: self.source.place(reference) });
        }
        self.source.mark_reference(reference);
        Ok(Told::Nothing)
    }

    pub(super) fn is_patient(&self, reference: Node<'b>) -> bool {
        self.source.target(reference).is_some_and(|node| node.offset() == self.patient.offset())
    }

    /// Applies a rule to what a reference leads to, or to the reference where it leads nowhere.
    fn follow(
        &self,
        name: &str,
        node: Node<'b>,
        target: &Target,
        element: &mut Element,
    ) -> Result<Told, Unwritten> {
        let Some(found) = self.source.target(node) else {
            return self.inner(target, element, |inner| self.rule(name, node, inner));
        };
        let is_open = self.open.borrow().contains(&found.offset());
        if is_open || self.open.borrow().len() >= DEPTH_MAX {
            self.source.remark(node, Why::LeftOut, Severity::Major);
            return Ok(Told::Nothing);
        }
        self.open.borrow_mut().push(found.offset());
        let told = self.inner(target, element, |inner| {
            let told = self.rule(name, found, inner)?;
            if told == Told::Something {
                self.about_the_person(found)?;
            }
            if told == Told::Something {
                let labels = self.own_labels(found);
                self.gathered.borrow_mut().merge(&labels);
            }
            Ok(told)
        });
        self.open.borrow_mut().pop();
        if told.as_ref().is_ok_and(|told| *told == Told::Something) {
            self.source.mark_reference(node);
        }
        told
    }

    /// Fills an element at `target`, which is kept when something was said in it.
    fn inner(
        &self,
        target: &Target,
        element: &mut Element,
        fill: impl FnOnce(&mut Element) -> Result<Told, Unwritten>,
    ) -> Result<Told, Unwritten> {
        if target.steps.is_empty() {
            return fill(element);
        }
        let mut inner = Element::value();
        let told = fill(&mut inner)?;
        if told == Told::Something {
            self.put(element, target, inner)?;
        }
        Ok(told)
    }

    fn put(&self, element: &mut Element, target: &Target, value: Element) -> Result<(), Unwritten> {
        self.count()?;
        place(element, &target.steps, target.attribute.as_deref(), value);
        Ok(())
    }

    pub(super) fn holds(&self, when: &When, node: Node<'b>) -> bool {
        when.flavour.is_none_or(|flavour| flavour == self.profile.flavour)
            && when.only_if.iter().all(|condition| self.is_so(condition, node))
            && !when.unless.iter().any(|condition| self.is_so(condition, node))
    }

    fn is_so(&self, condition: &Condition, node: Node<'b>) -> bool {
        let found = self.source.find(&condition.path, node);
        let is_one = |found: &Node<'b>| {
            let bare = found.boolean().map(|held| if held { "true" } else { "false" });
            condition.values.iter().any(|value| found.is_string(value) || bare == Some(value.as_str()))
        };
        if condition.values.is_empty() { !found.is_empty() } else { found.iter().any(is_one) }
    }
}

fn fixed_cd(code: &str, system: &str, display: &str) -> Element {
    let made = Element::value().with("code", code).with("codeSystem", system);
    if display.is_empty() { made } else { made.with("displayName", display) }
}

fn fits(element: &Element, step: &Step) -> bool {
    element.name == step.name
        && step.fixed.iter().all(|(name, value)| element.attribute(name) == Some(value.as_str()))
}

/// Whether what `target` names is there already.
fn is_there(element: &Element, target: &Target) -> bool {
    let Some((last, around)) = target.steps.split_last() else {
        return target.attribute.as_deref().is_some_and(|name| element.attribute(name).is_some());
    };
    let mut open = element;
    for step in around {
        match open.children().rev().find(|child| fits(child, step)) {
            Some(child) => open = child,
            None => return false,
        }
    }
    let held = open.children().rev().find(|child| child.name == last.name);
    match (held, &target.attribute) {
        (None, _) => false,
        (Some(held), Some(name)) => held.attribute(name).is_some() || held.is_null(),
        (Some(_), None) => true,
    }
}

/// Puts `value` where `steps` lead, and opens what is not there on the way.
fn place(element: &mut Element, steps: &[Step], attribute: Option<&str>, value: Element) {
    let Some((step, rest)) = steps.split_first() else {
        return fill(element, attribute, value);
    };
    let held = element.content.iter_mut().rev().find_map(|item| match item {
        Item::Element(child) if fits(child, step) => Some(child),
        Item::Element(_) | Item::Text(_) => None,
    });
    match held.filter(|_| step.opens == Opens::Held) {
        Some(child) => place(child, rest, attribute, value),
        None => {
            let mut child = Element::new(&step.name);
            child.attributes.clone_from(&step.fixed);
            place(&mut child, rest, attribute, value);
            element.add(child);
        }
    }
}

fn fill(element: &mut Element, attribute: Option<&str>, value: Element) {
    let Some(name) = attribute else { return element.merge(value) };
    if let Some(flavour) = value.attribute("nullFlavor") {
        return element.set("nullFlavor", flavour.to_owned());
    }
    let own = value.text().or_else(|| value.attribute("code")).or_else(|| value.attribute("value"));
    if let Some(own) = own {
        element.set(name, own.to_owned());
    }
}

//! Resources: made once for each place, once for each content where they are shared, labelled, and with their authors.

use super::engine::{Applied, Draft};
use super::labels::{self, Labels};
use super::maps::Sharing;
use super::moment;
use super::source::{Element, Space};
use crate::identity;
use crate::tree::{Node, Object};

/// A resource of the Bundle.
pub(super) struct Resource<'x> {
    pub(super) id: String,
    pub(super) kind: &'x str,
    pub(super) object: Object,
    /// The XPath of what it was made from.
    pub(super) place: String,
    pub(super) labels: Labels,
    /// Who wrote what it was made from.
    pub(super) authors: Vec<Node>,
    /// When, if that is said to the second.
    pub(super) recorded: Option<String>,
}

impl<'x, 't> Draft<'x, 't> {
    /// A reference to the resource that the rule `name` makes of `element`.
    pub(super) fn resource(&mut self, name: &str, element: Element<'t>) -> Option<Node> {
        let rule = self.maps.rules.get(name)?;
        let key = (rule.name.as_str(), element.at);
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        // What is not so must not be carried as if it were, nor what is about somebody else.
        let is_about_another = rule.name != "family-history" && element.child("subject").is_some();
        if is_about_another
            || self.objection(rule, element).is_some()
            || labels::is_security(element)
            || self.depth > 64
        {
            return None;
        }
        if let Some(person) = rule.person.as_ref().and_then(|path| self.oneself(path, element)) {
            return Some(person);
        }
        element.mark(&["moodCode"]);
        // A rule that leads back here finds nothing more to make.
        self.made.insert(key, None);
        let around = self.labels.clone();
        self.labels = around.with(&Labels::stated(self.known, element));
        let made = self.build(name, element);
        self.highest = self.highest.with(&self.labels);
        if self.labels.is_special() && made.is_some() && self.labels != around {
            self.of_section = self.of_section.with(&self.labels);
        }
        self.labels = around;
        self.made.insert(key, made.clone());
        made
    }

    fn build(&mut self, name: &str, element: Element<'t>) -> Option<Node> {
        let rule = self.maps.rules.get(name)?;
        let mut object = Object::new();
        self.depth += 1;
        let applied = self.apply(rule, element, &mut object);
        self.depth -= 1;
        if applied == Applied::Nothing {
            return None;
        }
        super::sound::put_right(&rule.kind, element, &mut object);
        if let Some(only) = &rule.collapse
            && object.len() == 1
            && let Some(inner) = object.find(only)
        {
            return Some(inner.clone());
        }
        let around = if rule.kind == "Patient" { Labels::default() } else { self.labels.clone() };
        let labels = around.with(&Labels::of_places(self.known, element));
        let mut alike = Vec::new();
        if rule.sharing == Sharing::Shared {
            Node::from(object.clone()).write(&mut alike);
            alike.extend_from_slice(rule.kind.as_bytes());
            for coding in labels.codings() {
                coding.write(&mut alike);
            }
            if let Some(made) = self.shared.get(&alike) {
                return Some(made.clone());
            }
        }
        let place = element.path();
        let id = identity::id(self.known.context.source(), &self.message, &format!("{} {place}", rule.name));
        let reference = Node::reference(&id);
        let (authors, recorded) = self.authors(element, &rule.kind);
        self.resources.push(Resource {
            id,
            kind: rule.kind.as_str(),
            object,
            place,
            labels,
            authors,
            recorded,
        });
        if rule.sharing == Sharing::Shared {
            self.shared.insert(alike, reference.clone());
        }
        Some(reference)
    }

    /// Who wrote `element`, and when: its own authors, or those of what it stands in, up to the document.
    fn authors(&mut self, element: Element<'t>, kind: &str) -> (Vec<Node>, Option<String>) {
        // Whoever is named is not thereby their own author.
        if matches!(kind, "Practitioner" | "PractitionerRole" | "Organization" | "Device") {
            return (Vec::new(), None);
        }
        let mut next = Some(element);
        while let Some(here) = next.filter(|here| !here.is(Space::V3, "ClinicalDocument")) {
            let written: Vec<Element<'t>> =
                here.children().filter(|child| child.is(Space::V3, "author")).collect();
            if let Some(first) = written.first() {
                // A date alone cannot be an instant, and is left to be listed.
                let zone = &self.known.context.zone;
                let time = first.child("time").filter(|time| {
                    let said = time.peek("value").map(|text| moment::parse(text, zone));
                    said.is_some_and(|said| said.is_ok_and(|said| said.time.is_some()))
                });
                let recorded = time.and_then(|time| self.known.moment(time, None));
                let authors = written.iter().filter_map(|author| self.resource("author", *author)).collect();
                return (authors, recorded.map(|time| time.date_time()));
            }
            next = here.parent();
        }
        (Vec::new(), None)
    }
}

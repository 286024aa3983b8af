//! Sections: heading, narrative, entries, and the labels of each.

use fhir::json::{Kind, Node};
use fhir::security_label::Confidentiality;

use super::engine::{Run, Told};
use super::labels::Labels;
use super::media::Attached;
use super::narrative::shown;
use super::profile::Flavour;
use super::table::Need;
use super::unwritten::Unwritten;
use super::xml::Element;
use crate::cda::codes::HEADINGS;

/// What the entries of a section came to.
#[derive(Default)]
struct Entries<'b> {
    written: Vec<Element>,
    /// All that is referred to, with the reference.
    all: Vec<(Node<'b>, Node<'b>)>,
    labels: Labels,
    /// What is attached, to which the text leads.
    attached: Vec<Attached>,
}

impl<'b> Run<'_, 'b> {
    /// The body of the document, and the labels that are said in it.
    pub(super) fn body(&self, composition: Node<'b>) -> Result<(Element, Labels), Unwritten> {
        let mut component = Element::new("component");
        let sections: Vec<Node<'b>> =
            composition.walk(&["section"]).filter(|section| section.kind() == Kind::Object).collect();
        if let [only] = sections.as_slice()
            && let Some(unstructured) = self.unstructured(*only, composition)?
        {
            component.add(unstructured);
            return Ok((component, Labels::default()));
        }
        let mut body = Element::new("structuredBody");
        if sections.is_empty() {
            // All there is to read is the narrative of the Composition itself.
            let div = composition.member("text").and_then(|text| text.member("div"));
            let mut text = Element::new("text");
            self.narrative(
                div.ok_or(Unwritten::Missing { place: "section in its composition" })?,
                &mut text,
            )?;
            let mut section = Element::new("section");
            section.add(text);
            let mut inner = Element::new("component");
            inner.add(section);
            body.add(inner);
        }
        let mut said = Labels::default();
        for section in sections {
            let (made, labels) = self.section(section)?;
            said.merge(&labels);
            let mut inner = Element::new("component");
            inner.add(made);
            body.add(inner);
        }
        component.add(body);
        Ok((component, said))
    }

    /// A document that is one file: a section of nothing but that.
    fn unstructured(&self, section: Node<'b>, composition: Node<'b>) -> Result<Option<Element>, Unwritten> {
        let only_entry = section.members().all(|(key, _)| key.is("entry") || key.is("id"));
        let mut entries = section.walk(&["entry"]);
        let (Some(entry), None, true) = (entries.next(), entries.next(), only_entry) else { return Ok(None) };
        let Some(document) = self.source.target(entry) else { return Ok(None) };
        let is_document =
            document.member("resourceType").is_some_and(|kind| kind.is_string("DocumentReference"));
        let mut contents = document.walk(&["content", "attachment"]);
        let (true, Some(attachment), None) = (is_document, contents.next(), contents.next()) else {
            return Ok(None);
        };
        let mut person = document.walk(&["subject"]);
        if person.any(|subject| !self.is_patient(subject)) {
            return Err(Unwritten::OtherPerson { place: self.source.place(document) });
        }
        let Some(mut text) = self.attachment(attachment) else { return Ok(None) };
        self.source.mark_reference(entry);
        document.walk(&["subject"]).for_each(|subject| self.source.mark_reference(subject));
        let same = [
            (
                "masterIdentifier",
                self.source.root.member("identifier").or_else(|| composition.member("identifier")),
            ),
            ("type", composition.member("type")),
        ];
        for (name, other) in same {
            let held = document.member(name);
            if held.zip(other).is_some_and(|(held, other)| held.source() == other.source()) {
                self.source.mark_member(document, name);
            }
        }
        "text".clone_into(&mut text.name);
        let mut body = Element::new("nonXMLBody");
        body.add(text);
        Ok(Some(body))
    }

    fn section(&self, section: Node<'b>) -> Result<(Element, Labels), Unwritten> {
        self.count()?;
        let mut made = Element::new("section");
        let code = self.heading(section);
        if self.profile.flavour == Flavour::Ccda
            && let Some(template) =
                code.as_ref().and_then(|code| self.maps.tables.sections.get(code.attribute("code")?))
        {
            let id = Element::new("templateId").with("root", template.root.as_str());
            made.add(match &template.extension {
                Some(extension) => id.with("extension", extension.as_str()),
                None => id,
            });
        }
        let title = section.member("title").and_then(|title| self.string(title));
        let title =
            title.or_else(|| code.as_ref().and_then(|code| code.attribute("displayName").map(str::to_owned)));
        if let Some(mut code) = code {
            "code".clone_into(&mut code.name);
            made.add(code);
        }
        if let Some(title) = title {
            made.add(Element::new("title").saying(title));
        }
        self.empty(section, &mut made);
        for author in section.walk(&["author"]) {
            let mut held = Element::new("author");
            if self.rule("author", author, &mut held)? == Told::Something {
                made.add(held);
            }
        }
        let mut text = Element::new("text");
        if let Some(div) = section.member("text").and_then(|text| text.member("div")) {
            self.narrative(div, &mut text)?;
        }
        let entries = self.entries(section, &text)?;
        let mut labels = self.own_labels(section);
        let own = labels.categories.clone();
        labels.merge(&entries.labels);
        let text = self.text(section, text, &entries)?;
        let is_bare = section.walk(&["section"]).next().is_some() && text.content.is_empty();
        if !is_bare {
            made.add(text);
        }
        for entry in entries.written {
            made.add(entry);
        }
        if self.profile.flavour == Flavour::Ccda {
            for category in own.iter().filter(|category| !entries.labels.categories.contains(category)) {
                let mut entry = Element::new("entry");
                entry.add(self.category(category));
                made.add(entry);
            }
        }
        for inner in section.walk(&["section"]) {
            let (inner, of_inner) = self.section(inner)?;
            labels.merge(&of_inner);
            let mut component = Element::new("component");
            component.add(inner);
            made.add(component);
        }
        if labels.degree > self.own_degree.max(Some(Confidentiality::Normal)) {
            made.add(self.degree(labels.degree));
        }
        Ok((made, labels))
    }

    /// The code of a section: that which its heading has in this flavour, and the others as translations.
    fn heading(&self, section: Node<'b>) -> Option<Element> {
        let code = section.member("code")?;
        let is_heading =
            |coding: &Node<'b>| coding.member("system").is_some_and(|system| system.is_string(HEADINGS));
        let heading = code.walk(&["coding"]).find(is_heading);
        let known = heading.and_then(|heading| {
            let name = heading.member("code")?.string()?;
            self.maps.heading(self.profile.flavour, &name)
        });
        let mut made = self.concept(code);
        let (Some(heading), Some(known)) = (heading, known) else { return made };
        self.source.mark(heading);
        self.source.forget(heading);
        let system = match self.profile.flavour {
            Flavour::Ccda => "http://loinc.org",
            Flavour::Itk => "http://snomed.info/sct",
        };
        let oid = self.oid(system)?;
        // A code of its own in the system that this flavour has, it keeps.
        if made.as_ref().is_some_and(|made| made.attribute("codeSystem") == Some(oid.as_str())) {
            return made;
        }
        let held = made.as_ref().map(|made| made.children().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let own = held.iter().find(|child| child.attribute("codeSystem") == Some(oid.as_str())).cloned();
        let mut main = match &own {
            Some(own) => Element { name: String::new(), ..own.clone() },
            None => {
                let main = Element::value().with("code", known).with("codeSystem", oid);
                match heading.member("display").and_then(Node::string) {
                    Some(display) => main.with("displayName", self.clean(heading, &display)),
                    None => main,
                }
            }
        };
        if let Some(mut other) = made.take() {
            other.content.clear();
            for child in held.into_iter().filter(|child| Some(child) != own.as_ref()) {
                main.add(child);
            }
            if !other.is_null() {
                "translation".clone_into(&mut other.name);
                main.add(other);
            }
        }
        Some(main)
    }

    /// Why a section is empty.
    fn empty(&self, section: Node<'b>, made: &mut Element) {
        let Some(reason) = section.member("emptyReason") else { return };
        if let Some(flavour) = self.mapped(reason, "empty-reason") {
            made.set("nullFlavor", flavour.attribute("code").unwrap_or("NI").to_owned());
        }
    }

    fn entries(&self, section: Node<'b>, told: &Element) -> Result<Entries<'b>, Unwritten> {
        let mut entries = Entries::default();
        for reference in section.walk(&["entry"]) {
            let Some(resource) = self.source.target(reference) else { continue };
            self.about_the_person(resource)?;
            entries.all.push((reference, resource));
            self.gathered.borrow_mut().clone_from(&self.own_labels(resource));
            let written = match self.profile.flavour {
                Flavour::Ccda => {
                    let mut media = Vec::new();
                    for (made, attached) in self.media(resource, told)? {
                        media.push(self.labelled(made));
                        entries.attached.push(attached);
                    }
                    self.entry(resource)?.into_iter().chain(media).collect()
                }
                Flavour::Itk => Vec::new(),
            };
            entries.labels.merge(&self.gathered.take());
            if !written.is_empty() {
                self.source.mark_reference(reference);
                entries.written.extend(written);
            }
        }
        Ok(entries)
    }

    /// That what is said of somebody is said of the person of the document.
    pub(super) fn about_the_person(&self, resource: Node<'b>) -> Result<(), Unwritten> {
        let kind = resource.member("resourceType").and_then(Node::string).unwrap_or_default();
        for person in self.maps.tables.persons.iter().filter(|person| person.kind == kind) {
            let people = self.source.find(&person.path, resource);
            let is_silent = people.is_empty() && person.need == Need::Always;
            if is_silent || !people.iter().all(|person| self.is_patient(*person)) {
                return Err(Unwritten::OtherPerson { place: self.source.place(resource) });
            }
            people.iter().for_each(|person| self.source.mark_reference(*person));
        }
        Ok(())
    }

    /// A resource as a coded entry, if there is a statement for it.
    fn entry(&self, resource: Node<'b>) -> Result<Option<Element>, Unwritten> {
        let kind = resource.member("resourceType").and_then(Node::string).unwrap_or_default();
        let mut fitting = self.maps.tables.statements.iter().filter(|statement| statement.kind == kind);
        let Some(statement) = fitting.find(|statement| self.holds(&statement.when, resource)) else {
            return Ok(None);
        };
        self.count()?;
        let mut made = Element::new(&statement.element);
        self.open.borrow_mut().push(resource.offset());
        let told = self.rule(&statement.rule, resource, &mut made);
        self.open.borrow_mut().pop();
        if told? == Told::Nothing {
            return Ok(None);
        }
        Ok(Some(self.labelled(made)))
    }

    /// A statement as an entry, with the labels of what is in it.
    fn labelled(&self, mut made: Element) -> Element {
        let labels = self.gathered.borrow().clone();
        let inner = if made.name == "organizer" { "component" } else { "entryRelationship" };
        let degree =
            labels.degree.filter(|degree| Some(*degree) > self.own_degree.max(Some(Confidentiality::Normal)));
        let marks = degree.map(|degree| self.classification(degree)).into_iter();
        for mark in marks.chain(labels.categories.iter().map(|category| self.category(category))) {
            let mut held = Element::new(inner);
            if inner == "entryRelationship" {
                held.set("typeCode", "COMP".to_owned());
            }
            held.add(mark);
            made.add(held);
        }
        let mut entry = Element::new("entry").with("typeCode", "DRIV");
        entry.add(made);
        entry
    }

    /// The text of a section: its narrative, and of its entries what that does not say.
    fn text(
        &self,
        section: Node<'b>,
        narrative: Element,
        entries: &Entries<'b>,
    ) -> Result<Element, Unwritten> {
        let mut text = narrative;
        let told = squeezed(&shown(&text));
        let is_told = told.chars().any(char::is_alphanumeric);
        let mut lines = Vec::new();
        for (reference, resource) in &entries.all {
            let named = || self.names(*resource).iter().any(|name| told.contains(&squeezed(name)));
            let Some(line) = self.line(*resource) else { continue };
            let is_said = match self.profile.flavour {
                // What it is about is named, and the rest is coded.
                Flavour::Ccda => is_told && !self.is_loud(*resource) && named(),
                // There is nothing but the text, which must say it all.
                Flavour::Itk => is_told && line.parts.iter().all(|part| told.contains(&squeezed(part))),
            };
            if self.profile.flavour == Flavour::Itk {
                line.said.iter().for_each(|node| self.source.mark(*node));
                self.source.mark_reference(*reference);
            }
            if !is_said {
                lines.push(line.words);
            }
        }
        // Whoever reads the text finds there what is attached.
        for attached in &entries.attached {
            text.add(attached.shown());
        }
        if !lines.is_empty() {
            let mut list = Element::new("list");
            for line in lines {
                self.count()?;
                list.add(Element::new("item").saying(line));
            }
            text.add(list);
        } else if text.content.is_empty() && section.walk(&["section"]).next().is_none() {
            text.add(Element::new("paragraph").saying(self.why_empty(section)));
        }
        Ok(text)
    }

    fn why_empty(&self, section: Node<'b>) -> String {
        let Some(reason) = section.member("emptyReason") else { return "-".to_owned() };
        let mut words = reason
            .walk(&["coding", "display"])
            .chain(reason.walk(&["text"]))
            .chain(reason.walk(&["coding", "code"]));
        let Some(words) = words.find(|words| words.string().is_some()) else {
            return "-".to_owned();
        };
        self.string(words).unwrap_or_else(|| "-".to_owned())
    }
}

/// Small letters, single spaces.
fn squeezed(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

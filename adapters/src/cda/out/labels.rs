//! How confidential the document and its parts are: never less than the strictest of what is in them.

use fhir::json::{Kind, Node};
use fhir::security_label::{ACT_CODE, Confidentiality, SecurityLabel};

use super::engine::Run;
use super::profile::Flavour;
use super::xml::{Element, Item};
use crate::whereabouts::INLINE;
use crate::{Severity, Why};

/// The labels of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) degree: Option<Confidentiality>,
    /// Categories of sensitivity.
    pub(super) categories: Vec<String>,
}

impl Labels {
    pub(super) fn merge(&mut self, other: &Self) {
        self.degree = self.degree.max(other.degree);
        for category in &other.categories {
            if !self.categories.contains(category) {
                self.categories.push(category.clone());
            }
        }
    }

    fn read(&mut self, label: &SecurityLabel) -> bool {
        if let Some(degree) = label.confidentiality() {
            self.degree = self.degree.max(Some(degree));
            return true;
        }
        if let Some(category) = label.sensitivity() {
            // What is sensitive is not ordinary, where only a degree can be said.
            self.degree = self.degree.max(Some(Confidentiality::Restricted));
            let code = category.code().to_owned();
            if !self.categories.contains(&code) {
                self.categories.push(code);
            }
            return true;
        }
        label.meant_to_protect().is_some_and(|meant| self.read(&meant))
    }
}

impl<'b> Run<'_, 'b> {
    /// The labels of `node` itself: of a resource in `meta`, of a part inline.
    pub(super) fn own_labels(&self, node: Node<'b>) -> Labels {
        let inline = node
            .walk(&["extension"])
            .filter(|held| held.member("url").is_some_and(|url| url.is_string(INLINE)));
        let mut labels = Labels::default();
        for extension in inline {
            if let Some(coding) = extension.member("valueCoding") {
                self.read_label(coding, &mut labels);
            }
            self.source.mark(extension);
        }
        for path in [&["meta", "security"][..], &["securityLabel", "coding"]] {
            node.walk(path).for_each(|coding| self.read_label(coding, &mut labels));
        }
        labels
    }

    /// All labels anywhere in `node`.
    pub(super) fn labels_within(&self, node: Node<'b>, labels: &mut Labels) {
        match node.kind() {
            Kind::Array => node.items().for_each(|item| self.labels_within(item, labels)),
            Kind::Object => {
                labels.merge(&self.own_labels(node));
                node.members().for_each(|(_, value)| self.labels_within(value, labels));
            }
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {}
        }
    }

    fn read_label(&self, coding: Node<'b>, labels: &mut Labels) {
        let said = |name| coding.member(name).and_then(Node::string).unwrap_or_default();
        let (system, code) = (said("system"), said("code"));
        let before = labels.categories.len();
        let known = labels.read(&SecurityLabel::new(&system, &code));
        // Without codes only a degree can be said, which is that of what is restricted.
        if self.profile.flavour == Flavour::Itk && labels.categories.len() > before {
            self.source.remark(coding, Why::Narrowed, Severity::Major);
        }
        let is_instruction = code == "PROCESSINLINELABEL";
        if !known && !is_instruction {
            self.source.remark(coding, Why::CodeNotMapped, Severity::Major);
        }
    }

    /// The code of a degree; without one, that of ordinary records.
    pub(super) fn degree(&self, degree: Option<Confidentiality>) -> Element {
        let mut made = Element::new("confidentialityCode");
        let code = degree.unwrap_or(Confidentiality::Normal).code();
        if let Some(target) = self.maps.code("confidentiality", code) {
            made.set("code", target.code.clone());
            made.set("codeSystem", self.oid(fhir::security_label::CONFIDENTIALITY).unwrap_or_default());
            made.set("displayName", target.display.clone());
        }
        made
    }

    /// A category of sensitivity as an observation about what it stands in.
    pub(super) fn category(&self, category: &str) -> Element {
        self.observed("SECCATOBS", category, self.oid(ACT_CODE))
    }

    /// A degree as an observation about the statement that it stands in.
    pub(super) fn classification(&self, degree: Confidentiality) -> Element {
        let made = self.degree(Some(degree));
        let system = made.attribute("codeSystem").map(str::to_owned);
        self.observed("SECCLASSOBS", made.attribute("code").unwrap_or_default(), system)
    }

    /// A category that stands in no part as one of each section.
    pub(super) fn of_all(&self, category: &str, body: &mut Element) {
        for item in &mut body.content {
            match item {
                Item::Element(child) if child.name == "section" => {
                    let mut entry = Element::new("entry");
                    entry.add(self.category(category));
                    child.add(entry);
                }
                Item::Element(child) if matches!(child.name.as_str(), "structuredBody" | "component") => {
                    self.of_all(category, child);
                }
                Item::Element(_) | Item::Text(_) => {}
            }
        }
    }

    fn observed(&self, kind: &str, code: &str, system: Option<String>) -> Element {
        let mut observation = Element::new("observation").with("classCode", "OBS").with("moodCode", "EVN");
        observation.add(Element::new("templateId").with("root", "2.16.840.1.113883.3.445.21"));
        observation
            .add(Element::new("code").with("code", kind).with("codeSystem", "2.16.840.1.113883.1.11.20471"));
        observation.add(Element::new("statusCode").with("code", "completed"));
        let value = Element::new("value").with("xsi:type", "CE").with("code", code);
        observation.add(value.with("codeSystem", system.unwrap_or_default()));
        observation
    }
}

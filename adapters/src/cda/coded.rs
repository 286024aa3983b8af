//! Codes: CS, CE, CD with translations and original text.

use super::codes::{Codes, Target};
use super::qualified::Qualified;
use super::source::{Element, Space};
use crate::tree::{Node, Object};
use crate::{Context, Severity, Why};

/// What conversions know beyond the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'x> {
    pub(super) codes: &'x Codes,
    pub(super) context: &'x Context,
}

impl<'x> Known<'x> {
    /// The target of the code in `element` by the map `map`, without using it.
    pub(super) fn target(
        &self,
        element: Element<'_>,
        attribute: Option<&str>,
        map: &str,
    ) -> Option<&'x Target> {
        // What a qualifier may have turned around is none of the codes of a map.
        if matches!(self.qualified(element), Qualified::Otherwise | Qualified::Elsewhere) {
            return None;
        }
        let direct = element.peek(attribute.unwrap_or("code"));
        let own = direct.and_then(|code| self.codes.find(map, code, self.context));
        let translated = || {
            let codes = element.children().filter(|child| child.is(Space::V3, "translation"));
            codes
                .filter_map(|code| code.peek("code"))
                .find_map(|code| self.codes.find(map, code, self.context))
        };
        own.or_else(|| if attribute.is_none() { translated() } else { None })
    }

    /// A code of an element that takes only certain codes.
    pub(super) fn code(&self, element: Element<'_>, attribute: Option<&str>, map: &str) -> Option<Node> {
        let name = attribute.unwrap_or("code");
        let Some(target) = self.target(element, attribute, map) else {
            if element.peek(name).is_some() {
                element.remark(
                    if attribute.is_none() { Some("code") } else { None },
                    Why::CodeNotMapped,
                    weight(element),
                );
            }
            return None;
        };
        if target.is_broader {
            let severity = if target.code == "unknown" { weight(element) } else { Severity::Minor };
            element.remark(None, Why::Narrowed, severity);
        }
        element.mark(&[name]);
        say_no_more(element);
        Some(Node::text(target.code.as_str()))
    }

    /// A Coding by a map, or `None` when the map does not know the code.
    pub(super) fn mapped(&self, element: Element<'_>, attribute: Option<&str>, map: &str) -> Option<Object> {
        let target = self.target(element, attribute, map)?;
        if target.is_broader {
            element.remark(None, Why::Narrowed, Severity::Minor);
        }
        element.mark(&[attribute.unwrap_or("code")]);
        say_no_more(element);
        Some(target.coding())
    }

    /// A CodeableConcept: what the map makes of it, the code itself, its translations, its original text. What its
    /// qualifiers say stands in the text; where they may have turned it around, there is no code beside that.
    pub(super) fn concept(&self, element: Element<'_>, map: Option<&str>) -> Option<Node> {
        match self.qualified(element) {
            Qualified::Not => self.unqualified(element, map),
            Qualified::Elsewhere => None,
            how @ (Qualified::Narrower | Qualified::Otherwise) => {
                let base = element.child("originalText").and_then(|text| self.words(text));
                let base = base.or_else(|| element.peek("displayName").map(str::to_owned));
                let base = base.or_else(|| element.peek("code").map(str::to_owned))?;
                let words = self.qualifying(element)?;
                let text = Node::Text(format!("{base} ({words})"));
                let mut concept = Object::new();
                if how == Qualified::Narrower {
                    if let Some(Node::Object(held)) = self.unqualified(element, map) {
                        concept = held;
                    }
                } else {
                    element.mark(&["displayName"]);
                }
                concept.put("text", text);
                Some(concept.into())
            }
        }
    }

    fn unqualified(&self, element: Element<'_>, map: Option<&str>) -> Option<Node> {
        let mut codings: Vec<Node> = Vec::new();
        if let Some(target) = map.and_then(|map| self.target(element, None, map)) {
            codings.push(target.coding().into());
        }
        self.codings(element, &mut codings);
        let mut concept = Object::new();
        let text = element.child("originalText").and_then(|text| self.words(text));
        if codings.is_empty() && text.is_none() {
            // A name without a code is still what was meant.
            let translated = || {
                let mut all = element.children().filter(|child| child.is(Space::V3, "translation"));
                all.find_map(|child| child.take("displayName"))
            };
            if let Some(display) = element.take("displayName").or_else(translated) {
                return Some(Object::new().with("text", Node::text(display)).into());
            }
            let inline = element.peek_text().filter(|_| element.children().next().is_none())?;
            element.text();
            return Some(Object::new().with("text", Node::Text(inline)).into());
        }
        if !codings.is_empty() {
            concept.put("coding", Node::List(codings));
        }
        if let Some(text) = text {
            concept.put("text", Node::Text(text));
        }
        element.mark(&["nullFlavor"]);
        Some(concept.into())
    }

    fn codings(&self, element: Element<'_>, out: &mut Vec<Node>) {
        if let Some(coding) = self.coding(element) {
            let coding = Node::from(coding);
            if !out.iter().any(|held| same_code(held, &coding)) {
                out.push(coding);
            }
        }
        for translation in element.children().filter(|child| child.is(Space::V3, "translation")) {
            if matches!(self.qualified(translation), Qualified::Otherwise | Qualified::Elsewhere) {
                continue;
            }
            self.codings(translation, out);
        }
    }

    /// The code itself as a Coding.
    pub(super) fn coding(&self, element: Element<'_>) -> Option<Object> {
        let code = element.take("code")?;
        let mut coding = Object::new();
        if let Some(root) = element.peek("codeSystem") {
            match self.codes.system(root) {
                Some(system) => {
                    coding.put("system", Node::Text(system));
                    element.mark(&["codeSystem", "codeSystemName"]);
                }
                None => element.remark(Some("codeSystem"), Why::NotOfType, Severity::Minor),
            }
        }
        if let Some(version) = element.take("codeSystemVersion") {
            coding.put("version", Node::text(version));
        }
        coding.put("code", Node::text(code));
        if let Some(display) = element.take("displayName") {
            coding.put("display", Node::text(display));
        }
        Some(coding)
    }

    /// A language as CDA writes it, which is nearly BCP 47: that takes the short name of a language that has one.
    pub(super) fn language(&self, element: Element<'_>) -> Option<String> {
        let code = element.peek("code")?;
        let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain || code.len() < 2 || code.len() > 35 {
            element.remark(Some("code"), Why::NotOfType, Severity::Minor);
            return None;
        }
        element.mark(&["code", "codeSystem", "codeSystemName", "displayName"]);
        let (name, rest) = code.find('-').map_or((code, ""), |at| code.split_at(at));
        let short = self.codes.find("languages", &name.to_ascii_lowercase(), self.context);
        Some(format!("{}{rest}", short.map_or(name, |short| &short.code)))
    }

    /// The text of an ED: its own, or that of the part of the narrative that it points at.
    pub(super) fn words(&self, element: Element<'_>) -> Option<String> {
        let pointed = element.child("reference").and_then(|reference| {
            let id = reference.peek("value")?.trim_start_matches('#');
            if element.tree.copies.get() == 0 {
                return None;
            }
            let at = *element.tree.ids.get(id)?;
            let pointed = Element { tree: element.tree, at };
            let words = pointed.peek_text().filter(|_| !pointed.is_struck_out())?;
            let left = element.tree.copies.get().saturating_sub(words.len());
            element.tree.copies.set(left);
            reference.mark(&["value"]);
            (left > 0).then_some(words)
        });
        match (pointed, element.text()) {
            (Some(pointed), Some(own)) if own != pointed => Some(format!("{own} {pointed}")),
            (Some(pointed), _) => Some(pointed),
            (None, own) => own,
        }
    }
}

/// The beginnings of systems whose codes the maps are made of: HL7's of version 3 and 2 and of FHIR, the NHS's, SNOMED CT, LOINC.
const SYSTEMS: [&str; 7] = [
    "2.16.840.1.113883.5",
    "2.16.840.1.113883.1.11",
    "2.16.840.1.113883.12",
    "2.16.840.1.113883.4.642",
    "2.16.840.1.113883.2.1",
    "2.16.840.1.113883.6.96",
    "2.16.840.1.113883.6.1",
];

/// What the code says is said: its name and its system say no more, where that is one whose codes the maps are made of. A code
/// of another system that looks alike may mean something else.
fn say_no_more(element: Element<'_>) {
    let is_within = |rest: &str| rest.is_empty() || rest.starts_with('.');
    let is_known =
        |system: &str| SYSTEMS.iter().any(|known| system.strip_prefix(known).is_some_and(is_within));
    if element.peek("codeSystem").is_none_or(is_known) {
        element.mark(&["codeSystem", "codeSystemName", "displayName"]);
    }
}

/// How serious it is that a map does not know a code: of a status, it is what was done or not.
fn weight(element: Element<'_>) -> Severity {
    if element.name() == "statusCode" { Severity::Major } else { Severity::Minor }
}

/// Whether two Codings are the same code of the same system.
fn same_code(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::Object(one), Node::Object(other)) => {
            one.find("system") == other.find("system") && one.find("code") == other.find("code")
        }
        _ => false,
    }
}

//! Codes: ID, IS, CE, CWE into code, Coding and CodeableConcept.
//!
//! A code keeps the system its sender gave it. Where a map knows it, the mapped code stands before it.

use super::codes::{Codes, Found, code_system};
use super::message::Part;
use crate::tree::{Node, Object};
use crate::{Context, Severity, Why};

/// The tables and the sender, which every code depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'x> {
    pub(super) codes: &'x Codes,
    pub(super) context: &'x Context,
}

impl Known<'_> {
    /// A `code` of a required binding: mapped, what the map says of codes that it does not know, or not there at all.
    pub(super) fn code(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        let written = part.peek()?;
        match self.codes.find(map, &written, self.context) {
            Some(found) => {
                part.text();
                self.narrowed(part, found);
                Some(Node::text(found.code))
            }
            None => {
                part.remark(Why::CodeNotMapped, Severity::Major);
                let otherwise = self.codes.otherwise(map).filter(|found| !found.code.is_empty())?;
                Some(Node::text(otherwise.code))
            }
        }
    }

    /// Whether `part` says something that `map` does not know, and nothing may stand for it.
    pub(super) fn is_unclear(&self, part: Part<'_, '_>, map: &str) -> bool {
        let nothing = !map.is_empty() && self.codes.otherwise(map).is_some_and(|found| found.code.is_empty());
        nothing && part.peek().is_some_and(|code| self.codes.find(map, &code, self.context).is_none())
    }

    /// One `Coding`: the mapped one, or the sender's own.
    pub(super) fn coding(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        let written = part.component(1).peek()?;
        if let Some(found) = self.mapped(part, map, &written) {
            part.component(1).text();
            self.narrowed(part, found);
            return Some(found.coding().into());
        }
        self.own(part, 1, map).map(Node::from)
    }

    /// A security label: like [`Known::coding`], but a code that no map knows is kept as what it is.
    pub(super) fn label(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        let written = part.component(1).peek()?;
        let found = self.codes.find(map, &written, self.context)?;
        if found.code.is_empty() {
            return None;
        }
        part.component(1).text();
        Some(found.coding().into())
    }

    /// A `CodeableConcept` of up to three codings and a text.
    pub(super) fn concept(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        let mut concept = Object::new();
        let mapped = part.component(1).peek().and_then(|written| self.mapped(part, map, &written));
        if let Some(found) = mapped {
            self.narrowed(part, found);
        }
        let mut mapped = mapped.map(|found| found.coding());
        for first in [1, 4] {
            let Some(mut coding) = self.own(part, first, map) else { continue };
            if let Some(mapped) = mapped.take() {
                if same_code(&mapped, &coding) {
                    // One coding is enough, with the words of the sender where there are some.
                    if let (None, Some(display)) = (coding.find("display"), mapped.find("display")) {
                        let display = display.clone();
                        coding.put("display", display);
                    }
                } else {
                    concept.push("coding", mapped.into());
                }
            }
            concept.push("coding", coding.into());
        }
        if let Some(text) = part.component(9).words() {
            concept.put("text", Node::Text(text));
        } else if concept.find("coding").is_none()
            && let Some(text) = part.component(2).words()
        {
            concept.put("text", Node::Text(text));
        }
        (!concept.is_empty()).then(|| concept.into())
    }

    /// A `CodeableConcept` whose code, words and system are subcomponents of one component.
    pub(super) fn subconcept(&self, part: Part<'_, '_>, map: &str) -> Option<Node> {
        if part.subcomponent(2).is_empty() && part.subcomponent(3).is_empty() {
            let written = part.peek()?;
            let found = self.codes.find(map, &written, self.context);
            let text = part.text()?;
            let Some(found) = found else { return Some(Object::new().with("text", Node::Text(text)).into()) };
            self.narrowed(part, found);
            return Some(found.concept());
        }
        let mut coding = Object::new();
        if let Some(name) = part.subcomponent(3).text() {
            coding.put("system", Node::Text(code_system(&name, self.codes, self.context)));
        }
        if let Some(code) = part.subcomponent(1).text() {
            coding.put("code", Node::Text(one_blank(code, part.subcomponent(1))));
        }
        let Some(words) = part.subcomponent(2).text() else {
            return (!coding.is_empty())
                .then(|| Object::new().with("coding", Node::List(vec![coding.into()])).into());
        };
        if coding.find("code").is_none() {
            return Some(Object::new().with("text", Node::Text(words)).into());
        }
        coding.put("display", Node::Text(words));
        Some(Object::new().with("coding", Node::List(vec![coding.into()])).into())
    }

    fn mapped(&self, part: Part<'_, '_>, map: &str, written: &str) -> Option<Found<'_>> {
        let system = part.component(3).peek().map(|name| code_system(&name, self.codes, self.context));
        let found = self.codes.find(map, written, self.context)?;
        // A code of another system that happens to look alike is not ours to map.
        (system.is_none()
            || system.as_deref() == self.codes.from(map)
            || system.as_deref() == Some(found.system))
        .then_some(found)
    }

    /// The coding in components `first` to `first + 2`, as the sender wrote it.
    fn own(&self, part: Part<'_, '_>, first: u16, map: &str) -> Option<Object> {
        let written = part.component(first);
        let code = if written.is_initials() { written.words()? } else { written.text()? };
        let code = one_blank(code, written);
        let mut coding = Object::new();
        let version = if first == 1 { 7 } else { 8 };
        if let Some(name) = part.component(first + 2).text() {
            coding.put("system", Node::Text(code_system(&name, self.codes, self.context)));
            if let Some(version) = part.component(version).text() {
                coding.put("version", Node::Text(version));
            }
        } else if let Some(from) =
            self.codes.from(map).filter(|_| first == 1 && self.codes.find(map, &code, self.context).is_some())
        {
            coding.put("system", Node::text(from));
        }
        coding.put("code", Node::Text(code));
        if let Some(display) = part.component(first + 1).words() {
            coding.put("display", Node::Text(display));
        }
        Some(coding)
    }

    fn narrowed(&self, part: Part<'_, '_>, found: Found<'_>) {
        if found.broader {
            part.remark(Why::Narrowed, if found.grave { Severity::Major } else { Severity::Minor });
        }
    }
}

impl Found<'_> {
    /// As a Coding.
    pub(super) fn coding(&self) -> Object {
        let mut coding = Object::new();
        if !self.system.is_empty() {
            coding.put("system", Node::text(self.system));
        }
        coding.put("code", Node::text(self.code));
        if !self.display.is_empty() {
            coding.put("display", Node::text(self.display));
        }
        coding
    }

    /// As a CodeableConcept.
    pub(super) fn concept(&self) -> Node {
        Object::new().with("coding", Node::List(vec![self.coding().into()])).into()
    }
}

/// `code`, which stands in `part`, as FHIR can say it: with one blank where a sender wrote more in a row, which is told.
pub(super) fn one_blank(code: String, part: Part<'_, '_>) -> String {
    let blanks = |letters: &[u8]| letters.iter().all(u8::is_ascii_whitespace);
    if !code.as_bytes().windows(2).any(blanks) {
        return code;
    }
    part.remark(Why::NotOfType, Severity::Minor);
    code.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn same_code(one: &Object, other: &Object) -> bool {
    one.find("system") == other.find("system") && one.find("code") == other.find("code")
}

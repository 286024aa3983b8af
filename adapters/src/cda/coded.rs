//! Codes: CS, CE, CD with translations and original text.

use super::codes::{Codes, Target, letters};
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
    /// The target of the code in `element` by the map `map`, and the element or translation whose code that is, without
    /// using it.
    pub(super) fn target<'t>(
        &self,
        element: Element<'t>,
        attribute: Option<&str>,
        map: &str,
    ) -> Option<(&'x Target, Element<'t>)> {
        // What a qualifier may have turned around is none of the codes of a map.
        if matches!(self.qualified(element), Qualified::Otherwise | Qualified::Elsewhere) {
            return None;
        }
        let of = |element: Element<'t>| {
            let code = element.peek(attribute.unwrap_or("code"))?;
            self.codes.find(map, code, self.context).map(|target| (target, element))
        };
        let translated = || {
            let mut codes = element.children().filter(|child| child.is(Space::V3, "translation"));
            codes.find_map(of)
        };
        of(element).or_else(|| if attribute.is_none() { translated() } else { None })
    }

    /// A code of an element that takes only certain codes.
    pub(super) fn code(&self, element: Element<'_>, attribute: Option<&str>, map: &str) -> Option<Node> {
        let name = attribute.unwrap_or("code");
        let Some((target, said)) = self.target(element, attribute, map) else {
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
        said.mark(&[name]);
        self.say_no_more(said, map, target);
        Some(Node::text(target.code.as_str()))
    }

    /// A Coding by a map, or `None` when the map does not know the code.
    pub(super) fn mapped(&self, element: Element<'_>, attribute: Option<&str>, map: &str) -> Option<Object> {
        let (target, said) = self.target(element, attribute, map)?;
        if target.is_broader {
            element.remark(None, Why::Narrowed, Severity::Minor);
        }
        said.mark(&[attribute.unwrap_or("code")]);
        self.say_no_more(said, map, target);
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
        if let Some((target, _)) = map.and_then(|map| self.target(element, None, map)) {
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
        Some(concept.into())
    }

    fn codings(&self, element: Element<'_>, out: &mut Vec<Node>) {
        if let Some(coding) = self.coding(element) {
            let coding = Node::from(coding);
            match out.iter().find(|held| same_code(held, &coding)) {
                None => out.push(coding),
                Some(held) if *held == coding => {}
                // The first name that it has stands there.
                Some(_) => element.remark(Some("displayName"), Why::PlaceTaken, Severity::Trivial),
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
                    element.mark(&["codeSystem"]);
                    self.name_system(element, root);
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

    /// What the code says is said: its name says no more where it is that of the code or of what it became, and its system
    /// as [`Self::say_system`] says.
    pub(super) fn say_no_more(&self, element: Element<'_>, map: &str, target: &Target) {
        self.say_system(element, map);
        let code = element.peek("code").unwrap_or_default();
        let is_called =
            |name: &str| [code, &target.code, &target.display].iter().any(|held| letters(held) == name);
        if element.peek("displayName").map(letters).is_some_and(|name| is_called(&name)) {
            element.mark(&["displayName"]);
        }
    }

    /// The system of a code says no more than the code where it is one whose codes the map is made of. A code of another
    /// system that looks alike may mean something else, unless this sender is known to mean it so.
    pub(super) fn say_system(&self, element: Element<'_>, map: &str) {
        let is_own = || {
            let code = element.peek("code").unwrap_or_default().to_ascii_uppercase();
            !self.context.codes.is_empty() && self.context.codes.contains_key(&(map.to_owned(), code))
        };
        if let Some(root) = element.peek("codeSystem")
            && (self.codes.is_of(map, root) || is_own())
        {
            element.mark(&["codeSystem"]);
            self.name_system(element, root);
        }
    }

    /// The name of a system says no more than the system, where documents call it so.
    pub(super) fn name_system(&self, element: Element<'_>, root: &str) {
        if element.peek("codeSystemName").is_some_and(|name| self.codes.is_called(root, name)) {
            element.mark(&["codeSystemName"]);
        }
    }

    /// A language as CDA writes it, which is nearly BCP 47: that takes the short name of a language that has one.
    pub(super) fn language(&self, element: Element<'_>) -> Option<String> {
        let code = element.peek("code")?;
        let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain || code.len() < 2 || code.len() > 35 {
            element.remark(Some("code"), Why::NotOfType, Severity::Minor);
            return None;
        }
        element.mark(&["code"]);
        self.say_system(element, "languages");
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

//! How confidential a part of a document is, as labels.

use fhir::security_label::{Confidentiality, SecurityLabel};

use super::coded::Known;
use super::source::{Element, Space};
use crate::tree::{Node, Object};
use crate::whereabouts::INLINE;
use crate::{Severity, Why};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// The labels in force: the strictest degree, and every category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Labels {
    degree: Option<Confidentiality>,
    others: Vec<(String, String)>,
}

impl Labels {
    /// What `element` itself says, anywhere in it but in what is labelled by itself: the sections and entries of a
    /// document, the entries of a section, the components of an organizer.
    pub(super) fn stated(known: Known<'_>, element: Element<'_>) -> Self {
        let mut labels = Self::default();
        labels.gather(known, element);
        labels
    }

    fn gather(&mut self, known: Known<'_>, element: Element<'_>) {
        for child in element.children() {
            match (child.name(), child.space()) {
                ("confidentialityCode", Space::V3 | Space::Sdtc) => self.read(known, child),
                ("observation", Space::V3) if is_security(child) => self.observed(known, child),
                // The narrative, and what is labelled by itself.
                ("text", Space::V3) => {}
                ("entry" | "component", Space::V3) if !is_security_entry(child) => {}
                _ => self.gather(known, child),
            }
        }
    }

    fn observed(&mut self, known: Known<'_>, observation: Element<'_>) {
        for value in observation.children().filter(|value| value.is(Space::V3, "value")) {
            self.read(known, value);
        }
        if let Some(code) = observation.child("code") {
            code.mark(&["code"]);
            known.say_system(code, "security-observation");
        }
    }

    /// That the address or a number of somebody is confidential: one for such use (`CONF`), or one that is masked. Who
    /// that is bears the label, which protects where they are.
    pub(super) fn of_places(known: Known<'_>, element: Element<'_>) -> Self {
        if !is_place_confidential(known, element) {
            return Self::default();
        }
        Self { degree: Some(Confidentiality::Restricted), others: Vec::new() }
    }

    /// Adds the labels that a code and its translations are.
    fn read(&mut self, known: Known<'_>, element: Element<'_>) {
        self.read_one(known, element);
        for translation in element.children().filter(|child| child.is(Space::V3, "translation")) {
            self.read_one(known, translation);
        }
    }

    /// Adds the label that a code is, in whatever letters it is written.
    fn read_one(&mut self, known: Known<'_>, element: Element<'_>) {
        let Some(code) = element.peek("code") else { return };
        let found = known.target(element, None, "confidentiality").map(|(target, _)| target);
        let found =
            found.or_else(|| known.codes.find("confidentiality", &code.to_ascii_uppercase(), known.context));
        let (system, code) = match found {
            Some(target) => {
                if target.is_broader {
                    element.remark(Some("code"), Why::Narrowed, Severity::Major);
                }
                known.say_no_more(element, "confidentiality", target);
                (target.system.clone().unwrap_or_default(), target.code.clone())
            }
            // Nobody knows it here; whoever knows it must see it.
            None => {
                let system = element.peek("codeSystem").and_then(|root| known.codes.system(root));
                if system.as_deref() != Some(ACT_CODE) {
                    element.remark(Some("code"), Why::CodeNotMapped, Severity::Major);
                }
                if let Some(root) = element.peek("codeSystem").filter(|_| system.is_some()) {
                    element.mark(&["codeSystem"]);
                    known.name_system(element, root);
                }
                (system.unwrap_or_default(), code.to_owned())
            }
        };
        element.mark(&["code"]);
        match SecurityLabel::new(&system, &code).confidentiality() {
            Some(degree) if system == CONFIDENTIALITY => self.degree = self.degree.max(Some(degree)),
            Some(_) | None => {
                if !self.others.contains(&(system.clone(), code.clone())) {
                    self.others.push((system, code));
                }
            }
        }
    }

    /// Both together: the strictest degree, all categories.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.degree = both.degree.max(other.degree);
        for label in &other.others {
            if !both.others.contains(label) {
                both.others.push(label.clone());
            }
        }
        both
    }

    /// Whether they protect more than an ordinary record is protected.
    pub(super) fn is_special(&self) -> bool {
        self.degree > Some(Confidentiality::Normal) || !self.others.is_empty()
    }

    /// The labels as Codings.
    pub(super) fn codings(&self) -> Vec<Node> {
        let degree = self.degree.map(|degree| (CONFIDENTIALITY.to_owned(), degree.code().to_owned()));
        let all = degree.iter().chain(&self.others);
        all.map(|(system, code)| {
            let mut coding = Object::new();
            if !system.is_empty() {
                coding.put("system", Node::text(system.as_str()));
            }
            coding.with("code", Node::text(code.as_str())).into()
        })
        .collect()
    }

    /// The labels as inline extensions of a part.
    pub(super) fn inline(&self) -> Vec<Node> {
        let extension =
            |coding| Object::new().with("url", Node::text(INLINE)).with("valueCoding", coding).into();
        self.codings().into_iter().map(extension).collect()
    }
}

/// Whether an address or number that stands in what describes somebody, or in their guardian, is confidential.
fn is_place_confidential(known: Known<'_>, element: Element<'_>) -> bool {
    let mut is_so = false;
    for child in element.children().filter(|child| child.space() == Space::V3) {
        let map = match child.name() {
            "addr" => "address-use",
            "telecom" => "telecom-use",
            "patient" | "guardian" => {
                is_so |= is_place_confidential(known, child);
                continue;
            }
            _ => continue,
        };
        let uses = || child.peek("use").unwrap_or_default().split_ascii_whitespace();
        if uses().any(|held| held == "CONF") {
            is_so = true;
            // The label says that; whatever else stands there must be said too.
            if uses().all(|held| held == "CONF" || known.codes.find(map, held, known.context).is_some()) {
                child.mark(&["use"]);
            }
        }
        is_so |= child.peek("nullFlavor") == Some("MSK");
    }
    is_so
}

/// What tells a receiver that a resource bears labels inside.
pub(super) fn process_inline() -> Node {
    Object::new().with("system", Node::text(ACT_CODE)).with("code", Node::text("PROCESSINLINELABEL")).into()
}

/// Whether a statement is a label and nothing else.
pub(super) fn is_security(statement: Element<'_>) -> bool {
    statement.child("code").is_some_and(|code| matches!(code.peek("code"), Some("SECCLASSOBS" | "SECCATOBS")))
}

/// Whether an entry holds labels and nothing else.
pub(super) fn is_security_entry(entry: Element<'_>) -> bool {
    let is_label = |statement: Element<'_>| match statement.name() {
        "observation" => is_security(statement),
        "organizer" => {
            let mut parts =
                statement.children().filter_map(|component| component.child("observation")).peekable();
            parts.peek().is_some() && parts.all(is_security)
        }
        _ => false,
    };
    let mut statements = entry.children().filter(|child| child.space() == Space::V3).peekable();
    statements.peek().is_some() && statements.all(is_label)
}

//! Codes: bindings to value sets, and codes held against their code systems.

use super::Run;
use super::finding::{Rule, Severity};
use crate::definitions::shape::{Binding, Strength};
use crate::definitions::terms::{Coded, Content, Membership, grammar, member};
use crate::definitions::units;
use crate::tree::Node;

impl<'a> Run<'a> {
    /// Holds `node`, of the type called `kind`, to its binding.
    pub(crate) fn bound(&mut self, node: Node<'a>, kind: &str, binding: &Binding) {
        let severity = match binding.strength {
            Strength::Required => Severity::Error,
            Strength::Extensible => Severity::Warning,
            Strength::Preferred | Strength::Example => return,
        };
        let answer = match kind {
            "CodeableConcept" => self.concept(node, binding, severity),
            "Coding" => self.coded(node, binding),
            "Quantity" => {
                if node.child("code").is_none() {
                    return;
                }
                self.coded(node, binding)
            }
            _ => node.text().map(|code| self.membership(binding, Coded { system: None, code })),
        };
        self.tell(node, binding, severity, answer);
    }

    fn tell(&mut self, node: Node<'a>, binding: &Binding, severity: Severity, answer: Option<Membership>) {
        match answer {
            None | Some(Membership::In) => {}
            Some(Membership::Out) => {
                let must = if severity == Severity::Error { "" } else { ", if one of it fits" };
                let text = format!("a code of {} is wanted{must}", binding.value_set);
                self.find(severity, Rule::Binding, node, text);
            }
            Some(Membership::Unknown(why)) => {
                let text = format!("whether the code is in {}: {why} is not at hand", binding.value_set);
                self.unchecked(Rule::Binding, node, text);
            }
        }
    }

    /// One coding of the set is enough.
    fn concept(&mut self, node: Node<'a>, binding: &Binding, severity: Severity) -> Option<Membership> {
        let mut answer = None;
        for coding in node.named("coding") {
            match self.coded(coding, binding) {
                Some(Membership::In) => return None,
                Some(unknown @ Membership::Unknown(_)) => answer = Some(unknown),
                Some(Membership::Out) => answer = answer.or(Some(Membership::Out)),
                None => {}
            }
        }
        if answer.is_none() && severity == Severity::Error && node.child("extension").is_none() {
            let text = format!("a code of {} is needed", binding.value_set);
            self.error(Rule::Binding, node, text);
        }
        answer
    }

    fn coded(&self, node: Node<'a>, binding: &Binding) -> Option<Membership> {
        let code = node.child_text("code")?;
        // A Coding without system is of no code system at all.
        let system = Some(node.child_text("system").unwrap_or(""));
        Some(self.membership(binding, Coded { system, code }))
    }

    fn membership(&self, binding: &Binding, coded: Coded<'_>) -> Membership {
        match binding.at(self.definitions) {
            Some(at) => member(self.definitions, at, coded),
            None => Membership::Unknown(binding.value_set.clone()),
        }
    }

    /// Holds a Coding to its code system: the code is there, and the display is its name.
    pub(crate) fn coding(&mut self, node: Node<'a>) {
        let Some((system, code)) = node.child_text("system").zip(node.child_text("code")) else {
            return;
        };
        if !system.contains(':') {
            return self.error(Rule::Code, node, "a code system is named by an absolute uri");
        }
        if let Some(told) = grammar(system, code) {
            return self.of_grammar(node, told);
        }
        if self.definitions.value_set_at(system).is_some()
            && self.definitions.code_system_at(system).is_none()
        {
            return self.error(Rule::Code, node, "a value set is named where a code system is wanted");
        }
        let found = self.definitions.code_system_at(system).and_then(|at| self.definitions.code_system(at));
        let Some(known) = found else {
            return self.unknown_system(node, system);
        };
        let Some(concept) = known.concept(code) else {
            match known.content {
                Content::Complete => self.error(Rule::Code, node, "not a code of its code system"),
                Content::Part => self.unchecked(Rule::Code, node, format!("{system} is only known in part")),
                Content::Supplement => {
                    self.error(Rule::Code, node, "a supplement is named where a code system is wanted");
                }
            }
            return;
        };
        let display = node.child_text("display").map(normal);
        if let Some(display) = display
            && !concept.display.is_empty()
            && display != normal(&concept.display)
        {
            self.warning(Rule::Code, node, "the display is not the name that the code system gives");
        }
    }

    fn of_grammar(&mut self, node: Node<'a>, told: Membership) {
        match told {
            Membership::In => {}
            Membership::Out => self.error(Rule::Code, node, "not a code of its code system"),
            Membership::Unknown(why) => self.unchecked(Rule::Code, node, format!("the code: {why}")),
        }
    }

    /// Holds the code of a Quantity to UCUM, if it is of UCUM.
    pub(crate) fn unit(&mut self, node: Node<'a>) {
        if node.child_text("system") == Some(units::SYSTEM)
            && let Some(code) = node.child_text("code")
        {
            self.of_grammar(node, units::told(code));
        }
    }

    fn unknown_system(&mut self, node: Node<'a>, system: &str) {
        if system.starts_with("http://hl7.org/fhir/") && !system.starts_with("http://hl7.org/fhir/sid/") {
            return self.warning(Rule::Code, node, "FHIR R4 has no such code system");
        }
        self.unchecked(Rule::Code, node, "the code: its code system is in no pack");
    }
}

/// Displays differ in more than case and spaces.
fn normal(display: &str) -> String {
    display.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

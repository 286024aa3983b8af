//! Invariants: natively where they are asked of nearly every element, else by their expression.

use super::Run;
use super::finding::{Rule, Severity};
use super::native::{self, Native};
use crate::definitions::shape::{self, Constraint, Invariant};
use crate::tree::Node;

/// How an invariant is evaluated.
#[derive(Debug)]
pub(crate) enum Plan {
    /// By code of ours; what that leaves open, by the expression.
    Native(Native),
    /// Another part of this validator holds it already.
    Elsewhere,
    /// It cannot be evaluated.
    Not,
}

impl Plan {
    fn of(rule: &Invariant) -> Self {
        if let Some(found) = native::native(&rule.expression) {
            return Self::Native(found);
        }
        if native::ELSEWHERE.contains(&&*rule.expression) {
            return Self::Elsewhere;
        }
        Self::Not
    }
}

impl<'a> Run<'a> {
    /// Holds `node` to the invariants of a definition.
    pub(crate) fn constraints(&mut self, node: Node<'a>, constraints: &'a [Constraint], _url: &str) {
        for constraint in constraints {
            let rule = &*constraint.rule;
            let answer = match rule.plan.get_or_init(|| Plan::of(rule)) {
                Plan::Native(native) => native(node),
                Plan::Elsewhere => Some(true),
                Plan::Not => None,
            };
            self.judged(node, rule, answer);
        }
    }

    fn judged(&mut self, node: Node<'a>, rule: &Invariant, answer: Option<bool>) {
        let severity = match (answer, rule.severity) {
            (Some(true), _) => return,
            (Some(false), shape::Severity::Error) => Severity::Error,
            (Some(false), shape::Severity::Warning) => Severity::Warning,
            (None, _) => Severity::NotChecked,
        };
        let words = if answer.is_none() { "cannot be evaluated: " } else { "" };
        let text = format!("{words}{}", rule.human);
        self.found(severity, Rule::Invariant, Some(&rule.key), node, text);
    }
}

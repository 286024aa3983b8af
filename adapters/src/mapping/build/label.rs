//! Security labels: of several values none speaks for the others.

use super::{Build, Wrote, or_else};
use crate::Why;
use crate::mapping::plan::{Rule, Value};
use crate::mapping::record::Scope;

/// The most values that are read for one label; of more than these nobody says what they mean.
pub(super) const VALUES_MAX: usize = 64;

/// Whether a rule makes a security label.
pub(super) fn is_label(rule: &Rule) -> bool {
    rule.path.starts_with("meta.security")
}

impl Build<'_> {
    /// The labels that the values at a path mean, each once: a mark in the second row or item protects as one in the
    /// first does. What is no value at all is not understood, and so is `otherwise`.
    pub(super) fn labels(&mut self, rule: &Rule, selector: usize, scope: Scope, out: &mut Vec<u8>) -> Wrote {
        let start = out.len();
        let mut held: Vec<Vec<u8>> = Vec::new();
        let mut is_said = false;
        let every = self.every(selector, scope);
        let is_many = every.len() > VALUES_MAX;
        for leaf in every.into_iter().take(VALUES_MAX) {
            out.truncate(start);
            let wrote = if is_many || self.input.has_parts(leaf) {
                or_else(rule, rule.otherwise.as_deref(), out)
            } else if self.is_value(leaf) {
                self.cell(rule, leaf, scope, out)
            } else {
                continue;
            };
            is_said = true;
            let label = out.get(start..).filter(|_| wrote != Wrote::Nothing);
            if let Some(label) = label.filter(|label| !held.iter().any(|other| other == label)) {
                held.push(label.to_owned());
            }
        }
        out.truncate(start);
        if !is_said {
            return or_else(rule, rule.default.as_deref(), out);
        }
        out.extend_from_slice(&held.join(&b','));
        if held.is_empty() { Wrote::Nothing } else { Wrote::Sourced }
    }

    /// Tells of other values of a place that takes one, where they differ from the one at `leaf` that was carried.
    pub(super) fn contradict(&mut self, leaf: usize, scope: Scope, rule: &Rule) {
        let Value::Cell { selector, .. } = &rule.value else { return };
        let is_rooted = self.plan.selectors.get(*selector).is_none_or(|selector| selector.from_record);
        if is_label(rule) || is_rooted || !self.input.may_repeat(scope) {
            return;
        }
        for other in self.every(*selector, scope) {
            if self.input.text(other) != self.input.text(leaf) && self.is_value(other) {
                self.remark(other, Why::PlaceTaken, rule.severity);
            }
        }
    }
}

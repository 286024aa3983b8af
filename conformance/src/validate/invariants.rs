//! Invariants: natively where they are asked of nearly every element, else by their expression.

use super::Run;
use super::finding::{Rule, Severity};
use super::native::{self, Native};
use crate::definitions::Definitions;
use crate::definitions::shape::{self, Constraint, Invariant};
use crate::definitions::terms::{Coded, Membership, member};
use crate::fhirpath::{Collection, Expression, Failed, Item, Mode, Scope, Terminology};
use crate::model::{Model, Tables};
use crate::tree::Node;

/// Steps of one evaluation.
const STEPS_MAX: u64 = 2_000_000;

/// Evaluations that may end by that bound before no more are begun.
const ENDLESS_MAX: usize = 8;

/// Expressions of the core specification that do not say what their words do, and what they mean.
const ERRATA: [(&str, &str); 3] = [
    ("fullUrl.contains('/_history/').not()", "fullUrl.empty() or fullUrl.contains('/_history/').not()"),
    (
        "probability is decimal implies (probability as decimal) <= 100",
        "probability.empty() or (probability is decimal implies (probability as decimal) <= 100)",
    ),
    ("operator = 'exists' implies (answer is Boolean)", "operator = 'exists' implies (answer is boolean)"),
];

/// How an invariant is evaluated.
#[derive(Debug)]
pub(crate) enum Plan {
    /// By code of ours; what that leaves open, by the expression.
    Native(Native, Box<Plan>),
    /// Another part of this validator holds it already.
    Elsewhere,
    /// By its expression.
    Expression(Box<Expression>),
    /// It cannot be evaluated.
    Not,
}

impl Plan {
    fn of(rule: &Invariant) -> Self {
        let said = ERRATA.iter().find(|(said, _)| *said == &*rule.expression);
        let meant = said.map_or(&*rule.expression, |(_, meant)| meant);
        if let Some(native) = native::native(&rule.expression) {
            return Self::Native(native, Box::new(Self::by_expression(meant)));
        }
        if native::ELSEWHERE.contains(&&*rule.expression) {
            return Self::Elsewhere;
        }
        Self::by_expression(meant)
    }

    fn by_expression(expression: &str) -> Self {
        Expression::parse(expression).map_or(Self::Not, |read| Self::Expression(Box::new(read)))
    }
}

impl<'a> Run<'a> {
    /// Holds `node` to the invariants of a definition.
    pub(crate) fn constraints(&mut self, node: Node<'a>, constraints: &'a [Constraint], _url: &str) {
        for constraint in constraints {
            let rule = &*constraint.rule;
            let answer = self.answer(node, rule.plan.get_or_init(|| Plan::of(rule)));
            self.judged(node, rule, answer);
        }
    }

    fn answer(&mut self, node: Node<'a>, plan: &Plan) -> Option<bool> {
        match plan {
            Plan::Native(native, otherwise) => native(node).or_else(|| self.answer(node, otherwise)),
            Plan::Elsewhere => Some(true),
            Plan::Not => None,
            Plan::Expression(expression) => self.evaluated(node, expression),
        }
    }

    /// What is not true, nothing at all included, does not hold.
    fn evaluated(&mut self, node: Node<'a>, expression: &Expression) -> Option<bool> {
        self.found_at(node, expression, None).map(|found| found.is_true())
    }

    /// What `expression` yields at `node`; about the place of an extension, the extension is `%extension`, and names may
    /// be those of JSON (`%extension.valueInteger`), as published contexts have them. `None` when it cannot be evaluated.
    pub(crate) fn found_at(
        &mut self,
        node: Node<'a>,
        expression: &Expression,
        extension: Option<Node<'a>>,
    ) -> Option<Collection<'a>> {
        if self.endless >= ENDLESS_MAX || !self.step() {
            return None;
        }
        let codes = Codes(self.definitions);
        let mut scope = Scope::new(&Tables::R4, node);
        if let Some(extension) = extension {
            let item = Item::Node(extension, Tables::R4.type_of(extension));
            scope = scope.in_mode(Mode::Lenient).with("extension", Collection::one(item));
        }
        scope.resource = Some(self.resource);
        scope.terminology = Some(&codes);
        scope.steps_max = STEPS_MAX;
        match expression.evaluate(&scope) {
            Ok(found) => Some(found),
            Err(Failed::TooManySteps { .. }) => {
                self.endless = self.endless.saturating_add(1);
                None
            }
            Err(_) => None,
        }
    }

    /// Holds `place`, where `extension` stands, to what the definition of the extension demands of it.
    pub(crate) fn context_invariants(
        &mut self,
        extension: Node<'a>,
        place: Node<'a>,
        constraints: &'a [Constraint],
    ) {
        for Constraint { rule } in constraints {
            let parsed = rule.plan.get_or_init(|| Plan::by_expression(&rule.expression));
            let answer = match parsed {
                Plan::Expression(expression) => self.found_at(place, expression, Some(extension)),
                Plan::Native(..) | Plan::Elsewhere | Plan::Not => None,
            };
            match answer.map(|found| found.is_true()) {
                Some(true) => {}
                Some(false) => self.error(Rule::Extension, extension, &*rule.human),
                None => {
                    let text = format!("cannot be evaluated: {}", rule.human);
                    self.unchecked(Rule::Extension, extension, text);
                }
            }
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

/// Codes as the packs know them, for expressions.
#[derive(Debug)]
struct Codes<'d>(&'d Definitions);

impl<'t> Terminology<'t> for Codes<'_> {
    fn member_of(&self, coded: &Item<'t>, value_set: &str) -> Option<bool> {
        let at = self.0.value_set_at(value_set)?;
        let answer = |coded: Coded<'_>| match member(self.0, at, coded) {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown(_) => None,
        };
        let Some(node) = coded.node() else {
            return answer(Coded { system: None, code: &coded.text()? });
        };
        let codings: Vec<Node<'t>> = node.named("coding").collect();
        if codings.is_empty() {
            let code = node.child_text("code").or_else(|| node.text())?;
            let system = node.child("code").map(|_| node.child_text("system").unwrap_or_default());
            return answer(Coded { system, code });
        }
        let of_coding = |coding: &Node<'t>| {
            let system = Some(coding.child_text("system").unwrap_or_default());
            answer(Coded { system, code: coding.child_text("code")? })
        };
        let answers: Vec<Option<bool>> = codings.iter().map(of_coding).collect();
        if answers.contains(&Some(true)) {
            return Some(true);
        }
        if answers.contains(&None) { None } else { Some(false) }
    }

    fn subsumes(&self, _general: &Item<'t>, _special: &Item<'t>) -> Option<bool> {
        None
    }
}

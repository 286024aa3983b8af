//! Asserts that hold one body against another, a profile or a rule.

use super::super::message::Message;
use super::super::minimum;
use super::super::operator::{Actual, Operator};
use super::super::outcome::{Judgement, Outcome};
use super::super::path;
use super::super::plan::{Criterion, RuleCall};
use super::super::profile::Checked;
use super::super::rules::{self, Called, Rule};
use super::super::template::Template;
use super::content::{bad_path, failed, short};
use super::{Judged, Looked, unread};
use crate::tree::Node;

/// Findings of a profile that are listed.
const LISTED_MAX: usize = 50;

impl<'a> Looked<'a> {
    pub(super) fn compare_expression(
        self,
        source_id: &str,
        expression: &Template,
        selector: Option<&Criterion>,
    ) -> Judged {
        let other = self.held(source_id)?;
        let root = other.root().map_err(unread)?;
        let text = self.fill(expression)?;
        let found =
            self.view.session.expressions.evaluate(&text, root).map_err(|bad| Box::new(failed(&bad)))?;
        let Some(selector) = selector else {
            // Alone, it is a condition on what it is evaluated on.
            let fits = match self.assertion.operator {
                Some(Operator::NotEquals) => !found.is_true(),
                Some(Operator::Empty) => found.items.is_empty(),
                Some(Operator::NotEmpty) => !found.items.is_empty(),
                _ if self.assertion.value.is_some() => {
                    let (expected, written) = self.value()?;
                    let operator = self.operator(Operator::Equals);
                    let told = (short(expression.text()), operator);
                    return self.compared(
                        Operator::Equals,
                        &found.values(),
                        &expected,
                        (&told.0, told.1, written),
                    );
                }
                _ => found.is_true(),
            };
            return Ok(if fits {
                Judgement::pass()
            } else {
                Judgement::fail(format!("not so of {source_id}: {}", short(expression.text())))
            });
        };
        let actual = self.selected_values(selector)?;
        self.same(&actual, &found.values(), expression.text())
    }

    pub(super) fn compare_path(
        self,
        source_id: &str,
        other: &Template,
        selector: Option<&Criterion>,
    ) -> Judged {
        let message = self.held(source_id)?;
        let root = message.root().map_err(unread)?;
        let text = self.fill(other)?;
        let expected = path::select(&text, root).map_err(|bad| Box::new(bad_path(&bad)))?.values();
        // Without a path of its own, the assert means the same path.
        let actual = match selector {
            Some(selector) => self.selected_values(selector)?,
            None => {
                let message = self.message()?;
                let root = message.root().map_err(unread)?;
                path::select(&text, root).map_err(|bad| Box::new(bad_path(&bad)))?.values()
            }
        };
        self.same(&actual, &expected, other.text())
    }

    /// Whether two lists of values are the same, in any order; one value is one value.
    fn same(self, actual: &[Actual], expected: &[Actual], what: &str) -> Judged {
        if let ([_], [expected]) = (actual, expected) {
            let told = (short(what), self.operator(Operator::Equals));
            return self.compared(
                Operator::Equals,
                actual,
                &expected.text,
                (&told.0, told.1, "what the other has"),
            );
        }
        let sorted = |values: &[Actual]| {
            let mut texts: Vec<String> = values.iter().map(|value| value.text.clone()).collect();
            texts.sort();
            texts
        };
        let equal = sorted(actual) == sorted(expected);
        let operator = self.operator(Operator::Equals);
        if !matches!(operator, Operator::Equals | Operator::NotEquals) {
            return Ok(Judgement::error(format!(
                "{} does not compare several values with several",
                operator.code()
            )));
        }
        let fits = equal == (operator == Operator::Equals);
        let counts = format!("{} values here, {} there", actual.len(), expected.len());
        Ok(if fits {
            Judgement::pass()
        } else {
            Judgement::fail(format!(
                "not so: {} {} what the other has; {counts}",
                short(what),
                operator.words()
            ))
        })
    }

    fn selected_values(self, selector: &Criterion) -> Result<Vec<Actual>, Box<Judgement>> {
        let message = self.message()?;
        let root = message.root().map_err(unread)?;
        if let Some(path) = selector.path() {
            let text = self.fill(path)?;
            return Ok(path::select(&text, root).map_err(|bad| Box::new(bad_path(&bad)))?.values());
        }
        let Some(expression) = selector.expression() else { return Ok(Vec::new()) };
        let text = self.fill(expression)?;
        let found = self.view.session.expressions.evaluate(&text, root);
        Ok(found.map_err(|bad| Box::new(failed(&bad)))?.values())
    }

    /// The resources or elements that the assert judges: the body, or what its expression selects of it.
    fn subjects<'m>(
        self,
        message: &'m Message,
        selector: Option<&Criterion>,
    ) -> Result<Vec<Node<'m>>, Box<Judgement>> {
        let root = message.root().map_err(unread)?;
        if let Some(kind) = &self.assertion.once_per_type {
            let entries = root.named("entry").filter_map(|entry| entry.child("resource"));
            return Ok(entries.filter(|resource| resource.resource_type() == Some(kind)).collect());
        }
        let selector = selector.filter(|_| self.assertion.value.is_none());
        if let Some(expression) = selector.and_then(Criterion::expression) {
            let text = self.fill(expression)?;
            let found = self.view.session.expressions.evaluate(&text, root);
            let found = found.map_err(|bad| Box::new(failed(&bad)))?;
            return Ok(found.items.iter().filter_map(|item| item.node).collect());
        }
        let Some(path) = selector.and_then(Criterion::path) else { return Ok(vec![root]) };
        let text = self.fill(path)?;
        match path::select(&text, root).map_err(|bad| Box::new(bad_path(&bad)))? {
            path::Selected::Nodes(nodes) => Ok(nodes),
            path::Selected::Value(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn minimum(self, id: &str, selector: Option<&Criterion>) -> Judged {
        let least = self.held(id)?;
        let least = least.root().map_err(|bad| Box::new(Judgement::error(format!("{id}: {bad}"))))?;
        let message = self.message()?;
        let mut judged: Option<Judgement> = None;
        for subject in self.subjects(&message, selector)? {
            let found = minimum::missing(least, subject, self.view.telling);
            let found = found.map_err(|bad| Box::new(Judgement::error(bad.to_string())))?;
            let count = found.listed.len() + found.more;
            let next = match count {
                0 => Judgement::pass(),
                _ => {
                    let mut next = Judgement::fail(format!("{count} of {id} missing or different"));
                    next.details = found.listed;
                    if found.more > 0 {
                        next.details.push(format!("and {} more", found.more));
                    }
                    next
                }
            };
            judged = Some(match judged {
                Some(before) => before.and(next),
                None => next,
            });
        }
        Ok(judged.unwrap_or_else(|| Judgement::fail("there is nothing to compare")))
    }

    pub(super) fn profile(self, id: &str, selector: Option<&Criterion>) -> Judged {
        let Some(profile) = self.view.session.plan.profile(id) else {
            return Ok(Judgement::error(format!("no profile is called {id}")));
        };
        if let Some(version) =
            self.view.session.fhir_version.as_deref().filter(|version| !version.starts_with("4.0"))
        {
            return Ok(Judgement::unsupported(format!(
                "profiles of FHIR {version}: definitions are those of R4"
            )));
        }
        let message = self.message()?;
        let mut judged: Option<Judgement> = None;
        for subject in self.subjects(&message, selector)? {
            let next = match self.view.profiles.check(subject, profile) {
                Checked::Conforms { warnings } => {
                    let mut next = Judgement::pass();
                    next.details = warnings.into_iter().take(LISTED_MAX).collect();
                    next
                }
                Checked::Breaks { errors } => {
                    let mut next = Judgement::fail(format!("{} errors against {profile}", errors.len()));
                    next.details = errors.into_iter().take(LISTED_MAX).collect();
                    next
                }
                Checked::Unsupported(what) => Judgement::unsupported(what),
            };
            judged = Some(match judged {
                Some(before) => before.and(next),
                None => next,
            });
        }
        Ok(judged.unwrap_or_else(|| Judgement::fail("there is nothing to validate")))
    }

    pub(super) fn rule(self, call: &RuleCall) -> Judged {
        let session = self.view.session;
        let Some(called) = rules::named(&session.plan.rules, call) else {
            return Ok(Judgement::unsupported(format!("the rule {}", call.name)));
        };
        let mut judged: Option<Judgement> = None;
        for Called { rule, parameters } in called {
            let mut filled = Vec::new();
            for (name, value) in &parameters {
                filled.push((name.clone(), self.fill(value)?));
            }
            let parameter =
                |wanted: &str| filled.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            let next = if rule == Rule::MinimumRequest {
                self.minimum_request(parameter("minimumFixtureBase").as_deref())?
            } else {
                rules::judge(rule, session.request.as_deref(), session.response.as_deref(), &parameter)
            };
            judged = Some(match judged {
                Some(before) => before.and(next),
                None => next,
            });
        }
        Ok(judged.unwrap_or_else(|| Judgement::new(Outcome::Skip, "the set of rules is empty")))
    }

    /// The body of the request against the fixture of its own format.
    fn minimum_request(self, base: Option<&str>) -> Judged {
        let Some(base) = base else { return Ok(Judgement::error("the rule wants minimumFixtureBase")) };
        let request = self.request()?;
        let kind = request.header("content-type").unwrap_or_default();
        let suffix = match (kind.contains("json"), kind.contains("xml")) {
            (true, _) => "-json",
            (_, true) => "-xml",
            _ => return Ok(Judgement::fail("the request has no body in JSON or XML")),
        };
        let least = self.held(&format!("{base}{suffix}"))?;
        let least = least.root().map_err(unread)?;
        let root = request.root().map_err(unread)?;
        let found = minimum::missing(least, root, self.view.telling);
        let found = found.map_err(|bad| Box::new(Judgement::error(bad.to_string())))?;
        if found.listed.is_empty() {
            return Ok(Judgement::pass());
        }
        let mut judged = Judgement::fail("the request has not all of the fixture");
        judged.details = found.listed;
        Ok(judged)
    }
}

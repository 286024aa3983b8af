//! One assert over what was sent, received and held: pure, without I/O.
//!
//! The same function judges live answers, recorded ones and what a client under test sent.

mod compare;
mod content;
mod wire;

use std::sync::Arc;

use super::message::{Message, Unread};
use super::operator::Operator;
use super::outcome::{Judgement, Outcome};
use super::plan::{Assertion, Completion, Criterion, Direction};
use super::profile::ProfileCheck;
use super::session::{NoValue, Session};
use super::template::Template;
use super::told::Telling;

/// What an assert may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) profiles: &'a dyn ProfileCheck,
    pub(crate) telling: Telling,
    pub(crate) navigation: Navigation,
}

/// What `navigationLinks` wants of a Bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Navigation {
    /// First, last and next, as TestScript says.
    #[default]
    Strict,
    /// Self, and next where there is more: what FHIR asks of servers.
    Practical,
}

/// Judges `assertion`.
pub(crate) fn evaluate(assertion: &Assertion, view: View<'_>) -> Judgement {
    if assertion.operator == Some(Operator::ManualEval) {
        return by_hand(assertion.completion);
    }
    if let Some((id, status)) = &assertion.when_status {
        let held = id.as_ref().map_or(view.session.response.as_ref(), |id| view.session.held.get(id));
        if held.and_then(|message| message.status()) != Some(*status) {
            return Judgement::skip(format!("counts only where the status is {status}"));
        }
    }
    let judged = judge(assertion, view);
    let soft = judged.outcome == Outcome::Fail && assertion.warning_only;
    if soft { Judgement { outcome: Outcome::Warning, ..judged } } else { judged }
}

fn by_hand(completion: Completion) -> Judgement {
    match completion {
        Completion::Fail => Judgement::fail("a person judges this, and none is there: it counts as failed"),
        Completion::Pass => {
            Judgement::new(Outcome::Pass, "a person judges this, and none is there: it counts as passed")
        }
        Completion::Skip | Completion::Stop => Judgement::skip("a person judges this, and none is there"),
    }
}

fn judge(assertion: &Assertion, view: View<'_>) -> Judgement {
    let criteria = &assertion.criteria;
    let selects = |criterion: &&Criterion| matches!(criterion, Criterion::Expression(_) | Criterion::Path(_));
    let judges = |criterion: &&Criterion| {
        matches!(criterion, Criterion::MinimumId(_) | Criterion::ValidateProfileId(_))
    };
    let compares = |criterion: &&Criterion| {
        matches!(criterion, Criterion::CompareExpression { .. } | Criterion::ComparePath { .. })
    };
    let selector = criteria.iter().find(selects);
    let consumed = criteria.iter().any(|criterion| judges(&criterion) || compares(&criterion));
    let mut judged: Option<Judgement> = None;
    for criterion in criteria {
        if consumed && selects(&criterion) && assertion.value.is_none() {
            continue;
        }
        // A value stands before what to compare with.
        if compares(&criterion) && selector.is_some() && assertion.value.is_some() {
            continue;
        }
        let next = one(assertion, criterion, selector, view);
        judged = Some(match judged {
            Some(before) => before.and(next),
            None => next,
        });
    }
    judged.unwrap_or_else(|| Judgement::error("the assert looks at nothing"))
}

fn one(
    assertion: &Assertion,
    criterion: &Criterion,
    selector: Option<&Criterion>,
    view: View<'_>,
) -> Judgement {
    let looked = Looked { assertion, view };
    let judged = match criterion {
        Criterion::Response(code) => looked.response(code),
        Criterion::ResponseCode(code) => looked.response_code(code),
        Criterion::Resource(kind) => looked.resource(kind),
        Criterion::ContentType(kind) => looked.content_type(kind),
        Criterion::HeaderField(field) => looked.header(field),
        Criterion::RequestMethod(method) => looked.method(method),
        Criterion::RequestUrl(url) => looked.url(url),
        Criterion::QueryParameter { name, value } => looked.query(name, value.as_ref()),
        Criterion::NavigationLinks(true) => looked.navigation(),
        Criterion::NavigationLinks(false) => Ok(Judgement::pass()),
        Criterion::Expression(expression) => looked.expression(expression),
        Criterion::Path(path) => looked.path(path),
        Criterion::CompareExpression { source_id, expression } => {
            looked.compare_expression(source_id, expression, selector)
        }
        Criterion::ComparePath { source_id, path } => looked.compare_path(source_id, path, selector),
        Criterion::MinimumId(id) => looked.minimum(id, selector),
        Criterion::ValidateProfileId(id) => looked.profile(id, selector),
        Criterion::Rule(call) => looked.rule(call),
        Criterion::Subtest(_) => {
            Ok(Judgement::unsupported("a script within an assert that is judged by itself"))
        }
    };
    judged.unwrap_or_else(|stopped| *stopped)
}

/// An assert and what it may look at.
#[derive(Debug, Clone, Copy)]
struct Looked<'a> {
    assertion: &'a Assertion,
    view: View<'a>,
}

type Judged = Result<Judgement, Box<Judgement>>;

impl<'a> Looked<'a> {
    /// The message that the assert is about.
    fn message(self) -> Result<Arc<Message>, Box<Judgement>> {
        let session = self.view.session;
        if let Some(id) = &self.assertion.source_id {
            return self.held(id);
        }
        let (last, what) = match self.assertion.direction {
            Direction::Request => (&session.request, "request"),
            Direction::Response => (&session.response, "response"),
        };
        last.clone().ok_or_else(|| Box::new(Judgement::error(format!("there is no {what} to look at"))))
    }

    /// What was sent, whatever the direction says.
    fn request(self) -> Result<Arc<Message>, Box<Judgement>> {
        let session = self.view.session;
        let named = self.assertion.source_id.as_ref().and_then(|id| session.held.get(id));
        let named = named.filter(|message| matches!(message.head, super::message::Head::Request { .. }));
        let request = named.cloned().or_else(|| session.request.clone());
        request.ok_or_else(|| Box::new(Judgement::error("there is no request to look at")))
    }

    /// The message of this id.
    fn held(self, id: &str) -> Result<Arc<Message>, Box<Judgement>> {
        match self.view.session.message(id) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Box::new(Judgement::error(format!("nothing has filled {id}")))),
            Err(missing) => Err(Box::new(no_value(&missing))),
        }
    }

    fn fill(self, template: &Template) -> Result<String, Box<Judgement>> {
        self.view.session.fill(template).map_err(|missing| Box::new(no_value(&missing)))
    }

    /// The value to compare with, filled, and as the script writes it.
    fn value(self) -> Result<(String, &'a str), Box<Judgement>> {
        match &self.assertion.value {
            Some(value) => Ok((self.fill(value)?, value.text())),
            None => Ok((String::new(), "")),
        }
    }

    fn operator(self, default: Operator) -> Operator {
        self.assertion.operator.unwrap_or(default)
    }
}

/// An assert that cannot be made because a name has no value.
fn no_value(missing: &NoValue) -> Judgement {
    match missing.unsupported() {
        Some(what) => Judgement::unsupported(what),
        None => Judgement::error(missing.to_string()),
    }
}

/// An assert about a body that is none.
fn unread(unread: Unread) -> Box<Judgement> {
    Box::new(match unread {
        Unread::Lines => Judgement::unsupported("asserts over newline-delimited bodies"),
        Unread::Empty | Unread::Malformed => Judgement::fail(unread.to_string()),
    })
}

//! Asserts about what is in a body.

use super::super::expressions::Failed;
use super::super::operator::{Actual, Operator};
use super::super::outcome::Judgement;
use super::super::path::{self, BadPath};
use super::super::template::Template;
use super::{Judged, Looked, Navigation, unread};
use crate::tree::Node;

/// Entries of a page beyond which `total` is not compared with them.
const MATCHES_MAX: usize = 1_000_000;

impl Looked<'_> {
    pub(super) fn resource(self, kind: &Template) -> Judged {
        let message = self.message()?;
        let expected = self.fill(kind)?;
        let expected = expected.trim().rsplit('/').next().unwrap_or_default().to_owned();
        let root = message.root().map_err(unread)?;
        let actual = root.resource_type().unwrap_or_default();
        let operator = self.operator(Operator::Equals);
        self.held_against(Operator::Equals, &[Actual::text(actual)], &expected, || {
            let was = if actual.chars().all(|letter| letter.is_ascii_alphanumeric())
                && (1..=64).contains(&actual.len())
            {
                format!("it is a {actual}")
            } else {
                "it is none that can be named".to_owned()
            };
            (format!("the type of the resource {} {}", operator.words(), kind.text()), was)
        })
    }

    pub(super) fn expression(self, expression: &Template) -> Judged {
        let message = self.message()?;
        let root = message.root().map_err(unread)?;
        let text = self.fill(expression)?;
        let found =
            self.view.session.expressions.evaluate(&text, root).map_err(|bad| Box::new(failed(&bad)))?;
        let default = if self.assertion.value.is_some() { Operator::Equals } else { Operator::Eval };
        let operator = self.operator(default);
        if operator == Operator::Eval {
            return Ok(if found.is_true() {
                Judgement::pass()
            } else {
                Judgement::fail(format!("not so: {}", short(expression.text())))
            });
        }
        let (expected, written) = self.value()?;
        let values = found.values();
        self.compared(default, &values, &expected, (&short(expression.text()), operator, written))
    }

    pub(super) fn path(self, path: &Template) -> Judged {
        let message = self.message()?;
        let root = message.root().map_err(unread)?;
        let text = self.fill(path)?;
        let selected = path::select(&text, root).map_err(|bad| Box::new(bad_path(&bad)))?;
        let default = if self.assertion.value.is_some() { Operator::Equals } else { Operator::NotEmpty };
        let (expected, written) = self.value()?;
        let told = (short(path.text()), self.operator(default));
        self.compared(default, &selected.values(), &expected, (&told.0, told.1, written))
    }

    /// Compares values of a record: what they were is told only if that is wanted.
    pub(super) fn compared(
        self,
        default: Operator,
        values: &[Actual],
        expected: &str,
        (what, operator, written): (&str, Operator, &str),
    ) -> Judged {
        self.held_against(default, values, expected, || {
            let was = self.view.telling.values(values.iter().map(|value| value.text.as_str()));
            let written = if operator.wants_value() { written } else { "" };
            (
                format!("{what} {} {written}", operator.words()).trim_end().to_owned(),
                format!("it found {was}"),
            )
        })
    }

    pub(super) fn navigation(self) -> Judged {
        let message = self.message()?;
        let root = message.root().map_err(unread)?;
        if root.resource_type() != Some("Bundle") {
            return Ok(Judgement::fail("only a Bundle has links to first, last and next"));
        }
        let has = |relation: &str| {
            let also = if relation == "previous" { "prev" } else { relation };
            root.named("link").any(|link| {
                matches!(link.child_text("relation"), Some(held) if held == relation || held == also)
                    && link.child_text("url").is_some_and(|url| !url.is_empty())
            })
        };
        let matches = root.named("entry").take(MATCHES_MAX).filter(|entry| is_match(*entry)).count();
        let total: Option<usize> = root.child_text("total").and_then(|total| total.parse().ok());
        let more = total.is_some_and(|total| total > matches) && !has("previous");
        let needed: &[&str] = match self.view.navigation {
            Navigation::Strict => &["first", "last", "next"],
            Navigation::Practical if more => &["self", "next"],
            Navigation::Practical => &["self"],
        };
        let missing: Vec<&str> = needed.iter().copied().filter(|relation| !has(relation)).collect();
        Ok(if missing.is_empty() {
            Judgement::pass()
        } else {
            Judgement::fail(format!("the Bundle has no link to {}", missing.join(", ")))
        })
    }
}

fn is_match(entry: Node<'_>) -> bool {
    let mode = entry.child("search").and_then(|search| search.child_text("mode"));
    matches!(mode, None | Some("match"))
}

/// What an expression that failed means for the assert.
pub(super) fn failed(failed: &Failed) -> Judgement {
    match failed {
        Failed::Unsupported(what) => Judgement::unsupported(what),
        Failed::Malformed(_) | Failed::Senseless(_) => Judgement::error(failed.to_string()),
    }
}

pub(super) fn bad_path(bad: &BadPath) -> Judgement {
    match bad {
        BadPath::Unsupported(path) => Judgement::unsupported(format!("the path {path}")),
        BadPath::TooMuch => Judgement::error(bad.to_string()),
    }
}

/// A text of the script, short enough for one line.
pub(super) fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    if line.chars().count() <= 200 { line } else { line.chars().take(200).chain(['…']).collect() }
}

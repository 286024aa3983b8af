//! Asserts: what they look at, and the rules of TestScript that they must keep.

use super::{Noted, boolean, extension, fhirpath, owned, path, template, text};
use crate::script::finding::Severity;
use crate::script::operator::Operator;
use crate::script::plan::{Assertion, Completion, Criterion, Direction};
use crate::script::status;
use crate::script::template::Template;
use crate::tree::Node;

/// Reads an assert, and why it cannot be made if it cannot.
pub(super) fn assertion(node: Node<'_>, noted: &mut Noted) -> (Assertion, Option<String>) {
    let mut unsupported = extension::unsupported_assertion(node);
    let (mut criteria, compare) = criteria(node, noted);
    criteria.extend(compare);
    let extended = extension::criteria(node);
    let subtest = extended
        .iter()
        .any(|criterion| matches!(criterion, Criterion::Subtest(subtest) if subtest.each.is_some()));
    if !subtest {
        criteria.extend(extended);
    } else if let Some(each) = extended.into_iter().next() {
        // Its expression finds the values to run the other script for.
        criteria.push(each);
    }
    if let Some(code) = extension::foreign(node).filter(|_| criteria.is_empty()) {
        unsupported = unsupported.or(Some(code));
    } else if criteria.is_empty() {
        noted.note(Severity::Error, node, "asserts-nothing", "the assert looks at nothing");
        unsupported = unsupported.or(None);
    }
    let operator = text(node, "operator").and_then(|code| {
        let known = Operator::of_code(code);
        if known.is_none() {
            noted.note(Severity::Error, node, "operator", format!("there is no operator {code}"));
            unsupported = Some(format!("the operator {code}"));
        }
        known
    });
    let operator = extension::operator(node).or(operator);
    let direction = match text(node, "direction") {
        Some("request") => Direction::Request,
        Some("response") | None => Direction::Response,
        Some(_) => {
            noted.note(Severity::Error, node, "direction", "direction is request or response");
            Direction::Response
        }
    };
    let completion = match text(node, "defaultManualCompletion") {
        Some("fail") => Completion::Fail,
        Some("pass") => Completion::Pass,
        Some("stop") => Completion::Stop,
        Some(_) | None => Completion::Skip,
    };
    let requirements = node.named("requirement").flat_map(|held| {
        let parts = ["link", "linkUri", "linkCanonical", "reference"]
            .into_iter()
            .filter_map(move |name| text(held, name));
        parts.map(str::to_owned).collect::<Vec<_>>()
    });
    let assertion = Assertion {
        direction,
        source_id: owned(node, "sourceId"),
        operator,
        value: node.child_text("value").map(Template::new),
        warning_only: boolean(node, "warningOnly").unwrap_or(false),
        stop: extension::stop(node).or_else(|| boolean(node, "stopTestOnFail")).unwrap_or(true),
        completion,
        any_of: extension::any_of(node),
        when_status: extension::when_status(node),
        once_per_type: extension::once_per_type(node),
        requirements: requirements.collect(),
        criteria,
    };
    checked(node, &assertion, noted);
    (assertion, unsupported)
}

fn criteria(node: Node<'_>, noted: &mut Noted) -> (Vec<Criterion>, Option<Criterion>) {
    let compare = owned(node, "compareToSourceId");
    let other = match (
        compare,
        fhirpath(node, "compareToSourceExpression"),
        path(node, "compareToSourcePath", "compareToSourceExpression"),
    ) {
        (Some(source_id), Some(expression), _) => {
            Some(Criterion::CompareExpression { source_id, expression })
        }
        (Some(source_id), None, Some(path)) => Some(Criterion::ComparePath { source_id, path }),
        (Some(_), None, None) => {
            noted.note(
                Severity::Error,
                node,
                "tst-10",
                "compareToSourceId comes with compareToSourceExpression or compareToSourcePath",
            );
            None
        }
        (None, Some(_), _) | (None, None, Some(_)) => {
            noted.note(Severity::Error, node, "tst-10", "what is compared with is in compareToSourceId");
            None
        }
        (None, None, None) => None,
    };
    let found = [
        owned(node, "response").map(Criterion::Response),
        template(node, "responseCode").map(Criterion::ResponseCode),
        template(node, "resource").map(Criterion::Resource),
        template(node, "contentType").map(Criterion::ContentType),
        template(node, "headerField").map(Criterion::HeaderField),
        fhirpath(node, "expression").map(Criterion::Expression),
        path(node, "path", "expression").map(Criterion::Path),
        owned(node, "minimumId").map(Criterion::MinimumId),
        boolean(node, "navigationLinks").map(Criterion::NavigationLinks),
        owned(node, "validateProfileId").map(Criterion::ValidateProfileId),
        template(node, "requestMethod").map(Criterion::RequestMethod),
        template(node, "requestURL").map(Criterion::RequestUrl),
    ];
    (found.into_iter().flatten().collect(), other)
}

fn checked(node: Node<'_>, assertion: &Assertion, noted: &mut Noted) {
    let kinds: Vec<&Criterion> = assertion.criteria.iter().collect();
    let is = |name: &str| kinds.iter().any(|kind| kind.name() == name);
    let compares = is("compareToSourceExpression") || is("compareToSourcePath");
    let selects = is("expression") || is("path");
    let judges = is("minimumId") || is("validateProfileId");
    let apart = kinds.len() - usize::from(compares && selects) - usize::from(selects && judges);
    if apart > 1 && !is("rule") && !is("subtest") && !is("query parameter") {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        noted.note(
            Severity::Warning,
            node,
            "tst-5",
            format!("one assert looks at several things: {}", names.join(", ")),
        );
    }
    if assertion.direction == Direction::Request && (is("response") || is("responseCode")) {
        noted.note(
            Severity::Error,
            node,
            "tst-12",
            "a request has no status: response and responseCode are for responses",
        );
    }
    if let Some(Criterion::Response(code)) = kinds.iter().find(|kind| kind.name() == "response")
        && status::of_code(code).is_none()
    {
        noted.note(Severity::Error, node, "response", format!("there is no response {code}"));
    }
    let Some(operator) = assertion.operator else { return };
    let allowed = |name: &str| match name {
        "response" | "resource" | "requestMethod" | "compareToSourceExpression" | "compareToSourcePath" => {
            matches!(operator, Operator::Equals | Operator::NotEquals)
        }
        "responseCode" => !matches!(
            operator,
            Operator::Empty
                | Operator::NotEmpty
                | Operator::Contains
                | Operator::NotContains
                | Operator::Eval
        ),
        "contentType" | "requestURL" => matches!(
            operator,
            Operator::Equals | Operator::NotEquals | Operator::Contains | Operator::NotContains
        ),
        "headerField" | "path" => operator != Operator::Eval,
        _ => true,
    };
    for kind in
        kinds.iter().filter(|kind| !(compares && selects && matches!(kind.name(), "expression" | "path")))
    {
        if !allowed(kind.name()) && operator != Operator::ManualEval {
            noted.note(
                Severity::Warning,
                node,
                "operator",
                format!("{} is not among the operators of {}", operator.code(), kind.name()),
            );
        }
    }
    let valued = is("headerField") || is("expression") && !compares || is("path") && !compares;
    if valued && operator.wants_value() && assertion.value.is_none() {
        noted.note(
            Severity::Error,
            node,
            "no-value",
            format!("{} wants a value to compare with", operator.code()),
        );
    }
}

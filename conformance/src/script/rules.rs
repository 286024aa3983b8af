//! Rules that scripts call by name, and that elsewhere are programs beside the script.
//!
//! They are written here anew by what they promise; the programs are never run. A rule that is not known by its name is
//! unsupported.

use super::address::decoded;
use super::message::{Head, Message};
use super::operator::{Actual, Operator, holds};
use super::outcome::{Judgement, Outcome};
use super::plan::{RuleCall, Rules};
use super::template::Template;

/// What is judged by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// All parameters of the request are in the self link of the answer.
    ParametersInSelfLink,
    /// The address of the request contains one of two texts.
    UrlContains,
    /// The body of the request has all of a fixture in its own format.
    MinimumRequest,
    /// If there is a body, a header is as it should be.
    HeaderIfBody,
    /// If there is a body, its type is told, is of this kind, or has a character set.
    ContentTypeIfBody,
    MimeTypeIfBody,
    CharsetIfBody,
    /// If there is a body, it is this resource.
    ResourceIfBody,
    /// Only summary elements of a Patient came.
    PatientSummary,
    /// If versions are told, they are told rightly.
    ETagIfSupported,
    LastModifiedIfSupported,
}

/// A rule with what it was called with.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub(crate) rule: Rule,
    pub(crate) parameters: Vec<(String, Template)>,
}

/// Elements of Patient that a summary has (`isSummary` in R4), and those that every resource has.
const PATIENT_SUMMARY: [&str; 16] = [
    "id",
    "meta",
    "implicitRules",
    "identifier",
    "active",
    "name",
    "telecom",
    "gender",
    "birthDate",
    "deceasedBoolean",
    "deceasedDateTime",
    "address",
    "managingOrganization",
    "link",
    "extension",
    "modifierExtension",
];

/// The rules that `call` means in a script that declares `rules`.
pub(crate) fn named(rules: &Rules, call: &RuleCall) -> Option<Vec<Called>> {
    let declared = rules.named.iter().find(|(id, _)| *id == call.name).map(|(_, rule)| rule);
    if let Some(rule) =
        declared.and_then(|declared| known(&declared.name)).or_else(|| known(last(&call.name)))
    {
        let defaults = declared.map(|declared| declared.parameters.clone()).unwrap_or_default();
        let own = call.parameters.iter().cloned();
        // The first of a name counts: what the call says stands before what the script says.
        return Some(vec![Called { rule, parameters: own.chain(defaults).collect() }]);
    }
    let set = format!("{}/", call.name);
    let members = rules.named.iter().filter(|(id, _)| id.starts_with(&set));
    let members: Option<Vec<Called>> = members
        .map(|(_, member)| {
            let parameters = call.parameters.iter().chain(&member.parameters).cloned().collect();
            known(&member.name).map(|rule| Called { rule, parameters })
        })
        .collect();
    members.filter(|members| !members.is_empty())
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn known(name: &str) -> Option<Rule> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "assertresponsequeryparamsinselflink" => Some(Rule::ParametersInSelfLink),
        "assertrequesturlcontains" => Some(Rule::UrlContains),
        "assertminimumrequest" => Some(Rule::MinimumRequest),
        "assertheaderifbody" | "rulecontenttypeifbody" => Some(Rule::HeaderIfBody),
        "assertcontenttypeifbody" => Some(Rule::ContentTypeIfBody),
        "assertcontenttypemimetypeifbody" => Some(Rule::MimeTypeIfBody),
        "assertcontenttypecharsetifbody" => Some(Rule::CharsetIfBody),
        "assertresourceifbody" => Some(Rule::ResourceIfBody),
        "patientsummarytrue" | "rulepatientsummarytrue" => Some(Rule::PatientSummary),
        "assertetagifsupported" => Some(Rule::ETagIfSupported),
        "assertlastmodifiedifsupported" => Some(Rule::LastModifiedIfSupported),
        _ => None,
    }
}

/// Judges a rule over the last request and response; `parameter` gives what it was called with, filled.
pub(crate) fn judge(
    rule: Rule,
    request: Option<&Message>,
    response: Option<&Message>,
    parameter: &dyn Fn(&str) -> Option<String>,
) -> Judgement {
    let (Some(request), Some(response)) = (request, response) else {
        return Judgement::error("there is no request and response to judge");
    };
    match rule {
        Rule::ParametersInSelfLink => self_link(request, response),
        Rule::UrlContains => {
            let Head::Request { url, .. } = &request.head else {
                return Judgement::error("there is no request");
            };
            let wanted: Vec<String> =
                ["searchparam1", "searchparam2"].into_iter().filter_map(parameter).collect();
            let found =
                wanted.iter().any(|text| url.contains(text.as_str()) || decoded(url).contains(text.as_str()));
            let told = || format!("the address of the request contains neither of: {}", wanted.join(", "));
            if found { Judgement::pass() } else { Judgement::fail(told()) }
        }
        Rule::MinimumRequest => Judgement::unsupported("assertMinimumRequest outside an assert"),
        Rule::HeaderIfBody => {
            let header = parameter("header").unwrap_or_else(|| "Content-Type".to_owned());
            let operator = parameter("headerOperator").unwrap_or_else(|| "notEmpty".to_owned());
            if_body(response, || {
                header_is(response, &header, &operator, parameter("headerExpectedValue").as_deref())
            })
        }
        Rule::ContentTypeIfBody => {
            if_body(response, || header_is(response, "Content-Type", "notEmpty", None))
        }
        Rule::MimeTypeIfBody => {
            let wanted = parameter("headerExpectedValue").unwrap_or_else(|| "application/fhir".to_owned());
            if_body(response, || header_is(response, "Content-Type", "contains", Some(&wanted)))
        }
        Rule::CharsetIfBody => {
            if_body(response, || header_is(response, "Content-Type", "contains", Some("charset")))
        }
        Rule::ResourceIfBody => if_body(response, || {
            let wanted = parameter("resource").unwrap_or_default();
            let fits = response.resource_type() == Some(&wanted);
            if fits { Judgement::pass() } else { Judgement::fail(format!("the body is not a {wanted}")) }
        }),
        Rule::PatientSummary => summary(response),
        Rule::ETagIfSupported => if_sent(response, "ETag", |value| {
            value.strip_prefix("W/").unwrap_or(value).starts_with('"') && value.ends_with('"')
        }),
        Rule::LastModifiedIfSupported => if_sent(response, "Last-Modified", |value| value.ends_with("GMT")),
    }
}

fn if_body(response: &Message, judge: impl Fn() -> Judgement) -> Judgement {
    if response.body.is_empty() { Judgement::skip("there is no body") } else { judge() }
}

fn if_sent(response: &Message, header: &str, fits: impl Fn(&str) -> bool) -> Judgement {
    match response.header(header) {
        None => Judgement::skip(format!("no {header} was sent; versions seem not to be supported")),
        Some(value) if fits(value.trim()) => Judgement::pass(),
        Some(_) => Judgement::fail(format!("{header} has not the form that HTTP gives it")),
    }
}

fn header_is(response: &Message, header: &str, operator: &str, expected: Option<&str>) -> Judgement {
    let Some(operator) = Operator::of_code(operator) else {
        return Judgement::unsupported(format!("the operator {operator}"));
    };
    let values: Vec<Actual> = response.header(header).map(Actual::text).into_iter().collect();
    match holds(operator, &values, expected.unwrap_or_default()) {
        Ok(true) => Judgement::pass(),
        Ok(false) => Judgement::fail(
            format!("not so: {header} {} {}", operator.words(), expected.unwrap_or_default()).trim_end(),
        ),
        Err(unfit) => Judgement::new(Outcome::Error, unfit.to_string()),
    }
}

fn self_link(request: &Message, response: &Message) -> Judgement {
    let Head::Request { url, .. } = &request.head else { return Judgement::error("there is no request") };
    let Some((_, query)) = url.split_once('?') else { return Judgement::pass() };
    let Ok(root) = response.root() else {
        return Judgement::fail("the answer has no Bundle with a self link");
    };
    let link = root.named("link").find(|link| link.child_text("relation") == Some("self"));
    let Some(link) = link.and_then(|link| link.child_text("url")) else {
        return Judgement::fail("the answer has no self link");
    };
    let link = decoded(link);
    let mut absent = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let pair = decoded(pair);
        if link.contains(&pair) {
            continue;
        }
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        // A server may add the type to a reference, or leave it away.
        let id = value.rsplit('/').next().unwrap_or(value);
        let typed = link.split(&format!("{name}=")).skip(1).any(|after| {
            let held = after.split('&').next().unwrap_or(after);
            held == id || held.rsplit('/').next() == Some(id) && super::address::is_reference(held)
        });
        if !(crate::target::is_id(id) && typed) {
            absent.push(format!("the parameter {name} is not in the self link as it was asked"));
        }
    }
    if absent.is_empty() {
        return Judgement::pass();
    }
    let mut judged = Judgement::fail(format!("{} of the request not in the self link", absent.len()));
    judged.details = absent;
    judged
}

fn summary(response: &Message) -> Judgement {
    let Ok(root) = response.root() else { return Judgement::fail("the answer is no Patient") };
    if root.resource_type() != Some("Patient") {
        return Judgement::fail("the answer is no Patient");
    }
    let beyond: Vec<String> = root
        .children()
        .map(|child| child.name())
        .filter(|name| !PATIENT_SUMMARY.contains(name))
        .map(|name| format!("{name} is no summary element"))
        .collect();
    if beyond.is_empty() {
        return Judgement::pass();
    }
    let mut judged = Judgement::fail("elements came that a summary has not");
    judged.details = beyond;
    judged
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Rule, judge, known, named};
    use crate::script::message::{Head, Message};
    use crate::script::outcome::Outcome;
    use crate::script::plan::{RuleCall, Rules};
    use crate::script::template::Template;

    fn request(url: &str) -> Message {
        let head = Head::Request { method: "GET".to_owned(), url: url.to_owned(), base: String::new() };
        Message::new(head, Vec::new(), Bytes::new())
    }

    fn response(kind: &str, body: &str) -> Message {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Message::new(Head::Response { status: 200 }, headers, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn self_links_are_compared_with_what_was_asked() {
        let link = |url: &str| {
            let body = format!(r#"{{"resourceType":"Bundle","link":[{{"relation":"self","url":"{url}"}}]}}"#);
            response("application/fhir+json", &body)
        };
        for (asked, told, expected) in [
            ("http://x/P?code=a%7Cb&_count=2", "http://x/P?_count=2&code=a%7Cb", Outcome::Pass),
            ("http://x/P?patient=p1", "http://x/P?patient=Patient/p1", Outcome::Pass),
            ("http://x/P?patient=Patient/p1", "http://x/P?patient=p1", Outcome::Pass),
            ("http://x/P?patient=p1", "http://x/P?patient=Patient/p2", Outcome::Fail),
            ("http://x/P?code=a&_sort=x", "http://x/P?code=a", Outcome::Fail),
            ("http://x/P", "http://x/P", Outcome::Pass),
        ] {
            let judged =
                judge(Rule::ParametersInSelfLink, Some(&request(asked)), Some(&link(told)), &|_| None);
            assert_eq!(judged.outcome, expected, "{asked} {told}");
        }
    }

    #[test]
    fn rules_about_bodies_are_skipped_without_one() {
        let asked = request("http://x");
        let parameter = |name: &str| (name == "resource").then(|| "OperationOutcome".to_owned());
        let outcome = |rule, answer: &Message| judge(rule, Some(&asked), Some(answer), &parameter).outcome;
        let outcome_body =
            response("application/fhir+json;charset=utf-8", r#"{"resourceType":"OperationOutcome"}"#);
        let html = response("text/html", "<p>no</p>");
        for rule in [Rule::ContentTypeIfBody, Rule::MimeTypeIfBody, Rule::CharsetIfBody, Rule::ResourceIfBody]
        {
            assert_eq!(outcome(rule, &response("", "")), Outcome::Skip, "{rule:?}");
            assert_eq!(outcome(rule, &outcome_body), Outcome::Pass, "{rule:?}");
        }
        assert_eq!(outcome(Rule::MimeTypeIfBody, &html), Outcome::Fail);
        assert_eq!(outcome(Rule::ResourceIfBody, &html), Outcome::Fail);
        let whole = response("", r#"{"resourceType":"Patient","id":"1","contact":[{}],"gender":"male"}"#);
        assert_eq!(outcome(Rule::PatientSummary, &whole), Outcome::Fail);
        assert_eq!(outcome(Rule::ETagIfSupported, &whole), Outcome::Skip);
    }

    #[test]
    fn a_rule_is_found_by_its_own_name_by_its_file_and_by_its_set() {
        let call = |name: &str| RuleCall { name: name.to_owned(), parameters: Vec::new() };
        let mut rules = Rules::default();
        rules.named.push(("mine".to_owned(), call("assert_response_queryParamsInSelfLink")));
        let with = vec![("resource".to_owned(), Template::new("Patient"))];
        let member = RuleCall { name: "assertResourceIfBody".to_owned(), parameters: with };
        rules.named.push(("set/assertResourceIfBody".to_owned(), member));
        assert_eq!(named(&rules, &call("mine")).unwrap()[0].rule, Rule::ParametersInSelfLink);
        assert_eq!(named(&rules, &call("assert-response-queryParamsInSelfLink")).unwrap().len(), 1);
        assert_eq!(named(&rules, &call("set")).unwrap()[0].parameters.len(), 1);
        assert!(named(&rules, &call("other")).is_none());
        assert_eq!(known("format-disk"), None);
    }
}

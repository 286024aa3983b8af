//! Asserts about statuses, headers and addresses.

use super::super::address::decoded;
use super::super::message::Head;
use super::super::operator::{Actual, Operator, holds};
use super::super::outcome::Judgement;
use super::super::status;
use super::super::template::Template;
use super::{Judged, Looked};

impl Looked<'_> {
    pub(super) fn response(self, code: &str) -> Judged {
        let Some(expected) = status::of_code(code) else {
            return Ok(Judgement::unsupported(format!("the response code {code}")));
        };
        let status = self.status()?;
        let expected = expected.to_string();
        self.held_against(Operator::Equals, &[Actual::number(status.to_string())], &expected, || {
            (format!("the status is {expected} ({code})"), format!("it was {status}"))
        })
    }

    pub(super) fn response_code(self, code: &Template) -> Judged {
        let status = self.status()?;
        let expected = self.fill(code)?;
        let operator = self.operator(Operator::Equals);
        self.held_against(Operator::Equals, &[Actual::number(status.to_string())], expected.trim(), || {
            (format!("the status {} {}", operator.words(), code.text()), format!("it was {status}"))
        })
    }

    fn status(self) -> Result<u16, Box<Judgement>> {
        let message = self.message()?;
        message
            .status()
            .ok_or_else(|| Box::new(Judgement::error("what is looked at is no response: it has no status")))
    }

    /// Compares by the operator of the assert, else `default`.
    pub(super) fn held_against(
        self,
        default: Operator,
        actual: &[Actual],
        expected: &str,
        told: impl Fn() -> (String, String),
    ) -> Judged {
        Ok(match holds(self.operator(default), actual, expected) {
            Ok(true) => Judgement::pass(),
            Ok(false) => {
                let (wanted, was) = told();
                Judgement::fail(format!("not so: {wanted}; {was}"))
            }
            Err(unfit) => {
                let (wanted, _) = told();
                Judgement::fail(format!("not so: {wanted}; {unfit}"))
            }
        })
    }

    pub(super) fn content_type(self, kind: &Template) -> Judged {
        let message = self.message()?;
        let expected = self.fill(kind)?.trim().to_ascii_lowercase();
        let actual = message.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let same = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        let short = match expected.as_str() {
            "json" | "xml" | "ndjson" => Some(expected.as_str()),
            "ttl" | "turtle" => Some("turtle"),
            _ => None,
        };
        let contained =
            || short.map_or_else(|| same(&actual).contains(&same(&expected)), |short| actual.contains(short));
        let equal = || match short {
            Some(short) => ["application/fhir+", "application/", "text/"]
                .iter()
                .any(|start| essence(&actual) == format!("{start}{short}")),
            None if expected.contains(';') => same(&actual) == same(&expected),
            None => essence(&actual) == expected,
        };
        let operator = self.operator(Operator::Contains);
        let fits = match same_or_within(operator, equal, contained) {
            Some(fits) => fits,
            None => {
                let values: Vec<Actual> = Some(actual.as_str())
                    .filter(|held| !held.is_empty())
                    .map(Actual::text)
                    .into_iter()
                    .collect();
                return self.held_against(operator, &values, &expected, || {
                    (
                        format!("the content type {} {}", operator.words(), kind.text()),
                        "it is another".to_owned(),
                    )
                });
            }
        };
        if fits {
            return Ok(Judgement::pass());
        }
        let told = if actual.is_empty() {
            "none is told".to_owned()
        } else {
            format!("it is {}", media_type(&essence(&actual)))
        };
        Ok(Judgement::fail(format!("not so: the content type {} {}; {told}", operator.words(), kind.text())))
    }

    pub(super) fn header(self, field: &Template) -> Judged {
        let message = self.message()?;
        let name = self.fill(field)?;
        let (expected, written) = self.value()?;
        let values: Vec<Actual> = message.header(&name).map(Actual::text).into_iter().collect();
        let default = if self.assertion.value.is_some() { Operator::Equals } else { Operator::NotEmpty };
        let operator = self.operator(default);
        let secret = super::super::told::is_secret(&name);
        self.held_against(default, &values, &expected, || {
            let shown = if secret { "…" } else { written };
            let was = match values.first() {
                None => "it was not sent".to_owned(),
                Some(_) if secret => "it had another value".to_owned(),
                Some(value) => format!("it was {}", self.view.telling.value(&value.text)),
            };
            (format!("the header {} {} {shown}", field.text(), operator.words()).trim_end().to_owned(), was)
        })
    }

    pub(super) fn method(self, method: &Template) -> Judged {
        let request = self.request()?;
        let Head::Request { method: actual, .. } = &request.head else {
            return Ok(Judgement::error("what is looked at is no request: it has no method"));
        };
        let expected = self.fill(method)?.to_ascii_uppercase();
        let operator = self.operator(Operator::Equals);
        self.held_against(Operator::Equals, &[Actual::text(actual.to_ascii_uppercase())], &expected, || {
            (format!("the method {} {}", operator.words(), method.text()), format!("it was {actual}"))
        })
    }

    pub(super) fn url(self, url: &Template) -> Judged {
        let request = self.request()?;
        let Head::Request { url: actual, base, .. } = &request.head else {
            return Ok(Judgement::error("what is looked at is no request: it has no address"));
        };
        let expected = self.fill(url)?;
        let below = actual.strip_prefix(base.as_str()).unwrap_or(actual);
        // As it was sent, below the base, and with its encoding undone.
        let forms = [
            actual.clone(),
            below.to_owned(),
            below.trim_start_matches('/').to_owned(),
            decoded(actual),
            decoded(below),
        ];
        let operator = self.operator(Operator::Equals);
        let contained = || forms.iter().any(|form| form.contains(&expected));
        let fits = match same_or_within(operator, || forms.contains(&expected), contained) {
            Some(fits) => fits,
            None => {
                let was = || {
                    (format!("the address {} {}", operator.words(), url.text()), "it is another".to_owned())
                };
                return self.held_against(operator, &[Actual::text(below)], &expected, was);
            }
        };
        if fits {
            return Ok(Judgement::pass());
        }
        let was = self.view.telling.value(below);
        Ok(Judgement::fail(format!(
            "not so: the address of the request {} {}; it was {was}",
            operator.words(),
            url.text()
        )))
    }

    pub(super) fn query(self, name: &Template, value: Option<&Template>) -> Judged {
        let request = self.request()?;
        let Head::Request { url, .. } = &request.head else {
            return Ok(Judgement::error("what is looked at is no request: it has no parameters"));
        };
        let wanted = self.fill(name)?;
        let expected = value.map(|value| self.fill(value)).transpose()?.unwrap_or_default();
        let form = request.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
        let body = if form { String::from_utf8_lossy(&request.body).into_owned() } else { String::new() };
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').chain(body.split('&')).filter(|pair| !pair.is_empty());
        let values: Vec<Actual> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(held, _)| decoded(held) == wanted)
            .map(|(_, value)| Actual::text(decoded(value)))
            .collect();
        let default = if value.is_some() { Operator::Equals } else { Operator::NotEmpty };
        let operator = self.operator(default);
        self.held_against(default, &values, &expected, || {
            let written = value.map(Template::text).unwrap_or_default();
            let was = if values.is_empty() { "it was not sent" } else { "it was otherwise" };
            (
                format!("the parameter {} {} {written}", name.text(), operator.words()).trim_end().to_owned(),
                was.to_owned(),
            )
        })
    }
}

/// What the operators of whole values and parts come to; the others are not among them.
fn same_or_within(operator: Operator, same: impl Fn() -> bool, within: impl Fn() -> bool) -> Option<bool> {
    match operator {
        Operator::Equals => Some(same()),
        Operator::NotEquals => Some(!same()),
        Operator::Contains => Some(within()),
        Operator::NotContains => Some(!within()),
        Operator::In
        | Operator::NotIn
        | Operator::GreaterThan
        | Operator::LessThan
        | Operator::Empty
        | Operator::NotEmpty
        | Operator::Eval
        | Operator::ManualEval => None,
    }
}

/// A media type as messages may show it: whatever is no token is not shown.
fn media_type(essence: &str) -> &str {
    let token = |letter: char| letter.is_ascii_alphanumeric() || "/+.-_".contains(letter);
    if essence.len() <= 80 && essence.chars().all(token) { essence } else { "something else" }
}

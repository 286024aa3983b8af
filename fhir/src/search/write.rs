//! Writing a query anew, for an upstream.

use super::SearchQuery;
use super::criterion::{
    Criterion, NumberTest, Presence, QuantityTest, StringModifier, Test, TokenModifier, TokenTest,
};
use super::grammar::Escaped;
use crate::reference::Reference;

impl SearchQuery {
    /// The criteria as a body of type `application/x-www-form-urlencoded`, for `POST Type/_search`.
    ///
    /// Only what was understood is in it; `_count` and cursors are for the caller to add. What shapes the answer is not
    /// in it: no upstream is to shape what has to be decided about first.
    #[must_use]
    pub fn to_form(&self) -> String {
        form(self.criteria.iter().map(Criterion::to_pair))
    }

    /// The criteria, and what shapes the answer, as [`SearchQuery::compile`] reads them again; without `_count`.
    #[must_use]
    pub fn to_whole_form(&self) -> String {
        form(self.criteria.iter().map(Criterion::to_pair).chain(self.controls.to_pairs()))
    }
}

/// Names and values as a body of type `application/x-www-form-urlencoded`.
pub fn form(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(&name, &mut out);
        out.push('=');
        encode(&value, &mut out);
    }
    out
}

/// Everything but letters, digits, `-`, `.`, `_` and `~` becomes a percent sign and two digits.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from(digit + if digit < 10 { b'0' } else { b'A' - 10 })),
            );
        }
    }
}

impl Criterion {
    /// Name and value, with the escapes of search values and without percent signs.
    #[must_use]
    pub fn to_pair(&self) -> (String, String) {
        let (modifier, value) = self.test.to_text();
        (format!("{}{modifier}", self.code()), value)
    }
}

impl Test {
    /// The modifier with its colon, and the values.
    fn to_text(&self) -> (&'static str, String) {
        let (modifier, values): (_, Vec<String>) = match self {
            Self::Missing(Presence::Present) => (":missing", vec!["false".to_owned()]),
            Self::Missing(Presence::Absent) => (":missing", vec!["true".to_owned()]),
            Self::Token { modifier, any } => {
                let modifier = match modifier {
                    TokenModifier::Is => "",
                    TokenModifier::Not => ":not",
                };
                (modifier, any.iter().map(token).collect())
            }
            Self::Reference(any) => ("", any.iter().map(|test| reference(&test.0)).collect()),
            Self::String { modifier, any } => {
                let modifier = match modifier {
                    StringModifier::StartsWith => "",
                    StringModifier::Contains => ":contains",
                    StringModifier::Exact => ":exact",
                };
                (modifier, any.iter().map(|text| escaped(text)).collect())
            }
            Self::Date(any) => (
                "",
                any.iter().map(|test| format!("{}{}", test.prefix.as_str(), test.time.as_str())).collect(),
            ),
            Self::Number(any) => ("", any.iter().map(number).collect()),
            Self::Quantity(any) => ("", any.iter().map(quantity).collect()),
            Self::Uri(any) => ("", any.iter().map(|text| escaped(text)).collect()),
            Self::Together(any) => ("", any.iter().map(|tests| together(tests)).collect()),
        };
        (modifier, values.join(","))
    }
}

/// One value of a composite: its components have no modifiers, and one value each.
fn together(tests: &[Test]) -> String {
    tests.iter().map(|test| test.to_text().1).collect::<Vec<_>>().join("$")
}

fn escaped(text: &str) -> String {
    Escaped::of(text).as_str().to_owned()
}

fn token(test: &TokenTest) -> String {
    match test {
        TokenTest::Code(code) => escaped(code),
        TokenTest::WithoutSystem(code) => format!("|{}", escaped(code)),
        TokenTest::Coded { system, code } => format!("{}|{}", escaped(system), escaped(code)),
        TokenTest::System(system) => format!("{}|", escaped(system)),
    }
}

fn reference(reference: &Reference) -> String {
    match reference {
        Reference::Local(local) => match &local.version {
            Some(version) => format!("{}/_history/{}", local.to_relative(), version.as_str()),
            None => local.to_relative(),
        },
        Reference::Elsewhere(url) | Reference::Urn(url) => escaped(url),
        Reference::Contained(id) => format!("#{}", id.as_str()),
        Reference::Container => "#".to_owned(),
    }
}

fn number(test: &NumberTest) -> String {
    format!("{}{}", test.prefix.as_str(), test.text)
}

fn quantity(test: &QuantityTest) -> String {
    match (&test.system, &test.code) {
        (None, None) => number(&test.number),
        (system, code) => {
            let part = |part: &Option<String>| part.as_deref().map(escaped).unwrap_or_default();
            format!("{}|{}|{}", number(&test.number), part(system), part(code))
        }
    }
}

//! A search as it is asked and told.

use std::fmt;

/// A search of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// The type.
    pub(super) of: String,
    /// Its parameters: name with modifier, and value as FHIR escapes it.
    pub(super) pairs: Vec<(String, String)>,
}

impl Query {
    /// A search of all resources of a type.
    pub(super) fn of(resource_type: &str) -> Self {
        Self { of: resource_type.to_owned(), pairs: Vec::new() }
    }

    /// Reads `Type?name=value&name=value`, written without percent signs; a value may hold `=` and `?`.
    pub(super) fn read(text: &str) -> Self {
        let (of, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        });
        Self { of: of.to_owned(), pairs: pairs.collect() }
    }

    /// With one more parameter.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the parameters of another.
    #[must_use]
    pub(super) fn and(mut self, pairs: &[(String, String)]) -> Self {
        self.pairs.extend_from_slice(pairs);
        self
    }

    /// The path below the base.
    pub(super) fn path(&self) -> String {
        if self.pairs.is_empty() { self.of.clone() } else { format!("{}?{}", self.of, self.form()) }
    }

    /// The parameters as a form.
    pub(super) fn form(&self) -> String {
        let pair = |(name, value): &(String, String)| format!("{}={}", encoded(name), encoded(value));
        self.pairs.iter().map(pair).collect::<Vec<_>>().join("&")
    }
}

impl fmt::Display for Query {
    /// As a person reads it: nothing is percent-encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of)?;
        for (at, (name, value)) in self.pairs.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// `text` as part of a query: what is not unreserved stands in percent signs, but for what FHIR's names need.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What a form holds: each name and value, decoded.
pub(super) fn decoded_pairs(form: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    form.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = left.by_ref().take(2).collect();
                let read = std::str::from_utf8(&digits).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                bytes.push(read.unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `text` split at each `separator` that no backslash stands before; the backslashes stay.
pub(super) fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for letter in text.chars() {
        if letter == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = letter == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// `text` without the backslashes that escape.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    out
}

/// `text` with backslashes before what would separate.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | ',' | '$' | '|') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Query, decoded_pairs, escaped, split, unescaped};

    #[test]
    fn what_is_escaped_comes_back() {
        for text in ["plain", "a,b", "a$b|c", "\\", "\\,", "é|,"] {
            assert_eq!(unescaped(&escaped(text)), text);
            assert_eq!(split(&escaped(text), ','), [escaped(text)]);
        }
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(split(r"a\\,c", ','), [r"a\\", "c"]);
    }

    #[test]
    fn a_form_holds_what_was_asked() {
        let asked = Query::of("Patient").with("family:exact", "a & b=ü+|%").with("_id", "1");
        assert_eq!(decoded_pairs(&asked.form()), asked.pairs);
        assert_eq!(asked.to_string(), "Patient?family:exact=a & b=ü+|%&_id=1");
    }
}

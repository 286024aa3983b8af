//! Answers without what may differ between two askings of the same thing: times, random ids, own addresses, and what the
//! request itself said.

use std::collections::BTreeSet;

use super::battery::Request;
use super::wire::Answer;

/// What may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Two requests to one server.
    Requests,
    /// One request to several servers that each have their own keys: opaque validators differ too.
    Servers,
}

/// An answer as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normal {
    /// HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Headers whose value differs each time; that they are there must not differ.
const EACH_TIME: [&str; 7] =
    ["date", "x-request-id", "x-correlation-id", "traceparent", "portcullis-receipt", "link", "location"];

impl Normal {
    /// Of an answer to `request`.
    #[must_use]
    pub fn of(answer: &Answer, request: &Request, between: Between) -> Self {
        let mut headers: Vec<(String, String)> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| name != "content-length")
            .map(|(name, value)| {
                let opaque = between == Between::Servers && name == "etag" && is_opaque(value);
                let value = if opaque || EACH_TIME.contains(&name.as_str()) { "X" } else { value };
                (name, value.to_owned())
            })
            .collect();
        headers.sort();
        let mut body = String::from_utf8_lossy(&answer.body).into_owned();
        for word in words(request) {
            body = body.replace(&word, "REQ");
        }
        Self { status: answer.status, headers, body: blanked(&body, between) }
    }

    /// A short stand-in for the body, to count how many differ.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        hasher.finish()
    }

    /// What differs first, in words fit for a report.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.status != other.status {
            Some("the status")
        } else if self.headers != other.headers {
            Some("the headers")
        } else if self.body != other.body {
            Some("the body")
        } else {
            None
        }
    }
}

/// The words of the request that may be echoed, longest first.
fn words(request: &Request) -> Vec<String> {
    let headers: String = request.headers.iter().map(|(name, value)| format!(" {name}: {value}")).collect();
    let said = format!("{} {headers} {}", request.path, request.body.as_deref().unwrap_or_default());
    let said = unquoted(&said);
    let in_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '-';
    let telling = |word: &&str| {
        let upper = word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase);
        word.len() >= 4 && (word.contains(|letter: char| letter.is_ascii_digit() || letter == '-') || upper)
    };
    let found: BTreeSet<&str> = said.split(|letter| !in_word(letter)).filter(telling).collect();
    let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
    found.sort_by_key(|word| std::cmp::Reverse(word.len()));
    found
}

/// Without percent encoding.
pub(super) fn unquoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let read = tail.split_at_checked(2).filter(|_| *first == b'%').and_then(|(pair, after)| {
            let digits = std::str::from_utf8(pair).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = read.unwrap_or((*first, tail));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Blanks the values of members that differ each time, wherever they stand.
fn blanked(text: &str, between: Between) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_string(rest) {
        out.push_str(before);
        out.push_str(name);
        rest = after;
        let Some((gap, value, beyond)) = next_string(after) else { continue };
        if gap.trim_matches(|letter: char| letter.is_whitespace() || letter == '"') != ":" {
            continue;
        }
        let inner = value.trim_matches('"');
        let blank = match name {
            "url\"" | "location\"" | "fullUrl\"" | "timestamp\"" | "lastUpdated\"" | "recorded\"" => true,
            "id\"" => is_random(inner),
            "versionId\"" | "etag\"" => between == Between::Servers && is_opaque(inner),
            _ => false,
        };
        if blank {
            out.push_str(gap);
            out.push_str("X\"");
            rest = beyond;
        }
    }
    out.push_str(rest);
    out
}

/// The text up to and with the next opening quote, the string with its closing quote, and what follows.
fn next_string(text: &str) -> Option<(&str, &str, &str)> {
    let (before, _) = text.split_once('"')?;
    let (before, rest) = text.split_at_checked(before.len() + 1)?;
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let (value, after) = rest.split_at_checked(at + 1)?;
                return Some((before, value, after));
            }
            _ => {}
        }
    }
    None
}

/// `xxxxxxxx`, or the beginning or all of a UUID.
fn is_random(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: &[usize] = match parts.len() {
        1 => &[8],
        2 => &[8, 4],
        3 => &[8, 4, 4],
        4 => &[8, 4, 4, 4],
        5 => &[8, 4, 4, 4, 12],
        _ => return false,
    };
    parts.iter().zip(lengths).all(|(part, length)| hex(part, *length))
}

/// Long enough for a keyed digest, and made of its letters.
fn is_opaque(text: &str) -> bool {
    let inner = text.trim_start_matches("W/").trim_matches('"');
    let in_digest = |letter: char| letter.is_ascii_alphanumeric() || "-_=".contains(letter);
    inner.len() >= 16 && inner.chars().all(in_digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, headers: vec![], body: body.as_bytes().to_vec() }
    }

    fn asking(path: &str) -> Request {
        Request { method: "GET".into(), path: path.into(), headers: [].into(), body: None, raw: None }
    }

    fn same(one: (&str, &str), other: (&str, &str), between: Between) -> bool {
        let of = |(path, body)| Normal::of(&answer(body), &asking(path), between);
        of(one) == of(other)
    }

    #[test]
    fn times_addresses_random_ids_and_echoes_do_not_count() {
        for (one, other) in [
            (r#"{"timestamp": "a"}"#, r#"{"timestamp": "b"}"#),
            (r#"{"fullUrl":"a\"c"}"#, r#"{"fullUrl":"b"}"#),
            (r#"{"id":"0123abcd"}"#, r#"{"id":"4567abcd"}"#),
            (r#"{"x":"about pd-1"}"#, r#"{"x":"about pd-2"}"#),
        ] {
            assert!(same(("/Patient/pd-1", one), ("/Patient/pd-2", other), Between::Requests), "{one}");
        }
    }

    #[test]
    fn values_ids_and_versions_count() {
        for (one, other) in [
            (r#"{"value":"a"}"#, r#"{"value":"b"}"#),
            (r#"{"id":"p1"}"#, r#"{"id":"p2"}"#),
            (r#"{"versionId":"1"}"#, r#"{"versionId":"2"}"#),
            (r#"{"total":1}"#, r#"{"total":2}"#),
            (r#"["url","a"]"#, r#"["url","b"]"#),
        ] {
            assert!(!same(("/x", one), ("/x", other), Between::Requests), "{one}");
            assert!(!same(("/x", one), ("/x", other), Between::Servers), "{one}");
        }
    }

    #[test]
    fn keyed_validators_count_on_one_server_only() {
        let (one, other) =
            (r#"{"versionId":"aaaaaaaaaaaaaaaaaaaaaa"}"#, r#"{"versionId":"bbbbbbbbbbbbbbbbbbbbbb"}"#);
        assert!(!same(("/x", one), ("/x", other), Between::Requests));
        assert!(same(("/x", one), ("/x", other), Between::Servers));
    }

    #[test]
    fn that_a_header_is_there_counts_though_its_value_does_not() {
        let with = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            Normal::of(&Answer { status: 200, headers, body: vec![] }, &asking("/x"), Between::Requests)
        };
        assert_eq!(with(&[("Link", "<a>")]).difference(&with(&[("link", "<b>")])), None);
        assert_eq!(with(&[("Link", "<a>")]).difference(&with(&[])), Some("the headers"));
    }
}

//! What several checks ask of an answer.

use fhir::json::{Kind, Node};

use crate::bench::Bench;
use crate::check::{Acting, Check, Grade, Judge, Judgement, Otherwise};
use crate::target::Answer;

/// The body as strict JSON.
pub(super) fn root(answer: &Answer) -> Result<Node<'_>, Otherwise> {
    match &answer.document {
        Ok(document) => Ok(document.root()),
        Err(invalid) => Err(Otherwise::unmet("a body in JSON", invalid.to_string())),
    }
}

/// Leaves alone what the endpoint keeps for callers with more authority.
pub(super) fn authorised(answer: &Answer) -> Judgement {
    match answer.status {
        401 | 403 => Err(Otherwise::skipped("the endpoint wants more authority than this run has")),
        _ => Ok(()),
    }
}

/// One of `wanted`.
pub(super) fn status(answer: &Answer, wanted: &[u16]) -> Judgement {
    if wanted.contains(&answer.status) {
        return Ok(());
    }
    let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
    Err(Otherwise::unmet(format!("status {}", wanted.join(" or ")), format!("status {}", answer.status)))
}

/// A media type of `application/fhir+json`.
pub(super) fn fhir_json(answer: &Answer) -> Judgement {
    let found = answer.header("content-type").unwrap_or("no content type");
    let (media_type, _) = found.split_once(';').unwrap_or((found, ""));
    if media_type.trim().eq_ignore_ascii_case("application/fhir+json") {
        return Ok(());
    }
    Err(Otherwise::unmet("content type application/fhir+json", media_type_for_report(media_type)))
}

/// A body in UTF-8; a charset parameter need not be there, but may name nothing else.
pub(super) fn utf8(answer: &Answer) -> Judgement {
    if std::str::from_utf8(&answer.body).is_err() {
        return Err(Otherwise::unmet("a body in UTF-8", "bytes that are not"));
    }
    let lower = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let charset = lower.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    match charset.map(|text| text.trim_matches('"')) {
        None | Some("utf-8") => Ok(()),
        Some(_) => Err(Otherwise::unmet("charset=utf-8 in the content type, or none", "another charset")),
    }
}

/// Every text that `path` reaches.
pub(super) fn texts<'a>(node: Node<'a>, path: &[&str]) -> Vec<String> {
    node.walk(path).filter_map(|held: Node<'a>| held.string().map(String::from)).collect()
}

/// Only codes of `allowed` at `path`.
pub(super) fn codes(node: Node<'_>, path: &[&str], allowed: &[&str]) -> Judgement {
    let strange = node.walk(path).any(|held| !allowed.iter().any(|code| held.is_string(code)));
    if strange {
        let place = path.join(".");
        return Err(Otherwise::unmet(
            format!("a code of the required value set in {place}"),
            "a value that is not in it",
        ));
    }
    Ok(())
}

/// What R4 JSON never holds: empty strings, objects and arrays, and null outside arrays of primitives.
pub(super) fn shape(node: Node<'_>) -> Judgement {
    let wrong = |found: &str| Err(Otherwise::unmet("JSON as R4 writes it", found));
    match node.kind() {
        Kind::Object if node.is_empty() => wrong("an object without members"),
        Kind::Array if node.is_empty() => wrong("an array without items"),
        Kind::Object => node.members().try_for_each(|(_, member)| {
            if member.is_null() { wrong("a property that is null") } else { shape(member) }
        }),
        Kind::Array if node.items().all(Node::is_null) => wrong("an array of nothing but null"),
        Kind::Array => node.items().filter(|item| !item.is_null()).try_for_each(shape),
        Kind::String if node.is_string("") => wrong("an empty string"),
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => Ok(()),
    }
}

/// `text` as a value of a query or a form.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A media type fit to be shown: letters, digits and `/+.-` only.
fn media_type_for_report(text: &str) -> String {
    let fitting = |letter: char| letter.is_ascii_alphanumeric() || "/+.- ".contains(letter);
    if text.len() <= 80 && text.chars().all(fitting) { text.to_owned() } else { "something else".to_owned() }
}

/// A check that acts, whose clause binds so.
pub(super) const fn check(
    grade: Grade,
    id: &'static str,
    title: &'static str,
    why: &'static str,
    clause: &'static str,
    act: for<'a> fn(&'a Bench) -> Acting<'a>,
) -> Check {
    Check { id, title, why, clause, grade, judge: Judge::Acted(act) }
}

/// How many checks there are in `parts`.
#[expect(clippy::indexing_slicing, reason = "it is done when the program is built")]
pub(super) const fn sum(parts: &[&[Check]]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        sum += parts[at].len();
        at += 1;
    }
    sum
}

/// The checks of `parts`, one part after the other; `N` is their [`sum`].
#[expect(clippy::indexing_slicing, reason = "it is done when the program is built")]
pub(super) const fn joined<const N: usize>(parts: &[&[Check]]) -> [Check; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut within = 0;
        while within < parts[part].len() {
            all[at] = parts[part][within];
            at += 1;
            within += 1;
        }
        part += 1;
    }
    all
}

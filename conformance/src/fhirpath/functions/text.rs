//! Patterns, encodings and escapes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::{Regex, RegexBuilder};

use super::super::ast::{Expr, Head};
use super::super::eval::{Given, Outcome};
use super::super::failed::Failed;
use super::super::item::{Collection, Item};

/// Patterns whose automaton would be larger are not matched.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Whether a pattern must match the whole text.
#[derive(Clone, Copy)]
enum Match {
    Part,
    Whole,
}

fn compile(pattern: &str, matched: Match, flags: &str) -> Option<Regex> {
    let pattern = match matched {
        Match::Part => pattern.to_owned(),
        Match::Whole => format!("^(?:{pattern})$"),
    };
    let mut builder = RegexBuilder::new(&pattern);
    builder.dot_matches_new_line(true).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.case_insensitive(flags.contains('i')).multi_line(flags.contains('m'));
    builder.build().ok()
}

/// Gives the pattern of the first argument to `act`; one that is written in the expression is read once.
fn with_pattern<'t>(
    given: &Given<'_, 't>,
    matched: Match,
    flags: usize,
    act: impl FnOnce(&Regex) -> Outcome<'t>,
) -> Outcome<'t> {
    let unreadable = || Failed::Pattern { name: given.call.name.clone() };
    let flags = given.text_argument(flags)?;
    let fixed = match given.call.arguments.first() {
        Some(Expr::Path(path)) if path.steps.is_empty() && flags.is_none() => match &path.head {
            Head::Literal(Item::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    };
    if let Some(text) = fixed {
        let pattern = given.call.pattern.get_or_init(|| compile(text, matched, ""));
        return act(pattern.as_ref().ok_or_else(unreadable)?);
    }
    let Some(text) = given.text_argument(0)? else { return Ok(Collection::empty()) };
    // Reading one takes as long as thousands of other steps.
    given.run.step(2_000 + text.len())?;
    let flags = flags.as_deref().unwrap_or_default();
    act(&compile(&text, matched, flags).ok_or_else(unreadable)?)
}

fn is_match<'t>(given: &Given<'_, 't>, matched: Match) -> Outcome<'t> {
    let Some(text) = given.input_text()? else { return Ok(Collection::empty()) };
    given.run.step(text.len() / 16)?;
    with_pattern(given, matched, 1, |pattern| Ok(Collection::from(pattern.is_match(&text))))
}

pub(super) fn matches<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    is_match(&given, Match::Part)
}

pub(super) fn matches_full<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    is_match(&given, Match::Whole)
}

pub(super) fn replace_matches<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let (text, pattern, put) = (given.input_text()?, given.text_argument(0)?, given.text_argument(1)?);
    let (Some(text), Some(pattern), Some(put)) = (text, pattern, put) else { return Ok(Collection::empty()) };
    if pattern.is_empty() {
        return Ok(given.input);
    }
    given.run.step(text.len().saturating_mul(put.len().max(1)) / 16)?;
    // Groups are called `$1` in the specification as they are here; a longer name must not be read into them.
    let put = braced(&put);
    with_pattern(&given, Match::Part, 2, |pattern| {
        given.run.made(pattern.replace_all(&text, &*put).into_owned())
    })
}

/// Puts the numbers and names of groups in braces.
fn braced(put: &str) -> String {
    let mut out = String::with_capacity(put.len());
    let mut rest = put;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        match after.split_at_checked(digits) {
            Some((number, tail)) if !number.is_empty() => {
                out.push_str(&format!("${{{number}}}"));
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}

pub(super) fn encode<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    coded(&given, |text, coding| match coding {
        "base64" => Some(STANDARD.encode(text)),
        "urlbase64" => Some(URL_SAFE.encode(text)),
        "hex" => Some(text.bytes().map(|byte| format!("{byte:02x}")).collect()),
        _ => None,
    })
}

pub(super) fn decode<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    coded(&given, |text, coding| {
        let bytes = match coding {
            "base64" => STANDARD.decode(text).ok()?,
            "urlbase64" => URL_SAFE.decode(text).ok()?,
            "hex" => unhex(text)?,
            _ => return None,
        };
        String::from_utf8(bytes).ok()
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

pub(super) fn escape<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    coded(&given, |text, target| match target {
        "html" => Some(
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        ),
        "json" => {
            let mut out = Vec::new();
            fhir::json::quote(text, &mut out);
            let quoted = String::from_utf8(out).ok()?;
            Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
        _ => None,
    })
}

pub(super) fn unescape<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    coded(&given, |text, target| match target {
        "html" => crate::tree::without_references(text),
        "json" => {
            let quoted = if text.contains('"') && !text.contains("\\\"") {
                text.replace('"', "\\\"")
            } else {
                text.to_owned()
            };
            let limits = fhir::json::Limits::default();
            fhir::json::parse_into(format!("[\"{quoted}\"]").into(), &limits)
                .ok()
                .and_then(|texts: Vec<String>| texts.into_iter().next())
        }
        _ => None,
    })
}

/// Makes a text of the input and the name of a coding; nothing if the coding is not known.
fn coded<'t>(given: &Given<'_, 't>, made: fn(&str, &str) -> Option<String>) -> Outcome<'t> {
    let (text, coding) = (given.input_text()?, given.text_argument(0)?);
    let (Some(text), Some(coding)) = (text, coding) else { return Ok(Collection::empty()) };
    match made(&text, &coding) {
        Some(made) => given.run.made(made),
        None => Ok(Collection::empty()),
    }
}

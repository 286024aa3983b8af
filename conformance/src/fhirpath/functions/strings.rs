//! Texts, counted in characters.

use super::super::eval::{Given, Outcome};
use super::super::item::{Collection, Item};

/// The index in characters of a place in bytes.
fn characters(text: &str, bytes: Option<usize>) -> i64 {
    let count = bytes.and_then(|bytes| text.get(..bytes)).map(|before| before.chars().count());
    count.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1)
}

/// Asks something about the input and a text; nothing when one of them is absent.
fn ask<'t>(given: &Given<'_, 't>, answer: fn(&str, &str) -> Item<'t>) -> Outcome<'t> {
    let (text, other) = (given.input_text()?, given.text_argument(0)?);
    let (Some(text), Some(other)) = (text, other) else { return Ok(Collection::empty()) };
    given.run.step((text.len() + other.len()) / 64)?;
    Ok(Collection::one(answer(&text, &other)))
}

pub(super) fn index_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    ask(&given, |text, other| Item::Integer(characters(text, text.find(other))))
}

pub(super) fn last_index_of<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    ask(&given, |text, other| Item::Integer(characters(text, text.rfind(other))))
}

pub(super) fn starts_with<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    ask(&given, |text, other| Item::Boolean(text.starts_with(other)))
}

pub(super) fn ends_with<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    ask(&given, |text, other| Item::Boolean(text.ends_with(other)))
}

pub(super) fn contains<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    ask(&given, |text, other| Item::Boolean(text.contains(other)))
}

pub(super) fn substring<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let text = given.input_text()?;
    let start = given.run.integer(&given.argument(0)?, &given.call.name)?;
    let (Some(text), Some(start)) = (text, start) else { return Ok(Collection::empty()) };
    let length = match given.call.arguments.len() {
        1 => None,
        _ => given.run.integer(&given.argument(1)?, &given.call.name)?,
    };
    let Ok(start) = usize::try_from(start) else { return Ok(Collection::empty()) };
    let Some((from, _)) = text.char_indices().nth(start) else { return Ok(Collection::empty()) };
    let rest = text.get(from..).unwrap_or_default();
    let part: String = match length {
        None => rest.to_owned(),
        Some(length) => rest.chars().take(usize::try_from(length).unwrap_or(0)).collect(),
    };
    given.run.made(part)
}

/// Makes a text of the input.
fn make<'t>(given: &Given<'_, 't>, made: fn(&str) -> String) -> Outcome<'t> {
    match given.input_text()? {
        Some(text) => given.run.made(made(&text)),
        None => Ok(Collection::empty()),
    }
}

pub(super) fn upper<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    make(&given, str::to_uppercase)
}

pub(super) fn lower<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    make(&given, str::to_lowercase)
}

pub(super) fn trim<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    make(&given, |text| text.trim().to_owned())
}

pub(super) fn length<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let count = given.input_text()?.map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
    Ok(Collection::optional(count.map(Item::Integer)))
}

pub(super) fn to_chars<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let Some(text) = given.input_text()? else { return Ok(Collection::empty()) };
    given.run.keep(text.len())?;
    Ok(text.chars().map(|character| Item::string(character.to_string())).collect())
}

pub(super) fn split<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let (text, separator) = (given.input_text()?, given.text_argument(0)?);
    let (Some(text), Some(separator)) = (text, separator) else { return Ok(Collection::empty()) };
    if separator.is_empty() {
        return to_chars(given);
    }
    given.run.keep(text.len())?;
    Ok(text.split(&*separator).map(Item::string).collect())
}

pub(super) fn join<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    if given.input.is_empty() {
        return Ok(Collection::empty());
    }
    let separator = given.text_argument(0)?;
    let mut out = String::new();
    for (at, item) in given.input.iter().enumerate() {
        if let Some(separator) = separator.as_ref().filter(|_| at > 0) {
            out.push_str(separator);
        }
        match given.run.text(std::slice::from_ref(item), "join")? {
            Some(text) => out.push_str(&text),
            None => return Err(given.wrong_type()),
        }
        if out.len() > super::super::arithmetic::TEXT_BYTES_MAX {
            break;
        }
    }
    given.run.made(out)
}

pub(super) fn replace<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let (text, pattern, put) = (given.input_text()?, given.text_argument(0)?, given.text_argument(1)?);
    let (Some(text), Some(pattern), Some(put)) = (text, pattern, put) else { return Ok(Collection::empty()) };
    let times = if pattern.is_empty() { text.len() + 1 } else { text.len() / pattern.len() };
    if times.saturating_mul(put.len()) > super::super::arithmetic::TEXT_BYTES_MAX {
        return Err(super::super::failed::Failed::unsupported("a text longer than 4 MiB"));
    }
    given.run.made(text.replace(&*pattern, &put))
}

//! What faulty stores do to what they keep.

use bytes::Bytes;

use super::Fault;
use super::json::{Json, Members};
use super::told::Refused;

/// A body as a store with this fault reads it.
pub(crate) fn as_read(body: Bytes, fault: Fault) -> Result<Bytes, Refused> {
    let failed = || Refused::new(500, "exception", "the body was too much");
    let text = String::from_utf8_lossy(&body);
    match fault {
        Fault::TruncatedMended if Json::read(body.clone()).is_err() => Ok(format!("{text}}}").into()),
        Fault::DuplicatesLastWins => Ok(text.replace("\"active\":true,\"active\"", "\"active\"").into()),
        Fault::Utf8Replaced => Ok(text.into_owned().into()),
        Fault::ByteOrderMarkFails if text.starts_with('\u{feff}') => Err(failed()),
        Fault::DeepFails if text.matches("extension").count() > 1_000 => Err(failed()),
        Fault::HugeNumberFails if text.contains("999999999") => Err(failed()),
        Fault::EntitiesResolved => {
            let (head, tail) = text.split_once("<!DOCTYPE").unwrap_or((&text, "]>"));
            let (_, tail) = tail.split_once("]>").unwrap_or_default();
            if tail.is_empty() { Ok(body) } else { Ok(format!("{head}{tail}").replace("&x;", "en").into()) }
        }
        _ => Ok(body),
    }
}

/// `content` as a store with this fault keeps it.
pub(crate) fn spoiled(mut content: Json, fault: Fault) -> Json {
    if fault == Fault::LosesMaritalStatus {
        content.remove("maritalStatus");
    }
    if fault == Fault::LosesContained {
        content.remove("contained");
    }
    if fault == Fault::LosesExtensions {
        each_object(&mut content, &|members| members.retain(|(name, _)| name != "extension"));
    }
    if fault == Fault::LosesPrimitiveExtensions {
        each_object(&mut content, &|members| members.retain(|(name, _)| !name.starts_with('_')));
    }
    if fault == Fault::RoundsDecimals {
        each_object(&mut content, &|members| members.iter_mut().for_each(|(_, value)| rounded(value)));
    }
    if fault == Fault::LosesRareCharacters {
        content.each_text(&|text| *text = text.replace(|letter: char| u32::from(letter) > 0xFFFF, "?"));
    }
    if fault == Fault::ReversesNames
        && let Some(Json::Array(mut names)) = content.get("name").cloned()
    {
        names.reverse();
        content.set("name", names.into());
    }
    if fault == Fault::LosesLabels
        && let Some(mut meta) = content.remove("meta")
    {
        meta.remove("security");
        content.set("meta", meta);
    }
    if fault == Fault::CompletesDates
        && let Some(date) = content["birthDate"].text().filter(|date| date.len() == 7).map(str::to_owned)
    {
        content.set("birthDate", format!("{date}-01").into());
    }
    content
}

fn rounded(value: &mut Json) {
    if let Json::Number(text) = value
        && let Ok(number) = text.parse::<f64>()
    {
        *text = number.to_string();
    }
}

fn each_object(value: &mut Json, change: &dyn Fn(&mut Members)) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        Json::Object(members) => {
            change(members);
            members.iter_mut().for_each(|(_, value)| each_object(value, change));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
    }
}

/// `content` with what it leaves out of `before`.
pub(crate) fn merged(mut content: Json, before: &Json) -> Json {
    if let Json::Object(members) = before {
        for (name, value) in members {
            if content.get(name).is_none() {
                content.set(name, value.clone());
            }
        }
    }
    content
}

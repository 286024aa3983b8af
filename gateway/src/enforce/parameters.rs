//! The parameters of an operation that only asks, as they are sent in a body: a Parameters resource (FHIR R4, operations by
//! POST). They are a query, and as telling.

use fhir::json::{Document, Kind, Node};

use super::unfiltered::Unfiltered;

/// Names and values in their order; values of one name that may stand several times are alternatives. Nothing where a
/// parameter has anything but one value that can stand in a URL, or something stands beside the parameters that may change
/// what they mean.
#[must_use]
pub fn asked(body: &Unfiltered<Document>) -> Option<Vec<(String, String)>> {
    // What changes the meaning of the rest is not read as if it were not there.
    let is_known = |key: &str| matches!(key, "resourceType" | "id" | "meta" | "language" | "parameter");
    if !body.inner().root().members().all(|(key, _)| is_known(&key.text())) {
        return None;
    }
    let Some(all) = body.inner().root().member("parameter") else { return Some(Vec::new()) };
    if all.kind() != Kind::Array {
        return None;
    }
    let mut asked: Vec<(String, String)> = Vec::new();
    for (name, value) in all.items().map(one).collect::<Option<Vec<_>>>()? {
        match asked.iter_mut().find(|(known, _)| *known == name && name == "_type") {
            Some((_, values)) => values.extend([",", &value]),
            None => asked.push((name, value)),
        }
    }
    Some(asked)
}

/// A name and a value, and nothing else.
fn one(parameter: Node<'_>) -> Option<(String, String)> {
    let (mut name, mut value) = (None, None);
    for (key, member) in parameter.members() {
        match &*key.text() {
            "name" => name = Some(member.string()?.into_owned()),
            typed if typed.starts_with("value") && value.is_none() => value = Some(text(member)?),
            _ => return None,
        }
    }
    name.zip(value)
}

fn text(value: Node<'_>) -> Option<String> {
    match value.kind() {
        Kind::String => value.string().map(std::borrow::Cow::into_owned),
        Kind::Number => value.number_text().map(str::to_owned),
        Kind::Boolean => value.boolean().map(|truth| truth.to_string()),
        Kind::Object | Kind::Array | Kind::Null => None,
    }
}

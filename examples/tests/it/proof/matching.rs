//! Search as a careless server does it: on everything that is there, and without refusing what it does not know.

use examples::json::along;
use serde_json::Value;

use super::holder::Records;

/// Where a parameter looks.
fn places(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "identifier" => &["identifier"],
        "family" | "phonetic" => &["name.family"],
        "given" => &["name.given"],
        "name" => &["name", "alias"],
        "phone" | "email" | "telecom" => &["telecom.value"],
        "address" => &["address"],
        "address-postalcode" | "postcode" => &["address.postalCode"],
        "address-city" => &["address.city"],
        "birthdate" => &["birthDate"],
        "gender" => &["gender"],
        "general-practitioner" => &["generalPractitioner"],
        "organization" => &["managingOrganization"],
        "link" => &["link.other", "link.target"],
        "patient" | "subject" => &["subject", "patient", "for"],
        "code" => &["code", "medicationCodeableConcept"],
        "category" => &["category"],
        "status" => &["status"],
        "clinical-status" => &["clinicalStatus"],
        "type" => &["type"],
        "encounter" => &["encounter"],
        "performer" => &["performer"],
        "focus" => &["focus"],
        "part-of" => &["partOf"],
        "episode-of-care" => &["episodeOfCare"],
        "location" => &["location.location"],
        "participant" => &["participant.member", "participant.individual", "participant.actor"],
        "practitioner" => &["participant.individual", "recorder", "requester"],
        "target" => &["target"],
        "entity" => &["entity.what"],
        "member" => &["member.entity"],
        "item" => &["entry.item"],
        "derived-from" => &["derivedFrom"],
        "has-member" => &["hasMember"],
        "recipient" => &["recipient"],
        "value-quantity" => &["valueQuantity.value"],
        "date" => &["effectiveDateTime", "date", "period.start", "authoredOn"],
        "service-provider" => &["serviceProvider"],
        "relatesto" => &["relatesTo.target"],
        _ => return None,
    })
}

/// Of a composite: what holds its values, and the two that are joined below it.
fn together(name: &str) -> Option<(&'static [&'static str], [&'static str; 2])> {
    const OWN: &[&str] = &[""];
    const PARTS: &[&str] = &["component"];
    const BOTH: &[&str] = &["", "component"];
    Some(match name {
        "code-value-quantity" => (OWN, ["code", "valueQuantity.value"]),
        "code-value-string" => (OWN, ["code", "valueString"]),
        "code-value-concept" => (OWN, ["code", "valueCodeableConcept"]),
        "code-value-date" => (OWN, ["code", "valueDateTime"]),
        "component-code-value-quantity" => (PARTS, ["code", "valueQuantity.value"]),
        "component-code-value-concept" => (PARTS, ["code", "valueCodeableConcept"]),
        "combo-code-value-quantity" => (BOTH, ["code", "valueQuantity.value"]),
        "combo-code-value-concept" => (BOTH, ["code", "valueCodeableConcept"]),
        "relationship" => (&["relatesTo"], ["target", "code"]),
        "characteristic-value" => (&["characteristic"], ["code", "valueCodeableConcept"]),
        "context-type-value" => (&["useContext"], ["code", "valueCodeableConcept"]),
        _ => return None,
    })
}

fn items<'a>(resource: &'a Value, places: &[&str]) -> Vec<&'a Value> {
    let all = places.iter().flat_map(|place| match *place {
        "" => vec![resource],
        place => along(resource, place),
    });
    all.collect()
}

/// What `resource` holds where this parameter looks, hidden or not: a search by it finds the resource.
pub(crate) fn held(resource: &Value, name: &str) -> Vec<String> {
    let bare = name.split([':', '.']).next().unwrap_or(name);
    if let Some((places, [first, second])) = together(bare) {
        let all = items(resource, places);
        let said = |item: &Value, place: &str| {
            along(item, place).into_iter().flat_map(words).map(|word| escaped(&word)).collect::<Vec<_>>()
        };
        // What one item says beside what another says: it is in no item, and must be no more told than what is.
        return all
            .iter()
            .flat_map(|one| said(one, first))
            .flat_map(|code| {
                let values = all.iter().flat_map(|other| said(other, second));
                let code = code.clone();
                values.flat_map(move |value| ["", "ge", "lt"].map(|prefix| format!("{code}${prefix}{value}")))
            })
            .collect();
    }
    let found = places(bare).unwrap_or_default().iter().flat_map(|place| along(resource, place));
    found.flat_map(words).collect()
}

/// What would separate a value from another, or a component from the next.
fn escaped(word: &str) -> String {
    let mut text = String::new();
    for letter in word.chars() {
        if matches!(letter, ',' | '$' | '|' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

fn words(element: &Value) -> Vec<String> {
    match element {
        Value::Object(members) => members.values().flat_map(words).collect(),
        Value::Array(items) => items.iter().flat_map(words).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(_) | Value::Null => Vec::new(),
    }
}

/// Whether `resource` meets `name=wanted`.
pub(crate) fn meets(resource: &Value, name: &str, wanted: &str, records: &Records) -> bool {
    if let Some(rest) = name.strip_prefix("_has:") {
        let parts: Vec<&str> = rest.splitn(3, ':').collect();
        let [kind, by, inner] = parts.as_slice() else { return true };
        let own = super::worlds::key(resource);
        return records.of_type(kind).any(|other| {
            let refers = along_all(other, by).into_iter().any(|found| refers_to(found) == Some(own.clone()));
            refers && meets(other, inner, wanted, records)
        });
    }
    let (head, chain) = name.split_once('.').map_or((name, None), |(head, chain)| (head, Some(chain)));
    let (bare, modifier) = head.split_once(':').map_or((head, ""), |(bare, modifier)| (bare, modifier));
    let any = |of: &dyn Fn(&str) -> bool| wanted.split(',').any(of);
    if let Some((places, [first, second])) = together(bare) {
        let is_there = |item: &Value, place: &str, wanted: &str| {
            along(item, place).into_iter().any(|found| equals(found, wanted, ""))
        };
        let all = items(resource, places);
        return any(&|wanted| {
            let (code, value) = wanted.split_once('$').unwrap_or((wanted, ""));
            all.iter().any(|item| is_there(item, first, code) && is_there(item, second, value))
        });
    }
    let in_text = |text: &str| text.to_lowercase().contains(&wanted.to_lowercase());
    let labels =
        |place: &str| along(resource, place).into_iter().filter_map(Value::as_str).collect::<Vec<_>>();
    match bare {
        "_id" => return any(&|id| resource["id"] == id.rsplit('/').next().unwrap_or_default()),
        "_security" => return any(&|one| labels("meta.security.code").contains(&code(one))),
        "_tag" => return any(&|one| labels("meta.tag.code").contains(&code(one))),
        "_source" => return labels("meta.source").iter().any(|source| source.starts_with(wanted)),
        "_lastUpdated" => return labels("meta.lastUpdated").iter().all(|at| compared(at, wanted)),
        "_content" | "_filter" | "_query" => return in_text(&resource.to_string()),
        "_text" => return in_text(&resource["text"].to_string()),
        _ => {}
    }
    let Some(found) = places(bare)
        .map(|places| places.iter().flat_map(|place| along(resource, place)).collect::<Vec<&Value>>())
    else {
        return true;
    };
    if let Some(chain) = chain {
        let targets = found.into_iter().filter_map(refers_to).filter_map(|key| records.now(&key));
        return targets.into_iter().any(|target| meets(target, chain, wanted, records));
    }
    match modifier {
        "missing" => found.is_empty() == (wanted == "true"),
        "not" => !found.iter().any(|one| any(&|wanted| equals(one, wanted, ""))),
        modifier => found.iter().any(|one| any(&|wanted| equals(one, wanted, modifier))),
    }
}

fn along_all<'a>(resource: &'a Value, name: &str) -> Vec<&'a Value> {
    places(name).unwrap_or_default().iter().flat_map(|place| along(resource, place)).collect()
}

fn code(token: &str) -> &str {
    token.rsplit('|').next().unwrap_or(token)
}

/// The `Type/id` at the end of a reference.
pub(crate) fn refers_to(element: &Value) -> Option<String> {
    let reference = element["reference"].as_str()?;
    let reference = reference.split("/_history/").next()?;
    let mut parts = reference.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    Some(format!("{kind}/{id}"))
}

fn equals(found: &Value, wanted: &str, modifier: &str) -> bool {
    let wanted = wanted.replace("\\,", ",").replace("\\|", "|");
    if modifier == "identifier" {
        return found["identifier"]["value"].as_str() == Some(code(&wanted));
    }
    if found["reference"].is_string() {
        let key = refers_to(found).unwrap_or_default();
        return key.rsplit('/').next() == wanted.rsplit('/').next();
    }
    let wanted = code(&wanted).to_lowercase();
    let mut leaves = Vec::new();
    collect(found, &mut leaves);
    leaves.iter().any(|leaf| match modifier {
        "contains" | "text" => leaf.contains(&wanted),
        "exact" => *leaf == wanted,
        _ => leaf.starts_with(&wanted) || compared(leaf, &wanted),
    })
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.values().for_each(|member| collect(member, into)),
        Value::String(text) => into.push(text.to_lowercase()),
        Value::Number(number) => into.push(number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

/// Dates and numbers with a prefix, by their text.
fn compared(held: &str, wanted: &str) -> bool {
    let Some((prefix, bound)) = wanted.split_at_checked(2) else { return false };
    let number = |text: &str| text.parse::<f64>().ok();
    let order = match (number(held), number(bound)) {
        (Some(held), Some(bound)) => held.total_cmp(&bound),
        _ => held.cmp(bound),
    };
    match prefix {
        "gt" | "sa" => order.is_gt(),
        "lt" | "eb" => order.is_lt(),
        "ge" => order.is_ge(),
        "le" => order.is_le(),
        "ne" => order.is_ne(),
        "eq" => order.is_eq(),
        _ => false,
    }
}

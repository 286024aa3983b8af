//! The smallest part of a case that still fails.

use serde_json::Value;

use super::asks::{After, Ask};

/// Smaller cases of `case`, those that leave out most first.
pub(crate) fn smaller(case: &[Ask]) -> Vec<Vec<Ask>> {
    let mut out = Vec::new();
    for at in 0..case.len() {
        let follows = case.get(at + 1).is_some_and(|next| !matches!(next.after, After::Nothing));
        if case.len() > 1 && !follows {
            out.push(
                case.iter()
                    .enumerate()
                    .filter(|(index, _)| *index != at)
                    .map(|(_, ask)| ask.clone())
                    .collect(),
            );
        }
    }
    for (at, ask) in case.iter().enumerate() {
        let mut with = |changed: Ask| {
            let mut whole = case.to_vec();
            whole[at] = changed;
            out.push(whole);
        };
        for index in 0..ask.query.len() {
            let mut changed = ask.clone();
            changed.query.remove(index);
            with(changed);
        }
        for index in 0..ask.headers.len() {
            let mut changed = ask.clone();
            changed.headers.remove(index);
            with(changed);
        }
        for body in ask.body.iter().flat_map(less) {
            with(Ask { body: Some(body), ..ask.clone() });
        }
        if let After::Back(changes) = &ask.after {
            for index in 0..changes.len() {
                let mut changes = changes.clone();
                changes.remove(index);
                with(Ask { after: After::Back(changes), ..ask.clone() });
            }
        }
    }
    out
}

/// The same with one part left out, for every part.
fn less(value: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name != "resourceType" {
                    let mut without = members.clone();
                    without.remove(name);
                    out.push(Value::Object(without));
                }
                for smaller in less(member) {
                    let mut with = members.clone();
                    with[name] = smaller;
                    out.push(Value::Object(with));
                }
            }
        }
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut without = items.clone();
                without.remove(at);
                out.push(Value::Array(without));
                for smaller in less(&items[at]) {
                    let mut with = items.clone();
                    with[at] = smaller;
                    out.push(Value::Array(with));
                }
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
    out
}

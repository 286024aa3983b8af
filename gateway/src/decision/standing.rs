//! What was decided about persons, in bytes that stay the same while it does: a page is gone on with only under the same.

use std::collections::BTreeSet;

use super::ruling::{Answer, DataReference, DataRule, Obligations, Ruling};
use crate::person::PersonKey;

impl Ruling {
    /// What stands for `persons` under this agreement: who of them is permitted, and what is kept back of each.
    ///
    /// Those who are refused leave no trace in it: why they are may change, and nobody can tell.
    #[must_use]
    pub fn standing<'p>(&self, persons: impl IntoIterator<Item = &'p PersonKey>) -> Vec<u8> {
        let agreement = self.admitted.agreement();
        let mut text = format!("{}\n{}", agreement.id, agreement.version);
        for person in persons.into_iter().collect::<BTreeSet<_>>() {
            if let Some(Answer::Permit(permit)) = self.answer_as_kin(person) {
                text.push_str("\nperson ");
                match person {
                    PersonKey::Nhs(number) => text.push_str(number.as_str()),
                    PersonKey::Local { system, id } => {
                        text.extend([system.as_str(), "/", id.as_str()]);
                    }
                }
                write(&mut text, permit.obligations());
            }
        }
        text.into_bytes()
    }
}

fn write(text: &mut String, obligations: &Obligations) {
    let Obligations { exclude, only, shielded, labels } = obligations;
    text.push_str(&format!(" {shielded} {labels:?}"));
    for exclusion in exclude {
        rule(text, "denied", &exclusion.rule);
        exclusion.except.iter().for_each(|except| rule(text, "except", except));
    }
    only.iter().for_each(|only| rule(text, "only", only));
}

fn rule(text: &mut String, kind: &str, rule: &DataRule) {
    let DataRule { labels, types, data, from, until } = rule;
    text.push_str(&format!("\n{kind} {labels:?} {types:?} {from:?} {until:?}"));
    for reference in data {
        let (how, place) = match reference {
            DataReference::Instance(place) => ("instance", place),
            DataReference::Related(place) => ("related", place),
            DataReference::AuthoredBy(place) => ("authored", place),
        };
        text.push_str(&format!(" {how} {place:?}"));
    }
}

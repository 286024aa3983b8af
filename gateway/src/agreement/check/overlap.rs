//! Agreements against each other: at most one may match a question.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{SharingAgreement, Status};
use crate::settings::problem::{Notebook, Place};

/// Notes ids that are taken, and agreements in force that could both match.
pub(super) fn refuse(read: &[(&Notebook, &Arc<SharingAgreement>)]) {
    let mut ids = BTreeMap::new();
    for (at, (notes, agreement)) in read.iter().enumerate() {
        if let Some(earlier) = ids.insert(&agreement.id, notes.file()) {
            let text = format!("this id is taken by {}: each agreement has its own", earlier.display());
            notes.error(&Place::whole().key("id", None), text);
        }
        for (other_notes, other) in read.iter().take(at) {
            if let Some(both) = both_match(other, agreement).filter(|_| other.id != agreement.id) {
                let text = format!(
                    "could match the same request as `{}` ({}): {both}; only one agreement may, so change parties, \
                     purposes, roles or dates of one",
                    other.id,
                    other_notes.file().display()
                );
                notes.error(&Place::whole(), format!("`{}` {text}", agreement.id));
            }
        }
    }
}

/// An example of what both agreements cover, in words.
fn both_match(one: &SharingAgreement, other: &SharingAgreement) -> Option<String> {
    let live = one.status == Status::InForce && other.status == Status::InForce;
    if !live || one.until < other.from || other.until < one.from {
        return None;
    }
    let discloser = one.discloser.iter().find(|code| other.discloser.contains(code))?;
    let recipient = one.recipient.iter().find(|code| other.recipient.contains(code))?;
    let purpose =
        one.purposes.iter().chain(&one.overrides).find(|purpose| other.cover(**purpose).is_some())?;
    let role = one.roles.iter().flat_map(|block| &block.roles);
    let role = role
        .into_iter()
        .find(|role| other.roles.iter().any(|block| block.roles.contains(role)))
        .map(|role| format!("role {role}"));
    let system = || {
        let systems = one.systems.iter().flat_map(|block| &block.systems);
        systems
            .into_iter()
            .find(|system| other.systems.iter().any(|block| block.systems.contains(system)))
            .map(|system| format!("system `{system}`"))
    };
    let who = role.or_else(system)?;
    let day = one.from.max(other.from);
    Some(format!(
        "from {} to {}, {who}, purpose {purpose}, on {day}",
        discloser.to_setting(),
        recipient.to_setting()
    ))
}

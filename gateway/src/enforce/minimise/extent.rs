//! Whether a mask shows all of an element whatever it holds. What may be changed through a share is decided by this,
//! once, when the agreements are loaded: it says nothing about what any resource holds.

use std::collections::BTreeSet;

use fhir::json::Key;

use super::mask::TypeMask;
use super::plan::{Action, Entry, Plan, PlanId};

/// Members by which whom a resource concerns or who sees it is decided, wherever they stand.
const DECIDES: [&[u8]; 6] =
    [b"confidentiality", b"contained", b"identifier", b"reference", b"security", b"securityLabel"];

impl TypeMask {
    /// Whether anything of the member called `key` may come out.
    #[must_use]
    pub fn may_show(&self, key: Key<'_>) -> bool {
        let known = self.plans.root().entry(key);
        known.is_some_and(|entry| !matches!(entry.action, Action::Drop | Action::Never | Action::Withheld))
    }

    /// Whether all that the element `name`, at the top of the type, can hold is shown, whatever it holds. Ids,
    /// extensions and what stands beside a scalar do not count: they are hidden, whatever they hold.
    #[must_use]
    pub fn shows_whole(&self, name: &str) -> bool {
        let keys: BTreeSet<&str> =
            self.owner.keys().filter(|(_, element)| element.name() == name).map(|(key, _)| key).collect();
        let is_of_it = |entry: &&Entry| std::str::from_utf8(entry.name()).is_ok_and(|key| keys.contains(key));
        let (mut seen, mut open) = (BTreeSet::new(), Vec::new());
        let mut found = 0;
        for entry in self.plans.root().entries.iter().filter(is_of_it) {
            found += 1;
            match shows(entry) {
                Shows::All => {}
                Shows::Plan(plan) => open.push(plan),
                Shows::ByContent => return false,
            }
        }
        while let Some(plan) = open.pop() {
            if !seen.insert(plan.0) {
                continue;
            }
            match inside(self.plans.plan(plan)) {
                Some(more) => open.extend(more),
                None => return false,
            }
        }
        found > 0 && found == keys.len()
    }
}

/// What of a member is shown.
enum Shows {
    /// All of it.
    All,
    /// What this plan shows of it.
    Plan(PlanId),
    /// Nothing, or what hangs on what it holds.
    ByContent,
}

/// The plans inside one; nothing when something in it is hidden or hangs on what it holds.
fn inside(plan: &Plan) -> Option<Vec<PlanId>> {
    let is_fine_print =
        |entry: &&Entry| entry.name().starts_with(b"_") || matches!(entry.name(), b"id" | b"extension");
    let mut plans = Vec::new();
    for entry in plan.entries.iter().filter(|entry| !is_fine_print(entry)) {
        match shows(entry) {
            Shows::All => {}
            Shows::Plan(plan) => plans.push(plan),
            Shows::ByContent => return None,
        }
    }
    Some(plans)
}

fn shows(entry: &Entry) -> Shows {
    if DECIDES.contains(&entry.name()) {
        return Shows::ByContent;
    }
    match &entry.action {
        // With the second nothing of the resource would be shown at all.
        Action::Scalar(_) | Action::Never => Shows::All,
        Action::Object(plan) => Shows::Plan(*plan),
        Action::Drop
        | Action::Skip
        | Action::Withheld
        | Action::Address
        | Action::FullUrl
        | Action::Aligned(..)
        | Action::Sibling(_)
        | Action::SiblingArray(..)
        | Action::Name(_)
        | Action::Reference { .. }
        | Action::Identifier(_)
        | Action::Items(_)
        | Action::Link
        | Action::Content
        | Action::Digest(_)
        | Action::Extensions(..)
        | Action::Resource(_) => Shows::ByContent,
    }
}

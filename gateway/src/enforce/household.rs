//! Where a protected person is, told by somebody else's record: a child at the same address, a relative with her
//! telephone.
//!
//! What an answer would show of places is asked of the holder: whether a person whose whereabouts are protected has the
//! same address or the same way to be reached. Where one has, the resource that shows it is minimised as if it were
//! about her. What cannot be asked counts as protected.

use std::collections::BTreeSet;
use std::fmt;

use fhir::json::Node;

use super::answer::Frame;
use super::facts::{NotEvidence, resources, shield_of};
use super::held::Held;
use super::judge::{Judge, Targets};
use super::matched::reread;
use super::targets::{LookedUp, on_page};
use super::unfiltered::Unfiltered;
use crate::decision::evidence::apart::Parameters;
use crate::decision::facts::Shield;
use crate::decision::following::PLACES;
use crate::decision::ruling::Ruling;
use crate::interaction::{FhirAction, Interaction};

mod places;

use places::{Places, Whose};

/// The most places that one answer is asked about; with more, all whereabouts are left out of it and none is asked about.
const PLACES_MAX: usize = 600;
/// The most values of one search.
const VALUES_MAX: usize = 60;

/// Which whereabouts are those of a protected person.
#[derive(Default)]
pub struct Sheltered {
    scope: Scope,
}

#[derive(Default)]
enum Scope {
    /// None, as far as it was asked.
    #[default]
    Nowhere,
    /// These.
    Places(Places),
    /// It cannot be told: all of them.
    Everywhere,
}

/// What is asked about the places of an answer: searches for Patients, by parameter. Content: it goes to the holder it
/// came from, and nowhere else.
pub struct Asks {
    searches: Vec<(&'static str, BTreeSet<String>)>,
    /// Whether these are all the places there are.
    is_whole: bool,
}

/// Nothing is sheltered.
pub(in crate::enforce) static NOWHERE: Sheltered = Sheltered { scope: Scope::Nowhere };
/// Everything is.
pub(in crate::enforce) static EVERYWHERE: Sheltered = Sheltered { scope: Scope::Everywhere };

/// What has to be asked before `held`, and of a document what it refers to, can be shown as `ruling` says.
#[must_use]
pub fn asks(held: &Unfiltered<Held>, looked_up: &LookedUp, ruling: &Ruling, frame: Frame<'_>) -> Asks {
    let face = frame.face();
    let judge = Judge::of(ruling, Targets::OfSharedTypes, frame, &face);
    let mut found = Places::default();
    let parts = match &ruling.admitted().question().interaction {
        Interaction::Fhir { action: FhirAction::Document(_), .. } => looked_up.nodes(),
        Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_) => Vec::new(),
    };
    let parts = parts.into_iter().filter_map(|node| judge.judge(node).ok());
    for judged in on_page(held.inner(), &judge).into_iter().map(|(_, judged)| judged).chain(parts) {
        // A view that cannot be read shows who knows what.
        let Some(view) = reread(&judged.bytes) else { return Asks::too_much() };
        found.look(view.root(), Whose::Anybody);
    }
    Asks::about(&found)
}

/// What has to be asked before it is known whether places that were `looked_up` are those of a protected person.
#[must_use]
pub fn asks_of_places(looked_up: &LookedUp) -> Asks {
    let mut found = Places::default();
    let is_place = |node: &Node<'_>| {
        node.member("resourceType").is_some_and(|kind| PLACES.iter().any(|name| kind.is_string(name)))
    };
    for place in looked_up.nodes().into_iter().filter(is_place) {
        found.look(place, Whose::Anybody);
    }
    Asks::about(&found)
}

/// A search for those who have one of these values.
#[must_use]
pub fn asking(name: &'static str, values: &BTreeSet<String>) -> Parameters {
    vec![(name, values.iter().map(|text| escaped(text)).collect::<Vec<_>>().join(","))]
}

/// The answer to a search, where it can be read.
///
/// # Errors
/// [`NotEvidence`] when it is cut off, or holds what nobody asked for.
pub fn answered(held: Unfiltered<Held>) -> Result<Unfiltered<Held>, NotEvidence> {
    resources(&held, "Patient")?;
    Ok(held)
}

impl Asks {
    /// Who lives in one of these.
    fn about(found: &Places) -> Self {
        if found.len() > PLACES_MAX {
            return Self::too_much();
        }
        let mut searches = Vec::new();
        for (name, values) in found.asked() {
            let values: Vec<String> = values.into_iter().collect();
            searches.extend(values.chunks(VALUES_MAX).map(|some| (name, some.iter().cloned().collect())));
        }
        Self { searches, is_whole: true }
    }

    /// Nothing is asked, because it would not be all.
    const fn too_much() -> Self {
        Self { searches: Vec::new(), is_whole: false }
    }

    /// The searches, each a parameter and the values of which one must match.
    #[must_use]
    pub fn searches(&self) -> &[(&'static str, BTreeSet<String>)] {
        &self.searches
    }

    /// What is sheltered before anything is answered.
    #[must_use]
    pub fn begin(&self) -> Sheltered {
        let scope = if self.is_whole { Scope::Nowhere } else { Scope::Everywhere };
        Sheltered { scope }
    }
}

impl Sheltered {
    /// Nothing is sheltered.
    #[must_use]
    pub const fn nowhere() -> Self {
        Self { scope: Scope::Nowhere }
    }

    /// Adds the answer to a search.
    pub fn add(&mut self, held: &Unfiltered<Held>) {
        let Ok(patients) = resources(held, "Patient") else { return self.add_everywhere() };
        for patient in patients.into_iter().filter(|patient| shield_of(*patient) == Shield::Shielded) {
            let mut found = Places::default();
            found.look(patient, Whose::OfAProtectedPerson);
            self.shelter(found);
        }
    }

    /// Of these values nobody can tell whose they are.
    pub fn add_values(&mut self, name: &str, values: &BTreeSet<String>) {
        if !values.is_empty() {
            self.shelter(Places::of_values(name, values));
        }
    }

    /// Nothing can be told: the system does not take the search.
    pub fn add_everywhere(&mut self) {
        self.scope = Scope::Everywhere;
    }

    fn shelter(&mut self, more: Places) {
        match &mut self.scope {
            Scope::Everywhere => {}
            Scope::Places(places) => places.extend(more),
            Scope::Nowhere => self.scope = Scope::Places(more),
        }
    }

    /// Whether all whereabouts are left out.
    pub(in crate::enforce) const fn is_everywhere(&self) -> bool {
        matches!(self.scope, Scope::Everywhere)
    }

    /// Whether a view shows where a protected person is.
    pub(in crate::enforce) fn is_told_by(&self, view: &[u8]) -> bool {
        let Scope::Places(places) = &self.scope else { return false };
        let Some(view) = reread(view) else { return true };
        let mut found = Places::default();
        found.look(view.root(), Whose::Anybody);
        found.meets(places)
    }
}

/// A value of a search, as one value.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, ',' | '\\' | '$' | '|') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

impl fmt::Debug for Sheltered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sheltered(..)")
    }
}

impl fmt::Debug for Asks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Asks(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_value_of_a_search() {
        assert_eq!(escaped("1, Lane"), "1\\, Lane");
    }
}

//! Weighing one resource against what a permit obliges to.
//!
//! `enforce` reads the facts of a resource; whether it stays is said here, so that one place knows what a Consent
//! means. What cannot be told counts against sharing: data without a date is inside a denied period and outside a
//! permitted one.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::security_label::{Confidentiality, SecurityLabel};
use jiff::Timestamp;

use super::ruling::{DataReference, DataRule, Exclusion, Obligations};
use crate::person::SystemName;
use crate::sensitive_codes::SensitiveEntry;

/// What an obligation looks at in a resource.
#[derive(Debug, Clone, Default)]
pub struct ResourceFacts {
    /// The resource type.
    pub resource_type: String,
    /// `Type/id` of the resource on the system at hand.
    pub reference: String,
    /// Every label stated in it: of the resource, of what it contains and of its parts.
    pub labels: Vec<SecurityLabel>,
    /// The labels of what it is by reference, of what it is told about, and of the Bundles around it.
    pub beside: BTreeSet<SecurityLabel>,
    /// What its codes earn beside, stated or not: the entries of the lists that know them.
    pub earned: Vec<Arc<SensitiveEntry>>,
    /// Whether these are all: something that the resource is by reference could not be looked up.
    pub known: Labels,
    /// `Type/id` of every resource it refers to.
    pub refers_to: BTreeSet<String>,
    /// Those of `refers_to` that stand as its author, asserter, performer, recorder or requester.
    pub authors: BTreeSet<String>,
    /// When what it tells happened: first moment, and first moment after.
    pub when: Option<(Timestamp, Timestamp)>,
}

/// Whether all labels of a resource are known. One of which they are not counts as labelled with whatever is weighed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Labels {
    /// They are.
    #[default]
    Known,
    /// They are not.
    NotKnown,
    /// They are more than are counted for something else.
    TooMany,
}

/// The most labels, and the most entries of lists, that one thing counts with for another. What bears more counts as
/// labelled with whatever is weighed: it is joined to each resource that refers to it.
const LABELS_MAX: usize = 100;

/// What something is labelled as, where that counts for something else: each label and each entry of a list once.
#[derive(Debug, Clone, Default)]
pub struct Labelled {
    labels: BTreeSet<SecurityLabel>,
    earned: Vec<Arc<SensitiveEntry>>,
    known: Labels,
}

impl Labelled {
    /// Of which this much is known, and no label.
    #[must_use]
    pub const fn of_which(known: Labels) -> Self {
        Self { labels: BTreeSet::new(), earned: Vec::new(), known }
    }

    /// With these labels alone.
    #[must_use]
    pub fn by(labels: impl IntoIterator<Item = SecurityLabel>) -> Self {
        Self { labels: labels.into_iter().collect(), ..Self::default() }.bounded()
    }

    /// Adds what something else is labelled as.
    pub fn join(&mut self, other: &Self) {
        if self.known == Labels::TooMany {
            return;
        }
        self.known = self.known.max(other.known);
        add_labels(&mut self.labels, &other.labels);
        add_entries(&mut self.earned, &other.earned);
        *self = std::mem::take(self).bounded();
    }

    /// Notes that this much is known of it at best.
    pub fn doubt(&mut self, known: Labels) {
        self.known = self.known.max(known);
    }

    fn bounded(self) -> Self {
        let is_too_much = self.labels.len() > LABELS_MAX || self.earned.len() > LABELS_MAX;
        match is_too_much || self.known == Labels::TooMany {
            true => Self::of_which(Labels::TooMany),
            false => self,
        }
    }
}

impl From<ResourceFacts> for Labelled {
    fn from(facts: ResourceFacts) -> Self {
        let ResourceFacts { labels, mut beside, earned, known, .. } = facts;
        beside.extend(labels);
        Self { labels: beside, earned, known }.bounded()
    }
}

fn add_labels(labels: &mut BTreeSet<SecurityLabel>, others: &BTreeSet<SecurityLabel>) {
    for label in others {
        if !labels.contains(label) {
            labels.insert(label.clone());
        }
    }
}

fn add_entries(earned: &mut Vec<Arc<SensitiveEntry>>, others: &[Arc<SensitiveEntry>]) {
    for entry in others {
        if !earned.iter().any(|known| Arc::ptr_eq(known, entry)) {
            earned.push(Arc::clone(entry));
        }
    }
}

/// Why a resource is kept back from somebody who is permitted others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptBack {
    /// The person has denied this.
    Denied,
    /// The person has permitted other data only.
    NotPermitted,
}

impl ResourceFacts {
    /// Adds what something else is labelled as, where that counts for the resource.
    pub fn join(&mut self, other: &Labelled) {
        self.known = self.known.max(other.known);
        add_labels(&mut self.beside, &other.labels);
        add_entries(&mut self.earned, &other.earned);
    }

    /// The same facts with what the resource is labelled as now, where they are those of an earlier version.
    #[must_use]
    pub fn and_now(mut self, now: &Self) -> Self {
        self.labels.extend(now.labels.iter().cloned());
        self.beside.extend(now.beside.iter().cloned());
        self.earned.extend(now.earned.iter().cloned());
        self.known = self.known.max(now.known);
        self
    }

    /// Whether a rule that keeps back what has this label reaches the resource, by a label that it states or by one that its
    /// codes earn. A broader label may be this one, and is reached too.
    #[must_use]
    pub fn is_labelled(&self, rule: &SecurityLabel) -> bool {
        self.known != Labels::Known || self.all_labels().any(|label| label.may_be_covered_by(rule))
    }

    /// The first entry of a list that makes the difference: what is `kept_back` now would not be without earned labels.
    #[must_use]
    pub fn kept_back_by(&self, kept_back: impl Fn(&Self) -> bool) -> Option<&Arc<SensitiveEntry>> {
        let with = |earned: Vec<Arc<SensitiveEntry>>| Self { earned, ..self.clone() };
        if self.earned.is_empty() || kept_back(&with(Vec::new())) {
            return None;
        }
        self.earned.iter().find(|entry| kept_back(&with(vec![Arc::clone(entry)])))
    }

    fn all_labels(&self) -> impl Iterator<Item = &SecurityLabel> {
        self.stated().chain(self.earned.iter().flat_map(|entry| &entry.labels))
    }

    /// The labels that are stated, in it and beside it.
    pub fn stated(&self) -> impl Iterator<Item = &SecurityLabel> {
        self.labels.iter().chain(&self.beside)
    }
}

impl Obligations {
    /// Whether nothing has to be weighed: every resource may be shared as far as the person is concerned.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.exclude.is_empty() && self.only.is_empty()
    }

    /// Turns `system/Type/id` of this system into `Type/id`, as its own resources name each other. What is said of resources
    /// elsewhere stays as it is, and reaches none here.
    pub(in crate::decision) fn localise(&mut self, system: &SystemName) {
        let local = |rule: &DataRule| rule.localised(system);
        self.only = self.only.iter().map(local).collect();
        self.exclude = self
            .exclude
            .iter()
            .map(|found| Exclusion {
                rule: local(&found.rule),
                except: found.except.iter().map(local).collect(),
            })
            .collect();
    }

    /// Whether a resource with these facts may be shared.
    ///
    /// # Errors
    /// [`KeptBack`] when it may not.
    pub fn weigh(&self, facts: &ResourceFacts) -> Result<(), KeptBack> {
        let denied = |exclusion: &Exclusion| {
            exclusion.rule.may_speak_of(facts) && !exclusion.except.iter().any(|rule| rule.covers(facts))
        };
        if self.exclude.iter().any(denied) {
            return Err(KeptBack::Denied);
        }
        if !self.only.is_empty() && !self.only.iter().any(|rule| rule.covers(facts)) {
            return Err(KeptBack::NotPermitted);
        }
        Ok(())
    }
}

impl DataRule {
    /// Whether the rule speaks of all data.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a denial of this rule reaches the resource: in doubt it does.
    #[must_use]
    pub fn may_speak_of(&self, facts: &ResourceFacts) -> bool {
        let in_period = match facts.when {
            Some((first, after)) => {
                self.from.is_none_or(|from| from < after) && self.until.is_none_or(|until| first < until)
            }
            None => true,
        };
        in_period && denies_labels(&self.labels, facts) && self.names(facts)
    }

    /// Whether a permit of this rule reaches the resource: in doubt it does not.
    #[must_use]
    pub fn covers(&self, facts: &ResourceFacts) -> bool {
        let in_period = match facts.when {
            Some((first, after)) => {
                self.from.is_none_or(|from| from <= first) && self.until.is_none_or(|until| after <= until)
            }
            None => self.from.is_none() && self.until.is_none(),
        };
        in_period && permits_labels(&self.labels, facts) && self.names(facts)
    }

    fn localised(&self, system: &SystemName) -> Self {
        let local = |place: &String| match place.split_once('/') {
            Some((first, rest)) if first == system.as_str() => rest.to_owned(),
            Some(_) | None => place.clone(),
        };
        let data = self.data.iter().map(|data| match data {
            DataReference::Instance(place) => DataReference::Instance(local(place)),
            DataReference::Related(place) => DataReference::Related(local(place)),
            DataReference::AuthoredBy(place) => DataReference::AuthoredBy(local(place)),
        });
        Self { data: data.collect(), ..self.clone() }
    }

    fn names(&self, facts: &ResourceFacts) -> bool {
        let named = |data: &DataReference| match data {
            DataReference::Instance(reference) => facts.reference == *reference,
            DataReference::Related(reference) => {
                facts.reference == *reference || facts.refers_to.contains(reference)
            }
            DataReference::AuthoredBy(reference) => facts.authors.contains(reference),
        };
        (self.types.is_empty() || self.types.contains(&facts.resource_type))
            && (self.data.is_empty() || self.data.iter().any(named))
    }
}

/// A denied label reaches content with that label, a narrower category of it, a broader one that may be it, or a higher
/// degree. Content that states
/// no degree is ordinary (`N`).
fn denies_labels(rule: &BTreeSet<SecurityLabel>, facts: &ResourceFacts) -> bool {
    let ordinary = SecurityLabel::from(Confidentiality::Normal);
    let stated = facts.all_labels().any(|label| label.confidentiality().is_some());
    let reached =
        |denied: &SecurityLabel| facts.is_labelled(denied) || (!stated && ordinary.is_covered_by(denied));
    rule.is_empty() || rule.iter().any(reached)
}

/// A permitted degree reaches content up to that degree; a permitted category reaches content all of whose categories
/// are permitted. Content of a sensitive category counts as restricted, whatever degree it states. The categories that
/// one entry of a list gives are names of one thing: it is enough that one of them is permitted.
fn permits_labels(rule: &BTreeSet<SecurityLabel>, facts: &ResourceFacts) -> bool {
    if rule.is_empty() {
        return true;
    }
    if facts.known != Labels::Known {
        return false;
    }
    let is_category = |label: &&SecurityLabel| label.sensitivity().is_some();
    let is_sensitive = facts.all_labels().any(|label| is_category(&label));
    let stated = facts
        .all_labels()
        .filter_map(SecurityLabel::confidentiality)
        .max()
        .unwrap_or(Confidentiality::Normal);
    let degree = if is_sensitive { stated.max(Confidentiality::Restricted) } else { stated };
    let by_degree =
        rule.iter().filter_map(SecurityLabel::confidentiality).max().is_some_and(|most| degree <= most);
    let permitted = |label: &SecurityLabel| {
        rule.iter().any(|permitted| permitted.sensitivity().is_some() && label.is_covered_by(permitted))
    };
    let earned_permitted = |entry: &Arc<SensitiveEntry>| {
        !entry.labels.iter().any(|label| is_category(&label))
            || entry.labels.iter().filter(is_category).any(permitted)
    };
    let by_category = is_sensitive
        && degree <= Confidentiality::Restricted
        && facts.stated().filter(is_category).all(permitted)
        && facts.earned.iter().all(earned_permitted);
    let neither = |label: &SecurityLabel| label.sensitivity().is_none() && label.confidentiality().is_none();
    let by_name =
        rule.iter().any(|permitted| neither(permitted) && facts.stated().any(|label| label == permitted));
    by_degree || by_category || by_name
}

#[cfg(test)]
mod tests;

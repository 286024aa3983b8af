//! What a message of HL7 v2 says of what was to go, and what of it does not go: the record is of what went.

use std::collections::{BTreeMap, BTreeSet};

use adapters::Severity;
use adapters::hl7v2::out::Message;
use fhir::json::Document;

use crate::trail::record::{AboutPerson, Visibility, Words};
use crate::trail::records::Records;

/// The name of the reason in records: the words in which it goes have no place for it.
const UNSAYABLE: &str = "not-sayable-in-hl7v2";

/// A message, and what of the resources that were to go in it does not.
#[derive(Debug)]
pub(in crate::enforce) struct Worded {
    pub(in crate::enforce) bytes: Vec<u8>,
    /// The resources of which it says nothing, as `Type/id`.
    unsayable: BTreeSet<String>,
    /// Those that who asks did not want.
    not_asked_for: BTreeSet<String>,
    /// Elements that it does not say, by the resource in which they stand.
    lost: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Worded {
    /// A message that was written of a Bundle.
    pub(in crate::enforce) fn of(message: Message, bundle: &Document) -> Self {
        let names = names(bundle);
        let mut lost: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        // What says nothing of anybody is no loss.
        for loss in message.losses.iter().filter(|loss| loss.severity != Severity::Trivial) {
            let (name, rest) = loss.place.split_once('.').unwrap_or((&loss.place, ""));
            let Some(reference) = names.get(name).filter(|_| !rest.is_empty()) else { continue };
            let kind = reference.split('/').next().unwrap_or_default();
            let path = format!("{UNSAYABLE}: {kind}.{}", without_numbers(rest));
            *lost.entry(reference.clone()).or_default().entry(path).or_default() += 1;
        }
        let unsayable = message.untold.into_iter().collect();
        Self { bytes: message.bytes, unsayable, not_asked_for: BTreeSet::new(), lost }
    }

    /// Of what it says nothing, these were not asked for.
    pub(in crate::enforce) fn not_asked_for(mut self, references: impl IntoIterator<Item = String>) -> Self {
        for reference in references {
            self.unsayable.remove(&reference);
            self.not_asked_for.insert(reference);
        }
        self
    }

    /// Nor does it say anything of these.
    pub(in crate::enforce) fn unsayable(mut self, references: impl IntoIterator<Item = String>) -> Self {
        self.unsayable.extend(references);
        self
    }

    /// The message, and the record of what it says.
    pub(in crate::enforce) fn recorded(self, mut records: Records) -> (Vec<u8>, Records) {
        records.exchange.words = Words::Hl7v2;
        records.exchange.resources.retain(|reference| !self.is_left_out(reference));
        let search = records.search();
        let named = |person: &AboutPerson| search.as_ref().is_some_and(|search| person.is_named_by(search));
        let persons = std::mem::take(&mut records.persons);
        records.persons = persons.into_iter().filter_map(|person| self.went(person, &named)).collect();
        (self.bytes, records)
    }

    fn is_left_out(&self, reference: &str) -> bool {
        self.unsayable.contains(reference) || self.not_asked_for.contains(reference)
    }

    /// The part of a person in what went; nothing where nothing of hers was asked for.
    fn went(&self, mut person: AboutPerson, named: &dyn Fn(&AboutPerson) -> bool) -> Option<AboutPerson> {
        let lost = person.resources.iter().filter_map(|reference| self.lost.get(reference)).flatten();
        let lost: Vec<(String, u32)> = lost.map(|(path, count)| (path.clone(), *count)).collect();
        let unsayable =
            person.resources.iter().filter(|reference| self.unsayable.contains(*reference)).count();
        let before = person.resources.len();
        person.resources.retain(|reference| !self.is_left_out(reference));
        let withheld =
            (unsayable > 0).then(|| (UNSAYABLE.to_owned(), u32::try_from(unsayable).unwrap_or(u32::MAX)));
        for (what, count) in withheld.into_iter().chain(lost) {
            match person.withheld.iter_mut().find(|(held, _)| *held == what) {
                Some((_, held)) => *held = held.saturating_add(count),
                None => person.withheld.push((what, count)),
            }
        }
        if before == 0 || !person.resources.is_empty() {
            return Some(person);
        }
        // Nothing of hers went. Who was merely met does not hear that it might have.
        let is_named = named(&person);
        match (unsayable, is_named) {
            (0, false) => return None,
            (0, true) => {}
            (_, _) => person.refusal = Some(UNSAYABLE.to_owned()),
        }
        if !is_named {
            person.visibility = Visibility::Oversight;
        }
        Some(person)
    }
}

/// The resources of a Bundle by what they are called in a loss: by their type, and their number where there are more of it.
fn names(bundle: &Document) -> BTreeMap<String, String> {
    let mut by_kind: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in bundle.root().walk(&["entry", "resource"]) {
        let Some(kind) = resource.str_at(&["resourceType"]) else { continue };
        let id = resource.str_at(&["id"]).unwrap_or_default();
        by_kind.entry(kind.clone().into_owned()).or_default().push(format!("{kind}/{id}"));
    }
    let mut names = BTreeMap::new();
    for (kind, references) in by_kind {
        let is_only = references.len() == 1;
        for (number, reference) in references.into_iter().enumerate() {
            names.insert(if is_only { kind.clone() } else { format!("{kind}[{number}]") }, reference);
        }
    }
    names
}

/// A path without what stands in brackets.
fn without_numbers(path: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(path.len());
    for letter in path.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            other if depth == 0 => out.push(other),
            _ => {}
        }
    }
    out
}

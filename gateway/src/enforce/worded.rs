//! What other words than FHIR R4's say of what was to go, and what of it does not go: the record is of what went.

use std::collections::{BTreeMap, BTreeSet};

use adapters::hl7v2::out::Message;
use adapters::{Loss, Severity};
use fhir::json::Document;

use crate::trail::record::{AboutPerson, Visibility, Words};
use crate::trail::records::Records;

/// What an adapter wrote of a Bundle.
pub(in crate::enforce) struct Said {
    pub(in crate::enforce) bytes: Vec<u8>,
    /// What of the Bundle is not in it.
    pub(in crate::enforce) losses: Vec<Loss>,
    /// The resources of a searchset of which it says nothing, as `Type/id`.
    pub(in crate::enforce) untold: Vec<String>,
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        Self { bytes: message.bytes, losses: message.losses, untold: message.untold }
    }
}

/// The bytes in these words, and what of the resources that were to go in them does not.
#[derive(Debug)]
pub(in crate::enforce) struct Worded {
    pub(in crate::enforce) bytes: Vec<u8>,
    words: Words,
    /// The resources of which it says nothing, as `Type/id`.
    unsayable: BTreeSet<String>,
    /// Those that who asks did not want.
    not_asked_for: BTreeSet<String>,
    /// Elements that it does not say, by the resource in which they stand. A Bundle that goes as one bears those of all in it.
    lost: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Worded {
    /// What was written of a Bundle in these words.
    pub(in crate::enforce) fn of(said: Said, words: Words, bundle: &Document) -> Self {
        let held = Held::of(bundle);
        let whole = bundle.root().str_at(&["id"]).map(|id| format!("Bundle/{id}"));
        let mut lost: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        let mut lose = |reference: &str, path: &str| {
            let path = format!("{}: {path}", words.unsayable());
            *lost.entry(reference.to_owned()).or_default().entry(path).or_default() += 1;
        };
        // What says nothing of anybody is no loss.
        for loss in said.losses.iter().filter(|loss| loss.severity != Severity::Trivial) {
            let Some((reference, path)) = held.stands(&loss.place, words) else { continue };
            if let Some(reference) = reference.filter(|_| path.contains('.')) {
                lose(reference, &path);
            }
            if let Some(whole) = &whole {
                lose(whole, &path);
            }
        }
        let unsayable = said.untold.into_iter().collect();
        Self { bytes: said.bytes, words, unsayable, not_asked_for: BTreeSet::new(), lost }
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

    /// The bytes, and the record of what they say.
    pub(in crate::enforce) fn recorded(self, mut records: Records) -> (Vec<u8>, Records) {
        records.exchange.words = self.words;
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
        let withheld = (unsayable > 0)
            .then(|| (self.words.unsayable().to_owned(), u32::try_from(unsayable).unwrap_or(u32::MAX)));
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
            (_, _) => person.refusal = Some(self.words.unsayable().to_owned()),
        }
        if !is_named {
            person.visibility = Visibility::Oversight;
        }
        Some(person)
    }
}

/// The resources of a Bundle, in order, and by what adapters call them in a loss.
struct Held {
    /// Type and reference.
    all: Vec<(String, String)>,
    /// By the type, and the number where there are more of it.
    by_name: BTreeMap<String, usize>,
}

impl Held {
    fn of(bundle: &Document) -> Self {
        let mut all = Vec::new();
        let mut of_kind: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for entry in bundle.root().walk(&["entry"]) {
            let kind = entry.str_at(&["resource", "resourceType"]).unwrap_or_default().into_owned();
            let id = entry.str_at(&["resource", "id"]).unwrap_or_default();
            of_kind.entry(kind.clone()).or_default().push(all.len());
            all.push((kind.clone(), format!("{kind}/{id}")));
        }
        let mut by_name = BTreeMap::new();
        for (kind, places) in of_kind {
            let is_only = places.len() == 1;
            for (number, place) in places.into_iter().enumerate() {
                by_name.insert(if is_only { kind.clone() } else { format!("{kind}[{number}]") }, place);
            }
        }
        Self { all, by_name }
    }

    /// The reference of the resource in which something is lost, where it is known, and the path from its type. What is lost of
    /// the Bundle alone is the Bundle's.
    fn stands(&self, place: &str, words: Words) -> Option<(Option<&str>, String)> {
        match words {
            Words::Fhir => None,
            // `Condition[1].note[0]`
            Words::Hl7v2 | Words::Cda => {
                let (name, _) = place.split_once('.').unwrap_or((place, ""));
                let reference = self.by_name.get(name).and_then(|at| self.all.get(*at));
                let is_known = reference.is_some() || name == "Bundle";
                is_known.then(|| (reference.map(|(_, reference)| reference.as_str()), without_numbers(place)))
            }
            // `Bundle.entry[2].resource.Patient.name[2]`, and names of data items that are not there.
            Words::Notice => {
                let inside = place.split_once(".resource.").map(|(_, inside)| inside);
                let inside = inside.or_else(|| place.starts_with("Bundle.").then_some(place))?;
                Some((None, without_numbers(inside)))
            }
            // `Bundle.entry[0].resource.name[1]`
            Words::FhirStu3 | Words::FhirR4b | Words::FhirR5 => {
                let Some(rest) = place.strip_prefix("Bundle.entry[") else {
                    return Some((None, without_numbers(place)));
                };
                let (number, rest) = rest.split_once(']')?;
                let Some(rest) = rest.strip_prefix(".resource") else {
                    return Some((None, without_numbers(place)));
                };
                let (kind, reference) = self.all.get(number.parse::<usize>().ok()?)?;
                Some((Some(reference), without_numbers(&format!("{kind}{rest}"))))
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::{Held, Words};

    #[test]
    fn what_is_lost_is_told_by_its_path_whichever_adapter_names_it() {
        let bundle = r#"{"resourceType":"Bundle","entry":[
            {"resource":{"resourceType":"Patient","id":"p"}},
            {"resource":{"resourceType":"Condition","id":"a"}},
            {"resource":{"resourceType":"Condition","id":"b"}}]}"#;
        let document = parse(bundle.to_owned().into(), &Limits::default()).expect("a bundle");
        let held = Held::of(&document);
        for (words, place, expected) in [
            (Words::Hl7v2, "Condition[1].note[0].text", Some((Some("Condition/b"), "Condition.note.text"))),
            (Words::Cda, "Patient", Some((Some("Patient/p"), "Patient"))),
            (Words::Cda, "Bundle.identifier", Some((None, "Bundle.identifier"))),
            (Words::Cda, "Device[3].udi", None),
            (Words::Notice, "Bundle.entry[2].resource.Condition.note[3]", Some((None, "Condition.note"))),
            (Words::Notice, "Bundle.entry.resource.Patient", Some((None, "Patient"))),
            (Words::Notice, "Patient Postcode", None),
            (
                Words::FhirStu3,
                "Bundle.entry[2].resource.note[0]",
                Some((Some("Condition/b"), "Condition.note")),
            ),
            (Words::FhirR5, "Bundle.entry[0].fullUrl", Some((None, "Bundle.entry.fullUrl"))),
            (Words::FhirR4b, "Bundle.timestamp", Some((None, "Bundle.timestamp"))),
            (Words::FhirR5, "Bundle.entry[9].resource.note", None),
        ] {
            let told = held.stands(place, words);
            let told = told.as_ref().map(|(reference, path)| (*reference, path.as_str()));
            assert_eq!(told, expected, "{words:?} {place}");
        }
    }
}

//! What the medicines that resources refer to are labelled as.
//!
//! A prescription is what its medicine is: one of lithium tells as much behind a reference as in a code. So the medicines
//! behind references are looked up before anything is minimised, and what they are labelled as, or earn by their codes,
//! counts for what refers to them. Nothing that is looked up leaves, and nothing of it is remembered. Where no rule and no
//! person's word weighs labels, nothing is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::json::{Kind, Node};
use fhir::reference::{Bases, Id, Reference};
use fhir::security_label::SecurityLabel;

use super::answer::Frame;
use super::facts::resources;
use super::held::Held;
use super::judge::{Judge, Targets};
use super::resource_facts::{reference_of, resource_facts};
use super::targets::{LookedUp, nodes};
use super::unfiltered::Unfiltered;
use crate::decision::obligation::{Labels, ResourceFacts};
use crate::decision::ruling::{Answer, Ruling};
use crate::sensitive_codes::{SensitiveCodes, SensitiveEntry};

/// The type of what is looked up.
pub const MEDICATION: &str = "Medication";
/// References by which a resource is what they lead to.
const KEYS: [&str; 3] = ["medicationReference", "itemReference", "productReference"];
/// The most medicines that are looked up for one answer; of further ones nothing is known.
const MEDICINES_MAX: usize = 1_000;

/// Nothing is known of any medicine, and nothing was asked.
pub static NONE: Medicines = Medicines::none();

/// What is known of medicines, by the names by which resources refer to them.
#[derive(Debug, Clone, Default)]
pub struct Medicines {
    told: BTreeMap<String, Told>,
}

/// What one medicine says.
#[derive(Debug, Clone, Default)]
struct Told {
    labels: Vec<SecurityLabel>,
    earned: Vec<Arc<SensitiveEntry>>,
    known: Labels,
    /// What it is made of, where that is another medicine.
    made_of: BTreeSet<String>,
}

impl Medicines {
    /// Of none.
    #[must_use]
    pub const fn none() -> Self {
        Self { told: BTreeMap::new() }
    }

    /// The medicines that have to be looked up before `held` is shown as `ruling` says, as far as they are not known.
    #[must_use]
    pub fn wanted(&self, held: &Unfiltered<Held>, ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Id> {
        self.wanted_of(&nodes(held.inner()), ruling, frame)
    }

    /// The same before what was looked up is judged.
    #[must_use]
    pub fn wanted_behind(&self, found: &LookedUp, ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Id> {
        self.wanted_of(&found.nodes(), ruling, frame)
    }

    fn wanted_of(&self, nodes: &[Node<'_>], ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Id> {
        let mut wanted = BTreeSet::new();
        if !weighs_labels(ruling) {
            return wanted;
        }
        let face = frame.face();
        let judge = Judge::of(ruling, Targets::NONE, frame, &face);
        for node in nodes {
            let named = named(*node, frame.bases);
            // Resources that would not be shown ask for nothing.
            if !named.is_empty() && judge.judge(*node).is_ok() {
                wanted.extend(self.unknown(&named));
            }
        }
        wanted
    }

    /// What the medicines that are known are made of, as far as that is not known.
    #[must_use]
    pub fn wanted_next(&self) -> BTreeSet<Id> {
        self.told.values().flat_map(|told| self.unknown(&told.made_of)).collect()
    }

    fn unknown(&self, named: &BTreeSet<String>) -> BTreeSet<Id> {
        let open = named.iter().filter(|name| !self.told.contains_key(*name));
        open.filter_map(|name| Id::parse(name.strip_prefix(MEDICATION)?.strip_prefix('/')?).ok()).collect()
    }

    /// Whether more may be looked up.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.told.len() < MEDICINES_MAX
    }

    /// Adds the answer to a search for `asked`, and for nothing else. What is not there says nothing.
    pub fn add(&mut self, found: &Unfiltered<Held>, asked: &BTreeSet<Id>, frame: Frame<'_>) {
        for id in asked {
            self.told.insert(name_of(id), Told::default());
        }
        for medicine in resources(found, MEDICATION).unwrap_or_default() {
            self.told.insert(reference_of(medicine), Told::by(medicine, frame.bases, frame.codes));
        }
    }

    /// Adds the medicine that was read by this id, or that there is none.
    pub fn add_one(&mut self, found: &Unfiltered<Held>, id: &Id, frame: Frame<'_>) {
        let told = match found.inner() {
            Held::Resource(medicine) => Told::by(medicine.root(), frame.bases, frame.codes),
            Held::Absent => Told::default(),
            Held::Searchset { .. } | Held::Binary { .. } | Held::Everything(_) | Held::History { .. } => {
                return self.lack([id]);
            }
        };
        self.told.insert(name_of(id), told);
    }

    /// Notes that nothing can be known of these: where labels are weighed, they count as labelled.
    pub fn lack<'i>(&mut self, ids: impl IntoIterator<Item = &'i Id>) {
        for id in ids {
            self.told.insert(name_of(id), Told { known: Labels::NotKnown, ..Told::default() });
        }
    }

    /// The same, with the medicines that are entries of `bundle`; nothing for what has none.
    pub(in crate::enforce) fn with_entries_of(
        &self,
        bundle: Node<'_>,
        bases: &Bases,
        codes: &SensitiveCodes,
    ) -> Option<Self> {
        if !bundle.member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
            return None;
        }
        let mut inside = self.clone();
        for entry in bundle.walk(&["entry"]) {
            let medicine = entry.member("resource").filter(|held| is_medicine(*held));
            let Some(medicine) = medicine else { continue };
            let told = Told::by(medicine, bases, codes);
            let urn = entry.str_at(&["fullUrl"]).map(|url| url.to_ascii_lowercase());
            for name in urn.into_iter().chain([reference_of(medicine)]) {
                inside.told.insert(name, told.clone());
            }
        }
        (inside.told.len() > self.told.len()).then_some(inside)
    }

    /// Adds to the facts of `resource` what the medicines are that it refers to.
    pub(in crate::enforce) fn add_to(&self, facts: &mut ResourceFacts, resource: Node<'_>, bases: &Bases) {
        if self.told.is_empty() || resource.member("entry").is_some() {
            return;
        }
        let mut open: Vec<String> = named(resource, bases).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(told) = self.told.get(&name).filter(|_| seen.insert(name.clone())) else { continue };
            facts.labels.extend(told.labels.iter().cloned());
            for entry in &told.earned {
                if !facts.earned.iter().any(|known| Arc::ptr_eq(known, entry)) {
                    facts.earned.push(Arc::clone(entry));
                }
            }
            facts.known = facts.known.max(told.known);
            open.extend(told.made_of.iter().cloned());
        }
    }
}

impl Told {
    fn by(medicine: Node<'_>, bases: &Bases, codes: &SensitiveCodes) -> Self {
        let facts = resource_facts(medicine, bases, codes);
        let made_of = named(medicine, bases);
        Self { labels: facts.labels, earned: facts.earned, known: Labels::Known, made_of }
    }
}

/// Whether a rule of the agreement, or what a person has said, looks at labels or at what a resource is.
fn weighs_labels(ruling: &Ruling) -> bool {
    let by_rule =
        ruling.admitted().share().types.values().flatten().any(|table| !table.not_labelled.is_empty());
    let by_person = ruling.answers().values().any(|answer| match answer {
        Answer::Permit(permit) => !permit.obligations().is_unconditional(),
        Answer::Refusal(_) => false,
    });
    by_rule || by_person
}

/// The names of the medicines that a resource is by reference: `Medication/id`, or the address of an entry of its Bundle.
fn named(resource: Node<'_>, bases: &Bases) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !resource.has_name_within(&KEYS) {
        return found;
    }
    let mut open = vec![resource];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.members() {
            if !matches!(value.kind(), Kind::Object | Kind::Array) {
                continue;
            }
            open.push(value);
            if !KEYS.iter().any(|name| key.is(name)) {
                continue;
            }
            let text = value.str_at(&["reference"]).unwrap_or_default();
            match Reference::parse(&text, bases) {
                Ok(Reference::Local(local)) if local.resource_type.as_str() == MEDICATION => {
                    found.insert(name_of(&local.id));
                }
                Ok(Reference::Urn(_)) => {
                    found.insert(text.to_ascii_lowercase());
                }
                Ok(
                    Reference::Local(_)
                    | Reference::Elsewhere(_)
                    | Reference::Contained(_)
                    | Reference::Container,
                )
                | Err(_) => {}
            }
        }
    }
    found
}

fn name_of(id: &Id) -> String {
    format!("{MEDICATION}/{}", id.as_str())
}

fn is_medicine(resource: Node<'_>) -> bool {
    resource.member("resourceType").is_some_and(|name| name.is_string(MEDICATION))
}

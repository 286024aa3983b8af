//! What the medicines that resources refer to are labelled as.
//!
//! A prescription is what its medicine is: one of lithium tells as much behind a reference as in a code. So the medicines
//! behind references are looked up before anything is minimised, and what they are labelled as, or earn by their codes,
//! counts for what refers to them. Of a medicine that nobody can be asked about nothing is known, and then nothing of what
//! refers to it: it counts as labelled. Nothing that is looked up leaves, and nothing of it is remembered. Where no rule and
//! no person's word weighs labels, nothing is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use fhir::json::{Document, Node};
use fhir::reference::{Bases, Id, Local};

use super::answer::Frame;
use super::bundled::bundles_in;
use super::facts::resources;
use super::held::Held;
use super::judge::{Judge, Targets};
use super::resource_facts::{Weighed, facts_weighed, reference_of};
use super::targets::{LookedUp, nodes};
use super::unfiltered::Unfiltered;
use crate::decision::obligation::{Labelled, Labels, ResourceFacts};
use crate::decision::ruling::Ruling;
use crate::sensitive_codes::SensitiveCodes;

mod named;

pub use named::KINDS;
use named::is_medicine;
pub(in crate::enforce) use named::{ANYWHERE, Named, may_name_by_type, named};

/// The most medicines that are looked up for one answer; of further ones nothing is known.
const MEDICINES_MAX: usize = 1_000;
/// How often a medicine may be made of another one. Of what is made of more, nothing is known.
pub const MADE_OF_MAX: usize = 3;

/// Nothing is known of any medicine, and nothing was asked.
pub static NONE: Medicines = Medicines::none();

/// What is known of medicines, by the names by which resources refer to them.
#[derive(Debug, Clone)]
pub struct Medicines {
    told: BTreeMap<String, Told>,
    /// What is known of the labels of one that is not told.
    untold: Labels,
    /// What is known of the labels of one that is not where it was looked up.
    absent: Labels,
    /// What those are labelled as that are made of others, with these. Made of the rest, once, when it is first needed.
    whole: OnceLock<BTreeMap<String, Labelled>>,
}

/// What one medicine says.
#[derive(Debug, Clone, Default)]
struct Told {
    labelled: Labelled,
    /// What it is made of, where that is another medicine.
    made_of: BTreeSet<String>,
}

impl Medicines {
    /// Of none.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            told: BTreeMap::new(),
            untold: Labels::NotKnown,
            absent: Labels::Known,
            whole: OnceLock::new(),
        }
    }

    /// Of those that are sent `together` with a body, before it is asked where that is to be stored: what is not there is
    /// known to its sender alone.
    #[must_use]
    pub fn sent(together: &Unfiltered<Document>, frame: Frame<'_>) -> Self {
        let none = Self { absent: Labels::NotKnown, ..Self::none() };
        none.with_entries_of(together.inner().root(), frame.bases, frame.codes).unwrap_or(none)
    }

    /// The medicines that have to be looked up before `held` is shown as `ruling` says, as far as they are not known.
    #[must_use]
    pub fn wanted(&self, held: &Unfiltered<Held>, ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Local> {
        self.wanted_of(&nodes(held.inner()), ruling, frame)
    }

    /// The same before what was looked up is judged.
    #[must_use]
    pub fn wanted_behind(&self, found: &LookedUp, ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Local> {
        self.wanted_of(&found.nodes(), ruling, frame)
    }

    /// The same before a body is sent that someone submitted.
    #[must_use]
    pub fn wanted_for(
        &self,
        body: &Unfiltered<Document>,
        ruling: &Ruling,
        frame: Frame<'_>,
    ) -> BTreeSet<Local> {
        match weighs_labels(ruling) {
            true => self.unknown(&named(body.inner().root(), frame.bases).names),
            false => BTreeSet::new(),
        }
    }

    fn wanted_of(&self, nodes: &[Node<'_>], ruling: &Ruling, frame: Frame<'_>) -> BTreeSet<Local> {
        let mut wanted = BTreeSet::new();
        if !weighs_labels(ruling) {
            return wanted;
        }
        let face = frame.face();
        // What was not looked up yet is kept back by nothing.
        let presumed = Self { untold: Labels::Known, whole: OnceLock::new(), ..self.clone() };
        let judge = Judge { medicines: &presumed, ..Judge::of(ruling, Targets::NONE, frame, &face) };
        for node in nodes {
            let mut named = named(*node, frame.bases);
            for told in judge.told_about(*node) {
                named.join(told.medicines.clone());
            }
            // Resources that would not be shown ask for nothing.
            if !named.names.is_empty() && judge.judge(*node).is_ok() {
                wanted.extend(self.unknown(&named.names));
            }
        }
        wanted
    }

    /// What the medicines that are known are made of, as far as that is not known.
    #[must_use]
    pub fn wanted_next(&self) -> BTreeSet<Local> {
        self.told.values().flat_map(|told| self.unknown(&told.made_of)).collect()
    }

    fn unknown(&self, named: &BTreeSet<String>) -> BTreeSet<Local> {
        let open = named.iter().filter(|name| !self.told.contains_key(*name));
        open.filter_map(|name| Local::parse(name)).collect()
    }

    /// Whether more may be looked up.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.told.len() < MEDICINES_MAX
    }

    /// Adds the answer to a search for `asked`, of one of [`KINDS`], and for nothing else. What is not there says nothing, and
    /// of a body that is to be stored there nothing is known then.
    pub fn add(&mut self, found: &Unfiltered<Held>, kind: &str, asked: &BTreeSet<Id>, frame: Frame<'_>) {
        for id in asked {
            self.tell(name_of(kind, id), Told::of_which(self.absent));
        }
        for medicine in resources(found, kind).unwrap_or_default() {
            self.tell(reference_of(medicine), Told::by(medicine, frame.bases, frame.codes));
        }
    }

    /// Adds the medicine of this kind that was read by this id, or that there is none.
    pub fn add_one(&mut self, found: &Unfiltered<Held>, kind: &str, id: &Id, frame: Frame<'_>) {
        let told = match found.inner() {
            Held::Resource(medicine) => Told::by(medicine.root(), frame.bases, frame.codes),
            Held::Absent => Told::of_which(self.absent),
            Held::Searchset { .. } | Held::Binary { .. } | Held::Everything(_) | Held::History { .. } => {
                return self.lack(kind, [id]);
            }
        };
        self.tell(name_of(kind, id), told);
    }

    /// Notes that nothing can be known of these: where labels are weighed, they count as labelled.
    pub fn lack<'i>(&mut self, kind: &str, ids: impl IntoIterator<Item = &'i Id>) {
        for id in ids {
            self.tell(name_of(kind, id), Told::of_which(Labels::NotKnown));
        }
    }

    fn tell(&mut self, name: String, told: Told) {
        self.whole = OnceLock::new();
        self.told.insert(name, told);
    }

    /// The same, with the medicines that are entries of Bundles in `root`; nothing where there is none.
    pub(in crate::enforce) fn with_entries_of(
        &self,
        root: Node<'_>,
        bases: &Bases,
        codes: &SensitiveCodes,
    ) -> Option<Self> {
        let mut inside: Option<Self> = None;
        for entry in bundles_in(root).into_iter().flat_map(|bundle| bundle.walk(&["entry"])) {
            let medicine = entry.member("resource").filter(|held| is_medicine(*held));
            let Some(medicine) = medicine else { continue };
            let told = Told::by(medicine, bases, codes);
            let url = entry.str_at(&["fullUrl"]).map(|url| url.to_ascii_lowercase());
            let known = inside.get_or_insert_with(|| Self { whole: OnceLock::new(), ..self.clone() });
            for name in url.into_iter().chain([reference_of(medicine)]) {
                // What stands elsewhere under the same name counts too.
                known.told.entry(name).or_default().join(&told);
            }
        }
        inside
    }

    /// Adds to the facts of `resource` what the medicines are that it refers to. What a Bundle holds is judged entry by entry.
    pub(in crate::enforce) fn add_to(&self, facts: &mut ResourceFacts, resource: Node<'_>, bases: &Bases) {
        if facts.resource_type == "Bundle" {
            return;
        }
        self.add_named(facts, named(resource, bases));
    }

    /// Adds to facts what these medicines are.
    pub(in crate::enforce) fn add_named(&self, facts: &mut ResourceFacts, found: Named) {
        facts.known = facts.known.max(found.known);
        let perhaps = found.perhaps.difference(&found.names).filter(|name| self.told.contains_key(*name));
        for name in perhaps.chain(&found.names) {
            match self.told.get(name) {
                None => facts.known = facts.known.max(self.untold),
                Some(told) if told.made_of.is_empty() => facts.join(&told.labelled),
                Some(told) => facts.join(self.whole().get(name).unwrap_or(&told.labelled)),
            }
        }
    }

    /// What those are labelled as that are made of others, up to [`MADE_OF_MAX`] one after the other: each of what it says
    /// itself and of what its own were found to be, step by step, so that the work is that of what is told.
    fn whole(&self) -> &BTreeMap<String, Labelled> {
        self.whole.get_or_init(|| {
            let made = || self.told.iter().filter(|(_, told)| !told.made_of.is_empty());
            let not_known = Labelled::of_which(Labels::NotKnown);
            let mut whole: BTreeMap<String, Labelled> =
                made().map(|(name, _)| (name.clone(), not_known.clone())).collect();
            if whole.len() > MEDICINES_MAX {
                return whole;
            }
            for _ in 0..MADE_OF_MAX {
                let with_parts = |(name, told): (&String, &Told)| {
                    let mut all = told.labelled.clone();
                    for part in told.made_of.iter().filter(|part| *part != name) {
                        match (self.told.get(part), whole.get(part)) {
                            (None, _) => all.doubt(self.untold),
                            (Some(_), Some(known)) => all.join(known),
                            (Some(part), None) => all.join(&part.labelled),
                        }
                    }
                    (name.clone(), all)
                };
                whole = made().map(with_parts).collect();
            }
            whole
        })
    }
}

impl Told {
    fn by(medicine: Node<'_>, bases: &Bases, codes: &SensitiveCodes) -> Self {
        let mut labelled = Labelled::from(facts_weighed(medicine, Weighed::Labels, bases, codes));
        let made_of = named(medicine, bases);
        labelled.doubt(made_of.known);
        Self { labelled, made_of: made_of.names }
    }

    /// Of which this much is known, and nothing else.
    const fn of_which(known: Labels) -> Self {
        Self { labelled: Labelled::of_which(known), made_of: BTreeSet::new() }
    }

    fn join(&mut self, other: &Self) {
        self.labelled.join(&other.labelled);
        self.made_of.extend(other.made_of.iter().cloned());
    }
}

/// Whether a rule of the agreement, or what a person has said, looks at labels or at what a resource is.
fn weighs_labels(ruling: &Ruling) -> bool {
    let by_rule =
        ruling.admitted().share().types.values().flatten().any(|table| !table.not_labelled.is_empty());
    by_rule || ruling.permits().any(|permit| !permit.obligations().is_unconditional())
}

fn name_of(kind: &str, id: &Id) -> String {
    format!("{kind}/{}", id.as_str())
}

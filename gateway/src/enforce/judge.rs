//! What a ruling means for one resource: whose it is, which mask it gets, what its references may show, or why it is
//! kept back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use fhir::json::Node;
use fhir::reference::Bases;
use fhir::security_label::SecurityLabel;
use fhir::tables::TypeId;

use super::answer::Frame;
use super::behind::Behind;
use super::criteria::{self, Holding, Nesting};
use super::facts::shield_of;
use super::household::{self, Sheltered};
use super::masks::{Masks, Whereabouts};
use super::medicines::Medicines;
use super::minimise::{self, Marks, TypeMask, View, Withheld, resource};
use super::persons::{Came, PersonsOf, persons_of};
use super::resource_facts::{Weighed, reference_of};
use super::whom::Whom;
use crate::agreement::{Existence, SharedType};
use crate::decision::facts::Shield;
use crate::decision::obligation::ResourceFacts;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{LabelsOfAgreement, Ruling};
use crate::person::PersonKey;
use crate::sensitive_codes::{SensitiveCodes, SensitiveEntry};
use crate::settings::Households;

mod attached;
mod concerned;
mod flaw;
mod reach;
mod seen;
mod weighing;
mod whose;

pub(in crate::enforce) use flaw::Flaw;
use reach::FullUrls;
pub(in crate::enforce) use reach::{REGISTERS, Targets};
use weighing::Around;
pub(in crate::enforce) use whose::Decided;
use whose::{Permitted, Weigh};

/// The type that is shared only through what points at it.
pub(in crate::enforce) const BINARY: &str = "Binary";

/// No type at all.
pub(in crate::enforce) static NO_TYPES: BTreeSet<TypeId> = BTreeSet::new();

/// Makes a version from the bytes of a view.
pub(in crate::enforce) type Version<'a> = &'a (dyn Fn(&[u8]) -> [u8; 16] + Sync);

/// The version that was made last.
#[derive(Debug, Default)]
pub(in crate::enforce) struct LastVersion(Mutex<[u8; 16]>);

impl LastVersion {
    /// Keeps it and hands it on.
    pub(in crate::enforce) fn keep(&self, version: [u8; 16]) -> [u8; 16] {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = version;
        version
    }

    pub(in crate::enforce) fn get(&self) -> [u8; 16] {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges resources of one system under one ruling.
pub(in crate::enforce) struct Judge<'a> {
    pub(in crate::enforce) ruling: &'a Ruling,
    pub(in crate::enforce) masks: &'a Masks,
    /// Where the resources come from.
    pub(in crate::enforce) came: Came,
    /// The names of the system that holds the resources.
    pub(in crate::enforce) bases: &'a Bases,
    /// Which codes earn a label by themselves.
    pub(in crate::enforce) codes: &'a SensitiveCodes,
    /// Where the system's face is: the base of `fullUrl`.
    pub(in crate::enforce) face: &'a str,
    /// Makes `meta.versionId` from the bytes of a view.
    pub(in crate::enforce) version: Option<Version<'a>>,
    /// When that is.
    pub(in crate::enforce) versioned: Versioned,
    /// The same resource as it is now, when an earlier version of it is judged: its labels, its persons and what the
    /// tables say of it count too. The strictest wins.
    pub(in crate::enforce) under: &'a [Node<'a>],
    /// Which of the references that are shared may be shown.
    pub(in crate::enforce) targets: Targets<'a>,
    /// Types of which only what is known to be visible is named, though the rules would let all of it be.
    pub(in crate::enforce) looked_up: &'a BTreeSet<TypeId>,
    /// What the medicines that resources refer to are labelled as.
    pub(in crate::enforce) medicines: &'a Medicines,
    /// Which whereabouts are those of a protected person.
    pub(in crate::enforce) sheltered: &'a Sheltered,
    /// The same for what stands inside content: places in it are not asked about.
    pub(in crate::enforce) sheltered_inside: &'a Sheltered,
    /// Where what is judged stands.
    pub(in crate::enforce) stands: Stands,
    /// Whom resources are about that say so through something else.
    pub(in crate::enforce) behind: &'a Behind,
    /// Whom they are about themselves, as far as that was read.
    pub(in crate::enforce) whom: Option<&'a Whom<'a>>,
    /// The Bundle of what is sent with what is judged, where that is sent with others.
    pub(in crate::enforce) beside: Option<Node<'a>>,
    /// What was decided before about persons, where many resources are judged.
    pub(in crate::enforce) decided: Option<&'a Decided<'a>>,
}

/// When views get their versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Versioned {
    /// As they are made.
    AtOnce,
    /// When it is known which of them are shown, by [`Judge::stamp`].
    WhenShown,
}

/// Where a resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Stands {
    /// By itself or in another resource.
    Open,
    /// In content, in base64: content in that is not looked into.
    InContent,
}

/// One resource that may leave, minimised.
pub(in crate::enforce) struct Judged {
    pub(in crate::enforce) bytes: Vec<u8>,
    /// Whom it is about, all permitted.
    pub(in crate::enforce) persons: Vec<PersonKey>,
    /// Those of `persons` who stand in it as somebody's kin.
    pub(in crate::enforce) kin: BTreeSet<PersonKey>,
    /// Those of `kin` who are hidden wherever they stand in it as themselves.
    pub(in crate::enforce) kin_only: BTreeSet<PersonKey>,
    /// `Type/id`.
    pub(in crate::enforce) reference: String,
    pub(in crate::enforce) withheld: Withheld,
    /// Where its version goes, as long as it has none.
    pub(in crate::enforce) unversioned: Option<usize>,
}

/// One resource that may not.
#[derive(Debug)]
pub(in crate::enforce) struct KeptBack {
    pub(in crate::enforce) why: Why,
    /// The label and the entry of a list that kept it back, when its own labels would not have: `PSY by list/entry`.
    pub(in crate::enforce) earned: Option<String>,
    /// Whom it is about, as far as is known.
    pub(in crate::enforce) persons: Vec<PersonKey>,
    /// Those of `persons` who stand in it as somebody's kin.
    pub(in crate::enforce) kin: BTreeSet<PersonKey>,
}

/// Why a resource is kept back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::enforce) enum Why {
    /// A person it is about is refused, or no rule shares it.
    Refused(Refusal),
    /// It cannot be reduced and stay safe.
    Irreducible(Flaw),
}

impl Why {
    /// The name that is counted in records.
    pub(in crate::enforce) const fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Irreducible(flaw) => flaw.reason(),
        }
    }
}

/// Why a resource gets no mask.
struct Unmasked {
    refusal: Refusal,
    earned: Option<String>,
}

impl Unmasked {
    /// The refusal of a resource; names the entry of a list without which it would not be kept back.
    fn of(refusal: Refusal, facts: &ResourceFacts, kept_back: impl Fn(&ResourceFacts) -> bool) -> Self {
        let told = |entry: &Arc<SensitiveEntry>| {
            let label = entry.labels.first().map(SecurityLabel::code).unwrap_or_default();
            format!("{label} by {}", entry.name)
        };
        Self { refusal, earned: facts.kept_back_by(kept_back).map(told) }
    }
}

impl From<Refusal> for Unmasked {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, earned: None }
    }
}

impl KeptBack {
    /// What is counted in records: the reason, and what a list had to do with it.
    pub(in crate::enforce) fn recorded(&self) -> String {
        match &self.earned {
            Some(earned) => format!("{}: {earned}", self.why.reason()),
            None => self.why.reason().to_owned(),
        }
    }
}

impl<'a> Judge<'a> {
    /// A judge of what a holder has sent, without versions.
    pub(in crate::enforce) fn of(
        ruling: &'a Ruling,
        targets: Targets<'a>,
        frame: Frame<'a>,
        face: &'a str,
    ) -> Self {
        let masks = &ruling.admitted().share().masks;
        Self {
            ruling,
            masks,
            came: Came::FromHolder,
            bases: frame.bases,
            codes: frame.codes,
            face,
            version: None,
            versioned: Versioned::AtOnce,
            under: &[],
            targets,
            looked_up: &NO_TYPES,
            medicines: frame.medicines,
            sheltered: frame.sheltered,
            sheltered_inside: match frame.households {
                Households::Told => &household::NOWHERE,
                Households::Shielded => &household::EVERYWHERE,
            },
            stands: Stands::Open,
            behind: frame.behind,
            whom: frame.whom,
            beside: None,
            decided: None,
        }
    }

    /// Minimises `node`, a whole resource, or says why it is kept back.
    pub(in crate::enforce) fn judge(&self, node: Node<'_>) -> Result<Judged, KeptBack> {
        self.judge_of(node, &self.persons(node))
    }

    /// The same for a resource of which it is known whom it is about by what it says itself.
    pub(in crate::enforce) fn judge_of(
        &self,
        node: Node<'_>,
        found: &Arc<PersonsOf>,
    ) -> Result<Judged, KeptBack> {
        match found.behind.is_empty() {
            true => self.judge_with(node, found, Some(found)),
            false => self.judge_as(node, found),
        }
    }

    /// Whom `node`, a whole resource, is about by what it says itself.
    pub(in crate::enforce) fn persons(&self, node: Node<'_>) -> Arc<PersonsOf> {
        match (self.whom, self.came) {
            // What was read by other names of the system is not asked.
            (Some(whom), Came::FromHolder) if std::ptr::eq(whom.bases(), self.bases) => whom.of(node),
            (_, came) => Arc::new(persons_of(node, came, self.bases)),
        }
    }

    /// The same for a resource that is about the persons `found`, whatever it says itself.
    pub(in crate::enforce) fn judge_as(&self, node: Node<'_>, found: &PersonsOf) -> Result<Judged, KeptBack> {
        self.judge_with(node, &self.behind.whole(found), None)
    }

    /// `shared` is `found` where other resources may be about the very same.
    fn judge_with(
        &self,
        node: Node<'_>,
        found: &PersonsOf,
        shared: Option<&Arc<PersonsOf>>,
    ) -> Result<Judged, KeptBack> {
        if let Some(inside) = self.medicines.with_entries_of(node, self.bases, self.codes) {
            return Judge { medicines: &inside, ..*self }.judge_here(node, (found, shared));
        }
        self.judge_here(node, (found, shared))
    }

    fn judge_here(
        &self,
        node: Node<'_>,
        found: (&PersonsOf, Option<&Arc<PersonsOf>>),
    ) -> Result<Judged, KeptBack> {
        let judged = self.reduce(node, found)?;
        if self.sheltered.is_told_by(&judged.bytes) {
            // It tells where somebody is who is protected, whoever it is about.
            return Judge { sheltered: &household::EVERYWHERE, ..*self }.reduce(node, found);
        }
        Ok(judged)
    }

    fn reduce(
        &self,
        node: Node<'_>,
        (found, shared): (&PersonsOf, Option<&Arc<PersonsOf>>),
    ) -> Result<Judged, KeptBack> {
        let whose = self.whose(node, found, shared);
        let (persons, kin) = (&whose.persons, &whose.kin);
        let kept = |why, earned| KeptBack { why, earned, persons: persons.clone(), kin: kin.clone() };
        let permitted = match &whose.permitted {
            Ok(permitted) => permitted,
            Err(refusal) => return Err(kept(Why::Refused(refusal.clone()), None)),
        };
        let concerned = &permitted.concerned;
        // Why the outermost resource gets no mask, for the record.
        let unmasked = RefCell::new(None);
        let (nesting, around) = (Nesting::of(node), Around::of(node, self));
        let masked =
            |owner: TypeId, inner: Node<'_>| self.mask(owner, nesting.of_one(inner), &around, permitted);
        let mask = |owner: TypeId, inner: Node<'_>| {
            let is_outermost = inner.offset() == node.offset();
            if !is_outermost && self.is_of_no_rule(owner) {
                return None;
            }
            match masked(owner, inner) {
                Ok(mask) => Some(mask).filter(|_| is_outermost || !self.is_of_unknown_owner(owner)),
                Err(why) => {
                    // A Bundle that no table names has a frame of its own; what it holds is judged entry by entry.
                    let framed = owner.name() == "Bundle" && why.refusal == Refusal::TypeNotShared;
                    if is_outermost && !framed {
                        unmasked.replace(Some(why));
                    }
                    None
                }
            }
        };
        let inside = self.inside(node, &around, permitted);
        let reach = |reference: Node<'_>| self.reach(reference, concerned, &inside);
        let named = FullUrls::of(node);
        let full_url = |url: &str| self.full_url(url, &named);
        let link = |url: &str| self.link(url, &inside);
        let content = |base64: &str| self.content(base64);
        let unversioned = Cell::new(None);
        let version = self.version.map(|version| match self.versioned {
            Versioned::WhenShown if around.is_empty() => minimise::Version::Later(&unversioned),
            Versioned::WhenShown | Versioned::AtOnce => minimise::Version::Now(version),
        });
        let view = View {
            mask: &mask,
            reach: &reach,
            full_url: &full_url,
            link: &link,
            content: &content,
            marks: self.marks(),
            version,
        };
        let mut withheld = Withheld::default();
        let mut bytes = self.decided.map(Decided::room).unwrap_or_default();
        bytes.reserve(node.raw().len());
        let written = resource(node, &view, &mut withheld, &mut bytes);
        if let Some(Unmasked { refusal, earned }) = unmasked.into_inner() {
            return Err(kept(Why::Refused(refusal), earned));
        }
        match written {
            Ok(()) => Ok(Judged {
                bytes: whose::exactly(bytes, self.decided),
                kin_only: permitted.kin_only.clone(),
                persons: permitted.left.clone(),
                kin: concerned.kin.clone(),
                reference: reference_of(node),
                withheld,
                unversioned: unversioned.get(),
            }),
            Err(fault) => Err(kept(Why::Irreducible(Flaw::from(&fault)), None)),
        }
    }

    /// Gives a view that is shown its version, if it has none yet.
    pub(in crate::enforce) fn stamp(&self, judged: &mut Judged) {
        if let (Some(version), Some(place)) = (self.version, judged.unversioned.take()) {
            minimise::stamp(&mut judged.bytes, place, version);
        }
    }

    /// Whether a resource of this type inside another one is kept back, because whose it is is not known there: a
    /// Binary that a holder sent.
    fn is_of_unknown_owner(&self, owner: TypeId) -> bool {
        owner.name() == BINARY && self.came == Came::FromHolder
    }

    /// Whether no rule shares anything of this type: what is not the outermost is left out then, whatever it is labelled as.
    fn is_of_no_rule(&self, owner: TypeId) -> bool {
        self.ruling.admitted().share().tables(owner).is_empty()
    }

    /// The mask for a resource, the outermost or a nested one.
    fn mask(
        &self,
        owner: TypeId,
        (node, held): (Node<'_>, Holding),
        around: &Around,
        permitted: &Permitted,
    ) -> Result<&'a TypeMask, Unmasked> {
        let Permitted { concerned, weigh, labels, .. } = permitted;
        let weighed = match weigh {
            Weigh::Nothing => Weighed::Labels,
            Weigh::Words => Weighed::All,
        };
        let facts = match *weigh == Weigh::Nothing && self.tells_no_label((owner, node), around) {
            true => ResourceFacts::default(),
            false => self.facts_around(node, weighed, around),
        };
        let now: Vec<(Node<'_>, ResourceFacts)> =
            self.under.iter().map(|now| (*now, self.facts(*now, weighed))).collect();
        let facts = now.iter().fold(facts, |facts, (_, now)| facts.and_now(now));
        let denied = |facts: &ResourceFacts| {
            *weigh == Weigh::Words
                && self.permits_among(concerned).any(|permit| permit.obligations().weigh(facts).is_err())
        };
        if denied(&facts) {
            return Err(Unmasked::of(Refusal::ConsentDenied, &facts, denied));
        }
        let tables = self.ruling.admitted().share().tables(owner);
        if tables.is_empty() {
            return Err(Refusal::TypeNotShared.into());
        }
        // A label counts in the very bytes that are shown, whatever another fetch said.
        let told_of_itself = shield_of(node) == Shield::None;
        let whereabouts = match concerned.whereabouts {
            Whereabouts::Told if !told_of_itself || self.sheltered.is_everywhere() => Whereabouts::Shielded,
            Whereabouts::Told => Whereabouts::Told,
            Whereabouts::Shielded => Whereabouts::Shielded,
        };
        let mut refusal = Refusal::NothingNecessary;
        let mut subset = 0;
        for (at, table) in tables.iter().enumerate() {
            let holds_now = now
                .iter()
                .filter(|(_, now)| now.resource_type == facts.resource_type)
                .try_for_each(|(node, now)| holds(table, (*node, held), now, *labels));
            match holds(table, (node, held), &facts, *labels).and(holds_now) {
                Ok(()) => subset |= 1 << at,
                Err(why) => refusal = why,
            }
        }
        self.masks.of(owner, subset, whereabouts).ok_or_else(|| {
            let labelled = |facts: &ResourceFacts| {
                !tables.iter().any(|table| holds(table, (node, held), facts, *labels).is_ok())
            };
            Unmasked::of(refusal, &facts, labelled)
        })
    }

    fn marks(&self) -> Marks {
        match self.ruling.admitted().existence() {
            Existence::Open => Marks::SubsettedAndRedacted,
            Existence::Withheld => Marks::Subsetted,
        }
    }
}

/// Whether the conditions of a table hold for a resource.
fn holds(
    table: &SharedType,
    (node, held): (Node<'_>, Holding),
    facts: &ResourceFacts,
    labels: LabelsOfAgreement,
) -> Result<(), Refusal> {
    if !criteria::all_hold(&table.criteria, node, held) {
        return Err(Refusal::NothingNecessary);
    }
    let labelled = |rule: &SecurityLabel| facts.is_labelled(rule);
    match labels {
        LabelsOfAgreement::Kept if table.not_labelled.iter().any(labelled) => Err(Refusal::Labelled),
        LabelsOfAgreement::Kept | LabelsOfAgreement::Overridden => Ok(()),
    }
}

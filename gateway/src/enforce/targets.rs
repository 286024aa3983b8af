//! What the references of an answer lead to: which of it has to be looked up, and which of it may be seen.
//!
//! An id tells that what bears it is there, so a reference to something that may be about a person is shown only if
//! what it leads to is visible to this very requestor, judged as if it were read alone. What was not looked up, was
//! not found or cannot be told is hidden. Nothing that is looked up leaves, and nothing of it is remembered.

use std::cell::{LazyCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use fhir::bundle::{Bundle, SearchMode};
use fhir::json::{Document, Limits, Node, parse};
use fhir::reference::{Id, Local, LocalText, Reference};
use fhir::security_label::{Confidentiality, SecurityLabel};
use fhir::tables::TypeId;

use super::answer::Frame;
use super::everything::{self, Gathered};
use super::held::{Held, Versions};
use super::household::{self, Sheltered};
use super::included::beside;
use super::judge::{Decided, Judge, Judged, Targets};
use super::matched::{ENTRIES_MAX, matched, range, up_to_page};
use super::medicines::Medicines;
use super::naming::Readable;
use super::persons::{Came, PersonsOf, persons_of};
use super::resource_facts::stated::Stated;
use super::side_by_side::side_by_side;
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::agreement::SharedType;
use crate::decision::following::PLACES;
use crate::decision::obligation::Labels;
use crate::decision::ruling::Ruling;
use crate::interaction::{FhirAction, Interaction};
use crate::settings::Households;

/// The most resources that are looked up for one answer, in the order in which it refers to them. References to
/// further ones are left out. It counts what turns out hidden too, so it lies beyond what records hold.
const TARGETS_MAX: usize = 5_000;
/// The most bytes of them, as the system wrote them.
const BYTES_MAX: usize = 64 << 20;

/// Of so many types it is remembered whether references to them have to be looked up.
const TYPES_MAX: usize = 50;

/// What has to be looked up: ids, no content.
#[derive(Debug, Default)]
pub struct Wanted {
    asks: BTreeMap<TypeId, BTreeSet<Id>>,
    /// What stands in the answer itself, by `Type/id`.
    here: BTreeSet<String>,
    /// Whether that is all that is referred to.
    extent: Extent,
}

/// Whether all references lead to what was looked up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Extent {
    /// All of them.
    #[default]
    All,
    /// There are more than [`TARGETS_MAX`], or they are larger than [`BYTES_MAX`]: those beyond were not followed,
    /// whatever is behind them.
    Cut,
}

/// What was looked up.
#[derive(Debug)]
pub struct LookedUp {
    pages: Unfiltered<Vec<Document>>,
    /// What stands in the answer itself, by `Type/id`.
    here: BTreeSet<String>,
    sheltered: Sheltered,
    medicines: Medicines,
    /// Whether that is all that is referred to.
    extent: Extent,
    /// Types that the system does not let be searched: nothing of them was looked up.
    unsearched: BTreeSet<TypeId>,
}

impl Wanted {
    /// What has to be asked for, by type; empty for most answers.
    #[must_use]
    pub const fn asks(&self) -> &BTreeMap<TypeId, BTreeSet<Id>> {
        &self.asks
    }

    /// How much that is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asks.values().map(BTreeSet::len).sum()
    }

    /// Whether that is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    /// The same, without the types that do not `lead` to anything.
    #[must_use]
    pub fn of_types(mut self, leads: impl Fn(TypeId) -> bool) -> Self {
        self.asks.retain(|target, _| leads(*target));
        self
    }

    /// What was looked up before anything is.
    #[must_use]
    pub fn begin(self) -> LookedUp {
        LookedUp { here: self.here, extent: self.extent, ..LookedUp::nothing() }
    }

    fn add(&mut self, target: TypeId, local: &Local, held: &BTreeSet<String>) {
        let relative = local.to_relative();
        if self.here.contains(&relative) || self.asks.get(&target).is_some_and(|ids| ids.contains(&local.id))
        {
            return;
        }
        if held.contains(&relative) {
            self.here.insert(relative);
        } else if self.len() >= TARGETS_MAX {
            self.extent = Extent::Cut;
        } else {
            self.asks.entry(target).or_default().insert(local.id.clone());
        }
    }
}

/// What has to be looked up before `held` can be shown as `ruling` says: what the resources that would be on the page
/// refer to, by elements that are shared, of types that are shared.
///
/// Resources that would not be shown ask for nothing: neither what is asked nor the bound depends on them.
#[must_use]
pub fn wanted(held: &Unfiltered<Held>, ruling: &Ruling, frame: Frame<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    let face = frame.face();
    let decided = Decided::by(ruling);
    let judge = Judge { decided: Some(&decided), ..Judge::of(ruling, Targets::OfSharedTypes, frame, &face) };
    let nodes = nodes(held.inner());
    let may_lead = |part: &[Node<'_>]| {
        let leading = Leading { judge: &judge, asked: RefCell::default() };
        part.iter().any(|node| leading.may_lead(*node))
    };
    if !side_by_side(&nodes, may_lead).contains(&true) {
        return wanted;
    }
    // What was asked for to go with the page and did not come is not asked for again.
    let asked = match held.inner() {
        Held::Searchset { included: Some(included), .. } => included.asked.clone(),
        Held::Searchset { .. }
        | Held::Everything(_)
        | Held::Resource(_)
        | Held::Binary { .. }
        | Held::History { .. }
        | Held::Absent => BTreeSet::new(),
    };
    let known = LazyCell::new(|| nodes.iter().map(name_of).chain(asked).collect::<BTreeSet<String>>());
    for (node, judged) in on_page(held.inner(), &judge) {
        let Ok(view) = parse(judged.bytes.into(), &Limits::default()) else { continue };
        // Entries of one Bundle are judged where they stand.
        let entries: BTreeSet<String> =
            node.walk(&["entry", "resource"]).map(|entry| name_of(&entry)).collect();
        let mut leads_on = Vec::new();
        leads(view.root(), &judge, &mut leads_on);
        for (target, local) in leads_on {
            if !entries.contains(&local.to_relative()) {
                wanted.add(target, &local, &known);
            }
        }
    }
    wanted
}

/// The same for a body that is to be sent and is about the persons `found`: what it would name that is not sent with it.
pub(in crate::enforce) fn wanted_by(body: Node<'_>, found: &PersonsOf, judge: &Judge<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    if !(Leading { judge, asked: RefCell::default() }).may_lead(body) {
        return wanted;
    }
    // What may not be sent at all ends where it is cut.
    let Ok(judged) = judge.judge_as(body, found) else { return wanted };
    let Ok(view) = parse(judged.bytes.into(), &Limits::default()) else { return wanted };
    let entries: BTreeSet<String> = body.walk(&["entry", "resource"]).map(|entry| name_of(&entry)).collect();
    let mut leads_on = Vec::new();
    leads(view.root(), judge, &mut leads_on);
    for (target, local) in leads_on {
        if !entries.contains(&local.to_relative()) {
            wanted.add(target, &local, &BTreeSet::new());
        }
    }
    wanted
}

impl LookedUp {
    /// Nothing: references to what may be about a person are hidden.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            pages: Unfiltered::new(Vec::new()),
            here: BTreeSet::new(),
            extent: Extent::All,
            unsearched: BTreeSet::new(),
            sheltered: Sheltered::nowhere(),
            medicines: Medicines::none(),
        }
    }

    /// The same, with what was found out about the places that the answer would show.
    #[must_use]
    pub fn sheltering(self, sheltered: Sheltered) -> Self {
        Self { sheltered, ..self }
    }

    /// The same, with what was found out about medicines.
    #[must_use]
    pub fn knowing(self, medicines: Medicines) -> Self {
        Self { medicines, ..self }
    }

    /// Which whereabouts are those of a protected person.
    #[must_use]
    pub const fn sheltered(&self) -> &Sheltered {
        &self.sheltered
    }

    /// A frame in which all is known that was looked up.
    #[must_use]
    pub const fn known_in<'a>(&'a self, frame: Frame<'a>) -> Frame<'a> {
        Frame { sheltered: &self.sheltered, medicines: &self.medicines, ..frame }
    }

    /// Whether all references lead to what was looked up: a matter of how many there are, not of what is behind them.
    pub(in crate::enforce) const fn extent(&self) -> Extent {
        self.extent
    }

    /// Whether more may be looked up.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.pages.inner().iter().map(Document::bytes_len).sum::<usize>() <= BYTES_MAX
    }

    /// The same, where the rest is not looked up.
    #[must_use]
    pub fn cut_off(self) -> Self {
        Self { extent: Extent::Cut, ..self }
    }

    /// Notes that the system does not let this type be searched.
    pub fn cannot_search(&mut self, target: TypeId) {
        self.unsearched.insert(target);
    }

    /// The types of which nothing was looked up, because the system does not let them be searched.
    pub(in crate::enforce) const fn unsearched(&self) -> &BTreeSet<TypeId> {
        &self.unsearched
    }

    /// Adds the answer to a search for what was asked for.
    pub fn add(&mut self, held: Unfiltered<Held>) {
        if let Held::Searchset { pages, .. } = held.into_inner() {
            let so_far = std::mem::replace(&mut self.pages, Unfiltered::new(Vec::new()));
            self.pages = Unfiltered::new(so_far.into_inner().into_iter().chain(pages).collect());
        }
    }

    /// `subjects` with whom the looked-up resources are about; nothing when these are known already.
    #[must_use]
    pub fn adds_to(&self, subjects: &Subjects, frame: Frame<'_>) -> Option<Subjects> {
        let mut all = subjects.clone();
        for node in self.nodes() {
            let found = persons_of(node, Came::FromHolder, frame.bases);
            all.patients.extend(found.patients);
            all.nhs_numbers.extend(found.nhs_numbers);
            all.kin.extend(found.kin);
        }
        let is_more = all.patients.len() > subjects.patients.len()
            || all.nhs_numbers.len() > subjects.nhs_numbers.len()
            || all.kin.len() > subjects.kin.len();
        is_more.then_some(all)
    }

    /// The resources that were looked up.
    pub(in crate::enforce) fn nodes(&self) -> Vec<Node<'_>> {
        in_pages(self.pages.inner())
    }

    /// What may be read of the `asked` resources that were looked up, and whom else they are about.
    #[must_use]
    pub fn readable(&self, asked: usize, ruling: &Ruling, subjects: &Subjects, frame: Frame<'_>) -> Readable {
        let mut names = self.visible(&Unfiltered::new(Held::Absent), ruling, frame);
        names.extend(self.places(ruling));
        Readable::of(names, asked, ruling, subjects)
    }

    /// The places that were looked up and may be named: those of nobody who is protected, as far as they say, and that state no
    /// label beyond the ordinary.
    fn places(&self, ruling: &Ruling) -> BTreeSet<String> {
        let is_shared = |node: &Node<'_>| {
            let name = node.str_at(&["resourceType"]).unwrap_or_default();
            let target = fhir::tables::resource_type(&name).filter(|_| PLACES.contains(&&*name));
            target.is_some_and(|target| {
                let tables = ruling.admitted().share().tables(target);
                tables.iter().any(SharedType::is_unconditional)
            })
        };
        let is_ordinary = |label: &SecurityLabel| {
            label.confidentiality().is_some_and(|degree| degree <= Confidentiality::Normal)
        };
        let is_protected = |node: &Node<'_>| {
            let stated = Stated::of_meta(*node);
            stated.known != Labels::Known
                || !stated.labels.iter().all(is_ordinary)
                || self.sheltered.is_everywhere()
                || self.sheltered.is_told_by(node.raw())
        };
        let places = self.nodes().into_iter().filter(is_shared);
        places.filter(|node| !is_protected(node)).map(|node| name_of(&node)).collect()
    }

    /// What may be seen of what was looked up, and of `held` itself, by `Type/id`: each judged as if it were read alone.
    pub(in crate::enforce) fn visible(
        &self,
        held: &Unfiltered<Held>,
        ruling: &Ruling,
        frame: Frame<'_>,
    ) -> BTreeSet<String> {
        let face = frame.face();
        // Where protected persons are is asked about the answer, not about what it refers to: that must come out without.
        let sheltered = match frame.households {
            Households::Told => &self.sheltered,
            Households::Shielded => &household::EVERYWHERE,
        };
        let frame = Frame { sheltered, medicines: &self.medicines, ..frame };
        // That it comes out without its own references is enough: with them it comes out too.
        let judge = Judge::of(ruling, Targets::NONE, frame, &face);
        let mut visible = BTreeSet::new();
        let mut see = |node: Node<'_>| {
            if let Ok(judged) = judge.judge(node) {
                visible.insert(judged.reference);
            }
        };
        self.nodes().into_iter().for_each(&mut see);
        if !self.here.is_empty() {
            let is_meant = |node: &Node<'_>| self.here.contains(&name_of(node));
            nodes(held.inner()).into_iter().filter(is_meant).for_each(see);
        }
        visible
    }
}

/// The resources that were asked for, and those that go with them.
pub(in crate::enforce) fn nodes(held: &Held) -> Vec<Node<'_>> {
    match held {
        Held::Resource(document) => vec![document.root()],
        Held::Searchset { pages, included, .. } => {
            let beside = included.iter().flat_map(|included| in_pages(&included.pages));
            in_pages(pages).into_iter().chain(beside).collect()
        }
        Held::Everything(Gathered { pages, .. }) => in_pages(pages),
        Held::History { current, versions } => {
            let before = match versions {
                Versions::Known { pages, .. } => in_pages(pages),
                Versions::Unknown(_) | Versions::NotShared => Vec::new(),
            };
            std::iter::once(current.root()).chain(before).collect()
        }
        // References of a Binary are not looked up.
        Held::Absent | Held::Binary { .. } => Vec::new(),
    }
}

pub(in crate::enforce) fn in_pages(pages: &[Document]) -> Vec<Node<'_>> {
    let bundles = pages.iter().filter_map(|page| Bundle::read(page.root(), ENTRIES_MAX).ok());
    let is_match = |mode: Option<SearchMode>| matches!(mode, None | Some(SearchMode::Match));
    let matches = bundles.flat_map(|bundle| {
        let found: Vec<Node<'_>> = bundle
            .entries()
            .iter()
            .filter_map(|entry| entry.resource.filter(|_| is_match(entry.mode)))
            .collect();
        found
    });
    matches.collect()
}

/// What would be shown, with all references; what ends the exchange ends it where it is answered.
pub(in crate::enforce) fn on_page<'d>(held: &'d Held, judge: &Judge<'_>) -> Vec<(Node<'d>, Judged)> {
    let admitted = judge.ruling.admitted();
    if let (Held::Everything(gathered), Interaction::Fhir { action: FhirAction::Everything(request), .. }) =
        (held, &admitted.question().interaction)
    {
        return everything::on_page(gathered, request, judge);
    }
    let (
        Held::Searchset { pages, complete, included, .. },
        Interaction::Fhir { action: FhirAction::Search(request), .. },
    ) = (held, &admitted.question().interaction)
    else {
        return nodes(held).into_iter().filter_map(|node| Some((node, judge.judge(node).ok()?))).collect();
    };
    // Where a criterion reads references, what is on the page is known only when all of them are.
    let found = match admitted.rematch().is_empty() {
        true => up_to_page(pages, *complete, request, judge),
        false => matched(pages, *complete, request, judge),
    };
    let Ok(found) = found else { return Vec::new() };
    let beside = included.as_ref().map(|included| beside(included, &found.visible, request, judge));
    let beside = beside.map_or_else(Vec::new, |beside| beside.unwrap_or_default().shown);
    let here = match admitted.rematch().is_empty() {
        true => range(found.visible.len(), request),
        false => 0..found.visible.len(),
    };
    let matches = found.visible.into_iter().skip(here.start).take(here.len());
    matches.chain(beside).map(|seen| (seen.node, seen.judged)).collect()
}

/// `Type/id`.
pub(in crate::enforce) fn name_of(node: &Node<'_>) -> String {
    let part = |name| node.str_at(&[name]).unwrap_or_default();
    format!("{}/{}", part("resourceType"), part("id"))
}

/// The type called `type_name` of what has to be looked up behind a reference: of a document everything that is shared,
/// because it goes with it.
fn leads_to(type_name: &str, judge: &Judge<'_>) -> Option<TypeId> {
    let admitted = judge.ruling.admitted();
    match &admitted.question().interaction {
        Interaction::Fhir { action: FhirAction::Document(_), .. } => {
            let target = fhir::tables::resource_type(type_name)?;
            (!admitted.share().tables(target).is_empty()).then_some(target)
        }
        Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_) => {
            judge.leads_to(type_name)
        }
    }
}

/// Whether references to types have to be looked up, each type asked about once.
struct Leading<'j, 'a> {
    judge: &'j Judge<'a>,
    asked: RefCell<Vec<(String, Option<TypeId>)>>,
}

impl Leading<'_, '_> {
    /// Whether a reference that may be shown of a resource leads to what has to be looked up. Of what no mask shows, whatever
    /// the resource holds, nothing is shown.
    fn may_lead(&self, resource: Node<'_>) -> bool {
        let owner = LazyCell::new(|| {
            resource.str_at(&["resourceType"]).and_then(|name| fhir::tables::resource_type(&name))
        });
        resource.members().any(|(key, value)| {
            (key.is("reference") && self.leads(value)
                || value.members_called("reference").any(|address| self.leads(address)))
                && owner.is_none_or(|owner| self.judge.masks.may_show(owner, key))
        })
    }

    fn leads(&self, address: Node<'_>) -> bool {
        let Some(text) = address.string() else { return false };
        if let Some(local) = LocalText::parse(&text) {
            return self.leads_to(local.resource_type());
        }
        let parsed = Reference::parse(&text, self.judge.bases).ok();
        parsed
            .as_ref()
            .and_then(Reference::local)
            .is_some_and(|local| self.leads_to(local.resource_type.as_str()))
    }

    fn leads_to(&self, type_name: &str) -> bool {
        let mut asked = self.asked.borrow_mut();
        if let Some((_, target)) = asked.iter().find(|(known, _)| known == type_name) {
            return target.is_some();
        }
        let target = leads_to(type_name, self.judge);
        if asked.len() < TYPES_MAX {
            asked.push((type_name.to_owned(), target));
        }
        target.is_some()
    }
}

/// Adds what the references in `root` lead to, in order.
fn leads(root: Node<'_>, judge: &Judge<'_>, found: &mut Vec<(TypeId, Local)>) {
    for item in root.items() {
        leads(item, judge, found);
    }
    for (key, value) in root.members() {
        if !key.is("reference") {
            leads(value, judge, found);
            continue;
        }
        let reference = value.string().and_then(|text| Reference::parse(&text, judge.bases).ok());
        if let Some(local) = reference.as_ref().and_then(Reference::local) {
            let target = leads_to(local.resource_type.as_str(), judge);
            found.extend(target.map(|target| (target, local.clone())));
        }
    }
}

//! What goes with the matches of a page (`_include`, `_revinclude`): what has to be fetched for it, and what of that
//! may be shown.
//!
//! Whatever a system sends beside its matches is thrown away. The gateway asks for each included resource itself, for
//! the matches that it would show on this page and for no others, so that neither what is asked nor how much of it
//! depends on what is hidden. What comes is judged as if it were read alone, and is shown only if a match that is shown
//! refers to it, or it to one, by an element that is shown.

use std::collections::{BTreeMap, BTreeSet};

use fhir::bundle::{Bundle, SearchMode};
use fhir::json::{Document, Node};
use fhir::reference::{Id, Local, TypeName};
use fhir::search::controls::{Include, Towards};
use fhir::tables::{self, TypeId};

use super::answer::Frame;
use super::bundle::{Entry, Mode, Searchset};
use super::held::{Complete, Held};
use super::judge::{Judge, Judged, KeptBack, Targets};
use super::matched::{ENTRIES_MAX, Seen, Unseen, on_page, reread, up_to_page};
use super::sieve::Gone;
use super::subjects::Subjects;
use super::targets::LookedUp;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::Ruling;
use crate::interaction::{FhirAction, Interaction, SearchRequest};

/// The most resources that are asked for by id for one page.
const ASKED_MAX: usize = 1_000;
/// The most ids in one request.
const IDS_MAX: usize = 50;
/// The most bytes that are read to go with one page.
const BYTES_MAX: usize = 20 << 20;

/// What has to be fetched for one page. Ids only, no content.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The matches on the page, as `Type/id`.
    page: Vec<String>,
    /// What to ask for.
    asks: Vec<Ask>,
    /// Whether this is all, or was too much to ask for.
    complete: Complete,
}

/// One search at a system.
#[derive(Debug)]
pub struct Ask {
    /// What is searched.
    pub resource_type: TypeId,
    /// Name and value of its one criterion.
    pub criterion: (String, String),
    /// The ids that may come back; nothing where they cannot be known before.
    pub ids: Option<BTreeSet<Id>>,
}

/// What was fetched for one page.
#[derive(Debug)]
pub struct Included {
    /// The matches on the page for which it was fetched.
    pub(in crate::enforce) page: Vec<String>,
    /// What was asked for by id, as `Type/id`.
    pub(in crate::enforce) asked: BTreeSet<String>,
    /// Whole pages as received, in the order of what was asked.
    pub(in crate::enforce) pages: Vec<Document>,
    /// Whether that is all.
    pub(in crate::enforce) complete: Complete,
    /// How many of the searches for it the system does not serve.
    pub(in crate::enforce) not_served: usize,
    /// What was let go while it was read.
    gone: Gone,
}

impl Ask {
    /// What is asked for by id, as `Type/id`.
    fn names(&self) -> impl Iterator<Item = String> {
        let name = self.resource_type.name();
        self.ids.iter().flatten().map(move |id| format!("{name}/{}", id.as_str()))
    }
}

impl Wanted {
    /// What to ask for, and what was fetched before anything is.
    #[must_use]
    pub fn begin(self) -> (Vec<Ask>, Included) {
        let asked = self.asks.iter().flat_map(Ask::names).collect();
        let begun = Included {
            page: self.page,
            asked,
            pages: Vec::new(),
            complete: self.complete,
            not_served: 0,
            gone: Gone::default(),
        };
        (self.asks, begun)
    }
}

impl Included {
    /// Adds the answer to one of what was asked. Whether there may be more of it: all of it together has a bound.
    pub fn add(&mut self, one: Unfiltered<Held>) -> Complete {
        if let Held::Searchset { pages, complete: Complete::All | Complete::Lacking, .. } = one.into_inner() {
            self.pages.extend(pages);
            if self.bytes() > BYTES_MAX {
                self.complete = Complete::Bounded;
            }
        } else {
            self.complete = Complete::Bounded;
        }
        self.complete
    }

    fn bytes(&self) -> usize {
        self.pages.iter().map(Document::bytes_len).sum()
    }

    /// Whether there is room for this too, whatever of it may be shown.
    #[must_use]
    pub fn has_room_for(&self, part: &Unfiltered<Held>) -> bool {
        let Held::Searchset { pages, .. } = part.inner() else { return true };
        pages.iter().map(Document::bytes_len).fold(self.bytes(), usize::saturating_add) <= BYTES_MAX
    }

    /// Whether a part says of itself that there is more.
    #[must_use]
    pub fn says_there_is_more(part: &Unfiltered<Held>) -> bool {
        matches!(part.inner(), Held::Searchset { complete: Complete::Bounded, .. })
    }

    /// A part of what refers to the page, without what `ruling` keeps back of it whatever its references lead to. Of what is
    /// let go it is kept for the record whom it is about, and why.
    #[must_use]
    pub fn sift(
        &mut self,
        part: Unfiltered<Held>,
        ruling: &Ruling,
        subjects: &Subjects,
        frame: Frame<'_>,
    ) -> Unfiltered<Held> {
        let (held, face) = (part.into_inner(), frame.face());
        let (Held::Searchset { pages, .. }, Some(request)) = (&held, searched(ruling)) else {
            return Unfiltered::new(held);
        };
        let judge = Judge::of(ruling, Targets::OfSharedTypes, frame, &face);
        let on_page: BTreeSet<String> = self.page.iter().cloned().collect();
        let (mut entries, mut kept) = (Vec::new(), Vec::new());
        for page in pages {
            // As it came: what cannot be read ends the exchange where it is answered.
            let Ok(bundle) = Bundle::read(page.root(), ENTRIES_MAX) else { return whole(held) };
            for node in matches(&bundle) {
                match judge.judge(node) {
                    Ok(_) if refers(node, &on_page, request, &judge) => {
                        entries.push(Entry { full_url: None, resource: node.raw(), mode: Mode::Match });
                    }
                    Ok(_) => {}
                    Err(back) => kept.push(back),
                }
            }
        }
        let (self_link, next_link) = (&*face, None);
        let page = Searchset { id: "page", total: None, self_link, next_link, entries: &entries };
        let Some(page) = reread(&page.to_json()) else { return whole(held) };
        self.gone.lets_go(kept, ruling, subjects);
        Unfiltered::new(Held::searchset(vec![page], Complete::All, None))
    }

    /// Notes that not all of it is read.
    pub const fn cut_off(&mut self) {
        self.complete = Complete::Bounded;
    }

    /// Whether not all of it is read.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.complete == Complete::Bounded
    }

    /// Counts a search that the system does not serve.
    pub const fn lacks_one(&mut self) {
        self.not_served += 1;
    }

    /// Puts what was fetched beside the matches for which it was.
    #[must_use]
    pub fn beside(self, held: Unfiltered<Held>) -> Unfiltered<Held> {
        Unfiltered::new(match held.into_inner() {
            Held::Searchset { pages, complete, rest, mut gone, .. } => {
                let mut included = self;
                gone.join(std::mem::take(&mut included.gone));
                Held::Searchset { pages, complete, included: Some(included), rest, gone }
            }
            other @ (Held::Resource(_)
            | Held::Binary { .. }
            | Held::Everything(_)
            | Held::History { .. }
            | Held::Absent) => other,
        })
    }
}

/// What has to be fetched to go with the page that `ruling` would show of `held`, where `looked_up` is what its criteria
/// have to know of its references.
#[must_use]
pub fn wanted(held: &Unfiltered<Held>, looked_up: &LookedUp, ruling: &Ruling, frame: Frame<'_>) -> Wanted {
    let Some(request) = searched(ruling) else { return Wanted::default() };
    let Held::Searchset { pages, complete, .. } = held.inner() else { return Wanted::default() };
    let face = frame.face();
    let visible = looked_up.visible(held, ruling, frame);
    let frame = looked_up.known_in(frame);
    let judge = Judge::of(ruling, Targets::Known(&visible), frame, &face);
    // What ends the exchange ends it where it is answered.
    let Ok(found) = up_to_page(pages, *complete, request, &judge) else { return Wanted::default() };
    let page = on_page(&found.visible, request);
    let names: Vec<String> = page.iter().map(|seen| seen.judged.reference.clone()).collect();
    let asked = referred(page.iter(), &names.iter().cloned().collect(), request, &judge);
    let mut wanted = Wanted { page: names, ..Wanted::default() };
    if asked.values().map(BTreeSet::len).sum::<usize>() > ASKED_MAX {
        wanted.complete = Complete::Bounded;
        return wanted;
    }
    for (resource_type, ids) in &asked {
        let ids: Vec<&Id> = ids.iter().collect();
        for some in ids.chunks(IDS_MAX) {
            let list: Vec<&str> = some.iter().map(|id| id.as_str()).collect();
            wanted.asks.push(Ask {
                resource_type: *resource_type,
                criterion: ("_id".to_owned(), list.join(",")),
                ids: Some(some.iter().map(|id| (*id).clone()).collect()),
            });
        }
    }
    let on_page: Vec<Local> = page.iter().filter_map(|seen| Local::parse(&seen.judged.reference)).collect();
    for include in request.query.includes() {
        if include.towards() == Towards::Referring {
            wanted.asks.extend(on_page.chunks(IDS_MAX).map(|some| Ask {
                resource_type: include.source(),
                criterion: include.referring_to(some),
                ids: None,
            }));
        }
    }
    wanted
}

/// The search that was asked.
fn searched(ruling: &Ruling) -> Option<&SearchRequest> {
    match &ruling.admitted().question().interaction {
        Interaction::Fhir { action: FhirAction::Search(request), .. } => Some(request),
        Interaction::Fhir { .. } | Interaction::Push { .. } | Interaction::Own(_) => None,
    }
}

/// All that a part holds, as it came.
fn whole(part: Held) -> Unfiltered<Held> {
    Unfiltered::new(match part {
        Held::Searchset { pages, .. } => Held::searchset(pages, Complete::All, None),
        other @ (Held::Resource(_)
        | Held::Binary { .. }
        | Held::Everything(_)
        | Held::History { .. }
        | Held::Absent) => other,
    })
}

/// What a system says was found; what it sends beside that is thrown away.
fn matches<'d>(bundle: &Bundle<'d>) -> impl Iterator<Item = Node<'d>> {
    bundle.entries().iter().filter_map(|entry| match entry.mode {
        None | Some(SearchMode::Match) => entry.resource,
        Some(SearchMode::Include | SearchMode::Outcome) => None,
    })
}

/// What goes with a page.
#[derive(Default)]
pub(in crate::enforce) struct Beside<'d> {
    /// What may be shown, each once.
    pub(in crate::enforce) shown: Vec<Seen<'d>>,
    /// What may not.
    pub(in crate::enforce) kept: Vec<KeptBack>,
}

impl Included {
    /// Whether it was fetched for this very page.
    pub(in crate::enforce) fn is_for(&self, page: &[Seen<'_>]) -> bool {
        page.iter().map(|seen| &seen.judged.reference).eq(&self.page)
    }
}

/// What may be shown of what was fetched for a page of `visible`.
///
/// # Errors
/// [`Unseen`] when there is more than is read, or what cannot be read.
pub(in crate::enforce) fn beside<'d>(
    held: &'d Included,
    visible: &[Seen<'_>],
    request: &SearchRequest,
    judge: &Judge<'_>,
) -> Result<Beside<'d>, Unseen> {
    if held.complete == Complete::Bounded {
        return Err(Unseen::Bounded);
    }
    let mut seen: BTreeSet<String> = held.page.iter().cloned().collect();
    let page = visible.iter().filter(|one| seen.contains(&one.judged.reference));
    let wanted = referred(page, &seen, request, judge);
    let on_page = seen.clone();
    let mut found = Beside::default();
    for page in &held.pages {
        let bundle = Bundle::read(page.root(), ENTRIES_MAX).map_err(|_| Unseen::WrongPersons)?;
        for node in matches(&bundle) {
            match judge.judge(node) {
                Ok(judged) if seen.contains(&judged.reference) => {}
                Ok(judged) => {
                    if is_wanted(&judged, &wanted) || refers(node, &on_page, request, judge) {
                        seen.insert(judged.reference.clone());
                        found.shown.push(Seen { judged, node });
                    }
                }
                Err(back) => found.kept.push(back),
            }
        }
    }
    Ok(found)
}

/// What the matches on the page refer to by an `_include`, of the types that are shared.
fn referred<'v, 'd: 'v>(
    page: impl Iterator<Item = &'v Seen<'d>>,
    on_page: &BTreeSet<String>,
    request: &SearchRequest,
    judge: &Judge<'_>,
) -> BTreeMap<TypeId, BTreeSet<Id>> {
    let mut found: BTreeMap<TypeId, BTreeSet<Id>> = BTreeMap::new();
    let includes = request.query.includes();
    if !includes.iter().any(|include| include.towards() == Towards::Referred) {
        return found;
    }
    for seen in page {
        let forward = includes.iter().filter(|include| include.towards() == Towards::Referred);
        for local in links(seen.node, forward, judge) {
            let Some(to) = tables::resource_type(local.resource_type.as_str()) else { continue };
            let is_shared = !judge.ruling.admitted().share().tables(to).is_empty();
            if is_shared && !on_page.contains(&local.to_relative()) {
                found.entry(to).or_default().insert(local.id);
            }
        }
    }
    found
}

fn is_wanted(judged: &Judged, wanted: &BTreeMap<TypeId, BTreeSet<Id>>) -> bool {
    let Some(Local { resource_type, id, .. }) = Local::parse(&judged.reference) else { return false };
    tables::resource_type(resource_type.as_str())
        .and_then(|found| wanted.get(&found))
        .is_some_and(|ids| ids.contains(&id))
}

/// Whether a resource refers to a match on the page by a `_revinclude`.
fn refers(node: Node<'_>, on_page: &BTreeSet<String>, request: &SearchRequest, judge: &Judge<'_>) -> bool {
    let name = node.str_at(&["resourceType"]).and_then(|name| TypeName::parse(&name));
    let back = request.query.includes().iter().filter(|include| {
        include.towards() == Towards::Referring
            && name.as_ref().is_some_and(|name| name.as_str() == include.source().name())
    });
    links(node, back, judge).iter().any(|local| on_page.contains(&local.to_relative()))
}

/// What a resource refers to by `includes`, as far as its references are shared: as if all they lead to could be seen.
///
/// Whether that can be seen is decided when it is judged itself.
fn links<'i>(node: Node<'_>, includes: impl Iterator<Item = &'i Include>, judge: &Judge<'_>) -> Vec<Local> {
    let following = Judge { targets: Targets::OfSharedTypes, version: None, ..*judge };
    let Ok(judged) = following.judge(node) else { return Vec::new() };
    let Some(view) = reread(&judged.bytes) else { return Vec::new() };
    includes.flat_map(|include| include.references(view.root(), judge.bases)).collect()
}

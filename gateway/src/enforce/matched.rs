//! The requestor's view of a search: what matches, may be shown, and still matches as it is shown, in its order.
//!
//! The upstream's answer is a claim: every match is checked against the persons the search named and every criterion
//! the gateway can evaluate. Order and pages are made from what is shown, never from what is held.

use std::collections::BTreeSet;
use std::ops::Range;

use fhir::bundle::{Bundle, SearchMode};
use fhir::json::{Document, Limits, Node, parse};
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id};
use fhir::search::controls::Projection;
use fhir::search::sort::Standing;
use fhir::search::{Criterion, Match, NamedPerson, Naming, SearchQuery, matches};

use super::held::Complete;
use super::judge::{Judge, Judged, KeptBack};
use super::merge::same::same;
use super::persons::{PersonsOf, is_nhs_number, nhs_number};
use super::side_by_side::side_by_side;
use crate::agreement::Existence;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Answer, Ruling};
use crate::interaction::SearchRequest;
use crate::outcome::Ending;
use crate::person::PersonKey;

/// The most entries of one upstream page that are read.
pub(in crate::enforce) const ENTRIES_MAX: usize = 5_000;
/// The most matches that may be shown of one search, over all its pages, and the most bytes of them as they are shown:
/// what is hidden does not count.
const VISIBLE_MAX: usize = 2_000;
const VISIBLE_BYTES_MAX: usize = 20 << 20;
/// Matches on a page when the search does not say.
pub(in crate::enforce) const COUNT: usize = 50;
/// The most matches on a page.
pub(in crate::enforce) const COUNT_MAX: usize = 200;

/// Bounds on what minimise has written, read again: those of what an upstream may send.
const VIEW: Limits =
    Limits { bytes_max: 1 << 30, members_max: 10_000, values_max: 8_000_000, depth_max: 128 };

/// A match that may be shown.
pub(in crate::enforce) struct Seen<'d> {
    pub(in crate::enforce) judged: Judged,
    /// As it is held.
    pub(in crate::enforce) node: Node<'d>,
}

/// All matches.
#[derive(Default)]
pub(in crate::enforce) struct Matched<'d> {
    /// Those that may be shown, in the order that was asked for.
    pub(in crate::enforce) visible: Vec<Seen<'d>>,
    /// Those that may not.
    pub(in crate::enforce) kept: Vec<KeptBack>,
}

/// Why there is no view.
pub(in crate::enforce) enum Unseen {
    /// Everyone the search names is refused.
    AllRefused(Refusal),
    /// There is more than is read.
    Bounded,
    /// The system answered with people nobody asked for.
    WrongPersons,
}

impl Unseen {
    /// How the exchange ends where existence is open.
    pub(in crate::enforce) fn ending(self) -> Ending {
        match self {
            Self::AllRefused(refusal) => Ending::Refused(refusal, Existence::Open),
            Self::Bounded => Ending::TooCostly,
            Self::WrongPersons => Ending::WrongPersons,
        }
    }
}

/// A view as a document of its own; nothing if it cannot be read again.
pub(in crate::enforce) fn reread(bytes: &[u8]) -> Option<Document> {
    parse(bytes.to_vec().into(), &VIEW).ok()
}

/// The view of all of a search. Whether it is too much to show depends on what is in it.
pub(in crate::enforce) fn whole<'d>(
    pages: &'d [Document],
    complete: Complete,
    request: &SearchRequest,
    judge: &Judge<'_>,
) -> Result<Matched<'d>, Unseen> {
    let found = matched(pages, complete, request, judge)?;
    let bytes: usize = found.visible.iter().map(|seen| seen.judged.bytes.len()).sum();
    match found.visible.len() > VISIBLE_MAX || bytes > VISIBLE_BYTES_MAX {
        true => Err(Unseen::Bounded),
        false => Ok(found),
    }
}

/// As much of the view as is needed to know the page that is asked for: of one in the system's order, its beginning.
pub(in crate::enforce) fn up_to_page<'d>(
    pages: &'d [Document],
    complete: Complete,
    request: &SearchRequest,
    judge: &Judge<'_>,
) -> Result<Matched<'d>, Unseen> {
    let most = match request.query.sort().is_empty() {
        true => request.offset.saturating_add(count(request)),
        false => usize::MAX,
    };
    beginning(pages, complete, request, judge, most)
}

/// The view of the matches in `pages`.
pub(in crate::enforce) fn matched<'d>(
    pages: &'d [Document],
    complete: Complete,
    request: &SearchRequest,
    judge: &Judge<'_>,
) -> Result<Matched<'d>, Unseen> {
    beginning(pages, complete, request, judge, usize::MAX)
}

/// The view until it has `most` matches.
fn beginning<'d>(
    pages: &'d [Document],
    complete: Complete,
    request: &SearchRequest,
    judge: &Judge<'_>,
    most: usize,
) -> Result<Matched<'d>, Unseen> {
    let ruling = judge.ruling;
    let people = request.query.named_persons();
    let named = named(&people, ruling);
    if let Some(refusal) = all_refused(&people, &named, ruling) {
        return Err(Unseen::AllRefused(refusal));
    }
    if complete == Complete::Bounded {
        return Err(Unseen::Bounded);
    }
    let looking =
        Looking { naming: request.query.naming(), asked_for: AskedFor::of(people, named), request, judge };
    let mut matched = match most {
        usize::MAX => looking.through_all(pages)?,
        _ => looking.until(most, pages)?,
    };
    sort(&mut matched.visible, &request.query);
    Ok(matched)
}

/// What matches are looked at with.
struct Looking<'l, 'j> {
    asked_for: AskedFor,
    naming: Naming<'l>,
    request: &'l SearchRequest,
    judge: &'l Judge<'j>,
}

impl Looking<'_, '_> {
    /// The view of all matches, in the order of the pages.
    fn through_all<'d>(&self, pages: &'d [Document]) -> Result<Matched<'d>, Unseen> {
        let mut all = Vec::new();
        for page in pages {
            all.extend(matches_of(page)?);
        }
        let mut matched = Matched::default();
        matched.visible.reserve(all.len());
        for part in side_by_side(&all, |part| self.through(part, usize::MAX)) {
            let Matched { visible, kept } = part?;
            matched.visible.extend(visible);
            matched.kept.extend(kept);
        }
        Ok(matched)
    }

    /// The view of the first of them, until `most` may be shown; what follows is not looked at.
    fn until<'d>(&self, most: usize, pages: &'d [Document]) -> Result<Matched<'d>, Unseen> {
        let mut matched = Matched::default();
        for page in pages {
            if matched.visible.len() >= most {
                break;
            }
            let Matched { visible, kept } = self.through(&matches_of(page)?, most - matched.visible.len())?;
            matched.visible.extend(visible);
            matched.kept.extend(kept);
        }
        Ok(matched)
    }

    fn through<'d>(&self, matches: &[Node<'d>], most: usize) -> Result<Matched<'d>, Unseen> {
        let (request, judge) = (self.request, self.judge);
        let (ruling, bases) = (judge.ruling, judge.bases);
        let mut matched = Matched::default();
        matched.visible.reserve(matches.len().min(most));
        for node in matches.iter().copied() {
            if matched.visible.len() >= most {
                break;
            }
            let found = judge.persons(node);
            let persons = judge.behind.whole(&found);
            if !self.asked_for.includes(node, &persons, ruling) {
                return Err(Unseen::WrongPersons);
            }
            if request.query.matches(node, bases) == Match::No {
                continue;
            }
            match judge.judge_of(node, &found) {
                Ok(judged)
                    if is_met_by_the_seen(&judged, node, &self.naming, judge)
                        && matches_again(&judged, node, request, ruling.admitted(), bases) =>
                {
                    matched.visible.push(Seen { judged, node });
                }
                Ok(_) => {}
                Err(kept) => matched.kept.push(kept),
            }
        }
        Ok(matched)
    }
}

/// The matches on a page, without what goes with them.
fn matches_of(page: &Document) -> Result<Vec<Node<'_>>, Unseen> {
    let bundle = Bundle::read(page.root(), ENTRIES_MAX).map_err(|_| Unseen::WrongPersons)?;
    let is_match = |mode: Option<SearchMode>| matches!(mode, None | Some(SearchMode::Match));
    Ok(bundle.entries().iter().filter_map(|entry| entry.resource.filter(|_| is_match(entry.mode))).collect())
}

/// Where in a view of this length the page is that is asked for; nowhere where only a number is.
pub(in crate::enforce) fn range(len: usize, request: &SearchRequest) -> Range<usize> {
    if *request.query.projection() == Projection::Count {
        return 0..0;
    }
    let start = request.offset.min(len);
    start..start.saturating_add(count(request)).min(len)
}

/// The matches on the page that is asked for; none where only their number is.
pub(in crate::enforce) fn on_page<'v, 'd>(
    visible: &'v [Seen<'d>],
    request: &SearchRequest,
) -> &'v [Seen<'d>] {
    visible.get(range(visible.len(), request)).unwrap_or_default()
}

/// How many matches a page has.
fn count(request: &SearchRequest) -> usize {
    let asked = request.query.count().map_or(COUNT, |count| usize::try_from(count).unwrap_or(COUNT_MAX));
    asked.min(COUNT_MAX)
}

/// Puts matches into the order that is asked for. Where they stand alike their names decide: a later page goes on
/// where the one before ended, in whatever order the system answers.
fn sort(visible: &mut Vec<Seen<'_>>, query: &SearchQuery) {
    let keys = query.sort();
    if keys.is_empty() {
        return;
    }
    let mut standings: Vec<_> = std::mem::take(visible)
        .into_iter()
        .map(|seen| {
            let view = reread(&seen.judged.bytes);
            (view.map(|view| Standing::of(view.root(), keys)), seen)
        })
        .collect();
    standings.sort_by(|(one, first), (other, second)| {
        let order = match (one, other) {
            (Some(one), Some(other)) => one.compare(other, keys),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        order.then_with(|| first.judged.reference.cmp(&second.judged.reference))
    });
    visible.extend(standings.into_iter().map(|(_, seen)| seen));
}

/// The keys of the persons the search names, as far as the system knows them.
fn named(people: &BTreeSet<NamedPerson>, ruling: &Ruling) -> BTreeSet<PersonKey> {
    people
        .iter()
        .filter_map(|person| match person {
            NamedPerson::Patient(id) => ruling.person_of(id).cloned(),
            NamedPerson::Nhs(number) => Some(PersonKey::Nhs(*number)),
            NamedPerson::Identifier(_) => None,
        })
        .collect()
}

/// The refusal when everyone the search names is refused.
fn all_refused(
    people: &BTreeSet<NamedPerson>,
    named: &BTreeSet<PersonKey>,
    ruling: &Ruling,
) -> Option<Refusal> {
    if people.is_empty() {
        return None;
    }
    let mut refusal = None;
    for person in named {
        match ruling.answers().get(person) {
            Some(Answer::Permit(_)) => return None,
            Some(Answer::Refusal(why)) => refusal = Some(why.clone()),
            None => {}
        }
    }
    refusal
}

/// Whom a search asks for, where it names everybody by id or number; one that does not asks for all.
struct AskedFor {
    names: Names,
    patients: BTreeSet<Id>,
    numbers: BTreeSet<NhsNumber>,
    keys: BTreeSet<PersonKey>,
}

/// Whether the names of a search say whom a match may be about.
#[derive(PartialEq, Eq)]
enum Names {
    All,
    Some,
}

impl AskedFor {
    fn of(people: BTreeSet<NamedPerson>, keys: BTreeSet<PersonKey>) -> Self {
        let mut asked = Self { names: Names::All, patients: BTreeSet::new(), numbers: BTreeSet::new(), keys };
        for person in people {
            match person {
                NamedPerson::Patient(id) => asked.patients.insert(id),
                NamedPerson::Nhs(number) => asked.numbers.insert(number),
                NamedPerson::Identifier(_) => return Self { names: Names::Some, ..asked },
            };
        }
        if asked.patients.is_empty() && asked.numbers.is_empty() {
            asked.names = Names::Some;
        }
        asked
    }

    /// Whether a match that is about the persons `found` is about someone who is asked for.
    fn includes(&self, node: Node<'_>, found: &PersonsOf, ruling: &Ruling) -> bool {
        self.names == Names::Some
            || found.patients.iter().any(|id| self.patients.contains(id))
            || found.nhs_numbers.iter().any(|number| self.numbers.contains(number))
            || self.numbers.iter().any(|number| bears(node, number))
            || found.patients.iter().filter_map(|id| ruling.person_of(id)).any(|key| self.keys.contains(key))
            || found.numbers().any(|number| self.keys.contains(&PersonKey::Nhs(*number)))
    }
}

/// Whether a Patient bears this number, verified or not.
fn bears(node: Node<'_>, number: &NhsNumber) -> bool {
    node.walk(&["identifier"])
        .any(|identifier| is_nhs_number(identifier) && nhs_number(identifier).as_ref() == Some(number))
}

/// Whether a match is met by the persons the search names who may be seen in it. One who is stripped of a list is not to be
/// found in it.
fn is_met_by_the_seen(judged: &Judged, node: Node<'_>, naming: &Naming<'_>, judge: &Judge<'_>) -> bool {
    // Who stands in it as somebody's kin may stand in it besides, where she is seen or not.
    let in_person = |person: &PersonKey| judged.persons.contains(person) && !judged.kin_only.contains(person);
    let is_seen = |person: &NamedPerson| match person {
        NamedPerson::Patient(id) => judge.ruling.person_of(id).is_some_and(in_person),
        NamedPerson::Nhs(number) => in_person(&PersonKey::Nhs(*number)),
        NamedPerson::Identifier(_) => false,
    };
    naming.is_met_by(&is_seen, node, judge.bases)
}

/// Where only some may see what a criterion reads, a match counts only if its minimised form meets it too. What only the
/// holder can tell (another spelling of a number, how a name sounds) counts where it was told of the very same values.
fn matches_again(
    judged: &Judged,
    held: Node<'_>,
    request: &SearchRequest,
    admitted: &Admitted,
    bases: &Bases,
) -> bool {
    if admitted.rematch().is_empty() {
        return true;
    }
    let Some(view) = reread(&judged.bytes) else { return false };
    request.query.criteria().iter().filter(|criterion| admitted.rematch().contains(criterion.code())).all(
        |criterion| match matches::matches(criterion, view.root(), bases) {
            Match::Yes => true,
            Match::No => false,
            Match::CannotTell => compares_the_same(criterion, held, view.root()),
        },
    )
}

/// Whether all that a criterion compares in what is held is shown, and nothing else is there to compare.
fn compares_the_same(criterion: &Criterion, held: Node<'_>, view: Node<'_>) -> bool {
    match (matches::compared(criterion, held), matches::compared(criterion, view)) {
        (Some(held), Some(shown)) => {
            let are_same = |(one, other): (&Vec<Node<'_>>, &Vec<Node<'_>>)| {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(*one, *other))
            };
            held.len() == shown.len() && held.iter().zip(&shown).all(are_same)
        }
        (Some(_) | None, Some(_) | None) => false,
    }
}

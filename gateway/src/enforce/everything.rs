//! Everything about one person: what each of the searches it stands for would have shown, and nothing more.

use fhir::json::{Document, Node};
use fhir::outcome::{Issue, IssueType, Severity};
use fhir::tables::TypeId;

use super::account::{Account, Named};
use super::answer::{Frame, Reasons, ended, outcome, refused};
use super::bundle::{Entry, Mode, Searchset};
use super::held::{Complete, Held};
use super::judge::{Decided, Judge, Judged, Targets};
use super::matched::{COUNT, COUNT_MAX, Matched, Seen, Unseen, matched};
use super::release::{Head, Minimised};
use super::sieve::Gone;
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::agreement::Existence;
use crate::decision::ruling::Ruling;
use crate::interaction::Malformed;
use crate::interaction::cursor::Onward;
use crate::interaction::everything::EverythingRequest;
use crate::interaction::{SearchRequest, cursor};
use crate::outcome::{Ended, Ending};
use crate::trail::provenance::provenance;
use crate::trail::records::Records;

/// What a record says of a type that is left out because the system cannot be searched for it, or not for all of it.
pub(in crate::enforce) const TYPE_NOT_SEARCHED: &str = "type-not-searched";

/// What a system gave for everything about one person: of each type all that a search of it found, or nothing.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Whole pages as received, of one search after the other.
    pub(in crate::enforce) pages: Vec<Document>,
    /// How many pages each search has, in the order of the searches.
    pub(in crate::enforce) lengths: Vec<usize>,
    /// Types that are left out, and why.
    pub(in crate::enforce) missing: Vec<(TypeId, Missing)>,
    /// The searches, by their number, of whose answers nothing is here because there is too much of it, hidden or not.
    pub(in crate::enforce) open: Vec<usize>,
    /// What was let go while it was read.
    pub(in crate::enforce) gone: Gone,
}

/// Why nothing of a type was gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The system does not let it be searched.
    NotSearched,
    /// With it there would be more than is read for one answer.
    TooMuch,
}

/// The most that is read for one answer.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Entries.
    pub entries: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Gathered {
    /// Adds the answer to the next search, for `owner`. One that is cut off or finds no room is left out as a whole: half
    /// of a type would look like all of it.
    pub fn add(&mut self, owner: TypeId, found: Unfiltered<Held>, room: Room) {
        let before = self.pages.len();
        if let Held::Searchset { pages, complete, .. } = found.into_inner() {
            self.pages.extend(pages);
            if complete == Complete::Bounded || !self.fits(room) {
                self.pages.truncate(before);
                self.missing.push((owner, Missing::TooMuch));
                self.open.push(self.lengths.len());
            }
        }
        self.lengths.push(self.pages.len() - before);
    }

    /// Notes that the system does not let the next type be searched.
    pub fn cannot_search(&mut self, owner: TypeId) {
        self.lengths.push(0);
        self.missing.push((owner, Missing::NotSearched));
    }

    fn fits(&self, room: Room) -> bool {
        let entries = |page: &Document| page.root().member("entry").map_or(0, Node::len);
        self.pages.iter().map(entries).sum::<usize>() <= room.entries
            && self.pages.iter().map(Document::bytes_len).sum::<usize>() <= room.bytes
    }
}

impl Missing {
    fn told(self, owner: TypeId) -> String {
        let owner = owner.name();
        match self {
            Self::NotSearched => {
                format!("the system cannot be searched for {owner}: it may hold such resources")
            }
            Self::TooMuch => {
                format!(
                    "there is more of {owner} than is read at once: nothing of it is here, search for it by itself"
                )
            }
        }
    }
}

/// The view of all of it: what each search by itself would show, one after the other.
fn view<'d>(
    gathered: &'d Gathered,
    request: &EverythingRequest,
    judge: &Judge<'_>,
) -> Result<Matched<'d>, Unseen> {
    let queries = request.queries(judge.ruling.admitted().share()).unwrap_or_default();
    let (mut all, mut pages) = (Matched::default(), gathered.pages.as_slice());
    for (query, length) in queries.into_iter().zip(&gathered.lengths) {
        let (own, others) = pages.split_at_checked(*length).unwrap_or((pages, &[]));
        pages = others;
        let search = SearchRequest { query, offset: 0, standing: None };
        let found = matched(own, Complete::All, &search, judge)?;
        all.visible.extend(found.visible);
        all.kept.extend(found.kept);
    }
    Ok(all)
}

/// What would be shown on the page that is asked for.
pub(in crate::enforce) fn on_page<'d>(
    gathered: &'d Gathered,
    request: &EverythingRequest,
    judge: &Judge<'_>,
) -> Vec<(Node<'d>, Judged)> {
    let Ok(all) = view(gathered, request, judge) else { return Vec::new() };
    let visible = all.visible.into_iter().map(|seen| (seen.node, seen.judged));
    // Where a criterion reads references, what is on the page is known only when all of them are.
    match judge.ruling.admitted().rematch().is_empty() {
        true => visible.skip(request.offset).take(count(request)).collect(),
        false => visible.collect(),
    }
}

fn count(request: &EverythingRequest) -> usize {
    request.count.unwrap_or(COUNT).min(COUNT_MAX)
}

/// The page of everything that the requestor may see.
pub(in crate::enforce) fn answer(
    gathered: &Gathered,
    request: &EverythingRequest,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let version = |bytes: &[u8]| frame.version(ruling, bytes);
    let decided = Decided::by(ruling);
    let judge = Judge {
        version: Some(&version),
        decided: Some(&decided),
        ..Judge::of(ruling, targets, frame, &face)
    };
    let mut account = Account::with(&gathered.gone, ruling, subjects);
    let all = match view(gathered, request, &judge) {
        Ok(all) => all,
        Err(Unseen::AllRefused(refusal)) if ruling.admitted().existence() == Existence::Open => {
            return Err(refused(refusal, Existence::Open, account, frame));
        }
        // As if there were nothing, however much there is.
        Err(Unseen::AllRefused(_)) => Matched::default(),
        Err(unseen @ (Unseen::Bounded | Unseen::WrongPersons)) => {
            return Err(ended(unseen.ending(), account, frame));
        }
    };
    for kept in &all.kept {
        account.keeps(kept, Named::BySubjectsOnly);
    }
    // What is missing says that there was something to look for, where nobody may know that there is anybody.
    let missing = match all.visible.is_empty() && ruling.admitted().existence() == Existence::Withheld {
        true => &[],
        false => gathered.missing.as_slice(),
    };
    page(&all.visible, missing, account, request, ruling, frame)
}

/// Cuts the page from the view, and records what is on it and nothing else.
fn page(
    visible: &[Seen<'_>],
    missing: &[(TypeId, Missing)],
    mut account: Account<'_>,
    request: &EverythingRequest,
    ruling: &Ruling,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let admitted = ruling.admitted();
    let face = frame.face();
    let standing = frame.standing(ruling, visible.iter().flat_map(|seen| &seen.judged.persons));
    if !standing.goes_on(request.standing) {
        return Err(ended(Ending::Malformed(Malformed::Cursor), account, frame));
    }
    let on_page: Vec<&Judged> =
        visible.iter().map(|seen| &seen.judged).skip(request.offset).take(count(request)).collect();
    for judged in &on_page {
        account.shares(judged);
    }
    if !missing.is_empty() {
        account.leaves_out(TYPE_NOT_SEARCHED);
    }
    let exchange = account.tells(frame.exchange, 200);
    let persons = account.close();
    let provenance =
        provenance(&exchange.request_id, &exchange, &persons, frame.site).map(|made| made.to_json());
    let reasons = if request.is_narrowed() { Reasons::Kept } else { Reasons::Told };
    let mut outcome = outcome(admitted, reasons, &persons);
    for (owner, why) in missing {
        outcome =
            outcome.and(Issue::from_settings(Severity::Warning, IssueType::Incomplete, why.told(*owner)));
    }
    let outcome = outcome.to_json();
    let shown = |judged: &&'_ Judged| format!("{face}/{}", judged.reference);
    let mut entries: Vec<Entry<'_>> = on_page
        .iter()
        .map(|judged| Entry { full_url: Some(shown(judged)), resource: &judged.bytes, mode: Mode::Match })
        .collect();
    if let Some(provenance) = &provenance {
        let full_url = Some(format!("{}/fhir/Provenance/{}", frame.site.base, exchange.request_id));
        entries.push(Entry { full_url, resource: provenance, mode: Mode::Include });
    }
    entries.push(Entry { full_url: None, resource: &outcome, mode: Mode::Outcome });
    let place = format!("{face}/Patient/{}/$everything", request.patient.as_str());
    let form = request.to_link_form();
    let self_link = if form.is_empty() { place.clone() } else { format!("{place}?{form}") };
    let offset = request.offset.saturating_add(on_page.len());
    let next_link = match offset < visible.len() {
        true => {
            let cursor = next(request, Onward { offset, standing }, ruling, frame)?;
            Some(format!("{place}?_cursor={cursor}{}", exchange.format_in_link()))
        }
        false => None,
    };
    let body = Searchset {
        id: &exchange.request_id,
        total: Some(visible.len()),
        self_link: &self_link,
        next_link: next_link.as_deref(),
        entries: &entries,
    }
    .to_json();
    let head = Head { status: 200, ..Head::default() };
    Ok(Minimised { body, head, records: Records { exchange, persons }, provenance: None })
}

fn next(
    request: &EverythingRequest,
    onward: Onward,
    ruling: &Ruling,
    frame: Frame<'_>,
) -> Result<String, Ended> {
    let question = ruling.admitted().question();
    cursor::next_of_everything(frame.seal, &question.requestor, frame.system, request, onward, question.at)
        .map_err(|_| frame.exchange.end(Ending::NotWritten))
}

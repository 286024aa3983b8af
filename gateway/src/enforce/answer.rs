//! From what an upstream held to what is left of it: reads and searches.
//!
//! The page is cut from the requestor's view (`matched`), so that totals and pages tell of it alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fhir::json::Document;
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use fhir::search::controls::{Projection, Total};
use fhir::search::{SearchQuery, project};
use jiff::Timestamp;

use super::account::{Account, Named};
use super::bundle::{Entry, Mode, Searchset};
use super::document::document;
use super::held::{Complete, Held};
use super::history;
use super::included::{Beside, Included, beside};
use super::judge::{Decided, Judge, Judged, KeptBack, LastVersion, Targets, Versioned, Why};
use super::matched::{Matched, Seen, Unseen, on_page, range, reread, whole};
use super::release::{Head, Media, Minimised, Unreleased};
use super::sieve::Gone;
use super::subjects::Subjects;
use super::targets::LookedUp;
use super::unfiltered::Unfiltered;
use super::{binary, everything};
use crate::agreement::Existence;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Ruling};
use crate::decision::search_guard::tells_total;
use crate::hex::hex;
use crate::interaction::cursor::{self, Onward, Standing};
use crate::interaction::{FhirAction, Interaction, Malformed, ReadTarget, SearchRequest};
use crate::outcome::{Ended, Ending};
use crate::person::PersonKey;
use crate::seal::Digest;
use crate::trail::provenance::provenance;
use crate::trail::record::AboutPerson;
use crate::trail::records::Records;

pub use super::frame::Frame;

/// What is recorded where an include was asked for of which nothing can come by rule.
const INCLUDE_NOT_SHARED: &str = "include-not-shared";
/// What a record says of an include that the system does not serve.
const INCLUDE_NOT_SERVED: &str = "include-not-served";

/// Reduces `held` to what `ruling` permits, and builds the record of exactly that. References to what may be about a
/// person are shown only if `looked_up` or `held` has what they lead to, and that is visible.
///
/// The ruling is used up: one ruling, one disclosure. The admitted question comes back, to rule again if a consent
/// moves.
///
/// # Errors
/// [`Ended`] when nothing is to be shared, with the record that says why.
pub fn minimise(
    held: Unfiltered<Held>,
    looked_up: &LookedUp,
    ruling: Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<(Minimised, Admitted), Ended> {
    let visible = looked_up.visible(&held, &ruling, frame);
    let targets = Targets::Known(&visible);
    let frame = looked_up.known_in(frame);
    let minimised = match (held.into_inner(), &ruling.admitted().question().interaction) {
        (Held::Resource(document), Interaction::Fhir { action: FhirAction::Read(target), .. }) => {
            read(&document, target, targets, &ruling, subjects, frame)?
        }
        (Held::Resource(composition), Interaction::Fhir { action: FhirAction::Document(_), .. }) => {
            document(&composition, looked_up, targets, &ruling, subjects, frame)?
        }
        (Held::Everything(found), Interaction::Fhir { action: FhirAction::Everything(request), .. }) => {
            everything::answer(&found, request, targets, &ruling, subjects, frame)?
        }
        // After a change: what is stored now.
        (Held::Resource(document), Interaction::Fhir { action: FhirAction::Change(change), .. }) => {
            read(&document, &change.target, targets, &ruling, subjects, frame)?
        }
        (
            Held::Searchset { pages, complete, included, gone, .. },
            Interaction::Fhir { action: FhirAction::Search(request), .. },
        ) => {
            let found = Found { pages: &pages, complete, included: included.as_ref(), gone: &gone };
            search(found, targets, request, &ruling, subjects, frame)?
        }
        (
            Held::History { current, versions },
            Interaction::Fhir { action: FhirAction::Vread(target), .. },
        ) => history::vread((&current, &versions), target, targets, &ruling, subjects, frame)?,
        (
            Held::History { current, versions },
            Interaction::Fhir { action: FhirAction::History(request), .. },
        ) => history::history((&current, &versions), request, targets, &ruling, subjects, frame)?,
        (
            Held::Binary { binary, pointing, complete },
            Interaction::Fhir { action: FhirAction::ReadBinary(target), .. },
        ) => binary::read((&binary, &pointing, complete), &target.form, &ruling, subjects, frame)?,
        (
            Held::Absent
            | Held::Resource(_)
            | Held::Binary { .. }
            | Held::Searchset { .. }
            | Held::Everything(_)
            | Held::History { .. },
            _,
        ) => {
            return Err(frame.exchange.end(Ending::NotFound));
        }
    };
    Ok((minimised, ruling.into_admitted()))
}

/// The answer to a search as a system gave it.
struct Found<'h> {
    pages: &'h [Document],
    complete: Complete,
    /// What was fetched to go with the page.
    included: Option<&'h Included>,
    gone: &'h Gone,
}

fn read(
    document: &Document,
    target: &ReadTarget,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let digest = LastVersion::default();
    let version = |bytes: &[u8]| digest.keep(frame.version(ruling, bytes));
    let judge = Judge { version: Some(&version), ..Judge::of(ruling, targets, frame, &face) };
    let mut account = Account::new(ruling, subjects);
    match judge.judge(document.root()) {
        Ok(judged) => {
            account.shares(&judged);
            let etag = hex(&digest.get());
            // Who holds this view is told that it still stands: decided and recorded like a read of it.
            let (status, media, body) = match target.held.holds(&etag) {
                true => (304, Media::Nothing, Vec::new()),
                false => {
                    let body = projected(&judged, &target.projection)
                        .ok_or_else(|| frame.exchange.end(Ending::NotWritten))?;
                    (200, Media::FhirJson, body.into_owned())
                }
            };
            let provenance = (status == 200).then(|| frame.exchange.request_id.clone());
            let last_modified = last_updated(&judged.bytes);
            let head = Head { status, etag: Some(etag), last_modified, location: None, provenance, media };
            let records =
                Records { exchange: account.tells(frame.exchange, status), persons: account.close() };
            Ok(Minimised { body, head, records, provenance: None })
        }
        Err(kept) => Err(kept_back(kept, account, frame)),
    }
}

/// When a view says that it was changed last.
pub(in crate::enforce) fn last_updated(view: &[u8]) -> Option<Timestamp> {
    history::moment(reread(view)?.root(), &["meta", "lastUpdated"])
}

/// The end of an exchange that asked for one resource, which is kept back.
pub(in crate::enforce) fn kept_back(kept: KeptBack, mut account: Account<'_>, frame: Frame<'_>) -> Ended {
    let existence = account.existence();
    account.keeps(&kept, Named::ByContent);
    match kept.why {
        Why::Refused(refusal) => refused(refusal, existence, account, frame),
        // Hidden is as absent, whatever keeps it back.
        Why::Irreducible(_) if existence == Existence::Withheld => ended(Ending::NotFound, account, frame),
        Why::Irreducible(_) => ended(Ending::Irreducible, account, frame),
    }
}

fn search(
    found: Found<'_>,
    targets: Targets<'_>,
    request: &SearchRequest,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let version = frame.versions(ruling);
    let decided = Decided::by(ruling);
    let beside_judge = Judge {
        version: Some(&version),
        decided: Some(&decided),
        ..Judge::of(ruling, targets, frame, &face)
    };
    // Of a long view few are on the page.
    let judge = Judge { versioned: Versioned::WhenShown, ..beside_judge };
    let Found { pages, complete, included, gone } = found;
    let mut account = Account::with(gone, ruling, subjects);
    let mut found = match whole(pages, complete, request, &judge) {
        Ok(found) => found,
        Err(Unseen::AllRefused(refusal)) if ruling.admitted().existence() == Existence::Open => {
            return Err(refused(refusal, Existence::Open, account, frame));
        }
        // As if there were nothing, however much there is.
        Err(Unseen::AllRefused(_)) => Matched::default(),
        Err(unseen @ (Unseen::Bounded | Unseen::WrongPersons)) => {
            return Err(ended(unseen.ending(), account, frame));
        }
    };
    for kept in &found.kept {
        account.keeps(kept, Named::BySubjectsOnly);
    }
    let shown = found.visible.iter().flat_map(|seen| &seen.judged.persons);
    let standing = frame.standing(ruling, shown);
    if !standing.goes_on(request.standing) {
        return Err(ended(Ending::Malformed(Malformed::Cursor), account, frame));
    }
    let here = range(found.visible.len(), request);
    for seen in found.visible.get_mut(here).unwrap_or_default() {
        judge.stamp(&mut seen.judged);
    }
    let matches = on_page(&found.visible, request);
    let not_served = included.map_or(0, |included| included.not_served);
    let mut goes_with = Beside::default();
    if let (Some(included), false) = (included, matches.is_empty()) {
        // A choice that changed between the two rulings changed the page.
        if !included.is_for(matches) {
            return Err(ended(Ending::Unrecorded(Unreleased::ConsentMoved), account, frame));
        }
        goes_with = match beside(included, &found.visible, request, &beside_judge) {
            Ok(goes_with) => goes_with,
            Err(unseen) => return Err(ended(unseen.ending(), account, frame)),
        };
        for kept in &goes_with.kept {
            account.keeps(kept, Named::BySubjectsOnly);
        }
    }
    let page = Page { total: found.visible.len(), matches, beside: &goes_with.shown, not_served, standing };
    answer(&page, account, request, frame, &face, ruling)
}

/// One page of a view.
struct Page<'v, 'd> {
    /// How many matches the whole view has.
    total: usize,
    matches: &'v [Seen<'d>],
    /// What goes with them.
    beside: &'v [Seen<'d>],
    /// How many searches for that the system does not serve.
    not_served: usize,
    /// What it was decided under.
    standing: Standing,
}

/// Writes the page, and records what is on it and nothing else.
fn answer(
    page: &Page<'_, '_>,
    mut account: Account<'_>,
    request: &SearchRequest,
    frame: Frame<'_>,
    face: &str,
    ruling: &Ruling,
) -> Result<Minimised, Ended> {
    let admitted = ruling.admitted();
    for seen in page.matches.iter().chain(page.beside) {
        account.shares(&seen.judged);
    }
    if admitted.includes_left_out() > 0 {
        account.leaves_out(INCLUDE_NOT_SHARED);
    }
    if page.not_served > 0 {
        account.leaves_out(INCLUDE_NOT_SERVED);
    }
    let exchange = account.tells(frame.exchange, 200);
    let persons = account.close();
    let parts = parts(page, request).ok_or_else(|| frame.exchange.end(Ending::NotWritten))?;
    let provenance = match parts.is_empty() && *request.query.projection() == Projection::Count {
        true => None,
        false => provenance(&exchange.request_id, &exchange, &persons, frame.site).map(|made| made.to_json()),
    };
    let mut outcome = outcome(admitted, reasons_may_be_told(&request.query), &persons);
    if let Some(text) = not_served(page, request, admitted.existence()) {
        outcome = outcome.and(Issue::new(Severity::Warning, IssueType::Incomplete, text));
    }
    let outcome = outcome.to_json();
    let mut entries: Vec<Entry<'_>> = parts
        .iter()
        .map(|part| Entry {
            full_url: Some(format!("{face}/{}", part.reference)),
            resource: &part.resource,
            mode: part.mode,
        })
        .collect();
    if let Some(provenance) = &provenance {
        let full_url = Some(format!("{}/fhir/Provenance/{}", frame.site.base, exchange.request_id));
        entries.push(Entry { full_url, resource: provenance, mode: Mode::Include });
    }
    entries.push(Entry { full_url: None, resource: &outcome, mode: Mode::Outcome });
    let type_name = request.query.resource_type().name();
    let format = exchange.format_in_link();
    let next_link = next(page, request, frame, admitted)?
        .map(|cursor| format!("{face}/{type_name}?_cursor={cursor}{format}"));
    let told = request.query.total() != Total::None && tells_total(&request.query);
    let body = Searchset {
        id: &exchange.request_id,
        total: told.then_some(page.total),
        self_link: &format!("{face}/{type_name}?{}", request.query.to_whole_form()),
        next_link: next_link.as_deref(),
        entries: &entries,
    }
    .to_json();
    let head = Head { status: 200, ..Head::default() };
    Ok(Minimised { body, head, records: Records { exchange, persons }, provenance: None })
}

/// What is said of what the system does not serve of what goes with a page. It may serve what is not there, and refuse
/// what is hidden: where existence is withheld the same is said whatever it does.
fn not_served(page: &Page<'_, '_>, request: &SearchRequest, existence: Existence) -> Option<&'static str> {
    match existence {
        Existence::Withheld if request.query.includes().is_empty() => None,
        Existence::Withheld => {
            Some("what the system does not serve of what was to go with the matches is not here")
        }
        Existence::Open if page.not_served == 0 => None,
        Existence::Open => {
            Some("the system does not serve all of what was to go with the matches: that part is missing")
        }
    }
}

/// The cursor of the page after this one, if there is one.
fn next(
    page: &Page<'_, '_>,
    request: &SearchRequest,
    frame: Frame<'_>,
    admitted: &Admitted,
) -> Result<Option<String>, Ended> {
    let offset = request.offset + page.matches.len();
    if page.matches.is_empty() || offset >= page.total {
        return Ok(None);
    }
    let question = admitted.question();
    let onward = Onward { offset, standing: page.standing };
    cursor::next(frame.seal, &question.requestor, frame.system, &request.query, onward, question.at)
        .map(Some)
        .map_err(|_| frame.exchange.end(Ending::NotWritten))
}

/// One resource on a page, as much of it as was asked for.
struct Part<'p> {
    reference: &'p str,
    resource: Cow<'p, [u8]>,
    mode: Mode,
}

/// What is on the page. The elements that are asked for are those of matches. Nothing if a view cannot be read again.
fn parts<'p>(page: &'p Page<'_, '_>, request: &SearchRequest) -> Option<Vec<Part<'p>>> {
    let asked = request.query.projection();
    let of_included = match matches!(asked, Projection::Elements(_)) {
        true => &Projection::Whole,
        false => asked,
    };
    let matches = page.matches.iter().map(|seen| (&seen.judged, asked, Mode::Match));
    let beside = page.beside.iter().map(|seen| (&seen.judged, of_included, Mode::Include));
    let part = |(judged, asked, mode): (&'p Judged, &Projection, Mode)| {
        Some(Part { reference: &judged.reference, resource: projected(judged, asked)?, mode })
    };
    matches.chain(beside).map(part).collect()
}

/// As much of a view as is asked for; nothing if it cannot be read again, or has no version yet.
fn projected<'j>(judged: &'j Judged, asked: &Projection) -> Option<Cow<'j, [u8]>> {
    if judged.unversioned.is_some() {
        return None;
    }
    match *asked == Projection::Whole {
        true => Some(Cow::Borrowed(judged.bytes.as_slice())),
        false => reread(&judged.bytes).map(|view| Cow::Owned(project(view.root(), asked))),
    }
}

impl Frame<'_> {
    /// The same view has the same version for the same requestor, and another for everyone else.
    pub(in crate::enforce) fn version(&self, ruling: &Ruling, bytes: &[u8]) -> [u8; 16] {
        self.versions(ruling)(bytes)
    }

    /// The same for many views.
    pub(in crate::enforce) fn versions(&self, ruling: &Ruling) -> impl Fn(&[u8]) -> [u8; 16] {
        let holder = cursor::holder_of(&ruling.admitted().question().requestor);
        move |bytes| self.seal.digest_bytes(Digest::Version, &[holder.as_bytes(), bytes])
    }

    /// What a view of these persons is decided under.
    pub(in crate::enforce) fn standing<'p>(
        &self,
        ruling: &Ruling,
        persons: impl IntoIterator<Item = &'p PersonKey>,
    ) -> Standing {
        Standing::of(self.seal, &ruling.standing(persons))
    }
}

/// The end of an exchange that is refused because of a person or of what her record holds.
pub(in crate::enforce) fn refused(
    refusal: Refusal,
    existence: Existence,
    account: Account<'_>,
    frame: Frame<'_>,
) -> Ended {
    let persons = account.close_refused(&refusal);
    Ended {
        ending: Ending::Refused(refusal, existence),
        records: Box::new(Records { exchange: frame.exchange.clone(), persons }),
    }
}

/// The end of an exchange that shares nothing, in the trail of those it concerned.
pub(in crate::enforce) fn ended(ending: Ending, account: Account<'_>, frame: Frame<'_>) -> Ended {
    let mut persons = account.close();
    for person in &mut persons {
        person.refusal.get_or_insert_with(|| ending.reason().to_owned());
    }
    Ended { ending, records: Box::new(Records { exchange: frame.exchange.clone(), persons }) }
}

/// Whether the reason classes of what was left out may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Reasons {
    Told,
    Kept,
}

/// A search that asks for content learns by the reasons what the content of the hidden is: they are told only where
/// the search names persons and nothing else.
fn reasons_may_be_told(query: &SearchQuery) -> Reasons {
    let names_persons = |code| matches!(code, "patient" | "subject");
    // What is kept back of what goes with the matches would tell what they refer to.
    let alone = query.includes().is_empty();
    match alone && query.criteria().iter().all(|criterion| names_persons(criterion.code())) {
        true => Reasons::Told,
        false => Reasons::Kept,
    }
}

/// Says that absence here is not evidence of absence; where existence is open also why something was left out.
pub(in crate::enforce) fn outcome(
    admitted: &Admitted,
    reasons: Reasons,
    persons: &[AboutPerson],
) -> OperationOutcome {
    let shows = format!(
        "this answer shows what the agreement \"{}\" shares; absence here is not evidence of absence",
        admitted.agreement().title
    );
    let mut outcome =
        OperationOutcome::new(Issue::from_settings(Severity::Information, IssueType::Informational, shows));
    if admitted.includes_left_out() > 0 {
        let text = "what was to go with the matches, and is not shared, was left out";
        outcome = outcome.and(Issue::new(Severity::Warning, IssueType::Suppressed, text));
    }
    if let Some(text) = admitted.caveat() {
        outcome = outcome.and(Issue::new(Severity::Warning, IssueType::Incomplete, text));
    }
    if admitted.existence() == Existence::Withheld || reasons == Reasons::Kept {
        return outcome;
    }
    let mut classes: BTreeMap<&'static str, u32> = BTreeMap::new();
    for (reason, count) in persons.iter().flat_map(|person| &person.withheld) {
        if let Some(class) = class_of(reason) {
            *classes.entry(class).or_default() += count;
        }
    }
    for text in classes.into_keys() {
        outcome = outcome.and(Issue::new(Severity::Warning, IssueType::Suppressed, text));
    }
    outcome
}

/// What a clinician is told about entries that were left out whole; element paths are told by `REDACTED`.
fn class_of(reason: &str) -> Option<&'static str> {
    // After the reason may stand which list has labelled it.
    let reason = reason.split_once(": ").map_or(reason, |(reason, _)| reason);
    Some(match reason {
        "labelled" => "entries marked as sensitive were left out",
        "consent-denied" => "entries were left out because the person has said so",
        "nothing-necessary" | "type-not-shared" => "entries that the agreement does not share were left out",
        "no-legitimate-relationship" | "opted-out" | "implied-consent-does-not-cover" | "shielded" => {
            "entries about other persons were left out"
        }
        "unknown-modifier" | "withheld-modifier" | "wrong-kind" | "other-person" | "person-uncertain" => {
            "entries that cannot be shared safely were left out"
        }
        _ => return None,
    })
}

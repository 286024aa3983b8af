//! From what an upstream held to what is left of it: reads and searches.
//!
//! The upstream's answer is a claim: every match is checked against the persons the search named and every criterion
//! the gateway can evaluate. The page is cut from the requestor's view, so that totals and pages tell of it alone.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use fhir::bundle::{Bundle, SearchMode};
use fhir::identifier::NHS_NUMBER;
use fhir::json::{Document, Limits, Node, parse};
use fhir::nhs_number::NhsNumber;
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use fhir::reference::Bases;
use fhir::search::{Match, NamedPerson, SearchQuery, matches};

use super::account::{Account, Named};
use super::bundle::{Entry, Mode, Searchset};
use super::held::{Complete, Held};
use super::history;
use super::judge::{Judge, Judged, KeptBack, Targets, Why};
use super::persons::{Came, persons_of};
use super::release::{Head, Media, Minimised};
use super::subjects::Subjects;
use super::targets::LookedUp;
use super::unfiltered::Unfiltered;
use crate::agreement::Existence;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Answer, Ruling};
use crate::interaction::{FhirAction, Interaction, SearchRequest, cursor};
use crate::outcome::{Ended, Ending};
use crate::person::{PersonKey, SystemName};
use crate::ports::Ports;
use crate::seal::{Digest, Seal};
use crate::sensitive_codes::SensitiveCodes;
use crate::trail::audit_event::Site;
use crate::trail::provenance::provenance;
use crate::trail::record::{AboutPerson, Event, Exchange};
use crate::trail::records::Records;

/// The most entries of one upstream page that are read.
pub(in crate::enforce) const ENTRIES_MAX: usize = 5_000;
/// Matches on a page when the search does not say.
pub(in crate::enforce) const COUNT: usize = 50;
/// The most matches on a page.
pub(in crate::enforce) const COUNT_MAX: usize = 200;

/// What an answer needs besides content and ruling.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The record of the exchange up to here.
    pub exchange: &'a Exchange,
    /// The gateway as it names itself.
    pub site: Site<'a>,
    /// Whose records these are.
    pub system: &'a SystemName,
    /// The names of that system.
    pub bases: &'a Bases,
    /// Which codes earn a label by themselves.
    pub codes: &'a SensitiveCodes,
    /// Makes versions and cursors.
    pub seal: &'a Seal,
}

impl<'a> Frame<'a> {
    /// The frame of an exchange with `system`.
    #[must_use]
    pub fn of(exchange: &'a Exchange, system: &'a SystemName, ports: &'a Ports) -> Self {
        let codes = &ports.settings.sensitive_codes;
        Self { exchange, site: ports.site(), system, bases: ports.bases_of(system), codes, seal: &ports.seal }
    }
}

impl Frame<'_> {
    /// Where the face of the system is.
    pub(in crate::enforce) fn face(&self) -> String {
        format!("{}/{}/fhir", self.site.base, self.system)
    }
}

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
    let minimised = match (held.into_inner(), &ruling.admitted().question().interaction) {
        (Held::Resource(document), _) => read(&document, targets, &ruling, subjects, frame)?,
        (
            Held::Searchset { pages, complete },
            Interaction::Fhir { action: FhirAction::Search(request), .. },
        ) => search((&pages, complete), targets, request, &ruling, subjects, frame)?,
        (
            Held::History { current, versions },
            Interaction::Fhir { action: FhirAction::Vread(target), .. },
        ) => history::vread((&current, &versions), target, targets, &ruling, subjects, frame)?,
        (
            Held::History { current, versions },
            Interaction::Fhir { action: FhirAction::History(request), .. },
        ) => history::history((&current, &versions), request, targets, &ruling, subjects, frame)?,
        (Held::Absent | Held::Searchset { .. } | Held::History { .. }, _) => {
            return Err(frame.exchange.end(Ending::NotFound));
        }
    };
    Ok((minimised, ruling.into_admitted()))
}

fn read(
    document: &Document,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let digest = Cell::new([0; 16]);
    let version = |bytes: &[u8]| {
        digest.set(frame.version(ruling, bytes));
        digest.get()
    };
    let judge = Judge { version: Some(&version), ..Judge::of(ruling, targets, frame, &face) };
    let mut account = Account::new(ruling, subjects);
    match judge.judge(document.root()) {
        Ok(judged) => {
            account.shares(&judged);
            let etag = digest.get().iter().map(|byte| format!("{byte:02x}")).collect();
            let head = Head {
                status: 200,
                etag: Some(etag),
                location: None,
                provenance: Some(frame.exchange.request_id.clone()),
                media: Media::FhirJson,
            };
            let records = Records {
                exchange: frame.exchange.clone().ended(Event::Disclosed, 200, None),
                persons: account.close(),
            };
            Ok(Minimised { body: judged.bytes, head, records, provenance: None })
        }
        Err(kept) => Err(kept_back(kept, account, frame)),
    }
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
    (pages, complete): (&[Document], Complete),
    targets: Targets<'_>,
    request: &SearchRequest,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let admitted = ruling.admitted();
    let named = named(&request.query, ruling);
    if let Some(refusal) = all_refused(&request.query, &named, ruling)
        && admitted.existence() == Existence::Open
    {
        return Err(refused(refusal, Existence::Open, Account::new(ruling, subjects), frame));
    }
    let face = frame.face();
    if all_refused(&request.query, &named, ruling).is_some() {
        // As if there were nothing, however much there is.
        return page(&[], Account::new(ruling, subjects), request, frame, &face, ruling);
    }
    if complete == Complete::Bounded {
        return Err(ended(Ending::TooCostly, Account::new(ruling, subjects), frame));
    }
    let version = |bytes: &[u8]| frame.version(ruling, bytes);
    let judge = Judge { version: Some(&version), ..Judge::of(ruling, targets, frame, &face) };
    let mut account = Account::new(ruling, subjects);
    let mut visible = Vec::new();
    for page in pages {
        let bundle = Bundle::read(page.root(), ENTRIES_MAX)
            .map_err(|_| ended(Ending::WrongPersons, Account::new(ruling, subjects), frame))?;
        for entry in bundle.entries() {
            let (Some(node), None | Some(SearchMode::Match)) = (entry.resource, entry.mode) else { continue };
            if !is_asked_for(node, &request.query, &named, ruling, frame.bases) {
                return Err(ended(Ending::WrongPersons, Account::new(ruling, subjects), frame));
            }
            if request.query.matches(node, frame.bases) == Match::No {
                continue;
            }
            match judge.judge(node) {
                Ok(judged) if matches_again(&judged, request, admitted, frame.bases) => visible.push(judged),
                Ok(_) => {}
                Err(kept) => account.keeps(&kept, Named::BySubjectsOnly),
            }
        }
    }
    page(&visible, account, request, frame, &face, ruling)
}

/// Cuts the page from the view, and records what is on it and nothing else.
fn page(
    visible: &[Judged],
    mut account: Account<'_>,
    request: &SearchRequest,
    frame: Frame<'_>,
    face: &str,
    ruling: &Ruling,
) -> Result<Minimised, Ended> {
    let admitted = ruling.admitted();
    let count = count(request);
    let on_page: Vec<&Judged> = visible.iter().skip(request.offset).take(count).collect();
    for judged in &on_page {
        account.shares(judged);
    }
    let persons = account.close();
    let exchange = frame.exchange.clone().ended(Event::Disclosed, 200, None);
    let provenance =
        provenance(&exchange.request_id, &exchange, &persons, frame.site).map(|made| made.to_json());
    let outcome = outcome(admitted, reasons_may_be_told(&request.query), &persons).to_json();
    let mut entries: Vec<Entry<'_>> = on_page
        .iter()
        .map(|judged| Entry {
            full_url: Some(format!("{face}/{}", judged.reference)),
            resource: &judged.bytes,
            mode: Mode::Match,
        })
        .collect();
    if let Some(provenance) = &provenance {
        let full_url = Some(format!("{}/fhir/Provenance/{}", frame.site.base, exchange.request_id));
        entries.push(Entry { full_url, resource: provenance, mode: Mode::Include });
    }
    entries.push(Entry { full_url: None, resource: &outcome, mode: Mode::Outcome });
    let type_name = request.query.resource_type().name();
    let self_link = format!("{face}/{type_name}?{}", request.query.to_form());
    let after = request.offset + on_page.len();
    let next_link = if after < visible.len() && count > 0 {
        let question = admitted.question();
        let cursor =
            cursor::next(frame.seal, &question.requestor, frame.system, &request.query, after, question.at)
                .map_err(|_| frame.exchange.end(Ending::NotWritten))?;
        Some(format!("{face}/{type_name}?_cursor={cursor}"))
    } else {
        None
    };
    let body = Searchset {
        id: &exchange.request_id,
        total: (request.query.named_persons().len() == 1).then_some(visible.len()),
        self_link: &self_link,
        next_link: next_link.as_deref(),
        entries: &entries,
    }
    .to_json();
    let head = Head { status: 200, ..Head::default() };
    Ok(Minimised { body, head, records: Records { exchange, persons }, provenance: None })
}

/// How many matches there are on a page.
pub(in crate::enforce) fn count(request: &SearchRequest) -> usize {
    let asked = request.query.count().map(|count| usize::try_from(count).unwrap_or(COUNT_MAX));
    asked.unwrap_or(COUNT).min(COUNT_MAX)
}

impl Frame<'_> {
    /// The same view has the same version for the same requestor, and another for everyone else.
    pub(in crate::enforce) fn version(&self, ruling: &Ruling, bytes: &[u8]) -> [u8; 16] {
        let requestor = &ruling.admitted().question().requestor;
        self.seal.digest_bytes(Digest::Version, &[cursor::holder_of(requestor).as_bytes(), bytes])
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

/// The keys of the persons the search names, as far as the system knows them.
pub(in crate::enforce) fn named(query: &SearchQuery, ruling: &Ruling) -> BTreeSet<PersonKey> {
    query
        .named_persons()
        .iter()
        .filter_map(|person| match person {
            NamedPerson::Patient(id) => ruling.person_of(id).cloned(),
            NamedPerson::Nhs(number) => Some(PersonKey::Nhs(*number)),
            NamedPerson::Identifier(_) => None,
        })
        .collect()
}

/// The refusal when everyone the search names is refused.
pub(in crate::enforce) fn all_refused(
    query: &SearchQuery,
    named: &BTreeSet<PersonKey>,
    ruling: &Ruling,
) -> Option<Refusal> {
    if query.named_persons().is_empty() {
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

/// Whether a match is about someone the search named; a search that names nobody by id or number asks for all.
pub(in crate::enforce) fn is_asked_for(
    node: Node<'_>,
    query: &SearchQuery,
    named: &BTreeSet<PersonKey>,
    ruling: &Ruling,
    bases: &Bases,
) -> bool {
    let by_key = |person: &NamedPerson| matches!(person, NamedPerson::Patient(_) | NamedPerson::Nhs(_));
    let names = query.named_persons();
    if names.is_empty() || !names.iter().all(by_key) {
        return true;
    }
    let found = persons_of(node, Came::FromHolder, bases);
    let asked_by_id = |person: &NamedPerson| match person {
        NamedPerson::Patient(id) => found.patients.contains(id),
        NamedPerson::Nhs(number) => found.nhs_numbers.contains(number) || bears(node, number),
        NamedPerson::Identifier(_) => false,
    };
    names.iter().any(asked_by_id)
        || found.patients.iter().filter_map(|id| ruling.person_of(id)).any(|person| named.contains(person))
}

/// Whether a Patient bears this number, verified or not.
fn bears(node: Node<'_>, number: &NhsNumber) -> bool {
    node.walk(&["identifier"]).any(|identifier| {
        identifier.member("system").is_some_and(|system| system.is_string(NHS_NUMBER))
            && identifier.str_at(&["value"]).and_then(|value| NhsNumber::parse(&value).ok()).as_ref()
                == Some(number)
    })
}

/// Where only some may see what a criterion reads, a match counts only if its minimised form meets it too.
pub(in crate::enforce) fn matches_again(
    judged: &Judged,
    request: &SearchRequest,
    admitted: &Admitted,
    bases: &Bases,
) -> bool {
    if admitted.rematch().is_empty() {
        return true;
    }
    let Ok(document) = parse(judged.bytes.clone().into(), &Limits::default()) else { return false };
    request
        .query
        .criteria()
        .iter()
        .filter(|criterion| admitted.rematch().contains(criterion.code()))
        .all(|criterion| matches::matches(criterion, document.root(), bases) == Match::Yes)
}

/// Whether the reason classes of what was left out may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasons {
    Told,
    Kept,
}

/// A search that asks for content learns by the reasons what the content of the hidden is: they are told only where
/// the search names persons and nothing else.
fn reasons_may_be_told(query: &SearchQuery) -> Reasons {
    let names_persons = |code| matches!(code, "patient" | "subject");
    match query.criteria().iter().all(|criterion| names_persons(criterion.code())) {
        true => Reasons::Told,
        false => Reasons::Kept,
    }
}

/// Says that absence here is not evidence of absence; where existence is open also why something was left out.
fn outcome(admitted: &Admitted, reasons: Reasons, persons: &[AboutPerson]) -> OperationOutcome {
    let shows = format!(
        "this answer shows what the agreement \"{}\" shares; absence here is not evidence of absence",
        admitted.agreement().title
    );
    let mut outcome =
        OperationOutcome::new(Issue::from_settings(Severity::Information, IssueType::Informational, shows));
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

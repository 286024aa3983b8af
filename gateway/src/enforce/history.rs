//! Versions of one resource, each as this requestor may see it today.
//!
//! The resource as it is now is judged first: whoever may not see it sees no version of it, in the same words as if it
//! were not there. Each earlier version is judged by itself and under what is said of the resource now ([`Judge::under`]):
//! the owners of both must permit, the labels of both count, and where a person is stays hidden in every version once it
//! is protected. What is left is a history of the view: versions that look alike are one, a deletion is told only after
//! a version that was told, and a version has the name that the view of it has. Nothing tells what was left out.

use std::collections::BTreeSet;

use fhir::instant::{DateTime, Range};
use fhir::json::{Document, Node};
use fhir::nhs_number::NhsNumber;
use jiff::Timestamp;

use super::account::{Account, Named};
use super::answer::{self, Frame};
use super::facts;
use super::held::{Complete, Versions};
use super::judge::{Judge, Judged, KeptBack, LastVersion, Targets, Why};
use super::matched::{COUNT, COUNT_MAX};
use super::release::{Head, Media, Minimised};
use super::subjects::Subjects;
use super::versions_bundle::{Change, Entry, VersionsBundle};
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Answer, Ruling};
use crate::hex::hex;
use crate::interaction::Malformed;
use crate::interaction::cursor::Onward;
use crate::interaction::{HistoryRequest, VersionTarget, cursor};
use crate::outcome::{Ended, Ending};
use crate::person::PersonKey;
use crate::trail::record::Event;
use crate::trail::records::Records;

/// One entry of a history as the upstream tells it.
#[derive(Clone, Copy)]
struct Told<'a> {
    /// Nothing for a deletion.
    node: Option<Node<'a>>,
    /// When it came about, as far as that is said.
    at: Option<Timestamp>,
}

/// One entry of the history of the view.
enum Shown {
    /// A version, with its name.
    Version { judged: Box<Judged>, version: String, at: Option<Timestamp> },
    /// The resource was deleted.
    Deletion { at: Option<Timestamp> },
}

/// What of a history this requestor may see, newest first, and what was kept back.
struct Seen {
    shown: Vec<Shown>,
    kept: Vec<KeptBack>,
}

/// The version that has this name in the view.
pub(in crate::enforce) fn vread(
    (current, versions): (&Document, &Versions),
    target: &VersionTarget,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let seen = look((current, versions), targets, ruling, subjects, frame)?;
    let mut account = Account::new(ruling, subjects);
    let wanted = seen.shown.into_iter().find_map(|shown| match shown {
        Shown::Version { judged, version, .. } if version == target.version.as_str() => {
            Some((judged, version))
        }
        Shown::Version { .. } | Shown::Deletion { .. } => None,
    });
    let Some((judged, version)) = wanted else {
        let ending = incomplete(versions).unwrap_or(Ending::NotFound);
        return Err(answer::ended(ending, account, frame));
    };
    account.shares_as(&judged, &named(&judged.reference, &version));
    let last_modified = answer::last_updated(&judged.bytes);
    let head = Head { etag: Some(version), last_modified, ..head(frame) };
    Ok(minimised(judged.bytes, head, account, frame))
}

/// The history of the view.
pub(in crate::enforce) fn history(
    (current, versions): (&Document, &Versions),
    request: &HistoryRequest,
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let Seen { mut shown, kept } = look((current, versions), targets, ruling, subjects, frame)?;
    let mut account = Account::new(ruling, subjects);
    if let Some(ending) = incomplete(versions) {
        return Err(answer::ended(ending, account, frame));
    }
    for one in &kept {
        account.keeps(one, Named::BySubjectsOnly);
    }
    let since = request.since.as_ref().map(DateTime::range);
    shown.retain(|one| since.as_ref().is_none_or(|since| one.is_since(since)));
    let persons = shown.iter().flat_map(Shown::persons);
    let standing = frame.standing(ruling, persons);
    if !standing.goes_on(request.standing) {
        return Err(answer::ended(Ending::Malformed(Malformed::Cursor), account, frame));
    }
    let total = shown.len();
    let count = request.count.unwrap_or(COUNT).min(COUNT_MAX);
    let on_page: Vec<Shown> = shown.into_iter().skip(request.offset).take(count).collect();
    let place = format!("{}/{}", request.resource.resource_type.name(), request.resource.id.as_str());
    let url = format!("{}/{place}", frame.face());
    let mut entries = Vec::with_capacity(on_page.len());
    for one in &on_page {
        entries.push(Entry { full_url: &url, url: &place, change: one.change() });
        if let Shown::Version { judged, version, .. } = one {
            account.shares_as(judged, &named(&judged.reference, version));
        }
    }
    let offset = request.offset.saturating_add(on_page.len());
    let next_link = match offset < total {
        true => {
            let cursor = next(request, Onward { offset, standing }, ruling, frame)?;
            Some(format!("{url}/_history?_cursor={cursor}{}", frame.exchange.format_in_link()))
        }
        false => None,
    };
    let form = request.to_form();
    let self_link =
        if form.is_empty() { format!("{url}/_history") } else { format!("{url}/_history?{form}") };
    let body = VersionsBundle {
        id: &frame.exchange.request_id,
        total,
        self_link: &self_link,
        next_link: next_link.as_deref(),
        entries: &entries,
    }
    .to_json();
    Ok(minimised(body, head(frame), account, frame))
}

/// The NHS numbers that a version of a Patient bears and the Patient as she is now does not: as it was then, the record
/// was about whoever they belong to.
pub(in crate::enforce) fn others_of(version: Node<'_>, current: Node<'_>) -> BTreeSet<NhsNumber> {
    let now = facts::numbers_borne(current);
    facts::numbers_borne(version).into_iter().filter(|number| !now.contains(number)).collect()
}

/// Judges the resource as it is now, and then each version under it.
fn look(
    (current, versions): (&Document, &Versions),
    targets: Targets<'_>,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Seen, Ended> {
    let told = told(current, versions);
    let newest = match told.first() {
        Some(Told { node: Some(newest), .. }) => *newest,
        // Deleted since it was read.
        Some(Told { node: None, .. }) | None => {
            return Err(answer::ended(Ending::NotFound, Account::new(ruling, subjects), frame));
        }
    };
    let face = frame.face();
    let digest = LastVersion::default();
    let version = |bytes: &[u8]| digest.keep(frame.version(ruling, bytes));
    let under = [current.root(), newest];
    let judge = Judge { under: &under, version: Some(&version), ..Judge::of(ruling, targets, frame, &face) };
    for now in under {
        if let Err(kept) = judge.judge(now) {
            return Err(answer::kept_back(kept, Account::new(ruling, subjects), frame));
        }
    }
    let mut seen = Seen { shown: Vec::new(), kept: Vec::new() };
    let mut before_was_shown = false;
    for Told { node, at } in told.into_iter().rev() {
        let Some(node) = node else {
            if std::mem::take(&mut before_was_shown) {
                seen.shown.push(Shown::Deletion { at });
            }
            continue;
        };
        match owners_permit(node, current.root(), ruling).and_then(|()| judge.judge(node)) {
            Ok(judged) => {
                before_was_shown = true;
                let version = hex(&digest.get());
                if !seen.shown.last().is_some_and(|last| last.looks_like(&version)) {
                    seen.shown.push(Shown::Version { judged: Box::new(judged), version, at });
                }
            }
            Err(kept) => {
                before_was_shown = false;
                seen.kept.push(kept);
            }
        }
    }
    seen.shown.reverse();
    Ok(seen)
}

/// Whether everyone whose number the version bears, and the resource as it is now does not, permits it.
fn owners_permit(version: Node<'_>, current: Node<'_>, ruling: &Ruling) -> Result<(), KeptBack> {
    for number in others_of(version, current) {
        let person = PersonKey::Nhs(number);
        let why = match ruling.answers().get(&person) {
            Some(Answer::Permit(_)) => continue,
            Some(Answer::Refusal(why)) => why.clone(),
            None => Refusal::PersonUncertain,
        };
        let kin = BTreeSet::new();
        return Err(KeptBack { why: Why::Refused(why), earned: None, persons: vec![person], kin });
    }
    Ok(())
}

/// What the upstream tells, newest first, each version once.
fn told<'a>(current: &'a Document, versions: &'a Versions) -> Vec<Told<'a>> {
    let pages = match versions {
        Versions::Known { pages, .. } => pages.as_slice(),
        Versions::Unknown(_) | Versions::NotShared => &[],
    };
    let mut told: Vec<Told<'a>> =
        pages.iter().flat_map(|page| page.root().walk(&["entry"])).map(Told::of).collect();
    let mut now = Told::of_version(current.root(), None);
    if matches!(versions, Versions::NotShared) {
        now.at = None;
    }
    told.insert(0, now);
    // Histories should begin with the newest version; not all do.
    if told.iter().all(|one| one.at.is_some()) {
        told.sort_by_key(|one| std::cmp::Reverse(one.at));
    }
    let mut seen = BTreeSet::new();
    told.retain(|one| one.id().is_none_or(|id| seen.insert(id)));
    told
}

impl<'a> Told<'a> {
    fn of(entry: Node<'a>) -> Self {
        let at = moment(entry, &["response", "lastModified"]);
        let deletes = entry.str_at(&["request", "method"]).is_some_and(|method| method == "DELETE");
        match entry.member("resource") {
            Some(version) if !deletes => Self::of_version(version, at),
            Some(_) | None => Self { node: None, at },
        }
    }

    fn of_version(version: Node<'a>, at: Option<Timestamp>) -> Self {
        Self { node: Some(version), at: moment(version, &["meta", "lastUpdated"]).or(at) }
    }

    /// The upstream's name of the version.
    fn id(&self) -> Option<String> {
        self.node?.str_at(&["meta", "versionId"]).map(String::from)
    }
}

/// A moment that a resource states.
pub(in crate::enforce) fn moment(node: Node<'_>, path: &[&str]) -> Option<Timestamp> {
    DateTime::parse(&node.str_at(path)?).ok().map(|time| time.range().from)
}

impl Shown {
    fn looks_like(&self, other: &str) -> bool {
        matches!(self, Self::Version { version, .. } if version == other)
    }

    /// Whether it came about at `since` or later, or it is not known when.
    fn is_since(&self, since: &Range) -> bool {
        let (Self::Version { at, .. } | Self::Deletion { at }) = self;
        at.is_none_or(|at| at >= since.from)
    }

    /// Whom it is about.
    fn persons(&self) -> &[PersonKey] {
        match self {
            Self::Version { judged, .. } => &judged.persons,
            Self::Deletion { .. } => &[],
        }
    }

    fn change(&self) -> Change<'_> {
        match self {
            Self::Version { judged, version, .. } => Change::Version { resource: &judged.bytes, version },
            Self::Deletion { .. } => Change::Deletion,
        }
    }
}

/// `Type/id/_history/version`: what stands in the record.
fn named(reference: &str, version: &str) -> String {
    format!("{reference}/_history/{version}")
}

/// Why what was read is not the whole history, if it is not.
fn incomplete(versions: &Versions) -> Option<Ending> {
    match versions {
        Versions::Known { complete: Complete::All | Complete::Lacking, .. } | Versions::NotShared => None,
        Versions::Known { complete: Complete::Bounded, .. } => Some(Ending::TooCostly),
        Versions::Unknown(fault) => Some(Ending::Upstream(*fault)),
    }
}

fn next(
    request: &HistoryRequest,
    onward: Onward,
    ruling: &Ruling,
    frame: Frame<'_>,
) -> Result<String, Ended> {
    let question = ruling.admitted().question();
    cursor::next_of_history(frame.seal, &question.requestor, frame.system, request, onward, question.at)
        .map_err(|_| frame.exchange.end(Ending::NotWritten))
}

fn head(frame: Frame<'_>) -> Head {
    Head {
        last_modified: None,
        status: 200,
        etag: None,
        location: None,
        provenance: Some(frame.exchange.request_id.clone()),
        media: Media::FhirJson,
    }
}

fn minimised(body: Vec<u8>, head: Head, account: Account<'_>, frame: Frame<'_>) -> Minimised {
    let records = Records {
        exchange: frame.exchange.clone().ended(Event::Disclosed, 200, None),
        persons: account.close(),
    };
    Minimised { body, head, records, provenance: None }
}

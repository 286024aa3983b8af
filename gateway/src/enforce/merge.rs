//! Changes: from what is stored, the view of it and what someone made of that view to what is to be stored.
//!
//! The change is made on the view; then each element that differs is replaced by what was sent. Which may differ stands in
//! the agreement, and only such can stand there of which every view shows all (`agreement::check::writes`). So nothing
//! hidden is touched, and every refusal rests on the rules, the view and what was sent. What must hold of the result is
//! checked, and is a fault of the program where it does not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fhir::json::{Document, Kind, Limits, Node, parse};
use fhir::reference::Id;
use fhir::tables::{self, Element, TypeId};

use super::account::Account;
use super::answer::{Frame, kept_back};
use super::held::Held;
use super::judge::{Judge, Judged, LastVersion, Targets};
use super::minimise::{Marks, Reach, View, Withheld, resource};
use super::patch::{self, PatchFault};
use super::release::{Head, Minimised};
use super::shown::shown;
use super::subjects::Subjects;
use super::targets::LookedUp;
use super::unfiltered::Unfiltered;
use crate::agreement::Share;
use crate::decision::ruling::{Admitted, Ruling};
use crate::hex::hex;
use crate::interaction::{ResourceChange, Return, Wanted};
use crate::outcome::{Ended, Ending, NotTaken};
use crate::trail::provenance::provenance;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

mod replace;
pub(in crate::enforce) mod same;
mod whole;

pub use replace::{Tells, Told, replaced};
pub use whole::{Removal, remove};

use same::{same, same_or_absent};

/// Members of a resource that are compared by rules of their own.
const KEPT: [&str; 3] = ["resourceType", "id", "meta"];
/// Members of `meta` that are not compared with a view that was sent: the gateway's version, and when it was written.
const OF_THE_MOMENT: [&str; 2] = ["versionId", "lastUpdated"];
/// What is told of a change of which nothing else is.
const MADE: &str = "the change was made";
/// Bounds on a view that is patched: they depend on what is seen and what is sent.
const PATCHED: Limits =
    Limits { bytes_max: 20 << 20, depth_max: 64, members_max: 2_000, values_max: 600_000 };
/// Bounds on a resource that is sent on: beyond those within which one is read, whatever of it is hidden.
const MERGED: Limits =
    Limits { bytes_max: 1 << 30, depth_max: 128, members_max: 30_000, values_max: 16_000_000 };

/// Why a change is not made. Holds names of elements, no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// The type or id of the resource was changed.
    #[error("type and id are not written")]
    Identity,
    /// `meta` was changed.
    #[error("meta is not written")]
    Meta,
    /// It is not shared, or something is in it that would not be shown.
    #[error("{0} is not shared in this form")]
    NotShown(Cow<'static, str>),
    /// It may be read, and not written.
    #[error("{0} is not written")]
    ReadOnly(Cow<'static, str>),
    /// It may be changed, and must not be missing.
    #[error("{0} is required")]
    Required(Cow<'static, str>),
    /// What was sent earns a label that the view does not earn, or earns one no longer.
    #[error("the labels of the resource would be others")]
    Labels,
    /// The record of a shielded person.
    #[error("the person is shielded")]
    Shielded,
    /// It is to be deleted, and not all of it is shown.
    #[error("not all of it is shown")]
    Partly,
    /// The patch cannot be carried out on the view.
    #[error(transparent)]
    Patch(#[from] PatchFault),
}

impl Unwritable {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Identity => "write-changes-identity",
            Self::Meta => "write-changes-meta",
            Self::NotShown(_) => "write-not-shown",
            Self::ReadOnly(_) => "write-read-only",
            Self::Required(_) => "write-required",
            Self::Labels => "write-changes-labels",
            Self::Shielded => "write-shielded",
            Self::Partly => "delete-partly-hidden",
            Self::Patch(PatchFault::Malformed) => "patch-malformed",
            Self::Patch(PatchFault::NothingThere) => "patch-nothing-there",
            Self::Patch(PatchFault::TestFailed) => "patch-test-failed",
            Self::Patch(PatchFault::TooMuch) => "patch-too-much",
        }
    }

    /// The element it is about, by its name in the specification.
    #[must_use]
    pub fn element(&self) -> Option<&str> {
        match self {
            Self::NotShown(path) | Self::ReadOnly(path) | Self::Required(path) => Some(path),
            Self::Identity | Self::Meta | Self::Labels | Self::Shielded | Self::Partly | Self::Patch(_) => {
                None
            }
        }
    }
}

/// Why nothing is written: refused, or a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmade {
    /// By the rules, the view and what was sent.
    Refused(Unwritable),
    /// The result is not what it must be: a fault of the program.
    Broken,
}

impl From<Unwritable> for Unmade {
    fn from(why: Unwritable) -> Self {
        Self::Refused(why)
    }
}

impl From<Unmade> for Ending {
    fn from(why: Unmade) -> Self {
        match why {
            Unmade::Refused(why) => Self::Unwritable(why),
            Unmade::Broken => Self::NotMerged,
        }
    }
}

/// When a change is made that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is made.
    Now,
    /// It will be.
    Later,
}

/// What is to be done.
#[derive(Debug)]
pub enum Step {
    /// Nothing: what was sent is what is shown. The answer shows it.
    Same(Minimised),
    /// This is sent to the holder, if it still has this version.
    Send {
        /// The whole resource, and the record of the intent.
        intent: Minimised,
        /// The version it changes.
        version: Id,
    },
}

impl Step {
    /// The same, recorded with the name of the fault in spite of which it is done.
    #[must_use]
    pub fn in_spite_of(self, reason: &str) -> Self {
        match self {
            Self::Same(shown) => Self::Same(shown.in_spite_of(reason)),
            Self::Send { intent, version } => Self::Send { intent: intent.in_spite_of(reason), version },
        }
    }
}

/// Makes of what is stored and of what is wanted what is to be stored. References are shown as a read shows them, by
/// what was looked up.
///
/// # Errors
/// [`Ended`] when nothing is to be written, with the record that says why.
pub fn change(
    held: &Unfiltered<Held>,
    looked_up: &LookedUp,
    wanted: &ResourceChange,
    ruling: Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<(Step, Admitted), Ended> {
    let Held::Resource(stored) = held.inner() else {
        return Err(frame.exchange.end(Ending::NotFound));
    };
    let face = frame.face();
    let digest = LastVersion::default();
    let version = |bytes: &[u8]| digest.keep(frame.version(&ruling, bytes));
    let frame = looked_up.known_in(frame);
    let visible = looked_up.visible(held, &ruling, frame);
    let judge =
        Judge { version: Some(&version), ..Judge::of(&ruling, Targets::Known(&visible), frame, &face) };
    let mut account = Account::new(&ruling, subjects);
    let judged = match judge.judge(stored.root()) {
        Ok(judged) => judged,
        Err(kept) => return Err(kept_back(kept, account, frame)),
    };
    let etag = digest.get();
    account.shares(&judged);
    if wanted.if_match != hex(&etag) {
        return Err(ended(Ending::VersionMoved, account, frame));
    }
    let seen = Seen { stored: stored.root(), judged: &judged, judge: &judge };
    match seen.merged(wanted, ruling.admitted().share()) {
        Err(why) => Err(ended(why.into(), account, frame)),
        Ok(None) => {
            let step = Step::Same(shown(judged, etag, account, frame));
            Ok((step, ruling.into_admitted()))
        }
        Ok(Some(body)) => {
            let version = stored.root().str_at(&["meta", "versionId"]).and_then(|id| Id::parse(&id).ok());
            let Some(version) = version else {
                return Err(ended(Ending::NotTaken(NotTaken::NotSupported), account, frame));
            };
            let intent = intent(body, account, frame);
            Ok((Step::Send { intent, version }, ruling.into_admitted()))
        }
    }
}

/// The answer to a change that was made: the view of what is stored now, as far as it is wanted.
#[must_use]
pub fn changed(view: Minimised, wanted: Return) -> Minimised {
    let Minimised { body, head, mut records, provenance } = view;
    records.exchange = records.exchange.ended(Event::Outcome, head.status, None);
    let body = match wanted {
        Return::Representation => body,
        Return::Minimal => Vec::new(),
        Return::OperationOutcome => informs(MADE).to_json(),
    };
    Minimised { body, head, records, provenance }
}

/// The answer to a change that was made, when what is stored now cannot be shown.
#[must_use]
pub fn changed_unseen(outcome: &Exchange, when: Made) -> Minimised {
    let (status, text) = match when {
        Made::Now => (200, MADE),
        Made::Later => (202, "the change was taken and is made later"),
    };
    Minimised {
        body: informs(text).to_json(),
        head: Head { status, ..Head::default() },
        records: Records::from(outcome.clone().ended(Event::Outcome, status, None)),
        provenance: None,
    }
}

fn informs(text: &'static str) -> fhir::outcome::OperationOutcome {
    use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
    OperationOutcome::new(Issue::new(Severity::Information, IssueType::Informational, text))
}

fn intent(body: Vec<u8>, account: Account<'_>, frame: Frame<'_>) -> Minimised {
    let exchange = frame.exchange.clone().ended(Event::Intent, 0, None);
    let persons = account.close();
    let made = provenance(&exchange.request_id, &exchange, &persons, frame.site);
    Minimised {
        body,
        head: Head::default(),
        records: Records { exchange, persons },
        provenance: made.map(|made| made.to_json().into()),
    }
}

/// The end of an exchange that changes nothing, in the trail of those it concerned.
fn ended(ending: Ending, account: Account<'_>, frame: Frame<'_>) -> Ended {
    let mut persons = account.close();
    for person in &mut persons {
        person.resources.clear();
        person.refusal.get_or_insert_with(|| ending.reason().to_owned());
    }
    Ended { ending, records: Box::new(Records { exchange: frame.exchange.clone(), persons }) }
}

/// What is stored, and what the requestor sees of it.
struct Seen<'a> {
    stored: Node<'a>,
    judged: &'a Judged,
    judge: &'a Judge<'a>,
}

impl Seen<'_> {
    /// The resource as it is to be stored; nothing when nothing is changed.
    fn merged(&self, wanted: &ResourceChange, share: &Share) -> Result<Option<Vec<u8>>, Unmade> {
        let owner = wanted.target.resource_type;
        let view = read(self.judged.bytes.clone())?;
        if self.judge.is_shielded(self.stored, view.root()) {
            return Err(Unwritable::Shielded.into());
        }
        let patched;
        let (sent, lacks) = match &wanted.wanted {
            Wanted::Whole(body) => (body.inner().root(), Lacks::IsLeft),
            Wanted::Patch(body) => {
                let bytes = patch::apply(view.root(), body.inner().root()).map_err(Unwritable::from)?;
                patched =
                    parse(bytes.into(), &PATCHED).map_err(|_| Unwritable::Patch(PatchFault::TooMuch))?;
                (patched.root(), Lacks::IsTakenAway)
            }
        };
        is_the_same_resource(view.root(), sent, lacks)?;
        let changed = differing(owner, view.root(), sent, lacks, share)?;
        if changed.is_empty() {
            return Ok(None);
        }
        if changed.iter().any(|name| self.judge.may_leave_out(self.stored, owner, name)) {
            return Err(Unwritable::Shielded.into());
        }
        let form = read(in_form(owner, &changed, sent, share)?)?;
        let new = read(replaced(owner, view.root(), form.root(), &changed, &|_| Told::Nothing))?;
        if self.judge.labels(view.root()) != self.judge.labels(new.root()) {
            return Err(Unwritable::Labels.into());
        }
        let tells = |part: Node<'_>| self.judge.tells(part);
        let merged = read(replaced(owner, self.stored, form.root(), &changed, &tells))?;
        match self.judge.decides_alike(self.stored, merged.root()) && self.is_shown(merged.root(), new.root())
        {
            true => Ok(Some(merged.root().raw().to_vec())),
            false => Err(Unmade::Broken),
        }
    }

    /// Whether the view of the result is the view that was sent.
    fn is_shown(&self, merged: Node<'_>, new: Node<'_>) -> bool {
        let Ok(judged) = self.judge.judge(merged) else { return false };
        read(judged.bytes).is_ok_and(|result| {
            names([new, result.root()])
                .into_iter()
                .all(|name| same_or_absent(result.root().member(&name), new.member(&name)))
        })
    }
}

fn read(bytes: Vec<u8>) -> Result<Document, Unmade> {
    parse(bytes.into(), &MERGED).map_err(|_| Unmade::Broken)
}

/// What it means that something is not in what was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacks {
    /// A part of a view may be sent: what is not the requestor's to write stays as it is.
    IsLeft,
    /// It was taken away: all of a patch is carried out, or nothing.
    IsTakenAway,
}

/// The elements that were changed, by their names in the specification: all of them may be.
fn differing(
    owner: TypeId,
    view: Node<'_>,
    sent: Node<'_>,
    lacks: Lacks,
    share: &Share,
) -> Result<BTreeSet<&'static str>, Unwritable> {
    let mut changed = BTreeSet::new();
    for name in names([view, sent]) {
        if same_or_absent(view.member(&name), sent.member(&name)) {
            continue;
        }
        let found = tables::element(owner, base(&name));
        match found.filter(|found| share.may_write(owner, found.name())) {
            Some(found) => drop(changed.insert(found.name())),
            None if lacks == Lacks::IsLeft && sent.member(&name).is_none() => {}
            None => return Err(not_written(owner, found, share)),
        }
    }
    Ok(changed)
}

/// By the agreement alone: what one resource shows of an element may hang on what is hidden of it.
fn not_written(owner: TypeId, found: Option<Element>, share: &Share) -> Unwritable {
    let Some(found) = found else { return Unwritable::NotShown(owner.name().into()) };
    match share.speaks_of(owner, found.name()) {
        true => Unwritable::ReadOnly(found.path().into()),
        false => Unwritable::NotShown(found.path().into()),
    }
}

/// What was sent of the elements `changed`, and nothing of it that would not be shown of any resource: no ids, no
/// extensions, no names that FHIR does not know.
fn in_form(
    owner: TypeId,
    changed: &BTreeSet<&'static str>,
    sent: Node<'_>,
    share: &Share,
) -> Result<Vec<u8>, Unmade> {
    let mask = share.form(owner).ok_or(Unmade::Broken)?;
    let view = View {
        mask: &|found, node| Some(mask).filter(|_| found == owner && node.offset() == sent.offset()),
        reach: &|_| Reach::Hidden,
        full_url: &|_| super::minimise::Written::AsItStands,
        link: &|_| None,
        content: &|_| None,
        marks: Marks::Subsetted,
        version: None,
    };
    let mut form = Vec::new();
    resource(sent, &view, &mut Withheld::default(), &mut form)
        .map_err(|_| Unwritable::NotShown(owner.name().into()))?;
    let form = read(form)?;
    for found in owner.elements().filter(|found| changed.contains(found.name())) {
        let keys = || owner.keys().filter(|(_, other)| other.id() == found.id());
        let both = |key: &str| (form.root().member(key), sent.member(key));
        let is_in_form = keys().all(|(key, _)| {
            [key.to_owned(), format!("_{key}")].iter().all(|key| match both(key) {
                (None, None) => true,
                (form, Some(sent)) => covers(form, sent) && form.is_none_or(|form| covers(Some(sent), form)),
                (Some(_), None) => false,
            })
        });
        let held = keys().filter(|(key, _)| form.root().member(key).is_some()).count();
        if !is_in_form || held > 1 {
            return Err(Unwritable::NotShown(found.path().into()).into());
        }
        // What has required parts leaves nothing behind that is valid, should something hidden have to stay.
        let has_required_parts = |inner: TypeId| inner.elements().any(|part| part.min() > 0);
        let is_needed =
            found.min() > 0 || keys().any(|(_, key)| key.child_type().is_some_and(has_required_parts));
        if held == 0 && is_needed {
            return Err(Unwritable::Required(found.path().into()).into());
        }
    }
    Ok(form.root().raw().to_vec())
}

/// Type, id and `meta` are not the requestor's to change; of `meta` a part may be left out of a view that is sent.
fn is_the_same_resource(view: Node<'_>, sent: Node<'_>, lacks: Lacks) -> Result<(), Unwritable> {
    if sent.kind() != Kind::Object
        || !["resourceType", "id"].iter().all(|name| same_or_absent(view.member(name), sent.member(name)))
    {
        return Err(Unwritable::Identity);
    }
    let (shown, meta) = (view.member("meta"), sent.member("meta"));
    let kept = match (lacks, meta) {
        (Lacks::IsTakenAway, _) => same_or_absent(shown, meta),
        (Lacks::IsLeft, None) => true,
        (Lacks::IsLeft, Some(meta)) => {
            let mut said = meta.members().filter(|(key, _)| !OF_THE_MOMENT.iter().any(|name| key.is(name)));
            meta.kind() == Kind::Object
                && said.all(|(key, value)| {
                    shown.and_then(|shown| shown.member(&key.text())).is_some_and(|shown| same(shown, value))
                })
        }
    };
    if kept { Ok(()) } else { Err(Unwritable::Meta) }
}

/// Whether all that `sent` says is in `shown`; what is empty says nothing.
fn covers(shown: Option<Node<'_>>, sent: Node<'_>) -> bool {
    let is_empty = matches!(sent.kind(), Kind::Object | Kind::Array) && sent.is_empty();
    let Some(shown) = shown else { return is_empty };
    match (shown.kind(), sent.kind()) {
        (Kind::Object, Kind::Object) => {
            sent.members().all(|(key, value)| covers(shown.member(&key.text()), value))
        }
        (Kind::Array, Kind::Array) => {
            shown.len() == sent.len()
                && shown.items().zip(sent.items()).all(|(shown, sent)| covers(Some(shown), sent))
        }
        (_, _) => same(shown, sent),
    }
}

fn names<const N: usize>(nodes: [Node<'_>; N]) -> BTreeSet<String> {
    let names = nodes.into_iter().flat_map(Node::members).map(|(key, _)| key.text().into_owned());
    names.filter(|name| !KEPT.contains(&base(name))).collect()
}

fn base(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

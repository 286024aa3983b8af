//! A Binary: it says nothing of whom it is about, so it is shared only through what points at it.
//!
//! A resource that this requestor may see, whose view shows an attachment with the address of the Binary, makes it
//! readable; the persons of that resource are those of the Binary. What the Binary says of itself can only take away:
//! what its `securityContext` names must be visible too. So can what else points at it: a letter that is also another
//! person's, or filed as sensitive elsewhere, is hers too. Which resources those are is found by asking the holder.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Document, Node};
use fhir::reference::{Bases, Id, Reference};

use super::account::Account;
use super::answer::{self, Frame};
use super::criteria::essence;
use super::held::Complete;
use super::judge::{BINARY, Judge, Judged, KeptBack, LastVersion, Targets, Why};
use super::matched::reread;
use super::persons::{Came, PersonsOf, persons_of};
use super::release::{Head, Media, Minimised};
use super::resource_facts::resource_facts;
use super::subjects::Subjects;
use super::targets::in_pages;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Answer, Ruling};
use crate::hex::hex;
use crate::interaction::{BinaryForm, Malformed};
use crate::outcome::{Ended, Ending};
use crate::trail::record::Event;
use crate::trail::records::Records;

/// The type of content that says nothing of itself.
const OCTETS: &str = "application/octet-stream";

/// Minimises a Binary, or says why it is kept back.
pub(in crate::enforce) fn read(
    (binary, pointing, complete): (&Document, &[Document], Complete),
    form: &BinaryForm,
    ruling: &Ruling,
    subjects: &Subjects,
    frame: Frame<'_>,
) -> Result<Minimised, Ended> {
    let face = frame.face();
    let digest = LastVersion::default();
    let version = |bytes: &[u8]| digest.keep(frame.version(ruling, bytes));
    let judge = Judge { version: Some(&version), ..Judge::of(ruling, Targets::NONE, frame, &face) };
    let mut account = Account::new(ruling, subjects);
    let root = binary.root();
    let found = match complete {
        Complete::All | Complete::Lacking => owners(root, &in_pages(pointing), ruling, frame),
        // What was not read may be another person's.
        Complete::Bounded => Err(unknown()),
    };
    let judged = found
        .and_then(|owners| judge.judge_as(root, &owners))
        .map_err(|kept| answer::kept_back(kept, Account::new(ruling, subjects), frame))?;
    let (body, media) = match form {
        BinaryForm::Resource => (judged.bytes.clone(), Media::FhirJson),
        BinaryForm::Content(accepts) => {
            let (bytes, media_type) = content(&judged);
            if !accepts.takes(&media_type) {
                return Err(answer::ended(Ending::Malformed(Malformed::NotAcceptable), account, frame));
            }
            (bytes, Media::Content(media_type))
        }
    };
    account.shares(&judged);
    let head = Head {
        status: 200,
        etag: Some(hex(&digest.get())),
        last_modified: None,
        location: None,
        provenance: Some(frame.exchange.request_id.clone()),
        media,
    };
    let exchange = frame.exchange.clone().ended(Event::Disclosed, 200, None);
    Ok(Minimised { body, head, records: Records { exchange, persons: account.close() }, provenance: None })
}

/// Whose it is cannot be told.
fn unknown() -> KeptBack {
    KeptBack {
        why: Why::Refused(Refusal::PersonUncertain),
        earned: None,
        persons: Vec::new(),
        kin: BTreeSet::new(),
    }
}

/// The persons of the resources that point at the Binary, one of which makes it readable, and of what it names as its
/// context.
fn owners(
    binary: Node<'_>,
    pointing: &[Node<'_>],
    ruling: &Ruling,
    frame: Frame<'_>,
) -> Result<PersonsOf, KeptBack> {
    let face = frame.face();
    let alone = Judge::of(ruling, Targets::NONE, frame, &face);
    let id = binary.str_at(&["id"]).and_then(|id| Id::parse(&id).ok()).ok_or_else(unknown)?;
    let (mut owners, mut visible) = (PersonsOf::default(), BTreeMap::new());
    let (mut shown, mut refused) = (Shown::Nowhere, unknown());
    for node in pointing {
        let is_owner = names(*node, &id, frame.bases);
        if is_owner {
            owners.extend(persons_of(*node, Came::FromHolder, frame.bases));
        }
        match alone.judge(*node) {
            Ok(judged) => {
                if is_owner && points_at(&judged, &id) {
                    shown = Shown::InAView;
                }
                visible.insert(judged.reference, *node);
            }
            Err(kept) if is_owner && !is_merely_unshared(&kept, *node, &alone) => return Err(kept),
            Err(kept) => refused = kept,
        }
    }
    match (shown, context(binary, &visible, ruling, frame.bases)) {
        (Shown::InAView, Ok(context)) => {
            owners.extend(context);
            Ok(owners)
        }
        (Shown::InAView | Shown::Nowhere, _) => Err(refused),
    }
}

/// Whether a view shows the address of the Binary.
#[derive(Clone, Copy)]
enum Shown {
    Nowhere,
    InAView,
}

/// Whether a resource is kept back only because the agreement does not share such a one, and not for a person, a label
/// or a word about sharing.
fn is_merely_unshared(kept: &KeptBack, node: Node<'_>, judge: &Judge<'_>) -> bool {
    match &kept.why {
        Why::Refused(Refusal::TypeNotShared | Refusal::NothingNecessary) => !is_labelled(node, judge),
        Why::Refused(_) | Why::Irreducible(_) => false,
    }
}

/// Whether the resource bears a label that keeps such a one, or a Binary, out.
fn is_labelled(node: Node<'_>, judge: &Judge<'_>) -> bool {
    let facts = resource_facts(node, judge.bases, judge.codes);
    let share = judge.ruling.admitted().share();
    let types = [facts.resource_type.as_str(), BINARY].map(fhir::tables::resource_type);
    let tables = types.into_iter().flatten().flat_map(|owner| share.tables(owner));
    tables.flat_map(|table| &table.not_labelled).any(|label| facts.is_labelled(label))
}

/// The persons of what the Binary itself names as its context, if that may be seen; one that names nothing does not
/// stand in the way.
fn context(
    binary: Node<'_>,
    visible: &BTreeMap<String, Node<'_>>,
    ruling: &Ruling,
    bases: &Bases,
) -> Result<PersonsOf, NotVisible> {
    let Some(context) = binary.member("securityContext") else { return Ok(PersonsOf::default()) };
    let text = context.str_at(&["reference"]);
    let local = text.and_then(|text| Reference::parse(&text, bases).ok()?.local().cloned());
    let local = local.ok_or(NotVisible)?;
    if local.resource_type.as_str() == "Patient" {
        return match ruling.answer_of(&local.id) {
            Some(Answer::Permit(_)) => Ok(PersonsOf::about(local.id)),
            Some(Answer::Refusal(_)) | None => Err(NotVisible),
        };
    }
    let node = visible.get(&local.to_relative()).ok_or(NotVisible)?;
    // The context speaks of her in person, whose kin she may be besides.
    Ok(persons_of(*node, Came::FromHolder, bases).into_persons())
}

/// The context of a Binary may not be seen.
struct NotVisible;

/// Whether a resource names the Binary, as it is or as it was, in the address of an attachment.
fn names(resource: Node<'_>, id: &Id, bases: &Bases) -> bool {
    has_url(resource, &|url: Node<'_>| {
        let parsed = url.string().and_then(|url| Reference::parse(&url, bases).ok());
        let local = parsed.as_ref().and_then(Reference::local);
        local.is_some_and(|local| local.resource_type.as_str() == BINARY && local.id == *id)
    })
}

/// Whether the view of a resource shows an attachment with the address of the Binary.
fn points_at(judged: &Judged, id: &Id) -> bool {
    let Some(view) = reread(&judged.bytes) else { return false };
    let wanted = format!("{BINARY}/{}", id.as_str());
    has_url(view.root(), &|url: Node<'_>| url.is_string(&wanted))
}

/// Whether an address of an attachment is such a one.
fn has_url(root: Node<'_>, is_wanted: &dyn Fn(Node<'_>) -> bool) -> bool {
    let mut open = vec![(root, Holder::Other)];
    while let Some((node, holder)) = open.pop() {
        open.extend(node.items().map(|item| (item, holder)));
        for (key, value) in node.members() {
            // The address of an extension is that of its definition.
            if key.is("url") && holder == Holder::Other && is_wanted(value) {
                return true;
            }
            let inside = if key.is("extension") { Holder::Extension } else { Holder::Other };
            open.push((value, inside));
        }
    }
    false
}

/// What an address stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Extension,
    Other,
}

/// The bytes of the view of a Binary, and what they are.
fn content(judged: &Judged) -> (Vec<u8>, String) {
    let Some(view) = reread(&judged.bytes) else {
        return (Vec::new(), OCTETS.to_owned());
    };
    let packed = view.root().str_at(&["data"]).unwrap_or_default();
    let packed: String = packed.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let stated = view.root().str_at(&["contentType"]).map(|stated| essence(&stated));
    let media_type = stated.filter(|stated| stated.contains('/')).unwrap_or_else(|| OCTETS.to_owned());
    (STANDARD.decode(packed).unwrap_or_default(), media_type)
}

//! What the entries of a transaction ask: parsed and admitted by rules alone, and what they call each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::json::Document;
use fhir::reference::Bases;
use fhir::search::SearchQuery;

use super::super::question;
use super::super::together::entry_of;
use super::{Named, Whole, all_or_none};
use crate::conditional;
use crate::decision::admit;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::subjects::{leads_of, named_in};
use crate::enforce::transaction::{IsNew, names_nothing, prepared, refers_to, urn};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::batch::{Line, NotABatch};
use crate::interaction::transaction::NotATransaction;
use crate::interaction::{
    BinaryTarget, FhirAction, HistoryRequest, Interaction, ReadTarget, ResourceChange, ResourceDeletion,
    VersionTarget, Wanted,
};
use crate::named;
use crate::outcome::{Ended, Ending};
use crate::pace::UnderWay;
use crate::server::arrived::RequestId;
use crate::trail::record::Exchange;

/// An entry that the rules admit.
pub(super) struct Entry {
    /// Its record up to here.
    pub(super) begun: Exchange,
    /// What the others call it, in the transaction that goes upstream.
    pub(super) name: String,
    pub(super) wish: Wish,
}

/// What an entry asks.
pub(super) enum Wish {
    Create {
        write: Admitted,
        /// What is looked for first: nothing is created when it is seen.
        look: Option<Box<Admitted>>,
        resource_type: &'static str,
        body: Body,
    },
    Change {
        admitted: Admitted,
        wanted: ResourceChange,
        /// What is wanted, as the entries are called upstream.
        body: Body,
    },
    Delete {
        admitted: Admitted,
        wanted: ResourceDeletion,
    },
    Read(Admitted),
    /// It concerns nobody.
    Plain(Question),
}

impl Wish {
    /// What the rules admitted; nothing for what concerns nobody.
    const fn admitted(&self) -> Option<&Admitted> {
        match self {
            Self::Create { write: admitted, .. }
            | Self::Change { admitted, .. }
            | Self::Delete { admitted, .. }
            | Self::Read(admitted) => Some(admitted),
            Self::Plain(_) => None,
        }
    }

    /// The resource that it changes or takes away.
    pub(super) fn place(&self) -> Option<String> {
        match self {
            Self::Change { wanted: ResourceChange { target, .. }, .. }
            | Self::Delete { wanted: ResourceDeletion { target, .. }, .. } => Some(place(target)),
            Self::Create { .. } | Self::Read(_) | Self::Plain(_) => None,
        }
    }
}

/// A body, and the names of other entries that it refers to.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) content: Arc<Unfiltered<Document>>,
    pub(super) refers_to: BTreeSet<String>,
    /// Those of whom or what it is about.
    pub(super) leads_to: BTreeSet<String>,
}

impl Body {
    pub(super) fn of(content: Unfiltered<Document>, bases: &Bases) -> Result<Self, NotATransaction> {
        let refers_to = refers_to(&content, bases)?;
        let leads_to = if refers_to.is_empty() { BTreeSet::new() } else { leads_of(&content, bases) };
        Ok(Self { content: Arc::new(content), refers_to, leads_to })
    }
}

/// An entry that was understood.
struct Parsed {
    question: Question,
    asks: Asks,
    begun: Exchange,
    full_url: Option<String>,
    name: String,
}

/// Parses and admits all entries, or none.
///
/// # Errors
/// [`Ended`] when one of them is not understood or refused by rule; no system was asked anything.
pub(super) async fn asked(
    lines: Vec<Result<Line, NotABatch>>,
    whole: &Whole<'_>,
    under_way: &UnderWay,
) -> Result<Vec<Entry>, Ended> {
    let (mut begun, mut parsed) = (Vec::new(), Vec::new());
    for line in lines {
        let Some(request_id) = RequestId::random() else { return Err(whole.begun.end(Ending::NotWritten)) };
        let entry = Exchange {
            request_id: request_id.to_string(),
            interaction: "unknown".to_owned(),
            ..entry_of(&whole.begun)
        };
        let one = parse(line, request_id, entry.clone(), whole);
        begun.push(one.as_ref().map_or(entry, |parsed| parsed.begun.clone()));
        parsed.push(one);
    }
    let beside = |_: Parsed, begun: &Exchange, ending| begun.end(ending);
    let (names, parsed) = named(parsed);
    let parsed = all_or_none(parsed, &begun, beside, whole).await?;
    let entries = parsed.into_iter().map(|one| entry(one, &names, whole, under_way)).collect();
    let entries = of_one_discloser(entries);
    let beside = |entry: Entry, _: &Exchange, ending| entry.begun.end(ending);
    all_or_none(entries, &begun, beside, whole).await
}

/// The entry as if it had come alone.
fn parse(
    line: Result<Line, NotABatch>,
    request_id: RequestId,
    begun: Exchange,
    whole: &Whole<'_>,
) -> Result<Parsed, Ended> {
    let name = format!("urn:uuid:{request_id}");
    let line = line.map_err(|why| begun.end(Ending::Malformed(why.into())))?;
    let full_url = line.full_url.as_ref().map(|url| url.expose().to_owned());
    // Another system, or this one by its whole name.
    if line.url.expose().split('?').next().is_some_and(|path| path.contains("://")) {
        return Err(refused(&begun, NotATransaction::Systems));
    }
    let arrived = whole.brought.alone(line, request_id).map_err(|why| begun.end(Ending::Malformed(why)))?;
    let (question, begun) = question(arrived, whole.requestor.clone(), begun, whole.ports)?;
    let Interaction::Fhir { action, .. } = &question.interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    let asks = Asks::of(action).map_err(|why| refused(&begun, why))?;
    let sent = match &asks {
        Asks::Create { body, .. } => Some(body),
        Asks::Change(change) => Some(content(&change.wanted)),
        Asks::Delete(_) | Asks::Read | Asks::Plain => None,
    };
    if let Some(sent) = sent {
        refers_to(sent, whole.ports.bases_of(&whole.system)).map_err(|why| refused(&begun, why))?;
    }
    Ok(Parsed { question, asks, begun, full_url, name })
}

/// The entries, less those that another organisation discloses than the first: only one party answers for what a system
/// carries out as one.
fn of_one_discloser(entries: Vec<Result<Entry, Ended>>) -> Vec<Result<Entry, Ended>> {
    let discloser =
        |entry: &Entry| entry.wish.admitted().map(|admitted| admitted.parties().discloser.clone());
    let first = entries.iter().flatten().find_map(discloser);
    let is_of_first = |entry: &Entry| discloser(entry).is_none_or(|one| Some(one) == first);
    let entries = entries.into_iter().map(|entry| match entry {
        Ok(entry) if !is_of_first(&entry) => Err(refused(&entry.begun, NotATransaction::Disclosers)),
        Ok(_) | Err(_) => entry,
    });
    entries.collect()
}

pub(super) fn refused(begun: &Exchange, why: NotATransaction) -> Ended {
    begun.end(Ending::Malformed(NotABatch::Transaction(why).into()))
}

const fn content(wanted: &Wanted) -> &Arc<Unfiltered<Document>> {
    match wanted {
        Wanted::Whole(body) | Wanted::Patch(body) => body,
    }
}

/// What stands for each name that the sender gave, and the entries less those that cannot be told apart.
fn named(parsed: Vec<Result<Parsed, Ended>>) -> (BTreeMap<String, String>, Vec<Result<Parsed, Ended>>) {
    let (mut names, mut seen) = (BTreeMap::new(), Named::default());
    let told: Vec<Result<Parsed, Ended>> = parsed
        .into_iter()
        .map(|one| {
            let one = one?;
            match name(&one, &mut names, &mut seen) {
                Ok(()) => Ok(one),
                Err(why) => Err(refused(&one.begun, why)),
            }
        })
        .collect();
    // What is taken away before it is asked for is not there.
    let is_gone = |one: &Parsed| {
        read_of(&one.question.interaction).is_some_and(|target| seen.deleted.contains(&target))
    };
    let told = told.into_iter().map(|one| match one {
        Ok(one) if is_gone(&one) => Err(refused(&one.begun, NotATransaction::Twice)),
        Ok(_) | Err(_) => one,
    });
    let told = told.collect();
    (names, told)
}

fn name(one: &Parsed, names: &mut BTreeMap<String, String>, seen: &mut Named) -> Result<(), NotATransaction> {
    let (stands_for, is_first) = match &one.asks {
        Asks::Create { resource_type, unless, .. } => {
            let looked_for = unless.clone().map(|unless| (*resource_type, unless));
            (Some(one.name.clone()), looked_for.is_none_or(|looked_for| seen.looked_for.insert(looked_for)))
        }
        Asks::Change(change) => {
            let place = place(&change.target);
            (Some(place.clone()), seen.written.insert(place))
        }
        Asks::Delete(deletion) => {
            let place = place(&deletion.target);
            seen.deleted.insert(place.clone());
            (None, seen.written.insert(place))
        }
        Asks::Read | Asks::Plain => return Ok(()),
    };
    if !is_first {
        return Err(NotATransaction::Twice);
    }
    let (Some(stands_for), Some(given)) = (stands_for, one.full_url.as_deref()) else { return Ok(()) };
    match (urn(given), &one.asks) {
        (Some(urn), _) => match names.insert(urn, stands_for) {
            None => Ok(()),
            Some(_) => Err(NotATransaction::FullUrl),
        },
        (None, Asks::Create { .. }) => Err(NotATransaction::FullUrl),
        // What has a place has a name: that is its own.
        (None, Asks::Change(_) | Asks::Delete(_) | Asks::Read | Asks::Plain) => Ok(()),
    }
}

fn place(target: &ReadTarget) -> String {
    format!("{}/{}", target.resource_type.name(), target.id.as_str())
}

/// The one resource that is asked for, if it is one.
fn read_of(interaction: &Interaction) -> Option<String> {
    match interaction {
        Interaction::Fhir {
            action:
                FhirAction::Read(target)
                | FhirAction::ReadBinary(BinaryTarget { binary: target, .. })
                | FhirAction::Document(target)
                | FhirAction::Vread(VersionTarget { resource: target, .. })
                | FhirAction::History(HistoryRequest { resource: target, .. }),
            ..
        } => Some(place(target)),
        Interaction::Fhir { .. } | Interaction::Own(_) | Interaction::Push { .. } => None,
    }
}

/// What an entry asks, before the rules were.
enum Asks {
    Create { resource_type: &'static str, body: Arc<Unfiltered<Document>>, unless: Option<String> },
    Change(ResourceChange),
    Delete(ResourceDeletion),
    Read,
    Plain,
}

impl Asks {
    fn of(action: &FhirAction) -> Result<Self, NotATransaction> {
        Ok(match action {
            FhirAction::Create(new) => Self::Create {
                resource_type: new.resource_type.name(),
                body: Arc::clone(&new.body),
                unless: new.unless.as_ref().map(SearchQuery::to_form),
            },
            FhirAction::Change(change) => Self::Change(change.clone()),
            FhirAction::Delete(deletion) => Self::Delete(deletion.clone()),
            FhirAction::Read(_)
            | FhirAction::ReadBinary(_)
            | FhirAction::Vread(_)
            | FhirAction::History(_)
            | FhirAction::Search(_)
            | FhirAction::Everything(_)
            | FhirAction::Document(_) => Self::Read,
            FhirAction::Metadata => Self::Plain,
            FhirAction::Message(_) | FhirAction::Batch(_) => return Err(NotATransaction::Operation),
        })
    }
}

/// Admits one entry, with what it refers to called as it is upstream.
fn entry(
    parsed: Parsed,
    names: &BTreeMap<String, String>,
    whole: &Whole<'_>,
    under_way: &UnderWay,
) -> Result<Entry, Ended> {
    let Parsed { question, asks, begun, name, .. } = parsed;
    let bases = whole.ports.bases_of(&whole.system);
    let named = match &asks {
        Asks::Create { body, .. } => named_in(body, bases),
        Asks::Change(_) | Asks::Delete(_) | Asks::Read | Asks::Plain => question.interaction.named_persons(),
    };
    let body = |content: &Arc<Unfiltered<Document>>, is_new| {
        // What is there already is held to what is shown of it.
        if is_new == IsNew::Yes && names_nothing(content, names) {
            return Err(refused(&begun, NotATransaction::Nothing));
        }
        let content = prepared(content, names, is_new).ok_or_else(|| begun.end(Ending::NotWritten))?;
        Body::of(content, bases).map_err(|why| refused(&begun, why))
    };
    let rules = |question| {
        let admitted = admit(question, &whole.ports.settings).map_err(|why| begun.refuse(why, &named))?;
        under_way.concerns_together(&admitted);
        Ok::<Admitted, Ended>(admitted)
    };
    let wish = match asks {
        Asks::Create { resource_type, body: content, unless } => {
            let body = body(&content, IsNew::Yes)?;
            let (write, look) = match unless {
                None => (rules(question)?, None),
                Some(_) => {
                    let asked = conditional::Asked::of(question, whole.ports)
                        .ok_or_else(|| begun.end(Ending::NotFound))?;
                    (rules(asked.writing())?, Some(Box::new(rules(asked.searching())?)))
                }
            };
            named::concerns(under_way, &write, &content, whole.ports);
            Wish::Create { write, look, resource_type, body }
        }
        Asks::Change(wanted) => {
            let body = body(content(&wanted.wanted), IsNew::No)?;
            Wish::Change { admitted: rules(question)?, wanted, body }
        }
        Asks::Delete(wanted) => Wish::Delete { admitted: rules(question)?, wanted },
        Asks::Read => Wish::Read(rules(question)?),
        Asks::Plain => Wish::Plain(question),
    };
    let begun = match wish.admitted() {
        Some(admitted) => begun.under(admitted),
        None => begun,
    };
    Ok(Entry { begun, name, wish })
}

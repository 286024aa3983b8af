//! The gateway's own resources: Consent, AuditEvent, Provenance, metadata. Asked, admitted, recorded and released like
//! any other; what differs is where the content comes from.

use std::collections::BTreeSet;

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::reference::Id;
use fhir::search::Criterion;

use crate::capability;
use crate::decision::admit_own;
use crate::decision::own::{AdmittedOwn, Concerns, Ground};
use crate::decision::refusal::Refusal;
use crate::decision::ruling::Question;
use crate::enforce::own;
use crate::enforce::release::{Epoch, Minimised, Released, release};
use crate::interaction::registry::ConsentHistory;
use crate::interaction::{
    AuditQuery, AuditSelector, FhirAction, Interaction, OwnAction, PersonSelector, cursor,
};
use crate::outcome::{Ended, Ending};
use crate::person::PersonKey;
use crate::ports::Ports;
use crate::settings::Settings;
use crate::trail::record::{AboutPerson, Event, Exchange, RecordedRequestor, Visibility};
use crate::trail::records::{REFUSED_MAX, Records};
use crate::trail::store::{Found, TrailFault};

mod consents;

/// Entries of a trail that are read for one page, when most of them are not for whoever asks.
const LOOKED_AT_MAX: usize = 2_000;
/// Entries that are read in one go at least, however short the page.
const AT_ONCE_MIN: usize = 100;

/// Answers a question about the gateway's own resources, or about what a system's face can do.
///
/// # Errors
/// [`Ended`].
pub async fn answer(question: Question, begun: Exchange, ports: &Ports) -> Result<Released, Ended> {
    let minimised = match &question.interaction {
        Interaction::Fhir { system, action: FhirAction::Metadata } => {
            let statement = capability::of_system(system, &question.requestor, &ports.settings, question.at);
            own::capability(&statement, begun.clone())
        }
        Interaction::Own(OwnAction::Metadata) => {
            let statement = capability::of_gateway(&question.requestor, &ports.settings, question.at);
            own::capability(&statement, begun.clone())
        }
        Interaction::Own(_) | Interaction::Fhir { .. } | Interaction::Push { .. } => {
            let admitted = match admit(question, ports).await {
                Ok(admitted) => admitted,
                Err((why, whose)) => return Err(refused(Ending::refused_by_rule(why), whose, &begun)),
            };
            content(admitted, &begun, ports).await?
        }
    };
    release(minimised, begun.format, &|| Epoch::Same, &*ports.ledger)
        .await
        .map_err(|why| begun.end(Ending::Unrecorded(why)))
}

/// Asks the rules; with a refusal, whom the question was about. It stands in their trail.
async fn admit(question: Question, ports: &Ports) -> Result<AdmittedOwn, (Refusal, Vec<AboutPerson>)> {
    let named = match &question.interaction {
        Interaction::Own(OwnAction::SearchConsent(query)) => Whose::Named(PersonSelector::Nhs(query.person)),
        Interaction::Own(OwnAction::SearchAuditEvent(query)) => match &query.by {
            AuditSelector::Person(person) => Whose::Named(person.clone()),
            AuditSelector::Receipt(_) => Whose::Nobody,
        },
        Interaction::Own(
            OwnAction::ReadConsent(id)
            | OwnAction::VreadConsent { id, .. }
            | OwnAction::HistoryConsent(ConsentHistory { id, .. })
            | OwnAction::UpdateConsent { id, .. },
        ) => Whose::Stored(id.clone()),
        Interaction::Own(OwnAction::CreateConsent(body)) => Whose::Submitted(own::named_in_consent(body)),
        // Whose an entry of a trail is, is found with it.
        Interaction::Own(
            OwnAction::Metadata | OwnAction::ReadAuditEvent(_) | OwnAction::ReadProvenance(_),
        )
        | Interaction::Fhir { .. }
        | Interaction::Push { .. } => Whose::Nobody,
    };
    match admit_own(question, &ports.settings) {
        Ok(admitted) => Ok(admitted),
        Err(why) => Err((why, named.persons(ports).await)),
    }
}

/// Whom a question about the gateway's own resources is about.
enum Whose {
    /// The question says it.
    Named(PersonSelector),
    /// The Consent of this id does, if there is one.
    Stored(Id),
    /// What was sent does.
    Submitted(Vec<NhsNumber>),
    /// Nobody in particular.
    Nobody,
}

impl Whose {
    /// Their parts in a refusal. A Consent that cannot be looked up changes nothing about the refusal.
    async fn persons(self, ports: &Ports) -> Vec<AboutPerson> {
        match self {
            Self::Named(person) => persons_of(&AuditSelector::Person(person), &[]),
            Self::Stored(id) => {
                let stored = ports.consents.read(&id).await.ok().flatten();
                stored.iter().map(|stored| own::about(stored.person.as_str())).collect()
            }
            Self::Submitted(numbers) => {
                numbers.iter().take(REFUSED_MAX).map(|number| own::about(number.as_str())).collect()
            }
            Self::Nobody => Vec::new(),
        }
    }
}

/// A refusal that stands in the trail of those it concerns.
fn refused(ending: Ending, whose: Vec<AboutPerson>, begun: &Exchange) -> Ended {
    let mut persons = whose;
    for person in &mut persons {
        person.refusal = Some(ending.reason().to_owned());
    }
    Ended { ending, records: Box::new(Records { exchange: begun.clone(), persons }) }
}

async fn content(admitted: AdmittedOwn, begun: &Exchange, ports: &Ports) -> Result<Minimised, Ended> {
    let Interaction::Own(action) = &admitted.question().interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    match action {
        OwnAction::Metadata => Err(begun.end(Ending::NotFound)),
        OwnAction::SearchAuditEvent(query) => trail(query, &admitted, begun, ports).await,
        OwnAction::ReadAuditEvent(id) => event(id, &admitted, begun, ports).await,
        OwnAction::ReadProvenance(id) => provenance(id, &admitted, begun, ports).await,
        OwnAction::ReadConsent(id) => consents::read(id, &admitted, begun, ports).await,
        OwnAction::VreadConsent { id, version } => {
            consents::vread(id, version, &admitted, begun, ports).await
        }
        OwnAction::HistoryConsent(request) => consents::history(request, &admitted, begun, ports).await,
        OwnAction::SearchConsent(query) => consents::search(query, begun, ports).await,
        OwnAction::CreateConsent(_) | OwnAction::UpdateConsent { .. } => {
            consents::write(&admitted, begun, ports).await
        }
    }
}

/// A page of the trail. Oversight reads all leaves of an exchange; a person only her own.
async fn trail(
    query: &AuditQuery,
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let (found, older) =
        readable(query, admitted, ports).await.map_err(|_| begun.end(Ending::TrailBehind))?;
    let base = format!("{}/fhir/AuditEvent", ports.settings.gateway.base);
    let asked = format!("{}{}", selector(&query.by), narrowed(&query.criteria));
    let question = admitted.question();
    let next = match older {
        Some(before) => {
            let sealed = cursor::next_of_trail(&ports.seal, &question.requestor, before, question.at)
                .map_err(|_| begun.end(Ending::NotWritten))?;
            let format = begun.format_in_link();
            Some(format!("{base}?{asked}&_count={}&_cursor={sealed}{format}", query.count))
        }
        None => None,
    };
    let self_link = format!("{base}?{asked}&_count={}", query.count);
    let persons = persons_of(&query.by, &found);
    Ok(own::trail(&found, &self_link, next.as_deref(), persons, begun.clone(), ports.site()))
}

/// One entry of a trail, as it stands in a page of it.
async fn event(id: &Id, admitted: &AdmittedOwn, begun: &Exchange, ports: &Ports) -> Result<Minimised, Ended> {
    let behind = |_: TrailFault| begun.end(Ending::TrailBehind);
    let found = ports.trail.by_id(id.as_str()).await.map_err(behind)?;
    let Some(mut found) = found else { return Err(begun.end(Ending::NotFound)) };
    if let Ground::Herself(number) = admitted.ground() {
        found = ports.trail.as_hers(found, *number).await.map_err(behind)?;
    }
    let by = AuditSelector::Receipt(found.receipt.clone());
    let mut whose = persons_of(&by, std::slice::from_ref(&found));
    for person in &mut whose {
        // Who was merely filtered out does not learn of it by who read that.
        person.visibility = found.about_person().map_or(Visibility::Trail, |about| about.visibility);
        person.resources = vec![format!("AuditEvent/{}", found.id)];
    }
    if !may_read(admitted, &found, &ports.settings) {
        for person in &mut whose {
            person.resources.clear();
        }
        return Err(refused(Ending::NotFound, whose, begun));
    }
    Ok(own::event(&found, whose, begun.clone(), ports.site()))
}

/// What of the trail is readable on this ground, a page of it, and before which entry the next one begins. Entries that
/// are not are read past, so that a page is full, but not without end.
async fn readable(
    query: &AuditQuery,
    admitted: &AdmittedOwn,
    ports: &Ports,
) -> Result<(Vec<Found>, Option<u64>), TrailFault> {
    let wanted = |one: &Found| {
        may_read(admitted, one, &ports.settings) && own::event_meets(one, &query.criteria, ports.site())
    };
    let person = match &query.by {
        AuditSelector::Person(person) => person,
        AuditSelector::Receipt(receipt) => {
            let mut found = ports.trail.by_receipt_or_request(receipt).await?;
            found.retain(wanted);
            found.truncate(query.count);
            return Ok((found, None));
        }
    };
    let seen_by = match admitted.ground() {
        Ground::Oversight(_) => Visibility::Oversight,
        Ground::Herself(_) | Ground::Recorder(_) | Ground::Party(_) | Ground::Anyone => Visibility::Trail,
    };
    let at_once = (query.count + 1).max(AT_ONCE_MIN);
    let (mut page, mut before, mut looked_at) = (Vec::new(), query.before, 0);
    loop {
        let found = ports.trail.about(person, seen_by, before, at_once).await?;
        let is_last = found.len() < at_once;
        looked_at += found.len();
        for one in found {
            let is_wanted = wanted(&one);
            if page.len() == query.count && is_wanted {
                return Ok((page, before));
            }
            before = Some(one.index);
            if is_wanted {
                page.push(one);
            }
        }
        if is_last {
            return Ok((page, None));
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok((page, before));
        }
    }
}

fn may_read(admitted: &AdmittedOwn, found: &Found, settings: &Settings) -> bool {
    let person = found.about_person().and_then(|person| person.nhs_number.as_deref());
    let key = person.and_then(|number| NhsNumber::parse(number).ok()).map(PersonKey::Nhs);
    let exchange = &found.record.exchange;
    let discloser = exchange.discloser.as_deref().and_then(|code| OdsCode::parse(code).ok());
    let recipient = recipient(exchange);
    let holder = settings.system(&exchange.place).map(|system| &system.organisation);
    let concerns = Concerns {
        person: key.as_ref(),
        discloser: discloser.as_ref(),
        recipient: recipient.as_ref(),
        holder,
    };
    let visible = match admitted.ground() {
        Ground::Herself(_) => found.about_person().is_some_and(AboutPerson::is_in_trail),
        Ground::Oversight(_) | Ground::Recorder(_) | Ground::Party(_) | Ground::Anyone => true,
    };
    visible && admitted.may_read(concerns).is_ok()
}

/// The organisation that received a share: the requestor's, for reads.
fn recipient(exchange: &Exchange) -> Option<OdsCode> {
    let code = match exchange.requestor.as_ref()? {
        RecordedRequestor::Professional { organisation, .. }
        | RecordedRequestor::System { organisation, .. }
        | RecordedRequestor::Operator { organisation, .. } => organisation,
        RecordedRequestor::Person { .. } => return None,
    };
    OdsCode::parse(code).ok()
}

/// Those whose trail is read: it stands in their trail.
fn persons_of(by: &AuditSelector, found: &[Found]) -> Vec<AboutPerson> {
    match by {
        AuditSelector::Person(PersonSelector::Nhs(number)) => vec![own::about(number.as_str())],
        AuditSelector::Person(PersonSelector::Local { system, id }) => {
            let mut about = own::about("");
            about.nhs_number = None;
            about.patient = Some(format!("{system}/Patient/{}", id.as_str()));
            vec![about]
        }
        AuditSelector::Receipt(_) => {
            let mut persons = Vec::new();
            for person in found.iter().filter_map(Found::about_person) {
                let mut about = own::about("");
                about.nhs_number.clone_from(&person.nhs_number);
                if person.nhs_number.is_none() {
                    let place = found.first().map_or("gateway", |found| found.record.exchange.place.as_str());
                    about.patient = person.patient.as_ref().map(|patient| format!("{place}/{patient}"));
                }
                if !persons.contains(&about) {
                    persons.push(about);
                }
            }
            persons
        }
    }
}

/// Criteria behind a selector, as the link of the page repeats them.
fn narrowed(criteria: &[Criterion]) -> String {
    criteria.iter().map(|one| format!("&{}", fhir::search::form([one.to_pair()]))).collect()
}

/// The criterion of a trail search, as the link of the page repeats it.
fn selector(by: &AuditSelector) -> String {
    let pair = match by {
        AuditSelector::Person(PersonSelector::Nhs(number)) => {
            ("patient.identifier".to_owned(), format!("{}|{}", fhir::identifier::NHS_NUMBER, number.as_str()))
        }
        AuditSelector::Person(PersonSelector::Local { system, id }) => {
            ("patient".to_owned(), format!("{system}/Patient/{}", id.as_str()))
        }
        AuditSelector::Receipt(receipt) => ("entity.identifier".to_owned(), receipt.clone()),
    };
    fhir::search::form([pair])
}

async fn provenance(
    id: &Id,
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let mut found = ports.trail.by_request(id.as_str()).await.map_err(|_| begun.end(Ending::TrailBehind))?;
    // What was recorded as shared and then not released is no share.
    let void: BTreeSet<String> = found
        .iter()
        .filter(|found| found.record.exchange.event == Event::NotReleased)
        .filter_map(|found| found.record.exchange.follows.clone())
        .collect();
    found.retain(|found| !void.contains(&found.receipt) && found.record.exchange.event != Event::NotReleased);
    let party = matches!(admitted.ground(), Ground::Party(_));
    // A party to the share sees it whole; a person sees her own part of it.
    found.retain(|found| {
        (party || found.about_person().is_some()) && may_read(admitted, found, &ports.settings)
    });
    own::provenance_of(id.as_str(), &found, begun.clone(), ports.site())
        .ok_or_else(|| begun.end(Ending::NotFound))
}

//! Messages, documents and records over HTTP, with a client certificate: `POST /hl7v2/<system>`, `POST /cda/<system>`,
//! `POST /inbound/<place>`.
//!
//! HL7 v2 is answered by an acknowledgement: 200 with `AA` or `CA`, 422 with `AE` or `AR`, 503 when it should be sent
//! again. Of two acknowledgements (enhanced mode) the last is told: an HTTP exchange has one answer. The others are answered
//! by an OperationOutcome: 200 when everything is on its way, 422 when something was refused (the rest went on), 503 when
//! something should be sent again; sending all of it again has no second effect.

use std::io::Cursor;
use std::sync::Arc;

use adapters::{Context, edifact};
use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity};
use http::StatusCode;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::answer::{Meaning, Told};
use super::asking::{Inquiry, Said, query, respond};
use super::form::Form;
use super::intake::{Intake, Sender};
use super::letters::Owed;
use super::several::{Came, File, HeldUp};
use super::stood::Again;
use crate::decision::refusal::Refusal;
use crate::hex::hex;
use crate::interaction::Malformed;
use crate::outcome::{Ended, Ending};
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::requestor::{Party, Requestor, SystemClient, identify};
use crate::server::arrived::{Arrived, Method};
use crate::server::format::NotRead;
use crate::server::reply::{Content, HL7V2, Reply};
use crate::settings::{Inbound, Making, Settings};
use crate::trail::record::Exchange;

/// Media types under which HL7 v2 is sent; others are not taken.
const MESSAGES: [&str; 4] =
    ["application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7", "text/plain"];
/// Those of CDA documents and their envelopes.
const DOCUMENTS: [&str; 4] = ["application/xml", "text/xml", "application/cda+xml", "application/soap+xml"];
/// Those of files of records. What is in them is as the place says.
const RECORDS: [&str; 9] = [
    "text/csv",
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "text/xml",
    "text/plain",
    "application/edifact",
    "application/fhir+json",
    "application/fhir+xml",
];
/// What an interchange is answered by.
const EDIFACT: &str = "application/edifact; charset=iso-8859-1";
/// When something should be sent again.
const RETRY_AFTER_S: u32 = 5;
/// Whose clock the local times of these messages are.
const TIME_ZONE: &str = "Europe/London";
/// What the names of places for CDA end with.
pub(crate) const AS_CDA: &str = " as cda";

/// Whether a request is meant for this place.
#[must_use]
pub fn is_meant(arrived: &Arrived) -> bool {
    matches!(arrived.target.segments().as_slice(), ["hl7v2" | "cda" | "inbound", ..])
}

/// Takes a message and answers with its acknowledgement.
pub async fn take(arrived: Arrived, ports: &Ports, intake: &Arc<Intake>) -> Reply {
    let peer = arrived.peer.ip().to_string();
    let under_way = UnderWay::begin();
    let (sender, requestor) = match sender(&arrived, ports).await {
        Ok(known) => known,
        Err(ended) => return (*ended).record(ports).await,
    };
    let sender = Arc::new(sender);
    let begun = Exchange::arrived(&arrived).by(&requestor);
    let body = arrived.body.message();
    if let (Form::Hl7v2, Some(system)) = (&sender.form, sender.to.first())
        && let Some(envelope) = query(&body, &sender.context)
    {
        let (system, context) = (system.clone(), sender.context.clone());
        let inquiry = Inquiry { raw: &body, envelope, requestor, begun, system, profile: None, context };
        let Said { told, not_before } = respond(inquiry, ports, &under_way).await;
        return in_hl7v2(told).not_before(not_before);
    }
    let came = match &sender.form {
        Form::Hl7v2 => return acknowledged(intake.take(sender, body, Some(peer))).await,
        Form::Cda => intake.take_documents(&sender, body, Some(peer)).await,
        Form::Mapped(making) => {
            // The same bytes have the same name.
            let name = hex(Sha256::digest(&body).get(..8).unwrap_or_default());
            let answers = matches!(making, Making::Edifact).then(|| body.clone());
            let known_by = format!("{} {name}", sender.listener);
            let file = File {
                content: Box::new(Cursor::new(body)),
                name,
                peer: Some(peer),
                known_by: known_by.clone(),
                again: Again::Resent,
                owed: Owed::No,
            };
            let mut came = intake.take_records(&sender, making, file, &mut HeldUp::default()).await;
            // Only what should come again is read again.
            if came.not_now == 0 && intake.store.file_done(known_by).await.is_err() {
                came.not_now = 1;
            }
            if let Some(reply) = answers.and_then(|raw| in_edifact(&raw, &sender.context, &came, ports)) {
                return reply;
            }
            came
        }
    };
    told(&came)
}

/// The acknowledgement of an interchange, where its sender asks for one and it says what became of all its messages: it
/// cannot say that a message was read and may not be shared.
fn in_edifact(raw: &[u8], context: &Context, came: &Came, ports: &Ports) -> Option<Reply> {
    let (asked, unread) = match edifact::interchange(raw, context) {
        Ok(interchange) => {
            let unread = interchange.messages.iter().filter(|message| message.translated.is_err()).count();
            (interchange.acknowledgement, unread)
        }
        Err(_) => (edifact::Asked::Yes, 1),
    };
    if asked == edifact::Asked::No || came.not_now > 0 || came.refused != unread as u64 {
        return None;
    }
    let now = ports.clock.now();
    let reference = now.as_millisecond().to_string();
    let stamp = edifact::Stamp { reference, at: now.strftime("%Y%m%d%H%M").to_string() };
    let answer = edifact::acknowledge(raw, context, &stamp)?;
    let status = if unread == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Some(Reply::new(status, Content::Message(answer.into(), EDIFACT)))
}

/// What is told of documents or records.
fn told(came: &Came) -> Reply {
    let all = came.taken.saturating_add(came.refused).saturating_add(came.not_now);
    let (status, severity, issue) = match (came.not_now, came.refused, came.taken) {
        (0, 0, 0) => (StatusCode::UNPROCESSABLE_ENTITY, Severity::Error, IssueType::Required),
        (0, 0, _) => (StatusCode::OK, Severity::Information, IssueType::Informational),
        (0, _, _) => (StatusCode::UNPROCESSABLE_ENTITY, Severity::Error, IssueType::Incomplete),
        (_, _, _) => (StatusCode::SERVICE_UNAVAILABLE, Severity::Error, IssueType::Transient),
    };
    let text = format!(
        "{} of {all} are on their way, {} are refused, {} should be sent again",
        came.taken, came.refused, came.not_now
    );
    let mut outcome = OperationOutcome::new(Issue::from_settings(severity, issue, text));
    for told in &came.told {
        outcome = outcome.and(Issue::from_settings(Severity::Error, IssueType::Processing, told.clone()));
    }
    let reply = Reply::outcome(status, &outcome);
    if came.not_now > 0 { reply.with_retry_after_s(RETRY_AFTER_S) } else { reply }
}

async fn acknowledged(mut told: mpsc::Receiver<Told>) -> Reply {
    let mut last = None;
    while let Some(answer) = told.recv().await {
        last = Some(answer);
    }
    match last {
        // The sender wanted to hear nothing.
        None => Reply::new(StatusCode::ACCEPTED, Content::Empty),
        Some(told) => in_hl7v2(told),
    }
}

fn in_hl7v2(told: Told) -> Reply {
    let status = match told.meaning {
        Meaning::Taken => StatusCode::OK,
        Meaning::NotTaken => StatusCode::UNPROCESSABLE_ENTITY,
        Meaning::NotNow => StatusCode::SERVICE_UNAVAILABLE,
    };
    let reply = Reply::new(status, Content::Message(told.bytes.into(), HL7V2));
    match told.shared {
        Some(leaving) => reply.with_receipt(leaving.receipt),
        None => reply,
    }
}

/// Who sends, and where; only a system with a certificate may.
async fn sender(arrived: &Arrived, ports: &Ports) -> Result<(Sender, Requestor), Box<Ended>> {
    let begun = Exchange::arrived(arrived);
    let requestor = identify(arrived, &ports.keys, &ports.settings, arrived.at)
        .await
        .map_err(|why| Box::new(begun.end(Ending::NotAuthenticated(why))))?;
    let begun = Exchange { interaction: "push".to_owned(), ..begun.by(&requestor) };
    let malformed = |why| Box::new(begun.end(Ending::Malformed(why)));
    let segments = arrived.target.segments();
    let [kind, name] = segments.as_slice() else { return Err(malformed(Malformed::NoSuchPlace)) };
    let media_types: &[&str] = match *kind {
        "hl7v2" => &MESSAGES,
        "cda" => &DOCUMENTS,
        _ => &RECORDS,
    };
    let inbound = ports.settings.inbound(name).filter(|_| *kind == "inbound");
    let system = ports.settings.system(name).filter(|_| *kind != "inbound");
    let place = system.map(|system| system.name.to_string()).or(inbound.map(|place| place.name.clone()));
    let place = place.ok_or_else(|| malformed(Malformed::NoSuchPlace))?;
    let begun = Exchange { place, ..begun.clone() };
    if arrived.method != Method::Post {
        return Err(Box::new(begun.end(Ending::Malformed(Malformed::Method { allow: "POST" }))));
    }
    let media_type = arrived.headers.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media_types.contains(&media_type.as_str()) {
        return Err(Box::new(begun.end(Ending::Malformed(Malformed::MediaType(NotRead::Type)))));
    }
    let not_for = |refusal| Box::new(begun.end(Ending::refused_by_rule(refusal)));
    let Party::System(client) = requestor.party.clone() else {
        return Err(not_for(Refusal::NotForThisRequestor));
    };
    let sender = match (inbound, system) {
        (Some(place), _) => {
            let speaks_for = client.organisation == place.from && client.purposes.contains(&place.purpose);
            if !speaks_for {
                return Err(not_for(Refusal::NotForThisRequestor));
            }
            of_place(place)
        }
        (None, Some(system)) if *kind == "cda" => sending(&client, &system.name, Form::Cda),
        (None, Some(system)) => sending(&client, &system.name, Form::Hl7v2),
        (None, None) => None,
    };
    sender.map(|sender| (sender, requestor)).ok_or_else(|| malformed(Malformed::NoSuchPlace))
}

/// Everyone who may send this way: messages that were taken over are dealt with although nobody is connected.
pub(in crate::push) fn senders(settings: &Settings) -> Vec<Arc<Sender>> {
    let mut senders = Vec::new();
    for client in &settings.clients {
        let client = SystemClient {
            san: client.san.clone(),
            organisation: client.organisation.clone(),
            purposes: client.purposes.clone(),
        };
        for system in &settings.systems {
            let forms = [Form::Hl7v2, Form::Cda];
            senders.extend(
                forms.into_iter().filter_map(|form| sending(&client, &system.name, form).map(Arc::new)),
            );
        }
    }
    senders.extend(settings.inbound.iter().filter_map(of_place).map(Arc::new));
    senders
}

/// What the place of this name is called where messages wait.
pub(in crate::push) fn listener_of(name: &str) -> String {
    format!("inbound:{name}")
}

/// Who sends to a place; none only if its time zone were not known, which the settings have checked.
fn of_place(place: &Inbound) -> Option<Sender> {
    let source = format!("{}/{}", place.from.as_str(), place.name);
    Some(Sender {
        listener: listener_of(&place.name),
        organisation: place.from.clone(),
        to: place.to.clone(),
        purposes: vec![place.purpose],
        form: Form::Mapped(place.making.clone()),
        context: Context::new(&source, Some(place.from.clone()), &place.time_zone).ok()?,
    })
}

/// A client that sends to a system in this form; none only if the time zone of this place were not known.
fn sending(client: &SystemClient, system: &SystemName, form: Form) -> Option<Sender> {
    let organisation = client.organisation.clone();
    let as_ = match form {
        Form::Hl7v2 | Form::Mapped(_) => "",
        Form::Cda => AS_CDA,
    };
    Some(Sender {
        listener: format!("{} to {system}{as_}", client.san),
        context: Context::new(organisation.as_str(), Some(organisation.clone()), TIME_ZONE).ok()?,
        organisation,
        to: vec![system.clone()],
        purposes: client.purposes.clone(),
        form,
    })
}

//! HL7 v2 over HTTP: `POST /hl7v2/<system>` with a client certificate.
//!
//! The answer is an acknowledgement: 200 with `AA` or `CA`, 422 with `AE` or `AR`, 503 when it should be sent again.
//! Of two acknowledgements (enhanced mode) the last is told: an HTTP exchange has one answer.

use std::sync::Arc;

use adapters::Context;
use http::StatusCode;

use super::answer::{Meaning, Told};
use super::form::Form;
use super::intake::{Intake, Sender};
use crate::decision::refusal::Refusal;
use crate::interaction::Malformed;
use crate::outcome::{Ended, Ending};
use crate::person::SystemName;
use crate::ports::Ports;
use crate::requestor::{Party, SystemClient, identify};
use crate::server::arrived::{Arrived, Method};
use crate::server::format::NotRead;
use crate::server::reply::{Content, Reply};
use crate::settings::Settings;
use crate::trail::record::Exchange;

/// Media types under which HL7 v2 is sent; others are not taken.
const MEDIA_TYPES: [&str; 4] =
    ["application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7", "text/plain"];
/// Whose clock the local times of these messages are.
const TIME_ZONE: &str = "Europe/London";
/// What the names of places for CDA end with.
pub(in crate::push) const AS_CDA: &str = " as cda";

/// Whether a request is meant for this place.
#[must_use]
pub fn is_meant(arrived: &Arrived) -> bool {
    arrived.target.segments().first() == Some(&"hl7v2")
}

/// Takes a message and answers with its acknowledgement.
pub async fn take(arrived: Arrived, ports: &Ports, intake: &Arc<Intake>) -> Reply {
    let peer = arrived.peer.ip().to_string();
    let sender = match sender(&arrived, ports).await {
        Ok(sender) => sender,
        Err(ended) => return (*ended).record(ports).await,
    };
    let mut told = intake.take(Arc::new(sender), arrived.body.message(), Some(peer));
    let mut last = None;
    while let Some(answer) = told.recv().await {
        last = Some(answer);
    }
    match last {
        // The sender wanted to hear nothing.
        None => Reply::new(StatusCode::ACCEPTED, Content::Empty),
        Some(Told { bytes, meaning }) => {
            let status = match meaning {
                Meaning::Taken => StatusCode::OK,
                Meaning::NotTaken => StatusCode::UNPROCESSABLE_ENTITY,
                Meaning::NotNow => StatusCode::SERVICE_UNAVAILABLE,
            };
            Reply::new(status, Content::Hl7v2(bytes.into()))
        }
    }
}

/// Who sends, and to which system; only a system with a certificate may.
async fn sender(arrived: &Arrived, ports: &Ports) -> Result<Sender, Box<Ended>> {
    let begun = Exchange::arrived(arrived);
    let requestor = identify(arrived, &ports.keys, &ports.settings, arrived.at)
        .await
        .map_err(|why| Box::new(begun.end(Ending::NotAuthenticated(why))))?;
    let begun = Exchange { interaction: "push".to_owned(), ..begun.by(&requestor) };
    let malformed = |why| Box::new(begun.end(Ending::Malformed(why)));
    let segments = arrived.target.segments();
    let ["hl7v2", name] = segments.as_slice() else { return Err(malformed(Malformed::NoSuchPlace)) };
    let system = ports.settings.system(name).ok_or_else(|| malformed(Malformed::NoSuchPlace))?;
    let begun = Exchange { place: system.name.to_string(), ..begun.clone() };
    if arrived.method != Method::Post {
        return Err(Box::new(begun.end(Ending::Malformed(Malformed::Method { allow: "POST" }))));
    }
    let media_type = arrived.headers.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !MEDIA_TYPES.contains(&media_type.as_str()) {
        return Err(Box::new(begun.end(Ending::Malformed(Malformed::MediaType(NotRead::Type)))));
    }
    let Party::System(client) = requestor.party else {
        return Err(Box::new(begun.end(Ending::refused_by_rule(Refusal::NotForThisRequestor))));
    };
    sending(&client, &system.name, Form::Hl7v2).ok_or_else(|| malformed(Malformed::NoSuchPlace))
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
    senders
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

//! `/me`: who has seen my record. The road of a share, towards the person herself.

use fhir::nhs_number::NhsNumber;
use http::StatusCode;

use super::listing::{self, Listing};
use super::{notice, parameter, public_page};
use crate::decision::admit_own;
use crate::decision::own::Ground;
use crate::decision::ruling::Question;
use crate::enforce::own;
use crate::enforce::release::{Epoch, Minimised, Released, release};
use crate::interaction::{AuditQuery, AuditSelector, Interaction, OwnAction, PersonSelector, cursor};
use crate::outcome::{Ended, Ending};
use crate::person::PersonKey;
use crate::ports::Ports;
use crate::requestor::{Party, Requestor, session};
use crate::server::arrived::Arrived;
use crate::server::format::Format;
use crate::server::reply::Reply;
use crate::trail::page::{self, Part, Shown};
use crate::trail::record::Exchange;

const TIME_IS_UP: &str = "Your time is up, so we have signed you out. Sign in again to go on.";
/// Entries of one page, as the question about them says it.
const COUNT: usize = 20;

/// Her page when she is signed in; else how to sign in.
pub(super) async fn answer(arrived: &Arrived, ports: &Ports) -> Reply {
    let requestor = match session::identify(arrived, &ports.settings, &ports.seal, arrived.at) {
        Ok(requestor) => requestor,
        Err(_) => return sign_in(arrived, ports),
    };
    let before = match parameter(arrived, "before") {
        None => None,
        Some(sealed) => match cursor::open_of_trail(&ports.seal, &requestor, &sealed, arrived.at) {
            Ok(before) => Some(before),
            // A place in the list is kept for a quarter of an hour.
            Err(_) => return Reply::see_other("/me"),
        },
    };
    match show(requestor, before, arrived, ports).await {
        Ok(released) => Reply::released(&released, &ports.settings.gateway.base),
        Err(ended) => excuse(&ended.record(ports).await),
    }
}

/// Finds, records and releases; the same stages as for any other question about the trail.
async fn show(
    requestor: Requestor,
    before: Option<u64>,
    arrived: &Arrived,
    ports: &Ports,
) -> Result<Released, Ended> {
    let begun = Exchange::arrived(arrived).by(&requestor);
    let Party::Person(person) = &requestor.party else { return Err(begun.end(Ending::NotFound)) };
    let (number, name) = (person.nhs_number, person.name.clone());
    let by = AuditSelector::Person(PersonSelector::Nhs(number));
    let interaction = Interaction::Own(OwnAction::SearchAuditEvent(AuditQuery {
        by,
        criteria: Vec::new(),
        count: COUNT,
        before,
    }));
    let begun = begun.asking(&interaction, &ports.settings);
    let question = Question { requestor, interaction, override_reason: None, at: arrived.at };
    let admitted = admit_own(question, &ports.settings).map_err(|why| begun.refuse(why, &[]))?;
    if *admitted.ground() != Ground::Herself(number) {
        return Err(begun.end(Ending::NotFound));
    }
    let minimised = content(number, &name, before, &admitted.into_question(), begun.clone(), ports).await?;
    release(minimised, Format::Json, &|| Epoch::Same, &*ports.ledger)
        .await
        .map_err(|why| begun.end(Ending::Unrecorded(why)))
}

async fn content(
    number: NhsNumber,
    name: &str,
    before: Option<u64>,
    question: &Question,
    begun: Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let Listing { listed, older } = listing::read(&ports.trail, &PersonSelector::Nhs(number), before)
        .await
        .map_err(|_| begun.end(Ending::TrailBehind))?;
    let choices = ports
        .consents
        .active_for(&PersonKey::Nhs(number), question.at)
        .await
        .map_err(|why| begun.end(Ending::Consent(why)))?;
    let older = older
        .map(|before| cursor::next_of_trail(&ports.seal, &question.requestor, before, question.at))
        .transpose()
        .map_err(|_| begun.end(Ending::NotWritten))?
        .map(|sealed| format!("/me?before={sealed}"));
    let part = if before.is_none() { Part::Newest } else { Part::Earlier };
    let shown = Shown { nhs_number: number, name, listed: &listed, part, older, choices: &choices };
    let html = page::me(&shown, &ports.settings).map_err(|_| begun.end(Ending::NotWritten))?;
    let mut herself = own::about(number.as_str());
    herself.resources = choices.iter().map(|choice| choice.id.clone()).collect();
    Ok(own::page(html, herself, begun))
}

/// How to sign in, and why she has to.
fn sign_in(arrived: &Arrived, ports: &Ports) -> Reply {
    if session::is_shown(arrived) {
        ports.strangers.count(Some(&arrived.peer.ip().to_string()));
        let ended = page::sign_in(TIME_IS_UP, "", &ports.settings);
        return public_page(StatusCode::UNAUTHORIZED, ended).with_cookie(session::ended());
    }
    let said = match parameter(arrived, "signed-out") {
        Some(_) => "You have signed out.",
        None => "",
    };
    public_page(StatusCode::OK, page::sign_in(said, "", &ports.settings))
}

/// The page in place of hers when it could not be shown: with the receipt of what was recorded of that.
fn excuse(recorded: &Reply) -> Reply {
    let status = recorded.status();
    let text = match status {
        StatusCode::SERVICE_UNAVAILABLE => "Try again in a minute. Nothing is lost.",
        _ => "Something went wrong on our side. Try again later.",
    };
    let reply = notice(status, "We cannot show your page now", text);
    match recorded.receipt() {
        Some(receipt) => reply.with_receipt(receipt.to_owned()),
        None => reply,
    }
}

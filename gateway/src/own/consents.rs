//! The registry of Consents, asked and written: who may see a choice sees every version of it, and each is recorded like a
//! share.

use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;

use super::{narrowed, persons_of, refused, selector};
use crate::consent::validate::ValidConsent;
use crate::consent::{ConsentFault, Stored, validate};
use crate::decision::own::{AdmittedOwn, Concerns};
use crate::enforce::own;
use crate::enforce::release::Minimised;
use crate::interaction::registry::{ConsentHistory, ConsentQuery};
use crate::interaction::{AuditSelector, Interaction, OwnAction, PersonSelector, cursor};
use crate::outcome::{Ended, Ending};
use crate::person::PersonKey;
use crate::ports::Ports;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

pub(super) async fn read(
    id: &Id,
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let stored = ports.consents.read(id).await.map_err(|why| begun.end(Ending::Consent(why)))?;
    let Some(stored) = stored else { return Err(begun.end(Ending::NotFound)) };
    may_read(stored.person, admitted, begun)?;
    Ok(own::consent(stored, 200, Event::Disclosed, begun.clone(), ports.site()))
}

/// One version, as it was when it counted.
pub(super) async fn vread(
    id: &Id,
    version: &Id,
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    // A name that no version has; one version has one name.
    let number: Option<u32> = version.as_str().parse().ok();
    let named = number.filter(|number| number.to_string() == version.as_str());
    let Some(number) = named else { return Err(begun.end(Ending::NotFound)) };
    let stored = ports.consents.read_version(id, number).await;
    let Some(stored) = stored.map_err(|why| begun.end(Ending::Consent(why)))? else {
        return Err(begun.end(Ending::NotFound));
    };
    may_read(stored.person, admitted, begun)?;
    Ok(own::consent_version(stored, begun.clone(), ports.site()))
}

/// A page of the versions, newest first.
pub(super) async fn history(
    request: &ConsentHistory,
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let fault = |why| begun.end(Ending::Consent(why));
    let now = ports.consents.read(&request.id).await.map_err(fault)?;
    let Some(now) = now else { return Err(begun.end(Ending::NotFound)) };
    may_read(now.person, admitted, begun)?;
    let since = request.since.as_ref().map(|since| since.range().from);
    let found = ports.consents.versions(&request.id, since, request.before, request.count + 1).await;
    let (mut page, total) = found.map_err(fault)?;
    let more = page.len() > request.count;
    page.truncate(request.count);
    let place = format!("{}/fhir/Consent/{}/_history", ports.settings.gateway.base, request.id.as_str());
    let next = match page.last().filter(|_| more) {
        Some(last) => {
            let further = ConsentHistory { before: Some(last.version), ..request.clone() };
            let question = admitted.question();
            let sealed = cursor::next_of_consent(&ports.seal, &question.requestor, &further, question.at);
            let sealed = sealed.map_err(|_| begun.end(Ending::NotWritten))?;
            Some(format!("{place}?_cursor={sealed}{}", begun.format_in_link()))
        }
        None => None,
    };
    let links = own::Links { own: &format!("{place}?{}", request.to_form()), next: next.as_deref() };
    Ok(own::consent_versions(page, total, links, now.person, begun.clone(), ports.site()))
}

/// Who may not read it learns no more than that it is not there; whose it is sees that someone tried.
fn may_read(person: NhsNumber, admitted: &AdmittedOwn, begun: &Exchange) -> Result<(), Ended> {
    let key = PersonKey::Nhs(person);
    admitted
        .may_read(Concerns { person: Some(&key), ..Concerns::default() })
        .map_err(|_| refused(Ending::NotFound, vec![own::about(person.as_str())], begun))
}

pub(super) async fn search(
    query: &ConsentQuery,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let fault = |why| begun.end(Ending::Consent(why));
    let stored = ports.consents.search(query.person).await.map_err(fault)?;
    let stored = own::consents_that_meet(stored, &query.criteria).map_err(fault)?;
    let by = AuditSelector::Person(PersonSelector::Nhs(query.person));
    let criteria = narrowed(&query.criteria);
    let self_link = format!("{}/fhir/Consent?{}{criteria}", ports.settings.gateway.base, selector(&by));
    let whose = persons_of(&by, &[]);
    Ok(own::consents(stored, &self_link, whose, begun.clone(), ports.site()))
}

/// Writes a Consent: valid, by someone who may, durable in the registry; then recorded and told.
pub(super) async fn write(
    admitted: &AdmittedOwn,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Minimised, Ended> {
    let base = &ports.settings.gateway.base;
    let now = admitted.question().at;
    let stored: Result<Stored, ConsentFault>;
    let (status, follows);
    match &admitted.question().interaction {
        Interaction::Own(OwnAction::CreateConsent(body)) => {
            let valid = own::valid_consent(body, validate::Writing::New, base)
                .map_err(|problems| begun.end(Ending::ConsentInvalid(problems)))?;
            may_write(admitted, &valid, begun)?;
            follows = intent(begun, ports).await?;
            (stored, status) = (ports.consents.create(valid, now).await, 201);
        }
        Interaction::Own(OwnAction::UpdateConsent { id, if_match, body }) => {
            let valid = own::valid_consent(body, validate::Writing::Version(id), base)
                .map_err(|problems| begun.end(Ending::ConsentInvalid(problems)))?;
            may_write(admitted, &valid, begun)?;
            follows = intent(begun, ports).await?;
            (stored, status) = (ports.consents.update(id, *if_match, valid, now).await, 200);
        }
        Interaction::Own(_) | Interaction::Fhir { .. } | Interaction::Push { .. } => {
            return Err(begun.end(Ending::NotFound));
        }
    }
    let begun = Exchange { follows: Some(follows), ..begun.clone() };
    let stored = stored.map_err(|why| begun.end(Ending::Consent(why)))?;
    Ok(own::consent(stored, status, Event::ConsentRecorded, begun.clone(), ports.site()))
}

/// Whether this Consent may be written; if not, it stands in the trail of the person whose it is.
fn may_write(admitted: &AdmittedOwn, valid: &ValidConsent, begun: &Exchange) -> Result<(), Ended> {
    let whose = || vec![own::about(valid.person().as_str())];
    admitted.may_write(valid).map_err(|why| refused(Ending::refused_by_rule(why), whose(), begun))
}

/// Records that a Consent is about to be written, before it can govern anything; returns the receipt. Whose it is
/// stands in the record of what became of it.
async fn intent(begun: &Exchange, ports: &Ports) -> Result<String, Ended> {
    let intent = Records::from(begun.clone().ended(Event::Intent, 0, None));
    let batch = intent.to_batch().map_err(|why| begun.end(Ending::Unrecorded(why.into())))?;
    match ports.ledger.append(batch).await {
        Ok(receipt) => Ok(receipt.to_header()),
        Err(why) => Err(begun.end(Ending::Unrecorded(why.into()))),
    }
}

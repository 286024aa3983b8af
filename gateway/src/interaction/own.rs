//! The gateway's own resources under `/fhir`: Consent, AuditEvent, Provenance.

use fhir::identifier::NHS_NUMBER;
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id};
use fhir::search::grammar::{Name, Parameter};
use fhir::search::{Criterion, SearchQuery};
use fhir::tables;

use super::malformed::Malformed;
use super::parse::{BODY, check_format, check_plain_read, form_parameters, id, is_named, query_parameters};
use super::registry::ConsentQuery;
use super::surface::{self, OwnServed};
use super::{AuditQuery, AuditSelector, OwnAction, PersonSelector, cursor, media, registry};
use crate::requestor::Requestor;
use crate::seal::Seal;
use crate::server::arrived::Arrived;
use crate::settings::Settings;

/// Entries of one page of a trail, when the query does not say.
const COUNT: usize = 50;
/// The most entries of one page.
const COUNT_MAX: usize = 200;
/// The longest receipt or request id that is looked up.
const RECEIPT_LEN_MAX: usize = 64;

pub(in crate::interaction) fn parse(
    arrived: Arrived,
    rest: &[&str],
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
) -> Result<OwnAction, Malformed> {
    let served = surface::decide(surface::OF_GATEWAY, rest, arrived.method)?;
    let at = |position: usize| rest.get(position).copied().unwrap_or_default();
    check_conditions(&arrived, served)?;
    match served {
        OwnServed::Capabilities => Ok(OwnAction::Metadata),
        OwnServed::ReadConsent => {
            let id = id(at(1))?;
            check_plain_read(&arrived)?;
            Ok(OwnAction::ReadConsent(id))
        }
        OwnServed::VreadConsent => {
            let (id, version) = (id(at(1))?, id(at(3))?);
            check_plain_read(&arrived)?;
            Ok(OwnAction::VreadConsent { id, version })
        }
        OwnServed::HistoryConsent => {
            let place = registry::Place { id: id(at(1))?, requestor, seal, at: arrived.at };
            let parameters = query_parameters(&arrived)?;
            check_format(&arrived)?;
            Ok(OwnAction::HistoryConsent(registry::history(place, &parameters)?))
        }
        OwnServed::SearchConsent => {
            let parameters = query_parameters(&arrived)?;
            consents(&arrived, &parameters, settings)
        }
        OwnServed::SearchConsentForm => {
            let (arrived, parameters) = form_parameters(arrived)?;
            consents(&arrived, &parameters, settings)
        }
        OwnServed::CreateConsent => {
            media::check_resource(arrived.headers.content_type.as_deref())?;
            check_plain_read(&arrived)?;
            Ok(OwnAction::CreateConsent(arrived.body.resource("Consent", &BODY)?))
        }
        OwnServed::UpdateConsent => {
            let id = id(at(1))?;
            let if_match = version(arrived.headers.if_match.as_deref())?;
            media::check_resource(arrived.headers.content_type.as_deref())?;
            check_plain_read(&arrived)?;
            let body = arrived.body.resource("Consent", &BODY)?;
            Ok(OwnAction::UpdateConsent { id, if_match, body })
        }
        OwnServed::SearchAuditEvent => {
            let parameters = query_parameters(&arrived)?;
            audit(&arrived, &parameters, requestor, settings, seal)
        }
        OwnServed::SearchAuditEventForm => {
            let (arrived, parameters) = form_parameters(arrived)?;
            audit(&arrived, &parameters, requestor, settings, seal)
        }
        OwnServed::ReadAuditEvent => {
            let id = id(at(1))?;
            check_plain_read(&arrived)?;
            Ok(OwnAction::ReadAuditEvent(id))
        }
        OwnServed::ReadProvenance => {
            let id = id(at(1))?;
            check_plain_read(&arrived)?;
            Ok(OwnAction::ReadProvenance(id))
        }
    }
}

/// A condition that is not weighed is refused: nothing is done as if none had been set.
fn check_conditions(arrived: &Arrived, served: OwnServed) -> Result<(), Malformed> {
    let headers = &arrived.headers;
    let other = headers.if_none_exist.is_none() && headers.if_none_match.is_none();
    let is_heard = match served {
        OwnServed::CreateConsent => other && headers.if_match.is_none(),
        OwnServed::UpdateConsent => other,
        OwnServed::Capabilities
        | OwnServed::ReadConsent
        | OwnServed::VreadConsent
        | OwnServed::HistoryConsent
        | OwnServed::SearchConsent
        | OwnServed::SearchConsentForm
        | OwnServed::SearchAuditEvent
        | OwnServed::SearchAuditEventForm
        | OwnServed::ReadAuditEvent
        | OwnServed::ReadProvenance => headers.if_match.is_none(),
    };
    if is_heard { Ok(()) } else { Err(Malformed::Conditional) }
}

/// `W/"3"`: the version of a Consent is its number.
fn version(if_match: Option<&str>) -> Result<u32, Malformed> {
    let stated = if_match.ok_or(Malformed::IfMatchMissing)?;
    let quoted = stated.strip_prefix("W/").unwrap_or(stated);
    let digits =
        quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Malformed::IfMatch)?;
    match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse().map_err(|_| Malformed::IfMatch),
        false => Err(Malformed::IfMatch),
    }
}

fn consents(
    arrived: &Arrived,
    parameters: &[Parameter],
    settings: &Settings,
) -> Result<OwnAction, Malformed> {
    check_format(arrived)?;
    let (mut person, mut narrowing) = (None, Vec::new());
    for parameter in parameters.iter().filter(|one| !is_control(one)) {
        let named = match person_of(parameter, settings)? {
            Some(PersonSelector::Nhs(number)) => number,
            // Consents are kept by NHS number: by another name there would seem to be none.
            Some(PersonSelector::Local { .. }) => return Err(Malformed::NotByNumber),
            None => {
                narrowing.push(parameter.clone());
                continue;
            }
        };
        if person.replace(named).is_some() {
            return Err(Malformed::Selector);
        }
    }
    let criteria = criteria("Consent", &registry::CRITERIA, &narrowing)?;
    Ok(OwnAction::SearchConsent(ConsentQuery { person: person.ok_or(Malformed::Selector)?, criteria }))
}

fn is_among(parameter: &Parameter, known: &[(&str, &str)]) -> bool {
    match &parameter.name {
        Name::Plain { code, .. } => known.iter().any(|(name, _)| name == code),
        Name::Chain(_) | Name::Has(_) => false,
    }
}

/// What narrows a search of our own resources of the type `owner`: by the parameters `known`, and by nothing else.
fn criteria(
    owner: &str,
    known: &[(&str, &str)],
    parameters: &[Parameter],
) -> Result<Vec<Criterion>, Malformed> {
    if !parameters.iter().all(|one| is_among(one, known)) {
        return Err(Malformed::Parameter);
    }
    let owner = tables::resource_type(owner).ok_or(Malformed::NoSuchPlace)?;
    let query = SearchQuery::compile(owner, parameters, &Bases::none())?;
    if query.to_form().len() > cursor::FORM_LEN_MAX {
        return Err(Malformed::SearchTooLong);
    }
    Ok(query.criteria().to_vec())
}

fn audit(
    arrived: &Arrived,
    parameters: &[Parameter],
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
) -> Result<OwnAction, Malformed> {
    check_format(arrived)?;
    let mut by = None;
    let (mut count, mut before) = (None, None);
    let mut narrowing = Vec::new();
    for parameter in parameters.iter().filter(|one| !is_control(one)) {
        if is_named(parameter, "_count") {
            let said = fhir::search::count(&one_value(parameter)?).ok_or(Malformed::Parameter)?;
            let said = usize::try_from(said).map_err(|_| Malformed::Parameter)?;
            if count.replace(said).is_some() {
                return Err(Malformed::Parameter);
            }
        } else if is_named(parameter, "_cursor") {
            let opened = cursor::open_of_trail(seal, requestor, &one_value(parameter)?, arrived.at)?;
            if before.replace(opened).is_some() {
                return Err(Malformed::Parameter);
            }
        } else if is_among(parameter, &AuditQuery::CRITERIA) {
            narrowing.push(parameter.clone());
        } else {
            let selector = match person_of(parameter, settings)? {
                Some(person) => AuditSelector::Person(person),
                None => AuditSelector::Receipt(receipt_of(parameter)?),
            };
            if by.replace(selector).is_some() {
                return Err(Malformed::Selector);
            }
        }
    }
    let count = count.unwrap_or(COUNT);
    if count == 0 {
        return Err(Malformed::Parameter);
    }
    let by = by.ok_or(Malformed::Selector)?;
    let criteria = criteria("AuditEvent", &AuditQuery::CRITERIA, &narrowing)?;
    Ok(OwnAction::SearchAuditEvent(AuditQuery { by, criteria, count: count.min(COUNT_MAX), before }))
}

fn is_control(parameter: &Parameter) -> bool {
    is_named(parameter, "_format") || is_named(parameter, "_pretty")
}

/// `patient.identifier=https://fhir.nhs.uk/Id/nhs-number|n` (or `nhs|n`, or `patient:identifier`), or
/// `patient=system/Patient/id`.
fn person_of(parameter: &Parameter, settings: &Settings) -> Result<Option<PersonSelector>, Malformed> {
    let by_number = match &parameter.name {
        Name::Chain(name) => name == "patient.identifier",
        Name::Plain { code, modifier } => code == "patient" && modifier.as_deref() == Some("identifier"),
        Name::Has(_) => false,
    };
    if by_number {
        let value = one_value(parameter)?;
        let (system, number) = value.split_once('|').ok_or(Malformed::Selector)?;
        if system != NHS_NUMBER && system != "nhs" {
            return Err(Malformed::Selector);
        }
        let number = NhsNumber::parse(number).map_err(|_| Malformed::Selector)?;
        return Ok(Some(PersonSelector::Nhs(number)));
    }
    if !is_named(parameter, "patient") {
        return Ok(None);
    }
    let value = one_value(parameter)?;
    let mut parts = value.split('/');
    let (Some(system), Some("Patient"), Some(id), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Selector);
    };
    let system = settings.systems.iter().find(|known| known.name.as_str() == system);
    Ok(Some(PersonSelector::Local {
        system: system.ok_or(Malformed::Selector)?.name.clone(),
        id: Id::parse(id).map_err(|_| Malformed::Selector)?,
    }))
}

fn receipt_of(parameter: &Parameter) -> Result<String, Malformed> {
    if !matches!(&parameter.name, Name::Chain(name) if name == "entity.identifier") {
        return Err(Malformed::Parameter);
    }
    let receipt = one_value(parameter)?;
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match receipt.len() <= RECEIPT_LEN_MAX && receipt.bytes().all(taken) {
        true => Ok(receipt),
        false => Err(Malformed::Selector),
    }
}

fn one_value(parameter: &Parameter) -> Result<String, Malformed> {
    match parameter.values.as_slice() {
        [value] => Ok(value.plain()),
        _ => Err(Malformed::Selector),
    }
}

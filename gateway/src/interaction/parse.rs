//! Stage two: what is asked, from path, query, headers and body. A closed grammar; percent signs are decoded once.

use std::sync::Arc;

use fhir::json;
use fhir::reference::{Bases, Id};
use fhir::search::controls::Projection;
use fhir::search::grammar::{self, Escaped, Name, Parameter};
use fhir::search::{SearchError, SearchQuery};
use fhir::tables::{self, TypeId};

use super::change::{change, deletion};
use super::condition::unless;
use super::conditional::HeldVersions;
use super::malformed::Malformed;
use super::surface::{self, Served};
use super::{
    BinaryForm, BinaryTarget, FhirAction, Interaction, NewResource, OwnAction, ReadTarget, SearchRequest,
    VersionTarget, batch, binary, cursor, everything, history, media, message, own,
};
use crate::enforce::parameters;
use crate::requestor::Requestor;
use crate::seal::Seal;
use crate::server::arrived::Arrived;
use crate::settings::{Settings, System};

/// Bounds on a body that a client sends.
pub(in crate::interaction) const BODY: json::Limits =
    json::Limits { bytes_max: 16 << 20, depth_max: 64, members_max: 1_000, values_max: 500_000 };

/// The `metadata` a request asks for, if it does: the one interaction that needs no requestor.
///
/// # Errors
/// [`Malformed`] when it asks for it in a way that is not served.
pub fn metadata(arrived: &Arrived, settings: &Settings) -> Result<Option<Interaction>, Malformed> {
    let interaction = match arrived.target.segments().as_slice() {
        ["fhir", "metadata"] => Interaction::Own(OwnAction::Metadata),
        [name, "fhir", "metadata"] => match system_named(name, settings) {
            Some(system) => Interaction::Fhir { system: system.name.clone(), action: FhirAction::Metadata },
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    // Both faces have the same row for it.
    surface::decide(surface::OF_SYSTEM, &["metadata"], arrived.method)?;
    let parameters = query_parameters(arrived)?;
    // `mode` has one meaning that matters here, and it is the default.
    let parameters: Vec<Parameter> = parameters.into_iter().filter(|one| !is_named(one, "mode")).collect();
    check_controls(&parameters)?;
    check_format(arrived)?;
    Ok(Some(interaction))
}

/// Parses a request of `requestor`, to whom cursors must have been given.
///
/// # Errors
/// [`Malformed`].
pub fn parse(
    arrived: Arrived,
    requestor: &Requestor,
    settings: &Settings,
    seal: &Seal,
) -> Result<Interaction, Malformed> {
    if let Some(metadata) = metadata(&arrived, settings)? {
        return Ok(metadata);
    }
    let target = arrived.target.clone();
    match target.segments().as_slice() {
        ["fhir", rest @ ..] => Ok(Interaction::Own(own::parse(arrived, rest, requestor, settings, seal)?)),
        [name, "fhir", rest @ ..] => {
            let system = system_named(name, settings).ok_or(Malformed::NoSuchPlace)?;
            let action = fhir_action(arrived, rest, &Asked { system, requestor, settings, seal })?;
            Ok(Interaction::Fhir { system: system.name.clone(), action })
        }
        _ => Err(Malformed::NoSuchPlace),
    }
}

/// Where something is asked, and by whom.
struct Asked<'a> {
    system: &'a System,
    requestor: &'a Requestor,
    settings: &'a Settings,
    seal: &'a Seal,
}

fn fhir_action(arrived: Arrived, rest: &[&str], asked: &Asked<'_>) -> Result<FhirAction, Malformed> {
    let served = surface::decide(surface::OF_SYSTEM, rest, arrived.method)?;
    check_conditions(&arrived, served)?;
    let at = |position: usize| rest.get(position).copied().unwrap_or_default();
    let target =
        || -> Result<ReadTarget, Malformed> { Ok(ReadTarget::new(resource_type(at(0))?, id(at(1))?)) };
    match served {
        Served::Capabilities => Ok(FhirAction::Metadata),
        Served::Read => {
            let target = target()?;
            match target.resource_type.name() {
                "Binary" => read_binary(&arrived, target),
                _ => Ok(FhirAction::Read(read(&arrived, target)?)),
            }
        }
        Served::Vread => {
            let (resource, version) = (target()?, id(at(3))?);
            check_plain_read(&arrived)?;
            Ok(FhirAction::Vread(VersionTarget { resource, version }))
        }
        Served::HistoryInstance => {
            let resource = target()?;
            let parameters = query_parameters(&arrived)?;
            check_format(&arrived)?;
            let (requestor, system) = (asked.requestor, &asked.system.name);
            let asked = history::Place { resource, requestor, system, seal: asked.seal, at: arrived.at };
            Ok(FhirAction::History(history::parse(asked, &parameters)?))
        }
        Served::Search => {
            let resource_type = resource_type(at(0))?;
            let parameters = query_parameters(&arrived)?;
            search(&arrived, &parameters, resource_type, asked)
        }
        Served::SearchForm => {
            let resource_type = resource_type(at(0))?;
            let (arrived, parameters) = form_parameters(arrived)?;
            search(&arrived, &parameters, resource_type, asked)
        }
        Served::SearchCompartment => {
            let (person, resource_type) = (id(at(1))?, resource_type(at(2))?);
            let mut parameters = vec![of_person(&person, resource_type)?];
            parameters.extend(query_parameters(&arrived)?);
            search(&arrived, &parameters, resource_type, asked)
        }
        Served::Create => create(arrived, resource_type(at(0))?, asked),
        Served::Update | Served::Patch => change(arrived, target()?),
        Served::Delete => deletion(&arrived, target()?),
        Served::Everything => {
            let patient = id(at(1))?;
            let (arrived, parameters) = operation_parameters(arrived)?;
            check_format(&arrived)?;
            let (requestor, system) = (asked.requestor, &asked.system.name);
            let place = everything::Place { patient, requestor, system, seal: asked.seal, at: arrived.at };
            Ok(FhirAction::Everything(everything::parse(&place, &parameters)?))
        }
        Served::Document => {
            let target = target()?;
            let (arrived, parameters) = operation_parameters(arrived)?;
            check_document(&arrived, parameters)?;
            Ok(FhirAction::Document(target))
        }
        Served::ProcessMessage => {
            media::check_resource(arrived.headers.content_type.as_deref())?;
            let parameters = query_parameters(&arrived)?;
            check_format(&arrived)?;
            message::check_parameters(&parameters)?;
            Ok(FhirAction::Message(message::parse(arrived.body.resource("Bundle", &BODY)?)?))
        }
        Served::Batch => together(arrived, asked),
    }
}

/// What is to be done only under a condition is not done as if none had been set (RFC 9110, 13): one that is not weighed
/// is refused.
fn check_conditions(arrived: &Arrived, served: Served) -> Result<(), Malformed> {
    let (if_match, if_none_match) = (&arrived.headers.if_match, &arrived.headers.if_none_match);
    let is_heard = match served {
        Served::Update | Served::Patch | Served::Delete => if_none_match.is_none(),
        Served::Create | Served::ProcessMessage | Served::Batch => {
            if_match.is_none() && if_none_match.is_none()
        }
        // What is there already need not be told again: without that it is told.
        Served::Capabilities
        | Served::Everything
        | Served::Document
        | Served::Read
        | Served::Vread
        | Served::HistoryInstance
        | Served::Search
        | Served::SearchForm
        | Served::SearchCompartment => if_match.is_none(),
    };
    if is_heard { Ok(()) } else { Err(Malformed::Conditional) }
}

fn together(arrived: Arrived, asked: &Asked<'_>) -> Result<FhirAction, Malformed> {
    media::check_resource(arrived.headers.content_type.as_deref())?;
    check_plain_read(&arrived)?;
    let body = arrived.body.resource("Bundle", &BODY)?;
    let entries_max = asked.settings.limits.batch_entries_max;
    Ok(FhirAction::Batch(batch::parse(&body, entries_max, asked.system.transactions)?))
}

/// Reads a Binary: `Accept` may name another format than a resource has.
fn read_binary(arrived: &Arrived, binary: ReadTarget) -> Result<FhirAction, Malformed> {
    let parameters = query_parameters(arrived)?;
    check_controls(&parameters)?;
    let accept = arrived.headers.accept.as_deref();
    let is_format_named = parameters.iter().any(|one| is_named(one, "_format"));
    let form = match is_format_named || binary::names_fhir(accept) {
        true => {
            check_format(arrived)?;
            BinaryForm::Resource
        }
        false => binary::content(accept),
    };
    Ok(FhirAction::ReadBinary(BinaryTarget { binary, form }))
}

/// A document is told and not kept: `persist` may only say so.
fn check_document(arrived: &Arrived, parameters: Vec<Parameter>) -> Result<(), Malformed> {
    let is_not_kept = |one: &Parameter| {
        is_named(one, "persist") && matches!(one.values.as_slice(), [value] if value.plain() == "false")
    };
    let rest: Vec<Parameter> = parameters.into_iter().filter(|one| !is_not_kept(one)).collect();
    check_controls(&rest)?;
    check_format(arrived)
}

/// The parameter that ties a type to the Patient whose compartment is searched.
fn of_person(person: &Id, searched: TypeId) -> Result<Parameter, Malformed> {
    let outside = Malformed::NotServed { why: surface::NotServed::OutsideCompartment, allow: None };
    let code = fhir::search::names_person_by(searched).ok_or(outside)?.to_owned();
    let values = vec![Escaped::of(&format!("Patient/{}", person.as_str()))];
    Ok(Parameter { name: Name::Plain { code, modifier: None }, values })
}

/// A read, with what shapes its answer.
fn read(arrived: &Arrived, plain: ReadTarget) -> Result<ReadTarget, Malformed> {
    let shapes = |one: &Parameter| is_named(one, "_elements") || is_named(one, "_summary");
    let (shaping, others): (Vec<Parameter>, Vec<Parameter>) =
        query_parameters(arrived)?.into_iter().partition(shapes);
    check_controls(&others)?;
    check_format(arrived)?;
    let projection = Projection::compile(plain.resource_type, &shaping)?;
    let held = HeldVersions::parse(arrived.headers.if_none_match.as_deref());
    Ok(ReadTarget { projection, held, ..plain })
}

fn search(
    arrived: &Arrived,
    parameters: &[Parameter],
    resource_type: TypeId,
    asked: &Asked<'_>,
) -> Result<FhirAction, Malformed> {
    let Asked { system, requestor, settings, seal } = *asked;
    check_format(arrived)?;
    let about: Vec<Parameter> = parameters.iter().filter(|one| !is_named(one, "_format")).cloned().collect();
    let query = SearchQuery::compile(resource_type, &about, &names(system, settings))?;
    if query.to_whole_form().len() > cursor::FORM_LEN_MAX {
        return Err(Malformed::SearchTooLong);
    }
    let request = match query.cursor() {
        None => SearchRequest { query, offset: 0, standing: None },
        // A cursor holds its search; criteria or controls beside it would be another search.
        Some(_) if !query.is_bare() => return Err(Malformed::Cursor),
        Some(sealed) => cursor::open(seal, requestor, &system.name, &query, sealed, arrived.at)?,
    };
    Ok(FhirAction::Search(request))
}

fn create(arrived: Arrived, resource_type: TypeId, asked: &Asked<'_>) -> Result<FhirAction, Malformed> {
    let condition = arrived.headers.if_none_exist.as_ref();
    let unless = condition
        .map(|text| unless(text.expose(), resource_type, &names(asked.system, asked.settings)))
        .transpose()?;
    media::check_resource(arrived.headers.content_type.as_deref())?;
    check_plain_read(&arrived)?;
    let body = arrived.body.resource(resource_type.name(), &BODY)?;
    Ok(FhirAction::Create(NewResource { resource_type, body: Arc::new(body), unless }))
}

/// Every name under which a client may refer to a resource of the system: its own, its aliases, and ours for it.
pub(in crate::interaction) fn names(system: &System, settings: &Settings) -> Bases {
    let own = system.base.to_string();
    let face = format!("{}/{}/fhir", settings.gateway.base, system.name);
    let all = [own.trim_end_matches('/'), &face].into_iter().chain(system.aliases.iter().map(String::as_str));
    Bases::new(all).unwrap_or_else(|_| Bases::none())
}

fn system_named<'a>(name: &str, settings: &'a Settings) -> Option<&'a System> {
    settings.systems.iter().find(|system| system.name.as_str() == name)
}

fn resource_type(name: &str) -> Result<TypeId, Malformed> {
    tables::resource_type(name).ok_or(Malformed::NoSuchPlace)
}

pub(in crate::interaction) fn id(text: &str) -> Result<Id, Malformed> {
    Id::parse(text).map_err(|_| Malformed::Id)
}

/// An interaction without criteria: only `_format` and `_pretty` may stand in its query.
pub(in crate::interaction) fn check_plain_read(arrived: &Arrived) -> Result<(), Malformed> {
    let parameters = query_parameters(arrived)?;
    check_controls(&parameters)?;
    check_format(arrived)
}

fn check_controls(parameters: &[Parameter]) -> Result<(), Malformed> {
    match parameters.iter().all(|one| is_named(one, "_format") || is_named(one, "_pretty")) {
        true => Ok(()),
        false => Err(Malformed::Parameter),
    }
}

/// What is asked for was decided where the request came in; here it must be something that is spoken.
pub(in crate::interaction) fn check_format(arrived: &Arrived) -> Result<(), Malformed> {
    arrived.format.map(|_| ()).map_err(|_| Malformed::NotAcceptable)
}

pub(in crate::interaction) fn is_named(parameter: &Parameter, wanted: &str) -> bool {
    matches!(&parameter.name, Name::Plain { code, modifier: None } if code == wanted)
}

pub(in crate::interaction) fn query_parameters(arrived: &Arrived) -> Result<Vec<Parameter>, Malformed> {
    let query = arrived.target.query().unwrap_or_default();
    grammar::parse(query).map_err(|malformed| SearchError::from(malformed).into())
}

/// The parameters of an operation that only asks: those of the URL, and of a Parameters resource that is sent with it.
fn operation_parameters(mut arrived: Arrived) -> Result<(Arrived, Vec<Parameter>), Malformed> {
    let mut parameters = query_parameters(&arrived)?;
    let body = std::mem::replace(&mut arrived.body, crate::server::arrived::Body::new(bytes::Bytes::new()));
    if !body.is_empty() {
        media::check_resource(arrived.headers.content_type.as_deref())?;
        let asked = parameters::asked(&body.resource("Parameters", &BODY)?).ok_or(Malformed::Parameter)?;
        parameters.extend(grammar::parse(&fhir::search::form(asked)).map_err(SearchError::from)?);
    }
    Ok((arrived, parameters))
}

/// The parameters of a `_search`: those of the URL and those of the form together.
pub(in crate::interaction) fn form_parameters(
    mut arrived: Arrived,
) -> Result<(Arrived, Vec<Parameter>), Malformed> {
    let mut parameters = query_parameters(&arrived)?;
    let body = std::mem::replace(&mut arrived.body, crate::server::arrived::Body::new(bytes::Bytes::new()));
    if !body.is_empty() {
        media::check_form(arrived.headers.content_type.as_deref())?;
        let form = body.form()?;
        parameters.extend(grammar::parse(form.expose()).map_err(SearchError::from)?);
    }
    Ok((arrived, parameters))
}

//! What somebody may ask, found out by asking the rules: each interaction, parameter and include is put to the same
//! `admit` that a request meets, about an id of nobody's. So `metadata` cannot say otherwise than the rules do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::json;
use fhir::reference::{Bases, Id};
use fhir::search::controls::Towards;
use fhir::search::{SearchQuery, grammar, names_person_by};
use fhir::tables::{self, Component, SearchKind, SearchParameter, TypeId};
use jiff::Timestamp;

use crate::agreement::{Share, SharedType};
use crate::decision::admit;
use crate::decision::following::Way;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::batch::{Batch, Together};
use crate::interaction::everything::EverythingRequest;
use crate::interaction::message::NewMessage;
use crate::interaction::surface::{self, Served as Row};
use crate::interaction::{
    BinaryForm, BinaryTarget, FhirAction, HistoryRequest, Interaction, NewResource, ReadTarget,
    ResourceChange, ResourceDeletion, Return, SearchRequest, VersionTarget, Wanted,
};
use crate::person::SystemName;
use crate::requestor::Requestor;
use crate::settings::Settings;

/// The id that is asked about: none is read.
const ID: &str = "1";
/// A value of every kind of search parameter but references: a code, a day, a number, words.
const VALUE: &str = "2000";
/// What some systems alone can be asked for by `identifier`.
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number|9990000018";
/// A reason for an override that the rules take, where they ask for one.
const REASON: &str = "to say what could be asked";

/// What one type can be asked for.
#[derive(Default)]
pub(super) struct Served {
    /// Interactions, and operations with their `$`.
    pub(super) names: BTreeSet<&'static str>,
    pub(super) parameters: BTreeMap<&'static str, &'static str>,
    /// What `_include` and `_revinclude` bring something for.
    pub(super) includes: BTreeSet<String>,
    pub(super) revincludes: BTreeSet<String>,
    /// How a read may be made conditional, by the code of FHIR.
    pub(super) conditional_read: Option<&'static str>,
    /// Whether a create may be, by what may be searched for.
    pub(super) conditional_create: bool,
}

/// What all can be asked for.
pub(super) struct All {
    pub(super) types: BTreeMap<TypeId, Served>,
    /// Of the face as a whole: interactions, and operations with their `$`.
    pub(super) whole: BTreeSet<&'static str>,
}

/// Somebody, before one system, at one moment.
pub(super) struct Probe<'a> {
    pub(super) system: &'a SystemName,
    pub(super) requestor: &'a Requestor,
    pub(super) settings: &'a Settings,
    pub(super) at: Timestamp,
}

impl Served {
    /// Leaves what needs nothing to be there.
    fn nothing_but_creates(&mut self) {
        let names = self.names.iter().copied().filter(|name| *name == "create").collect();
        *self = Self { names, ..Self::default() };
    }
}

impl Probe<'_> {
    /// Everything the rules let them ask.
    pub(super) fn all(&self) -> All {
        let mut types: BTreeMap<TypeId, Served> = BTreeMap::new();
        let reading = self.admitted(|| Some(FhirAction::Batch(nothing())));
        let sending = self.admitted(message);
        let shares: Vec<&Share> =
            [&reading, &sending].into_iter().flatten().map(|admitted| admitted.share().as_ref()).collect();
        // Everything about a person may be shared where who they are is not.
        let patient = tables::resource_type("Patient").filter(|_| !shares.is_empty());
        let owners = shares.iter().flat_map(|share| share.types.keys().copied()).chain(patient);
        for owner in owners.collect::<BTreeSet<_>>() {
            let mut served = self.of_type(owner);
            if reading.as_ref().is_some_and(|reading| is_inside_only(reading.share(), owner)) {
                served.nothing_but_creates();
            }
            if !served.names.is_empty() {
                types.insert(owner, served);
            }
        }
        if let Some(admitted) = &reading {
            self.follow(admitted.share(), &mut types);
        }
        let mut whole = BTreeSet::new();
        for (name, row) in surface::served_of_system() {
            let is_served = match row {
                Row::Batch => !types.is_empty(),
                Row::ProcessMessage => {
                    sending.as_ref().is_some_and(|sending| sends_messages(sending.share()))
                }
                Row::Capabilities
                | Row::Everything
                | Row::Document
                | Row::Read
                | Row::Vread
                | Row::HistoryInstance
                | Row::Search
                | Row::SearchForm
                | Row::SearchCompartment
                | Row::Create
                | Row::Update
                | Row::Patch
                | Row::Delete => false,
            };
            whole.extend(is_served.then_some(name));
        }
        All { types, whole }
    }

    fn of_type(&self, owner: TypeId) -> Served {
        let mut served = Served::default();
        let mut row_of_search = None;
        for (name, row) in surface::served_of_type(owner.name()) {
            if matches!(row, Row::Search | Row::SearchForm) {
                row_of_search = Some(name);
            } else if self.may(|| action(row, owner)) {
                served.names.insert(name);
            }
        }
        if let Some(name) = row_of_search {
            served.parameters = self.parameters(owner);
            served.names.extend((!served.parameters.is_empty()).then_some(name));
        }
        // What a Binary is, is asked through what points at it, each time.
        let is_read = served.names.contains("read") && owner.name() != "Binary";
        served.conditional_read = is_read.then_some("not-match");
        served.conditional_create =
            served.names.contains("create") && self.may_search(&there_already(owner), owner);
        served
    }

    /// The parameters that may be searched by, with what names a resource or a person where they name none themselves.
    fn parameters(&self, owner: TypeId) -> BTreeMap<&'static str, &'static str> {
        let by_id = format!("_id={ID}");
        let beside: Vec<String> = match self.settings.mapped(self.system) {
            None => vec![by_id],
            // An API can be asked only as it is told how.
            Some(_) => [Some(by_id), by_person(owner)].into_iter().flatten().collect(),
        };
        let mut found = BTreeMap::new();
        for known in tables::search_parameters(owner) {
            let names = known.code() == "_id" || names_person_by(owner) == Some(known.code());
            let is_served = values(owner, known).into_iter().any(|value| {
                let asked = format!("{}={value}", known.code());
                let with_one = || beside.iter().any(|one| self.may_search(&format!("{one}&{asked}"), owner));
                (names || beside.len() > 1) && self.may_search(&asked, owner) || !names && with_one()
            });
            if is_served {
                found.insert(known.code(), kind(known.kind()));
            }
        }
        found
    }

    /// What may go with the matches.
    fn follow(&self, share: &Share, types: &mut BTreeMap<TypeId, Served>) {
        let mapped = self.settings.mapped(self.system).map(Arc::as_ref);
        for source in share.types.keys().copied() {
            let references = tables::search_parameters(source)
                .into_iter()
                .filter(|parameter| parameter.kind() == SearchKind::Reference && parameter.reads().is_some());
            for parameter in references {
                let targets = parameter.targets();
                let value = format!("{}:{}", source.name(), parameter.code());
                for (searched, served) in types.iter_mut().filter(|(_, served)| !served.parameters.is_empty())
                {
                    let searched = *searched;
                    let leads = |towards| {
                        let way = Way { towards, searched, source, parameter, targets };
                        way.leads(share, mapped) && is_understood(towards, searched, &value)
                    };
                    if searched == source && leads(Towards::Referred) {
                        served.includes.insert(value.clone());
                    }
                    let may_lead_there = targets.is_empty() || targets.contains(&searched);
                    if may_lead_there && leads(Towards::Referring) {
                        served.revincludes.insert(value.clone());
                    }
                }
            }
        }
    }

    fn may_search(&self, query: &str, owner: TypeId) -> bool {
        let Ok(parameters) = grammar::parse(query) else { return false };
        let Ok(query) = SearchQuery::compile(owner, &parameters, &Bases::none()) else { return false };
        self.may(|| {
            Some(FhirAction::Search(SearchRequest { query: query.clone(), offset: 0, standing: None }))
        })
    }

    fn may(&self, action: impl Fn() -> Option<FhirAction>) -> bool {
        self.admitted(action).is_some()
    }

    /// The question as the rules admit it, with a reason where they want one.
    fn admitted(&self, action: impl Fn() -> Option<FhirAction>) -> Option<Admitted> {
        let question = |override_reason| {
            let interaction = Interaction::Fhir { system: self.system.clone(), action: action()? };
            let requestor = self.requestor.clone();
            Some(Question { requestor, interaction, override_reason, at: self.at })
        };
        match admit(question(None)?, self.settings) {
            Err(Refusal::OverrideReasonMissing) => {
                admit(question(Some(REASON.to_owned()))?, self.settings).ok()
            }
            answer => answer.ok(),
        }
    }
}

/// Whether an include can be asked for at all: what some parameters read cannot be followed.
fn is_understood(towards: Towards, searched: TypeId, value: &str) -> bool {
    let name = match towards {
        Towards::Referred => "_include",
        Towards::Referring => "_revinclude",
    };
    let parameters = grammar::parse(&format!("{name}={value}"));
    parameters.is_ok_and(|parameters| SearchQuery::compile(searched, &parameters, &Bases::none()).is_ok())
}

/// What asks for a row of the table about a resource of `owner`; nothing for a search, and for what is asked of a face as a
/// whole.
fn action(row: Row, owner: TypeId) -> Option<FhirAction> {
    let id = Id::parse(ID).ok()?;
    let target = || ReadTarget::new(owner, id.clone());
    Some(match row {
        Row::Read if owner.name() == "Binary" => {
            FhirAction::ReadBinary(BinaryTarget { binary: target(), form: BinaryForm::Resource })
        }
        Row::Read => FhirAction::Read(target()),
        Row::Vread => FhirAction::Vread(VersionTarget { resource: target(), version: id }),
        Row::HistoryInstance => FhirAction::History(HistoryRequest {
            resource: target(),
            since: None,
            count: None,
            offset: 0,
            standing: None,
        }),
        Row::Create => FhirAction::Create(NewResource { resource_type: owner, body: body()?, unless: None }),
        Row::Update | Row::Patch => FhirAction::Change(ResourceChange {
            target: target(),
            if_match: ID.to_owned(),
            wanted: Wanted::Whole(body()?),
            told: Return::default(),
        }),
        Row::Delete => FhirAction::Delete(ResourceDeletion { target: target(), if_match: ID.to_owned() }),
        Row::Everything => FhirAction::Everything(EverythingRequest {
            patient: id,
            types: BTreeSet::new(),
            since: None,
            start: None,
            end: None,
            count: None,
            offset: 0,
            standing: None,
        }),
        Row::Document => FhirAction::Document(target()),
        Row::Capabilities
        | Row::Batch
        | Row::ProcessMessage
        | Row::Search
        | Row::SearchForm
        | Row::SearchCompartment => return None,
    })
}

/// A batch in which nothing is asked: it is admitted where anything can be read.
/// Whether what is shared of this type stands inside other resources only, so that none is ever found by itself.
fn is_inside_only(share: &Share, owner: TypeId) -> bool {
    let tables = share.tables(owner);
    !tables.is_empty() && !tables.iter().any(SharedType::shares_alone)
}

const fn nothing() -> Batch {
    Batch { bundle: Together::Batch, lines: Vec::new() }
}

/// Whether messages can be sent: what one is about is said by its header.
fn sends_messages(share: &Share) -> bool {
    tables::resource_type("MessageHeader").is_some_and(|header| !share.tables(header).is_empty())
}

/// A message in which nothing stands: it is admitted where anything can be sent.
fn message() -> Option<FhirAction> {
    Some(FhirAction::Message(NewMessage { body: body()?, types: BTreeSet::new() }))
}

fn body() -> Option<Arc<Unfiltered<json::Document>>> {
    json::parse("{}".into(), &json::Limits::default()).ok().map(|body| Arc::new(Unfiltered::new(body)))
}

/// What a create under `If-None-Exist` looks for: in the record of the person to whom it belongs.
fn there_already(owner: TypeId) -> String {
    let identifier = format!("identifier=urn:any|{VALUE}");
    by_person(owner).map_or(identifier.clone(), |person| format!("{person}&{identifier}"))
}

/// The criterion that names a person.
fn by_person(owner: TypeId) -> Option<String> {
    names_person_by(owner).map(|code| format!("{code}=Patient/{ID}"))
}

/// Values that a parameter may have.
fn values(owner: TypeId, known: &SearchParameter) -> Vec<String> {
    match known.kind() {
        SearchKind::Reference => {
            let may_be_a_patient = known.targets().is_empty()
                || known.targets().iter().any(|target| target.name() == "Patient")
                || names_person_by(owner) == Some(known.code());
            let first = known.targets().first().filter(|_| !may_be_a_patient);
            vec![format!("{}/{ID}", first.map_or("Patient", |target| target.name()))]
        }
        SearchKind::Token if known.code() == "identifier" => vec![VALUE.to_owned(), NHS_NUMBER.to_owned()],
        SearchKind::Token if known.code() == "_id" => vec![ID.to_owned()],
        SearchKind::Composite => vec![together(known)],
        SearchKind::Token
        | SearchKind::String
        | SearchKind::Date
        | SearchKind::Number
        | SearchKind::Quantity
        | SearchKind::Uri
        | SearchKind::Special => vec![VALUE.to_owned()],
    }
}

/// A value for each component of a composite.
fn together(known: &SearchParameter) -> String {
    let one = |component: &Component| {
        let target = component.targets().first().filter(|_| component.kind() == SearchKind::Reference);
        target.map_or(VALUE.to_owned(), |target| format!("{}/{ID}", target.name()))
    };
    known.components().iter().map(one).collect::<Vec<_>>().join("$")
}

/// The code of `http://hl7.org/fhir/search-param-type`.
const fn kind(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::Token => "token",
        SearchKind::Reference => "reference",
        SearchKind::String => "string",
        SearchKind::Date => "date",
        SearchKind::Number => "number",
        SearchKind::Quantity => "quantity",
        SearchKind::Uri => "uri",
        SearchKind::Composite => "composite",
        SearchKind::Special => "special",
    }
}

//! What can be asked here, made anew for each requestor from the rules and the tables: a CapabilityStatement names
//! nothing that would be refused by rule, and leaves out nothing that would not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::element::{Element, Resource};
use fhir::path::ElementPath;
use fhir::search::controls::Towards;
use fhir::search::names_person_by;
use fhir::tables::{self, SearchKind, TypeId};
use jiff::Timestamp;

use crate::agreement::{Share, SharingAgreement};
use crate::decision::following::Way;
use crate::decision::not_proof;
use crate::decision::search_guard::{Visibility, visibility};
use crate::interaction::batch::Together;
use crate::interaction::surface::{self, Flow};
use crate::person::SystemName;
use crate::requestor::{Party, Requestor};
use crate::settings::mapped::Mapped;
use crate::settings::{Settings, Transactions};

/// Parameters of a search that name persons: always readable, for they tie a resource to its person.
const NAME_PERSONS: [&str; 4] = ["_id", "identifier", "patient", "subject"];

/// What one type can be asked for.
#[derive(Default)]
struct Served {
    /// Interactions, and operations with their `$`.
    names: BTreeSet<&'static str>,
    parameters: BTreeMap<&'static str, &'static str>,
    /// What `_include` and `_revinclude` bring something for.
    includes: BTreeSet<String>,
    revincludes: BTreeSet<String>,
    /// How a read may be made conditional, by the code of FHIR.
    conditional_read: Option<&'static str>,
}

/// What can be asked of a face as a whole.
struct Whole {
    /// Interactions, and operations with their `$`.
    names: BTreeSet<&'static str>,
    transactions: Transactions,
}

/// The face of a system, for `requestor`; for somebody unknown, what the agreements in force allow to anyone.
#[must_use]
pub fn of_system(
    system: &SystemName,
    requestor: Option<&Requestor>,
    settings: &Settings,
    at: Timestamp,
) -> Resource {
    let today = crate::decision::calendar::day_of(at);
    let mut served: BTreeMap<TypeId, Served> = BTreeMap::new();
    let mut whole: BTreeSet<&'static str> = BTreeSet::new();
    let holder = settings.system(system.as_str()).map(|system| &system.organisation);
    for agreement in settings.agreements.all().iter().filter(|agreement| agreement.is_in_force(today)) {
        let discloses = holder.is_some_and(|holder| agreement.discloser.contains(holder));
        for block in &agreement.roles {
            if discloses && reads(requestor, agreement, &block.roles) {
                readable(&block.share, &mut served);
                followable(&block.share, settings.mapped(system).map(Arc::as_ref), &mut served);
                for owner in block.share.writable.keys() {
                    if not_proof(system, *owner, settings).is_ok() {
                        let changes = surface::served_of_type(Flow::Changes, owner.name());
                        served.entry(*owner).or_default().names.extend(changes);
                    }
                }
                for owner in &block.share.deletable {
                    if not_proof(system, *owner, settings).is_ok() {
                        let removes = surface::served_of_type(Flow::Removes, owner.name());
                        served.entry(*owner).or_default().names.extend(removes);
                    }
                }
            }
        }
        for block in &agreement.systems {
            if block.systems.contains(system) && writes(requestor, agreement) {
                whole.extend(surface::served_of_system(Flow::Takes));
                for owner in block.share.types.keys() {
                    let names = surface::served_of_type(Flow::Takes, owner.name());
                    served.entry(*owner).or_default().names.extend(names);
                }
            }
        }
    }
    if let Some(mapped) = settings.mapped(system) {
        keep_mapped(mapped, &mut served);
        whole.clear();
    }
    if !served.is_empty() {
        whole.extend(surface::served_of_system(Flow::OfEntries));
    }
    let url = format!("{}/{system}/fhir", settings.gateway.base);
    let title = "What this system shares, and takes, under the sharing agreements in force";
    let transactions = settings.system(system.as_str()).map(|system| system.transactions);
    let whole = Whole { names: whole, transactions: transactions.unwrap_or(Transactions::NotTaken) };
    statement(&url, title, &served, &whole, at)
}

/// Leaves what the sources of a system without FHIR can answer.
fn keep_mapped(mapped: &Mapped, served: &mut BTreeMap<TypeId, Served>) {
    const ANSWERED: [&str; 4] = ["read", "search-type", "$everything", "$document"];
    served.retain(|owner, _| mapped.source_of(*owner).is_some());
    for (owner, entry) in served {
        entry.names.retain(|name| ANSWERED.contains(name));
        let is_answered = |code: &str| {
            let parameter = tables::search_parameter(*owner, code);
            parameter.is_some_and(|parameter| mapped.answers_parameter(*owner, parameter))
        };
        entry.parameters.retain(|code, _| is_answered(code));
    }
}

/// Type, and search parameters with their kinds.
type OwnType = (&'static str, &'static [(&'static str, &'static str)]);

/// The gateway's own resources.
#[must_use]
pub fn of_gateway(settings: &Settings, at: Timestamp) -> Resource {
    let mut served: BTreeMap<TypeId, Served> = BTreeMap::new();
    let own: [OwnType; 3] = [
        ("Consent", &[("patient", "reference")]),
        ("AuditEvent", &[("patient", "reference")]),
        ("Provenance", &[]),
    ];
    for (name, parameters) in own {
        let Some(owner) = tables::resource_type(name) else { continue };
        let entry = served.entry(owner).or_default();
        entry.names.extend(surface::served_of_own(name));
        entry.parameters.extend(parameters.iter().copied());
    }
    let url = format!("{}/fhir", settings.gateway.base);
    let whole = Whole { names: BTreeSet::new(), transactions: Transactions::NotTaken };
    statement(&url, "Choices about sharing, and who has seen what", &served, &whole, at)
}

fn reads(requestor: Option<&Requestor>, agreement: &SharingAgreement, roles: &[fhir::role::SdsRole]) -> bool {
    match requestor.map(|requestor| &requestor.party) {
        None => true,
        Some(Party::Professional(professional)) => {
            agreement.recipient.contains(&professional.organisation) && roles.contains(&professional.role)
        }
        Some(Party::System(_) | Party::Person(_)) => false,
    }
}

fn writes(requestor: Option<&Requestor>, agreement: &SharingAgreement) -> bool {
    match requestor {
        None => true,
        Some(requestor) => requestor.organisation().is_some_and(|code| agreement.discloser.contains(code)),
    }
}

/// Reads, histories and searches of what a block shares, with the parameters that the search guard lets through.
fn readable(share: &Share, served: &mut BTreeMap<TypeId, Served>) {
    for owner in share.types.keys() {
        let entry = served.entry(*owner).or_default();
        entry.names.extend(surface::served_of_type(Flow::Gives, owner.name()));
        entry.conditional_read = Some("not-match");
        for parameter in tables::search_parameters(*owner) {
            let Some(read) = parameter.reads() else { continue };
            let shown = |path: &String| {
                ElementPath::parse(*owner, path)
                    .is_ok_and(|path| visibility(&path, share.tables(*owner)) != Visibility::Hidden)
            };
            let names =
                NAME_PERSONS.contains(&parameter.code()) || names_person_by(*owner) == Some(parameter.code());
            if names || (!read.is_empty() && read.iter().all(shown)) {
                entry.parameters.insert(parameter.code(), kind(parameter.kind()));
            }
        }
    }
}

/// What may go with the matches: as the rules follow the references between the types that are shared.
fn followable(share: &Share, mapped: Option<&Mapped>, served: &mut BTreeMap<TypeId, Served>) {
    for source in share.types.keys() {
        let references = tables::search_parameters(*source)
            .into_iter()
            .filter(|parameter| parameter.kind() == SearchKind::Reference && parameter.reads().is_some());
        for parameter in references {
            let (source, targets) = (*source, parameter.targets());
            let value = format!("{}:{}", source.name(), parameter.code());
            let leads = |towards, searched| {
                Way { towards, searched, source, parameter, targets }.leads(share, mapped)
            };
            if leads(Towards::Referred, source) {
                served.entry(source).or_default().includes.insert(value.clone());
            }
            for searched in share.types.keys().copied() {
                let may_lead_there = targets.is_empty() || targets.contains(&searched);
                if may_lead_there && leads(Towards::Referring, searched) {
                    served.entry(searched).or_default().revincludes.insert(value.clone());
                }
            }
        }
    }
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

/// One type: its interactions, search parameters and operations.
fn resource(owner: TypeId, served: &Served) -> Element {
    let (operations, interactions): (Vec<_>, Vec<_>) =
        served.names.iter().copied().partition(|name| name.starts_with('$'));
    let coded = |code: &'static str| Element::new().with("code", code);
    let definition = |name: &str| {
        let name = name.trim_start_matches('$');
        let url = format!("http://hl7.org/fhir/OperationDefinition/{}-{name}", owner.name());
        Element::new().with("name", name).with("definition", url)
    };
    let parameters: Vec<Element> = served
        .parameters
        .iter()
        .map(|(name, kind)| Element::new().with("name", *name).with("type", *kind))
        .collect();
    let reads_history = interactions.contains(&"history-instance");
    let updates = interactions.contains(&"update");
    let interactions_have_create = interactions.contains(&"create");
    let searches_by_identifier =
        interactions.contains(&"search-type") && served.parameters.contains_key("identifier");
    // What is changed names the version it changes.
    let versioning = if updates { "versioned-update" } else { "versioned" };
    let mut resource = Element::new()
        .with("type", owner.name())
        .with("interaction", interactions.into_iter().map(coded).collect::<Vec<_>>())
        .with("versioning", versioning);
    if reads_history {
        resource.put("readHistory", true);
    }
    if let Some(how) = served.conditional_read {
        resource.put("conditionalRead", how);
    }
    for (name, values) in [("searchInclude", &served.includes), ("searchRevInclude", &served.revincludes)] {
        if !values.is_empty() {
            resource.put(name, values.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    if interactions_have_create {
        // What may be there already is looked for as its finder may search.
        resource.put("conditionalCreate", searches_by_identifier);
    }
    if updates {
        resource.put("updateCreate", false);
        resource.put("conditionalUpdate", false);
    }
    if !parameters.is_empty() {
        resource.put("searchParam", parameters);
    }
    if !operations.is_empty() {
        resource.put("operation", operations.into_iter().map(definition).collect::<Vec<_>>());
    }
    resource
}

/// What is asked of a face as a whole. Where there are batches there are transactions: the Bundle says which it is.
fn of_whole(rest: &mut Element, whole: &Whole) {
    let (operations, interactions): (Vec<_>, Vec<_>) =
        whole.names.iter().copied().partition(|name| name.starts_with('$'));
    if interactions.contains(&Together::Batch.name()) {
        let coded = |bundle: Together| Element::new().with("code", bundle.name());
        let of_transactions = match whole.transactions {
            Transactions::Taken => "all entries or none, also those that change something",
            Transactions::NotTaken => {
                "all entries or none: they only read; changes are sent in a batch, or one by one"
            }
        };
        let transaction = coded(Together::Transaction).with("documentation", of_transactions);
        rest.put("interaction", vec![transaction, coded(Together::Batch)]);
    }
    let definition = |name: &str| {
        let name = name.trim_start_matches('$');
        let url = format!("http://hl7.org/fhir/OperationDefinition/MessageHeader-{name}");
        Element::new().with("name", name).with("definition", url)
    };
    if !operations.is_empty() {
        rest.put("operation", operations.into_iter().map(definition).collect::<Vec<_>>());
    }
}

fn statement(
    url: &str,
    title: &str,
    served: &BTreeMap<TypeId, Served>,
    whole: &Whole,
    at: Timestamp,
) -> Resource {
    let resources: Vec<Element> = served.iter().map(|(owner, served)| resource(*owner, served)).collect();
    let is_searched_by_person = |(owner, served): (&TypeId, &Served)| {
        served.names.contains("search-type") && names_person_by(*owner).is_some()
    };
    let security = Element::new()
        .with(
            "description",
            "A signed token with IHE IUA claims, or a client certificate. Every exchange is decided, minimised and recorded.",
        );
    let mut rest = Element::new().with("mode", "server").with("security", security);
    if !resources.is_empty() {
        rest.put("resource", resources);
    }
    of_whole(&mut rest, whole);
    if served.iter().any(is_searched_by_person) {
        rest.put("compartment", vec!["http://hl7.org/fhir/CompartmentDefinition/patient"]);
    }
    Resource::new("CapabilityStatement")
        .with("url", format!("{url}/metadata"))
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("name", "Portcullis")
        .with("title", title)
        .with("status", "active")
        .with("date", at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .with("kind", "instance")
        .with(
            "software",
            Element::new().with("name", "Portcullis").with("version", env!("CARGO_PKG_VERSION")),
        )
        .with("implementation", Element::new().with("description", title).with("url", url))
        .with("fhirVersion", "4.0.1")
        .with("format", vec!["json", "xml"])
        .with("rest", vec![rest])
}

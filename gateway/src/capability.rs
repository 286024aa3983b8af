//! What can be asked here, made anew for each requestor from the rules and the tables: a CapabilityStatement names
//! nothing that would be refused by rule, and leaves out nothing that would not.

use std::collections::{BTreeMap, BTreeSet};

use fhir::element::{Element, Resource};
use fhir::search::names_person_by;
use fhir::tables::TypeId;
use jiff::Timestamp;

use self::served::{All, Probe, Served};
use crate::interaction::batch::Together;
use crate::person::SystemName;
use crate::requestor::Requestor;
use crate::settings::{Settings, Transactions};

mod own;
mod served;

/// What can be asked of a face as a whole.
struct Whole {
    /// Interactions, and operations with their `$`.
    names: BTreeSet<&'static str>,
    transactions: Transactions,
}

/// The face of a system, for `requestor`.
#[must_use]
pub fn of_system(system: &SystemName, requestor: &Requestor, settings: &Settings, at: Timestamp) -> Resource {
    let All { types, whole } = Probe { system, requestor, settings, at }.all();
    let url = format!("{}/{system}/fhir", settings.gateway.base);
    let title = "What this system shares, and takes, under the sharing agreements in force";
    let transactions = settings.system(system.as_str()).map(|system| system.transactions);
    let whole = Whole { names: whole, transactions: transactions.unwrap_or(Transactions::NotTaken) };
    statement(&url, title, &types, &whole, at)
}

/// The gateway's own resources, for `requestor`.
#[must_use]
pub fn of_gateway(requestor: &Requestor, settings: &Settings, at: Timestamp) -> Resource {
    let types = own::types(requestor, settings, at);
    let url = format!("{}/fhir", settings.gateway.base);
    let whole = Whole { names: BTreeSet::new(), transactions: Transactions::NotTaken };
    statement(&url, "Choices about sharing, and who has seen what", &types, &whole, at)
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
    let creates = interactions.contains(&"create");
    // What is changed names the version it changes.
    let versioning = if updates { "versioned-update" } else { "versioned" };
    let mut resource = Element::new().with("type", owner.name());
    if !interactions.is_empty() {
        resource.put("interaction", interactions.into_iter().map(coded).collect::<Vec<_>>());
        resource.put("versioning", versioning);
    }
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
    if creates {
        resource.put("conditionalCreate", served.conditional_create);
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
    let patches = served.values().any(|served| served.names.contains("patch"));
    let mut said = Resource::new("CapabilityStatement")
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
        .with("format", vec!["json", "xml"]);
    if patches {
        said.put("patchFormat", vec!["application/json-patch+json"]);
    }
    said.with("rest", vec![rest])
}

//! Transactions, which happen whole or not at all.

use http::Method;
use serde_json::{Value, json};

use super::super::judge::{root, status};
use super::hands::{
    SYSTEM, Terms, acted, counted, criterion, entries, get, kept_whole, kind, located, make, mark, of_system,
    refused, send, set,
};
use super::together::{bad, bundle, created, made, numbers, of_type, statuses, urn};
use super::update::{changed, unchanged};
use crate::bench::Bench;
use crate::check::{Check, Judgement, Otherwise};
use crate::target::Answer;

const RULES: &str = "https://hl7.org/fhir/R4/http.html#trules";
const RESPONSE: &str = "https://hl7.org/fhir/R4/http.html#transaction-response";

pub(super) const CHECKS: &[Check] = &[
    acted!(
        Shall,
        "core-transaction-response",
        "a transaction answers with a transaction-response: one entry for each, in the same order, each with its status",
        "the sender cannot tell what was done",
        RESPONSE,
        response
    ),
    acted!(
        Shall,
        "core-transaction-whole",
        "a transaction with one bad entry changes nothing",
        "half of it is a record that nobody wrote",
        RULES,
        atomic
    ),
    acted!(
        Shall,
        "core-transaction-refusal",
        "a transaction that fails answers 4xx with a single OperationOutcome",
        "the sender takes a Bundle for success",
        RESPONSE,
        refusal
    ),
    acted!(
        Shall,
        "core-transaction-references",
        "references between the entries of a transaction lead to what was made of them",
        "records that belong together fall apart",
        RULES,
        references
    ),
    acted!(
        Shall,
        "core-transaction-circle",
        "entries of a transaction may refer to each other in a circle",
        "records that belong together cannot be sent",
        RULES,
        circle
    ),
    acted!(
        Shall,
        "core-transaction-links",
        "what refers to an entry from within an extension, or as an address, is rewritten as well",
        "references that are no longer any lead nowhere",
        RULES,
        links
    ),
    acted!(
        Shall,
        "core-transaction-order",
        "what a transaction reads is what it has changed, whatever the order of its entries",
        "the same transaction means something else for another server",
        RULES,
        order
    ),
    acted!(
        Shall,
        "core-transaction-once",
        "a transaction that changes one resource twice is refused",
        "which of the two changes counts is left to chance",
        RULES,
        once
    ),
    acted!(
        Shall,
        "core-transaction-empty",
        "a transaction without entries is no error",
        "senders with nothing to tell would have to be special",
        RULES,
        empty
    ),
    acted!(
        Shall,
        "core-transaction-conditional-reference",
        "a reference by search in a transaction leads to the one match, and without a match the transaction fails",
        "a record is tied to nobody, or to somebody else",
        "https://hl7.org/fhir/R4/http.html#trules",
        conditional_reference
    ),
];

async fn response(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let kind = kind(bench, &["create", "read", "update"])?;
    let kept = make(bench, kind, "transaction").await?;
    let terms = Terms::of(bench, &kept).await?;
    let entries = json!([
        {"request": {"method": "GET", "url": kept.path()}},
        {"fullUrl": format!("{}/{}", bench.target().base(), kept.path()), "resource": changed(&kept),
         "request": terms.entry(&kept)},
        created(bench, kind, "transaction-made")
    ]);
    let answer = bundle(bench, "transaction", entries).await?;
    of_type(&answer, "transaction-response")?;
    let found = statuses(&answer)?;
    if found == ["200", "200", "201"] {
        return kept_whole(&changed(&kept).to_string(), &get(bench, &kept.path()).await?);
    }
    Err(Otherwise::unmet("the statuses 200, 200, 201", numbers(&found)))
}

async fn atomic(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let kind = kind(bench, &["create", "read", "update", "search-type"])?;
    let kept = make(bench, kind, "atomic").await?;
    let terms = Terms::of(bench, &kept).await?;
    let entries = json!([
        created(bench, kind, "atomic-made"),
        {"fullUrl": format!("{}/{}", bench.target().base(), kept.path()), "resource": changed(&kept),
         "request": terms.entry(&kept)},
        bad(bench, kind, "atomic-bad")
    ]);
    let answer = bundle(bench, "transaction", entries).await?;
    if (200..300).contains(&answer.status) {
        return Err(Otherwise::unmet("a refusal", format!("status {}", answer.status)));
    }
    unchanged(bench, &kept).await?;
    // What was made by then would be found by now: the search of another resource that was made before finds that.
    counted(bench, kind, &criterion(bench, "atomic"), 1).await?;
    match counted(bench, kind, &criterion(bench, "atomic-made"), 0).await? {
        0 => Ok(()),
        _ => Err(Otherwise::unmet("nothing of the transaction", "what one of its entries made")),
    }
}

async fn refusal(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let kind = kind(bench, &["create"])?;
    let answer = bundle(
        bench,
        "transaction",
        json!([created(bench, kind, "refusal"), bad(bench, kind, "refusal-bad")]),
    )
    .await?;
    refused(&answer)?;
    if answer.is("OperationOutcome") {
        return Ok(());
    }
    Err(Otherwise::unmet("an OperationOutcome", "something else"))
}

/// Sends entries that must be accepted; tells the ids of what they made, in order.
async fn accepted(bench: &Bench, entries: Value) -> Result<Vec<(String, String)>, Otherwise> {
    let answer = bundle(bench, "transaction", entries).await?;
    of_type(&answer, "transaction-response")?;
    Ok(made(&answer))
}

async fn both(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    for kind in ["Patient", "Organization"] {
        bench.claimed(kind, "create")?;
        bench.claimed(kind, "read")?;
    }
    Ok(())
}

/// The text that a resource has at a path.
async fn told(bench: &Bench, path: &str, at: &[&str]) -> Result<String, Otherwise> {
    let answer = get(bench, path).await?;
    status(&answer, &[200])?;
    let found = root(&answer)?.walk(at).find_map(|held| held.string().map(String::from));
    Ok(found.unwrap_or_default())
}

/// Leads to `Type/id`, whether relative or absolute and whether or not with a version.
fn leads_to(bench: &Bench, reference: &str, kind: &str, id: &str) -> Judgement {
    let relative = reference.strip_prefix(bench.target().base()).unwrap_or(reference).trim_start_matches('/');
    match located(kind, relative) {
        Some((found, _)) if found == id => Ok(()),
        Some(_) => Err(Otherwise::unmet("a reference to what was made", "a reference to something else")),
        None if reference.starts_with("urn:") => {
            Err(Otherwise::unmet("a reference to what was made", "the address that it had in the Bundle"))
        }
        None => Err(Otherwise::unmet("a reference to what was made", "none")),
    }
}

fn organization_of<'a>(made: &'a [(String, String)], kind: &str) -> Result<&'a str, Otherwise> {
    let found = made.iter().find(|(held, _)| held == kind).map(|(_, id)| id.as_str());
    found.ok_or_else(|| Otherwise::unmet("a location for each create", "none"))
}

async fn references(bench: &Bench) -> Judgement {
    both(bench).await?;
    let mut patient = created(bench, "Patient", "refers");
    set(&mut patient, &["resource", "managingOrganization"], json!({"reference": urn(bench, "referred")}));
    let made = accepted(bench, json!([patient, created(bench, "Organization", "referred")])).await?;
    let (patient, organization) =
        (organization_of(&made, "Patient")?, organization_of(&made, "Organization")?);
    let found = told(bench, &format!("Patient/{patient}"), &["managingOrganization", "reference"]).await?;
    leads_to(bench, &found, "Organization", organization)
}

async fn circle(bench: &Bench) -> Judgement {
    both(bench).await?;
    let link = |to: &str| json!([{"other": {"reference": urn(bench, to)}, "type": "seealso"}]);
    let (mut one, mut other) = (created(bench, "Patient", "circle-1"), created(bench, "Patient", "circle-2"));
    set(&mut one, &["resource", "link"], link("circle-2"));
    set(&mut other, &["resource", "link"], link("circle-1"));
    let made = accepted(bench, json!([one, other])).await?;
    let [(_, one), (_, other)] = made.as_slice() else {
        return Err(Otherwise::unmet("a location for each create", "none"));
    };
    for (from, to) in [(one, other), (other, one)] {
        let found = told(bench, &format!("Patient/{from}"), &["link", "other", "reference"]).await?;
        leads_to(bench, &found, "Patient", to)?;
    }
    Ok(())
}

async fn links(bench: &Bench) -> Judgement {
    both(bench).await?;
    let target = urn(bench, "linked");
    let mut patient = created(bench, "Patient", "links");
    set(
        &mut patient,
        &["resource", "extension"],
        json!([
            {"url": format!("{SYSTEM}/reference"), "valueReference": {"reference": target}},
            {"url": format!("{SYSTEM}/address"), "valueUri": target}
        ]),
    );
    let made = accepted(bench, json!([patient, created(bench, "Organization", "linked")])).await?;
    let (patient, organization) =
        (organization_of(&made, "Patient")?, organization_of(&made, "Organization")?);
    for at in [&["extension", "valueReference", "reference"][..], &["extension", "valueUri"]] {
        let found = told(bench, &format!("Patient/{patient}"), at).await?;
        leads_to(bench, &found, "Organization", organization)?;
    }
    Ok(())
}

async fn order(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let kind = kind(bench, &["create", "read", "update"])?;
    let kept = make(bench, kind, "order").await?;
    let terms = Terms::of(bench, &kept).await?;
    let entries = json!([
        {"request": {"method": "GET", "url": kept.path()}},
        {"fullUrl": format!("{}/{}", bench.target().base(), kept.path()), "resource": changed(&kept),
         "request": terms.entry(&kept)}
    ]);
    let answer = bundle(bench, "transaction", entries).await?;
    of_type(&answer, "transaction-response")?;
    let first = entries_first(&answer)?;
    match first.member("active").and_then(fhir::json::Node::boolean) {
        Some(false) => Ok(()),
        Some(true) => Err(Otherwise::unmet("what the transaction makes of it", "what was there before")),
        None => Err(Otherwise::unmet("the resource that was asked for", "none")),
    }
}

fn entries_first(answer: &Answer) -> Result<fhir::json::Node<'_>, Otherwise> {
    let first = entries(root(answer)?).into_iter().next().and_then(|entry| entry.member("resource"));
    first.ok_or_else(|| Otherwise::unmet("the resource that was asked for", "none"))
}

async fn once(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let kind = kind(bench, &["create", "read", "update"])?;
    let kept = make(bench, kind, "once").await?;
    // Under the terms of its statement, and under none: the first may fail because the version is another after one of them.
    for terms in [Terms::of(bench, &kept).await?, Terms::none()] {
        let put = |body: Value| {
            json!({"fullUrl": format!("{}/{}", bench.target().base(), kept.path()), "resource": body,
                   "request": terms.entry(&kept)})
        };
        let mut other = changed(&kept);
        set(&mut other, &["telecom"], json!([{"system": "phone", "value": "01632 960888"}]));
        refused(&bundle(bench, "transaction", json!([put(changed(&kept)), put(other)])).await?)?;
        unchanged(bench, &kept).await?;
    }
    Ok(())
}

async fn empty(bench: &Bench) -> Judgement {
    of_system(bench, "transaction")?;
    let bundle = json!({"resourceType": "Bundle", "type": "transaction"});
    let answer = send(bench, Method::POST, "", &[], bundle.to_string()).await?;
    of_type(&answer, "transaction-response")
}

async fn conditional_reference(bench: &Bench) -> Judgement {
    both(bench).await?;
    bench.claimed("Organization", "search-type")?;
    let organization = make(bench, "Organization", "searched").await?;
    if counted(bench, "Organization", &criterion(bench, "searched"), 1).await? != 1 {
        return Err(Otherwise::error("what was made is not found by its identifier to begin with"));
    }
    let refers = |word: &str, value: String| {
        let mut patient = created(bench, "Patient", word);
        let reference = format!("Organization?identifier={SYSTEM}|{value}");
        set(&mut patient, &["resource", "managingOrganization"], json!({"reference": reference}));
        json!([patient])
    };
    let made = accepted(bench, refers("searches", mark(bench, "searched"))).await?;
    let patient = organization_of(&made, "Patient")?;
    let found = told(bench, &format!("Patient/{patient}"), &["managingOrganization", "reference"]).await?;
    leads_to(bench, &found, "Organization", &organization.id)?;
    refused(&bundle(bench, "transaction", refers("searches-in-vain", mark(bench, "nobody"))).await?)
}

//! Reads and searches by those who care for Ann.

use http::Method;
use serde_json::Value;

use super::stage::{
    Ask, Broken, Stage, broken, expect_held, expect_refusal, expect_status, expect_withheld, matches,
};
use crate::json;
use crate::people::ANN;
use crate::wire::Received;

/// What only those who visit Ann at home need.
const PHONE: &str = "01632 960145";
const HOUSE: &str = "Larkspur Cottage";

/// The social worker sees who Ann is, how to reach her and what care is for; the share has its Provenance.
pub(super) async fn social_worker_reads(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let what = "Ann by the social worker";
    let answer = stage.get("social_worker", ANN, "/hospital/fhir/Patient/ann").await?;
    expect_status(&answer, 200, what)?;
    for needed in ["Archer", PHONE, HOUSE, "ES7 4QQ", "1941-03-08", ANN.nhs_number] {
        expect_held(&answer, needed, what)?;
    }
    for unneeded in ["maritalStatus", "contact", "generalPractitioner", "extension", "text"] {
        if answer.json().get(unneeded).is_some() {
            return broken(format!("{what}: {unneeded} is not shared and is there"));
        }
    }
    if !answer.header("content-type").starts_with("application/fhir+json") {
        return broken(format!("{what}: the content type is not application/fhir+json"));
    }
    provenance(stage, &answer, what).await?;
    let problem = stage.get("social_worker", ANN, "/hospital/fhir/Condition/ann-hip").await?;
    expect_status(&problem, 200, "the broken hip")?;
    expect_held(&problem, "Fracture of neck of femur", "the broken hip")?;
    Ok("Ann's name, address and phone and what care is for; nothing else of her record; with Provenance"
        .into())
}

/// A read names its Provenance in a link, and the reader may read it.
async fn provenance(stage: &Stage<'_>, answer: &Received, what: &str) -> Result<(), Broken> {
    let link = answer.header("link");
    let url = link.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(url, _)| url);
    let Some(url) = url.filter(|_| link.contains("has_provenance")) else {
        return broken(format!("{what}: the answer links to no Provenance"));
    };
    let Some(path) = url.strip_prefix(&stage.house.base()) else {
        return broken(format!("{what}: the Provenance lies elsewhere"));
    };
    let ask = Ask { actor: "social_worker", method: Method::GET, path, headers: &[], body: Vec::new() };
    let provenance = stage.ask(ask).await?;
    expect_status(&provenance, 200, "the Provenance")?;
    if json::text(&provenance.json(), "/resourceType") != Some("Provenance") {
        return broken("the link leads to something else than a Provenance");
    }
    expect_held(&provenance, "Patient/ann", "the Provenance")
}

/// Searches show the view: labelled entries are left out, and `total` counts what is shown.
pub(super) async fn social_worker_searches(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let problems = ["ann-diabetes", "ann-hip", "ann-wound"];
    let query = "patient=ann";
    let path = format!("/hospital/fhir/Condition?{query}");
    let answer = stage.get("social_worker", ANN, &path).await?;
    view(&answer, &problems, "Ann's problems")?;
    let ask = Ask {
        actor: "social_worker",
        method: Method::POST,
        path: "/hospital/fhir/Condition/_search",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: query.as_bytes().to_vec(),
    };
    let posted = stage.about(ANN, ask).await?;
    view(&posted, &problems, "Ann's problems by POST")?;
    let path = "/hospital/fhir/MedicationStatement?patient=ann";
    let medicines = stage.get("social_worker", ANN, path).await?;
    view(&medicines, &["ann-paracetamol"], "Ann's medicines")?;
    Ok("3 problems and 1 medicine; what is labelled as mental health is left out and not counted".into())
}

fn view(answer: &Received, wanted: &[&str], what: &str) -> Result<(), Broken> {
    expect_status(answer, 200, what)?;
    let bundle = answer.json();
    if json::text(&bundle, "/type") != Some("searchset") {
        return broken(format!("{what}: no searchset"));
    }
    let found = matches(&bundle);
    if found != wanted {
        return broken(format!("{what}: {} matches instead of {}, or others", found.len(), wanted.len()));
    }
    let total = bundle.get("total").and_then(Value::as_u64);
    if total != u64::try_from(wanted.len()).ok() {
        return broken(format!("{what}: total is {total:?} instead of {}", wanted.len()));
    }
    let provenance = json::list(&bundle, "/entry").iter().any(|entry| {
        json::text(entry, "/resource/resourceType") == Some("Provenance")
            && json::text(entry, "/search/mode") == Some("include")
    });
    if provenance { Ok(()) } else { broken(format!("{what}: no Provenance among the entries")) }
}

/// The support worker sees who Ann is, and no more.
pub(super) async fn support_worker_reads(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let what = "Ann by the support worker";
    let answer = stage.get("support_worker", ANN, "/hospital/fhir/Patient/ann").await?;
    expect_status(&answer, 200, what)?;
    for needed in ["Archer", "ES7 4QQ", ANN.nhs_number] {
        expect_held(&answer, needed, what)?;
    }
    for unneeded in [PHONE, HOUSE] {
        expect_withheld(&answer, unneeded, what)?;
    }
    let problems = stage.get("support_worker", ANN, "/hospital/fhir/Condition?patient=ann").await?;
    expect_refusal(&problems, 403, "ACCESS_DENIED", "Ann's problems by the support worker")?;
    Ok("Ann's name and postcode; no phone, no street, no problems".into())
}

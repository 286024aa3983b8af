//! Ann withdraws her consent, and it takes effect on the very next request.

use http::Method;
use serde_json::{Value, json};

use super::stage::{Ask, Broken, Stage, broken, expect_refusal, expect_status};
use crate::json;
use crate::people::{ANN, COUNCIL, Person, dissent};
use crate::wire::Received;

const FHIR_JSON: (&str, &str) = ("content-type", "application/fhir+json");

/// A read, Ann's no, a refusal, Ann's no taken back, a read.
pub(super) async fn withdrawal_takes_effect(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let path = "/hospital/fhir/Patient/ann";
    let before = stage.get("social_worker", ANN, path).await?;
    expect_status(&before, 200, "Ann before she withdraws")?;

    let (id, made) = record(stage, "patient_ann", ANN, &dissent(ANN, COUNCIL)).await?;
    let refused = stage.get("social_worker", ANN, path).await;

    let mut ended = made.json();
    if let Some(members) = ended.as_object_mut() {
        members.insert("status".into(), json!("inactive"));
    }
    let ask = Ask {
        actor: "patient_ann",
        method: Method::PUT,
        path: &format!("/fhir/Consent/{id}"),
        headers: &[FHIR_JSON, ("if-match", made.header("etag"))],
        body: ended.to_string().into_bytes(),
    };
    let taken_back = stage.about(ANN, ask).await?;
    expect_status(&taken_back, 200, "Ann's no taken back")?;
    expect_refusal(&refused?, 403, "NO_PATIENT_CONSENT", "Ann after she withdraws")?;
    let after = stage.get("social_worker", ANN, path).await?;
    expect_status(&after, 200, "Ann after she took her no back")?;
    Ok("refused on the very next request, and shared again once Ann took her no back".into())
}

/// `actor` records a Consent about `person`; returns its id and the answer.
async fn record(
    stage: &mut Stage<'_>,
    actor: &str,
    person: Person,
    consent: &Value,
) -> Result<(String, Received), Broken> {
    let ask = Ask {
        actor,
        method: Method::POST,
        path: "/fhir/Consent",
        headers: &[FHIR_JSON],
        body: consent.to_string().into_bytes(),
    };
    let made = stage.about(person, ask).await?;
    expect_status(&made, 201, "a Consent")?;
    match json::text(&made.json(), "/id") {
        Some(id) => Ok((id.to_owned(), made)),
        None => broken("the Consent that was recorded has no id"),
    }
}

//! What is not shared, and that a refusal gives nothing away.

use super::stage::{Broken, Stage, broken, expect_refusal, expect_status, matches};
use crate::people::{ANN, BEN, CARA};
use crate::wire::Received;

/// Ben has said no. The council is in his care team all the same, so that nothing but his word stands in the way.
pub(super) async fn dissent_respected(stage: &mut Stage<'_>) -> Result<String, Broken> {
    for path in ["/hospital/fhir/Patient/ben", "/hospital/fhir/Condition?patient=ben"] {
        let answer = stage.get("social_worker", BEN, path).await?;
        expect_refusal(&answer, 403, "NO_PATIENT_CONSENT", path)?;
    }
    Ok("Ben said no: neither a read nor a search shows anything of him".into())
}

/// Cara has nothing to do with the council; the stranger's council has no agreement.
pub(super) async fn no_relationship_refused(stage: &mut Stage<'_>) -> Result<String, Broken> {
    for path in ["/hospital/fhir/Patient/cara", "/hospital/fhir/Condition?patient=cara"] {
        let answer = stage.get("social_worker", CARA, path).await?;
        expect_refusal(&answer, 403, "NO_RELATIONSHIP", path)?;
    }
    let path = "/hospital/fhir/Patient/ann";
    let answer = stage.get("stranger", ANN, path).await?;
    expect_refusal(&answer, 403, "NO_ORGANISATION_CONSENT", path)?;
    Ok("no tie of care with Cara: refused; no agreement with the stranger's council: refused".into())
}

/// A search is a read of what it looks at: a right and a wrong guess at a hidden element are told the same.
pub(super) async fn hidden_element_search_refused(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let refused = [
        ("support_worker", "phone=01632960145", "phone=01632960999"),
        (
            "social_worker",
            "general-practitioner=Organization/millside",
            "general-practitioner=Organization/northshire",
        ),
    ];
    for (actor, right, wrong) in refused {
        let right = guess(stage, actor, right, wrong).await?;
        expect_refusal(&right, 403, "ACCESS_DENIED", "a search by a hidden element")?;
    }
    // Of the address the support worker sees the postcode: a search may be answered, but by what she sees alone.
    let answered = guess(stage, "support_worker", "address=Larkspur", "address=Rosewood").await?;
    expect_status(&answered, 200, "a search by a partly hidden element")?;
    let seen = stage.get("support_worker", ANN, "/hospital/fhir/Patient?_id=ann&address=ES7").await?;
    if matches(&seen.json()) != ["ann"] {
        return broken("a search by what the support worker sees does not find Ann");
    }
    Ok("a right and a wrong guess at what is hidden get the same answer, byte for byte".into())
}

/// Asks both and compares; returns the answer to the right guess.
async fn guess(stage: &mut Stage<'_>, actor: &str, right: &str, wrong: &str) -> Result<Received, Broken> {
    let right = stage.get(actor, ANN, &format!("/hospital/fhir/Patient?_id=ann&{right}")).await?;
    let wrong = stage.get(actor, ANN, &format!("/hospital/fhir/Patient?_id=ann&{wrong}")).await?;
    let (told_right, told_wrong) = (told(&right), told(&wrong));
    if told_right != told_wrong {
        return broken("a right and a wrong guess at a hidden element are told different things");
    }
    Ok(right)
}

/// Status, headers and body, but for what names the one answer or repeats the question.
fn told(answer: &Received) -> (u16, Vec<(String, Vec<u8>)>, String) {
    let own = ["x-request-id", "portcullis-receipt", "date", "link"];
    let mut headers: Vec<(String, Vec<u8>)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort_unstable();
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("link");
    }
    (answer.status, headers, body.to_string().replace(answer.header("x-request-id"), "(request id)"))
}

//! Dev comes in unconscious: the glass is broken for a reason, and everyone responsible sees it.

use http::Method;
use serde_json::Value;

use super::stage::{Ask, Broken, Stage, broken, expect_held, expect_refusal, expect_status};
use super::trail;
use crate::json;
use crate::people::DEV;

const REASON: &str = "Unconscious on arrival, allergies needed before treatment";

/// Refused without a tie of care and without a reason; shared in an emergency with one; recorded and flagged.
pub(super) async fn break_glass(stage: &mut Stage<'_>) -> Result<String, Broken> {
    let path = "/hospital/fhir/AllergyIntolerance?patient=dev";
    let ordinary = stage.get("ward_doctor", DEV, path).await?;
    expect_refusal(&ordinary, 403, "NO_RELATIONSHIP", "Dev without an emergency")?;
    let silent = stage.get("ward_doctor_emergency", DEV, path).await?;
    expect_status(&silent, 403, "Dev in an emergency without a reason")?;
    let ask = Ask {
        actor: "ward_doctor_emergency",
        method: Method::GET,
        path,
        headers: &[("portcullis-override-reason", REASON)],
        body: Vec::new(),
    };
    let answer = stage.about(DEV, ask).await?;
    expect_status(&answer, 200, "Dev in an emergency")?;
    expect_held(&answer, "Allergy to latex", "Dev in an emergency")?;

    let request_id = answer.header("x-request-id");
    let events = trail::events(stage, "guardian", DEV).await?;
    let Some(event) = events.iter().find(|event| trail::names(event, request_id)) else {
        return broken("the override is not in Dev's trail");
    };
    let purpose = json::along(event, "purposeOfEvent.coding.code");
    let reason_given = json::along(event, "entity.detail").iter().any(|detail| {
        detail.as_object().is_some_and(|members| members.values().any(|value| says(value, REASON)))
    });
    if !purpose.iter().any(|code| code.as_str() == Some("ETREAT")) || !reason_given {
        return broken("the override is recorded without its purpose or its reason");
    }
    Ok("refused without a reason; with one, Dev's allergy is shared, recorded and flagged with the reason"
        .into())
}

/// Whether a detail is `text`, plain or in base64.
fn says(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|held| crate::canary::holds(held.as_bytes(), text).is_some())
}

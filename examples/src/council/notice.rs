//! The other way: the hospital tells the council that Ann goes home, by HL7 v2, and the council has it as FHIR.

use std::time::Duration;

use http::Method;
use jiff::Zoned;
use tokio::time::{Instant, sleep};

use super::play::{Ward, expect, status};
use crate::canary;
use crate::json;
use crate::people::{ANN, ANNS_LETTER, discharge_message};
use crate::story::{Broken, mllp};

const DELIVERY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One message: acknowledged, delivered once, minimised.
pub(super) async fn delivered(ward: &mut Ward<'_>) -> Result<String, Broken> {
    let now = Zoned::now();
    let control = format!("NOTICE{}", now.timestamp().as_millisecond());
    let message = discharge_message(&control, now.datetime());
    let acknowledgement = mllp::exchange(ward.council.mllp(), &message).await?;
    let is_accepted = acknowledgement.contains(&format!("MSA|AA|{control}"));
    expect(is_accepted.then_some(()), "the notice was not acknowledged AA")?;
    let url = format!("{}/Bundle?type=document", ward.council.receives);
    let deadline = Instant::now() + DELIVERY_MAX;
    loop {
        let answer = ward.send(Method::GET, &url, &[("accept", "application/fhir+json")], &[]).await?;
        status(&answer, 200, "the council's inbox")?;
        let found = json::list(&answer.json(), "/entry").len();
        if found > 0 {
            expect((found == 1).then_some(()), "the council has more than one document")?;
            for needed in [ANNS_LETTER, "Archer", ANN.nhs_number] {
                expect(canary::holds(&answer.body, needed).map(|_| ()), "the notice lacks what is needed")?;
            }
            return Ok(
                "acknowledged AA; the council has the notice, once, without what it does not need".into()
            );
        }
        expect((Instant::now() < deadline).then_some(()), "no notice reached the council in time")?;
        sleep(LOOK_EVERY).await;
    }
}

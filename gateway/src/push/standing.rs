//! Whether what was cleared may still go. A parcel can wait for days; a dissent, or the end of the agreement, stops it.

use fhir::identifier::NHS_NUMBER;
use fhir::json::{self, Node};
use fhir::nhs_number::NhsNumber;
use fhir::purpose_of_use::PurposeOfUse;

use super::delivery::NotDelivered;
use super::outbox::Parcel;
use crate::decision::calendar::day_of;
use crate::decision::consents::{Recipient, weigh};
use crate::person::PersonKey;
use crate::ports::Ports;
use crate::trail::record::Exchange;

/// Looks once more, just before a parcel is carried, at the agreement it was cleared under and at the choices of those
/// it is about.
///
/// A denial of everything stops it for good, under the name of the refusal. A denial of some data that was recorded
/// after it was cleared does not reach into it: it holds what the choices of that moment left.
///
/// # Errors
/// [`NotDelivered::Ever`] when it may not go any more, [`NotDelivered::Yet`] when that cannot be found out now.
pub(super) async fn stands(parcel: &Parcel, ports: &Ports) -> Result<(), NotDelivered> {
    let limits = json::Limits::default();
    let unreadable = || NotDelivered::Ever("not-writable");
    let intent: Exchange =
        json::parse_into(parcel.intent.clone().into(), &limits).map_err(|_| unreadable())?;
    let now = ports.clock.now();
    let in_force = intent
        .agreement
        .as_ref()
        .and_then(|recorded| ports.settings.agreements.by_id(&recorded.id))
        .is_some_and(|agreement| agreement.is_in_force(day_of(now)));
    let Some(system) = ports.settings.system(parcel.system.as_str()).filter(|_| in_force) else {
        return Err(NotDelivered::Ever("no-sharing-agreement"));
    };
    let Some(purpose) = intent.purpose.as_deref().and_then(|code| PurposeOfUse::parse(code).ok()) else {
        return Err(unreadable());
    };
    let recipient =
        Recipient { organisation: &system.organisation, staff: None, role: None, purpose, at: now };
    let body = json::parse(parcel.body.clone(), &limits).map_err(|_| unreadable())?;
    for number in numbers(body.root()) {
        let active = ports.consents.active_for(&PersonKey::Nhs(number), now).await;
        let active = active.map_err(|_| NotDelivered::Yet("evidence-consent"))?;
        if weigh(&active, &recipient).denied_by.is_some() {
            return Err(NotDelivered::Ever("consent-denied"));
        }
    }
    Ok(())
}

/// The NHS numbers of the persons a released Bundle is about.
fn numbers(bundle: Node<'_>) -> Vec<NhsNumber> {
    bundle
        .walk(&["entry", "resource"])
        .filter(|resource| resource.member("resourceType").is_some_and(|name| name.is_string("Patient")))
        .flat_map(|patient| patient.walk(&["identifier"]).collect::<Vec<_>>())
        .filter(|identifier| identifier.member("system").is_some_and(|system| system.is_string(NHS_NUMBER)))
        .filter_map(|identifier| NhsNumber::parse(&identifier.str_at(&["value"])?).ok())
        .collect()
}

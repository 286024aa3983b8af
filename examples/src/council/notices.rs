//! The notices of the Care Act (SCCI2075) by which the hospital tells the council that Ann goes home, that she does not,
//! and when she does after all. They come as files, twice each; the council has each as FHIR, once.

use std::time::Duration;

use http::Method;
use jiff::{ToSpan, Zoned};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::files;
use super::play::{Ward, expect, status};
use crate::canary;
use crate::json;
use crate::people::ANN;
use crate::story::Broken;

const DISCHARGE: &str = include_str!("../../council/discharge-notice.xml");
const WITHDRAWAL: &str = include_str!("../../council/withdrawal-notice.xml");
const DELIVERY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A notice that the hospital sends.
struct Notice {
    template: &'static str,
    /// The message.
    id: &'static str,
    /// `MessageHeader.event`.
    event: &'static str,
    /// What a notice and its withdrawal have in common.
    referral: &'static str,
    /// How many days after it she is to go home.
    home_in_days: i64,
}

const FIRST: Notice = Notice {
    template: DISCHARGE,
    id: "7a0c6a6e-1f0b-4a7e-8a51-000000000001",
    event: "975731000000100",
    referral: "REF-1001",
    home_in_days: 2,
};
const WITHDRAWN: Notice = Notice {
    template: WITHDRAWAL,
    id: "7a0c6a6e-1f0b-4a7e-8a51-000000000002",
    event: "975851000000104",
    ..FIRST
};
const ANEW: Notice =
    Notice { id: "7a0c6a6e-1f0b-4a7e-8a51-000000000003", referral: "REF-1002", home_in_days: 4, ..FIRST };

/// She goes home in two days.
pub(super) async fn discharge(ward: &mut Ward<'_>) -> Result<String, Broken> {
    let bundle = delivered(ward, &FIRST).await?;
    is_discharge(ward, &bundle, &FIRST)?;
    Ok("dropped as DSTU2, twice; the council has it as R4, once, without what it does not need".into())
}

/// She does not.
pub(super) async fn withdrawal(ward: &mut Ward<'_>) -> Result<String, Broken> {
    let bundle = delivered(ward, &WITHDRAWN).await?;
    says(&bundle, "ServiceRequest.status", "revoked")?;
    says(&bundle, "ServiceRequest.replaces.identifier.value", FIRST.referral)?;
    says(&bundle, "ServiceRequest.reasonCode.coding.code", "07")?;
    is_about_ann(&bundle)?;
    Ok("the council has a revoked request that names the notice, and why, once".into())
}

/// She does after all. A late copy of what was withdrawn changes nothing. What came before about her has arrived or never
/// will, so now the council has what it has.
pub(super) async fn anew(ward: &mut Ward<'_>) -> Result<String, Broken> {
    dropped(ward, "late", &FIRST)?;
    let bundle = delivered(ward, &ANEW).await?;
    is_discharge(ward, &bundle, &ANEW)?;
    let held = held(ward).await?;
    let once = held.iter().filter(|bundle| json::text(bundle, "/meta/versionId") == Some("1")).count();
    expect((held.len() == 3 && once == 3).then_some(()), "the council has a notice twice, or lacks one")?;
    Ok("a new notice with a new day; of seven files the council has three notices, each once".into())
}

/// Drops the notice and a copy, and waits until both are dealt with and the council has it.
async fn delivered(ward: &mut Ward<'_>, notice: &Notice) -> Result<Value, Broken> {
    for name in ["notice", "copy"] {
        dropped(ward, name, notice)?;
    }
    let deadline = Instant::now() + DELIVERY_MAX;
    loop {
        let (left, refused) = files::notices_left(&ward.council.cases());
        expect((refused == 0).then_some(()), "the gateway refused the file of a notice")?;
        let mut held = held(ward).await?.into_iter();
        if let Some(bundle) = held.find(|bundle| notice.is(bundle)).filter(|_| left == 0) {
            let provenance = values(&bundle, "Provenance.id").first().and_then(|id| id.as_str());
            let request_id = provenance.unwrap_or_default().to_owned();
            ward.asked.push((ANN, request_id));
            return Ok(bundle);
        }
        expect((Instant::now() < deadline).then_some(()), "no notice reached the council in time")?;
        sleep(LOOK_EVERY).await;
    }
}

/// Puts the notice into the folder.
fn dropped(ward: &Ward<'_>, name: &str, notice: &Notice) -> Result<(), Broken> {
    let (name, text) = (format!("{name}-{}.xml", notice.id), notice.text(&ward.began));
    files::notice(&ward.council.cases(), &name, &text)
        .map_err(|_| Broken::Unexpected("the notice cannot be dropped".into()))
}

/// The notices that the council has; none holds a canary.
async fn held(ward: &Ward<'_>) -> Result<Vec<Value>, Broken> {
    let url = format!("{}/Bundle?type=message", ward.council.receives);
    let answer = ward.send(Method::GET, &url, &[("accept", "application/fhir+json")], &[]).await?;
    status(&answer, 200, "the council's inbox")?;
    let bundle = answer.json();
    Ok(json::list(&bundle, "/entry").iter().filter_map(|entry| entry.get("resource")).cloned().collect())
}

impl Notice {
    /// The file, as of `now`.
    fn text(&self, now: &Zoned) -> String {
        self.template
            .replace("{notice}", self.id)
            .replace("{referral}", self.referral)
            .replace("{issued}", &format!("{:.0}", now.timestamp()))
            .replace("{admitted}", &days_after(now, -12))
            .replace("{home}", &days_after(now, self.home_in_days))
    }

    fn is(&self, bundle: &Value) -> bool {
        says(bundle, "ServiceRequest.code.coding.code", self.event).is_ok()
            && says(bundle, "ServiceRequest.identifier.value", self.referral).is_ok()
    }
}

fn days_after(now: &Zoned, days: i64) -> String {
    now.date().saturating_add(days.days()).to_string()
}

fn is_discharge(ward: &Ward<'_>, bundle: &Value, notice: &Notice) -> Result<(), Broken> {
    says(bundle, "ServiceRequest.status", "active")?;
    says(bundle, "ServiceRequest.occurrencePeriod.end", &days_after(&ward.began, notice.home_in_days))?;
    says(bundle, "QuestionnaireResponse.item.answer.valueCoding.code", "Y")?;
    is_about_ann(bundle)
}

/// Who she is, where she is and whom to ring.
fn is_about_ann(bundle: &Value) -> Result<(), Broken> {
    for (path, value) in [
        ("Patient.identifier.value", ANN.nhs_number),
        ("Patient.name.family", "Archer"),
        ("Patient.birthDate", "1941-03-08"),
        ("Patient.address.postalCode", "ES7 4QQ"),
        ("Encounter.status", "in-progress"),
        ("Location.name", "Ward 7"),
        ("Organization.identifier.value", "RX101"),
        ("Practitioner.name.family", "Okoro"),
        ("Practitioner.telecom.value", "01632 960320"),
    ] {
        says(bundle, path, value)?;
    }
    expect(values(bundle, "Condition").is_empty().then_some(()), "the reason for admission is not shared")?;
    let found = canary::found(bundle.to_string().as_bytes());
    found.map_or(Ok(()), |form| Err(Broken::Canary { what: "a notice".to_owned(), form }))
}

/// A resource of the Bundle has this text at `path`, which begins with its type.
fn says(bundle: &Value, path: &str, value: &str) -> Result<(), Broken> {
    let is_said = values(bundle, path).iter().any(|held| held.as_str() == Some(value));
    is_said
        .then_some(())
        .ok_or_else(|| Broken::Unexpected(format!("the notice lacks {path}, or says otherwise")))
}

fn values<'a>(bundle: &'a Value, path: &str) -> Vec<&'a Value> {
    let (kind, within) = path.split_once('.').unwrap_or((path, "resourceType"));
    let resources = json::list(bundle, "/entry").iter().filter_map(|entry| entry.get("resource"));
    let of_kind = resources.filter(|held| json::text(held, "/resourceType") == Some(kind));
    of_kind.flat_map(|held| json::along(held, within)).collect()
}

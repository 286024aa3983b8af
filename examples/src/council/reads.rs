//! What the ward reads and searches, and what is refused.

use http::Method;

use super::files;
use super::play::{Ward, expect, status};
use crate::canary;
use crate::json;
use crate::people::{ANN, BEN, CARA};
use crate::story::Broken;
use crate::wire::Received;

const NEW_PHONE: &str = "01632 960288";
const DRIFT: &str = "DROP VIEW services; CREATE VIEW services AS SELECT no AS service_id, person AS case_id, \
                     what AS description, state, started, ended, notes AS worker_notes FROM service";
const MENDED: &str = "DROP VIEW services; CREATE VIEW services AS SELECT no AS service_id, person AS case_id, \
                      what AS service, state, started, ended, notes AS worker_notes FROM service";

/// A row of the extract, read by its id and found by NHS number, without what the ward does not need.
pub(super) async fn resident(ward: &mut Ward<'_>) -> Result<String, Broken> {
    let read = ward.get(ANN, "/Patient/E1001").await?;
    status(&read, 200, "Ann")?;
    for needed in ["Archer", "1941-03-08", "01632 960145", ANN.nhs_number] {
        expect(canary::holds(&read.body, needed).map(|_| ()), "what the ward needs is not there")?;
    }
    expect(read.json().get("address").is_none().then_some(()), "an address is not shared and is there")?;
    let search = format!("/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{}", ANN.nhs_number);
    let found = ward.get(ANN, &search).await?;
    is_found(&found, &["E1001"], "Ann by her number")?;
    Ok("Ann by her case id and by her NHS number, from the extract; without address and notes".into())
}

/// Rows of a view, by person, by person and state, and in an order.
pub(super) async fn services(ward: &mut Ward<'_>) -> Result<String, Broken> {
    for (search, ids) in [
        ("/CarePlan?patient=E1001", &["501", "502"][..]),
        ("/CarePlan?subject=Patient/E1001&status=active", &["501"]),
        ("/CarePlan?patient=E1001&date=sa2025-08-30", &["501"]),
        ("/CareTeam?patient=E1001", &["71"]),
    ] {
        is_found(&ward.get(ANN, search).await?, ids, search)?;
    }
    let read = ward.get(ANN, "/CarePlan/501").await?;
    status(&read, 200, "a service")?;
    expect(canary::holds(&read.body, "Morning visit").map(|_| ()), "the service is not named")?;
    Ok("services by person, state and date, from the view; without the notes of those who work there".into())
}

/// Who said no to sharing with the hospital is not read.
pub(super) async fn dissent(ward: &mut Ward<'_>) -> Result<String, Broken> {
    refused(&ward.get(BEN, "/Patient/E1002").await?, "NO_PATIENT_CONSENT", "Ben")?;
    refused(&ward.get(BEN, "/CarePlan?patient=E1002").await?, "NO_PATIENT_CONSENT", "Ben's services")?;
    Ok("Ben has said no: neither his row nor his services are shown".into())
}

/// Whose team the hospital is not in is not read.
pub(super) async fn no_relationship(ward: &mut Ward<'_>) -> Result<String, Broken> {
    refused(&ward.get(CARA, "/Patient/E1003").await?, "NO_RELATIONSHIP", "Cara")?;
    Ok("the hospital is in no team of Cara's".into())
}

/// What no mapping answers is refused by rule, and nothing is written.
pub(super) async fn unanswerable(ward: &mut Ward<'_>) -> Result<String, Broken> {
    for (method, path, body) in [
        (Method::GET, "/Patient/E1001/_history", ""),
        (Method::GET, "/CarePlan?patient=E1001&category=x", ""),
        (Method::GET, "/CarePlan?patient=E1001&_lastUpdated=ge2020-01-01", ""),
        (Method::POST, "/Patient", "{\"resourceType\":\"Patient\"}"),
    ] {
        let answer =
            ward.ask("ward_doctor", method, &format!("/council-cases/fhir{path}"), body.as_bytes()).await?;
        status(&answer, 403, path)?;
    }
    Ok("histories, writes and searches by what no mapping tells are refused, before anything is asked".into())
}

/// A newer extract takes the place of the one before.
pub(super) async fn new_extract(ward: &mut Ward<'_>) -> Result<String, Broken> {
    files::extract(&ward.council.cases(), "residents-2.csv", NEW_PHONE).map_err(not_written)?;
    let read = ward.get(ANN, "/Patient/E1001").await?;
    status(&read, 200, "Ann")?;
    expect(canary::holds(&read.body, NEW_PHONE).map(|_| ()), "the new number is not there")?;
    Ok("the next extract is read as soon as it is in the folder".into())
}

/// A column that moved ends as an outage, and never as an empty answer.
pub(super) async fn moved_column(ward: &mut Ward<'_>) -> Result<String, Broken> {
    files::cases(&ward.council.cases(), DRIFT).map_err(not_written)?;
    let path = "/council-cases/fhir/CarePlan?patient=E1001";
    let answer = ward.ask("ward_doctor", Method::GET, path, &[]).await?;
    files::cases(&ward.council.cases(), MENDED).map_err(not_written)?;
    status(&answer, 502, "a view whose column moved")?;
    is_found(&ward.get(ANN, "/CarePlan?patient=E1001").await?, &["501", "502"], "the mended view")?;
    Ok("502 while the view lacks a column; answered again once it is mended".into())
}

fn not_written(_: crate::house::HouseError) -> Broken {
    Broken::Unexpected("the council's files cannot be written".into())
}

fn is_found(answer: &Received, wanted: &[&str], what: &str) -> Result<(), Broken> {
    status(answer, 200, what)?;
    let bundle = answer.json();
    let matches = json::list(&bundle, "/entry").iter();
    let mut ids: Vec<&str> = matches
        .filter(|entry| json::text(entry, "/search/mode") == Some("match"))
        .filter_map(|entry| json::text(entry, "/resource/id"))
        .collect();
    ids.sort_unstable();
    if ids == wanted {
        return Ok(());
    }
    Err(Broken::Unexpected(format!("{what}: {} matches, or others than {}", ids.len(), wanted.len())))
}

fn refused(answer: &Received, code: &str, what: &str) -> Result<(), Broken> {
    status(answer, 403, what)?;
    let outcome = answer.json();
    let codes = json::along(&outcome, "issue.details.coding.code");
    let is_told = codes.iter().any(|held| held.as_str() == Some(code));
    expect(is_told.then_some(()), "the refusal does not name its reason")
}

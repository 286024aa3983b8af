//! A site under an agreement of the test's own, and what it answers, without what is random in it.

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::front::ask;
use super::holding::consent;
use super::upstream::{Play, Seen};
use super::whole::Whole;

pub(crate) const BOB: &str = "9990000026";
/// Settings of the hospital and of the limits. However slow the machine is: time is not what is tested.
pub(crate) const LONG: &str = "timeout_ms = 300000\n\n[limits]\nexchange_timeout_ms = 600000\n";

/// An agreement of this existence inside the hospital, for its consultants, with these tables of what `person` shares.
pub(crate) fn agreement(existence: &str, tables: &str) -> String {
    format!(
        r#"
id = "on-the-wards"
title = "Care on the wards"
status = "in-force"
in_force = {{ from = 2020-01-01, until = 2090-01-01 }}
review_by = 2089-01-01
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:RX1"]
recipient = ["ods:RX1"]
purposes = ["TREAT"]
legal_basis = {{ uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }}
identifiability = "identifiable"
relationship = []
overrides = []
existence = "{existence}"
[[recipient_role]]
roles = ["R0050"]
standing = "registered"
share = ["person"]
{tables}"#
    )
}

/// A site under this agreement, whose hospital answers as `script` says.
pub(crate) async fn site(
    agreement: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    site_after(agreement, script, |_| ()).await
}

/// The same, whose files are changed before it starts.
pub(crate) async fn site_after(
    agreement: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
    change: impl FnOnce(&Whole),
) -> (Whole, Running) {
    let site = Whole::with(script).await;
    site.agrees(agreement);
    change(&site);
    let running = site.start().await.unwrap();
    (site, running)
}

/// What the consultant is answered, without what is random in it: status, head, body.
pub(crate) async fn answer(site: &Whole, path: &str) -> (u16, Vec<String>, String) {
    blind(site.get(path, Some(&site.consultant())).await)
}

/// The same, as a value.
pub(crate) async fn read(site: &Whole, place: &str) -> (u16, Value) {
    let (status, _, body) = answer(site, &format!("/hospital/fhir/{place}")).await;
    (status, parsed(&body))
}

/// An answer without what is random in it.
pub(crate) fn blind((status, head, body): (u16, String, String)) -> (u16, Vec<String>, String) {
    let header =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (request, receipt) = (header("x-request-id: "), header("portcullis-receipt: "));
    let blind = |text: &str| text.replace(&request, "REQUEST").replace(&receipt, "RECEIPT");
    let lines = head.lines().filter(|line| !line.starts_with("date: ")).map(blind).collect();
    (status, lines, blind(&body))
}

/// A body without when its Provenance was made.
pub(crate) fn timeless(body: &str) -> String {
    let moment = |part: &str| part.find('"').map_or(part.to_owned(), |end| part[end..].to_owned());
    let mut parts = body.split("\"recorded\":\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + "\"recorded\":\"" + &moment(part))
}

pub(crate) fn parsed(body: &str) -> Value {
    fhir::json::parse_value(body.to_owned().into(), &fhir::json::Limits::default()).unwrap()
}

/// The ids of the matches in an answer to a search.
pub(crate) fn references(body: &str) -> Vec<String> {
    let found = parsed(body)["entry"].as_array().cloned().unwrap_or_default();
    let matches = found.iter().filter(|entry| entry["search"]["mode"] == "match");
    matches.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Has it written down what the person with this number says about sharing.
pub(crate) async fn says(site: &Whole, number: &str, provision: &Value) {
    let headers = "content-type: application/fhir+json\r\n";
    let recorder = site.staff_token("R5105");
    let body = consent(number, provision);
    let request = site.request("POST", "/fhir/Consent", Some(&recorder), headers, &body);
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, _, body) = ask(&mut stream, &request).await.unwrap();
    assert_eq!(status, 201, "{body}");
}

/// The same of somebody who wants nothing of hers shared.
pub(crate) async fn denies(site: &Whole, number: &str) {
    says(site, number, &json!({"type": "deny"})).await;
}

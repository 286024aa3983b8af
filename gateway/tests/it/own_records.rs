//! Whom a record of the gateway's own resources is about, and by which names they are found.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, NHS_NUMBER, consent};
use crate::support::whole::{Whole, one_patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_is_refused_stands_in_the_trail_of_whom_it_names_and_of_nobody_by_another_number() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let body = consent(ANN, &json!({"type": "deny"}));
    let other = body.replace(NHS_NUMBER, "https://hospital.example/number");
    assert_ne!(body, other);
    let headers = "content-type: application/fhir+json\r\n";
    for body in [&body, &other] {
        let request = site.request("POST", "/fhir/Consent", Some(&site.consultant()), headers, body);
        let (status, _, body) =
            ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
        assert_eq!(status, 403, "{body}");
    }
    running.stop().await;
    let records = site.records();
    let refused: Vec<&Value> = records.iter().filter(|one| one["exchange"]["status"] == 403).collect();
    let of_her: Vec<&&Value> = refused.iter().filter(|one| one["about"]["nhs_number"] == ANN).collect();
    assert_eq!((refused.len(), of_her.len()), (3, 1), "two exchanges, one of them about her: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_consents_by_the_id_of_a_system_is_told_how_to_ask_and_never_that_there_are_none() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    for path in ["/fhir/Consent?patient=hospital/Patient/1", "/fhir/Consent?patient=hospital/Patient/nobody"]
    {
        let request = site.request("GET", path, Some(&site.consultant()), "", "");
        let (status, _, body) =
            ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("patient.identifier"), "{body}");
    }
    running.stop().await;
}

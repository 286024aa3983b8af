//! What HL7 v2 cannot say of what may be shared: it does not go, whoever hears of the rest is told, and the record is of
//! what went.

use gateway::trail::record::{Event, Record, Words};
use serde_json::{Value, json};

use super::asking::{LISTENER, answer, asking, candidates, demographics, line, recorded};
use super::whole::{Gateway, LETTER, created};
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::receiver::{Receiver, Says};
use crate::support::sharing::{BOB, denies};
use crate::support::tls::file;

const CAT: &str = "9990000034";
const UNSAYABLE: &str = "not-sayable-in-hl7v2";

/// Ann and Bob, and Cat, whose record is no longer in use: HL7 v2 has no place for that.
fn people() -> Vec<Value> {
    let mut cat = patient("p3", CAT);
    cat["active"] = json!(false);
    vec![patient("p1", ANN), patient("p2", BOB), cat]
}

/// What is recorded about the person with this number.
fn about(records: &[Value], number: &str) -> Option<Value> {
    records.iter().map(|record| record["about"].clone()).find(|about| about["nhs_number"] == number)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_match_that_cannot_be_said_is_left_out_by_name_and_the_others_are_told() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    let told = answer(&mut peer, &candidates("Q1", "")).await;
    assert_eq!(line(&told, "MSA"), Some("MSA|AA|Q1"), "{told:?}");
    let warning =
        "ERR|||0^^HL70357|W||||1 of the matches cannot be said in HL7 v2 and is not here: ask by FHIR";
    assert_eq!(told[2], warning, "{told:?}");
    assert_eq!(line(&told, "QAK"), Some("QAK|T1|OK|Q22^Find^HL7"));
    let all = told.concat();
    assert!(all.contains(ANN) && all.contains(BOB) && !all.contains(CAT), "{all}");
    let records = recorded(&site, "Q1");
    assert_eq!(records[0]["exchange"]["event"], "disclosed");
    assert_eq!(records[0]["exchange"]["words"], "hl7v2");
    assert_eq!((&records[0]["about"]["shared"], &records[0]["about"]["filtered"]), (&json!(2), &json!(1)));
    for (number, id) in [(ANN, "p1"), (BOB, "p2")] {
        let about = about(&records, number).expect("an entry");
        assert_eq!(about["resources"], json!([format!("Patient/{id}")]));
        assert_eq!(about["refusal"], Value::Null);
    }
    let cat = about(&records, CAT).expect("an entry");
    assert_eq!((&cat["refusal"], &cat["resources"]), (&json!(UNSAYABLE), &Value::Null));
    assert_eq!((&cat["visibility"], &cat["withheld"]), (&json!("oversight"), &json!([[UNSAYABLE, 1]])));

    // An older version has one place for it.
    let older = candidates("Q2", "").replace("|P|2.5", "|P|2.4");
    let told = answer(&mut peer, &older).await;
    let msa = line(&told, "MSA").expect("an answer");
    assert!(msa.starts_with("MSA|AA|Q2|1 of the matches cannot be said"), "{told:?}");
    assert_eq!(told.iter().filter(|line| line.starts_with("PID|")).count(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_who_is_found_can_be_said_the_query_fails_and_says_what_to_do() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    let told = answer(&mut peer, &demographics("Q1", CAT)).await;
    let expected = "MSA|AE|Q1|HL7 v2 cannot say what is to be shared as it is held: ask by FHIR";
    assert_eq!(line(&told, "MSA"), Some(expected));
    assert_eq!(recorded(&site, "Q1")[0]["exchange"]["reason"], UNSAYABLE);
    assert!(recorded(&site, "Q1").iter().all(|record| record["exchange"]["event"] != "disclosed"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_seen_makes_no_warning() {
    let (site, running, mut peer) = asking("withheld", LISTENER, holding(&held(&people()))).await;
    denies(&site, CAT).await;
    let told = answer(&mut peer, &candidates("Q1", "")).await;
    assert!(!told.concat().contains("cannot be said"), "{told:?}");
    assert_eq!(about(&recorded(&site, "Q1"), CAT).expect("an entry")["refusal"], "consent-denied");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_identifier_of_the_kind_that_is_asked_for_is_not_recorded_as_told() {
    let mut local = patient("p2", "L-2");
    local["identifier"] = json!([{"system": "https://hospital.example.nhs.uk/mrn", "value": "L2"}]);
    let (site, running, mut peer) =
        asking("open", LISTENER, holding(&held(&[patient("p1", ANN), local]))).await;
    let query = candidates("Q1", "").replace("19500101", "19500101|||||^^^NHS");
    let told = answer(&mut peer, &query).await;
    assert_eq!(told.iter().filter(|line| line.starts_with("PID|")).count(), 1, "{told:?}");
    let records = recorded(&site, "Q1");
    assert_eq!(records[0]["about"]["shared"], 1);
    assert!(!json!(records).to_string().contains("Patient/p2"), "{records:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_message_says_that_it_went_in_hl7_v2() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(None, |_, _| Says::Ack("AA", "")).await;
    file(folder.path(), "care.toml", "version = \"2.4\"\n[receiver]\napplication = \"CARE\"\n");
    let more = format!(
        "[[system]]\nname = \"care\"\norganisation = \"ods:E10000099\"\nprotocol = \"hl7v2\"\nbase = \"mllp://{}\"\nprofile = \"care.toml\"\n",
        receiver.address
    );
    let both = (r#"systems = ["council"]"#, r#"systems = ["council", "care"]"#);
    let gateway = Gateway::start_with(folder.path(), created, both, &more).await;
    let told = gateway.post("/hl7v2/care", "dns:adt.hospital.example", "text/plain", LETTER).await;
    assert!(told.contains("MSA|AA|NHT0002"), "{told}");
    let is_over = |records: &[Record]| records.iter().any(|record| record.exchange.event == Event::Outcome);
    let records = gateway.recorded_when(is_over).await;
    let mut intents = records.iter().filter(|record| record.exchange.event == Event::Intent);
    assert!(intents.all(|record| record.exchange.words == Words::Hl7v2), "{records:?}");
    gateway.stop().await;
}

//! Queries for persons over MLLP: the whole exchange of a search, from real sockets to a hospital's FHIR server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::support::Peer;
use super::whole::Gateway;
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::sharing::{BOB, agreement, denies, site_after};
use crate::support::upstream::{Play, Seen};
use crate::support::whole::Whole;

const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
birthDate = "doses differ by age"
"#;

pub(super) const LISTENER: &str = r#"
[[mllp]]
address = "127.0.0.1:0"
from = "ods:RX1"
to = []
purpose = "TREAT"
peers = ["127.0.0.1/32"]
plaintext = "accepted-risk"
queries = { system = "hospital", role = "R0050" }
"#;

pub(super) fn people() -> Vec<Value> {
    let mut ann = patient("p1", ANN);
    ann["telecom"] = json!([{"value": "secret-phone"}]);
    vec![ann, patient("p2", BOB)]
}

pub(super) async fn asking(
    existence: &str,
    listener: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running, Peer) {
    let (site, running) =
        site_after(&agreement(existence, TABLES), script, |site| site.also_set(listener)).await;
    let peer = Peer::connect(address(&running)).await;
    (site, running, peer)
}

pub(super) fn address(running: &Running) -> SocketAddr {
    running.addresses().mllp[0]
}

pub(super) fn header(kind: &str, id: &str) -> String {
    format!("MSH|^~\\&|WARD|RX1|PORTCULLIS|RX1|20260304120000||{kind}|{id}|P|2.5\r")
}

/// Who is known by this number?
pub(super) fn demographics(id: &str, number: &str) -> String {
    format!("{}QPD|Q21^Demographics^HL7|T1|{number}^^^NHS^NH\r", header("QBP^Q21^QBP_Q21", id))
}

/// Who may be meant?
pub(super) fn candidates(id: &str, more: &str) -> String {
    let head = header("QBP^Q22^QBP_Q21", id);
    format!("{head}QPD|Q22^Find^HL7|T1|@PID.5.1^Example~@PID.7^19500101\r{more}")
}

pub(super) async fn answer(peer: &mut Peer, query: &str) -> Vec<String> {
    peer.send(query).await;
    let answer = peer.answer().await.expect("an answer");
    answer.split('\r').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

pub(super) fn line<'a>(answer: &'a [String], name: &str) -> Option<&'a str> {
    answer.iter().map(String::as_str).find(|line| line.split('|').next() == Some(name))
}

/// The entry of the exchange that this query was, and those of the persons in it.
pub(super) fn recorded(site: &Whole, id: &str) -> Vec<Value> {
    let all = site.records().into_iter();
    all.filter(|record| record["exchange"]["follows"] == id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_answered_by_what_a_search_shares_and_stands_in_the_trail() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    let told = answer(&mut peer, &demographics("Q1", ANN)).await;
    assert!(
        told[0].contains("|RSP^K21^RSP_K21|") && told[0].contains("|PORTCULLIS|RX1|WARD|RX1|"),
        "{told:?}"
    );
    assert_eq!(line(&told, "MSA"), Some("MSA|AA|Q1"));
    assert_eq!(line(&told, "QAK"), Some("QAK|T1|OK|Q21^Demographics^HL7"));
    let person = line(&told, "PID").expect("a person");
    assert!(person.contains("9990000018^^^NHS^NH") && person.contains("|Example|"), "{person}");
    assert!(!told.concat().contains("secret"), "{told:?}");
    // The older kind, on the same connection.
    let older = format!("{}QRD|2026|R|I|T2|||5^RD|{ANN}^^^^^^^^NHS|DEM\r", header("QRY^A19", "Q2"));
    let told = answer(&mut peer, &older).await;
    assert!(told[0].contains("|ADR^A19") && line(&told, "PID").is_some_and(|person| person.contains(ANN)));

    let records = recorded(&site, "Q1");
    let exchange = &records[0]["exchange"];
    assert_eq!(exchange["event"], "disclosed");
    assert_eq!(exchange["interaction"], "search-type");
    assert_eq!(exchange["place"], "hospital");
    assert_eq!(exchange["requestor"]["organisation"], "RX1");
    assert!(exchange["requestor"]["name"].as_str().unwrap().starts_with("mllp:"));
    let about = records.iter().find(|record| record["about"]["nhs_number"] == ANN).expect("a person");
    assert_eq!(about["about"]["visibility"], "trail");
    assert_eq!(about["about"]["resources"], json!(["Patient/p1"]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_withheld_is_answered_as_who_is_not_there() {
    let (site, running, mut peer) = asking("withheld", LISTENER, holding(&held(&people()))).await;
    denies(&site, BOB).await;
    let absent = "9990000042";
    let mut told = Vec::new();
    for (id, number) in [("FIRST", BOB), ("OTHER", absent)] {
        let answer = answer(&mut peer, &demographics(id, number)).await.join("\n");
        assert!(answer.contains("QAK|T1|NF|"), "{answer}");
        // That nobody is found is no evidence that nobody is there.
        assert!(answer.contains("ERR|||0^^HL70357|I||||"), "{answer}");
        // All but what was asked, and the time and name of the answer itself.
        let fields: Vec<&str> = answer.split('|').collect();
        let (own_time, own_name) = (fields[6].to_owned(), fields[9].to_owned());
        told.push(
            answer
                .replace(&own_time, "TIME")
                .replace(&own_name, "NAME")
                .replace(number, "NUMBER")
                .replace(id, "ID"),
        );
    }
    assert_eq!(told[0], told[1]);
    let refused = recorded(&site, "FIRST");
    let about = refused.iter().find(|record| record["about"]["nhs_number"] == BOB).expect("her entry");
    assert_eq!(about["about"]["refusal"], "consent-denied");
    // A broad query leaves her out, and goes on.
    let both = answer(&mut peer, &candidates("Q3", "")).await.concat();
    assert!(both.contains(ANN) && !both.contains(BOB), "{both}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_found_by_a_number_of_hers_that_is_of_another_kind() {
    let mut all = people();
    // Ten digits that are no NHS number, and a number of hers at a clinic.
    all[0]["identifier"].as_array_mut().unwrap().push(json!({"system": "urn:clinic", "value": "9990000017"}));
    let (_site, running, mut peer) = asking("open", LISTENER, holding(&held(&all))).await;
    let told = answer(&mut peer, &demographics("Q1", "9990000017")).await;
    assert!(line(&told, "QAK").is_some_and(|line| line.contains("|NF|")), "{told:?}");
    assert_eq!(line(&told, "PID"), None);
    let unnamed = demographics("Q2", ANN).replace("^^^NHS^NH", "^^^&1.2.3");
    let told = answer(&mut peer, &unnamed).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AE|Q2|QPD-3 asks")), "{told:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_existence_is_open_a_refusal_names_its_reason() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    denies(&site, BOB).await;
    let told = answer(&mut peer, &demographics("Q1", BOB)).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AE|Q1|")), "{told:?}");
    assert!(line(&told, "ERR").is_some(), "{told:?}");
    assert!(line(&told, "PID").is_none(), "{told:?}");
    assert_eq!(recorded(&site, "Q1")[0]["exchange"]["reason"], "consent-denied");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_allows_is_rejected_by_name_before_anybody_is_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let serve = holding(&held(&people()));
    let script = move |seen: &Seen| {
        counted.fetch_add(1, Ordering::SeqCst);
        serve(seen)
    };
    let nurse = LISTENER.replace("R0050", "R8001");
    let (site, running, mut peer) = asking("open", &nurse, script).await;
    let warned: Vec<String> = running.warnings().iter().map(|problem| problem.text.clone()).collect();
    assert!(warned.iter().any(|text| text.starts_with("every query of ods:RX1 to `hospital`")), "{warned:?}");
    let told = answer(&mut peer, &demographics("Q1", ANN)).await;
    let expected = "MSA|AR|Q1|the sharing agreement does not cover this role or system";
    assert_eq!(line(&told, "MSA"), Some(expected));
    assert_eq!(recorded(&site, "Q1")[0]["exchange"]["reason"], "role-not-covered");

    for (id, query, code, reason) in [
        ("Q2", candidates("Q2", "RCP|D\r"), "MSA|AE|Q2|RCP-1 asks for something", "query-not-served"),
        ("Q3", demographics("Q3", ""), "MSA|AE|Q3|", "names-no-person"),
        (
            "Q4",
            demographics("Q4", ANN).replace("|P|2.5", "|T|2.5"),
            "MSA|AR|Q4|only production",
            "not-a-production-message",
        ),
        ("Q5", header("QBP^Q22^QBP_Q21", "Q5"), "MSA|A", "not-a-message"),
    ] {
        let told = answer(&mut peer, &query).await;
        assert!(line(&told, "MSA").is_some_and(|line| line.starts_with(code)), "{told:?}");
        assert_eq!(recorded(&site, id)[0]["exchange"]["reason"], reason, "{id}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_goes_on_with_its_pointer_and_with_no_other_query() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    let first = answer(&mut peer, &candidates("Q1", "RCP|I|1^RD\r")).await;
    let pointer = line(&first, "DSC").expect("more").split('|').nth(1).unwrap().to_owned();
    let people = |answer: &[String]| {
        answer.iter().filter(|line| line.starts_with("PID|")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(people(&first).len(), 1);
    let second = answer(&mut peer, &candidates("Q2", &format!("RCP|I|1^RD\rDSC|{pointer}|I\r"))).await;
    assert_eq!(people(&second).len(), 1, "{second:?}");
    assert_ne!(people(&first)[0].contains(ANN), people(&second)[0].contains(ANN));
    assert_eq!(line(&second, "DSC"), None);
    // What was given for one query goes on with no other.
    let other = demographics("Q3", ANN) + &format!("DSC|{pointer}|I\r");
    let told = answer(&mut peer, &other).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AE|Q3|")), "{told:?}");
    assert!(line(&told, "ERR").is_some_and(|line| line.starts_with("ERR||DSC^1^1^1|204^")), "{told:?}");
    assert_eq!(recorded(&site, "Q3")[0]["exchange"]["reason"], "bad-cursor");
    // Nor does one that nobody gave.
    let told = answer(&mut peer, &candidates("Q4", "RCP|I|1^RD\rDSC|invented|I\r")).await;
    assert!(line(&told, "ERR").is_some_and(|line| line.starts_with("ERR||DSC^1^1^1|204^")), "{told:?}");
    assert_eq!(recorded(&site, "Q4")[0]["exchange"]["reason"], "bad-cursor");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_refused_where_only_queries_are_answered_and_queries_where_they_are_not() {
    let (site, running, mut peer) = asking("open", LISTENER, holding(&held(&people()))).await;
    let told = answer(&mut peer, &super::support::discharge("M1", "0000018")).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AR|M1|")), "{told:?}");
    assert_eq!(recorded(&site, "M1")[0]["exchange"]["reason"], "nobody-receives");
    running.stop().await;
    let none = LISTENER.replace("to = []", "to = [\"hospital\"]");
    let none: String =
        none.lines().filter(|line| !line.starts_with("queries")).map(|line| format!("{line}\n")).collect();
    let (_site, running, mut peer) = asking("open", &none, holding(&held(&people()))).await;
    let told = answer(&mut peer, &demographics("Q1", ANN)).await;
    assert!(line(&told, "MSA").is_some_and(|line| line.starts_with("MSA|AR|Q1")), "{told:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_recorded_as_not_delivered() {
    let go_on = Arc::new(Notify::new());
    let asked = Arc::new(Notify::new());
    let serve = holding(&held(&people()));
    let (held_back, told) = (Arc::clone(&go_on), Arc::clone(&asked));
    let searches = AtomicUsize::new(0);
    let script = move |seen: &Seen| match (searches.fetch_add(1, Ordering::SeqCst) == 0, serve(seen)) {
        (true, Play::Bytes(bytes)) => {
            told.notify_one();
            Play::Once(Arc::clone(&held_back), bytes)
        }
        (_, play) => play,
    };
    let (site, running, mut peer) = asking("open", LISTENER, script).await;
    peer.send(&demographics("Q1", ANN)).await;
    asked.notified().await;
    // Closed with a reset: what is written to it fails.
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    go_on.notify_one();
    let events =
        || site.records().iter().map(|record| record["exchange"]["event"].clone()).collect::<Vec<_>>();
    let recorded = async {
        while !events().contains(&json!("not-delivered")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), recorded).await.expect("it to be recorded");
    assert!(events().contains(&json!("disclosed")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_read_asks_over_http_and_one_that_only_sends_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("agreements")).unwrap();
    // Inside the council: between organisations a tie of care is needed too.
    let reading = agreement("open", TABLES).replace("ods:RX1", "ods:E10000099");
    std::fs::write(folder.path().join("agreements/reading.toml"), reading).unwrap();
    let client = |san: &str, role: &str| {
        format!(
            "[[client]]\nsan = \"{san}\"\norganisation = \"ods:E10000099\"\nrole = \"{role}\"\npurposes = [\"TREAT\"]\n"
        )
    };
    let more = client("dns:ward.example", "R0050") + &client("dns:sends.example", "system");
    let mut ann = patient("p1", ANN);
    ann["identifier"][0]["extension"] = json!([{
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{
            "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
            "code": "number-present-and-verified"}]}}]);
    let serve = holding(&held(&[ann]));
    let gateway = Gateway::start_with(folder.path(), move |seen, _| serve(seen), ("", ""), &more).await;
    let ask = async |san: &str| {
        gateway.post("/hl7v2/council", san, "x-application/hl7-v2+er7", &demographics("Q1", ANN)).await
    };
    let told = ask("dns:ward.example").await;
    assert!(
        told.contains("status: 200") && told.contains("QAK|T1|OK") && told.contains("|Example|"),
        "{told}"
    );
    assert!(told.contains("receipt: Some("), "{told}");
    let told = ask("dns:sends.example").await;
    assert!(told.contains("status: 422") && told.contains("MSA|AR|Q1|"), "{told}");
    let reasons: Vec<Option<String>> =
        gateway.recorded().await.into_iter().map(|record| record.exchange.reason).collect();
    assert_eq!(reasons.last(), Some(&Some("role-not-covered".to_owned())), "{reasons:?}");
    gateway.stop().await;
}
